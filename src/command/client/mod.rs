//! The CLIENT family: what the server knows about its connections.
//!
//! Invariant: nothing here touches a key.

use super::block::Unblocked;
use super::connection::client_name;
use super::ctx::Ctx;
use super::help::reply_help;
use super::spec::{ADMIN_UNSCRIPTED, Arg, Categories, Command, Flags, Group};
use super::state::{Pause, Request};
use crate::resp::errors::{self, Outcome, Reject};
use crate::session::{Client, ClientFlags, ReplyMode};
use list::ClientType;

mod kill;
pub mod list;
mod memory;
mod tracking;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::group("client", CLIENT)
    .arity(-2)
    .of(Group::Connection)
    .summary("A container for client connection commands.")
    .complexity("Depends on subcommand.")
    .since("2.4.0")];

const CLIENT: &[Command] = &[
    tracking::CACHING,
    Command::new("getname", client_getname)
        .arity(2)
        .of(Group::Connection)
        .flags(ANYTIME_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Returns the name of the connection.")
        .complexity("O(1)")
        .since("2.6.9"),
    tracking::GETREDIR,
    Command::new("help", client_help)
        .arity(2)
        .of(Group::Connection)
        .flags(Flags::LOADING.or(Flags::STALE))
        .acl(Categories::CONNECTION)
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("5.0.0"),
    Command::new("id", client_id)
        .arity(2)
        .of(Group::Connection)
        .flags(ANYTIME_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Returns the unique client ID of the connection.")
        .complexity("O(1)")
        .since("5.0.0"),
    Command::new("info", client_info)
        .arity(2)
        .of(Group::Connection)
        .flags(ANYTIME_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Returns information about the connection.")
        .complexity("O(1)")
        .since("6.2.0")
        .tips(&["nondeterministic_output"]),
    Command::new("kill", client_kill)
        .arity(-3)
        .of(Group::Connection)
        .flags(ADMIN_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Terminates open connections.")
        .complexity("O(N) where N is the number of client connections")
        .since("2.4.0")
        .history(&[
            ("2.8.12", "Added new filter format."),
            ("2.8.12", "`ID` option."),
            ("3.2.0", "Added `master` type in for `TYPE` option."),
            (
                "5.0.0",
                "Replaced `slave` `TYPE` with `replica`. `slave` still supported for \
                 backward compatibility.",
            ),
            ("6.2.0", "`LADDR` option."),
        ])
        .args(&[Arg::one_of(
            "filter",
            &[
                Arg::string("old-format").display("ip:port").deprecated("2.8.12"),
                Arg::one_of(
                    "new-format",
                    &[
                        Arg::int("client-id").token("ID").since("2.8.12").optional(),
                        Arg::one_of(
                            "client-type",
                            &[
                                Arg::word("normal", "NORMAL"),
                                Arg::word("master", "MASTER").since("3.2.0"),
                                Arg::word("slave", "SLAVE"),
                                Arg::word("replica", "REPLICA").since("5.0.0"),
                                Arg::word("pubsub", "PUBSUB"),
                            ],
                        )
                        .token("TYPE")
                        .since("2.8.12")
                        .optional(),
                        Arg::string("username").token("USER").optional(),
                        Arg::string("addr").token("ADDR").display("ip:port").optional(),
                        Arg::string("laddr")
                            .token("LADDR")
                            .display("ip:port")
                            .since("6.2.0")
                            .optional(),
                        Arg::one_of("skipme", &[Arg::word("yes", "YES"), Arg::word("no", "NO")])
                            .token("SKIPME")
                            .optional(),
                    ],
                )
                .multiple(),
            ],
        )]),
    Command::new("list", client_list)
        .arity(-2)
        .of(Group::Connection)
        .flags(ADMIN_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Lists open connections.")
        .complexity("O(N) where N is the number of client connections")
        .since("2.4.0")
        .history(&[
            ("2.8.12", "Added unique client `id` field."),
            ("5.0.0", "Added optional `TYPE` filter."),
            ("6.0.0", "Added `user` field."),
            (
                "6.2.0",
                "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional \
                 `ID` filter.",
            ),
            ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
            ("7.0.3", "Added `ssub` field."),
        ])
        .tips(&["nondeterministic_output"])
        .args(&[
            Arg::one_of(
                "client-type",
                &[
                    Arg::word("normal", "NORMAL"),
                    Arg::word("master", "MASTER"),
                    Arg::word("replica", "REPLICA"),
                    Arg::word("pubsub", "PUBSUB"),
                ],
            )
            .token("TYPE")
            .since("5.0.0")
            .optional(),
            Arg::int("client-id").token("ID").since("6.2.0").optional().multiple(),
        ]),
    Command::new("no-evict", client_no_evict)
        .arity(3)
        .of(Group::Connection)
        .flags(ADMIN_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Sets the client eviction mode of the connection.")
        .complexity("O(1)")
        .since("7.0.0")
        .args(&[Arg::one_of("enabled", ON_OFF)]),
    Command::new("no-touch", client_no_touch)
        .arity(3)
        .of(Group::Connection)
        .flags(ANYTIME_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary(
            "Controls whether commands sent by the client affect the LRU/LFU of accessed \
             keys.",
        )
        .complexity("O(1)")
        .since("7.2.0")
        .args(&[Arg::one_of("enabled", ON_OFF)]),
    Command::new("pause", client_pause)
        .arity(-3)
        .of(Group::Connection)
        .flags(ADMIN_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Suspends commands processing.")
        .complexity("O(1)")
        .since("3.0.0")
        .history(&[("6.2.0", "`CLIENT PAUSE WRITE` mode added along with the `mode` option.")])
        .args(&[
            Arg::int("timeout"),
            Arg::one_of("mode", &[Arg::word("write", "WRITE"), Arg::word("all", "ALL")])
                .since("6.2.0")
                .optional(),
        ]),
    Command::new("reply", client_reply)
        .arity(3)
        .of(Group::Connection)
        .flags(ANYTIME_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Instructs the server whether to reply to commands.")
        .complexity("O(1)")
        .since("3.2.0")
        .args(&[Arg::one_of(
            "action",
            &[Arg::word("on", "ON"), Arg::word("off", "OFF"), Arg::word("skip", "SKIP")],
        )]),
    Command::new("setinfo", client_setinfo)
        .arity(4)
        .of(Group::Connection)
        .flags(ANYTIME_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Sets information specific to the client or connection.")
        .complexity("O(1)")
        .since("7.2.0")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[Arg::one_of(
            "attr",
            &[Arg::string("libname").token("LIB-NAME"), Arg::string("libver").token("LIB-VER")],
        )]),
    Command::new("setname", client_setname)
        .arity(3)
        .of(Group::Connection)
        .flags(ANYTIME_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Sets the connection name.")
        .complexity("O(1)")
        .since("2.6.9")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[Arg::string("connection-name")]),
    tracking::TRACKING,
    tracking::TRACKINGINFO,
    Command::new("unblock", client_unblock)
        .arity(-3)
        .of(Group::Connection)
        .flags(ADMIN_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Unblocks a client blocked by a blocking command from a different connection.")
        .complexity("O(log N) where N is the number of client connections")
        .since("5.0.0")
        .args(&[
            Arg::int("client-id"),
            Arg::one_of(
                "unblock-type",
                &[Arg::word("timeout", "TIMEOUT"), Arg::word("error", "ERROR")],
            )
            .optional(),
        ]),
    Command::new("unpause", client_unpause)
        .arity(2)
        .of(Group::Connection)
        .flags(ADMIN_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Resumes processing commands from paused clients.")
        .complexity("O(N) Where N is the number of paused clients")
        .since("6.2.0"),
];

const ANYTIME_UNSCRIPTED: Flags = Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE);
const ON_OFF: &[Arg] = &[Arg::word("on", "ON"), Arg::word("off", "OFF")];

/// CLIENT ID
fn client_id(ctx: &mut Ctx) -> Outcome {
    let id = ctx.client().id;
    ctx.reply.integer(id as i64);
    Ok(())
}

/// CLIENT GETNAME
fn client_getname(ctx: &mut Ctx) -> Outcome {
    match ctx.client().name.clone() {
        Some(name) => ctx.reply.bulk(&name),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// CLIENT SETNAME connection-name
fn client_setname(ctx: &mut Ctx) -> Outcome {
    let name = client_name(ctx.arg(2))?;
    ctx.client().name = (!name.is_empty()).then(|| name.into());
    ctx.reply.ok();
    Ok(())
}

/// CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>
fn client_setinfo(ctx: &mut Ctx) -> Outcome {
    let (attribute, value) = (ctx.arg(2), ctx.arg(3));
    let printable = client_name(value).is_ok();
    let client = ctx.client();
    let field = match attribute.to_ascii_lowercase().as_slice() {
        b"lib-name" => &mut client.lib_name,
        b"lib-ver" => &mut client.lib_version,
        _ => return Err(errors::unrecognized_option(attribute)),
    };
    if !printable {
        return Err(errors::setinfo_invalid(attribute));
    }
    *field = (!value.is_empty()).then(|| value.into());
    ctx.reply.ok();
    Ok(())
}

/// CLIENT INFO
fn client_info(ctx: &mut Ctx) -> Outcome {
    let client = ctx.state.clients.get(ctx.id).expect("the client in execution is in the table");
    let line = list::line_during(ctx, client);
    ctx.reply.verbatim("txt", line.as_bytes());
    Ok(())
}

/// CLIENT LIST [TYPE NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id [client-id ...]]
fn client_list(ctx: &mut Ctx) -> Outcome {
    let text = if ctx.args.len() == 4 && ctx.args.is(2, "type") {
        let kind = ClientType::parse(ctx.arg(3))?;
        list::lines(ctx, |client| ClientType::of(client) == kind)
    } else if ctx.args.len() > 3 && ctx.args.is(2, "id") {
        list_by_id(ctx)?
    } else if ctx.args.len() == 2 {
        list::lines(ctx, |_| true)
    } else {
        return Err(errors::SYNTAX.into());
    };
    ctx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// One line for each id of a live client, in the order asked for.
fn list_by_id(ctx: &Ctx) -> Result<String, Reject> {
    let mut text = String::new();
    for at in 3..ctx.args.len() {
        let id = ctx.args.int_or(at, errors::CLIENT_ID_INVALID)?;
        text += &list::lines(ctx, |client| i64::try_from(client.id) == Ok(id));
    }
    Ok(text)
}

/// CLIENT KILL <ip:port | <[ID client-id] | [TYPE NORMAL | MASTER | SLAVE | REPLICA | PUBSUB] |
/// [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME YES | NO]> ...>
fn client_kill(ctx: &mut Ctx) -> Outcome {
    let old_form = ctx.args.len() == 3;
    let filter = match old_form {
        true => kill::Filter::address(ctx.arg(2)),
        false => kill::Filter::parse(ctx)?,
    };
    let me = ctx.id;
    let now_s = ctx.state.clock.unix_s();
    let matches = |client: &&Client| filter.matches(client, me, now_s);
    let victims: Vec<_> =
        ctx.state.clients.iter().filter(matches).map(|client| client.key).collect();
    for id in &victims {
        match *id == me {
            // The reply still goes out.
            true => ctx.client().flags.insert(ClientFlags::CLOSE_AFTER_REPLY),
            false => ctx.state.close(*id),
        }
    }
    if !old_form {
        ctx.reply.integer(victims.len() as i64);
    } else if victims.is_empty() {
        return Err(errors::NO_SUCH_CLIENT.into());
    } else {
        ctx.reply.ok();
    }
    Ok(())
}

/// CLIENT NO-EVICT <ON | OFF>
fn client_no_evict(ctx: &mut Ctx) -> Outcome {
    set_flag(ctx, ClientFlags::NO_EVICT)
}

/// CLIENT NO-TOUCH <ON | OFF>
fn client_no_touch(ctx: &mut Ctx) -> Outcome {
    set_flag(ctx, ClientFlags::NO_TOUCH)
}

fn set_flag(ctx: &mut Ctx, flag: ClientFlags) -> Outcome {
    let on = match () {
        () if ctx.args.is(2, "on") => true,
        () if ctx.args.is(2, "off") => false,
        () => return Err(errors::SYNTAX.into()),
    };
    ctx.client().flags.set(flag, on);
    ctx.reply.ok();
    Ok(())
}

/// CLIENT PAUSE timeout [WRITE | ALL]
fn client_pause(ctx: &mut Ctx) -> Outcome {
    let writes_only = match ctx.args.len() {
        3 => false,
        4 if ctx.args.is(3, "write") => true,
        4 if ctx.args.is(3, "all") => false,
        4 => return Err("ERR CLIENT PAUSE mode must be WRITE or ALL".into()),
        _ => return Err(errors::subcommand_syntax(ctx.arg(0), ctx.arg(1))),
    };
    let timeout = ctx.args.int_or(2, errors::TIMEOUT_NOT_AN_INTEGER)?;
    if timeout < 0 {
        return Err(errors::TIMEOUT_NEGATIVE.into());
    }
    let now = ctx.state.clock.unix_ms();
    let until_ms = now.checked_add(timeout).ok_or(errors::TIMEOUT_OUT_OF_RANGE)?;
    ctx.state.pause = ctx.state.pause.extended(Pause { until_ms, writes_only }, now);
    ctx.reply.ok();
    Ok(())
}

/// CLIENT UNBLOCK client-id [TIMEOUT | ERROR]
fn client_unblock(ctx: &mut Ctx) -> Outcome {
    let why = match ctx.args.len() {
        3 => Unblocked::TimedOut,
        4 if ctx.args.is(3, "timeout") => Unblocked::TimedOut,
        4 if ctx.args.is(3, "error") => Unblocked::ByError,
        4 => return Err(errors::UNBLOCK_REASON.into()),
        _ => return Err(errors::subcommand_syntax(ctx.arg(0), ctx.arg(1))),
    };
    let id = ctx.args.int(2)?;
    let waiting = ctx.state.clients.iter().find(|client| i64::try_from(client.id) == Ok(id));
    let key = waiting.map(|client| client.key);
    let unblocked = key.is_some_and(|key| ctx.state.unblock(key, why));
    ctx.reply.integer(i64::from(unblocked));
    Ok(())
}

/// CLIENT UNPAUSE
fn client_unpause(ctx: &mut Ctx) -> Outcome {
    ctx.state.pause = Pause::default();
    ctx.state.requests.push(Request::Resume);
    ctx.reply.ok();
    Ok(())
}

/// CLIENT REPLY <ON | OFF | SKIP>
fn client_reply(ctx: &mut Ctx) -> Outcome {
    let mode = match () {
        () if ctx.args.is(2, "on") => ReplyMode::On,
        () if ctx.args.is(2, "off") => ReplyMode::Off,
        () if ctx.args.is(2, "skip") => ReplyMode::SkipNext,
        () => return Err(errors::SYNTAX.into()),
    };
    let client = ctx.client();
    if mode != ReplyMode::SkipNext || client.reply_mode != ReplyMode::Off {
        client.reply_mode = mode;
    }
    ctx.reply.ok();
    Ok(())
}

/// CLIENT HELP
fn client_help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * MAXAGE <seconds>",
    "      Kill connections that are older than that.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
];
