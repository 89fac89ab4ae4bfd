//! Layer 1: bytes to protocol and back.
