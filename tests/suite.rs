//! Root of the one integration binary; a module per area.
//!
//! `SIDERING_BIN` names another binary to test, `SIDERING_BACKENDS` the I/O drivers to test it
//! with (`uring,epoll`; `none` passes no `--io-backend`, which lets redis-server stand in).

mod command;
mod differential;
mod durability;
mod fuzz;
mod overload;
mod process;
mod protocol;
mod stream;
mod support;
mod tidy;
mod types;
