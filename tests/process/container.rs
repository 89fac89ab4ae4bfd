//! The binary as the start program of an image.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::*;

/// What an image consists of, as far as the start goes: the program and a folder for data.
struct Image(PathBuf);

impl Image {
    fn new(name: &str) -> Image {
        let dir = std::env::temp_dir().join(format!("sidering-{name}-{}", std::process::id()));
        fs::create_dir_all(dir.join("data/folder")).expect("a directory");
        symlink(binary_under_test(), dir.join("docker-entrypoint.sh")).expect("a link");
        Image(dir)
    }

    fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.0.join("docker-entrypoint.sh"));
        command.args(words).current_dir(self.data());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the program")
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The user of a file or a process's directory in /proc.
fn owner(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").uid()
}

/// What a server says to an inline command on its socket, which it may still have to make.
fn ask(socket: &Path, command: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut stream = loop {
        match UnixStream::connect(socket) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    write!(stream, "{command}\r\nQUIT\r\n").expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("a reply");
    reply
}

#[test]
fn from_root_the_server_becomes_the_user_redis_who_owns_the_data() {
    let users = fs::read_to_string("/etc/passwd").expect("a file");
    let redis = users.lines().find_map(|line| line.strip_prefix("redis:x:")?.split(':').next());
    let Some(redis) = redis.filter(|_| rustix::process::getuid().is_root()) else {
        eprintln!("skipped: needs root and a user redis");
        return;
    };
    let redis: u32 = redis.parse().expect("a number");
    for backend in backends() {
        let driver = format!("{backend:?}").to_lowercase();
        let image = Image::new(&format!("image-{driver}"));
        let mut server = image
            .command(&["--port", "0", "--unixsocket", "socket", "--appendonly", "yes"])
            .args(["--io-backend", &driver])
            .stdout(fs::File::create(image.0.join("log")).expect("a file"))
            .spawn()
            .expect("the server");
        let socket = image.data().join("socket");
        assert!(ask(&socket, "CONFIG GET protected-mode").contains("$2\r\nno\r\n"));
        assert!(ask(&socket, "SET a 1").starts_with("+OK"));
        let output = fs::read_to_string(image.0.join("log")).expect("a file");
        assert!(output.contains("Protected mode is off"), "{output}");
        let process = PathBuf::from(format!("/proc/{}", server.id()));
        assert_eq!(owner(&process), redis);
        let status = fs::read_to_string(process.join("status")).expect("a file");
        assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
        let log = image.data().join("appendonlydir");
        for path in [image.data(), image.data().join("folder"), log.clone()] {
            assert_eq!(owner(&path), redis, "{}", path.display());
        }
        assert_eq!(fs::metadata(&log).expect("a directory").mode() & 0o077, 0);
        kill_process(Pid::from_child(&server), Signal::TERM).expect("a child");
        assert!(server.wait().expect("a child").success());
    }
}

#[test]
fn another_program_is_run_as_it_is() {
    let image = Image::new("image-other");
    assert_eq!(image.run(&["echo", "--port", "1"]).stdout, b"--port 1\n");
    assert_eq!(image.run(&["no-such-program"]).status.code(), Some(127));
    let version = String::from_utf8(image.run(&["--version"]).stdout).expect("text");
    assert!(version.starts_with("Redis server v="), "{version}");
    fs::write(image.data().join("dump.rdb"), "no snapshot").expect("a file");
    assert_eq!(image.run(&["redis-check-rdb", "dump.rdb"]).status.code(), Some(1));
}
