//! `struct`: values in fixed binary forms, as the library of that name, version 0.2, has them.
//!
//! Source of the formats: <http://www.inf.puc-rio.br/~roberto/struct/>.
//!
//! Invariant: sizes come from the format and are bounded before anything is allocated by them.

use crate::command::script::engine::BYTES_MAX;
use crate::command::script::raise;
use mlua::{Lua, LuaString, MultiValue, Result, Table, Value};
use std::result;

/// Bytes of an integer at most.
const INTEGER_BYTES_MAX: usize = 32;
/// Values that one call returns: Lua's stack holds 8000.
const RESULTS_MAX: usize = 7900;
/// `!` without a number.
const NATIVE_ALIGN: usize = 8;

/// The library.
///
/// # Errors
/// There is not enough memory.
pub fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let packs = |lua: &Lua, args: MultiValue| {
        lua.create_string(pack(lua, &args).map_err(|failure| failure.into_error(lua))?)
    };
    table.raw_set("pack", lua.create_function(packs)?)?;
    let unpacks =
        |lua: &Lua, args: MultiValue| unpack(lua, &args).map_err(|failure| failure.into_error(lua));
    table.raw_set("unpack", lua.create_function(unpacks)?)?;
    let sizes =
        |lua: &Lua, args: MultiValue| size(lua, &args).map_err(|failure| failure.into_error(lua));
    table.raw_set("size", lua.create_function(sizes)?)?;
    Ok(table)
}

/// Why something was refused.
enum Failure {
    Text(String),
    Lua(mlua::Error),
}

impl Failure {
    fn into_error(self, lua: &Lua) -> mlua::Error {
        match self {
            Failure::Text(text) => raise::plain(lua, &text),
            Failure::Lua(error) => error,
        }
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Failure {
        Failure::Text(text)
    }
}

impl From<mlua::Error> for Failure {
    fn from(error: mlua::Error) -> Failure {
        Failure::Lua(error)
    }
}

fn argument(number: usize, name: &str, reason: &str) -> Failure {
    format!("bad argument #{number} to '{name}' ({reason})").into()
}

/// A format on its way.
struct Format<'a> {
    name: &'static str,
    rest: &'a [u8],
    big_endian: bool,
    align: usize,
}

/// A value of a format.
struct Item {
    option: u8,
    /// Bytes; 0 for those that the value itself tells.
    size: usize,
    /// Bytes in front of it.
    padding: usize,
}

impl<'a> Format<'a> {
    fn new(name: &'static str, format: &'a [u8]) -> Format<'a> {
        let end = format.iter().position(|byte| *byte == 0).unwrap_or(format.len());
        Format { name, rest: &format[..end], big_endian: false, align: 1 }
    }

    /// The next value, which would begin at `at`.
    fn next(&mut self, at: usize) -> result::Result<Option<Item>, Failure> {
        while let Some((&option, rest)) = self.rest.split_first() {
            self.rest = rest;
            let size = match option {
                b'b' | b'B' | b'x' => 1,
                b'h' | b'H' => 2,
                b'f' => 4,
                b'l' | b'L' | b'T' | b'd' => 8,
                b'c' => self.number(1)?,
                b'i' | b'I' => self.integer_size()?,
                b's' => 0,
                _ => {
                    self.control(option)?;
                    continue;
                }
            };
            let unit = size.min(self.align);
            let aligned = option != b'c' && unit > 1;
            let padding = if aligned { unit.wrapping_sub(at & (unit - 1)) & (unit - 1) } else { 0 };
            return Ok(Some(Item { option, size, padding }));
        }
        Ok(None)
    }

    fn control(&mut self, option: u8) -> result::Result<(), Failure> {
        match option {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                self.align = self.number(NATIVE_ALIGN)?;
                if !self.align.is_power_of_two() {
                    let align = self.align;
                    return Err(format!("alignment {align} is not a power of 2").into());
                }
            }
            _ => {
                let reason = format!("invalid format option '{}'", char::from(option));
                return Err(argument(1, self.name, &reason));
            }
        }
        Ok(())
    }

    fn integer_size(&mut self) -> result::Result<usize, Failure> {
        let size = self.number(4)?;
        if size > INTEGER_BYTES_MAX {
            let text = format!("integral size {size} is larger than limit of {INTEGER_BYTES_MAX}");
            return Err(text.into());
        }
        Ok(size)
    }

    /// The number that comes next, if one does.
    fn number(&mut self, unless_given: usize) -> result::Result<usize, Failure> {
        let len = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(len);
        self.rest = rest;
        let add =
            |number: i32, digit: &u8| number.checked_mul(10)?.checked_add(i32::from(*digit - b'0'));
        match digits.iter().try_fold(0_i32, add) {
            _ if len == 0 => Ok(unless_given),
            Some(number) => Ok(number.unsigned_abs() as usize),
            None => Err("integral size overflow".to_owned().into()),
        }
    }

    /// Bytes in the chosen order, from little endian ones or back.
    fn ordered(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }
}

fn text(
    lua: &Lua,
    name: &str,
    args: &MultiValue,
    index: usize,
) -> result::Result<LuaString, Failure> {
    let value = args.get(index).cloned().unwrap_or_default();
    let found = if index < args.len() { value.type_name() } else { "no value" };
    let reason = || format!("string expected, got {found}");
    lua.coerce_string(value)?.ok_or_else(|| argument(index + 1, name, &reason()))
}

fn number(lua: &Lua, args: &MultiValue, index: usize) -> result::Result<f64, Failure> {
    let value = args.get(index).cloned().unwrap_or_default();
    let found = if index <= args.len() { value.type_name() } else { "no value" };
    let reason = || format!("number expected, got {found}");
    lua.coerce_number(value)?.ok_or_else(|| argument(index + 1, "pack", &reason()))
}

/// struct.pack(format, value, ...)
fn pack(lua: &Lua, args: &MultiValue) -> result::Result<Vec<u8>, Failure> {
    let source = text(lua, "pack", args, 0)?;
    let source = source.as_bytes();
    let mut format = Format::new("pack", &source);
    let (mut out, mut index) = (Vec::new(), 1);
    while let Some(Item { option, size, padding }) = format.next(out.len())? {
        if out.len() + padding + size > BYTES_MAX {
            return Err("too large for struct.pack".to_owned().into());
        }
        out.resize(out.len() + padding, 0);
        match option {
            b'x' => out.push(0),
            b'f' => {
                let bytes = (number(lua, args, index)? as f32).to_le_bytes();
                out.extend(format.ordered(bytes.to_vec()));
            }
            b'd' => {
                let bytes = number(lua, args, index)?.to_le_bytes();
                out.extend(format.ordered(bytes.to_vec()));
            }
            b'c' | b's' => {
                let value = text(lua, "pack", args, index)?;
                let value = value.as_bytes();
                let len = if size == 0 { value.len() } else { size };
                let short = || argument(index + 1, "pack", "string too short");
                out.extend_from_slice(value.get(..len).ok_or_else(short)?);
                if option == b's' {
                    out.push(0);
                }
            }
            _ => {
                let value = number(lua, args, index)?;
                // Negative numbers by their two's complement of 64 bits.
                let bits = if value < 0.0 { (value as i64).cast_unsigned() } else { value as u64 };
                let mut bytes = bits.to_le_bytes().to_vec();
                bytes.resize(size, 0);
                out.extend(format.ordered(bytes));
            }
        }
        index += usize::from(option != b'x');
    }
    Ok(out)
}

/// struct.unpack(format, data [, position])
fn unpack(lua: &Lua, args: &MultiValue) -> result::Result<MultiValue, Failure> {
    const NAME: &str = "unpack";
    let (source, data) = (text(lua, NAME, args, 0)?, text(lua, NAME, args, 1)?);
    let (source, data) = (source.as_bytes(), data.as_bytes());
    let first = match args.get(2) {
        None | Some(Value::Nil) => 1.0,
        Some(value) => lua.coerce_number(value.clone())?.unwrap_or(0.0),
    };
    if first < 1.0 {
        return Err(argument(3, NAME, "offset must be 1 or greater"));
    }
    let mut format = Format::new(NAME, &source);
    let (mut at, mut values) = (first as usize - 1, Vec::new());
    let short = || argument(2, NAME, "data string too short");
    let slice = |at: usize, len: usize| data.get(at..at.checked_add(len)?);
    while let Some(Item { option, mut size, padding }) = format.next(at)? {
        at = at.saturating_add(padding);
        if values.len() == RESULTS_MAX {
            return Err("stack overflow (too many results)".to_owned().into());
        }
        let bytes = slice(at, size).ok_or_else(short)?;
        match option {
            b'x' => {}
            b'f' => {
                let bytes = format.ordered(bytes.to_vec()).try_into().unwrap_or_default();
                values.push(Value::Number(f32::from_le_bytes(bytes).into()));
            }
            b'd' => {
                let bytes = format.ordered(bytes.to_vec()).try_into().unwrap_or_default();
                values.push(Value::Number(f64::from_le_bytes(bytes)));
            }
            b'c' => {
                if size == 0 {
                    let last = values.pop().and_then(|value| value.as_f64());
                    let needs = || Failure::from("format 'c0' needs a previous size".to_owned());
                    size = last.ok_or_else(needs)? as usize;
                }
                let bytes = slice(at, size).ok_or_else(short)?;
                values.push(Value::String(lua.create_string(bytes)?));
            }
            b's' => {
                let rest = data.get(at..).unwrap_or_default();
                let unfinished = || Failure::from("unfinished string in data".to_owned());
                let len = rest.iter().position(|byte| *byte == 0).ok_or_else(unfinished)?;
                values.push(Value::String(lua.create_string(&rest[..len])?));
                size = len + 1;
            }
            _ => {
                let bytes = format.ordered(bytes.to_vec());
                values.push(Value::Number(integer(&bytes, option.is_ascii_lowercase())));
            }
        }
        at += size;
    }
    values.push(Value::Integer(at as i64 + 1));
    Ok(MultiValue::from_vec(values))
}

/// The integer in little endian bytes, of which the lowest 64 bits count.
fn integer(bytes: &[u8], is_signed: bool) -> f64 {
    let lowest = bytes.iter().take(size_of::<u64>()).enumerate();
    let bits = lowest.fold(0, |bits, (index, byte)| bits | u64::from(*byte) << (8 * index));
    let unused_bits = u64::BITS.saturating_sub(8 * bytes.len() as u32);
    match is_signed {
        true if unused_bits < u64::BITS => {
            ((bits << unused_bits).cast_signed() >> unused_bits) as f64
        }
        _ => bits as f64,
    }
}

/// struct.size(format)
fn size(lua: &Lua, args: &MultiValue) -> result::Result<i64, Failure> {
    const NAME: &str = "size";
    let source = text(lua, NAME, args, 0)?;
    let source = source.as_bytes();
    let mut format = Format::new(NAME, &source);
    let mut total = 0_usize;
    while let Some(Item { option, size, padding }) = format.next(total)? {
        match option {
            b's' => return Err(argument(1, NAME, "option 's' has no fixed size")),
            b'c' if size == 0 => return Err(argument(1, NAME, "option 'c0' has no fixed size")),
            _ => total = total.saturating_add(padding + size),
        }
    }
    Ok(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_packed_and_unpacked() {
        let lua = Lua::new();
        lua.globals().set("struct", library(&lua).unwrap()).unwrap();
        let hex = "local function hex(s) return (s:gsub('.', function(c) \
                   return ('%02x'):format(c:byte()) end)) end ";
        for (code, expected) in [
            ("return hex(struct.pack('>I2', 0x1234))", "1234"),
            ("return hex(struct.pack('<i4', -2))", "feffffff"),
            ("return hex(struct.pack('!4 b i4', 1, 2))", "0100000002000000"),
            ("return hex(struct.pack('sc2', 'ab', 'cde'))", "6162006364"),
            ("return hex(struct.pack('>d', 1))", "3ff0000000000000"),
            ("return struct.pack('c5', 'abc')", "string too short"),
            ("return table.concat({struct.unpack('<i2 B', '\\254\\255\\7')}, ',')", "-2,7,4"),
            ("return table.concat({struct.unpack('Bc0', '\\2abc')}, ',')", "ab,4"),
            ("return table.concat({struct.unpack('s', 'ab\\0c')}, ',')", "ab,4"),
            ("return struct.unpack('>I4', 'abc')", "data string too short"),
            ("return struct.unpack('c0', 'abc')", "format 'c0' needs a previous size"),
            ("return struct.unpack('B', 'a', 2^53)", "data string too short"),
            ("return struct.unpack('B', 'a', 0)", "offset must be 1 or greater"),
            ("return struct.size('!8 b d')", "16"),
            ("return struct.pack('i99', 1)", "integral size 99 is larger than limit of 32"),
            // CVE-2018-11219.
            ("return struct.pack('c99999999999', 'x')", "integral size overflow"),
            ("return struct.pack('z', 1)", "invalid format option 'z'"),
        ] {
            let body = format!(
                "{hex} local ok, text = pcall(function() {code} end) return tostring(text)"
            );
            let found: String = lua.load(body).eval().unwrap();
            assert!(found.contains(expected), "{code}: {found}");
        }
    }
}
