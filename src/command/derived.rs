//! What follows from a row: its ACL categories, its full set of flags, and which arguments of a
//! call are keys.
//!
//! Invariant: nothing is declared here; a row that needs an exception says so itself.

use super::Args;
use super::spec::{BeginSearch, Categories, Command, FindKeys, Flags, KeyFlags, KeySpec};
use crate::base::num;
use crate::base::text::is_space;

/// A call whose keys cannot be told, because its arguments make no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

/// Categories that a flag brings along.
const IMPLIED: &[(Flags, Categories)] = &[
    (Flags::WRITE, Categories::WRITE),
    (Flags::ADMIN, Categories::ADMIN.or(Categories::DANGEROUS)),
    (Flags::PUBSUB, Categories::PUBSUB),
    (Flags::FAST, Categories::FAST),
    (Flags::BLOCKING, Categories::BLOCKING),
];

impl Command {
    /// The ACL categories: those of the row and those that follow from its flags.
    pub fn categories(&self) -> Categories {
        let mut all = self.acl;
        for (_, implied) in IMPLIED.iter().filter(|(flag, _)| self.flags.has(*flag)) {
            all = all | *implied;
        }
        // A script that only reads may still do anything else that scripts do.
        if self.flags.has(Flags::READONLY) && !self.acl.has(Categories::SCRIPTING) {
            all = all | Categories::READ;
        }
        if all.has(Categories::FAST) { all } else { all | Categories::SLOW }
    }

    /// The flags, with `movablekeys` where the flat range of COMMAND INFO does not tell all keys.
    pub fn all_flags(&self) -> Flags {
        if self.flat_range().whole { self.flags } else { self.flags | Flags::MOVABLE_KEYS }
    }

    /// The one range of keys that COMMAND INFO shows to clients that know nothing of key
    /// specifications: the union of the row's consecutive plain ranges.
    pub fn flat_range(&self) -> FlatRange {
        match self.keys {
            [] => FlatRange { first: 0, last: 0, step: 0, whole: true },
            [
                KeySpec {
                    begin: BeginSearch::Index(first),
                    find: FindKeys::Range { last, step, .. },
                    flags,
                    ..
                },
            ] => {
                let last = absolute(*first, *last);
                FlatRange {
                    first: *first,
                    last,
                    step: *step,
                    whole: !flags.has(KeyFlags::INCOMPLETE),
                }
            }
            specs => union(specs),
        }
    }

    /// Whether a call can have keys at all.
    pub fn has_keys(&self) -> bool {
        self.extract_keys.is_some() || self.has_key_specs()
    }

    fn has_key_specs(&self) -> bool {
        self.keys.iter().any(|spec| !spec.flags.has(KeyFlags::NOT_KEY))
    }

    /// Appends the index of every key in `args`, with the way the call uses it. The
    /// specifications tell it, unless a row marks theirs as incomplete or as depending on the
    /// other arguments: then its extractor does. A number of keys that is none is read as C's `atoi`
    /// reads it, and how its keys are used is unknown then: so does Redis, and denies accordingly.
    ///
    /// # Errors
    /// [`Malformed`] when the call cannot be a valid one; nothing is appended then.
    pub fn keys_of(
        &self,
        args: &Args<'_>,
        out: &mut Vec<(usize, KeyFlags)>,
    ) -> Result<(), Malformed> {
        let len = out.len();
        let varies = self.keys.iter().any(|spec| spec.flags.has(KeyFlags::VARIABLE_FLAGS));
        if self.has_key_specs() && !varies {
            if self.keys_of_specs(num::parse_i64, args, out).is_ok() {
                return Ok(());
            }
            out.truncate(len);
        }
        match self.extract_keys {
            Some(extract) => extract(args, out).map_err(|()| Malformed),
            None => self.keys_read_loosely(args, out),
        }
    }

    fn keys_of_specs(
        &self,
        number: Number,
        args: &Args<'_>,
        out: &mut Vec<(usize, KeyFlags)>,
    ) -> Result<(), Malformed> {
        self.keys.iter().try_for_each(|spec| keys_of_spec(spec, number, args, out))
    }

    fn keys_read_loosely(
        &self,
        args: &Args<'_>,
        out: &mut Vec<(usize, KeyFlags)>,
    ) -> Result<(), Malformed> {
        if !self.keys.iter().any(|spec| matches!(spec.find, FindKeys::Count { .. })) {
            return Err(Malformed);
        }
        let len = out.len();
        let found = self.keys_of_specs(loose_number, args, out);
        found.inspect_err(|_| out.truncate(len))?;
        out[len..].iter_mut().for_each(|(_, flags)| *flags = KeyFlags::NONE);
        Ok(())
    }
}

/// First and last argument that are keys (the last negative: counted from the end) and the step
/// between keys; all 0 without keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlatRange {
    pub first: i16,
    pub last: i16,
    pub step: i16,
    /// Whether these are all the keys.
    pub whole: bool,
}

/// The last key of a range as an argument index, where it is not counted from the end.
fn absolute(first: i16, last: i16) -> i16 {
    if last < 0 { last } else { first + last }
}

/// Joins the ranges that follow one another without a gap.
fn union(specs: &[KeySpec]) -> FlatRange {
    let mut flat = FlatRange { first: 0, last: 0, step: 0, whole: true };
    for spec in specs {
        let (first, last) = match (spec.begin, spec.find) {
            (BeginSearch::Index(first), FindKeys::Range { last, step: 1, .. })
                if flat.last == 0 || flat.last == first - 1 =>
            {
                (first, absolute(first, last))
            }
            _ => {
                flat.whole = false;
                continue;
            }
        };
        flat.whole &= !spec.flags.has(KeyFlags::INCOMPLETE);
        flat.first = if flat.first == 0 { first } else { flat.first.min(first) };
        // As unsigned numbers, so that a range to the end beats all others.
        flat.last = (flat.last as u16).max(last as u16) as i16;
        flat.step = 1;
    }
    flat.whole &= flat.first != 0;
    flat
}

/// How a number of keys is read.
type Number = fn(&[u8]) -> Option<i64>;

/// As C's `atoi`: leading blanks and a sign, digits as far as there are any, 32 bits of all that.
fn loose_number(text: &[u8]) -> Option<i64> {
    let start = text.iter().position(|byte| !is_space(*byte))?;
    let (sign, digits) = match &text[start..] {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    let digits = digits.iter().map_while(|byte| byte.is_ascii_digit().then(|| byte - b'0'));
    let number = digits.fold(0i64, |number, digit| {
        number.saturating_mul(10).saturating_add(sign * i64::from(digit))
    });
    Some(i64::from(number as i32))
}

/// Appends the keys of one specification.
fn keys_of_spec(
    spec: &KeySpec,
    number: Number,
    args: &Args<'_>,
    out: &mut Vec<(usize, KeyFlags)>,
) -> Result<(), Malformed> {
    if spec.flags.has(KeyFlags::NOT_KEY) {
        return Ok(());
    }
    let Some(begin) = begin(spec.begin, args)? else { return Ok(()) };
    let (first, last, step) = range(spec.find, begin, number, args)?;
    if first > last || last >= args.len() as i64 {
        return Err(Malformed);
    }
    let positions = (first as usize..=last as usize).step_by(step.max(1) as usize);
    out.extend(positions.map(|index| (index, spec.flags)));
    if spec.flags.has(KeyFlags::INCOMPLETE) { Err(Malformed) } else { Ok(()) }
}

/// Where a specification begins; nowhere if its keyword is not there.
fn begin(begin: BeginSearch, args: &Args<'_>) -> Result<Option<i64>, Malformed> {
    match begin {
        BeginSearch::Index(index) => Ok(Some(i64::from(index))),
        BeginSearch::Keyword(word, from) => Ok(keyword(word, from, args)),
        BeginSearch::Unknown => Err(Malformed),
    }
}

/// The argument after the keyword. A keyword that nothing follows is not one.
fn keyword(word: &str, from: i16, args: &Args<'_>) -> Option<i64> {
    let is_word = |index: &usize| args.is(*index, word);
    let found = if from > 0 {
        (from as usize..args.len().saturating_sub(1)).find(is_word)
    } else {
        let start = (args.len() + 1).saturating_sub(usize::from(from.unsigned_abs()));
        (2..start.min(args.len())).rev().find(is_word)
    };
    found.map(|index| index as i64 + 1)
}

/// First key, last key and step of a specification that begins at `begin`.
fn range(
    find: FindKeys,
    begin: i64,
    number: Number,
    args: &Args<'_>,
) -> Result<(i64, i64, i64), Malformed> {
    let len = args.len() as i64;
    match find {
        FindKeys::Range { last, step, limit } => {
            let last = match (i64::from(last), i64::from(limit)) {
                (last @ 0.., _) => begin + last,
                (last, 0) => len + last,
                (last, limit) => begin + (len - begin) / limit + last,
            };
            Ok((begin, last, i64::from(step)))
        }
        FindKeys::Count { index, first, step } => {
            let count = usize::try_from(begin + i64::from(index)).ok().and_then(|at| args.get(at));
            let count = count.and_then(number).filter(|count| (1..len).contains(count));
            let first = begin + i64::from(first);
            let last = first + (count.ok_or(Malformed)? - 1) * i64::from(step);
            Ok((first, last, i64::from(step)))
        }
        FindKeys::Unknown => Err(Malformed),
    }
}
