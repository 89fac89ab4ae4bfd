//! The COMMAND family: what the command table says about itself.
//!
//! Invariant: no command is named here; everything follows from the rows.

use super::ctx::Ctx;
use super::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command {
    handler: Some(command),
    ..Command::group("command", SUBCOMMANDS)
        .arity(-1)
        .of(Group::Server)
        .flags(ANYTIME)
        .acl(Categories::CONNECTION)
        .summary("Returns detailed information about all commands.")
        .complexity("O(N) where N is the total number of Redis commands")
        .since("2.8.13")
        .tips(&["nondeterministic_output_order"])
}];

const SUBCOMMANDS: &[Command] = &[
    Command::new("count", count)
        .arity(2)
        .of(Group::Server)
        .flags(ANYTIME)
        .acl(Categories::CONNECTION)
        .summary("Returns a count of commands.")
        .complexity("O(1)")
        .since("2.8.13"),
    Command::new("docs", docs)
        .arity(-2)
        .of(Group::Server)
        .flags(ANYTIME)
        .acl(Categories::CONNECTION)
        .summary("Returns documentary information about one, multiple or all commands.")
        .complexity("O(N) where N is the number of commands to look up")
        .since("7.0.0")
        .tips(&["nondeterministic_output_order"])
        .args(COMMAND_NAMES),
    Command::new("getkeys", getkeys)
        .arity(-3)
        .of(Group::Server)
        .flags(ANYTIME)
        .acl(Categories::CONNECTION)
        .summary("Extracts the key names from an arbitrary command.")
        .complexity("O(N) where N is the number of arguments to the command")
        .since("2.8.13")
        .args(FULL_COMMAND),
    Command::new("getkeysandflags", getkeysandflags)
        .arity(-3)
        .of(Group::Server)
        .flags(ANYTIME)
        .acl(Categories::CONNECTION)
        .summary("Extracts the key names and access flags for an arbitrary command.")
        .complexity("O(N) where N is the number of arguments to the command")
        .since("7.0.0")
        .args(FULL_COMMAND),
    Command::new("help", help)
        .arity(2)
        .of(Group::Server)
        .flags(ANYTIME)
        .acl(Categories::CONNECTION)
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("5.0.0"),
    Command::new("info", info)
        .arity(-2)
        .of(Group::Server)
        .flags(ANYTIME)
        .acl(Categories::CONNECTION)
        .summary("Returns information about one, multiple or all commands.")
        .complexity("O(N) where N is the number of commands to look up")
        .since("2.8.13")
        .history(&[("7.0.0", "Allowed to be called with no argument to get info on all commands.")])
        .tips(&["nondeterministic_output_order"])
        .args(COMMAND_NAMES),
    Command::new("list", list)
        .arity(-2)
        .of(Group::Server)
        .flags(ANYTIME)
        .acl(Categories::CONNECTION)
        .summary("Returns a list of command names.")
        .complexity("O(N) where N is the total number of Redis commands")
        .since("7.0.0")
        .tips(&["nondeterministic_output_order"])
        .args(&[Arg::one_of(
            "filterby",
            &[
                Arg::string("module-name").token("MODULE"),
                Arg::string("category").token("ACLCAT"),
                Arg::pattern("pattern").token("PATTERN"),
            ],
        )
        .token("FILTERBY")
        .optional()]),
];

const ANYTIME: Flags = Flags::LOADING.or(Flags::STALE);
const COMMAND_NAMES: &[Arg] = &[Arg::string("command-name").optional().multiple()];
const FULL_COMMAND: &[Arg] = &[Arg::string("command"), Arg::string("arg").optional().multiple()];

/// COMMAND
fn command(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// COMMAND COUNT
fn count(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// COMMAND DOCS [command-name [command-name ...]]
fn docs(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// COMMAND GETKEYS command [arg [arg ...]]
fn getkeys(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// COMMAND GETKEYSANDFLAGS command [arg [arg ...]]
fn getkeysandflags(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// COMMAND HELP
fn help(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// COMMAND INFO [command-name [command-name ...]]
fn info(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// COMMAND LIST [FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]
fn list(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}
