//! The order that SORT brings elements into.
//!
//! Invariant: equal elements keep the order in which they came.

use std::cmp::Ordering;

use crate::base::num;
use crate::base::text::{is_space, until_nul};

/// An element with what it is ordered by.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    pub text: Box<[u8]>,
    pub weight: Weight,
}

/// What an element is ordered by.
#[derive(Clone, Debug, PartialEq)]
pub enum Weight {
    /// Its own text.
    Own,
    /// A number; equal ones are ordered by their elements.
    Number(f64),
    /// A text found elsewhere, or none, which comes first.
    Text(Option<Box<[u8]>>),
}

/// How texts compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Collation {
    /// All bytes.
    Bytes,
    /// Up to the first NUL: Redis compares with C's `strcoll` unless the result is stored.
    UntilNul,
}

impl Collation {
    fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Collation::Bytes => a.cmp(b),
            Collation::UntilNul => until_nul(a).cmp(until_nul(b)),
        }
    }
}

/// Sorts `elements`, whose weights are all of one kind.
pub fn sort(elements: &mut [Element], collation: Collation, descending: bool) {
    elements.sort_by(|a, b| {
        let order = compare(a, b, collation);
        if descending { order.reverse() } else { order }
    });
}

fn compare(a: &Element, b: &Element, collation: Collation) -> Ordering {
    match (&a.weight, &b.weight) {
        (Weight::Number(one), Weight::Number(other)) => {
            let order = one.partial_cmp(other).expect("a weight is never NaN");
            order.then_with(|| a.text.cmp(&b.text))
        }
        (Weight::Text(Some(one)), Weight::Text(Some(other))) => collation.compare(one, other),
        (Weight::Text(one), Weight::Text(other)) => one.is_some().cmp(&other.is_some()),
        _ => collation.compare(&a.text, &b.text),
    }
}

/// The number that C's `strtod` reads from all of `text` up to a NUL: blanks in front are skipped
/// and nothing at all is zero. `None` if something else is there, or for a NaN or a number outside
/// of what a double can hold in full precision.
pub fn number(text: &[u8]) -> Option<f64> {
    let text = until_nul(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let blanks = text.iter().take_while(|&&byte| is_space(byte)).count();
    num::parse_f64(&text[blanks..]).filter(|value| !value.is_subnormal())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(elements: &[(&str, Weight)], collation: Collation, descending: bool) -> String {
        let mut elements: Vec<Element> = elements
            .iter()
            .map(|(text, weight)| Element { text: text.as_bytes().into(), weight: weight.clone() })
            .collect();
        sort(&mut elements, collation, descending);
        let texts: Vec<_> = elements.iter().map(|e| String::from_utf8_lossy(&e.text)).collect();
        texts.join(" ")
    }

    #[test]
    fn numbers_come_before_texts_of_equal_ones() {
        use Weight::Number;
        let elements = [("b", Number(1.0)), ("a", Number(1.0)), ("c", Number(-0.5))];
        assert_eq!(sorted(&elements, Collation::UntilNul, false), "c a b");
        assert_eq!(sorted(&elements, Collation::UntilNul, true), "b a c");
        let zeros = [("b", Number(-0.0)), ("a", Number(0.0))];
        assert_eq!(sorted(&zeros, Collation::UntilNul, false), "a b");
    }

    #[test]
    fn missing_texts_come_first_and_equal_ones_stay_as_they_were() {
        let text = |text: &str| Weight::Text(Some(text.as_bytes().into()));
        let elements =
            [("d", text("x")), ("b", text("x")), ("z", Weight::Text(None)), ("a", text("y"))];
        assert_eq!(sorted(&elements, Collation::UntilNul, false), "z d b a");
        assert_eq!(sorted(&elements, Collation::UntilNul, true), "a d b z");
    }

    #[test]
    fn texts_compare_by_bytes() {
        let own = |text| (text, Weight::Own);
        let elements = [own("b"), own("a\u{e9}"), own("aa"), own("B"), own("a")];
        assert_eq!(sorted(&elements, Collation::UntilNul, false), "B a aa a\u{e9} b");
        let zeros = [own("a\0b"), own("a\0a"), own("a")];
        assert_eq!(sorted(&zeros, Collation::UntilNul, false), "a\0b a\0a a");
        assert_eq!(sorted(&zeros, Collation::Bytes, false), "a a\0a a\0b");
    }

    #[test]
    fn numbers_are_what_strtod_reads() {
        for (text, value) in [
            ("", 0.0),
            ("\0abc", 0.0),
            ("1.5\0abc", 1.5),
            (" \t7", 7.0),
            ("+7", 7.0),
            ("0x10", 16.0),
            ("1e3", 1000.0),
            ("-inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(number(text.as_bytes()), Some(value), "{text:?}");
        }
        for text in [" ", "abc", "1x", "1 ", "nan", "1e999", "1e-999", "1e-310", "--1", "0x"] {
            assert_eq!(number(text.as_bytes()), None, "{text:?}");
        }
    }
}
