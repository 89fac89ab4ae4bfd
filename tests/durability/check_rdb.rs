//! `check-rdb`, and what redis-check-rdb says of our files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use super::*;

fn run(program: &Path, args: &[&str]) -> (String, bool) {
    let Output { stdout, stderr, status } =
        Command::new(program).args(args).output().expect("a program");
    let text = [stdout, stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), status.success())
}

#[test]
fn both_tools_take_files_of_both_servers() {
    let reference = Server::reference(&["--enable-debug-command", "yes"]);
    let server = Server::start(backends()[0], &[]);
    for writer in [&reference, &server] {
        fill(&mut writer.client());
        snapshot_of(writer);
        let file = writer.dir().join("dump.rdb");
        let file = file.to_str().expect("a plain path");
        let (theirs, sound) = run(Path::new("redis-check-rdb"), &[file]);
        assert!(sound, "{theirs}");
        let (ours, sound) = run(&binary_under_test(), &["check-rdb", file]);
        assert!(sound, "{ours}");
        // The same lines, up to the offsets: a block at a time is read there.
        let words = |text: &str| -> Vec<String> {
            let line = |line: &str| line.split_once("] ").map(|(_, rest)| rest.to_string());
            text.lines().filter_map(line).collect()
        };
        assert_eq!(words(&ours), words(&theirs));
        assert!(ours.contains("[info] 323 keys read\n[info] 2 expires\n"), "{ours}");
    }
}

#[test]
fn a_damaged_file_is_described() {
    let server = Server::start(backends()[0], &[]);
    fill(&mut server.client());
    let good = snapshot_of(&server);
    let file = server.dir().join("damaged.rdb");
    let path = file.to_str().expect("a plain path");
    let link = server.dir().join("redis-check-rdb");
    symlink(binary_under_test(), &link).expect("a link");
    let mut flipped = good.clone();
    *flipped.last_mut().expect("a byte") ^= 1;
    for (bytes, expected) in [
        (&flipped[..], "RDB CRC error\n[additional info] While doing: check-sum\n"),
        (&good[..200], "Unexpected EOF reading RDB file\n"),
        (
            b"REDIS0011\x02\x01k\x02\x01a\x01a",
            "Reading key 'k'\n[additional info] Reading type 2 (set-hashtable)\n",
        ),
        (
            b"REDIS0011\x07\x01k\x81\x80\x6b\x55\x96\x12\x34\x54\x00",
            "Not supported: values of the module type 'gGtVlhI0V'\n",
        ),
        (b"nothing at all", "Wrong signature trying to load DB from file\n"),
    ] {
        fs::write(&file, bytes).expect("a file");
        let (text, sound) = run(&link, &[path]);
        assert!(!sound && text.contains("--- RDB ERROR DETECTED ---"), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(run(&link, &[]), ("Usage: redis-check-rdb <rdb-file-name>\n".into(), false));
    assert_eq!(run(&link, &["--version"]), ("redis-check-rdb 7.2.6\n".into(), true));
    let (text, sound) = run(&link, &["/nonexistent"]);
    assert!(!sound && text.contains("/nonexistent: No such file"), "{text}");
}
