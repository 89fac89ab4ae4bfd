//! Where the time of a slow command went besides running: what held it up before, the disk and its send
//! after.
//!
//! Invariant: costs nothing but for commands that are slow, and remembers a bounded number of those.

use std::mem::take;

use super::state::State;
use crate::base::clock::{Stamp, stamp};
use crate::observe::Stages;
use crate::session::{ClientFlags, ClientId, CommandId};

/// Replies that are followed at once; of more, the oldest are let go.
const FOLLOWED_MAX: usize = 128;

/// What is remembered to tell where time went.
#[derive(Default)]
pub struct Tracked {
    /// When this turn's requests had been read.
    turn: Stamp,
    /// The longest commands of this turn and of the one before, with the nanoseconds they ran.
    longest: Option<(CommandId, u64)>,
    longest_before: Option<(CommandId, u64)>,
    followed: Vec<Followed>,
}

/// The reply to a slow command, which has not left yet.
struct Followed {
    client: ClientId,
    command: CommandId,
    /// In the slow log.
    entry: u64,
    ran: Stamp,
    /// When the disk let it go, or nothing held it.
    left: Option<Stamp>,
    waited_for_disk: bool,
}

impl Tracked {
    /// A turn begins; its requests have just been read.
    pub fn begin_turn(&mut self, now: Stamp) {
        self.turn = now;
        self.longest_before = take(&mut self.longest);
    }

    /// A command took so long that it may be what others waited for.
    pub fn note_long(&mut self, command: CommandId, nanos: u64) {
        if self.longest.is_none_or(|(_, most)| nanos > most) {
            self.longest = Some((command, nanos));
        }
    }

    /// Whether any reply is followed.
    #[inline]
    pub fn follows(&self) -> bool {
        !self.followed.is_empty()
    }

    /// The disk holds a client's output back.
    pub fn note_held(&mut self, client: ClientId) {
        self.of(client).for_each(|one| one.waited_for_disk = true);
    }

    /// A client's output leaves for the kernel.
    pub fn note_leaving(&mut self, client: ClientId) {
        let now = stamp();
        self.of(client).filter(|one| one.left.is_none()).for_each(|one| one.left = Some(now));
    }

    fn of(&mut self, client: ClientId) -> impl Iterator<Item = &mut Followed> {
        self.followed.iter_mut().filter(move |one| one.client == client)
    }
}

impl State {
    /// What is known of a command that began at `start`.
    pub fn stages_before(&self, start: Stamp) -> Stages {
        let longest = self.stages.longest.into_iter().chain(self.stages.longest_before);
        let behind = longest
            .max_by_key(|(_, nanos)| *nanos)
            .map(|(command, nanos)| (self.table.row(command).full_name().into(), nanos / 1000));
        let queued_us = self.clock.elapsed_ns(self.stages.turn, start) / 1000;
        Stages { queued_us, behind, ..Stages::default() }
    }

    /// Follows the reply to a command that has just run, for its entry in the slow log.
    pub fn follow_reply(&mut self, client: ClientId, command: CommandId, entry: u64) {
        let in_script = |client: &crate::session::Client| client.has(ClientFlags::SCRIPT);
        if self.clients.get(client).is_none_or(in_script) {
            return;
        }
        let followed = &mut self.stages.followed;
        if followed.len() == FOLLOWED_MAX {
            followed.remove(0);
        }
        let (ran, left, waited_for_disk) = (self.stamp, None, false);
        followed.push(Followed { client, command, entry, ran, left, waited_for_disk });
    }

    /// All output of a client is with the kernel: says so in the slow log, and in the server's.
    pub fn note_sent(&mut self, client: ClientId) {
        let now = stamp();
        let mut followed = take(&mut self.stages.followed);
        for one in followed.extract_if(.., |one| one.client == client && one.left.is_some()) {
            self.finish(&one, now);
        }
        self.stages.followed = followed;
    }

    fn finish(&mut self, one: &Followed, now: Stamp) {
        let name = self.table.row(one.command).full_name();
        let Some(entry) = self.slowlog.entry_mut(one.entry) else { return };
        let (Some(stages), Some(left)) = (&mut entry.stages, one.left) else { return };
        let waited_us = self.clock.elapsed_ns(one.ran, left) / 1000;
        stages.disk_us = if one.waited_for_disk { waited_us } else { 0 };
        let sending_us = self.clock.elapsed_ns(one.ran, now) / 1000 - stages.disk_us;
        stages.sending_us = Some(sending_us);
        let Stages { queued_us, disk_us, .. } = *stages;
        let behind = stages.behind.as_ref();
        let behind = behind.map_or(String::new(), |(name, us)| format!(" behind {name} ({us} us)"));
        log::debug!(
            "Slow command: {name} ran {} us, queued {queued_us} us{behind}, waited {disk_us} us for the disk, \
             sent in {sending_us} us",
            entry.value
        );
    }

    /// Forgets the replies to a client that is being closed.
    pub fn forget_replies(&mut self, client: ClientId) {
        self.stages.followed.retain(|one| one.client != client);
    }
}
