//! What the process asks of the kernel once in a while: limits, signals, memory figures, names,
//! detaching from the terminal.
//!
//! Invariant: nothing here lies on the path of a command, and nothing knows a configuration.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit};

/// Descriptors kept for listeners, files and the log, beyond one per client.
pub const RESERVED_FDS: u64 = 32;

/// Where the process id goes when a background start names no file.
pub const DEFAULT_PID_FILE: &str = "/var/run/redis.pid";

/// Length of a run id in hexadecimal digits.
pub const RUN_ID_LEN: usize = 40;

// Errors, paths and names.

/// The kernel's text for an error, without Rust's error number behind it.
pub fn error_text(error: &io::Error) -> String {
    let Some(number) = error.raw_os_error() else { return error.to_string() };
    let mut text = [0u8; 128];
    // SAFETY: the buffer is writable for its whole length, and the function (the XSI one that
    // the libc crate binds) ends what it writes with NUL inside it.
    let failed = unsafe { libc::strerror_r(number, text.as_mut_ptr().cast(), text.len()) } != 0;
    match CStr::from_bytes_until_nul(&text) {
        Ok(text) if !failed => text.to_string_lossy().into_owned(),
        _ => error.to_string(),
    }
}

/// The absolute path of a directory that this process may enter.
pub fn enterable_directory(path: &Path) -> io::Result<PathBuf> {
    let path = path.canonicalize()?;
    if !path.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
    }
    rustix::fs::access(&path, rustix::fs::Access::EXEC_OK)?;
    Ok(path)
}

/// The files that a shell pattern matches, sorted; none when it matches nothing.
pub fn glob_paths(pattern: &Path) -> Vec<PathBuf> {
    let Ok(pattern) = CString::new(pattern.as_os_str().as_bytes()) else { return Vec::new() };
    // SAFETY: all-zero is a valid glob_t for a call without GLOB_APPEND and GLOB_DOOFFS.
    let mut found: libc::glob_t = unsafe { std::mem::zeroed() };
    // SAFETY: pattern is NUL-terminated and outlives the call; no callback is given.
    let result = unsafe { libc::glob(pattern.as_ptr(), 0, None, &mut found) };
    let mut paths = Vec::new();
    if result == 0 {
        for index in 0..found.gl_pathc {
            // SAFETY: after success gl_pathv holds gl_pathc NUL-terminated strings.
            let path = unsafe { CStr::from_ptr(*found.gl_pathv.add(index)) };
            paths.push(PathBuf::from(std::ffi::OsString::from_vec(path.to_bytes().to_vec())));
        }
    }
    // SAFETY: found was filled by glob above (or is still zero) and is not used afterwards.
    unsafe { libc::globfree(&mut found) };
    paths
}

/// System, release and machine, as INFO's `os`: `Linux 6.18.44 x86_64`.
pub fn os_name() -> String {
    let names = rustix::system::uname();
    let part = |text: &CStr| text.to_string_lossy().into_owned();
    format!("{} {} {}", part(names.sysname()), part(names.release()), part(names.machine()))
}

/// The machine's name.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Path of the running program; empty when the kernel will not tell.
pub fn executable() -> PathBuf {
    std::env::current_exe().unwrap_or_default()
}

/// A random id of [`RUN_ID_LEN`] hexadecimal digits, new for every start.
pub fn random_run_id() -> String {
    let mut bytes = [0u8; RUN_ID_LEN / 2];
    random_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Fills `bytes` from the kernel's generator; seeds come from here.
pub fn random_bytes(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        // SAFETY: rest is writable for its length.
        let count = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(count) {
            Ok(count) => filled += count,
            // Only a signal can interrupt it: without getrandom no Rust program starts here.
            Err(_) => assert_eq!(io::Error::last_os_error().kind(), io::ErrorKind::Interrupted),
        }
    }
}

// Local time, for the log.

/// A broken-down time in the local zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Year, all digits.
    pub year: i32,
    /// Month, 0 to 11.
    pub month0: usize,
    /// Day of the month, 1 to 31.
    pub day: i32,
    /// Hour, 0 to 23.
    pub hour: i32,
    /// Minute, 0 to 59.
    pub minute: i32,
    /// Second, 0 to 60.
    pub second: i32,
    /// Seconds east of UTC.
    pub offset_s: i64,
}

impl LocalTime {
    /// The month's English name, three letters.
    pub fn month(&self) -> &'static str {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        MONTHS[self.month0 % 12]
    }
}

/// The local time at `unix_seconds`.
pub fn local_time(unix_seconds: i64) -> LocalTime {
    // SAFETY: tm is plain numbers and a pointer that may be null; all-zero is valid.
    let mut time: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call; localtime_r keeps no reference.
    unsafe { libc::localtime_r(&unix_seconds, &mut time) };
    LocalTime {
        year: time.tm_year + 1900,
        month0: usize::try_from(time.tm_mon).unwrap_or(0),
        day: time.tm_mday,
        hour: time.tm_hour,
        minute: time.tm_min,
        second: time.tm_sec,
        offset_s: time.tm_gmtoff,
    }
}

// Limits.

/// Makes room for `maxclients` connections and returns how many there is room for.
///
/// # Errors
/// The text to leave with when the limit does not even suffice for one client.
pub fn adjust_open_files_limit(maxclients: u32) -> Result<u32, String> {
    let wanted = u64::from(maxclients) + RESERVED_FDS;
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let old = limit.current.unwrap_or(u64::MAX);
    if old >= wanted {
        return Ok(maxclients);
    }
    let (best, error) = raise_open_files_limit(wanted, old, limit);
    if best >= wanted {
        log::info!(
            "Increased maximum number of open files to {wanted} (it was originally set to {old})."
        );
        return Ok(maxclients);
    }
    if best <= RESERVED_FDS {
        return Err(format!(
            "Your current 'ulimit -n' of {old} is not enough for the server to start. Please \
             increase your open file limit to at least {wanted}. Exiting."
        ));
    }
    let reduced = u32::try_from(best - RESERVED_FDS).unwrap_or(maxclients);
    log::warn!(
        "You requested maxclients of {maxclients} requiring at least {wanted} max file descriptors."
    );
    log::warn!(
        "Server can't set maximum open files to {wanted} because of OS error: {}.",
        error_text(&error)
    );
    log::warn!(
        "Current maximum open files is {best}. maxclients has been reduced to {reduced} to \
         compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
    );
    Ok(reduced)
}

/// Sets the highest limit up to `wanted` that the kernel grants; returns it with the first error.
fn raise_open_files_limit(wanted: u64, old: u64, limit: Rlimit) -> (u64, io::Error) {
    let system_max = fs::read_to_string("/proc/sys/fs/nr_open");
    let system_max = system_max.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(wanted);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let mut first_error = None;
    // With privileges the system's maximum is the bound, without them the hard limit.
    for best in [wanted, wanted.min(system_max), wanted.min(hard)] {
        // The hard limit stays where it is if it is higher: lowering it helps nobody.
        let maximum = limit.maximum.map(|hard| hard.max(best));
        let next = Rlimit { current: Some(best), maximum };
        match rustix::process::setrlimit(Resource::Nofile, next) {
            Ok(()) if best >= old => return (best, last_error(first_error)),
            Ok(()) => break,
            Err(errno) => first_error = first_error.or(Some(errno)),
        }
    }
    (old, last_error(first_error))
}

fn last_error(errno: Option<rustix::io::Errno>) -> io::Error {
    errno.unwrap_or(rustix::io::Errno::PERM).into()
}

/// A warning when the kernel's queue of connections is shorter than `tcp-backlog`.
pub fn tcp_backlog_warning(backlog: u32) -> Option<String> {
    let path = "/proc/sys/net/core/somaxconn";
    let limit: u32 = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    (limit > 0 && limit < backlog).then(|| {
        format!(
            "WARNING: The TCP backlog setting of {backlog} cannot be enforced because {path} is \
             set to the lower value of {limit}."
        )
    })
}

/// A warning, as Redis words it, when the kernel uses huge pages everywhere.
pub fn transparent_huge_pages_warning() -> Option<String> {
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    let always = fs::read_to_string(path).is_ok_and(|text| text.contains("[always]"));
    always.then(|| {
        "You have Transparent Huge Pages (THP) support enabled in your kernel. This will create \
         latency and memory usage issues. To fix this issue run the command 'echo madvise > \
         /sys/kernel/mm/transparent_hugepage/enabled' as root, and add it to your \
         /etc/rc.local in order to retain the setting after a reboot."
            .to_owned()
    })
}

/// Opts this process out of huge pages, except for memory that asks for them (Linux 6.18; older
/// kernels know only all or nothing, and then this does nothing).
pub fn limit_transparent_huge_pages() -> io::Result<()> {
    /// PR_THP_DISABLE_EXCEPT_ADVISED of linux/prctl.h.
    const EXCEPT_ADVISED: libc::c_ulong = 1 << 1;
    // SAFETY: the option takes plain numbers.
    let result = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, EXCEPT_ADVISED, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

// Signals.

/// What a user asks for by signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
}

impl std::fmt::Display for Signal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Signal::Terminate => "SIGTERM",
            Signal::Interrupt => "SIGINT",
        })
    }
}

/// SIGTERM and SIGINT as a descriptor that becomes readable.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Blocks both signals for this thread and those it starts later, and opens the descriptor.
    /// Call it before any thread exists: a thread that does not block them would still die.
    pub fn block_and_watch() -> io::Result<Signals> {
        let set = signal_set(&[libc::SIGTERM, libc::SIGINT]);
        // SAFETY: set is initialised; no old mask is asked for.
        let result = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
        if result != 0 {
            return Err(io::Error::from_raw_os_error(result));
        }
        // SAFETY: set is initialised; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Signals { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Runs `work`, during which SIGINT ends the process at once, also one that came just before.
    pub fn with_deadly_interrupt<T>(&self, work: impl FnOnce() -> T) -> T {
        let set = signal_set(&[libc::SIGINT]);
        // SAFETY: set is initialised; no old mask is asked for. Both calls cannot fail with these.
        let mask = |how| unsafe { libc::pthread_sigmask(how, &set, std::ptr::null_mut()) };
        mask(libc::SIG_UNBLOCK);
        let result = work();
        mask(libc::SIG_BLOCK);
        result
    }

    /// Takes the next signal, or `None` when there is none; never blocks.
    pub fn take(&self) -> Option<Signal> {
        let mut info = [0u8; size_of::<libc::signalfd_siginfo>()];
        // Besides "nothing there" a read of a signal descriptor has no way to fail.
        let count = rustix::io::read(&self.fd, &mut info).ok()?;
        Signals::decode(&info[..count])
    }

    /// The signal in bytes read from the descriptor by other means, such as a ring.
    pub fn decode(info: &[u8]) -> Option<Signal> {
        // The number is the structure's first field.
        let number = u32::from_ne_bytes(info.get(..4)?.try_into().ok()?);
        match i32::try_from(number) {
            Ok(libc::SIGTERM) => Some(Signal::Terminate),
            Ok(libc::SIGINT) => Some(Signal::Interrupt),
            _ => None,
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }
}

fn signal_set(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: sigset_t is plain bits; sigemptyset gives it its defined empty value.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: set is valid for writing.
    unsafe { libc::sigemptyset(&mut set) };
    for signal in signals {
        // SAFETY: set is initialised and the signal's number is a constant of the system.
        unsafe { libc::sigaddset(&mut set, *signal) };
    }
    set
}

/// Ignores what must not end a server: a closed terminal, a peer that is gone, and a file that
/// reached its size limit (the write fails instead).
pub fn ignore_signals() {
    for signal in [libc::SIGHUP, libc::SIGPIPE, libc::SIGXFSZ] {
        // SAFETY: SIG_IGN installs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

// Memory and processor figures.

/// Bytes of memory in the machine.
pub fn total_memory() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit))
}

/// Resident bytes of this process; 0 when /proc is not there.
pub fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * page_size()
}

/// Bytes of a page.
pub fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Whose processor time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// This process, all threads.
    Process,
    /// Its children that have ended.
    Children,
    /// The calling thread.
    Thread,
}

/// Processor time and the highest resident size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Microseconds in user mode.
    pub user_us: u64,
    /// Microseconds in the kernel.
    pub system_us: u64,
    /// Highest resident size so far in bytes.
    pub peak_resident_bytes: u64,
}

/// Processor time used so far.
pub fn usage(who: Who) -> Usage {
    let who = match who {
        Who::Process => libc::RUSAGE_SELF,
        Who::Children => libc::RUSAGE_CHILDREN,
        Who::Thread => libc::RUSAGE_THREAD,
    };
    // SAFETY: rusage is plain numbers; all-zero is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: usage is valid for writing, who is one of the three constants.
    unsafe { libc::getrusage(who, &mut usage) };
    let microseconds =
        |time: libc::timeval| u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec).unwrap_or(0);
    Usage {
        user_us: microseconds(usage.ru_utime),
        system_us: microseconds(usage.ru_stime),
        peak_resident_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    }
}

// The process as a whole.

/// Sets the umask and restores it when dropped. Process-wide: for the start, before threads.
#[derive(Debug)]
pub struct UmaskGuard {
    previous: rustix::fs::Mode,
}

impl UmaskGuard {
    /// Files created from now on lack the permissions in `mask`.
    pub fn set(mask: u32) -> UmaskGuard {
        let mask = rustix::fs::Mode::from_raw_mode(mask);
        UmaskGuard { previous: rustix::process::umask(mask) }
    }
}

impl Drop for UmaskGuard {
    fn drop(&mut self) {
        rustix::process::umask(self.previous);
    }
}

/// Detaches from the terminal: the caller goes on as a child in a session of its own, with its
/// standard streams on /dev/null. The parent leaves with code 0 inside this call.
///
/// Call it before threads and rings exist; neither survives.
///
/// # Errors
/// When the process cannot be copied; it then still has its terminal.
pub fn daemonize() -> io::Result<()> {
    io::stdout().flush()?;
    // SAFETY: the caller guarantees that this thread is the only one, so the child holds no
    // lock that another thread had taken.
    match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()),
        0 => {}
        // SAFETY: leaves at once without running destructors or flushing: the child owns them.
        _ => unsafe { libc::_exit(0) },
    }
    rustix::process::setsid()?;
    let null = fs::File::options().read(true).write(true).open("/dev/null")?;
    for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: replaces a standard stream with an open descriptor; nobody owns the old one.
        if unsafe { libc::dup2(null.as_raw_fd(), stream) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Writes the process id; a failure is logged and otherwise ignored, as Redis does.
pub fn write_pid_file(path: &Path) {
    if let Err(error) = fs::write(path, format!("{}\n", std::process::id())) {
        log::warn!("Failed to write PID file: {}", error_text(&error));
    }
}

/// Tells the init system something (`READY=1`, `STOPPING=1`); false when it does not listen.
pub fn notify_init_system(state: &str) -> bool {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return false };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let send = |address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address);
    address.and_then(send).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::process::{Command, Stdio};

    const CHILD: &str = "SIDERING_TEST_CHILD";

    fn child(test: &str) -> Command {
        let mut command = Command::new(executable());
        command.args([&format!("base::sys::tests::{test}"), "--exact", "--test-threads=1"]);
        command.env(CHILD, test).env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
        command
    }

    /// Runs `body` in a process of its own: it changes what the whole process shares.
    fn alone(test: &str, body: impl FnOnce()) {
        if std::env::var(CHILD).as_deref() == Ok(test) {
            return body();
        }
        let output = child(test).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("sidering-{}-{name}", std::process::id()))
    }

    #[test]
    fn errors_have_the_kernel_s_words() {
        let error = io::Error::from_raw_os_error(libc::ENOENT);
        assert_eq!(error_text(&error), "No such file or directory");
        assert_eq!(error_text(&io::Error::other("plain")), "plain");
    }

    #[test]
    fn names_look_like_info() {
        let os = os_name();
        assert!(os.starts_with("Linux ") && os.split(' ').count() == 3, "{os}");
        assert!(executable().is_absolute());
        assert!(!hostname().is_empty());
    }

    #[test]
    fn run_ids_are_random_hex() {
        let (a, b) = (random_run_id(), random_run_id());
        assert_eq!(a.len(), RUN_ID_LEN);
        assert!(a.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
        assert_ne!(a, b);
    }

    #[test]
    fn patterns_find_files_in_order() {
        assert_eq!(glob_paths(Path::new("/proc/self/stat[mu]*")).len(), 2);
        assert!(glob_paths(Path::new("/no/such/*")).is_empty());
    }

    #[test]
    fn memory_figures_are_plausible() {
        assert!(page_size().is_power_of_two());
        let resident = resident_bytes();
        assert!(resident > 100 * 1024 && resident < total_memory());
        assert!(usage(Who::Process).peak_resident_bytes >= resident / 2);
    }

    #[test]
    fn processor_time_grows() {
        let before = usage(Who::Thread);
        let spent = || usage(Who::Thread).user_us + usage(Who::Thread).system_us;
        while spent() <= before.user_us + before.system_us {
            std::hint::black_box(random_run_id());
        }
        assert!(usage(Who::Process).user_us + usage(Who::Process).system_us >= spent());
    }

    #[test]
    fn files_for_clients_are_made_available() {
        alone("files_for_clients_are_made_available", || {
            let limit = rustix::process::getrlimit(Resource::Nofile);
            let low = Rlimit { current: Some(64), ..limit };
            rustix::process::setrlimit(Resource::Nofile, low).unwrap();
            assert_eq!(adjust_open_files_limit(8), Ok(8));
            assert_eq!(adjust_open_files_limit(100), Ok(100));
            let raised = rustix::process::getrlimit(Resource::Nofile);
            assert_eq!(raised.current, Some(100 + RESERVED_FDS));
            assert!(raised.maximum.is_none_or(|hard| hard >= limit.maximum.unwrap_or(0)));
            // More than any kernel grants.
            let reduced = adjust_open_files_limit(u32::MAX).unwrap();
            let best = rustix::process::getrlimit(Resource::Nofile).current;
            assert_eq!(best, Some(u64::from(reduced) + RESERVED_FDS));
        });
    }

    #[test]
    fn signals_arrive_by_descriptor() {
        alone("signals_arrive_by_descriptor", || {
            ignore_signals();
            let signals = Signals::block_and_watch().unwrap();
            assert_eq!(signals.take(), None);
            for (number, signal) in
                [(libc::SIGTERM, Signal::Terminate), (libc::SIGINT, Signal::Interrupt)]
            {
                // SAFETY: sends a signal to this thread, which blocks it.
                unsafe { libc::raise(number) };
                assert_eq!(signals.take(), Some(signal));
            }
            assert_eq!(signals.take(), None);
            // SAFETY: as above; these are ignored, else the process ends here.
            unsafe { libc::raise(libc::SIGHUP) };
            // SAFETY: as above.
            unsafe { libc::raise(libc::SIGPIPE) };
        });
        assert_eq!(format!("{} {}", Signal::Terminate, Signal::Interrupt), "SIGTERM SIGINT");
    }

    #[test]
    fn umask_comes_back() {
        alone("umask_comes_back", || {
            let outer = UmaskGuard::set(0o022);
            {
                let _inner = UmaskGuard::set(0o077);
            }
            assert_eq!(rustix::process::umask(rustix::fs::Mode::empty()).as_raw_mode(), 0o022);
            drop(outer);
        });
    }

    /// The daemon reports to a socket: its process id differs from the one that was started, it
    /// leads a session, and the started process is gone with code 0 by then.
    #[test]
    fn a_daemon_leaves_its_parent() {
        const TEST: &str = "a_daemon_leaves_its_parent";
        if let Ok(path) = std::env::var("SIDERING_TEST_SOCKET") {
            daemonize().unwrap();
            let pid_file = format!("{path}.pid");
            write_pid_file(Path::new(&pid_file));
            // SAFETY: asks for a number.
            let session = unsafe { libc::getsid(0) };
            let text = format!("{} {session}", std::process::id());
            std::os::unix::net::UnixStream::connect(path)
                .and_then(|mut socket| socket.write_all(text.as_bytes()))
                .unwrap();
            std::process::exit(0);
        }
        let path = scratch("daemon.sock");
        let pid_file = scratch("daemon.sock.pid");
        let listener = UnixListener::bind(&path).unwrap();
        let mut started =
            child(TEST).env("SIDERING_TEST_SOCKET", &path).stdout(Stdio::null()).spawn().unwrap();
        assert!(started.wait().unwrap().success());
        let (mut socket, _) = listener.accept().unwrap();
        let mut text = String::new();
        io::Read::read_to_string(&mut socket, &mut text).unwrap();
        let (pid, session) = text.split_once(' ').unwrap();
        assert_eq!(pid, session);
        assert_ne!(pid, started.id().to_string());
        assert_eq!(fs::read_to_string(&pid_file).unwrap(), format!("{pid}\n"));
        fs::remove_file(path).unwrap();
        fs::remove_file(pid_file).unwrap();
    }

    #[test]
    fn warnings_follow_the_kernel_s_settings() {
        assert_eq!(tcp_backlog_warning(0), None);
        let warning = tcp_backlog_warning(u32::MAX).unwrap();
        assert!(warning.contains("cannot be enforced because /proc/sys/net/core/somaxconn"));
    }

    #[test]
    fn the_init_system_is_told_over_its_socket() {
        alone("the_init_system_is_told_over_its_socket", || {
            assert!(!notify_init_system("READY=1"));
            let path = scratch("notify.sock");
            let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
            // SAFETY: this process runs this one test on one thread besides the harness, which
            // does not read the environment.
            unsafe { std::env::set_var("NOTIFY_SOCKET", &path) };
            assert!(notify_init_system("READY=1"));
            let mut text = [0; 16];
            let count = socket.recv(&mut text).unwrap();
            assert_eq!(&text[..count], b"READY=1");
            fs::remove_file(path).unwrap();
        });
    }
}
