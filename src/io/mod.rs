//! Layer 1: completion-based I/O.
