//! Lua values as JSON.

use super::{DEPTH_MAX, Invalid, Settings};
use crate::base::num::format_g;
use crate::command::script::engine::BYTES_MAX;
use mlua::{Table, Value};

/// Writes a value.
///
/// # Errors
/// The text of the error, where JSON has no such value.
pub fn encode(value: &Value, settings: &Settings) -> Result<Vec<u8>, String> {
    let mut encoder = Encoder { out: Vec::new(), settings };
    encoder.value(value, 0)?;
    Ok(encoder.out)
}

struct Encoder<'a> {
    out: Vec<u8>,
    settings: &'a Settings,
}

impl Encoder<'_> {
    fn value(&mut self, value: &Value, depth: u32) -> Result<(), String> {
        if self.out.len() > BYTES_MAX {
            return Err("Cannot serialise, too large".to_owned());
        }
        match value {
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::LightUserData(data) if data.0.is_null() => self.out.extend_from_slice(b"null"),
            Value::Boolean(true) => self.out.extend_from_slice(b"true"),
            Value::Boolean(false) => self.out.extend_from_slice(b"false"),
            Value::Integer(number) => self.number(*number as f64)?,
            Value::Number(number) => self.number(*number)?,
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Table(table) => self.table(table, depth + 1)?,
            other => return Err(refused(other.type_name(), "type not supported")),
        }
        Ok(())
    }

    fn number(&mut self, number: f64) -> Result<(), String> {
        match self.settings.encode_invalid {
            Invalid::Refused if !number.is_finite() => {
                return Err(refused("number", "must not be NaN or Inf"));
            }
            Invalid::Written if number.is_nan() => self.out.extend_from_slice(b"nan"),
            Invalid::Null if !number.is_finite() => self.out.extend_from_slice(b"null"),
            _ => {
                let text = format_g(number, self.settings.precision);
                self.out.extend_from_slice(text.as_bytes());
            }
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        const DELETE: u8 = 0x7f;
        self.out.push(b'"');
        for &byte in text {
            match byte {
                b'"' | b'\\' | b'/' => self.out.extend_from_slice(&[b'\\', byte]),
                0x08 => self.out.extend_from_slice(b"\\b"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                0x0c => self.out.extend_from_slice(b"\\f"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                0..=0x1f | DELETE => {
                    self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                }
                _ => self.out.push(byte),
            }
        }
        self.out.push(b'"');
    }

    fn table(&mut self, table: &Table, depth: u32) -> Result<(), String> {
        if depth > self.settings.encode_depth.min(DEPTH_MAX) {
            return Err(format!("Cannot serialise, excessive nesting ({depth})"));
        }
        match self.array_len(table)? {
            Some(len) if len > 0 => self.array(table, len, depth),
            _ => self.object(table, depth),
        }
    }

    /// The highest number in a table that has only numbers from 1 on, unless it is to be an object.
    fn array_len(&self, table: &Table) -> Result<Option<u64>, String> {
        let (mut max, mut count) = (0_u64, 0_u64);
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair.map_err(|error| error.to_string())?;
            match key {
                Value::Integer(number @ 1..) => max = max.max(number.cast_unsigned()),
                _ => return Ok(None),
            }
            count += 1;
        }
        let (ratio, safe) = (self.settings.sparse_ratio.into(), self.settings.sparse_safe.into());
        if ratio > 0 && max > count.saturating_mul(ratio) && max > safe {
            return match self.settings.sparse_converted {
                true => Ok(None),
                false => Err(refused("table", "excessively sparse array")),
            };
        }
        Ok(Some(max))
    }

    fn array(&mut self, table: &Table, len: u64, depth: u32) -> Result<(), String> {
        self.out.push(b'[');
        for number in 1..=len {
            if number > 1 {
                self.out.push(b',');
            }
            let value: Value = table.raw_get(number).map_err(|error| error.to_string())?;
            self.value(&value, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: u32) -> Result<(), String> {
        self.out.push(b'{');
        let mut is_first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|error| error.to_string())?;
            if !std::mem::take(&mut is_first) {
                self.out.push(b',');
            }
            match key {
                Value::Integer(number) => self.number_key(number as f64)?,
                Value::Number(number) => self.number_key(number)?,
                Value::String(text) => self.string(&text.as_bytes()),
                _ => return Err(refused("table", "table key must be a number or string")),
            }
            self.out.push(b':');
            self.value(&value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn number_key(&mut self, number: f64) -> Result<(), String> {
        self.out.push(b'"');
        self.number(number)?;
        self.out.push(b'"');
        Ok(())
    }
}

fn refused(kind: &str, reason: &str) -> String {
    format!("Cannot serialise {kind}: {reason}")
}
