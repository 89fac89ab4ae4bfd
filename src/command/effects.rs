//! What a turn's commands did to the data set, as the append log and replicas are told: mostly the
//! command itself, else what came of it. A relative time becomes a point in time, a random choice the
//! removal of what was chosen, a wait the taking of what came, so that a replay leads to the same
//! data whenever it happens.
//!
//! The records of one *unit*, which is a command with all it brought about or a whole transaction,
//! stand between MULTI and EXEC if there are several.
//!
//! Invariant: while nobody wants them, a command pays a load and a branch.

use super::ctx::Ctx;
use super::spec::{Command, Flags};
use super::state::State;
use crate::keyspace::{Happening, Record};
use crate::persist::aof::record;
use crate::resp::Args;
use crate::session::ClientFlags;
use std::mem::take;

/// Capacity that stays for the next turn, bytes. What a large value needed goes back.
const KEPT_BYTES: usize = 256 * 1024;

/// The records of a turn.
#[derive(Default)]
pub struct Effects {
    on: bool,
    bytes: Vec<u8>,
    /// The database that the last record applied to.
    selected: Option<usize>,
    /// Records of the unit in progress, and where the first one begins.
    unit_records: usize,
    unit_at: usize,
    /// Whether the command in execution has said what it did.
    told: bool,
    /// Unix time in seconds.
    now_s: i64,
    /// The second of the last annotation; none while they are not wanted.
    annotated_s: Option<i64>,
}

impl Effects {
    /// Whether records are collected.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Begins or ends collecting. [`State::apply_followers`] has to be told.
    pub fn set_on(&mut self, on: bool) {
        *self = Effects { on, now_s: self.now_s, annotated_s: self.annotated_s, ..Self::default() };
    }

    /// Whether records are annotated with the second they were made in (`aof-timestamp-enabled`).
    pub fn annotate(&mut self, wanted: bool) {
        self.annotated_s = wanted.then_some(self.annotated_s.unwrap_or(0));
    }

    /// Sets the time of the records to come, Unix time in seconds.
    #[inline]
    pub fn set_now(&mut self, unix_s: i64) {
        self.now_s = unix_s;
    }

    /// What was collected since [`Effects::clear`]: whole units.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.whole_len()]
    }

    /// Whether nothing was collected, not even of a unit in progress.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn whole_len(&self) -> usize {
        if self.unit_records > 0 { self.unit_at } else { self.bytes.len() }
    }

    /// Forgets what was collected, but for a unit in progress.
    pub fn clear(&mut self) {
        self.bytes.drain(..self.whole_len());
        self.unit_at = 0;
        self.bytes.shrink_to(KEPT_BYTES);
    }

    /// Forgets the unit in progress and collects nothing from now on: the server ends in its middle.
    pub fn seal(&mut self) {
        self.bytes.truncate(self.whole_len());
        (self.on, self.unit_records) = (false, 0);
    }

    /// Makes the next record say its database, because a file begins with it.
    pub fn begin_file(&mut self) {
        self.selected = None;
    }

    /// Heap bytes held.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends a record for a database.
    fn push<'a>(&mut self, db: usize, args: impl Iterator<Item = &'a [u8]> + Clone) {
        self.begin_record(db);
        record::push(&mut self.bytes, args);
    }

    /// Appends a call as it is, mostly in the very bytes that it came in.
    fn push_call(&mut self, db: usize, args: &Args<'_>) {
        self.begin_record(db);
        match args.as_sent() {
            Some(bytes) => self.bytes.extend_from_slice(bytes),
            None => record::push(&mut self.bytes, args.from(0)),
        }
    }

    /// Writes what precedes a record: an annotation, MULTI, SELECT.
    #[inline]
    fn begin_record(&mut self, db: usize) {
        match self.unit_records {
            0 => self.begin_unit(),
            1 => drop(self.bytes.splice(self.unit_at..self.unit_at, *b"*1\r\n$5\r\nMULTI\r\n")),
            _ => {}
        }
        self.unit_records += 1;
        if self.selected != Some(db) {
            self.selected = Some(db);
            record::select(&mut self.bytes, db);
        }
    }

    fn begin_unit(&mut self) {
        if self.annotated_s.is_some_and(|annotated_s| annotated_s < self.now_s) {
            self.annotated_s = Some(self.now_s);
            record::annotate(&mut self.bytes, self.now_s);
        }
        self.unit_at = self.bytes.len();
    }

    /// Ends a unit.
    fn end_unit(&mut self) {
        if self.unit_records > 1 {
            self.bytes.extend_from_slice(b"*1\r\n$4\r\nEXEC\r\n");
        }
        self.unit_records = 0;
    }
}

impl Ctx<'_> {
    /// Says what the command did, in the place of the command itself. Several calls say several
    /// things.
    #[inline]
    pub fn effect(&mut self, args: &[&[u8]]) {
        if self.state.effects.is_on() {
            self.tell_effect(args.iter().copied());
        }
    }

    /// As [`Ctx::effect`], with a number as the last argument.
    #[inline]
    pub fn effect_with(&mut self, args: &[&[u8]], last: i64) {
        if self.state.effects.is_on() {
            let mut buffer = itoa::Buffer::new();
            let last = buffer.format(last).as_bytes();
            self.tell_effect(args.iter().copied().chain([last]));
        }
    }

    /// As [`Ctx::effect`], with arguments that only have to be found if somebody wants them.
    #[inline]
    pub fn effect_of<'e>(&mut self, args: impl FnOnce() -> Vec<&'e [u8]>) {
        if self.state.effects.is_on() {
            self.tell_effect(args().into_iter());
        }
    }

    #[inline(never)]
    fn tell_effect<'e>(&mut self, args: impl Iterator<Item = &'e [u8]> + Clone) {
        self.state.tell_records(Some(self.id));
        self.state.effects.told = true;
        self.state.effects.push(self.db, args);
    }

    /// Runs something of which nothing is collected.
    pub(super) fn unlogged(&mut self, run: impl FnOnce(&mut Self)) {
        let on = std::mem::replace(&mut self.state.effects.on, false);
        run(self);
        self.state.effects.on = on;
    }

    /// Says that what the command did was told by the commands it called.
    pub(super) fn told_by_parts(&mut self) {
        self.state.effects.told = self.state.effects.is_on();
    }

    /// Collects what a command did that began when the data set had seen `changes_before` changes.
    #[inline(never)]
    pub(super) fn collect_effects(&mut self, command: &Command, changes_before: u64) {
        self.state.tell_records(Some(self.id));
        let told = take(&mut self.state.effects.told);
        let writes = command.flags.intersects(Flags::WRITE.or(Flags::MAY_REPLICATE));
        if writes && !told && self.state.changes > changes_before {
            self.state.effects.push_call(self.db, &self.args);
        }
        // While a script goes on the unit is its, whoever is served.
        if !self.client().has(ClientFlags::EXECUTING) && !self.state.scripts.is_busy() {
            self.state.effects.end_unit();
        }
    }
}

impl State {
    /// Whether anybody wants to know what the keyspace does on its own.
    #[inline]
    pub fn has_followers(&self) -> bool {
        self.followed || self.effects.is_on()
    }

    /// Collects what the keyspace did on its own; `alone` if that was not during a command.
    pub(super) fn collect_record(&mut self, record: &Record, alone: bool) {
        let name: &[u8] = match record.happening {
            Happening::Expired | Happening::Emptied | Happening::Evicted => b"DEL",
            Happening::FieldsExpired if !record.fields.is_empty() => b"HDEL",
            _ => return,
        };
        let fields = record.fields.iter().map(|field| &**field);
        self.effects.push(record.db, [name, &*record.key].into_iter().chain(fields));
        if alone {
            self.effects.end_unit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects() -> Effects {
        let mut effects = Effects::default();
        effects.set_on(true);
        effects
    }

    fn push(effects: &mut Effects, db: usize, line: &str) {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        effects.push(db, words.into_iter());
    }

    /// The records as lines.
    fn lines(effects: &Effects) -> Vec<String> {
        let text = String::from_utf8(effects.bytes().to_vec()).expect("text");
        let mut lines: Vec<String> = Vec::new();
        for word in text.split("\r\n") {
            match word.as_bytes().first() {
                Some(b'*' | b'#') => {
                    lines.push(word.trim_start_matches(['*', '1', '2', '3']).into())
                }
                Some(b'$') | None => {}
                Some(_) => {
                    let line = lines.last_mut().expect("a record");
                    *line = format!("{line} {word}").trim_start().to_owned();
                }
            }
        }
        lines
    }

    #[test]
    fn only_a_unit_of_several_records_is_a_transaction() {
        let mut effects = effects();
        push(&mut effects, 0, "SET a 1");
        effects.end_unit();
        push(&mut effects, 0, "DEL a");
        push(&mut effects, 0, "SET b 1");
        push(&mut effects, 0, "SET c 1");
        effects.end_unit();
        effects.end_unit();
        let expected = ["SELECT 0", "SET a 1", "MULTI", "DEL a", "SET b 1", "SET c 1", "EXEC"];
        assert_eq!(lines(&effects), expected);
    }

    #[test]
    fn the_database_is_said_when_it_changes_and_within_the_transaction() {
        let mut effects = effects();
        push(&mut effects, 3, "DEL a");
        effects.end_unit();
        push(&mut effects, 3, "DEL b");
        effects.end_unit();
        push(&mut effects, 1, "DEL c");
        push(&mut effects, 3, "DEL d");
        effects.end_unit();
        effects.begin_file();
        push(&mut effects, 3, "DEL e");
        effects.end_unit();
        let expected =
            "SELECT 3,DEL a,DEL b,MULTI,SELECT 1,DEL c,SELECT 3,DEL d,EXEC,SELECT 3,DEL e";
        assert_eq!(lines(&effects).join(","), expected);
    }

    #[test]
    fn of_a_unit_in_progress_nothing_is_written() {
        let mut effects = effects();
        push(&mut effects, 0, "DEL a");
        effects.end_unit();
        push(&mut effects, 0, "DEL b");
        push(&mut effects, 0, "DEL c");
        assert_eq!(lines(&effects).join(","), "SELECT 0,DEL a");
        effects.clear();
        push(&mut effects, 0, "DEL d");
        assert!(effects.bytes().is_empty());
        effects.end_unit();
        assert_eq!(lines(&effects).join(","), "MULTI,DEL b,DEL c,DEL d,EXEC");
        push(&mut effects, 0, "DEL e");
        effects.seal();
        assert!(lines(&effects).join(",").ends_with("EXEC") && !effects.is_on());
    }

    #[test]
    fn a_second_is_annotated_once_before_its_first_unit() {
        let mut effects = effects();
        effects.annotate(true);
        for (now_s, line) in [(7, "DEL a"), (7, "DEL b"), (8, "DEL c")] {
            effects.set_now(now_s);
            push(&mut effects, 0, line);
            push(&mut effects, 0, line);
            effects.end_unit();
        }
        let annotations: Vec<_> = lines(&effects).into_iter().enumerate().collect();
        let annotations = annotations.iter().filter(|(_, line)| line.starts_with('#'));
        assert_eq!(annotations.map(|(at, _)| *at).collect::<Vec<_>>(), [0, 10]);
    }
}
