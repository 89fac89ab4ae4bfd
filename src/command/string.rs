//! String commands: values read, written, counted and compared as bytes.
//!
//! Invariant: nothing here knows about sockets, persistence or scripts.

use super::Args;
use super::ctx::Ctx;
use super::spec::{
    Arg, BeginSearch, Categories, Command, FindKeys, Flags, Group, KeyFlags, KeySpec,
};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("append", append)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::INSERT))])
        .summary("Appends a string to the value of a key. Creates the key if it doesn't exist.")
        .complexity(
            "O(1). The amortized time complexity is O(1) assuming the appended value is \
             small and the already present value is of any size, since the dynamic string \
             library used by Redis will double the free space available on every \
             reallocation.",
        )
        .since("2.0.0")
        .args(&[Arg::key("key", 0), Arg::string("value")]),
    Command::new("decr", decr)
        .arity(2)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary(
            "Decrements the integer value of a key by one. Uses 0 as initial value if the key \
             doesn't exist.",
        )
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("decrby", decrby)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary(
            "Decrements a number from the integer value of a key. Uses 0 as initial value if \
             the key doesn't exist.",
        )
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("decrement")]),
    Command::new("delifeq", delifeq)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RM.or(KeyFlags::ACCESS).or(KeyFlags::DELETE))])
        .summary("Deletes a key if its string value equals the given one.")
        .complexity("O(1)")
        .since("9.0.0")
        .args(&[Arg::key("key", 0), Arg::string("value")]),
    Command::new("get", get)
        .arity(2)
        .of(Group::String)
        .flags(READ_FAST)
        .acl(Categories::STRING)
        .keys(READ_ONE)
        .summary("Returns the string value of a key.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("getdel", getdel)
        .arity(2)
        .of(Group::String)
        .flags(WRITE_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE))])
        .summary("Returns the string value of a key after deleting the key.")
        .complexity("O(1)")
        .since("6.2.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("getex", getex)
        .arity(-2)
        .of(Group::String)
        .flags(WRITE_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1)
            .flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE))
            .notes("RW and UPDATE because it changes the TTL")])
        .summary("Returns the string value of a key after setting its expiration time.")
        .complexity("O(1)")
        .since("6.2.0")
        .args(&[
            Arg::key("key", 0),
            Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("persist", "PERSIST")])
                .optional(),
        ]),
    Command::new("getrange", getrange)
        .arity(4)
        .of(Group::String)
        .flags(Flags::READONLY)
        .acl(Categories::STRING)
        .keys(READ_ONE)
        .summary("Returns a substring of the string stored at a key.")
        .complexity(
            "O(N) where N is the length of the returned string. The complexity is \
             ultimately determined by the returned length, but because creating a \
             substring from an existing string is very cheap, it can be considered O(1) \
             for small strings.",
        )
        .since("2.4.0")
        .args(RANGE),
    Command::new("getset", getset)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary("Returns the previous string value of a key after setting it to a new value.")
        .complexity("O(1)")
        .since("1.0.0")
        .deprecated("6.2.0", "`SET` with the `!GET` argument")
        .args(&[Arg::key("key", 0), Arg::string("value")]),
    Command::new("incr", incr)
        .arity(2)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary(
            "Increments the integer value of a key by one. Uses 0 as initial value if the key \
             doesn't exist.",
        )
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("incrby", incrby)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary(
            "Increments the integer value of a key by a number. Uses 0 as initial value if \
             the key doesn't exist.",
        )
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("increment")]),
    Command::new("incrbyfloat", incrbyfloat)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary(
            "Increment the floating point value of a key by a number. Uses 0 as initial value \
             if the key doesn't exist.",
        )
        .complexity("O(1)")
        .since("2.6.0")
        .args(&[Arg::key("key", 0), Arg::double("increment")]),
    Command::new("lcs", lcs)
        .arity(-3)
        .of(Group::String)
        .flags(Flags::READONLY)
        .acl(Categories::STRING)
        .keys(&[KeySpec::range(1, 1, 1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))])
        .summary("Finds the longest common substring.")
        .complexity("O(N*M) where N and M are the lengths of s1 and s2, respectively")
        .since("7.0.0")
        .args(&[
            Arg::key("key1", 0),
            Arg::key("key2", 0),
            Arg::word("len", "LEN").optional(),
            Arg::word("idx", "IDX").optional(),
            Arg::int("min-match-len").token("MINMATCHLEN").optional(),
            Arg::word("withmatchlen", "WITHMATCHLEN").optional(),
        ]),
    Command::new("mget", mget)
        .arity(-2)
        .of(Group::String)
        .flags(READ_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::range(1, -1, 1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))])
        .summary("Atomically returns the string values of one or more keys.")
        .complexity("O(N) where N is the number of keys to retrieve.")
        .since("1.0.0")
        .tips(&["request_policy:multi_shard"])
        .args(&[Arg::key("key", 0).multiple()]),
    Command::new("mset", mset)
        .arity(-3)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(&[KeySpec::range(1, -1, 2).flags(KeyFlags::OW.or(KeyFlags::UPDATE))])
        .summary("Atomically creates or modifies the string values of one or more keys.")
        .complexity("O(N) where N is the number of keys to set.")
        .since("1.0.1")
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .args(PAIRS),
    Command::new("msetex", msetex)
        .arity(-4)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(&[KeySpec::new(
            BeginSearch::Index(1),
            FindKeys::Count { index: 0, first: 1, step: 2 },
        )
        .flags(KeyFlags::OW.or(KeyFlags::UPDATE))])
        .summary("Sets the values of several keys with one optional expiration time.")
        .complexity("O(N) where N is the number of keys to set.")
        .since("8.4.0")
        .args(&[
            Arg::int("numkeys"),
            Arg::block("data", &[Arg::key("key", 0), Arg::string("value")]).multiple(),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")]).optional(),
            Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("keepttl", "KEEPTTL")])
                .optional(),
        ]),
    Command::new("msetnx", msetnx)
        .arity(-3)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(&[KeySpec::range(1, -1, 2).flags(KeyFlags::OW.or(KeyFlags::INSERT))])
        .summary(
            "Atomically modifies the string values of one or more keys only when all keys \
             don't exist.",
        )
        .complexity("O(N) where N is the number of keys to set.")
        .since("1.0.1")
        .args(PAIRS),
    Command::new("psetex", psetex)
        .arity(4)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(OVERWRITE_ONE)
        .summary(
            "Sets both string value and expiration time in milliseconds of a key. The key is \
             created if it doesn't exist.",
        )
        .complexity("O(1)")
        .since("2.6.0")
        .deprecated("2.6.12", "`SET` with the `PX` argument")
        .args(&[Arg::key("key", 0), Arg::int("milliseconds"), Arg::string("value")]),
    Command::new("set", set)
        .arity(-3)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1)
            .flags(
                KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE).or(KeyFlags::VARIABLE_FLAGS),
            )
            .notes("RW and ACCESS due to the optional `GET` and `IFEQ` arguments")])
        .extract_keys(set_keys)
        .summary(
            "Sets the string value of a key, ignoring its type. The key is created if it \
             doesn't exist.",
        )
        .complexity("O(1)")
        .since("1.0.0")
        .history(&[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
            ("8.1.0", "Added the `IFEQ` option."),
        ])
        .args(&[
            Arg::key("key", 0),
            Arg::string("value"),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::string("comparison-value").token("IFEQ").since("8.1.0"),
                ],
            )
            .since("2.6.12")
            .optional(),
            Arg::word("get", "GET").since("6.2.0").optional(),
            Arg::one_of(
                "expiration",
                &[
                    EX.since("2.6.12"),
                    PX.since("2.6.12"),
                    EXAT.since("6.2.0"),
                    PXAT.since("6.2.0"),
                    Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
                ],
            )
            .optional(),
        ]),
    Command::new("setex", setex)
        .arity(4)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(OVERWRITE_ONE)
        .summary(
            "Sets the string value and expiration time of a key. Creates the key if it \
             doesn't exist.",
        )
        .complexity("O(1)")
        .since("2.0.0")
        .deprecated("2.6.12", "`SET` with the `EX` argument")
        .args(&[Arg::key("key", 0), Arg::int("seconds"), Arg::string("value")]),
    Command::new("setnx", setnx)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::OW.or(KeyFlags::INSERT))])
        .summary("Set the string value of a key only when the key doesn't exist.")
        .complexity("O(1)")
        .since("1.0.0")
        .deprecated("2.6.12", "`SET` with the `NX` argument")
        .args(&[Arg::key("key", 0), Arg::string("value")]),
    Command::new("setrange", setrange)
        .arity(4)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::UPDATE))])
        .summary(
            "Overwrites a part of a string value with another by an offset. Creates the key \
             if it doesn't exist.",
        )
        .complexity(
            "O(1), not counting the time taken to copy the new string in place. Usually, \
             this string is very small so the amortized complexity is O(1). Otherwise, \
             complexity is O(M) with M being the length of the value argument.",
        )
        .since("2.2.0")
        .args(&[Arg::key("key", 0), Arg::int("offset"), Arg::string("value")]),
    Command::new("strlen", strlen)
        .arity(2)
        .of(Group::String)
        .flags(READ_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RO)])
        .summary("Returns the length of a string value.")
        .complexity("O(1)")
        .since("2.2.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("substr", substr)
        .arity(4)
        .of(Group::String)
        .flags(Flags::READONLY)
        .acl(Categories::STRING)
        .keys(READ_ONE)
        .summary("Returns a substring from a string value.")
        .complexity(
            "O(N) where N is the length of the returned string. The complexity is \
             ultimately determined by the returned length, but because creating a \
             substring from an existing string is very cheap, it can be considered O(1) \
             for small strings.",
        )
        .since("1.0.0")
        .deprecated("2.0.0", "`GETRANGE`")
        .args(RANGE),
];

const WRITE_GROWING_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const WRITE_GROWING: Flags = Flags::WRITE.or(Flags::DENYOOM);
const READ_AND_UPDATE_ONE: &[KeySpec] =
    &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE))];
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const OVERWRITE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::OW.or(KeyFlags::UPDATE))];
const RANGE: &[Arg] = &[Arg::key("key", 0), Arg::int("start"), Arg::int("end")];
const PAIRS: &[Arg] = &[Arg::block("data", &[Arg::key("key", 0), Arg::string("value")]).multiple()];
const EX: Arg = Arg::int("seconds").token("EX");
const PX: Arg = Arg::int("milliseconds").token("PX");
const EXAT: Arg = Arg::unix_time("unix-time-seconds").token("EXAT");
const PXAT: Arg = Arg::unix_time("unix-time-milliseconds").token("PXAT");

/// APPEND key value
fn append(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// DECR key
fn decr(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// DECRBY key decrement
fn decrby(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// DELIFEQ key value
fn delifeq(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// GET key
fn get(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// GETDEL key
fn getdel(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds |
/// PERSIST]
fn getex(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// GETRANGE key start end
fn getrange(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// GETSET key value
fn getset(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// INCR key
fn incr(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// INCRBY key increment
fn incrby(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// INCRBYFLOAT key increment
fn incrbyfloat(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]
fn lcs(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// MGET key [key ...]
fn mget(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// MSET key value [key value ...]
fn mset(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// MSETEX numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT
/// unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
fn msetex(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// MSETNX key value [key value ...]
fn msetnx(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// PSETEX key milliseconds value
fn psetex(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SET key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT
/// unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
fn set(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SETEX key seconds value
fn setex(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SETNX key value
fn setnx(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SETRANGE key offset value
fn setrange(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// STRLEN key
fn strlen(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SUBSTR key start end
fn substr(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SET only overwrites its key, unless an option makes it look at the old value.
fn set_keys(args: &Args<'_>, out: &mut Vec<(usize, KeyFlags)>) -> Result<(), ()> {
    let looks =
        |word: &[u8]| word.eq_ignore_ascii_case(b"GET") || word.eq_ignore_ascii_case(b"IFEQ");
    let reads = (3..args.len()).any(|index| args.get(index).is_some_and(looks));
    let flags = if reads { KeyFlags::RW | KeyFlags::ACCESS } else { KeyFlags::OW };
    out.push((1, flags | KeyFlags::UPDATE));
    Ok(())
}
