//! The rows of functions.

use super::{delete, dump, fcall, fcall_ro, flush, help, kill, list, load, restore, stats};
use crate::command::ctx::Ctx;
use crate::command::script::rows::{CHANGED, DECLARED, EVAL, READ, with_keys};
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    about("fcall", -3, fcall)
        .flags(EVAL.or(Flags::MAY_REPLICATE))
        .lasts()
        .keys(&[DECLARED.flags(CHANGED).notes(
            "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE",
        )])
        .summary("Invokes a function.")
        .complexity("Depends on the function that is executed.")
        .args(FUNCTION),
    about("fcall_ro", -3, fcall_ro)
        .flags(EVAL.or(Flags::READONLY))
        .lasts()
        .keys(&[DECLARED.flags(READ).notes(
            "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS",
        )])
        .summary("Invokes a read-only function.")
        .complexity("Depends on the function that is executed.")
        .args(FUNCTION),
    Command::group("function", SUBCOMMANDS)
        .arity(-2)
        .of(Group::Scripting)
        .summary("A container for function commands.")
        .complexity("Depends on subcommand.")
        .since("7.0.0"),
];

const SUBCOMMANDS: &[Command] = &[
    about("delete", 3, delete)
        .flags(Flags::NOSCRIPT.or(Flags::WRITE))
        .summary("Deletes a library and its functions.")
        .complexity("O(1)")
        .tips(EVERYWHERE)
        .args(&[Arg::string("library-name")]),
    about("dump", 2, dump)
        .flags(Flags::NOSCRIPT)
        .summary("Dumps all libraries into a serialized binary payload.")
        .complexity("O(N) where N is the number of functions"),
    about("flush", -2, flush)
        .flags(Flags::NOSCRIPT.or(Flags::WRITE))
        .summary("Deletes all libraries and functions.")
        .complexity("O(N) where N is the number of functions deleted")
        .tips(EVERYWHERE)
        .args(&[Arg::one_of(
            "flush-type",
            &[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")],
        )
        .optional()]),
    about("help", 2, help)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)"),
    about("kill", 2, kill)
        .flags(Flags::NOSCRIPT.or(Flags::ALLOW_BUSY))
        .summary("Terminates a function during execution.")
        .complexity("O(1)")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
    about("list", -2, list)
        .flags(Flags::NOSCRIPT)
        .summary("Returns information about all libraries.")
        .complexity("O(N) where N is the number of functions")
        .tips(&["nondeterministic_output_order"])
        .args(&[
            Arg::string("library-name-pattern").token("LIBRARYNAME").optional(),
            Arg::word("withcode", "WITHCODE").optional(),
        ]),
    about("load", -3, load)
        .flags(ADDS)
        .summary("Creates a library.")
        .complexity("O(1) (considering compilation time is redundant)")
        .tips(EVERYWHERE)
        .args(&[Arg::word("replace", "REPLACE").optional(), Arg::string("function-code")]),
    about("restore", -3, restore)
        .flags(ADDS)
        .summary("Restores all libraries from a payload.")
        .complexity("O(N) where N is the number of functions on the payload")
        .tips(EVERYWHERE)
        .args(&[
            Arg::string("serialized-value"),
            Arg::one_of(
                "policy",
                &[
                    Arg::word("flush", "FLUSH"),
                    Arg::word("append", "APPEND"),
                    Arg::word("replace", "REPLACE"),
                ],
            )
            .optional(),
        ]),
    about("stats", 2, stats)
        .flags(Flags::NOSCRIPT.or(Flags::ALLOW_BUSY))
        .summary("Returns information about a function during execution.")
        .complexity("O(1)")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
];

/// What all rows have in common.
const fn about(name: &'static str, arity: i16, handler: fn(&mut Ctx) -> Outcome) -> Command {
    Command::new(name, handler)
        .arity(arity)
        .of(Group::Scripting)
        .acl(Categories::SCRIPTING)
        .since("7.0.0")
}

const ADDS: Flags = Flags::NOSCRIPT.or(Flags::WRITE).or(Flags::DENYOOM);
const EVERYWHERE: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];
const FUNCTION: &[Arg] = &with_keys(Arg::string("function"));
