//! Errors that the server raises in a script.

use crate::base::num::format_f64;
use mlua::{Error, Lua, Table, Value};
use std::fmt;

/// Frames of the stack that are looked at for the place of an error.
pub const FRAMES_MAX: usize = 16;
/// What the prelude is called in errors.
pub const PRELUDE_NAME: &str = "=prelude";

/// An error of a script.
#[derive(Debug, Clone)]
pub struct Raised {
    pub text: Vec<u8>,
    pub kind: Kind,
}

/// What a script sees of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A table with a text that begins with a code; `counted` if statistics know of it.
    Reply { counted: bool },
    /// A plain text, as Lua's own libraries raise them.
    Plain,
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text))
    }
}

impl std::error::Error for Raised {}

impl Raised {
    fn plain(text: String) -> Raised {
        Raised { text: text.into_bytes(), kind: Kind::Plain }
    }

    /// What an error is to a script.
    pub fn of(error: &Error) -> Raised {
        match error {
            Error::CallbackError { cause, .. } => Raised::of(cause),
            Error::ExternalError(cause) => match cause.downcast_ref::<Raised>() {
                Some(raised) => raised.clone(),
                None => Raised::plain(cause.to_string()),
            },
            Error::MemoryError(_) => Raised::plain("not enough memory".to_owned()),
            Error::RuntimeError(text) => Raised::plain(text.clone()),
            other => Raised::plain(other.to_string()),
        }
    }

    /// The text of the reply that the error becomes, and whether it was counted.
    pub fn into_reply(self) -> (Vec<u8>, bool) {
        match self.kind {
            Kind::Reply { counted } => (self.text, counted),
            Kind::Plain => ([b"ERR ", &*self.text].concat(), false),
        }
    }
}

/// An error with its code; `counted` if it was counted when it came up.
pub fn error(text: impl Into<Vec<u8>>, counted: bool) -> Error {
    Error::external(Raised { text: text.into(), kind: Kind::Reply { counted } })
}

/// The text of an error that the prelude has traced, and whether it was counted.
pub fn traced(reason: &Value) -> (Vec<u8>, bool) {
    let Value::Table(reason) = reason else {
        return (format!("ERR {}", reason.to_string().unwrap_or_default()).into_bytes(), false);
    };
    let text = field(reason, "err").unwrap_or_else(|| b"ERR unknown error".to_vec());
    (text, reason.raw_get("ignore_error_stats_update").unwrap_or(false))
}

/// The reply that such an error of the script called `name` becomes, and whether it was counted.
pub fn explained(reason: &Value, name: &str) -> (Vec<u8>, bool) {
    let (mut text, counted) = traced(reason);
    if let Value::Table(reason) = reason
        && let (Some(source), Some(line)) = (field(reason, "source"), field(reason, "line"))
    {
        text.extend([b" script: ", name.as_bytes(), b", on ", &source, b":", &line, b"."].concat());
    }
    (text, counted)
}

/// A field of an error as text.
fn field(reason: &Table, name: &str) -> Option<Vec<u8>> {
    match reason.raw_get::<Value>(name) {
        Ok(Value::String(text)) => Some(text.as_bytes().to_vec()),
        Ok(Value::Integer(number)) => Some(number.to_string().into_bytes()),
        Ok(Value::Number(number)) => Some(format_f64(number).as_bytes().to_vec()),
        _ => None,
    }
}

/// An error of a library function, which says where that was called.
pub fn plain(lua: &Lua, text: &str) -> Error {
    let place_of = |level| {
        lua.inspect_stack(level, |frame| {
            let (source, line) = (frame.source(), frame.current_line());
            let is_own = source.source.as_deref() == Some(PRELUDE_NAME);
            (!is_own).then(|| Some(format!("{}:{}: ", source.short_src?, line?)))
        })
    };
    // Functions of the prelude stand for those of the library that they replace.
    let place = (1..FRAMES_MAX).map_while(place_of).flatten().next();
    Error::external(Raised::plain(place.flatten().unwrap_or_default() + text))
}

/// An error's text with its code in front and no line ends around it, from a text that has a code if
/// it begins with `-`.
pub fn coded(text: &[u8]) -> Vec<u8> {
    let (code, message) = match text.strip_prefix(b"-") {
        None => (&b"ERR"[..], text),
        Some(text) => match text.iter().position(|byte| *byte == b' ') {
            Some(blank) => (&text[..blank], &text[blank + 1..]),
            None => (&b"ERR"[..], text),
        },
    };
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let first = message.iter().position(|byte| !is_end(byte)).unwrap_or(message.len());
    let last = message.iter().rposition(|byte| !is_end(byte)).map_or(first, |last| last + 1);
    [code, b" ", &message[first..last]].concat()
}

#[cfg(test)]
mod tests {
    use super::coded;

    #[test]
    fn a_text_gets_a_code_unless_it_says_one() {
        assert_eq!(coded(b"boom"), b"ERR boom");
        assert_eq!(coded(b"-MY code\r\n"), b"MY code");
        assert_eq!(coded(b"-boom"), b"ERR boom");
        assert_eq!(coded(b"\n"), b"ERR ");
    }
}
