//! Layer 4: the state of one connection.
