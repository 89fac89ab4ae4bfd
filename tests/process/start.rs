//! Starting: command line, files, standard input, addresses, the daemon.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::*;

/// A directory of one test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("sidering-{test}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a scratch directory");
        Scratch(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a plain path").into()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs the binary with a configuration on its standard input, until it ends or has become a daemon.
fn run_with(config: &str) -> Output {
    let mut child = Command::new(binary_under_test())
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    child.stdin.take().expect("a pipe").write_all(config.as_bytes()).expect("it reads");
    child.wait_with_output().expect("a child")
}

/// A configuration that serves one socket file as a daemon and nothing else.
fn daemon_config(scratch: &Scratch) -> String {
    let (dir, socket, pid, log) =
        (scratch.path(""), scratch.path("socket"), scratch.path("pid"), scratch.path("log"));
    format!(
        "port 0\nsave \"\"\ndir {dir}\nunixsocket {socket}\nunixsocketperm 700\npidfile {pid}\n\
         logfile {log}\ndaemonize yes\n"
    )
}

/// Connects once the daemon listens.
fn connect(socket: &str) -> Client {
    for _ in 0..10_000 {
        if let Ok(client) = Client::connect_unix(Path::new(socket)) {
            return client;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    panic!("nobody listens on {socket}")
}

#[test]
fn a_daemon_is_configured_from_stdin_and_removes_its_files() {
    let scratch = Scratch::new("daemon");
    fs::write(scratch.path("more.conf"), "maxclients 77\n").expect("a file");
    let config = daemon_config(&scratch) + &format!("include {}\n", scratch.path("more.conf"));
    let parent = run_with(&config);
    assert!(parent.status.success(), "{parent:?}");
    let mut client = connect(&scratch.path("socket"));
    client.check("CONFIG GET maxclients", bulks(["maxclients", "77"]));
    let mode = fs::metadata(scratch.path("socket")).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let info = client.run("INFO server").text();
    let pid = fs::read_to_string(scratch.path("pid")).expect("the pid file");
    assert!(info.contains(&format!("process_id:{}\r\n", pid.trim())), "{info}");
    client.send(b"SHUTDOWN NOSAVE\r\n");
    assert!(client.recv_to_end().is_empty());
    assert!(!fs::exists(scratch.path("pid")).expect("a directory"));
    assert!(!fs::exists(scratch.path("socket")).expect("a directory"));
}

#[test]
fn a_bad_directive_stops_the_start_and_is_quoted() {
    for (config, line, reason) in [
        ("port 0\nbogus 1\n", "bogus 1", "Bad directive or wrong number of arguments"),
        ("port 0\nmaxclients none\n", "maxclients none", "argument couldn't be parsed"),
        ("port 0\ninclude /nonexistent/file\n", "", "can't open config file"),
    ] {
        let output = run_with(config);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(line) && text.contains(reason), "{text}");
    }
}

#[test]
fn an_address_that_is_not_there_stops_the_start_unless_it_is_optional() {
    // 192.0.2.0/24 is for documentation: no machine has it.
    let output = run_with("port 1\nbind 192.0.2.1\n");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("bind: Cannot assign requested address"), "{text}");
    each_backend_with(&["--bind", "127.0.0.1", "-192.0.2.1"], |server| {
        server.client().check("PING", simple("PONG"));
    });
}

#[test]
fn the_name_redis_server_is_answered_to() {
    let scratch = Scratch::new("name");
    let link = scratch.path("redis-server");
    std::os::unix::fs::symlink(binary_under_test(), &link).expect("a link");
    let output = Command::new(&link).arg("-v").output().expect("the binary");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("Redis server v=7.2.") && text.contains(" bits=64 "), "{text}");
}

#[test]
fn the_usual_sidecar_starts() {
    let args = "--appendonly yes --maxmemory 96mb --maxmemory-policy allkeys-lru --tcp-keepalive 60 \
                --timeout 0";
    each_backend_with(&args.split_whitespace().collect::<Vec<_>>(), |server| {
        let mut client = server.client();
        client.check("CONFIG GET maxmemory", bulks(["maxmemory", "100663296"]));
        client.check("CONFIG GET maxmemory-policy", bulks(["maxmemory-policy", "allkeys-lru"]));
    });
}
