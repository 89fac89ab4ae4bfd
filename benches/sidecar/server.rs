//! The server under load: its start on core 0, in a control group if there is one, and its end.
//!
//! Invariant: ends only the process it started.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::cgroup::ControlGroup;
use crate::client::Client;
use crate::options::Options;

const SERVER_CORE: usize = 0;
const CLIENT_CORE: usize = 1;
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A running server, killed with its directory when dropped.
pub struct Server {
    child: Child,
    dir: PathBuf,
    pub port: u16,
    /// As a reader would type it, less what changes from start to start.
    pub command: String,
}

impl Server {
    /// Starts the server on a free port and waits until it answers.
    pub fn start(
        options: &Options,
        group: Option<&ControlGroup>,
        arguments: &[String],
    ) -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("sidecar-{}-{port}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let log = File::create(dir.join("log"))?;
        let program = group.map_or_else(|| options.server.clone(), |g| g.runner(&options.server));
        let mut command = Command::new(program);
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"])
            .arg(&dir)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log);
        // The child inherits the core of the moment it is started in.
        pin_to(SERVER_CORE)?;
        let child = command.spawn();
        pin_to(CLIENT_CORE)?;
        let name = options.server.file_name().unwrap_or_default().to_string_lossy();
        let words = arguments.iter().map(|word| if word.is_empty() { "''" } else { word.as_str() });
        let command = format!("{name} {}", words.collect::<Vec<_>>().join(" "));
        let mut server = Self { child: child?, dir, port, command };
        server.await_ready()?;
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended; none while it lives.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!("no: {status}"))
    }

    fn await_ready(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Client::connect(self.port).and_then(|mut client| client.ping()).is_err() {
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("does not answer: {}", log.trim_end())));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
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

fn pin_to(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}
