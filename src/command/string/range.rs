//! Values by position: length, parts, and growth up to proto-max-bulk-len.
//!
//! Invariant: no string grows past the limit, and none grows before it was checked.

use super::{READ_FAST, READ_ONE, WRITE_GROWING, WRITE_GROWING_FAST, select, text, text_or_empty};
use crate::command::ctx::{Ctx, EventClass, string};
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::keyspace::Expiry;
use crate::resp::errors::{self, Outcome};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("append", append)
        .arity(3)
        .of(Group::String)
        .flags(WRITE_GROWING_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::INSERT))])
        .summary("Appends a string to the value of a key. Creates the key if it doesn't exist.")
        .complexity(
            "O(1). The amortized time complexity is O(1) assuming the appended value is \
             small and the already present value is of any size, since the dynamic string \
             library used by Redis will double the free space available on every \
             reallocation.",
        )
        .since("2.0.0")
        .args(&[Arg::key("key", 0), Arg::string("value")]),
    Command::new("strlen", strlen)
        .arity(2)
        .of(Group::String)
        .flags(READ_FAST)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RO)])
        .summary("Returns the length of a string value.")
        .complexity("O(1)")
        .since("2.2.0")
        .args(&[Arg::key("key", 0)]),
    Command::new("getrange", getrange)
        .arity(4)
        .of(Group::String)
        .flags(Flags::READONLY)
        .acl(Categories::STRING)
        .keys(READ_ONE)
        .summary("Returns a substring of the string stored at a key.")
        .complexity(
            "O(N) where N is the length of the returned string. The complexity is \
             ultimately determined by the returned length, but because creating a \
             substring from an existing string is very cheap, it can be considered O(1) \
             for small strings.",
        )
        .since("2.4.0")
        .args(RANGE),
    Command::new("substr", substr)
        .arity(4)
        .of(Group::String)
        .flags(Flags::READONLY)
        .acl(Categories::STRING)
        .keys(READ_ONE)
        .summary("Returns a substring from a string value.")
        .complexity(
            "O(N) where N is the length of the returned string. The complexity is \
             ultimately determined by the returned length, but because creating a \
             substring from an existing string is very cheap, it can be considered O(1) \
             for small strings.",
        )
        .since("1.0.0")
        .deprecated("2.0.0", "`GETRANGE`")
        .args(RANGE),
    Command::new("setrange", setrange)
        .arity(4)
        .of(Group::String)
        .flags(WRITE_GROWING)
        .acl(Categories::STRING)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::UPDATE))])
        .summary(
            "Overwrites a part of a string value with another by an offset. Creates the key \
             if it doesn't exist.",
        )
        .complexity(
            "O(1), not counting the time taken to copy the new string in place. Usually, \
             this string is very small so the amortized complexity is O(1). Otherwise, \
             complexity is O(M) with M being the length of the value argument.",
        )
        .since("2.2.0")
        .args(&[Arg::key("key", 0), Arg::int("offset"), Arg::string("value")]),
];

const RANGE: &[Arg] = &[Arg::key("key", 0), Arg::int("start"), Arg::int("end")];

/// APPEND key value
fn append(ctx: &mut Ctx) -> Outcome {
    let (key, value) = (ctx.arg(1), ctx.arg(2));
    let limit = ctx.state.config.proto_max_bulk_len;
    ctx.state.room_for(value.len())?;
    let (db, reply) = ctx.db_and_reply();
    let Some(old) = string(db.write_lookup(key))? else {
        db.set(key, value, Expiry::Clear);
        reply.integer(value.len() as i64);
        ctx.modified(key, EventClass::String, "append");
        return Ok(());
    };
    let old_len = text(old, &mut itoa::Buffer::new()).len();
    let len = grown(old_len as u64, value.len(), limit)?;
    db.string_mut(key, len)[old_len..].copy_from_slice(value);
    reply.integer(len as i64);
    ctx.modified(key, EventClass::String, "append");
    Ok(())
}

/// SETRANGE key offset value
fn setrange(ctx: &mut Ctx) -> Outcome {
    let (key, value) = (ctx.arg(1), ctx.arg(3));
    let offset = u64::try_from(ctx.args.int(2)?).map_err(|_| errors::OFFSET_OUT_OF_RANGE)?;
    let limit = ctx.state.config.proto_max_bulk_len;
    let (db, reply) = ctx.db_and_reply();
    let old = text_or_empty(string(db.write_lookup(key))?, &mut itoa::Buffer::new()).len();
    if value.is_empty() {
        reply.integer(old as i64);
        return Ok(());
    }
    let end = grown(offset, value.len(), limit)?;
    ctx.state.room_for(end.saturating_sub(old))?;
    let (db, reply) = ctx.db_and_reply();
    let bytes = db.string_mut(key, end);
    bytes[end - value.len()..end].copy_from_slice(value);
    reply.integer(bytes.len() as i64);
    ctx.modified(key, EventClass::String, "setrange");
    Ok(())
}

/// The length of a string of `len` bytes with `more` behind them.
///
/// # Errors
/// It would exceed `limit`.
fn grown(len: u64, more: usize, limit: u64) -> Result<usize, errors::Reject> {
    let total = len.checked_add(more as u64).filter(|total| *total <= limit);
    let total = total.and_then(|total| usize::try_from(total).ok());
    total.ok_or(errors::STRING_TOO_LONG.into())
}

/// STRLEN key
fn strlen(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let (db, reply) = ctx.db_and_reply();
    let value = string(db.read(key))?;
    reply.integer(text_or_empty(value, &mut itoa::Buffer::new()).len() as i64);
    Ok(())
}

/// GETRANGE key start end
fn getrange(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let (start, end) = (ctx.args.int(2)?, ctx.args.int(3)?);
    let (db, reply) = ctx.db_and_reply();
    let mut buffer = itoa::Buffer::new();
    let bytes = text_or_empty(string(db.read(key))?, &mut buffer);
    // Both before the first byte, in the wrong order: pulled into range they would name that byte.
    let crossed = start < 0 && end < 0 && start > end;
    match select(start, end, bytes.len() as i64) {
        Some((first, last)) if !crossed => reply.bulk(&bytes[first as usize..=last as usize]),
        _ => reply.empty_bulk(),
    }
    Ok(())
}

/// SUBSTR key start end
fn substr(ctx: &mut Ctx) -> Outcome {
    getrange(ctx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_stops_at_the_limit() {
        assert_eq!(grown(3, 2, 5).ok(), Some(5));
        assert!(grown(4, 2, 5).is_err() && grown(u64::MAX, 1, u64::MAX).is_err());
    }
}
