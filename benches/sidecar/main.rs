//! `cargo bench --bench sidecar`: a server beside an application, in a container's memory.
//!
//! Three runs. `soak` puts the server into a memory control group of 128 MiB and keeps it full of
//! Django-like sessions: does it live, does it answer, how much does it hold. `samples` looks at
//! `used_memory` and resident memory a hundred times a second under every eviction policy and
//! three mixes of values: how far does it go beyond `maxmemory`. `hits` compares how often a cache that
//! is too small has what it is asked for with redis-server. The server runs on core 0, this
//! process, the clients, on core 1.
//!
//! Reading order: [`options`], [`server`], [`mix`] (what is written and read), [`load`] (by whom),
//! [`watch`] (what is seen meanwhile).
//!
//! Invariant: knows the server only by its command line, its socket and `/proc`.

#[allow(dead_code)] // Shared with the tests, which need more of it.
#[path = "../../tests/support/cgroup.rs"]
mod cgroup;
#[allow(dead_code)] // Shared with the comparison, which needs more of it.
#[path = "../compare/client.rs"]
mod client;
#[path = "../compare/histogram.rs"]
mod histogram;
mod hits;
mod load;
mod mix;
mod options;
mod server;
mod watch;

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cgroup::ControlGroup;
use load::{Crowd, Tally};
use mix::Mix;
use options::{Mode, Options};
use server::Server;
use watch::{Pings, Samples};

/// Memory of the container.
const CONTAINER_BYTES: u64 = 128 << 20;
/// What a sample may show above `maxmemory` besides one command's allocation: one part in 100.
const USED_SLACK: u64 = 100;
/// What resident memory may be above `maxmemory`: one part in 10, and 12 MiB.
const RSS_SLACK: (u64, u64) = (10, 12 << 20);

const POLICIES: [&str; 8] = [
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` starts this program too, without `--bench`.
    if !arguments.iter().any(|a| a == "--bench") || arguments.iter().any(|a| a == "--test") {
        println!("sidecar: nothing to test; run `cargo bench --bench sidecar`");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(mistake) => {
            eprintln!("{mistake}\n{}", options::USAGE);
            return ExitCode::FAILURE;
        }
    };
    let outcome = match options.mode {
        Mode::Soak => soak(&options),
        Mode::Samples => samples(&options),
        Mode::Hits => compare_hits(&options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

/// What one run with one server came to.
struct Outcome {
    tally: Tally,
    samples: Samples,
    pings: Pings,
    /// Keys held at the end; none if the server was gone by then.
    keys: Option<u64>,
    evicted: u64,
    /// Rewrites of the append log that succeeded, where one is kept.
    rewrites: u64,
}

/// Fills a server, lets a crowd of clients at it, and watches it.
fn run(server: &Server, mix: Mix, crowd: Crowd, period: Duration) -> io::Result<Outcome> {
    let (port, pid, stop) = (server.port, server.pid(), &AtomicBool::new(false));
    let written = &AtomicU64::new(load::fill(port, mix)?.writes);
    let (tally, samples, pings) = thread::scope(|scope| {
        let samples = scope.spawn(move || watch::sample(port, pid, stop));
        let pings = scope.spawn(move || watch::ping(port, stop));
        for _ in 0..crowd.rewriters {
            scope.spawn(move || watch::rewrite(port, stop));
        }
        let slow: Vec<_> = (0..crowd.slow_readers)
            .map(|number| scope.spawn(move || load::read_slowly(port, number, written, stop)))
            .collect();
        let tally = load::drive(port, mix, crowd, written, period);
        stop.store(true, Ordering::Relaxed);
        let mut tally = tally.unwrap_or_else(Tally::broken);
        for reader in slow {
            tally.add(reader.join().expect("a reader"));
        }
        (tally, samples.join().expect("a watcher"), pings.join().expect("a watcher"))
    });
    let mut figures = watch::Asker::connect(port).ok();
    let keys = figures.as_mut().and_then(|asker| asker.dbsize().ok());
    let mut field = |section, name| figures.as_mut()?.info(section).ok()?.field(name);
    let evicted = field("stats", "evicted_keys").unwrap_or(0);
    let rewrites = field("persistence", "aof_rewrites").unwrap_or(0);
    Ok(Outcome { tally, samples, pings, keys, evicted, rewrites })
}

fn soak(options: &Options) -> io::Result<ExitCode> {
    let Some(group) = ControlGroup::create() else { return Ok(ExitCode::SUCCESS) };
    group.set_limit(CONTAINER_BYTES);
    let crowd =
        Crowd { writers: 50, readers: 20, slow_readers: 5, rewriters: options.rewrites.into() };
    let arguments = options.server_arguments("96mb", "allkeys-lru");
    let mut server = Server::start(options, Some(&group), &arguments)?;
    println!("`{}` in a cgroup of 128 MiB:\n", server.command);
    let outcome = run(&server, Mix::Sessions, crowd, options.period)?;
    let end = server.ended();
    let Outcome { tally, samples, pings, keys, evicted, rewrites } = outcome;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!("| figure | |\n|---|---:|");
    println!("| minutes | {:.1} |", tally.elapsed.as_secs_f64() / 60.0);
    println!("| alive | {} |", end.as_deref().unwrap_or("yes"));
    println!("| error replies | {} |", tally.errors());
    println!("| connections lost | {} |", tally.lost);
    println!("| sessions held | {} |", keys.map_or("-".into(), |keys| keys.to_string()));
    println!("| sessions written, evicted | {}, {evicted} |", tally.writes);
    println!("| rewrites of the log | {rewrites} |");
    println!("| requests (1/s) | {:.0} |", tally.per_second());
    println!("| used_memory, most (MiB) | {:.1} |", mib(samples.used_max));
    println!("| RSS, most (MiB) | {:.1} |", mib(samples.rss_max));
    println!("| PING, worst and p99.9 (ms) | {:.2}, {:.2} |", pings.worst_ms(), pings.p999_ms());
    for error in &tally.examples {
        println!("\nan error: {error}");
    }
    Ok(exit(end.is_none() && tally.errors() == 0))
}

fn samples(options: &Options) -> io::Result<ExitCode> {
    let crowd = Crowd { writers: 50, readers: 20, slow_readers: 0, rewriters: 0 };
    let mut held = true;
    println!(
        "| policy | values | used_memory over maxmemory (KiB) | allowed | RSS over (MiB) | allowed \
         | evicted | refused | other errors | requests (1/s) | PING, worst (ms) |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    for policy in POLICIES {
        for mix in Mix::ALL.into_iter().filter(|mix| options.wants(policy, mix.name())) {
            let arguments = options.server_arguments("64mb", policy);
            let mut server = Server::start(options, None, &arguments)?;
            let outcome = run(&server, mix, crowd, options.period)?;
            held &= report_sample(policy, mix, &outcome) && server.ended().is_none();
        }
    }
    Ok(exit(held))
}

fn compare_hits(options: &Options) -> io::Result<ExitCode> {
    let reference = options.of_redis();
    let mut held = true;
    println!("| trace | redis-server | sidering |\n|---|---:|---:|");
    for trace in hits::Trace::ALL {
        let shares = [&reference, options].map(|options| {
            let arguments = options.server_arguments("24mb", "allkeys-lru");
            let server = Server::start(options, None, &arguments)?;
            hits::measure(server.port, trace, options.period)
        });
        let [theirs, ours] = shares;
        let (theirs, ours) = (theirs?, ours?);
        println!("| {} | {:.2} % | {:.2} % |", trace.name(), theirs * 100.0, ours * 100.0);
        held &= ours >= theirs;
    }
    Ok(exit(held))
}

/// One row of the table; false if a figure is beyond what is allowed.
fn report_sample(policy: &str, mix: Mix, outcome: &Outcome) -> bool {
    let Outcome { tally, samples, pings, evicted, .. } = outcome;
    let limit = samples.limit;
    let used_allowed = limit / USED_SLACK + tally.largest_request as u64;
    let rss_allowed = limit / RSS_SLACK.0 + RSS_SLACK.1;
    let rss_over = samples.rss_max as i64 - limit as i64;
    println!(
        "| {policy} | {} | {} | {} | {:.1} | {:.1} | {evicted} | {} | {} | {:.0} | {:.2} |",
        mix.name(),
        samples.over_max / 1024,
        used_allowed / 1024,
        rss_over as f64 / f64::from(1 << 20),
        rss_allowed as f64 / f64::from(1 << 20),
        tally.refused,
        tally.errors() - tally.refused,
        tally.per_second(),
        pings.worst_ms(),
    );
    for error in tally.examples.iter().filter(|error| !error.starts_with("OOM")) {
        eprintln!("an error: {error}");
    }
    // Keys without a TTL fill up what volatile policies may not take; sessions all have one.
    let evicts =
        policy.starts_with("allkeys") || (policy.starts_with("volatile") && mix == Mix::Sessions);
    samples.over_max <= used_allowed as i64
        && rss_over <= rss_allowed as i64
        && tally.errors() == tally.refused
        && !(evicts && tally.refused > 0)
}

fn exit(held: bool) -> ExitCode {
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
