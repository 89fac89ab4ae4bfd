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
fn config_line() {
    run(
        properties::config_line,
        &[b"\"", b"'", b"\\", b"\\x", b"4", b"f", b"n", b" ", b"\n", b"key"],
    );
}
