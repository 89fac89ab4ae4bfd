//! The command table of a running server: rows numbered, subcommands among them, and found by name
//! (after `rename-command`).

use super::GROUPS;
use super::spec::{BeginSearch, Command, Flags};
use crate::session::CommandId;

/// Places of the index, several times as many as there are commands.
const PLACES: usize = 1024;
/// Bytes of a name that are compared as one word.
const FOLDED_BYTES: usize = 8;

/// One numbered row.
pub struct Row {
    pub command: &'static Command,
    /// The name clients use, in lower case; a subcommand's is `container|name`.
    pub name: String,
    pub parent: Option<CommandId>,
    /// Subcommands, by number.
    pub children: Vec<CommandId>,
    /// The argument that is the first key, if the row says where it stands.
    pub first_key: Option<usize>,
    /// Whether no gate looks at more than the client and the number of arguments.
    is_plain: bool,
}

impl Row {
    /// The name that statistics use, whatever `rename-command` did: `get`, `config|set`.
    pub fn full_name(&self) -> &str {
        if self.parent.is_some() { &self.name } else { self.command.name }
    }

    /// Whether a call with `count` arguments of a client without peculiarities passes every gate, as
    /// long as nothing is paused and memory is not short.
    #[inline]
    pub fn is_plain_call(&self, count: usize) -> bool {
        self.is_plain && self.command.accepts(count)
    }
}

/// All rows and the index over their names.
pub struct Table {
    rows: Vec<Row>,
    /// Top-level commands, each at the first free place from the hash of its folded name on.
    places: Box<[Option<(Folded, CommandId)>; PLACES]>,
}

impl Table {
    /// The table under the rows' own names.
    pub fn new() -> Table {
        let mut table = Table { rows: Vec::new(), places: Box::new([None; PLACES]) };
        for command in GROUPS.iter().copied().flatten() {
            table.add(command);
        }
        table
    }

    fn add(&mut self, command: &'static Command) {
        let id = self.push(command, command.name.to_string(), None);
        for subcommand in command.subcommands {
            let name = format!("{}|{}", command.name, subcommand.name);
            let child = self.push(subcommand, name, Some(id));
            self.rows[id.0 as usize].children.push(child);
        }
        self.index(command.name.as_bytes(), id);
    }

    fn index(&mut self, name: &[u8], id: CommandId) {
        let folded = Folded::of(name);
        let free = folded.search().find(|&place| self.places[place].is_none());
        self.places[free.expect("there are fewer commands than places")] = Some((folded, id));
    }

    /// Builds the index anew from the names, without the command `gone`.
    fn index_all_but(&mut self, gone: CommandId) {
        let old = std::mem::replace(&mut *self.places, [None; PLACES]);
        for (_, id) in old.into_iter().flatten().filter(|(_, id)| *id != gone) {
            let name = self.row(id).name.clone();
            self.index(name.as_bytes(), id);
        }
    }

    fn push(
        &mut self,
        command: &'static Command,
        name: String,
        parent: Option<CommandId>,
    ) -> CommandId {
        let id = CommandId(u16::try_from(self.rows.len()).expect("fewer than 65,536 rows"));
        let first_key = command.keys.first().and_then(|spec| match spec.begin {
            BeginSearch::Index(index) => usize::try_from(index).ok(),
            _ => None,
        });
        let is_plain = command.handler.is_some()
            && command.subcommands.is_empty()
            && !command.flags.has(Flags::PROTECTED);
        let children = Vec::new();
        self.rows.push(Row { command, name, parent, children, first_key, is_plain });
        id
    }

    /// `rename-command`: gives a command another name, or none at all with an empty one.
    ///
    /// # Errors
    /// The texts that Redis prints for a name that does not exist or is taken.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), &'static str> {
        let id = self.lookup(from).ok_or("No such command in rename-command")?;
        if !to.is_empty() && self.lookup(to).is_some() {
            return Err("Target command name already exists");
        }
        self.index_all_but(id);
        if !to.is_empty() {
            self.rows[id.0 as usize].name = String::from_utf8_lossy(to).to_ascii_lowercase();
            self.index(to, id);
        }
        Ok(())
    }

    /// The top-level command of that name, in any case.
    #[inline]
    pub fn lookup(&self, name: &[u8]) -> Option<CommandId> {
        let folded = Folded::of(name);
        for place in folded.search() {
            let (other, id) = self.places[place]?;
            if other == folded && (name.len() <= FOLDED_BYTES || self.is_named(id, name)) {
                return Some(id);
            }
        }
        None
    }

    fn is_named(&self, id: CommandId, name: &[u8]) -> bool {
        self.row(id).name.as_bytes().eq_ignore_ascii_case(name)
    }

    /// The subcommand of a container, in any case.
    pub fn subcommand(&self, container: CommandId, name: &[u8]) -> Option<CommandId> {
        let named = |id: &&CommandId| self.command(**id).name.as_bytes().eq_ignore_ascii_case(name);
        self.row(container).children.iter().find(named).copied()
    }

    /// The row that `name` or `container|name` calls, in any case.
    pub fn named(&self, name: &[u8]) -> Option<CommandId> {
        let mut parts = name.splitn(2, |byte| *byte == b'|');
        let id = self.lookup(parts.next()?)?;
        parts.next().map_or(Some(id), |subcommand| self.subcommand(id, subcommand))
    }

    /// The row that a call executes: the command, or its subcommand.
    pub fn resolve(&self, name: &[u8], sub: Option<&[u8]>) -> Option<CommandId> {
        let id = self.lookup(name)?;
        match sub {
            Some(sub) if !self.row(id).children.is_empty() => self.subcommand(id, sub),
            _ => Some(id),
        }
    }

    /// As [`Table::resolve`], by a command's own name too where it was renamed: logs may have either.
    pub fn resolve_any(&self, name: &[u8], sub: Option<&[u8]>) -> Option<CommandId> {
        self.resolve(name, sub).or_else(|| {
            let is_named = |row: &Row| row.command.name.as_bytes().eq_ignore_ascii_case(name);
            let (id, row) = self.commands().find(|(_, row)| is_named(row))?;
            if row.children.is_empty() { Some(id) } else { self.subcommand(id, sub?) }
        })
    }

    /// The row whose own name is `name` or `container|name`, in any case, whatever `rename-command`
    /// did.
    pub fn original(&self, name: &[u8]) -> Option<CommandId> {
        let is_named = |row: &Row| row.full_name().as_bytes().eq_ignore_ascii_case(name);
        self.iter().find(|(_, row)| is_named(row)).map(|(id, _)| id)
    }

    pub fn row(&self, id: CommandId) -> &Row {
        &self.rows[id.0 as usize]
    }

    pub fn command(&self, id: CommandId) -> &'static Command {
        self.row(id).command
    }

    /// All rows, subcommands included, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (CommandId, &Row)> {
        self.rows.iter().enumerate().map(|(index, row)| (CommandId(index as u16), row))
    }

    /// Top-level rows that clients can still call.
    pub fn commands(&self) -> impl Iterator<Item = (CommandId, &Row)> {
        self.iter().filter(|(id, row)| {
            row.parent.is_none() && self.lookup(row.name.as_bytes()) == Some(*id)
        })
    }

    /// Number of rows, subcommands included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Default for Table {
    fn default() -> Table {
        Table::new()
    }
}

/// The length of a name and its first bytes in lower case, as one word: of a short name, all there is
/// to compare.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Folded {
    word: u64,
    len: usize,
}

impl Folded {
    #[inline]
    fn of(name: &[u8]) -> Folded {
        Folded { word: lower(first_bytes(name)), len: name.len() }
    }

    /// The places of the index where the name may stand, in order.
    #[inline]
    fn search(self) -> impl Iterator<Item = usize> {
        let mixed = (self.word ^ self.len as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let home = (mixed >> (u64::BITS - PLACES.ilog2())) as usize;
        (0..PLACES).map(move |step| (home + step) % PLACES)
    }
}

/// The first eight bytes as one little-endian word, with zeros in the place of missing ones.
#[inline]
fn first_bytes(name: &[u8]) -> u64 {
    if let Some(bytes) = name.first_chunk() {
        return u64::from_le_bytes(*bytes);
    }
    // Two halves that overlap in the middle of the name.
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << ((name.len() - size_of::<u32>()) * 8);
    }
    name.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// Puts the capital letters among eight bytes in lower case.
#[inline]
fn lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x80 * EACH;
    // A byte's high bit says whether it is at least `A`, or beyond `Z`; nothing is carried over.
    let low_bits = word & !HIGH_BITS;
    let (from_a, beyond_z) = (low_bits + (0x80 - 0x41) * EACH, low_bits + (0x80 - 0x5b) * EACH);
    word | (from_a & !beyond_z & !word & HIGH_BITS) >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_subcommands_by_container() {
        let table = Table::new();
        let get = table.lookup(b"GeT").unwrap();
        assert_eq!(table.row(get).name, "get");
        let set = table.resolve(b"CONFIG", Some(b"Set")).unwrap();
        assert_eq!(table.row(set).name, "config|set");
        assert_eq!(table.resolve(b"config", Some(b"nope")), None);
        assert_eq!(table.row(table.lookup(b"incrbyFLOAT").unwrap()).name, "incrbyfloat");
        assert!(table.lookup(b"incrbyfl").is_none() && table.lookup(b"get\0").is_none());
    }

    #[test]
    fn the_readme_counts_the_rows() {
        let readme = include_str!("../../README.md");
        let table = Table::new();
        let count = |group: &str, nested: bool| {
            let group_of =
                |row: &Row| row.parent.map_or(row, |parent| table.row(parent)).command.group;
            let counted =
                |row: &&Row| row.parent.is_some() == nested && group_of(row).name() == group;
            table.iter().map(|(_, row)| row).filter(counted).count()
        };
        for group in [
            "string",
            "bitmap",
            "list",
            "set",
            "sorted-set",
            "geo",
            "hyperloglog",
            "hash",
            "stream",
            "generic",
            "transactions",
            "pubsub",
            "connection",
            "server",
            "cluster",
            "scripting",
        ] {
            let line = format!("| {group} | {} | {} |", count(group, false), count(group, true));
            assert!(readme.contains(&line), "README lacks {line}");
        }
    }

    #[test]
    fn a_renamed_command_answers_to_its_new_name_only() {
        let mut table = Table::new();
        table.rename(b"FLUSHALL", b"wipe").unwrap();
        table.rename(b"get", b"").unwrap();
        assert!(table.lookup(b"flushall").is_none() && table.lookup(b"WIPE").is_some());
        assert!(table.lookup(b"get").is_none());
        assert!(table.rename(b"set", b"wipe").is_err() && table.rename(b"nope", b"x").is_err());
    }

    #[test]
    fn a_word_is_put_in_lower_case_byte_by_byte() {
        for byte in 0..=u8::MAX {
            let word = u64::from_le_bytes([byte, b'A', 0xff, b'z', byte, 0, b'[', b'@']);
            let expected = word.to_le_bytes().map(|byte| byte.to_ascii_lowercase());
            assert_eq!(lower(word).to_le_bytes(), expected);
        }
        for len in 0..12 {
            let name = &b"abcdefghijklm"[..len];
            let bytes = first_bytes(name).to_le_bytes();
            assert_eq!(bytes[..len.min(8)], name[..len.min(8)]);
            assert!(bytes[len.min(8)..].iter().all(|byte| *byte == 0));
        }
    }
}
