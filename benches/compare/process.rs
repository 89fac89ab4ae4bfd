//! What the kernel knows about a process: run time, wake-ups, resident memory.
//!
//! Invariant: reads `/proc` only; the process measured does not notice.

use std::fs;
use std::io;

/// Processor time of all live threads, in nanoseconds, from the scheduler's own account:
/// `utime` and `stime` count in ticks of 10 ms, too coarse for a short period. Work the kernel
/// does in worker threads of the process (io_uring's) is in it.
///
/// The account of a thread on the processor is up to one tick behind, so read it while the server
/// has nothing to do.
pub fn cpu_time_ns(pid: u32) -> io::Result<u64> {
    sum_over_threads(pid, "schedstat", |text| text.split_whitespace().next()?.parse().ok())
}

/// How often the threads of the process have gone to sleep of their own accord, which is how
/// often they were woken.
pub fn wake_ups(pid: u32) -> io::Result<u64> {
    sum_over_threads(pid, "status", |text| field(text, "voluntary_ctxt_switches:"))
}

/// Resident memory in bytes. `smaps_rollup` walks the page tables and is exact, where the counter
/// in `status` may lag by some hundred pages.
pub fn rss_bytes(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib = field(&text, "Rss:").ok_or_else(|| io::Error::other("no Rss in smaps_rollup"))?;
    Ok(kib * 1024)
}

/// Memory of a process and its children in bytes, what they share counted once.
pub fn family_bytes(pid: u32) -> io::Result<u64> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    let mut sum = 0;
    for pid in [pid].into_iter().chain(children) {
        // A child may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        sum += field(&text, "Pss:").unwrap_or(0) * 1024;
    }
    Ok(sum)
}

fn sum_over_threads(pid: u32, file: &str, figure: impl Fn(&str) -> Option<u64>) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A worker thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(thread?.path().join(file)) else { continue };
        sum += figure(&text).ok_or_else(|| io::Error::other(format!("unreadable {file}")))?;
    }
    Ok(sum)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
