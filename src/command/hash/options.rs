//! The arguments of commands that name fields by number: options first, then FIELDS.
//!
//! Invariant: reads arguments only; what the key holds is the handler's matter.

use crate::base::num;
use crate::command::Args;
use crate::resp::errors::{self, Reject};

/// The commands that take options before FIELDS, each a set of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Caller {
    GetEx,
    SetEx,
}

/// What a key or its fields must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    None,
    /// NX, FNX
    Missing,
    /// XX, FXX
    Present,
}

/// What becomes of the fields' deadlines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiry {
    Unsaid,
    Keep,
    Persist,
    /// Unix milliseconds.
    At(i64),
}

/// In which unit a time is given, and from when on it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unit {
    pub seconds: bool,
    pub relative: bool,
}

/// The options of one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    pub key: Condition,
    pub fields: Condition,
    pub expiry: Expiry,
    /// Index of the first field.
    pub first: usize,
}

impl Unit {
    pub const EX: Unit = Unit { seconds: true, relative: true };
    pub const PX: Unit = Unit { seconds: false, relative: true };
    pub const EXAT: Unit = Unit { seconds: true, relative: false };
    pub const PXAT: Unit = Unit { seconds: false, relative: false };

    /// The unit of an option that has a time behind it.
    fn of_option(args: &Args<'_>, index: usize) -> Option<Unit> {
        let units =
            [("ex", Unit::EX), ("px", Unit::PX), ("exat", Unit::EXAT), ("pxat", Unit::PXAT)];
        units.into_iter().find(|(name, _)| args.is(index, name)).map(|(_, unit)| unit)
    }

    /// The Unix milliseconds that `time` means; `command` is the one that an error blames. A field
    /// may be given a time that has passed: it is gone then.
    ///
    /// # Errors
    /// Not an integer; or negative, or beyond what 64 bits of milliseconds can say.
    pub fn deadline(self, time: &[u8], now: i64, command: &str) -> Result<i64, Reject> {
        let time = num::parse_i64(time).ok_or(errors::NOT_AN_INTEGER)?;
        let scaled = time.checked_mul(if self.seconds { 1000 } else { 1 });
        let sum = scaled.and_then(|time| time.checked_add(if self.relative { now } else { 0 }));
        sum.filter(|_| time >= 0).ok_or_else(|| errors::invalid_expire(command))
    }
}

impl Caller {
    fn name(self) -> &'static str {
        match self {
            Caller::GetEx => "hgetex",
            Caller::SetEx => "hsetex",
        }
    }

    /// How many arguments a field has.
    fn words_per_field(self) -> usize {
        match self {
            Caller::GetEx => 1,
            Caller::SetEx => 2,
        }
    }

    fn contradiction(self) -> &'static str {
        match self {
            Caller::GetEx => errors::HGETEX_EXPIRY,
            Caller::SetEx => errors::HSETEX_EXPIRY,
        }
    }
}

impl Options {
    /// Reads what stands behind the key.
    ///
    /// # Errors
    /// For a word that is no option of `caller` or contradicts an earlier one, a time that is none,
    /// and for fields that are missing or not as many as announced.
    pub fn parse(args: &Args<'_>, now: i64, caller: Caller) -> Result<Options, Reject> {
        let (key, fields) = (Condition::None, Condition::None);
        let mut options = Options { key, fields, expiry: Expiry::Unsaid, first: 0 };
        let mut index = 2;
        while index < args.len() && !args.is(index, "fields") {
            index += options.take(args, index, now, caller)?;
        }
        options.first = fields_at(args, index, caller.words_per_field())?;
        Ok(options)
    }

    /// Takes the option at `index`; how many arguments it has, itself included.
    fn take(
        &mut self,
        args: &Args<'_>,
        index: usize,
        now: i64,
        caller: Caller,
    ) -> Result<usize, Reject> {
        if let Some(unit) = Unit::of_option(args, index) {
            let time = args.get(index + 1).ok_or(errors::SYNTAX)?;
            let at = unit.deadline(time, now, caller.name())?;
            return self.expire(Expiry::At(at), caller).map(|()| 2);
        }
        match caller {
            Caller::GetEx if args.is(index, "persist") => self.expire(Expiry::Persist, caller)?,
            Caller::SetEx if args.is(index, "keepttl") => self.expire(Expiry::Keep, caller)?,
            Caller::SetEx if args.is(index, "nx") => {
                require(&mut self.key, Condition::Missing, errors::SYNTAX)?;
            }
            Caller::SetEx if args.is(index, "xx") => {
                require(&mut self.key, Condition::Present, errors::SYNTAX)?;
            }
            Caller::SetEx if args.is(index, "fnx") => {
                require(&mut self.fields, Condition::Missing, errors::FNX_AND_FXX)?;
            }
            Caller::SetEx if args.is(index, "fxx") => {
                require(&mut self.fields, Condition::Present, errors::FNX_AND_FXX)?;
            }
            _ => return Err(errors::SYNTAX.into()),
        }
        Ok(1)
    }

    fn expire(&mut self, expiry: Expiry, caller: Caller) -> Result<(), Reject> {
        if self.expiry != Expiry::Unsaid {
            return Err(caller.contradiction().into());
        }
        self.expiry = expiry;
        Ok(())
    }
}

/// Sets a condition that was not set to another one before.
fn require(
    condition: &mut Condition,
    new: Condition,
    contradiction: &'static str,
) -> Result<(), Reject> {
    if ![Condition::None, new].contains(condition) {
        return Err(contradiction.into());
    }
    *condition = new;
    Ok(())
}

/// Reads `FIELDS numfields` at `index`; the index of the first field.
///
/// # Errors
/// When the word is not there, the number is not positive, or there are not exactly that many
/// fields of `words` arguments each.
pub fn fields_at(args: &Args<'_>, index: usize, words: usize) -> Result<usize, Reject> {
    let (first, number) = (index + 2, index + 1);
    if args.len() <= number || !args.is(index, "fields") {
        return Err(errors::FIELDS_MISSING.into());
    }
    let count = args.int_or(number, errors::NUMFIELDS_NOT_POSITIVE)?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0);
    let count = count.ok_or(errors::NUMFIELDS_NOT_POSITIVE)?;
    if count.checked_mul(words) != Some(args.len() - first) {
        return Err(errors::NUMFIELDS_MISMATCH.into());
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Span;

    const NOW: i64 = 5000;

    /// Calls `read` with the words of `line` as arguments.
    fn with_args<T>(line: &str, read: impl FnOnce(&Args<'_>) -> T) -> T {
        let mut start = 0;
        let span = |word: &str| {
            let len = u32::try_from(word.len()).expect("a short line");
            start += len + 1;
            Span { start: start - len - 1, len }
        };
        let spans: Vec<Span> = line.split(' ').map(span).collect();
        read(&Args::new(line.as_bytes(), &spans))
    }

    fn parse(line: &str, caller: Caller) -> Result<Options, Reject> {
        with_args(line, |args| Options::parse(args, NOW, caller))
    }

    #[test]
    fn options_stand_before_the_fields() {
        let set = parse("hsetex k NX fxx EX 2 FIELDS 1 ex px", Caller::SetEx).expect("well formed");
        assert_eq!((set.key, set.fields), (Condition::Missing, Condition::Present));
        assert_eq!((set.expiry, set.first), (Expiry::At(7000), 8));
        let get = parse("hgetex k persist fields 2 a b", Caller::GetEx).expect("well formed");
        assert_eq!((get.expiry, get.first), (Expiry::Persist, 5));
        let plain = parse("hgetex k FIELDS 1 FIELDS", Caller::GetEx).expect("well formed");
        assert_eq!((plain.expiry, plain.first), (Expiry::Unsaid, 4));
    }

    #[test]
    fn contradictions_are_refused_in_their_own_words() {
        let refused = |line, caller, text: &'static str| {
            assert_eq!(parse(line, caller), Err(text.into()), "{line}");
        };
        refused("hsetex k EX 1 KEEPTTL FIELDS 1 f v", Caller::SetEx, errors::HSETEX_EXPIRY);
        refused("hsetex k EX 1 EX 1 FIELDS 1 f v", Caller::SetEx, errors::HSETEX_EXPIRY);
        refused("hsetex k FNX FXX FIELDS 1 f v", Caller::SetEx, errors::FNX_AND_FXX);
        refused("hsetex k NX XX FIELDS 1 f v", Caller::SetEx, errors::SYNTAX);
        refused("hsetex k PERSIST FIELDS 1 f v", Caller::SetEx, errors::SYNTAX);
        refused("hgetex k PX 1 PERSIST FIELDS 1 f", Caller::GetEx, errors::HGETEX_EXPIRY);
        refused("hgetex k KEEPTTL FIELDS 1 f", Caller::GetEx, errors::SYNTAX);
        refused("hgetex k EX", Caller::GetEx, errors::SYNTAX);
        refused("hgetex k EX x FIELDS 1 f", Caller::GetEx, errors::NOT_AN_INTEGER);
    }

    #[test]
    fn fields_are_as_many_as_announced() {
        let fields = |line: &str, words| with_args(line, |args| fields_at(args, 0, words));
        assert_eq!(fields("fields 2 a b", 1), Ok(2));
        assert_eq!(fields("FIELDS 2 a 1 b 2", 2), Ok(2));
        for line in ["fields", "1 a", "field 1 a"] {
            assert_eq!(fields(line, 1), Err(errors::FIELDS_MISSING.into()), "{line}");
        }
        for line in ["fields 0", "fields -1 a", "fields x a"] {
            assert_eq!(fields(line, 1), Err(errors::NUMFIELDS_NOT_POSITIVE.into()), "{line}");
        }
        for (line, words) in
            [("fields 1", 1), ("fields 1 a b", 1), ("fields 9223372036854775807 a b", 2)]
        {
            assert_eq!(fields(line, words), Err(errors::NUMFIELDS_MISMATCH.into()), "{line}");
        }
    }

    #[test]
    fn a_time_may_have_passed_but_is_not_negative() {
        let at = |unit: Unit, time: &str| unit.deadline(time.as_bytes(), NOW, "hexpire").ok();
        assert_eq!(at(Unit::EX, "0"), Some(NOW));
        assert_eq!(at(Unit::PX, "2"), Some(NOW + 2));
        assert_eq!(at(Unit::EXAT, "1"), Some(1000));
        assert_eq!(at(Unit::PXAT, "9223372036854775807"), Some(i64::MAX));
        for time in ["-1", "9223372036854775807", "9223372036854776", ""] {
            assert_eq!(at(Unit::EX, time), None, "{time}");
        }
    }
}
