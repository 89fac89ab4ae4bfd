//! Single bits: SETBIT and GETBIT.
//!
//! Invariant: a bit that keeps its value is no change to those who watch its key.

use super::{BitOffset, READ_FAST, READ_ONE, WRITE_GROWING, text_or_empty};
use crate::command::ctx::{Ctx, EventClass, string};
use crate::command::spec::{Arg, Categories, Command, Group, KeyFlags, KeySpec};
use crate::resp::errors::{self, Outcome};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("getbit", getbit)
        .arity(3)
        .of(Group::Bitmap)
        .flags(READ_FAST)
        .acl(Categories::BITMAP)
        .keys(READ_ONE)
        .summary("Returns a bit value by offset.")
        .complexity("O(1)")
        .since("2.2.0")
        .args(&[Arg::key("key", 0), Arg::int("offset")]),
    Command::new("setbit", setbit)
        .arity(4)
        .of(Group::Bitmap)
        .flags(WRITE_GROWING)
        .acl(Categories::BITMAP)
        .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE))])
        .summary(
            "Sets or clears the bit at offset of the string value. Creates the key if it \
             doesn't exist.",
        )
        .complexity("O(1)")
        .since("2.2.0")
        .args(&[Arg::key("key", 0), Arg::int("offset"), Arg::int("value")]),
];

/// GETBIT key offset
fn getbit(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let offset = BitOffset::parse(ctx.arg(2), 1, ctx.state.config.proto_max_bulk_len)?;
    let (db, reply) = ctx.db_and_reply();
    let mut buffer = itoa::Buffer::new();
    let bytes = text_or_empty(string(db.read(key))?, &mut buffer);
    reply.integer(i64::from(bit(bytes, offset).unwrap_or(false)));
    Ok(())
}

/// SETBIT key offset value
fn setbit(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let offset = BitOffset::parse(ctx.arg(2), 1, ctx.state.config.proto_max_bulk_len)?;
    let on = match ctx.args.int_or(3, errors::BIT_VALUE)? {
        0 => false,
        1 => true,
        _ => return Err(errors::BIT_VALUE.into()),
    };
    let (db, _) = ctx.db_and_reply();
    let mut buffer = itoa::Buffer::new();
    let bytes = text_or_empty(string(db.write_lookup(key))?, &mut buffer);
    let (old, old_len) = (bit(bytes, offset), bytes.len());
    if old == Some(on) {
        db.make_raw(key);
    } else {
        ctx.state.room_for((offset.byte + 1).saturating_sub(old_len))?;
        let byte = &mut ctx.db_and_reply().0.string_mut(key, offset.byte + 1)[offset.byte];
        let mask = 0x80 >> offset.bit;
        *byte = if on { *byte | mask } else { *byte & !mask };
    }
    ctx.reply.integer(i64::from(old.unwrap_or(false)));
    if old != Some(on) {
        ctx.modified(key, EventClass::String, "setbit");
    }
    Ok(())
}

/// The bit at `offset`, `None` behind the end.
fn bit(bytes: &[u8], offset: BitOffset) -> Option<bool> {
    bytes.get(offset.byte).map(|byte| byte & (0x80 >> offset.bit) != 0)
}
