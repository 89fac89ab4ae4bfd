//! The log: its formats, and what an init system is told.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::*;

/// The last line of the log that contains `text`.
fn line_with(server: &Server, text: &str) -> String {
    let log = server.log();
    let line = log.lines().rfind(|line| line.contains(text));
    line.unwrap_or_else(|| panic!("no {text:?} in {log}")).to_owned()
}

#[test]
fn lines_look_and_tell_the_time_as_they_are_told_to() {
    each_backend_with(&["--log-format", "logfmt", "--log-timestamp-format", "iso8601"], |server| {
        let pid = server.pid();
        let ready = line_with(server, "Ready to accept connections tcp");
        let start = format!("pid={pid} role=primary timestamp=\"20");
        assert!(ready.starts_with(&start), "{ready}");
        assert!(ready.ends_with(" level=notice message=\"Ready to accept connections tcp\""));
        assert!(server.log().lines().all(|line| line.starts_with(&format!("pid={pid} "))));
        let mut client = server.client();
        client.check("CONFIG SET log-format json log-timestamp-format milliseconds", ok());
        client.run("DEBUG LOG \"a \\\"line\\\"\"");
        let line = line_with(server, "DEBUG LOG");
        assert!(
            line.starts_with(&format!("{{\"pid\":{pid},\"role\":\"primary\",\"timestamp\":\"1"))
        );
        assert!(
            line.ends_with("\"level\":\"warning\",\"message\":\"DEBUG LOG: a \\\"line\\\"\"}"),
            "{line}"
        );
        client.check("CONFIG SET log-format legacy log-timestamp-format legacy", ok());
        client.run("DEBUG LOG plain");
        let line = line_with(server, "DEBUG LOG: plain");
        assert!(line.starts_with(&format!("{pid}:M ")) && line.contains(" # DEBUG LOG"), "{line}");
    });
}

#[test]
fn the_level_changes_at_run_time() {
    each_backend(|server| {
        let mut client = server.client();
        client.check("CONFIG SET loglevel nothing", ok());
        client.run("DEBUG LOG unseen");
        client.check("CONFIG SET loglevel debug", ok());
        client.run("DEBUG LOG seen");
        drop(server.client());
        server.wait_until("it is logged", |server| server.log().contains("Accepted 127.0.0.1:"));
        assert!(server.log().contains("DEBUG LOG: seen") && !server.log().contains("unseen"));
    });
}

#[test]
fn an_init_system_is_told_when_the_server_is_ready_and_when_it_ends() {
    let path = std::env::temp_dir().join(format!("sidering-notify-{}", std::process::id()));
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let told = || {
        let mut bytes = [0; 200];
        let len = socket.recv(&mut bytes).expect("something");
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    };
    let unix = path.with_extension("server");
    // A supervised server stays in the foreground.
    let mut child = Command::new(binary_under_test())
        .args([
            "--port",
            "0",
            "--save",
            "",
            "--supervised",
            "auto",
            "--daemonize",
            "yes",
            "--unixsocket",
        ])
        .arg(&unix)
        .env("NOTIFY_SOCKET", &path)
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary");
    assert!(told().starts_with("STATUS=Redis is loading"));
    let ready = told();
    assert!(ready.contains("READY=1\n"), "{ready}");
    let mut client = Client::connect_unix(&unix).expect("it accepts");
    assert!(client.run("INFO server").text().contains("process_supervised:systemd\r\n"));
    client.send(b"SHUTDOWN\r\n");
    assert_eq!(told(), "STOPPING=1\n");
    assert!(child.wait().expect("a child").success());
    std::fs::remove_file(path).expect("removed");
}
