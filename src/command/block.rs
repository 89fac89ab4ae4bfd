//! Clients that wait: for a key, as BLPOP and its like do, or for the disk.
//!
//! A handler that finds nothing to take leaves with [`Ctx::block`]. Its call is kept, and when a
//! write brings one of the keys into being with a value of the type that it waits for, the call runs
//! again, from the start: so there is one way to serve it, whether it had to wait or not. Clients are
//! served in the order in which they began to wait for that key, keys in the order of the writes.
//!
//! Invariant: nothing polls; a client that waits is in the table of each of its keys, and nowhere
//! once it was served, timed out, was unblocked or is gone.

use super::acl;
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
    /// Who waits for a group of the log's records to be durable.
    groups: BTreeSet<(u64, ClientId)>,
    /// The deadline of the call that is being run again, which keeps the one it had.
    retried: Option<Option<i64>>,
}

/// One client that waits.
struct Blocked {
    command: CommandId,
    args: OwnedArgs,
    awaited: Awaited,
    /// Unix milliseconds; `None` waits for ever.
    deadline_ms: Option<i64>,
}

/// What a client waits for.
enum Awaited {
    Keys {
        keys: Vec<DbKey>,
        value_type: ValueType,
        ends: Ends,
    },
    /// That the log is durable up to that group of records.
    Durable {
        group: u64,
    },
    /// Acknowledgements of replicas, which never come.
    Replicas,
}

/// Whether a wait for keys ends as well when one of them goes or gets a value of another type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    /// It goes on: the key may come back.
    Ignored,
    /// It does, as that of XREADGROUP: the group is gone.
    Heeded,
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
            size_of::<Blocked>() + blocked.args.memory() + blocked.awaited.memory()
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

    /// Makes the client wait until the log is durable up to `group`, and for ever if it wants
    /// `replicas` as well; at most until the deadline.
    pub fn block_until_durable(&mut self, group: u64, replicas: bool, deadline_ms: Option<i64>) {
        if !replicas {
            self.state.blocking.groups.insert((group, self.id));
        }
        self.wait(Awaited::Durable { group }, deadline_ms);
    }

    /// Makes the client wait until the deadline for replicas that are not there.
    pub fn block_for_replicas(&mut self, deadline_ms: Option<i64>) {
        self.wait(Awaited::Replicas, deadline_ms);
    }

    fn wait(&mut self, awaited: Awaited, deadline_ms: Option<i64>) {
        let args = self.args.to_owned();
        self.wait_with(args, awaited, deadline_ms);
    }

    fn wait_with(&mut self, args: OwnedArgs, awaited: Awaited, deadline_ms: Option<i64>) {
        let client = self.client();
        client.flags.insert(ClientFlags::BLOCKED);
        let command = client.last_command.expect("a client in execution has a command");
        let blocking = &mut self.state.blocking;
        let deadline_ms = blocking.retried.unwrap_or(deadline_ms);
        if let Some(at) = deadline_ms {
            blocking.deadlines.insert((at, self.id));
        }
        let blocked = Blocked { command, args, awaited, deadline_ms };
        blocking.clients.insert(self.id, blocked);
    }

    /// Makes the client wait until one of the keys holds a value of that type or the deadline (see
    /// [`timeout`]) passes. The handler leaves without a reply; the call runs again then.
    pub fn block<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k [u8]>,
        value_type: ValueType,
        deadline_ms: Option<i64>,
    ) {
        let args = self.args.to_owned();
        self.block_with(args, keys, value_type, Ends::Ignored, deadline_ms);
    }

    /// As [`Ctx::block`], to run again with other arguments than it came with.
    pub fn block_with<'k>(
        &mut self,
        args: OwnedArgs,
        keys: impl Iterator<Item = &'k [u8]>,
        value_type: ValueType,
        ends: Ends,
        deadline_ms: Option<i64>,
    ) {
        let mut distinct: Vec<DbKey> = Vec::new();
        for key in keys {
            let key = (self.db, Box::from(key));
            let waiting = self.state.blocking.keys.entry(key.clone()).or_default();
            if waiting.back() == Some(&self.id) {
                continue; // named twice
            }
            waiting.push_back(self.id);
            let db = self.state.keyspace.db(self.db);
            db.await_key(&key.1);
            if ends == Ends::Heeded {
                db.await_end(&key.1);
            }
            distinct.push(key);
        }
        self.wait_with(args, Awaited::Keys { keys: distinct, value_type, ends }, deadline_ms);
    }
}

impl Awaited {
    /// Heap bytes.
    fn memory(&self) -> usize {
        match self {
            Awaited::Keys { keys, .. } => keys.iter().map(|(_, key)| key.len()).sum(),
            Awaited::Durable { .. } | Awaited::Replicas => 0,
        }
    }

    /// Whether the wait is over when its key holds such a value, or none.
    fn is_for(&self, holds: Option<ValueType>) -> bool {
        match self {
            Awaited::Keys { value_type, ends, .. } => {
                holds == Some(*value_type) || *ends == Ends::Heeded
            }
            Awaited::Durable { .. } | Awaited::Replicas => false,
        }
    }
}

/// Replies whether the log is durable up to `group`, and how many replicas said the same: none.
pub fn reply_durable(ctx: &mut Ctx<'_>, group: u64) {
    let durable = ctx.state.append.is_on && group <= ctx.state.append.durable;
    ctx.reply.array(2);
    ctx.reply.integer(durable.into());
    ctx.reply.integer(0);
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

    /// Runs the calls again that wait for this key, as long as it is there or its end is awaited: each
    /// once at most, so that one which waits again does not hold up the rest.
    fn serve_key(&mut self, key: &DbKey) {
        let count = self.blocking.keys.get(key).map_or(0, VecDeque::len);
        let mut passed_over = 0;
        for _ in 0..count {
            // Mostly somebody took all that came, and there may be thousands behind.
            let db = self.keyspace.db(key.0);
            let holds = db.value_type(&key.1);
            if holds.is_none() && !db.is_end_awaited(&key.1) {
                break;
            }
            let waiting = self.blocking.keys.get(key);
            let Some(&id) = waiting.and_then(|ids| ids.get(passed_over)) else { break };
            let blocked = self.blocking.clients.get(&id);
            match blocked.is_some_and(|blocked| blocked.awaited.is_for(holds)) {
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
        self.answer(id, &blocked, |ctx| match acl::gate(ctx, blocked.command) {
            Ok(()) => call(ctx, blocked.command),
            Err(reject) => {
                ctx.state.stats.commands[blocked.command.0 as usize].rejected += 1;
                refuse(ctx, &reject);
            }
        });
        self.blocking.retried = None;
    }

    /// Lets `reply` answer the call of a client that is not in execution.
    fn answer(&mut self, id: ClientId, blocked: &Blocked, reply: impl FnOnce(&mut Ctx<'_>)) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let mut out = take(&mut client.output);
        let (protocol, db, reply_at) = (client.protocol, client.db as usize, out.len());
        let args = blocked.args.args();
        let mut ctx = Ctx {
            args,
            reply: Reply { out: &mut out, protocol },
            state: self,
            id,
            db,
            meanwhile: None,
        };
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
        match &blocked.awaited {
            Awaited::Keys { keys, ends, .. } => {
                keys.iter().for_each(|key| self.leave_queue(id, key, *ends));
            }
            Awaited::Durable { group } => {
                self.blocking.groups.remove(&(*group, id));
            }
            Awaited::Replicas => {}
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

    /// Takes a client out of the queue of a key.
    fn leave_queue(&mut self, id: ClientId, key: &DbKey, ends: Ends) {
        let Some(waiting) = self.blocking.keys.get_mut(key) else { return };
        // Mostly it is the first.
        if let Some(place) = waiting.iter().position(|other| *other == id) {
            waiting.remove(place);
        }
        let is_last = waiting.is_empty();
        let db = self.keyspace.db(key.0);
        if is_last {
            self.blocking.keys.remove(key);
            db.forget_key(&key.1);
        } else if ends == Ends::Heeded {
            db.forget_end(&key.1);
        }
    }

    /// The last group of the log that somebody waits for; 0: none.
    pub fn awaited_group(&self) -> u64 {
        self.blocking.groups.last().map_or(0, |(group, _)| *group)
    }

    /// Answers those who wait for what is durable by now.
    pub fn serve_durable(&mut self) {
        while let Some(&(group, id)) = self.blocking.groups.first()
            && group <= self.append.durable
        {
            let Some(blocked) = self.end_wait(id) else { return };
            self.answer(id, &blocked, |ctx| reply_durable(ctx, group));
            record(self, blocked.command, 0, false);
        }
    }

    /// Forgets a client that is being closed.
    pub fn forget_blocked(&mut self, id: ClientId) {
        self.end_wait(id);
    }

    /// Ends a client's wait with an answer of its own; false when it does not wait for a key.
    pub fn unblock(&mut self, id: ClientId, why: Unblocked) -> bool {
        let Some(blocked) = self.end_wait(id) else { return false };
        self.answer(id, &blocked, |ctx| match why {
            Unblocked::TimedOut => match blocked.awaited {
                Awaited::Keys { .. } => ctx.reply.null_array(),
                Awaited::Durable { group } => reply_durable(ctx, group),
                Awaited::Replicas => ctx.reply.integer(0),
            },
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
