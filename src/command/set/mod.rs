//! Set commands: members one by one, members by chance, and whole sets combined.
//!
//! One file per kind of access, each with its rows; here stands what they share.
//!
//! Invariant: nothing here knows how a set is stored, only when Redis looks at its limits.

pub mod chance;
pub mod combine;
pub mod member;

use super::Ctx;
use super::item::add_item;
use super::spec::{Arg, Flags, KeyFlags, KeySpec};
use crate::config::Config;
use crate::resp::Reply;
use crate::resp::errors::{self, Reject};
use crate::types::ValueRef;
use crate::types::set::{Limits, SetRef};

const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const WRITE_GROWING: Flags = Flags::WRITE.or(Flags::DENYOOM);
const READ_FAST: Flags = Flags::READONLY.or(Flags::FAST);
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const KEY_AND_MEMBER: &[Arg] = &[Arg::key("key", 0), Arg::string("member")];
const KEY_AND_MEMBERS: &[Arg] = &[Arg::key("key", 0), Arg::string("member").multiple()];

impl Limits {
    /// The limits that the configuration sets.
    pub(super) fn of(config: &Config) -> Limits {
        Limits {
            intset_entries: config.set_max_intset_entries,
            listpack_entries: config.set_max_listpack_entries,
            listpack_value: config.set_max_listpack_value,
        }
    }
}

/// Narrows a value to a set.
pub(super) fn set(value: Option<ValueRef<'_>>) -> Result<Option<SetRef<'_>>, Reject> {
    match value {
        None => Ok(None),
        Some(ValueRef::Set(set)) => Ok(Some(set)),
        Some(_) => Err(errors::WRONG_TYPE.into()),
    }
}

/// The set at `key` for reading, counted as a hit or a miss.
fn read_set<'a>(ctx: &'a mut Ctx, key: &[u8]) -> Result<Option<SetRef<'a>>, Reject> {
    set(ctx.db().read(key))
}

/// Replies with all members of a set.
fn reply_set(reply: &mut Reply<'_>, set: SetRef<'_>) {
    reply.set(set.len());
    let mut strings = reply.strings();
    set.iter().for_each(|member| add_item(&mut strings, member));
}
