//! Layer 2: value types.
//!
//! What a key can hold, under the names that TYPE and OBJECT ENCODING report, and the form in
//! which a lookup shows it.
//!
//! Invariant: knows nothing of keys, databases or time.

pub mod geo;
pub mod hll;
pub mod integer;

/// What a lookup yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// A string that is stored as a number; its text is the decimal form.
    Int(i64),
    /// Any other string.
    Str(&'a [u8]),
}

impl ValueRef<'_> {
    /// The type, as TYPE names it.
    pub fn value_type(self) -> ValueType {
        match self {
            ValueRef::Int(_) | ValueRef::Str(_) => ValueType::String,
        }
    }
}

/// A value that does not fit into its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A long string.
    Bytes(Vec<u8>),
}

impl Value {
    /// The value as a lookup shows it.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Bytes(bytes) => ValueRef::Str(bytes),
        }
    }

    /// The bytes of a string; `None` for every other type.
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
        }
    }

    /// As [`Value::text`], to be changed.
    pub fn text_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
        }
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        match self {
            Value::Bytes(bytes) => bytes.capacity(),
        }
    }
}

/// The type of a value, as TYPE names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ValueType {
    String,
    List,
    Set,
    Zset,
    Hash,
    Stream,
}

impl ValueType {
    /// The name that TYPE replies.
    pub const fn name(self) -> &'static str {
        match self {
            ValueType::String => "string",
            ValueType::List => "list",
            ValueType::Set => "set",
            ValueType::Zset => "zset",
            ValueType::Hash => "hash",
            ValueType::Stream => "stream",
        }
    }

    /// The type whose discriminant is the low nibble `bits`.
    pub(crate) const fn from_bits(bits: u8) -> ValueType {
        match bits {
            0 => ValueType::String,
            1 => ValueType::List,
            2 => ValueType::Set,
            3 => ValueType::Zset,
            4 => ValueType::Hash,
            _ => ValueType::Stream,
        }
    }
}

/// How a value is represented, as OBJECT ENCODING names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Encoding {
    Int,
    Embstr,
    Raw,
}

impl Encoding {
    /// The longest string that reports `embstr`, as in Redis.
    pub const EMBSTR_BYTES_MAX: usize = 44;

    /// The name that OBJECT ENCODING replies.
    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Int => "int",
            Encoding::Embstr => "embstr",
            Encoding::Raw => "raw",
        }
    }

    /// What a string of `len` bytes that is not a number reports.
    pub const fn of_text(len: usize) -> Encoding {
        if len <= Encoding::EMBSTR_BYTES_MAX { Encoding::Embstr } else { Encoding::Raw }
    }

    /// The encoding whose discriminant is the low nibble `bits`.
    pub(crate) const fn from_bits(bits: u8) -> Encoding {
        match bits {
            0 => Encoding::Int,
            1 => Encoding::Embstr,
            _ => Encoding::Raw,
        }
    }
}
