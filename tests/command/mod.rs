//! One module per group of commands.

mod introspect;
