//! The first line of a script that says what it is and what it does: `#!lua flags=no-writes`.

use crate::base::text::split_args;
use crate::resp::errors::Reject;

/// What a script or a function says about itself: a set of flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Declared(u8);

impl Declared {
    /// It calls nothing that writes.
    pub const NO_WRITES: Declared = Declared(1 << 0);
    /// It may run while there is too much data.
    pub const ALLOW_OOM: Declared = Declared(1 << 1);
    /// All flags, in the order in which they are shown. There are neither replicas nor a cluster, so
    /// the last three change nothing.
    const NAMES: [&'static str; 5] =
        ["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"];

    pub fn has(self, flag: Declared) -> bool {
        self.0 & flag.0 != 0
    }

    /// Adds the flag that `is_named` knows by its name; false if there is none.
    pub fn add(&mut self, is_named: impl Fn(&str) -> bool) -> bool {
        let known = Declared::NAMES.iter().position(|name| is_named(name));
        known.map(|index| self.0 |= 1 << index).is_some()
    }

    /// The names of the flags.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        let numbered = Declared::NAMES.into_iter().enumerate();
        numbered.filter(move |(index, _)| self.0 & 1 << index != 0).map(|(_, name)| name)
    }
}

/// What the first line of a script says, if it is such a line, and where the script begins: with the
/// end of that line, so that lines keep their numbers.
///
/// # Errors
/// The line is not understood.
pub fn declared(text: &[u8]) -> Result<(Option<Declared>, usize), Reject> {
    if !text.starts_with(b"#!") {
        return Ok((None, 0));
    }
    let end = text.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or("ERR Invalid script shebang")?;
    let words = split_args(&text[..end]).filter(|words| !words.is_empty());
    let words = words.ok_or("ERR Invalid engine in script shebang")?;
    if words[0] != b"#!lua" {
        return Err(refused("Unexpected engine in script shebang", &words[0]));
    }
    let mut declared = Declared::default();
    for word in &words[1..] {
        let Some(flags) = word.strip_prefix(b"flags=") else {
            return Err(refused("Unknown lua shebang option", word));
        };
        // No flags at all are none; an empty one among others is unknown.
        for flag in flags.split(|byte| *byte == b',').filter(|_| !flags.is_empty()) {
            if !declared.add(|name| name.as_bytes() == flag) {
                return Err(refused("Unexpected flag in script shebang", flag));
            }
        }
    }
    Ok((Some(declared), end))
}

fn refused(reason: &str, word: &[u8]) -> Reject {
    [b"ERR ", reason.as_bytes(), b": ", word].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_understood_or_refused() {
        let none = Ok((None, 0));
        assert_eq!(declared(b"return 1"), none);
        let plain = Some(Declared::default());
        assert_eq!(declared(b"#!lua\nreturn 1"), Ok((plain, 5)));
        assert_eq!(declared(b"#!lua flags=\nreturn 1"), Ok((plain, 12)));
        let (flags, end) = declared(b"#!lua flags=allow-oom,no-writes\n").expect("known flags");
        assert!(flags.expect("some").names().eq(["no-writes", "allow-oom"]) && end == 31);
        for (text, reason) in [
            ("#!lua", "ERR Invalid script shebang"),
            ("#!js\n", "ERR Unexpected engine in script shebang: #!js"),
            ("#!lua x=y\n", "ERR Unknown lua shebang option: x=y"),
            ("#!lua flags=a\n", "ERR Unexpected flag in script shebang: a"),
        ] {
            assert_eq!(declared(text.as_bytes()), Err(Reject::from(reason.to_owned())), "{text}");
        }
    }
}
