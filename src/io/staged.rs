//! A sync whose end a test has staged: that it fails, comes late, or is the last thing that happens.
//!
//! Invariant: stands above the drivers, so that both see the same; in release builds there is none.

use super::{Completion, IoError};
use crate::base::clock::monotonic_ns;
use crate::base::fault::{self, Step, Verdict};
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

/// The sync in flight.
#[derive(Debug)]
pub(super) struct Staged {
    path: PathBuf,
    verdict: Verdict,
    /// Monotonic nanoseconds before which it is not over.
    due_ns: u64,
    /// How it ended in truth.
    result: Option<Result<(), IoError>>,
}

impl Staged {
    pub(super) fn begin(file: &File) -> Staged {
        let path = fault::path_of(file);
        let verdict = fault::begin(Step::Sync, &path, "", b"");
        let delay_ns = u64::try_from(verdict.delay.as_nanos()).unwrap_or(u64::MAX);
        let due_ns = monotonic_ns().saturating_add(delay_ns);
        Staged { path, verdict, due_ns, result: None }
    }

    /// How long a wait may take.
    pub(super) fn limit(&self, timeout: Option<Duration>) -> Option<Duration> {
        let left = Duration::from_nanos(self.due_ns.saturating_sub(monotonic_ns()));
        match self.result {
            Some(_) => Some(timeout.map_or(left, |timeout| timeout.min(left))),
            None => timeout,
        }
    }

    /// Holds the completion back until it is due, and makes of it what was asked for; whether it is over.
    pub(super) fn stage(&mut self, out: &mut Vec<Completion>) -> bool {
        let ended = out.iter().position(|done| matches!(done, Completion::Synced { .. }));
        if let Some(Completion::Synced { result }) = ended.map(|index| out.remove(index)) {
            self.result = Some(result);
        }
        let Some(result) = self.result.filter(|_| monotonic_ns() >= self.due_ns) else {
            return false;
        };
        let result = self.verdict.errno.map_or(result, |errno| Err(IoError::from_errno(errno)));
        if result.is_ok() {
            fault::end(Step::Sync, &self.path, self.verdict);
        }
        out.push(Completion::Synced { result });
        true
    }
}
