//! The start-up self-test of the ring: does this kernel, under this container's rules, really do
//! what the driver needs? Version numbers do not answer that (U19, U21).
//!
//! Invariant: leaves nothing behind; runs before the driver's own ring exists.

#![allow(unsafe_code)]

use {
    super::{
        IoError,
        ring::{Ring, Want},
        uring,
        uring_bufs::{BufferRing, GROUP},
    },
    io_uring::{cqueue, opcode, squeue, types::Fd},
    rustix::{
        fs::{MemfdFlags, memfd_create},
        net::{
            AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, getsockname,
            listen, socket_with, socketpair,
        },
    },
    std::{
        fmt, fs,
        mem::ManuallyDrop,
        os::fd::{AsRawFd, FromRawFd, OwnedFd},
        thread,
        time::Duration,
    },
};

/// A step that does not finish in this time counts as not working.
const STEP_TIMEOUT: Duration = Duration::from_secs(1);
/// A signal may cut a wait short.
const WAITS_MAX: u32 = 3;
const SCRATCH: &[u8] = b"sidering";

/// Why the ring is not used: the step that failed and the remedy.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    step: &'static str,
    error: IoError,
    disabled: Option<u8>,
}

impl Refusal {
    pub(super) fn new(step: &'static str, error: IoError) -> Self {
        Self { step, error, disabled: sysctl_disabled() }
    }

    fn remedy(&self) -> &'static str {
        match (self.error.errno, self.disabled) {
            (libc::EPERM | libc::EACCES, Some(1 | 2)) => {
                "the host forbids io_uring: set sysctl kernel.io_uring_disabled=0"
            }
            (libc::EPERM | libc::EACCES, _) => {
                "a seccomp profile or security module forbids io_uring: allow io_uring_setup, \
                 io_uring_enter and io_uring_register, for instance with \
                 --security-opt seccomp=<profile>"
            }
            (libc::ENOSYS, _) => {
                "this kernel has no io_uring, or a seccomp profile hides it (in a container allow \
                 it with --security-opt seccomp=<profile>)"
            }
            (libc::EINVAL | libc::EOPNOTSUPP, _) => "io_uring needs kernel 6.1 or newer here",
            (libc::ENOMEM, _) => "too little memory may be locked: raise ulimit -l",
            (libc::EMFILE | libc::ENFILE, _) => "no descriptors left: raise ulimit -n",
            (libc::ETIME, _) => "the kernel accepted the operation and never completed it",
            _ => "io_uring does not work as expected here",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.step, self.error, self.remedy())
    }
}

/// Runs the self-test: ring, buffer ring, multishot receive and accept, send, write and fsync.
///
/// On a thread of its own: the kernel gives the one that writes a worker, which stays with it and
/// wakes every five seconds to see whether it is still wanted.
pub(super) fn run() -> Result<(), Refusal> {
    match thread::Builder::new().name("self-test".into()).spawn(test) {
        Ok(thread) => thread.join().expect("the self-test returns what goes wrong"),
        Err(_) => test(),
    }
}

fn test() -> Result<(), Refusal> {
    let step = |step| move |error| Refusal::new(step, error);
    let mut ring = Ring::open(8, 32).map_err(step("io_uring_setup"))?;
    let buffers = BufferRing::open(&ring, 2, 4096).map_err(step("registering buffers"))?;
    // U22: after a failed step the kernel may still hold the buffers, so they are leaked.
    let mut buffers = ManuallyDrop::new(buffers);
    check_receive(&mut ring, &mut buffers).map_err(step("multishot receive"))?;
    drop(ManuallyDrop::into_inner(buffers));
    check_accept(&mut ring).map_err(step("multishot accept"))?;
    check_file(&mut ring).map_err(step("write and fsync"))
}

fn check_receive(ring: &mut Ring, buffers: &mut BufferRing) -> Result<(), IoError> {
    let flags = SocketFlags::CLOEXEC;
    let (near, far) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let receive = uring::receive_entry(near.as_raw_fd(), GROUP, uring::Shots::Many).user_data(1);
    let len = u32::try_from(SCRATCH.len()).expect("a few bytes");
    let send = opcode::Send::new(Fd(far.as_raw_fd()), SCRATCH.as_ptr(), len).build().user_data(2);
    // SAFETY: the sent bytes are static; the receive draws from `buffers`, which outlive the ring's
    // work: the socket is closed by its peer below and the end of the stream awaited.
    unsafe {
        ring.push(&receive);
        ring.push(&send);
    }
    let received = await_both(ring)?;
    let buffer = cqueue::buffer_select(received.flags()).ok_or(not_as_expected())?;
    let lease = buffers.lend(buffer, len);
    let intact = received.result() == SCRATCH.len() as i32 && buffers.bytes(&lease) == SCRATCH;
    let multishot = cqueue::more(received.flags());
    buffers.release(lease);
    buffers.publish();
    drop(far);
    if multishot {
        completed(ring)?;
    }
    if intact && multishot { Ok(()) } else { Err(not_as_expected()) }
}

/// The completions of a receive (1) and a send (2), in whatever order; returns the receive's.
fn await_both(ring: &mut Ring) -> Result<cqueue::Entry, IoError> {
    let (first, second) = (completed(ring)?, completed(ring)?);
    Ok(if first.user_data() == 1 { first } else { second })
}

fn check_accept(ring: &mut Ring) -> Result<(), IoError> {
    let new = || socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let (listener, client) = (new()?, new()?);
    // An unnamed address lets the kernel pick an abstract one: no file is left behind.
    bind(&listener, &SocketAddrUnix::new_unnamed())?;
    listen(&listener, 1)?;
    connect(&client, &getsockname(&listener)?)?;
    let accept = opcode::AcceptMulti::new(Fd(listener.as_raw_fd()))
        .flags(libc::SOCK_CLOEXEC)
        .build()
        .user_data(1);
    // SAFETY: the entry points to no memory; the shutdown below ends it before the descriptor goes.
    unsafe { ring.push(&accept) };
    let accepted = completed(ring)?;
    // SAFETY: a non-negative result is a new descriptor that nobody else owns.
    let _peer = unsafe { OwnedFd::from_raw_fd(accepted.result()) };
    rustix::net::shutdown(&listener, rustix::net::Shutdown::Both)?;
    ring.enter(Want { completions: 1, min_wait_us: 0, timeout: Some(STEP_TIMEOUT) });
    while ring.next().is_some() {}
    if cqueue::more(accepted.flags()) { Ok(()) } else { Err(not_as_expected()) }
}

fn check_file(ring: &mut Ring) -> Result<(), IoError> {
    let file = memfd_create(c"sidering-probe", MemfdFlags::CLOEXEC)?;
    let len = u32::try_from(SCRATCH.len()).expect("a few bytes");
    let write = opcode::Write::new(Fd(file.as_raw_fd()), SCRATCH.as_ptr(), len).build();
    push_and_check(ring, &write)?;
    push_and_check(ring, &opcode::Fsync::new(Fd(file.as_raw_fd())).build())
}

fn push_and_check(ring: &mut Ring, entry: &squeue::Entry) -> Result<(), IoError> {
    // SAFETY: the entries of `check_file` point to static bytes.
    unsafe { ring.push(entry) };
    completed(ring).map(drop)
}

/// Waits for one completion; a negative result is its error.
fn completed(ring: &mut Ring) -> Result<cqueue::Entry, IoError> {
    for _ in 0..WAITS_MAX {
        if let Some(entry) = ring.next() {
            return succeeded(entry);
        }
        ring.enter(Want { completions: 1, min_wait_us: 0, timeout: Some(STEP_TIMEOUT) });
    }
    Err(IoError::from_errno(libc::ETIME))
}

fn succeeded(entry: cqueue::Entry) -> Result<cqueue::Entry, IoError> {
    match entry.result() {
        result if result < 0 => Err(IoError::from_result(result)),
        _ => Ok(entry),
    }
}

fn not_as_expected() -> IoError {
    IoError::from_errno(libc::EPROTO)
}

/// `kernel.io_uring_disabled`: 0 allows, 1 asks for a group or CAP_SYS_ADMIN, 2 forbids.
fn sysctl_disabled() -> Option<u8> {
    fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        std::{env, process::Command},
    };

    fn refusal(errno: i32, disabled: Option<u8>) -> String {
        let error = IoError::from_errno(errno);
        Refusal { step: "io_uring_setup", error, disabled }.to_string()
    }

    #[test]
    fn u19_names_the_remedy_for_each_refusal() {
        assert_eq!(
            refusal(libc::EPERM, Some(2)),
            "io_uring_setup: Operation not permitted; the host forbids io_uring: \
             set sysctl kernel.io_uring_disabled=0"
        );
        assert!(refusal(libc::EPERM, Some(0)).contains("--security-opt seccomp=<profile>"));
        assert!(refusal(libc::ENOSYS, None).contains("this kernel has no io_uring"));
        assert!(refusal(libc::EINVAL, Some(0)).contains("needs kernel 6.1"));
        assert!(refusal(libc::ENOMEM, Some(0)).contains("ulimit -l"));
        assert!(refusal(libc::ETIME, Some(0)).contains("never completed"));
    }

    /// Counts descriptors, so it runs in a process of its own.
    #[test]
    fn the_self_test_passes_or_says_why_and_leaves_no_descriptor() {
        const CHILD: &str = "SIDERING_TEST_PROBE";
        if env::var_os(CHILD).is_some() {
            return check_self_test();
        }
        let name = "io::probe::tests::the_self_test_passes_or_says_why_and_leaves_no_descriptor";
        let program = env::current_exe().expect("this test");
        let output = Command::new(program).args(["--exact", name]).env(CHILD, "1").output();
        let output = output.expect("the child ran");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    fn check_self_test() {
        let open = || fs::read_dir("/proc/self/fd").expect("procfs").count();
        let before = open();
        for _ in 0..20 {
            if let Err(refusal) = run() {
                assert!(refusal.to_string().contains("; "));
            }
        }
        assert_eq!(open(), before);
    }
}
