//! The append log of a server under test, as its files hold it.

use std::fs;
use std::path::{Path, PathBuf};

use super::Server;

/// The options that make a server keep a log, and nothing else on disk.
pub const WITH_LOG: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "no"];

/// A record: its words.
pub type Record = Vec<Vec<u8>>;

/// The incremental file that grows: the last one that the manifest names.
pub fn incr_file(server: &Server) -> PathBuf {
    let dir = server.dir().join("appendonlydir");
    let manifest = fs::read_to_string(dir.join("appendonly.aof.manifest")).expect("a manifest");
    let last = manifest.lines().rfind(|line| line.ends_with("type i")).expect("a file");
    dir.join(last.split(' ').nth(1).expect("a name"))
}

/// The records of a file from `offset` on, and its length. Lines that begin with `#` are left out.
pub fn records(path: &Path, offset: usize) -> (Vec<Record>, usize) {
    let bytes = fs::read(path).expect("a log");
    let (mut records, mut rest) = (Vec::new(), &bytes[offset..]);
    while !rest.is_empty() {
        match take_line(&mut rest).split_first().expect("a line") {
            (b'#', _) => {}
            (b'*', count) => {
                records.push((0..number(count)).map(|_| take_word(&mut rest)).collect())
            }
            (byte, _) => panic!("a record begins with {byte}"),
        }
    }
    (records, bytes.len())
}

fn take_word(rest: &mut &[u8]) -> Vec<u8> {
    let len = number(take_line(rest).strip_prefix(b"$").expect("a length"));
    let word = rest[..len].to_vec();
    *rest = rest[len..].strip_prefix(b"\r\n").expect("the end of a word");
    word
}

fn take_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("the end of a line");
    let line = &rest[..end];
    *rest = &rest[end + 2..];
    line
}

fn number(digits: &[u8]) -> usize {
    std::str::from_utf8(digits).expect("digits").parse().expect("a number")
}

/// Records as lines, for comparisons and reports.
pub fn lines(records: &[Record]) -> Vec<String> {
    let word = |word: &Vec<u8>| word.escape_ascii().to_string();
    records.iter().map(|record| record.iter().map(word).collect::<Vec<_>>().join(" ")).collect()
}
