//! `cmsgpack`: MessagePack as lua-cmsgpack 0.4.0 reads and writes it.
//!
//! Source of the format: <https://github.com/msgpack/msgpack/blob/master/spec.md>.
//!
//! Invariant: depth and length are bounded both ways; lengths that a text claims are not believed.

use crate::command::script::engine::BYTES_MAX;
use crate::command::script::raise;
use mlua::{Lua, LuaString, MultiValue, Result, Table, Value};
use std::result;

/// Tables within one another that are written; deeper ones become nil.
const WRITTEN_DEPTH_MAX: usize = 16;
/// Tables within one another that are read.
const READ_DEPTH_MAX: usize = 1000;
/// Values that one call returns: Lua's stack holds 8000.
const RESULTS_MAX: usize = 7900;

const MISSING: &str = "Missing bytes in input.";
const MALFORMED: &str = "Bad data format in input.";

/// The library.
///
/// # Errors
/// There is not enough memory.
pub fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    table.raw_set("pack", lua.create_function(pack)?)?;
    let unpack = |lua: &Lua, args: MultiValue| read(lua, &args, None, 0);
    table.raw_set("unpack", lua.create_function(unpack)?)?;
    let unpack_one = |lua: &Lua, args: MultiValue| {
        let offset = integer(lua, &args, 1)?.unwrap_or(0);
        read(lua, &args, Some(1), offset)
    };
    table.raw_set("unpack_one", lua.create_function(unpack_one)?)?;
    let unpack_limit = |lua: &Lua, args: MultiValue| {
        let limit = integer(lua, &args, 1)?.unwrap_or(0);
        let offset = integer(lua, &args, 2)?.unwrap_or(0);
        // Neither a limit nor an offset means everything, and no offset is returned.
        read(lua, &args, (limit != 0 || offset != 0).then_some(limit), offset)
    };
    table.raw_set("unpack_limit", lua.create_function(unpack_limit)?)?;
    Ok(table)
}

fn integer(lua: &Lua, args: &MultiValue, index: usize) -> Result<Option<i64>> {
    match args.get(index) {
        None | Some(Value::Nil) => Ok(None),
        Some(value) => Ok(lua.coerce_number(value.clone())?.map(|number| number as i64)),
    }
}

/// cmsgpack.pack(value, ...)
fn pack(lua: &Lua, args: MultiValue) -> Result<LuaString> {
    if args.is_empty() {
        let text = "bad argument #0 to 'pack' (MessagePack pack needs input.)";
        return Err(raise::plain(lua, text));
    }
    let mut out = Vec::new();
    for value in &args {
        write(&mut out, value, 0)?;
        if out.len() > BYTES_MAX {
            return Err(raise::plain(lua, "too large for MessagePack pack"));
        }
    }
    lua.create_string(out)
}

fn write(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<()> {
    const NIL: u8 = 0xc0;
    match value {
        _ if out.len() > BYTES_MAX => {}
        Value::Boolean(value) => out.push(0xc2 + u8::from(*value)),
        Value::Integer(number) => write_integer(out, *number),
        Value::Number(number) => write_float(out, *number),
        Value::String(text) => {
            let text = text.as_bytes();
            match text.len() {
                len @ 0..32 => out.push(0xa0 | len as u8),
                len => write_len(out, len, [Some(0xd9), Some(0xda), Some(0xdb)]),
            }
            out.extend_from_slice(&text);
        }
        Value::Table(table) if depth < WRITTEN_DEPTH_MAX => write_table(out, table, depth)?,
        _ => out.push(NIL),
    }
    Ok(())
}

/// Writes a length in the shortest form there is: kinds with 8, 16 and 32 bits.
fn write_len(out: &mut Vec<u8>, len: usize, kinds: [Option<u8>; 3]) {
    match (len, kinds) {
        (0..0x100, [Some(kind), ..]) => out.extend_from_slice(&[kind, len as u8]),
        (0..0x1_0000, [_, Some(kind), _]) => {
            out.push(kind);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        (_, [.., kind]) => {
            out.extend(kind);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

fn write_integer(out: &mut Vec<u8>, number: i64) {
    let mut push = |kind: u8, bytes: &[u8]| {
        out.push(kind);
        out.extend_from_slice(bytes);
    };
    match number {
        -0x20..=0x7f => push(number as i8 as u8, &[]),
        0x80..=0xff => push(0xcc, &[number as u8]),
        0x100..=0xffff => push(0xcd, &(number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => push(0xce, &(number as u32).to_be_bytes()),
        0x1_0000_0000.. => push(0xcf, &number.to_be_bytes()),
        -0x80..-0x20 => push(0xd0, &[number as i8 as u8]),
        -0x8000..-0x80 => push(0xd1, &(number as i16).to_be_bytes()),
        -0x8000_0000..-0x8000 => push(0xd2, &(number as i32).to_be_bytes()),
        _ => push(0xd3, &number.to_be_bytes()),
    }
}

/// Writes a number as an integer if it is one, else in the fewest bytes that hold it.
fn write_float(out: &mut Vec<u8>, number: f64) {
    let is_integer =
        number >= i64::MIN as f64 && number < i64::MAX as f64 && number.trunc() == number;
    let short = number as f32;
    if is_integer {
        write_integer(out, number as i64);
    } else if f64::from(short) == number {
        out.push(0xca);
        out.extend_from_slice(&short.to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// Writes a table with the numbers from 1 on and no others as an array, any other as a map.
fn write_table(out: &mut Vec<u8>, table: &Table, depth: usize) -> Result<()> {
    let (mut count, mut max, mut is_array) = (0_usize, 0_i64, true);
    for pair in table.pairs::<Value, Value>() {
        match pair?.0 {
            Value::Integer(number @ 1..) => max = max.max(number),
            _ => is_array = false,
        }
        count += 1;
    }
    if is_array && max as usize == count {
        match count {
            0..16 => out.push(0x90 | count as u8),
            _ => write_len(out, count, [None, Some(0xdc), Some(0xdd)]),
        }
        for number in 1..=count {
            write(out, &table.raw_get(number)?, depth + 1)?;
        }
        return Ok(());
    }
    match count {
        0..16 => out.push(0x80 | count as u8),
        _ => write_len(out, count, [None, Some(0xde), Some(0xdf)]),
    }
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        write(out, &key, depth + 1)?;
        write(out, &value, depth + 1)?;
    }
    Ok(())
}

/// Reads values from a text, all of them or so many from an offset on; in that case the offset behind
/// them comes first, -1 at the end.
fn read(lua: &Lua, args: &MultiValue, limit: Option<i64>, offset: i64) -> Result<MultiValue> {
    let value = args.front().cloned().unwrap_or_default();
    let found = if args.is_empty() { "no value" } else { value.type_name() };
    let Some(text) = lua.coerce_string(value)? else {
        let text = format!("bad argument #1 to 'unpack' (string expected, got {found})");
        return Err(raise::plain(lua, &text));
    };
    let text = text.as_bytes();
    let len = text.len();
    let (Ok(start), Ok(most)) =
        (usize::try_from(offset), usize::try_from(limit.unwrap_or(i64::MAX)))
    else {
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {len}.");
        return Err(raise::plain(lua, &text));
    };
    if start > len {
        let text = format!("Start offset {start} greater than input length {len}.");
        return Err(raise::plain(lua, &text));
    }
    let mut reader = Reader { lua, rest: &text[start..] };
    let mut values = Vec::new();
    while !reader.rest.is_empty() && values.len() < most {
        if values.len() == RESULTS_MAX {
            return Err(raise::plain(lua, "too many results to unpack"));
        }
        values.push(reader.value(0).map_err(|failure| failure.into_error(lua))?);
    }
    if limit.is_some() {
        let next = if reader.rest.is_empty() { -1 } else { (len - reader.rest.len()) as i64 };
        values.insert(0, Value::Integer(next));
    }
    Ok(MultiValue::from_vec(values))
}

/// Why a text cannot be read.
enum Failure {
    Text(&'static str),
    Lua(mlua::Error),
}

impl Failure {
    fn into_error(self, lua: &Lua) -> mlua::Error {
        match self {
            Failure::Text(text) => raise::plain(lua, text),
            Failure::Lua(error) => error,
        }
    }
}

impl From<mlua::Error> for Failure {
    fn from(error: mlua::Error) -> Failure {
        Failure::Lua(error)
    }
}

struct Reader<'a> {
    lua: &'a Lua,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: usize) -> result::Result<&'a [u8], Failure> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Failure::Text(MISSING))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// An unsigned integer of so many bytes.
    fn unsigned(&mut self, len: usize) -> result::Result<u64, Failure> {
        let bytes = self.bytes(len)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A signed integer of so many bytes.
    fn signed(&mut self, len: usize) -> result::Result<i64, Failure> {
        let unused_bits = u64::BITS - 8 * len as u32;
        Ok((self.unsigned(len)? << unused_bits).cast_signed() >> unused_bits)
    }

    fn len(&mut self, len: usize) -> result::Result<usize, Failure> {
        Ok(self.unsigned(len)? as usize)
    }

    fn value(&mut self, depth: usize) -> result::Result<Value, Failure> {
        if depth > READ_DEPTH_MAX {
            return Err(Failure::Text(MALFORMED));
        }
        let kind = self.bytes(1)?[0];
        Ok(match kind {
            0..=0x7f => Value::Integer(kind.into()),
            0xe0.. => Value::Integer(kind.cast_signed().into()),
            0x80..=0x8f => self.map((kind & 0xf).into(), depth)?,
            0x90..=0x9f => self.array((kind & 0xf).into(), depth)?,
            0xa0..=0xbf => self.string((kind & 0x1f).into())?,
            0xc0 => Value::Nil,
            0xc2 | 0xc3 => Value::Boolean(kind == 0xc3),
            0xca => Value::Number(f32::from_bits(self.unsigned(4)? as u32).into()),
            0xcb => Value::Number(f64::from_bits(self.unsigned(8)?)),
            0xcc..=0xcf => Value::Number(self.unsigned(1 << (kind - 0xcc))? as f64),
            0xd0..=0xd3 => Value::Number(self.signed(1 << (kind - 0xd0))? as f64),
            0xc4..=0xc6 => {
                let len = self.len(1 << (kind - 0xc4))?;
                self.string(len)?
            }
            0xd9..=0xdb => {
                let len = self.len(1 << (kind - 0xd9))?;
                self.string(len)?
            }
            0xdc | 0xdd => {
                let len = self.len(2 << (kind - 0xdc))?;
                self.array(len, depth)?
            }
            0xde | 0xdf => {
                let len = self.len(2 << (kind - 0xde))?;
                self.map(len, depth)?
            }
            _ => return Err(Failure::Text(MALFORMED)),
        })
    }

    fn string(&mut self, len: usize) -> result::Result<Value, Failure> {
        Ok(Value::String(self.lua.create_string(self.bytes(len)?)?))
    }

    fn array(&mut self, len: usize, depth: usize) -> result::Result<Value, Failure> {
        let table = self.lua.create_table()?;
        for number in 1..=len {
            table.raw_set(number, self.value(depth + 1)?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, len: usize, depth: usize) -> result::Result<Value, Failure> {
        let table = self.lua.create_table()?;
        for _ in 0..len {
            let (key, value) = (self.value(depth + 1)?, self.value(depth + 1)?);
            // Neither can be a key in Lua.
            if key.is_nil() || key.as_f64().is_some_and(f64::is_nan) {
                return Err(Failure::Text(MALFORMED));
            }
            table.raw_set(key, value)?;
        }
        Ok(Value::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cases: &[(&str, &str)]) {
        let lua = Lua::new();
        lua.globals().set("cmsgpack", library(&lua).unwrap()).unwrap();
        let hex = "local function hex(s) return (s:gsub('.', function(c) \
                   return ('%02x'):format(c:byte()) end)) end ";
        for (code, expected) in cases {
            let body = format!(
                "{hex} local ok, text = pcall(function() {code} end) return tostring(text)"
            );
            let found: String = lua.load(body).eval().unwrap();
            assert!(found.contains(expected), "{code}: {found}");
        }
    }

    #[test]
    fn values_are_written_in_the_shortest_form() {
        check(&[
            (
                "return hex(cmsgpack.pack(1, -1, 127, 128, 65536, -33, -32769))",
                "01ff7fcc80ce00010000d0dfd2ffff7fff",
            ),
            ("return hex(cmsgpack.pack(0.5, 0.1))", "ca3f000000cb3fb999999999999a"),
            ("return hex(cmsgpack.pack('abc', true, nil))", "a3616263c3c0"),
            ("return hex(cmsgpack.pack({1, {}}, {a = 1}))", "92019081a16101"),
            ("return hex(cmsgpack.pack(('x'):rep(40))):sub(1, 6)", "d92878"),
            (
                "local t = {} t[1] = t return hex(cmsgpack.pack(t))",
                "91919191919191919191919191919191c0",
            ),
        ]);
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        check(&[
            ("return cmsgpack.unpack(cmsgpack.pack({1, 2, {x = 'y'}}))[3].x", "y"),
            ("return cmsgpack.unpack(cmsgpack.pack(-40000))", "-40000"),
            ("return select(2, cmsgpack.unpack('\\1\\2'))", "2"),
            ("return table.concat({cmsgpack.unpack_one('\\1\\2')}, ',')", "1,1"),
            ("return table.concat({cmsgpack.unpack_one('\\1\\2', 1)}, ',')", "-1,2"),
            ("return table.concat({cmsgpack.unpack_limit('\\1\\2\\3', 2, 0)}, ',')", "2,1,2"),
            ("return cmsgpack.unpack('\\221\\255\\255\\255\\255')", MISSING),
            ("return cmsgpack.unpack('\\193')", MALFORMED),
            ("return cmsgpack.unpack('\\129\\192\\1')", MALFORMED),
            ("return cmsgpack.unpack(('\\145'):rep(5000))", MALFORMED),
            ("return cmsgpack.unpack_one('x', 5)", "Start offset 5 greater than input length 1."),
            ("return cmsgpack.unpack_one('x', -5)", "Invalid request to unpack"),
        ]);
    }
}
