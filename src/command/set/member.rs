//! Members by name: added, removed, moved, asked for, listed.

use super::{
    KEY_AND_MEMBER, KEY_AND_MEMBERS, READ_FAST, READ_ONE, WRITE_FAST, read_set, reply_set, set,
};
use crate::command::ctx::{Ctx, EventClass};
use crate::command::scan::{self, Extra, Options};
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::ds::listpack::Item;
use crate::keyspace::After;
use crate::resp::errors::Outcome;
use crate::types::set::{Limits, Set};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("sadd", sadd)
        .arity(-3)
        .of(Group::Set)
        .flags(WRITE_FAST.or(Flags::DENYOOM))
        .acl(Categories::SET)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::INSERT))])
        .element(2)
        .summary("Adds one or more members to a set. Creates the key if it doesn't exist.")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called \
             with multiple arguments.",
        )
        .since("1.0.0")
        .history(&[("2.4.0", "Accepts multiple `member` arguments.")])
        .args(KEY_AND_MEMBERS),
    Command::new("srem", srem)
        .arity(-3)
        .of(Group::Set)
        .flags(WRITE_FAST)
        .acl(Categories::SET)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::DELETE))])
        .element(2)
        .summary(
            "Removes one or more members from a set. Deletes the set if the last member was \
             removed.",
        )
        .complexity("O(N) where N is the number of members to be removed.")
        .since("1.0.0")
        .history(&[("2.4.0", "Accepts multiple `member` arguments.")])
        .args(KEY_AND_MEMBERS),
    Command::new("smove", smove)
        .arity(4)
        .of(Group::Set)
        .flags(WRITE_FAST)
        .acl(Categories::SET)
        .keys(&[
            KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE)),
            KeySpec::at(2).flags(KeyFlags::RW.or(KeyFlags::INSERT)),
        ])
        .summary("Moves a member from one set to another.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("source", 0), Arg::key("destination", 1), Arg::string("member")]),
    Command::new("sismember", sismember)
        .arity(3)
        .of(Group::Set)
        .flags(READ_FAST)
        .acl(Categories::SET)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RO)])
        .element(2)
        .summary("Determines whether a member belongs to a set.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(KEY_AND_MEMBER),
    Command::new("smismember", smismember)
        .arity(-3)
        .of(Group::Set)
        .flags(READ_FAST)
        .acl(Categories::SET)
        .keys(READ_ONE)
        .summary("Determines whether multiple members belong to a set.")
        .complexity("O(N) where N is the number of elements being checked for membership")
        .since("6.2.0")
        .args(KEY_AND_MEMBERS),
    Command::new("scard", scard)
        .arity(2)
        .of(Group::Set)
        .flags(READ_FAST)
        .acl(Categories::SET)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RO)])
        .summary("Returns the number of members in a set.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("smembers", smembers)
        .arity(2)
        .of(Group::Set)
        .flags(Flags::READONLY)
        .acl(Categories::SET)
        .keys(READ_ONE)
        .summary("Returns all members of a set.")
        .complexity("O(N) where N is the set cardinality.")
        .since("1.0.0")
        .tips(&["nondeterministic_output_order"])
        .args(&[Arg::key("key", 0)]),
    Command::new("sscan", sscan)
        .arity(-3)
        .of(Group::Set)
        .flags(Flags::READONLY)
        .acl(Categories::SET)
        .keys(READ_ONE)
        .summary("Iterates over members of a set.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command calls \
             for the cursor to return back to 0. N is the number of elements inside the collection.",
        )
        .since("2.8.0")
        .tips(&["nondeterministic_output"])
        .args(&[
            Arg::key("key", 0),
            Arg::int("cursor"),
            Arg::pattern("pattern").token("MATCH").optional(),
            Arg::int("count").token("COUNT").optional(),
        ]),
];

/// SADD key member [member ...]
fn sadd(ctx: &mut Ctx) -> Outcome {
    let (key, first, members) = (ctx.arg(1), ctx.arg(2), ctx.args.from(2));
    let limits = Limits::of(&ctx.state.config);
    let (added, _) = ctx.db().change(key, |set: &mut Set| {
        match set.is_empty() {
            true => *set = Set::for_members(first, members.len(), &limits),
            false => set.expect(members.len(), &limits),
        }
        members.filter(|member| set.add(Item::Text(member), &limits)).count()
    })?;
    if added > 0 {
        ctx.modified(key, EventClass::Set, "sadd");
        ctx.count_changes(added);
    }
    ctx.reply.integer(added as i64);
    Ok(())
}

/// SREM key member [member ...]
fn srem(ctx: &mut Ctx) -> Outcome {
    let (key, members) = (ctx.arg(1), ctx.args.from(2));
    let remove = |set: &mut Set| members.filter(|m| set.remove(Item::Text(m))).count();
    let (removed, after) = ctx.db().change_old(key, remove)?.unwrap_or((0, After::Absent));
    if removed > 0 {
        ctx.modified(key, EventClass::Set, "srem");
        ctx.count_changes(removed);
    }
    if after == After::Removed {
        ctx.notify(key, EventClass::Generic, "del");
    }
    ctx.reply.integer(removed as i64);
    Ok(())
}

/// SMOVE source destination member
fn smove(ctx: &mut Ctx) -> Outcome {
    let (source, destination, member) = (ctx.arg(1), ctx.arg(2), Item::Text(ctx.arg(3)));
    let Some(from) = set(ctx.db().write_lookup(source))? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let moves = from.contains(member);
    set(ctx.db().write_lookup(destination))?;
    if moves && source != destination {
        move_member(ctx, source, destination, member)?;
    }
    ctx.reply.integer(i64::from(moves));
    Ok(())
}

/// Moves a member that the source has.
fn move_member(ctx: &mut Ctx, source: &[u8], destination: &[u8], member: Item<'_>) -> Outcome {
    let limits = Limits::of(&ctx.state.config);
    let (_, after) = ctx.db().change(source, |set: &mut Set| set.remove(member))?;
    ctx.modified(source, EventClass::Set, "srem");
    if after == After::Removed {
        ctx.notify(source, EventClass::Generic, "del");
    }
    let (added, _) = ctx.db().change(destination, |set: &mut Set| {
        if set.is_empty() {
            *set = Set::for_members(&member.to_vec(), 1, &limits);
        }
        set.add(member, &limits)
    })?;
    if added {
        ctx.modified(destination, EventClass::Set, "sadd");
    }
    Ok(())
}

/// SISMEMBER key member
fn sismember(ctx: &mut Ctx) -> Outcome {
    let (key, member) = (ctx.arg(1), Item::Text(ctx.arg(2)));
    let found = read_set(ctx, key)?.is_some_and(|set| set.contains(member));
    ctx.reply.integer(i64::from(found));
    Ok(())
}

/// SMISMEMBER key member [member ...]
fn smismember(ctx: &mut Ctx) -> Outcome {
    let (key, members) = (ctx.arg(1), ctx.args.from(2));
    let (db, reply) = ctx.db_and_reply();
    let set = set(db.read(key))?;
    reply.array(members.len());
    for member in members {
        reply.integer(i64::from(set.is_some_and(|set| set.contains(Item::Text(member)))));
    }
    Ok(())
}

/// SCARD key
fn scard(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let len = read_set(ctx, key)?.map_or(0, |set| set.len());
    ctx.reply.integer(len as i64);
    Ok(())
}

/// SMEMBERS key
fn smembers(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let (db, reply) = ctx.db_and_reply();
    match set(db.read(key))? {
        Some(set) => reply_set(reply, set),
        None => reply.set(0),
    }
    Ok(())
}

/// SSCAN key cursor [MATCH pattern] [COUNT count]
fn sscan(ctx: &mut Ctx) -> Outcome {
    let (key, args) = (ctx.arg(1), ctx.args);
    let cursor = scan::cursor(&args, 2)?;
    let (db, reply) = ctx.db_and_reply();
    let Some(set) = set(db.read(key))? else {
        // Redis does not look at the options of a scan over nothing.
        scan::reply(reply, |_| 0);
        return Ok(());
    };
    let options = Options::parse(&args, 3, Extra::None)?;
    scan::reply(reply, |found| {
        set.scan(cursor, options.count, &mut |member| {
            let mut buffer = itoa::Buffer::new();
            let text = member.text(&mut buffer);
            if options.matches(text) {
                found.push(text);
            }
        })
    });
    Ok(())
}
