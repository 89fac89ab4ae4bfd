//! Faults of the disk on demand, for tests: a step fails, is slow, is cut short, or is the process's
//! last one; and a trace of all steps, from which a test can make the disk that a power cut leaves.
//!
//! A test asks by `DEBUG FAULT rule ...`, or with the variable [`VARIABLE`] from the start on:
//!
//! | rule | meaning |
//! |---|---|
//! | `sync@.incr.aof:EIO:3` | the third sync of a file with `.incr.aof` in its path fails |
//! | `write:ENOSPC` | all writes fail |
//! | `any:EIO:7+` | every step from the seventh on fails |
//! | `write@dump:short=5:1` | the first write takes five bytes only; `short=0` takes none |
//! | `sync:delay=200` | syncs take 200 ms longer |
//! | `rename:kill:2`, `rename:kill-after:2` | the process ends before or after the second rename |
//! | `trace=/tmp/steps` | every step is written to that file |
//!
//! Invariant: release builds have none of this; in others nothing happens unless it was asked for.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The environment variable that holds rules, separated by blanks.
pub const VARIABLE: &str = "SIDERING_FAULTS";

/// What is done with a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Opened, to be read or changed.
    Open,
    Read,
    /// Made, or made empty.
    Create,
    Write,
    /// Given another length.
    Cut,
    Sync,
    Rename,
    SyncDirectory,
    Remove,
    CreateDirectory,
}

impl Step {
    const NAMES: [(&str, Step); 10] = [
        ("open", Step::Open),
        ("read", Step::Read),
        ("create", Step::Create),
        ("write", Step::Write),
        ("cut", Step::Cut),
        ("sync", Step::Sync),
        ("rename", Step::Rename),
        ("syncdir", Step::SyncDirectory),
        ("remove", Step::Remove),
        ("mkdir", Step::CreateDirectory),
    ];

    fn name(self) -> &'static str {
        Step::NAMES.iter().find(|(_, step)| *step == self).map_or("", |(name, _)| name)
    }

    /// Whether the disk may be another one afterwards.
    fn changes(self) -> bool {
        !matches!(self, Step::Open | Step::Read)
    }
}

/// The errors that rules can name.
const ERRORS: [(&str, i32); 10] = [
    ("EIO", libc::EIO),
    ("ENOSPC", libc::ENOSPC),
    ("EDQUOT", libc::EDQUOT),
    ("EFBIG", libc::EFBIG),
    ("EROFS", libc::EROFS),
    ("ESTALE", libc::ESTALE),
    ("EINTR", libc::EINTR),
    ("EAGAIN", libc::EAGAIN),
    ("EMFILE", libc::EMFILE),
    ("EACCES", libc::EACCES),
];

#[derive(Clone, Copy, Debug)]
enum Effect {
    Error(i32),
    /// A write takes no more bytes than that.
    Short(usize),
    Delay(Duration),
    Kill,
    KillAfter,
}

#[derive(Debug)]
struct Rule {
    /// None is any step that changes something.
    step: Option<Step>,
    /// What the path has to contain.
    part: String,
    effect: Effect,
    /// The first and the last step that it acts on, of those that it applies to.
    acts: (u64, u64),
    met: u64,
}

impl Rule {
    fn parse(text: &str) -> Option<Rule> {
        let mut fields = text.split(':');
        let (subject, effect, when) = (fields.next()?, fields.next()?, fields.next());
        let (step, part) = subject.split_once('@').unwrap_or((subject, ""));
        let named = Step::NAMES.iter().find(|(name, _)| *name == step).map(|(_, step)| *step);
        if named.is_none() && step != "any" || fields.next().is_some() {
            return None;
        }
        let acts = match when {
            None => (1, u64::MAX),
            Some(when) => match when.strip_suffix('+') {
                Some(from) => (from.parse().ok()?, u64::MAX),
                None => (when.parse().ok()?, when.parse().ok()?),
            },
        };
        Some(Rule { step: named, part: part.into(), effect: Effect::parse(effect)?, acts, met: 0 })
    }

    /// Whether it acts on this step; counts it.
    fn acts_on(&mut self, step: Step, path: &Path) -> bool {
        let applies = self.step.map_or(step.changes(), |own| own == step)
            && path.to_string_lossy().contains(&self.part);
        self.met += u64::from(applies);
        applies && (self.acts.0..=self.acts.1).contains(&self.met)
    }
}

impl Effect {
    fn parse(text: &str) -> Option<Effect> {
        let (word, number) = text.split_once('=').unwrap_or((text, ""));
        match word {
            "kill" => Some(Effect::Kill),
            "kill-after" => Some(Effect::KillAfter),
            "short" => Some(Effect::Short(number.parse().ok()?)),
            "delay" => Some(Effect::Delay(Duration::from_millis(number.parse().ok()?))),
            _ => ERRORS
                .iter()
                .find(|(name, _)| *name == word)
                .map(|(_, errno)| Effect::Error(*errno)),
        }
    }
}

/// What was asked for.
struct Faults {
    rules: Vec<Rule>,
    trace: Option<File>,
    /// How often a rule has acted.
    acted: u64,
}

static ON: AtomicBool = AtomicBool::new(false);
static FAULTS: Mutex<Faults> = Mutex::new(Faults { rules: Vec::new(), trace: None, acted: 0 });

/// Whether there is anything to ask this module for. False in release builds, at no cost.
#[inline(always)]
pub fn is_on() -> bool {
    cfg!(debug_assertions) && ON.load(Ordering::Relaxed)
}

fn faults() -> MutexGuard<'static, Faults> {
    FAULTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces the rules by those of [`VARIABLE`], where release builds do not look.
///
/// # Errors
/// As [`set`].
pub fn set_from_environment() -> Result<(), String> {
    match std::env::var(VARIABLE) {
        Ok(rules) if cfg!(debug_assertions) => set(&rules).map(|_| ()),
        _ => Ok(()),
    }
}

/// Replaces the rules by those of the text; how often the old ones have acted.
///
/// # Errors
/// The rule that is none.
pub fn set(text: &str) -> Result<u64, String> {
    let (mut rules, mut trace) = (Vec::new(), None);
    for word in text.split_ascii_whitespace() {
        match (word.strip_prefix("trace="), Rule::parse(word)) {
            (Some(path), _) => {
                let opened = File::options().append(true).create(true).open(path);
                trace = Some(opened.map_err(|error| format!("{word}: {error}"))?);
            }
            (None, Some(rule)) => rules.push(rule),
            (None, None) => return Err(word.to_owned()),
        }
    }
    ON.store(!rules.is_empty() || trace.is_some(), Ordering::Relaxed);
    let mut faults = faults();
    let acted = faults.acted;
    *faults = Faults { rules, trace, acted: 0 };
    Ok(acted)
}

/// What rules say about a step that is about to be done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    /// It fails with this.
    pub errno: Option<i32>,
    /// It takes that much longer.
    pub delay: Duration,
    /// A write takes no more bytes.
    pub bytes_max: Option<usize>,
    /// The process ends after it.
    kills: bool,
}

/// What becomes of a step at `path`; notes in the trace that it begins, with `detail` (what it is told
/// beside the path) and `bytes` to be written.
pub fn begin(step: Step, path: &Path, detail: &str, bytes: &[u8]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut faults = faults();
    let Faults { rules, acted, .. } = &mut *faults;
    for rule in rules {
        if !rule.acts_on(step, path) {
            continue;
        }
        *acted += 1;
        match rule.effect {
            Effect::Error(errno) => verdict.errno = Some(errno),
            Effect::Short(bytes) => verdict.bytes_max = Some(bytes),
            Effect::Delay(delay) => verdict.delay = delay,
            Effect::Kill => die(),
            Effect::KillAfter => verdict.kills = true,
        }
    }
    if step.changes() && verdict.errno.is_none() {
        let taken = verdict.bytes_max.unwrap_or(usize::MAX).min(bytes.len());
        faults.note(step.name(), path, detail, &bytes[..taken]);
    }
    verdict
}

/// Notes that a step has been done.
pub fn end(step: Step, path: &Path, verdict: Verdict) {
    if matches!(step, Step::Sync | Step::SyncDirectory) {
        faults().note("done", path, step.name(), b"");
    }
    if verdict.kills {
        die();
    }
}

impl Faults {
    /// A line of the trace: the step, how many bytes follow the line, what else it was told, the path.
    fn note(&mut self, step: &str, path: &Path, detail: &str, bytes: &[u8]) {
        if let Some(trace) = &mut self.trace {
            let mut line = String::new();
            let _ = writeln!(line, "{step}\t{}\t{detail}\t{}", bytes.len(), path.display());
            let noted = trace.write_all(&[line.as_bytes(), bytes].concat());
            noted.expect("a trace can be written");
        }
    }
}

/// Does a step at `path` as the rules want it.
pub fn around<T>(
    step: Step,
    path: &Path,
    detail: &str,
    call: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let verdict = begin(step, path, detail, b"");
    thread::sleep(verdict.delay);
    if let Some(errno) = verdict.errno {
        return Err(io::Error::from_raw_os_error(errno));
    }
    let done = call()?;
    end(step, path, verdict);
    Ok(done)
}

/// The path of an open file.
pub fn path_of(file: &impl AsRawFd) -> PathBuf {
    let fd: RawFd = file.as_raw_fd();
    fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default()
}

/// Ends the process as kill -9 would.
fn die() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acted(rule: &str, steps: &[(Step, &str)]) -> Vec<bool> {
        let mut rule = Rule::parse(rule).expect("a rule");
        steps.iter().map(|(step, path)| rule.acts_on(*step, Path::new(path))).collect()
    }

    #[test]
    fn rules_count_the_steps_they_apply_to() {
        let steps = [
            (Step::Sync, "a.1.incr.aof"),
            (Step::Write, "a.1.incr.aof"),
            (Step::Sync, "a.1.base.rdb"),
            (Step::Read, "a.1.incr.aof"),
            (Step::Sync, "a.2.incr.aof"),
        ];
        assert_eq!(acted("sync@.incr:EIO:2", &steps), [false, false, false, false, true]);
        assert_eq!(acted("sync:delay=5", &steps), [true, false, true, false, true]);
        assert_eq!(acted("any:kill:2+", &steps), [false, true, true, false, true]);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in
            ["sync", "sync:", "fsync:EIO", "sync:EWHAT", "sync:EIO:x", "write:short", "a:b:1:2"]
        {
            assert!(Rule::parse(text).is_none(), "{text}");
        }
    }
}
