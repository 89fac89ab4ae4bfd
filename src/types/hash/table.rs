//! A big hash: a dict whose payloads are values, each with its deadline if it has one.
//!
//! ```text
//! payload of a field: 0 | value    or    1 | deadline 8 | value
//! ```
//!
//! Invariant: a field with a deadline, and no other, stands in [`Deadlines`] under its number.

use super::Ttl;
use super::deadlines::Deadlines;
use crate::base::rng::Rng;
use crate::ds::dict::Dict;
use crate::ds::listpack::View;

const PLAIN: u8 = 0;
const TIMED: u8 = 1;
const DEADLINE_BYTES: usize = 8;
/// Fields that are tried before a random one is looked for among the living.
const RANDOM_TRIES: usize = 32;

/// Fields with values and deadlines.
#[derive(Clone, Debug, Default)]
pub struct Table {
    dict: Dict,
    pub(super) deadlines: Deadlines,
}

/// Value and deadline of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    pub value: &'a [u8],
    pub deadline: Option<i64>,
}

impl<'a> Held<'a> {
    #[inline]
    fn read(payload: &'a [u8]) -> Held<'a> {
        match payload.split_first() {
            Some((&TIMED, rest)) => {
                let (deadline, value) = rest.split_first_chunk().expect("a payload is whole");
                Held { value, deadline: Some(i64::from_le_bytes(*deadline)) }
            }
            Some((_, value)) => Held { value, deadline: None },
            None => unreachable!("a payload says what it is"),
        }
    }

    /// Whether the field is gone.
    fn is_past(&self, now: i64) -> bool {
        self.deadline.is_some_and(|deadline| deadline < now)
    }
}

/// What stands before the value in a payload.
fn head(deadline: Option<i64>) -> ([u8; 1 + DEADLINE_BYTES], usize) {
    let mut bytes = [PLAIN; 1 + DEADLINE_BYTES];
    let Some(deadline) = deadline else { return (bytes, 1) };
    bytes[0] = TIMED;
    bytes[1..].copy_from_slice(&deadline.to_le_bytes());
    (bytes, bytes.len())
}

impl Table {
    /// The fields of a small hash.
    pub fn unpack(pack: View<'_>) -> Table {
        let mut table = Table::default();
        let (mut field_text, mut value_text) = (itoa::Buffer::new(), itoa::Buffer::new());
        let mut items = pack.iter();
        while let (Some(field), Some(value)) = (items.next(), items.next()) {
            let (field, value) = (field.text(&mut field_text), value.text(&mut value_text));
            table.dict.insert_parts(field, &[&[PLAIN], value]);
        }
        table
    }

    /// What keeps the fields by name.
    pub fn dict(&self) -> &Dict {
        &self.dict
    }

    /// Whether it has no fields, not even such that are past their deadline.
    pub fn is_empty(&self) -> bool {
        self.dict.is_empty()
    }

    /// Fields that are there at `now`.
    pub fn live(&self, now: i64) -> usize {
        self.dict.len() - self.deadlines.past(now)
    }

    /// Whether no field is there at `now`. Takes no longer when many are not.
    pub fn is_gone(&self, now: i64) -> bool {
        let all_timed = self.deadlines.len() == self.dict.len();
        all_timed && self.deadlines.latest().is_none_or(|deadline| deadline < now)
    }

    /// Whether most fields are there at `now`, so that a random one soon is.
    pub fn is_dense(&self, now: i64) -> bool {
        self.deadlines.past(now) <= self.dict.len() / 2
    }

    fn held(&self, id: u32) -> Held<'_> {
        Held::read(self.dict.get(id).1)
    }

    /// The number of `field` and what it holds, if it is there at `now`.
    fn find(&self, field: &[u8], now: i64) -> Option<(u32, Held<'_>)> {
        let id = self.dict.find(field)?;
        let held = self.held(id);
        (!held.is_past(now)).then_some((id, held))
    }

    /// What `field` holds at `now`.
    #[inline]
    pub fn get(&self, field: &[u8], now: i64) -> Option<Held<'_>> {
        Some(self.find(field, now)?.1)
    }

    /// Sets `field`; true when it was not there at `now`.
    pub fn set(&mut self, field: &[u8], value: &[u8], ttl: Ttl, now: i64) -> bool {
        let id = self.dict.find(field);
        let old = id.and_then(|id| self.held(id).deadline);
        let is_past = old.is_some_and(|deadline| deadline < now);
        let new = match ttl {
            Ttl::Clear => None,
            Ttl::Keep => old.filter(|_| !is_past),
            Ttl::At(deadline) => Some(deadline),
        };
        let (head, head_len) = head(new);
        let payload = [&head[..head_len], value];
        let id = match id {
            Some(id) => {
                self.dict.set_parts(id, &payload);
                self.file(id, old, new);
                return is_past;
            }
            None => self.dict.insert_parts(field, &payload),
        };
        self.file(id, None, new);
        true
    }

    /// Gives `field` a deadline or none; the caller knows that it is there.
    pub fn set_deadline(&mut self, field: &[u8], deadline: Option<i64>) {
        let id = self.dict.find(field).expect("the caller found the field");
        let old = self.held(id).deadline;
        let (head, head_len) = head(deadline);
        if old.is_some() == deadline.is_some() {
            self.dict.payload_mut(id)[..head_len].copy_from_slice(&head[..head_len]);
        } else {
            let value = self.held(id).value.to_vec();
            self.dict.set_parts(id, &[&head[..head_len], &value]);
        }
        self.file(id, old, deadline);
    }

    /// Takes `field` out; false when it is not there at `now`.
    pub fn remove(&mut self, field: &[u8], now: i64) -> bool {
        let found = self.find(field, now).map(|(id, held)| (id, held.deadline));
        if let Some((id, deadline)) = found {
            self.dict.remove(id);
            self.file(id, deadline, None);
        }
        found.is_some()
    }

    /// Takes up to `budget` fields out that are past their deadline, after it has shown them;
    /// returns how many.
    pub fn remove_past(&mut self, now: i64, budget: usize, show: &mut dyn FnMut(&[u8])) -> usize {
        let mut removed = 0;
        while removed < budget
            && let Some(id) = self.deadlines.first_past(now)
        {
            let deadline = self.held(id).deadline;
            show(self.dict.get(id).0);
            self.dict.remove(id);
            self.file(id, deadline, None);
            removed += 1;
        }
        removed
    }

    /// Keeps the books on a deadline that changed.
    fn file(&mut self, id: u32, old: Option<i64>, new: Option<i64>) {
        if old == new {
            return;
        }
        if let Some(deadline) = old {
            self.deadlines.remove(deadline, id);
        }
        if let Some(deadline) = new {
            self.deadlines.add(deadline, id);
        }
    }

    /// All fields from number `first` on with what they hold, past or not, in the order of their
    /// numbers.
    pub fn entries(&self, first: u32) -> impl Iterator<Item = (u32, &[u8], Held<'_>)> {
        self.dict.iter_from(first).map(|(id, field, payload)| (id, field, Held::read(payload)))
    }

    /// All fields that are there at `now`, with their values.
    pub fn iter(&self, now: i64) -> impl Iterator<Item = (&[u8], &[u8])> {
        let held = self.dict.iter().map(|(_, field, payload)| (field, Held::read(payload)));
        held.filter(move |(_, held)| !held.is_past(now)).map(|(field, held)| (field, held.value))
    }

    /// Visits fields and values that are there at `now`, in the manner of `Dict::scan`.
    pub fn scan(
        &self,
        cursor: u64,
        count: usize,
        now: i64,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> u64 {
        self.dict.scan(cursor, count, &mut |field, payload| {
            let held = Held::read(payload);
            if !held.is_past(now) {
                visit(field, held.value);
            }
        })
    }

    /// The number of some field that is there at `now`, all equally likely; `None` when none is.
    pub fn random(&self, now: i64, rng: &mut Rng) -> Option<u32> {
        for _ in 0..RANDOM_TRIES {
            let id = self.dict.random(|bound| rng.below(bound))?;
            if !self.held(id).is_past(now) {
                return Some(id);
            }
        }
        let live = self.live(now);
        let nth = (live > 0).then(|| rng.below(live))?;
        let fields = self.dict.iter().filter(|(_, _, payload)| !Held::read(payload).is_past(now));
        fields.map(|(id, _, _)| id).nth(nth)
    }

    /// Field and value behind a number that [`Table::random`] returned.
    pub fn pair(&self, id: u32) -> (&[u8], &[u8]) {
        (self.dict.get(id).0, self.held(id).value)
    }

    /// Bytes on the heap, about.
    pub fn memory(&self) -> usize {
        size_of::<Table>() + self.dict.memory() + self.deadlines.memory()
    }

    /// Frees a piece of a hash that nobody uses any more; true when more is left.
    pub fn drop_some(&mut self) -> bool {
        self.dict.drop_some() || self.deadlines.drop_some()
    }
}
