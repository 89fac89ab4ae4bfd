//! Executes a batch: first the memory of all its keys is asked for, then the requests run in order
//! of arrival.

use super::Server;
use super::batch::{BATCH_REQUESTS_MAX, Batch, Chunk, Found, Request, Run};
use super::dispatch::{self, Verdict};
use crate::base::clock::stamp;
use crate::ds::dict::Dict;
use crate::keyspace::{Db, KeyHash};
use crate::resp::{Args, Output};
use crate::session::client::{FULL_BYTES, UNCOUNTED_BYTES};
use crate::session::{ClientFlags, ClientId};
use std::mem::take;
use std::ptr;

/// Batches smaller than this are executed at once: there is nothing to overlap.
const PREFETCH_REQUESTS_MIN: usize = 3;
/// Output that a client may have waiting before it has authenticated.
const OUTPUT_UNAUTHENTICATED_BYTES_MAX: usize = 1024;

impl Server {
    /// Runs what the batch holds. Its bytes stay until `release_chunks`.
    pub(super) fn execute(&mut self) {
        let (runs, requests) = (take(&mut self.batch.runs), take(&mut self.batch.requests));
        if requests.len() >= PREFETCH_REQUESTS_MIN {
            self.prefetch(&runs, &requests);
        }
        self.state.stamp = stamp();
        let (mut rest, mut held) = (&requests[..], false);
        for run in &runs {
            let (own, others) = rest.split_at(run.len);
            held |= self.serve(run, own);
            rest = others;
        }
        if held {
            runs.iter().for_each(|run| self.keep_held(run.client));
        }
        self.batch.clear(runs, requests);
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
    fn prefetch(&self, runs: &[Run], requests: &[Request]) {
        let mut wanted = [None; BATCH_REQUESTS_MAX];
        let (mut count, mut elements, mut rest) = (0, false, requests);
        for run in runs {
            let (own, others) = rest.split_at(run.len);
            rest = others;
            let Some(client) = self.state.clients.get(run.client) else { continue };
            let db = self.state.keyspace.view(client.db as usize);
            let large = db.is_worth_prefetching();
            let bytes = self.batch.chunks[run.args_chunk].bytes(&self.driver);
            for request in own {
                let args = request.args(&self.batch.spans, bytes);
                let Some(target) = self.target(request, args, db, large) else { continue };
                if large {
                    db.prefetch_segment(target.hash);
                }
                elements |= target.element.is_some();
                wanted[count] = Some(target);
                count += 1;
            }
        }
        let targets = || wanted[..count].iter().flatten();
        let in_large = targets().filter(|target| target.large);
        in_large.for_each(|target| target.db.prefetch_entry(target.hash));
        if elements {
            prefetch_elements(targets());
        }
    }

    /// What a request will look up, as far as its command's row tells and unless it is in the cache
    /// anyway.
    #[inline]
    fn target<'a>(
        &self,
        request: &Request,
        args: Args<'a>,
        db: &'a Db,
        large: bool,
    ) -> Option<Target<'a>> {
        let Found::Call(Some(id)) = request.found else { return None };
        let row = self.state.table.row(id);
        let element = row.command.element.and_then(|index| args.get(index));
        if !large && element.is_none() {
            return None;
        }
        let key = args.get(row.first_key?)?;
        Some(Target { db, large, hash: db.hash(key), key, element })
    }

    /// Runs consecutive requests of one client into one output buffer; true when some of them must
    /// wait.
    fn serve(&mut self, run: &Run, requests: &[Request]) -> bool {
        let id = run.client;
        let Some(client) = self.state.clients.get_mut(id) else { return false };
        self.state.keyspace.take_seen();
        client.active_s = self.state.clock.unix_s();
        let mut out = take(&mut client.output);
        self.state.client_memory.note_output(client);
        if out.capacity() == 0 {
            out = self.pool.take().into();
        }
        let Batch { chunks, spans, .. } = &self.batch;
        let bytes = chunks[run.args_chunk].bytes(&self.driver);
        let mut held = false;
        for request in requests {
            let large = if out.len() > UNCOUNTED_BYTES { out.capacity() } else { 0 };
            if out.len() > FULL_BYTES {
                self.state.set_full(id);
            }
            if self.state.client_memory.is_over(large) {
                self.state.evict_clients(Some((id, large)));
            }
            let verdict = match request.found {
                Found::Call(command) => {
                    let args = request.args(spans, bytes);
                    dispatch::process(&mut self.state, id, command, args, &mut out)
                }
                Found::Broken(error) => {
                    dispatch::protocol_error(&mut self.state, id, error, &mut out)
                }
            };
            match verdict {
                Verdict::Served => {}
                Verdict::Deaf => break,
                Verdict::Waits => {
                    held = true;
                    let bytes = &chunks[run.chunk].bytes(&self.driver)[request.raw.clone()];
                    if let Some(client) = self.state.clients.get_mut(id) {
                        client.held.extend_from_slice(bytes);
                    }
                }
            }
        }
        self.finish(id, out);
        self.state.note_memory(id);
        held
    }

    /// Puts the output back with the client.
    fn finish(&mut self, id: ClientId, mut out: Output) {
        let client = self.state.clients.get_mut(id);
        let Some(client) = client.filter(|client| !client.has(ClientFlags::CLOSING)) else {
            return self.pool.put(out.take_block());
        };
        client.reveals(self.state.keyspace.take_seen());
        // A client that watches MONITOR may have been told of its own command meanwhile.
        out.append(&mut client.output);
        let waiting = out.len() + client.sending_bytes;
        let must_log_in = !client.has(ClientFlags::AUTHENTICATED) && !self.state.users.is_open();
        let too_much = must_log_in && waiting > OUTPUT_UNAUTHENTICATED_BYTES_MAX;
        if out.is_empty() && !client.has(ClientFlags::CLOSE_AFTER_REPLY) {
            return self.pool.put(out.take_block());
        }
        client.output = out;
        self.state.client_memory.note_output(client);
        if too_much {
            return self.state.close(id);
        }
        self.state.make_writable(id);
    }

    /// Puts requests that a client has to wait with in front of what else it has pending.
    fn keep_held(&mut self, id: ClientId) {
        let Some(client) = self.state.clients.get_mut(id) else { return };
        if !client.held.is_empty() {
            let mut held = take(&mut client.held);
            held.append(&mut client.pending);
            client.pending = held;
            client.progress = Default::default();
            self.state.note_memory(id);
        }
    }
}

/// A key that is about to be looked up, and an element of its collection.
#[derive(Clone, Copy)]
struct Target<'a> {
    db: &'a Db,
    /// Whether the database is so large that the key itself has to be prefetched.
    large: bool,
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
