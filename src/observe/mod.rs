//! Layer 4: counters and logs an operator reads.
