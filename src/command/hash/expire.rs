//! Deadlines of fields: HEXPIRE and its kin, HTTL and its kin, HPERSIST.
//!
//! Invariant: values stay what they are.

use super::options::{Unit, fields_at};
use super::{
    FIELDS, READ_FAST, READ_ONE, UPDATE_ONE, WRITE_FAST, WRITE_GROWING_FAST, effect_deadline,
    effect_removed, hash, notify_removed,
};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{Arg, Categories, Command, Group, Handler};
use crate::resp::errors::Outcome;
use crate::types::hash::Hash;

/// What HEXPIRE and its kin reply for a field.
const NO_FIELD: i64 = -2;
const NO_DEADLINE: i64 = -1;
const NOT_ALLOWED: i64 = 0;
const DONE: i64 = 1;
const REMOVED: i64 = 2;

const CONDITION: Arg = Arg::one_of(
    "condition",
    &[Arg::word("nx", "NX"), Arg::word("xx", "XX"), Arg::word("gt", "GT"), Arg::word("lt", "LT")],
)
.optional();

const KEY_AND_FIELDS: &[Arg] = &[Arg::key("key", 0), FIELDS];

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    expiring("hexpire", hexpire)
        .summary("Sets the expiration time of hash fields in seconds.")
        .args(&[Arg::key("key", 0), Arg::int("seconds"), CONDITION, FIELDS]),
    expiring("hpexpire", hpexpire)
        .summary("Sets the expiration time of hash fields in milliseconds.")
        .args(&[Arg::key("key", 0), Arg::int("milliseconds"), CONDITION, FIELDS]),
    expiring("hexpireat", hexpireat)
        .summary("Sets the expiration time of hash fields to a Unix timestamp.")
        .args(&[Arg::key("key", 0), Arg::unix_time("unix-time-seconds"), CONDITION, FIELDS]),
    expiring("hpexpireat", hpexpireat)
        .summary("Sets the expiration time of hash fields to a Unix milliseconds timestamp.")
        .args(&[Arg::key("key", 0), Arg::unix_time("unix-time-milliseconds"), CONDITION, FIELDS]),
    asking("httl", httl).summary("Returns the expiration time of hash fields in seconds."),
    asking("hpttl", hpttl).summary("Returns the expiration time of hash fields in milliseconds."),
    asking("hexpiretime", hexpiretime)
        .summary("Returns the expiration time of hash fields as a Unix timestamp."),
    asking("hpexpiretime", hpexpiretime)
        .summary("Returns the expiration time of hash fields as a Unix milliseconds timestamp."),
    asking("hpersist", hpersist)
        .flags(WRITE_FAST)
        .keys(UPDATE_ONE)
        .summary("Removes the expiration time of hash fields."),
];

/// What HEXPIRE has in common with its kin.
const fn expiring(name: &'static str, handler: Handler) -> Command {
    Command::new(name, handler)
        .arity(-6)
        .of(Group::Hash)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::HASH)
        .keys(UPDATE_ONE)
        .complexity("O(N) where N is the number of specified fields.")
        .since("7.4.0")
}

/// What HTTL has in common with its kin.
const fn asking(name: &'static str, handler: Handler) -> Command {
    Command::new(name, handler)
        .arity(-5)
        .of(Group::Hash)
        .flags(READ_FAST)
        .acl(Categories::HASH)
        .keys(READ_ONE)
        .complexity("O(N) where N is the number of specified fields.")
        .since("7.4.0")
        .args(KEY_AND_FIELDS)
}

/// HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
fn hexpire(ctx: &mut Ctx) -> Outcome {
    set_deadlines(ctx, Unit::EX, "hexpire")
}

/// HPEXPIRE key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
fn hpexpire(ctx: &mut Ctx) -> Outcome {
    set_deadlines(ctx, Unit::PX, "hpexpire")
}

/// HEXPIREAT key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
fn hexpireat(ctx: &mut Ctx) -> Outcome {
    set_deadlines(ctx, Unit::EXAT, "hexpireat")
}

/// HPEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
fn hpexpireat(ctx: &mut Ctx) -> Outcome {
    set_deadlines(ctx, Unit::PXAT, "hpexpireat")
}

/// When a field may get a deadline; none counts as infinitely far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Condition {
    Always,
    Nx,
    Xx,
    Gt,
    Lt,
}

impl Condition {
    /// The condition in argument 3, and the index behind it.
    fn parse(ctx: &Ctx) -> (Condition, usize) {
        let words = [
            ("nx", Condition::Nx),
            ("xx", Condition::Xx),
            ("gt", Condition::Gt),
            ("lt", Condition::Lt),
        ];
        let found = words.into_iter().find(|(word, _)| ctx.args.is(3, word));
        found.map_or((Condition::Always, 3), |(_, condition)| (condition, 4))
    }

    fn allows(self, current: Option<i64>, new: i64) -> bool {
        match self {
            Condition::Always => true,
            Condition::Nx => current.is_none(),
            Condition::Xx => current.is_some(),
            Condition::Gt => current.is_some_and(|current| new > current),
            Condition::Lt => current.is_none_or(|current| new < current),
        }
    }
}

fn set_deadlines(ctx: &mut Ctx, unit: Unit, command: &str) -> Outcome {
    let (key, args) = (ctx.arg(1), ctx.args);
    let deadline = unit.deadline(ctx.arg(2), ctx.state.keyspace.now(), command)?;
    let now = ctx.state.keyspace.horizon();
    let (condition, at) = Condition::parse(ctx);
    let fields = args.from(fields_at(&args, at, 1)?);
    let (db, reply) = ctx.db_and_reply();
    let found = hash(db.write_lookup(key))?.is_some();
    reply.array(fields.len());
    if !found {
        fields.for_each(|_| reply.integer(NO_FIELD));
        return Ok(());
    }
    let (mut set, mut removed) = (Vec::new(), Vec::new());
    let ((), after) = db.change(key, |hash: &mut Hash| {
        for field in fields {
            let code = set_deadline(hash, field, deadline, condition, now);
            match code {
                DONE => set.push(field),
                REMOVED => removed.push(field),
                _ => {}
            }
            reply.integer(code);
        }
    })?;
    if !set.is_empty() {
        ctx.modified(key, EventClass::Hash, "hexpire");
        effect_deadline(ctx, key, Some(deadline), &set);
    }
    notify_removed(ctx, key, removed.len(), after);
    effect_removed(ctx, key, &removed);
    Ok(())
}

/// Gives a field a deadline, or removes it when that has passed; the code to reply.
fn set_deadline(
    hash: &mut Hash,
    field: &[u8],
    deadline: i64,
    condition: Condition,
    now: i64,
) -> i64 {
    match hash.as_ref().deadline(field, now) {
        None => NO_FIELD,
        Some(current) if !condition.allows(current, deadline) => NOT_ALLOWED,
        Some(_) if deadline <= now => {
            hash.remove(field, now);
            REMOVED
        }
        Some(_) => {
            hash.set_deadline(field, Some(deadline));
            DONE
        }
    }
}

/// HTTL key FIELDS numfields field [field ...]
fn httl(ctx: &mut Ctx) -> Outcome {
    reply_deadlines(ctx, Unit::EX)
}

/// HPTTL key FIELDS numfields field [field ...]
fn hpttl(ctx: &mut Ctx) -> Outcome {
    reply_deadlines(ctx, Unit::PX)
}

/// HEXPIRETIME key FIELDS numfields field [field ...]
fn hexpiretime(ctx: &mut Ctx) -> Outcome {
    reply_deadlines(ctx, Unit::EXAT)
}

/// HPEXPIRETIME key FIELDS numfields field [field ...]
fn hpexpiretime(ctx: &mut Ctx) -> Outcome {
    reply_deadlines(ctx, Unit::PXAT)
}

fn reply_deadlines(ctx: &mut Ctx, unit: Unit) -> Outcome {
    let (key, args) = (ctx.arg(1), ctx.args);
    let fields = args.from(fields_at(&args, 2, 1)?);
    let (hash, now, reply) = ctx.hash_and_reply(key)?;
    reply.array(fields.len());
    for field in fields {
        reply.integer(match hash.and_then(|hash| hash.deadline(field, now)) {
            None => NO_FIELD,
            Some(None) => NO_DEADLINE,
            Some(Some(deadline)) => {
                let millis = if unit.relative { deadline.saturating_sub(now) } else { deadline };
                // To the nearest second, as TTL.
                if unit.seconds { millis.saturating_add(500) / 1000 } else { millis }
            }
        });
    }
    Ok(())
}

/// HPERSIST key FIELDS numfields field [field ...]
fn hpersist(ctx: &mut Ctx) -> Outcome {
    let (key, args) = (ctx.arg(1), ctx.args);
    let now = ctx.state.keyspace.horizon();
    let fields = args.from(fields_at(&args, 2, 1)?);
    let (db, reply) = ctx.db_and_reply();
    let found = hash(db.write_lookup(key))?.is_some();
    reply.array(fields.len());
    if !found {
        fields.for_each(|_| reply.integer(NO_FIELD));
        return Ok(());
    }
    let mut changed = Vec::new();
    db.change(key, |hash: &mut Hash| {
        for field in fields {
            reply.integer(match hash.as_ref().deadline(field, now) {
                None => NO_FIELD,
                Some(None) => NO_DEADLINE,
                Some(Some(_)) => {
                    hash.set_deadline(field, None);
                    changed.push(field);
                    DONE
                }
            });
        }
    })?;
    if !changed.is_empty() {
        ctx.modified(key, EventClass::Hash, "hpersist");
        effect_deadline(ctx, key, None, &changed);
    }
    Ok(())
}
