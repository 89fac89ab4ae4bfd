//! The grammar of values: how each kind of parameter is read, checked and shown.
//!
//! Invariant: parsing changes nothing; it turns words into a checked `Value` or a reason, in
//! Redis's words.

use std::path::Path;

use super::maxmemory::Maxmemory;
use super::value::{OutputLimit, SavePoint, Value, integer, notify};
use crate::base::{num, sys};

/// Why a value was refused, in the words of Redis's CONFIG SET.
pub type Reason = String;

/// Upper bound of the addresses `bind` takes.
pub const BIND_ADDRESSES_MAX: usize = 16;

/// Names and numbers of an enumeration.
pub type Names = &'static [(&'static str, i128)];

/// How integers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Decimal digits.
    Plain,
    /// Bytes, with units such as `mb`.
    Memory,
    /// Bytes, or a percentage that is kept as a negative number.
    MemoryOrPercent,
    /// Octal digits.
    Octal,
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `yes` or `no`
    Bool,
    /// A number in an inclusive range.
    Int { min: i128, max: i128, unit: Unit },
    /// One name out of a list.
    Choice(Names),
    /// Names of bits, several at once.
    Flags(Names),
    /// One string, with an additional check.
    Text(fn(&str) -> Result<(), &'static str>),
    /// One string of arbitrary bytes.
    Secret,
    /// Addresses to listen on.
    Bind,
    /// Pairs of seconds and changes.
    Save,
    /// Groups of class, hard limit, soft limit, seconds.
    OutputLimits,
    /// Three adjustments, for master, replica and background child.
    OomScoreValues,
    /// Letters of `notify-keyspace-events`.
    KeyspaceEvents,
    /// Percentiles between 0 and 100.
    Percentiles,
    /// Host and port of the master.
    ReplicaOf,
    /// A directory that exists.
    Directory,
    /// Bytes, a percentage or `auto`.
    Maxmemory,
}

impl Kind {
    /// Whether a line may give several words.
    pub fn takes_many(self) -> bool {
        matches!(
            self,
            Kind::Flags(_)
                | Kind::Bind
                | Kind::Save
                | Kind::OutputLimits
                | Kind::OomScoreValues
                | Kind::Percentiles
                | Kind::ReplicaOf
        )
    }

    /// Reads `words`; `current` is what a partial setting (`client-output-buffer-limit`) builds
    /// on and what a relative directory is relative to.
    pub fn parse(self, words: &[&[u8]], current: &Value) -> Result<Value, Reason> {
        if !self.takes_many() && words.len() != 1 {
            return Err("wrong number of arguments".into());
        }
        match self {
            Kind::Bool => parse_bool(words[0]),
            Kind::Int { min, max, unit } => parse_number(words[0], min, max, unit),
            Kind::Choice(names) => parse_names(words, names, false),
            Kind::Flags(names) => parse_names(words, names, true),
            Kind::Text(check) => parse_text(words[0], check),
            Kind::Secret => Ok(Value::Text(words[0].to_vec())),
            Kind::Bind => parse_bind(words),
            Kind::Save => parse_save(words),
            Kind::OutputLimits => parse_output_limits(words, current),
            Kind::OomScoreValues => parse_oom_values(words),
            Kind::KeyspaceEvents => parse_keyspace_events(words[0]),
            Kind::Percentiles => parse_percentiles(words),
            Kind::ReplicaOf => parse_replicaof(words),
            Kind::Directory => parse_directory(words[0], current),
            Kind::Maxmemory => Maxmemory::parse(words[0]).map(Value::Maxmemory),
        }
    }

    /// The value as CONFIG GET shows it.
    pub fn render(self, value: &Value) -> Vec<u8> {
        let text = match (self, value) {
            (_, Value::Text(text)) => return text.clone(),
            (_, Value::Bool(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
            (Kind::Choice(names), value) => render_names(integer(value), names),
            (Kind::Flags(names), value) => render_names(integer(value), names),
            (Kind::KeyspaceEvents, value) => {
                notify::render(u32::try_from(integer(value)).unwrap_or(0))
            }
            (Kind::Int { unit: Unit::Octal, .. }, Value::Int(number)) => format!("{number:o}"),
            (Kind::Int { unit: Unit::MemoryOrPercent, .. }, Value::Int(number)) if *number < 0 => {
                format!("{}%", -number)
            }
            (_, Value::Int(number)) => number.to_string(),
            (_, Value::Words(words)) => words.join(" "),
            (_, Value::Maxmemory(limit)) => limit.render(),
            (_, Value::Ints(list)) => join(list.iter()),
            (_, Value::Save(points)) => {
                join(points.iter().map(|point| format!("{} {}", point.seconds, point.changes)))
            }
            (_, Value::Limits(limits)) => render_limits(limits),
            (_, Value::Percentiles(list)) => join(list.iter().map(|p| render_percentile(*p))),
        };
        text.into_bytes()
    }
}

fn join<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

fn parse_bool(word: &[u8]) -> Result<Value, Reason> {
    if word.eq_ignore_ascii_case(b"yes") {
        Ok(Value::Bool(true))
    } else if word.eq_ignore_ascii_case(b"no") {
        Ok(Value::Bool(false))
    } else {
        Err("argument must be 'yes' or 'no'".into())
    }
}

fn parse_number(word: &[u8], min: i128, max: i128, unit: Unit) -> Result<Value, Reason> {
    let (number, complaint) = match unit {
        Unit::Plain => {
            (num::parse_i64(word).map(i128::from), "argument couldn't be parsed into an integer")
        }
        Unit::Octal => (parse_octal(word), "argument couldn't be parsed as an octal number"),
        Unit::Memory => (parse_memory(word).map(i128::from), "argument must be a memory value"),
        Unit::MemoryOrPercent => (
            parse_memory(word).map(i128::from).or_else(|| parse_percent(word)),
            "argument must be a memory or percent value",
        ),
    };
    let number = number.ok_or(complaint)?;
    if unit == Unit::MemoryOrPercent && number < min {
        return Err(format!("percentage argument must be less or equal to {}", -min));
    }
    if number < min || number > max {
        return Err(match unit {
            Unit::Octal => format!("argument must be between {min:o} and {max:o} inclusive"),
            _ => format!("argument must be between {min} and {max} inclusive"),
        });
    }
    Ok(Value::Int(number))
}

fn parse_octal(word: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(word).ok()?;
    i64::from_str_radix(text.trim_start(), 8).ok().map(i128::from)
}

fn parse_percent(word: &[u8]) -> Option<i128> {
    let number = num::parse_i64(word.strip_suffix(b"%")?)?;
    (number >= 0).then_some(-i128::from(number))
}

fn parse_memory(word: &[u8]) -> Option<u64> {
    num::parse_memory(std::str::from_utf8(word).ok()?)
}

fn parse_names(words: &[&[u8]], names: Names, several: bool) -> Result<Value, Reason> {
    let one = |word: &&[u8]| {
        names.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|n| n.1)
    };
    let numbers: Option<Vec<i128>> = words.iter().map(one).collect();
    let complete = numbers.filter(|found| found.len() == 1 || (several && !found.is_empty()));
    let Some(numbers) = complete else {
        let list = names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        return Err(format!("argument(s) must be one of the following: {list}"));
    };
    let bits = numbers.iter().fold(0, |all, bit| all | bit);
    // Save and nosave exclude each other; only the shutdown flags are a set.
    if several && bits & 3 == 3 {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    Ok(Value::Int(bits))
}

fn render_names(number: i128, names: Names) -> String {
    if let Some((name, _)) = names.iter().find(|(_, value)| *value == number) {
        return (*name).to_owned();
    }
    let set = names.iter().filter(|(_, bit)| *bit != 0 && number & bit == *bit);
    set.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

fn parse_text(word: &[u8], check: fn(&str) -> Result<(), &'static str>) -> Result<Value, Reason> {
    // Names and paths are kept as text; a file name that is none could not be shown anywhere.
    let text = std::str::from_utf8(word).map_err(|_| "argument must be valid UTF-8")?;
    if text.contains('\0') {
        return Err("argument must not contain a NUL byte".into());
    }
    check(text)?;
    Ok(Value::Text(word.to_vec()))
}

fn words_as_text(words: &[&[u8]]) -> Result<Vec<String>, Reason> {
    let text = |word: &&[u8]| std::str::from_utf8(word).map(str::to_owned);
    words
        .iter()
        .map(text)
        .collect::<Result<_, _>>()
        .map_err(|_| "argument must be valid UTF-8".into())
}

fn parse_bind(words: &[&[u8]]) -> Result<Value, Reason> {
    if words.len() > BIND_ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    // A single empty word means: listen on no address.
    let words = if words == [b""] { &[] } else { words };
    Ok(Value::Words(words_as_text(words)?))
}

fn parse_save(words: &[&[u8]]) -> Result<Value, Reason> {
    const COMPLAINT: &str = "Invalid save parameters";
    let words = if words == [b""] { &[] } else { words };
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(COMPLAINT.into());
    }
    let points = pairs.iter().map(|[seconds, changes]| {
        let point = SavePoint { seconds: loose_i64(seconds)?, changes: loose_i64(changes)? };
        (point.seconds >= 1 && point.changes >= 0).then_some(point)
    });
    points.collect::<Option<Vec<_>>>().map(Value::Save).ok_or_else(|| COMPLAINT.into())
}

/// A number as `strtoll` reads it, leading zeros and sign included.
fn loose_i64(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.trim_start().parse().ok()
}

fn parse_output_limits(words: &[&[u8]], current: &Value) -> Result<Value, Reason> {
    const COMPLAINT: &str =
        "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    let (groups, rest) = words.as_chunks::<4>();
    if !rest.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let Value::Limits(mut limits) = current.clone() else { return Err(COMPLAINT.into()) };
    for [class, hard, soft, seconds] in groups {
        let index = client_class(class)
            .ok_or("Invalid client class specified in buffer limit configuration.")?;
        limits[index] = OutputLimit {
            hard_bytes: parse_memory(hard).ok_or(COMPLAINT)?,
            soft_bytes: parse_memory(soft).ok_or(COMPLAINT)?,
            soft_seconds: loose_i64(seconds)
                .and_then(|seconds| u32::try_from(seconds).ok())
                .ok_or(COMPLAINT)?,
        };
    }
    Ok(Value::Limits(limits))
}

fn client_class(word: &[u8]) -> Option<usize> {
    match word.to_ascii_lowercase().as_slice() {
        b"normal" => Some(0),
        b"slave" | b"replica" => Some(1),
        b"pubsub" => Some(2),
        _ => None,
    }
}

fn render_limits(limits: &[OutputLimit; 3]) -> String {
    let classes = ["normal", "slave", "pubsub"].iter().zip(limits);
    join(classes.map(|(class, limit)| render_limit(class, limit, |bytes| bytes.to_string())))
}

/// One class's limits, with bytes as `memory` writes them.
pub(super) fn render_limit(
    class: &str,
    limit: &OutputLimit,
    memory: impl Fn(u64) -> String,
) -> String {
    let (hard, soft) = (memory(limit.hard_bytes), memory(limit.soft_bytes));
    format!("{class} {hard} {soft} {}", limit.soft_seconds)
}

fn parse_oom_values(words: &[&[u8]]) -> Result<Value, Reason> {
    if words.len() != 3 {
        return Err("wrong number of arguments".into());
    }
    let values = words.iter().map(|word| loose_i64(word).filter(|v| (-2000..=2000).contains(v)));
    values.collect::<Option<Vec<_>>>().map(Value::Ints).ok_or_else(|| {
        "Invalid oom-score-adj-values, elements must be between -2000 and 2000.".into()
    })
}

fn parse_keyspace_events(word: &[u8]) -> Result<Value, Reason> {
    notify::parse(word)
        .map(|flags| Value::Int(flags.into()))
        .ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into())
}

fn parse_percentiles(words: &[&[u8]]) -> Result<Value, Reason> {
    let words = if words == [b""] { &[] } else { words };
    let list = words.iter().map(|word| {
        let number =
            num::parse_f64(word).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if (0.0..=100.0).contains(&number) {
            Ok(number)
        } else {
            Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
        }
    });
    Ok(Value::Percentiles(list.collect::<Result<_, &str>>()?))
}

/// Six decimals without trailing zeros.
fn render_percentile(number: f64) -> String {
    format!("{number:.6}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn parse_replicaof(words: &[&[u8]]) -> Result<Value, Reason> {
    let [host, port] = words else { return Err("wrong number of arguments".into()) };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::Words(Vec::new()));
    }
    let number = loose_i64(port).filter(|port| (0..=65535).contains(port));
    let number = number.ok_or("Invalid master port")?;
    let mut words = words_as_text(&[host])?;
    words.push(number.to_string());
    Ok(Value::Words(words))
}

/// The absolute path of a directory one may enter; relative to the current `dir`.
fn parse_directory(word: &[u8], current: &Value) -> Result<Value, Reason> {
    let Value::Text(word) = parse_text(word, |_| Ok(()))? else {
        return Err("argument must be a path".into());
    };
    let base = match current {
        Value::Text(base) => String::from_utf8_lossy(base).into_owned(),
        _ => String::new(),
    };
    let path = Path::new(&base).join(&*String::from_utf8_lossy(&word));
    let path = sys::enterable_directory(&path).map_err(|error| sys::error_text(&error))?;
    path.into_os_string()
        .into_string()
        .map(|path| Value::Text(path.into_bytes()))
        .map_err(|_| "argument must be valid UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(word: &[u8]) -> Result<Value, Reason> {
        parse_number(word, 1, 2, Unit::Plain)
    }

    #[test]
    fn numbers_are_strict() {
        assert_eq!(plain(b"2"), Ok(Value::Int(2)));
        assert_eq!(plain(b"3"), Err("argument must be between 1 and 2 inclusive".into()));
        for word in [&b""[..], b"+1", b"01", b" 1", b"1 ", b"-0", b"1x", b"99999999999999999999"] {
            assert_eq!(plain(word), Err("argument couldn't be parsed into an integer".into()));
        }
    }

    #[test]
    fn percentages_are_kept_negative() {
        let kind = Kind::Int { min: -100, max: i64::MAX.into(), unit: Unit::MemoryOrPercent };
        let value = kind.parse(&[b"70%"], &Value::Int(0)).unwrap();
        assert_eq!(value, Value::Int(-70));
        assert_eq!(kind.render(&value), b"70%");
        assert_eq!(
            kind.parse(&[b"101%"], &value),
            Err("percentage argument must be less or equal to 100".into())
        );
        assert_eq!(
            kind.parse(&[b"x%"], &value),
            Err("argument must be a memory or percent value".into())
        );
    }

    #[test]
    fn output_limits_change_only_the_classes_named() {
        let start = Value::Limits([OutputLimit::default(); 3]);
        let value = Kind::OutputLimits.parse(&[b"replica", b"1mb", b"1kb", b"5"], &start).unwrap();
        assert_eq!(
            Kind::OutputLimits.render(&value),
            b"normal 0 0 0 slave 1048576 1024 5 pubsub 0 0 0"
        );
        assert!(Kind::OutputLimits.parse(&[b"master", b"0", b"0", b"0"], &start).is_err());
        assert!(Kind::OutputLimits.parse(&[b"normal", b"0", b"0"], &start).is_err());
        assert!(Kind::OutputLimits.parse(&[b"normal", b"0", b"0", b"-1"], &start).is_err());
    }

    #[test]
    fn save_points_come_in_pairs() {
        let none = Value::Save(Vec::new());
        let value = Kind::Save.parse(&[b"60", b"1", b"300", b"10"], &none).unwrap();
        assert_eq!(Kind::Save.render(&value), b"60 1 300 10");
        assert_eq!(Kind::Save.parse(&[b""], &none), Ok(none.clone()));
        for words in [&[&b"60"[..]][..], &[b"0", b"1"], &[b"1", b"-1"], &[b"x", b"1"]] {
            assert_eq!(Kind::Save.parse(words, &none), Err("Invalid save parameters".into()));
        }
    }

    #[test]
    fn shutdown_flags_combine() {
        let kind = Kind::Flags(super::super::value::shutdown::NAMES);
        let value = kind.parse(&[b"nosave", b"Force"], &Value::Int(0)).unwrap();
        assert_eq!(kind.render(&value), b"nosave force");
        assert!(kind.parse(&[b"save", b"nosave"], &value).is_err());
        assert_eq!(kind.render(&Value::Int(0)), b"default");
    }

    #[test]
    fn directories_are_absolute_and_exist() {
        let root = Value::Text(b"/".to_vec());
        assert_eq!(
            Kind::Directory.parse(&[b"proc/../proc"], &root),
            Ok(Value::Text(b"/proc".to_vec()))
        );
        assert_eq!(
            Kind::Directory.parse(&[b"/no/such/directory"], &root),
            Err("No such file or directory".into())
        );
        assert_eq!(
            Kind::Directory.parse(&[b"/proc/version"], &root),
            Err("Not a directory".into())
        );
    }

    #[test]
    fn percentiles_lose_their_zeros() {
        let value = Kind::Percentiles.parse(&[b"50", b"99.90", b"100.0"], &Value::Int(0)).unwrap();
        assert_eq!(Kind::Percentiles.render(&value), b"50 99.9 100");
        assert!(Kind::Percentiles.parse(&[b"101"], &value).is_err());
        assert!(Kind::Percentiles.parse(&[b"nan"], &value).is_err());
    }
}
