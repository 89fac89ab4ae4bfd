//! The first line of a library, `#!lua name=mylib`, and what names may consist of.

use crate::base::text::split_args;
use crate::resp::errors::Reject;

/// What a library's first line says.
#[derive(Debug, PartialEq, Eq)]
pub struct Metadata {
    pub name: Box<str>,
    /// Where the code begins: with the end of that line, so that lines keep their numbers.
    pub code_at: usize,
}

/// What names of libraries and functions may consist of, as an error.
pub const NAME_RULE: &str = "ERR Library names can only contain letters, numbers, or underscores(_) \
                             and must be at least one character long";

impl Metadata {
    /// Reads the first line of a library.
    ///
    /// # Errors
    /// It is not understood, or names no library for Lua.
    pub fn of(text: &[u8]) -> Result<Metadata, Reject> {
        // Redis looks for the end of the line as for that of a C string.
        let text = &text[..text.iter().position(|byte| *byte == 0).unwrap_or(text.len())];
        let line = text.strip_prefix(b"#!").ok_or("ERR Missing library metadata")?;
        let end = line.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or("ERR Invalid library metadata")?;
        let words = split_args(&text[..end + 2]).filter(|words| !words.is_empty());
        let words = words.ok_or("ERR Invalid library metadata")?;
        let mut name = None;
        for word in &words[1..] {
            match word.split_at_checked(b"name=".len()) {
                Some((key, value)) if key.eq_ignore_ascii_case(b"name=") => {
                    if name.replace(value).is_some() {
                        let text =
                            "ERR Invalid metadata value, name argument was given multiple times";
                        return Err(text.into());
                    }
                }
                _ => return Err([b"ERR Invalid metadata value given: ", &**word].concat().into()),
            }
        }
        let name = valid_name(name.ok_or("ERR Library name was not given")?).ok_or(NAME_RULE)?;
        let engine = &words[0][2..];
        if !engine.eq_ignore_ascii_case(b"lua") {
            return Err([b"ERR Engine '", engine, b"' not found"].concat().into());
        }
        Ok(Metadata { name: name.into(), code_at: end + 2 })
    }
}

/// A name that a library or a function may have.
pub fn valid_name(name: &[u8]) -> Option<&str> {
    let is_valid = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let name = std::str::from_utf8(name).ok()?;
    (!name.is_empty() && name.as_bytes().iter().all(is_valid)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_library_or_is_refused() {
        for text in ["#!lua name=a_1\ncode", "#!LUA  NAME=\"a_1\"\n"] {
            let metadata = Metadata::of(text.as_bytes()).expect("a library");
            assert_eq!((&*metadata.name, text.find('\n')), ("a_1", Some(metadata.code_at)));
        }
        for (text, reason) in [
            ("", "Missing library metadata"),
            ("#!lua name=a", "Invalid library metadata"),
            ("#!lua name=\"a\n", "Invalid library metadata"),
            ("#!lua\n", "Library name was not given"),
            ("#!lua name=\n", &NAME_RULE[4..]),
            ("#!lua name=a-b\n", &NAME_RULE[4..]),
            ("#!lua name=a\0\n", "Invalid library metadata"),
            ("#!lua name=a x\n", "Invalid metadata value given: x"),
            (
                "#!lua name=a name=b\n",
                "Invalid metadata value, name argument was given multiple times",
            ),
            ("#!js name=a\n", "Engine 'js' not found"),
            ("#! name=a\n", "Engine '' not found"),
        ] {
            let expected = Err(Reject::from(format!("ERR {reason}")));
            assert_eq!(Metadata::of(text.as_bytes()), expected, "{text}");
        }
    }
}
