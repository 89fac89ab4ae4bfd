//! `bit`: operations on 32-bit integers, as Lua BitOp 1.0.2 has them.
//!
//! Source of the semantics: <https://bitop.luajit.org/semantics.html>.

use crate::command::script::raise;
use mlua::{Lua, MultiValue, Result, Table};

/// Digits of `bit.tohex` at most.
const DIGITS_MAX: u32 = 8;

/// What a function does with its arguments.
#[derive(Clone, Copy)]
enum Operation {
    Unary(fn(u32) -> u32),
    /// Of any number of arguments, one after the other.
    Folded(fn(u32, u32) -> u32),
    /// By so many places, of which the lowest five bits count.
    Shift(fn(u32, u32) -> u32),
}

const OPERATIONS: [(&str, Operation); 11] = [
    ("tobit", Operation::Unary(|bits| bits)),
    ("bnot", Operation::Unary(|bits| !bits)),
    ("bswap", Operation::Unary(u32::swap_bytes)),
    ("band", Operation::Folded(|a, b| a & b)),
    ("bor", Operation::Folded(|a, b| a | b)),
    ("bxor", Operation::Folded(|a, b| a ^ b)),
    ("lshift", Operation::Shift(|bits, by| bits << by)),
    ("rshift", Operation::Shift(|bits, by| bits >> by)),
    ("arshift", Operation::Shift(|bits, by| (bits.cast_signed() >> by).cast_unsigned())),
    ("rol", Operation::Shift(u32::rotate_left)),
    ("ror", Operation::Shift(u32::rotate_right)),
];

/// The library.
///
/// # Errors
/// There is not enough memory.
pub fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    for (name, operation) in OPERATIONS {
        let function = move |lua: &Lua, args: MultiValue| {
            let bits = |index| bits(lua, &args, index, name);
            let result = match operation {
                Operation::Unary(of) => of(bits(0)?),
                Operation::Folded(of) => {
                    let rest = |result, index| bits(index).map(|bits| of(result, bits));
                    (1..args.len()).try_fold(bits(0)?, rest)?
                }
                Operation::Shift(of) => of(bits(0)?, bits(1)? % u32::BITS),
            };
            Ok(result.cast_signed())
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
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
