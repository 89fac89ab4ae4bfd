//! Power cuts on a disk in memory: a server's trace is followed, and what each of many cuts may leave
//! is loaded and judged by the oracle.
//!
//! `IMAGES` says how many cuts each trace is followed by (default 4,000).

use std::fs;
use std::path::{Path, PathBuf};

use sidering::base::rng::Rng;
use sidering::command::load::limits;
use sidering::config::Config;
use sidering::keyspace::Keyspace;
use sidering::persist::aof::load::load;
use sidering::persist::aof::{Place, Repair, Replay};
use sidering::persist::rdb::load::{Expired, Intake, Options, load as load_rdb};
use sidering::resp::Args;
use sidering::types::ValueRef;

use super::fault::with_faults;
use crate::support::oracle::{Found, Told, append_some, judge};
use crate::support::simdisk::{Image, SimDisk, Step, read_trace};
use crate::support::*;

/// Cuts that are tried at one point of a trace.
const CUTS: usize = 4;
/// The most transactions that are sent at once.
const PIPELINE_MAX: usize = 12;

/// What was promised from some length of the trace on.
struct Promise {
    from: u64,
    acknowledged: i64,
    /// Whether a snapshot was reported that holds this.
    saved: bool,
}

/// A run that was traced.
struct Run {
    dir: PathBuf,
    steps: Vec<Step>,
    promises: Vec<Promise>,
    sent: i64,
}

/// Uses a server that is to be killed, with rewrites and snapshots in between.
fn used(server: &mut Server, rng: &mut Rng, faults: &str) -> Run {
    let trace = server.dir().join("trace");
    server.kill();
    server.set_faults(&format!("trace={} {faults}", trace.display()));
    assert!(server.starts(), "{}", server.log());
    let (mut client, told) = (server.client(), Told::default());
    let always = client.run("CONFIG GET appendfsync") == bulks(["appendfsync", "always"]);
    let mut promises = Vec::new();
    for round in 0..24 {
        match round % 8 {
            3 => drop(client.run("BGREWRITEAOF")),
            7 => drop(client.run("BGSAVE")),
            5 => server.wait_until("all is written", |server| {
                server.info("rdb_bgsave_in_progress") == "0"
                    && server.info("aof_rewrite_in_progress") == "0"
            }),
            _ => {}
        }
        let acknowledged = append_some(&mut client, 0, &told, 1 + rng.below(PIPELINE_MAX));
        let saved = round > 13;
        if always || client.run("WAITAOF 1 0 0") == array([int(1), int(0)]) && rng.below(2) == 0 {
            let from = fs::metadata(&trace).expect("a trace").len();
            promises.push(Promise { from, acknowledged, saved });
        }
    }
    client.send(&encode(&["SHUTDOWN"]));
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    let dir = server.dir().to_owned();
    let (steps, sent) =
        (read_trace(&trace, &dir), promises.last().map_or(0, |last| last.acknowledged));
    let sent = sent.max(told.sent.into_inner());
    Run { dir, steps, promises, sent }
}

/// What a log holds of the two lists of the oracle.
#[derive(Default)]
struct Lists(Found);

impl Lists {
    fn of(&mut self, key: &[u8]) -> &mut Vec<i64> {
        if key.starts_with(b"log") { &mut self.0.list } else { &mut self.0.twin }
    }
}

impl Replay for Lists {
    fn run(&mut self, args: Args<'_>) -> Result<(), String> {
        match args.at(0).to_ascii_lowercase().as_slice() {
            b"select" => Ok(()),
            b"rpush" => {
                let numbers = args.from(2).map(|text| std::str::from_utf8(text).expect("text"));
                let numbers: Vec<i64> =
                    numbers.map(|text| text.parse().expect("a number")).collect();
                self.of(args.at(1)).extend(numbers);
                Ok(())
            }
            name => Err(format!("nobody logged {}", name.escape_ascii())),
        }
    }

    fn load_snapshot(&mut self, path: &Path, _: u64) -> Result<u64, String> {
        let (found, bytes) = lists_of_snapshot(path)?;
        self.0 = found;
        Ok(bytes)
    }

    fn goes_on(&mut self, _: u64) -> bool {
        true
    }

    fn begin_anew(&mut self) {
        self.0 = Found::default();
    }
}

fn lists_of_snapshot(path: &Path) -> Result<(Found, u64), String> {
    let mut keyspace = Keyspace::new(16, 1);
    let options = Options {
        databases: 16,
        checksum: true,
        text_bytes_max: 1 << 20,
        unpacked_bytes_max: 1 << 20,
        limits: limits(&Config::default()),
    };
    let mut file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut intake = Intake::new(&mut keyspace, Expired::Keep, false);
    let loaded = load_rdb(&mut file, &options, &mut intake).map_err(|error| error.to_string())?;
    let mut list = |key: &[u8]| match keyspace.db(0).peek(key) {
        Some(ValueRef::List(list)) => list
            .iter()
            .map(|item| String::from_utf8(item.to_vec()).expect("text").parse().expect("a number"))
            .collect(),
        _ => Vec::new(),
    };
    Ok((Found { list: list(b"log:0"), twin: list(b"twin:0") }, loaded.bytes))
}

/// A directory in memory where images are loaded.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let shared = Path::new("/dev/shm");
        let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let dir = parent.join(format!("sidering-simdisk-{name}-{}", std::process::id()));
        fs::create_dir_all(dir.join("appendonlydir")).expect("a directory");
        Scratch(dir)
    }

    fn lay_out(&self, image: &Image, from: &Path) {
        for dir in [self.0.clone(), self.0.join("appendonlydir")] {
            for entry in fs::read_dir(dir).expect("a directory") {
                // Directories stay.
                let _ = fs::remove_file(entry.expect("an entry").path());
            }
        }
        for (path, content) in image {
            let path = self.0.join(path.strip_prefix(from).expect("in the server's directory"));
            fs::write(path, content).expect("a file");
        }
    }

    /// What a server would find in the log.
    fn log(&self) -> Result<Found, String> {
        let place = Place { dir: self.0.join("appendonlydir"), log: "appendonly.aof".into() };
        let repair = Repair { allowed: true, garbage_bytes_max: 4 << 20 };
        let manifest = place.read_manifest()?;
        let mut lists = Lists::default();
        if !manifest.is_empty() {
            load(&place, &manifest, repair, &mut lists)?;
        }
        Ok(lists.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Judges an image of a cut behind `end` bytes of the trace.
fn check_image(run: &Run, scratch: &Scratch, image: &Image, end: u64) -> Result<(), String> {
    scratch.lay_out(image, &run.dir);
    let kept = run.promises.iter().rfind(|promise| promise.from <= end);
    let promised = kept.map_or(0, |promise| promise.acknowledged);
    judge(&Told::of(run.sent, promised, 0), &scratch.log()?, true)?;
    // Again: what was repaired is sound.
    judge(&Told::of(run.sent, promised, 0), &scratch.log()?, true)?;
    let dump = scratch.0.join("dump.rdb");
    match dump.exists() {
        true => judge(&Told::of(run.sent, 0, 0), &lists_of_snapshot(&dump)?.0, true),
        false if kept.is_some_and(|promise| promise.saved) => Err("the snapshot is gone".into()),
        false => Ok(()),
    }
}

/// Follows a trace and cuts the power at many of its points.
fn check_cuts(run: &Run, rng: &mut Rng, images: usize) {
    let scratch = Scratch::new(&rng.below(1 << 30).to_string());
    let mut points: Vec<usize> =
        (0..images / CUTS).map(|_| 1 + rng.below(run.steps.len())).collect();
    points.sort_unstable();
    let (mut disk, mut done) = (SimDisk::default(), 0);
    for point in points {
        for step in &run.steps[done..point] {
            disk.follow(step, &run.dir);
        }
        done = point;
        for _ in 0..CUTS {
            let image = disk.image(rng);
            check_image(run, &scratch, &image, run.steps[point - 1].end).unwrap_or_else(|fault| {
                let sizes: Vec<_> = image.iter().map(|(path, bytes)| (path, bytes.len())).collect();
                panic!("a cut behind step {point} ({}): {fault}: {sizes:?}", run.steps[point - 1])
            });
        }
    }
    println!("{} steps, {images} images, {} promises", run.steps.len(), run.promises.len());
}

fn check_simulated(args: &[&str], faults: &str, images: usize) {
    let seed = chance().u64();
    with_faults(&["--appendonly", "no"], |server| {
        let mut rng = Rng::seeded(seed);
        server.add_args(args);
        let run = used(server, &mut rng, faults);
        check_cuts(&run, &mut rng, images);
    });
}

fn images() -> usize {
    number("IMAGES", 4000)
}

#[test]
fn what_always_promised_is_on_any_disk_that_a_power_cut_leaves() {
    let args = ["--appendonly", "yes", "--appendfsync", "always", "--aof-preallocate", "no"];
    check_simulated(&args, "", images());
}

#[test]
fn a_log_that_runs_ahead_of_its_records_keeps_the_promise_too() {
    check_simulated(&["--appendonly", "yes", "--appendfsync", "always"], "", images() / 8);
}

#[test]
fn what_waitaof_promised_is_on_any_disk_and_the_rest_is_a_suffix() {
    let args = ["--appendonly", "yes", "--appendfsync", "no", "--aof-use-rdb-preamble", "no"];
    check_simulated(&args, "", images());
}

#[test]
fn a_directory_that_could_not_be_synced_costs_nothing() {
    let args = ["--appendonly", "yes", "--appendfsync", "always", "--aof-preallocate", "no"];
    for nth in 4..=7 {
        let faults = format!("syncdir@appendonlydir:EIO:{nth}");
        check_simulated(&args, &faults, images() / 4);
    }
}
