//! Commands that concern keys of any type: existence, names, deadlines, iteration, OBJECT.
//!
//! Invariant: nothing here knows how a value of any type is stored.

use super::ctx::{Ctx, EventClass};
use super::help::reply_help;
use super::scan::{self, Extra, Options};
use super::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::keyspace::{CopyOutcome, KeyInfo, MoveOutcome};
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::{StringRef, ValueRef};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("copy", copy)
        .arity(-3)
        .of(Group::Generic)
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .acl(Categories::KEYSPACE)
        .keys(&[
            KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS)),
            KeySpec::at(2).flags(KeyFlags::OW.or(KeyFlags::UPDATE)),
        ])
        .summary("Copies the value of a key to a new key.")
        .complexity(
            "O(N) worst case for collections, where N is the number of nested items. O(1) \
             for string values.",
        )
        .since("6.2.0")
        .args(&[
            Arg::key("source", 0),
            Arg::key("destination", 1),
            Arg::int("destination-db").token("DB").optional(),
            Arg::word("replace", "REPLACE").optional(),
        ]),
    Command::new("del", del)
        .arity(-2)
        .of(Group::Generic)
        .flags(Flags::WRITE)
        .acl(Categories::KEYSPACE)
        .keys(REMOVE_ALL)
        .summary("Deletes one or more keys.")
        .complexity(
            "O(N) where N is the number of keys that will be removed. When a key to remove \
             holds a value other than a string, the individual complexity for this key is \
             O(M) where M is the number of elements in the list, set, sorted set or hash. \
             Removing a single key that holds a string value is O(1).",
        )
        .since("1.0.0")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
    Command::new("exists", exists)
        .arity(-2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_ALL)
        .summary("Determines whether one or more keys exist.")
        .complexity("O(N) where N is the number of keys to check.")
        .since("1.0.0")
        .history(&[("3.0.3", "Accepts multiple `key` arguments.")])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
    Command::new("expire", expire)
        .arity(-3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(UPDATE_ONE)
        .summary("Sets the expiration time of a key in seconds.")
        .complexity("O(1)")
        .since("1.0.0")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::int("seconds"),
            Arg::one_of("condition", DEADLINE_CONDITION).since("7.0.0").optional(),
        ]),
    Command::new("expireat", expireat)
        .arity(-3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(UPDATE_ONE)
        .summary("Sets the expiration time of a key to a Unix timestamp.")
        .complexity("O(1)")
        .since("1.2.0")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::unix_time("unix-time-seconds"),
            Arg::one_of("condition", DEADLINE_CONDITION).since("7.0.0").optional(),
        ]),
    Command::new("expiretime", expiretime)
        .arity(2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(READ_ONE)
        .summary("Returns the expiration time of a key as a Unix timestamp.")
        .complexity("O(1)")
        .since("7.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("keys", keys)
        .arity(2)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE.or(Categories::DANGEROUS))
        .summary("Returns all key names that match a pattern.")
        .complexity(
            "O(N) with N being the number of keys in the database, under the assumption \
             that the key names in the database and the given pattern have limited \
             length.",
        )
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .args(&[Arg::pattern("pattern")]),
    Command::new("move", move_)
        .arity(3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE))])
        .summary("Moves a key to another database.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::int("db")]),
    Command::group("object", OBJECT)
        .arity(-2)
        .of(Group::Generic)
        .summary("A container for object introspection commands.")
        .complexity("Depends on subcommand.")
        .since("2.2.3"),
    Command::new("persist", persist)
        .arity(2)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(UPDATE_ONE)
        .summary("Removes the expiration time of a key.")
        .complexity("O(1)")
        .since("2.2.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("pexpire", pexpire)
        .arity(-3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(UPDATE_ONE)
        .summary("Sets the expiration time of a key in milliseconds.")
        .complexity("O(1)")
        .since("2.6.0")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::int("milliseconds"),
            Arg::one_of("condition", DEADLINE_CONDITION).since("7.0.0").optional(),
        ]),
    Command::new("pexpireat", pexpireat)
        .arity(-3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(UPDATE_ONE)
        .summary("Sets the expiration time of a key to a Unix milliseconds timestamp.")
        .complexity("O(1)")
        .since("2.6.0")
        .history(&[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")])
        .args(&[
            Arg::key("key", 0),
            Arg::unix_time("unix-time-milliseconds"),
            Arg::one_of("condition", DEADLINE_CONDITION).since("7.0.0").optional(),
        ]),
    Command::new("pexpiretime", pexpiretime)
        .arity(2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(READ_ONE)
        .summary("Returns the expiration time of a key as a Unix milliseconds timestamp.")
        .complexity("O(1)")
        .since("7.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("pttl", pttl)
        .arity(2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(READ_ONE)
        .summary("Returns the expiration time in milliseconds of a key.")
        .complexity("O(1)")
        .since("2.6.0")
        .history(&[("2.8.0", "Added the -2 reply.")])
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("randomkey", randomkey)
        .arity(1)
        .of(Group::Generic)
        .flags(READ_ARBITRARY)
        .acl(Categories::KEYSPACE)
        .summary("Returns a random key name from the database.")
        .complexity("O(1)")
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]),
    Command::new("rename", rename)
        .arity(3)
        .of(Group::Generic)
        .flags(Flags::WRITE)
        .acl(Categories::KEYSPACE)
        .keys(&[
            KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE)),
            KeySpec::at(2).flags(KeyFlags::OW.or(KeyFlags::UPDATE)),
        ])
        .summary("Renames a key and overwrites the destination.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0), Arg::key("newkey", 1)]),
    Command::new("renamenx", renamenx)
        .arity(3)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(&[
            KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE)),
            KeySpec::at(2).flags(KeyFlags::OW.or(KeyFlags::INSERT)),
        ])
        .summary("Renames a key only when the target key name doesn't exist.")
        .complexity("O(1)")
        .since("1.0.0")
        .history(&[(
            "3.2.0",
            "The command no longer returns an error when source and destination names \
             are the same.",
        )])
        .args(&[Arg::key("key", 0), Arg::key("newkey", 1)]),
    Command::new("scan", scan)
        .arity(-2)
        .of(Group::Generic)
        .flags(READ_ARBITRARY)
        .acl(Categories::KEYSPACE)
        .summary("Iterates over the key names in the database.")
        .complexity(
            "O(1) for every call. O(N) for a complete iteration, including enough command \
             calls for the cursor to return back to 0. N is the number of elements inside \
             the collection.",
        )
        .since("2.8.0")
        .history(&[("6.0.0", "Added the `TYPE` subcommand.")])
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .args(&[
            Arg::int("cursor"),
            Arg::pattern("pattern").token("MATCH").optional(),
            Arg::int("count").token("COUNT").optional(),
            Arg::string("type").token("TYPE").since("6.0.0").optional(),
        ]),
    Command::new("touch", touch)
        .arity(-2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_ALL)
        .summary(
            "Returns the number of existing keys out of those specified after updating the \
             time they were last accessed.",
        )
        .complexity("O(N) where N is the number of keys that will be touched.")
        .since("3.2.1")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
    Command::new("ttl", ttl)
        .arity(2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(READ_ONE)
        .summary("Returns the expiration time in seconds of a key.")
        .complexity("O(1)")
        .since("1.0.0")
        .history(&[("2.8.0", "Added the -2 reply.")])
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("type", type_)
        .arity(2)
        .of(Group::Generic)
        .flags(READ_FAST)
        .acl(Categories::KEYSPACE)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RO)])
        .summary("Determines the type of value stored at a key.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("unlink", unlink)
        .arity(-2)
        .of(Group::Generic)
        .flags(WRITE_FAST)
        .acl(Categories::KEYSPACE)
        .keys(REMOVE_ALL)
        .summary("Asynchronously deletes one or more keys.")
        .complexity(
            "O(1) for each key removed regardless of its size. Then the command does O(N) \
             work in a different thread in order to reclaim memory, where N is the number \
             of allocations the deleted objects where composed of.",
        )
        .since("4.0.0")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .args(&[Arg::key("key", 0).multiple()]),
];

const OBJECT: &[Command] = &[
    Command::new("encoding", object_encoding)
        .arity(3)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_OPERAND)
        .summary("Returns the internal encoding of a Redis object.")
        .complexity("O(1)")
        .since("2.2.3")
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("freq", object_freq)
        .arity(3)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_OPERAND)
        .summary("Returns the logarithmic access frequency counter of a Redis object.")
        .complexity("O(1)")
        .since("4.0.0")
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("help", object_help)
        .arity(2)
        .of(Group::Generic)
        .flags(Flags::LOADING.or(Flags::STALE))
        .acl(Categories::KEYSPACE)
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("6.2.0"),
    Command::new("idletime", object_idletime)
        .arity(3)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_OPERAND)
        .summary("Returns the time since the last access to a Redis object.")
        .complexity("O(1)")
        .since("2.2.3")
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
    Command::new("refcount", object_refcount)
        .arity(3)
        .of(Group::Generic)
        .flags(Flags::READONLY)
        .acl(Categories::KEYSPACE)
        .keys(LOOK_AT_OPERAND)
        .summary("Returns the reference count of a value of a key.")
        .complexity("O(1)")
        .since("2.2.3")
        .tips(&["nondeterministic_output"])
        .args(&[Arg::key("key", 0)]),
];

const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_ARBITRARY: Flags = Flags::READONLY.or(Flags::TOUCHES_ARBITRARY_KEYS);
const REMOVE_ALL: &[KeySpec] = &[KeySpec::range(1, -1, 1).flags(KeyFlags::RM.or(KeyFlags::DELETE))];
const LOOK_AT_ALL: &[KeySpec] = &[KeySpec::range(1, -1, 1).flags(KeyFlags::RO)];
const UPDATE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::UPDATE))];
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const LOOK_AT_OPERAND: &[KeySpec] = &[KeySpec::at(2).flags(KeyFlags::RO)];
const DEADLINE_CONDITION: &[Arg] =
    &[Arg::word("nx", "NX"), Arg::word("xx", "XX"), Arg::word("gt", "GT"), Arg::word("lt", "LT")];

/// COPY source destination [DB destination-db] [REPLACE]
fn copy(ctx: &mut Ctx) -> Outcome {
    let (source, destination) = (ctx.arg(1), ctx.arg(2));
    let (mut to_db, mut replace) = (ctx.db, false);
    let mut at = 3;
    while at < ctx.args.len() {
        if ctx.args.is(at, "replace") {
            replace = true;
        } else if ctx.args.is(at, "db") && at + 1 < ctx.args.len() {
            to_db = db_index(ctx, at + 1)?;
            at += 1;
        } else {
            return Err(errors::SYNTAX.into());
        }
        at += 1;
    }
    if to_db == ctx.db && source == destination {
        return Err(errors::SAME_OBJECT.into());
    }
    let copied = ctx.db().read(source).is_some()
        && ctx.state.keyspace.copy_key(ctx.db, source, to_db, destination, replace)
            == CopyOutcome::Copied;
    if copied {
        ctx.modified_in(to_db, destination, EventClass::Generic, "copy_to");
    }
    ctx.reply.integer(copied.into());
    Ok(())
}

/// MOVE key db
fn move_(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let to_db = db_index(ctx, 2)?;
    if to_db == ctx.db {
        return Err(errors::SAME_OBJECT.into());
    }
    let moved = ctx.state.keyspace.move_key(ctx.db, to_db, key) == MoveOutcome::Moved;
    if moved {
        ctx.modified(key, EventClass::Generic, "move_from");
        ctx.modified_in(to_db, key, EventClass::Generic, "move_to");
        ctx.count_changes(0);
    }
    ctx.reply.integer(moved.into());
    Ok(())
}

/// A database number that exists.
pub fn db_index(ctx: &Ctx, index: usize) -> Result<usize, Reject> {
    let number = ctx.args.int_between(index, i32::MIN.into(), i32::MAX.into())?;
    let databases = ctx.state.keyspace.databases();
    usize::try_from(number)
        .ok()
        .filter(|number| *number < databases)
        .ok_or(errors::DB_INDEX_OUT_OF_RANGE.into())
}

/// DEL key [key ...]
fn del(ctx: &mut Ctx) -> Outcome {
    delete(ctx)
}

/// UNLINK key [key ...]
fn unlink(ctx: &mut Ctx) -> Outcome {
    delete(ctx)
}

fn delete(ctx: &mut Ctx) -> Outcome {
    let mut deleted = 0;
    for key in ctx.args.from(1) {
        if ctx.db().remove(key) {
            ctx.modified(key, EventClass::Generic, "del");
            deleted += 1;
        }
    }
    ctx.reply.integer(deleted);
    Ok(())
}

/// EXISTS key [key ...]
fn exists(ctx: &mut Ctx) -> Outcome {
    let keys = ctx.args.from(1);
    let db = ctx.db();
    let found = keys.filter(|key| db.look(key).is_some()).count();
    ctx.reply.integer(found as i64);
    Ok(())
}

/// TOUCH key [key ...]
fn touch(ctx: &mut Ctx) -> Outcome {
    let keys = ctx.args.from(1);
    let db = ctx.db();
    let found = keys.filter(|key| db.read(key).is_some()).count();
    ctx.reply.integer(found as i64);
    Ok(())
}

/// TYPE key
fn type_(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let name = ctx.db().look(key).map_or("none", |value| value.value_type().name());
    ctx.reply.simple(name);
    Ok(())
}

/// RENAME key newkey
fn rename(ctx: &mut Ctx) -> Outcome {
    let (from, to) = (ctx.arg(1), ctx.arg(2));
    if ctx.db().write_lookup(from).is_none() {
        return Err(errors::NO_SUCH_KEY.into());
    }
    if from != to {
        give_name(ctx, from, to);
    }
    ctx.reply.ok();
    Ok(())
}

fn give_name(ctx: &mut Ctx, from: &[u8], to: &[u8]) {
    ctx.state.keyspace.rename(ctx.db, from, to);
    ctx.modified(from, EventClass::Generic, "rename_from");
    ctx.modified(to, EventClass::Generic, "rename_to");
    ctx.count_changes(0);
}

/// RENAMENX key newkey
fn renamenx(ctx: &mut Ctx) -> Outcome {
    let (from, to) = (ctx.arg(1), ctx.arg(2));
    if ctx.db().write_lookup(from).is_none() {
        return Err(errors::NO_SUCH_KEY.into());
    }
    // The new name being the old one counts as taken.
    let free = ctx.db().write_lookup(to).is_none();
    if free {
        give_name(ctx, from, to);
    }
    ctx.reply.integer(free.into());
    Ok(())
}

/// RANDOMKEY
fn randomkey(ctx: &mut Ctx) -> Outcome {
    match ctx.db().random_key() {
        Some(key) => ctx.reply.bulk(&key),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// KEYS pattern
fn keys(ctx: &mut Ctx) -> Outcome {
    let pattern = ctx.arg(1);
    let (db, reply) = ctx.db_and_reply();
    let header = reply.deferred();
    let mut count = 0;
    db.for_each(&mut |key, _, _| {
        if scan::matches(pattern, key) {
            reply.bulk(key);
            count += 1;
        }
    });
    reply.close_array(header, count);
    Ok(())
}

/// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
fn scan(ctx: &mut Ctx) -> Outcome {
    let cursor = scan::cursor(&ctx.args, 1)?;
    let options = Options::parse(&ctx.args, 2, Extra::Type)?;
    let (db, reply) = ctx.db_and_reply();
    scan::reply(reply, |found| {
        db.scan(cursor, options.count, &mut |key, value_type| {
            let typed = options
                .type_name
                .is_none_or(|name| name.eq_ignore_ascii_case(value_type.name().as_bytes()));
            if typed && options.matches(key) {
                found.push(key);
            }
        })
    });
    Ok(())
}

/// EXPIRE key seconds [NX | XX | GT | LT]
fn expire(ctx: &mut Ctx) -> Outcome {
    set_expiry(ctx, Unit::Seconds, Base::Now)
}

/// PEXPIRE key milliseconds [NX | XX | GT | LT]
fn pexpire(ctx: &mut Ctx) -> Outcome {
    set_expiry(ctx, Unit::Milliseconds, Base::Now)
}

/// EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
fn expireat(ctx: &mut Ctx) -> Outcome {
    set_expiry(ctx, Unit::Seconds, Base::Epoch)
}

/// PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
fn pexpireat(ctx: &mut Ctx) -> Outcome {
    set_expiry(ctx, Unit::Milliseconds, Base::Epoch)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    /// Relative to the time of the command.
    Now,
    /// A Unix time.
    Epoch,
}

fn set_expiry(ctx: &mut Ctx, unit: Unit, base: Base) -> Outcome {
    let key = ctx.arg(1);
    let condition = Condition::parse(ctx)?;
    let deadline = deadline(ctx, unit, base)?;
    let Some(current) =
        ctx.db().write_lookup(key).is_some().then(|| ctx.db().deadline(key).flatten())
    else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let allowed = condition.allows(current, deadline);
    if allowed && deadline <= ctx.state.keyspace.horizon() {
        ctx.db().remove(key);
        ctx.modified(key, EventClass::Generic, "del");
        ctx.effect(&[b"DEL", key]);
    } else if allowed {
        ctx.db().set_deadline(key, Some(deadline));
        ctx.modified(key, EventClass::Generic, "expire");
        ctx.effect_with(&[b"PEXPIREAT", key], deadline);
    }
    ctx.reply.integer(allowed.into());
    Ok(())
}

/// The Unix time in milliseconds that argument 2 means.
fn deadline(ctx: &Ctx, unit: Unit, base: Base) -> Result<i64, Reject> {
    let value = ctx.args.int(2)?;
    let scaled = if unit == Unit::Seconds { value.checked_mul(1000) } else { Some(value) };
    let base = if base == Base::Now { ctx.state.keyspace.now() } else { 0 };
    let sum = scaled.and_then(|scaled| scaled.checked_add(base));
    sum.ok_or_else(|| {
        errors::invalid_expire(&String::from_utf8_lossy(ctx.arg(0)).to_ascii_lowercase())
    })
}

/// NX, XX, GT and LT of the EXPIRE family.
#[derive(Clone, Copy, Default)]
struct Condition {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Condition {
    fn parse(ctx: &Ctx) -> Result<Condition, Reject> {
        let mut condition = Condition::default();
        for at in 3..ctx.args.len() {
            let flag = match ctx.arg(at).to_ascii_lowercase().as_slice() {
                b"nx" => &mut condition.nx,
                b"xx" => &mut condition.xx,
                b"gt" => &mut condition.gt,
                b"lt" => &mut condition.lt,
                _ => return Err(errors::unsupported_option(ctx.arg(at))),
            };
            *flag = true;
        }
        let Condition { nx, xx, gt, lt } = condition;
        if nx && (xx || gt || lt) {
            return Err(errors::EXPIRE_NX_WITH_OTHERS.into());
        }
        if gt && lt {
            return Err(errors::EXPIRE_GT_AND_LT.into());
        }
        Ok(condition)
    }

    /// Whether a key with deadline `current` may get `new`. No deadline counts as infinitely far.
    fn allows(self, current: Option<i64>, new: i64) -> bool {
        (!self.nx || current.is_none())
            && (!self.xx || current.is_some())
            && (!self.gt || current.is_some_and(|current| new > current))
            && (!self.lt || current.is_none_or(|current| new < current))
    }
}

/// PERSIST key
fn persist(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let had_deadline =
        ctx.db().write_lookup(key).is_some() && ctx.db().deadline(key).flatten().is_some();
    if had_deadline {
        ctx.db().set_deadline(key, None);
        ctx.modified(key, EventClass::Generic, "persist");
    }
    ctx.reply.integer(had_deadline.into());
    Ok(())
}

/// TTL key
fn ttl(ctx: &mut Ctx) -> Outcome {
    reply_deadline(ctx, |deadline, now| ((deadline - now).max(0) + 500) / 1000)
}

/// PTTL key
fn pttl(ctx: &mut Ctx) -> Outcome {
    reply_deadline(ctx, |deadline, now| (deadline - now).max(0))
}

/// EXPIRETIME key
fn expiretime(ctx: &mut Ctx) -> Outcome {
    reply_deadline(ctx, |deadline, _| deadline.saturating_add(500) / 1000)
}

/// PEXPIRETIME key
fn pexpiretime(ctx: &mut Ctx) -> Outcome {
    reply_deadline(ctx, |deadline, _| deadline)
}

/// -2 without the key, -1 without a deadline, else what `present` makes of deadline and now.
fn reply_deadline(ctx: &mut Ctx, present: fn(i64, i64) -> i64) -> Outcome {
    let key = ctx.arg(1);
    let now = ctx.state.keyspace.now();
    let found = ctx.db().look(key).is_some();
    let deadline = ctx.db().deadline(key).flatten();
    ctx.reply.integer(match deadline {
        _ if !found => -2,
        None => -1,
        Some(deadline) => present(deadline, now),
    });
    Ok(())
}

/// OBJECT ENCODING key
fn object_encoding(ctx: &mut Ctx) -> Outcome {
    let Some(info) = object_info(ctx) else { return Ok(()) };
    ctx.reply.bulk(info.encoding.name().as_bytes());
    Ok(())
}

/// OBJECT REFCOUNT key
fn object_refcount(ctx: &mut Ctx) -> Outcome {
    if object_info(ctx).is_none() {
        return Ok(());
    }
    // Redis has one object for each integer below 10,000 and reports INT_MAX as its references,
    // unless an LRU or LFU policy needs a clock per key.
    let key = ctx.arg(2);
    let shared = match ctx.db().peek(key) {
        Some(ValueRef::String(StringRef::Int(value))) => (0..10_000).contains(&value),
        _ => false,
    };
    let policy = ctx.state.config.maxmemory_policy;
    let needs_clock = ctx.state.maxmemory() > 0 && (policy.is_lru() || policy.is_lfu());
    let shared = shared && !needs_clock;
    ctx.reply.integer(if shared { i32::MAX.into() } else { 1 });
    Ok(())
}

/// OBJECT IDLETIME key
fn object_idletime(ctx: &mut Ctx) -> Outcome {
    let Some(info) = object_info(ctx) else { return Ok(()) };
    if ctx.state.config.maxmemory_policy.is_lfu() {
        return Err(errors::OBJECT_IDLETIME.into());
    }
    ctx.reply.integer(info.idle_seconds as i64);
    Ok(())
}

/// OBJECT FREQ key
fn object_freq(ctx: &mut Ctx) -> Outcome {
    let Some(info) = object_info(ctx) else { return Ok(()) };
    if !ctx.state.config.maxmemory_policy.is_lfu() {
        return Err(errors::OBJECT_FREQ.into());
    }
    ctx.reply.integer(info.frequency.into());
    Ok(())
}

/// What is known of the key in argument 2; replies null without it.
fn object_info(ctx: &mut Ctx) -> Option<KeyInfo> {
    let key = ctx.arg(2);
    let info = ctx.db().examine(key).is_some().then(|| ctx.db().info(key)).flatten();
    if info.is_none() {
        ctx.reply.null();
    }
    info
}

/// OBJECT HELP
fn object_help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, OBJECT_HELP);
    Ok(())
}

const OBJECT_HELP: &[&str] = &[
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
];
