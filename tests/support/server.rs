//! A server process of one test: started on a port and in a directory of its own, killed at
//! the end.
//!
//! Invariant: signals only processes it started, by their id.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Client, ControlGroup};

/// Below the kernel's ephemeral range, so that no client's own port is ever in the way.
const PORT_FIRST: u32 = 12_000;
const PORTS: u32 = 20_000;
/// What a server says in its log once it serves all commands.
const READY: &str = "Ready to accept connections";
const START_WAIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(2);

static STARTED: AtomicU32 = AtomicU32::new(0);

/// The I/O driver to start with; `Unset` leaves the choice to the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Uring,
    Epoll,
    Unset,
}

/// The drivers that `SIDERING_BACKENDS` lists, by default both.
pub fn backends() -> Vec<Backend> {
    let list = std::env::var("SIDERING_BACKENDS").unwrap_or_else(|_| "uring,epoll".into());
    list.split(',')
        .map(|name| match name {
            "uring" => Backend::Uring,
            "epoll" => Backend::Epoll,
            "none" => Backend::Unset,
            _ => panic!("SIDERING_BACKENDS knows uring, epoll and none, not {name:?}"),
        })
        .collect()
}

/// Runs a test on a fresh server of each driver.
pub fn each_backend(test: impl Fn(&Server)) {
    each_backend_with(&[], test);
}

/// Runs a test on a fresh server of each driver, started with `args` as well.
pub fn each_backend_with(args: &[&str], test: impl Fn(&Server)) {
    for backend in backends() {
        test(&Server::start(backend, args));
    }
}

/// The name that a configuration file has in its server's directory.
pub const CONFIG_FILE: &str = "sidering.conf";

/// As [`each_backend_with`], for a test that restarts its server.
pub fn each_backend_with_mut(args: &[&str], test: impl Fn(&mut Server)) {
    for backend in backends() {
        test(&mut Server::start(backend, args));
    }
}

pub struct Server {
    child: Child,
    binary: PathBuf,
    /// None for a reference server.
    backend: Option<Backend>,
    args: Vec<String>,
    port: u16,
    dir: PathBuf,
    /// Rules of `SIDERING_FAULTS`.
    faults: String,
}

impl Server {
    /// Starts the binary under test and waits until it accepts.
    ///
    /// # Panics
    /// When it does not accept within a bounded time, with its log.
    pub fn start(backend: Backend, args: &[&str]) -> Server {
        Server::start_with(backend, args, &[])
    }

    /// As [`Server::start`], in a directory with these files; [`CONFIG_FILE`] is read if it is one.
    pub fn start_with(backend: Backend, args: &[&str], files: &[(&str, &[u8])]) -> Server {
        Server::start_binary(binary_under_test(), backend, args, files)
    }

    /// As [`Server::start`], in a control group.
    pub fn start_in(group: &ControlGroup, backend: Backend, args: &[&str]) -> Server {
        Server::start_binary(group.runner(&binary_under_test()), backend, args, &[])
    }

    fn start_binary(
        binary: PathBuf,
        backend: Backend,
        args: &[&str],
        files: &[(&str, &[u8])],
    ) -> Server {
        let driver = match backend {
            Backend::Uring => &["--io-backend", "uring"][..],
            Backend::Epoll => &["--io-backend", "epoll"],
            Backend::Unset => &[],
        };
        Server::spawn(binary, Some(backend), &[driver, args].concat(), files)
    }

    /// Starts the server to compare with: `REFERENCE_BIN`, by default redis-server on PATH.
    pub fn reference(args: &[&str]) -> Server {
        Server::reference_with(args, &[])
    }

    /// As [`Server::reference`], in a directory with these files.
    pub fn reference_with(args: &[&str], files: &[(&str, &[u8])]) -> Server {
        let binary = std::env::var("REFERENCE_BIN").unwrap_or_else(|_| "redis-server".into());
        Server::spawn(binary.into(), None, args, files)
    }

    fn spawn(
        binary: PathBuf,
        backend: Option<Backend>,
        args: &[&str],
        files: &[(&str, &[u8])],
    ) -> Server {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("sidering-test-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).expect("a scratch directory");
        for (name, bytes) in files {
            fs::write(dir.join(name), bytes).expect("a file");
        }
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        for _ in 0..5 {
            let port = free_port();
            let child = launch(&binary, &args, port, &dir, "");
            let (binary, args, dir) = (binary.clone(), args.clone(), dir.clone());
            let faults = String::new();
            let mut server = Server { child, binary, backend, args, port, dir, faults };
            if server.comes_to(READY) {
                return server;
            }
            // Somebody else took the port first: no fault of this test.
            assert!(server.log().contains("Address already in use"), "{}", server.log());
        }
        panic!("no free port in five attempts")
    }

    /// Waits until the server accepts; false if it ended instead.
    ///
    /// Its own log says so first: another process may answer at the port that it failed to bind.
    /// Waits until the server has said something in its log, and accepts.
    fn comes_to(&mut self, line: &str) -> bool {
        let deadline = Instant::now() + START_WAIT;
        while self.child.try_wait().expect("a child").is_none() {
            if self.log().contains(line)
                && let Ok(mut probe) = Client::connect(self.address())
            {
                // The answer to QUIT, not the end of the test, takes the probe off the books.
                let _ = probe.try_send(b"QUIT\r\n");
                probe.recv_to_end();
                return true;
            }
            assert!(Instant::now() < deadline, "does not accept in time: {}", self.log());
            std::thread::sleep(POLL);
        }
        false
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::connect(self.address()).expect("the server accepts")
    }

    /// A new connection that speaks RESP3.
    pub fn client3(&self) -> Client {
        let mut client = self.client();
        assert!(!client.run("HELLO 3").is_error());
        client
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's working directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// True for a redis-server in Sidering's place, which lacks what only Sidering promises.
    pub fn is_stand_in(&self) -> bool {
        self.backend == Some(Backend::Unset)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the server has written to stdout and stderr.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> u64 {
        let status = self.proc_file("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        let kib: u64 = line.split_whitespace().nth(1).expect("a figure").parse().expect("digits");
        kib * 1024
    }

    /// Open file descriptors.
    pub fn fd_count(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("a running server").count()
    }

    /// A field of INFO, over a connection of its own.
    pub fn info(&self, field: &str) -> String {
        let text = self.client().run("INFO everything").text();
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("INFO lacks {field}")).to_string()
    }

    /// Waits until `condition` holds.
    ///
    /// # Panics
    /// When it does not within a bounded time.
    #[track_caller]
    pub fn wait_until(&self, what: &str, condition: impl Fn(&Server) -> bool) {
        let deadline = Instant::now() + START_WAIT;
        while !condition(self) {
            assert!(Instant::now() < deadline, "still waiting: {what}");
            std::thread::sleep(POLL);
        }
    }

    /// Kills the process at once, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a child");
    }

    /// Waits for the process to end by itself.
    ///
    /// # Panics
    /// When it does not within a bounded time.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + START_WAIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "does not end: {}", self.log());
            std::thread::sleep(POLL);
        }
    }

    /// As [`Server::restart_with`], but waits only until the server begins to load its files.
    pub fn restart_loading(&mut self, args: &[&str]) {
        self.add_args(args);
        self.kill();
        assert!(self.starts_to("Server initialized"), "does not start again: {}", self.log());
    }

    /// Kills the process and starts it again with the same port, directory and options.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.starts(), "does not start again: {}", self.log());
    }

    /// Starts a process that has ended again, as [`Server::restart`] does; false if it ends instead
    /// of accepting.
    pub fn starts(&mut self) -> bool {
        self.starts_to(READY)
    }

    fn starts_to(&mut self, line: &str) -> bool {
        let deadline = Instant::now() + START_WAIT;
        loop {
            self.child = launch(&self.binary, &self.args, self.port, &self.dir, &self.faults);
            let accepts = self.comes_to(line);
            // The kernel takes the ring of a process that was killed down a little later, and holds
            // its socket until then.
            let is_held = !accepts && self.log().contains("Address already in use");
            if !is_held || Instant::now() > deadline {
                return accepts;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Has the disk fail by these rules from the next start on.
    pub fn set_faults(&mut self, rules: &str) {
        self.faults = rules.to_owned();
    }

    /// Adds arguments to those of the next start.
    pub fn add_args(&mut self, args: &[&str]) {
        self.args.extend(args.iter().map(ToString::to_string));
    }

    /// As [`Server::restart`], with more arguments from now on.
    pub fn restart_with(&mut self, args: &[&str]) {
        self.add_args(args);
        self.restart();
    }

    fn proc_file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid())).expect("a running server")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("log of the server on port {}:\n{}", self.port, self.log());
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The binary that `SIDERING_BIN` names, by default the one that Cargo built.
pub fn binary_under_test() -> PathBuf {
    std::env::var_os("SIDERING_BIN").map_or(env!("CARGO_BIN_EXE_sidering").into(), PathBuf::from)
}

fn launch(binary: &Path, args: &[String], port: u16, dir: &Path, faults: &str) -> Child {
    let log = File::create(dir.join("log")).expect("a log file");
    let config = Some(dir.join(CONFIG_FILE)).filter(|path| path.exists());
    Command::new(binary)
        .args(config)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--enable-debug-command", "yes", "--dir"])
        .arg(dir)
        .args(args)
        .env("SIDERING_FAULTS", faults)
        .stdin(Stdio::null())
        .stderr(log.try_clone().expect("a log file"))
        .stdout(log)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()))
}

/// A port that nobody listens on and that no other test of this process was given.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Processes start at different places, so that two suites side by side rarely meet.
        let offset = std::process::id() * 101 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(PORT_FIRST + offset % PORTS).expect("a port");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
