//! Layer 3: the only door to data.
