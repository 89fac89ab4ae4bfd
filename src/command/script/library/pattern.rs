//! Lua's patterns: what `string.find`, `match`, `gmatch` and `gsub` look for.
//!
//! The library's own matcher recurses with the pattern until the stack ends, and goes back and forth
//! for longer than anybody can wait. This one counts both.
//!
//! Source of the semantics: <https://www.lua.org/manual/5.1/manual.html#5.4.1>.

use super::super::engine::Shared;
use super::super::raise;
use mlua::{Lua, LuaString, MultiValue, Result, Table, Value};
use std::rc::Rc;

/// Captures of a pattern.
const CAPTURES_MAX: usize = 32;
/// Parts of a pattern that are being matched one within the other, as in Lua 5.4.
const DEPTH_MAX: usize = 200;
/// Steps between two looks at the clock.
const STEPS: u32 = 100_000;
/// Characters that make a text a pattern.
const SPECIALS: &[u8] = b"^$*+?.([%-";
const ESCAPE: u8 = b'%';

/// Fills in the functions that the prelude builds the library's of.
///
/// # Errors
/// There is not enough memory.
pub fn fill(lua: &Lua, host: &Table, shared: &Rc<Shared>) -> Result<()> {
    let own = shared.clone();
    let find = move |lua: &Lua, args: (LuaString, LuaString, i64, bool)| find(lua, &own, args);
    host.raw_set("find", lua.create_function(find)?)?;
    let own = shared.clone();
    let next = move |lua: &Lua, args| next(lua, &own, args);
    host.raw_set("next_match", lua.create_function(next)?)?;
    host.raw_set("expand", lua.create_function(expand)?)
}

/// What `string.find` returns but for the position's reading: a plain search unless `args` ask for
/// more. `args` are text, pattern, where to begin and whether the pattern is plain.
fn find(
    lua: &Lua,
    shared: &Rc<Shared>,
    (text, pattern, start, plain): (LuaString, LuaString, i64, bool),
) -> Result<MultiValue> {
    let is_special = |byte: &u8| SPECIALS.contains(byte);
    if !plain && until_nul(&pattern.as_bytes()).iter().any(is_special) {
        let start = usize::try_from(start).unwrap_or(0);
        return next(lua, shared, (text, pattern, start, true, true));
    }
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let start = usize::try_from(start).unwrap_or(0).min(text.len());
    let found = memchr::memmem::find(&text[start..], &pattern);
    Ok(found.map_or_else(nothing, |at| {
        let first = start + at;
        [number(first + 1), number(first + pattern.len())].into_iter().collect()
    }))
}

/// The first match from a position on: its first and last place, and its captures. The arguments are
/// text, pattern, where to begin, whether a `^` anchors it there, and whether captures without an end
/// are an error; else they are false, for [`expand`].
fn next(
    lua: &Lua,
    shared: &Rc<Shared>,
    (text, pattern, start, anchors, whole): (LuaString, LuaString, usize, bool, bool),
) -> Result<MultiValue> {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let pattern = until_nul(&pattern);
    let (anchored, pattern) = match pattern.strip_prefix(b"^").filter(|_| anchors) {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let mut matcher = Matcher::new(lua, shared, &text, pattern);
    for at in start.min(text.len())..=text.len() {
        matcher.captures.clear();
        if let Some(end) = matcher.run(at, 0)? {
            let mut values = vec![number(at + 1), number(end)];
            for index in 0..matcher.captures.len() {
                values.push(match matcher.captures[index].end {
                    End::Open if !whole => Value::Boolean(false),
                    _ => matcher.capture(index)?,
                });
            }
            return Ok(MultiValue::from_vec(values));
        }
        if anchored {
            break;
        }
    }
    Ok(nothing())
}

/// The replacement that a template makes of a match and its captures, of which the first is the match.
fn expand(lua: &Lua, (template, captures): (LuaString, Table)) -> Result<LuaString> {
    let (template, mut out) = (template.as_bytes(), Vec::new());
    let mut bytes = template.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, bytes.as_slice().first()) {
            (ESCAPE, Some(digit @ b'0'..=b'9')) => {
                let index = usize::from(digit - b'0');
                // Without captures the match is the first.
                let is_whole = index == 1 && captures.raw_len() == 1;
                let value: Value = captures.raw_get(if is_whole { 1 } else { index + 1 })?;
                if value == Value::Boolean(false) {
                    return Err(raise::plain(lua, "unfinished capture"));
                }
                let Some(text) = lua.coerce_string(value)? else {
                    return Err(raise::plain(lua, "invalid capture index"));
                };
                out.extend_from_slice(&text.as_bytes());
                bytes.next();
            }
            (ESCAPE, next) => {
                out.push(next.copied().unwrap_or(0));
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
    lua.create_string(out)
}

/// Patterns end at a NUL, as C strings do.
fn until_nul(pattern: &[u8]) -> &[u8] {
    &pattern[..pattern.iter().position(|byte| *byte == 0).unwrap_or(pattern.len())]
}

fn number(value: usize) -> Value {
    Value::Number(value as f64)
}

fn nothing() -> MultiValue {
    [Value::Nil].into_iter().collect()
}

/// A part of the text that a pattern puts in parentheses.
#[derive(Clone, Copy)]
struct Capture {
    start: usize,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    /// It is the position that is asked for.
    Position,
    At(usize),
}

struct Matcher<'a> {
    lua: &'a Lua,
    shared: &'a Rc<Shared>,
    text: &'a [u8],
    pattern: &'a [u8],
    captures: Vec<Capture>,
    depth: usize,
    steps: u32,
}

impl<'a> Matcher<'a> {
    fn new(lua: &'a Lua, shared: &'a Rc<Shared>, text: &'a [u8], pattern: &'a [u8]) -> Matcher<'a> {
        Matcher { lua, shared, text, pattern, captures: Vec::new(), depth: 0, steps: 0 }
    }

    fn refuse<T>(&self, text: &str) -> Result<T> {
        Err(raise::plain(self.lua, text))
    }

    fn step(&mut self) -> Result<()> {
        self.steps += 1;
        if self.steps < STEPS {
            return Ok(());
        }
        self.steps = 0;
        self.shared.look(self.lua)
    }

    /// Matches the pattern from `at` on with the text from `s` on; where the match ends.
    fn run(&mut self, s: usize, at: usize) -> Result<Option<usize>> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.refuse("pattern too complex");
        }
        let end = self.rest(s, at);
        self.depth -= 1;
        end
    }

    fn rest(&mut self, mut s: usize, mut at: usize) -> Result<Option<usize>> {
        loop {
            self.step()?;
            let Some(&first) = self.pattern.get(at) else { return Ok(Some(s)) };
            match (first, self.pattern.get(at + 1).copied()) {
                (b'(', Some(b')')) => return self.open(s, at + 2, End::Position),
                (b'(', _) => return self.open(s, at + 1, End::Open),
                (b')', _) => return self.close(s, at + 1),
                (b'$', None) => return Ok((s == self.text.len()).then_some(s)),
                (ESCAPE, Some(b'b')) => {
                    let Some(end) = self.balanced(s, at + 2)? else { return Ok(None) };
                    (s, at) = (end, at + 4);
                }
                (ESCAPE, Some(b'f')) => {
                    at += 2;
                    if self.pattern.get(at) != Some(&b'[') {
                        return self.refuse("missing '[' after '%f' in pattern");
                    }
                    let end = self.class_end(at)?;
                    let before = if s == 0 { 0 } else { self.text[s - 1] };
                    let after = self.text.get(s).copied().unwrap_or(0);
                    let class = &self.pattern[at..end];
                    if in_set(before, class) || !in_set(after, class) {
                        return Ok(None);
                    }
                    at = end;
                }
                (ESCAPE, Some(digit @ b'0'..=b'9')) => {
                    let Some(end) = self.back_reference(s, digit)? else { return Ok(None) };
                    (s, at) = (end, at + 2);
                }
                _ => {
                    let end = self.class_end(at)?;
                    let matches = self.is_single(s, at, end);
                    match self.pattern.get(end) {
                        Some(b'?') => {
                            if matches && let Some(found) = self.run(s + 1, end + 1)? {
                                return Ok(Some(found));
                            }
                            at = end + 1;
                        }
                        Some(b'*') => return self.longest(s, at, end),
                        Some(b'+') if matches => return self.longest(s + 1, at, end),
                        Some(b'-') => return self.shortest(s, at, end),
                        Some(b'+') => return Ok(None),
                        _ if !matches => return Ok(None),
                        _ => (s, at) = (s + 1, end),
                    }
                }
            }
        }
    }

    /// Where the class that begins at `at` ends: a character, an escape, a set.
    fn class_end(&self, at: usize) -> Result<usize> {
        let pattern = self.pattern;
        let mut end = at + 1;
        match pattern[at] {
            ESCAPE if end == pattern.len() => self.refuse("malformed pattern (ends with '%')"),
            ESCAPE => Ok(end + 1),
            b'[' => {
                if pattern.get(end) == Some(&b'^') {
                    end += 1;
                }
                // A bracket that comes first is part of the set.
                loop {
                    let Some(&byte) = pattern.get(end) else {
                        return self.refuse("malformed pattern (missing ']')");
                    };
                    end += 1;
                    if byte == ESCAPE && end < pattern.len() {
                        end += 1;
                    }
                    if pattern.get(end) == Some(&b']') {
                        return Ok(end + 1);
                    }
                }
            }
            _ => Ok(end),
        }
    }

    fn is_single(&self, s: usize, at: usize, end: usize) -> bool {
        let Some(&byte) = self.text.get(s) else { return false };
        match self.pattern[at] {
            b'.' => true,
            ESCAPE => in_class(byte, self.pattern[at + 1]),
            b'[' => in_set(byte, &self.pattern[at..end]),
            other => other == byte,
        }
    }

    fn longest(&mut self, s: usize, at: usize, end: usize) -> Result<Option<usize>> {
        let mut count = 0;
        while self.is_single(s + count, at, end) {
            self.step()?;
            count += 1;
        }
        for count in (0..=count).rev() {
            if let Some(found) = self.run(s + count, end + 1)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn shortest(&mut self, mut s: usize, at: usize, end: usize) -> Result<Option<usize>> {
        loop {
            if let Some(found) = self.run(s, end + 1)? {
                return Ok(Some(found));
            }
            if !self.is_single(s, at, end) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn open(&mut self, s: usize, at: usize, end: End) -> Result<Option<usize>> {
        let level = self.captures.len();
        if level >= CAPTURES_MAX {
            return self.refuse("too many captures");
        }
        self.captures.push(Capture { start: s, end });
        let found = self.run(s, at)?;
        if found.is_none() {
            self.captures.truncate(level);
        }
        Ok(found)
    }

    fn close(&mut self, s: usize, at: usize) -> Result<Option<usize>> {
        let open = self.captures.iter().rposition(|capture| capture.end == End::Open);
        let Some(level) = open else { return self.refuse("invalid pattern capture") };
        self.captures[level].end = End::At(s);
        let found = self.run(s, at)?;
        if found.is_none() {
            self.captures[level].end = End::Open;
        }
        Ok(found)
    }

    /// The end of a text in front of which and behind which the two characters at `at` stand.
    fn balanced(&mut self, s: usize, at: usize) -> Result<Option<usize>> {
        let Some(&[open, close]) = self.pattern.get(at..at + 2) else {
            return self.refuse("unbalanced pattern");
        };
        if self.text.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1;
        for index in s + 1..self.text.len() {
            self.step()?;
            if self.text[index] == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(index + 1));
                }
            } else if self.text[index] == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    fn back_reference(&mut self, s: usize, digit: u8) -> Result<Option<usize>> {
        let index = usize::from(digit).checked_sub(usize::from(b'1'));
        let capture = index.and_then(|index| self.captures.get(index));
        match capture {
            Some(&Capture { start, end: End::At(end) }) => {
                let found = self.text[s..].starts_with(&self.text[start..end]);
                Ok(found.then_some(s + end - start))
            }
            Some(Capture { end: End::Position, .. }) => Ok(None),
            _ => self.refuse("invalid capture index"),
        }
    }

    /// The value of a capture.
    fn capture(&self, index: usize) -> Result<Value> {
        let Capture { start, end } = self.captures[index];
        match end {
            End::Open => self.refuse("unfinished capture"),
            End::Position => Ok(number(start + 1)),
            End::At(end) => Ok(Value::String(self.lua.create_string(&self.text[start..end])?)),
        }
    }
}

/// Whether a character is of the class that a letter names, or not if that is a capital.
fn in_class(byte: u8, class: u8) -> bool {
    let is_in = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | b'\t'..=b'\r'),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    is_in != class.is_ascii_uppercase()
}

/// Whether a character is in a set, brackets included.
fn in_set(byte: u8, set: &[u8]) -> bool {
    let inner = &set[1..set.len() - 1];
    let (inverted, inner) = match inner.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, inner),
    };
    let mut at = 0;
    while at < inner.len() {
        let is_in = match inner[at..] {
            [ESCAPE, class, ..] => {
                at += 2;
                in_class(byte, class)
            }
            [low, b'-', high, ..] => {
                at += 3;
                (low..=high).contains(&byte)
            }
            [other, ..] => {
                at += 1;
                other == byte
            }
            [] => false,
        };
        if is_in {
            return !inverted;
        }
    }
    inverted
}
