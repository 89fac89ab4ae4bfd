//! `bit`: operations on 32-bit integers, as Lua BitOp 1.0.2 has them.
//!
//! Source of the semantics: <https://bitop.luajit.org/semantics.html>.

use crate::command::script::raise;
use mlua::{Lua, MultiValue, Result, Table};

/// Digits of `bit.tohex` at most.
const DIGITS_MAX: u32 = 8;

/// The library.
///
/// # Errors
/// There is not enough memory.
pub fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    unary(lua, &table, "tobit", |bits| bits)?;
    unary(lua, &table, "bnot", |bits| !bits)?;
    unary(lua, &table, "bswap", u32::swap_bytes)?;
    folded(lua, &table, "band", |a, b| a & b)?;
    folded(lua, &table, "bor", |a, b| a | b)?;
    folded(lua, &table, "bxor", |a, b| a ^ b)?;
    shift(lua, &table, "lshift", |bits, by| bits << by)?;
    shift(lua, &table, "rshift", |bits, by| bits >> by)?;
    shift(lua, &table, "arshift", |bits, by| (bits.cast_signed() >> by).cast_unsigned())?;
    shift(lua, &table, "rol", u32::rotate_left)?;
    shift(lua, &table, "ror", u32::rotate_right)?;
    let tohex = |lua: &Lua, args: MultiValue| {
        let bits = bits(lua, &args, 0, "tohex")?;
        let digits = match args.get(1) {
            Some(_) => self::bits(lua, &args, 1, "tohex")?.cast_signed(),
            None => DIGITS_MAX as i32,
        };
        Ok(hexadecimal(bits, digits))
    };
    table.raw_set("tohex", lua.create_function(tohex)?)?;
    Ok(table)
}

fn unary(lua: &Lua, table: &Table, name: &'static str, operation: fn(u32) -> u32) -> Result<()> {
    let function =
        move |lua: &Lua, args: MultiValue| Ok(operation(bits(lua, &args, 0, name)?).cast_signed());
    table.raw_set(name, lua.create_function(function)?)
}

fn folded(
    lua: &Lua,
    table: &Table,
    name: &'static str,
    operation: fn(u32, u32) -> u32,
) -> Result<()> {
    let function = move |lua: &Lua, args: MultiValue| {
        let mut result = bits(lua, &args, 0, name)?;
        for index in 1..args.len() {
            result = operation(result, bits(lua, &args, index, name)?);
        }
        Ok(result.cast_signed())
    };
    table.raw_set(name, lua.create_function(function)?)
}

fn shift(
    lua: &Lua,
    table: &Table,
    name: &'static str,
    operation: fn(u32, u32) -> u32,
) -> Result<()> {
    let function = move |lua: &Lua, args: MultiValue| {
        let (value, by) = (bits(lua, &args, 0, name)?, bits(lua, &args, 1, name)?);
        Ok(operation(value, by % u32::BITS).cast_signed())
    };
    table.raw_set(name, lua.create_function(function)?)
}

/// An argument as 32 bits: the nearest integer modulo 2^32.
fn bits(lua: &Lua, args: &MultiValue, index: usize, name: &str) -> Result<u32> {
    let value = args.get(index).cloned().unwrap_or_default();
    let found = value.type_name();
    let Some(number) = lua.coerce_number(value)? else {
        let found = if index < args.len() { found } else { "no value" };
        let number = index + 1;
        let text = format!("bad argument #{number} to '{name}' (number expected, got {found})");
        return Err(raise::plain(lua, &text));
    };
    const MODULUS: f64 = 4_294_967_296.0;
    Ok(number.round_ties_even().rem_euclid(MODULUS) as u32)
}

/// The lowest `digits` digits, in capitals if that is negative.
fn hexadecimal(bits: u32, digits: i32) -> String {
    let count = digits.unsigned_abs().min(DIGITS_MAX) as usize;
    let all = if digits < 0 { format!("{bits:08X}") } else { format!("{bits:08x}") };
    all[all.len() - count..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_32_bits() {
        let lua = Lua::new();
        lua.globals().set("bit", library(&lua).unwrap()).unwrap();
        for (expression, expected) in [
            ("bit.tobit(0xffffffff)", "-1"),
            ("bit.tobit(2^40 + 1.5)", "2"),
            ("bit.bnot(0)", "-1"),
            ("bit.bor(1, 2, 4)", "7"),
            ("bit.band(0x12345678, 0xff)", "120"),
            ("bit.bxor(-1, 1)", "-2"),
            ("bit.lshift(1, 33)", "2"),
            ("bit.rshift(-1, 28)", "15"),
            ("bit.arshift(-256, 8)", "-1"),
            ("bit.rol(0x12345678, 12)", "1164411171"),
            ("bit.ror(0x12345678, 12)", "1736516421"),
            ("bit.bswap(0x12345678)", "2018915346"),
            ("bit.tohex(255)", "000000ff"),
            ("bit.tohex(255, -4)", "00FF"),
            // CVE-2024-31449.
            ("bit.tohex(65535, -2147483648)", "0000FFFF"),
        ] {
            let value: String = lua.load(format!("return tostring({expression})")).eval().unwrap();
            assert_eq!(value, expected, "{expression}");
        }
    }
}
