//! Bitmap commands over a connection: bits, counts, positions, operations, fields.

use crate::support::*;

const OFFSET: &str = "bit offset is not an integer or out of range";

#[test]
fn setbit_grows_with_zeros_and_replies_the_old_bit() {
    check(&[
        ("SETBIT k 1 1", int(0)),
        ("GET k", bulk("@")),
        ("SETBIT k 1 1", int(1)),
        ("SETBIT k 17 0", int(0)),
        ("STRLEN k", int(3)),
        ("GETBIT k 1", int(1)),
        ("GETBIT k 100", int(0)),
        ("SET n 1", ok()),
        ("SETBIT n 6 1", int(0)),
        ("GET n", bulk("3")),
    ]);
}

#[test]
fn setbit_refuses_bad_offsets_and_bits() {
    check(&[
        ("SETBIT k -1 1", err(OFFSET)),
        ("SETBIT k 4294967296 1", err(OFFSET)),
        ("GETBIT k x", err(OFFSET)),
        ("SETBIT k 0 2", err("bit is not an integer or out of range")),
        ("SETBIT k 0 x", err("bit is not an integer or out of range")),
        ("EXISTS k", int(0)),
    ]);
}

#[test]
fn a_bit_that_stays_is_no_change_for_watch() {
    each_backend(|server| {
        let (mut watcher, mut other) = (server.client(), server.client());
        let untouched = array([simple("PONG")]);
        // The letter is 0b0110_0001.
        for (line, reply) in [
            ("SETBIT k 7 1", untouched.clone()),
            ("BITFIELD k SET u8 0 97", untouched),
            ("SETBIT k 6 1", Value::NilArray),
        ] {
            watcher.check("SET k a", ok());
            watcher.check("WATCH k", ok());
            assert!(!other.run(line).is_error());
            watcher.check("MULTI", ok());
            watcher.check("PING", simple("QUEUED"));
            watcher.check("EXEC", reply);
        }
    });
}

#[test]
fn bitcount_counts_bytes_or_bits_of_a_range() {
    check(&[
        ("SET k foobar", ok()),
        ("BITCOUNT k", int(26)),
        ("BITCOUNT k 0 0", int(4)),
        ("BITCOUNT k 1 1 BYTE", int(6)),
        ("BITCOUNT k 5 30 BIT", int(17)),
        ("BITCOUNT k -5 -1 bit", int(2)),
        ("BITCOUNT k 3 2", int(0)),
        ("BITCOUNT k -2 -3 nonsense", int(0)),
        ("BITCOUNT k 0 1 nonsense", err("syntax error")),
        ("BITCOUNT nokey 0 1 nonsense", int(0)),
    ]);
}

#[test]
fn bitcount_takes_a_start_alone() {
    check_newer(&[("SET k foobar", ok()), ("BITCOUNT k -2", int(7)), ("BITCOUNT k 9", int(0))]);
}

#[test]
fn bitpos_finds_the_first_bit_of_a_kind() {
    check(&[
        ("SET k \"\\xff\\xf0\\x00\"", ok()),
        ("BITPOS k 0", int(12)),
        ("BITPOS k 1 2", int(-1)),
        ("BITPOS k 0 0 0", int(-1)),
        ("BITPOS k 1 -2 -1", int(8)),
        ("BITPOS k 0 3 14 BIT", int(12)),
        ("SET k \"\\xff\\xff\"", ok()),
        ("BITPOS k 0", int(16)),
        ("BITPOS k 0 0 -1", int(-1)),
        ("BITPOS nokey 0", int(0)),
        ("BITPOS nokey 1", int(-1)),
        ("BITPOS k 2", err("The bit argument must be 1 or 0.")),
    ]);
}

#[test]
fn bitop_pads_short_sources_with_zeros() {
    check(&[
        ("MSET a \"\\xf0\\xff\" b \"\\x3c\"", ok()),
        ("BITOP AND r a b", int(2)),
        ("GET r", bulk(b"\x30\x00")),
        ("BITOP or r a b nokey", int(2)),
        ("GET r", bulk(b"\xfc\xff")),
        ("BITOP XOR r a a", int(2)),
        ("BITOP NOT a a", int(2)),
        ("GET a", bulk(b"\x0f\x00")),
        ("BITOP AND r nokey nokey2", int(0)),
        ("EXISTS r", int(0)),
        ("BITOP NOT r a b", err("ERR BITOP NOT must be called with a single source key.")),
        ("BITOP NAND r a b", err("syntax error")),
    ]);
}

#[test]
fn bitop_agrees_with_bytewise_arithmetic_on_long_strings() {
    each_backend(|server| {
        let mut client = server.client();
        let a: Vec<u8> = (0..10_007).map(|i: u32| ((i * 31) >> 3) as u8).collect();
        let b: Vec<u8> = (0..5_003).map(|i: u32| ((i * 17) >> 2) as u8).collect();
        client.cmd(&[b"MSET", &b"a"[..], &a, b"b", &b]);
        client.check("BITOP XOR r a b", int(10_007));
        let padded = b.iter().copied().chain(std::iter::repeat(0));
        let expected: Vec<u8> = a.iter().zip(padded).map(|(x, y)| x ^ y).collect();
        client.check("GET r", bulk(&expected));
        let ones: u32 = expected.iter().map(|byte| byte.count_ones()).sum();
        client.check("BITCOUNT r", int(i64::from(ones)));
    });
}

#[test]
fn bitfield_reads_and_writes_integers_of_any_width() {
    check(&[
        ("BITFIELD k SET i5 100 -3 GET i5 100 GET u5 100", array([0, -3, 29].map(int))),
        ("BITFIELD k SET u8 #0 255 INCRBY u8 #0 10", array([0, 9].map(int))),
        ("BITFIELD_RO k GET u8 #0 GET i64 1000", array([9, 0].map(int))),
        ("BITFIELD k", array([])),
        ("SET n 12", ok()),
        ("BITFIELD n GET u8 0 GET u8 8", array([49, 50].map(int))),
    ]);
}

#[test]
fn bitfield_overflow_wraps_saturates_or_fails() {
    check(&[
        ("BITFIELD k SET u8 0 250", array([int(0)])),
        (
            "BITFIELD k INCRBY u8 0 10 OVERFLOW SAT INCRBY u8 0 -10 OVERFLOW FAIL INCRBY u8 0 -1",
            array([int(4), int(0), nil()]),
        ),
        ("BITFIELD k OVERFLOW SAT SET i8 0 200 GET i8 0", array([0, 127].map(int))),
        ("BITFIELD k OVERFLOW maybe", err("Invalid OVERFLOW type specified")),
    ]);
}

#[test]
fn bitfield_checks_everything_before_it_writes() {
    let encoding = "Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
                    supported but i64 is.";
    check(&[
        ("BITFIELD k SET u8 0 1 GET u64 0", err(encoding)),
        ("BITFIELD k SET u8 0 1 GET u8 -1", err(OFFSET)),
        ("BITFIELD k SET u8 0 1 SET u8 0 x", err("value is not an integer or out of range")),
        ("BITFIELD k SET u8 0 1 SET u8 0", err("syntax error")),
        ("BITFIELD_RO k SET u8 0 1", err("BITFIELD_RO only supports the GET subcommand")),
        ("EXISTS k", int(0)),
    ]);
}
