//! Layer 4: the table of parameters.
