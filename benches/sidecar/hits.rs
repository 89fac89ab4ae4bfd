//! How often a cache that is too small finds what it is asked for: five traces, redis-server and
//! sidering at the same `maxmemory` and the same pace. A miss is followed by a SET, as beside an
//! application. The second half of a trace counts.
//!
//! Invariant: a trace follows from its seed; every server sees the same one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{connect, encode};

/// Keys of the traces that draw from a fixed set.
const KEYS: usize = 200_000;
/// Requests a second, the same for each server: idle times are counted in seconds.
const PACE: u32 = 20_000;
const BATCH: u32 = 50;
const VALUE: [u8; 300] = [b'v'; 300];
/// Life of a session, and the mean distance of the session that is asked for from the newest.
const TTL_SECONDS: &[u8] = b"10";
const SESSION_LAG: f64 = 30_000.0;
/// Keys of the sliding working set.
const WINDOW: u64 = 70_000;

#[derive(Clone, Copy, Debug)]
pub enum Trace {
    /// Drawn by Zipf's law with this exponent.
    Zipf(f64),
    /// Zipf with 0.9, and every fourth request is for a key that is never asked for again.
    Scanned,
    /// Any of a window's keys, which moves on by one key every four requests.
    Sliding,
    /// Sessions with a TTL, the younger the likelier; every third request begins one.
    Sessions,
}

impl Trace {
    pub const ALL: [Trace; 5] =
        [Trace::Zipf(0.9), Trace::Zipf(1.1), Trace::Scanned, Trace::Sliding, Trace::Sessions];

    pub fn name(self) -> String {
        match self {
            Trace::Zipf(exponent) => format!("Zipf {exponent}"),
            Trace::Scanned => "Zipf 0.9, a quarter scans".into(),
            Trace::Sliding => "sliding working set".into(),
            Trace::Sessions => "sessions with TTL".into(),
        }
    }

    /// The key of request number `number`.
    fn key(self, number: u64, law: &[f64], rng: &mut fastrand::Rng) -> String {
        let by_law = |rng: &mut fastrand::Rng| {
            let chance = rng.f64() * law[law.len() - 1];
            law.partition_point(|sum| *sum < chance)
        };
        match self {
            Trace::Scanned if number.is_multiple_of(4) => format!("scan:{number}"),
            Trace::Zipf(_) | Trace::Scanned => format!("key:{}", by_law(rng)),
            Trace::Sliding => format!("key:{}", number / 4 + rng.u64(..WINDOW)),
            Trace::Sessions if number.is_multiple_of(3) => format!("session:{}", number / 3),
            Trace::Sessions => {
                let lag = -SESSION_LAG * rng.f64().max(f64::MIN_POSITIVE).ln();
                format!("session:{}", (number / 3).saturating_sub(lag as u64))
            }
        }
    }

    /// Sums of the likelihoods of the keys, the first the likeliest.
    fn law(self) -> Vec<f64> {
        let exponent = if let Trace::Zipf(exponent) = self { exponent } else { 0.9 };
        let likelihoods = (1..=KEYS).map(|rank| (rank as f64).powf(-exponent));
        let sums = likelihoods.scan(0.0, |sum, likelihood| {
            *sum += likelihood;
            Some(*sum)
        });
        sums.collect()
    }
}

/// The share of requests in the second half of `period` that find their key.
pub fn measure(port: u16, trace: Trace, period: Duration) -> io::Result<f64> {
    let mut stream = BufReader::new(connect(port)?);
    let (law, mut rng) = (trace.law(), fastrand::Rng::with_seed(7));
    let batches = period.as_secs() as u32 * PACE / BATCH;
    let began = Instant::now();
    let (mut hits, mut asked) = (0u32, 0u32);
    for batch in 0..batches {
        let due = period * batch / batches;
        thread::sleep(due.saturating_sub(began.elapsed()));
        let numbers = (batch * BATCH..(batch + 1) * BATCH).map(u64::from);
        let keys: Vec<String> = numbers.map(|number| trace.key(number, &law, &mut rng)).collect();
        let found = ask(&mut stream, &keys)?;
        let missing = keys.iter().zip(&found).filter(|(_, found)| !**found);
        store(&mut stream, trace, missing.map(|(key, _)| key.as_str()))?;
        if batch >= batches / 2 {
            asked += BATCH;
            hits += found.iter().filter(|found| **found).count() as u32;
        }
    }
    Ok(f64::from(hits) / f64::from(asked))
}

/// Asks for keys; which are there.
fn ask(stream: &mut BufReader<TcpStream>, keys: &[String]) -> io::Result<Vec<bool>> {
    let mut requests = Vec::new();
    keys.iter().for_each(|key| encode(&mut requests, &[b"GET", key.as_bytes()]));
    stream.get_mut().write_all(&requests)?;
    let mut value = [0; VALUE.len() + 2];
    let reply = |_: &String| match line(stream)?.as_str() {
        "$-1" => Ok(false),
        _ => stream.read_exact(&mut value).map(|()| true),
    };
    keys.iter().map(reply).collect()
}

fn store<'a>(
    stream: &mut BufReader<TcpStream>,
    trace: Trace,
    keys: impl Iterator<Item = &'a str>,
) -> io::Result<()> {
    let (mut requests, mut count) = (Vec::new(), 0);
    for key in keys {
        let words: [&[u8]; 5] = [b"SET", key.as_bytes(), &VALUE, b"EX", TTL_SECONDS];
        let len = if matches!(trace, Trace::Sessions) { 5 } else { 3 };
        encode(&mut requests, &words[..len]);
        count += 1;
    }
    stream.get_mut().write_all(&requests)?;
    (0..count).try_for_each(|_| match line(stream)?.as_str() {
        "+OK" => Ok(()),
        other => Err(io::Error::other(other.to_owned())),
    })
}

fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
