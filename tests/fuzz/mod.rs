//! The fuzz targets' properties under random input, bounded, without a fuzzing engine.
//!
//! Inputs are pieces of valid ones, so that they get past the first check. `FUZZ_SECONDS` makes each
//! run longer than the default, `FUZZ_SEED` repeats one.

mod properties;

use std::time::{Duration, Instant};

/// How long each property is tried unless `FUZZ_SECONDS` says otherwise.
const DEFAULT_DURATION: Duration = Duration::from_millis(500);
/// Pieces an input is made of at most.
const PIECES_MAX: usize = 24;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Feeds `property` with inputs made of `pieces` and random bytes until time is up.
fn run(property: fn(&[u8]), pieces: &[&[u8]]) {
    let seed = setting("FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    let duration = setting("FUZZ_SECONDS").map_or(DEFAULT_DURATION, Duration::from_secs);
    println!("repeat with FUZZ_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let start = Instant::now();
    let mut count = 0u64;
    while start.elapsed() < duration {
        let mut input = vec![rng.u8(..)];
        for _ in 0..rng.usize(..PIECES_MAX) {
            match rng.u8(..8) {
                0 => input.push(rng.u8(..)),
                _ => input.extend_from_slice(pieces[rng.usize(..pieces.len())]),
            }
        }
        property(&input);
        count += 1;
    }
    println!("{count} inputs");
}

#[test]
fn resp_parse() {
    let pieces: [&[u8]; 14] = [
        b"*1\r\n",
        b"*2\r\n",
        b"*0\r\n",
        b"*-1\r\n",
        b"$4\r\nPING\r\n",
        b"$0\r\n\r\n",
        b"$1\r\nx\r\n",
        b"$3\r\n\r\n*\r\n",
        b"PING\r\n",
        b"set \"a\\x41\" 'b'\r\n",
        b"*",
        b"$",
        b"\r\n",
        b"99999999999",
    ];
    run(properties::resp_parse, &pieces);
}

#[test]
fn glob() {
    run(
        properties::glob,
        &[b"*", b"?", b"[", b"]", b"^", b"-", b"\\", b"a", b"b", b"[a-z]", b"[^a]"],
    );
}

#[test]
fn acl_rules() {
    let pieces: [&[u8]; 34] = [
        b"\n",
        b"\n",
        b"\n",
        b" ",
        b"(",
        b")",
        b"\n(",
        b")\n",
        b"\"",
        b"'",
        b"\\",
        b"~",
        b"%R~",
        b"%W~",
        b"%RW",
        b"&",
        b"a*",
        b"+",
        b"-",
        b"@",
        b"|",
        b"get",
        b"config",
        b"set",
        b"hash",
        b"all",
        b"select|0",
        b"allkeys",
        b"resetchannels",
        b"reset",
        b"on\n",
        b"nopass",
        b">pw",
        b"<pw",
    ];
    run(properties::acl_rules, &pieces);
}

#[test]
fn rdb_load() {
    let pieces: [&[u8]; 26] = [
        b"\xfa\x03aux\x01v",
        b"\xfe\x01",
        b"\xfb\x02\x01",
        b"\xfc\x00\x10\x00\x00\x00\x00\x00\x00",
        b"\xf8\x05",
        b"\xf9\x05",
        b"\x00\x01k\x01v",
        b"\x00\x01n\xc1\x00\x05",
        b"\x00\x01z\xc3\x0a\x40\xc8\x02aba\xe0\xba\x01\x01ab",
        b"\x01\x01l\x02\x01a\x01b",
        b"\x02\x01s\x02\x01a\xc0\x05",
        b"\x03\x01y\x02\x01a\x011\x01b\xff",
        b"\x04\x01h\x01\x01f\x01v",
        b"\x05\x01x\x01\x01a\x00\x00\x00\x00\x00\x00\xf0\x3f",
        b"\x09\x01m\x08\x01\x01a\x01\x00x\xff",
        b"\x0a\x01L\x0e\x0e\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\xf2\xff",
        b"\x0b\x01i\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x02\x00",
        b"\x10\x01H\x0c\x0c\x00\x00\x00\x02\x00\x81f\x02\x07\x01\xff",
        b"\x11\x01Z\x0c\x0c\x00\x00\x00\x02\x00\x81f\x02\x07\x01\xff",
        b"\x12\x01q\x01\x02\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff",
        b"\x14\x01S\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff",
        b"\x18\x01t\x00\x10\x00\x00\x00\x00\x00\x00\x01\x05\x01f\x01v",
        b"\x81\x00\x00\x00\x00\x00\x00\x10\x00",
        b"\x80\x00\x10\x00\x00",
        b"\xff",
        b"\xff\x00\x00\x00\x00\x00\x00\x00\x00",
    ];
    run(properties::rdb_load, &pieces);
}

#[test]
fn config_line() {
    run(
        properties::config_line,
        &[b"\"", b"'", b"\\", b"\\x", b"4", b"f", b"n", b" ", b"\n", b"key"],
    );
}

#[test]
fn script_libraries() {
    let pieces: [&[u8]; 34] = [
        b"{\"a\":1}",
        b"[1,2]",
        b"[",
        b"]",
        b"{",
        b"}",
        b"\"",
        b"\\u00e9",
        b"\\ud83d",
        b"null",
        b"true",
        b"-1e5",
        b",",
        b":",
        b"\xc0",
        b"\xc3",
        b"\x81\xa1a\x01",
        b"\x92\x01\x02",
        b"\xdc\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\x00\x00\x00\x02ab",
        b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00",
        b"\xd3\xff\xff\xff\xff\xff\xff\xff\xff",
        b"<i4",
        b">h",
        b"c0",
        b"!8",
        b"s",
        b"l99999999999",
        b"%b()",
        b"(a-)*",
        b"%f[a]",
        b"aaaa",
        b"%1",
    ];
    run(properties::script_libraries, &pieces);
}

#[test]
fn library_metadata() {
    let pieces: [&[u8]; 12] =
        [b"#!", b"lua", b" ", b"name=", b"NAME=", b"lib", b"\"", b"'", b"\\x", b"\n", b"\0", b"-"];
    run(properties::library_metadata, &pieces);
}
