//! Layer 6: the composition root.
pub mod startup;
