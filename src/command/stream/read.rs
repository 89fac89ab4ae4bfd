//! XREAD and XREADGROUP: what came after an id, from several streams, at once or when it comes.
//!
//! Invariant: what a consumer gets is pending for him in the same breath; a call that has to wait has
//! changed nothing but that the consumer was seen.

use super::{limit_of, now, reply_entries, reply_id, stream, strict_id};
use crate::base::text::until_nul;
use crate::command::block::Ends;
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{
    Arg, BeginSearch, Categories, Command, FindKeys, Flags, Group, KeyFlags, KeySpec,
};
use crate::resp::errors::{self, Outcome, Reject};
use crate::resp::{Args, OwnedArgs, Protocol, Reply};
use crate::session::ClientFlags;
use crate::types::ValueType;
use crate::types::stream::group::{ConsumerId, Group as ConsumerGroup};
use crate::types::stream::{Id, Source, Stream};

const COUNT: Arg = Arg::int("count").token("COUNT").optional();
const BLOCK: Arg = Arg::int("milliseconds").token("BLOCK").optional();
const STREAMS: Arg =
    Arg::block("streams", &[Arg::key("key", 0).multiple(), Arg::string("id").multiple()])
        .token("STREAMS");
const GROUP: Arg =
    Arg::block("group-block", &[Arg::string("group"), Arg::string("consumer")]).token("GROUP");
/// The first half of what follows STREAMS.
const HALF: FindKeys = FindKeys::Range { last: -1, step: 1, limit: 2 };
const READ: KeyFlags = KeyFlags::RO.or(KeyFlags::ACCESS);

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("xread", xread)
        .arity(-4)
        .of(Group::Stream)
        .flags(Flags::READONLY.or(Flags::BLOCKING))
        .acl(Categories::STREAM)
        .keys(&[KeySpec::new(BeginSearch::Keyword("STREAMS", 1), HALF).flags(READ)])
        .extract_keys(keys)
        .summary(
            "Returns messages from multiple streams with IDs greater than the ones requested. \
             Blocks until a message is available otherwise.",
        )
        .since("5.0.0")
        .args(&[COUNT, BLOCK, STREAMS]),
    Command::new("xreadgroup", xreadgroup)
        .arity(-7)
        .of(Group::Stream)
        .flags(Flags::WRITE.or(Flags::BLOCKING))
        .acl(Categories::STREAM)
        .keys(&[KeySpec::new(BeginSearch::Keyword("STREAMS", 4), HALF).flags(READ)])
        .extract_keys(keys)
        .summary(
            "Returns new or historical messages from a stream for a consumer in a group. Blocks \
             until a message is available otherwise.",
        )
        .complexity(
            "For each stream mentioned: O(M) with M being the number of elements returned. If M \
             is constant (e.g. always asking for the first 10 elements with COUNT), you can \
             consider it O(1). On the other side when XREADGROUP blocks, XADD will pay the O(N) \
             time in order to serve the N clients blocked on the stream getting new data.",
        )
        .since("5.0.0")
        .args(&[GROUP, COUNT, BLOCK, Arg::word("noack", "NOACK").optional(), STREAMS]),
];

/// The keys of a call: the first half of what follows STREAMS, which is also looked for behind the
/// options' own arguments.
fn keys(args: &Args<'_>, out: &mut Vec<(usize, KeyFlags)>) -> Result<(), ()> {
    let mut at = 1;
    while at < args.len() {
        if ["block", "count"].iter().any(|word| args.is(at, word)) {
            at += 1;
        } else if args.is(at, "group") {
            at += 2;
        } else if args.is(at, "streams") {
            let count = args.len() - at - 1;
            let is_even = count > 0 && count.is_multiple_of(2);
            out.extend((at + 1..at + 1 + count / 2).take_while(|_| is_even).map(|at| (at, READ)));
            return is_even.then_some(()).ok_or(());
        } else if !args.is(at, "noack") {
            return Err(());
        }
        at += 1;
    }
    Err(())
}

/// What is asked for.
struct Reading<'a> {
    group: Option<(&'a [u8], &'a [u8])>,
    /// Most entries of each stream.
    count: usize,
    /// The deadline of a wait, if there may be one; it may have no end.
    block: Option<Option<i64>>,
    no_ack: bool,
    /// Where the first key stands, and how many streams there are.
    first: usize,
    streams: usize,
}

/// From where on a stream is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// What follows that entry; of a group, what is pending for the consumer.
    After(Id),
    /// What the group has not got yet.
    New,
}

/// XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]
fn xread(ctx: &mut Ctx) -> Outcome {
    let reading = Reading::parse(ctx, false)?;
    let from = reading.places(ctx)?;
    let at = ctx.reply.deferred();
    let mut served = 0;
    for (key, from) in reading.keys(ctx).zip(&from) {
        let From::After(after) = *from else { continue };
        let (db, reply) = ctx.db_and_reply();
        let Some(stream) = stream(db.read(key))? else { continue };
        if stream.nodes().last().is_none_or(|last| last <= after) {
            continue;
        }
        name(reply, key);
        let start = after.next().unwrap_or(Id::MAX);
        reply_entries(reply, stream.nodes().range(start, Id::MAX).take(reading.count));
        served += 1;
    }
    match served {
        0 => reading.wait(ctx, &from, Ends::Ignored),
        count => close(&mut ctx.reply, at, count),
    }
    Ok(())
}

/// XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...]
/// id [id ...]
fn xreadgroup(ctx: &mut Ctx) -> Outcome {
    let reading = Reading::parse(ctx, true)?;
    let (group, consumer) = reading.group.ok_or(errors::XREADGROUP_NO_GROUP)?;
    let from = reading.places(ctx)?;
    let at = ctx.reply.deferred();
    let mut served = 0;
    for (key, from) in reading.keys(ctx).zip(&from) {
        let (now, collects) = (now(ctx), ctx.state.effects.is_on());
        let (db, reply) = ctx.db_and_reply();
        if stream(db.read(key))?.is_none() {
            continue;
        }
        let deliver = |stream: &mut Stream| {
            stream.change_group(group, |source, group| {
                Delivery { now, no_ack: reading.no_ack, count: reading.count, collects }
                    .serve(reply, key, source, group, consumer, *from)
            })
        };
        let delivered = db.change_old(key, deliver)?.and_then(|(delivered, _)| delivered);
        let Some(delivered) = delivered else { continue };
        served += usize::from(delivered.is_served);
        delivered.tell(ctx, key, group, consumer, reading.no_ack);
    }
    // What happened was told, and a call that waits says it when it runs again.
    ctx.told_by_parts();
    match served {
        0 => reading.wait(ctx, &from, Ends::Heeded),
        count => close(&mut ctx.reply, at, count),
    }
    Ok(())
}

/// Begins the part of a reply that belongs to one stream.
fn name(reply: &mut Reply<'_>, key: &[u8]) {
    if reply.protocol == Protocol::Resp2 {
        reply.array(2);
    }
    reply.bulk(key);
}

fn close(reply: &mut Reply<'_>, at: crate::resp::Deferred, count: usize) {
    match reply.protocol {
        Protocol::Resp2 => reply.close_array(at, count),
        Protocol::Resp3 => reply.close_map(at, count),
    }
}

impl<'a> Reading<'a> {
    fn parse(ctx: &mut Ctx<'a>, with_group: bool) -> Result<Reading<'a>, Reject> {
        let mut reading = Reading {
            group: None,
            count: usize::MAX,
            block: None,
            no_ack: false,
            first: 0,
            streams: 0,
        };
        let (mut at, len) = (1, ctx.args.len());
        while at < len {
            let more = len - 1 - at;
            let is = |word| ctx.args.is(at, word);
            if is("block") && more > 0 {
                reading.block = Some(timeout(ctx, at + 1)?);
                at += 1;
            } else if is("count") && more > 0 {
                reading.count = limit_of(ctx.args.int(at + 1)?);
                at += 1;
            } else if is("streams") && more > 0 {
                if !more.is_multiple_of(2) {
                    let (name, special) =
                        if with_group { ("xreadgroup", '>') } else { ("xread", '$') };
                    return Err(errors::unbalanced_streams(name, special));
                }
                (reading.first, reading.streams) = (at + 1, more / 2);
                break;
            } else if is("group") && more >= 2 {
                if !with_group {
                    return Err(errors::XREAD_GROUP.into());
                }
                reading.group = Some((ctx.arg(at + 1), ctx.arg(at + 2)));
                at += 2;
            } else if is("noack") {
                if !with_group {
                    return Err(errors::XREAD_NOACK.into());
                }
                reading.no_ack = true;
            } else {
                return Err(errors::SYNTAX.into());
            }
            at += 1;
        }
        match reading.streams {
            0 => Err(errors::SYNTAX.into()),
            _ if with_group && reading.group.is_none() => Err(errors::XREADGROUP_NO_GROUP.into()),
            _ => Ok(reading),
        }
    }

    fn keys(&self, ctx: &Ctx<'a>) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        ctx.args.from(self.first).take(self.streams)
    }

    /// From where on each stream is read. All must be streams, and have the group.
    fn places(&self, ctx: &mut Ctx<'a>) -> Result<Vec<From>, Reject> {
        let ids = ctx.args.from(self.first + self.streams);
        let mut places = Vec::with_capacity(self.streams);
        for (key, id) in self.keys(ctx).zip(ids) {
            let stream = stream(ctx.db().read(key))?;
            if let Some((group, _)) = self.group
                && stream.is_none_or(|stream| stream.group(group).is_none())
            {
                return Err(errors::no_key_or_group(
                    key,
                    group,
                    " in XREADGROUP with GROUP option",
                ));
            }
            places.push(self.place(stream, id)?);
        }
        Ok(places)
    }

    fn place(&self, stream: Option<&Stream>, id: &[u8]) -> Result<From, Reject> {
        let grouped = self.group.is_some();
        match until_nul(id) {
            b"$" if grouped => Err(errors::XREADGROUP_FROM_NOW.into()),
            b"+" if grouped => Err(errors::XREADGROUP_LAST.into()),
            b">" if !grouped => Err(errors::XREAD_NEW.into()),
            b">" => Ok(From::New),
            b"$" => Ok(From::After(stream.map_or(Id::MIN, |stream| stream.facts().last))),
            b"+" => {
                let last = stream.and_then(|stream| stream.nodes().last()).and_then(Id::prev);
                Ok(From::After(last.unwrap_or(Id::MIN)))
            }
            _ => match strict_id(id)? {
                Id::MAX if grouped => Ok(From::New),
                id => Ok(From::After(id)),
            },
        }
    }

    /// Lets the client wait for what was asked for; where that is not allowed or not wanted, there is
    /// nothing.
    fn wait(&self, ctx: &mut Ctx<'a>, from: &[From], ends: Ends) {
        let Some(deadline) = self.block.filter(|_| ctx.may_block()) else {
            return ctx.reply.null_array();
        };
        // What is new then is what follows the last entry of now.
        let texts: Vec<_> = from
            .iter()
            .map(|from| if let From::After(id) = from { Some(id.text()) } else { None })
            .collect();
        let first_id = self.first + self.streams;
        let args = ctx.args.from(0).enumerate().map(|(index, arg)| {
            let text = index.checked_sub(first_id).and_then(|at| texts[at].as_ref());
            text.filter(|_| [&b"$"[..], b"+"].contains(&until_nul(arg))).map_or(arg, AsRef::as_ref)
        });
        let args = OwnedArgs::of(args, ctx.args.bytes());
        ctx.block_with(args, self.keys(ctx), ValueType::Stream, ends, deadline);
    }
}

/// Argument `index` as a timeout in milliseconds: Unix milliseconds, `None` for no end.
fn timeout(ctx: &mut Ctx<'_>, index: usize) -> Result<Option<i64>, Reject> {
    if ctx.client().has(ClientFlags::SCRIPT) {
        return Err(errors::block_in_script(ctx.arg(0)));
    }
    let millis = ctx.args.int_or(index, errors::TIMEOUT_NOT_AN_INTEGER)?;
    match millis {
        ..0 => Err(errors::TIMEOUT_NEGATIVE.into()),
        0 => Ok(None),
        _ => {
            let deadline = now(ctx).checked_add(millis);
            deadline.map(Some).ok_or(errors::TIMEOUT_OUT_OF_RANGE.into())
        }
    }
}

/// How entries are given to a consumer.
struct Delivery {
    now: i64,
    no_ack: bool,
    count: usize,
    /// Whether somebody wants to know what was given.
    collects: bool,
}

/// What was given to a consumer.
struct Delivered {
    is_served: bool,
    /// Whether the consumer is a new one.
    is_new: bool,
    ids: Vec<Id>,
    now: i64,
    /// How far the group is, if that changed.
    moved: Option<(Id, Option<u64>)>,
}

impl Delivery {
    /// Gives what there is to the consumer of that name, who comes into being.
    fn serve(
        &self,
        reply: &mut Reply<'_>,
        key: &[u8],
        source: Source<'_>,
        group: &mut ConsumerGroup,
        consumer: &[u8],
        from: From,
    ) -> Delivered {
        let (found, last) = (group.find(consumer), group.last);
        let id = found.or_else(|| group.add(consumer, self.now, -1));
        let id = id.expect("a name that was not found is new");
        group.saw(id, self.now);
        let mut delivered = Delivered {
            is_served: true,
            is_new: found.is_none(),
            ids: Vec::new(),
            now: self.now,
            moved: None,
        };
        match from {
            From::After(after) => {
                name(reply, key);
                self.give_again(reply, source, group, id, after);
            }
            From::New if source.nodes.last().is_some_and(|top| top > group.last) => {
                name(reply, key);
                self.give_new(reply, source, group, id, &mut delivered.ids);
                delivered.moved = (group.last != last).then_some((group.last, group.read));
            }
            From::New => delivered.is_served = false,
        }
        delivered
    }

    fn give_new(
        &self,
        reply: &mut Reply<'_>,
        source: Source<'_>,
        group: &mut ConsumerGroup,
        consumer: ConsumerId,
        ids: &mut Vec<Id>,
    ) {
        let start = group.last.next().unwrap_or(Id::MAX);
        let entries = source.nodes.range(start, Id::MAX).take(self.count);
        reply_entries(
            reply,
            entries.inspect(|entry| {
                source.facts.advance(group, entry.id);
                if !self.no_ack {
                    group.deliver(consumer, entry.id, self.now, 1, self.now);
                    if self.collects {
                        ids.push(entry.id);
                    }
                }
            }),
        );
    }

    /// Shows what is pending for the consumer once more; of what was deleted meanwhile, the id.
    fn give_again(
        &self,
        reply: &mut Reply<'_>,
        source: Source<'_>,
        group: &mut ConsumerGroup,
        consumer: ConsumerId,
        after: Id,
    ) {
        let start = after.next().unwrap_or(Id::MIN);
        let owned = group.consumer(consumer).owned().iter_from(start).take(self.count);
        let ids: Vec<Id> = owned.map(|(id, ())| *id).collect();
        reply.array(ids.len());
        for id in ids {
            match source.nodes.get(id) {
                Some(entry) => {
                    super::reply_entry(reply, entry);
                    group.repeat(id, self.now);
                }
                None => {
                    reply.array(2);
                    reply_id(reply, id);
                    reply.null_array();
                }
            }
        }
    }
}

impl Delivered {
    /// Tells of a new consumer, and the log of what is pending for him and how far the group is.
    /// Redis does not log the latter unless there is nothing to acknowledge; then the number of
    /// entries that were read is lost with a restart.
    fn tell(&self, ctx: &mut Ctx<'_>, key: &[u8], group: &[u8], consumer: &[u8], no_ack: bool) {
        if self.is_new {
            ctx.changed_quietly(key, EventClass::Stream, "xgroup-createconsumer");
            if no_ack || self.moved.is_none() {
                ctx.effect(&[b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
            }
        }
        ctx.state.changes += u64::from(self.is_served);
        for id in &self.ids {
            let claim = super::claim::Claim {
                entry: id.text(),
                consumer,
                delivered: self.now,
                count: 1,
                last: *id,
            };
            claim.tell(ctx, key, group);
        }
        if let Some((last, read)) = self.moved {
            super::claim::tell_place(ctx, key, group, last, read);
        }
    }
}
