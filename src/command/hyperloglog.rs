//! HyperLogLog commands: string values that estimate how many different elements were added.
//!
//! Invariant: a string that is corrupted is refused and stays as it is.

use super::ctx::{Ctx, EventClass, string};
use super::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::keyspace::{Db, Expiry};
use crate::resp::Args;
use crate::resp::errors::{self, Outcome, Reject};
use crate::types::hll::{self, Corrupted, Form, Sketch, Union, View};
use crate::types::{StringRef, ValueRef};

const RW_ACCESS: KeyFlags = KeyFlags::RW.or(KeyFlags::ACCESS);

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("pfadd", pfadd)
        .arity(-2)
        .of(Group::HyperLogLog)
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
        .acl(Categories::HYPERLOGLOG)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::INSERT))])
        .summary("Adds elements to a HyperLogLog key. Creates the key if it doesn't exist.")
        .complexity("O(1) to add every element.")
        .since("2.8.9")
        .args(&[Arg::key("key", 0), Arg::string("element").optional().multiple()]),
    Command::new("pfcount", pfcount)
        .arity(-2)
        .of(Group::HyperLogLog)
        .flags(Flags::READONLY.or(Flags::MAY_REPLICATE))
        .acl(Categories::HYPERLOGLOG)
        .keys(&[KeySpec::range(1, -1, 1).flags(RW_ACCESS).notes(
            "RW because it may change the internal representation of the key, and propagate to \
             replicas",
        )])
        .summary(
            "Returns the approximated cardinality of the set(s) observed by the HyperLogLog \
             key(s).",
        )
        .complexity(
            "O(1) with a very small average constant time when called with a single key. O(N) \
             with N being the number of keys, and much bigger constant times, when called with \
             multiple keys.",
        )
        .since("2.8.9")
        .args(&[Arg::key("key", 0).multiple()]),
    Command::new("pfmerge", pfmerge)
        .arity(-2)
        .of(Group::HyperLogLog)
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .acl(Categories::HYPERLOGLOG)
        .keys(&[
            KeySpec::at(1).flags(RW_ACCESS.or(KeyFlags::INSERT)),
            KeySpec::range(2, -1, 1).flags(KeyFlags::RO.or(KeyFlags::ACCESS)),
        ])
        .summary("Merges one or more HyperLogLog values into a single key.")
        .complexity("O(N) to merge N HyperLogLogs, but with high constant times.")
        .since("2.8.9")
        .args(&[Arg::key("destkey", 0), Arg::key("sourcekey", 1).optional().multiple()]),
    Command::new("pfdebug", pfdebug)
        .arity(3)
        .of(Group::HyperLogLog)
        .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::ADMIN).or(Flags::SYSCMD))
        .acl(Categories::HYPERLOGLOG)
        .keys(&[KeySpec::at(2).flags(RW_ACCESS)])
        .summary("Internal commands for debugging HyperLogLog values.")
        .complexity("N/A")
        .since("2.8.9")
        .args(&[Arg::string("subcommand"), Arg::key("key", 0)]),
    Command::new("pfselftest", pfselftest)
        .arity(1)
        .of(Group::HyperLogLog)
        .flags(Flags::ADMIN.or(Flags::SYSCMD))
        .acl(Categories::HYPERLOGLOG)
        .summary("An internal command for testing HyperLogLog values.")
        .complexity("N/A")
        .since("2.8.9"),
];

/// PFADD key [element [element ...]]
fn pfadd(ctx: &mut Ctx) -> Outcome {
    let (key, elements) = (ctx.arg(1), ctx.args.after(2));
    let sparse_bytes_max = ctx.state.config.hll_sparse_max_bytes;
    let (db, reply) = ctx.db_and_reply();
    let changed = match hyperloglog(db.write_lookup(key))? {
        None => add_sparse(db, key, Sketch::new(sparse_bytes_max), elements, true)?,
        Some(hll) if hll.form() == Form::Sparse => {
            let copy = Sketch::copy(hll, sparse_bytes_max).map_err(corrupted)?;
            add_sparse(db, key, copy, elements, false)?
        }
        Some(hll) => {
            let first = elements.from(0).position(|element| hll.dense_lacks(element));
            add_dense(db, key, first.map(|first| elements.after(first)))
        }
    };
    reply.integer(i64::from(changed));
    if changed {
        ctx.modified(key, EventClass::String, "pfadd");
    }
    Ok(())
}

/// Adds to a HyperLogLog beside its key, where it can still be found corrupted, and puts it there.
fn add_sparse(
    db: &mut Db,
    key: &[u8],
    mut hll: Sketch,
    elements: Args<'_>,
    created: bool,
) -> Result<bool, Reject> {
    let mut changed = created;
    for element in elements.from(0) {
        changed |= hll.add(element).map_err(corrupted)?;
    }
    if changed {
        hll.make_stale();
        db.set_raw(key, hll.into_bytes(), Expiry::Keep);
    } else {
        db.make_raw(key);
    }
    Ok(changed)
}

/// Adds to a HyperLogLog in its place; the first of `elements`, if any, changes it.
fn add_dense(db: &mut Db, key: &[u8], elements: Option<Args<'_>>) -> bool {
    let Some(elements) = elements else {
        db.make_raw(key);
        return false;
    };
    let bytes = db.string_mut(key, 0);
    for element in elements.from(0) {
        hll::add_dense(bytes, element);
    }
    hll::make_stale(bytes);
    true
}

/// PFCOUNT key [key ...]
fn pfcount(ctx: &mut Ctx) -> Outcome {
    let keys = ctx.args.after(1);
    let count = match keys.len() {
        1 => count_one(ctx, keys.at(0))?,
        _ => union(ctx.db(), keys)?.count(),
    };
    ctx.reply.integer(count.cast_signed());
    Ok(())
}

/// The estimate that the key keeps, made anew if it is stale. That one is kept counts as a change
/// of the key, as in Redis.
fn count_one(ctx: &mut Ctx, key: &[u8]) -> Result<u64, Reject> {
    let db = ctx.db();
    let Some(hll) = hyperloglog(db.read(key))? else { return Ok(0) };
    if let Some(estimate) = hll.estimate() {
        db.make_raw(key);
        return Ok(estimate);
    }
    let count = hll.count().map_err(corrupted)?;
    hll::keep_estimate(db.string_mut(key, 0), count);
    ctx.touched(key);
    Ok(count)
}

/// PFMERGE destkey [sourcekey [sourcekey ...]]
fn pfmerge(ctx: &mut Ctx) -> Outcome {
    let (destination, keys) = (ctx.arg(1), ctx.args.after(1));
    let sparse_bytes_max = ctx.state.config.hll_sparse_max_bytes;
    let (db, reply) = ctx.db_and_reply();
    let union = union(db, keys)?;
    let mut merged = match hyperloglog(db.write_lookup(destination))? {
        None => Sketch::new(sparse_bytes_max),
        Some(hll) => Sketch::copy(hll, sparse_bytes_max).map_err(corrupted)?,
    };
    union.write_to(&mut merged).map_err(corrupted)?;
    db.set_raw(destination, merged.into_bytes(), Expiry::Keep);
    reply.ok();
    ctx.modified(destination, EventClass::String, "pfadd");
    Ok(())
}

/// PFDEBUG GETREG | DECODE | ENCODING | TODENSE key
fn pfdebug(ctx: &mut Ctx) -> Outcome {
    let (subcommand, key) = (ctx.arg(1), ctx.arg(2));
    let (db, reply) = ctx.db_and_reply();
    let hll = hyperloglog(db.write_lookup(key))?.ok_or(errors::HLL_NO_KEY)?;
    let sparse = hll.form() == Form::Sparse;
    match subcommand.to_ascii_lowercase().as_slice() {
        b"getreg" => {
            let registers = hll.registers().map_err(corrupted)?;
            make_dense(db, key)?;
            reply.array(registers.len());
            registers.iter().for_each(|value| reply.integer(i64::from(*value)));
        }
        b"decode" if !sparse => return Err(errors::HLL_NOT_SPARSE.into()),
        b"decode" => reply.bulk(hll.decode().map_err(corrupted)?.as_bytes()),
        b"encoding" => reply.simple(if sparse { "sparse" } else { "dense" }),
        b"todense" => {
            make_dense(db, key)?;
            reply.integer(i64::from(sparse));
        }
        _ => return Err(errors::unknown_pfdebug(subcommand)),
    }
    Ok(())
}

fn make_dense(db: &mut Db, key: &[u8]) -> Outcome {
    if let Some(hll) = hyperloglog(db.peek(key))?.filter(|hll| hll.form() == Form::Sparse) {
        let dense = hll.to_dense().map_err(corrupted)?;
        db.set_raw(key, dense, Expiry::Keep);
    }
    Ok(())
}

/// PFSELFTEST
fn pfselftest(ctx: &mut Ctx) -> Outcome {
    let sparse_bytes_max = ctx.state.config.hll_sparse_max_bytes;
    hll::self_test(&mut ctx.state.rng, sparse_bytes_max).map_err(|text| format!("ERR {text}"))?;
    ctx.reply.ok();
    Ok(())
}

/// The union of the HyperLogLogs at `keys`; a key that is missing adds nothing.
fn union(db: &mut Db, keys: Args<'_>) -> Result<Union, Reject> {
    let mut union = Union::new();
    for key in keys.from(0) {
        if let Some(hll) = hyperloglog(db.read(key))? {
            union.add(hll).map_err(corrupted)?;
        }
    }
    Ok(union)
}

/// Narrows a value to a HyperLogLog.
fn hyperloglog(value: Option<ValueRef<'_>>) -> Result<Option<View<'_>>, Reject> {
    match string(value)? {
        None => Ok(None),
        Some(StringRef::Str(bytes)) => View::new(bytes).ok_or(errors::NOT_HLL.into()).map(Some),
        Some(_) => Err(errors::NOT_HLL.into()),
    }
}

fn corrupted(_: Corrupted) -> Reject {
    errors::HLL_CORRUPTED.into()
}
