//! The thread: accepts, reads requests, asks the loop for its vitals, answers.
//!
//! Everything a stranger can take is bounded: connections, bytes of a request, the time from being
//! accepted to being closed. Whoever is one too many takes the place of the one that has taken longest
//! over its request, so that silent connections keep no scraper out.
//!
//! Invariant: no answer waits for the loop longer than [`PATIENCE_NS`].

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::history::History;
use super::http::{self, Content, Page, REQUEST_BYTES_MAX, Request, Status};
use super::prometheus::{self, Standing};
use super::{Shared, Vitals, page, signal, take};
use crate::base::clock::{monotonic_ns, unix_us_now};

/// Few: each takes one of the descriptors that are set aside for other things than clients.
const CONNECTIONS_MAX: usize = 16;
const SECOND_NS: u64 = 1_000_000_000;
/// From being accepted to being closed.
const CONNECTION_NS: u64 = 5 * SECOND_NS;
/// How long an answer waits for the loop; probes give up after a second.
const PATIENCE_NS: u64 = SECOND_NS / 2;
/// After so long without an answer of the loop the server counts as down, as for redis_exporter.
const GIVE_UP_NS: u64 = 15 * SECOND_NS;
/// Between two samples for the history: the only wake-ups that nobody asked for.
const SAMPLE_NS: u64 = 10 * SECOND_NS;
/// Without descriptors nobody is accepted for so long.
const BACKOFF_NS: u64 = SECOND_NS / 10;

/// The state of the thread.
pub(super) struct Port {
    listeners: Vec<TcpListener>,
    shared: Arc<Shared>,
    /// Oldest first.
    connections: VecDeque<Connection>,
    /// The last vitals, and the clock's reading when they were true.
    taken_ns: u64,
    vitals: Arc<Vitals>,
    /// Since when the loop owes vitals; the clock's reading.
    asked_ns: Option<u64>,
    history: History,
    next_sample_ns: u64,
    accept_after_ns: u64,
}

struct Connection {
    stream: TcpStream,
    stage: Stage,
    /// What it sent, then what it is to be sent.
    bytes: Vec<u8>,
    end_ns: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Reading,
    /// For the loop, until the clock reads this.
    Waiting(Request, u64),
    /// From this byte on.
    Writing(usize),
    Done,
}

impl Port {
    pub fn new(listeners: Vec<TcpListener>, shared: Arc<Shared>) -> Port {
        Port {
            listeners,
            shared,
            connections: VecDeque::new(),
            taken_ns: 0,
            vitals: Arc::default(),
            asked_ns: None,
            history: History::default(),
            next_sample_ns: monotonic_ns(),
            accept_after_ns: 0,
        }
    }

    /// Serves until the other end is dropped.
    pub fn run(mut self) {
        while !self.shared.ending.load(Ordering::Relaxed) {
            self.turn();
        }
    }

    fn turn(&mut self) {
        let (told, accepting, ready) = self.wait();
        let now_ns = monotonic_ns();
        if told {
            self.hear(now_ns);
        }
        if now_ns >= self.next_sample_ns {
            self.ask(now_ns);
        }
        for index in ready {
            self.connections[index].go_on();
        }
        self.read_requests(now_ns);
        self.answer_due(now_ns);
        self.connections.retain(|one| one.stage != Stage::Done && now_ns < one.end_ns);
        accepting.into_iter().for_each(|listener| self.accept(listener, now_ns));
    }

    /// Sleeps until something is to be done: whether the loop told something, and which listeners and
    /// connections are ready.
    fn wait(&self) -> (bool, Vec<usize>, Vec<usize>) {
        let now_ns = monotonic_ns();
        let accepts = now_ns >= self.accept_after_ns;
        let mut fds = vec![PollFd::new(&self.shared.told, PollFlags::IN)];
        if accepts {
            fds.extend(self.listeners.iter().map(|one| PollFd::new(one, PollFlags::IN)));
        }
        let first_connection = fds.len();
        fds.extend(self.connections.iter().map(|one| PollFd::new(&one.stream, one.waits_for())));
        let wait_ns = self.next_deadline_ns(accepts).saturating_sub(now_ns);
        let timeout = Timespec {
            tv_sec: (wait_ns / SECOND_NS) as i64,
            tv_nsec: (wait_ns % SECOND_NS) as i64,
        };
        if poll(&mut fds, Some(&timeout)).is_err() {
            // Interrupted: nothing is known to be ready.
            return (false, Vec::new(), Vec::new());
        }
        let is_ready = |fds: &[PollFd]| {
            let ready = fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty());
            ready.map(|(index, _)| index).collect::<Vec<_>>()
        };
        let told = !fds[0].revents().is_empty();
        (told, is_ready(&fds[1..first_connection]), is_ready(&fds[first_connection..]))
    }

    fn next_deadline_ns(&self, accepts: bool) -> u64 {
        let own = |one: &Connection| match one.stage {
            Stage::Waiting(_, until_ns) => until_ns.min(one.end_ns),
            _ => one.end_ns,
        };
        // A loop that owes vitals is not asked again, so a sample that is due sets no time.
        let sample = self.asked_ns.is_none().then_some(self.next_sample_ns);
        let accept = (!accepts).then_some(self.accept_after_ns);
        let deadlines = self.connections.iter().map(own).chain(sample).chain(accept);
        deadlines.min().unwrap_or(u64::MAX / 2)
    }

    /// Asks the loop for its vitals, unless it owes them.
    fn ask(&mut self, now_ns: u64) {
        if self.asked_ns.is_none() {
            self.asked_ns = Some(now_ns);
            signal(&self.shared.asked);
        }
    }

    /// Takes the vitals that the loop has published, and lets whoever waited have them.
    fn hear(&mut self, now_ns: u64) {
        take(&self.shared.told);
        (self.taken_ns, self.vitals) = self.shared.vitals();
        self.asked_ns = None;
        if now_ns >= self.next_sample_ns {
            self.history.note(&self.vitals, unix_us_now() / 1_000_000);
            self.next_sample_ns = now_ns + SAMPLE_NS;
        }
        for one in &mut self.connections {
            if let Stage::Waiting(_, until_ns) = &mut one.stage {
                *until_ns = now_ns;
            }
        }
    }

    /// Turns whole requests into waits for the loop, or into an answer where that knows nothing.
    fn read_requests(&mut self, now_ns: u64) {
        // Whoever comes while the loop owes an answer waits only as long as the first one does.
        let until_ns = self.asked_ns.unwrap_or(now_ns) + PATIENCE_NS;
        let mut asks = false;
        for one in &mut self.connections {
            let parsed = (one.stage == Stage::Reading).then(|| http::parse(&one.bytes)).flatten();
            match parsed {
                Some(Ok(request)) => {
                    let waits = matches!(request.page, Page::Metrics | Page::Ready | Page::Data);
                    asks |= waits;
                    one.stage = Stage::Waiting(request, if waits { until_ns } else { now_ns });
                }
                Some(Err(status)) => {
                    one.reply(http::answer(status, Content::Text, status.text(), false));
                }
                None => {}
            }
        }
        if asks {
            self.ask(now_ns);
        }
    }

    /// Answers everybody whose wait is over.
    fn answer_due(&mut self, now_ns: u64) {
        for index in 0..self.connections.len() {
            if let Stage::Waiting(request, until_ns) = self.connections[index].stage
                && now_ns >= until_ns
            {
                let answer = self.answer(request, now_ns);
                self.connections[index].reply(answer);
            }
        }
    }

    fn answer(&mut self, request: Request, now_ns: u64) -> Vec<u8> {
        let silent_ns = now_ns - self.asked_ns.unwrap_or(now_ns);
        let silent_s = (silent_ns >= PATIENCE_NS).then_some(silent_ns as f64 / SECOND_NS as f64);
        let busy = silent_s.map(|seconds| format!("busy: no answer for {seconds:.1} seconds"));
        let unready = busy.as_ref().or(self.vitals.unready.as_ref());
        let age_s = now_ns.saturating_sub(self.taken_ns) as f64 / SECOND_NS as f64;
        let (status, content, body) = match request.page {
            Page::Health => (Status::Ok, Content::Text, format!("ok\n{}", line(busy.as_ref()))),
            Page::Ready => match unready {
                None => (Status::Ok, Content::Text, "ready\n".to_owned()),
                why => (Status::Unavailable, Content::Text, line(why)),
            },
            Page::Metrics => {
                let up = silent_ns < GIVE_UP_NS && !self.vitals.info.is_empty();
                let standing = Standing { up, ready: unready.is_none(), age_s };
                (Status::Ok, Content::Metrics, prometheus::render(&self.vitals, &standing))
            }
            Page::Home => (Status::Ok, Content::Html, page::HTML.to_owned()),
            Page::Data => {
                let data =
                    page::data(&self.vitals, unready.map(String::as_str), age_s, &self.history);
                (Status::Ok, Content::Json, data)
            }
        };
        http::answer(status, content, &body, request.head_only)
    }

    fn accept(&mut self, listener: usize, now_ns: u64) {
        match self.listeners[listener].accept() {
            Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                if self.connections.len() >= CONNECTIONS_MAX {
                    let reading = |one: &Connection| one.stage == Stage::Reading;
                    let slowest = self.connections.iter().position(reading).unwrap_or(0);
                    self.connections.remove(slowest);
                }
                let (stage, bytes) = (Stage::Reading, Vec::new());
                let end_ns = now_ns + CONNECTION_NS;
                self.connections.push_back(Connection { stream, stage, bytes, end_ns });
            }
            Err(error) if is_resource_error(&error) => self.accept_after_ns = now_ns + BACKOFF_NS,
            // It has hung up already.
            _ => {}
        }
    }
}

impl Connection {
    fn waits_for(&self) -> PollFlags {
        match self.stage {
            Stage::Reading => PollFlags::IN,
            Stage::Writing(_) => PollFlags::OUT,
            // Only that it has hung up, which is always told.
            Stage::Waiting(..) | Stage::Done => PollFlags::empty(),
        }
    }

    fn go_on(&mut self) {
        match self.stage {
            Stage::Reading => self.read(),
            Stage::Writing(_) => self.write(),
            Stage::Waiting(..) | Stage::Done => self.stage = Stage::Done,
        }
    }

    fn read(&mut self) {
        let mut piece = [0; 1024];
        let room = piece.len().min(REQUEST_BYTES_MAX - self.bytes.len());
        match self.stream.read(&mut piece[..room]) {
            Ok(0) => self.stage = Stage::Done,
            Ok(len) => self.bytes.extend_from_slice(&piece[..len]),
            Err(error) if is_passing(&error) => {}
            Err(_) => self.stage = Stage::Done,
        }
    }

    fn reply(&mut self, answer: Vec<u8>) {
        (self.bytes, self.stage) = (answer, Stage::Writing(0));
        self.write();
    }

    fn write(&mut self) {
        let Stage::Writing(at) = self.stage else { return };
        self.stage = match self.stream.write(&self.bytes[at..]) {
            Ok(len) if at + len == self.bytes.len() => Stage::Done,
            Ok(len) => Stage::Writing(at + len),
            Err(error) if is_passing(&error) => Stage::Writing(at),
            Err(_) => Stage::Done,
        };
    }
}

fn line(text: Option<&String>) -> String {
    text.map(|text| format!("{text}\n")).unwrap_or_default()
}

fn is_passing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Of the process or the machine, not of the one that was to be accepted.
fn is_resource_error(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}
