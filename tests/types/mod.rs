//! What holds for values of every type, whatever command comes upon them.

mod encodings;
mod scans;
mod wrong_type;
