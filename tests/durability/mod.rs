//! What survives the process: the append log, its damage, and its exchange with redis-server.

mod log;
