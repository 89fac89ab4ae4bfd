//! Connection commands: who speaks, in which protocol, to which database.
//!
//! Invariant: nothing here touches a key.

use super::ctx::Ctx;
use super::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("auth", auth)
        .arity(-2)
        .of(Group::Connection)
        .flags(BEFORE_AUTH)
        .acl(Categories::CONNECTION)
        .summary("Authenticates the connection.")
        .complexity("O(N) where N is the number of passwords defined for the user")
        .since("1.0.0")
        .history(&[("6.0.0", "Added ACL style (username and password).")])
        .args(&[Arg::string("username").since("6.0.0").optional(), Arg::string("password")]),
    Command::new("echo", echo)
        .arity(2)
        .of(Group::Connection)
        .flags(ANYTIME_FAST)
        .acl(Categories::CONNECTION)
        .summary("Returns the given string.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::string("message")]),
    Command::new("hello", hello)
        .arity(-1)
        .of(Group::Connection)
        .flags(BEFORE_AUTH)
        .acl(Categories::CONNECTION)
        .summary("Handshakes with the Redis server.")
        .complexity("O(1)")
        .since("6.0.0")
        .history(&[(
            "6.2.0",
            "`protover` made optional; when called without arguments the command \
             reports the current connection's context.",
        )])
        .args(&[Arg::block(
            "arguments",
            &[
                Arg::int("protover"),
                Arg::block("auth", &[Arg::string("username"), Arg::string("password")])
                    .token("AUTH")
                    .optional(),
                Arg::string("clientname").token("SETNAME").optional(),
            ],
        )
        .optional()]),
    Command::new("ping", ping)
        .arity(-1)
        .of(Group::Connection)
        .flags(Flags::FAST)
        .acl(Categories::CONNECTION)
        .summary("Returns the server's liveliness response.")
        .complexity("O(1)")
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .args(&[Arg::string("message").optional()]),
    Command::new("quit", quit)
        .arity(-1)
        .of(Group::Connection)
        .flags(BEFORE_AUTH)
        .acl(Categories::CONNECTION)
        .summary("Closes the connection.")
        .complexity("O(1)")
        .since("1.0.0")
        .deprecated("7.2.0", "just closing the connection"),
    Command::new("reset", reset)
        .arity(1)
        .of(Group::Connection)
        .flags(BEFORE_AUTH)
        .acl(Categories::CONNECTION)
        .summary("Resets the connection.")
        .complexity("O(1)")
        .since("6.2.0"),
    Command::new("select", select)
        .arity(2)
        .of(Group::Connection)
        .flags(ANYTIME_FAST)
        .acl(Categories::CONNECTION)
        .summary("Changes the selected database.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::int("index")]),
];

const BEFORE_AUTH: Flags = Flags::NOSCRIPT
    .or(Flags::LOADING)
    .or(Flags::STALE)
    .or(Flags::FAST)
    .or(Flags::NO_AUTH)
    .or(Flags::ALLOW_BUSY);
const ANYTIME_FAST: Flags = Flags::LOADING.or(Flags::STALE).or(Flags::FAST);

/// AUTH [username] password
fn auth(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// ECHO message
fn echo(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// HELLO [protover [AUTH username password] [SETNAME clientname]]
fn hello(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// PING [message]
fn ping(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// QUIT
fn quit(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// RESET
fn reset(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// SELECT index
fn select(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}
