//! What SCAN, HSCAN, SSCAN and ZSCAN share: cursor, options, and the form of the reply.
//!
//! Invariant: knows nothing of what is scanned.

use super::Args;
use crate::base::glob::glob_match;
use crate::base::num;
use crate::resp::errors::{self, Reject};
use crate::resp::{Output, Reply};

/// Elements that a call visits unless COUNT says otherwise.
const COUNT_DEFAULT: usize = 10;

/// The options of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    pub count: usize,
    pattern: &'a [u8],
    /// TYPE, which SCAN alone has.
    pub type_name: Option<&'a [u8]>,
    /// Whether the names come without what belongs to them: NOVALUES, NOSCORES.
    pub bare: bool,
}

/// What a command understands beyond MATCH and COUNT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extra {
    None,
    /// TYPE with its argument.
    Type,
    /// A word that asks for names alone.
    Bare(&'static str),
}

/// The cursor in argument `index`.
pub fn cursor(args: &Args<'_>, index: usize) -> Result<u64, Reject> {
    num::parse_cursor(args.at(index)).ok_or(errors::INVALID_CURSOR.into())
}

impl<'a> Options<'a> {
    /// The options from argument `first` on.
    pub fn parse(args: &Args<'a>, first: usize, extra: Extra) -> Result<Options<'a>, Reject> {
        let (count, pattern) = (COUNT_DEFAULT, b"*".as_slice());
        let mut options = Options { count, pattern, type_name: None, bare: false };
        let mut at = first;
        while at < args.len() {
            if let Extra::Bare(word) = extra
                && args.is(at, word)
            {
                options.bare = true;
                at += 1;
                continue;
            }
            let value = args.get(at + 1).ok_or(errors::SYNTAX)?;
            if args.is(at, "count") {
                options.count = count_of(args.int(at + 1)?)?;
            } else if args.is(at, "match") {
                options.pattern = value;
            } else if args.is(at, "type") && extra == Extra::Type {
                options.type_name = Some(value);
            } else {
                return Err(errors::SYNTAX.into());
            }
            at += 2;
        }
        Ok(options)
    }

    /// Whether MATCH lets `name` through.
    pub fn matches(&self, name: &[u8]) -> bool {
        matches(self.pattern, name)
    }
}

fn count_of(value: i64) -> Result<usize, Reject> {
    usize::try_from(value).ok().filter(|count| *count > 0).ok_or(errors::SYNTAX.into())
}

/// Whether `pattern` matches `name`.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    pattern == b"*" || glob_match(pattern, name, false)
}

/// Collects what a call found.
pub struct Found<'a> {
    reply: Reply<'a>,
    count: usize,
}

impl Found<'_> {
    /// Adds a string to the reply.
    pub fn push(&mut self, text: &[u8]) {
        self.reply.bulk(text);
        self.count += 1;
    }
}

/// Replies with what `scan` found and the cursor that it returned.
pub fn reply(reply: &mut Reply<'_>, scan: impl FnOnce(&mut Found<'_>) -> u64) {
    // The cursor stands before what was found, so that waits in a buffer of its own.
    let mut bytes = Output::default();
    let found = Reply { out: &mut bytes, protocol: reply.protocol };
    let mut found = Found { reply: found, count: 0 };
    let next = scan(&mut found);
    let count = found.count;
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    reply.array(count);
    reply.out.append(&mut bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Span;

    fn parse(line: &str, extra: Extra) -> Result<(usize, bool, bool), Reject> {
        let spans: Vec<Span> = line
            .split(' ')
            .map(|word| {
                let start = word.as_ptr() as usize - line.as_ptr() as usize;
                let number = |value| u32::try_from(value).expect("a short line");
                Span { start: number(start), len: number(word.len()) }
            })
            .collect();
        let options = Options::parse(&Args::new(line.as_bytes(), &spans), 1, extra)?;
        Ok((options.count, options.type_name.is_some(), options.bare))
    }

    #[test]
    fn options_come_in_any_order_and_the_last_one_counts() {
        assert_eq!(parse("0", Extra::None), Ok((10, false, false)));
        assert_eq!(parse("0 COUNT 5 MATCH a* count 7", Extra::None), Ok((7, false, false)));
        assert_eq!(parse("0 type list COUNT 5", Extra::Type), Ok((5, true, false)));
        let novalues = Extra::Bare("novalues");
        assert_eq!(parse("0 NOVALUES COUNT 5", novalues), Ok((5, false, true)));
        assert_eq!(parse("0 COUNT 5 NOVALUES", novalues), Ok((5, false, true)));
    }

    #[test]
    fn what_a_command_does_not_understand_is_a_syntax_error() {
        for line in ["0 COUNT", "0 MATCH", "0 COUNT 0", "0 COUNT -1", "0 x y", "0 TYPE set"] {
            assert_eq!(parse(line, Extra::None), Err(errors::SYNTAX.into()), "{line}");
        }
        assert_eq!(parse("0 COUNT x", Extra::None), Err(errors::NOT_AN_INTEGER.into()));
    }

    #[test]
    fn the_reply_holds_the_cursor_and_what_was_found() {
        let mut out = Output::default();
        let mut found_nothing = Reply { out: &mut out, protocol: Default::default() };
        reply(&mut found_nothing, |_| 0);
        reply(&mut found_nothing, |found| {
            found.push(b"a");
            found.push(b"");
            17
        });
        let expected = "*2\r\n$1\r\n0\r\n*0\r\n*2\r\n$2\r\n17\r\n*2\r\n$1\r\na\r\n$0\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&out.take_block()), expected);
    }
}
