//! The process: how it is started and configured, what limits it, and how it ends.

mod container;
mod healthcheck;
mod limit;
mod log;
mod metrics;
mod rewrite;
mod start;
mod stop;
