//! A turn within the turn, while a script goes on for longer than `busy-reply-threshold`: everybody
//! else is answered, mostly with BUSY, and the script or the server can be ended.
//!
//! The script stands in the middle of a batch, and of the transaction that its effects will be. So
//! nothing happens here that would come between: no key expires or is evicted, nobody who waits for a
//! key is served, no snapshot goes on, and of the log only what was whole before it is written. What
//! concerns the clients whose requests are being looked at further out is put off until then, so that
//! nothing overtakes these.
//!
//! Invariant: the script's client stays in the table, and no reply leaves that the gate would hold.

use super::connection::client_id;
use super::{METRICS, Turn, Works};
use crate::command::{Meanwhile, Request, State};
use crate::config::{Appendfsync, shutdown};
use crate::io::{Completion, Op};
use crate::session::{ClientFlags, ClientId};
use std::mem::take;
use std::time::Duration;

impl Meanwhile for Works {
    fn serve(&mut self, state: &mut State) {
        Turn { state, works: self }.turn_meanwhile();
    }

    fn end(&mut self, state: &mut State) {
        Turn { state, works: self }.go_back();
    }
}

impl Turn<'_> {
    fn turn_meanwhile(&mut self) {
        let seen = self.state.keyspace.take_seen();
        // What came together with the script's request, of other clients.
        self.run_batch();
        let batch = take(&mut self.works.batch);
        self.wait(Some(Duration::ZERO));
        while let Some(completion) = self.works.arrived.pop_front() {
            if let Some(completion) = self.put_off(completion) {
                self.handle(completion);
            }
        }
        self.execute();
        self.release_chunks();
        self.works.batch = batch;
        self.serve_urgent_requests();
        // Under `always` nobody is told of what is not written, and the script's changes belong to the
        // group that would end here.
        if self.state.config.appendfsync != Appendfsync::Always {
            self.append_log();
        }
        self.send_replies();
        self.state.keyspace.see_group(seen);
    }

    /// Whether a client is being served, or parsed, further out.
    fn is_engaged(&self, id: ClientId) -> bool {
        self.works.parsing == Some(id) || self.state.scripts.busy_client() == Some(id)
    }

    /// A completion, unless it is kept for later or comes again by itself.
    fn put_off(&mut self, completion: Completion) -> Option<Completion> {
        let conn = match completion {
            Completion::Received { conn, .. } => {
                // It cannot have all the buffers.
                if self.is_engaged(client_id(conn)) {
                    self.works.driver.submit(Op::PauseReceive { conn });
                }
                conn
            }
            Completion::ReceiveEnded { conn, .. } | Completion::Sent { conn, .. } => conn,
            // Probes are answered; the rest is told again.
            Completion::Ready { watch: METRICS } => return Some(completion),
            Completion::Ready { .. } => return None,
            other => return Some(other),
        };
        if !self.is_engaged(client_id(conn)) {
            return Some(completion);
        }
        self.works.put_off.push(completion);
        None
    }

    /// Takes up what was put off, now that the script has ended.
    fn go_back(&mut self) {
        for completion in take(&mut self.works.put_off).into_iter().rev() {
            if let Completion::Received { conn, .. } = completion {
                let client = self.state.clients.get(client_id(conn));
                if client.is_some_and(|client| !client.has(ClientFlags::THROTTLED)) {
                    self.works.driver.submit(Op::Receive { conn });
                }
            }
            self.works.arrived.push_front(completion);
        }
    }

    /// Serves those requests that cannot wait: others were made before the script began.
    fn serve_urgent_requests(&mut self) {
        let is_urgent = |turn: &Self, request: &Request| match request {
            Request::Close(id) => !turn.is_engaged(*id),
            Request::Shutdown { flags, .. } => flags & shutdown::NOSAVE != 0,
            _ => false,
        };
        loop {
            let requests = take(&mut self.state.requests);
            let (urgent, rest): (Vec<_>, Vec<_>) =
                requests.into_iter().partition(|request| is_urgent(self, request));
            self.state.requests = rest;
            if urgent.is_empty() {
                return;
            }
            for request in urgent {
                self.serve_request(request);
            }
            if self.works.exit.is_some() {
                // What the script did so far is not to be seen by anybody.
                self.state.effects.seal();
                return self.state.scripts.end_busy();
            }
        }
    }
}
