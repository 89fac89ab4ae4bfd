//! Values read: GET and what reads and changes in one step.
//!
//! Invariant: a value goes from its entry into the reply; nothing copies it in between.

use super::options::{Caller, Options, Ttl};
use super::{
    EX, EXAT, PX, PXAT, READ_AND_UPDATE_ONE, READ_FAST, READ_ONE, WRITE_FAST, WRITE_GROWING_FAST,
    equals, reply_string,
};
use crate::command::ctx::{Ctx, EventClass, string};
use crate::command::spec::{Arg, Categories, Command, Group, KeyFlags, KeySpec};
use crate::keyspace::Expiry;
use crate::resp::errors::Outcome;
use crate::types::StringRef;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("get", get)
        .arity(2)
        .of(Group::String)
        .flags(READ_FAST)
        .acl(Categories::STRING)
        .keys(READ_ONE)
        .summary("Returns the string value of a key.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("getdel", getdel)
        .arity(2)
        .of(Group::String)
        .flags(WRITE_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE))])
        .summary("Returns the string value of a key after deleting the key.")
        .complexity("O(1)")
        .since("6.2.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("getex", getex)
        .arity(-2)
        .of(Group::String)
        .flags(WRITE_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1)
            .flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE))
            .notes("RW and UPDATE because it changes the TTL")])
        .summary("Returns the string value of a key after setting its expiration time.")
        .complexity("O(1)")
        .since("6.2.0")
        .args(&[
            Arg::key("key", 0),
            Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("persist", "PERSIST")])
                .optional(),
        ]),
    Command::new("getset", getset)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(READ_AND_UPDATE_ONE)
        .summary("Returns the previous string value of a key after setting it to a new value.")
        .complexity("O(1)")
        .since("1.0.0")
        .deprecated("6.2.0", "`SET` with the `!GET` argument")
        .args(&[Arg::key("key", 0), Arg::string("value")]),
    Command::new("mget", mget)
        .arity(-2)
        .of(Group::String)
        .flags(READ_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::range(1, -1, 1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))])
        .summary("Atomically returns the string values of one or more keys.")
        .complexity("O(N) where N is the number of keys to retrieve.")
        .since("1.0.0")
        .tips(&["request_policy:multi_shard"])
        .args(&[Arg::key("key", 0).multiple()]),
    Command::new("delifeq", delifeq)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RM.or(KeyFlags::ACCESS).or(KeyFlags::DELETE))])
        .summary("Deletes a key if its string value equals the given one.")
        .complexity("O(1)")
        .since("9.0.0")
        .args(&[Arg::key("key", 0), Arg::string("value")]),
];

/// GET key
fn get(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let (db, reply) = ctx.db_and_reply();
    reply_string(reply, string(db.read(key))?);
    Ok(())
}

/// GETDEL key
fn getdel(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let (db, reply) = ctx.db_and_reply();
    let value = string(db.read(key))?;
    let found = value.is_some();
    reply_string(reply, value);
    if found {
        db.remove(key);
        ctx.modified(key, EventClass::Generic, "del");
        ctx.effect(&[b"DEL", key]);
    }
    Ok(())
}

/// GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds |
/// PERSIST]
fn getex(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let options = Options::parse(&ctx.args, 2, Caller::GetEx)?;
    let (now, horizon) = (ctx.state.keyspace.now(), ctx.state.keyspace.horizon());
    let (db, reply) = ctx.db_and_reply();
    let Some(value) = string(db.read(key))? else {
        // Redis looks at the time only when there is something to expire.
        reply.null();
        return Ok(());
    };
    let deadline = options.deadline(now, Caller::GetEx)?;
    reply_string(reply, Some(value));
    match deadline {
        Some(at) if at <= horizon => {
            db.remove(key);
            ctx.modified(key, EventClass::Generic, "del");
            ctx.effect(&[b"DEL", key]);
        }
        Some(at) => {
            db.set_deadline(key, Some(at));
            ctx.modified(key, EventClass::Generic, "expire");
            ctx.effect_with(&[b"PEXPIREAT", key], at);
        }
        // Without a deadline nothing changes, which nobody must hear of.
        None if options.ttl == Ttl::Persist && db.deadline(key).flatten().is_some() => {
            db.set_deadline(key, None);
            ctx.modified(key, EventClass::Generic, "persist");
            ctx.effect(&[b"PERSIST", key]);
        }
        None => {}
    }
    Ok(())
}

/// GETSET key value
fn getset(ctx: &mut Ctx) -> Outcome {
    let (key, value) = (ctx.arg(1), ctx.arg(2));
    let (db, reply) = ctx.db_and_reply();
    reply_string(reply, string(db.read(key))?);
    db.set(key, value, Expiry::Clear);
    ctx.modified(key, EventClass::String, "set");
    ctx.effect(&[b"SET", key, value]);
    Ok(())
}

/// MGET key [key ...]
fn mget(ctx: &mut Ctx) -> Outcome {
    let (keys, room) = (ctx.args.from(1), ctx.state.output_room(ctx.id));
    let (db, reply) = ctx.db_and_reply();
    db.prefetch_all(keys.clone());
    reply.array(keys.len());
    for key in keys {
        if reply.out.len() > room {
            // Nothing more is sent to a client at his limit.
            break;
        }
        // A key of another type reads as a missing one.
        reply_string(reply, string(db.read(key)).unwrap_or(None));
    }
    Ok(())
}

/// DELIFEQ key value
fn delifeq(ctx: &mut Ctx) -> Outcome {
    let (key, expected) = (ctx.arg(1), ctx.arg(2));
    let (db, reply) = ctx.db_and_reply();
    let equal =
        string(db.write_lookup(key))?.is_some_and(|value: StringRef| equals(value, expected));
    let removed = equal && db.remove(key);
    reply.integer(i64::from(removed));
    if removed {
        ctx.modified(key, EventClass::Generic, "del");
        ctx.effect(&[b"DEL", key]);
    }
    Ok(())
}
