//! Pending entries that change their owner.
//!
//! Invariant: the log is told of each on its own, by an XCLAIM that does the same whenever it runs.

use super::{
    DELETE_ONE, UNSTABLE, UPDATE_ONE, WRITE_FAST, now, reply_entry, reply_id, start, stream,
    strict_id,
};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{Arg, Categories, Command, Group};
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::stream::group::{ConsumerId, Group as ConsumerGroup, Pending};
use crate::types::stream::{Id, IdText, Source, Stream};

/// Most entries that XAUTOCLAIM claims where nobody says how many.
const COUNT_DEFAULT: i64 = 100;
/// Pending entries that XAUTOCLAIM looks at for each that it may claim.
const ATTEMPTS: u64 = 10;
/// The largest COUNT of XAUTOCLAIM: `LONG_MAX` by the size of an id.
const COUNT_MAX: i64 = i64::MAX / 16;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("xclaim", xclaim)
        .arity(-6)
        .of(Group::Stream)
        .flags(WRITE_FAST)
        .acl(Categories::STREAM)
        .keys(UPDATE_ONE)
        .summary(
            "Changes, or acquires, ownership of a message in a consumer group, as if the message \
             was delivered a consumer group member.",
        )
        .complexity(
            "O(log N) with N being the number of messages in the PEL of the consumer group.",
        )
        .since("5.0.0")
        .tips(UNSTABLE)
        .args(&[
            Arg::key("key", 0),
            Arg::string("group"),
            Arg::string("consumer"),
            Arg::string("min-idle-time"),
            Arg::string("id").multiple(),
            Arg::int("ms").token("IDLE").optional(),
            Arg::unix_time("unix-time-milliseconds").token("TIME").optional(),
            Arg::int("count").token("RETRYCOUNT").optional(),
            Arg::word("force", "FORCE").optional(),
            Arg::word("justid", "JUSTID").optional(),
            Arg::string("lastid").token("LASTID").optional(),
        ]),
    Command::new("xautoclaim", xautoclaim)
        .arity(-6)
        .of(Group::Stream)
        .flags(WRITE_FAST)
        .acl(Categories::STREAM)
        .keys(DELETE_ONE)
        .summary(
            "Changes, or acquires, ownership of messages in a consumer group, as if the messages \
             were delivered to as consumer group member.",
        )
        .complexity("O(1) if COUNT is small.")
        .since("6.2.0")
        .history(&[(
            "7.0.0",
            "Added an element to the reply array, containing deleted entries the command cleared \
             from the PEL",
        )])
        .tips(UNSTABLE)
        .args(&[
            Arg::key("key", 0),
            Arg::string("group"),
            Arg::string("consumer"),
            Arg::string("min-idle-time"),
            Arg::string("start"),
            Arg::int("count").token("COUNT").optional(),
            Arg::word("justid", "JUSTID").optional(),
        ]),
];

/// An entry that is pending for somebody from now on, as the log is told of it.
pub struct Claim<'a> {
    pub entry: IdText,
    pub consumer: &'a [u8],
    /// When it was delivered last, Unix milliseconds, and how often.
    pub delivered: i64,
    pub count: u64,
    /// How far the group is.
    pub last: Id,
}

impl Claim<'_> {
    pub fn tell(&self, ctx: &mut Ctx<'_>, key: &[u8], group: &[u8]) {
        if !ctx.state.effects.is_on() {
            return;
        }
        let (mut delivered, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
        ctx.effect(&[
            b"XCLAIM",
            key,
            group,
            self.consumer,
            b"0",
            self.entry.as_ref(),
            b"TIME",
            delivered.format(self.delivered).as_bytes(),
            b"RETRYCOUNT",
            count.format(self.count.cast_signed()).as_bytes(),
            b"FORCE",
            b"JUSTID",
            b"LASTID",
            self.last.text().as_ref(),
        ]);
    }
}

/// Tells the log how far a group is.
pub fn tell_place(ctx: &mut Ctx<'_>, key: &[u8], group: &[u8], last: Id, read: Option<u64>) {
    if !ctx.state.effects.is_on() {
        return;
    }
    let read = read.map_or(-1, u64::cast_signed);
    ctx.effect_with(&[b"XGROUP", b"SETID", key, group, last.text().as_ref(), b"ENTRIESREAD"], read);
}

/// What is claimed, and for whom.
struct Claiming<'a> {
    consumer: &'a [u8],
    min_idle: i64,
    now: i64,
    /// When the entries count as delivered.
    delivered: i64,
    /// How often they count as delivered from now on; `None`: once more.
    count: Option<u64>,
    force: bool,
    just_id: bool,
}

/// What came of it.
#[derive(Default)]
struct Outcomes {
    is_new_consumer: bool,
    claimed: usize,
    /// Entries that were pending though they are no longer in the stream.
    gone: Vec<Id>,
    /// All of these, for the log.
    told: Vec<Told>,
    /// How far the group is, if nothing of the above says it.
    moved: Option<(Id, Option<u64>)>,
}

/// An entry that was claimed, or is gone.
struct Told {
    id: Id,
    /// Whose it was, if that is not who claims.
    owner: Option<Box<[u8]>>,
    delivered: i64,
    count: u64,
    last: Id,
}

impl Claiming<'_> {
    /// The consumer, who comes into being.
    fn consumer(&self, group: &mut ConsumerGroup, outcomes: &mut Outcomes) -> ConsumerId {
        let found = group.find(self.consumer);
        outcomes.is_new_consumer = found.is_none();
        let id = found.or_else(|| group.add(self.consumer, self.now, -1));
        let id = id.expect("a name that was not found is new");
        group.saw(id, self.now);
        id
    }

    /// Claims an entry if it may be; replies with it.
    fn claim(
        &self,
        reply: &mut Reply<'_>,
        source: Source<'_>,
        group: &mut ConsumerGroup,
        consumer: ConsumerId,
        id: Id,
        outcomes: &mut Outcomes,
    ) {
        let old = group.pending().get(id).copied();
        let Some(entry) = source.nodes.get(id) else {
            if let Some(old) = old {
                let (owner, last) = (Some(group.owner(&old).name().into()), group.last);
                let Pending { delivered, count, .. } = old;
                outcomes.told.push(Told { id, owner, delivered, count, last });
                outcomes.gone.push(id);
                group.acknowledge(id);
            }
            return;
        };
        let Some(count) = self.new_count(old.as_ref()) else { return };
        group.deliver(consumer, id, self.delivered, count, self.now);
        match self.just_id {
            true => reply_id(reply, id),
            false => reply_entry(reply, entry),
        }
        outcomes.claimed += 1;
        let (delivered, last) = (self.delivered, group.last);
        outcomes.told.push(Told { id, owner: None, delivered, count, last });
    }

    /// How often an entry counts as delivered if it may be claimed.
    fn new_count(&self, old: Option<&Pending>) -> Option<u64> {
        let before = match old {
            None if self.force => 1,
            None => return None,
            Some(old) => {
                let idle = self.now.wrapping_sub(old.delivered);
                if self.min_idle > 0 && idle < self.min_idle {
                    return None;
                }
                old.count
            }
        };
        let more = u64::from(!self.just_id);
        Some(self.count.unwrap_or(before.wrapping_add(more)))
    }
}

impl Outcomes {
    /// Tells everyone who wants to know of what came of it.
    fn tell(&self, ctx: &mut Ctx<'_>, key: &[u8], group: &[u8], consumer: &[u8]) {
        if self.is_new_consumer {
            ctx.changed_quietly(key, EventClass::Stream, "xgroup-createconsumer");
            if self.claimed == 0 {
                ctx.effect(&[b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
            }
        }
        for Told { id, owner, delivered, count, last } in &self.told {
            ctx.state.changes += 1;
            let consumer = owner.as_deref().unwrap_or(consumer);
            let (delivered, count, last) = (*delivered, *count, *last);
            Claim { entry: id.text(), consumer, delivered, count, last }.tell(ctx, key, group);
        }
        if let Some((last, read)) = self.moved {
            ctx.state.changes += 1;
            tell_place(ctx, key, group, last, read);
        }
        ctx.told_by_parts();
    }
}

/// Fails unless the key has the group.
fn check_group(ctx: &mut Ctx<'_>, key: &[u8], group: &[u8]) -> Result<(), Reject> {
    let found = stream(ctx.db().read(key))?.and_then(|stream| stream.group(group));
    found.map(|_| ()).ok_or_else(|| errors::no_key_or_group(key, group, ""))
}

/// XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds]
/// [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]
fn xclaim(ctx: &mut Ctx) -> Outcome {
    let (key, name) = (ctx.arg(1), ctx.arg(2));
    check_group(ctx, key, name)?;
    let min_idle = ctx.args.int_or(4, errors::XCLAIM_MIN_IDLE)?;
    let ids: Vec<Id> = ctx.args.from(5).map_while(|text| Id::parse(text, 0)).collect();
    let now = now(ctx);
    let mut claiming = Claiming {
        consumer: ctx.arg(3),
        min_idle,
        now,
        delivered: now,
        count: None,
        force: false,
        just_id: false,
    };
    let last = read_options(ctx, 5 + ids.len(), &mut claiming)?;
    let (db, reply) = ctx.db_and_reply();
    let at = reply.deferred();
    let claim = |source: Source<'_>, group: &mut ConsumerGroup| {
        let mut outcomes = Outcomes::default();
        let is_ahead = last > group.last;
        group.last = group.last.max(last);
        let consumer = claiming.consumer(group, &mut outcomes);
        for id in ids {
            claiming.claim(reply, source, group, consumer, id, &mut outcomes);
        }
        outcomes.moved = (is_ahead && outcomes.told.is_empty()).then_some((group.last, group.read));
        reply.close_array(at, outcomes.claimed);
        outcomes
    };
    let outcomes = db.change_old(key, |stream: &mut Stream| stream.change_group(name, claim))?;
    if let Some((Some(outcomes), _)) = outcomes {
        outcomes.tell(ctx, key, name, claiming.consumer);
    }
    Ok(())
}

/// Reads the options of XCLAIM from argument `at` on; returns LASTID, or 0-0.
fn read_options(ctx: &Ctx<'_>, mut at: usize, claiming: &mut Claiming<'_>) -> Result<Id, Reject> {
    let (mut last, mut delivered) = (Id::MIN, claiming.now);
    while at < ctx.args.len() {
        let more = at + 1 < ctx.args.len();
        let is = |word| ctx.args.is(at, word);
        if is("force") {
            claiming.force = true;
        } else if is("justid") {
            claiming.just_id = true;
        } else if is("idle") && more {
            at += 1;
            let idle = ctx.args.int_or(at, errors::XCLAIM_IDLE)?;
            delivered = claiming.now.wrapping_sub(idle);
        } else if is("time") && more {
            at += 1;
            delivered = ctx.args.int_or(at, errors::XCLAIM_TIME)?;
        } else if is("retrycount") && more {
            at += 1;
            let count = ctx.args.int_or(at, errors::XCLAIM_RETRY_COUNT)?;
            claiming.count = u64::try_from(count).ok();
        } else if is("lastid") && more {
            at += 1;
            last = strict_id(ctx.arg(at))?;
        } else {
            return Err(errors::xclaim_option(ctx.arg(at)));
        }
        at += 1;
    }
    // A time that cannot be is one of a clock that is wrong.
    let is_past = (0..=claiming.now).contains(&delivered);
    claiming.delivered = if is_past { delivered } else { claiming.now };
    Ok(last)
}

/// XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
fn xautoclaim(ctx: &mut Ctx) -> Outcome {
    let (key, name) = (ctx.arg(1), ctx.arg(2));
    // Looked up before the arguments are, as in Redis; who misses it is told of it.
    let found = ctx.db().read(key).is_some();
    let min_idle = ctx.args.int_or(4, errors::XAUTOCLAIM_MIN_IDLE)?;
    let start = start(ctx.arg(5))?;
    let (mut count, mut just_id, mut at) = (COUNT_DEFAULT, false, 6);
    while at < ctx.args.len() {
        if ctx.args.is(at, "count") && at + 1 < ctx.args.len() {
            at += 1;
            count = ctx
                .args
                .int(at)
                .ok()
                .filter(|count| (1..=COUNT_MAX).contains(count))
                .ok_or(errors::XAUTOCLAIM_COUNT)?;
        } else if ctx.args.is(at, "justid") {
            just_id = true;
        } else {
            return Err(errors::SYNTAX.into());
        }
        at += 1;
    }
    let has_group =
        found && stream(ctx.db().peek(key))?.is_some_and(|stream| stream.group(name).is_some());
    if !has_group {
        return Err(errors::no_key_or_group(key, name, ""));
    }
    let now = now(ctx);
    let claiming = Claiming {
        consumer: ctx.arg(3),
        min_idle,
        now,
        delivered: now,
        count: None,
        force: false,
        just_id,
    };
    let (db, reply) = ctx.db_and_reply();
    let claim = |source: Source<'_>, group: &mut ConsumerGroup| {
        claiming.claim_from(reply, source, group, start, count.unsigned_abs())
    };
    let outcomes = db.change_old(key, |stream: &mut Stream| stream.change_group(name, claim))?;
    if let Some((Some(outcomes), _)) = outcomes {
        outcomes.tell(ctx, key, name, claiming.consumer);
    }
    Ok(())
}

impl Claiming<'_> {
    /// Claims up to `count` entries from `start` on; replies with where to go on, with those, and
    /// with those that are gone.
    fn claim_from(
        &self,
        reply: &mut Reply<'_>,
        source: Source<'_>,
        group: &mut ConsumerGroup,
        start: Id,
        count: u64,
    ) -> Outcomes {
        let mut outcomes = Outcomes::default();
        let consumer = self.consumer(group, &mut outcomes);
        let mut attempts = count.saturating_mul(ATTEMPTS);
        // Where to go on is known at the end and stands in front.
        let mut claimed = crate::resp::Output::default();
        let mut entries = Reply { out: &mut claimed, protocol: reply.protocol };
        let mut next = Some(start);
        while attempts > 0
            && ((outcomes.claimed + outcomes.gone.len()) as u64) < count
            && let Some(id) =
                next.and_then(|next| group.pending().first_from(next)).map(|one| one.0)
        {
            self.claim(&mut entries, source, group, consumer, id, &mut outcomes);
            next = id.next();
            attempts -= 1;
        }
        let rest = next.and_then(|next| group.pending().first_from(next));
        let cursor = rest.map_or(Id::MIN, |(id, _)| *id);
        reply.array(3);
        reply_id(reply, cursor);
        reply.array(outcomes.claimed);
        reply.out.append(&mut claimed);
        reply.array(outcomes.gone.len());
        outcomes.gone.iter().for_each(|id| reply_id(reply, *id));
        outcomes
    }
}
