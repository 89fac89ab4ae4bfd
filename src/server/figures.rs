//! The driver's figures under the names that INFO gives them.

use crate::io::Figures;

/// Name and value of each figure.
pub fn named(figures: Figures) -> Vec<(&'static str, u64)> {
    vec![
        ("io_waits", figures.enters),
        ("io_gathered_waits", figures.gathered_waits),
        ("io_completions", figures.completions),
        ("io_accepts", figures.accepts),
        ("io_accept_backoffs", figures.accept_backoffs),
        ("io_receives", figures.receives),
        ("io_sends", figures.sends),
        ("io_short_sends", figures.short_sends),
        ("io_cancels", figures.cancels),
        ("io_cq_overflows", figures.cq_overflows),
        ("io_buffer_shortages", figures.buffer_shortages),
        ("io_buffers", figures.buffers_total),
        ("io_buffers_lent", figures.buffers_lent),
    ]
}
