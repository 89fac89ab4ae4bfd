//! Server commands: whole databases, figures, the slow log, the clock and the end.
//!
//! Invariant: nothing here knows how a value of any type is stored.

use super::ctx::Ctx;
use super::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("dbsize", dbsize)
        .arity(1)
        .of(Group::Server)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .summary("Returns the number of keys in the database.")
        .complexity("O(1)")
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    Command::new("flushall", flushall)
        .arity(-1)
        .of(Group::Server)
        .flags(Flags::WRITE)
        .acl(Categories::KEYSPACE.or(Categories::DANGEROUS))
        .summary("Removes all keys from all databases.")
        .complexity("O(N) where N is the total number of keys in all databases")
        .since("1.0.0")
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .args(&[Arg::one_of("flush-type", FLUSH_TYPE).optional()]),
    Command::new("flushdb", flushdb)
        .arity(-1)
        .of(Group::Server)
        .flags(Flags::WRITE)
        .acl(Categories::KEYSPACE.or(Categories::DANGEROUS))
        .summary("Remove all keys from the current database.")
        .complexity("O(N) where N is the number of keys in the selected database")
        .since("1.0.0")
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .args(&[Arg::one_of("flush-type", FLUSH_TYPE).optional()]),
    Command::new("info", info)
        .arity(-1)
        .of(Group::Server)
        .flags(ANYTIME)
        .acl(Categories::DANGEROUS)
        .summary("Returns information and statistics about the server.")
        .complexity("O(1)")
        .since("1.0.0")
        .history(&[("7.0.0", "Added support for taking multiple section arguments.")])
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .args(&[Arg::string("section").optional().multiple()]),
    Command::new("lolwut", lolwut)
        .arity(-1)
        .of(Group::Server)
        .flags(READ_FAST)
        .summary("Displays computer art and the Redis version")
        .since("5.0.0")
        .args(&[Arg::int("version").token("VERSION").optional()]),
    Command::group("memory", MEMORY)
        .arity(-2)
        .of(Group::Server)
        .summary("A container for memory diagnostics commands.")
        .complexity("Depends on subcommand.")
        .since("4.0.0"),
    Command::new("monitor", monitor)
        .arity(1)
        .of(Group::Server)
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE))
        .summary("Listens for all requests received by the server in real-time.")
        .since("1.0.0"),
    Command::new("shutdown", shutdown)
        .arity(-1)
        .of(Group::Server)
        .flags(
            Flags::ADMIN
                .or(Flags::NOSCRIPT)
                .or(Flags::LOADING)
                .or(Flags::STALE)
                .or(Flags::NO_MULTI)
                .or(Flags::ALLOW_BUSY),
        )
        .summary("Synchronously saves the database(s) to disk and shuts down the Redis server.")
        .complexity(
            "O(N) when saving, where N is the total number of keys in all databases when \
             saving data, otherwise O(1)",
        )
        .since("1.0.0")
        .history(&[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")])
        .args(&[
            Arg::one_of(
                "save-selector",
                &[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")],
            )
            .optional(),
            Arg::word("now", "NOW").since("7.0.0").optional(),
            Arg::word("force", "FORCE").since("7.0.0").optional(),
            Arg::word("abort", "ABORT").since("7.0.0").optional(),
        ]),
    Command::group("slowlog", SLOWLOG)
        .arity(-2)
        .of(Group::Server)
        .summary("A container for slow log commands.")
        .complexity("Depends on subcommand.")
        .since("2.2.12"),
    Command::new("swapdb", swapdb)
        .arity(3)
        .of(Group::Server)
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Categories::KEYSPACE.or(Categories::DANGEROUS))
        .summary("Swaps two Redis databases.")
        .complexity(
            "O(N) where N is the count of clients watching or blocking on keys from both \
             databases.",
        )
        .since("4.0.0")
        .args(&[Arg::int("index1"), Arg::int("index2")]),
    Command::new("time", time)
        .arity(1)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE).or(Flags::FAST))
        .summary("Returns the server time.")
        .complexity("O(1)")
        .since("2.6.0")
        .tips(&["nondeterministic_output"]),
];

const MEMORY: &[Command] = &[
    Command::new("help", memory_help)
        .arity(2)
        .of(Group::Server)
        .flags(ANYTIME)
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("4.0.0"),
    Command::new("usage", memory_usage)
        .arity(-3)
        .of(Group::Server)
        .flags(Flags::READONLY)
        .keys(&[KeySpec::at(2).flags(KeyFlags::RO)])
        .summary("Estimates the memory usage of a key.")
        .complexity("O(N) where N is the number of samples.")
        .since("4.0.0")
        .args(&[Arg::key("key", 0), Arg::int("count").token("SAMPLES").optional()]),
];

const SLOWLOG: &[Command] = &[
    Command::new("get", slowlog_get)
        .arity(-2)
        .of(Group::Server)
        .flags(ADMIN_ANYTIME)
        .summary("Returns the slow log's entries.")
        .complexity("O(N) where N is the number of entries returned")
        .since("2.2.12")
        .history(&[("4.0.0", "Added client IP address, port and name to the reply.")])
        .tips(&["request_policy:all_nodes", "nondeterministic_output"])
        .args(&[Arg::int("count").optional()]),
    Command::new("help", slowlog_help)
        .arity(2)
        .of(Group::Server)
        .flags(ANYTIME)
        .summary("Show helpful text about the different subcommands")
        .complexity("O(1)")
        .since("6.2.0"),
    Command::new("len", slowlog_len)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN_ANYTIME)
        .summary("Returns the number of entries in the slow log.")
        .complexity("O(1)")
        .since("2.2.12")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]),
    Command::new("reset", slowlog_reset)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN_ANYTIME)
        .summary("Clears all entries from the slow log.")
        .complexity("O(N) where N is the number of entries in the slowlog")
        .since("2.2.12")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
];

const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const ANYTIME: Flags = Flags::LOADING.or(Flags::STALE);
const ADMIN_ANYTIME: Flags = Flags::ADMIN.or(Flags::LOADING).or(Flags::STALE);
const FLUSH_TYPE: &[Arg] =
    &[Arg::word("async", "ASYNC").since("4.0.0"), Arg::word("sync", "SYNC").since("6.2.0")];

/// DBSIZE
fn dbsize(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// FLUSHALL [ASYNC | SYNC]
fn flushall(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// FLUSHDB [ASYNC | SYNC]
fn flushdb(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// INFO [section [section ...]]
fn info(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// LOLWUT [VERSION version]
fn lolwut(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// MONITOR
fn monitor(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
fn shutdown(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SWAPDB index1 index2
fn swapdb(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// TIME
fn time(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// MEMORY HELP
fn memory_help(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// MEMORY USAGE key [SAMPLES count]
fn memory_usage(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SLOWLOG GET [count]
fn slowlog_get(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SLOWLOG HELP
fn slowlog_help(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SLOWLOG LEN
fn slowlog_len(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SLOWLOG RESET
fn slowlog_reset(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}
