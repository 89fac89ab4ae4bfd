//! Elements of collections in replies.
//!
//! Invariant: an element looks the same in every reply, whatever it is stored as.

use crate::ds::listpack::Item;
use crate::resp::{Reply, Strings};

/// Replies with an element.
#[inline]
pub fn reply_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Text(text) => reply.bulk(text),
        Item::Int(number) => reply.bulk_integer(number),
    }
}

/// Adds an element to the strings of a reply.
#[inline]
pub fn add_item(strings: &mut Strings<'_>, item: Item<'_>) {
    match item {
        Item::Text(text) => strings.bulk(text),
        Item::Int(number) => strings.bulk_integer(number),
    }
}
