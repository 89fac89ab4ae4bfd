//! Transactions: MULTI, EXEC, DISCARD and the watched keys.
//!
//! Invariant: nothing here knows what a queued command does.

use super::ctx::Ctx;
use super::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("discard", discard)
        .arity(1)
        .of(Group::Transactions)
        .flags(CONTROL)
        .acl(Categories::TRANSACTION)
        .summary("Discards a transaction.")
        .complexity("O(N), when N is the number of queued commands")
        .since("2.0.0"),
    Command::new("exec", exec)
        .arity(1)
        .of(Group::Transactions)
        .flags(Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::SKIP_SLOWLOG))
        .acl(Categories::TRANSACTION)
        .summary("Executes all commands in a transaction.")
        .complexity("Depends on commands in the transaction")
        .since("1.2.0"),
    Command::new("multi", multi)
        .arity(1)
        .of(Group::Transactions)
        .flags(CONTROL)
        .acl(Categories::TRANSACTION)
        .summary("Starts a transaction.")
        .complexity("O(1)")
        .since("1.2.0"),
    Command::new("unwatch", unwatch)
        .arity(1)
        .of(Group::Transactions)
        .flags(CONTROL)
        .acl(Categories::TRANSACTION)
        .summary("Forgets about watched keys of a transaction.")
        .complexity("O(1)")
        .since("2.2.0"),
    Command::new("watch", watch)
        .arity(-2)
        .of(Group::Transactions)
        .flags(CONTROL)
        .acl(Categories::TRANSACTION)
        .keys(&[KeySpec::range(1, -1, 1).flags(KeyFlags::RO)])
        .summary("Monitors changes to keys to determine the execution of a transaction.")
        .complexity("O(1) for every key.")
        .since("2.2.0")
        .args(&[Arg::key("key", 0).multiple()]),
];

const CONTROL: Flags =
    Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST).or(Flags::ALLOW_BUSY);

/// DISCARD
fn discard(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// EXEC
fn exec(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// MULTI
fn multi(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// UNWATCH
fn unwatch(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}

/// WATCH key [key ...]
fn watch(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}
