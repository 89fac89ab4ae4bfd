//! Elements added at an end.
//!
//! Invariant: the elements of one call are added together; the list takes its form for all of them
//! before the first.

use super::{INSERT_ONE, WRITE_GROWING_FAST, limit, pushed, reply_count};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{Arg, Categories, Command, Group};
use crate::resp::errors::Outcome;
use crate::types::list::{End, List};

const ELEMENTS: &[Arg] = &[Arg::key("key", 0), Arg::string("element").multiple()];
const LINEAR: &str = "O(1) for each element added, so O(N) to add N elements when the command is \
                      called with multiple arguments.";

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("lpush", lpush)
        .arity(-3)
        .of(Group::List)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::LIST)
        .keys(INSERT_ONE)
        .summary("Prepends one or more elements to a list. Creates the key if it doesn't exist.")
        .complexity(LINEAR)
        .since("1.0.0")
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")])
        .args(ELEMENTS),
    Command::new("rpush", rpush)
        .arity(-3)
        .of(Group::List)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::LIST)
        .keys(INSERT_ONE)
        .summary("Appends one or more elements to a list. Creates the key if it doesn't exist.")
        .complexity(LINEAR)
        .since("1.0.0")
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")])
        .args(ELEMENTS),
    Command::new("lpushx", lpushx)
        .arity(-3)
        .of(Group::List)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::LIST)
        .keys(INSERT_ONE)
        .summary("Prepends one or more elements to a list only when the list exists.")
        .complexity(LINEAR)
        .since("2.2.0")
        .history(&[("4.0.0", "Accepts multiple `element` arguments.")])
        .args(ELEMENTS),
    Command::new("rpushx", rpushx)
        .arity(-3)
        .of(Group::List)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::LIST)
        .keys(INSERT_ONE)
        .summary("Appends an element to a list only when the list exists.")
        .complexity(LINEAR)
        .since("2.2.0")
        .history(&[("4.0.0", "Accepts multiple `element` arguments.")])
        .args(ELEMENTS),
];

/// What becomes of elements for a key that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Create,
    Ignore,
}

/// LPUSH key element [element ...]
fn lpush(ctx: &mut Ctx) -> Outcome {
    push(ctx, End::Front, Missing::Create)
}

/// RPUSH key element [element ...]
fn rpush(ctx: &mut Ctx) -> Outcome {
    push(ctx, End::Back, Missing::Create)
}

/// LPUSHX key element [element ...]
fn lpushx(ctx: &mut Ctx) -> Outcome {
    push(ctx, End::Front, Missing::Ignore)
}

/// RPUSHX key element [element ...]
fn rpushx(ctx: &mut Ctx) -> Outcome {
    push(ctx, End::Back, Missing::Ignore)
}

fn push(ctx: &mut Ctx, end: End, missing: Missing) -> Outcome {
    let (key, elements, limit) = (ctx.arg(1), ctx.args.from(2), limit(ctx));
    let (db, reply) = ctx.db_and_reply();
    let bytes = elements.clone().map(<[u8]>::len).sum();
    let push = |list: &mut List| {
        list.grow(bytes, elements.len(), limit);
        elements.for_each(|element| list.push(end, element));
        list.len()
    };
    let len = match missing {
        Missing::Create => Some(db.change(key, push)?),
        Missing::Ignore => db.change_old(key, push)?,
    };
    let Some((len, _)) = len else {
        reply.integer(0);
        return Ok(());
    };
    reply_count(reply, len);
    ctx.modified(key, EventClass::List, pushed(end));
    ctx.count_changes(ctx.args.len() - 2);
    Ok(())
}
