//! Members added and scores changed.
//!
//! Invariant: a call whose scores are not all numbers changes nothing.

use super::WRITE_GROWING_FAST;
use crate::base::num;
use crate::command::Args;
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{Arg, Categories, Command, Group, KeyFlags, KeySpec};
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::zset::{Limits, Zset};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("zadd", zadd)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::SORTEDSET)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::UPDATE))])
        .element(3)
        .summary(
            "Adds one or more members to a sorted set, or updates their scores. Creates \
             the key if it doesn't exist.",
        )
        .complexity(
            "O(log(N)) for each item added, where N is the number of elements in the \
             sorted set.",
        )
        .since("1.2.0")
        .history(&[
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ])
        .args(&[
            Arg::key("key", 0),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .since("3.0.2")
                .optional(),
            Arg::one_of("comparison", &[Arg::word("gt", "GT"), Arg::word("lt", "LT")])
                .since("6.2.0")
                .optional(),
            Arg::word("change", "CH").since("3.0.2").optional(),
            Arg::word("increment", "INCR").since("3.0.2").optional(),
            Arg::block("data", &[Arg::double("score"), Arg::string("member")]).multiple(),
        ]),
    Command::new("zincrby", zincrby)
        .arity(4)
        .of(Group::SortedSet)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::SORTEDSET)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE))])
        .element(3)
        .summary("Increments the score of a member in a sorted set.")
        .complexity("O(log(N)) where N is the number of elements in the sorted set.")
        .since("1.2.0")
        .args(&[Arg::key("key", 0), Arg::int("increment"), Arg::string("member")]),
];

/// What ZADD may do, and what it replies.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::command) struct Options {
    /// NX: add only.
    pub only_new: bool,
    /// XX: change only.
    pub only_old: bool,
    /// GT and LT: change only to a score that is greater, or less.
    pub only_greater: bool,
    pub only_less: bool,
    /// CH: count changes too.
    pub count_changes: bool,
    /// INCR: add to the score and reply with it.
    pub increment: bool,
}

/// What a call did so far.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    added: i64,
    changed: i64,
    /// The score of the last member that no option kept out.
    score: Option<f64>,
    /// An increment met the infinity of the other sign.
    not_a_number: bool,
}

impl Options {
    /// Reads options from argument `first` on, and where the scores begin.
    fn parse(ctx: &Ctx, first: usize) -> (Options, usize) {
        let mut options = Options::default();
        for at in first..ctx.args.len() {
            let flag = match () {
                () if ctx.args.is(at, "nx") => &mut options.only_new,
                () if ctx.args.is(at, "xx") => &mut options.only_old,
                () if ctx.args.is(at, "gt") => &mut options.only_greater,
                () if ctx.args.is(at, "lt") => &mut options.only_less,
                () if ctx.args.is(at, "ch") => &mut options.count_changes,
                () if ctx.args.is(at, "incr") => &mut options.increment,
                () => return (options, at),
            };
            *flag = true;
        }
        (options, ctx.args.len())
    }

    /// Whether the options go together, with so many scores.
    fn check(&self, scores: usize) -> Result<(), Reject> {
        let compared = usize::from(self.only_greater) + usize::from(self.only_less);
        if self.only_new && self.only_old {
            return Err(errors::ZADD_XX_AND_NX.into());
        }
        if compared + usize::from(self.only_new) > 1 {
            return Err(errors::ZADD_GT_LT_AND_NX.into());
        }
        if self.increment && scores > 1 {
            return Err(errors::ZADD_INCR_PAIRS.into());
        }
        Ok(())
    }

    /// The score that a member gets, given the one that it has; `None` leaves it alone.
    fn decide(&self, old: Option<f64>, given: f64, tally: &mut Tally) -> Option<f64> {
        let Some(old) = old else {
            if self.only_old {
                return None;
            }
            tally.added += 1;
            tally.score = Some(given);
            return Some(given);
        };
        if self.only_new {
            return None;
        }
        let new = if self.increment { old + given } else { given };
        tally.not_a_number |= new.is_nan();
        let kept = self.only_less && new >= old || self.only_greater && new <= old;
        if kept || new.is_nan() {
            return None;
        }
        tally.score = Some(new);
        tally.changed += i64::from(new != old);
        Some(new)
    }
}

/// ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]
fn zadd(ctx: &mut Ctx) -> Outcome {
    let (options, first) = Options::parse(ctx, 2);
    let left = ctx.args.len() - first;
    if left == 0 || left % 2 == 1 {
        return Err(errors::SYNTAX.into());
    }
    options.check(left / 2)?;
    add(ctx, options, scored(ctx.args, first))
}

/// ZINCRBY key increment member
fn zincrby(ctx: &mut Ctx) -> Outcome {
    let (options, first) = Options::parse(ctx, 2);
    let options = Options { increment: true, ..options };
    if ctx.args.len() - first != 2 {
        return Err(errors::SYNTAX.into());
    }
    add(ctx, options, scored(ctx.args, first))
}

/// The members from argument `first` on, each behind its score.
fn scored(
    args: Args<'_>,
    first: usize,
) -> impl ExactSizeIterator<Item = (Result<f64, Reject>, &[u8])> + Clone {
    let score = move |at| num::parse_f64(args.at(at)).ok_or(errors::NOT_A_FLOAT.into());
    (first..args.len()).step_by(2).map(move |at| (score(at), args.at(at + 1)))
}

/// Adds `members`, of which there are some, with their scores to the sorted set at argument 1.
pub(in crate::command) fn add<'a>(
    ctx: &mut Ctx<'a>,
    options: Options,
    members: impl ExactSizeIterator<Item = (Result<f64, Reject>, &'a [u8])> + Clone,
) -> Outcome {
    let key = ctx.arg(1);
    members.clone().try_for_each(|(score, _)| score.map(drop))?;
    let mut tally = Tally::default();
    let limits = Limits::of(&ctx.state.config);
    let update = |zset: &mut Zset| -> Result<(), Reject> {
        let first = members.clone().next().filter(|_| zset.is_empty());
        zset.expect(members.len(), first.map_or(0, |(_, member)| member.len()), limits);
        members.into_iter().try_for_each(|(score, member)| {
            let given = score?;
            let decide = |old| options.decide(old, given, &mut tally);
            zset.update(member, limits, decide);
            Ok(())
        })
    };
    match options.only_old {
        true => ctx.db().change_old(key, update)?.map_or(Ok(()), |(result, _)| result)?,
        false => ctx.db().change(key, update)?.0?,
    }
    if tally.not_a_number {
        return Err(errors::ZSET_NOT_A_NUMBER.into());
    }
    reply_tally(ctx, options, tally);
    if tally.added + tally.changed > 0 {
        ctx.modified(key, EventClass::Zset, if options.increment { "zincr" } else { "zadd" });
        ctx.count_changes(usize::try_from(tally.added + tally.changed).unwrap_or(1));
    }
    Ok(())
}

fn reply_tally(ctx: &mut Ctx, options: Options, tally: Tally) {
    let counted = if options.count_changes { tally.changed } else { 0 };
    match tally.score {
        Some(score) if options.increment => ctx.reply.double(score),
        None if options.increment => ctx.reply.null(),
        _ => ctx.reply.integer(tally.added + counted),
    }
}
