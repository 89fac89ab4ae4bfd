//! JSON as Lua values.

use super::{DEPTH_MAX, Settings};
use crate::base::num::parse_f64;
use crate::command::script::raise;
use mlua::{Lua, LuaString, Result, Value};

/// Reads a text.
///
/// # Errors
/// It is no JSON; the error says where.
pub fn decode(lua: &Lua, text: &[u8], settings: &Settings) -> Result<Value> {
    if let [0, _, ..] | [_, 0, ..] = text {
        return Err(raise::plain(lua, "JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut decoder = Decoder { lua, text, at: 0, settings, depth: 0 };
    let token = decoder.token();
    let value = decoder.value(token)?;
    match decoder.token() {
        (Token::End, _) => Ok(value),
        other => Err(decoder.unexpected("the end", &other)),
    }
}

/// A token and where it begins.
type Placed = (Token, usize);

enum Token {
    Punctuation(u8),
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    End,
    Invalid(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::Punctuation(b'{') => "T_OBJ_BEGIN",
            Token::Punctuation(b'}') => "T_OBJ_END",
            Token::Punctuation(b'[') => "T_ARR_BEGIN",
            Token::Punctuation(b']') => "T_ARR_END",
            Token::Punctuation(b':') => "T_COLON",
            Token::Punctuation(_) => "T_COMMA",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::End => "T_END",
            Token::Invalid(reason) => reason,
        }
    }
}

struct Decoder<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
    settings: &'a Settings,
    depth: u32,
}

impl Decoder<'_> {
    fn unexpected(&self, expected: &str, (token, at): &Placed) -> mlua::Error {
        let found = token.name();
        let text = format!("Expected {expected} but found {found} at character {}", at + 1);
        raise::plain(self.lua, &text)
    }

    fn value(&mut self, token: Placed) -> Result<Value> {
        match token.0 {
            Token::String(text) => Ok(Value::String(self.lua.create_string(text)?)),
            Token::Number(number) => Ok(Value::Number(number)),
            Token::Boolean(value) => Ok(Value::Boolean(value)),
            Token::Null => Ok(Value::NULL),
            Token::Punctuation(b'{') => self.nested(Decoder::object),
            Token::Punctuation(b'[') => self.nested(Decoder::array),
            _ => Err(self.unexpected("value", &token)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value>) -> Result<Value> {
        self.depth += 1;
        if self.depth > self.settings.decode_depth.min(DEPTH_MAX) {
            let (depth, at) = (self.depth, self.at);
            let text = format!("Found too many nested data structures ({depth}) at character {at}");
            return Err(raise::plain(self.lua, &text));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value> {
        let table = self.lua.create_table()?;
        let mut token = self.token();
        if matches!(token.0, Token::Punctuation(b'}')) {
            return Ok(Value::Table(table));
        }
        loop {
            let (Token::String(key), _) = token else {
                return Err(self.unexpected("object key string", &token));
            };
            let key: LuaString = self.lua.create_string(key)?;
            token = self.token();
            if !matches!(token.0, Token::Punctuation(b':')) {
                return Err(self.unexpected("colon", &token));
            }
            token = self.token();
            table.raw_set(key, self.value(token)?)?;
            token = self.token();
            match token.0 {
                Token::Punctuation(b'}') => return Ok(Value::Table(table)),
                Token::Punctuation(b',') => token = self.token(),
                _ => return Err(self.unexpected("comma or object end", &token)),
            }
        }
    }

    fn array(&mut self) -> Result<Value> {
        let table = self.lua.create_table()?;
        let mut token = self.token();
        if matches!(token.0, Token::Punctuation(b']')) {
            return Ok(Value::Table(table));
        }
        for index in 1_usize.. {
            table.raw_set(index, self.value(token)?)?;
            token = self.token();
            match token.0 {
                Token::Punctuation(b']') => break,
                Token::Punctuation(b',') => token = self.token(),
                _ => return Err(self.unexpected("comma or array end", &token)),
            }
        }
        Ok(Value::Table(table))
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    /// The next token. Text ends at the first NUL outside a string.
    fn token(&mut self) -> Placed {
        let blanks = self.rest().iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        self.at += blanks;
        let start = self.at;
        let Some(&first) = self.rest().first().filter(|byte| **byte != 0) else {
            return (Token::End, start);
        };
        let word = |word: &[u8]| self.rest().starts_with(word).then_some(word.len());
        match first {
            b'{' | b'}' | b'[' | b']' | b':' | b',' => {
                self.at += 1;
                (Token::Punctuation(first), start)
            }
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                if let Some(len) = word(b"true") {
                    self.at += len;
                    (Token::Boolean(true), start)
                } else if let Some(len) = word(b"false") {
                    self.at += len;
                    (Token::Boolean(false), start)
                } else if let Some(len) = word(b"null") {
                    self.at += len;
                    (Token::Null, start)
                } else if self.settings.decode_invalid && b"+iInN".contains(&first) && self.is_odd()
                {
                    self.number()
                } else {
                    (Token::Invalid("invalid token"), start)
                }
            }
        }
    }

    /// Whether what follows is a number that JSON does not have.
    fn is_odd(&self) -> bool {
        let rest = self.rest();
        let rest = rest.strip_prefix(b"-").unwrap_or(rest);
        let named = |name: &[u8]| rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(name));
        match rest {
            [b'0', b'x' | b'X' | b'0'..=b'9', ..] | [b'+', ..] => true,
            _ => named(b"inf") || named(b"nan"),
        }
    }

    fn number(&mut self) -> Placed {
        let start = self.at;
        if !self.settings.decode_invalid && self.is_odd() {
            return (Token::Invalid("invalid number"), start);
        }
        match longest_number(self.rest()) {
            Some((number, len)) => {
                self.at += len;
                (Token::Number(number), start)
            }
            None => (Token::Invalid("invalid number"), start),
        }
    }

    fn string(&mut self) -> Placed {
        let start = self.at;
        let mut text = Vec::new();
        self.at += 1;
        loop {
            match *self.rest() {
                [] | [0, ..] => return (Token::Invalid("unexpected end of string"), self.at),
                [b'"', ..] => break,
                [b'\\', b'u', ..] => match self.unicode() {
                    Some((character, len)) => {
                        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        self.at += len;
                    }
                    None => return (Token::Invalid("invalid unicode escape code"), self.at),
                },
                [b'\\', escaped, ..] => {
                    text.push(match escaped {
                        b'"' | b'\\' | b'/' => escaped,
                        b'b' => 0x08,
                        b'f' => 0x0c,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        _ => return (Token::Invalid("invalid escape code"), self.at),
                    });
                    self.at += 2;
                }
                [b'\\'] => return (Token::Invalid("invalid escape code"), self.at),
                [byte, ..] => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        (Token::String(text), start)
    }

    /// The character of an escape such as `\u00e4` or of a pair of surrogates, and its length.
    fn unicode(&self) -> Option<(char, usize)> {
        const ESCAPE_LEN: usize = 6;
        let code = |at: usize| {
            let digits = self.rest().get(at..at + ESCAPE_LEN)?.strip_prefix(b"\\u")?;
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            digits.iter().try_fold(0, |code, byte| Some(code << 4 | digit(byte)?))
        };
        let first = code(0)?;
        if !(0xd800..0xdc00).contains(&first) {
            return Some((char::from_u32(first)?, ESCAPE_LEN));
        }
        let second = code(ESCAPE_LEN).filter(|second| (0xdc00..0xe000).contains(second))?;
        let both = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        Some((char::from_u32(both)?, 2 * ESCAPE_LEN))
    }
}

/// The number that a text begins with as C's `strtod` finds it, and its length.
fn longest_number(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let negative = text.first() == Some(&b'-');
    let body = &text[sign..];
    let signed = |number: f64| if negative { -number } else { number };
    let named =
        |name: &[u8]| body.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
    for (name, number) in
        [(&b"infinity"[..], f64::INFINITY), (b"inf", f64::INFINITY), (b"nan", f64::NAN)]
    {
        if named(name) {
            return Some((signed(number), sign + name.len()));
        }
    }
    if let [b'0', b'x' | b'X', digits @ ..] = body {
        let len = digits.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let value = |number: f64, byte: &u8| {
            number * 16.0 + f64::from(char::from(*byte).to_digit(16).unwrap_or(0))
        };
        if len > 0 {
            return Some((signed(digits[..len].iter().fold(0.0, value)), sign + 2 + len));
        }
    }
    let digits = |at: usize| body[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut end = whole;
    if body.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if whole + fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    }
    if end == 0 {
        return None;
    }
    if let Some(b'e' | b'E') = body.get(end) {
        let sign = usize::from(matches!(body.get(end + 1), Some(b'-' | b'+')));
        let exponent = if end + 1 + sign <= body.len() { digits(end + 1 + sign) } else { 0 };
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let number =
        parse_f64(&body[..end]).or_else(|| std::str::from_utf8(&body[..end]).ok()?.parse().ok())?;
    Some((signed(number), sign + end))
}
