//! The lines of CLIENT LIST and CLIENT INFO.

use super::tracking::redirect;
use crate::command::State;
use crate::command::output::counted;
use crate::resp::Protocol;
use crate::resp::errors::{self, Reject};
use crate::session::pubsub::Kind;
use crate::session::tracking::Mode;
use crate::session::{Client, ClientFlags};
use std::fmt::Write;

/// The classes that CLIENT LIST and CLIENT KILL tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientType {
    Normal,
    Replica,
    Master,
    Pubsub,
}

impl ClientType {
    /// The class of that name, in any case.
    pub fn parse(name: &[u8]) -> Result<ClientType, Reject> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(ClientType::Normal),
            b"slave" | b"replica" => Ok(ClientType::Replica),
            b"master" => Ok(ClientType::Master),
            b"pubsub" => Ok(ClientType::Pubsub),
            _ => Err(errors::unknown_client_type(name)),
        }
    }

    /// The class of a client: there are no replicas and no masters.
    pub fn of(client: &Client) -> ClientType {
        match client.has(ClientFlags::SUBSCRIBER) {
            true => ClientType::Pubsub,
            false => ClientType::Normal,
        }
    }
}

/// The lines of all clients that `wanted` lets pass.
pub fn lines(state: &State, wanted: impl Fn(&Client) -> bool) -> String {
    let clients = state.clients.iter().filter(|client| !client.has(ClientFlags::CLOSING));
    clients.filter(|client| wanted(client)).map(|client| line(client, state)).collect()
}

/// One client, in the format that tools split at blanks.
pub fn line(client: &Client, state: &State) -> String {
    let now_s = state.clock.unix_ms() / 1000;
    let text = |text: &Option<Box<[u8]>>| {
        String::from_utf8_lossy(text.as_deref().unwrap_or_default()).into_owned()
    };
    let transaction = client.transaction.as_deref();
    let queued = match client.has(ClientFlags::MULTI) {
        true => transaction.map_or(0, |transaction| transaction.queue.len() as i64),
        false => -1,
    };
    let subscriptions = |kind| state.pubsub.topics(kind).count(client.key);
    let command = client.last_command.map_or("NULL", |id| &state.table.row(id).name);
    let mut line = String::with_capacity(400);
    writeln!(
        line,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={queued} \
         qbuf={} qbuf-free={} argv-mem=0 multi-mem={} rbs={} rbp={} obl={} oll=0 omem={} tot-mem={} events={} cmd={command} \
         user=default redir={} resp={} lib-name={} lib-ver={}",
        client.id,
        client.addr,
        client.laddr,
        client.fd,
        text(&client.name),
        now_s - client.created_s,
        now_s - client.active_s,
        flags(client),
        client.db,
        subscriptions(Kind::Channel),
        subscriptions(Kind::Pattern),
        subscriptions(Kind::Shard),
        client.pending.len(),
        client.pending.capacity() - client.pending.len(),
        transaction.map_or(0, |transaction| transaction.queue_memory()),
        client.output.capacity(),
        client.output.len(),
        client.waiting_bytes() - counted(client.waiting_bytes()),
        counted(client.waiting_bytes()),
        client.memory() + state.blocking.memory_of(client.key),
        if client.has(ClientFlags::SENDING) { "rw" } else { "r" },
        redirect(client.tracking.as_deref()),
        if client.protocol == Protocol::Resp3 { 3 } else { 2 },
        text(&client.lib_name),
        text(&client.lib_version),
    )
    .expect("a string takes all text");
    line
}

fn flags(client: &Client) -> String {
    let dirty = client.transaction.as_ref().is_some_and(|transaction| transaction.dirty.get());
    let tracking = client.tracking.as_deref();
    let letters = [
        (client.has(ClientFlags::MONITOR), 'O'),
        (client.has(ClientFlags::SUBSCRIBER), 'P'),
        (client.has(ClientFlags::MULTI), 'x'),
        (client.flags.intersects(ClientFlags::WAITING), 'b'),
        (tracking.is_some(), 't'),
        (tracking.is_some_and(|tracking| tracking.broken), 'R'),
        (tracking.is_some_and(|tracking| tracking.mode == Mode::Broadcast), 'B'),
        (dirty, 'd'),
        (client.has(ClientFlags::CLOSE_AFTER_REPLY), 'c'),
        (client.has(ClientFlags::UNIX_SOCKET), 'U'),
        (client.has(ClientFlags::NO_EVICT), 'e'),
        (client.has(ClientFlags::NO_TOUCH), 'T'),
    ];
    let set: String = letters.iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect();
    if set.is_empty() { "N".into() } else { set }
}
