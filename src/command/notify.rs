//! Keyspace events: what happens to keys, told to those who follow it.
//!
//! What a command does it says itself ([`Ctx::modified`], [`Ctx::notify`]). What the keyspace does
//! on its own or notices stands in its journal, and is told before what the command says next,
//! because it happened before.
//!
//! Invariant: with nobody following, a write pays for a load and a branch or two.

use super::ctx::Ctx;
use super::state::State;
use super::tracking::Cause;
use crate::config::notify;
use crate::keyspace::{Happening, Interest, Record};
use crate::session::ClientId;
use crate::session::pubsub::Kind;

/// Classes of keyspace events, as `notify-keyspace-events` selects them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventClass {
    Generic,
    String,
    List,
    Set,
    Hash,
    Zset,
    Stream,
    Expired,
    Evicted,
    KeyMiss,
    New,
}

impl EventClass {
    /// The class's bit in the parameter.
    const fn bit(self) -> u32 {
        match self {
            EventClass::Generic => notify::GENERIC,
            EventClass::String => notify::STRING,
            EventClass::List => notify::LIST,
            EventClass::Set => notify::SET,
            EventClass::Hash => notify::HASH,
            EventClass::Zset => notify::ZSET,
            EventClass::Stream => notify::STREAM,
            EventClass::Expired => notify::EXPIRED,
            EventClass::Evicted => notify::EVICTED,
            EventClass::KeyMiss => notify::KEY_MISS,
            EventClass::New => notify::NEW,
        }
    }
}

/// One event.
struct Event<'a> {
    db: usize,
    class: EventClass,
    name: &'a str,
    key: &'a [u8],
}

impl Ctx<'_> {
    /// Tells everyone who asked that this command changed `key`: watchers, clients that cache it,
    /// and who follows events of that class.
    #[inline]
    pub fn modified(&mut self, key: &[u8], class: EventClass, name: &str) {
        self.modified_in(self.db, key, class, name);
    }

    /// As [`Ctx::modified`], in another database.
    #[inline]
    pub fn modified_in(&mut self, db: usize, key: &[u8], class: EventClass, name: &str) {
        self.touched_in(db, key);
        self.notify_in(db, key, class, name);
    }

    /// As [`Ctx::modified`], for a change that is no event.
    pub fn touched(&mut self, key: &[u8]) {
        self.touched_in(self.db, key);
    }

    /// As [`Ctx::notify`] for a change that neither watchers nor clients that cache the key learn of, as
    /// Redis has it where the entries of a stream stay what they are.
    pub fn changed_quietly(&mut self, key: &[u8], class: EventClass, name: &str) {
        self.state.changes += 1;
        self.notify_in(self.db, key, class, name);
    }

    /// How many changes the last one that was told of was: as many as elements came or went, or 0
    /// for the other half of a move. Unless a command says so it was one.
    pub fn count_changes(&mut self, count: usize) {
        self.state.changes = self.state.changes - 1 + count as u64;
    }

    /// Publishes an event to those who follow its class, and nothing else.
    pub fn notify(&mut self, key: &[u8], class: EventClass, name: &str) {
        self.notify_in(self.db, key, class, name);
    }

    #[inline]
    fn touched_in(&mut self, db: usize, key: &[u8]) {
        self.state.changes += 1;
        self.state.keyspace.db(db).touch_watched(key);
        if self.state.followed {
            self.state.tell_change(self.id, key);
        }
    }

    #[inline]
    fn notify_in(&mut self, db: usize, key: &[u8], class: EventClass, name: &str) {
        if self.state.followed {
            self.state.tell_event(self.id, &Event { db, class, name, key });
        }
    }
}

impl State {
    /// Finds out who follows what, after a change of the parameter or of the clients that track.
    pub fn apply_followers(&mut self) {
        let classes = self.config.notify_keyspace_events;
        let published = classes & (notify::KEYSPACE | notify::KEYEVENT) != 0;
        self.events = if published { classes } else { 0 };
        let (tracked, logged) = (!self.tracking.is_idle(), self.effects.is_on());
        self.followed = self.events != 0 || tracked;
        let published = |class: EventClass| self.events & class.bit() != 0;
        let interest = Interest::default()
            .with(Happening::Expired, published(EventClass::Expired) || tracked || logged)
            .with(Happening::New, published(EventClass::New))
            .with(Happening::Missed, published(EventClass::KeyMiss))
            .with(Happening::FieldsExpired, published(EventClass::Hash) || tracked || logged)
            .with(Happening::Evicted, published(EventClass::Evicted) || tracked || logged)
            .with(Happening::Emptied, published(EventClass::Generic) || logged);
        self.keyspace.set_interest(interest);
    }

    #[cold]
    fn tell_change(&mut self, by: ClientId, key: &[u8]) {
        self.tell_records(Some(by));
        self.invalidate(key, Cause::Command(by));
    }

    #[cold]
    fn tell_event(&mut self, by: ClientId, event: &Event<'_>) {
        self.tell_records(Some(by));
        self.publish_event(event);
    }

    /// Tells what stands in the keyspace's journal; `during` is the client in execution, if any.
    #[inline]
    pub fn tell_records(&mut self, during: Option<ClientId>) {
        if self.keyspace.has_records() {
            self.tell_all_records(during);
        }
    }

    #[cold]
    fn tell_all_records(&mut self, during: Option<ClientId>) {
        for record in self.keyspace.take_records() {
            if self.effects.is_on() {
                self.collect_record(&record, during.is_none());
            }
            let Record { happening, db, key, .. } = record;
            let (class, name) = match happening {
                Happening::Expired => (EventClass::Expired, "expired"),
                Happening::New => (EventClass::New, "new"),
                Happening::Missed => (EventClass::KeyMiss, "keymiss"),
                Happening::FieldsExpired => (EventClass::Hash, "hexpired"),
                Happening::Emptied => (EventClass::Generic, "del"),
                Happening::Evicted => (EventClass::Evicted, "evicted"),
            };
            self.publish_event(&Event { db, class, name, key: &key });
            let changes = [Happening::Expired, Happening::FieldsExpired, Happening::Evicted];
            if changes.contains(&happening) {
                self.invalidate(&key, Cause::Keyspace { during });
            }
        }
    }

    fn publish_event(&mut self, event: &Event<'_>) {
        if self.events & event.class.bit() == 0 || !self.somebody_listens() {
            return;
        }
        let db = event.db.to_string();
        let channel =
            |prefix: &str, topic: &[u8]| [prefix.as_bytes(), db.as_bytes(), b"__:", topic].concat();
        let name = event.name.as_bytes();
        if self.events & notify::KEYSPACE != 0 {
            self.publish(&channel("__keyspace@", event.key), name);
        }
        if self.events & notify::KEYEVENT != 0 {
            self.publish(&channel("__keyevent@", name), event.key);
        }
    }

    fn somebody_listens(&self) -> bool {
        let listens = |kind| !self.pubsub.topics(kind).is_empty();
        listens(Kind::Channel) || listens(Kind::Pattern)
    }
}
