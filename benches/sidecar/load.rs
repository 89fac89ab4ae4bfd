//! The clients: writers and readers in a closed loop on one thread, slow readers on one each.
//!
//! Invariant: an error reply or a lost connection is counted, and the run goes on.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::client::{self, REPLY_TIMEOUT};
use crate::mix::{self, Mix};
use crate::watch::Asker;

const READ_BYTES: usize = 256 * 1024;
/// A slow reader asks for so many sessions at once and then takes so many bytes after each pause:
/// 600 KB in about 5 s.
const SLOW_KEYS: u64 = 2000;
const SLOW_BYTES: usize = 8 * 1024;
const SLOW_PAUSE: Duration = Duration::from_millis(66);
/// Requests sent at once when filling, and the part of `maxmemory` that counts as full.
const FILL_BATCH: usize = 64;
const FULL: (u64, u64) = (99, 100);
/// Error replies kept as examples.
const EXAMPLES: usize = 3;

/// How many clients there are of each kind.
#[derive(Clone, Copy)]
pub struct Crowd {
    pub writers: usize,
    pub readers: usize,
    pub slow_readers: usize,
    /// Those who ask for one rewrite of the log after another.
    pub rewriters: usize,
}

/// What the clients saw.
#[derive(Default)]
pub struct Tally {
    pub elapsed: Duration,
    pub writes: u64,
    pub reads: u64,
    /// Error replies that say OOM.
    pub refused: u64,
    other_errors: u64,
    pub examples: Vec<String>,
    pub lost: u64,
    /// Bytes of the largest request.
    pub largest_request: usize,
}

impl Tally {
    /// A run that could not go on.
    pub fn broken(error: io::Error) -> Tally {
        Tally { lost: 1, examples: vec![error.to_string()], ..Tally::default() }
    }

    pub fn errors(&self) -> u64 {
        self.refused + self.other_errors
    }

    pub fn per_second(&self) -> f64 {
        (self.writes + self.reads) as f64 / self.elapsed.as_secs_f64().max(0.001)
    }

    pub fn add(&mut self, other: Tally) {
        self.reads += other.reads;
        self.refused += other.refused;
        self.other_errors += other.other_errors;
        self.lost += other.lost;
        self.examples.extend(other.examples);
    }

    fn error(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        match text.starts_with("OOM") {
            true => self.refused += 1,
            false => self.other_errors += 1,
        }
        if self.examples.len() < EXAMPLES && !self.examples.iter().any(|known| *known == text) {
            self.examples.push(text.into_owned());
        }
    }
}

/// Finds the end of replies without keeping them.
#[derive(Default)]
struct Replies {
    /// Values still to come.
    awaited: u64,
    /// Bytes of a bulk still to come.
    skip: usize,
    /// A line that has not ended.
    line: Vec<u8>,
}

impl Replies {
    /// Takes bytes; true once everything awaited is there.
    fn take(&mut self, mut bytes: &[u8], tally: &mut Tally) -> bool {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let count = self.skip.min(bytes.len());
                self.skip -= count;
                bytes = &bytes[count..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                return false;
            };
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.end_line(tally);
        }
        self.awaited == 0 && self.skip == 0
    }

    fn end_line(&mut self, tally: &mut Tally) {
        let line = self.line.trim_ascii_end();
        let number = || std::str::from_utf8(&line[1..]).ok()?.parse::<i64>().ok();
        self.awaited -= 1;
        match line.first() {
            Some(b'-') => tally.error(&line[1..]),
            Some(b'$') => {
                let len = number().and_then(|len| usize::try_from(len).ok());
                self.skip = len.map_or(0, |len| len + 2);
            }
            Some(b'*') => self.awaited += number().map_or(0, |count| count.max(0) as u64),
            _ => {}
        }
        self.line.clear();
    }
}

/// One connection with one request in flight.
struct Connection {
    stream: TcpStream,
    writes: bool,
    replies: Replies,
}

/// Writes through one connection, many requests at a time, until the server holds what it may or
/// refuses more.
pub fn fill(port: u16, mix: Mix) -> io::Result<Tally> {
    let mut asker = Asker::connect(port)?;
    let mut stream = client::connect(port)?;
    let (mut rng, mut tally) = (fastrand::Rng::with_seed(2), Tally::default());
    let (mut requests, mut input) = (Vec::new(), vec![0; READ_BYTES]);
    while tally.refused == 0 {
        let memory = asker.info("memory")?;
        let field = |name| memory.field(name).unwrap_or(0);
        if field("used_memory") > field("maxmemory") / FULL.1 * FULL.0 {
            break;
        }
        requests.clear();
        let mut replies = Replies::default();
        for _ in 0..FILL_BATCH {
            replies.awaited += mix.write(tally.writes, &mut rng, &mut requests);
            tally.writes += 1;
        }
        stream.write_all(&requests)?;
        loop {
            let count = stream.read(&mut input)?;
            if count == 0 {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if replies.take(&input[..count], &mut tally) {
                break;
            }
        }
    }
    Ok(tally)
}

/// Drives writers and readers for a period, after so many writes.
pub fn drive(
    port: u16,
    mix: Mix,
    crowd: Crowd,
    written: &AtomicU64,
    period: Duration,
) -> io::Result<Tally> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut connections = Vec::new();
    for index in 0..crowd.writers + crowd.readers {
        let stream = client::connect(port)?;
        watch(&epoll, &stream, index)?;
        let writes = index < crowd.writers;
        connections.push(Connection { stream, writes, replies: Replies::default() });
    }
    let mut driver = Driver {
        mix,
        rng: fastrand::Rng::with_seed(1),
        request: Vec::new(),
        written,
        tally: Tally::default(),
    };
    let began = Instant::now();
    for connection in &mut connections {
        driver.send(connection)?;
    }
    let (mut events, mut input) = (Vec::with_capacity(256), vec![0; READ_BYTES]);
    while began.elapsed() < period {
        let timeout = Timespec { tv_sec: REPLY_TIMEOUT.as_secs() as i64, tv_nsec: 0 };
        if epoll::wait(&epoll, spare_capacity(&mut events), Some(&timeout))? == 0 {
            return Err(io::Error::other("the server stopped answering"));
        }
        for event in events.drain(..) {
            let index = event.data.u64() as usize;
            let connection = &mut connections[index];
            if driver.receive(connection, &mut input).is_ok() {
                continue;
            }
            driver.tally.lost += 1;
            // A server that is gone ends the run; one that only cut this client off does not.
            let Ok(stream) = client::connect(port) else { break };
            watch(&epoll, &stream, index)?;
            *connection = Connection { stream, replies: Replies::default(), ..*connection };
            driver.send(connection)?;
        }
        if driver.tally.lost > 0 && client::connect(port).is_err() {
            break;
        }
    }
    driver.tally.elapsed = began.elapsed();
    Ok(driver.tally)
}

fn watch(epoll: &rustix::fd::OwnedFd, stream: &TcpStream, index: usize) -> io::Result<()> {
    let data = epoll::EventData::new_u64(index as u64);
    Ok(epoll::add(epoll, stream, data, epoll::EventFlags::IN)?)
}

struct Driver<'a> {
    mix: Mix,
    rng: fastrand::Rng,
    request: Vec<u8>,
    /// Writes so far, by anybody.
    written: &'a AtomicU64,
    tally: Tally,
}

impl Driver<'_> {
    fn send(&mut self, connection: &mut Connection) -> io::Result<()> {
        self.request.clear();
        connection.replies.awaited = 1;
        if connection.writes {
            let number = self.written.fetch_add(1, Ordering::Relaxed);
            connection.replies.awaited = self.mix.write(number, &mut self.rng, &mut self.request);
            self.tally.writes += 1;
            self.tally.largest_request = self.tally.largest_request.max(self.request.len());
        } else {
            self.mix.read(self.written.load(Ordering::Relaxed), &mut self.rng, &mut self.request);
            self.tally.reads += 1;
        }
        connection.stream.write_all(&self.request)
    }

    /// Takes what has arrived, and sends the next request after the last reply.
    fn receive(&mut self, connection: &mut Connection, input: &mut [u8]) -> io::Result<()> {
        let count = connection.stream.read(input)?;
        if count == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if connection.replies.take(&input[..count], &mut self.tally) {
            self.send(connection)?;
        }
        Ok(())
    }
}

/// Asks for a large reply again and again, and takes it in sips.
pub fn read_slowly(port: u16, number: usize, written: &AtomicU64, stop: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    let mut rng = fastrand::Rng::with_seed(number as u64);
    let mut input = vec![0; SLOW_BYTES];
    while !stop.load(Ordering::Relaxed) {
        let outcome = read_one_slowly(port, written, &mut rng, &mut input, &mut tally, stop);
        if outcome.is_err() && !stop.load(Ordering::Relaxed) {
            tally.lost += 1;
            thread::sleep(Duration::from_millis(100));
        }
    }
    tally
}

fn read_one_slowly(
    port: u16,
    written: &AtomicU64,
    rng: &mut fastrand::Rng,
    input: &mut [u8],
    tally: &mut Tally,
    stop: &AtomicBool,
) -> io::Result<()> {
    let mut stream = client::connect(port)?;
    // A small window, or the kernel takes most of the reply at once.
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, SLOW_BYTES)?;
    let mut request = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        request.clear();
        mix::read_sessions(SLOW_KEYS, written.load(Ordering::Relaxed), rng, &mut request);
        stream.write_all(&request)?;
        tally.reads += 1;
        let mut replies = Replies { awaited: 1, ..Replies::default() };
        loop {
            let count = stream.read(input)?;
            if count == 0 {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if replies.take(&input[..count], tally) || stop.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep(SLOW_PAUSE);
        }
    }
    Ok(())
}
