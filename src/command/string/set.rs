//! Values written whole: SET, its older variants, and several keys at once.
//!
//! Invariant: all conditions are checked before the first key is written.

use super::options::{Caller, Condition, Options, Ttl, deadline};
use super::{
    EX, EXAT, OVERWRITE_ONE, PX, PXAT, WRITE_GROWING, WRITE_GROWING_FAST, equals, reply_string,
};
use crate::base::num;
use crate::command::Args;
use crate::command::ctx::{Ctx, EventClass, string};
use crate::command::spec::{
    Arg, BeginSearch, Categories, Command, FindKeys, Group, KeyFlags, KeySpec,
};
use crate::keyspace::{Db, Expiry};
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::ValueRef;

/// Most keys that MSETEX can announce.
const NUMKEYS_MAX: i64 = i32::MAX as i64;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("set", set)
        .arity(-3)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1)
            .flags(
                KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE).or(KeyFlags::VARIABLE_FLAGS),
            )
            .notes("RW and ACCESS due to the optional `GET` and `IFEQ` arguments")])
        .extract_keys(set_keys)
        .summary(
            "Sets the string value of a key, ignoring its type. The key is created if it \
             doesn't exist.",
        )
        .complexity("O(1)")
        .since("1.0.0")
        .history(&[
            ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
            ("6.0.0", "Added the `KEEPTTL` option."),
            ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
            ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
            ("8.1.0", "Added the `IFEQ` option."),
        ])
        .args(&[
            Arg::key("key", 0),
            Arg::string("value"),
            Arg::one_of(
                "condition",
                &[
                    Arg::word("nx", "NX"),
                    Arg::word("xx", "XX"),
                    Arg::string("comparison-value").token("IFEQ").since("8.1.0"),
                ],
            )
            .since("2.6.12")
            .optional(),
            Arg::word("get", "GET").since("6.2.0").optional(),
            Arg::one_of(
                "expiration",
                &[
                    EX.since("2.6.12"),
                    PX.since("2.6.12"),
                    EXAT.since("6.2.0"),
                    PXAT.since("6.2.0"),
                    Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
                ],
            )
            .optional(),
        ]),
    Command::new("setnx", setnx)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::OW.or(KeyFlags::INSERT))])
        .summary("Set the string value of a key only when the key doesn't exist.")
        .complexity("O(1)")
        .since("1.0.0")
        .deprecated("2.6.12", "`SET` with the `NX` argument")
        .args(&[Arg::key("key", 0), Arg::string("value")]),
    Command::new("setex", setex)
        .arity(4)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(OVERWRITE_ONE)
        .summary(
            "Sets the string value and expiration time of a key. Creates the key if it \
             doesn't exist.",
        )
        .complexity("O(1)")
        .since("2.0.0")
        .deprecated("2.6.12", "`SET` with the `EX` argument")
        .args(&[Arg::key("key", 0), Arg::int("seconds"), Arg::string("value")]),
    Command::new("psetex", psetex)
        .arity(4)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(OVERWRITE_ONE)
        .summary(
            "Sets both string value and expiration time in milliseconds of a key. The key is \
             created if it doesn't exist.",
        )
        .complexity("O(1)")
        .since("2.6.0")
        .deprecated("2.6.12", "`SET` with the `PX` argument")
        .args(&[Arg::key("key", 0), Arg::int("milliseconds"), Arg::string("value")]),
    Command::new("mset", mset)
        .arity(-3)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(&[KeySpec::range(1, -1, 2).flags(KeyFlags::OW.or(KeyFlags::UPDATE))])
        .summary("Atomically creates or modifies the string values of one or more keys.")
        .complexity("O(N) where N is the number of keys to set.")
        .since("1.0.1")
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .args(PAIRS),
    Command::new("msetnx", msetnx)
        .arity(-3)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(&[KeySpec::range(1, -1, 2).flags(KeyFlags::OW.or(KeyFlags::INSERT))])
        .summary(
            "Atomically modifies the string values of one or more keys only when all keys \
             don't exist.",
        )
        .complexity("O(N) where N is the number of keys to set.")
        .since("1.0.1")
        .args(PAIRS),
    Command::new("msetex", msetex)
        .arity(-4)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(&[KeySpec::new(
            BeginSearch::Index(1),
            FindKeys::Count { index: 0, first: 1, step: 2 },
        )
        .flags(KeyFlags::OW.or(KeyFlags::UPDATE))])
        .summary("Sets the values of several keys with one optional expiration time.")
        .complexity("O(N) where N is the number of keys to set.")
        .since("8.4.0")
        .args(&[
            Arg::int("numkeys"),
            Arg::block("data", &[Arg::key("key", 0), Arg::string("value")]).multiple(),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")]).optional(),
            Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("keepttl", "KEEPTTL")])
                .optional(),
        ]),
];

const PAIRS: &[Arg] = &[Arg::block("data", &[Arg::key("key", 0), Arg::string("value")]).multiple()];

/// SET key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT
/// unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
fn set(ctx: &mut Ctx) -> Outcome {
    let (key, value, args) = (ctx.arg(1), ctx.arg(2), ctx.args);
    if args.len() == 3 {
        ctx.db().set(key, value, Expiry::Clear);
        ctx.modified(key, EventClass::String, "set");
        ctx.reply.ok();
        return Ok(());
    }
    let options = Options::parse(&args, 3, Caller::Set)?;
    let expiry = options.expiry(ctx.state.keyspace.now(), Caller::Set)?;
    let (db, reply) = ctx.db_and_reply();
    let met = if options.get {
        let old = string(db.read(key))?;
        reply_string(reply, old);
        holds(options.condition, old.map(ValueRef::String))?
    } else {
        // Without a condition the old value is of no interest: no look-up but that of the write.
        options.condition == Condition::None || holds(options.condition, db.write_lookup(key))?
    };
    match met {
        _ if options.get => {}
        true => reply.ok(),
        false => reply.null(),
    }
    if met {
        set_one(ctx, key, value, expiry);
        match expiry {
            Expiry::At(at) => ctx.effect_with(&[b"SET", key, value, b"PXAT"], at),
            _ if options.get || matches!(options.condition, Condition::Equals(_)) => {
                ctx.effect_of(|| unconditional(args));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The arguments of a SET whose condition was met, without what asks for or looks at the old value.
fn unconditional(args: Args<'_>) -> Vec<&[u8]> {
    let (mut kept, mut options) = (args.from(0).take(3).collect::<Vec<_>>(), args.from(3));
    while let Some(word) = options.next() {
        if word.eq_ignore_ascii_case(b"IFEQ") {
            options.next();
        } else if !word.eq_ignore_ascii_case(b"GET") {
            kept.push(word);
        }
    }
    kept
}

/// Whether the key's value meets the condition of a SET.
///
/// # Errors
/// WRONGTYPE when a value has to be compared that is no string.
fn holds(condition: Condition<'_>, value: Option<ValueRef<'_>>) -> Result<bool, Reject> {
    Ok(match condition {
        Condition::None => true,
        Condition::Missing => value.is_none(),
        Condition::Present => value.is_some(),
        Condition::Equals(expected) => string(value)?.is_some_and(|old| equals(old, expected)),
    })
}

/// SET only overwrites its key, unless an option makes it look at the old value.
fn set_keys(args: &Args<'_>, out: &mut Vec<(usize, KeyFlags)>) -> Result<(), ()> {
    let looks =
        |word: &[u8]| word.eq_ignore_ascii_case(b"GET") || word.eq_ignore_ascii_case(b"IFEQ");
    let reads = (3..args.len()).any(|index| args.get(index).is_some_and(looks));
    let flags = if reads { KeyFlags::RW | KeyFlags::ACCESS } else { KeyFlags::OW };
    out.push((1, flags | KeyFlags::UPDATE));
    Ok(())
}

/// SETNX key value
fn setnx(ctx: &mut Ctx) -> Outcome {
    let (key, value) = (ctx.arg(1), ctx.arg(2));
    let (db, reply) = ctx.db_and_reply();
    let missing = db.write_lookup(key).is_none();
    reply.integer(i64::from(missing));
    if missing {
        set_one(ctx, key, value, Expiry::Clear);
    }
    Ok(())
}

/// SETEX key seconds value
fn setex(ctx: &mut Ctx) -> Outcome {
    set_expiring(ctx, Ttl::Ex, "setex")
}

/// PSETEX key milliseconds value
fn psetex(ctx: &mut Ctx) -> Outcome {
    set_expiring(ctx, Ttl::Px, "psetex")
}

fn set_expiring(ctx: &mut Ctx, unit: Ttl, name: &str) -> Outcome {
    let (key, time, value) = (ctx.arg(1), ctx.arg(2), ctx.arg(3));
    let at = deadline(unit, time, ctx.state.keyspace.now(), name)?;
    set_one(ctx, key, value, Expiry::At(at));
    ctx.effect_with(&[b"SET", key, value, b"PXAT"], at);
    ctx.reply.ok();
    Ok(())
}

/// MSET key value [key value ...]
fn mset(ctx: &mut Ctx) -> Outcome {
    let pairs = pairs(ctx.args, 1, ctx.args.len()).ok_or_else(|| errors::wrong_arity("mset"))?;
    set_pairs(ctx, pairs, Expiry::Clear);
    ctx.reply.ok();
    Ok(())
}

/// MSETNX key value [key value ...]
fn msetnx(ctx: &mut Ctx) -> Outcome {
    let pairs = pairs(ctx.args, 1, ctx.args.len()).ok_or_else(|| errors::wrong_arity("msetnx"))?;
    let met = all_hold(Condition::Missing, ctx.db(), pairs.clone());
    if met {
        set_pairs(ctx, pairs, Expiry::Clear);
    }
    ctx.reply.integer(i64::from(met));
    Ok(())
}

/// MSETEX numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT
/// unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
fn msetex(ctx: &mut Ctx) -> Outcome {
    let count = num::parse_i64(ctx.arg(1))
        .filter(|count| (1..=NUMKEYS_MAX).contains(count))
        .and_then(|count| usize::try_from(count).ok())
        .ok_or(errors::NUMKEYS)?;
    let end = 2 + 2 * count;
    let pairs = pairs(ctx.args, 2, end).ok_or(errors::SYNTAX)?;
    let options = Options::parse(&ctx.args, end, Caller::MSetEx)?;
    let expiry = options.expiry(ctx.state.keyspace.now(), Caller::MSetEx)?;
    let met = all_hold(options.condition, ctx.db(), pairs.clone());
    if met {
        set_pairs(ctx, pairs.clone(), expiry);
        for (key, value) in pairs {
            match expiry {
                Expiry::At(at) => ctx.effect_with(&[b"SET", key, value, b"PXAT"], at),
                Expiry::Keep => ctx.effect(&[b"SET", key, value, b"KEEPTTL"]),
                Expiry::Clear => ctx.effect(&[b"SET", key, value]),
            }
        }
    }
    ctx.reply.integer(i64::from(met));
    Ok(())
}

/// The keys and values that stand in turn from argument `first` up to `end`; `None` when the last
/// value, or more, is missing.
fn pairs<'a>(
    args: Args<'a>,
    first: usize,
    end: usize,
) -> Option<impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone + use<'a>> {
    let whole = end <= args.len() && (end - first).is_multiple_of(2);
    whole.then(|| (first..end).step_by(2).map(move |key| (args.at(key), args.at(key + 1))))
}

/// Whether every key meets the condition, NX or XX.
fn all_hold<'a>(
    condition: Condition<'_>,
    db: &mut Db,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> bool {
    let mut found = pairs.map(|(key, _)| db.write_lookup(key).is_some());
    match condition {
        Condition::Missing => !found.any(|found| found),
        Condition::Present => found.all(|found| found),
        Condition::None | Condition::Equals(_) => true,
    }
}

fn set_pairs<'a>(
    ctx: &mut Ctx,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    expiry: Expiry,
) {
    ctx.db().prefetch_all(pairs.clone().map(|(key, _)| key));
    for (key, value) in pairs {
        set_one(ctx, key, value, expiry);
    }
}

fn set_one(ctx: &mut Ctx, key: &[u8], value: &[u8], expiry: Expiry) {
    ctx.db().set(key, value, expiry);
    ctx.modified(key, EventClass::String, "set");
    if let Expiry::At(_) = expiry {
        ctx.notify(key, EventClass::Generic, "expire");
    }
}
