//! Fields read or written together with their deadlines: HGETEX, HSETEX, HGETDEL.
//!
//! Invariant: all conditions are checked before the first field is changed.

use super::options::{Caller, Condition, Expiry, Options, fields_at};
use super::{
    FIELD, FIELDS, INSERT_ONE, READ_AND_UPDATE_ONE, WRITE_FAST, WRITE_GROWING_FAST,
    effect_deadline, effect_removed, get::reply_fields, hash, limits, notify_removed, reply_value,
};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::spec::{Arg, Categories, Command, Group, KeyFlags, KeySpec};
use crate::keyspace::After;
use crate::resp::errors::{Outcome, Reject};
use crate::types::hash::{Hash, HashRef, Ttl};

const EXPIRY: [Arg; 4] = [
    Arg::int("seconds").token("EX"),
    Arg::int("milliseconds").token("PX"),
    Arg::unix_time("unix-time-seconds").token("EXAT"),
    Arg::unix_time("unix-time-milliseconds").token("PXAT"),
];

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("hgetex", hgetex)
        .arity(-5)
        .of(Group::Hash)
        .flags(WRITE_FAST)
        .acl(Categories::HASH)
        .keys(READ_AND_UPDATE_ONE)
        .summary("Returns the values of hash fields and optionally sets their expiration time.")
        .complexity("O(N) where N is the number of specified fields.")
        .since("8.0.0")
        .args(&[
            Arg::key("key", 0),
            Arg::one_of(
                "expiration",
                &[EXPIRY[0], EXPIRY[1], EXPIRY[2], EXPIRY[3], Arg::word("persist", "PERSIST")],
            )
            .optional(),
            FIELDS,
        ]),
    Command::new("hsetex", hsetex)
        .arity(-6)
        .of(Group::Hash)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::HASH)
        .keys(INSERT_ONE)
        .summary("Sets the values of hash fields and optionally their expiration time.")
        .complexity("O(N) where N is the number of fields being set.")
        .since("8.0.0")
        .args(&[
            Arg::key("key", 0),
            Arg::one_of("key-condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .optional(),
            Arg::one_of("fields-condition", &[Arg::word("fnx", "FNX"), Arg::word("fxx", "FXX")])
                .optional(),
            Arg::one_of(
                "expiration",
                &[EXPIRY[0], EXPIRY[1], EXPIRY[2], EXPIRY[3], Arg::word("keepttl", "KEEPTTL")],
            )
            .optional(),
            Arg::block(
                "fields",
                &[
                    Arg::int("numfields"),
                    Arg::block("data", &[FIELD, Arg::string("value")]).multiple(),
                ],
            )
            .token("FIELDS"),
        ]),
    Command::new("hgetdel", hgetdel)
        .arity(-5)
        .of(Group::Hash)
        .flags(WRITE_FAST)
        .acl(Categories::HASH)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE))])
        .summary("Returns the values of hash fields after deleting them.")
        .complexity("O(N) where N is the number of specified fields.")
        .since("8.0.0")
        .args(&[Arg::key("key", 0), FIELDS]),
];

/// HGETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT
/// unix-time-milliseconds | PERSIST] FIELDS numfields field [field ...]
fn hgetex(ctx: &mut Ctx) -> Outcome {
    let now = ctx.state.keyspace.horizon();
    let options = Options::parse(&ctx.args, ctx.state.keyspace.now(), Caller::GetEx)?;
    let deadline = match options.expiry {
        Expiry::At(at) => Some(at),
        Expiry::Persist => None,
        Expiry::Unsaid | Expiry::Keep => return reply_fields(ctx, options.first),
    };
    match deadline {
        Some(at) if at <= now => take_fields(ctx, options.first),
        _ => touch_fields(ctx, options.first, deadline),
    }
}

/// Replies with the fields from argument `first` on and gives them a deadline, or none.
fn touch_fields(ctx: &mut Ctx, first: usize, deadline: Option<i64>) -> Outcome {
    let changes = |hash: &mut Hash, field: &[u8], now| {
        let old = hash.as_ref().deadline(field, now);
        let is_new = old.is_some() && (deadline.is_some() || old != Some(None));
        if is_new {
            hash.set_deadline(field, deadline);
        }
        is_new
    };
    let (changed, _) = reply_and_change(ctx, first, changes)?;
    if !changed.is_empty() {
        let event = if deadline.is_some() { "hexpire" } else { "hpersist" };
        ctx.modified(ctx.arg(1), EventClass::Hash, event);
        effect_deadline(ctx, ctx.arg(1), deadline, &changed);
    }
    Ok(())
}

/// Replies with the fields from argument `first` on and removes them.
fn take_fields(ctx: &mut Ctx, first: usize) -> Outcome {
    let (removed, after) =
        reply_and_change(ctx, first, |hash, field, now| hash.remove(field, now))?;
    notify_removed(ctx, ctx.arg(1), removed.len(), after);
    effect_removed(ctx, ctx.arg(1), &removed);
    Ok(())
}

/// Replies with the fields from argument `first` on, each before `change` sees it, which says
/// whether it changed it; those that it did.
fn reply_and_change<'a>(
    ctx: &mut Ctx<'a>,
    first: usize,
    mut change_field: impl FnMut(&mut Hash, &[u8], i64) -> bool,
) -> Result<(Vec<&'a [u8]>, After), Reject> {
    let (key, fields) = (ctx.arg(1), ctx.args.from(first));
    let now = ctx.state.keyspace.horizon();
    let (db, reply) = ctx.db_and_reply();
    let found = hash(db.read(key))?.is_some();
    reply.array(fields.len());
    if !found {
        fields.for_each(|_| reply.null());
        return Ok((Vec::new(), After::Absent));
    }
    let changed = db.change(key, |hash: &mut Hash| {
        let changed = fields.filter(|field| {
            reply_value(reply, hash.as_ref().get(field, now));
            change_field(hash, field, now)
        });
        changed.collect()
    })?;
    Ok(changed)
}

/// HGETDEL key FIELDS numfields field [field ...]
fn hgetdel(ctx: &mut Ctx) -> Outcome {
    let first = fields_at(&ctx.args, 2, 1)?;
    take_fields(ctx, first)
}

/// HSETEX key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT
/// unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]
fn hsetex(ctx: &mut Ctx) -> Outcome {
    let (key, args) = (ctx.arg(1), ctx.args);
    let now = ctx.state.keyspace.horizon();
    let options = Options::parse(&args, ctx.state.keyspace.now(), Caller::SetEx)?;
    let old = hash(ctx.db().write_lookup(key))?;
    if !holds(&options, old, args.from(options.first).step_by(2), now) {
        ctx.reply.integer(0);
        return Ok(());
    }
    match options.expiry {
        Expiry::At(at) if at <= now => {
            // Set and gone at once: nothing of it is left, nor of what was there.
            let (removed, after) = ctx.db().change(key, |hash: &mut Hash| {
                let fields = args.from(options.first).step_by(2);
                fields.filter(|field| hash.remove(field, now)).collect::<Vec<_>>()
            })?;
            notify_removed(ctx, key, removed.len(), after);
            effect_removed(ctx, key, &removed);
        }
        Expiry::At(at) => {
            set_fields(ctx, options.first, Ttl::At(at))?;
            ctx.notify(key, EventClass::Hash, "hexpire");
            let fields: Vec<_> = args.from(options.first).step_by(2).collect();
            effect_deadline(ctx, key, Some(at), &fields);
        }
        Expiry::Keep => {
            set_fields(ctx, options.first, Ttl::Keep)?;
            for field in args.from(options.first).step_by(2) {
                let hash = hash(ctx.db().write_lookup(key))?;
                if let Some(Some(at)) = hash.and_then(|hash| hash.deadline(field, now)) {
                    effect_deadline(ctx, key, Some(at), &[field]);
                }
            }
        }
        Expiry::Unsaid | Expiry::Persist => set_fields(ctx, options.first, Ttl::Clear)?,
    }
    ctx.reply.integer(1);
    Ok(())
}

/// Whether the key and its fields meet the conditions of a call.
fn holds<'a>(
    options: &Options,
    hash: Option<HashRef<'_>>,
    mut fields: impl Iterator<Item = &'a [u8]>,
    now: i64,
) -> bool {
    let has = |field: &[u8]| hash.is_some_and(|hash| hash.get(field, now).is_some());
    let key = match options.key {
        Condition::None => true,
        Condition::Missing => hash.is_none(),
        Condition::Present => hash.is_some(),
    };
    key && match options.fields {
        Condition::None => true,
        Condition::Missing => !fields.any(has),
        Condition::Present => fields.all(has),
    }
}

/// Sets the fields from argument `first` on, each with its value behind it.
fn set_fields(ctx: &mut Ctx, first: usize, ttl: Ttl) -> Outcome {
    let (key, args) = (ctx.arg(1), ctx.args);
    let (now, limits) = (ctx.state.keyspace.horizon(), limits(&ctx.state.config));
    ctx.db().change(key, |hash: &mut Hash| {
        hash.make_room(args.from(first), limits);
        for at in (first..args.len()).step_by(2) {
            hash.set(args.at(at), args.at(at + 1), ttl, now, limits);
        }
    })?;
    ctx.modified(key, EventClass::Hash, "hset");
    ctx.effect_of(|| [&b"HSET"[..], key].into_iter().chain(args.from(first)).collect());
    Ok(())
}
