//! Client-side caching: keys that clients read are remembered, and their changes told.
//!
//! A client in execution gets what concerns itself behind its reply (`dispatch`); what was changed
//! under a prefix is told once for a turn of the loop.
//!
//! Invariant: nothing here costs anything while nobody tracks.

use super::ctx::Ctx;
use super::spec::{Command, Flags};
use super::state::{Outbox, State};
use crate::resp::{Broadcast, Protocol, Reply};
use crate::session::tracking::{Changes, Mode};
use crate::session::{ClientFlags, ClientId, Clients, CommandId, Tracking};

/// Where clients of RESP2 receive invalidations.
const CHANNEL: &[u8] = b"__redis__:invalidate";
/// Keys that give way in one turn while the table is too large; with every further such turn as
/// many more.
const EVICTIONS_PER_TURN: usize = 128;

/// Why a key is no longer what clients hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A command of that client changed it.
    Command(ClientId),
    /// The keyspace removed it, perhaps while a command ran.
    Keyspace { during: Option<ClientId> },
}

impl Cause {
    /// The client that changed the key.
    fn author(self) -> Option<ClientId> {
        match self {
            Cause::Command(by) => Some(by),
            Cause::Keyspace { .. } => None,
        }
    }

    /// The client in execution.
    fn current(self) -> Option<ClientId> {
        match self {
            Cause::Command(by) => Some(by),
            Cause::Keyspace { during } => during,
        }
    }
}

/// Remembers what a command read for the client that tracks it.
#[cold]
pub fn remember_keys(ctx: &mut Ctx<'_>, command: &Command) {
    if !command.flags.has(Flags::READONLY) {
        return;
    }
    let tracking = ctx.client().tracking.as_deref();
    if !tracking.is_some_and(Tracking::remembers) {
        return;
    }
    let mut keys = Vec::new();
    if command.keys_of(&ctx.args, &mut keys).is_err() {
        return;
    }
    let State { tracking, clients, .. } = &mut *ctx.state;
    for (index, _) in keys {
        tracking.remember(ctx.args.at(index), ctx.id, |id| clients.get(id).is_some());
    }
}

/// CLIENT CACHING made an exception for one command or transaction, which is over now.
#[cold]
pub fn end_exception(ctx: &mut Ctx<'_>, command: Option<CommandId>) {
    let is_client = command.is_some_and(|id| ctx.state.table.command(id).name == "client");
    let Some(client) = ctx.state.clients.get_mut(ctx.id) else { return };
    if is_client || client.has(ClientFlags::MULTI) {
        return;
    }
    if let Some(tracking) = &mut client.tracking {
        tracking.caching = false;
    }
}

/// Ends a client's tracking, if it has one.
pub fn end(state: &mut State, id: ClientId) {
    let Some(client) = state.clients.get_mut(id) else { return };
    if let Some(tracking) = client.tracking.take() {
        state.tracking.leave(id, &tracking);
        state.apply_followers();
    }
}

impl State {
    /// Tells those who may hold `key` that they do no longer.
    pub fn invalidate(&mut self, key: &[u8], cause: Cause) {
        if self.tracking.is_idle() {
            return;
        }
        self.tracking.change(key, cause.author());
        let holders = self.tracking.take(key);
        self.tell_holders(key, &holders, cause.current());
    }

    fn tell_holders(&mut self, key: &[u8], holders: &[ClientId], current: Option<ClientId>) {
        let mut message = invalidation(|reply| {
            reply.array(1);
            reply.bulk(key);
        });
        let State { clients, writable, client_memory, keyspace, .. } = self;
        let mut outbox =
            Outbox { clients, writable, memory: client_memory, group: keyspace.last_marked() };
        for &holder in holders {
            let Some(tracking) = outbox.clients.get(holder).and_then(|c| c.tracking.as_deref())
            else {
                continue;
            };
            // What was remembered before a client went over to broadcasting is not told.
            let own = tracking.noloop && current == Some(holder);
            if tracking.mode != Mode::Broadcast && !own {
                send(&mut outbox, holder, &mut message);
            }
        }
    }

    /// Tells all who track that all keys are gone.
    pub fn invalidate_all(&mut self) {
        self.tracking.forget_keys();
        if self.tracking.clients() == 0 {
            return;
        }
        let tracking = self.clients.iter().filter(|client| client.tracking.is_some());
        let ids: Vec<ClientId> = tracking.map(|client| client.key).collect();
        let State { clients, writable, client_memory, keyspace, .. } = self;
        let mut outbox =
            Outbox { clients, writable, memory: client_memory, group: keyspace.last_marked() };
        let mut message = invalidation(|reply| reply.null());
        ids.into_iter().for_each(|id| send(&mut outbox, id, &mut message));
    }

    /// Tells those who follow prefixes what changed under them since the last call.
    pub fn broadcast_changes(&mut self) {
        for (changes, followers) in self.tracking.take_changes() {
            let State { clients, writable, client_memory, keyspace, .. } = self;
            let mut outbox =
                Outbox { clients, writable, memory: client_memory, group: keyspace.last_marked() };
            let mut all = invalidation(|reply| write_keys(reply, &changes, None));
            for id in followers {
                if !is_noloop(outbox.clients, id) {
                    send(&mut outbox, id, &mut all);
                } else if changes.values().any(|by| *by != Some(id)) {
                    let of_others = |reply: &mut Reply<'_>| write_keys(reply, &changes, Some(id));
                    send(&mut outbox, id, &mut invalidation(of_others));
                }
            }
        }
    }

    /// Makes room in a table that outgrew `tracking-table-max-keys`; true when it is still too
    /// large.
    pub fn limit_tracking_table(&mut self) -> bool {
        let most = usize::try_from(self.config.tracking_table_max_keys).unwrap_or(usize::MAX);
        let fits = |state: &State| most == 0 || state.tracking.keys() <= most;
        let budget = EVICTIONS_PER_TURN.saturating_mul(self.crowded_turns + 1);
        for _ in 0..budget {
            if fits(self) {
                break;
            }
            let State { tracking, rng, .. } = self;
            let Some((key, holders)) = tracking.evict(|bound| rng.below(bound)) else { break };
            self.tell_holders(&key, &holders, None);
        }
        let crowded = !fits(self);
        self.crowded_turns = if crowded { self.crowded_turns + 1 } else { 0 };
        crowded
    }
}

/// The message that makes clients forget the keys that `write_keys` writes as one reply.
fn invalidation(write_keys: impl Fn(&mut Reply<'_>)) -> Broadcast<impl Fn(&mut Reply<'_>)> {
    Broadcast::new(move |reply| {
        match reply.protocol {
            Protocol::Resp3 => {
                reply.push(2);
                reply.bulk(b"invalidate");
            }
            Protocol::Resp2 => {
                reply.push(3);
                reply.bulk(b"message");
                reply.bulk(CHANNEL);
            }
        }
        write_keys(reply);
    })
}

/// The changed keys as an array, without those that `except` changed last.
fn write_keys(reply: &mut Reply<'_>, changes: &Changes, except: Option<ClientId>) {
    let told = changes.iter().filter(|(_, by)| except.is_none() || **by != except);
    reply.array(told.clone().count());
    told.for_each(|(key, _)| reply.bulk(key));
}

fn is_noloop(clients: &Clients, id: ClientId) -> bool {
    let tracking = clients.get(id).and_then(|client| client.tracking.as_deref());
    tracking.is_some_and(|tracking| tracking.noloop)
}

/// Sends an invalidation to a client that tracks, or where it redirects them to.
fn send<W: Fn(&mut Reply<'_>)>(outbox: &mut Outbox<'_>, id: ClientId, message: &mut Broadcast<W>) {
    let Some(client) = outbox.clients.get(id) else { return };
    let redirect = client.tracking.as_ref().and_then(|tracking| tracking.redirect);
    let receiver = match redirect {
        None => client,
        Some(redirect) => match outbox.clients.get(redirect.client) {
            Some(receiver) => receiver,
            None => return tell_broken(outbox, id),
        },
    };
    // RESP2 has no messages but those of channels, which only somebody else's can be.
    let hears = receiver.protocol == Protocol::Resp3
        || (redirect.is_some() && receiver.has(ClientFlags::SUBSCRIBER));
    if hears {
        let receiver = receiver.key;
        outbox.push(receiver, message);
    }
}

/// Tells a client that the one it redirects to is gone.
fn tell_broken(outbox: &mut Outbox<'_>, id: ClientId) {
    let Some(client) = outbox.clients.get_mut(id) else { return };
    let resp3 = client.protocol == Protocol::Resp3;
    let Some(tracking) = client.tracking.as_deref_mut() else { return };
    tracking.broken = true;
    let Some(redirect) = tracking.redirect.filter(|_| resp3) else { return };
    let mut message = Broadcast::new(|reply| {
        reply.push(2);
        reply.bulk(b"tracking-redir-broken");
        reply.integer(redirect.id as i64);
    });
    outbox.push(id, &mut message);
}
