//! Connections between the driver and the client table: accept, receive, send, close.
//!
//! A connection's slot and generation in the driver are its key in the client table.

use super::batch::{Chunk, Found, Request, Run};
use super::{CLERK, LIMIT, METRICS, Turn, Works};
use crate::base::text::repr;
use crate::command::client::list::line;
use crate::command::tracking;
use crate::io::{Completion, ConnId, Driver, IoError, Lease, ListenerId, Op, net};
use crate::resp::{self, Args, Limits, Step};
use crate::session::client::{FULL_BYTES, UNCOUNTED_BYTES};
use crate::session::{Client, ClientFlags, ClientId};
use std::mem::take;

/// Bytes of a query buffer that the log shows.
const LOGGED_INPUT_BYTES: usize = 64;

impl Turn<'_> {
    pub(super) fn handle(&mut self, completion: Completion) {
        match completion {
            Completion::Accepted { listener, conn } => self.accepted(listener, conn),
            Completion::AcceptFailed { error, .. } => {
                log::warn!("Error accepting a client connection: {error}");
            }
            Completion::Received { conn, lease } => self.received(client_id(conn), lease),
            Completion::ReceiveEnded { conn, error } => self.receive_ended(client_id(conn), error),
            Completion::Sent { conn, buf, bytes, result } => {
                self.sent(conn, buf, bytes, result.err());
            }
            Completion::Closed { .. } => {}
            Completion::Synced { result } => self.log_synced(result),
            Completion::Ready { watch: LIMIT } => self.limit_told(),
            Completion::Ready { watch: CLERK } => self.clerk_told(),
            Completion::Ready { watch: METRICS } => self.vitals_asked(),
            Completion::Ready { .. } => self.signalled(),
        }
    }

    fn accepted(&mut self, listener: ListenerId, conn: ConnId) {
        let Some(fd) = self.works.driver.fd(conn) else { return };
        let unix = self.is_unix(listener);
        let local = unix || net::is_loopback(fd);
        if self.state.clients.len() >= self.state.config.maxclients as usize {
            self.state.stats.rejected_connections += 1;
            return self.turn_away(conn, crate::resp::errors::MAX_CLIENTS);
        }
        if !local && self.state.protects() {
            self.state.stats.rejected_connections += 1;
            return self.turn_away(conn, crate::resp::errors::PROTECTED_MODE);
        }
        let now_s = self.state.clock.unix_s();
        let mut client = Client::new(client_id(conn), self.state.next_client_id, now_s);
        self.state.next_client_id += 1;
        self.state.stats.total_connections += 1;
        client.addr = net::peer_address(fd).into();
        client.laddr = net::local_address(fd).into();
        client.fd = std::os::fd::AsRawFd::as_raw_fd(&fd);
        client.flags.set(ClientFlags::UNIX_SOCKET, unix);
        client.flags.set(ClientFlags::LOCAL, local);
        if !unix && self.state.config.tcp_keepalive > 0 {
            // A connection without keepalive is still a connection.
            let _ = net::set_keepalive(fd, self.state.config.tcp_keepalive);
        }
        log::debug!("Accepted {}", client.addr);
        let id = client.key;
        self.state.clients.insert(client);
        self.state.log_out(id);
        self.state.note_memory(id);
        self.works.driver.submit(Op::Receive { conn });
    }

    /// Tells a connection why it is not served, then closes it.
    fn turn_away(&mut self, conn: ConnId, text: &str) {
        let mut buf = Vec::with_capacity(text.len() + 8);
        buf.extend_from_slice(format!("-{text}\r\n").as_bytes());
        self.works.driver.submit(Op::Send { conn, buf });
    }

    fn received(&mut self, id: ClientId, lease: Lease) {
        self.state.stats.reads += 1;
        let limit = self.state.config.client_query_buffer_limit.min(self.state.piece_max());
        let len = self.works.driver.bytes(&lease).len();
        self.state.stats.net_input_bytes += len as u64;
        let Some(client) = self.state.clients.get_mut(id) else {
            return self.works.driver.release(lease);
        };
        if client.flags.intersects(ClientFlags::DEAF) {
            return self.works.driver.release(lease);
        }
        if client.pending.is_empty() && !client.flags.intersects(ClientFlags::WAITING) {
            return self.parse(id, Chunk::Lease(lease));
        }
        append_pending(client, self.works.driver.bytes(&lease));
        if client.has(ClientFlags::FULL) {
            throttle(client, &mut self.works.driver);
        }
        self.works.driver.release(lease);
        if client.input_bytes() as u64 > limit {
            return self.query_buffer_exceeded(id);
        }
        self.state.note_memory(id);
        self.state.evict_clients(None);
        self.parse_pending(id);
    }

    /// Parses what a client has waiting, unless it must wait itself.
    pub(super) fn parse_pending(&mut self, id: ClientId) {
        let Some(client) = self.state.clients.get_mut(id) else { return };
        let idle = ClientFlags::WAITING.or(ClientFlags::CLOSING);
        if client.pending.is_empty() || client.flags.intersects(idle) {
            return;
        }
        let pending = take(&mut client.pending);
        self.parse(id, Chunk::Owned(pending));
    }

    /// Adds the whole requests of a chunk to the batch, which is executed whenever it is full; an
    /// incomplete tail becomes the client's.
    fn parse(&mut self, id: ClientId, chunk: Chunk) {
        let index = self.works.batch.chunks.len();
        self.works.batch.chunks.push(chunk);
        let before = self.works.parsing.replace(id);
        let mut at = 0;
        while self.parse_run(id, index, &mut at) {
            self.execute();
        }
        self.keep_tail(id, index, at);
        self.works.parsing = before;
    }

    /// Adds requests from `at` on to the batch and moves it behind them; true when the batch has to
    /// be executed before there can be more.
    fn parse_run(&mut self, id: ClientId, index: usize, at: &mut usize) -> bool {
        let Turn { state, works } = self;
        let Works { batch, driver, .. } = &mut **works;
        let bulk_len_max = state.config.proto_max_bulk_len.min(state.piece_max());
        let Some(client) = state.clients.get_mut(id) else { return false };
        if client.flags.intersects(ClientFlags::DEAF.or(ClientFlags::WAITING)) {
            return false;
        }
        // What may follow an AUTH depends on its outcome.
        let (limits, max) = match client.has(ClientFlags::AUTHENTICATED) || state.users.is_open() {
            true => (Limits::authenticated(bulk_len_max), batch.room()),
            false => (Limits::UNAUTHENTICATED, 1),
        };
        let bytes = batch.chunks[index].bytes(driver);
        let first = batch.requests.len();
        let mut unquoted = None;
        while batch.requests.len() < first + max && unquoted.is_none() {
            let (rest, first_span) = (&bytes[*at..], batch.spans.len());
            let step = resp::parse(rest, &mut client.progress, &mut batch.spans, &limits);
            let lookup = |chunk| {
                let name = Args::new(chunk, &batch.spans[first_span..]).at(0);
                Found::Call(state.table.lookup(name))
            };
            let (consumed, args_start, found) = match step {
                Step::Command { consumed } => (consumed, *at, lookup(rest)),
                Step::Incomplete { missing } => {
                    client.missing = missing;
                    break;
                }
                Step::Empty { consumed } => {
                    *at += consumed;
                    continue;
                }
                Step::Broken(error) => (rest.len(), *at, Found::Broken(error)),
                Step::Inline { consumed } => {
                    let args = unquoted.insert(client.progress.take_inline_args());
                    (consumed, 0, lookup(args))
                }
            };
            let (raw, spans) = (*at..*at + consumed, first_span..batch.spans.len());
            batch.requests.push(Request { raw, spans, args_start, found });
            *at += consumed;
        }
        let (len, inline) = (batch.requests.len() - first, unquoted.is_some());
        let plain = len - usize::from(inline);
        let plain = first..first + plain;
        batch.add_run(Run { client: id, chunk: index, args_chunk: index, requests: plain.clone() });
        if let Some(args) = unquoted {
            let args_chunk = batch.chunks.len();
            batch.chunks.push(Chunk::Owned(args));
            let requests = plain.end..plain.end + 1;
            batch.add_run(Run { client: id, chunk: index, args_chunk, requests });
        }
        len == max || inline
    }

    /// Leaves what follows the last whole request with the client, who will complete it.
    fn keep_tail(&mut self, id: ClientId, index: usize, at: usize) {
        let Some(client) = self.state.clients.get_mut(id) else { return };
        if client.flags.intersects(ClientFlags::DEAF) {
            return;
        }
        match &mut self.works.batch.chunks[index] {
            // Nothing of it was executed: the whole allocation goes back.
            Chunk::Owned(bytes) if at == 0 && client.pending.is_empty() => {
                client.pending = take(bytes);
            }
            chunk => {
                let tail = &chunk.bytes(&self.works.driver)[at..];
                if !tail.is_empty() {
                    client.pending.extend_from_slice(tail);
                }
            }
        }
        self.state.note_memory(id);
    }

    fn query_buffer_exceeded(&mut self, id: ClientId) {
        self.state.stats.query_buffer_disconnections += 1;
        if let Some(client) = self.state.clients.get(id) {
            let first = &client.pending[..client.pending.len().min(LOGGED_INPUT_BYTES)];
            log::warn!(
                "Closing client that reached max query buffer length: {} (qbuf initial bytes: {})",
                line(client, self.state),
                repr(first)
            );
        }
        self.state.close(id);
    }

    fn receive_ended(&mut self, id: ClientId, error: Option<IoError>) {
        // What it sent before it hung up is served, and its replies go out if they still can.
        self.execute();
        let Some(client) = self.state.clients.get_mut(id) else { return };
        match error {
            Some(error) => {
                log::debug!("Reading from client: {error}");
                self.state.close(id);
            }
            None if client.has(ClientFlags::FULL) => client.flags.insert(ClientFlags::HUNG_UP),
            None => {
                log::debug!("Client closed connection id={} addr={}", client.id, client.addr);
                client.flags.insert(ClientFlags::CLOSE_AFTER_REPLY);
                client.pending = Vec::new();
                self.state.make_writable(id);
            }
        }
    }

    /// Hands every client's output to the driver, one block per connection.
    pub(super) fn send_replies(&mut self) {
        let mut writable = take(&mut self.state.writable);
        for id in writable.drain(..) {
            self.send(id);
        }
        self.state.writable = writable;
    }

    fn send(&mut self, id: ClientId) {
        let Some(client) = self.state.clients.get_mut(id) else { return };
        client.flags.remove(ClientFlags::WRITABLE);
        if client.waiting_bytes() > UNCOUNTED_BYTES {
            client.sending_bytes = self.works.driver.unsent(conn_id(id));
            if self.state.limit_output(id, 0) {
                return;
            }
        }
        let Some(client) = self.state.clients.get_mut(id) else { return };
        let waiting = client.output.len();
        if client.has(ClientFlags::SENDING) {
            if waiting > FULL_BYTES {
                throttle(client, &mut self.works.driver);
            }
            return;
        }
        if waiting == 0 {
            if client.has(ClientFlags::CLOSE_AFTER_REPLY) {
                self.state.close(id);
            }
            return;
        }
        if self.works.log.gate.holds(id, client.group) {
            self.state.append.waiting = self.works.log.gate.waiting();
            self.state.stages.note_held(id);
            return;
        }
        client.flags.insert(ClientFlags::SENDING);
        if self.state.stages.follows() {
            self.state.stages.note_leaving(id);
        }
        let buf = client.output.take_block();
        (client.sending_bytes, client.sending_capacity) = (buf.len(), buf.capacity());
        self.works.driver.submit(Op::Send { conn: conn_id(id), buf });
    }

    fn sent(&mut self, conn: ConnId, buf: Vec<u8>, bytes: usize, error: Option<IoError>) {
        // While there is too much data, a key would have to go for a block that is kept.
        if !self.state.is_memory_short() {
            self.works.pool.put(buf);
        }
        self.state.stats.writes += 1;
        self.state.stats.net_output_bytes += bytes as u64;
        let id = client_id(conn);
        let Some(client) = self.state.clients.get_mut(id) else {
            // A connection that was turned away; one that is closing ignores this.
            return self.works.driver.submit(Op::Close { conn });
        };
        client.flags.remove(ClientFlags::SENDING);
        (client.sending_bytes, client.sending_capacity) = (0, 0);
        self.state.client_memory.note_output(client);
        if client.waiting_bytes() <= UNCOUNTED_BYTES {
            client.soft_limit_since_ms = None;
        }
        if let Some(error) = error {
            log::debug!("Error writing to client: {error}");
            return self.state.close(id);
        }
        let (all, closes) = (client.output.is_empty(), client.has(ClientFlags::CLOSE_AFTER_REPLY));
        if all && self.state.stages.follows() {
            self.state.note_sent(id);
        }
        match all {
            // At once, so that nobody sees a client that has its reply to QUIT.
            true if closes => return self.close(id),
            true => {}
            false => self.state.make_writable(id),
        }
        self.go_on(id);
    }

    /// Reads and executes more of a client again once enough of its output has left.
    fn go_on(&mut self, id: ClientId) {
        let Some(client) = self.state.clients.get_mut(id) else { return };
        if client.output.len() > FULL_BYTES {
            return;
        }
        if client.has(ClientFlags::THROTTLED) {
            client.flags.remove(ClientFlags::THROTTLED);
            self.works.driver.submit(Op::Receive { conn: conn_id(id) });
        }
        if client.has(ClientFlags::FULL) {
            client.flags.remove(ClientFlags::FULL);
            let hung_up = client.has(ClientFlags::HUNG_UP);
            self.parse_pending(id);
            if hung_up {
                self.receive_ended(id, None);
            }
        }
    }

    /// Forgets a client and closes its connection. Its slot is free once the driver says so.
    pub(super) fn close(&mut self, id: ClientId) {
        tracking::end(self.state, id);
        let Some(mut client) = self.state.clients.remove(id) else { return };
        self.state.client_memory.forget(&mut client);
        if let Some(transaction) = &client.transaction {
            crate::command::transaction::unwatch_keys(&mut self.state.keyspace, transaction);
        }
        self.state.pubsub.forget(id);
        self.state.forget_blocked(id);
        self.state.forget_replies(id);
        self.state.monitors.retain(|monitor| *monitor != id);
        self.works.driver.submit(Op::Close { conn: conn_id(id) });
    }
}

/// Reads nothing more of a client for now.
fn throttle(client: &mut Client, driver: &mut Driver) {
    if !client.has(ClientFlags::THROTTLED) {
        client.flags.insert(ClientFlags::THROTTLED);
        driver.submit(Op::PauseReceive { conn: conn_id(client.key) });
    }
}

/// Appends to a client's unfinished request. The vector grows to what the request is known to need,
/// but never to more than twice what has arrived: an announced length alone reserves nothing.
fn append_pending(client: &mut Client, bytes: &[u8]) {
    let pending = &mut client.pending;
    let needed = pending.len() + bytes.len();
    if needed > pending.capacity() {
        let known = (pending.len() + client.missing).max(needed);
        pending.reserve_exact(known.min(2 * needed) - pending.len());
    }
    pending.extend_from_slice(bytes);
}

pub(super) fn client_id(conn: ConnId) -> ClientId {
    ClientId { slot: conn.slot, generation: conn.generation }
}

pub(super) fn conn_id(id: ClientId) -> ConnId {
    ConnId { slot: id.slot, generation: id.generation }
}
