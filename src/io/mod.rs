//! Layer 1: completion-based I/O. Operations go in, completions come out, one turn at a time.
//!
//! Two drivers stand behind one closed pair of enums, [`Op`] and [`Completion`]: the ring
//! (`io_uring`, kernel 6.1 or newer) and epoll for hosts and containers that deny it. Both behave
//! alike to the observer; the tests at the bottom run against each. What is in flight belongs to the
//! driver: buffers and descriptors move in with an operation and come back with its completion.
//!
//! Invariant: knows descriptors, bytes and operations; not clients, not RESP, not Redis.

pub mod errno;
pub mod net;

mod epoll;
mod flusher;
mod gather;
mod op;
mod pages;
mod probe;
mod ring;
mod staged;
mod uring;
mod uring_bufs;

#[cfg(test)]
mod tests;

pub use errno::{IoError, IoErrorKind};

use {
    crate::base::{clock::monotonic_ns, fault},
    epoll::Epoll,
    staged::Staged,
    std::{
        fmt,
        fs::File,
        os::fd::{BorrowedFd, OwnedFd, RawFd},
        sync::Arc,
        time::Duration,
    },
    uring::Uring,
};

/// A connection: slot in the driver's table and the generation of that slot (24 bits used), so a
/// stale id never aliases.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnId {
    /// Index in the driver's table; small and reused.
    pub slot: u32,
    /// How often the slot was used before, modulo 2^24.
    pub generation: u32,
}

/// A listening socket of the driver.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ListenerId(pub u16);

/// A foreign descriptor under watch; the number is the caller's choice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WatchId(pub u16);

/// Bytes received and still in a buffer of the driver; give it back with [`Driver::release`] in the
/// same turn, or other connections starve.
#[derive(Debug)]
#[must_use = "a lease that is not released takes a receive buffer out of service"]
pub struct Lease {
    buffer: u16,
    len: u32,
}

impl Lease {
    /// Bytes received, at least 1.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len as usize
    }
}

/// What the server asks of the driver. Queued; goes out with the next [`Driver::wait`].
///
/// Ids of closed connections are ignored, except that a `Send` still hands its buffer back.
#[derive(Debug)]
pub enum Op {
    /// (Re)starts receiving; completions are `Received` until paused, ended or closed.
    Receive {
        /// Where from.
        conn: ConnId,
    },
    /// Back-pressure: stops receiving. Bytes already under way may still appear.
    PauseReceive {
        /// Where from.
        conn: ConnId,
    },
    /// Sends the whole buffer; short sends are resumed by the driver. At most one is in flight per
    /// connection (asserted). The buffer comes back in `Sent`, cleared, with its capacity.
    Send {
        /// Where to.
        conn: ConnId,
        /// What to send.
        buf: Vec<u8>,
    },
    /// Cancels what is in flight, waits for the last completion, closes the descriptor, then
    /// `Closed`. The only way a connection ends; never issued twice. Nothing is received after it;
    /// a send in flight comes back as `Sent` before `Closed`, its unsent bytes lost.
    Close {
        /// Which one.
        conn: ConnId,
    },
    /// Level-triggered readability of a foreign descriptor (signalfd, eventfd, inotify): `Ready`
    /// once per turn while it is readable. The descriptor must outlive the driver.
    Watch {
        /// Comes back in `Ready`.
        watch: WatchId,
        /// What to watch; stays the caller's.
        fd: RawFd,
    },
    /// Makes what was written to a file so far survive a power cut (fdatasync), then `Synced`. One at
    /// a time (asserted): whoever writes meanwhile asks again afterwards, for all of it.
    Sync {
        /// Open until the completion, whatever becomes of it elsewhere.
        file: Arc<File>,
    },
}

/// What happened.
#[derive(Debug)]
pub enum Completion {
    /// A client connected. The driver owns its descriptor; nothing is received until `Op::Receive`.
    Accepted {
        /// Where it knocked.
        listener: ListenerId,
        /// Its name from now on.
        conn: ConnId,
    },
    /// Accepting failed; the driver backs off for 100 ms and tries again by itself.
    AcceptFailed {
        /// Where.
        listener: ListenerId,
        /// Why; usually a shortage of descriptors.
        error: IoError,
    },
    /// Bytes arrived.
    Received {
        /// From whom.
        conn: ConnId,
        /// Where they are: see [`Driver::bytes`].
        lease: Lease,
    },
    /// Nothing more will be received; sending stays possible until the close.
    ReceiveEnded {
        /// From whom.
        conn: ConnId,
        /// None is an orderly end of the stream.
        error: Option<IoError>,
    },
    /// A send is over and its buffer back.
    Sent {
        /// To whom.
        conn: ConnId,
        /// The buffer of the `Op::Send`, cleared, with its capacity.
        buf: Vec<u8>,
        /// How many bytes the kernel took; all of them unless `result` is an error.
        bytes: usize,
        /// Whether all of it left.
        result: Result<(), IoError>,
    },
    /// The descriptor is closed and the id is over.
    Closed {
        /// Whose.
        conn: ConnId,
    },
    /// A watched descriptor is readable.
    Ready {
        /// Which one.
        watch: WatchId,
    },
    /// The sync in flight is over. After an error nothing is known of what was written since the
    /// last one that succeeded, and asking again would not tell.
    Synced {
        /// Whether all of it is durable.
        result: Result<(), IoError>,
    },
}

/// The `io-backend` setting.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum BackendChoice {
    /// The ring where the probe finds it, else epoll.
    #[default]
    Auto,
    /// The ring or an error.
    Uring,
    /// epoll.
    Epoll,
}

/// Which driver runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    /// io_uring.
    Uring,
    /// epoll.
    Epoll,
}

impl Backend {
    /// As it appears in the log, INFO and /metrics.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Uring => "uring",
            Backend::Epoll => "epoll",
        }
    }
}

/// Sizes of a driver. The defaults keep an empty server small and fit thousands of clients.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Submission queue entries of the ring, a power of two.
    pub sq_entries: u32,
    /// Completion queue entries, a power of two; four times the submission queue keeps bursts of
    /// multishot operations from overflowing it (U10).
    pub cq_entries: u32,
    /// Receive buffers shared by all connections, a power of two up to 32768.
    pub buffer_count: u16,
    /// Bytes of each receive buffer.
    pub buffer_bytes: u32,
    /// Completions one wait appends at most, apart from those of closes and sends that the driver
    /// could finish by itself.
    pub completions_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sq_entries: 256,
            cq_entries: 1024,
            buffer_count: 128,
            buffer_bytes: 8 * 1024,
            completions_max: 1024,
        }
    }
}

/// Why no driver could be opened.
#[derive(Clone, Debug)]
pub struct OpenError {
    /// The driver that was asked for.
    pub backend: Backend,
    /// One sentence, with the remedy where there is one.
    pub reason: String,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot open the {} driver: {}", self.backend.name(), self.reason)
    }
}

impl std::error::Error for OpenError {}

/// Counters since the driver was opened, and gauges of now, for INFO and /metrics.
#[derive(Clone, Copy, Default, Debug)]
pub struct Figures {
    /// Calls of io_uring_enter or epoll_wait.
    pub enters: u64,
    /// Completions handed out.
    pub completions: u64,
    /// Connections accepted.
    pub accepts: u64,
    /// Times accepting had to back off.
    pub accept_backoffs: u64,
    /// Receives that brought bytes.
    pub receives: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Buffers sent, whole or not.
    pub sends: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Sends the kernel took only part of, and that were resumed.
    pub short_sends: u64,
    /// Cancellations issued.
    pub cancels: u64,
    /// Times the completion queue overflowed; should stay 0.
    pub cq_overflows: u64,
    /// Times a receive found no free buffer.
    pub buffer_shortages: u64,
    /// Waits that gathered: asked for several completions, or looked twice.
    pub gathered_waits: u64,
    /// Gauge: buffers with the server now.
    pub buffers_lent: u64,
    /// Gauge: buffers there are.
    pub buffers_total: u64,
}

/// The driver in use. Open it on the thread that runs it: the ring serves no other.
#[derive(Debug)]
pub struct Driver {
    inner: Inner,
    reason: String,
    /// The sync in flight, if a test has staged its end.
    staged: Option<Staged>,
}

#[derive(Debug)]
enum Inner {
    Uring(Box<Uring>),
    Epoll(Box<Epoll>),
}

macro_rules! each {
    ($driver:expr, $inner:ident => $call:expr) => {
        match $driver {
            Inner::Uring($inner) => $call,
            Inner::Epoll($inner) => $call,
        }
    };
}

impl Driver {
    /// Opens the driver of choice. `Auto` tries the ring with a self-test and falls back to epoll
    /// with the reason kept.
    ///
    /// # Errors
    /// The driver asked for does not work here, or there are no descriptors or memory left.
    pub fn open(choice: BackendChoice, settings: &Settings) -> Result<Driver, OpenError> {
        match choice {
            BackendChoice::Epoll => Self::open_epoll(settings, "asked for".to_owned()),
            BackendChoice::Uring => Self::open_uring(settings, "asked for".to_owned()),
            BackendChoice::Auto => Self::open_uring(settings, "the self-test passed".to_owned())
                .or_else(|error| Self::open_epoll(settings, error.reason)),
        }
    }

    fn open_uring(settings: &Settings, reason: String) -> Result<Driver, OpenError> {
        let opened = probe::run().and_then(|()| {
            Uring::open(settings).map_err(|error| probe::Refusal::new("setting up the ring", error))
        });
        match opened {
            Ok(uring) => Ok(Driver { inner: Inner::Uring(Box::new(uring)), reason, staged: None }),
            Err(refusal) => Err(OpenError { backend: Backend::Uring, reason: refusal.to_string() }),
        }
    }

    fn open_epoll(settings: &Settings, reason: String) -> Result<Driver, OpenError> {
        match Epoll::open(settings) {
            Ok(epoll) => Ok(Driver { inner: Inner::Epoll(Box::new(epoll)), reason, staged: None }),
            Err(error) => Err(OpenError { backend: Backend::Epoll, reason: error.to_string() }),
        }
    }

    /// Which driver this is.
    pub fn backend(&self) -> Backend {
        match self.inner {
            Inner::Uring(_) => Backend::Uring,
            Inner::Epoll(_) => Backend::Epoll,
        }
    }

    /// Why this driver: a phrase for the log and INFO.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Starts accepting on a listening socket and takes it over.
    pub fn listen(&mut self, socket: OwnedFd) -> ListenerId {
        each!(&mut self.inner, inner => inner.listen(socket))
    }

    /// Stops accepting and closes the socket. Connections accepted before stay.
    pub fn stop_listening(&mut self, listener: ListenerId) {
        each!(&mut self.inner, inner => inner.stop_listening(listener))
    }

    /// Takes over a connected stream socket from elsewhere (an outgoing connection), as if accepted.
    pub fn adopt(&mut self, socket: OwnedFd) -> ConnId {
        each!(&mut self.inner, inner => inner.adopt(socket))
    }

    /// Queues an operation; it goes out with the next [`Driver::wait`] at the latest.
    pub fn submit(&mut self, op: Op) {
        if fault::is_on()
            && let Op::Sync { file } = &op
        {
            self.staged = Some(Staged::begin(file));
        }
        each!(&mut self.inner, inner => inner.submit(op))
    }

    /// One turn: submits everything queued, waits for the next completions or until `timeout` passed
    /// (None is for ever, zero does not wait), and appends them to `out`. Under load it gathers: waits
    /// up to 50 us for several. Interruptions and shortages are handled inside; an errno that cannot
    /// be panics with a report.
    pub fn wait(&mut self, timeout: Option<Duration>, out: &mut Vec<Completion>) {
        match &mut self.staged {
            Some(staged) if cfg!(debug_assertions) => {
                let timeout = staged.limit(timeout);
                each!(&mut self.inner, inner => inner.wait(timeout, out));
                if staged.stage(out) {
                    self.staged = None;
                }
            }
            _ => each!(&mut self.inner, inner => inner.wait(timeout, out)),
        }
    }

    /// The bytes of a lease.
    pub fn bytes(&self, lease: &Lease) -> &[u8] {
        each!(&self.inner, inner => inner.bytes(lease))
    }

    /// Gives a receive buffer back.
    pub fn release(&mut self, lease: Lease) {
        each!(&mut self.inner, inner => inner.release(lease))
    }

    /// The descriptor of a connection, for its addresses and socket options; None once closed.
    pub fn fd(&self, conn: ConnId) -> Option<BorrowedFd<'_>> {
        each!(&self.inner, inner => inner.fd(conn))
    }

    /// Bytes of the send in flight that are not known to have left; 0 without one.
    pub fn unsent(&self, conn: ConnId) -> usize {
        each!(&self.inner, inner => inner.unsent(conn))
    }

    /// Connections accepted or adopted whose descriptor is open.
    pub fn connections(&self) -> usize {
        each!(&self.inner, inner => inner.connections())
    }

    /// Operations in flight: accepts, receives, sends, watches and cancellations.
    pub fn in_flight(&self) -> usize {
        each!(&self.inner, inner => inner.in_flight())
    }

    /// Counters and gauges.
    pub fn figures(&self) -> Figures {
        each!(&self.inner, inner => inner.figures())
    }

    /// At exit: cancels everything, waits for the kernel up to `deadline` and closes. What is still
    /// in flight then is leaked rather than freed under the kernel's hands (U22).
    pub fn shutdown(&mut self, deadline: Duration) {
        each!(&mut self.inner, inner => inner.shutdown(deadline))
    }
}

/// How long accepting pauses after a failure; without a pause it would spin (U11).
const ACCEPT_BACKOFF_US: u64 = 100_000;

/// Monotonic microseconds.
fn now_us() -> u64 {
    monotonic_ns() / 1000
}

/// When a wait that began at `now_us` ends; None is never.
fn deadline_us(now_us: u64, timeout: Option<Duration>) -> Option<u64> {
    let micros = timeout?.as_nanos().div_ceil(1000);
    Some(now_us.saturating_add(u64::try_from(micros).unwrap_or(u64::MAX)))
}

/// The listener at an index of a driver's table; a host runs out of ports long before 65536.
fn listener_id(index: usize) -> ListenerId {
    ListenerId(u16::try_from(index).expect("fewer than 65536 listeners"))
}
