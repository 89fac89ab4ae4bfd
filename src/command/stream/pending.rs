//! What was delivered and not acknowledged.

use super::{READ_ONE, UNSTABLE, UPDATE_ONE, WRITE_FAST, end, limit_of, now, reply_id, start};
use super::{stream, strict_id};
use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::stream::group::{Group as ConsumerGroup, Pending};
use crate::types::stream::{Id, Stream};

const FILTERS: &[Arg] = &[
    Arg::int("min-idle-time").token("IDLE").optional().since("6.2.0"),
    Arg::string("start"),
    Arg::string("end"),
    Arg::int("count"),
    Arg::string("consumer").optional(),
];

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("xack", xack)
        .arity(-4)
        .of(Group::Stream)
        .flags(WRITE_FAST)
        .acl(Categories::STREAM)
        .keys(UPDATE_ONE)
        .summary(
            "Returns the number of messages that were successfully acknowledged by the consumer \
             group member of a stream.",
        )
        .complexity("O(1) for each message ID processed.")
        .since("5.0.0")
        .args(&[Arg::key("key", 0), Arg::string("group"), Arg::string("id").multiple()]),
    Command::new("xpending", xpending)
        .arity(-3)
        .of(Group::Stream)
        .flags(Flags::READONLY)
        .acl(Categories::STREAM)
        .keys(READ_ONE)
        .summary(
            "Returns the information and entries from a stream consumer group's pending entries \
             list.",
        )
        .complexity(
            "O(N) with N being the number of elements returned, so asking for a small fixed \
             number of entries per call is O(1). O(M), where M is the total number of entries \
             scanned when used with the IDLE filter. When the command returns just the summary \
             and the list of consumers is small, it runs in O(1) time; otherwise, an additional \
             O(N) time for iterating every consumer.",
        )
        .since("5.0.0")
        .history(&[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")])
        .tips(UNSTABLE)
        .args(&[
            Arg::key("key", 0),
            Arg::string("group"),
            Arg::block("filters", FILTERS).optional(),
        ]),
];

/// XACK key group id [id ...]
fn xack(ctx: &mut Ctx) -> Outcome {
    let (key, name) = (ctx.arg(1), ctx.arg(2));
    if stream(ctx.db().read(key))?.and_then(|stream| stream.group(name)).is_none() {
        ctx.reply.integer(0);
        return Ok(());
    }
    let ids = ctx.args.from(3).map(strict_id).collect::<Result<Vec<Id>, Reject>>()?;
    let acknowledge = |stream: &mut Stream| {
        stream.change_group(name, |_, group| {
            ids.into_iter().filter(|id| group.acknowledge(*id)).count()
        })
    };
    let acknowledged = ctx.db().change_old(key, acknowledge)?.and_then(|(count, _)| count);
    let acknowledged = acknowledged.unwrap_or(0) as u64;
    // Neither an event nor a change of what clients may cache, as in Redis.
    ctx.state.changes += acknowledged;
    super::reply_count(&mut ctx.reply, acknowledged);
    Ok(())
}

/// Which pending entries are asked for.
struct Filter<'a> {
    min_idle: i64,
    start: Id,
    end: Id,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    fn parse(ctx: &Ctx<'a>) -> Result<Option<Filter<'a>>, Reject> {
        let count = ctx.args.len();
        if count == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&count) {
            return Err(errors::SYNTAX.into());
        }
        let (mut at, mut min_idle) = (3, 0);
        if ctx.args.is(3, "idle") {
            min_idle = ctx.args.int(4)?;
            if count < 8 {
                return Err(errors::SYNTAX.into());
            }
            at = 5;
        }
        let most = ctx.args.int(at + 2)?;
        Ok(Some(Filter {
            min_idle,
            start: start(ctx.arg(at))?,
            end: end(ctx.arg(at + 1))?,
            count: if most > 0 { limit_of(most) } else { 0 },
            consumer: ctx.args.get(at + 3),
        }))
    }

    fn reply(&self, reply: &mut Reply<'_>, group: &ConsumerGroup, now: i64) {
        let at = reply.deferred();
        let wanted = |pending: &Pending| {
            self.min_idle == 0 || now.wrapping_sub(pending.delivered) >= self.min_idle
        };
        let mut count = 0;
        let mut show = |reply: &mut Reply<'_>, id: Id, pending: &Pending| {
            reply.array(4);
            reply_id(reply, id);
            reply.bulk(group.owner(pending).name());
            reply.integer(now.wrapping_sub(pending.delivered).max(0));
            reply.integer(pending.count.cast_signed());
            count += 1;
        };
        match self.consumer.map(|name| group.find(name)) {
            None => {
                let pending = group.pending().iter_from(self.start);
                let pending = pending.take_while(|(id, _)| *id <= self.end);
                let pending = pending.filter(|(_, pending)| wanted(pending)).take(self.count);
                pending.for_each(|(id, pending)| show(reply, *id, pending));
            }
            Some(None) => {}
            Some(Some(consumer)) => {
                let owned = group.consumer(consumer).owned().iter_from(self.start);
                let owned = owned.take_while(|(id, ())| *id <= self.end);
                let owned = owned.filter_map(|(id, ())| Some((*id, group.pending().get(*id)?)));
                let owned = owned.filter(|(_, pending)| wanted(pending)).take(self.count);
                owned.for_each(|(id, pending)| show(reply, id, pending));
            }
        }
        reply.close_array(at, count);
    }
}

/// XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
fn xpending(ctx: &mut Ctx) -> Outcome {
    let filter = Filter::parse(ctx)?;
    let (key, name, now) = (ctx.arg(1), ctx.arg(2), now(ctx));
    let (db, reply) = ctx.db_and_reply();
    let group = stream(db.read(key))?.and_then(|stream| stream.group(name));
    let group = group.ok_or_else(|| errors::no_key_or_group(key, name, ""))?;
    match filter {
        Some(filter) => filter.reply(reply, group, now),
        None => summary(reply, group),
    }
    Ok(())
}

/// How much is pending, from where to where, and for whom.
fn summary(reply: &mut Reply<'_>, group: &ConsumerGroup) {
    reply.array(4);
    super::reply_count(reply, group.pending().len() as u64);
    let Some([(first, _), (last, _)]) = group.pending().ends() else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    reply_id(reply, *first);
    reply_id(reply, *last);
    let owners = group.consumers().filter(|consumer| !consumer.owned().is_empty());
    reply.array(owners.clone().count());
    for owner in owners {
        reply.array(2);
        reply.bulk(owner.name());
        reply.bulk_integer(owner.owned().len() as i64);
    }
}
