//! `maxmemory`: bytes, a share of the memory there is, or what the server works out itself.
//!
//! Invariant: knows no files; how much memory there is, is told.

use super::kind::Reason;
use super::value::{Held, Value};
use crate::base::num;

/// What `auto` leaves for what does not count as data: program, ring and receive buffers, stacks,
/// page tables and the kernel's socket buffers.
const AUTO_RESERVE_BYTES: u64 = 16 << 20;
/// Of what is then left, 100 parts hold data and 12 the allocator's slack and fragmentation.
const AUTO_PARTS: (u64, u64) = (100, 112);
/// Where memory is scarcer than the reserve asks for, `auto` still takes one part in so many.
const AUTO_SHARE_MIN: u64 = 4;

/// How `maxmemory` is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maxmemory {
    /// So many bytes; 0 is no limit.
    Bytes(u64),
    /// Percent of the memory there is, 1 to 100.
    Percent(u8),
    /// Most of the memory there is: see [`Maxmemory::effective`].
    Auto,
}

impl Default for Maxmemory {
    fn default() -> Maxmemory {
        Maxmemory::Bytes(0)
    }
}

impl Maxmemory {
    /// The limit in bytes where the process may use `available` bytes; 0 is no limit.
    ///
    /// `auto` is `(available - 16 MiB) / 1.12`, and a quarter of `available` below 22 MiB.
    pub fn effective(self, available: u64) -> u64 {
        let percent = |share: u64| (u128::from(available) * u128::from(share) / 100) as u64;
        match self {
            Maxmemory::Bytes(bytes) => bytes,
            // Nothing is no limit, so a share is never nothing.
            Maxmemory::Percent(share) => percent(share.into()).max(1),
            Maxmemory::Auto => {
                let (data, all) = AUTO_PARTS;
                let rest = available.saturating_sub(AUTO_RESERVE_BYTES);
                (rest / all * data).max(available / AUTO_SHARE_MIN).max(1)
            }
        }
    }

    /// Whether the limit depends on the memory there is.
    pub fn follows(self) -> bool {
        !matches!(self, Maxmemory::Bytes(_))
    }

    /// The form, as INFO names it.
    pub fn source(self) -> &'static str {
        match self {
            Maxmemory::Bytes(_) => "bytes",
            Maxmemory::Percent(_) => "percent",
            Maxmemory::Auto => "auto",
        }
    }

    /// Reads `BYTES` with a unit, `N%` or `auto`.
    pub(super) fn parse(word: &[u8]) -> Result<Maxmemory, Reason> {
        if word.eq_ignore_ascii_case(b"auto") {
            return Ok(Maxmemory::Auto);
        }
        if let Some(number) = word.strip_suffix(b"%").and_then(num::parse_i64) {
            let share = u8::try_from(number).ok().filter(|share| (1..=100).contains(share));
            let share = share.ok_or("percentage argument must be between 1 and 100 inclusive")?;
            return Ok(Maxmemory::Percent(share));
        }
        let text = std::str::from_utf8(word).ok();
        let bytes = text.and_then(num::parse_memory).ok_or("argument must be a memory value")?;
        Ok(Maxmemory::Bytes(bytes))
    }

    /// The text that gives the same setting again: CONFIG GET's.
    pub(super) fn render(self) -> String {
        match self {
            Maxmemory::Bytes(bytes) => bytes.to_string(),
            Maxmemory::Percent(share) => format!("{share}%"),
            Maxmemory::Auto => "auto".into(),
        }
    }
}

impl Held for Maxmemory {
    fn to_value(&self) -> Value {
        Value::Maxmemory(*self)
    }
    fn from_value(value: Value) -> Self {
        match value {
            Value::Maxmemory(limit) => limit,
            other => super::value::mismatch("a memory limit", &other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn all_forms_are_read_and_shown_again() {
        let cases: &[(&str, Maxmemory, &str)] = &[
            ("0", Maxmemory::Bytes(0), "0"),
            ("96mb", Maxmemory::Bytes(96 * MIB), "100663296"),
            ("1G", Maxmemory::Bytes(1_000_000_000), "1000000000"),
            ("1%", Maxmemory::Percent(1), "1%"),
            ("100%", Maxmemory::Percent(100), "100%"),
            ("Auto", Maxmemory::Auto, "auto"),
        ];
        for (text, limit, shown) in cases {
            assert_eq!(Maxmemory::parse(text.as_bytes()), Ok(*limit), "{text}");
            assert_eq!(limit.render(), *shown);
            assert_eq!(Maxmemory::parse(shown.as_bytes()), Ok(*limit), "{shown}");
        }
        for text in ["0%", "101%", "-1%", "256%", "9223372036854775807%"] {
            let refused = Err("percentage argument must be between 1 and 100 inclusive".into());
            assert_eq!(Maxmemory::parse(text.as_bytes()), refused, "{text}");
        }
        for text in ["%", "x%", "1.5%", "50 %", "50%%", "automatic", "-1", "10xx"] {
            let refused = Err("argument must be a memory value".into());
            assert_eq!(Maxmemory::parse(text.as_bytes()), refused, "{text}");
        }
    }

    #[test]
    fn bytes_hold_whatever_there_is() {
        assert_eq!(Maxmemory::Bytes(0).effective(128 * MIB), 0);
        assert_eq!(Maxmemory::Bytes(96 * MIB).effective(MIB), 96 * MIB);
    }

    #[test]
    fn shares_follow_what_there_is() {
        assert_eq!(Maxmemory::Percent(75).effective(128 * MIB), 96 * MIB);
        assert_eq!(Maxmemory::Percent(100).effective(u64::MAX), u64::MAX);
        assert_eq!(Maxmemory::Percent(1).effective(0), 1);
    }

    /// What is not data must fit beside it: a tenth and 12 MiB in any container of use.
    #[test]
    fn auto_leaves_room_for_what_is_not_data() {
        assert_eq!(Maxmemory::Auto.effective(128 * MIB).div_ceil(MIB), 100);
        for mib in [32, 48, 64, 128, 512, 4096, 1 << 20] {
            let limit = Maxmemory::Auto.effective(mib * MIB);
            assert!(limit + limit / 10 + 12 * MIB <= mib * MIB, "{mib} MiB");
            assert!(limit > mib * MIB / 3, "{mib} MiB");
        }
        for mib in [0, 1, 8, 16, 20] {
            let limit = Maxmemory::Auto.effective(mib * MIB);
            assert_eq!(limit, (mib * MIB / 4).max(1), "never none, as 0 would be");
        }
    }
}
