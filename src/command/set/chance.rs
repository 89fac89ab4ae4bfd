//! Members by chance: shown by SRANDMEMBER, taken out by SPOP.

use super::{READ_ONE, WRITE_FAST, reply_set, set};
use crate::command::bounded;
use crate::command::ctx::{Ctx, EventClass};
use crate::command::item::reply_item;
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::keyspace::After;
use crate::resp::errors::{self, Outcome};
use crate::types::set::{Limits, Set, SetRef, algebra};

/// Members that one SREM tells of, as in Redis.
const EFFECT_MEMBERS_MAX: usize = 1024;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("spop", spop)
        .arity(-2)
        .of(Group::Set)
        .flags(WRITE_FAST)
        .acl(Categories::SET)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE))])
        .summary(
            "Returns one or more random members from a set after removing them. Deletes the set \
             if the last member was popped.",
        )
        .complexity(
            "Without the count argument O(1), otherwise O(N) where N is the value of the passed \
             count.",
        )
        .since("1.0.0")
        .history(&[("3.2.0", "Added the `count` argument.")])
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0), Arg::int("count").since("3.2.0").optional()]),
    Command::new("srandmember", srandmember)
        .arity(-2)
        .of(Group::Set)
        .flags(Flags::READONLY)
        .acl(Categories::SET)
        .keys(READ_ONE)
        .summary("Get one or multiple random members from a set")
        .complexity(
            "Without the count argument O(1), otherwise O(N) where N is the absolute value of the \
             passed count.",
        )
        .since("1.0.0")
        .history(&[("2.6.0", "Added the optional `count` argument.")])
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0), Arg::int("count").since("2.6.0").optional()]),
];

/// SPOP key [count]
fn spop(ctx: &mut Ctx) -> Outcome {
    match ctx.args.len() {
        2 => spop_one(ctx),
        3 => spop_count(ctx),
        _ => Err(errors::SYNTAX.into()),
    }
}

fn spop_one(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let (rng, reply) = (&mut ctx.state.rng, &mut ctx.reply);
    let logged = ctx.state.effects.is_on();
    let popped = ctx.state.keyspace.db(ctx.db).change_old(key, |set: &mut Set| {
        let place = set.as_ref().random(rng).expect("a stored set has members");
        let member = set.as_ref().get(place);
        reply_item(reply, member);
        let member = logged.then(|| member.to_vec());
        set.remove_at(place);
        member
    })?;
    let Some((member, after)) = popped else {
        ctx.reply.null();
        return Ok(());
    };
    ctx.modified(key, EventClass::Set, "spop");
    if let Some(member) = member {
        ctx.effect(&[b"SREM", key, &member]);
    }
    if after == After::Removed {
        ctx.notify(key, EventClass::Generic, "del");
    }
    Ok(())
}

fn spop_count(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let count = ctx.args.int_or(2, errors::NOT_POSITIVE)?;
    let count = usize::try_from(count).map_err(|_| errors::NOT_POSITIVE)?;
    let Some(found) = set(ctx.db().write_lookup(key))?.filter(|_| count > 0) else {
        ctx.reply.set(0);
        return Ok(());
    };
    if count >= found.len() {
        return spop_all(ctx, key);
    }
    let limits = Limits::of(&ctx.state.config);
    let (rng, reply) = (&mut ctx.state.rng, &mut ctx.reply);
    reply.set(count);
    let logged = ctx.state.effects.is_on();
    let mut popped = Vec::new();
    ctx.state.keyspace.db(ctx.db).change(key, |set: &mut Set| {
        set.pop(count, &limits, rng, &mut |member| {
            reply_item(reply, member);
            if logged {
                popped.push(member.to_vec());
            }
        });
    })?;
    ctx.modified(key, EventClass::Set, "spop");
    ctx.count_changes(count);
    for members in popped.chunks(EFFECT_MEMBERS_MAX) {
        let members = members.iter().map(Vec::as_slice);
        ctx.effect_of(|| [b"SREM", key].into_iter().chain(members).collect());
    }
    Ok(())
}

/// Replies with the whole set and removes it.
fn spop_all(ctx: &mut Ctx, key: &[u8]) -> Outcome {
    let limits = Limits::of(&ctx.state.config);
    let (db, reply) = ctx.db_and_reply();
    let all = set(db.write_lookup(key))?.expect("the caller saw it");
    let count = all.len();
    match all {
        // Redis replies with the union of this one set, which puts numbers in front in order.
        packed @ SetRef::Packed(_) => reply_set(reply, algebra::union([packed], &limits).as_ref()),
        other => reply_set(reply, other),
    }
    db.remove(key);
    ctx.modified(key, EventClass::Set, "spop");
    ctx.count_changes(count);
    ctx.notify(key, EventClass::Generic, "del");
    ctx.effect(&[b"DEL", key]);
    Ok(())
}

/// SRANDMEMBER key [count]
fn srandmember(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let count = match ctx.args.len() {
        2 => None,
        3 => Some(ctx.args.int_between(2, -i64::MAX, i64::MAX)?),
        _ => return Err(errors::SYNTAX.into()),
    };
    let room = ctx.state.output_room(ctx.id);
    let (rng, reply) = (&mut ctx.state.rng, &mut ctx.reply);
    let found = set(ctx.state.keyspace.db(ctx.db).read(key))?;
    match (found, count) {
        (None, None) => reply.null(),
        (Some(set), None) => {
            let place = set.random(rng).expect("a stored set has members");
            reply_item(reply, set.get(place));
        }
        (None, Some(_)) | (_, Some(0)) => reply.empty_array(),
        (Some(set), Some(count @ 1..)) => {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            reply.array(count.min(set.len()));
            set.sample(count, rng, |member| reply_item(reply, member));
        }
        (Some(set), Some(count)) => {
            let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            let draws = set.draws(rng).take(count);
            return bounded::array(reply, room, count, draws, |reply, member| {
                reply_item(reply, member)
            });
        }
    }
    Ok(())
}
