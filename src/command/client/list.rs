//! The lines of CLIENT LIST and CLIENT INFO.

use super::tracking::redirect;
use crate::command::output::counted;
use crate::command::{Ctx, State};
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
pub fn lines(ctx: &Ctx<'_>, wanted: impl Fn(&Client) -> bool) -> String {
    let clients = ctx.state.clients.iter().filter(|client| !client.has(ClientFlags::CLOSING));
    clients.filter(|client| wanted(client)).map(|client| line_during(ctx, client)).collect()
}

/// The line of one client as the call in execution sees it, with its end.
pub fn line_during(ctx: &Ctx<'_>, client: &Client) -> String {
    let call = if client.key == ctx.id { Call::of(ctx) } else { Call::default() };
    describe(client, ctx.state, &call) + "\n"
}

/// One client, in the format that tools split at blanks.
pub fn line(client: &Client, state: &State) -> String {
    describe(client, state, &Call::default())
}

/// What a call takes while it runs, in bytes.
#[derive(Default)]
struct Call {
    /// Its request, which lies in a buffer that all clients share.
    request: usize,
    args: usize,
}

impl Call {
    fn of(ctx: &Ctx<'_>) -> Call {
        /// Mark, CR and LF of a header, CR and LF of an argument.
        const HEADER: usize = 3;
        const END: usize = 2;
        let digits = |len: usize| len.checked_ilog10().unwrap_or(0) as usize + 1;
        let lens = ctx.args.from(0).map(<[u8]>::len);
        let framed = lens.clone().map(|len| HEADER + digits(len) + len + END).sum::<usize>();
        Call { request: HEADER + digits(ctx.args.len()) + framed, args: lens.sum() }
    }
}

fn describe(client: &Client, state: &State, call: &Call) -> String {
    let now_s = state.clock.unix_s();
    let text = |text: &Option<Box<[u8]>>| {
        String::from_utf8_lossy(text.as_deref().unwrap_or_default()).into_owned()
    };
    let transaction = client.transaction.as_deref();
    let queued = match client.has(ClientFlags::MULTI) {
        true => transaction.map_or(0, |transaction| transaction.queue.len() as i64),
        false => -1,
    };
    let subscriptions = |kind| state.pubsub.topics(kind).count(client.key);
    let command = client.last_command.map_or("NULL", |id| state.table.row(id).full_name());
    // What is read of a request is arguments, though all of it lies together.
    let (read, args) = client.progress.read_bytes();
    let input = client.pending.len() + client.held.len();
    let waiting = counted(client.waiting_bytes());
    // The buffers in which it waits.
    let buffers = match waiting {
        0 => 0,
        _ => usize::from(!client.output.is_empty()) + usize::from(client.sending_bytes > 0),
    };
    let mut line = String::with_capacity(400);
    write!(
        line,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={queued} \
         qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={} obl={} oll={buffers} omem={} tot-mem={} events={} cmd={command} \
         user={} redir={} resp={} lib-name={} lib-ver={}",
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
        input.saturating_sub(read) + call.request,
        client.pending.capacity() + client.held.capacity() - input,
        args + call.args,
        transaction.map_or(0, |transaction| transaction.memory()),
        client.output.capacity(),
        client.output.len(),
        client.waiting_bytes() - waiting,
        waiting,
        state.memory_of(client) + call.args,
        if client.has(ClientFlags::SENDING) { "rw" } else { "r" },
        String::from_utf8_lossy(state.users.get(client.user).name()),
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
        (client.flags.intersects(ClientFlags::POSTPONED.or(ClientFlags::BLOCKED)), 'b'),
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
