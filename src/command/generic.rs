//! Commands that concern keys of any type: existence, names, deadlines, iteration, OBJECT.
//!
//! Invariant: nothing here knows how a value of any type is stored.

use super::ctx::Ctx;
use super::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("copy", copy)
        .arity(-3)
        .of(Group::Generic)
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .acl(Categories::KEYSPACE)
        .keys(&[
            KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS)),
            KeySpec::at(2).flags(KeyFlags::OW.or(KeyFlags::UPDATE)),
        ])
        .summary("Copies the value of a key to a new key.")
        .complexity(
            "O(N) worst case for collections, where N is the number of nested items. O(1) \
             for string values.",
        )
        .since("6.2.0")
        .args(&[
            Arg::key("source", 0),
            Arg::key("destination", 1),
            Arg::int("destination-db").token("DB").optional(),
            Arg::word("replace", "REPLACE").optional(),
        ]),
    Command::new("del", del)
        .arity(-2)
        .of(Group::Generic)
        .flags(Flags::WRITE)
        .acl(Categories::KEYSPACE)
        .keys(REMOVE_ALL)
        .summary("Deletes one or more keys.")
        .complexity(
            "O(N) where N is the number of keys that will be removed. When a key to remove \
             holds a value other than a string, the individual complexity for this key is \
             O(M) where M is the number of elements in the list, set, sorted set or hash. \
             Removing a single key that holds a string value is O(1).",
        )
        .since("1.0.0")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
    Command::new("exists", exists)
        .arity(-2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_ALL)
        .summary("Determines whether one or more keys exist.")
        .complexity("O(N) where N is the number of keys to check.")
        .since("1.0.0")
        .history(&[("3.0.3", "Accepts multiple `key` arguments.")])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
    Command::new("expire", expire)
        .arity(-3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(UPDATE_ONE)
        .summary("Sets the expiration time of a key in seconds.")
        .complexity("O(1)")
        .since("1.0.0")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::int("seconds"),
            Arg::one_of("condition", DEADLINE_CONDITION).since("7.0.0").optional(),
        ]),
    Command::new("expireat", expireat)
        .arity(-3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(UPDATE_ONE)
        .summary("Sets the expiration time of a key to a Unix timestamp.")
        .complexity("O(1)")
        .since("1.2.0")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::unix_time("unix-time-seconds"),
            Arg::one_of("condition", DEADLINE_CONDITION).since("7.0.0").optional(),
        ]),
    Command::new("expiretime", expiretime)
        .arity(2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(READ_ONE)
        .summary("Returns the expiration time of a key as a Unix timestamp.")
        .complexity("O(1)")
        .since("7.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("keys", keys)
        .arity(2)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE.or(Categories::DANGEROUS))
        .summary("Returns all key names that match a pattern.")
        .complexity(
            "O(N) with N being the number of keys in the database, under the assumption \
             that the key names in the database and the given pattern have limited \
             length.",
        )
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .args(&[Arg::pattern("pattern")]),
    Command::new("move", move_)
        .arity(3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE))])
        .summary("Moves a key to another database.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("db")]),
    Command::group("object", OBJECT)
        .arity(-2)
        .of(Group::Generic)
        .summary("A container for object introspection commands.")
        .complexity("Depends on subcommand.")
        .since("2.2.3"),
    Command::new("persist", persist)
        .arity(2)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(UPDATE_ONE)
        .summary("Removes the expiration time of a key.")
        .complexity("O(1)")
        .since("2.2.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("pexpire", pexpire)
        .arity(-3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(UPDATE_ONE)
        .summary("Sets the expiration time of a key in milliseconds.")
        .complexity("O(1)")
        .since("2.6.0")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::int("milliseconds"),
            Arg::one_of("condition", DEADLINE_CONDITION).since("7.0.0").optional(),
        ]),
    Command::new("pexpireat", pexpireat)
        .arity(-3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(UPDATE_ONE)
        .summary("Sets the expiration time of a key to a Unix milliseconds timestamp.")
        .complexity("O(1)")
        .since("2.6.0")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::unix_time("unix-time-milliseconds"),
            Arg::one_of("condition", DEADLINE_CONDITION).since("7.0.0").optional(),
        ]),
    Command::new("pexpiretime", pexpiretime)
        .arity(2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(READ_ONE)
        .summary("Returns the expiration time of a key as a Unix milliseconds timestamp.")
        .complexity("O(1)")
        .since("7.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("pttl", pttl)
        .arity(2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(READ_ONE)
        .summary("Returns the expiration time in milliseconds of a key.")
        .complexity("O(1)")
        .since("2.6.0")
        .history(&[("2.8.0", "Added the -2 reply.")])
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("randomkey", randomkey)
        .arity(1)
        .of(Group::Generic)
        .flags(READ_ARBITRARY)
        .acl(Categories::KEYSPACE)
        .summary("Returns a random key name from the database.")
        .complexity("O(1)")
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]),
    Command::new("rename", rename)
        .arity(3)
        .of(Group::Generic)
        .flags(Flags::WRITE)
        .acl(Categories::KEYSPACE)
        .keys(&[
            KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE)),
            KeySpec::at(2).flags(KeyFlags::OW.or(KeyFlags::UPDATE)),
        ])
        .summary("Renames a key and overwrites the destination.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::key("newkey", 1)]),
    Command::new("renamenx", renamenx)
        .arity(3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(&[
            KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE)),
            KeySpec::at(2).flags(KeyFlags::OW.or(KeyFlags::INSERT)),
        ])
        .summary("Renames a key only when the target key name doesn't exist.")
        .complexity("O(1)")
        .since("1.0.0")
        .history(&[(
            "3.2.0",
            "The command no longer returns an error when source and destination names \
             are the same.",
        )])
        .args(&[Arg::key("key", 0), Arg::key("newkey", 1)]),
    Command::new("scan", scan)
        .arity(-2)
        .of(Group::Generic)
        .flags(READ_ARBITRARY)
        .acl(Categories::KEYSPACE)
        .summary("Iterates over the key names in the database.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command \
             calls for the cursor to return back to 0. N is the number of elements inside \
             the collection.",
        )
        .since("2.8.0")
        .history(&[("6.0.0", "Added the `TYPE` subcommand.")])
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .args(&[
            Arg::int("cursor"),
            Arg::pattern("pattern").token("MATCH").optional(),
            Arg::int("count").token("COUNT").optional(),
            Arg::string("type").token("TYPE").since("6.0.0").optional(),
        ]),
    Command::new("touch", touch)
        .arity(-2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_ALL)
        .summary(
            "Returns the number of existing keys out of those specified after updating the \
             time they were last accessed.",
        )
        .complexity("O(N) where N is the number of keys that will be touched.")
        .since("3.2.1")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
    Command::new("ttl", ttl)
        .arity(2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(READ_ONE)
        .summary("Returns the expiration time in seconds of a key.")
        .complexity("O(1)")
        .since("1.0.0")
        .history(&[("2.8.0", "Added the -2 reply.")])
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("type", type_)
        .arity(2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RO)])
        .summary("Determines the type of value stored at a key.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("unlink", unlink)
        .arity(-2)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(REMOVE_ALL)
        .summary("Asynchronously deletes one or more keys.")
        .complexity(
            "O(1) for each key removed regardless of its size. Then the command does O(N) \
             work in a different thread in order to reclaim memory, where N is the number \
             of allocations the deleted objects where composed of.",
        )
        .since("4.0.0")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
];

const OBJECT: &[Command] = &[
    Command::new("encoding", object_encoding)
        .arity(3)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_OPERAND)
        .summary("Returns the internal encoding of a Redis object.")
        .complexity("O(1)")
        .since("2.2.3")
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("freq", object_freq)
        .arity(3)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_OPERAND)
        .summary("Returns the logarithmic access frequency counter of a Redis object.")
        .complexity("O(1)")
        .since("4.0.0")
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("help", object_help)
        .arity(2)
        .of(Group::Generic)
        .flags(Flags::LOADING.or(Flags::STALE))
        .acl(Categories::KEYSPACE)
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("6.2.0"),
    Command::new("idletime", object_idletime)
        .arity(3)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_OPERAND)
        .summary("Returns the time since the last access to a Redis object.")
        .complexity("O(1)")
        .since("2.2.3")
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("refcount", object_refcount)
        .arity(3)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_OPERAND)
        .summary("Returns the reference count of a value of a key.")
        .complexity("O(1)")
        .since("2.2.3")
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
];

const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_ARBITRARY: Flags = Flags::READONLY.or(Flags::TOUCHES_ARBITRARY_KEYS);
const REMOVE_ALL: &[KeySpec] = &[KeySpec::range(1, -1, 1).flags(KeyFlags::RM.or(KeyFlags::DELETE))];
const LOOK_AT_ALL: &[KeySpec] = &[KeySpec::range(1, -1, 1).flags(KeyFlags::RO)];
const UPDATE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::UPDATE))];
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const LOOK_AT_OPERAND: &[KeySpec] = &[KeySpec::at(2).flags(KeyFlags::RO)];
const DEADLINE_CONDITION: &[Arg] =
    &[Arg::word("nx", "NX"), Arg::word("xx", "XX"), Arg::word("gt", "GT"), Arg::word("lt", "LT")];

/// COPY source destination [DB destination-db] [REPLACE]
fn copy(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// DEL key [key ...]
fn del(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// EXISTS key [key ...]
fn exists(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// EXPIRE key seconds [NX | XX | GT | LT]
fn expire(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
fn expireat(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// EXPIRETIME key
fn expiretime(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// KEYS pattern
fn keys(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// MOVE key db
fn move_(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// PERSIST key
fn persist(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// PEXPIRE key milliseconds [NX | XX | GT | LT]
fn pexpire(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
fn pexpireat(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// PEXPIRETIME key
fn pexpiretime(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// PTTL key
fn pttl(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// RANDOMKEY
fn randomkey(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// RENAME key newkey
fn rename(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// RENAMENX key newkey
fn renamenx(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
fn scan(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// TOUCH key [key ...]
fn touch(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// TTL key
fn ttl(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// TYPE key
fn type_(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// UNLINK key [key ...]
fn unlink(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// OBJECT ENCODING key
fn object_encoding(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// OBJECT FREQ key
fn object_freq(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// OBJECT HELP
fn object_help(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// OBJECT IDLETIME key
fn object_idletime(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// OBJECT REFCOUNT key
fn object_refcount(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}
