//! `cjson`: JSON as lua-cjson 2.1.0 reads and writes it.
//!
//! Invariant: a text is read and a table written in bounded depth; what is written in bounded length.

mod decode;
mod encode;

use crate::command::script::raise;
use mlua::{Lua, MultiValue, Result, Table, Value};
use std::cell::Cell;
use std::rc::Rc;

/// Tables within one another that can be read or written at most, whatever scripts ask for.
const DEPTH_MAX: u32 = 1000;

/// What scripts can set.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Tables with few of many numbers become objects, instead of an error.
    sparse_converted: bool,
    /// So many times as many numbers as values are few; 0 means never.
    sparse_ratio: u32,
    /// Arrays up to this number are never sparse.
    sparse_safe: u32,
    encode_depth: u32,
    decode_depth: u32,
    /// Significant digits of numbers.
    precision: u8,
    keeps_buffer: bool,
    /// What becomes of numbers that JSON does not have.
    encode_invalid: Invalid,
    decode_invalid: bool,
}

/// What becomes of numbers that JSON does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            sparse_converted: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: DEPTH_MAX,
            decode_depth: DEPTH_MAX,
            precision: 14,
            keeps_buffer: true,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
        }
    }
}

/// The library, with its settings.
///
/// # Errors
/// There is not enough memory.
pub fn library(lua: &Lua, settings: &Rc<Cell<Settings>>) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    table.raw_set("null", Value::NULL)?;
    let own = settings.clone();
    let encode = move |lua: &Lua, args: MultiValue| {
        let value = only_argument(lua, &args, "encode")?;
        let text = encode::encode(&value, &own.get()).map_err(|text| raise::plain(lua, &text))?;
        lua.create_string(text)
    };
    table.raw_set("encode", lua.create_function(encode)?)?;
    let own = settings.clone();
    let decode = move |lua: &Lua, args: MultiValue| {
        let value = only_argument(lua, &args, "decode")?;
        let found = value.type_name();
        let Some(text) = lua.coerce_string(value)? else {
            let text = format!("bad argument #1 to 'decode' (string expected, got {found})");
            return Err(raise::plain(lua, &text));
        };
        decode::decode(lua, &text.as_bytes(), &own.get())
    };
    table.raw_set("decode", lua.create_function(decode)?)?;
    setters(lua, &table, settings)?;
    table.raw_set("new", lua.create_function(|lua, ()| library(lua, &Rc::default()))?)?;
    Ok(table)
}

fn only_argument(lua: &Lua, args: &MultiValue, name: &str) -> Result<Value> {
    match args.len() {
        1 => Ok(args[0].clone()),
        _ => {
            let text = format!("bad argument #1 to '{name}' (expected 1 argument)");
            Err(raise::plain(lua, &text))
        }
    }
}

/// The functions that set something, if they are given something, and return what is set.
fn setters(lua: &Lua, table: &Table, settings: &Rc<Cell<Settings>>) -> Result<()> {
    setter(lua, table, settings, "encode_sparse_array", |settings, args| {
        settings.sparse_converted = args.flag(0, settings.sparse_converted)?;
        settings.sparse_ratio = args.number(1, settings.sparse_ratio, 0, i32::MAX)?;
        settings.sparse_safe = args.number(2, settings.sparse_safe, 0, i32::MAX)?;
        let numbers = [settings.sparse_ratio, settings.sparse_safe];
        let numbers = numbers.map(|number| Value::Integer(number.into()));
        Ok([vec![Value::Boolean(settings.sparse_converted)], numbers.to_vec()].concat())
    })?;
    setter(lua, table, settings, "encode_max_depth", |settings, args| {
        settings.encode_depth = args.number(0, settings.encode_depth, 1, i32::MAX)?;
        Ok(vec![Value::Integer(settings.encode_depth.into())])
    })?;
    setter(lua, table, settings, "decode_max_depth", |settings, args| {
        settings.decode_depth = args.number(0, settings.decode_depth, 1, i32::MAX)?;
        Ok(vec![Value::Integer(settings.decode_depth.into())])
    })?;
    setter(lua, table, settings, "encode_number_precision", |settings, args| {
        settings.precision = args.number(0, settings.precision.into(), 1, 14)? as u8;
        Ok(vec![Value::Integer(settings.precision.into())])
    })?;
    setter(lua, table, settings, "encode_keep_buffer", |settings, args| {
        settings.keeps_buffer = args.flag(0, settings.keeps_buffer)?;
        Ok(vec![Value::Boolean(settings.keeps_buffer)])
    })?;
    setter(lua, table, settings, "decode_invalid_numbers", |settings, args| {
        settings.decode_invalid = args.flag(0, settings.decode_invalid)?;
        Ok(vec![Value::Boolean(settings.decode_invalid)])
    })?;
    let own = settings.clone();
    let invalid = move |lua: &Lua, args: MultiValue| {
        let mut settings = own.get();
        settings.encode_invalid = match args.front() {
            None | Some(Value::Nil) => settings.encode_invalid,
            Some(Value::Boolean(false)) => Invalid::Refused,
            Some(Value::Boolean(true)) => Invalid::Written,
            Some(Value::String(word)) if *word == "off" => Invalid::Refused,
            Some(Value::String(word)) if *word == "on" => Invalid::Written,
            Some(Value::String(word)) if *word == "null" => Invalid::Null,
            Some(_) => {
                let text = "bad argument #1 to 'encode_invalid_numbers' (invalid option)";
                return Err(raise::plain(lua, text));
            }
        };
        own.set(settings);
        Ok(match settings.encode_invalid {
            Invalid::Refused => Value::Boolean(false),
            Invalid::Written => Value::Boolean(true),
            Invalid::Null => Value::String(lua.create_string("null")?),
        })
    };
    table.raw_set("encode_invalid_numbers", lua.create_function(invalid)?)
}

type Set = fn(&mut Settings, &Arguments<'_>) -> std::result::Result<Vec<Value>, String>;

fn setter(
    lua: &Lua,
    table: &Table,
    settings: &Rc<Cell<Settings>>,
    name: &'static str,
    set: Set,
) -> Result<()> {
    let own = settings.clone();
    let function = move |lua: &Lua, args: MultiValue| {
        let mut settings = own.get();
        let values = set(&mut settings, &Arguments { name, args: &args });
        let values = values.map_err(|text| raise::plain(lua, &text))?;
        own.set(settings);
        Ok(MultiValue::from_vec(values))
    };
    table.raw_set(name, lua.create_function(function)?)
}

/// The arguments of a function that sets something.
struct Arguments<'a> {
    name: &'static str,
    args: &'a MultiValue,
}

impl Arguments<'_> {
    fn flag(&self, index: usize, unless_given: bool) -> std::result::Result<bool, String> {
        match self.args.get(index) {
            None | Some(Value::Nil) => Ok(unless_given),
            Some(Value::Boolean(value)) => Ok(*value),
            Some(Value::String(word)) if *word == "on" => Ok(true),
            Some(Value::String(word)) if *word == "off" => Ok(false),
            Some(_) => {
                Err(format!("bad argument #{} to '{}' (invalid option)", index + 1, self.name))
            }
        }
    }

    fn number(
        &self,
        index: usize,
        unless_given: u32,
        min: i32,
        max: i32,
    ) -> std::result::Result<u32, String> {
        let number = match self.args.get(index) {
            None | Some(Value::Nil) => return Ok(unless_given),
            Some(Value::Integer(number)) => *number,
            Some(Value::Number(number)) => *number as i64,
            Some(_) => i64::MIN,
        };
        match u32::try_from(number) {
            Ok(number) if (min.cast_unsigned()..=max.cast_unsigned()).contains(&number) => {
                Ok(number)
            }
            _ => {
                let place = format!("bad argument #{} to '{}'", index + 1, self.name);
                Err(format!("{place} (expected integer between {min} and {max})"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
