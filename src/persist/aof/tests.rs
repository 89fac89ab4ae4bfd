//! Logs as power cuts and bad disks leave them.

use super::check::{Action, Check, CheckSnapshot};
use super::growing::Growing;
use super::load::{Repair, Replay, load};
use super::manifest::{Kind, Manifest, Part, Place};
use super::record;
use crate::base::rng::{Rng, os_seed};
use crate::resp::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const REPAIR: Repair = Repair { allowed: true, garbage_bytes_max: 4 << 20 };
const NO_REPAIR: Repair = Repair { allowed: false, ..REPAIR };

/// Remembers what it was told to run.
#[derive(Default)]
struct Commands(Vec<Vec<u8>>);

impl Replay for Commands {
    fn run(&mut self, args: Args<'_>) -> Result<(), String> {
        self.0.push(args.from(0).collect::<Vec<_>>().join(&b' '));
        Ok(())
    }

    fn load_snapshot(&mut self, _: &Path, _: u64) -> Result<u64, String> {
        Err("no snapshot".into())
    }

    fn goes_on(&mut self, _: u64) -> bool {
        true
    }

    fn begin_anew(&mut self) {
        self.0.clear();
    }
}

/// A directory with a log of one file; gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        // In memory where that is possible: many thousands of files are synchronised.
        let shared = Path::new("/dev/shm");
        let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let dir = parent.join(format!("sidering-aof-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        Scratch(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.join("a.1.incr.aof")
    }

    /// Loads a log with that content; what it ran, or why it was refused.
    fn load(&self, content: &[u8], repair: Repair) -> Result<Vec<Vec<u8>>, String> {
        fs::write(self.path(), content).expect("a file");
        let incr = vec![Part { name: b"a.1.incr.aof".to_vec(), seq: 1, kind: Kind::Incr }];
        let place = Place { dir: self.0.clone(), log: "a".into() };
        let mut commands = Commands::default();
        let manifest = Manifest { incr, ..Manifest::default() };
        load(&place, &manifest, repair, &mut commands).map(|_| commands.0)
    }

    fn len(&self) -> usize {
        fs::metadata(self.path()).expect("a file").len() as usize
    }

    fn bad(&self) -> Option<Vec<u8>> {
        let path = self.0.join("a.1.incr.aof.bad");
        let content = fs::read(&path).ok();
        let _ = fs::remove_file(path);
        content
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A log, where its units end, and the commands up to each of those ends.
struct Sample {
    bytes: Vec<u8>,
    ends: Vec<(usize, usize)>,
    commands: Vec<Vec<u8>>,
}

impl Sample {
    /// Units of random words, in transactions and with notes now and then.
    fn new(rng: &mut Rng, bytes_min: usize) -> Sample {
        let mut sample = Sample { bytes: Vec::new(), ends: vec![(0, 0)], commands: Vec::new() };
        while sample.bytes.len() < bytes_min {
            if rng.below(8) == 0 {
                sample.bytes.extend_from_slice(b"#TS:1700000000\r\n");
            }
            let count = [1, 1, 1, 2, 5][rng.below(5)];
            let marked = count > 1;
            if marked {
                record::push(&mut sample.bytes, [&b"MULTI"[..]].into_iter());
            }
            (0..count).for_each(|_| sample.push(rng));
            if marked {
                record::push(&mut sample.bytes, [&b"exec"[..]].into_iter());
            }
            sample.ends.push((sample.bytes.len(), sample.commands.len()));
        }
        sample
    }

    fn push(&mut self, rng: &mut Rng) {
        let word = |rng: &mut Rng| (0..rng.below(40)).map(|_| rng.below(256) as u8).collect();
        let mut words: Vec<Vec<u8>> = (0..rng.below(6)).map(|_| word(rng)).collect();
        words.insert(0, [&b"SET"[..], b"ZADD", b"hset", b"RPUSH"][rng.below(4)].to_vec());
        record::push(&mut self.bytes, words.iter().map(Vec::as_slice));
        self.commands.push(words.join(&b' '));
    }

    /// What is left of the log when it ends at `cut`: its length, and its commands.
    fn up_to(&self, cut: usize) -> (usize, &[Vec<u8>]) {
        let whole = self.ends.partition_point(|(end, _)| *end <= cut) - 1;
        let (end, commands) = self.ends[whole];
        (end, &self.commands[..commands])
    }
}

fn sample(bytes_min: usize) -> (Rng, Sample) {
    let seed = os_seed();
    println!("seed {seed}");
    let mut rng = Rng::seeded(seed);
    let sample = Sample::new(&mut rng, bytes_min);
    (rng, sample)
}

#[test]
fn a_log_cut_at_any_byte_yields_the_whole_transactions_before() {
    let (_, sample) = sample(64 << 10);
    let scratch = Scratch::new("cut");
    for cut in 0..=sample.bytes.len() {
        let (end, commands) = sample.up_to(cut);
        let loaded = scratch.load(&sample.bytes[..cut], REPAIR);
        assert_eq!(loaded.as_deref(), Ok(commands), "cut at {cut}");
        // A note behind the last unit may stay.
        assert!((end..=cut).contains(&scratch.len()), "cut at {cut}: {}", scratch.len());
    }
    assert_eq!(scratch.bad(), None, "half a record is not worth keeping");
}

#[test]
fn zeros_and_garbage_at_the_end_are_cut_off_and_garbage_is_kept() {
    let (mut rng, sample) = sample(4 << 10);
    let scratch = Scratch::new("tails");
    for _ in 0..300 {
        let cut = rng.below(sample.bytes.len() + 1);
        let (end, commands) = sample.up_to(cut);
        let zeros = vec![0; 1 + rng.below(10_000)];
        let torn = [&sample.bytes[..cut], &zeros].concat();
        assert_eq!(scratch.load(&torn, REPAIR).as_deref(), Ok(commands), "zeros from {cut}");
        assert!(scratch.len() <= cut && scratch.len() >= end);
        let _ = scratch.bad();
        let garbage: Vec<u8> =
            (0..1 + rng.below(5000)).map(|_| 128 + rng.below(128) as u8).collect();
        let torn = [&sample.bytes[..end], &garbage, &zeros].concat();
        assert_eq!(scratch.load(&torn, REPAIR).as_deref(), Ok(commands), "garbage from {end}");
        assert_eq!((scratch.len(), scratch.bad()), (end, Some(garbage)));
        assert!(scratch.load(&torn, NO_REPAIR).is_err() && scratch.len() == torn.len());
    }
}

#[test]
fn garbage_beyond_the_bound_is_refused_and_zeros_have_none() {
    let (_, sample) = sample(1 << 10);
    let scratch = Scratch::new("bound");
    let repair = Repair { garbage_bytes_max: 100, ..REPAIR };
    let with = |tail: &[u8]| [&sample.bytes[..], tail].concat();
    assert!(scratch.load(&with(&[200; 100]), repair).is_ok());
    assert!(scratch.load(&with(&[0; 5 << 20]), repair).is_ok());
    let refusal = scratch.load(&with(&[200; 101]), repair).expect_err("too much garbage");
    assert!(
        refusal.starts_with("Bad file format reading the append only file a.1.incr.aof"),
        "{refusal}"
    );
    assert!(refusal.contains(&format!("offset {}", sample.bytes.len())), "{refusal}");
}

#[test]
fn damage_with_records_behind_it_is_refused_with_its_offset() {
    let (mut rng, sample) = sample(8 << 10);
    let scratch = Scratch::new("middle");
    for _ in 0..200 {
        let unit = rng.below(sample.ends.len() - 20);
        let at = sample.ends[unit].0;
        let (before, behind) = sample.bytes.split_at(at);
        let damaged = [before, b"!!!", behind].concat();
        let refusal = scratch.load(&damaged, REPAIR).expect_err("damage in the middle");
        assert!(refusal.contains(&format!("offset {at}")), "{at}: {refusal}");
        assert_eq!((scratch.len(), scratch.bad()), (damaged.len(), None));
        let endless = [before, b"*2\r\n$3\r\nSET\r\n$9999999\r\nx\r\n", behind].concat();
        assert!(scratch.load(&endless, REPAIR).is_err(), "a length that swallows the rest");
        assert_eq!(scratch.len(), endless.len());
    }
}

#[test]
fn a_write_of_which_later_sectors_arrived_first_is_cut_off() {
    let (_, sample) = sample(64 << 10);
    let scratch = Scratch::new("torn");
    let mut torn = sample.bytes.clone();
    torn[20 << 10..21 << 10].fill(0);
    let (end, commands) = sample.up_to(20 << 10);
    assert_eq!(scratch.load(&torn, REPAIR).as_deref(), Ok(commands));
    let left = scratch.len();
    // A note behind the last unit may stay.
    assert!((end..=20 << 10).contains(&left));
    assert_eq!(scratch.bad().map(|bad| bad.len()), Some(torn.len() - left));
}

#[test]
fn flipped_bits_never_panic_and_what_is_loaded_begins_as_it_was() {
    let (mut rng, sample) = sample(2 << 10);
    let scratch = Scratch::new("flips");
    for _ in 0..50_000 {
        let (at, bit) = (rng.below(sample.bytes.len()), rng.below(8));
        let mut damaged = sample.bytes.clone();
        damaged[at] ^= 1 << bit;
        let (_, before) = sample.up_to(at);
        if let Ok(commands) = scratch.load(&damaged, REPAIR) {
            assert_eq!(&commands[..before.len()], before, "bit {bit} of {at}");
        }
    }
}

/// A sample as a server writes it, in groups of some units with checksums, and where each of those ends.
fn summed(rng: &mut Rng, sample: &Sample) -> (Vec<u8>, Vec<usize>) {
    let path = std::env::temp_dir().join(format!("sidering-summed-{}", rng.below(1 << 40)));
    let mut growing = Growing::new(Arc::new(fs::File::create(&path).expect("a file")), 0);
    growing.write_sums(true);
    let (mut at, mut ends) = (0, vec![0]);
    while at + 1 < sample.ends.len() {
        let to = (at + 1 + rng.below(5)).min(sample.ends.len() - 1);
        let before = growing.offset() as usize;
        growing.append(&sample.bytes[sample.ends[at].0..sample.ends[to].0]).expect("written");
        if growing.offset() as usize - before > sample.ends[to].0 - sample.ends[at].0 {
            ends.push(growing.offset() as usize);
        }
        at = to;
    }
    let bytes = fs::read(&path).expect("a file");
    fs::remove_file(path).expect("removed");
    (bytes, ends)
}

#[test]
fn flipped_bits_before_a_checksum_are_found() {
    let (mut rng, sample) = sample(16 << 10);
    let (bytes, ends) = summed(&mut rng, &sample);
    assert!(ends.len() > 3, "{ends:?}");
    let scratch = Scratch::new("sums");
    assert_eq!(scratch.load(&bytes, NO_REPAIR).as_deref(), Ok(&sample.commands[..]));
    for _ in 0..5_000 {
        let (at, bit) = (rng.below(*ends.last().expect("a sum")), rng.below(8));
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << bit;
        // A line that is damaged itself does no harm.
        if let Ok(commands) = scratch.load(&damaged, NO_REPAIR) {
            assert_eq!(commands, sample.commands, "bit {bit} of {at}");
        }
    }
}

#[test]
fn a_torn_write_that_reads_as_records_is_taken_back() {
    let scratch = Scratch::new("taken-back");
    let path = scratch.path();
    let write = |fill: u8| {
        let mut growing = Growing::new(Arc::new(fs::File::create(&path).expect("a file")), 0);
        growing.write_sums(true);
        for value in [&b"small"[..], &[fill; 9000], b"later"] {
            let mut unit = Vec::new();
            record::push(&mut unit, [&b"SET"[..], b"key", value].into_iter());
            growing.append(&unit).expect("written");
        }
        fs::read(&path).expect("a file")
    };
    let mut torn = write(b'v');
    let page = torn.len() - 64 - 8192..torn.len() - 64 - 4096;
    torn[page].fill(0);
    // Behind the write that is torn stands another: it is of the same second at most.
    assert_eq!(scratch.load(&torn, REPAIR), Ok(vec![]));
    assert_eq!((scratch.len(), scratch.bad().map(|bad| bad.len())), (0, Some(torn.len())));
    assert!(scratch.load(&torn, NO_REPAIR).is_err());
    // The same where nothing is missing is another's doing.
    let mut changed = write(b'v');
    changed[5000] = b'w';
    let refusal = scratch.load(&changed, REPAIR).expect_err("a byte that nobody wrote");
    assert!(refusal.contains("(offset 0: what stands from there up to offset"), "{refusal}");
    let (text, sound) = check(&path, Action::Report);
    assert!(!sound && text.contains("Wrong checksum of what stands from 0x0 on"), "{text}");
    assert!(text.contains("ok_up_to=0,"), "{text}");
}

#[test]
fn only_the_last_file_that_holds_something_may_end_early() {
    let scratch = Scratch::new("last");
    let part = |name: &str, seq| Part { name: name.into(), seq, kind: Kind::Incr };
    let incr = vec![part("a.1.incr.aof", 1), part("a.2.incr.aof", 2)];
    fs::write(scratch.path(), b"*1\r\n$4\r\nPI").expect("a file");
    let behind = scratch.0.join("a.2.incr.aof");
    fs::write(&behind, b"*1\r\n$4\r\nPING\r\n").expect("a file");
    let place = Place { dir: scratch.0.clone(), log: "a".into() };
    let manifest = Manifest { incr, ..Manifest::default() };
    let refusal = load(&place, &manifest, REPAIR, &mut Commands::default()).expect_err("a hole");
    assert!(refusal.ends_with("Fatal error: the truncated file is not the last file"), "{refusal}");
    assert_eq!(scratch.len(), 10);
    fs::write(&behind, b"").expect("a file");
    load(&place, &manifest, REPAIR, &mut Commands::default()).expect("an end that was cut off");
    assert_eq!(scratch.len(), 0);
}

#[test]
fn a_missing_manifest_is_no_empty_log() {
    let scratch = Scratch::new("orphan");
    let place = Place { dir: scratch.0.clone(), log: "a".into() };
    assert!(place.read_manifest().expect("nothing there").is_empty());
    fs::write(scratch.path(), b"*1\r\n$4\r\nPING\r\n").expect("a file");
    assert!(place.read_manifest().expect_err("a file without manifest").contains("is missing"));
    let other = Place { log: "b".into(), ..place };
    assert!(other.read_manifest().expect("a log of another name").is_empty());
}

/// What check-aof says of a log, and whether it is sound; answers yes when asked.
fn check(path: &Path, action: Action) -> (String, bool) {
    let (mut out, mut input) = (Vec::new(), &b"y\n"[..]);
    let snapshot: CheckSnapshot<'_> = &mut |_, _| Ok(None);
    let mut check = Check { action, input: &mut input, out: &mut out, snapshot };
    let sound = check.run(path).is_ok();
    (String::from_utf8(out).expect("text"), sound)
}

#[test]
fn the_tool_reports_and_cuts_off_what_does_not_belong_there() {
    let (_, sample) = sample(1 << 10);
    let scratch = Scratch::new("check");
    let (path, size) = (scratch.path(), sample.bytes.len());
    fs::write(&path, &sample.bytes).expect("a file");
    let (text, sound) = check(&path, Action::Report);
    assert!(sound && text.ends_with("is valid\n"), "{text}");
    fs::write(&path, [&sample.bytes[..], b"*1\r\n$4\r\nPI"].concat()).expect("a file");
    let (text, sound) = check(&path, Action::Report);
    assert!(
        !sound && text.ends_with("is not valid. Use the --fix option to try fixing it.\n"),
        "{text}"
    );
    assert!(text.contains(&format!("size={}, ok_up_to={size}, ", size + 10)), "{text}");
    let (text, sound) = check(&path, Action::Fix);
    assert!(sound && text.contains("Successfully truncated AOF"), "{text}");
    assert_eq!(fs::read(&path).expect("a file"), sample.bytes);
}

#[test]
fn the_tool_goes_back_in_time() {
    let scratch = Scratch::new("time");
    let path = scratch.path();
    let log = "#TS:5\r\n*1\r\n$4\r\nPING\r\n#TS:7\r\n*1\r\n$4\r\nPING\r\n";
    fs::write(&path, log).expect("a file");
    let (text, _) = check(&path, Action::TruncateTo(7));
    assert!(text.contains("Truncate nothing in AOF"), "{text}");
    let (text, sound) = check(&path, Action::TruncateTo(4));
    assert!(!sound && text.contains("has nothing before timestamp 4, aborting..."), "{text}");
    let (text, sound) = check(&path, Action::TruncateTo(6));
    assert!(sound && text.contains("to timestamp 6"), "{text}");
    assert_eq!(scratch.len(), log.len() / 2);
}

#[test]
fn the_tool_follows_a_manifest() {
    let scratch = Scratch::new("manifest");
    let path = scratch.0.join("a.manifest");
    fs::write(&path, "file a.1.base.aof seq 1 type b\nfile a.1.incr.aof seq 1 type i\n")
        .expect("a file");
    fs::write(scratch.0.join("a.1.base.aof"), "").expect("a file");
    fs::write(scratch.path(), "*1\r\n$4\r\nPING\r\n").expect("a file");
    let (text, sound) = check(&path, Action::Report);
    assert!(sound, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "Start checking Multi Part AOF");
    assert_eq!(
        lines[1..4],
        [
            "Start to check BASE AOF (RESP format).",
            "BASE AOF a.1.base.aof is empty",
            "Start to check INCR files."
        ]
    );
    assert_eq!(
        lines[5..],
        ["INCR AOF a.1.incr.aof is valid", "All AOF files and manifest are valid"]
    );
}
