//! Layer 5: what clients can ask for.
