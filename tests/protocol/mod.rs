//! The connection itself: requests in every shape, errors word for word, many clients at once.

mod client_memory;
mod connections;
mod errors;
mod limits;
mod output;
mod requests;
mod resp3;
