//! The CONFIG family: parameters read and changed at run time.
//!
//! Invariant: no parameter is named here; they are all in the table of parameters.

use super::ctx::Ctx;
use super::spec::{Arg, Command, Flags, Group};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::group("config", CONFIG)
    .arity(-2)
    .of(Group::Server)
    .summary("A container for server configuration commands.")
    .complexity("Depends on subcommand.")
    .since("2.0.0")];

const CONFIG: &[Command] = &[
    Command::new("get", config_get)
        .arity(-3)
        .of(Group::Server)
        .flags(ADMIN_UNSCRIPTED)
        .summary("Returns the effective values of configuration parameters.")
        .complexity("O(N) when N is the number of configuration parameters provided")
        .since("2.0.0")
        .history(&[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")])
        .args(&[Arg::string("parameter").multiple()]),
    Command::new("help", config_help)
        .arity(2)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("5.0.0"),
    Command::new("resetstat", config_resetstat)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN_UNSCRIPTED)
        .summary("Resets the server's statistics.")
        .complexity("O(1)")
        .since("2.0.0")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    Command::new("set", config_set)
        .arity(-4)
        .of(Group::Server)
        .flags(ADMIN_UNSCRIPTED)
        .summary("Sets configuration parameters in-flight.")
        .complexity("O(N) when N is the number of configuration parameters provided")
        .since("2.0.0")
        .history(&[("7.0.0", "Added the ability to set multiple parameters in one call.")])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[Arg::block("data", &[Arg::string("parameter"), Arg::string("value")]).multiple()]),
];

const ADMIN_UNSCRIPTED: Flags =
    Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);

/// CONFIG GET parameter [parameter ...]
fn config_get(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CONFIG HELP
fn config_help(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CONFIG RESETSTAT
fn config_resetstat(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CONFIG SET parameter value [parameter value ...]
fn config_set(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}
