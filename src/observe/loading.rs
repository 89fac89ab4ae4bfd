//! How far the loading of files has come.
//!
//! Invariant: figures only.

/// A load in progress.
#[derive(Clone, Copy, Debug)]
pub struct Loading {
    /// Unix time in seconds.
    pub started_s: i64,
    /// Bytes of all files.
    pub total_bytes: u64,
    pub loaded_bytes: u64,
    /// Bytes that the data took where the snapshot was made, as that says; 0 if it does not.
    pub used_memory: u64,
    /// Loaded bytes from which on it is time to look around.
    look_bytes: u64,
    /// Unix time in seconds of the last line in the log.
    told_s: i64,
}

impl Loading {
    /// One that begins.
    pub fn new(started_s: i64, total_bytes: u64) -> Loading {
        let (loaded_bytes, used_memory, look_bytes, told_s) = (0, 0, 0, started_s);
        Loading { started_s, total_bytes, loaded_bytes, used_memory, look_bytes, told_s }
    }

    /// Whether it is time to look what else there is to do, for the first time and then each
    /// `interval` bytes.
    pub fn looks_around(&mut self, interval: u64) -> bool {
        let due = self.loaded_bytes >= self.look_bytes;
        if due {
            self.look_bytes = self.loaded_bytes + interval;
        }
        due
    }

    /// Whether to say something in the log, once a second.
    pub fn tells(&mut self, now_s: i64) -> bool {
        let due = now_s > self.told_s;
        if due {
            self.told_s = now_s;
        }
        due
    }

    /// What is loaded, percent.
    pub fn percent(&self) -> f64 {
        self.loaded_bytes as f64 * 100.0 / self.total_bytes.max(1) as f64
    }

    /// Seconds that it will still take if it goes on as it did; none in the first second.
    pub fn seconds_left(&self, now_s: i64) -> Option<i64> {
        let elapsed_s = now_s - self.started_s;
        let left = self.total_bytes.saturating_sub(self.loaded_bytes) as f64;
        (elapsed_s > 0).then_some((elapsed_s as f64 * left / (self.loaded_bytes + 1) as f64) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_was_loaded() {
        let loading = Loading { loaded_bytes: 249, ..Loading::new(100, 1000) };
        assert_eq!((loading.percent(), loading.seconds_left(110)), (24.9, Some(30)));
        assert_eq!(loading.seconds_left(100), None);
        assert_eq!(Loading::new(100, 0).percent(), 0.0);
    }
}
