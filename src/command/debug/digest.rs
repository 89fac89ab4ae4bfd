//! DEBUG DIGEST and DIGEST-VALUE: the signatures of Redis's data set, so that one of both servers
//! can be compared with the other's.
//!
//! Invariant: the order in which keys are visited does not matter.

use crate::base::num;
use crate::command::ctx::Ctx;
use crate::ds::listpack::Item;
use crate::keyspace::{Db, Keyspace};
use crate::resp::errors::Outcome;
use crate::types::{StringRef, ValueRef, ValueType};
use sha1::{Digest as _, Sha1};

/// DEBUG DIGEST
pub fn digest(ctx: &mut Ctx) -> Outcome {
    let digest = of_keyspace(&mut ctx.state.keyspace);
    ctx.reply.simple(&digest.hex());
    Ok(())
}

/// DEBUG DIGEST-VALUE [key ...]
pub fn digest_value(ctx: &mut Ctx) -> Outcome {
    ctx.reply.array(ctx.args.len() - 2);
    for key in ctx.args.from(2) {
        let now = ctx.state.keyspace.now();
        let digest = of_value(ctx.db(), key, now);
        ctx.reply.simple(&digest.hex());
    }
    Ok(())
}

/// A signature under way.
#[derive(Clone, Copy, Default)]
struct Signature([u8; 20]);

impl Signature {
    /// Adds data regardless of order.
    fn add(&mut self, data: &[u8]) {
        let hash: [u8; 20] = Sha1::digest(data).into();
        self.0.iter_mut().zip(hash).for_each(|(byte, other)| *byte ^= other);
    }

    /// Adds data such that order matters.
    fn mix(&mut self, data: &[u8]) {
        self.add(data);
        self.0 = Sha1::digest(self.0).into();
    }

    /// Adds a value and whether it has a deadline.
    fn mix_value(&mut self, value: ValueRef, deadline: Option<i64>, now: i64) {
        self.mix(&type_number(value.value_type()).to_be_bytes());
        match value {
            ValueRef::String(StringRef::Int(number)) => {
                self.mix(itoa::Buffer::new().format(number).as_bytes())
            }
            ValueRef::String(StringRef::Str(text)) => self.mix(text),
            ValueRef::List(list) => list.iter().for_each(|item| self.mix_item(item)),
            ValueRef::Set(set) => {
                let mut buffer = itoa::Buffer::new();
                set.iter().for_each(|member| self.add(member.text(&mut buffer)));
            }
            ValueRef::Zset(zset) => zset.iter().for_each(|(member, score)| {
                let mut one = Signature::default();
                one.mix_item(member);
                one.mix(num::format_g17(score).as_bytes());
                self.add(&one.0);
            }),
            ValueRef::Hash(hash) => hash.iter(now).for_each(|(field, value)| {
                let mut one = Signature::default();
                one.mix_item(field);
                one.mix_item(value);
                self.add(&one.0);
            }),
            ValueRef::Stream(stream) => stream.nodes().all().for_each(|entry| {
                self.mix(entry.id.joined(b'.').as_ref());
                entry.fields.for_each(|(field, value)| {
                    self.mix_item(field);
                    self.mix_item(value);
                });
            }),
        }
        if deadline.is_some() {
            self.add(b"!!expire!!");
        }
    }

    fn mix_item(&mut self, item: Item<'_>) {
        self.mix(item.text(&mut itoa::Buffer::new()));
    }

    fn hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The number of a type in Redis, where that of modules comes before streams.
fn type_number(value_type: ValueType) -> u32 {
    match value_type {
        ValueType::Stream => 6,
        other => other as u32,
    }
}

fn of_keyspace(keyspace: &mut Keyspace) -> Signature {
    let (mut all, now) = (Signature::default(), keyspace.now());
    for index in 0..keyspace.databases() {
        let db = keyspace.db(index);
        if db.is_empty() {
            continue;
        }
        all.mix(&(index as u32).to_be_bytes());
        db.for_each(&mut |key, value, facts| {
            let mut one = Signature::default();
            one.mix(key);
            one.mix_value(value, facts.deadline, now);
            all.add(&one.0);
        });
    }
    all
}

/// The signature of a key's value; that of nothing is zero.
fn of_value(db: &mut Db, key: &[u8], now: i64) -> Signature {
    let mut signature = Signature::default();
    let deadline = db.info(key).and_then(|info| info.deadline);
    if let Some(value) = db.peek(key) {
        signature.mix_value(value, deadline, now);
    }
    signature
}
