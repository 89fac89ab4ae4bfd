//! Runs the commands of an append log on the data set, with nobody there to be answered.
//!
//! Invariant: the clock takes nothing away meanwhile (`Keyspace::suspend_expiry`), so that every
//! command finds what it found when it was logged; nothing is collected as an effect.

use super::ctx::Ctx;
use super::load::{Host, Inflow};
use super::spec::Flags;
use crate::base::sys::error_text;
use crate::keyspace::FlushMode;
use crate::persist::aof::Replay;
use crate::persist::rdb::load::{Expired, Intake, Options, load};
use crate::resp::{Args, Output, Protocol, Reply};
use crate::session::{Client, ClientFlags, ClientId};
use std::fs::File;
use std::path::Path;

/// Commands that concern the data set, SELECT besides. Others would concern clients or the server.
const REPLAYED: Flags = Flags::WRITE.or(Flags::READONLY).or(Flags::MAY_REPLICATE);

/// A replay in progress.
pub struct Replayer<'a, H: Host> {
    host: &'a mut H,
    /// The client that commands run for. No connection has this key.
    client: ClientId,
    /// Replies that nobody reads.
    reply: Output,
    changes: u64,
    collects: bool,
}

impl<'a, H: Host> Replayer<'a, H> {
    /// Begins a replay of a log of `bytes`.
    pub fn begin(host: &'a mut H, bytes: u64) -> Replayer<'a, H> {
        let state = host.state();
        state.loading_begins(bytes);
        state.keyspace.suspend_expiry(true);
        let (changes, collects) = (state.changes, state.effects.is_on());
        state.effects.set_on(false);
        let now_s = state.clock.unix_s();
        let nobody = ClientId { slot: 0, generation: u32::MAX };
        let mut client = Client::new(nobody, 0, now_s);
        // What would wait for something finds nothing to wait for, as in a transaction.
        client.flags.insert(ClientFlags::AUTHENTICATED.or(ClientFlags::EXECUTING));
        let mut replayer =
            Replayer { host, client: nobody, reply: Output::default(), changes, collects };
        replayer.seat(Some(Box::new(client)));
        replayer
    }

    /// Takes the client away, as long as a connection that comes may be given its place.
    fn unseat(&mut self) -> Option<Box<Client>> {
        self.host.state().clients.remove(self.client)
    }

    /// Gives the client a place among the others that nobody else has now.
    fn seat(&mut self, client: Option<Box<Client>>) {
        let clients = &mut self.host.state().clients;
        self.client.slot = clients.free_slot();
        if let Some(mut client) = client {
            client.key = self.client;
            clients.insert(*client);
        }
    }
}

impl<H: Host> Drop for Replayer<'_, H> {
    fn drop(&mut self) {
        let state = self.host.state();
        state.clients.remove(self.client);
        state.changes = self.changes;
        state.effects.set_on(self.collects);
        state.keyspace.suspend_expiry(false);
        state.keyspace.take_records();
        state.loading = None;
    }
}

impl<H: Host> Replay for Replayer<'_, H> {
    fn run(&mut self, args: Args<'_>) -> Result<(), String> {
        let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let state = self.host.state();
        let table = &state.table;
        let id = table.resolve_any(args.at(0), args.get(1));
        let id = id.ok_or_else(|| format!("Unknown command '{}'", shown(args.at(0))))?;
        let command = table.command(id);
        let handler = command.handler.filter(|_| command.accepts(args.len())).ok_or_else(|| {
            format!("Wrong number of arguments for '{}' command", shown(args.at(0)))
        })?;
        if !command.flags.intersects(REPLAYED) && command.name != "select" {
            log::warn!("A command of the append log has no business there: {}", shown(args.at(0)));
            return Ok(());
        }
        let Some(client) = state.clients.get_mut(self.client) else { return Ok(()) };
        client.last_command = Some(id);
        let db = client.db as usize;
        self.reply.clear();
        let reply = Reply { out: &mut self.reply, protocol: Protocol::Resp2 };
        let mut ctx = Ctx { args, reply, state, id: self.client, db, meanwhile: None };
        // What was refused then is not in the log. What is refused now was logged by a server that
        // knew better, or changed nothing: Redis goes on as well.
        if let Err(reject) = handler(&mut ctx) {
            let (name, text) = (shown(args.at(0)), shown(reject.text()));
            log::warn!("A command of the append log failed: {name}: {text}");
        }
        Ok(())
    }

    fn load_snapshot(&mut self, path: &Path, before: u64) -> Result<u64, String> {
        let mut file = File::open(path).map_err(|error| error_text(&error))?;
        let state = self.host.state();
        let options = Options { checksum: state.config.rdbchecksum, ..state.load_options() };
        let client = self.unseat();
        let mut inflow = Inflow { host: &mut *self.host, before };
        // What has expired since may be named by what follows.
        let mut intake = Intake::new(&mut inflow, Expired::Keep, false)
            .of_size(file.metadata().map_or(0, |data| data.len()));
        let loaded = load(&mut file, &options, &mut intake).map_err(|error| error.to_string())?;
        intake.done();
        self.seat(client);
        Ok(loaded.bytes)
    }

    fn begin_anew(&mut self) {
        let state = self.host.state();
        state.keyspace.flush(None, FlushMode::Sync);
        state.functions.clear();
        if let Some(client) = state.clients.get_mut(self.client) {
            client.db = 0;
        }
    }

    fn goes_on(&mut self, bytes: u64) -> bool {
        let state = self.host.state();
        if !state.loaded(bytes) {
            return true;
        }
        let client = self.unseat();
        let goes_on = self.host.look_around();
        self.seat(client);
        goes_on
    }
}
