//! One module per group of commands.

mod bitmap;
mod debug;
mod introspect;
mod server;
mod string;
