//! Elements changed where they are: set, inserted, removed, trimmed.
//!
//! Invariant: a list takes its form for an element before it is known whether that finds its place,
//! as in Redis; its elements change only when it does.

use super::{DELETE_ONE, INSERT_ONE, WRITE_GROWING, limit, list, reply_count, span, tell_if_gone};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::keyspace::After;
use crate::resp::errors::{self, Outcome};
use crate::types::list::{End, List};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("lset", lset)
        .arity(4)
        .of(Group::List)
        .flags(WRITE_GROWING)
        .acl(Categories::LIST)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::UPDATE))])
        .summary("Sets the value of an element in a list by its index.")
        .complexity(
            "O(N) where N is the length of the list. Setting either the first or the last \
             element of the list is O(1).",
        )
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("index"), Arg::string("element")]),
    Command::new("linsert", linsert)
        .arity(5)
        .of(Group::List)
        .flags(WRITE_GROWING)
        .acl(Categories::LIST)
        .keys(INSERT_ONE)
        .summary("Inserts an element before or after another element in a list.")
        .complexity(
            "O(N) where N is the number of elements to traverse before seeing the value pivot. \
             This means that inserting somewhere on the left end on the list (head) can be \
             considered O(1) and inserting somewhere on the right end (tail) is O(N).",
        )
        .since("2.2.0")
        .args(&[
            Arg::key("key", 0),
            Arg::one_of("where", &[Arg::word("before", "BEFORE"), Arg::word("after", "AFTER")]),
            Arg::string("pivot"),
            Arg::string("element"),
        ]),
    Command::new("lrem", lrem)
        .arity(4)
        .of(Group::List)
        .flags(Flags::WRITE)
        .acl(Categories::LIST)
        .keys(DELETE_ONE)
        .summary("Removes elements from a list. Deletes the list if the last element was removed.")
        .complexity(
            "O(N+M) where N is the length of the list and M is the number of elements removed.",
        )
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("count"), Arg::string("element")]),
    Command::new("ltrim", ltrim)
        .arity(4)
        .of(Group::List)
        .flags(Flags::WRITE)
        .acl(Categories::LIST)
        .keys(DELETE_ONE)
        .summary(
            "Removes elements from both ends a list. Deletes the list if all elements were \
             trimmed.",
        )
        .complexity("O(N) where N is the number of elements to be removed by the operation.")
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("start"), Arg::int("stop")]),
];

/// LSET key index element
fn lset(ctx: &mut Ctx) -> Outcome {
    let (key, element, limit) = (ctx.arg(1), ctx.arg(3), limit(ctx));
    list(ctx.db().write_lookup(key))?.ok_or(errors::NO_SUCH_KEY)?;
    let index = ctx.args.int(2)?;
    let (found, _) = ctx.db().change(key, |list: &mut List| {
        list.grow(element.len(), 1, limit);
        let found = list.set(index, element);
        if found {
            list.shrink(limit);
        }
        found
    })?;
    if !found {
        return Err(errors::INDEX_OUT_OF_RANGE.into());
    }
    ctx.reply.ok();
    ctx.modified(key, EventClass::List, "lset");
    Ok(())
}

/// LINSERT key BEFORE|AFTER pivot element
fn linsert(ctx: &mut Ctx) -> Outcome {
    let (key, pivot, element, limit) = (ctx.arg(1), ctx.arg(3), ctx.arg(4), limit(ctx));
    let side = if ctx.args.is(2, "after") {
        End::Back
    } else if ctx.args.is(2, "before") {
        End::Front
    } else {
        return Err(errors::SYNTAX.into());
    };
    let (db, reply) = ctx.db_and_reply();
    let inserted = db.change_old(key, |list: &mut List| {
        list.grow(element.len(), 1, limit);
        list.insert(pivot, side, element).then(|| list.len())
    })?;
    match inserted {
        None => reply.integer(0),
        Some((None, _)) => reply.integer(-1),
        Some((Some(len), _)) => {
            reply_count(reply, len);
            ctx.modified(key, EventClass::List, "linsert");
        }
    }
    Ok(())
}

/// LREM key count element
fn lrem(ctx: &mut Ctx) -> Outcome {
    let (key, element, limit) = (ctx.arg(1), ctx.arg(3), limit(ctx));
    let count = ctx.args.int(2)?;
    let end = if count < 0 { End::Back } else { End::Front };
    let max = match usize::try_from(count.unsigned_abs()) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(max) => max,
    };
    let (db, reply) = ctx.db_and_reply();
    let changed = db.change_old(key, |list: &mut List| {
        let removed = list.remove_all(element, max, end);
        if removed > 0 {
            list.shrink(limit);
        }
        removed
    })?;
    let (removed, after) = changed.unwrap_or((0, After::Absent));
    reply_count(reply, removed);
    if removed > 0 {
        ctx.modified(key, EventClass::List, "lrem");
        ctx.count_changes(removed);
        tell_if_gone(ctx, key, after);
    }
    Ok(())
}

/// LTRIM key start stop
fn ltrim(ctx: &mut Ctx) -> Outcome {
    let (key, limit) = (ctx.arg(1), limit(ctx));
    let (start, stop) = (ctx.args.int(2)?, ctx.args.int(3)?);
    let (db, reply) = ctx.db_and_reply();
    reply.ok();
    let changed = db.change_old(key, |list: &mut List| {
        let before = list.len();
        let (first, count) = span(start, stop, before);
        list.remove_range(0, first);
        list.remove_range(count, usize::MAX);
        list.shrink(limit);
        before - list.len()
    })?;
    let Some((removed, after)) = changed else { return Ok(()) };
    ctx.notify(key, EventClass::List, "ltrim");
    tell_if_gone(ctx, key, after);
    ctx.touched(key);
    ctx.count_changes(removed);
    Ok(())
}
