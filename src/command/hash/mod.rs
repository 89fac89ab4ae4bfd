//! Hash commands: fields of a key.
//!
//! One file per kind of access, each with its rows; here stands what they share.
//!
//! Invariant: a handler sees the fields that are there now; what is past its deadline does not
//! exist for it, removed or not.

pub mod ex;
pub mod expire;
pub mod get;
pub mod number;
mod options;
pub mod scan;
pub mod set;

use super::ctx::{Ctx, EventClass};
use super::item::reply_item;
use super::spec::{Arg, Flags, KeyFlags, KeySpec};
use crate::config::Config;
use crate::ds::listpack::Item;
use crate::keyspace::After;
use crate::resp::Reply;
use crate::resp::errors::{self, Reject};
use crate::types::ValueRef;
use crate::types::hash::{HashRef, Limits};

const WRITE_GROWING_FAST: Flags = Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const LOOK_AT_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO)];
const UPDATE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::UPDATE))];
const INSERT_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::INSERT))];
const DELETE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::DELETE))];
const READ_AND_UPDATE_ONE: &[KeySpec] =
    &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE))];
const FIELD: Arg = Arg::string("field");
const FIELDS: Arg =
    Arg::block("fields", &[Arg::int("numfields"), FIELD.multiple()]).token("FIELDS");
const PAIRS: Arg = Arg::block("data", &[FIELD, Arg::string("value")]).multiple();

/// Narrows a value to a hash.
pub fn hash(value: Option<ValueRef<'_>>) -> Result<Option<HashRef<'_>>, Reject> {
    match value {
        None => Ok(None),
        Some(ValueRef::Hash(hash)) => Ok(Some(hash)),
        Some(_) => Err(errors::WRONG_TYPE.into()),
    }
}

/// What a hash may hold before it becomes big.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        fields_max: config.hash_max_listpack_entries,
        bytes_max: config.hash_max_listpack_value,
    }
}

/// Tells of fields that a command removed, and of the key if those were the last ones.
fn notify_removed(ctx: &mut Ctx, key: &[u8], removed: usize, after: After) {
    if removed == 0 {
        return;
    }
    ctx.modified(key, EventClass::Hash, "hdel");
    ctx.count_changes(removed);
    if after == After::Removed {
        ctx.notify(key, EventClass::Generic, "del");
    }
}

/// As an effect: these fields got a deadline, or lost theirs.
fn effect_deadline(ctx: &mut Ctx, key: &[u8], deadline: Option<i64>, fields: &[&[u8]]) {
    let (at, count) = (deadline.unwrap_or_default().to_string(), fields.len().to_string());
    let head: &[&[u8]] = match deadline {
        Some(_) => &[b"HPEXPIREAT", key, at.as_bytes(), b"FIELDS", count.as_bytes()],
        None => &[b"HPERSIST", key, b"FIELDS", count.as_bytes()],
    };
    ctx.effect_of(|| [head, fields].concat());
}

/// As an effect: these fields were removed.
fn effect_removed(ctx: &mut Ctx, key: &[u8], fields: &[&[u8]]) {
    if !fields.is_empty() {
        ctx.effect_of(|| [&[&b"HDEL"[..], key], fields].concat());
    }
}

/// Replies with a value, null for none.
#[inline]
fn reply_value(reply: &mut Reply<'_>, value: Option<Item<'_>>) {
    match value {
        Some(value) => reply_item(reply, value),
        None => reply.null(),
    }
}

impl<'a> Ctx<'a> {
    /// The hash at `key` for reading, the time and the reply.
    fn hash_and_reply(
        &mut self,
        key: &[u8],
    ) -> Result<(Option<HashRef<'_>>, i64, &mut Reply<'a>), Reject> {
        let now = self.state.keyspace.horizon();
        let (db, reply) = self.db_and_reply();
        Ok((hash(db.read(key))?, now, reply))
    }
}
