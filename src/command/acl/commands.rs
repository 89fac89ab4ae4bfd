//! Which commands one may call: a bit for each row of the command table, and the rules that led
//! there, which are what ACL LIST shows.
//!
//! Invariant: knows rows by number only; rules were checked before they arrive here.

use crate::base::text::until_nul;
use crate::resp::Args;
use crate::session::CommandId;

/// The commands that a selector allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSet {
    /// A bit for each row.
    allowed: Box<[u64]>,
    /// Nothing was taken away since `+@all`.
    everything: bool,
    /// Whether the rules start from everything or from nothing.
    starts_full: bool,
    /// First arguments with which a call passes though its row is not allowed.
    first_args: Vec<(CommandId, Box<[u8]>)>,
    rules: Vec<Rule>,
}

/// A rule since `+@all` or `-@all`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    allows: bool,
    /// `get`, `config|get`, `select|0` or `@hash`.
    subject: Vec<u8>,
}

/// Bits of a word of `allowed`.
const WORD_BITS: usize = u64::BITS as usize;

impl CommandSet {
    /// None of the table's `rows`.
    pub fn none(rows: usize) -> CommandSet {
        CommandSet {
            allowed: vec![0; rows.div_ceil(WORD_BITS)].into(),
            everything: false,
            starts_full: false,
            first_args: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// `+@all` and `-@all`: forgets all rules before.
    pub fn set_all(&mut self, allow: bool) {
        self.allowed.fill(if allow { u64::MAX } else { 0 });
        (self.everything, self.starts_full) = (allow, allow);
        self.first_args.clear();
        self.rules.clear();
    }

    /// Allows a row or takes it away, its subcommands not included. First arguments that were
    /// allowed no longer matter.
    pub fn set(&mut self, id: CommandId, allow: bool) {
        let (word, bit) = place(id);
        match allow {
            true => self.allowed[word] |= bit,
            false => self.allowed[word] &= !bit,
        }
        self.everything &= allow;
        self.first_args.retain(|(other, _)| *other != id);
    }

    /// Allows calls of a row that have this first argument.
    pub fn allow_first_arg(&mut self, id: CommandId, arg: &[u8]) {
        let is_known = self.first_args_of(id).any(|known| known.eq_ignore_ascii_case(arg));
        if !is_known {
            self.first_args.push((id, arg.into()));
        }
    }

    fn first_args_of(&self, id: CommandId) -> impl Iterator<Item = &[u8]> {
        self.first_args.iter().filter(move |(other, _)| *other == id).map(|(_, arg)| &**arg)
    }

    /// Notes the rule that was just followed. It takes the place of earlier ones about the same, and
    /// one about a command that of those about its subcommands.
    pub fn note_rule(&mut self, allows: bool, subject: &[u8]) {
        let subject = subject.to_ascii_lowercase();
        self.rules.retain(|known| match known.subject.strip_prefix(&*subject) {
            None => true,
            Some(rest) => !rest.is_empty() && rest[0] != b'|',
        });
        self.rules.push(Rule { allows, subject });
    }

    /// Whether any call passes.
    pub fn allows_everything(&self) -> bool {
        self.everything
    }

    /// Whether a row is allowed whatever its arguments are.
    pub fn allows(&self, id: CommandId) -> bool {
        let (word, bit) = place(id);
        self.allowed[word] & bit != 0
    }

    /// Whether a call passes. Its first argument counts up to a NUL, as in Redis.
    pub fn allows_call(&self, id: CommandId, args: &Args<'_>) -> bool {
        let is_listed = |arg: &[u8]| {
            self.first_args_of(id).any(|listed| listed.eq_ignore_ascii_case(until_nul(arg)))
        };
        self.allows(id) || args.get(1).is_some_and(is_listed)
    }

    /// The rules that lead here, in order.
    pub fn rules(&self) -> impl Iterator<Item = Vec<u8>> {
        let start = if self.starts_full { b"+@all" } else { b"-@all" };
        let later = self.rules.iter().map(|Rule { allows, subject }| {
            [if *allows { b"+" } else { b"-" }, &**subject].concat()
        });
        std::iter::once(start.to_vec()).chain(later)
    }
}

fn place(id: CommandId) -> (usize, u64) {
    let index = usize::from(id.0);
    (index / WORD_BITS, 1 << (index % WORD_BITS))
}
