//! Deadlines of hash fields, as the wheel and the lookups need them.
//!
//! A hash knows the deadlines of its fields, the earliest first. Its key has a record in the wheel
//! that comes out then or before, beside the one for its own deadline; the hash remembers for when
//! that is filed (its *alarm*), so that a change files a record only when it is to ring earlier. A
//! record that comes out silences the alarms of its keys, and what is still to come is filed again.
//!
//! Fields leave in slices. Until then they are past their deadline, which readers of the hash look
//! at, and a key whose fields all are is gone, which lookups look at.
//!
//! Invariant: a hash whose fields have deadlines has its alarm set, no later than the earliest.

use crate::ds::arena::Ref;
use crate::keyspace::db::Db;
use crate::keyspace::entry::Part;
use crate::keyspace::expire::stem;
use crate::keyspace::journal::Happening;
use crate::keyspace::store::Store;
use crate::types::Value;
use crate::types::hash::Hash;

/// Fields that leave a hash in one go, some half a microsecond each.
pub const SLICE_FIELDS: usize = 64;
/// What a field takes from the wheel's budget, which counts records.
const FIELD_COST: usize = 4;

/// A hash whose fields may have deadlines.
fn as_hash(value: &mut Value) -> Option<&mut Hash> {
    match value {
        Value::Hash(hash) => Some(hash),
        _ => None,
    }
}

impl Store {
    /// The value at `at` if it is a hash whose fields may have deadlines.
    fn fields(&self, at: Ref) -> Option<&Hash> {
        let entry = self.entry(at);
        match entry.value() {
            Part::Outside(id) if entry.is_big_hash() => match self.outside(id) {
                Value::Hash(hash) => Some(hash),
                _ => None,
            },
            _ => None,
        }
    }

    /// When the entry at `at`, or a field of it, is to go next.
    #[inline]
    pub fn next_deadline(&self, at: Ref) -> Option<i64> {
        let own = self.entry(at).deadline();
        let field = self.fields(at).and_then(|hash| hash.as_ref().earliest_deadline());
        own.into_iter().chain(field).min()
    }

    /// Whether the key at `at` is past its deadline, or all its fields are past theirs.
    pub fn is_gone(&self, at: Ref) -> bool {
        self.is_past_own(at)
            || self.fields(at).is_some_and(|hash| hash.as_ref().is_gone(self.horizon()))
    }

    /// Whether the key at `at` is past its own deadline.
    pub fn is_past_own(&self, at: Ref) -> bool {
        self.entry(at).deadline().is_some_and(|deadline| self.is_past(deadline))
    }

    /// Files the key of a changed hash in the wheel if a field is to go before its alarm.
    pub fn set_alarm(&mut self, hash: u64, id: u32) {
        let Some(fields) = self.values.get_mut(id).and_then(as_hash) else { return };
        let was_set = fields.has_alarm();
        let Some(deadline) = fields.take_alarm() else { return };
        self.alarms += usize::from(!was_set);
        self.timers.file(hash, deadline, self.now());
    }

    /// Silences the alarm of the value behind `id`, if it has one.
    fn silence(&mut self, id: u32) {
        let Some(fields) = self.values.get_mut(id).and_then(as_hash) else { return };
        self.alarms -= usize::from(fields.has_alarm());
        fields.reset_alarm();
    }

    /// As [`Store::silence`] for a value that goes and leaves the record of its alarm behind.
    pub fn leave_alarm(&mut self, hash: u64, id: u32) {
        let before = self.alarms;
        self.silence(id);
        if self.alarms < before {
            self.timers.leave(hash, self.timed());
        }
    }

    /// Calls `act` with the value of each key whose fields may have deadlines and whose hash is
    /// `hash` as far as a record has it.
    fn for_alarms(&mut self, hash: u64, act: impl Fn(&mut Store, u32)) {
        if self.alarms == 0 {
            return;
        }
        let mut ids = Vec::new();
        self.table().candidates(hash, |&at| {
            if let Part::Outside(id) = self.entry(at).value()
                && self.entry(at).is_big_hash()
                && stem(self.hash_of(at)) == stem(hash)
            {
                ids.push(id);
            }
        });
        ids.into_iter().for_each(|id| act(self, id));
    }

    /// A record of `hash` came out of the wheel.
    pub fn silence_all(&mut self, hash: u64) {
        self.for_alarms(hash, Store::silence);
    }

    /// Files what is under `hash` to be looked at after `deadline`, when the first of it is to go.
    pub fn file_again(&mut self, hash: u64, deadline: i64) {
        self.timers.file(hash, deadline, self.now());
        self.for_alarms(hash, Store::mark_alarm);
    }

    /// Sets an alarm for which a record was filed.
    fn mark_alarm(&mut self, id: u32) {
        self.silence(id);
        let Some(fields) = self.values.get_mut(id).and_then(as_hash) else { return };
        self.alarms += usize::from(fields.take_alarm().is_some());
    }

    /// Files the entry at `at` in a wheel that is built anew.
    pub fn refile(&mut self, hash: u64, at: Ref) {
        let deadline = self.next_deadline(at);
        if let Some(deadline) = deadline {
            self.timers.file(hash, deadline, self.now());
        }
        if let Part::Outside(id) = self.entry(at).value() {
            self.mark_alarm(id);
        }
    }

    /// Takes fields out that are past their deadline, after it has shown them; how many, and whether
    /// any are left.
    fn remove_past_fields(
        &mut self,
        hash: u64,
        at: Ref,
        budget: usize,
        show: &mut dyn FnMut(&[u8]),
    ) -> (usize, bool) {
        self.preserve(hash, at);
        let now = self.horizon();
        let Part::Outside(id) = self.entry(at).value() else { return (0, true) };
        let fields = self.values.get_mut(id).and_then(as_hash);
        fields.map_or((0, true), |hash| (hash.remove_past(now, budget, show), !hash.is_empty()))
    }
}

impl Db {
    /// Takes a slice of the fields out that are past their deadline, and the key with the last one;
    /// returns what that took from the wheel's budget.
    pub(super) fn expire_fields(&mut self, hash: u64, at: Ref) -> usize {
        let followed = self.shared.journal.follows(Happening::FieldsExpired);
        let mut fields: Vec<Box<[u8]>> = Vec::new();
        let mut keep = |field: &[u8]| {
            if followed {
                fields.push(field.into());
            }
        };
        let (removed, remains) = self.store.remove_past_fields(hash, at, SLICE_FIELDS, &mut keep);
        if removed == 0 {
            return 0;
        }
        if remains {
            if followed {
                self.shared.journal.record_fields(self.index, self.store.key(at), fields);
            }
            self.touch_watched_at(at);
        } else {
            self.expire(hash, at);
        }
        removed * FIELD_COST
    }

    /// As [`Db::expire_fields`] before a change of the hash, so that what is over is told first.
    pub(super) fn expire_fields_first(&mut self, hash: u64, at: Ref) {
        if self.store.entry(at).is_big_hash() {
            self.expire_fields(hash, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{Rng, os_seed};
    use crate::keyspace::{Expiry, Interest, Keyspace};
    use crate::types::ValueRef;
    use crate::types::hash::{Limits, Ttl};
    use std::collections::BTreeMap;

    const START: i64 = 1_700_000_000_000;
    const LIMITS: Limits = Limits { fields_max: 4, bytes_max: 64 };

    fn keyspace() -> Keyspace {
        let mut keyspace = Keyspace::new(2, 17);
        keyspace.set_now(START);
        keyspace.set_interest(
            Interest::default()
                .with(Happening::FieldsExpired, true)
                .with(Happening::Emptied, true)
                .with(Happening::Expired, true),
        );
        keyspace
    }

    fn change<T>(db: &mut Db, key: &[u8], act: impl FnOnce(&mut Hash) -> T) -> T {
        db.change(key, act).expect("a hash").0
    }

    fn set(db: &mut Db, key: &[u8], field: &[u8], ttl: Ttl, now: i64) {
        change(db, key, |hash| hash.set(field, b"v", ttl, now, LIMITS));
    }

    /// How many fields `key` has; `None` without the key.
    fn len(db: &mut Db, key: &[u8], now: i64) -> Option<usize> {
        match db.peek(key)? {
            ValueRef::Hash(hash) => Some(hash.len(now)),
            _ => None,
        }
    }

    /// The records since the last call, as `happening key`.
    fn happened(keyspace: &mut Keyspace) -> Vec<String> {
        let records = keyspace.take_records().into_iter();
        let show = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        records.map(|record| format!("{:?} {}", record.happening, show(&record.key))).collect()
    }

    /// Sleeps until the next deadline, again and again, and lets everything due go.
    fn run_until(keyspace: &mut Keyspace, end: i64) {
        while let Some(next) = keyspace.next_deadline().filter(|next| *next <= end) {
            keyspace.set_now(next.max(keyspace.now()));
            while keyspace.expire_due(100) {}
        }
        keyspace.set_now(end);
    }

    #[test]
    fn fields_go_at_their_deadline_and_the_key_with_the_last() {
        let mut keyspace = keyspace();
        let db = keyspace.db(0);
        set(db, b"k", b"a", Ttl::At(START + 10), START);
        set(db, b"k", b"b", Ttl::At(START + 20), START);
        assert_eq!(keyspace.next_deadline(), Some(START + 11));
        run_until(&mut keyspace, START + 11);
        assert_eq!(happened(&mut keyspace), ["FieldsExpired k"]);
        run_until(&mut keyspace, START + 20);
        assert_eq!(len(keyspace.db(0), b"k", START + 20), Some(1));
        run_until(&mut keyspace, START + 21);
        assert_eq!(happened(&mut keyspace), ["FieldsExpired k", "Emptied k"]);
        assert!(keyspace.db(0).is_empty() && keyspace.next_deadline().is_none());
        assert_eq!(keyspace.counters().expired_keys, 0);
    }

    #[test]
    fn a_key_whose_fields_are_all_past_is_gone_for_every_lookup() {
        let mut keyspace = keyspace();
        for key in [b"a", b"b", b"c", b"d"] {
            set(keyspace.db(0), key, b"f", Ttl::At(START), START);
        }
        keyspace.set_now(START + 1);
        assert!(keyspace.db(0).is_expired(b"a") && keyspace.db(0).read(b"a").is_none());
        assert_eq!(happened(&mut keyspace), ["FieldsExpired a", "Emptied a"]);
        keyspace.db(0).for_each(&mut |_, _, _| panic!("all are gone"));
        assert_eq!(keyspace.db(0).scan(0, 10, &mut |_, _| panic!("all are gone")), 0);
        set(keyspace.db(0), b"b", b"g", Ttl::Clear, START + 1);
        assert_eq!(len(keyspace.db(0), b"b", START + 1), Some(1));
        assert!(!keyspace.rename(0, b"c", b"e") && keyspace.db(0).random_key().is_some());
    }

    #[test]
    fn the_own_deadline_and_those_of_fields_stand_side_by_side() {
        let mut keyspace = keyspace();
        let db = keyspace.db(0);
        set(db, b"k", b"goes", Ttl::At(START + 10), START);
        set(db, b"k", b"stays", Ttl::Clear, START);
        db.set_deadline(b"k", Some(START + 30));
        run_until(&mut keyspace, START + 25);
        assert_eq!(happened(&mut keyspace), ["FieldsExpired k"]);
        run_until(&mut keyspace, START + 31);
        assert_eq!(happened(&mut keyspace), ["Expired k"]);
        assert_eq!((keyspace.db(0).len(), keyspace.next_deadline()), (0, None));
    }

    #[test]
    fn many_fields_go_in_slices() {
        let mut keyspace = keyspace();
        for number in 0..5000u32 {
            let field = number.to_le_bytes();
            set(keyspace.db(0), b"k", &field, Ttl::At(START + i64::from(number % 2)), START);
        }
        set(keyspace.db(0), b"k", b"stays", Ttl::Clear, START);
        keyspace.set_now(START + 2);
        assert_eq!(len(keyspace.db(0), b"k", START + 2), Some(1));
        let mut slices = 1;
        while keyspace.expire_due(1000) {
            slices += 1;
        }
        // Each field costs four of the budget.
        assert!((15..30).contains(&slices), "{slices}");
        assert_eq!(len(keyspace.db(0), b"k", i64::MIN), Some(1));
        assert_eq!(keyspace.next_deadline(), None);
    }

    #[test]
    fn deadlines_move_with_their_hash() {
        let mut keyspace = keyspace();
        set(keyspace.db(0), b"k", b"goes", Ttl::At(START + 10), START);
        set(keyspace.db(0), b"k", b"stays", Ttl::Clear, START);
        keyspace.copy_key(0, b"k", 1, b"copy", false);
        assert!(keyspace.rename(0, b"k", b"l"));
        run_until(&mut keyspace, START + 11);
        assert_eq!(happened(&mut keyspace), ["FieldsExpired l", "FieldsExpired copy"]);
        let lens = [(0, b"l".as_slice()), (1, b"copy")]
            .map(|(db, key)| len(keyspace.db(db), key, i64::MIN));
        assert_eq!(lens, [Some(1), Some(1)]);
    }

    #[test]
    fn a_wheel_that_is_built_anew_knows_the_deadlines_of_fields() {
        let mut keyspace = keyspace();
        set(keyspace.db(0), b"k", b"stays", Ttl::Clear, START);
        set(keyspace.db(0), b"k", b"goes", Ttl::At(START + 7_200_000), START);
        keyspace.set_now(START + 3_600_000);
        while keyspace.expire_due(1000) {}
        // The clock goes back behind the wheel.
        keyspace.set_now(START);
        assert_eq!(keyspace.next_deadline(), Some(START));
        while keyspace.expire_due(1000) {}
        assert_eq!(keyspace.memory().timer_records, 1);
        run_until(&mut keyspace, START + 7_200_000);
        assert_eq!(len(keyspace.db(0), b"k", i64::MIN), Some(2));
        run_until(&mut keyspace, START + 7_200_001);
        assert_eq!(len(keyspace.db(0), b"k", i64::MIN), Some(1));
    }

    #[test]
    fn hashes_that_went_leave_few_records_of_their_fields_behind() {
        let mut keyspace = keyspace();
        for round in 0..20_000u32 {
            let key = (round % 100).to_le_bytes();
            for field in 0..6u8 {
                set(keyspace.db(0), &key, &[field], Ttl::At(START + 7_200_000), START);
            }
            assert!(keyspace.db(0).remove(&key));
            keyspace.expire_due(256);
            assert!(keyspace.memory().timer_records < 3000);
        }
    }

    /// Keys with fields and their deadlines, and the deadline of the key itself.
    type Model = BTreeMap<Vec<u8>, (BTreeMap<u32, Option<i64>>, Option<i64>)>;

    fn live_fields(model: &Model, key: &[u8], now: i64) -> usize {
        let Some((fields, own)) = model.get(key) else { return 0 };
        let is_live = |at: &Option<i64>| at.is_none_or(|at| at >= now);
        if is_live(own) { fields.values().filter(|at| is_live(at)).count() } else { 0 }
    }

    /// One random change of both.
    fn step(keyspace: &mut Keyspace, model: &mut Model, rng: &mut Rng) {
        let now = keyspace.now();
        let key = format!("k{}", rng.below(30)).into_bytes();
        let other = format!("k{}", rng.below(30)).into_bytes();
        if live_fields(model, &key, now) == 0 {
            model.remove(&key);
        }
        let (field, at) = (rng.below(10) as u32, now + rng.below(120) as i64);
        let is_there = model.contains_key(&key);
        match rng.below(9) {
            0..3 => {
                let deadline = (rng.below(4) > 0).then_some(at);
                set(keyspace.db(0), &key, &field.to_le_bytes(), to_ttl(deadline), now);
                model.entry(key).or_default().0.insert(field, deadline);
            }
            3 if is_there => {
                change(keyspace.db(0), &key, |hash| hash.remove(&field.to_le_bytes(), now));
                let (fields, _) = model.get_mut(&key).expect("there");
                if fields.get(&field).is_some_and(|at| at.is_none_or(|at| at >= now)) {
                    fields.remove(&field);
                }
            }
            4 if is_there => {
                let deadline = (rng.below(2) == 0).then_some(at);
                assert!(keyspace.db(0).set_deadline(&key, deadline));
                model.get_mut(&key).expect("there").1 = deadline;
            }
            5 if key != other => {
                assert_eq!(keyspace.rename(0, &key, &other), is_there);
                if let Some(moved) = model.remove(&key) {
                    model.insert(other, moved);
                }
            }
            6 if key != other => {
                keyspace.copy_key(0, &key, 0, &other, true);
                if let Some(copied) = model.get(&key).cloned() {
                    model.insert(other, copied);
                }
            }
            7 => {
                keyspace.db(0).set(&key, b"text", Expiry::Clear);
                keyspace.db(0).remove(&key);
                model.remove(&key);
            }
            _ => run_until(keyspace, now + rng.below(20) as i64),
        }
    }

    fn to_ttl(deadline: Option<i64>) -> Ttl {
        deadline.map_or(Ttl::Clear, Ttl::At)
    }

    #[test]
    fn behaves_as_keys_of_fields_with_deadlines() {
        let seed = os_seed();
        println!("seed {seed}");
        let (mut rng, mut keyspace, mut model) = (Rng::seeded(seed), keyspace(), Model::new());
        for _ in 0..20_000 {
            step(&mut keyspace, &mut model, &mut rng);
            let now = keyspace.now();
            if rng.below(20) > 0 {
                continue;
            }
            run_until(&mut keyspace, now);
            for number in 0..30 {
                let key = format!("k{number}").into_bytes();
                let expected = Some(live_fields(&model, &key, now)).filter(|len| *len > 0);
                assert_eq!(len(keyspace.db(0), &key, now), expected);
                assert_eq!(len(keyspace.db(0), &key, i64::MIN), expected, "removed, not hidden");
            }
        }
        let end = keyspace.now() + 1000;
        run_until(&mut keyspace, end);
        model.retain(|_, (fields, own)| own.is_none() && fields.values().any(Option::is_none));
        assert_eq!((keyspace.db(0).len(), keyspace.next_deadline()), (model.len(), None));
    }
}
