//! Executes a batch: first the memory of all its keys is asked for, then the requests run in order
//! of arrival.

use super::batch::{BATCH_REQUESTS_MAX, Batch, Chunk, Found, Request, Run};
use super::dispatch::{self, Verdict};
use super::{Turn, Works};
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

impl Turn<'_> {
    /// Runs what the batch holds. Its bytes stay until `release_chunks`.
    pub(super) fn execute(&mut self) {
        if self.works.batch.requests.len() >= PREFETCH_REQUESTS_MIN {
            self.prefetch();
        }
        self.state.stamp = stamp();
        self.run_batch();
        if self.works.batch.held {
            for index in 0..self.works.batch.runs.len() {
                self.keep_held(self.works.batch.runs[index].client);
            }
        }
        self.works.batch.clear();
    }

    /// Runs what of the batch was not begun.
    pub(super) fn run_batch(&mut self) {
        while let Some(run) = self.works.batch.begin_run() {
            self.serve(&run);
        }
    }

    /// Gives the driver its buffers back once nothing refers to them.
    pub(super) fn release_chunks(&mut self) {
        for chunk in self.works.batch.chunks.drain(..) {
            if let Chunk::Lease(lease) = chunk {
                self.works.driver.release(lease);
            }
        }
    }

    /// Starts the memory accesses of all requests before the first one runs, step by step, each when
    /// the one before it has arrived: the segments' control bytes, the entries, and what the requests
    /// name in big collections.
    fn prefetch(&self) {
        let mut wanted = [None; BATCH_REQUESTS_MAX];
        let (mut count, mut elements) = (0, false);
        let Batch { chunks, spans, runs, requests, .. } = &self.works.batch;
        for run in runs {
            let Some(client) = self.state.clients.get(run.client) else { continue };
            let db = self.state.keyspace.view(client.db as usize);
            let large = db.is_worth_prefetching();
            let bytes = chunks[run.args_chunk].bytes(&self.works.driver);
            for request in &requests[run.requests.clone()] {
                let args = request.args(spans, bytes);
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

    /// Runs consecutive requests of one client into one output buffer.
    fn serve(&mut self, run: &Run) {
        let id = run.client;
        let Some(client) = self.state.clients.get_mut(id) else { return };
        self.state.keyspace.take_seen();
        client.active_s = self.state.clock.unix_s();
        let mut out = take(&mut client.output);
        self.state.client_memory.note_output(client);
        if out.capacity() == 0 {
            out = self.works.pool.take().into();
        }
        for index in run.requests.clone() {
            let large = if out.len() > UNCOUNTED_BYTES { out.capacity() } else { 0 };
            if out.len() > FULL_BYTES {
                self.state.set_full(id);
            }
            if self.state.client_memory.is_over(large) {
                self.state.evict_clients(Some((id, large)));
            }
            match self.process(run, index, &mut out) {
                Verdict::Served => {}
                Verdict::Deaf => break,
                Verdict::Waits => self.hold(run, index),
            }
        }
        self.finish(id, out);
        self.state.note_memory(id);
    }

    /// Serves one request of a run.
    fn process(&mut self, run: &Run, index: usize, out: &mut Output) -> Verdict {
        let (state, works) = (&mut *self.state, &mut *self.works);
        let Batch { chunks, spans, requests, .. } = &works.batch;
        let request = &requests[index];
        let command = match request.found {
            Found::Call(command) => command,
            Found::Broken(error) => return dispatch::protocol_error(state, run.client, error, out),
        };
        let args = request.args(spans, chunks[run.args_chunk].bytes(&works.driver));
        if !command.is_some_and(|id| state.table.command(id).lasts) {
            return dispatch::process(state, run.client, command, args, out, None);
        }
        // Others may be served before it ends, and their bytes come where these are.
        let args = args.to_owned();
        dispatch::process(state, run.client, command, args.args(), out, Some(works))
    }

    /// Sets a request aside with which its client has to wait.
    fn hold(&mut self, run: &Run, index: usize) {
        let Works { batch, driver, .. } = &mut *self.works;
        batch.held = true;
        let raw = batch.requests[index].raw.clone();
        if let Some(client) = self.state.clients.get_mut(run.client) {
            client.held.extend_from_slice(&batch.chunks[run.chunk].bytes(driver)[raw]);
        }
    }

    /// Puts the output back with the client.
    fn finish(&mut self, id: ClientId, mut out: Output) {
        let client = self.state.clients.get_mut(id);
        let Some(client) = client.filter(|client| !client.has(ClientFlags::CLOSING)) else {
            return self.works.pool.put(out.take_block());
        };
        client.reveals(self.state.keyspace.take_seen());
        // A client that watches MONITOR may have been told of its own command meanwhile.
        out.append(&mut client.output);
        let waiting = out.len() + client.sending_bytes;
        let must_log_in = !client.has(ClientFlags::AUTHENTICATED) && !self.state.users.is_open();
        let too_much = must_log_in && waiting > OUTPUT_UNAUTHENTICATED_BYTES_MAX;
        if out.is_empty() && !client.has(ClientFlags::CLOSE_AFTER_REPLY) {
            return self.works.pool.put(out.take_block());
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
