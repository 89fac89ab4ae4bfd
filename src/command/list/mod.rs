//! List commands: elements pushed, popped and moved at both ends, and reached by their place.
//!
//! One file per kind of access, each with its rows; here stands what they share.
//!
//! Invariant: nothing here knows how a list is stored, only when Redis looks at its limit.

pub mod change;
pub mod pop;
pub mod push;
pub mod read;
pub mod transfer;

use super::Ctx;
use super::ctx::EventClass;
use super::spec::{Arg, Flags, KeyFlags, KeySpec};
use crate::keyspace::After;
use crate::resp::Reply;
use crate::resp::errors::{self, Reject};
use crate::types::ValueRef;
use crate::types::list::{End, ListRef, NodeLimit};

const WRITE_GROWING_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_GROWING: Flags = Flags::WRITE.or(Flags::DENYOOM);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const BLOCKING: Flags = Flags::WRITE.or(Flags::BLOCKING);
const BLOCKING_GROWING: Flags = WRITE_GROWING.or(Flags::BLOCKING);
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const INSERT_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::INSERT))];
const DELETE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::DELETE))];
const TAKE: KeyFlags = KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE);
const TAKE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(TAKE)];
const ENDS: &[Arg] = &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")];

/// Narrows a value to a list.
#[inline]
fn list(value: Option<ValueRef<'_>>) -> Result<Option<ListRef<'_>>, Reject> {
    match value {
        None => Ok(None),
        Some(ValueRef::List(list)) => Ok(Some(list)),
        Some(_) => Err(errors::WRONG_TYPE.into()),
    }
}

/// The size at which a list changes its form.
fn limit(ctx: &Ctx<'_>) -> NodeLimit {
    NodeLimit::new(ctx.state.config.list_max_listpack_size)
}

/// Replies with the length of a list, or another number of elements.
fn reply_count(reply: &mut Reply<'_>, count: usize) {
    reply.integer(i64::try_from(count).expect("elements take memory"));
}

/// Argument `index` as LEFT or RIGHT.
fn end_arg(ctx: &Ctx<'_>, index: usize) -> Result<End, Reject> {
    if ctx.args.is(index, "left") {
        Ok(End::Front)
    } else if ctx.args.is(index, "right") {
        Ok(End::Back)
    } else {
        Err(errors::SYNTAX.into())
    }
}

/// The event of elements that were pushed.
fn pushed(end: End) -> &'static str {
    match end {
        End::Front => "lpush",
        End::Back => "rpush",
    }
}

/// Tells of elements that were popped from `key`, and of the key if those were the last ones.
fn tell_popped(ctx: &mut Ctx<'_>, key: &[u8], end: End, after: After) {
    let event = match end {
        End::Front => "lpop",
        End::Back => "rpop",
    };
    ctx.notify(key, EventClass::List, event);
    tell_if_gone(ctx, key, after);
    ctx.touched(key);
}

/// Tells of a key that went with its last element.
fn tell_if_gone(ctx: &mut Ctx<'_>, key: &[u8], after: After) {
    if after == After::Removed {
        ctx.notify(key, EventClass::Generic, "del");
    }
}

/// The first and the number of the elements that two offsets select out of `len`: both may count
/// from the end, and the second is part of the range.
fn span(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let len = i64::try_from(len).expect("elements take memory");
    let from_end = |index: i64| if index < 0 { index + len } else { index };
    let (first, last) = (from_end(start).max(0), from_end(stop).min(len - 1));
    match (usize::try_from(first), usize::try_from(last)) {
        (Ok(first), Ok(last)) if first <= last => (first, last - first + 1),
        _ => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_select_from_either_end() {
        assert_eq!((span(0, -1, 5), span(-3, -2, 5), span(-9, 9, 5)), ((0, 5), (2, 2), (0, 5)));
        assert_eq!(span(i64::MIN, i64::MAX, 5), (0, 5));
        for (start, stop) in [(3, 2), (5, 5), (-9, -6), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX)]
        {
            assert_eq!(span(start, stop, 5).1, 0, "{start} {stop}");
        }
        assert_eq!(span(0, -1, 0).1, 0);
    }
}
