//! Groups of consumers: who gets what, what is pending, and who takes it over.

use super::{entries, nothing, read};
use crate::support::*;

const NO_GROUP: &str = "NOGROUP No such key 's' or consumer group 'x'";

/// A stream of three entries and a group that begins with them.
const STREAM: [(&str, &str); 4] = [
    ("XADD s 1-0 f 1", "1-0"),
    ("XADD s 2-0 f 2", "2-0"),
    ("XADD s 3-0 f 3", "3-0"),
    ("XGROUP CREATE s g 0", "OK"),
];

fn check_on_stream(lines: &[(&str, Value)]) {
    each_backend(|server| {
        let mut client = server.client();
        STREAM.iter().for_each(|(line, reply)| assert_eq!(client.run(line).text(), *reply));
        check_on(&mut client, lines);
    });
}

#[test]
fn each_entry_goes_to_one_consumer_until_it_is_acknowledged() {
    check_on_stream(&[
        ("XREADGROUP GROUP g a COUNT 1 STREAMS s >", read("s", &["1-0 f 1"])),
        ("XREADGROUP GROUP g b STREAMS s >", read("s", &["2-0 f 2", "3-0 f 3"])),
        ("XREADGROUP GROUP g b STREAMS s >", nothing()),
        ("XREADGROUP GROUP g a STREAMS s 0", read("s", &["1-0 f 1"])),
        ("XREADGROUP GROUP g b STREAMS s 2-0", read("s", &["3-0 f 3"])),
        (
            "XPENDING s g",
            array([
                int(3),
                bulk("1-0"),
                bulk("3-0"),
                array([bulks(["a", "1"]), bulks(["b", "2"])]),
            ]),
        ),
        ("XACK s g 1-0 1-0 9-9", int(1)),
        ("XACK s x 2-0", int(0)),
        ("XACK none g 2-0", int(0)),
        ("XACK s g x", err("ERR Invalid stream ID specified as stream command argument")),
        ("XREADGROUP GROUP g a STREAMS s 0", read("s", &[])),
        ("XDEL s 2-0", int(1)),
        (
            "XREADGROUP GROUP g b STREAMS s 0",
            array([array([
                bulk("s"),
                array([array([bulk("2-0"), nothing()]), super::entry("3-0 f 3")]),
            ])]),
        ),
    ]);
}

#[test]
fn what_needs_no_acknowledgement_is_not_pending() {
    check_on_stream(&[
        ("XREADGROUP GROUP g a NOACK COUNT 2 STREAMS s >", read("s", &["1-0 f 1", "2-0 f 2"])),
        ("XPENDING s g", array([int(0), nil(), nil(), nothing()])),
        ("XREADGROUP GROUP g a STREAMS s >", read("s", &["3-0 f 3"])),
    ]);
}

#[test]
fn pending_entries_are_shown_by_range_owner_and_time() {
    each_backend(|server| {
        let mut client = server.client();
        STREAM.iter().for_each(|(line, _)| drop(client.run(line)));
        client.run("XREADGROUP GROUP g a COUNT 2 STREAMS s >");
        client.run("XREADGROUP GROUP g b STREAMS s >");
        let mut shown = |line: &str| -> Vec<String> {
            let show = |one: &Value| {
                let [id, owner] = [0, 1].map(|at| one.items()[at].text());
                format!("{id} {owner} {}", one.items()[3].as_int())
            };
            client.run(line).items().iter().map(show).collect()
        };
        assert_eq!(shown("XPENDING s g - + 9"), ["1-0 a 1", "2-0 a 1", "3-0 b 1"]);
        assert_eq!(shown("XPENDING s g (1-0 + 1"), ["2-0 a 1"]);
        assert_eq!(shown("XPENDING s g - + 9 b"), ["3-0 b 1"]);
        assert!(shown("XPENDING s g - + 9 nobody").is_empty());
        assert!(shown("XPENDING s g IDLE 100000 - + 9").is_empty());
        assert_eq!(shown("XPENDING s g IDLE 0 - 2 9 a").len(), 2);
        client.check("XPENDING s x", err(NO_GROUP));
        client.check("XPENDING s g - +", err("ERR syntax error"));
    });
}

#[test]
fn a_claim_takes_an_entry_over() {
    check_on_stream(&[
        ("XREADGROUP GROUP g a STREAMS s >", read("s", &["1-0 f 1", "2-0 f 2", "3-0 f 3"])),
        ("XCLAIM s g b 100000 1-0", array([])),
        ("XCLAIM s g b 0 1-0 9-9", entries(&["1-0 f 1"])),
        ("XCLAIM s g b 0 2-0 JUSTID", bulks(["2-0"])),
        (
            "XPENDING s g",
            array([
                int(3),
                bulk("1-0"),
                bulk("3-0"),
                array([bulks(["a", "1"]), bulks(["b", "2"])]),
            ]),
        ),
        ("XDEL s 3-0", int(1)),
        ("XCLAIM s g b 0 3-0", array([])),
        ("XPENDING s g - + 9 a", array([])),
        ("XACK s g 1-0", int(1)),
        ("XCLAIM s g b 0 1-0", array([])),
        ("XCLAIM s g c 0 1-0 FORCE JUSTID RETRYCOUNT 7", bulks(["1-0"])),
        ("XCLAIM s x b 0 1-0", err(NO_GROUP)),
        ("XCLAIM s g b x 1-0", err("ERR Invalid min-idle-time argument for XCLAIM")),
        ("XCLAIM s g b 0 1-0 SOON", err("ERR Unrecognized XCLAIM option 'SOON'")),
    ]);
}

#[test]
fn xautoclaim_goes_through_what_is_pending() {
    check_on_stream(&[
        ("XREADGROUP GROUP g a STREAMS s >", read("s", &["1-0 f 1", "2-0 f 2", "3-0 f 3"])),
        ("XDEL s 2-0", int(1)),
        ("XAUTOCLAIM s g b 100000 0", array([bulk("0-0"), array([]), bulks(["2-0"])])),
        ("XAUTOCLAIM s g b 0 - COUNT 1", array([bulk("3-0"), entries(&["1-0 f 1"]), array([])])),
        ("XAUTOCLAIM s g b 0 3-0 JUSTID", array([bulk("0-0"), bulks(["3-0"]), array([])])),
        ("XPENDING s g", array([int(2), bulk("1-0"), bulk("3-0"), array([bulks(["b", "2"])])])),
        ("XAUTOCLAIM s g b 0 0 COUNT 0", err("ERR COUNT must be > 0")),
        ("XAUTOCLAIM s x b 0 0", err(NO_GROUP)),
    ]);
}

#[test]
fn groups_are_made_moved_and_destroyed() {
    check(&[
        (
            "XGROUP CREATE s g $",
            err(
                "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may \
             want to use the MKSTREAM option to create an empty stream automatically.",
            ),
        ),
        ("XGROUP CREATE s g $ MKSTREAM", ok()),
        ("XGROUP CREATE s g $", err("BUSYGROUP Consumer Group name already exists")),
        ("XLEN s", int(0)),
        ("XADD s 1-0 f v", bulk("1-0")),
        ("XGROUP SETID s g 1-0 ENTRIESREAD 1", ok()),
        ("XREADGROUP GROUP g c STREAMS s >", nothing()),
        ("XGROUP SETID s g 0", ok()),
        ("XREADGROUP GROUP g c STREAMS s >", read("s", &["1-0 f v"])),
        ("XGROUP CREATECONSUMER s g c", int(0)),
        ("XGROUP CREATECONSUMER s g d", int(1)),
        ("XGROUP DELCONSUMER s g c", int(1)),
        ("XGROUP DELCONSUMER s g c", int(0)),
        ("XPENDING s g", array([int(0), nil(), nil(), nothing()])),
        ("XGROUP SETID s x 0", err("NOGROUP No such consumer group 'x' for key name 's'")),
        (
            "XGROUP CREATE s h 0 ENTRIESREAD -2",
            err("ERR value for ENTRIESREAD must be positive or -1"),
        ),
        (
            "XGROUP CREATE s h 0 SOON",
            err(
                "ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.",
            ),
        ),
        ("XGROUP DESTROY s g", int(1)),
        ("XGROUP DESTROY s g", int(0)),
        (
            "XREADGROUP GROUP g c STREAMS s >",
            err("NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option"),
        ),
    ]);
}

#[test]
fn xinfo_shows_groups_and_consumers() {
    each_backend(|server| {
        let mut client = server.client();
        STREAM.iter().for_each(|(line, _)| drop(client.run(line)));
        client.run("XREADGROUP GROUP g a COUNT 2 STREAMS s >");
        client.run("XGROUP CREATECONSUMER s g idle");
        let groups = client.run("XINFO GROUPS s");
        let get = |name: &str| groups.items()[0].get(name).expect(name).clone();
        assert_eq!((get("consumers"), get("pending")), (int(2), int(2)));
        assert_eq!((get("entries-read"), get("lag")), (int(2), int(1)));
        assert_eq!(get("last-delivered-id"), bulk("2-0"));
        let consumers = client.run("XINFO CONSUMERS s g");
        let get = |at: usize, name: &str| consumers.items()[at].get(name).expect(name).clone();
        assert_eq!((get(0, "name"), get(0, "pending")), (bulk("a"), int(2)));
        assert_eq!((get(1, "name"), get(1, "inactive")), (bulk("idle"), int(-1)));
        let full = client.run("XINFO STREAM s FULL");
        let group = full.get("groups").expect("groups").items()[0].clone();
        assert_eq!(group.get("pel-count"), Some(&int(2)));
        let consumer = &group.get("consumers").expect("consumers").items()[0];
        assert_eq!(consumer.get("pending").expect("pending").items().len(), 2);
        client.check(
            "XINFO CONSUMERS s x",
            err("NOGROUP No such consumer group 'x' for key name 's'"),
        );
        client.run("XDEL s 3-0");
        let groups = client.run("XINFO GROUPS s");
        assert_eq!(groups.items()[0].get("lag"), Some(&nil()), "something ahead was deleted");
    });
}

#[test]
fn requests_for_groups_are_checked() {
    check_on_stream(&[
        ("XREAD STREAMS s", err("ERR wrong number of arguments for 'xread' command")),
        (
            "XREAD COUNT 1 STREAMS s",
            err(
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be \
             specified.",
            ),
        ),
        (
            "XREAD STREAMS s >",
            err(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
             <consumer> option.",
            ),
        ),
        (
            "XREAD GROUP g c STREAMS s 0",
            err("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."),
        ),
        (
            "XREAD NOACK STREAMS s 0",
            err("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."),
        ),
        ("XREADGROUP COUNT 1 BLOCK 1 STREAMS s >", err("ERR Missing GROUP option for XREADGROUP")),
        ("XREAD BLOCK -1 STREAMS s 0", err("ERR timeout is negative")),
        ("XREAD BLOCK x STREAMS s 0", err("ERR timeout is not an integer or out of range")),
        ("XREAD COUNT x STREAMS s 0", err("ERR value is not an integer or out of range")),
        ("COMMAND GETKEYS XREADGROUP GROUP STREAMS c STREAMS a b > >", bulks(["a", "b"])),
        ("COMMAND GETKEYS XREAD COUNT 1 STREAMS a b 0 0", bulks(["a", "b"])),
    ]);
}
