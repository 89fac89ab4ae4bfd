//! Clients that wait for a key: BLPOP and its like.
//!
//! A handler that finds nothing to take leaves with [`Ctx::block`]. Its call is kept, and when a
//! write brings one of the keys into being with a value of the type that it waits for, the call runs
//! again, from the start: so there is one way to serve it, whether it had to wait or not. Clients are
//! served in the order in which they began to wait for that key, keys in the order of the writes.
//!
//! Invariant: nothing polls; a client that waits is in the table of each of its keys, and nowhere
//! once it was served, timed out, was unblocked or is gone.

use super::call::{call, record, refuse, settle};
use super::ctx::Ctx;
use super::state::{Request, State};
use crate::base::num;
use crate::resp::errors::{self, Reject};
use crate::resp::{OwnedArgs, Reply};
use crate::session::{ClientFlags, ClientId, CommandId};
use crate::types::ValueType;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::collections::{BTreeSet, VecDeque};
use std::mem::take;

/// A key of a database.
type DbKey = (usize, Box<[u8]>);

/// Who waits for what.
#[derive(Default)]
pub struct Blocking {
    clients: HashMap<ClientId, Blocked, RandomState>,
    /// Who waits for a key, the longest first.
    keys: HashMap<DbKey, VecDeque<ClientId>, RandomState>,
    deadlines: BTreeSet<(i64, ClientId)>,
    /// The deadline of the call that is being run again, which keeps the one it had.
    retried: Option<Option<i64>>,
}

/// One client that waits.
struct Blocked {
    command: CommandId,
    args: OwnedArgs,
    keys: Vec<DbKey>,
    value_type: ValueType,
    /// Unix milliseconds; `None` waits for ever.
    deadline_ms: Option<i64>,
}

/// Why a client no longer waits, though nothing came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unblocked {
    TimedOut,
    /// CLIENT UNBLOCK ... ERROR.
    ByError,
}

impl Blocking {
    /// Clients that wait.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Whether a call runs that had to wait.
    pub fn is_retrying(&self) -> bool {
        self.retried.is_some()
    }

    /// Keys that somebody waits for.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Clients whose wait has a deadline.
    pub fn with_deadline(&self) -> usize {
        self.deadlines.len()
    }

    /// Unix milliseconds of the first deadline.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        Some(self.deadlines.first()?.0)
    }

    /// Bytes that a client's wait takes, for CLIENT LIST.
    pub fn memory_of(&self, id: ClientId) -> usize {
        self.clients.get(&id).map_or(0, |blocked| {
            let keys: usize = blocked.keys.iter().map(|(_, key)| key.len()).sum();
            size_of::<Blocked>() + blocked.args.memory() + keys
        })
    }
}

/// Argument `index` of a call as a timeout: unix milliseconds, `None` for no end.
///
/// # Errors
/// Redis's texts for what is no number of seconds, negative, or too far ahead.
pub fn timeout(ctx: &Ctx<'_>, index: usize) -> Result<Option<i64>, Reject> {
    let seconds = num::parse_long_double(ctx.arg(index)).ok_or(errors::TIMEOUT_NOT_A_FLOAT)?;
    let millis = (seconds * 1000.0).ceil();
    // The largest double below 2^63: beyond it the conversion would not be exact.
    if millis > 9_223_372_036_854_774_784.0 {
        return Err(errors::TIMEOUT_OUT_OF_RANGE.into());
    }
    if millis < 0.0 {
        return Err(errors::TIMEOUT_NEGATIVE.into());
    }
    if millis == 0.0 {
        return Ok(None);
    }
    let deadline = ctx.state.clock.unix_ms().checked_add(millis as i64);
    deadline.map(Some).ok_or(errors::TIMEOUT_OUT_OF_RANGE.into())
}

impl Ctx<'_> {
    /// Whether a call may wait; in a transaction it may not, and answers as after a timeout.
    pub fn may_block(&mut self) -> bool {
        !self.client().has(ClientFlags::EXECUTING)
    }

    /// Makes the client wait until one of the keys holds a value of that type or the deadline (see
    /// [`timeout`]) passes. The handler leaves without a reply; the call runs again then.
    pub fn block<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]>,
        value_type: ValueType,
        deadline_ms: Option<i64>,
    ) {
        let client = self.client();
        client.flags.insert(ClientFlags::BLOCKED);
        let command = client.last_command.expect("a client in execution has a command");
        let mut distinct: Vec<DbKey> = Vec::new();
        for key in keys {
            let key = (self.db, Box::from(key));
            let waiting = self.state.blocking.keys.entry(key.clone()).or_default();
            if waiting.back() == Some(&self.id) {
                continue; // named twice
            }
            waiting.push_back(self.id);
            self.state.keyspace.db(self.db).await_key(&key.1);
            distinct.push(key);
        }
        let blocking = &mut self.state.blocking;
        let deadline_ms = blocking.retried.unwrap_or(deadline_ms);
        if let Some(at) = deadline_ms {
            blocking.deadlines.insert((at, self.id));
        }
        let args = self.args.to_owned();
        let blocked = Blocked { command, args, keys: distinct, value_type, deadline_ms };
        blocking.clients.insert(self.id, blocked);
    }
}

impl State {
    /// Serves clients whose keys came into being, and those whom serving them helps.
    #[inline]
    pub fn serve_blocked(&mut self) {
        if self.keyspace.has_awaited() {
            self.serve_awaited();
        }
    }

    #[cold]
    fn serve_awaited(&mut self) {
        while self.keyspace.has_awaited() {
            for (db, key) in self.keyspace.take_awaited() {
                self.serve_key(&(db, key));
            }
        }
    }

    /// Runs the calls again that wait for this key, as long as it is there: each once at most, so
    /// that one which waits again does not hold up the rest.
    fn serve_key(&mut self, key: &DbKey) {
        let count = self.blocking.keys.get(key).map_or(0, VecDeque::len);
        let mut passed_over = 0;
        for _ in 0..count {
            // Mostly somebody took all that came, and there may be thousands behind.
            let Some(holds) = self.keyspace.db(key.0).value_type(&key.1) else { break };
            let waiting = self.blocking.keys.get(key);
            let Some(&id) = waiting.and_then(|ids| ids.get(passed_over)) else { break };
            let blocked = self.blocking.clients.get(&id);
            match blocked.is_some_and(|blocked| blocked.value_type == holds) {
                // It is out of the queue then, or at its end.
                true => self.retry(id),
                false => passed_over += 1,
            }
        }
    }

    /// Runs the call of a client that waits again.
    fn retry(&mut self, id: ClientId) {
        let Some(blocked) = self.end_wait(id) else { return };
        let Some(client) = self.clients.get(id) else { return };
        let touch = !client.has(ClientFlags::NO_TOUCH);
        self.keyspace.set_touch(touch);
        self.blocking.retried = Some(blocked.deadline_ms);
        self.answer(id, &blocked, |ctx| call(ctx, blocked.command));
        self.blocking.retried = None;
    }

    /// Lets `reply` answer the call of a client that is not in execution.
    fn answer(&mut self, id: ClientId, blocked: &Blocked, reply: impl FnOnce(&mut Ctx<'_>)) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let mut out = take(&mut client.output);
        let (protocol, db, reply_at) = (client.protocol, client.db as usize, out.len());
        let args = blocked.args.args();
        let mut ctx = Ctx { args, reply: Reply { out: &mut out, protocol }, state: self, id, db };
        reply(&mut ctx);
        settle(&mut ctx, reply_at);
        let Some(client) = self.clients.get_mut(id) else { return };
        client.output = out;
        client.reveals(self.keyspace.last_marked());
        self.client_memory.note_output(client);
        self.note_memory(id);
        self.make_writable(id);
    }

    /// Takes a client out of all tables; it goes on with what it sent meanwhile.
    fn end_wait(&mut self, id: ClientId) -> Option<Blocked> {
        let blocked = self.blocking.clients.remove(&id)?;
        for key in &blocked.keys {
            let Some(waiting) = self.blocking.keys.get_mut(key) else { continue };
            // Mostly it is the first.
            if let Some(place) = waiting.iter().position(|other| *other == id) {
                waiting.remove(place);
            }
            if waiting.is_empty() {
                self.blocking.keys.remove(key);
                self.keyspace.db(key.0).forget_key(&key.1);
            }
        }
        if let Some(at) = blocked.deadline_ms {
            self.blocking.deadlines.remove(&(at, id));
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.flags.remove(ClientFlags::BLOCKED);
            self.requests.push(Request::Release(id));
        }
        Some(blocked)
    }

    /// Forgets a client that is being closed.
    pub fn forget_blocked(&mut self, id: ClientId) {
        self.end_wait(id);
    }

    /// Ends a client's wait with an answer of its own; false when it does not wait for a key.
    pub fn unblock(&mut self, id: ClientId, why: Unblocked) -> bool {
        let Some(blocked) = self.end_wait(id) else { return false };
        self.answer(id, &blocked, |ctx| match why {
            Unblocked::TimedOut => ctx.reply.null_array(),
            Unblocked::ByError => refuse(ctx, &errors::UNBLOCKED.into()),
        });
        record(self, blocked.command, 0, why == Unblocked::ByError);
        true
    }

    /// Ends the waits whose deadline has come.
    pub fn time_out_blocked(&mut self) {
        let now_ms = self.clock.unix_ms();
        while let Some(&(at, id)) = self.blocking.deadlines.first()
            && at <= now_ms
        {
            self.unblock(id, Unblocked::TimedOut);
        }
    }
}
