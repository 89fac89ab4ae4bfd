//! LCS: the longest common subsequence of two strings.
//!
//! Invariant: the table never exceeds proto-max-bulk-len, and nothing is copied before that is
//! certain.

use super::text_or_empty;
use crate::command::Args;
use crate::command::ctx::{Ctx, string};
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome, Reject};

/// Strings from this length on are refused, as lengths have to fit into the table's cells.
const STRING_LEN_MAX: usize = u32::MAX as usize - 1;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[Command::new("lcs", lcs)
    .arity(-3)
    .of(Group::String)
    .flags(Flags::READONLY)
    .acl(Categories::STRING)
    .keys(&[KeySpec::range(1, 1, 1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))])
    .summary("Finds the longest common substring.")
    .complexity("O(N*M) where N and M are the lengths of s1 and s2, respectively")
    .since("7.0.0")
    .args(&[
        Arg::key("key1", 0),
        Arg::key("key2", 0),
        Arg::word("len", "LEN").optional(),
        Arg::word("idx", "IDX").optional(),
        Arg::int("min-match-len").token("MINMATCHLEN").optional(),
        Arg::word("withmatchlen", "WITHMATCHLEN").optional(),
    ])];

/// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]
fn lcs(ctx: &mut Ctx) -> Outcome {
    let keys = [ctx.arg(1), ctx.arg(2)];
    // Both keys count as read, even if the first is of the wrong type.
    let lens = keys.map(|key| {
        let value = string(ctx.db().read(key));
        value.map(|value| text_or_empty(value, &mut itoa::Buffer::new()).len())
    });
    let [Ok(a_len), Ok(b_len)] = lens else { return Err(errors::LCS_WRONG_TYPE.into()) };
    let options = Options::parse(&ctx.args)?;
    let cells = room(a_len, b_len, ctx.state.config.proto_max_bulk_len)?;
    let [a, b] = keys.map(|key| {
        let value = string(ctx.db().peek(key)).unwrap_or(None);
        text_or_empty(value, &mut itoa::Buffer::new()).to_vec()
    });
    let table = Table::build(cells, &a, &b);
    if options.idx {
        reply_matches(&mut ctx.reply, &options, &table);
    } else if options.len {
        ctx.reply.integer(i64::from(table.len()));
    } else {
        ctx.reply.bulk(&table.subsequence());
    }
    Ok(())
}

#[derive(Default)]
struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    /// Matches shorter than this are not listed.
    min_match_len: u64,
}

impl Options {
    fn parse(args: &Args<'_>) -> Result<Options, Reject> {
        let mut options = Options::default();
        let mut index = 3;
        while index < args.len() {
            if args.is(index, "IDX") {
                options.idx = true;
            } else if args.is(index, "LEN") {
                options.len = true;
            } else if args.is(index, "WITHMATCHLEN") {
                options.with_match_len = true;
            } else if args.is(index, "MINMATCHLEN") && index + 1 < args.len() {
                index += 1;
                options.min_match_len = u64::try_from(args.int(index)?).unwrap_or(0);
            } else {
                return Err(errors::SYNTAX.into());
            }
            index += 1;
        }
        if options.len && options.idx {
            return Err(errors::LCS_LEN_AND_IDX.into());
        }
        Ok(options)
    }
}

/// An empty vector with room for the table of two strings of these lengths.
///
/// # Errors
/// The table would exceed `limit` bytes, or the allocator refuses.
fn room(a_len: usize, b_len: usize, limit: u64) -> Result<Vec<u32>, Reject> {
    if a_len.max(b_len) >= STRING_LEN_MAX {
        return Err(errors::LCS_TOO_LONG.into());
    }
    let cells = (a_len + 1).checked_mul(b_len + 1);
    let bytes = cells.and_then(|cells| cells.checked_mul(size_of::<u32>()));
    let cells = cells.filter(|_| bytes.is_some()).ok_or(errors::LCS_ALLOCATION)?;
    if bytes.is_some_and(|bytes| bytes as u64 > limit) {
        return Err(errors::LCS_OUT_OF_MEMORY.into());
    }
    let mut table = Vec::new();
    table.try_reserve_exact(cells).map_err(|_| errors::LCS_ALLOCATION)?;
    Ok(table)
}

/// A stretch that both strings have in common: its first and last index in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Match {
    a: (u32, u32),
    b: (u32, u32),
}

impl Match {
    fn len(&self) -> u32 {
        self.a.1 - self.a.0 + 1
    }
}

/// For every pair of prefixes the length of their longest common subsequence.
struct Table<'a> {
    a: &'a [u8],
    b: &'a [u8],
    /// One row for each prefix of `a`, the empty one included.
    cells: Vec<u32>,
}

impl<'a> Table<'a> {
    /// Fills `cells`, which is empty and has room.
    fn build(mut cells: Vec<u32>, a: &'a [u8], b: &'a [u8]) -> Table<'a> {
        let width = b.len() + 1;
        cells.resize(width * (a.len() + 1), 0);
        for (row, &byte) in a.iter().enumerate() {
            let (above, current) = cells[row * width..][..2 * width].split_at_mut(width);
            for (column, &other) in b.iter().enumerate() {
                current[column + 1] = if byte == other {
                    above[column] + 1
                } else {
                    above[column + 1].max(current[column])
                };
            }
        }
        Table { a, b, cells }
    }

    /// Length for the prefixes of `i` and `j` bytes.
    fn at(&self, i: usize, j: usize) -> u32 {
        self.cells[i * (self.b.len() + 1) + j]
    }

    /// Length of the longest common subsequence.
    fn len(&self) -> u32 {
        self.at(self.a.len(), self.b.len())
    }

    /// The pairs of equal bytes that make up the subsequence, the last one first.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        std::iter::from_fn(move || {
            while i > 0 && j > 0 {
                if self.a[i - 1] == self.b[j - 1] {
                    (i, j) = (i - 1, j - 1);
                    return Some((i, j));
                }
                if self.at(i - 1, j) > self.at(i, j - 1) { i -= 1 } else { j -= 1 }
            }
            None
        })
    }

    fn subsequence(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.pairs().map(|(i, _)| self.a[i]).collect();
        bytes.reverse();
        bytes
    }

    /// The pairs joined to stretches, the last one first.
    fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        for (i, j) in self.pairs() {
            let (i, j) = (i as u32, j as u32);
            match matches.last_mut() {
                Some(last) if (last.a.0, last.b.0) == (i + 1, j + 1) => {
                    (last.a.0, last.b.0) = (i, j);
                }
                _ => matches.push(Match { a: (i, i), b: (j, j) }),
            }
        }
        matches
    }
}

fn reply_matches(reply: &mut Reply<'_>, options: &Options, table: &Table<'_>) {
    let mut matches = table.matches();
    matches.retain(|found| u64::from(found.len()) >= options.min_match_len);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(matches.len());
    for found in matches {
        reply.array(2 + usize::from(options.with_match_len));
        for (first, last) in [found.a, found.b] {
            reply.array(2);
            reply.integer(i64::from(first));
            reply.integer(i64::from(last));
        }
        if options.with_match_len {
            reply.integer(i64::from(found.len()));
        }
    }
    reply.bulk(b"len");
    reply.integer(i64::from(table.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<'a>(a: &'a str, b: &'a str) -> Table<'a> {
        let cells = room(a.len(), b.len(), 1 << 20).unwrap();
        Table::build(cells, a.as_bytes(), b.as_bytes())
    }

    #[test]
    fn the_subsequence_and_its_stretches_are_found() {
        let table = table("ohmytext", "mynewtext");
        assert_eq!(table.len(), 6);
        assert_eq!(table.subsequence(), b"mytext");
        let expected = [Match { a: (4, 7), b: (5, 8) }, Match { a: (2, 3), b: (0, 1) }];
        assert_eq!(table.matches(), expected);
    }

    #[test]
    fn empty_strings_have_nothing_in_common() {
        assert_eq!(table("", "").len(), 0);
        assert_eq!(table("abc", "").subsequence(), b"");
        assert!(table("", "abc").matches().is_empty());
    }

    #[test]
    fn a_table_beyond_the_limit_is_refused() {
        assert!(room(9, 9, 400).is_ok());
        assert_eq!(room(9, 9, 399).unwrap_err().text(), errors::LCS_OUT_OF_MEMORY.as_bytes());
        assert!(room(STRING_LEN_MAX, 0, u64::MAX).is_err());
    }
}
