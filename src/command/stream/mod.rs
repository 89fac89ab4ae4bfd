//! Stream commands: entries that are added, read and removed, and groups of consumers that share
//! them.
//!
//! One file per kind of access, each with its rows; here stands what they share.
//!
//! Invariant: nothing here knows how a stream is stored.

pub mod add;
pub mod claim;
pub mod group;
pub mod info;
pub mod pending;
pub mod range;
pub mod read;
pub mod remove;
mod trim;

use super::Ctx;
use super::item::add_item;
use super::spec::{Flags, KeyFlags, KeySpec};
use crate::base::text::until_nul;
use crate::resp::Reply;
use crate::resp::errors::{self, Reject};
use crate::types::ValueRef;
use crate::types::stream::node::Entry;
use crate::types::stream::nodes::NodeLimit;
use crate::types::stream::{Id, Stream};

const WRITE_GROWING: Flags = Flags::WRITE.or(Flags::DENYOOM);
const WRITE_GROWING_FAST: Flags = WRITE_GROWING.or(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.or(Flags::FAST);
const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const UPDATE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(UPDATE)];
const DELETE_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::DELETE))];
const UPDATE: KeyFlags = KeyFlags::RW.or(KeyFlags::UPDATE);
const UNSTABLE: &[&str] = &["nondeterministic_output"];

/// Narrows a value to a stream.
#[inline]
fn stream(value: Option<ValueRef<'_>>) -> Result<Option<&Stream>, Reject> {
    match value {
        None => Ok(None),
        Some(ValueRef::Stream(stream)) => Ok(Some(stream)),
        Some(_) => Err(errors::WRONG_TYPE.into()),
    }
}

/// Up to where a node of a stream grows.
fn node_limit(ctx: &Ctx<'_>) -> NodeLimit {
    let config = &ctx.state.config;
    NodeLimit { bytes: config.stream_node_max_bytes, entries: config.stream_node_max_entries }
}

/// The time by which entries are delivered, Unix milliseconds.
fn now(ctx: &Ctx<'_>) -> i64 {
    ctx.state.clock.unix_ms()
}

/// An id that is not `-` or `+`, with 0 for a second part that is missing.
fn strict_id(text: &[u8]) -> Result<Id, Reject> {
    Id::parse(text, 0).ok_or(errors::STREAM_ID.into())
}

/// The end of an interval: `-`, `+`, an id, or one behind `(` that is no part of it.
fn bound(text: &[u8], missing: u64) -> Result<(Id, bool), Reject> {
    if let [b'(', rest @ ..] = text
        && !rest.is_empty()
    {
        return Ok((Id::parse(rest, missing).ok_or(errors::STREAM_ID)?, true));
    }
    match until_nul(text) {
        b"-" => Ok((Id::MIN, false)),
        b"+" => Ok((Id::MAX, false)),
        _ => Ok((Id::parse(text, missing).ok_or(errors::STREAM_ID)?, false)),
    }
}

/// The first id of an interval.
fn start(text: &[u8]) -> Result<Id, Reject> {
    match bound(text, 0)? {
        (id, false) => Ok(id),
        (id, true) => id.next().ok_or(errors::STREAM_START.into()),
    }
}

/// The last id of an interval.
fn end(text: &[u8]) -> Result<Id, Reject> {
    match bound(text, u64::MAX)? {
        (id, false) => Ok(id),
        (id, true) => id.prev().ok_or(errors::STREAM_END.into()),
    }
}

fn reply_id(reply: &mut Reply<'_>, id: Id) {
    reply.bulk(id.text().as_ref());
}

/// Replies with an entry: its id, and its fields with their values.
#[inline]
fn reply_entry(reply: &mut Reply<'_>, entry: Entry<'_>) {
    reply.array(2);
    reply_id(reply, entry.id);
    reply.array(2 * entry.fields.len());
    let mut strings = reply.strings();
    for (field, value) in entry.fields {
        add_item(&mut strings, field);
        add_item(&mut strings, value);
    }
}

/// Replies with entries; how many they were.
fn reply_entries<'e>(reply: &mut Reply<'_>, entries: impl Iterator<Item = Entry<'e>>) -> usize {
    let at = reply.deferred();
    let count = entries.map(|entry| reply_entry(reply, entry)).count();
    reply.close_array(at, count);
    count
}

/// Replies with a number of entries or the like.
fn reply_count(reply: &mut Reply<'_>, count: u64) {
    reply.integer(count.cast_signed());
}

/// A limit that clients give as a number, 0 or less for none.
fn limit_of(count: i64) -> usize {
    usize::try_from(count).ok().filter(|&count| count > 0).unwrap_or(usize::MAX)
}
