//! Entries that are added, shown and removed.

use super::{entries, entry, nothing};
use crate::support::*;

const SMALL: &str =
    "ERR The ID specified in XADD is equal or smaller than the target stream top item";
const BAD_ID: &str = "ERR Invalid stream ID specified as stream command argument";

#[test]
fn xadd_makes_ids_that_ascend() {
    check(&[
        ("XADD s 1-1 f v", bulk("1-1")),
        ("XADD s 1-* f v", bulk("1-2")),
        ("XADD s 0-* f v", err(SMALL)),
        ("XADD s 1-2 f v", err(SMALL)),
        ("XADD s 7 f v", bulk("7-0")),
        ("XADD s 7-18446744073709551615 f v", bulk("7-18446744073709551615")),
        ("XADD s 7-* f v", err(SMALL)),
        ("XADD s 0-0 f v", err("ERR The ID specified in XADD must be greater than 0-0")),
        ("XADD new 0-* f v", bulk("0-1")),
        ("XADD s x f v", err(BAD_ID)),
        ("XADD s * f", err("ERR wrong number of arguments for 'xadd' command")),
        ("XADD s * f v g", err("ERR wrong number of arguments for 'xadd' command")),
        (
            "XADD s 18446744073709551615-18446744073709551615 f v",
            bulk("18446744073709551615-18446744073709551615"),
        ),
        (
            "XADD s * f v",
            err("ERR The stream has exhausted the last possible ID, unable to add more items"),
        ),
        ("XLEN s", int(5)),
        ("TYPE s", simple("stream")),
        ("OBJECT ENCODING s", bulk("stream")),
        ("SET text x", ok()),
        ("XADD text * f v", err(WRONG_TYPE)),
        ("XADD none NOMKSTREAM * f v", nil()),
        ("EXISTS none", int(0)),
    ]);
}

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn an_id_of_now_is_that_of_the_clock() {
    each_backend(|server| {
        let mut client = server.client();
        let time = client.run("TIME").items()[0].text();
        let id = client.run("XADD s * f v").text();
        let (ms, seq) = id.split_once('-').expect("two parts");
        assert!(ms.len() == time.len() + 3 && ms >= &time[..] && seq == "0", "{id} at {time}");
    });
}

#[test]
fn ranges_are_shown_from_either_end() {
    check(&[
        ("XADD s 1-1 a 1 b 2", bulk("1-1")),
        ("XADD s 1-2 a 3 b 4", bulk("1-2")),
        ("XADD s 2-0 c x", bulk("2-0")),
        ("XRANGE s - +", entries(&["1-1 a 1 b 2", "1-2 a 3 b 4", "2-0 c x"])),
        ("XRANGE s 1 1", entries(&["1-1 a 1 b 2", "1-2 a 3 b 4"])),
        ("XRANGE s (1-1 +", entries(&["1-2 a 3 b 4", "2-0 c x"])),
        ("XRANGE s - (2 COUNT 1", entries(&["1-1 a 1 b 2"])),
        ("XREVRANGE s + - COUNT 2", entries(&["2-0 c x", "1-2 a 3 b 4"])),
        ("XREVRANGE s (2-0 1-2", entries(&["1-2 a 3 b 4"])),
        ("XRANGE s 3 +", array([])),
        ("XRANGE s + -", array([])),
        ("XRANGE s - + COUNT 0", nothing()),
        ("XRANGE none - +", array([])),
        ("XRANGE s (- +", err(BAD_ID)),
        (
            "XRANGE s (18446744073709551615-18446744073709551615 +",
            err("ERR invalid start ID for the interval"),
        ),
        ("XRANGE s - (0-0", err("ERR invalid end ID for the interval")),
        ("XRANGE s - + LIMIT 1", err("ERR syntax error")),
    ]);
}

#[test]
fn what_was_deleted_is_gone_and_its_id_is_not_given_again() {
    check(&[
        ("XADD s 1-0 f 1", bulk("1-0")),
        ("XADD s 2-0 f 2", bulk("2-0")),
        ("XADD s 3-0 f 3", bulk("3-0")),
        ("XDEL s 2 9-9", int(1)),
        ("XDEL s 2", int(0)),
        ("XDEL s 1 x", err(BAD_ID)),
        ("XDEL none 1", int(0)),
        ("XRANGE s - +", entries(&["1-0 f 1", "3-0 f 3"])),
        ("XDEL s 3 1", int(2)),
        ("XLEN s", int(0)),
        ("EXISTS s", int(1)),
        ("XADD s 3-0 f 3", err(SMALL)),
        ("XADD s 3-1 f 3", bulk("3-1")),
        ("XREVRANGE s + -", entries(&["3-1 f 3"])),
    ]);
}

#[test]
fn trimming_keeps_what_it_is_told() {
    check_with(
        &["--stream-node-max-entries", "3"],
        &[
            ("XTRIM none MAXLEN 1", int(0)),
            ("XADD s 1-0 f v", bulk("1-0")),
            ("XADD s 2-0 f v", bulk("2-0")),
            ("XADD s 3-0 f v", bulk("3-0")),
            ("XADD s 4-0 f v", bulk("4-0")),
            ("XADD s 5-0 f v", bulk("5-0")),
            ("XTRIM s MAXLEN ~ 3", int(0)),
            ("XTRIM s MAXLEN ~ 2", int(3)),
            ("XTRIM s MAXLEN = 1", int(1)),
            ("XRANGE s - +", entries(&["5-0 f v"])),
            ("XADD s MAXLEN 2 6-0 f v", bulk("6-0")),
            ("XADD s MAXLEN 2 7-0 f v", bulk("7-0")),
            ("XLEN s", int(2)),
            ("XTRIM s MINID 7", int(1)),
            ("XRANGE s - +", entries(&["7-0 f v"])),
            ("XTRIM s MINID ~ 8 LIMIT 1", int(1)),
            ("XLEN s", int(0)),
        ],
    );
}

#[test]
fn limits_of_trimming_are_checked() {
    check(&[
        ("XTRIM s MAXLEN -1", err("ERR The MAXLEN argument must be >= 0.")),
        ("XTRIM s MAXLEN x", err("ERR value is not an integer or out of range")),
        (
            "XTRIM s MAXLEN 1 MINID 1",
            err("ERR syntax error, MAXLEN and MINID options at the same time are not compatible"),
        ),
        (
            "XTRIM s MAXLEN 1 LIMIT 1",
            err("ERR syntax error, LIMIT cannot be used without the special ~ option"),
        ),
        ("XTRIM s MAXLEN ~ 1 LIMIT -1", err("ERR The LIMIT argument must be >= 0.")),
        ("XTRIM s MAXLEN", err("ERR wrong number of arguments for 'xtrim' command")),
        (
            "XTRIM s LIMIT 1 LIMIT 1",
            err("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"),
        ),
        ("XTRIM s MAXLEN 1 NOMKSTREAM", err("ERR syntax error")),
        (
            "XADD s LIMIT 5 * f v",
            err("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"),
        ),
    ]);
}

#[test]
fn xinfo_stream_counts_as_redis_does() {
    each_backend(|server| {
        let mut client = server.client();
        client.run("CONFIG SET stream-node-max-entries 2");
        for ms in [1, 2, 3, 4, 300] {
            client.run(&format!("XADD s {ms}-0 f {ms}"));
        }
        client.check("XDEL s 2", int(1));
        let info = client.run("XINFO STREAM s");
        let get = |name: &str| info.get(name).expect(name).clone();
        assert_eq!(get("length"), int(4));
        assert_eq!((get("radix-tree-keys"), get("radix-tree-nodes")), (int(3), int(9)));
        assert_eq!((get("entries-added"), get("max-deleted-entry-id")), (int(5), bulk("2-0")));
        assert_eq!(get("last-generated-id"), bulk("300-0"));
        assert_eq!(get("first-entry"), entry("1-0 f 1"));
        assert_eq!(get("last-entry"), entry("300-0 f 300"));
        let full = client.run("XINFO STREAM s FULL COUNT 1");
        assert_eq!(full.get("entries").expect("entries"), &entries(&["1-0 f 1"]));
        client.check("XINFO STREAM none", err("ERR no such key"));
        client.check(
            "XINFO STREAM s FUL",
            err(
                "ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.",
            ),
        );
    });
}

#[test]
fn xsetid_sets_what_is_known_of_a_stream() {
    check(&[
        ("XSETID s 1", err("ERR no such key")),
        ("XADD s 5-0 f v", bulk("5-0")),
        (
            "XSETID s 4",
            err("ERR The ID specified in XSETID is smaller than the target stream top item"),
        ),
        (
            "XSETID s 9 ENTRIESADDED 0",
            err(
                "ERR The entries_added specified in XSETID is smaller than the target stream length",
            ),
        ),
        ("XSETID s 9 ENTRIESADDED -1", err("ERR entries_added must be positive")),
        (
            "XSETID s 9 MAXDELETEDID 10",
            err("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"),
        ),
        ("XSETID s 9 ENTRIESADDED 7 MAXDELETEDID 8", ok()),
        (
            "XSETID s 7",
            err("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"),
        ),
        ("XADD s 8 f v", err(SMALL)),
    ]);
}

#[test]
fn copies_have_everything() {
    check(&[
        ("XADD s 1-0 f v", bulk("1-0")),
        ("XGROUP CREATE s g 0", ok()),
        ("XREADGROUP GROUP g c STREAMS s >", super::read("s", &["1-0 f v"])),
        ("SCAN 0 TYPE stream COUNT 100", array([bulk("0"), bulks(["s"])])),
        ("COPY s t", int(1)),
        ("XACK t g 1-0", int(1)),
        ("XPENDING s g - + 9 nobody", array([])),
        ("XPENDING t g", array([int(0), nil(), nil(), nothing()])),
        ("XDEL t 1-0", int(1)),
        ("XLEN s", int(1)),
    ]);
}

#[test]
fn events_tell_of_changes() {
    each_backend(|server| {
        let (mut client, mut listener) = (server.client(), server.client());
        client.run("CONFIG SET notify-keyspace-events Et");
        listener.run("PSUBSCRIBE *");
        for line in [
            "XADD s MAXLEN 1 1-0 f v",
            "XADD s MAXLEN 1 2-0 f v",
            "XGROUP CREATE s g 0",
            "XREADGROUP GROUP g c STREAMS s >",
            "XACK s g 2-0",
            "XGROUP DELCONSUMER s g c",
            "XGROUP SETID s g 0",
            "XGROUP DESTROY s g",
            "XDEL s 2-0",
            "XSETID s 9-0",
            "XTRIM s MAXLEN 0",
        ] {
            assert!(!client.run(line).is_error(), "{line}");
        }
        for event in [
            "xadd",
            "xadd",
            "xtrim",
            "xgroup-create",
            "xgroup-createconsumer",
            "xgroup-delconsumer",
            "xgroup-setid",
            "xgroup-destroy",
            "xdel",
            "xsetid",
        ] {
            let channel = format!("__keyevent@0__:{event}");
            assert_eq!(listener.recv().items()[2], bulk(&channel));
        }
    });
}
