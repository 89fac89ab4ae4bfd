//! Entries that are removed from a stream, one by one or from its front, and XSETID.

use super::trim::{Options, TRIM};
use super::{DELETE_ONE, UNSTABLE, UPDATE_ONE, WRITE_FAST, WRITE_GROWING_FAST};
use super::{reply_count, stream, strict_id};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::stream::{Id, Stream};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("xdel", xdel)
        .arity(-3)
        .of(Group::Stream)
        .flags(WRITE_FAST)
        .acl(Categories::STREAM)
        .keys(DELETE_ONE)
        .summary("Returns the number of messages after removing them from a stream.")
        .complexity(
            "O(1) for each single item to delete in the stream, regardless of the stream size.",
        )
        .since("5.0.0")
        .args(&[Arg::key("key", 0), Arg::string("id").multiple()]),
    Command::new("xtrim", xtrim)
        .arity(-4)
        .of(Group::Stream)
        .flags(Flags::WRITE)
        .acl(Categories::STREAM)
        .keys(DELETE_ONE)
        .summary("Deletes messages from the beginning of a stream.")
        .complexity(
            "O(N), with N being the number of evicted entries. Constant times are very small \
             however, since entries are organized in macro nodes containing multiple entries that \
             can be released with a single deallocation.",
        )
        .since("5.0.0")
        .history(&[("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option.")])
        .tips(UNSTABLE)
        .args(&[Arg::key("key", 0), TRIM]),
    Command::new("xsetid", xsetid)
        .arity(-3)
        .of(Group::Stream)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STREAM)
        .keys(UPDATE_ONE)
        .summary("An internal command for replicating stream values.")
        .complexity("O(1)")
        .since("5.0.0")
        .history(&[("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")])
        .args(&[
            Arg::key("key", 0),
            Arg::string("last-id"),
            Arg::int("entries-added").token("ENTRIESADDED").optional().since("7.0.0"),
            Arg::string("max-deleted-id").token("MAXDELETEDID").optional().since("7.0.0"),
        ]),
];

/// XDEL key id [id ...]
fn xdel(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    if stream(ctx.db().write_lookup(key))?.is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    let ids = ctx.args.from(2).map(strict_id).collect::<Result<Vec<Id>, Reject>>()?;
    let deleted = ctx.db().change_old(key, |stream: &mut Stream| stream.delete(ids.into_iter()))?;
    let deleted = deleted.map_or(0, |(deleted, _)| deleted);
    if deleted > 0 {
        ctx.modified(key, EventClass::Stream, "xdel");
        ctx.count_changes(deleted as usize);
    }
    reply_count(&mut ctx.reply, deleted);
    Ok(())
}

/// XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count]
fn xtrim(ctx: &mut Ctx) -> Outcome {
    let options = Options::parse(ctx, |_| Ok(false), false)?;
    let (key, trim) = (ctx.arg(1), options.trim(ctx)?.ok_or(errors::XTRIM_ALONE)?);
    let trimmed = ctx.db().change_old(key, |stream: &mut Stream| {
        let deleted = stream.trim(&trim);
        (deleted, options.are_vague().then(|| options.threshold(stream)))
    })?;
    let (deleted, threshold) = trimmed.map_or((0, None), |(trimmed, _)| trimmed);
    if deleted > 0 {
        ctx.notify(key, EventClass::Stream, "xtrim");
        ctx.touched(key);
        ctx.count_changes(deleted as usize);
        if let Some(threshold) = &threshold {
            let call = options.exact_call(ctx.args, Some(threshold), None);
            ctx.effect(&call);
        }
    }
    reply_count(&mut ctx.reply, deleted);
    Ok(())
}

/// XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]
fn xsetid(ctx: &mut Ctx) -> Outcome {
    let (key, last) = (ctx.arg(1), strict_id(ctx.arg(2))?);
    let (mut added, mut max_deleted, mut at) = (None, None, 3);
    while at < ctx.args.len() {
        let more = at + 1 < ctx.args.len();
        if ctx.args.is(at, "entriesadded") && more {
            let count = u64::try_from(ctx.args.int(at + 1)?);
            added = Some(count.map_err(|_| errors::XSETID_ADDED)?);
        } else if ctx.args.is(at, "maxdeletedid") && more {
            let id = strict_id(ctx.arg(at + 1))?;
            if last < id {
                return Err(errors::XSETID_DELETED.into());
            }
            max_deleted = Some(id);
        } else {
            return Err(errors::SYNTAX.into());
        }
        at += 2;
    }
    let found = stream(ctx.db().write_lookup(key))?.ok_or(errors::NO_SUCH_KEY)?;
    let facts = found.facts();
    if last < facts.max_deleted {
        return Err(errors::XSETID_CURRENT.into());
    }
    if found.nodes().last().is_some_and(|top| last < top) {
        return Err(errors::XSETID_SMALLER.into());
    }
    if facts.len > 0 && added.is_some_and(|added| added < facts.len) {
        return Err(errors::XSETID_LENGTH.into());
    }
    let max_deleted = max_deleted.filter(|id| *id != Id::MIN);
    let set = |stream: &mut Stream| stream.set_facts(last, added, max_deleted);
    ctx.db().change_old(key, set)?;
    ctx.reply.ok();
    ctx.changed_quietly(key, EventClass::Stream, "xsetid");
    Ok(())
}
