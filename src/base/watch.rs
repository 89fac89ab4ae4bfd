//! Files whose changes are told by a descriptor (inotify), without a look at them in between.
//!
//! Invariant: says that something changed, not what.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

/// Files under watch.
#[derive(Debug)]
pub struct FileWatch {
    fd: OwnedFd,
}

impl FileWatch {
    /// Watches the files among `paths` that exist for writes.
    ///
    /// # Errors
    /// Nothing can be watched here, one of the files cannot be, or none exists.
    pub fn open(paths: impl Iterator<Item = PathBuf>) -> io::Result<FileWatch> {
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let mut watched = false;
        for path in paths {
            match inotify::add_watch(&fd, &path, WatchFlags::MODIFY) {
                Ok(_) => watched = true,
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        if watched { Ok(FileWatch { fd }) } else { Err(Errno::NOENT.into()) }
    }

    /// Takes what was told since the last call; true if a file was written to. Never blocks.
    pub fn take(&self) -> bool {
        let mut events = [0u8; 4096];
        let mut changed = false;
        while rustix::io::read(&self.fd, &mut events).is_ok_and(|bytes| bytes > 0) {
            changed = true;
        }
        changed
    }
}

impl AsRawFd for FileWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn writes_are_told_and_files_that_are_not_there_do_not_matter() {
        let dir = std::env::temp_dir().join(format!("sidering-watch-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (there, missing) = (dir.join("there"), dir.join("missing"));
        fs::write(&there, "1").unwrap();
        let watch = FileWatch::open([missing.clone(), there.clone()].into_iter()).unwrap();
        assert!(!watch.take());
        fs::write(&there, "2").unwrap();
        assert!(watch.take());
        assert!(!watch.take());
        assert!(FileWatch::open([missing].into_iter()).is_err());
        fs::remove_dir_all(dir).unwrap();
    }
}
