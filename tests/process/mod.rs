//! The process: how it is started and configured, and how it ends.

mod start;
mod stop;
