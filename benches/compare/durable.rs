//! Cases of servers that keep an append log: on the disk of the build's directory.
//!
//! Invariant: as in [`probes`](crate::probes).

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::cases::{self, Durable, Shape};
use crate::client::Client;
use crate::histogram::Histogram;
use crate::load::{Load, Requests, Run, VALUE_BYTES, Verb};
use crate::options::Scale;
use crate::pings::Pinger;
use crate::probes::{Figures, fill_shape};
use crate::process;
use crate::servers::{Contender, Server};

const ALWAYS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
const EVERYSEC: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "everysec"];
/// The log is rewritten when the case says so.
const NO_REWRITE: [&str; 2] = ["--auto-aof-rewrite-percentage", "0"];

/// Writers and their keys beside which others are read, and those.
const WRITERS: usize = 50;
const WRITTEN_KEYS: u64 = 50;
const READ_KEYS: u64 = 1000;
/// How often the memory is looked at during a rewrite: the look itself holds the process up.
const MEMORY_LOOK: Duration = Duration::from_millis(200);
/// Longest wait for a rewrite.
const REWRITE_MAX: Duration = Duration::from_secs(120);

/// One round of a case.
pub fn measure(
    contender: &Contender,
    work: Durable,
    scale: &Scale,
    rng: &mut fastrand::Rng,
) -> io::Result<Figures> {
    match work {
        Durable::Always { connections } => always(contender, connections, scale, rng),
        Durable::ReadBeside => read_beside(contender, scale, rng),
        Durable::Everysec => everysec(contender, scale, rng),
        Durable::Restart { base } => restart(contender, base, scale),
        Durable::Rewrite => rewrite(contender, scale, rng),
    }
}

fn start(contender: &Contender, log: &[&str]) -> io::Result<Server> {
    Server::start(contender, &[log, &NO_REWRITE].concat())
}

fn always(
    contender: &Contender,
    connections: usize,
    scale: &Scale,
    rng: &mut fastrand::Rng,
) -> io::Result<Figures> {
    let server = start(contender, &ALWAYS)?;
    let requests = Requests::prepare(Verb::Set, scale.keys, rng);
    let mut load = Load::connect(&requests, server.port, connections, 1)?;
    load.drive(scale.warm_up)?;
    let run = load.drive(scale.period)?;
    Ok(vec![
        (&cases::RATE, rate(&run)),
        (&cases::P50, run.latency.percentile_us(0.50)),
        (&cases::P99, run.latency.percentile_us(0.99)),
    ])
}

/// A reader that waits for each reply, beside writers of other keys.
fn read_beside(
    contender: &Contender,
    scale: &Scale,
    rng: &mut fastrand::Rng,
) -> io::Result<Figures> {
    let server = start(contender, &ALWAYS)?;
    let mut reader = server.connect()?;
    let read: Vec<String> = (0..READ_KEYS).map(|index| format!("read:{index}")).collect();
    let value = "v".repeat(VALUE_BYTES);
    read.iter().try_for_each(|key| reader.call(&["SET", key, &value]).map(drop))?;
    let requests = Requests::prepare(Verb::Set, WRITTEN_KEYS, rng);
    let mut load = Load::connect(&requests, server.port, WRITERS, 1)?;
    load.drive(scale.warm_up)?;
    let over = AtomicBool::new(false);
    let (run, latencies) = beside(&mut load, scale.period, &over, || {
        let mut latencies = Histogram::new();
        while !over.load(Ordering::Relaxed) {
            let sent = Instant::now();
            reader.get(&read[rng.usize(..read.len())])?;
            latencies.record(sent.elapsed());
        }
        Ok(latencies)
    })?;
    Ok(vec![
        (&cases::READ_P99, latencies.percentile_us(0.99)),
        (&cases::P50, latencies.percentile_us(0.50)),
        (&cases::RATE, rate(&run)),
    ])
}

/// Drives a load on a thread of its own while something else is done, which ends with it.
fn beside<T>(
    load: &mut Load<'_>,
    period: Duration,
    over: &AtomicBool,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<(Run, T)> {
    thread::scope(|scope| {
        let driving = scope.spawn(|| {
            let run = load.drive(period);
            over.store(true, Ordering::Relaxed);
            run
        });
        let done = work();
        Ok((driving.join().expect("the load does not panic")?, done?))
    })
}

fn everysec(contender: &Contender, scale: &Scale, rng: &mut fastrand::Rng) -> io::Result<Figures> {
    let requests = Requests::prepare(Verb::Set, scale.keys, rng);
    let mut cpu_us = [0.0; 2];
    for (log, cpu_us) in [&[][..], &EVERYSEC].into_iter().zip(&mut cpu_us) {
        let server = start(contender, log)?;
        fill_shape(&mut server.connect()?, Shape::Plain, scale.keys)?;
        let mut load = Load::connect(&requests, server.port, WRITERS, 16)?;
        load.drive(scale.warm_up)?;
        let before = process::cpu_time_ns(server.pid())?;
        let run = load.drive(scale.period)?;
        let ns = process::cpu_time_ns(server.pid())? - before;
        *cpu_us = ns as f64 / run.requests as f64 / 1e3;
    }
    let [without, with] = cpu_us;
    Ok(vec![(&cases::LOGGED_CPU, with * 100.0 / without), (&cases::SERVER_CPU, with)])
}

fn restart(contender: &Contender, base: bool, scale: &Scale) -> io::Result<Figures> {
    let mut server = start(contender, &EVERYSEC)?;
    let mut client = server.connect()?;
    fill_shape(&mut client, Shape::Ttl, scale.restart_keys)?;
    if base {
        client.call(&["BGREWRITEAOF"])?;
        await_rewrite(&mut client)?;
    }
    let took = server.restart()?;
    if server.connect()?.dbsize()? != scale.restart_keys {
        return Err(io::Error::other("not all keys are there"));
    }
    Ok(vec![(&cases::RESTART, took.as_secs_f64())])
}

/// PINGs and SETs before a rewrite and during it, and the memory that it takes beyond that of before.
fn rewrite(contender: &Contender, scale: &Scale, rng: &mut fastrand::Rng) -> io::Result<Figures> {
    let server = start(contender, &EVERYSEC)?;
    let mut client = server.connect()?;
    fill_shape(&mut client, Shape::Plain, scale.rewrite_keys)?;
    let requests = Requests::prepare(Verb::Set, scale.rewrite_keys, rng);
    let mut load = Load::connect(&requests, server.port, WRITERS, 1)?;
    load.drive(scale.warm_up)?;
    let mut pinger = Pinger::connect(server.port)?;
    let mut ping_beside = |load: &mut Load<'_>| {
        let over = AtomicBool::new(false);
        beside(load, scale.period, &over, || {
            while !over.load(Ordering::Relaxed) {
                pinger.advance()?;
                thread::yield_now();
            }
            Ok(pinger.take_latencies())
        })
    };
    let (before, pings_before) = ping_beside(&mut load)?;
    let memory = process::family_bytes(server.pid())?;
    client.call(&["BGREWRITEAOF"])?;
    let watched = AtomicBool::new(false);
    let (runs, peak) = thread::scope(|scope| {
        let watch = scope.spawn(|| peak_memory(&server, &watched));
        let mut runs = Vec::new();
        let began = Instant::now();
        while runs.is_empty() || (is_rewriting(&mut client)? && began.elapsed() < REWRITE_MAX) {
            runs.push(ping_beside(&mut load)?);
        }
        watched.store(true, Ordering::Relaxed);
        Ok::<_, io::Error>((runs, watch.join().expect("the watch does not panic")?))
    })?;
    let requests: u64 = runs.iter().map(|(run, _)| run.requests).sum();
    let elapsed: f64 = runs.iter().map(|(run, _)| run.elapsed.as_secs_f64()).sum();
    let worst = runs.iter().map(|(_, pings)| pings.max_us()).fold(0.0, f64::max);
    let extra = peak.saturating_sub(memory) as f64;
    Ok(vec![
        (&cases::EXTRA_MEMORY, extra * 100.0 / memory as f64),
        (&cases::EXTRA_MIB, extra / f64::from(1 << 20)),
        (&cases::WORST_BEFORE, pings_before.max_us() / 1e3),
        (&cases::WORST_DURING, worst / 1e3),
        (&cases::KEPT_RATE, requests as f64 / elapsed * 100.0 / rate(&before)),
    ])
}

/// The most memory that a server and its children have until `over`.
fn peak_memory(server: &Server, over: &AtomicBool) -> io::Result<u64> {
    let mut peak = 0;
    while !over.load(Ordering::Relaxed) {
        peak = peak.max(process::family_bytes(server.pid())?);
        thread::sleep(MEMORY_LOOK);
    }
    Ok(peak)
}

fn await_rewrite(client: &mut Client) -> io::Result<()> {
    let began = Instant::now();
    while is_rewriting(client)? {
        if began.elapsed() > REWRITE_MAX {
            return Err(io::Error::other("the rewrite does not end"));
        }
        thread::sleep(MEMORY_LOOK);
    }
    Ok(())
}

fn is_rewriting(client: &mut Client) -> io::Result<bool> {
    let rewriting = client.info("aof_rewrite_in_progress")? == "1";
    Ok(rewriting || client.info("aof_rewrite_scheduled")? == "1")
}

fn rate(run: &Run) -> f64 {
    run.requests as f64 / run.elapsed.as_secs_f64()
}
