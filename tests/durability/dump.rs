//! DUMP and RESTORE: payloads between both servers, options, refusals.

use super::*;

/// Every key of the selected database.
fn keys(client: &mut Client) -> Vec<Vec<u8>> {
    client.run("KEYS *").items().iter().map(|key| key.bytes().to_vec()).collect()
}

fn restore(client: &mut Client, key: &[u8], payload: &[u8], more: &[&str]) -> Value {
    let words = [b"RESTORE".as_slice(), key, b"0", payload];
    let more = more.iter().map(|word| word.as_bytes());
    client.cmd(&words.into_iter().chain(more).collect::<Vec<_>>())
}

#[test]
fn payloads_go_back_and_forth() {
    let reference = Server::reference(&["--enable-debug-command", "yes"]);
    fill(&mut reference.client());
    each_backend(|server| {
        let (mut ours, mut theirs) = (server.client(), reference.client());
        for key in keys(&mut theirs) {
            let payload = theirs.cmd(&[b"DUMP", key.as_slice()]).bytes().to_vec();
            assert_eq!(restore(&mut ours, &key, &payload, &["REPLACE"]), ok());
            let back = ours.cmd(&[b"DUMP", key.as_slice()]).bytes().to_vec();
            assert_eq!(restore(&mut theirs, b"back", &back, &["REPLACE"]), ok());
            let digest = |client: &mut Client, key: &[u8]| {
                client.cmd(&[b"DEBUG".as_slice(), b"DIGEST-VALUE", key])
            };
            let expected = digest(&mut theirs, b"back");
            assert_eq!(digest(&mut ours, &key), expected, "{}", key.escape_ascii());
        }
        theirs.run("DEL back");
    });
}

#[test]
fn a_restored_key_lives_as_long_as_it_is_told() {
    check(&[
        ("SET k v", ok()),
        (r#"RESTORE a 0 "\x00\x01x\n\x00\"\x80\x86_\xbd\xe8H\xd0""#, ok()),
        ("PTTL a", int(-1)),
        (r#"RESTORE b 1000000 "\x00\x01x\n\x00\"\x80\x86_\xbd\xe8H\xd0""#, ok()),
        ("TTL b", int(1000)),
        (r#"RESTORE c 9000000000000 "\x00\x01x\n\x00\"\x80\x86_\xbd\xe8H\xd0" ABSTTL"#, ok()),
        ("PEXPIRETIME c", int(9_000_000_000_000)),
        ("MGET a b c", bulks(["x", "x", "x"])),
        // One whose time is over takes the old one with it.
        (r#"RESTORE k 1 "\x00\x01x\n\x00\"\x80\x86_\xbd\xe8H\xd0" ABSTTL REPLACE"#, ok()),
        ("EXISTS k", int(0)),
        (
            r#"RESTORE a 0 "\x00\x01x\n\x00\"\x80\x86_\xbd\xe8H\xd0" IDLETIME 1000"#,
            err("BUSYKEY Target key name already exists."),
        ),
        (r#"RESTORE a 0 "\x00\x01x\n\x00\"\x80\x86_\xbd\xe8H\xd0" IDLETIME 1000 REPLACE"#, ok()),
        ("OBJECT IDLETIME a", int(1000)),
        ("CONFIG SET maxmemory-policy allkeys-lfu", ok()),
        (r#"RESTORE a 0 "\x00\x01x\n\x00\"\x80\x86_\xbd\xe8H\xd0" FREQ 100 REPLACE"#, ok()),
        ("OBJECT FREQ a", int(100)),
        ("DUMP nosuch", nil()),
    ]);
}

#[test]
fn payloads_that_are_none_are_refused() {
    let (footer, content) =
        ("ERR DUMP payload version or checksum are wrong", "ERR Bad data format");
    check(&[
        ("RESTORE k 0 x", err(footer)),
        ("RESTORE k -1 x", err("Invalid TTL value, must be >= 0")),
        ("RESTORE k x x", err("value is not an integer or out of range")),
        ("RESTORE k 0 x NOSUCH", err("syntax error")),
        ("RESTORE k 0 x IDLETIME", err("syntax error")),
        ("RESTORE k 0 x IDLETIME -1", err("Invalid IDLETIME value, must be >= 0")),
        ("RESTORE k 0 x FREQ 256", err("Invalid FREQ value, must be >= 0 and <= 255")),
        ("RESTORE k 0 x FREQ 1 IDLETIME 1", err("syntax error")),
        // A flipped bit.
        (r#"RESTORE k 0 "\x00\x01y\n\x00\"\x80\x86_\xbd\xe8H\xd0""#, err(footer)),
        ("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1", ok()),
        (r#"RESTORE k 0 "\x00\x01y\n\x00\"\x80\x86_\xbd\xe8H\xd0""#, ok()),
        ("GET k", bulk("y")),
        // A set of no members, one of twice the same, a stream without its end, a text that is too short.
        (r#"RESTORE l 0 "\x02\x00\n\x0000000000""#, err(content)),
        (r#"RESTORE l 0 "\x02\x02\x01a\x01a\n\x0000000000""#, err(content)),
        (r#"RESTORE l 0 "\x15\x01\n\x0000000000""#, err(content)),
        (r#"RESTORE l 0 "\x00\x05a\n\x0000000000""#, err(content)),
        ("DEBUG SET-SKIP-CHECKSUM-VALIDATION 0", ok()),
        ("EXISTS l", int(0)),
    ]);
}

#[test]
fn random_damage_to_payloads_does_no_harm() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    each_backend(|server| {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut client = server.client();
        fill(&mut client);
        client.check("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1", ok());
        let payloads: Vec<_> = keys(&mut client)
            .iter()
            .map(|key| client.cmd(&[b"DUMP", key.as_slice()]).bytes().to_vec())
            .collect();
        let mut restored = 0;
        for _ in 0..3000 {
            let mut payload = payloads[rng.usize(..payloads.len())].clone();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..payload.len());
                payload[at] = rng.u8(..);
            }
            let reply = restore(&mut client, b"damaged", &payload, &["REPLACE"]);
            restored += u32::from(reply == ok());
            for line in [
                "TYPE damaged",
                "LRANGE damaged 0 -1",
                "SMEMBERS damaged",
                "HGETALL damaged",
                "ZRANGE damaged -10 -1 WITHSCORES",
                "ZADD damaged 5 new",
                "HSET damaged new 5",
                "SADD damaged new",
                "LPUSH damaged new",
            ] {
                client.run(line);
            }
        }
        assert!(restored > 100, "{restored}");
        client.check("DEBUG RELOAD", ok());
        client.check("PING", simple("PONG"));
    });
}
