//! One round of one case on one contender.
//!
//! Invariant: returns figures and judges none; every server it starts has ended, or is kept by
//! the [`Stage`] for the next request case, when it returns.

use std::io;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::cases::{self, Case, Figure, Shape, Work};
use crate::client::{self, Client};
use crate::durable;
use crate::full;
use crate::histogram::Histogram;
use crate::load::{Load, Requests, VALUE_BYTES, Verb, key};
use crate::options::{LoadClient, Options, Scale};
use crate::pings;
use crate::process;
use crate::servers::{Contender, Server};
use crate::tool;

/// What one case came to in one round.
pub type Figures = Vec<(&'static Figure, f64)>;

/// Connections of the idle case, and its keys with a TTL.
const IDLE_CONNECTIONS: usize = 100;
const IDLE_TTL_KEYS: u64 = 20_000;
/// Time for what a server does after a burst: rehashing, freeing.
const IDLE_REST: Duration = Duration::from_secs(2);
/// Keys whose expiry is timed, with TTLs spread over this range of milliseconds.
const EXPIRING_KEYS: usize = 200;
const EXPIRING_TTL_MS: std::ops::Range<u64> = 500..2500;
/// Pause between two looks at the number of keys, and so the resolution of the lag.
const EXPIRY_POLL: Duration = Duration::from_micros(500);
/// Resident memory counts as settled when it moves less than this between two looks.
const SETTLED_BYTES: u64 = 64 * 1024;
const SETTLE_LOOK: Duration = Duration::from_millis(200);
const SETTLE_LOOKS_MAX: usize = 25;

/// The servers of one round, and the requests prepared for them.
pub struct Stage<'a> {
    options: &'a Options,
    rng: fastrand::Rng,
    requests: Vec<(Verb, Requests)>,
    loaded: Vec<(String, Server)>,
}

impl<'a> Stage<'a> {
    pub fn new(options: &'a Options) -> Self {
        let rng = fastrand::Rng::with_seed(6379);
        Self { options, rng, requests: Vec::new(), loaded: Vec::new() }
    }

    pub fn measure(&mut self, case: &Case, contender: &Contender) -> io::Result<Figures> {
        let scale = &self.options.scale;
        if !matches!(case.work, Work::Load { .. }) {
            self.loaded.clear();
        }
        match case.work {
            Work::Load { verb, pipeline, connections } => {
                self.load(contender, verb, pipeline, connections)
            }
            Work::Tool(script) => {
                tool::measure(contender, script, scale.keys as f64 / Scale::FULL.keys as f64)
            }
            Work::Empty => empty(contender),
            Work::Fill(shape) => fill(contender, shape, scale),
            Work::FillOne => fill_one(contender, scale),
            Work::Connections => connections(contender, scale),
            Work::Growth(what) => pings::growth(contender, what, scale),
            Work::Freeing => pings::freeing(contender, scale),
            Work::Idle => idle(contender, scale),
            Work::Expiry { others } => expiry(contender, others, scale, &mut self.rng),
            Work::Full(work) => full::measure(contender, work, scale, &mut self.rng),
            Work::Durable(work) => durable::measure(contender, work, scale, &mut self.rng),
        }
    }

    /// Ends the loaded server of a contender that failed: it may be hung or out of step.
    pub fn forget(&mut self, contender: &Contender) {
        self.loaded.retain(|(name, _)| *name != contender.name);
    }

    /// The loaded servers of all contenders stay up side by side during the request cases, so
    /// that a case meets each of them within seconds; only one is driven at a time.
    fn load(
        &mut self,
        contender: &Contender,
        verb: Verb,
        pipeline: usize,
        connections: usize,
    ) -> io::Result<Figures> {
        self.prepare(contender, verb)?;
        let server = lookup(&self.loaded, |name| *name == contender.name);
        if self.options.client == LoadClient::RedisBenchmark {
            return redis_benchmark(server, verb, pipeline, connections, &self.options.scale);
        }
        let requests = lookup(&self.requests, |prepared| *prepared == verb);
        drive(requests, server, connections, pipeline, &self.options.scale)
    }

    /// Sees to it that requests of this kind exist and that the contender runs with all keys.
    fn prepare(&mut self, contender: &Contender, verb: Verb) -> io::Result<()> {
        let keys = self.options.scale.keys;
        if !self.requests.iter().any(|(prepared, _)| *prepared == verb) {
            self.requests.push((verb, Requests::prepare(verb, keys, &mut self.rng)));
        }
        if !self.loaded.iter().any(|(name, _)| *name == contender.name) {
            let server = Server::start(contender, &[])?;
            fill_shape(&mut server.connect()?, Shape::Plain, keys)?;
            self.loaded.push((contender.name.clone(), server));
        }
        Ok(())
    }
}

/// What a period of requests costs the server.
pub fn drive(
    requests: &Requests,
    server: &Server,
    connections: usize,
    pipeline: usize,
    scale: &Scale,
) -> io::Result<Figures> {
    let mut load = Load::connect(requests, server.port, connections, pipeline)?;
    load.drive(scale.warm_up)?;
    let client = std::process::id();
    let cpu_before = process::cpu_time_ns(server.pid())?;
    let client_before = process::cpu_time_ns(client)?;
    let run = load.drive(scale.period)?;
    let client_ns = process::cpu_time_ns(client)? - client_before;
    let cpu_ns = process::cpu_time_ns(server.pid())? - cpu_before;
    let elapsed_ns = run.elapsed.as_nanos() as f64;
    Ok(vec![
        (&cases::SERVER_CPU, cpu_ns as f64 / run.requests as f64 / 1e3),
        (&cases::RATE, run.requests as f64 * 1e9 / elapsed_ns),
        (&cases::P50, run.latency.percentile_us(0.50)),
        (&cases::P99, run.latency.percentile_us(0.99)),
        (&cases::SERVER_BUSY, cpu_ns as f64 * 100.0 / elapsed_ns),
        (&cases::CLIENT_BUSY, client_ns as f64 * 100.0 / elapsed_ns),
    ])
}

fn lookup<K, V>(pairs: &[(K, V)], is_wanted: impl Fn(&K) -> bool) -> &V {
    &pairs.iter().find(|(key, _)| is_wanted(key)).expect("prepared before use").1
}

/// The same case with redis-benchmark as the client, to cross-check our own. It takes a number of
/// requests instead of a time: a first short run finds out how many fill the period.
fn redis_benchmark(
    server: &Server,
    verb: Verb,
    pipeline: usize,
    connections: usize,
    scale: &Scale,
) -> io::Result<Figures> {
    let run = |requests: f64| -> io::Result<Vec<f64>> {
        let output = Command::new("redis-benchmark")
            .args(["-h", "127.0.0.1", "-p", &server.port.to_string()])
            .args(["-t", if verb == Verb::Get { "get" } else { "set" }])
            .args(["-c", &connections.to_string(), "-P", &pipeline.to_string()])
            .args(["-n", &format!("{requests:.0}"), "-r", &scale.keys.to_string()])
            .args(["-d", &VALUE_BYTES.to_string(), "--csv"])
            .output()?;
        parse_csv(&String::from_utf8_lossy(&output.stdout))
    };
    let rate = run((1000 * pipeline + 20 * connections) as f64)?[0];
    let requests = (rate * scale.period.as_secs_f64()).ceil();
    let cpu_before = process::cpu_time_ns(server.pid())?;
    let columns = run(requests)?;
    let cpu_ns = process::cpu_time_ns(server.pid())? - cpu_before;
    Ok(vec![
        (&cases::SERVER_CPU, cpu_ns as f64 / requests / 1e3),
        (&cases::RATE, columns[0]),
        (&cases::P50, columns[3] * 1e3),
        (&cases::P99, columns[5] * 1e3),
    ])
}

/// The numbers of redis-benchmark's last line: rate, then average, least, p50, p95, p99 and
/// greatest latency in milliseconds.
pub fn parse_csv(text: &str) -> io::Result<Vec<f64>> {
    let line = text.lines().last().unwrap_or_default();
    let numbers: Option<Vec<f64>> =
        line.split(',').skip(1).map(|column| column.trim_matches('"').parse().ok()).collect();
    numbers
        .filter(|numbers| numbers.len() >= 7)
        .ok_or_else(|| io::Error::other(format!("redis-benchmark says {text:?}")))
}

fn empty(contender: &Contender) -> io::Result<Figures> {
    let server = Server::start(contender, &[])?;
    let rss = settled_rss(&server)?;
    Ok(vec![(&cases::EMPTY_RSS, rss as f64 / 1024.0 / 1024.0)])
}

fn fill(contender: &Contender, shape: Shape, scale: &Scale) -> io::Result<Figures> {
    let server = Server::start(contender, &[])?;
    let mut client = server.connect()?;
    let before = settled_rss(&server)?;
    fill_shape(&mut client, shape, scale.keys)?;
    let grown = settled_rss(&server)? - before;
    if client.dbsize()? != scale.keys {
        return Err(io::Error::other("not all keys are there"));
    }
    Ok(vec![(&cases::KEY_BYTES, grown as f64 / scale.keys as f64)])
}

/// As [`fill`], all members in one sorted set.
fn fill_one(contender: &Contender, scale: &Scale) -> io::Result<Figures> {
    let server = Server::start(contender, &[])?;
    let mut client = server.connect()?;
    let before = settled_rss(&server)?;
    client.fill(scale.keys, b":1\r\n", |index, out| {
        let score = (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).to_string();
        client::encode(out, &[b"ZADD", b"big", score.as_bytes(), key(index).as_bytes()]);
    })?;
    let grown = settled_rss(&server)? - before;
    Ok(vec![(&cases::MEMBER_BYTES, grown as f64 / scale.keys as f64)])
}

/// Resident memory once it has stopped moving: Redis goes on rehashing after the last request.
fn settled_rss(server: &Server) -> io::Result<u64> {
    let mut last = process::rss_bytes(server.pid())?;
    for _ in 0..SETTLE_LOOKS_MAX {
        thread::sleep(SETTLE_LOOK);
        let rss = process::rss_bytes(server.pid())?;
        if rss.abs_diff(last) < SETTLED_BYTES {
            return Ok(rss);
        }
        last = rss;
    }
    Ok(last)
}

pub fn fill_shape(client: &mut Client, shape: Shape, count: u64) -> io::Result<()> {
    let reply: &[u8] = match shape {
        Shape::Plain | Shape::Ttl | Shape::Session => b"+OK\r\n",
        Shape::Counter => b":1\r\n:1\r\n",
        Shape::Hash => b":5\r\n",
        Shape::List | Shape::Set | Shape::Zset => b":10\r\n",
    };
    client.fill(count, reply, |index, out| write_shape(shape, index, out))
}

pub fn write_shape(shape: Shape, index: u64, out: &mut Vec<u8>) {
    let plain_key = key(index);
    let plain_value = [b'v'; VALUE_BYTES];
    // Between one and two hours: none expires during the measurement.
    let ttl = (3600 + index % 3600).to_string();
    // Spread like the digests the applications make of their keys.
    let digest = u128::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    match shape {
        Shape::Plain => client::encode(out, &[b"SET", plain_key.as_bytes(), &plain_value]),
        Shape::Ttl => {
            let key = plain_key.as_bytes();
            client::encode(out, &[b"SET", key, &plain_value, b"EX", ttl.as_bytes()]);
        }
        Shape::Session => {
            let key = format!(":1:django.contrib.sessions.cache{digest:032x}");
            client::encode(out, &[b"SET", key.as_bytes(), &[b's'; 300], b"EX", b"1209600"]);
        }
        Shape::Counter => {
            let key = format!(":1:rl:{digest:032x}");
            client::encode(out, &[b"INCR", key.as_bytes()]);
            client::encode(out, &[b"EXPIRE", key.as_bytes(), ttl.as_bytes()]);
        }
        Shape::Hash => {
            let fields = ["name", "email", "plan", "seen", "logins"];
            let pairs =
                fields.iter().flat_map(|field| [field.to_string(), format!("{field}-{index}")]);
            write_collection("HSET", plain_key, pairs, out);
        }
        Shape::List => {
            write_collection(
                "RPUSH",
                plain_key,
                (0..10).map(|n| format!("job:{}", index + n)),
                out,
            );
        }
        Shape::Set => {
            write_collection("SADD", plain_key, (0..10).map(|n| (index + n * 7).to_string()), out);
        }
        Shape::Zset => {
            let members = (0..10).flat_map(|n| [(index + n).to_string(), format!("player:{n}")]);
            write_collection("ZADD", plain_key, members, out);
        }
    }
}

fn write_collection(
    command: &str,
    key: String,
    elements: impl Iterator<Item = String>,
    out: &mut Vec<u8>,
) {
    let words: Vec<String> = [command.to_owned(), key].into_iter().chain(elements).collect();
    let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
    client::encode(out, &words);
}

/// Connections that have only been accepted, and connections that have sent one PING and rested.
fn connections(contender: &Contender, scale: &Scale) -> io::Result<Figures> {
    // The limit counts our own connection too, and Redis's default would leave no room for it.
    let limit = (scale.connections + 100).to_string();
    let server = Server::start(contender, &["--maxclients", &limit])?;
    let mut control = server.connect()?;
    control.ping()?;
    let before = settled_rss(&server)?;
    let mut clients = Vec::with_capacity(scale.connections);
    for index in 0..scale.connections {
        clients.push(server.connect()?);
        // Lets the server accept before its backlog overflows and connects stall for a second.
        if index % 64 == 0 {
            control.ping()?;
        }
    }
    control.ping()?;
    let fresh = settled_rss(&server)?;
    clients.iter_mut().try_for_each(Client::ping)?;
    thread::sleep(scale.connection_rest);
    let rested = settled_rss(&server)?;
    let each = |rss: u64| rss.saturating_sub(before) as f64 / scale.connections as f64;
    Ok(vec![(&cases::FRESH_CONNECTION, each(fresh)), (&cases::IDLE_CONNECTION, each(rested))])
}

/// Wake-ups and processor time of a server that nobody asks anything.
fn idle(contender: &Contender, scale: &Scale) -> io::Result<Figures> {
    let server = Server::start(contender, &[])?;
    let mut clients = Vec::with_capacity(IDLE_CONNECTIONS);
    for _ in 0..IDLE_CONNECTIONS {
        let mut client = server.connect()?;
        client.ping()?;
        clients.push(client);
    }
    fill_shape(&mut clients[0], Shape::Ttl, IDLE_TTL_KEYS)?;
    thread::sleep(IDLE_REST);
    let began = Instant::now();
    let wake_ups = process::wake_ups(server.pid())?;
    let cpu_ns = process::cpu_time_ns(server.pid())?;
    thread::sleep(scale.idle_watch);
    let wake_ups = process::wake_ups(server.pid())? - wake_ups;
    let cpu_ns = process::cpu_time_ns(server.pid())? - cpu_ns;
    let seconds = began.elapsed().as_secs_f64();
    Ok(vec![
        (&cases::WAKE_UPS, wake_ups as f64 / seconds),
        (&cases::IDLE_CPU, cpu_ns as f64 / 1e6 / seconds),
    ])
}

/// How long keys outlive their deadline, seen by DBSIZE: reading a key would expire it.
fn expiry(
    contender: &Contender,
    others: u64,
    scale: &Scale,
    rng: &mut fastrand::Rng,
) -> io::Result<Figures> {
    let server = Server::start(contender, &[])?;
    let mut client = server.connect()?;
    fill_shape(&mut client, Shape::Ttl, others)?;
    let mut deadlines = Vec::with_capacity(EXPIRING_KEYS);
    for index in 0..EXPIRING_KEYS {
        let ttl = rng.u64(EXPIRING_TTL_MS);
        client.call(&["SET", &format!("expiring:{index}"), "value", "PX", &ttl.to_string()])?;
        deadlines.push(Instant::now() + Duration::from_millis(ttl));
    }
    deadlines.sort();
    let lags = watch_disappear(&mut client, others, &deadlines, scale.expiry_cap)?;
    Ok(vec![
        (&cases::LAG_P50, lags.percentile_us(0.50) / 1e3),
        (&cases::LAG_P99, lags.percentile_us(0.99) / 1e3),
    ])
}

/// The k-th key to disappear is taken for the one with the k-th deadline. A server that expires
/// out of order is not wronged by it: the sum of the lags stays the same.
fn watch_disappear(
    client: &mut Client,
    others: u64,
    deadlines: &[Instant],
    cap: Duration,
) -> io::Result<Histogram> {
    let mut lags = Histogram::new();
    let mut seen = 0;
    let give_up = deadlines[deadlines.len() - 1] + cap;
    while seen < deadlines.len() {
        let remaining = client.dbsize()?.saturating_sub(others);
        let now = Instant::now();
        let gone = deadlines.len().saturating_sub(usize::try_from(remaining).unwrap_or(usize::MAX));
        for deadline in &deadlines[seen..gone.max(seen)] {
            lags.record(now.saturating_duration_since(*deadline).min(cap));
        }
        seen = seen.max(gone);
        if now > give_up {
            (seen..deadlines.len()).for_each(|_| lags.record(cap));
            break;
        }
        thread::sleep(EXPIRY_POLL);
    }
    Ok(lags)
}
