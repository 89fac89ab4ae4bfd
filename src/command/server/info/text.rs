//! The form of INFO: titles, lines of name and value, amounts for people.
//!
//! Invariant: a value never breaks its line.

use std::fmt::{Display, Write};

/// What is written so far.
#[derive(Default)]
pub struct Text(String);

impl Text {
    /// Starts a section; a blank line sets it apart from the one before.
    pub fn title(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
        self.put(format_args!("# {title}\r\n"));
    }

    /// One line.
    pub fn field(&mut self, name: &str, value: impl Display) {
        self.put(format_args!("{name}:{value}\r\n"));
    }

    /// Several lines.
    pub fn fields<T: Display>(&mut self, fields: &[(&str, T)]) {
        for (name, value) in fields {
            self.field(name, value);
        }
    }

    /// An amount of memory twice: in bytes, and as `NAME_human`.
    pub fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.put(format_args!("{name}_human:{}\r\n", human(bytes)));
    }

    fn put(&mut self, line: std::fmt::Arguments) {
        self.0.write_fmt(line).expect("a String takes any text");
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

/// A name as a field or part of one: what INFO uses as punctuation becomes `_`.
pub fn safe(name: &str) -> String {
    name.replace(['#', ':', '\n', '\r'], "_")
}

/// Bytes in the largest unit of which there is one, as Redis shows them: `1.02M`.
pub fn human(bytes: u64) -> String {
    const UNITS: &[u8] = b"KMGTP";
    let power = (bytes.max(1).ilog2() / 10) as usize;
    match power.checked_sub(1).and_then(|index| UNITS.get(index)) {
        Some(unit) => {
            let amount = bytes as f64 / 1024f64.powi(power as i32);
            format!("{amount:.2}{}", char::from(*unit))
        }
        None => format!("{bytes}B"),
    }
}

/// `part` in relation to `whole`; 0 without a whole.
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_as_redis_shows_them() {
        let cases = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (1_067_416, "1.02M"),
            (25_276_510_208, "23.54G"),
            (1 << 40, "1.00T"),
            (1 << 50, "1.00P"),
            (1 << 60, "1152921504606846976B"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(human(bytes), expected);
        }
    }

    #[test]
    fn sections_are_set_apart() {
        let mut text = Text::default();
        text.title("A");
        text.field("x", 1);
        text.title("B");
        text.bytes("y", 2048);
        assert_eq!(text.as_str(), "# A\r\nx:1\r\n\r\n# B\r\ny:2048\r\ny_human:2.00K\r\n");
    }
}
