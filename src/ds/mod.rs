//! Layer 1: containers without Redis semantics.
