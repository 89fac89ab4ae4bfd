//! MODULE: none are loaded, and none can be.

use crate::command::ctx::Ctx;
use crate::command::help::reply_help;
use crate::command::spec::{Arg, Command, Flags, Group};
use crate::resp::errors::{self, Outcome};
use crate::session::ClientFlags;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::group("module", MODULE)
    .arity(-2)
    .of(Group::Server)
    .summary("A container for module commands.")
    .complexity("Depends on subcommand.")
    .since("4.0.0")];

const MODULE: &[Command] = &[
    Command::new("help", module_help)
        .arity(2)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("5.0.0"),
    Command::new("list", module_list)
        .arity(2)
        .of(Group::Server)
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT))
        .summary("Returns all loaded modules.")
        .complexity("O(N) where N is the number of loaded modules.")
        .since("4.0.0")
        .tips(&["nondeterministic_output_order"]),
    change("load", module_load, -3, "4.0.0")
        .summary("Loads a module.")
        .args(&[Arg::string("path"), Arg::string("arg").optional().multiple()]),
    change("loadex", module_load, -3, "7.0.0")
        .summary("Loads a module using extended parameters.")
        .args(&[
            Arg::string("path"),
            Arg::block("configs", &[Arg::string("name"), Arg::string("value")])
                .token("CONFIG")
                .optional()
                .multiple()
                .multiple_token(),
            Arg::string("args").token("ARGS").optional().multiple(),
        ]),
    change("unload", module_unload, 3, "4.0.0")
        .summary("Unloads a module.")
        .args(&[Arg::string("name")]),
];

const fn change(
    name: &'static str,
    handler: fn(&mut Ctx) -> Outcome,
    arity: i16,
    since: &'static str,
) -> Command {
    Command::new(name, handler)
        .arity(arity)
        .of(Group::Server)
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::NO_ASYNC_LOADING))
        .complexity("O(1)")
        .since(since)
}

/// MODULE LIST
fn module_list(ctx: &mut Ctx) -> Outcome {
    ctx.reply.array(0);
    Ok(())
}

/// MODULE LOAD path [arg ...], MODULE LOADEX path [CONFIG name value ...] [ARGS arg ...]
fn module_load(ctx: &mut Ctx) -> Outcome {
    allowed(ctx)?;
    log::warn!("A module was to be loaded, but there are none here.");
    Err("ERR Error loading the extension. Please check the server logs.".into())
}

/// MODULE UNLOAD name
fn module_unload(ctx: &mut Ctx) -> Outcome {
    allowed(ctx)?;
    Err("ERR Error unloading module: no such module with that name".into())
}

fn allowed(ctx: &mut Ctx) -> Outcome {
    let local = ctx.client().has(ClientFlags::LOCAL);
    match ctx.state.config.enable_module_command.allows(local) {
        true => Ok(()),
        false => Err(errors::protected_command("MODULE", "enable-module-command")),
    }
}

/// MODULE HELP
fn module_help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "LIST",
    "    Return a list of loaded modules.",
    "LOAD <path> [<arg> ...]",
    "    Load a module library from <path>, passing to it any optional arguments.",
    "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
    "    Load a module library from <path>, while passing it module configurations and optional arguments.",
    "UNLOAD <name>",
    "    Unload a module.",
];
