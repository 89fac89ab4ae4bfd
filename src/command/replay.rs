//! Runs the commands of an append log on the data set, with nobody there to be answered.
//!
//! Invariant: the clock takes nothing away meanwhile (`Keyspace::suspend_expiry`), so that every
//! command finds what it found when it was logged; nothing is collected as an effect.

use super::ctx::Ctx;
use super::spec::Flags;
use super::state::State;
use crate::base::sys::error_text;
use crate::persist::aof::Replay;
use crate::persist::rdb::load::{Expired, Intake, Options, load};
use crate::resp::{Args, Protocol, Reply};
use crate::session::{Client, ClientFlags, ClientId};
use std::fs::File;
use std::path::Path;

/// Commands that concern the data set, SELECT besides. Others would concern clients or the server.
const REPLAYED: Flags = Flags::WRITE.or(Flags::READONLY).or(Flags::MAY_REPLICATE);

/// A replay in progress.
pub struct Replayer<'a> {
    state: &'a mut State,
    /// The client that commands run for. No connection has this key.
    client: ClientId,
    /// Replies that nobody reads.
    reply: Vec<u8>,
    changes: u64,
    collects: bool,
}

impl<'a> Replayer<'a> {
    /// Begins a replay. Nobody is accepted before it ends.
    pub fn begin(state: &'a mut State) -> Replayer<'a> {
        let key = ClientId { slot: state.clients.free_slot(), generation: u32::MAX };
        let mut client = Client::new(key, 0, state.clock.unix_ms() / 1000);
        // What would wait for something finds nothing to wait for, as in a transaction.
        client.flags.insert(ClientFlags::AUTHENTICATED.or(ClientFlags::EXECUTING));
        state.clients.insert(client);
        state.keyspace.suspend_expiry(true);
        let (changes, collects) = (state.changes, state.effects.is_on());
        state.effects.set_on(false);
        Replayer { state, client: key, reply: Vec::new(), changes, collects }
    }
}

impl Drop for Replayer<'_> {
    fn drop(&mut self) {
        self.state.clients.remove(self.client);
        self.state.changes = self.changes;
        self.state.effects.set_on(self.collects);
        self.state.keyspace.suspend_expiry(false);
        self.state.keyspace.take_records();
    }
}

impl Replay for Replayer<'_> {
    fn run(&mut self, args: Args<'_>) -> Result<(), String> {
        let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let table = &self.state.table;
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
        let Some(client) = self.state.clients.get_mut(self.client) else { return Ok(()) };
        client.last_command = Some(id);
        let db = client.db as usize;
        self.reply.clear();
        let reply = Reply { out: &mut self.reply, protocol: Protocol::Resp2 };
        let mut ctx = Ctx { args, reply, state: self.state, id: self.client, db };
        // What was refused then is not in the log. What is refused now was logged by a server that
        // knew better, or changed nothing: Redis goes on as well.
        if let Err(reject) = handler(&mut ctx) {
            let (name, text) = (shown(args.at(0)), shown(reject.text()));
            log::warn!("A command of the append log failed: {name}: {text}");
        }
        Ok(())
    }

    fn load_snapshot(&mut self, path: &Path) -> Result<u64, String> {
        let mut file = File::open(path).map_err(|error| error_text(&error))?;
        let options =
            Options { checksum: self.state.config.rdbchecksum, ..self.state.load_options() };
        // What has expired since may be named by what follows.
        let mut intake = Intake::new(&mut self.state.keyspace, Expired::Keep, false)
            .of_size(file.metadata().map_or(0, |data| data.len()));
        let loaded = load(&mut file, &options, &mut intake).map_err(|error| error.to_string())?;
        intake.done();
        Ok(loaded.bytes)
    }
}
