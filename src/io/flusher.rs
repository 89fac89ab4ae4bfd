//! A thread that syncs files for a driver whose own calls must not block.
//!
//! Invariant: one sync at a time; its result is told by an eventfd and taken once.

use {
    super::IoError,
    rustix::event::{EventfdFlags, eventfd},
    std::{
        fs::File,
        io,
        os::fd::{AsFd, BorrowedFd, OwnedFd},
        sync::{
            Arc,
            mpsc::{Receiver, SyncSender, sync_channel},
        },
        thread,
    },
};

/// The driver's end of the thread. Dropping it ends the thread after the sync in flight.
#[derive(Debug)]
pub(super) struct Flusher {
    files: SyncSender<Arc<File>>,
    results: Receiver<Result<(), IoError>>,
    done: Arc<OwnedFd>,
    busy: bool,
}

impl Flusher {
    pub(super) fn start() -> Self {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let done = Arc::new(eventfd(0, flags).expect("a descriptor for the flusher"));
        let (files, to_sync) = sync_channel(1);
        let (synced, results) = sync_channel(1);
        let told = Arc::clone(&done);
        thread::Builder::new()
            .name("flusher".into())
            .spawn(move || run(&to_sync, &synced, &told))
            .expect("a thread for the flusher");
        Self { files, results, done, busy: false }
    }

    /// Readable when a result is there.
    pub(super) fn done(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    pub(super) fn sync(&mut self, file: Arc<File>) {
        assert!(!self.busy, "one sync at a time");
        self.busy = true;
        self.files.send(file).expect("the flusher runs as long as its driver");
    }

    /// The result that was told, if there is one.
    pub(super) fn take(&mut self) -> Option<Result<(), IoError>> {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.done, &mut count);
        let result = self.results.try_recv().ok()?;
        self.busy = false;
        Some(result)
    }
}

fn run(files: &Receiver<Arc<File>>, results: &SyncSender<Result<(), IoError>>, done: &OwnedFd) {
    for file in files {
        let result = sync(&file).map_err(IoError::from);
        drop(file);
        if results.send(result).is_err() {
            return;
        }
        // The counter cannot overflow: it is read before the next sync begins.
        let _ = rustix::io::write(done, &1u64.to_ne_bytes());
    }
}

fn sync(file: &File) -> io::Result<()> {
    loop {
        match file.sync_data() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
