//! The first line of a script that says what it is and what it does: `#!lua flags=no-writes`.

use crate::base::text::split_args;
use crate::resp::errors::Reject;

/// What a script says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Declared {
    /// It calls nothing that writes.
    pub no_writes: bool,
    /// It may run while there is too much data.
    pub allow_oom: bool,
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
            match flag {
                b"no-writes" => declared.no_writes = true,
                b"allow-oom" => declared.allow_oom = true,
                // There are neither replicas nor a cluster.
                b"allow-stale" | b"no-cluster" | b"allow-cross-slot-keys" => {}
                _ => return Err(refused("Unexpected flag in script shebang", flag)),
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
        let both = Some(Declared { no_writes: true, allow_oom: true });
        assert_eq!(declared(b"#!lua flags=no-writes,allow-oom\n"), Ok((both, 31)));
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
