//! What a full memory costs: every write evicts, the limit falls, all keys are due at once.
//!
//! Invariant: as in [`crate::pings`] one PING is in flight at all times where it is the PING that is
//! looked at.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cases::{self, Full, Growth, Shape};
use crate::client;
use crate::load::{Requests, VALUE_BYTES, Verb, key};
use crate::options::Scale;
use crate::pings::{Pinger, beyond, grow_beside};
use crate::probes::{self, Figures, fill_shape};
use crate::process;
use crate::servers::{Contender, Server};

/// A limit that holds fewer keys than the requests name before they begin anew.
const LIMIT: [&str; 4] = ["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"];
/// So many keys that hardly one is written twice while it is there.
const KEYS: u64 = 100_000_000_000;
/// Fills [`LIMIT`] some times over.
const FULL_KEYS: u64 = 1_500_000;
const CONNECTIONS: usize = 50;
const PIPELINE: usize = 16;
/// How long PINGs are watched after the limit fell.
const FALLING: Duration = Duration::from_secs(8);
/// From the first of the keys that are due together to their deadline, at the full scale.
const FILLING: Duration = Duration::from_secs(15);
/// When their memory is to be back.
const DUE: Duration = Duration::from_secs(1);

pub fn measure(
    contender: &Contender,
    work: Full,
    scale: &Scale,
    rng: &mut fastrand::Rng,
) -> io::Result<Figures> {
    match work {
        Full::Set => set(contender, scale, rng),
        Full::Ping => ping(contender, scale),
        Full::Falls => falls(contender, scale),
        Full::Due => due(contender, scale),
    }
}

/// SETs of which every one evicts.
fn set(contender: &Contender, scale: &Scale, rng: &mut fastrand::Rng) -> io::Result<Figures> {
    let server = Server::start(contender, &LIMIT)?;
    let mut client = server.connect()?;
    fill_shape(&mut client, Shape::Plain, FULL_KEYS)?;
    let before = evicted(&mut client)?;
    let requests = Requests::prepare(Verb::Set, KEYS, rng);
    let figures = probes::drive(&requests, &server, CONNECTIONS, PIPELINE, scale)?;
    if evicted(&mut client)? == before {
        return Err(io::Error::other("nothing was evicted"));
    }
    Ok(figures)
}

/// The worst PING beside writes of which every one evicts.
fn ping(contender: &Contender, scale: &Scale) -> io::Result<Figures> {
    let server = Server::start(contender, &LIMIT)?;
    fill_shape(&mut server.connect()?, Shape::Plain, FULL_KEYS)?;
    grow_beside(&server, Growth::Keys, scale)
}

/// The worst PING while the limit falls to a tenth of what is held.
fn falls(contender: &Contender, scale: &Scale) -> io::Result<Figures> {
    let server = Server::start(contender, &["--maxmemory-policy", "allkeys-lru"])?;
    let mut client = server.connect()?;
    fill_shape(&mut client, Shape::Plain, scale.falling_keys)?;
    let limit = used(&mut client)? / 10;
    let mut pinger = Pinger::connect(server.port)?;
    let idle = pinger.watch(scale.idle_ping)?;
    client.send(&["CONFIG", "SET", "maxmemory", &limit.to_string()])?;
    let falling = pinger.watch(FALLING)?;
    client.line()?;
    let mut figures = beyond(&idle, &falling);
    figures.push((&cases::OVER_LIMIT, used(&mut client)?.saturating_sub(limit) as f64 / 1048576.0));
    Ok(figures)
}

/// The worst PING when many keys are due in one millisecond, and what of their memory is not back a
/// second later.
fn due(contender: &Contender, scale: &Scale) -> io::Result<Figures> {
    let server = Server::start(contender, &[])?;
    let mut client = server.connect()?;
    let (used_before, rss_before) = (used(&mut client)?, process::rss_bytes(server.pid())?);
    let filling = FILLING.mul_f64(scale.keys as f64 / Scale::FULL.keys as f64);
    let deadline = since_epoch() + filling + Duration::from_secs(1);
    let at = deadline.as_millis().to_string();
    client.fill(scale.keys, b"+OK\r\n", |index, out| {
        let value = [b'v'; VALUE_BYTES];
        client::encode(out, &[b"SET", key(index).as_bytes(), &value, b"PXAT", at.as_bytes()]);
    })?;
    if client.dbsize()? != scale.keys {
        return Err(io::Error::other("keys were due before all were there"));
    }
    let mut pinger = Pinger::connect(server.port)?;
    let idle = pinger.watch(deadline.saturating_sub(since_epoch()))?;
    let busy = pinger.watch(DUE)?;
    let (used_after, rss_after) = (used(&mut client)?, process::rss_bytes(server.pid())?);
    let mib = |after: u64, before: u64| after.saturating_sub(before) as f64 / 1048576.0;
    let mut figures = beyond(&idle, &busy);
    figures.push((&cases::USED_AFTER, mib(used_after, used_before)));
    figures.push((&cases::RSS_AFTER, mib(rss_after, rss_before)));
    Ok(figures)
}

fn used(client: &mut client::Client) -> io::Result<u64> {
    number(&client.info("used_memory")?)
}

fn evicted(client: &mut client::Client) -> io::Result<u64> {
    number(&client.info("evicted_keys")?)
}

fn number(text: &str) -> io::Result<u64> {
    text.parse().map_err(|_| io::Error::other(format!("not a number: {text:?}")))
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
