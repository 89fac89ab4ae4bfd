//! The patterns of BY and GET: where, for each element, another value stands.
//!
//! Invariant: a pattern only reads.

use crate::base::text::until_nul;
use crate::command::string::text;
use crate::keyspace::Db;
use crate::types::ValueRef;

/// A pattern, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// Without a `*` there is nowhere to put the element, so it finds nothing.
    Constant,
    /// The element between two texts is a key: of a string, or of a hash and then with a field.
    Key { before: &'a [u8], after: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    /// Takes a pattern apart. What stands behind a NUL is used but not searched, as in Redis.
    pub fn parse(pattern: &'a [u8]) -> Pattern<'a> {
        let visible = until_nul(pattern);
        if pattern == b"#" {
            return Pattern::Element;
        }
        let Some(star) = visible.iter().position(|&byte| byte == b'*') else {
            return Pattern::Constant;
        };
        let (before, after) = (&pattern[..star], &pattern[star + 1..]);
        let arrow = visible[star + 1..].windows(2).position(|pair| pair == b"->");
        match arrow {
            // An arrow at the end points at nothing and is part of the key.
            Some(at) if star + 1 + at + 2 < visible.len() => {
                Pattern::Key { before, after: &after[..at], field: Some(&after[at + 2..]) }
            }
            _ => Pattern::Key { before, after, field: None },
        }
    }

    /// Calls `found` with what the pattern leads to from `element`, if anything.
    pub fn look_up<T>(
        self,
        db: &mut Db,
        element: &[u8],
        now: i64,
        found: impl FnOnce(Option<&[u8]>) -> T,
    ) -> T {
        let (before, after, field) = match self {
            Pattern::Element => return found(Some(element)),
            Pattern::Constant => return found(None),
            Pattern::Key { before, after, field } => (before, after, field),
        };
        let key = [before, element, after].concat();
        let mut buffer = itoa::Buffer::new();
        match (db.read(&key), field) {
            (Some(ValueRef::String(string)), None) => found(Some(text(string, &mut buffer))),
            (Some(ValueRef::Hash(hash)), Some(field)) => {
                let value = hash.get(field, now);
                found(value.map(|value| value.text(&mut buffer)))
            }
            _ => found(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<'a>(before: &'a str, after: &'a str, field: Option<&'a str>) -> Pattern<'a> {
        let field = field.map(str::as_bytes);
        Pattern::Key { before: before.as_bytes(), after: after.as_bytes(), field }
    }

    #[test]
    fn the_first_star_is_the_element_and_the_first_arrow_behind_it_a_field() {
        for (pattern, expected) in [
            ("#", Pattern::Element),
            ("#*", key("#", "", None)),
            ("", Pattern::Constant),
            ("weight", Pattern::Constant),
            ("a->b", Pattern::Constant),
            ("w_*", key("w_", "", None)),
            ("*", key("", "", None)),
            ("a*b*c", key("a", "b*c", None)),
            ("h_*->f", key("h_", "", Some("f"))),
            ("h_*x->f->g", key("h_", "x", Some("f->g"))),
            ("a->*->f", key("a->", "", Some("f"))),
            ("h_*->", key("h_", "->", None)),
            ("h\0*", Pattern::Constant),
            ("h*\0->f", key("h", "\0->f", None)),
            ("h*->\0", key("h", "->\0", None)),
            ("h*->f\0g", key("h", "", Some("f\0g"))),
        ] {
            assert_eq!(Pattern::parse(pattern.as_bytes()), expected, "{pattern:?}");
        }
    }
}
