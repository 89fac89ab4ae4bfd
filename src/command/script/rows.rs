//! The rows of scripts.

use super::{
    debug, eval, eval_ro, evalsha, evalsha_ro, exists, flush, help, kill, load, show_text,
};
use crate::command::spec::{
    Arg, BeginSearch, Categories, Command, FindKeys, Flags, Group, KeyFlags, KeySpec,
};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("eval", eval)
        .arity(-3)
        .of(Group::Scripting)
        .flags(EVAL.or(Flags::MAY_REPLICATE))
        .lasts()
        .acl(Categories::SCRIPTING)
        .keys(&[DECLARED.flags(CHANGED).notes(
            "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE",
        )])
        .summary("Executes a server-side Lua script.")
        .complexity(DEPENDS)
        .since("2.6.0")
        .args(TEXT),
    Command::new("eval_ro", eval_ro)
        .arity(-3)
        .of(Group::Scripting)
        .flags(EVAL.or(Flags::READONLY))
        .lasts()
        .acl(Categories::SCRIPTING)
        .keys(&[DECLARED.flags(READ).notes(
            "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS",
        )])
        .summary("Executes a read-only server-side Lua script.")
        .complexity(DEPENDS)
        .since("7.0.0")
        .args(TEXT),
    Command::new("evalsha", evalsha)
        .arity(-3)
        .of(Group::Scripting)
        .flags(EVAL.or(Flags::MAY_REPLICATE))
        .lasts()
        .acl(Categories::SCRIPTING)
        .keys(&[DECLARED.flags(CHANGED)])
        .summary("Executes a server-side Lua script by SHA1 digest.")
        .complexity(DEPENDS)
        .since("2.6.0")
        .args(SHA1),
    Command::new("evalsha_ro", evalsha_ro)
        .arity(-3)
        .of(Group::Scripting)
        .flags(EVAL.or(Flags::READONLY))
        .lasts()
        .acl(Categories::SCRIPTING)
        .keys(&[DECLARED.flags(READ)])
        .summary("Executes a read-only server-side Lua script by SHA1 digest.")
        .complexity(DEPENDS)
        .since("7.0.0")
        .args(SHA1),
    Command::group("script", SCRIPT)
        .arity(-2)
        .of(Group::Scripting)
        .summary("A container for Lua scripts management commands.")
        .complexity("Depends on subcommand.")
        .since("2.6.0"),
];

const SCRIPT: &[Command] = &[
    Command::new("debug", debug)
        .arity(3)
        .of(Group::Scripting)
        .flags(Flags::NOSCRIPT)
        .acl(Categories::SCRIPTING)
        .summary("Sets the debug mode of server-side Lua scripts.")
        .complexity("O(1)")
        .since("3.2.0")
        .args(&[Arg::one_of(
            "mode",
            &[Arg::word("yes", "YES"), Arg::word("sync", "SYNC"), Arg::word("no", "NO")],
        )]),
    Command::new("exists", exists)
        .arity(-3)
        .of(Group::Scripting)
        .flags(Flags::NOSCRIPT)
        .acl(Categories::SCRIPTING)
        .summary("Determines whether server-side Lua scripts exist in the script cache.")
        .complexity(
            "O(N) with N being the number of scripts to check (so checking a single script is an \
             O(1) operation).",
        )
        .since("2.6.0")
        .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
        .args(&[Arg::string("sha1").multiple()]),
    Command::new("flush", flush)
        .arity(-2)
        .of(Group::Scripting)
        .flags(Flags::NOSCRIPT)
        .acl(Categories::SCRIPTING)
        .summary("Removes all server-side Lua scripts from the script cache.")
        .complexity("O(N) with N being the number of scripts in cache")
        .since("2.6.0")
        .history(&[("6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers.")])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[Arg::one_of(
            "flush-type",
            &[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")],
        )
        .optional()
        .since("6.2.0")]),
    Command::new("help", help)
        .arity(2)
        .of(Group::Scripting)
        .flags(Flags::LOADING.or(Flags::STALE))
        .acl(Categories::SCRIPTING)
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("5.0.0"),
    Command::new("kill", kill)
        .arity(2)
        .of(Group::Scripting)
        .flags(Flags::NOSCRIPT.or(Flags::ALLOW_BUSY))
        .acl(Categories::SCRIPTING)
        .summary("Terminates a server-side Lua script during execution.")
        .complexity("O(1)")
        .since("2.6.0")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
    Command::new("load", load)
        .arity(3)
        .of(Group::Scripting)
        .flags(Flags::NOSCRIPT.or(Flags::STALE))
        .acl(Categories::SCRIPTING)
        .summary("Loads a server-side Lua script to the script cache.")
        .complexity("O(N) with N being the length in bytes of the script body.")
        .since("2.6.0")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[Arg::string("script")]),
    Command::new("show", show_text)
        .arity(3)
        .of(Group::Scripting)
        .flags(Flags::NOSCRIPT)
        .acl(Categories::SCRIPTING)
        .summary("Show server-side Lua script in the script cache.")
        .complexity("O(1).")
        .since("8.0.0")
        .args(&[Arg::string("sha1")]),
];

pub(super) const EVAL: Flags =
    Flags::NOSCRIPT.or(Flags::SKIP_MONITOR).or(Flags::NO_MANDATORY_KEYS).or(Flags::STALE);
pub(super) const CHANGED: KeyFlags = KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE);
pub(super) const READ: KeyFlags = KeyFlags::RO.or(KeyFlags::ACCESS);
const DEPENDS: &str = "Depends on the script that is executed.";

/// As many keys as the second argument says.
pub(super) const DECLARED: KeySpec =
    KeySpec::new(BeginSearch::Index(2), FindKeys::Count { index: 0, first: 1, step: 1 });

const TEXT: &[Arg] = &with_keys(Arg::string("script"));
const SHA1: &[Arg] = &with_keys(Arg::string("sha1"));

/// The arguments of a command that names a script, keys and arguments for it.
pub(super) const fn with_keys(script: Arg) -> [Arg; 4] {
    [
        script,
        Arg::int("numkeys"),
        Arg::key("key", 0).optional().multiple(),
        Arg::string("arg").optional().multiple(),
    ]
}
