//! The COMMAND family: what the command table says about itself.
//!
//! Invariant: no command is named here; everything follows from the rows.

use super::ctx::Ctx;
use super::derived::Malformed;
use super::help::reply_help;
use super::spec::{
    Arg, ArgKind, BeginSearch, Categories, Command, FindKeys, Flags, Group, KeyFlags, KeySpec,
};
use super::table::{Row, Table};
use crate::base::glob::glob_match;
use crate::resp::errors::{self, Outcome, Reject};
use crate::resp::{Args, Reply};
use crate::session::CommandId;

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
fn command(ctx: &mut Ctx) -> Outcome {
    let table = &ctx.state.table;
    ctx.reply.array(table.commands().count());
    for (id, _) in table.commands() {
        write_info(table, id, &mut ctx.reply);
    }
    Ok(())
}

/// COMMAND COUNT
fn count(ctx: &mut Ctx) -> Outcome {
    ctx.reply.integer(ctx.state.table.commands().count() as i64);
    Ok(())
}

/// COMMAND INFO [command-name [command-name ...]]
fn info(ctx: &mut Ctx) -> Outcome {
    if ctx.args.len() == 2 {
        return command(ctx);
    }
    let names = ctx.args.from(2);
    ctx.reply.array(names.len());
    for name in names {
        match ctx.state.table.named(name) {
            Some(id) => write_info(&ctx.state.table, id, &mut ctx.reply),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// COMMAND DOCS [command-name [command-name ...]]
fn docs(ctx: &mut Ctx) -> Outcome {
    let table = &ctx.state.table;
    let ids: Vec<CommandId> = match ctx.args.len() {
        2 => table.commands().map(|(id, _)| id).collect(),
        _ => ctx.args.from(2).filter_map(|name| table.named(name)).collect(),
    };
    write_docs_of(table, &ids, &mut ctx.reply);
    Ok(())
}

/// COMMAND LIST [FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]
fn list(ctx: &mut Ctx) -> Outcome {
    let filter = Filter::parse(&ctx.args)?;
    let table = &ctx.state.table;
    let families = table
        .commands()
        .flat_map(|(id, row)| std::iter::once(id).chain(row.children.iter().copied()));
    let rows = families.map(|id| table.row(id)).filter(|row| filter.lets_pass(row));
    let names: Vec<&str> = rows.map(full_name).collect();
    ctx.reply.array(names.len());
    for name in names {
        ctx.reply.bulk(name.as_bytes());
    }
    Ok(())
}

/// What COMMAND LIST shows.
enum Filter<'a> {
    All,
    /// Commands of a module: none, for there are no modules.
    Module,
    /// Commands of a category, or nothing for one that does not exist.
    Category(Option<Categories>),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(args: &Args<'a>) -> Result<Filter<'a>, Reject> {
        match args.len() {
            2 => return Ok(Filter::All),
            5 if args.is(2, "FILTERBY") => {}
            _ => return Err(errors::SYNTAX.into()),
        }
        let value = args.at(4);
        match args.at(3).to_ascii_uppercase().as_slice() {
            b"MODULE" => Ok(Filter::Module),
            b"ACLCAT" => Ok(Filter::Category(Categories::named(value))),
            b"PATTERN" => Ok(Filter::Pattern(value)),
            _ => Err(errors::SYNTAX.into()),
        }
    }

    fn lets_pass(&self, row: &Row) -> bool {
        match self {
            Filter::All => true,
            Filter::Module => false,
            Filter::Category(None) => false,
            Filter::Category(Some(category)) => row.command.categories().has(*category),
            Filter::Pattern(pattern) => glob_match(pattern, full_name(row).as_bytes(), true),
        }
    }
}

/// COMMAND GETKEYS command [arg [arg ...]]
fn getkeys(ctx: &mut Ctx) -> Outcome {
    let (call, keys) = keys_of_call(ctx)?;
    ctx.reply.array(keys.len());
    for (index, _) in keys {
        ctx.reply.bulk(call.at(index));
    }
    Ok(())
}

/// COMMAND GETKEYSANDFLAGS command [arg [arg ...]]
fn getkeysandflags(ctx: &mut Ctx) -> Outcome {
    let (call, keys) = keys_of_call(ctx)?;
    ctx.reply.array(keys.len());
    for (index, flags) in keys {
        ctx.reply.array(2);
        ctx.reply.bulk(call.at(index));
        write_names(flags.names(), &mut ctx.reply);
    }
    Ok(())
}

/// The call that the arguments describe, and its keys.
fn keys_of_call<'a>(ctx: &Ctx<'a>) -> Result<(Args<'a>, Vec<(usize, KeyFlags)>), Reject> {
    let call = ctx.args.after(2);
    let id = ctx.state.table.resolve(call.at(0), call.get(1)).ok_or(errors::INVALID_COMMAND)?;
    let command = ctx.state.table.command(id);
    if !command.has_keys() {
        return Err(errors::NO_KEY_ARGUMENTS.into());
    }
    if !command.accepts(call.len()) {
        return Err(errors::INVALID_ARGUMENT_COUNT.into());
    }
    let mut keys = Vec::new();
    let found = command.keys_of(&call, &mut keys);
    let needed = !command.flags.has(Flags::NO_MANDATORY_KEYS);
    if needed && (found == Err(Malformed) || keys.is_empty()) {
        return Err(errors::INVALID_ARGUMENTS.into());
    }
    Ok((call, keys))
}

/// COMMAND HELP
fn help(ctx: &mut Ctx) -> Outcome {
    reply_help(
        ctx,
        &[
            "(no subcommand)",
            "    Return details about all Redis commands.",
            "COUNT",
            "    Return the total number of commands in this Redis server.",
            "LIST",
            "    Return a list of all commands in this Redis server.",
            "INFO [<command-name> ...]",
            "    Return details about multiple Redis commands.",
            "    If no command names are given, documentation details for all",
            "    commands are returned.",
            "DOCS [<command-name> ...]",
            "    Return documentation details about multiple Redis commands.",
            "    If no command names are given, documentation details for all",
            "    commands are returned.",
            "GETKEYS <full-command>",
            "    Return the keys from a full Redis command.",
            "GETKEYSANDFLAGS <full-command>",
            "    Return the keys and the access flags from a full Redis command.",
        ],
    );
    Ok(())
}

/// The name under which a row is described: its own, whatever `rename-command` made of it.
fn full_name(row: &Row) -> &str {
    if row.parent.is_some() { &row.name } else { row.command.name }
}

/// One element of COMMAND and COMMAND INFO.
fn write_info(table: &Table, id: CommandId, reply: &mut Reply<'_>) {
    let row = table.row(id);
    let command = row.command;
    let flat = command.flat_range();
    reply.array(10);
    reply.bulk(full_name(row).as_bytes());
    reply.integer(command.arity.into());
    write_names(command.all_flags().names(), reply);
    reply.integer(flat.first.into());
    reply.integer(flat.last.into());
    reply.integer(flat.step.into());
    write_names(command.categories().names(), reply);
    reply.set(command.tips.len());
    for tip in command.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(command.keys.len());
    for spec in command.keys {
        write_key_spec(spec, reply);
    }
    match row.children.len() {
        0 => reply.set(0),
        children => reply.array(children),
    }
    for child in &row.children {
        write_info(table, *child, reply);
    }
}

/// A set of words.
fn write_names(names: impl Iterator<Item = &'static str> + Clone, reply: &mut Reply<'_>) {
    reply.set(names.clone().count());
    for name in names {
        reply.simple(name);
    }
}

fn write_key_spec(spec: &KeySpec, reply: &mut Reply<'_>) {
    reply.map(if spec.notes.is_empty() { 3 } else { 4 });
    if !spec.notes.is_empty() {
        write_field("notes", spec.notes, reply);
    }
    reply.bulk(b"flags");
    write_names(spec.flags.names(), reply);
    reply.bulk(b"begin_search");
    write_begin_search(spec.begin, reply);
    reply.bulk(b"find_keys");
    write_find_keys(spec.find, reply);
}

fn write_begin_search(begin: BeginSearch, reply: &mut Reply<'_>) {
    match begin {
        BeginSearch::Index(index) => write_spec("index", &[("index", index)], reply),
        BeginSearch::Unknown => write_spec("unknown", &[], reply),
        BeginSearch::Keyword(word, from) => {
            reply.map(2);
            write_field("type", "keyword", reply);
            reply.bulk(b"spec");
            reply.map(2);
            write_field("keyword", word, reply);
            reply.bulk(b"startfrom");
            reply.integer(from.into());
        }
    }
}

fn write_find_keys(find: FindKeys, reply: &mut Reply<'_>) {
    match find {
        FindKeys::Range { last, step, limit } => {
            write_spec("range", &[("lastkey", last), ("keystep", step), ("limit", limit)], reply);
        }
        FindKeys::Count { index, first, step } => {
            let fields = [("keynumidx", index), ("firstkey", first), ("keystep", step)];
            write_spec("keynum", &fields, reply);
        }
        FindKeys::Unknown => write_spec("unknown", &[], reply),
    }
}

/// Half of a key specification: its type and its numbers.
fn write_spec(kind: &str, numbers: &[(&str, i16)], reply: &mut Reply<'_>) {
    reply.map(2);
    write_field("type", kind, reply);
    reply.bulk(b"spec");
    reply.map(numbers.len());
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer((*number).into());
    }
}

fn write_field(name: &str, value: &str, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

/// As `write_field`, if there is a value; returns the number of fields written.
fn write_optional(name: &str, value: Option<&str>, reply: &mut Reply<'_>) -> usize {
    if let Some(value) = value {
        write_field(name, value, reply);
    }
    usize::from(value.is_some())
}

/// COMMAND DOCS of some rows.
fn write_docs_of(table: &Table, ids: &[CommandId], reply: &mut Reply<'_>) {
    reply.map(ids.len());
    for id in ids {
        reply.bulk(full_name(table.row(*id)).as_bytes());
        write_docs(table, *id, reply);
    }
}

fn write_docs(table: &Table, id: CommandId, reply: &mut Reply<'_>) {
    let row = table.row(id);
    let command = row.command;
    let complexity = Some(command.complexity).filter(|text| !text.is_empty());
    let at = reply.deferred();
    let mut fields = 3;
    write_field("summary", command.summary, reply);
    write_field("since", command.since, reply);
    write_field("group", command.group.name(), reply);
    fields += write_optional("complexity", complexity, reply);
    fields += write_doc_flags(command, reply);
    fields += write_optional("deprecated_since", command.deprecated_since, reply);
    fields += write_optional("replaced_by", command.replaced_by, reply);
    fields += write_history(command.history, reply);
    if !command.args.is_empty() {
        reply.bulk(b"arguments");
        write_args(command.args, reply);
        fields += 1;
    }
    if !row.children.is_empty() {
        reply.bulk(b"subcommands");
        write_docs_of(table, &row.children, reply);
        fields += 1;
    }
    reply.close_map(at, fields);
}

fn write_doc_flags(command: &Command, reply: &mut Reply<'_>) -> usize {
    let deprecated = command.deprecated_since.map(|_| "deprecated");
    let internal = command.flags.has(Flags::SYSCMD).then_some("syscmd");
    if deprecated.is_none() && internal.is_none() {
        return 0;
    }
    reply.bulk(b"doc_flags");
    write_names(deprecated.into_iter().chain(internal), reply);
    1
}

fn write_history(history: &[(&str, &str)], reply: &mut Reply<'_>) -> usize {
    if history.is_empty() {
        return 0;
    }
    reply.bulk(b"history");
    reply.set(history.len());
    for (since, change) in history {
        reply.array(2);
        reply.bulk(since.as_bytes());
        reply.bulk(change.as_bytes());
    }
    1
}

fn write_args(args: &[Arg], reply: &mut Reply<'_>) {
    reply.array(args.len());
    for arg in args {
        write_arg(arg, reply);
    }
}

fn write_arg(arg: &Arg, reply: &mut Reply<'_>) {
    let nested = matches!(arg.kind, ArgKind::OneOf | ArgKind::Block);
    let at = reply.deferred();
    let mut fields = 3;
    write_field("name", arg.name, reply);
    write_field("type", arg.kind.name(), reply);
    if !nested {
        write_field("display_text", arg.display, reply);
    }
    if let Some(spec) = arg.key_spec {
        reply.bulk(b"key_spec_index");
        reply.integer(spec.into());
        fields += 1;
    }
    fields += write_optional("token", arg.token, reply);
    fields += write_optional("summary", arg.summary, reply);
    fields += write_optional("since", arg.since, reply);
    fields += write_optional("deprecated_since", arg.deprecated_since, reply);
    fields += write_arg_flags(arg, reply);
    if nested {
        reply.bulk(b"arguments");
        write_args(arg.args, reply);
    }
    reply.close_map(at, fields);
}

fn write_arg_flags(arg: &Arg, reply: &mut Reply<'_>) -> usize {
    let flags = [
        (arg.optional, "optional"),
        (arg.multiple, "multiple"),
        (arg.multiple_token, "multiple_token"),
    ];
    let names = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name);
    if names.clone().next().is_none() {
        return 0;
    }
    reply.bulk(b"flags");
    write_names(names, reply);
    1
}

#[cfg(test)]
mod tests;
