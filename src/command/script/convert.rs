//! Values of scripts and replies, converted into one another.

use super::raise;
use crate::base::num::{parse_f64, parse_i64};
use crate::resp::{Protocol, Reply};
use mlua::{Lua, LuaString, Result, Table, Value};

/// Values that a reply of a script may have: as many as fit into its memory, unless some contain
/// themselves.
const VALUES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of the reply of a script.
const BYTES_MAX: usize = 512 * 1024 * 1024;
/// How deep the tables that a script returns may be within one another.
const DEPTH_MAX: usize = 1000;

/// A reply in the encoder's bytes, on its way to a script.
pub struct Decoder<'a> {
    pub lua: &'a Lua,
    pub bytes: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// The next reply as a value; nil if there is none.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn value(&mut self) -> Result<Value> {
        let Some((kind, line)) = self.line() else { return Ok(Value::Nil) };
        let lua = self.lua;
        match kind {
            b'+' => self.wrapped("ok", Value::String(lua.create_string(line)?)),
            b'-' => self.error(line),
            b':' => Ok(Value::Number(parse_i64(line).unwrap_or(0) as f64)),
            b'$' => match self.text(line) {
                Some(text) => Ok(Value::String(lua.create_string(text)?)),
                None => Ok(Value::Boolean(false)),
            },
            b'*' | b'>' if line.starts_with(b"-") => Ok(Value::Boolean(false)),
            b'*' | b'>' => self.array(count(line)),
            b'%' => self.map(count(line)),
            b'~' => self.set(count(line)),
            b'|' => {
                for _ in 0..count(line) * 2 {
                    self.value()?;
                }
                self.value()
            }
            b',' => self.wrapped("double", Value::Number(parse_f64(line).unwrap_or(f64::NAN))),
            b'(' => self.wrapped("big_number", Value::String(lua.create_string(line)?)),
            b'#' => Ok(Value::Boolean(line == b"t")),
            b'=' => self.verbatim(line),
            _ => Ok(Value::Nil),
        }
    }

    /// The next line without its end, less its first byte.
    fn line(&mut self) -> Option<(u8, &'a [u8])> {
        let end = self.bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, rest) = self.bytes.split_at(end);
        self.bytes = &rest[2..];
        line.split_first().map(|(kind, line)| (*kind, line))
    }

    /// The text behind a header with its length.
    fn text(&mut self, header: &[u8]) -> Option<&'a [u8]> {
        let len = usize::try_from(parse_i64(header)?).ok()?;
        let text = self.bytes.get(..len)?;
        self.bytes = self.bytes.get(len + 2..).unwrap_or_default();
        Some(text)
    }

    fn wrapped(&self, name: &str, value: Value) -> Result<Value> {
        let table = self.lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    }

    /// An error of a command, which was counted when it came up.
    fn error(&self, line: &[u8]) -> Result<Value> {
        let table = self.lua.create_table_with_capacity(0, 2)?;
        table.raw_set("err", self.lua.create_string(raise::coded(&[b"-", line].concat()))?)?;
        table.raw_set("ignore_error_stats_update", true)?;
        Ok(Value::Table(table))
    }

    fn array(&mut self, len: usize) -> Result<Value> {
        let table = self.lua.create_table_with_capacity(len, 0)?;
        for index in 1..=len {
            table.raw_set(index, self.value()?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, pairs: usize) -> Result<Value> {
        let map = self.lua.create_table_with_capacity(0, pairs)?;
        for _ in 0..pairs {
            let (key, value) = (self.value()?, self.value()?);
            map.raw_set(key, value)?;
        }
        self.wrapped("map", Value::Table(map))
    }

    fn set(&mut self, len: usize) -> Result<Value> {
        let set = self.lua.create_table_with_capacity(0, len)?;
        for _ in 0..len {
            set.raw_set(self.value()?, true)?;
        }
        self.wrapped("set", Value::Table(set))
    }

    fn verbatim(&mut self, header: &[u8]) -> Result<Value> {
        const FORMAT_LEN: usize = 3;
        let text = self.text(header).unwrap_or_default();
        let (format, text) = text.split_at(text.len().min(FORMAT_LEN + 1));
        let table = self.lua.create_table_with_capacity(0, 2)?;
        table.raw_set("string", self.lua.create_string(text)?)?;
        table
            .raw_set("format", self.lua.create_string(&format[..format.len().min(FORMAT_LEN)])?)?;
        self.wrapped("verbatim_string", Value::Table(table))
    }
}

fn count(header: &[u8]) -> usize {
    parse_i64(header).and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
}

/// Writes what a script returned.
pub struct Encoder<'r, 'o> {
    pub reply: &'r mut Reply<'o>,
    /// The form that the script chose, which decides what truth values become.
    pub protocol: Protocol,
    values: usize,
}

impl<'r, 'o> Encoder<'r, 'o> {
    pub fn new(reply: &'r mut Reply<'o>, protocol: Protocol) -> Encoder<'r, 'o> {
        Encoder { reply, protocol, values: 0 }
    }

    /// Writes a value as one reply.
    ///
    /// # Errors
    /// The reply is larger than any may be; it was not finished.
    pub fn value(&mut self, value: &Value) -> Result<()> {
        self.nested(value, 0)
    }

    fn nested(&mut self, value: &Value, depth: usize) -> Result<()> {
        self.values += 1;
        if self.values > VALUES_MAX || self.reply.out.len() > BYTES_MAX {
            return Err(raise::error("ERR the reply of the script is too large", false));
        }
        if depth > DEPTH_MAX {
            self.reply.error("ERR reached lua stack limit");
            return Ok(());
        }
        match value {
            Value::String(text) => self.reply.bulk(&text.as_bytes()),
            Value::Integer(number) => self.reply.integer(*number),
            Value::Number(number) => self.reply.integer(truncated(*number)),
            Value::Boolean(value) if self.protocol == Protocol::Resp3 => self.reply.boolean(*value),
            Value::Boolean(true) => self.reply.integer(1),
            Value::Table(table) => self.table(table, depth)?,
            _ => self.reply.null(),
        }
        Ok(())
    }

    /// Writes a table as what its fields say it is, or as an array.
    fn table(&mut self, table: &Table, depth: usize) -> Result<()> {
        if let Value::String(text) = table.raw_get("err")? {
            self.reply.error(text.as_bytes());
            return Ok(());
        }
        if let Value::String(text) = table.raw_get("ok")? {
            self.reply.simple_bytes(&text.as_bytes());
            return Ok(());
        }
        if let value @ (Value::Integer(_) | Value::Number(_)) = table.raw_get("double")? {
            self.reply.double(value.as_f64().unwrap_or_default());
            return Ok(());
        }
        if let Value::String(digits) = table.raw_get("big_number")? {
            self.reply.big_number(&digits.to_string_lossy().replace(['\r', '\n'], " "));
            return Ok(());
        }
        if let Some((format, text)) = verbatim(table)? {
            self.reply.verbatim(&format.to_string_lossy(), &text.as_bytes());
            return Ok(());
        }
        if let Value::Table(map) = table.raw_get("map")? {
            return self.map(&map, depth);
        }
        if let Value::Table(set) = table.raw_get("set")? {
            return self.set(&set, depth);
        }
        let (at, mut len) = (self.reply.deferred(), 0);
        loop {
            let value: Value = table.raw_get(len + 1)?;
            if value.is_nil() {
                break;
            }
            self.nested(&value, depth + 1)?;
            len += 1;
        }
        self.reply.close_array(at, len);
        Ok(())
    }

    fn map(&mut self, map: &Table, depth: usize) -> Result<()> {
        let (at, mut pairs) = (self.reply.deferred(), 0);
        for pair in map.pairs::<Value, Value>() {
            let (key, value) = pair?;
            self.nested(&key, depth + 1)?;
            self.nested(&value, depth + 1)?;
            pairs += 1;
        }
        self.reply.close_map(at, pairs);
        Ok(())
    }

    fn set(&mut self, set: &Table, depth: usize) -> Result<()> {
        let (at, mut len) = (self.reply.deferred(), 0);
        for pair in set.pairs::<Value, Value>() {
            self.nested(&pair?.0, depth + 1)?;
            len += 1;
        }
        self.reply.close_set(at, len);
        Ok(())
    }
}

/// Format and text of a table that stands for a verbatim string.
fn verbatim(table: &Table) -> Result<Option<(LuaString, LuaString)>> {
    let Value::Table(verbatim) = table.raw_get("verbatim_string")? else { return Ok(None) };
    let parts = (verbatim.raw_get("format")?, verbatim.raw_get("string")?);
    let (Value::String(format), Value::String(text)) = parts else { return Ok(None) };
    Ok(Some((format, text)))
}

/// A number without its fraction; what fits no integer becomes the smallest, as x86 has it.
fn truncated(number: f64) -> i64 {
    let fits = number >= i64::MIN as f64 && number < i64::MAX as f64;
    if fits { number as i64 } else { i64::MIN }
}
