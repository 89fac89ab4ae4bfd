//! Sorted set commands: members by score, by rank and by name.
//!
//! One file per kind of access, each with its rows; here stands what they share.
//!
//! Invariant: nothing here knows how a sorted set is stored, only when Redis looks at its limits.

pub mod add;
pub mod chance;
pub mod combine;
pub mod pop;
pub mod range;
pub mod read;
pub mod remove;
pub mod scan;

use std::ops::Range;

use super::ctx::{Ctx, EventClass};
use super::item::{add_item, reply_item};
use super::spec::{Arg, Flags, KeyFlags, KeySpec};
use crate::base::num;
use crate::config::Config;
use crate::ds::listpack::Item;
use crate::keyspace::{After, Expiry};
use crate::resp::errors::{self, Outcome, Reject};
use crate::resp::{Protocol, Reply};
use crate::types::zset::{Limits, NameBound, NameRange, ScoreBound, ScoreRange, Zset, ZsetRef};
use crate::types::{Value, ValueRef};

const WRITE_GROWING_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_GROWING: Flags = Flags::WRITE.or(Flags::DENYOOM);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const WITHSCORES: Arg = Arg::word("withscores", "WITHSCORES");

/// What a reply shows of each member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Names,
    /// Names and scores.
    Scores,
}

impl Limits {
    /// The limits that the configuration sets.
    pub(super) fn of(config: &Config) -> Limits {
        Limits { entries: config.zset_max_listpack_entries, value: config.zset_max_listpack_value }
    }
}

/// Narrows a value to a sorted set.
pub(super) fn zset(value: Option<ValueRef<'_>>) -> Result<Option<ZsetRef<'_>>, Reject> {
    match value {
        None => Ok(None),
        Some(ValueRef::Zset(zset)) => Ok(Some(zset)),
        Some(_) => Err(errors::WRONG_TYPE.into()),
    }
}

/// Tells that members left the sorted set at `key`, and the key with them if they were the last.
fn tell_removed(ctx: &mut Ctx, key: &[u8], after: After, event: &str) {
    ctx.modified(key, EventClass::Zset, event);
    if after == After::Removed {
        ctx.notify(key, EventClass::Generic, "del");
    }
}

/// Puts `result` in the place of what is at `destination`, and replies with its length.
pub(super) fn store(ctx: &mut Ctx, destination: &[u8], result: Zset, event: &str) -> Outcome {
    ctx.reply.integer(result.len() as i64);
    if !result.is_empty() {
        ctx.db().put_value(destination, Value::Zset(result), Expiry::Clear);
        ctx.modified(destination, EventClass::Zset, event);
    } else if ctx.db().remove(destination) {
        ctx.modified(destination, EventClass::Generic, "del");
    }
    Ok(())
}

/// Opens an array of `len` members: with scores a flat one in version 2, one of pairs in version 3.
fn open_members(reply: &mut Reply<'_>, len: usize, show: Show) {
    reply.array(elements(reply, len, show));
}

/// Elements of the array that shows `len` members.
fn elements(reply: &Reply<'_>, len: usize, show: Show) -> usize {
    match (show, reply.protocol) {
        (Show::Scores, Protocol::Resp2) => 2 * len,
        _ => len,
    }
}

/// A member in an array that [`open_members`] opened.
#[inline]
fn reply_shown(reply: &mut Reply<'_>, (member, score): (Item<'_>, f64), show: Show) {
    if show == Show::Names {
        return reply_item(reply, member);
    }
    if reply.protocol == Protocol::Resp3 {
        reply.array(2);
    }
    reply_item(reply, member);
    reply.double(score);
}

/// Members in the order in which they come.
fn reply_members<'a>(
    reply: &mut Reply<'_>,
    members: impl ExactSizeIterator<Item = (Item<'a>, f64)>,
    show: Show,
) {
    open_members(reply, members.len(), show);
    if show == Show::Scores {
        return members.for_each(|member| reply_shown(reply, member, show));
    }
    let mut strings = reply.strings();
    members.for_each(|(member, _)| add_item(&mut strings, member));
}

/// Reads two ends of a range of scores.
fn score_range(min: &[u8], max: &[u8]) -> Result<ScoreRange, Reject> {
    let bound = |text: &[u8]| match text {
        [b'(', number @ ..] => num::parse_bound(number).map(ScoreBound::Exclusive),
        number => num::parse_bound(number).map(ScoreBound::Inclusive),
    };
    let bound = |text| bound(text).ok_or(errors::ZSET_SCORE_RANGE);
    Ok(ScoreRange { min: bound(min)?, max: bound(max)? })
}

/// Reads two ends of a range of names.
fn name_range<'a>(min: &'a [u8], max: &'a [u8]) -> Result<NameRange<'a>, Reject> {
    let bound = |text: &'a [u8]| match text {
        // Redis looks no further than a NUL.
        [b'-'] | [b'-', 0, ..] => Ok(NameBound::First),
        [b'+'] | [b'+', 0, ..] => Ok(NameBound::Last),
        [b'(', name @ ..] => Ok(NameBound::Exclusive(name)),
        [b'[', name @ ..] => Ok(NameBound::Inclusive(name)),
        _ => Err(errors::ZSET_NAME_RANGE),
    };
    Ok(NameRange { min: bound(min)?, max: bound(max)? })
}

/// The ranks from `start` to `stop`, negative ones counted from the end, of `len` members.
fn rank_range(start: i64, stop: i64, len: usize) -> Range<usize> {
    let whole = i64::try_from(len).unwrap_or(i64::MAX);
    let from_end = |index: i64| if index < 0 { whole + index } else { index };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(whole - 1));
    match (usize::try_from(start), usize::try_from(stop)) {
        (Ok(start), Ok(stop)) if start <= stop => start..stop + 1,
        _ => 0..0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_from_either_end() {
        assert_eq!(rank_range(0, -1, 5), 0..5);
        assert_eq!(rank_range(-3, -2, 5), 2..4);
        assert_eq!(rank_range(i64::MIN, i64::MAX, 5), 0..5);
        for (start, stop) in [(0, -6), (0, i64::MIN), (5, 9), (3, 2), (i64::MAX, i64::MAX)] {
            assert_eq!(rank_range(start, stop, 5), 0..0, "{start} {stop}");
        }
        assert_eq!(rank_range(0, -1, 0), 0..0);
    }

    #[test]
    fn bounds_of_scores_are_numbers() {
        let bound = |text: &str| score_range(text.as_bytes(), b"0").ok().map(|range| range.min);
        assert_eq!(bound("1.5"), Some(ScoreBound::Inclusive(1.5)));
        assert_eq!(bound("(-inf"), Some(ScoreBound::Exclusive(f64::NEG_INFINITY)));
        assert_eq!(bound("("), Some(ScoreBound::Exclusive(0.0)));
        assert!(["x", "((1", "nan", "[1"].iter().all(|text| bound(text).is_none()));
    }

    #[test]
    fn bounds_of_names_begin_with_a_sign() {
        let bound = |text: &'static str| name_range(text.as_bytes(), b"+").ok().map(|r| r.min);
        assert_eq!(bound("-"), Some(NameBound::First));
        assert_eq!(bound("+\0x"), Some(NameBound::Last));
        assert_eq!(bound("["), Some(NameBound::Inclusive(b"")));
        assert_eq!(bound("((a"), Some(NameBound::Exclusive(b"(a")));
        assert!(["", "a", "+a", "-inf"].iter().all(|text| bound(text).is_none()));
    }
}
