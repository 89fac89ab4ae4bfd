//! A reply of RESP2 or RESP3 as a value, its parser, and short names to write expectations with.
//!
//! Invariant: owns no connection; two values are equal only when their encodings are.

use std::fmt;

/// Every kind of reply. Numbers with a text form keep their text: tests compare bytes.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Simple(String),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    /// `$-1`, the missing string of RESP2.
    Nil,
    /// `*-1`, the missing array of RESP2.
    NilArray,
    /// `_`, the one null of RESP3.
    Null,
    Array(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Double(String),
    Bool(bool),
    BigNumber(String),
    BlobError(Vec<u8>),
    /// Format of three letters and text.
    Verbatim(String, Vec<u8>),
    Attribute(Vec<(Value, Value)>, Box<Value>),
}

pub fn ok() -> Value {
    simple("OK")
}

pub fn simple(text: &str) -> Value {
    Value::Simple(text.into())
}

/// An error; `text` without a code word in capitals gets `ERR `.
pub fn err(text: &str) -> Value {
    let code = text.split(' ').next().unwrap_or_default();
    let coded = code.len() > 1 && code.bytes().all(|b| b.is_ascii_uppercase());
    Value::Error(if coded { text.into() } else { format!("ERR {text}") })
}

pub fn int(number: i64) -> Value {
    Value::Int(number)
}

pub fn bulk(text: impl AsRef<[u8]>) -> Value {
    Value::Bulk(text.as_ref().to_vec())
}

pub fn nil() -> Value {
    Value::Nil
}

pub fn null() -> Value {
    Value::Null
}

pub fn array(items: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(items.into_iter().collect())
}

/// An array of bulk strings.
pub fn bulks<T: AsRef<[u8]>>(items: impl IntoIterator<Item = T>) -> Value {
    array(items.into_iter().map(bulk))
}

impl Value {
    /// Parses one reply at the start of `bytes`; its value and its length, or none while the
    /// reply is incomplete.
    ///
    /// # Panics
    /// When the bytes are no RESP.
    pub fn parse(bytes: &[u8]) -> Option<(Value, usize)> {
        let mut cursor = Cursor { bytes, at: 0 };
        let value = cursor.value()?;
        Some((value, cursor.at))
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_) | Value::BlobError(_))
    }

    /// The number, from an integer or from digits in a string.
    ///
    /// # Panics
    /// When it is neither.
    pub fn as_int(&self) -> i64 {
        match self {
            Value::Int(number) => *number,
            _ => self.text().parse().expect("digits"),
        }
    }

    /// The bytes of any kind of string or error as text.
    ///
    /// # Panics
    /// When the value is no string.
    pub fn text(&self) -> String {
        match self {
            Value::Simple(text) | Value::Error(text) => text.clone(),
            Value::Double(text) | Value::BigNumber(text) => text.clone(),
            Value::Bulk(bytes) | Value::Verbatim(_, bytes) | Value::BlobError(bytes) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            other => panic!("no text: {other:?}"),
        }
    }

    /// The bytes of a bulk string.
    ///
    /// # Panics
    /// When it is none.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Value::Bulk(bytes) => bytes,
            other => panic!("no bulk string: {other:?}"),
        }
    }

    /// The elements of an array, set or push.
    ///
    /// # Panics
    /// When the value holds none.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items,
            other => panic!("no items: {other:?}"),
        }
    }

    /// The value of `key` in a map, or in the flat array that RESP2 has instead.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(pairs) => pairs.iter().find(|(k, _)| k.text() == key).map(|(_, v)| v),
            Value::Array(items) => {
                items.chunks_exact(2).find(|pair| pair[0].text() == key).map(|pair| &pair[1])
            }
            other => panic!("no map: {other:?}"),
        }
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn value(&mut self) -> Option<Value> {
        let line = self.line()?;
        let text = || String::from_utf8_lossy(&line[1..]).into_owned();
        let count = || text().parse::<i64>().unwrap_or_else(|_| panic!("length in {line:?}"));
        Some(match line[0] {
            b'+' => Value::Simple(text()),
            b'-' => Value::Error(text()),
            b':' => Value::Int(count()),
            b',' => Value::Double(text()),
            b'(' => Value::BigNumber(text()),
            b'#' => Value::Bool(text() == "t"),
            b'_' => Value::Null,
            b'$' if count() < 0 => Value::Nil,
            b'*' if count() < 0 => Value::NilArray,
            b'$' => Value::Bulk(self.blob(count())?),
            b'!' => Value::BlobError(self.blob(count())?),
            b'=' => self.verbatim(count())?,
            b'*' => Value::Array(self.values(count())?),
            b'~' => Value::Set(self.values(count())?),
            b'>' => Value::Push(self.values(count())?),
            b'%' => Value::Map(self.pairs(count())?),
            b'|' => Value::Attribute(self.pairs(count())?, Box::new(self.value()?)),
            _ => panic!("no reply starts like {:?}", text()),
        })
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let rest = &self.bytes[self.at..];
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        self.at += end + 2;
        Some(rest[..end].to_vec())
    }

    fn blob(&mut self, length: i64) -> Option<Vec<u8>> {
        let length = usize::try_from(length).expect("a length");
        let rest = &self.bytes[self.at..];
        if rest.len() < length + 2 {
            return None;
        }
        assert_eq!(&rest[length..length + 2], b"\r\n", "a bulk ends with a line break");
        self.at += length + 2;
        Some(rest[..length].to_vec())
    }

    fn verbatim(&mut self, length: i64) -> Option<Value> {
        let blob = self.blob(length)?;
        Some(Value::Verbatim(String::from_utf8_lossy(&blob[..3]).into(), blob[4..].to_vec()))
    }

    fn values(&mut self, count: i64) -> Option<Vec<Value>> {
        (0..count).map(|_| self.value()).collect()
    }

    fn pairs(&mut self, count: i64) -> Option<Vec<(Value, Value)>> {
        (0..count).map(|_| Some((self.value()?, self.value()?))).collect()
    }
}

/// As redis-cli prints it, so that a failed comparison reads like a session.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Value::Simple(text) => f.write_str(text),
            Value::Error(text) => write!(f, "(error) {text}"),
            Value::BlobError(text) => write!(f, "(blob error) {:?}", text.escape_ascii()),
            Value::Int(number) => write!(f, "(integer) {number}"),
            Value::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Value::Nil => f.write_str("(nil)"),
            Value::NilArray => f.write_str("(nil array)"),
            Value::Null => f.write_str("(null)"),
            Value::Double(text) => write!(f, "(double) {text}"),
            Value::Bool(value) => write!(f, "({value})"),
            Value::BigNumber(text) => write!(f, "(big number) {text}"),
            Value::Verbatim(kind, text) => write!(f, "({kind}) \"{}\"", text.escape_ascii()),
            Value::Array(items) => f.debug_list().entries(items).finish(),
            Value::Set(items) => f.debug_set().entries(items).finish(),
            Value::Push(items) => f.write_str("push ").and(f.debug_list().entries(items).finish()),
            Value::Map(pairs) => f.debug_map().entries(pairs.iter().map(|(k, v)| (k, v))).finish(),
            Value::Attribute(pairs, value) => write!(f, "attribute {pairs:?} of {value:?}"),
        }
    }
}

#[test]
fn parses_every_kind_once_complete() {
    let bytes = b"*3\r\n%1\r\n+a\r\n#t\r\n=7\r\ntxt:abc\r\n~2\r\n,1.5\r\n_\r\n";
    for end in 0..bytes.len() {
        assert_eq!(Value::parse(&bytes[..end]), None);
    }
    let (value, used) = Value::parse(bytes).expect("complete");
    assert_eq!(used, bytes.len());
    let set = Value::Set(vec![Value::Double("1.5".into()), null()]);
    let map = Value::Map(vec![(simple("a"), Value::Bool(true))]);
    assert_eq!(value, array([map, Value::Verbatim("txt".into(), b"abc".to_vec()), set]));
}
