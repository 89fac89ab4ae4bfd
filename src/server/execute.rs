//! Executes a batch: first the memory of all its keys is asked for, then the requests run in order
//! of arrival.

use super::Server;
use super::batch::{BATCH_REQUESTS_MAX, Batch, Chunk, Found, Request};
use super::dispatch::{self, Verdict};
use crate::base::clock::stamp;
use crate::command::spec::Command;
use crate::ds::dict::Dict;
use crate::io::Driver;
use crate::keyspace::{Db, KeyHash};
use crate::resp::Args;
use crate::session::client::UNCOUNTED_BYTES;
use crate::session::{ClientFlags, ClientId};
use std::mem::take;
use std::ptr;

/// Batches smaller than this are executed at once: there is nothing to overlap.
const PREFETCH_REQUESTS_MIN: usize = 3;
/// Arguments that there is always room for. What a request of a hundred thousand needed goes back.
const SPANS_KEPT: usize = 4096;
/// Output that a client may have waiting before it has authenticated.
const OUTPUT_UNAUTHENTICATED_BYTES_MAX: usize = 1024;

impl Server {
    /// Runs what the batch holds. Its bytes stay until `release_chunks`.
    pub(super) fn execute(&mut self) {
        let mut requests = take(&mut self.batch.requests);
        if requests.len() >= PREFETCH_REQUESTS_MIN {
            self.prefetch(&requests);
        }
        self.state.stamp = stamp();
        let mut from = 0;
        while from < requests.len() {
            let id = requests[from].client;
            let run = requests[from..].iter().take_while(|request| request.client == id).count();
            self.serve(id, &requests[from..from + run]);
            from += run;
        }
        requests.clear();
        self.batch.requests = requests;
        self.batch.spans.clear();
        self.batch.spans.shrink_to(SPANS_KEPT);
    }

    /// Gives the driver its buffers back once nothing refers to them.
    pub(super) fn release_chunks(&mut self) {
        for chunk in self.batch.chunks.drain(..) {
            if let Chunk::Lease(lease) = chunk {
                self.driver.release(lease);
            }
        }
    }

    /// Starts the memory accesses of all requests before the first one runs, step by step, each when
    /// the one before it has arrived: the segments' control bytes, the entries, and what the requests
    /// name in big collections.
    fn prefetch(&self, requests: &[Request]) {
        let mut wanted = [None; BATCH_REQUESTS_MAX];
        let mut count = 0;
        for request in requests {
            let Some(target) = self.target(request) else { continue };
            target.db.prefetch_segment(target.hash);
            wanted[count] = Some(target);
            count += 1;
        }
        let targets = || wanted[..count].iter().flatten();
        targets().for_each(|target| target.db.prefetch_entry(target.hash));
        if targets().any(|target| target.element.is_some()) {
            prefetch_elements(targets());
        }
    }

    /// What a request will look up, as far as its command's row tells.
    #[inline]
    fn target(&self, request: &Request) -> Option<Target<'_>> {
        let client = self.state.clients.get(request.client)?;
        let Found::Call(Some(id)) = request.found else { return None };
        let command = self.state.table.command(id);
        let args = args(&self.batch, &self.driver, request);
        let key = first_key(command, &args)?;
        let db = self.state.keyspace.view(client.db as usize);
        let element = command.element.and_then(|index| args.get(index));
        Some(Target { db, hash: db.hash(key), key, element })
    }

    /// Runs consecutive requests of one client into one output buffer.
    fn serve(&mut self, id: ClientId, requests: &[Request]) {
        let Some(client) = self.state.clients.get_mut(id) else { return };
        self.state.keyspace.take_seen();
        let mut out = take(&mut client.output);
        self.state.client_memory.note_output(client);
        if out.capacity() == 0 {
            out = self.pool.pop().unwrap_or_default();
        }
        for request in requests {
            self.serve_one(id, request, &mut out);
        }
        self.finish(id, out);
        self.state.note_memory(id);
    }

    fn serve_one(&mut self, id: ClientId, request: &Request, out: &mut Vec<u8>) {
        let large = if out.len() > UNCOUNTED_BYTES { out.capacity() } else { 0 };
        if self.state.client_memory.is_over(large) {
            self.state.evict_clients(Some((id, large)));
        }
        let Some(client) = self.state.clients.get_mut(id) else { return };
        if client.flags.intersects(ClientFlags::DEAF) {
            return;
        }
        let bytes = self.batch.chunks[request.chunk].bytes(&self.driver);
        if client.flags.intersects(ClientFlags::WAITING) {
            return client.held.extend_from_slice(&bytes[request.raw.clone()]);
        }
        match request.found {
            Found::Broken(error) => dispatch::protocol_error(&mut self.state, id, error, out),
            Found::Call(command) => {
                let args = args(&self.batch, &self.driver, request);
                if dispatch::process(&mut self.state, id, command, args, out) == Verdict::Postponed
                {
                    self.postpone(id, request);
                }
            }
        }
    }

    fn postpone(&mut self, id: ClientId, request: &Request) {
        let Some(client) = self.state.clients.get_mut(id) else { return };
        client.flags.insert(ClientFlags::POSTPONED);
        let bytes = self.batch.chunks[request.chunk].bytes(&self.driver);
        client.held.extend_from_slice(&bytes[request.raw.clone()]);
        self.state.postponed.push(id);
    }

    /// Puts the output back with the client and held requests in front of what it has pending.
    fn finish(&mut self, id: ClientId, mut out: Vec<u8>) {
        let client = self.state.clients.get_mut(id);
        let Some(client) = client.filter(|client| !client.has(ClientFlags::CLOSING)) else {
            return self.recycle(out);
        };
        client.reveals(self.state.keyspace.take_seen());
        // A client that watches MONITOR may have been told of its own command meanwhile.
        out.append(&mut client.output);
        if !client.held.is_empty() {
            let mut held = take(&mut client.held);
            held.append(&mut client.pending);
            client.pending = held;
            client.progress = Default::default();
        }
        let waiting = out.len() + client.sending_bytes;
        let too_much =
            !client.has(ClientFlags::AUTHENTICATED) && waiting > OUTPUT_UNAUTHENTICATED_BYTES_MAX;
        if out.is_empty() && !client.has(ClientFlags::CLOSE_AFTER_REPLY) {
            return self.recycle(out);
        }
        client.output = out;
        self.state.client_memory.note_output(client);
        if too_much {
            return self.state.close(id);
        }
        self.state.make_writable(id);
    }
}

/// A key that is about to be looked up, and an element of its collection.
#[derive(Clone, Copy)]
struct Target<'a> {
    db: &'a Db,
    hash: KeyHash,
    key: &'a [u8],
    element: Option<&'a [u8]>,
}

/// Starts the memory accesses to elements of big collections. A batch often keeps to one of them, so
/// the last one is remembered.
fn prefetch_elements<'a>(targets: impl Iterator<Item = &'a Target<'a>>) {
    let mut wanted: [Option<(&Dict, u64)>; BATCH_REQUESTS_MAX] = [None; BATCH_REQUESTS_MAX];
    let mut last: Option<(&Target<'_>, Option<&Dict>)> = None;
    for (target, wanted) in targets.zip(&mut wanted) {
        let Some(element) = target.element else { continue };
        let dict = match last {
            Some((other, dict)) if ptr::eq(other.db, target.db) && other.hash == target.hash => {
                dict
            }
            _ => target.db.elements(target.hash, target.key),
        };
        last = Some((target, dict));
        *wanted = dict.map(|dict| (dict, dict.hash(element)));
        if let Some((dict, hash)) = *wanted {
            dict.prefetch_segment(hash);
        }
    }
    let wanted = || wanted.iter().flatten();
    wanted().for_each(|(dict, hash)| dict.prefetch_places(*hash));
    wanted().for_each(|(dict, hash)| dict.prefetch_items(*hash));
}

fn args<'a>(batch: &'a Batch, driver: &'a Driver, request: &Request) -> Args<'a> {
    let bytes = batch.chunks[request.args_chunk].bytes(driver);
    Args::new(&bytes[request.args_start..], &batch.spans[request.spans.clone()])
}

/// The first key of a call, if the command's row says where it stands.
fn first_key<'a>(command: &Command, args: &Args<'a>) -> Option<&'a [u8]> {
    match command.keys.first()?.begin {
        crate::command::spec::BeginSearch::Index(index) => args.get(usize::try_from(index).ok()?),
        _ => None,
    }
}
