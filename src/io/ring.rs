//! The ring itself: set-up flags, the submission and completion queues, one enter per turn.
//!
//! Invariant: knows entries and errnos of the ring; not connections, not buffers, not what an
//! operation means.

#![allow(unsafe_code)]

use {
    super::IoError,
    io_uring::{
        CompletionQueue, EnterFlags, IoUring, SubmissionQueue, Submitter, cqueue, squeue,
        types::{SubmitArgs, Timespec},
    },
    std::{collections::VecDeque, fmt, io, mem::ManuallyDrop, ptr::NonNull, time::Duration},
};

/// How a call of the kernel went. Completions may be there in every case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entered {
    /// Submitted, and waited as asked.
    Done,
    /// The time is over, a signal came, or the kernel is short of something for the moment: look
    /// at the completions, then come again. What could be submitted was (U15).
    Early,
}

/// What to wait for.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Want {
    /// Completions to wait for; 0 does not wait.
    pub(super) completions: u32,
    /// After so many microseconds one is enough; 0 is off. Only where [`Ring::can_gather`].
    pub(super) min_wait_us: u32,
    /// The longest wait; None is for ever.
    pub(super) timeout: Option<Duration>,
}

/// A ring with its queues kept split, so that their positions are read once per turn.
pub(super) struct Ring {
    submitter: Submitter<'static>,
    sq: ManuallyDrop<SubmissionQueue<'static>>,
    cq: ManuallyDrop<CompletionQueue<'static>>,
    /// What the three above borrow from; freed after them.
    ring: NonNull<IoUring>,
    /// Completions taken out of a full queue to let a submission through.
    held: VecDeque<cqueue::Entry>,
    wait_flags: EnterFlags,
    min_wait: bool,
    pub(super) enters: u64,
    pub(super) overflows: u64,
}

impl Ring {
    /// Sets up a ring for the calling thread; no other may use it (SINGLE_ISSUER).
    pub(super) fn open(sq_entries: u32, cq_entries: u32) -> Result<Self, IoError> {
        let ring = match build(sq_entries, cq_entries, SubmissionArray::Without) {
            // Before 6.6 the kernel insists on the indirection array.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                build(sq_entries, cq_entries, SubmissionArray::With)?
            }
            built => built?,
        };
        let wait_flags = match ring.params().is_feature_no_iowait() {
            // Waiting for clients is not waiting for a disk: keep it out of the host's %iowait.
            true => EnterFlags::NO_IOWAIT,
            false => EnterFlags::empty(),
        };
        let min_wait = ring.params().is_feature_min_timeout();
        let ring = NonNull::from(Box::leak(Box::new(ring)));
        // SAFETY: the box is freed in `drop` only, after the three that borrow from it here, and
        // nothing else reaches it.
        let (mut submitter, sq, cq) = unsafe { &mut *ring.as_ptr() }.split();
        // Saves the lookup of the descriptor in every call. A thread may register 16 rings; without
        // it everything works as well.
        let _ = submitter.register_ring_fd();
        Ok(Self {
            submitter,
            sq: ManuallyDrop::new(sq),
            cq: ManuallyDrop::new(cq),
            ring,
            held: VecDeque::new(),
            wait_flags,
            min_wait,
            enters: 0,
            overflows: 0,
        })
    }

    /// Whether the kernel (6.12) can wait for several completions within a short time.
    pub(super) fn can_gather(&self) -> bool {
        self.min_wait
    }

    /// Registers a ring of provided buffers under a group number.
    ///
    /// # Safety
    /// The memory stays mapped until the ring is dropped and nothing is in flight.
    pub(super) unsafe fn register_buffers(
        &self,
        address: u64,
        entries: u16,
        group: u16,
    ) -> Result<(), IoError> {
        // SAFETY: the caller's promise.
        unsafe { self.submitter.register_buf_ring_with_flags(address, entries, group, 0) }?;
        Ok(())
    }

    /// Queues an operation; it goes out with the next enter.
    ///
    /// # Safety
    /// What the entry points to stays valid until its last completion.
    pub(super) unsafe fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the caller's promise.
        while unsafe { self.sq.push(entry) }.is_err() {
            // U15: the queue is full. Submit, and where the kernel wants its completions taken
            // first (U10), keep them for the next turn.
            if self.call(self.sq.len(), Want::default(), EnterFlags::empty()) == Entered::Early {
                self.hold_completions();
                self.call(self.sq.len(), Want::default(), EnterFlags::GETEVENTS);
            }
        }
    }

    /// Submits everything and waits.
    pub(super) fn enter(&mut self, want: Want) -> Entered {
        let completions = if self.held.is_empty() { want.completions } else { 0 };
        let want = Want { completions, ..want };
        // U16: completions of DEFER_TASKRUN appear only on an enter with GETEVENTS.
        self.sq.sync();
        self.call(self.sq.len(), want, EnterFlags::GETEVENTS)
    }

    /// Takes in what is ready without submitting or waiting.
    pub(super) fn collect(&mut self) {
        self.call(0, Want::default(), EnterFlags::GETEVENTS);
    }

    /// Whether another [`Ring::collect`] would bring completions: the kernel runs only some 20
    /// deferred items per pass.
    pub(super) fn more_ready(&self) -> bool {
        self.sq.taskrun() || self.sq.cq_overflow()
    }

    /// The next completion that was already collected.
    pub(super) fn next(&mut self) -> Option<cqueue::Entry> {
        self.held.pop_front().or_else(|| self.cq.next())
    }

    /// Gives the room of the completions taken back to the kernel.
    pub(super) fn taken(&mut self) {
        self.cq.sync();
    }

    fn call(&mut self, submit: usize, want: Want, flags: EnterFlags) -> Entered {
        self.sq.sync();
        if self.sq.cq_overflow() {
            // U10: nothing is lost, the kernel queued it; but every overflow ends a multishot.
            self.overflows += 1;
        }
        self.enters += 1;
        let result = self.enter_kernel(submit, want, flags);
        self.sq.sync();
        self.cq.sync();
        match result {
            Ok(_) => Entered::Done,
            Err(error) => early(&error),
        }
    }

    fn enter_kernel(&self, submit: usize, want: Want, flags: EnterFlags) -> io::Result<usize> {
        let submit = u32::try_from(submit).expect("the queue has 32-bit positions");
        let flags = (flags | self.wait_flags | EnterFlags::EXT_ARG).bits();
        let args = SubmitArgs::new().min_wait_usec(want.min_wait_us);
        match want.timeout {
            Some(timeout) => {
                let timeout = Timespec::from(timeout);
                let args = args.timespec(&timeout);
                // SAFETY: flags and argument fit each other, the argument outlives the call.
                unsafe { self.submitter.enter(submit, want.completions, flags, Some(&args)) }
            }
            // SAFETY: as above.
            None => unsafe { self.submitter.enter(submit, want.completions, flags, Some(&args)) },
        }
    }

    fn hold_completions(&mut self) {
        self.held.extend(self.cq.by_ref());
        self.cq.sync();
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // A registered descriptor would keep the ring alive until the thread ends.
        let _ = self.submitter.unregister_ring_fd();
        // SAFETY: neither queue is used again, and both end before what they borrow from.
        unsafe {
            ManuallyDrop::drop(&mut self.sq);
            ManuallyDrop::drop(&mut self.cq);
            drop(Box::from_raw(self.ring.as_ptr()));
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("enters", &self.enters).finish_non_exhaustive()
    }
}

enum SubmissionArray {
    With,
    Without,
}

fn build(sq_entries: u32, cq_entries: u32, array: SubmissionArray) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_coop_taskrun()
        .setup_taskrun_flag()
        .setup_submit_all()
        .setup_cqsize(cq_entries)
        // U17: a forked child must not share the queues.
        .dontfork();
    if matches!(array, SubmissionArray::Without) {
        builder.setup_no_sqarray();
    }
    builder.build(sq_entries)
}

fn early(error: &io::Error) -> Entered {
    match error.raw_os_error() {
        // U15: ETIME and EINTR are how a wait ends; EAGAIN and EBUSY want completions taken first.
        Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY) => Entered::Early,
        // U10: the kernel had no memory even to queue an overflow. A connection has missed its
        // completion; carrying on would hang it or worse.
        Some(libc::EBADR) => panic!("io_uring_enter: the kernel lost a completion (EBADR)"),
        _ => panic!("io_uring_enter: {error}"),
    }
}
