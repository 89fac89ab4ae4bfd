//! `sidering healthcheck` as a container runs it.

use std::process::{Command, Output};

use crate::support::*;

/// Runs the check against a server, with a password or without one.
fn check_of(server: &Server, args: &[&str], password: Option<&str>) -> Output {
    let mut command = Command::new(binary_under_test());
    command.args(["healthcheck", "--port", &server.port().to_string()]).args(args);
    command.env_remove("REDISCLI_AUTH").envs(password.map(|password| ("REDISCLI_AUTH", password)));
    command.output().expect("the binary")
}

fn reason(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_server_that_serves_is_healthy() {
    each_backend(|server| {
        assert!(check_of(server, &[], None).status.success());
        assert!(check_of(server, &["--host", "localhost"], None).status.success());
    });
}

#[test]
fn the_password_comes_from_the_environment() {
    each_backend_with(&["--requirepass", "secret"], |server| {
        assert!(check_of(server, &[], Some("secret")).status.success());
        assert!(check_of(server, &["--user", "default"], Some("secret")).status.success());
        assert!(reason(&check_of(server, &[], None)).starts_with("NOAUTH"));
        assert!(reason(&check_of(server, &[], Some("wrong"))).starts_with("WRONGPASS"));
    });
}

#[test]
fn a_server_that_is_gone_or_hangs_is_not_healthy() {
    each_backend_with_mut(&[], |server| {
        let mut client = server.client();
        client.send(b"DEBUG SLEEP 1\r\n");
        assert!(reason(&check_of(server, &["--timeout", "0.1"], None)).starts_with("No answer"));
        server.kill();
        assert!(reason(&check_of(server, &[], None)).starts_with("No answer"));
    });
}
