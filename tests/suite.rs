//! Root of the one integration binary; a module per area.
