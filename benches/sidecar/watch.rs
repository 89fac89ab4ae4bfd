//! What is seen of the server while the load runs: memory a hundred times a second, and PING.
//!
//! Invariant: a server that is gone ends the watch; what was seen until then stays.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client;
use crate::histogram::Histogram;

const SAMPLE_PAUSE: Duration = Duration::from_millis(10);
const REWRITE_PAUSE: Duration = Duration::from_millis(50);
const PING_PAUSE: Duration = Duration::from_millis(1);
/// Priority of the thread that measures PING, so that what it waits for is the server and not the
/// load beside it.
const PING_NICE: i32 = -20;

/// A connection that asks for figures.
pub struct Asker {
    stream: BufReader<TcpStream>,
}

impl Asker {
    pub fn connect(port: u16) -> io::Result<Asker> {
        Ok(Asker { stream: BufReader::new(client::connect(port)?) })
    }

    pub fn dbsize(&mut self) -> io::Result<u64> {
        let line = self.ask("DBSIZE\r\n")?;
        line.trim_start_matches(':').parse().map_err(|_| io::Error::other(line))
    }

    /// A section of INFO.
    pub fn info(&mut self, section: &str) -> io::Result<Info> {
        let head = self.ask(&format!("INFO {section}\r\n"))?;
        let len: usize =
            head.trim_start_matches('$').parse().map_err(|_| io::Error::other(head))?;
        let mut text = vec![0; len + 2];
        self.stream.read_exact(&mut text)?;
        Ok(Info(String::from_utf8_lossy(&text).into_owned()))
    }

    fn ask(&mut self, request: &str) -> io::Result<String> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// A section of INFO.
pub struct Info(String);

impl Info {
    /// A number; none where the field is missing.
    pub fn field(&self, name: &str) -> Option<u64> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line?.trim().parse().ok()
    }
}

/// The extremes of all samples, bytes.
#[derive(Default)]
pub struct Samples {
    pub limit: u64,
    pub used_max: u64,
    pub rss_max: u64,
    /// Most by which `used_memory`, less what is not held against keys, was above the limit.
    pub over_max: i64,
}

/// Samples until told to stop, or until the server is gone.
pub fn sample(port: u16, pid: u32, stop: &AtomicBool) -> Samples {
    let mut samples = Samples { over_max: i64::MIN, ..Samples::default() };
    let Ok(mut asker) = Asker::connect(port) else { return samples };
    while !stop.load(Ordering::Relaxed) {
        let Ok(info) = asker.info("memory") else { break };
        let field = |name| info.field(name).unwrap_or(0);
        let used = field("used_memory");
        samples.limit = field("maxmemory");
        let counted = used.saturating_sub(field("mem_not_counted_for_evict"));
        samples.used_max = samples.used_max.max(used);
        samples.rss_max = samples.rss_max.max(resident(pid));
        samples.over_max = samples.over_max.max(counted as i64 - samples.limit as i64);
        thread::sleep(SAMPLE_PAUSE);
    }
    samples
}

fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// Asks for a rewrite of the append log whenever there is none, until told to stop or until the server
/// is gone.
pub fn rewrite(port: u16, stop: &AtomicBool) {
    let Ok(mut asker) = Asker::connect(port) else { return };
    while !stop.load(Ordering::Relaxed) {
        let Ok(persistence) = asker.info("persistence") else { return };
        if persistence.field("aof_rewrite_in_progress") == Some(0)
            && asker.ask("BGREWRITEAOF\r\n").is_err()
        {
            return;
        }
        thread::sleep(REWRITE_PAUSE);
    }
}

/// How long PING took.
pub struct Pings(Histogram);

impl Pings {
    pub fn worst_ms(&self) -> f64 {
        self.0.max_us() / 1e3
    }

    pub fn p999_ms(&self) -> f64 {
        self.0.percentile_us(0.999) / 1e3
    }
}

/// Pings until told to stop, or until the server is gone.
pub fn ping(port: u16, stop: &AtomicBool) -> Pings {
    // Where that is not allowed, the figures are only noisier.
    let _ = rustix::process::setpriority_process(None, PING_NICE);
    let mut latency = Histogram::new();
    let Ok(mut asker) = Asker::connect(port) else { return Pings(latency) };
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        if asker.ask("PING\r\n").is_err() {
            break;
        }
        latency.record(sent.elapsed());
        thread::sleep(PING_PAUSE);
    }
    Pings(latency)
}
