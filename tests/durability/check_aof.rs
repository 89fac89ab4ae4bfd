//! `check-aof`, also by Redis's name for it.

use crate::support::aof::{WITH_LOG, incr_file};
use crate::support::*;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(program: &Path, args: &[&str], path: &Path, answer: &str) -> (String, bool) {
    let mut command = Command::new(program);
    let command = command.args(args).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the tool");
    // A tool that asks nothing may be gone before it is answered.
    let _ = child.stdin.take().expect("a pipe").write_all(answer.as_bytes());
    let Output { status, stdout, .. } = child.wait_with_output().expect("an end");
    (String::from_utf8_lossy(&stdout).into_owned(), status.success())
}

#[test]
fn a_log_of_a_running_server_is_valid_and_a_torn_one_is_fixed_when_agreed() {
    let server = Server::start(backends()[0], &WITH_LOG);
    server.client().check("SET a 1", ok());
    let manifest = server.dir().join("appendonlydir/appendonly.aof.manifest");
    let (tool, link) = (binary_under_test(), server.dir().join("redis-check-aof"));
    symlink(&tool, &link).expect("a link");
    for (text, sound) in [run(&tool, &["check-aof"], &manifest, ""), run(&link, &[], &manifest, "")]
    {
        assert!(sound && text.contains("Start to check BASE AOF (RDB format)."), "{text}");
        assert!(text.ends_with("All AOF files and manifest are valid\n"), "{text}");
    }
    let path = incr_file(&server);
    let whole = std::fs::read(&path).expect("a log");
    std::fs::write(&path, [&whole[..], b"*2\r\n$3\r\nDEL"].concat()).expect("a log");
    let (text, sound) = run(&link, &["--fix"], &manifest, "n\n");
    assert!(!sound && text.ends_with("Continue? [y/N]: Aborting...\n"), "{text}");
    let (text, sound) = run(&link, &["--fix"], &manifest, "y\n");
    assert!(
        sound && text.contains("Successfully truncated AOF appendonly.aof.1.incr.aof"),
        "{text}"
    );
    assert_eq!(std::fs::read(&path).expect("a log"), whole);
}

#[test]
fn wrong_arguments_get_the_usage() {
    let (text, sound) = run(&binary_under_test(), &["check-aof", "--what"], Path::new("x"), "");
    assert!(!sound && text.contains("[--fix|--truncate-to-timestamp $timestamp]"), "{text}");
}
