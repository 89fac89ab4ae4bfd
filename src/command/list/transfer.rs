//! Elements moved from one list to another, or from one end of a list to the other; at once, or when
//! somebody brings one.
//!
//! Invariant: an element is in one of both lists at any time that others can see.

use super::{
    BLOCKING_GROWING, ENDS, TAKE, WRITE_GROWING, end_arg, limit, list, pushed, tell_popped,
};
use crate::command::block;
use crate::command::ctx::{Ctx, EventClass};
use crate::command::item::reply_item;
use crate::command::spec::{Arg, Categories, Command, Group, KeyFlags, KeySpec};
use crate::ds::listpack::Item;
use crate::resp::errors::Outcome;
use crate::types::ValueType;
use crate::types::list::{End, List, NodeLimit};

const SOURCE_AND_DESTINATION: &[KeySpec] =
    &[KeySpec::at(1).flags(TAKE), KeySpec::at(2).flags(KeyFlags::RW.or(KeyFlags::INSERT))];
const SOURCE: Arg = Arg::key("source", 0);
const DESTINATION: Arg = Arg::key("destination", 1);
const FROM: Arg = Arg::one_of("wherefrom", ENDS);
const TO: Arg = Arg::one_of("whereto", ENDS);
const TIMEOUT: Arg = Arg::double("timeout");

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("lmove", lmove)
        .arity(5)
        .of(Group::List)
        .flags(WRITE_GROWING)
        .acl(Categories::LIST)
        .keys(SOURCE_AND_DESTINATION)
        .summary(
            "Returns an element after popping it from one list and pushing it to another. \
             Deletes the list if the last element was moved.",
        )
        .complexity("O(1)")
        .since("6.2.0")
        .args(&[SOURCE, DESTINATION, FROM, TO]),
    Command::new("rpoplpush", rpoplpush)
        .arity(3)
        .of(Group::List)
        .flags(WRITE_GROWING)
        .acl(Categories::LIST)
        .keys(SOURCE_AND_DESTINATION)
        .summary(
            "Returns the last element of a list after removing and pushing it to another list. \
             Deletes the list if the last element was popped.",
        )
        .complexity("O(1)")
        .since("1.2.0")
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")
        .args(&[SOURCE, DESTINATION]),
    Command::new("blmove", blmove)
        .arity(6)
        .of(Group::List)
        .flags(BLOCKING_GROWING)
        .acl(Categories::LIST)
        .keys(SOURCE_AND_DESTINATION)
        .summary(
            "Pops an element from a list, pushes it to another list and returns it. Blocks until \
             an element is available otherwise. Deletes the list if the last element was moved.",
        )
        .complexity("O(1)")
        .since("6.2.0")
        .args(&[SOURCE, DESTINATION, FROM, TO, TIMEOUT]),
    Command::new("brpoplpush", brpoplpush)
        .arity(4)
        .of(Group::List)
        .flags(BLOCKING_GROWING)
        .acl(Categories::LIST)
        .keys(SOURCE_AND_DESTINATION)
        .summary(
            "Pops an element from a list, pushes it to another list and returns it. Block until \
             an element is available otherwise. Deletes the list if the last element was popped.",
        )
        .complexity("O(1)")
        .since("2.2.0")
        .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")
        .history(&[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
        .args(&[SOURCE, DESTINATION, TIMEOUT]),
];

/// LMOVE source destination LEFT|RIGHT LEFT|RIGHT
fn lmove(ctx: &mut Ctx) -> Outcome {
    let (from, to) = (end_arg(ctx, 3)?, end_arg(ctx, 4)?);
    transfer(ctx, from, to)
}

/// RPOPLPUSH source destination
fn rpoplpush(ctx: &mut Ctx) -> Outcome {
    transfer(ctx, End::Back, End::Front)
}

/// BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout
fn blmove(ctx: &mut Ctx) -> Outcome {
    let (from, to) = (end_arg(ctx, 3)?, end_arg(ctx, 4)?);
    let deadline = block::timeout(ctx, 5)?;
    transfer_or_wait(ctx, from, to, deadline, b"LMOVE")
}

/// BRPOPLPUSH source destination timeout
fn brpoplpush(ctx: &mut Ctx) -> Outcome {
    let deadline = block::timeout(ctx, 3)?;
    transfer_or_wait(ctx, End::Back, End::Front, deadline, b"RPOPLPUSH")
}

/// Moves an element as soon as there is one; as an effect that is `command`, which does not wait and
/// has the same arguments but for the timeout at the end.
fn transfer_or_wait(
    ctx: &mut Ctx,
    from: End,
    to: End,
    deadline: Option<i64>,
    command: &'static [u8],
) -> Outcome {
    let (source, args) = (ctx.arg(1), ctx.args);
    let there = list(ctx.db().write_lookup(source))?.is_some();
    if there || !ctx.may_block() {
        transfer(ctx, from, to)?;
        if there {
            let moved = args.from(1).take(args.len() - 2);
            ctx.effect_of(|| [command].into_iter().chain(moved).collect());
        }
        return Ok(());
    }
    ctx.block(std::iter::once(source), ValueType::List, deadline);
    Ok(())
}

/// Moves an element from the end `from` of the source to the end `to` of the destination and replies
/// with it; null when there is none.
fn transfer(ctx: &mut Ctx, from: End, to: End) -> Outcome {
    let (source, destination) = (ctx.arg(1), ctx.arg(2));
    let db = ctx.db();
    let Some(items) = list(db.write_lookup(source))? else {
        ctx.reply.null();
        return Ok(());
    };
    // Its own memory, because both lists are about to change.
    let moved = Moved::new(items.peek(from).expect("a list at a key has elements"));
    list(db.write_lookup(destination))?;
    if source == destination {
        rotate(ctx, source, &moved, from, to)
    } else {
        hand_over(ctx, source, destination, &moved, from, to)
    }
}

/// Moves the element from one end of a list to an end of the same list, whose key stays even when
/// it is the only one.
fn rotate(ctx: &mut Ctx, key: &[u8], moved: &Moved, from: End, to: End) -> Outcome {
    let limit = limit(ctx);
    let ((), after) = ctx.db().change(key, |list: &mut List| {
        list.pop(from);
        moved.push(list, to, limit);
        list.shrink(limit);
    })?;
    moved.reply(ctx);
    ctx.modified(key, EventClass::List, pushed(to));
    tell_popped(ctx, key, from, after);
    ctx.count_changes(0);
    Ok(())
}

/// Moves the element from an end of one list to an end of another.
fn hand_over(
    ctx: &mut Ctx,
    source: &[u8],
    destination: &[u8],
    moved: &Moved,
    from: End,
    to: End,
) -> Outcome {
    let limit = limit(ctx);
    ctx.db().change(destination, |list: &mut List| moved.push(list, to, limit))?;
    moved.reply(ctx);
    ctx.modified(destination, EventClass::List, pushed(to));
    let ((), after) = ctx.db().change(source, |list: &mut List| {
        list.pop(from);
        list.shrink(limit);
    })?;
    tell_popped(ctx, source, from, after);
    ctx.count_changes(0);
    Ok(())
}

/// An element on its way.
enum Moved {
    Int(i64),
    Text(Vec<u8>),
}

impl Moved {
    fn new(item: Item<'_>) -> Moved {
        match item {
            Item::Int(value) => Moved::Int(value),
            Item::Text(text) => Moved::Text(text.to_vec()),
        }
    }

    fn item(&self) -> Item<'_> {
        match self {
            Moved::Int(value) => Item::Int(*value),
            Moved::Text(text) => Item::Text(text),
        }
    }

    fn push(&self, list: &mut List, end: End, limit: NodeLimit) {
        // The length of a number counts for nothing, as in Redis.
        let bytes = match self {
            Moved::Int(_) => 0,
            Moved::Text(text) => text.len(),
        };
        list.grow(bytes, 1, limit);
        list.push(end, self.item().text(&mut itoa::Buffer::new()));
    }

    fn reply(&self, ctx: &mut Ctx) {
        reply_item(&mut ctx.reply, self.item());
    }
}
