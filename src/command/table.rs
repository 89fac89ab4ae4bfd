//! The command table of a running server: rows numbered, subcommands among them, and found by name
//! (after `rename-command`).

use super::GROUPS;
use super::spec::Command;
use crate::session::CommandId;

/// Longest name that is looked up; longer ones are unknown.
const NAME_BYTES_MAX: usize = 64;
const BUCKETS: usize = 512;
/// Bytes of a name that are compared as one word.
const FOLDED_BYTES: usize = 7;

/// One numbered row.
pub struct Row {
    pub command: &'static Command,
    /// The name clients use, in lower case; a subcommand's is `container|name`.
    pub name: String,
    pub parent: Option<CommandId>,
    /// Subcommands, by number.
    pub children: Vec<CommandId>,
}

impl Row {
    /// The name that statistics use, whatever `rename-command` did: `get`, `config|set`.
    pub fn full_name(&self) -> &str {
        if self.parent.is_some() { &self.name } else { self.command.name }
    }
}

/// All rows and the index over their names.
pub struct Table {
    rows: Vec<Row>,
    /// Top-level commands by a hash of their folded names.
    buckets: Vec<Vec<(u64, CommandId)>>,
}

impl Table {
    /// The table under the rows' own names.
    pub fn new() -> Table {
        let mut table = Table { rows: Vec::new(), buckets: vec![Vec::new(); BUCKETS] };
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
        let folded = fold(name);
        self.buckets[bucket(folded)].push((folded, id));
    }

    fn push(
        &mut self,
        command: &'static Command,
        name: String,
        parent: Option<CommandId>,
    ) -> CommandId {
        let id = CommandId(u16::try_from(self.rows.len()).expect("fewer than 65,536 rows"));
        self.rows.push(Row { command, name, parent, children: Vec::new() });
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
        self.buckets[bucket(fold(from))].retain(|(_, other)| *other != id);
        if !to.is_empty() {
            self.rows[id.0 as usize].name = String::from_utf8_lossy(to).to_ascii_lowercase();
            self.index(to, id);
        }
        Ok(())
    }

    /// The top-level command of that name, in any case.
    pub fn lookup(&self, name: &[u8]) -> Option<CommandId> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        let folded = fold(name);
        let named = |id: CommandId| self.row(id).name.as_bytes().eq_ignore_ascii_case(name);
        let mut same = self.buckets[bucket(folded)].iter().filter(|(other, _)| *other == folded);
        let found = same.find(|(_, id)| name.len() <= FOLDED_BYTES || named(*id))?;
        Some(found.1)
    }

    /// The subcommand of a container, in any case.
    pub fn subcommand(&self, container: CommandId, name: &[u8]) -> Option<CommandId> {
        let named = |id: &&CommandId| self.command(**id).name.as_bytes().eq_ignore_ascii_case(name);
        self.row(container).children.iter().find(named).copied()
    }

    /// The row that a call executes: the command, or its subcommand.
    pub fn resolve(&self, name: &[u8], sub: Option<&[u8]>) -> Option<CommandId> {
        let id = self.lookup(name)?;
        match sub {
            Some(sub) if !self.row(id).children.is_empty() => self.subcommand(id, sub),
            _ => Some(id),
        }
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

/// The length of a name and its first seven bytes in lower case, as one word: of a short name, all
/// there is to compare.
#[inline]
fn fold(name: &[u8]) -> u64 {
    let first = name.iter().take(FOLDED_BYTES);
    first.fold(name.len() as u64, |word, byte| word << 8 | u64::from(byte.to_ascii_lowercase()))
}

#[inline]
fn bucket(folded: u64) -> usize {
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - BUCKETS.ilog2())) as usize
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
            "generic",
            "transactions",
            "pubsub",
            "connection",
            "server",
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
}
