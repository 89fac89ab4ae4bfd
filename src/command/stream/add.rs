//! Entries that are added to a stream.
//!
//! Invariant: who waits for the stream is told of every entry.

use super::trim::{Options, TRIM};
use super::{UNSTABLE, UPDATE, WRITE_GROWING_FAST, node_limit, now, reply_id};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{Arg, Categories, Command, Group, KeySpec};
use crate::keyspace::After;
use crate::resp::Args;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::stream::node::Pair;
use crate::types::stream::nodes::NodeLimit;
use crate::types::stream::{Facts, Given, Id, NewId, Seq, Stream, Trim};

const IDS: &[Arg] = &[Arg::word("auto-id", "*"), Arg::string("id")];
const DATA: &[Arg] = &[Arg::string("field"), Arg::string("value")];

/// The rows of this file.
pub const COMMANDS: &[Command] = &[Command::new("xadd", xadd)
    .arity(-5)
    .of(Group::Stream)
    .flags(WRITE_GROWING_FAST)
    .acl(Categories::STREAM)
    .keys(&[KeySpec::at(1)
        .flags(UPDATE)
        .notes("UPDATE instead of INSERT because of the optional trimming feature")])
    .summary("Appends a new message to a stream. Creates the key if it doesn't exist.")
    .complexity(
        "O(1) when adding a new entry, O(N) when trimming where N being the number of entries \
         evicted.",
    )
    .since("5.0.0")
    .history(&[
        (
            "6.2.0",
            "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option.",
        ),
        ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
    ])
    .tips(UNSTABLE)
    .args(&[
        Arg::key("key", 0),
        Arg::word("nomkstream", "NOMKSTREAM").optional().since("6.2.0"),
        TRIM.optional(),
        Arg::one_of("id-selector", IDS),
        Arg::block("data", DATA).multiple(),
    ])];

/// What was added.
struct Added {
    id: Id,
    /// Entries that went for it.
    trimmed: u64,
    /// The threshold for the log, where the call does not say it exactly.
    threshold: Option<Vec<u8>>,
}

/// XADD key [NOMKSTREAM] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value ...
fn xadd(ctx: &mut Ctx) -> Outcome {
    let mut given = None;
    let is_id = |text: &[u8]| {
        given = Some(Given::parse(text).ok_or(errors::STREAM_ID)?);
        Ok(true)
    };
    let options = Options::parse(ctx, is_id, true)?;
    let (key, trim, limit) = (ctx.arg(1), options.trim(ctx)?, node_limit(ctx));
    let first = options.end + 1;
    if ctx.args.len() < first + 2 || !(ctx.args.len() - first).is_multiple_of(2) {
        return Err(errors::wrong_arity("xadd"));
    }
    let new = new_id(ctx, given)?;
    let pairs = pairs(ctx.args, first);
    let add = |stream: &mut Stream| add(stream, new, pairs.clone(), limit, trim, &options);
    let (added, after) = match ctx.db().change_old(key, add)? {
        Some((added, after)) => (added?, after),
        None if options.no_mkstream => {
            ctx.reply.null();
            return Ok(());
        }
        None => {
            check(Facts::default(), new, pairs.clone())?;
            let (added, after) = ctx.db().change(key, add)?;
            (added?, after)
        }
    };
    reply_id(&mut ctx.reply, added.id);
    ctx.modified(key, EventClass::Stream, "xadd");
    if added.trimmed > 0 {
        ctx.notify(key, EventClass::Stream, "xtrim");
    }
    if after == After::Kept {
        ctx.db().tell_awaited(key);
    }
    log(ctx, &options, &added, !matches!(new, NewId::Exact(_)));
    Ok(())
}

/// The id that the entry is to have.
fn new_id(ctx: &Ctx<'_>, given: Option<Given>) -> Result<NewId, Reject> {
    match given {
        None => Ok(NewId::Auto(now(ctx).unsigned_abs())),
        Some(Given { ms, seq: Seq::Next }) => Ok(NewId::Partial(ms)),
        Some(Given { ms, seq }) => {
            let seq = if let Seq::Number(seq) = seq { seq } else { 0 };
            let id = Id { ms, seq };
            (id > Id::MIN).then_some(NewId::Exact(id)).ok_or(errors::XADD_ZERO.into())
        }
    }
}

/// The fields from argument `first` on.
fn pairs<'a>(
    args: Args<'a>,
    first: usize,
) -> impl ExactSizeIterator<Item = Pair<'a>> + Clone + use<'a> {
    let count = (args.len() - first) / 2;
    (0..count).map(move |index| (args.at(first + 2 * index), args.at(first + 2 * index + 1)))
}

/// The id of an entry that may be added.
fn check<'p>(
    facts: Facts,
    new: NewId,
    pairs: impl Iterator<Item = Pair<'p>>,
) -> Result<Id, Reject> {
    if facts.last == Id::MAX {
        return Err(errors::XADD_EXHAUSTED.into());
    }
    let id = facts.next_id(new).ok_or(errors::XADD_SMALLER)?;
    Stream::takes(pairs).then_some(id).ok_or(errors::XADD_TOO_LARGE.into())
}

fn add<'p>(
    stream: &mut Stream,
    new: NewId,
    pairs: impl ExactSizeIterator<Item = Pair<'p>> + Clone,
    limit: NodeLimit,
    trim: Option<Trim>,
    options: &Options,
) -> Result<Added, Reject> {
    let id = check(stream.facts(), new, pairs.clone())?;
    stream.push(id, pairs, limit);
    let trimmed = trim.map_or(0, |trim| stream.trim(&trim));
    let threshold = options.are_vague().then(|| options.threshold(stream));
    Ok(Added { id, trimmed, threshold })
}

/// Logs the call with the id that came of it and with an exact threshold, where it is not what the
/// client said.
fn log(ctx: &mut Ctx<'_>, options: &Options, added: &Added, with_id: bool) {
    if !ctx.state.effects.is_on() || !with_id && added.threshold.is_none() {
        return;
    }
    let (id, args) = (added.id.text(), ctx.args);
    let id = with_id.then_some(id.as_ref());
    let call = options.exact_call(args, added.threshold.as_deref(), id);
    ctx.effect(&call);
}
