//! The servers compared: their command lines, their start on core 0, their end.
//!
//! Invariant: all contenders get the same options; only the name of the program and Sidering's
//! choice of backend differ.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::client::Client;
use crate::options::Options;

const SERVER_CORE: usize = 0;
const CLIENT_CORE: usize = 1;
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Which driver of Sidering a contender uses: each has goals of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    Uring,
    Epoll,
}

/// One column of the comparison.
#[derive(Clone, Debug)]
pub struct Contender {
    pub name: String,
    pub program: PathBuf,
    /// None for a server without a choice of drivers: Redis, or any other compared with it.
    pub backend: Option<Backend>,
}

/// The reference first, then what is compared with it.
pub fn contenders(options: &Options) -> io::Result<Vec<Contender>> {
    let reference =
        Contender { name: "redis".to_owned(), program: options.server_a.clone(), backend: None };
    let mut contenders = vec![reference];
    let program = &options.server_b;
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    if !name.contains("sidering") {
        let name = format!("{name} (b)");
        contenders.push(Contender { name, program: program.clone(), backend: None });
        return Ok(contenders);
    }
    for backend in &options.backends {
        let kind = match backend.as_str() {
            "uring" => Backend::Uring,
            "epoll" => Backend::Epoll,
            _ => return Err(io::Error::other(format!("unknown backend {backend}"))),
        };
        let name = format!("sidering-{backend}");
        contenders.push(Contender { name, program: program.clone(), backend: Some(kind) });
    }
    Ok(contenders)
}

impl Contender {
    fn arguments(&self, port: &str, dir: &str) -> Vec<String> {
        let common = ["--bind", "127.0.0.1", "--port", port, "--dir", dir];
        let no_files = ["--save", "", "--appendonly", "no"];
        let backend: &[&str] = match self.backend {
            None => &[],
            Some(Backend::Uring) => &["--io-backend", "uring"],
            Some(Backend::Epoll) => &["--io-backend", "epoll"],
        };
        common.iter().chain(&no_files).chain(backend).map(|&a| a.to_owned()).collect()
    }

    /// The command line for the report, with what changes from start to start left open.
    pub fn command_line(&self) -> String {
        let program = self.program.strip_prefix(env!("CARGO_MANIFEST_DIR"));
        let mut line = program.unwrap_or(&self.program).display().to_string();
        for argument in self.arguments("PORT", "DIR") {
            line.push(' ');
            line.push_str(if argument.is_empty() { "''" } else { &argument });
        }
        line
    }

    /// What the program says to `--version`.
    pub fn version(&self) -> String {
        let output = Command::new(&self.program).arg("--version").output();
        let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        text.unwrap_or_default().lines().next().unwrap_or("unknown").trim().to_owned()
    }
}

/// A running server, killed with its directory when dropped.
pub struct Server {
    command: Command,
    child: Child,
    dir: PathBuf,
    pub port: u16,
}

impl Server {
    /// Starts a contender on a free port and waits until it answers.
    pub fn start(contender: &Contender, extra: &[&str]) -> io::Result<Self> {
        let port = free_port()?;
        let dir = scratch_dir(port)?;
        let log = File::create(dir.join("log"))?;
        let mut command = Command::new(&contender.program);
        command
            .args(contender.arguments(&port.to_string(), &dir.to_string_lossy()))
            .args(extra)
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log);
        let child = spawn_on_server_core(&mut command).map_err(|error| {
            io::Error::other(format!("cannot start {}: {error}", contender.program.display()))
        })?;
        let mut server = Self { command, child, dir, port };
        server.await_ready()?;
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn connect(&self) -> io::Result<Client> {
        Client::connect(self.port)
    }

    /// Ends the server as an operator would and starts it again on the same files; how long it took
    /// until it answered.
    pub fn restart(&mut self) -> io::Result<Duration> {
        // It ends without a reply.
        let _ = self.connect()?.call(&["SHUTDOWN", "NOSAVE"]);
        self.child.wait()?;
        let began = Instant::now();
        self.child = spawn_on_server_core(&mut self.command)?;
        self.await_ready()?;
        Ok(began.elapsed())
    }

    fn await_ready(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if self.connect().and_then(|mut client| client.ping()).is_ok() {
                return Ok(());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!(
                    "does not answer; it says: {}",
                    log.trim_end()
                )));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is to be saved, so there is nothing to wait for. Errors: it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Pins this process to the client's core and takes all file descriptors the system allows, for
/// itself and the servers that inherit the limit.
pub fn prepare_this_process() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    pin_to(CLIENT_CORE).map_err(|error| io::Error::other(format!("two cores needed: {error}")))
}

/// The child inherits the affinity of the moment it is started in, with every thread it will
/// have; setting it afterwards could miss one.
fn spawn_on_server_core(command: &mut Command) -> io::Result<Child> {
    pin_to(SERVER_CORE)?;
    let child = command.spawn();
    pin_to(CLIENT_CORE)?;
    child
}

fn pin_to(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn scratch_dir(port: u16) -> io::Result<PathBuf> {
    let name = format!("compare-{}-{port}", std::process::id());
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&dir)?;
    Ok(dir)
}
