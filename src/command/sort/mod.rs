//! SORT and SORT_RO: lists, sets and sorted sets in another order, with values from elsewhere.
//!
//! Texts compare as bytes, which is what Redis's `strcoll` does in the locale that its containers
//! run in.
//!
//! Invariant: the destination is written after the last element was read.

mod order;
mod pattern;

use std::ops::Range;

use self::order::{Collation, Element, Weight};
use self::pattern::Pattern;
use super::ctx::{Ctx, EventClass};
use super::spec::{
    Arg, BeginSearch, Categories, Command, FindKeys, Flags, Group, KeyFlags, KeySpec,
};
use super::{Args, acl, bounded};
use crate::ds::listpack::Item;
use crate::keyspace::{Db, Expiry};
use crate::resp::REPLY_BYTES_MAX;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::list::{List, NodeLimit};
use crate::types::{Value, ValueRef, ValueType};

const ACL: Categories =
    Categories::SET.or(Categories::SORTEDSET).or(Categories::LIST).or(Categories::DANGEROUS);
const COMPLEXITY: &str = "O(N+M*log(M)) where N is the number of elements in the list or set to \
                          sort, and M the number of returned elements. When the elements are not \
                          sorted, complexity is O(N).";
const SUBJECT: KeySpec = KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS));
const PATTERNS: KeySpec = KeySpec::new(BeginSearch::Unknown, FindKeys::Unknown)
    .flags(KeyFlags::RO.or(KeyFlags::ACCESS))
    .notes(
        "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from \
         the content of the key we sort",
    );
const DESTINATION: KeySpec = KeySpec::new(BeginSearch::Unknown, FindKeys::Unknown)
    .flags(KeyFlags::OW.or(KeyFlags::UPDATE))
    .notes(
        "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear \
         anywhere in the argument array",
    );

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("sort", sort)
        .arity(-2)
        .of(Group::Generic)
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .acl(ACL)
        .keys(&[SUBJECT, PATTERNS, DESTINATION])
        .extract_keys(sort_keys)
        .summary(
            "Sorts the elements in a list, a set, or a sorted set, optionally storing the result.",
        )
        .complexity(COMPLEXITY)
        .since("1.0.0")
        .args(&[
            Arg::key("key", 0),
            BY,
            LIMIT,
            GET,
            ORDER,
            ALPHA,
            Arg::key("destination", 2).token("STORE").optional(),
        ]),
    Command::new("sort_ro", sort_ro)
        .arity(-2)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(ACL)
        .keys(&[SUBJECT, PATTERNS])
        .extract_keys(sort_ro_keys)
        .summary("Returns the sorted elements of a list, a set, or a sorted set.")
        .complexity(COMPLEXITY)
        .since("7.0.0")
        .args(&[Arg::key("key", 0), BY, LIMIT, GET, ORDER, ALPHA]),
];

const BY: Arg = Arg::pattern("by-pattern").display("pattern").token("BY").key_spec(1).optional();
const LIMIT: Arg =
    Arg::block("limit", &[Arg::int("offset"), Arg::int("count")]).token("LIMIT").optional();
const GET: Arg = Arg::pattern("get-pattern")
    .display("pattern")
    .token("GET")
    .key_spec(1)
    .optional()
    .multiple()
    .multiple_token();
const ORDER: Arg =
    Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const ALPHA: Arg = Arg::word("sorting", "ALPHA").optional();

/// SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]
/// [STORE destination]
fn sort(ctx: &mut Ctx) -> Outcome {
    let options = parse(ctx, Store::Allowed)?;
    run(ctx, &options)
}

/// SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC]
/// [ALPHA]
fn sort_ro(ctx: &mut Ctx) -> Outcome {
    let options = parse(ctx, Store::Refused)?;
    run(ctx, &options)
}

/// The options, once it is known that the user may follow patterns to wherever they lead.
fn parse<'a>(ctx: &mut Ctx<'a>, store: Store) -> Result<Options<'a>, Reject> {
    let reach = match acl::reads_any_key(ctx) {
        true => Reach::All,
        false => Reach::Arguments,
    };
    Options::parse(&ctx.args, store, reach)
}

/// Reads all, orders it, and replies or stores what LIMIT leaves.
fn run(ctx: &mut Ctx, options: &Options<'_>) -> Outcome {
    let (key, now) = (ctx.arg(1), ctx.state.keyspace.horizon());
    let subject = ctx.db().read(key);
    let (len, value_type) = subject.map_or(Ok((0, ValueType::List)), kind)?;
    let (range, order) = (options.range(len), options.order(value_type));
    let elements = match order {
        Order::AsStored => stored(subject, range, options.descending),
        Order::By { pattern, alpha } => {
            let mut elements = stored(subject, 0..len, false);
            weigh(ctx.db(), &mut elements, pattern, alpha, now)?;
            order::sort(&mut elements, options.collation(), options.descending);
            elements.truncate(range.end);
            elements.split_off(range.start)
        }
    };
    match options.store {
        None => reply(ctx, &elements, &options.gets, now),
        Some(destination) => store(ctx, destination, &elements, &options.gets, now),
    }
}

/// How many elements a value has, and its type.
fn kind(value: ValueRef<'_>) -> Result<(usize, ValueType), Reject> {
    let len = match value {
        ValueRef::List(list) => list.len(),
        ValueRef::Set(set) => set.len(),
        ValueRef::Zset(zset) => zset.len(),
        ValueRef::String(_) | ValueRef::Hash(_) | ValueRef::Stream(_) => {
            return Err(errors::WRONG_TYPE.into());
        }
    };
    Ok((len, value.value_type()))
}

/// The elements at `range`, in the order in which the value has them or backwards. A set has no
/// backwards.
fn stored(value: Option<ValueRef<'_>>, range: Range<usize>, backwards: bool) -> Vec<Element> {
    let (skipped, len) = (range.start, range.len());
    let element = |item: Item<'_>| Element { text: item.to_vec().into(), weight: Weight::Own };
    match value {
        Some(ValueRef::List(list)) if backwards => {
            list.iter().rev().skip(skipped).take(len).map(element).collect()
        }
        Some(ValueRef::List(list)) => {
            let mut elements = Vec::with_capacity(len);
            list.visit(skipped, len, |item| elements.push(element(item)));
            elements
        }
        Some(ValueRef::Set(set)) => set.iter().skip(skipped).take(len).map(element).collect(),
        Some(ValueRef::Zset(zset)) if backwards => {
            let ranks = zset.len() - range.end..zset.len() - range.start;
            zset.range(ranks).rev().map(|(member, _)| element(member)).collect()
        }
        Some(ValueRef::Zset(zset)) => {
            zset.range(range).map(|(member, _)| element(member)).collect()
        }
        _ => Vec::new(),
    }
}

/// Gives each element what it is ordered by.
///
/// # Errors
/// When a weight is to be a number and is none; all were looked up then nevertheless, as in Redis.
fn weigh(
    db: &mut Db,
    elements: &mut [Element],
    pattern: Option<Pattern<'_>>,
    alpha: bool,
    now: i64,
) -> Outcome {
    let mut outcome = Ok(());
    let mut number = |text: Option<&[u8]>| {
        // Nothing weighs nothing.
        Weight::Number(text.map_or(Some(0.0), order::number).unwrap_or_else(|| {
            outcome = Err(errors::SORT_NOT_A_NUMBER.into());
            0.0
        }))
    };
    for Element { text, weight } in elements {
        *weight = match (pattern, alpha) {
            (None, true) => Weight::Own,
            (None, false) => number(Some(text)),
            (Some(pattern), true) => {
                pattern.look_up(db, text, now, |found| Weight::Text(found.map(Into::into)))
            }
            (Some(pattern), false) => pattern.look_up(db, text, now, &mut number),
        };
    }
    outcome
}

fn reply(ctx: &mut Ctx, elements: &[Element], gets: &[Pattern<'_>], now: i64) -> Outcome {
    let room = ctx.state.output_room(ctx.id);
    let (db, reply) = ctx.db_and_reply();
    if gets.is_empty() {
        reply.array(elements.len());
        elements.iter().for_each(|element| reply.bulk(&element.text));
        return Ok(());
    }
    let len = elements.len().saturating_mul(gets.len());
    bounded::array(reply, room, len, pairs(elements, gets), |reply, (element, pattern)| {
        pattern.look_up(db, element, now, |found| match found {
            Some(text) => reply.bulk(text),
            None => reply.null(),
        });
    })
}

/// Each element with each pattern of GET.
fn pairs<'a, 'p>(
    elements: &'a [Element],
    gets: &'a [Pattern<'p>],
) -> impl Iterator<Item = (&'a [u8], Pattern<'p>)> {
    elements.iter().flat_map(|element| gets.iter().map(|pattern| (&*element.text, *pattern)))
}

fn store(
    ctx: &mut Ctx,
    destination: &[u8],
    elements: &[Element],
    gets: &[Pattern<'_>],
    now: i64,
) -> Outcome {
    let limit = NodeLimit::new(ctx.state.config.list_max_listpack_size);
    let list = match gets {
        [] => List::collect(elements.iter().map(|element| &*element.text), limit),
        _ => {
            let values = values(ctx.db(), elements, gets, now)?;
            List::collect(values.iter().map(|value| &**value), limit)
        }
    };
    let len = list.len();
    ctx.reply.integer(len as i64);
    if len > 0 {
        ctx.db().put_value(destination, Value::List(list), Expiry::Clear);
        ctx.modified(destination, EventClass::List, "sortstore");
        ctx.count_changes(len);
    } else if ctx.db().remove(destination) {
        ctx.modified(destination, EventClass::Generic, "del");
    }
    Ok(())
}

/// What the patterns of GET find, empty texts for nothing.
///
/// # Errors
/// When that is too much: the client chooses how many patterns there are.
fn values(
    db: &mut Db,
    elements: &[Element],
    gets: &[Pattern<'_>],
    now: i64,
) -> Result<Vec<Box<[u8]>>, Reject> {
    let (mut values, mut bytes) = (Vec::new(), 0);
    for (element, pattern) in pairs(elements, gets) {
        let value: Box<[u8]> =
            pattern.look_up(db, element, now, |found| found.unwrap_or(b"").into());
        bytes += value.len() + size_of::<Box<[u8]>>();
        if bytes > REPLY_BYTES_MAX {
            return Err(errors::RESULT_TOO_LONG.into());
        }
        values.push(value);
    }
    Ok(values)
}

/// The key, and that of the last STORE.
fn sort_keys(args: &Args<'_>, out: &mut Vec<(usize, KeyFlags)>) -> Result<(), ()> {
    sort_ro_keys(args, out)?;
    let (mut at, mut destination) = (2, None);
    while at < args.len() {
        at += match () {
            () if args.is(at, "limit") => 3,
            () if args.is(at, "get") || args.is(at, "by") => 2,
            () => {
                if args.is(at, "store") && at + 1 < args.len() {
                    destination = Some(at + 1);
                }
                1
            }
        };
    }
    out.extend(destination.map(|at| (at, KeyFlags::OW | KeyFlags::UPDATE)));
    Ok(())
}

/// The key alone: the others depend on what it holds.
fn sort_ro_keys(_: &Args<'_>, out: &mut Vec<(usize, KeyFlags)>) -> Result<(), ()> {
    out.push((1, KeyFlags::RO | KeyFlags::ACCESS));
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    Allowed,
    Refused,
}

/// The keys that the user may read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Reach {
    #[default]
    All,
    /// Those that the call names.
    Arguments,
}

#[derive(Default)]
struct Options<'a> {
    reach: Reach,
    by: Option<Pattern<'a>>,
    /// BY was given something that leads nowhere: the order stays what it is.
    unsorted: bool,
    gets: Vec<Pattern<'a>>,
    offset: i64,
    /// Negative: all.
    count: Option<i64>,
    descending: bool,
    alpha: bool,
    store: Option<&'a [u8]>,
}

/// How elements are to be ordered.
#[derive(Clone, Copy)]
enum Order<'a> {
    /// Not at all.
    AsStored,
    /// By what the pattern leads to, or by themselves, as texts (`alpha`) or as numbers.
    By { pattern: Option<Pattern<'a>>, alpha: bool },
}

impl<'a> Options<'a> {
    fn parse(args: &Args<'a>, store: Store, reach: Reach) -> Result<Options<'a>, Reject> {
        let mut options = Options { reach, ..Options::default() };
        let mut at = 2;
        while at < args.len() {
            at += options.take(args, at, store)?;
        }
        Ok(options)
    }

    /// Takes the option at `at`; returns how many arguments it had.
    fn take(&mut self, args: &Args<'a>, at: usize, store: Store) -> Result<usize, Reject> {
        let left = args.len() - at - 1;
        if args.is(at, "asc") {
            self.descending = false;
        } else if args.is(at, "desc") {
            self.descending = true;
        } else if args.is(at, "alpha") {
            self.alpha = true;
        } else if args.is(at, "limit") && left >= 2 {
            (self.offset, self.count) = (args.int(at + 1)?, Some(args.int(at + 2)?));
            return Ok(3);
        } else if left == 0 {
            return Err(errors::SYNTAX.into());
        } else {
            let value = args.at(at + 1);
            if args.is(at, "store") && store == Store::Allowed {
                self.store = Some(value);
            } else if args.is(at, "by") {
                let pattern = Pattern::parse(value);
                if self.reach == Reach::Arguments && value.contains(&b'*') {
                    return Err(errors::SORT_BY_DENIED.into());
                }
                self.by = Some(pattern);
                // Once said, it holds, whatever another BY says.
                self.unsorted |= !matches!(pattern, Pattern::Key { .. });
            } else if args.is(at, "get") {
                if self.reach == Reach::Arguments {
                    return Err(errors::SORT_GET_DENIED.into());
                }
                self.gets.push(Pattern::parse(value));
            } else {
                return Err(errors::SYNTAX.into());
            }
            return Ok(2);
        }
        Ok(1)
    }

    /// How a value of that type is to be ordered.
    fn order(&self, value_type: ValueType) -> Order<'a> {
        match self {
            // A set has no order that a replica could repeat, so what is stored is ordered somehow.
            Options { unsorted: true, store: Some(_), .. } if value_type == ValueType::Set => {
                Order::By { pattern: None, alpha: true }
            }
            Options { unsorted: true, .. } => Order::AsStored,
            Options { by, alpha, .. } => Order::By { pattern: *by, alpha: *alpha },
        }
    }

    /// How texts compare: a stored order must not depend on a locale.
    fn collation(&self) -> Collation {
        if self.store.is_some() { Collation::Bytes } else { Collation::UntilNul }
    }

    /// What LIMIT leaves of `len` elements.
    fn range(&self, len: usize) -> Range<usize> {
        let start = usize::try_from(self.offset.max(0)).map_or(len, |offset| offset.min(len));
        let count = match self.count {
            Some(count @ 0..) => usize::try_from(count).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        start..start.saturating_add(count).min(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_selects_within_what_there_is() {
        let range = |offset, count, len| Options { offset, count, ..Options::default() }.range(len);
        assert_eq!(range(0, None, 5), 0..5);
        assert_eq!(range(1, Some(2), 5), 1..3);
        assert_eq!(range(-9, Some(2), 5), 0..2);
        assert_eq!(range(3, Some(-1), 5), 3..5);
        assert_eq!(range(1, Some(0), 5), 1..1);
        assert_eq!(range(i64::MAX, Some(i64::MAX), 5), 5..5);
        assert_eq!(range(4, Some(i64::MAX), 5), 4..5);
        assert_eq!(range(0, Some(1), 0), 0..0);
    }

    #[test]
    fn a_set_that_is_stored_has_an_order_anyway() {
        let shown = Options { unsorted: true, ..Options::default() };
        let kept = Options { store: Some(b"d"), unsorted: true, ..Options::default() };
        let by_text = |order| matches!(order, Order::By { pattern: None, alpha: true });
        assert!(by_text(kept.order(ValueType::Set)));
        assert!(matches!(kept.order(ValueType::List), Order::AsStored));
        assert!(matches!(shown.order(ValueType::Set), Order::AsStored));
    }
}
