//! Layer 1: the port for scrapers, probes and people: `/metrics`, `/healthz`, `/readyz` and a page.
//!
//! A thread of its own answers: the loop may be busy and the clerk may wait for a disk, and a probe
//! has to hear so in time. What it tells are the loop's vitals. The loop draws them up when a request
//! asks for them, so that an idle server sleeps on; a loop that does not get to it in time is told of
//! by its last ones and their age.
//!
//! Invariant: knows the vitals as text and numbers, never the keyspace, a client or a descriptor of the
//! loop's.

mod history;
mod http;
mod info;
mod names;
mod page;
mod prometheus;
mod serve;

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::base::clock::monotonic_ns;

/// What the loop tells of itself at one moment.
#[derive(Debug, Default)]
pub struct Vitals {
    /// INFO with all its sections.
    pub info: String,
    /// Why clients should be sent elsewhere, if they should.
    pub unready: Option<String>,
    /// Unix time of the start, seconds.
    pub start_unix_s: i64,
    pub databases: u32,
    /// Gauges that INFO lacks, by redis_exporter's names without its prefix.
    pub gauges: Vec<(&'static str, i64)>,
    /// Limits on output by class of client: class, hard and soft bytes, soft seconds.
    pub output_limits: [(&'static str, u64, u64, u32); 3],
    /// The last peak of each event that LATENCY watches: name, Unix time in seconds, milliseconds.
    pub events: Vec<(&'static str, i64, u64)>,
    /// How long the calls of each command took: name, and microseconds with the number of calls that
    /// took no longer.
    pub durations: Vec<(String, Vec<(u64, u64)>)>,
    /// The newest slow commands, newest first.
    pub slow: Vec<SlowCall>,
}

/// A command that was slow.
#[derive(Debug)]
pub struct SlowCall {
    pub id: u64,
    /// Unix time, seconds.
    pub time_s: i64,
    pub duration_us: u64,
    /// Its name, or all of it where keys may be shown.
    pub command: String,
}

/// The loop's end of the port.
pub struct Metrics {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What both ends see.
struct Shared {
    /// The last vitals, and the clock's reading when they were true.
    vitals: Mutex<(u64, Arc<Vitals>)>,
    /// Readable for the loop when it is asked for new ones.
    asked: OwnedFd,
    /// Readable for the thread when they are there, or when it is to end.
    told: OwnedFd,
    ending: AtomicBool,
}

impl Metrics {
    /// Answers on sockets that listen, from now on.
    ///
    /// # Errors
    /// There are no descriptors or threads left.
    pub fn start(sockets: impl Iterator<Item = OwnedFd>) -> io::Result<Metrics> {
        let listeners: Vec<TcpListener> = sockets.map(TcpListener::from).collect();
        listeners.iter().try_for_each(|listener| listener.set_nonblocking(true))?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let shared = Arc::new(Shared {
            vitals: Mutex::default(),
            asked: eventfd(0, flags)?,
            told: eventfd(0, flags)?,
            ending: AtomicBool::new(false),
        });
        let port = serve::Port::new(listeners, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("metrics".into()).spawn(|| port.run())?;
        Ok(Metrics { shared, thread: Some(thread) })
    }

    /// Whether vitals are asked for that were not published yet. Never blocks.
    pub fn is_asked(&self) -> bool {
        take(&self.shared.asked)
    }

    /// Tells the thread how things are.
    pub fn publish(&self, vitals: Vitals) {
        let vitals = (monotonic_ns(), Arc::new(vitals));
        *self.shared.vitals.lock().unwrap_or_else(PoisonError::into_inner) = vitals;
        signal(&self.shared.told);
    }
}

impl AsRawFd for Metrics {
    fn as_raw_fd(&self) -> RawFd {
        self.shared.asked.as_raw_fd()
    }
}

impl Drop for Metrics {
    /// Closes the port and ends the thread.
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        signal(&self.shared.told);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the port does not panic");
        }
    }
}

impl Shared {
    fn vitals(&self) -> (u64, Arc<Vitals>) {
        self.vitals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Makes an eventfd readable.
fn signal(event: &OwnedFd) {
    // Fails only when its counter is full, and then it is readable.
    let _ = rustix::io::write(event, &1u64.to_ne_bytes());
}

/// Whether an eventfd was readable; it no longer is.
fn take(event: &OwnedFd) -> bool {
    rustix::io::read(event, &mut [0; 8]).is_ok()
}
