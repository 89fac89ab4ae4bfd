//! One module per group of commands.

mod bitmap;
mod introspect;
mod string;
