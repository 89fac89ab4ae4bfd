//! Layer 1: the clerk, one background thread for file work that is bulky or slow.
//!
//! Jobs go to it in order through a channel, reports come back through another, and an eventfd wakes
//! the loop. It never sees the keyspace: what it writes are bytes that the loop made.
//!
//! The calls are blocking ones. The work is sequential and its operations few and large, so a runtime
//! would add a dependency and no speed.
//!
//! Invariant: files are replaced in the one order that survives a power cut (write, sync, rename, sync
//! the directory), and what they replace is deleted by its own job afterwards.

pub mod files;

pub use files::{Failure, Step};

use self::files::{Stream, Tally};
use crate::base::lzf::Compressor;
use rustix::event::{EventfdFlags, eventfd};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A piece of a file, whose bytes are made on the clerk's time.
pub trait Piece: Send {
    /// About how many bytes of memory it takes until it is written.
    fn memory(&self) -> usize;

    /// How many keys begin in it.
    fn keys(&self) -> u32;

    /// Appends its bytes to `out`.
    fn render(&self, compressor: &mut Compressor, out: &mut Vec<u8>);
}

/// What the clerk is asked for.
pub enum Job {
    /// Begins a file that takes the place of `path` once it is whole. Pieces follow, then `Finish` or
    /// `Abandon`; one such file at a time.
    Begin(Plan),
    /// The next piece of the file.
    Write(Box<dyn Piece>),
    /// All of it is there; then the log is named anew, if that is what the file was for. Reported as
    /// `Finished` or `Failed`.
    Finish { naming: Option<Naming> },
    /// The file is no longer wanted; what there is of it is deleted. Reported as `Abandoned`, unless
    /// the file is finished by then.
    Abandon,
    /// Creates an empty file that is there after a power cut, and then puts `naming` in the place of
    /// the file of that path. Reported as `Opened` or `Failed`.
    Open { path: PathBuf, naming: Option<(PathBuf, Vec<u8>)> },
    /// Names a log anew. Not reported.
    Name(Naming),
    /// Deletes the file that a log grew in whose first base failed. Not reported.
    Delete(PathBuf),
}

/// How an append log becomes another one.
#[derive(Debug)]
pub struct Naming {
    /// A file that takes the name first under which the manifest has it.
    pub rename: Option<(PathBuf, PathBuf)>,
    /// Of the manifest.
    pub path: PathBuf,
    /// What it says while files are still there that it calls history.
    pub manifest: Vec<u8>,
    /// The new base, to be deleted if it cannot be named.
    pub base: Option<PathBuf>,
    /// The files of history, to be deleted.
    pub obsolete: Vec<PathBuf>,
    /// What it says afterwards.
    pub manifest_without: Vec<u8>,
}

/// A file to be written in pieces.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where it is written, in the directory of `path`.
    pub temporary: PathBuf,
    pub path: PathBuf,
    /// Whether it ends with the CRC-64 of all pieces, the lowest byte first.
    pub sum: bool,
    /// How long to wait after each key, for tests.
    pub key_delay: Duration,
}

/// What became of a job.
#[derive(Debug)]
pub enum Report {
    /// The file stands in its place, durably.
    Finished {
        bytes: u64,
    },
    /// The file is there.
    Opened(File),
    /// Nothing has changed where it counts, unless the step is the last one.
    Failed(Failure),
    Abandoned,
}

/// The loop's end of the thread.
pub struct Clerk {
    jobs: Option<Sender<Job>>,
    reports: Receiver<Report>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What both ends see.
struct Shared {
    /// Bytes of pieces that are not written yet.
    queued: AtomicUsize,
    /// Of the file under way.
    tally: Tally,
    /// Readable when a report is there.
    told: OwnedFd,
}

impl Clerk {
    /// Starts the thread.
    ///
    /// # Errors
    /// There are no descriptors or threads left.
    pub fn start() -> std::io::Result<Clerk> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let shared = Arc::new(Shared {
            queued: AtomicUsize::new(0),
            tally: Tally::default(),
            told: eventfd(0, flags)?,
        });
        let (jobs, to_do) = channel();
        let (done, reports) = channel();
        let theirs = Arc::clone(&shared);
        let run = move || Worker::new(theirs, done).run(&to_do);
        let thread = std::thread::Builder::new().name("clerk".into()).spawn(run)?;
        Ok(Clerk { jobs: Some(jobs), reports, shared, thread: Some(thread) })
    }

    /// Hands a job over.
    pub fn give(&self, job: Job) {
        match &job {
            Job::Write(piece) => {
                self.shared.queued.fetch_add(piece.memory(), Ordering::Relaxed);
            }
            Job::Begin(_) => self.shared.tally.begin(),
            Job::Abandon => self.shared.tally.want(false),
            _ => {}
        }
        let jobs = self.jobs.as_ref().expect("the clerk works until it is dropped");
        jobs.send(job).expect("the clerk works until it is dropped");
    }

    /// Bytes of pieces that are still to be written.
    pub fn queued_bytes(&self) -> usize {
        self.shared.queued.load(Ordering::Relaxed)
    }

    /// Keys in the file under way, or in the last one.
    pub fn keys_written(&self) -> u64 {
        self.shared.tally.keys()
    }

    /// The next report, if there is one.
    pub fn take_report(&self) -> Option<Report> {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.shared.told, &mut count);
        self.reports.try_recv().ok()
    }

    /// Waits for the next report.
    pub fn wait_for_report(&self) -> Report {
        self.reports.recv().expect("the clerk works until it is dropped")
    }
}

impl AsRawFd for Clerk {
    fn as_raw_fd(&self) -> RawFd {
        self.shared.told.as_raw_fd()
    }
}

impl Drop for Clerk {
    /// Ends the thread once it has done what it was given.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the clerk does not panic");
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    reports: Sender<Report>,
    /// The file under way; an error stays until it is finished or abandoned.
    stream: Option<Result<Stream, Failure>>,
}

impl Worker {
    fn new(shared: Arc<Shared>, reports: Sender<Report>) -> Worker {
        Worker { shared, reports, stream: None }
    }

    fn run(mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            if let Some(report) = self.work(job) {
                if self.reports.send(report).is_err() {
                    return;
                }
                // The counter cannot overflow: there are never that many reports.
                let _ = rustix::io::write(&self.shared.told, &1u64.to_ne_bytes());
            }
        }
    }

    fn work(&mut self, job: Job) -> Option<Report> {
        match job {
            Job::Begin(plan) => self.begin(plan),
            Job::Write(piece) => self.write(&*piece),
            // Who gives it up has left another job behind this one.
            Job::Finish { .. } if !self.shared.tally.is_wanted() => None,
            Job::Finish { naming } => {
                let finished = self.stream.take()?.and_then(Stream::finish);
                let named = finished.and_then(|bytes| {
                    naming.map_or(Ok(()), |naming| files::name(&naming)).map(|()| bytes)
                });
                Some(named.map_or_else(Report::Failed, |bytes| Report::Finished { bytes }))
            }
            Job::Abandon => {
                self.shared.tally.want(true);
                if let Ok(stream) = self.stream.take()? {
                    stream.remove();
                }
                Some(Report::Abandoned)
            }
            Job::Open { path, naming } => {
                let opened = files::open(&path, naming.as_ref());
                Some(opened.map_or_else(Report::Failed, Report::Opened))
            }
            Job::Name(naming) => {
                files::name(&naming).unwrap_or_else(|failure| log::warn!("{failure}"));
                None
            }
            Job::Delete(path) => {
                files::delete(&path, "temp incr aof");
                None
            }
        }
    }

    fn begin(&mut self, plan: Plan) -> Option<Report> {
        self.stream = Some(Stream::create(plan));
        None
    }

    fn write(&mut self, piece: &dyn Piece) -> Option<Report> {
        if let Some(Ok(stream)) = &mut self.stream
            && let Err(failure) = stream.write(piece, &self.shared.tally)
            && let Some(Ok(stream)) = self.stream.replace(Err(failure))
        {
            stream.remove();
        }
        self.shared.queued.fetch_sub(piece.memory(), Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::crc::crc64;
    use std::fs;
    use std::path::Path;

    struct Bytes(Vec<u8>);

    impl Piece for Bytes {
        fn memory(&self) -> usize {
            self.0.len()
        }

        fn keys(&self) -> u32 {
            1
        }

        fn render(&self, _: &mut Compressor, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.0);
        }
    }

    fn directory(name: &str) -> PathBuf {
        let dir =
            std::env::temp_dir().join(format!("sidering-clerk-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        dir
    }

    fn begin(clerk: &Clerk, dir: &Path) -> PathBuf {
        begin_slowly(clerk, dir, Duration::ZERO)
    }

    fn begin_slowly(clerk: &Clerk, dir: &Path, key_delay: Duration) -> PathBuf {
        let path = dir.join("dump.rdb");
        let temporary = dir.join("temp");
        clerk.give(Job::Begin(Plan { temporary, path: path.clone(), sum: true, key_delay }));
        path
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("the directory").map(|entry| entry.expect("one"));
        entries.map(|entry| entry.file_name().into_string().expect("text")).collect()
    }

    #[test]
    fn pieces_become_a_file_with_their_checksum() {
        let (dir, clerk) = (directory("pieces"), Clerk::start().expect("starts"));
        let path = begin(&clerk, &dir);
        for piece in [&b"REDIS"[..], &[7; 5 << 20], b"end"] {
            clerk.give(Job::Write(Box::new(Bytes(piece.to_vec()))));
        }
        clerk.give(Job::Finish { naming: None });
        let Report::Finished { bytes } = clerk.wait_for_report() else { panic!("not finished") };
        let written = fs::read(path).expect("the file");
        let (content, sum) = written.split_at(written.len() - 8);
        assert_eq!((content.len(), bytes), ((5 << 20) + 8, written.len() as u64));
        assert_eq!(sum, crc64(content).to_le_bytes());
        assert_eq!((clerk.queued_bytes(), names(&dir)), (0, vec!["dump.rdb".to_owned()]));
        fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn an_abandoned_file_leaves_the_old_one_and_nothing_else() {
        let (dir, clerk) = (directory("abandoned"), Clerk::start().expect("starts"));
        let path = begin(&clerk, &dir);
        fs::write(&path, "old").expect("written");
        clerk.give(Job::Write(Box::new(Bytes(vec![1; 1000]))));
        clerk.give(Job::Abandon);
        assert!(matches!(clerk.wait_for_report(), Report::Abandoned));
        assert_eq!((fs::read(path).expect("the file"), names(&dir).len()), (b"old".to_vec(), 1));
        fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn a_file_is_given_up_while_the_rest_of_it_is_written_but_not_once_it_is_there() {
        let (dir, clerk) = (directory("late"), Clerk::start().expect("starts"));
        let path = begin_slowly(&clerk, &dir, Duration::from_secs(3600));
        clerk.give(Job::Write(Box::new(Bytes(vec![1; 1000]))));
        clerk.give(Job::Finish { naming: None });
        clerk.give(Job::Abandon);
        assert!(matches!(clerk.wait_for_report(), Report::Abandoned));
        assert!(!path.exists() && names(&dir).is_empty());
        begin(&clerk, &dir);
        clerk.give(Job::Write(Box::new(Bytes(vec![1; 1000]))));
        clerk.give(Job::Finish { naming: None });
        assert!(matches!(clerk.wait_for_report(), Report::Finished { .. }));
        clerk.give(Job::Abandon);
        assert_eq!(clerk.keys_written(), 1);
        begin(&clerk, &dir);
        clerk.give(Job::Finish { naming: None });
        assert!(matches!(clerk.wait_for_report(), Report::Finished { bytes: 8 }));
        fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn a_file_that_cannot_be_made_fails_once_and_the_next_one_does_not() {
        let (dir, clerk) = (directory("failing"), Clerk::start().expect("starts"));
        begin(&clerk, &dir.join("missing"));
        clerk.give(Job::Write(Box::new(Bytes(vec![1; 1000]))));
        clerk.give(Job::Finish { naming: None });
        let Report::Failed(failure) = clerk.wait_for_report() else { panic!("did not fail") };
        assert_eq!((failure.step, failure.errno), (Step::Create, libc::ENOENT));
        begin(&clerk, &dir);
        clerk.give(Job::Finish { naming: None });
        assert!(matches!(clerk.wait_for_report(), Report::Finished { bytes: 8 }));
        fs::remove_dir_all(dir).expect("removed");
    }

    #[test]
    fn a_log_is_named_once_its_base_is_there_and_what_it_replaces_goes_last() {
        let (dir, clerk) = (directory("named"), Clerk::start().expect("starts"));
        let (manifest, history) = (dir.join("manifest"), dir.join("history"));
        fs::write(&history, "old").expect("written");
        let naming = Some((manifest.clone(), b"first".to_vec()));
        clerk.give(Job::Open { path: dir.join("incr"), naming });
        assert!(matches!(clerk.wait_for_report(), Report::Opened(_)));
        assert_eq!(fs::read(&manifest).expect("it"), b"first");
        begin(&clerk, &dir);
        let unnamed = dir.join("unnamed");
        fs::write(&unnamed, "new").expect("written");
        let naming = Naming {
            rename: Some((unnamed, dir.join("named"))),
            path: manifest.clone(),
            manifest: b"with history".to_vec(),
            base: None,
            obsolete: vec![history, dir.join("gone before")],
            manifest_without: b"without".to_vec(),
        };
        clerk.give(Job::Finish { naming: Some(naming) });
        assert!(matches!(clerk.wait_for_report(), Report::Finished { bytes: 8 }));
        assert_eq!((fs::read(manifest).expect("it"), names(&dir).len()), (b"without".to_vec(), 4));
        assert_eq!(fs::read(dir.join("named")).expect("it"), b"new");
        fs::remove_dir_all(dir).expect("removed");
    }
}
