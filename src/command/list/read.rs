//! Elements read where they are: length, place, range and search.
//!
//! Invariant: changes nothing; a reply grows with the elements that are there, not with what was
//! asked for.

use super::{READ_FAST, READ_ONE, list, reply_count, span};
use crate::command::Args;
use crate::command::ctx::Ctx;
use crate::command::item::{add_item, reply_item};
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::ds::listpack::Needle;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::list::{End, ListRef};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("llen", llen)
        .arity(2)
        .of(Group::List)
        .flags(READ_FAST)
        .acl(Categories::LIST)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RO)])
        .summary("Returns the length of a list.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("lindex", lindex)
        .arity(3)
        .of(Group::List)
        .flags(Flags::READONLY)
        .acl(Categories::LIST)
        .keys(READ_ONE)
        .summary("Returns an element from a list by its index.")
        .complexity(
            "O(N) where N is the number of elements to traverse to get to the element at index. \
             This makes asking for the first or the last element of the list O(1).",
        )
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("index")]),
    Command::new("lrange", lrange)
        .arity(4)
        .of(Group::List)
        .flags(Flags::READONLY)
        .acl(Categories::LIST)
        .keys(READ_ONE)
        .summary("Returns a range of elements from a list.")
        .complexity(
            "O(S+N) where S is the distance of start offset from HEAD for small lists, from \
             nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the \
             specified range.",
        )
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("start"), Arg::int("stop")]),
    Command::new("lpos", lpos)
        .arity(-3)
        .of(Group::List)
        .flags(Flags::READONLY)
        .acl(Categories::LIST)
        .keys(READ_ONE)
        .summary("Returns the index of matching elements in a list.")
        .complexity(
            "O(N) where N is the number of elements in the list, for the average case. When \
             searching for elements near the head or the tail of the list, or when the MAXLEN \
             option is provided, the command may run in constant time.",
        )
        .since("6.0.6")
        .args(&[
            Arg::key("key", 0),
            Arg::string("element"),
            Arg::int("rank").token("RANK").optional(),
            Arg::int("num-matches").token("COUNT").optional(),
            Arg::int("len").token("MAXLEN").optional(),
        ]),
];

/// LLEN key
fn llen(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let (db, reply) = ctx.db_and_reply();
    let len = list(db.read(key))?.map_or(0, ListRef::len);
    reply_count(reply, len);
    Ok(())
}

/// LINDEX key index
fn lindex(ctx: &mut Ctx) -> Outcome {
    let (key, args) = (ctx.arg(1), ctx.args);
    let (db, reply) = ctx.db_and_reply();
    let Some(list) = list(db.read(key))? else {
        // Redis looks at the index only when there is a list.
        reply.null();
        return Ok(());
    };
    match list.get(args.int(2)?) {
        Some(item) => reply_item(reply, item),
        None => reply.null(),
    }
    Ok(())
}

/// LRANGE key start stop
fn lrange(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let (start, stop) = (ctx.args.int(2)?, ctx.args.int(3)?);
    let (db, reply) = ctx.db_and_reply();
    let Some(list) = list(db.read(key))? else {
        reply.empty_array();
        return Ok(());
    };
    let (first, count) = span(start, stop, list.len());
    reply.array(count);
    let mut strings = reply.strings();
    list.visit(first, count, |item| add_item(&mut strings, item));
    Ok(())
}

/// LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]
fn lpos(ctx: &mut Ctx) -> Outcome {
    let (key, needle) = (ctx.arg(1), Needle::new(ctx.arg(2)));
    let search = Search::parse(&ctx.args)?;
    let (db, reply) = ctx.db_and_reply();
    let list = list(db.read(key))?;
    let Some(max) = search.count else {
        match list.and_then(|list| search.positions(list, needle).next()) {
            Some(position) => reply_count(reply, position),
            None => reply.null(),
        }
        return Ok(());
    };
    let (mut count, array) = (0, reply.deferred());
    for position in list.into_iter().flat_map(|list| search.positions(list, needle)).take(max) {
        reply_count(reply, position);
        count += 1;
    }
    reply.close_array(array, count);
    Ok(())
}

/// Which of the elements LPOS looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Search {
    /// Where it begins.
    from: End,
    /// Matches to pass over.
    skip: usize,
    /// Matches to return, in an array.
    count: Option<usize>,
    /// Elements to look at.
    look: usize,
}

impl Search {
    fn parse(args: &Args<'_>) -> Result<Search, Reject> {
        let mut search = Search { from: End::Front, skip: 0, count: None, look: usize::MAX };
        let mut at = 3;
        while at < args.len() {
            if at + 1 == args.len() {
                return Err(errors::SYNTAX.into());
            }
            if args.is(at, "rank") {
                search.set_rank(args.int_between(at + 1, -i64::MAX, i64::MAX)?)?;
            } else if args.is(at, "count") {
                search.count = Some(all_if_zero(args, at + 1, errors::LPOS_COUNT)?);
            } else if args.is(at, "maxlen") {
                search.look = all_if_zero(args, at + 1, errors::LPOS_MAXLEN)?;
            } else {
                return Err(errors::SYNTAX.into());
            }
            at += 2;
        }
        Ok(search)
    }

    /// Rank 1 is the first match, -1 the last one, and the search goes on from there.
    fn set_rank(&mut self, rank: i64) -> Result<(), Reject> {
        let skip = rank.unsigned_abs().checked_sub(1).ok_or(errors::LPOS_RANK)?;
        self.skip = usize::try_from(skip).unwrap_or(usize::MAX);
        self.from = if rank < 0 { End::Back } else { End::Front };
        Ok(())
    }

    /// The places of what is looked for, counted from the front, in the order of the search.
    fn positions<'a>(
        self,
        list: ListRef<'a>,
        needle: Needle<'a>,
    ) -> impl Iterator<Item = usize> + use<'a> {
        let (mut items, len) = (list.iter(), list.len());
        let items = std::iter::from_fn(move || match self.from {
            End::Front => items.next(),
            End::Back => items.next_back(),
        });
        let found = items.take(self.look).enumerate().filter(move |(_, item)| needle.is(*item));
        let place = move |step| if self.from == End::Front { step } else { len - 1 - step };
        found.map(move |(step, _)| place(step)).skip(self.skip)
    }
}

/// Argument `index` as a number of elements, where 0 means all of them.
fn all_if_zero(args: &Args<'_>, index: usize, negative: &'static str) -> Result<usize, Reject> {
    let count = args.int_or(index, negative)?;
    match usize::try_from(count).map_err(|_| negative)? {
        0 => Ok(usize::MAX),
        count => Ok(count),
    }
}
