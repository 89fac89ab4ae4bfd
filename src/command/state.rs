//! Everything that a command may touch, owned by the server and lent to one handler at a time.
//!
//! Invariant: no descriptors; what needs the driver is asked for with a `Request`.

use super::acl::Users;
use super::block::Blocking;
use super::effects::Effects;
use super::evict::Eviction;
use super::limit::MemoryLimit;
use super::output::Laggards;
use super::script::{Functions, Scripts};
use super::server::background::Background;
use super::server::save::Snapshots;
use super::stages::Tracked;
use super::table::Table;
use crate::base::clock::{Clock, Stamp, stamp};
use crate::base::rng::Rng;
use crate::config::{Appendfsync, Config, MaxmemoryPolicy};
use crate::keyspace::{Keyspace, Order, Policy, Scope};
use crate::observe::latency::{Event, Sample};
use crate::observe::{AclLog, AppendFacts, CommandLog, Facts, Latency, Loading, Stats};
use crate::resp::errors::Reject;
use crate::resp::{Broadcast, Output, Reply};
use crate::session::{Client, ClientFlags, ClientId, ClientMemory, Clients, PubSub, TrackingTable};

/// The server's state, less its descriptors.
pub struct State {
    pub clock: Clock,
    /// End of the last command, from which the next one's time is counted.
    pub stamp: Stamp,
    pub rng: Rng,
    pub config: Config,
    /// The memory there is and the limit in force.
    pub memory_limit: MemoryLimit,
    pub table: Table,
    pub keyspace: Keyspace,
    pub clients: Clients,
    /// What the clients hold together.
    pub client_memory: ClientMemory,
    pub next_client_id: u64,
    /// Who clients can be, and what they may do then.
    pub users: Users,
    /// What clients were denied.
    pub acl_log: AclLog,
    pub pubsub: PubSub,
    pub tracking: TrackingTable,
    /// How `maxmemory` is kept.
    pub eviction: Eviction,
    /// Turns in a row that ended with too large a tracking table.
    pub crowded_turns: usize,
    /// Classes of keyspace events that are published, as their parameter has them; 0: none.
    pub events: u32,
    /// Whether anybody follows what happens to keys: by events, or because clients track.
    pub followed: bool,
    pub stats: Stats,
    /// Commands that took long, that were large, and whose replies were.
    pub slowlog: CommandLog,
    pub large_requests: CommandLog,
    pub large_replies: CommandLog,
    /// What held requests up, and slow commands whose replies have not left.
    pub stages: Tracked,
    pub latency: Latency,
    pub facts: Facts,
    pub snapshots: Snapshots,
    /// Files are being loaded.
    pub loading: Option<Loading>,
    /// The append log as the others see it.
    pub append: AppendFacts,
    /// Snapshots that are taken while the server goes on.
    pub background: Background,
    /// Why writes are refused, while they could not be kept.
    pub writes_refused: Option<Reject>,
    pub pause: Pause,
    /// Clients in MONITOR mode.
    pub monitors: Vec<ClientId>,
    /// Clients whose requests CLIENT PAUSE holds back.
    pub postponed: Vec<ClientId>,
    /// Clients with output that leaves at the end of the turn.
    pub writable: Vec<ClientId>,
    /// Clients that more output waits for than their soft limit allows.
    pub laggards: Laggards,
    /// Changes of the data set since it was last saved.
    pub changes: u64,
    /// What the turn's commands did, for the append log.
    pub effects: Effects,
    /// The scripts that are known.
    pub scripts: Scripts,
    /// The libraries that are loaded.
    pub functions: Functions,
    /// Clients that wait for keys.
    pub blocking: Blocking,
    /// What handlers ask of the server, served after the batch.
    pub requests: Vec<Request>,
}

/// Something only the server can do.
pub enum Request {
    Close(ClientId),
    /// Keep an append log or not, as the configuration says.
    ApplyAppendonly,
    /// Delete files of the log that are no longer needed, if that is wanted now.
    DeleteHistory,
    /// CONFIG SET of port or bind: the client waits for the outcome, or, in a transaction, nobody
    /// does. `before` is what to go back to.
    Rebind {
        client: Option<ClientId>,
        parameter: &'static str,
        before: Box<Config>,
    },
    /// Run what a client sent while it waited.
    Release(ClientId),
    /// FLUSHALL: no snapshot of what was there is to come, and the file is to be as empty.
    ForgetSnapshots,
    /// DEBUG LOADAOF: the client waits for the outcome.
    LoadLog(ClientId),
    /// CLIENT UNPAUSE: run what was held.
    Resume,
    /// SHUTDOWN with `flags`, those of [`crate::config::shutdown`]: the client waits for the outcome.
    Shutdown {
        client: ClientId,
        flags: u32,
    },
}

/// CLIENT PAUSE.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pause {
    /// Unix time in milliseconds; past means no pause.
    pub until_ms: i64,
    pub writes_only: bool,
}

impl Pause {
    /// This pause and another one at `now_ms`: the later end and the stricter mode win, so that a
    /// second pause never shortens or weakens one in force.
    pub fn extended(self, other: Pause, now_ms: i64) -> Pause {
        if self.until_ms <= now_ms {
            return other;
        }
        Pause {
            until_ms: self.until_ms.max(other.until_ms),
            writes_only: self.writes_only && other.writes_only,
        }
    }
}

/// The clients as recipients of messages that go to many.
pub struct Outbox<'a> {
    pub clients: &'a mut Clients,
    pub writable: &'a mut Vec<ClientId>,
    pub memory: &'a mut ClientMemory,
    /// The last group of the log that has a write: a message may tell of it.
    pub group: u64,
}

impl Outbox<'_> {
    /// Sends a message to a client. One that is about to be closed gets nothing more.
    pub fn push<W: Fn(&mut Reply<'_>)>(&mut self, id: ClientId, message: &mut Broadcast<W>) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.flags.intersects(ClientFlags::DEAF) {
            return;
        }
        let message = message.encoded(client.protocol);
        message.blocks().for_each(|block| client.output.extend_from_slice(block));
        client.reveals(self.group);
        self.memory.note_output(client);
        list_writable(client, self.writable);
    }

    /// Sends a message to some clients; returns how many they are.
    pub fn push_to_all<W: Fn(&mut Reply<'_>)>(
        &mut self,
        ids: impl Iterator<Item = ClientId>,
        message: &mut Broadcast<W>,
    ) -> usize {
        let mut count = 0;
        for id in ids {
            self.push(id, message);
            count += 1;
        }
        count
    }
}

fn list_writable(client: &mut Client, writable: &mut Vec<ClientId>) {
    if !client.has(ClientFlags::WRITABLE) {
        client.flags.insert(ClientFlags::WRITABLE);
        writable.push(client.key);
    }
}

impl State {
    /// Appends output for a client other than the one being served.
    pub fn write_to(&mut self, id: ClientId, write: impl FnOnce(&mut Output)) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.has(ClientFlags::CLOSING) {
            return;
        }
        write(&mut client.output);
        client.reveals(self.keyspace.last_marked());
        self.client_memory.note_output(client);
        self.make_writable(id);
    }

    /// Lists a client among those that are looked at when the turn's output leaves.
    pub fn make_writable(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        list_writable(client, &mut self.writable);
    }

    /// Reads the clocks; what follows happens at this time.
    pub fn tick(&mut self) {
        self.clock.tick();
        self.keyspace.set_now(self.clock.unix_ms());
        self.effects.set_now(self.clock.unix_ms() / 1000);
    }

    /// Lets the keyspace count accesses as the eviction policy asks.
    pub fn apply_policy(&mut self) {
        let (scope, order) = match self.config.maxmemory_policy {
            MaxmemoryPolicy::VolatileLru => (Scope::Volatile, Order::Lru),
            MaxmemoryPolicy::VolatileLfu => (Scope::Volatile, Order::Lfu),
            MaxmemoryPolicy::VolatileTtl => (Scope::Volatile, Order::Ttl),
            MaxmemoryPolicy::VolatileRandom => (Scope::Volatile, Order::Random),
            MaxmemoryPolicy::AllkeysLru => (Scope::All, Order::Lru),
            MaxmemoryPolicy::AllkeysLfu => (Scope::All, Order::Lfu),
            MaxmemoryPolicy::AllkeysRandom => (Scope::All, Order::Random),
            MaxmemoryPolicy::Noeviction => (Scope::None, Order::Lru),
        };
        let policy = Policy {
            scope,
            order,
            lfu_log_factor: self.config.lfu_log_factor,
            lfu_decay_time: self.config.lfu_decay_time,
            ..self.keyspace.policy()
        };
        self.keyspace.set_policy(policy);
    }

    /// Has the keyspace mark what is not durable, as far as replies wait for that.
    pub fn apply_durability(&mut self) {
        let always = self.config.appendfsync == Appendfsync::Always;
        self.keyspace.set_marking(always && self.append.is_on);
    }

    /// Notes what took long, if that is watched.
    pub fn note_latency(&mut self, event: Event, nanos: u64) {
        let (ms, threshold_ms) = (nanos / 1_000_000, self.config.latency_monitor_threshold);
        if threshold_ms != 0 && ms >= threshold_ms {
            self.latency.note(event, Sample { time_s: self.clock.unix_s(), ms });
        }
    }

    /// As [`State::note_latency`], for what began at `start` and is over.
    pub fn note_latency_since(&mut self, event: Event, start: Stamp) {
        self.note_latency(event, self.clock.elapsed_ns(start, stamp()));
    }

    /// Whether CLIENT PAUSE is in force.
    pub fn paused(&self) -> bool {
        self.pause.until_ms > self.clock.unix_ms()
    }

    /// Asks for a client to be closed at the end of the batch. Its output is dropped. From now on it
    /// waits for nothing and listens to nothing: an element that it took would be lost.
    pub fn close(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && !client.has(ClientFlags::CLOSING)
        {
            client.flags.insert(ClientFlags::CLOSING);
            self.forget_blocked(id);
            self.pubsub.forget(id);
            self.requests.push(Request::Close(id));
        }
    }
}
