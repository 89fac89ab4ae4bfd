//! What every area needs: a server of its own, a client, and values to compare.
//!
//! Invariant: knows the protocol and the command line of the server, no command's meaning.
// A helper serves whichever areas exist; none of them uses all.
#![allow(dead_code, unused_imports)]

pub mod aof;
mod cgroup;
mod client;
pub mod oracle;
mod power;
mod server;
pub mod simdisk;
mod value;

pub use cgroup::{ControlGroup, skipped};
pub use client::{Client, encode};
pub use power::Disk;
pub use server::{
    Backend, CONFIG_FILE, Server, backends, binary_under_test, each_backend, each_backend_with,
    each_backend_with_mut, free_port,
};
pub use value::*;

use sidering::base::rng::{Rng, os_seed};

/// Runs each line and compares its reply, on a fresh server of each driver.
pub fn check(lines: &[(&str, Value)]) {
    check_with(&[], lines);
}

/// As [`check`], on servers started with `args` as well.
pub fn check_with(args: &[&str], lines: &[(&str, Value)]) {
    each_backend_with(args, |server| check_on(&mut server.client(), lines));
}

/// As [`check`], for what Redis 7.2 lacks.
pub fn check_newer(lines: &[(&str, Value)]) {
    each_backend(|server| {
        if !server.is_stand_in() {
            check_on(&mut server.client(), lines);
        }
    });
}

/// Runs each line in turn and compares its reply.
pub fn check_on(client: &mut Client, lines: &[(&str, Value)]) {
    for (line, expected) in lines {
        client.check(line, expected.clone());
    }
}

/// Chance that `SEED` repeats; says which one it is.
pub fn chance() -> Rng {
    let seed =
        std::env::var("SEED").map_or_else(|_| os_seed(), |text| text.parse().expect("a seed"));
    println!("SEED={seed}");
    Rng::seeded(seed)
}

/// What an environment variable says, else `default`.
pub fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// A client that has sent `line` and waits.
pub fn waiting(server: &Server, line: &str) -> Client {
    let before = blocked(server);
    let mut client = server.client();
    client.send(&encode(&split_args(line)));
    server.wait_until(line, |server| blocked(server) == before + 1);
    client
}

/// How many clients wait for a key.
pub fn blocked(server: &Server) -> usize {
    server.info("blocked_clients").parse().expect("a number")
}

/// Splits a line as redis-cli does: blanks separate, `"` quotes with escapes, `'` quotes raw.
///
/// # Panics
/// When quotes are unbalanced: the test is wrong.
pub fn split_args(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.as_bytes();
    loop {
        rest = rest.trim_ascii_start();
        match rest.first() {
            None => return words,
            Some(_) => {
                let (word, tail) = split_word(rest);
                words.push(word);
                rest = tail;
            }
        }
    }
}

fn split_word(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut word = Vec::new();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            b'"' => double_quoted(tail, &mut word),
            b'\'' => single_quoted(tail, &mut word),
            _ if byte.is_ascii_whitespace() => return (word, tail),
            _ => {
                word.push(byte);
                tail
            }
        };
    }
    (word, rest)
}

fn single_quoted<'a>(rest: &'a [u8], word: &mut Vec<u8>) -> &'a [u8] {
    let end = rest.iter().position(|&b| b == b'\'').expect("balanced quotes");
    word.extend_from_slice(&rest[..end]);
    &rest[end + 1..]
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> &'a [u8] {
    loop {
        let (byte, used) = match rest {
            [b'"', tail @ ..] => return tail,
            [b'\\', b'x', high, low, ..] => {
                let text = [*high, *low];
                let text = std::str::from_utf8(&text).expect("hex digits");
                (u8::from_str_radix(text, 16).expect("hex digits"), 4)
            }
            [b'\\', b'n', ..] => (b'\n', 2),
            [b'\\', b'r', ..] => (b'\r', 2),
            [b'\\', b't', ..] => (b'\t', 2),
            [b'\\', byte, ..] => (*byte, 2),
            [byte, ..] => (*byte, 1),
            [] => panic!("unbalanced quotes"),
        };
        word.push(byte);
        rest = &rest[used..];
    }
}

#[test]
fn splits_words_and_quotes() {
    let words = split_args(r#" set  k "a b\x00\n" 'c"d' "" "#);
    let expected: [&[u8]; 5] = [b"set", b"k", b"a b\0\n", b"c\"d", b""];
    assert_eq!(words, expected);
}
