//! Layer 2: value types.
