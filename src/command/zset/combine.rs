//! Sorted sets and sets combined: unions, intersections and differences, replied, counted or stored.
//!
//! Invariant: keys are looked up before options are read, as in Redis: a wrong type is told first.

use std::ops::ControlFlow;

use super::{Show, WITHSCORES, WRITE_GROWING, reply_members, store};
use crate::base::num;
use crate::command::Args;
use crate::command::ctx::Ctx;
use crate::command::spec::{
    Arg, BeginSearch, Categories, Command, FindKeys, Flags, Group, KeyFlags, KeySpec,
};
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::ValueRef;
use crate::types::zset::algebra::{self, Aggregate, Input, Operand};
use crate::types::zset::{Limits, Zset};

const fn counted(index: i16) -> KeySpec {
    let find = FindKeys::Count { index: 0, first: 1, step: 1 };
    let flags = KeyFlags::RO.or(KeyFlags::ACCESS);
    KeySpec::new(BeginSearch::Index(index), find).flags(flags)
}

const READ_COUNTED: &[KeySpec] = &[counted(1)];
const STORE_COUNTED: &[KeySpec] =
    &[KeySpec::at(1).flags(KeyFlags::OW.or(KeyFlags::UPDATE)), counted(2)];
const WEIGHTS: Arg = Arg::int("weight").token("WEIGHTS").optional().multiple();
const AGGREGATE: Arg = Arg::one_of(
    "aggregate",
    &[Arg::word("sum", "SUM"), Arg::word("min", "MIN"), Arg::word("max", "MAX")],
)
.token("AGGREGATE")
.optional();

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("zunion", zunion)
        .arity(-3)
        .of(Group::SortedSet)
        .flags(Flags::READONLY)
        .acl(Categories::SORTEDSET)
        .keys(READ_COUNTED)
        .summary("Returns the union of multiple sorted sets.")
        .complexity(
            "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted \
             sets, and M being the number of elements in the resulting sorted set.",
        )
        .since("6.2.0")
        .args(&[
            Arg::int("numkeys"),
            Arg::key("key", 0).multiple(),
            WEIGHTS,
            AGGREGATE,
            WITHSCORES.optional(),
        ]),
    Command::new("zunionstore", zunionstore)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(WRITE_GROWING)
        .acl(Categories::SORTEDSET)
        .keys(STORE_COUNTED)
        .summary("Stores the union of multiple sorted sets in a key.")
        .complexity(
            "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted \
             sets, and M being the number of elements in the resulting sorted set.",
        )
        .since("2.0.0")
        .args(&[
            Arg::key("destination", 0),
            Arg::int("numkeys"),
            Arg::key("key", 1).multiple(),
            WEIGHTS,
            AGGREGATE,
        ]),
    Command::new("zinter", zinter)
        .arity(-3)
        .of(Group::SortedSet)
        .flags(Flags::READONLY)
        .acl(Categories::SORTEDSET)
        .keys(READ_COUNTED)
        .summary("Returns the intersect of multiple sorted sets.")
        .complexity(
            "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted \
             set, K being the number of input sorted sets and M being the number of \
             elements in the resulting sorted set.",
        )
        .since("6.2.0")
        .args(&[
            Arg::int("numkeys"),
            Arg::key("key", 0).multiple(),
            WEIGHTS,
            AGGREGATE,
            WITHSCORES.optional(),
        ]),
    Command::new("zinterstore", zinterstore)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(WRITE_GROWING)
        .acl(Categories::SORTEDSET)
        .keys(STORE_COUNTED)
        .summary("Stores the intersect of multiple sorted sets in a key.")
        .complexity(
            "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted \
             set, K being the number of input sorted sets and M being the number of \
             elements in the resulting sorted set.",
        )
        .since("2.0.0")
        .args(&[
            Arg::key("destination", 0),
            Arg::int("numkeys"),
            Arg::key("key", 1).multiple(),
            WEIGHTS,
            AGGREGATE,
        ]),
    Command::new("zdiff", zdiff)
        .arity(-3)
        .of(Group::SortedSet)
        .flags(Flags::READONLY)
        .acl(Categories::SORTEDSET)
        .keys(READ_COUNTED)
        .summary("Returns the difference between multiple sorted sets.")
        .complexity(
            "O(L + (N-K)log(N)) worst case where L is the total number of elements in \
             all the sets, N is the size of the first set, and K is the size of the \
             result set.",
        )
        .since("6.2.0")
        .args(&[Arg::int("numkeys"), Arg::key("key", 0).multiple(), WITHSCORES.optional()]),
    Command::new("zdiffstore", zdiffstore)
        .arity(-4)
        .of(Group::SortedSet)
        .flags(WRITE_GROWING)
        .acl(Categories::SORTEDSET)
        .keys(STORE_COUNTED)
        .summary("Stores the difference of multiple sorted sets in a key.")
        .complexity(
            "O(L + (N-K)log(N)) worst case where L is the total number of elements in \
             all the sets, N is the size of the first set, and K is the size of the \
             result set.",
        )
        .since("6.2.0")
        .args(&[Arg::key("destination", 0), Arg::int("numkeys"), Arg::key("key", 1).multiple()]),
    Command::new("zintercard", zintercard)
        .arity(-3)
        .of(Group::SortedSet)
        .flags(Flags::READONLY)
        .acl(Categories::SORTEDSET)
        .keys(READ_COUNTED)
        .summary("Returns the number of members of the intersect of multiple sorted sets.")
        .complexity(
            "O(N*K) worst case with N being the smallest input sorted set, K being \
             the number of input sorted sets.",
        )
        .since("7.0.0")
        .args(&[
            Arg::int("numkeys"),
            Arg::key("key", 0).multiple(),
            Arg::int("limit").token("LIMIT").optional(),
        ]),
];

/// How operands are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
    /// The number of members of an intersection.
    Cardinality,
}

/// Where a result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Reply,
    Key,
}

/// What stands behind the keys.
struct Options {
    aggregate: Aggregate,
    show: Show,
    /// LIMIT; 0 is none.
    limit: i64,
}

/// ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX]
/// [WITHSCORES]
fn zunion(ctx: &mut Ctx) -> Outcome {
    reply_combined(ctx, Operation::Union, "zunion")
}

/// ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX]
/// [WITHSCORES]
fn zinter(ctx: &mut Ctx) -> Outcome {
    reply_combined(ctx, Operation::Intersection, "zinter")
}

/// ZDIFF numkeys key [key ...] [WITHSCORES]
fn zdiff(ctx: &mut Ctx) -> Outcome {
    reply_combined(ctx, Operation::Difference, "zdiff")
}

/// ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]]
/// [AGGREGATE SUM | MIN | MAX]
fn zunionstore(ctx: &mut Ctx) -> Outcome {
    store_combined(ctx, Operation::Union, "zunionstore")
}

/// ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]]
/// [AGGREGATE SUM | MIN | MAX]
fn zinterstore(ctx: &mut Ctx) -> Outcome {
    store_combined(ctx, Operation::Intersection, "zinterstore")
}

/// ZDIFFSTORE destination numkeys key [key ...]
fn zdiffstore(ctx: &mut Ctx) -> Outcome {
    store_combined(ctx, Operation::Difference, "zdiffstore")
}

/// ZINTERCARD numkeys key [key ...] [LIMIT limit]
fn zintercard(ctx: &mut Ctx) -> Outcome {
    let (args, numkeys) = (ctx.args, numkeys(ctx, 1, "zintercard")?);
    let mut inputs = inputs(ctx, 2, numkeys)?;
    let parser = Parser { operation: Operation::Cardinality, target: Target::Reply };
    let limit = parser.options(&args, 2 + numkeys, &mut inputs)?.limit;
    let mut count = 0;
    algebra::intersect(&mut inputs, Aggregate::Sum, |_, _| {
        count += 1;
        if count == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    ctx.reply.integer(count);
    Ok(())
}

fn reply_combined(ctx: &mut Ctx, operation: Operation, name: &str) -> Outcome {
    let (result, show) = combine(ctx, Parser { operation, target: Target::Reply }, 1, name)?;
    reply_members(&mut ctx.reply, result.as_ref().iter(), show);
    Ok(())
}

fn store_combined(ctx: &mut Ctx, operation: Operation, name: &str) -> Outcome {
    let (mut result, _) = combine(ctx, Parser { operation, target: Target::Key }, 2, name)?;
    result.compact(Limits::of(&ctx.state.config));
    let destination = ctx.arg(1);
    store(ctx, destination, result, name)
}

/// Combines the sets whose number stands in argument `numkeys_at` with the keys behind it.
fn combine(
    ctx: &mut Ctx,
    parser: Parser,
    numkeys_at: usize,
    name: &str,
) -> Result<(Zset, Show), Reject> {
    let (args, numkeys) = (ctx.args, numkeys(ctx, numkeys_at, name)?);
    let mut inputs = inputs(ctx, numkeys_at + 1, numkeys)?;
    let options = parser.options(&args, numkeys_at + 1 + numkeys, &mut inputs)?;
    let result = match parser.operation {
        Operation::Union => algebra::union(&mut inputs, options.aggregate),
        Operation::Difference => algebra::difference(&inputs),
        Operation::Intersection | Operation::Cardinality => {
            algebra::intersection(&mut inputs, options.aggregate)
        }
    };
    Ok((result, options.show))
}

/// The number of keys in argument `at`, which so many arguments follow.
fn numkeys(ctx: &Ctx, at: usize, name: &str) -> Result<usize, Reject> {
    let numkeys = ctx.args.int(at)?;
    let numkeys = usize::try_from(numkeys).ok().filter(|numkeys| *numkeys > 0);
    let numkeys = numkeys.ok_or_else(|| errors::no_input_key(name))?;
    if numkeys > ctx.args.len() - (at + 1) {
        return Err(errors::SYNTAX.into());
    }
    Ok(numkeys)
}

/// The sets at the `numkeys` keys from argument `first` on.
fn inputs<'a>(ctx: &'a mut Ctx, first: usize, numkeys: usize) -> Result<Vec<Input<'a>>, Reject> {
    let keys = ctx.args.from(first).take(numkeys);
    let values = ctx.db().read_all(keys, |value| operand(Some(value)).map(drop))?;
    let input = |value| Ok(Input { operand: operand(value)?, weight: 1.0 });
    values.into_iter().map(input).collect()
}

fn operand(value: Option<ValueRef<'_>>) -> Result<Operand<'_>, Reject> {
    match value {
        None => Ok(Operand::Nothing),
        Some(ValueRef::Set(set)) => Ok(Operand::Set(set)),
        Some(ValueRef::Zset(zset)) => Ok(Operand::Zset(zset)),
        Some(_) => Err(errors::WRONG_TYPE.into()),
    }
}

/// Which options there are depends on what a command does.
#[derive(Clone, Copy, Debug)]
struct Parser {
    operation: Operation,
    target: Target,
}

impl Parser {
    /// Reads the arguments from `first` on, weights into `inputs`.
    fn options(
        self,
        args: &Args<'_>,
        first: usize,
        inputs: &mut [Input<'_>],
    ) -> Result<Options, Reject> {
        let weighted = matches!(self.operation, Operation::Union | Operation::Intersection);
        let counting = self.operation == Operation::Cardinality;
        let mut options = Options { aggregate: Aggregate::Sum, show: Show::Names, limit: 0 };
        let mut at = first;
        while at < args.len() {
            let following = args.len() - at - 1;
            if weighted && following >= inputs.len() && args.is(at, "weights") {
                for (index, input) in inputs.iter_mut().enumerate() {
                    let weight = num::parse_f64(args.at(at + 1 + index));
                    input.weight = weight.ok_or(errors::ZSET_WEIGHT)?;
                }
                at += inputs.len();
            } else if weighted && following >= 1 && args.is(at, "aggregate") {
                options.aggregate = aggregate(args, at + 1)?;
                at += 1;
            } else if self.target == Target::Reply && !counting && args.is(at, "withscores") {
                options.show = Show::Scores;
            } else if counting && following >= 1 && args.is(at, "limit") {
                let limit = args.int_or(at + 1, errors::SINTERCARD_LIMIT)?;
                options.limit = Some(limit).filter(|l| *l >= 0).ok_or(errors::SINTERCARD_LIMIT)?;
                at += 1;
            } else {
                return Err(errors::SYNTAX.into());
            }
            at += 1;
        }
        Ok(options)
    }
}

fn aggregate(args: &Args<'_>, at: usize) -> Result<Aggregate, Reject> {
    match () {
        () if args.is(at, "sum") => Ok(Aggregate::Sum),
        () if args.is(at, "min") => Ok(Aggregate::Min),
        () if args.is(at, "max") => Ok(Aggregate::Max),
        () => Err(errors::SYNTAX.into()),
    }
}
