//! The options behind a value: SET, GETEX and MSETEX share their conditions and expiry times.
//!
//! Invariant: reads arguments only; what the key holds is the handler's matter.

use crate::base::num;
use crate::command::Args;
use crate::keyspace::Expiry;
use crate::resp::errors::{self, Reject};

/// The commands that take options, each a set of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    Set,
    GetEx,
    MSetEx,
}

/// What a write requires of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition<'a> {
    None,
    /// NX
    Missing,
    /// XX
    Present,
    /// IFEQ
    Equals(&'a [u8]),
}

/// How the options change a key's deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ttl {
    Unsaid,
    Keep,
    Persist,
    Ex,
    Px,
    ExAt,
    PxAt,
}

/// The options of one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options<'a> {
    pub condition: Condition<'a>,
    /// GET: reply with the old value.
    pub get: bool,
    pub ttl: Ttl,
    /// The operand of EX, PX, EXAT or PXAT as it was sent.
    time: &'a [u8],
}

impl Caller {
    fn name(self) -> &'static str {
        match self {
            Caller::Set => "set",
            Caller::GetEx => "getex",
            Caller::MSetEx => "msetex",
        }
    }
}

impl<'a> Options<'a> {
    /// Reads the options from argument `first` on.
    ///
    /// # Errors
    /// A syntax error for a word that is no option of `caller`, lacks its operand or contradicts an
    /// earlier one. The same option may stand twice; the last one counts.
    pub fn parse(args: &Args<'a>, first: usize, caller: Caller) -> Result<Options<'a>, Reject> {
        let mut options =
            Options { condition: Condition::None, get: false, ttl: Ttl::Unsaid, time: b"" };
        let mut index = first;
        while let Some(word) = args.get(index) {
            let operand = args.get(index + 1);
            index += options.take(caller, word, operand).ok_or(errors::SYNTAX)?;
        }
        Ok(options)
    }

    /// Takes one option; how many arguments it has, itself included.
    fn take(&mut self, caller: Caller, word: &[u8], operand: Option<&'a [u8]>) -> Option<usize> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match caller {
            Caller::GetEx if is("PERSIST") => return self.set_ttl(Ttl::Persist),
            Caller::Set | Caller::MSetEx if is("KEEPTTL") => return self.set_ttl(Ttl::Keep),
            Caller::Set | Caller::MSetEx if is("NX") => return self.require(Condition::Missing),
            Caller::Set | Caller::MSetEx if is("XX") => return self.require(Condition::Present),
            Caller::Set if is("GET") => {
                self.get = true;
                return Some(1);
            }
            Caller::Set if is("IFEQ") => {
                return self.require(Condition::Equals(operand?)).map(|taken| taken + 1);
            }
            _ => {}
        }
        let units = [("EX", Ttl::Ex), ("PX", Ttl::Px), ("EXAT", Ttl::ExAt), ("PXAT", Ttl::PxAt)];
        let (_, ttl) = units.into_iter().find(|(name, _)| is(name))?;
        self.time = operand?;
        self.set_ttl(ttl).map(|taken| taken + 1)
    }

    fn set_ttl(&mut self, ttl: Ttl) -> Option<usize> {
        let agrees = self.ttl == Ttl::Unsaid || self.ttl == ttl;
        self.ttl = ttl;
        agrees.then_some(1)
    }

    /// NX and XX may be repeated, IFEQ may not.
    fn require(&mut self, condition: Condition<'a>) -> Option<usize> {
        let repeated = self.condition == condition && !matches!(condition, Condition::Equals(_));
        let agrees = self.condition == Condition::None || repeated;
        self.condition = condition;
        agrees.then_some(1)
    }

    /// The deadline that the options name, as Unix time in milliseconds.
    ///
    /// # Errors
    /// Not an integer; or not positive, or beyond what 64 bits of milliseconds can say.
    pub fn deadline(&self, now: i64, caller: Caller) -> Result<Option<i64>, Reject> {
        match self.ttl {
            Ttl::Unsaid | Ttl::Keep | Ttl::Persist => Ok(None),
            unit => deadline(unit, self.time, now, caller.name()).map(Some),
        }
    }

    /// What a write does with the key's deadline.
    ///
    /// # Errors
    /// As `deadline`.
    pub fn expiry(&self, now: i64, caller: Caller) -> Result<Expiry, Reject> {
        Ok(match self.deadline(now, caller)? {
            Some(at) => Expiry::At(at),
            None if self.ttl == Ttl::Keep => Expiry::Keep,
            None => Expiry::Clear,
        })
    }
}

/// The deadline that `time` names in the unit of an option, as Unix time in milliseconds; `command`
/// is the one that an error blames.
///
/// # Errors
/// Not an integer; or not positive, or beyond what 64 bits of milliseconds can say.
pub fn deadline(unit: Ttl, time: &[u8], now: i64, command: &str) -> Result<i64, Reject> {
    let time = num::parse_i64(time).ok_or(errors::NOT_AN_INTEGER)?;
    let scale = if matches!(unit, Ttl::Ex | Ttl::ExAt) { 1000 } else { 1 };
    let origin = if matches!(unit, Ttl::Ex | Ttl::Px) { now } else { 0 };
    let at = time.checked_mul(scale).and_then(|time| time.checked_add(origin));
    at.filter(|_| time > 0).ok_or_else(|| errors::invalid_expire(command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Span;

    /// Whether the words are options of `caller`.
    fn parses(words: &[&str], caller: Caller) -> bool {
        let chunk = words.concat();
        let mut start = 0;
        let span = |word: &&str| {
            let len = u32::try_from(word.len()).unwrap();
            start += len;
            Span { start: start - len, len }
        };
        let spans: Vec<Span> = words.iter().map(span).collect();
        Options::parse(&Args::new(chunk.as_bytes(), &spans), 0, caller).is_ok()
    }

    #[test]
    fn options_may_repeat_but_not_contradict() {
        assert!(parses(&["EX", "1", "ex", "2", "NX", "nx", "GET", "get"], Caller::Set));
        assert!(parses(&["IFEQ", "", "KEEPTTL"], Caller::Set));
        assert!(parses(&["PERSIST", "persist"], Caller::GetEx));
        for words in [&["EX", "1", "PX", "1"][..], &["NX", "XX"], &["KEEPTTL", "EXAT", "1"]] {
            assert!(!parses(words, Caller::Set), "{words:?}");
            assert!(!parses(words, Caller::MSetEx), "{words:?}");
        }
        for words in [&["EX"][..], &["IFEQ"], &["NX", "IFEQ", "a"], &["IFEQ", "a", "IFEQ", "a"]] {
            assert!(!parses(words, Caller::Set), "{words:?}");
        }
        for words in [&["KEEPTTL"][..], &["NX"], &["GET"], &["EX", "1", "PERSIST"]] {
            assert!(!parses(words, Caller::GetEx), "{words:?}");
        }
    }

    #[test]
    fn times_become_deadlines_or_errors() {
        let at = |unit, time: &str| deadline(unit, time.as_bytes(), 5_000, "set").ok();
        assert_eq!(at(Ttl::Ex, "2"), Some(7_000));
        assert_eq!(at(Ttl::Px, "2"), Some(5_002));
        assert_eq!(at(Ttl::ExAt, "2"), Some(2_000));
        assert_eq!(at(Ttl::PxAt, "9223372036854775807"), Some(i64::MAX));
        for time in ["0", "-1", "x", "", "9223372036854775807", "9223372036854776"] {
            assert_eq!(at(Ttl::Ex, time), None, "{time}");
        }
        assert_eq!(at(Ttl::Px, "9223372036854775807"), None);
    }

    #[test]
    fn an_error_blames_its_command() {
        let blamed = deadline(Ttl::Ex, b"0", 0, "setex").unwrap_err();
        assert_eq!(blamed.text(), b"ERR invalid expire time in 'setex' command");
    }
}
