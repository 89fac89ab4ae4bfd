//! Layer 2: value types.
//!
//! What a key can hold, under the names that TYPE and OBJECT ENCODING report, and the form in
//! which a lookup shows it.
//!
//! Invariant: knows nothing of keys, databases or time.

pub mod geo;
pub mod hash;
pub mod hll;
pub mod integer;
pub mod list;
pub mod set;
pub mod stream;
pub mod zset;

use self::hash::{Hash, HashRef};
use self::list::{List, ListRef};
use self::set::{Set, SetRef};
use self::stream::Stream;
use self::zset::{Zset, ZsetRef};
use crate::base::alloc;
use crate::ds::dict::Dict;

/// A string, as a lookup yields it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringRef<'a> {
    /// One that is stored as a number; its text is the decimal form.
    Int(i64),
    /// Any other.
    Str(&'a [u8]),
}

/// What a lookup yields.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    String(StringRef<'a>),
    List(ListRef<'a>),
    Set(SetRef<'a>),
    Zset(ZsetRef<'a>),
    Hash(HashRef<'a>),
    Stream(&'a Stream),
}

impl<'a> ValueRef<'a> {
    /// The value that an entry holds as `bytes`, which [`Value::packed`] or
    /// [`integer::pack`] made.
    #[inline]
    pub fn from_packed(value_type: ValueType, encoding: Encoding, bytes: &'a [u8]) -> ValueRef<'a> {
        match value_type {
            ValueType::String if encoding == Encoding::Int => {
                ValueRef::String(StringRef::Int(integer::unpack(bytes)))
            }
            ValueType::String => ValueRef::String(StringRef::Str(bytes)),
            ValueType::List => ValueRef::List(ListRef::from_packed(encoding, bytes)),
            ValueType::Set => ValueRef::Set(SetRef::from_packed(encoding, bytes)),
            ValueType::Zset => ValueRef::Zset(ZsetRef::from_packed(encoding, bytes)),
            ValueType::Hash => ValueRef::Hash(HashRef::from_packed(encoding, bytes)),
            ValueType::Stream => unreachable!("no stream lies in its entry"),
        }
    }

    /// What keeps the elements of a big collection by name, where it has such.
    #[inline]
    pub fn dict(self) -> Option<&'a Dict> {
        match self {
            ValueRef::Set(SetRef::Table(dict)) => Some(dict),
            ValueRef::Zset(ZsetRef::Tree(tree)) => Some(tree.dict()),
            ValueRef::Hash(HashRef::Table(table)) => Some(table.dict()),
            _ => None,
        }
    }

    /// The type, as TYPE names it.
    pub fn value_type(self) -> ValueType {
        match self {
            ValueRef::String(_) => ValueType::String,
            ValueRef::List(_) => ValueType::List,
            ValueRef::Set(_) => ValueType::Set,
            ValueRef::Zset(_) => ValueType::Zset,
            ValueRef::Hash(_) => ValueType::Hash,
            ValueRef::Stream(_) => ValueType::Stream,
        }
    }
}

/// A value outside of an entry: because it does not fit, or on its way in or out.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string that is no number.
    Bytes(Vec<u8>),
    List(List),
    Set(Set),
    Zset(Zset),
    Hash(Hash),
    Stream(Box<Stream>),
}

/// A type of collection that a key can hold.
pub trait Collection: Default + Into<Value> {
    /// The type of every value that is one.
    const TYPE: ValueType;

    /// The collection that `value` is, if it is of this type.
    fn of(value: &mut Value) -> Option<&mut Self>;
}

macro_rules! collection {
    ($name:ident) => {
        impl From<$name> for Value {
            fn from(value: $name) -> Value {
                Value::$name(value)
            }
        }

        impl Collection for $name {
            const TYPE: ValueType = ValueType::$name;

            #[inline]
            fn of(value: &mut Value) -> Option<&mut $name> {
                match value {
                    Value::$name(value) => Some(value),
                    _ => None,
                }
            }
        }
    };
}

collection!(List);
collection!(Set);
collection!(Zset);
collection!(Hash);

impl From<Stream> for Value {
    fn from(stream: Stream) -> Value {
        Value::Stream(Box::new(stream))
    }
}

impl Collection for Stream {
    const TYPE: ValueType = ValueType::Stream;

    #[inline]
    fn of(value: &mut Value) -> Option<&mut Stream> {
        match value {
            Value::Stream(stream) => Some(stream),
            _ => None,
        }
    }
}

impl Value {
    /// The value that an entry held as `bytes`; not for numbers.
    pub fn from_packed(value_type: ValueType, encoding: Encoding, bytes: Vec<u8>) -> Value {
        match value_type {
            ValueType::String => Value::Bytes(bytes),
            ValueType::List => Value::List(List::from_packed(encoding, bytes)),
            ValueType::Set => Value::Set(Set::from_packed(encoding, bytes)),
            ValueType::Zset => Value::Zset(Zset::from_packed(encoding, bytes)),
            ValueType::Hash => Value::Hash(Hash::from_packed(encoding, bytes)),
            ValueType::Stream => unreachable!("no stream lies in its entry"),
        }
    }

    /// The bytes that stand for the value in an entry, if it is in an encoding that has them.
    pub fn packed(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            Value::List(list) => list.packed(),
            Value::Set(set) => set.packed(),
            Value::Zset(zset) => zset.packed(),
            Value::Hash(hash) => hash.packed(),
            Value::Stream(_) => None,
        }
    }

    /// The bytes of [`Value::packed`]; none for an encoding without.
    pub fn into_packed(self) -> Vec<u8> {
        match self {
            Value::Bytes(bytes) => bytes,
            Value::List(List::Packed(pack)) => pack.into_bytes(),
            Value::Set(set) => set.into_packed(),
            Value::Zset(Zset::Packed(pack)) => pack.into_bytes(),
            Value::Hash(Hash::Packed(pack)) => pack.into_bytes(),
            _ => Vec::new(),
        }
    }

    /// The value as a lookup shows it.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Bytes(bytes) => ValueRef::String(StringRef::Str(bytes)),
            Value::List(list) => ValueRef::List(list.as_ref()),
            Value::Set(set) => ValueRef::Set(set.as_ref()),
            Value::Zset(zset) => ValueRef::Zset(zset.as_ref()),
            Value::Hash(hash) => ValueRef::Hash(hash.as_ref()),
            Value::Stream(stream) => ValueRef::Stream(stream),
        }
    }

    /// The type, as TYPE names it.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::Bytes(_) => ValueType::String,
            Value::List(_) => ValueType::List,
            Value::Set(_) => ValueType::Set,
            Value::Zset(_) => ValueType::Zset,
            Value::Hash(_) => ValueType::Hash,
            Value::Stream(_) => ValueType::Stream,
        }
    }

    /// The encoding; a string's is what its length suggests.
    pub fn encoding(&self) -> Encoding {
        match self {
            Value::Bytes(bytes) => Encoding::of_text(bytes.len()),
            Value::List(list) => list.encoding(),
            Value::Set(set) => set.encoding(),
            Value::Zset(zset) => zset.encoding(),
            Value::Hash(hash) => hash.encoding(),
            Value::Stream(stream) => stream.encoding(),
        }
    }

    /// Whether it is anything but a string.
    pub fn is_collection(&self) -> bool {
        !matches!(self, Value::Bytes(_))
    }

    /// Whether it is a collection without elements, which no key may hold. A stream may: it knows its
    /// last id and its groups.
    pub fn is_empty_collection(&self) -> bool {
        match self {
            Value::Bytes(_) | Value::Stream(_) => false,
            Value::List(list) => list.is_empty(),
            Value::Set(set) => set.is_empty(),
            Value::Zset(zset) => zset.is_empty(),
            Value::Hash(hash) => hash.is_empty(),
        }
    }

    /// Whether it is a stream with consumers that take a newer snapshot
    /// ([`Stream::has_uneven_consumers`]).
    #[inline]
    pub fn has_uneven_consumers(&self) -> bool {
        matches!(self, Value::Stream(stream) if stream.has_uneven_consumers())
    }

    /// The bytes of a string, to be changed; `None` for every other type.
    pub fn text_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        match self {
            Value::Bytes(bytes) => bytes.capacity(),
            Value::List(list) => list.memory(),
            Value::Set(set) => set.memory(),
            Value::Zset(zset) => zset.memory(),
            Value::Hash(hash) => hash.memory(),
            Value::Stream(stream) => stream.memory(),
        }
    }

    /// Frees a piece of a value that nobody uses any more, some ten microseconds of work; false
    /// when what is left is small enough to be dropped.
    pub fn drop_some(&mut self) -> bool {
        match self {
            Value::Bytes(bytes) => drop_some_of(bytes),
            Value::List(list) => list.drop_some(),
            Value::Set(set) => set.drop_some(),
            Value::Zset(zset) => zset.drop_some(),
            Value::Hash(hash) => hash.drop_some(),
            Value::Stream(stream) => stream.drop_some(),
        }
    }
}

/// Gives the last pages of a long string back to the system. To free it at once would be one call
/// that takes the longer the more pages there are.
fn drop_some_of(bytes: &mut Vec<u8>) -> bool {
    const PIECE_BYTES: usize = 1 << 20;
    let Some(kept) = bytes.len().checked_sub(PIECE_BYTES).filter(|kept| *kept > PIECE_BYTES) else {
        return false;
    };
    alloc::discard_pages(&mut bytes[kept..]);
    bytes.truncate(kept);
    true
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
    Listpack,
    Intset,
    Hashtable,
    Skiplist,
    Quicklist,
    Stream,
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
            Encoding::Listpack => "listpack",
            Encoding::Intset => "intset",
            Encoding::Hashtable => "hashtable",
            Encoding::Skiplist => "skiplist",
            Encoding::Quicklist => "quicklist",
            Encoding::Stream => "stream",
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
            2 => Encoding::Raw,
            3 => Encoding::Listpack,
            4 => Encoding::Intset,
            5 => Encoding::Hashtable,
            6 => Encoding::Skiplist,
            7 => Encoding::Quicklist,
            _ => Encoding::Stream,
        }
    }
}
