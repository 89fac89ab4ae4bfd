//! The CLIENT family: what the server knows about its connections.
//!
//! Invariant: nothing here touches a key.

use super::ctx::Ctx;
use super::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::group("client", CLIENT)
    .arity(-2)
    .of(Group::Connection)
    .summary("A container for client connection commands.")
    .complexity("Depends on subcommand.")
    .since("2.4.0")];

const CLIENT: &[Command] = &[
    Command::new("getname", client_getname)
        .arity(2)
        .of(Group::Connection)
        .flags(ANYTIME_UNSCRIPTED)
        .acl(Categories::CONNECTION)
        .summary("Returns the name of the connection.")
        .complexity("O(1)")
        .since("2.6.9"),
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
const ADMIN_UNSCRIPTED: Flags =
    Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);
const ON_OFF: &[Arg] = &[Arg::word("on", "ON"), Arg::word("off", "OFF")];

/// CLIENT GETNAME
fn client_getname(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT HELP
fn client_help(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT ID
fn client_id(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT INFO
fn client_info(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT KILL <ip:port | <[ID client-id] | [TYPE NORMAL | MASTER | SLAVE | REPLICA | PUBSUB] |
/// [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME YES | NO]> [<[ID client-id] | [TYPE
/// NORMAL | MASTER | SLAVE | REPLICA | PUBSUB] | [USER username] | [ADDR ip:port] | [LADDR ip:port]
/// | [SKIPME YES | NO]> ...]>
fn client_kill(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT LIST [TYPE NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id [client-id ...]]
fn client_list(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT NO-EVICT <ON | OFF>
fn client_no_evict(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT NO-TOUCH <ON | OFF>
fn client_no_touch(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT PAUSE timeout [WRITE | ALL]
fn client_pause(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT REPLY <ON | OFF | SKIP>
fn client_reply(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>
fn client_setinfo(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT SETNAME connection-name
fn client_setname(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// CLIENT UNPAUSE
fn client_unpause(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}
