//! A selector: commands, keys and channels that go together. A call passes if one selector of its
//! user allows all of it.
//!
//! Invariant: decides about a call from the call alone; the clients and the data set do not matter.

use super::commands::CommandSet;
use crate::base::glob::glob_match;
use crate::command::Args;
use crate::command::spec::{Channels, Command, Flags, KeyFlags};
use crate::session::CommandId;
use std::cell::OnceCell;

/// Commands, key patterns and channel patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    pub commands: CommandSet,
    pub keys: Patterns<KeyPattern>,
    pub channels: Patterns<Box<[u8]>>,
}

/// What may be touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patterns<T> {
    All,
    /// What matches one of them.
    Some(Vec<T>),
}

impl<T> Patterns<T> {
    pub const NONE: Patterns<T> = Patterns::Some(Vec::new());
}

impl Patterns<Box<[u8]>> {
    /// Whether a channel may be used; a pattern of channels only if it stands among the patterns as
    /// it is.
    pub fn allow(&self, name: &[u8], literally: bool) -> bool {
        match self {
            Patterns::All => true,
            Patterns::Some(patterns) => patterns.iter().any(|pattern| match literally {
                true => **pattern == *name,
                false => glob_match(pattern, name, false),
            }),
        }
    }

    /// Whether all that `other` allows by its patterns is allowed by the same patterns here.
    pub fn include(&self, other: &Patterns<Box<[u8]>>) -> bool {
        match (self, other) {
            (Patterns::All, _) => true,
            (_, Patterns::All) => false,
            (Patterns::Some(patterns), Patterns::Some(others)) => {
                others.iter().all(|pattern| patterns.contains(pattern))
            }
        }
    }
}

/// Keys that may be read, written or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    pub access: Access,
    pub pattern: Box<[u8]>,
}

/// What is done with a key, or may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    pub read: bool,
    pub write: bool,
}

impl Access {
    pub const READ: Access = Access { read: true, write: false };
    pub const WRITE: Access = Access { read: false, write: true };
    pub const BOTH: Access = Access { read: true, write: true };

    /// What a command does with a key that it names with these flags. One that only asks whether
    /// there is such a key does neither.
    fn of(flags: KeyFlags) -> Access {
        let changes = KeyFlags::INSERT.or(KeyFlags::DELETE).or(KeyFlags::UPDATE);
        Access { read: flags.has(KeyFlags::ACCESS), write: flags.intersects(changes) }
    }

    pub fn and(self, other: Access) -> Access {
        Access { read: self.read || other.read, write: self.write || other.write }
    }

    fn covers(self, other: Access) -> bool {
        (self.read || !other.read) && (self.write || !other.write)
    }

    /// What a key pattern begins with.
    fn prefix(self) -> &'static [u8] {
        match self {
            Access::READ => b"%R~",
            Access::WRITE => b"%W~",
            _ => b"~",
        }
    }
}

/// What a call is refused for: its name, or the argument at that index. Where several selectors
/// refuse, the greatest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    Command,
    Key(usize),
    Channel(usize),
}

/// A call whose keys are looked for once, and only if somebody wants to know.
pub struct Call<'a> {
    id: CommandId,
    command: &'a Command,
    args: Args<'a>,
    keys: OnceCell<Vec<(usize, KeyFlags)>>,
}

impl<'a> Call<'a> {
    pub fn new(id: CommandId, command: &'a Command, args: Args<'a>) -> Call<'a> {
        Call { id, command, args, keys: OnceCell::new() }
    }

    /// The keys. A call whose keys cannot be told is malformed: what it would be refused for is what
    /// its command says.
    fn keys(&self) -> &[(usize, KeyFlags)] {
        self.keys.get_or_init(|| {
            let mut keys = Vec::new();
            let _ = self.command.keys_of(&self.args, &mut keys);
            keys
        })
    }

    /// The first argument that is a channel, and how many are.
    fn channels(&self) -> (usize, Option<Channels>) {
        match self.command.channels {
            Some(Channels::Published) => (1, self.command.channels),
            Some(Channels::Heard | Channels::HeardByPattern) => {
                (self.args.len() - 1, self.command.channels)
            }
            None => (0, None),
        }
    }
}

impl Selector {
    /// Allows nothing; or, of channels, all.
    pub fn new(rows: usize, all_channels: bool) -> Selector {
        let channels = if all_channels { Patterns::All } else { Patterns::NONE };
        Selector { commands: CommandSet::none(rows), keys: Patterns::NONE, channels }
    }

    /// Whether no call can be refused.
    pub fn allows_everything(&self) -> bool {
        self.commands.allows_everything()
            && self.keys == Patterns::All
            && self.channels == Patterns::All
    }

    /// Whether a call passes.
    pub fn check(&self, call: &Call<'_>) -> Result<(), Denied> {
        let is_free = self.commands.allows_everything() || call.command.flags.has(Flags::NO_AUTH);
        if !is_free && !self.commands.allows_call(call.id, &call.args) {
            return Err(Denied::Command);
        }
        self.check_keys(call)?;
        self.check_channels(call)
    }

    fn check_keys(&self, call: &Call<'_>) -> Result<(), Denied> {
        let Patterns::Some(patterns) = &self.keys else { return Ok(()) };
        if !call.command.has_keys() {
            return Ok(());
        }
        for &(index, flags) in call.keys() {
            let (key, access) = (call.args.at(index), Access::of(flags));
            let fits = |pattern: &KeyPattern| {
                pattern.access.covers(access) && glob_match(&pattern.pattern, key, false)
            };
            if !patterns.iter().any(fits) {
                return Err(Denied::Key(index));
            }
        }
        Ok(())
    }

    fn check_channels(&self, call: &Call<'_>) -> Result<(), Denied> {
        let (count, Some(channels)) = call.channels() else { return Ok(()) };
        let literally = channels == Channels::HeardByPattern;
        let denied = |index: &usize| !self.channels.allow(call.args.at(*index), literally);
        match (1..=count).find(denied) {
            Some(index) => Err(Denied::Channel(index)),
            None => Ok(()),
        }
    }

    /// Whether any key at all may be read.
    pub fn reads_all_keys(&self) -> bool {
        match &self.keys {
            Patterns::All => true,
            Patterns::Some(patterns) => {
                patterns.iter().any(|pattern| pattern.access.read && *pattern.pattern == *b"*")
            }
        }
    }

    /// The rules that make the key patterns.
    pub fn key_rules(&self) -> Vec<Vec<u8>> {
        match &self.keys {
            Patterns::All => vec![b"~*".to_vec()],
            Patterns::Some(patterns) => {
                let rule = |key: &KeyPattern| [key.access.prefix(), &key.pattern].concat();
                patterns.iter().map(rule).collect()
            }
        }
    }

    /// The rules that make the channel patterns of none.
    pub fn channel_rules(&self) -> Vec<Vec<u8>> {
        match &self.channels {
            Patterns::All => vec![b"&*".to_vec()],
            Patterns::Some(patterns) => {
                patterns.iter().map(|pattern| [&b"&"[..], pattern].concat()).collect()
            }
        }
    }

    /// The rules that lead here from a new selector, whatever that allows.
    pub fn rules(&self) -> Vec<Vec<u8>> {
        let mut rules = self.key_rules();
        if self.channels != Patterns::All {
            rules.push(b"resetchannels".to_vec());
        }
        rules.extend(self.channel_rules());
        rules.extend(self.commands.rules());
        rules
    }
}
