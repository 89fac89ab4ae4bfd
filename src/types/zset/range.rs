//! Which members a command means: those with scores, or with names, between two bounds.
//!
//! Invariant: knows scores and names one at a time; order and ranks are the set's affair.

/// Scores between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    pub min: ScoreBound,
    pub max: ScoreBound,
}

/// Either end of a range of scores, which is never NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreBound {
    Inclusive(f64),
    Exclusive(f64),
}

/// Names between two bounds, in the order of their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameRange<'a> {
    pub min: NameBound<'a>,
    pub max: NameBound<'a>,
}

/// Either end of a range of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameBound<'a> {
    /// In front of all names.
    First,
    /// Behind all names.
    Last,
    Inclusive(&'a [u8]),
    Exclusive(&'a [u8]),
}

impl ScoreRange {
    /// Whether `score` lies below the range.
    #[inline]
    pub fn is_above(self, score: f64) -> bool {
        match self.min {
            ScoreBound::Inclusive(min) => score < min,
            ScoreBound::Exclusive(min) => score <= min,
        }
    }

    /// Whether `score` lies above the range.
    #[inline]
    pub fn is_below(self, score: f64) -> bool {
        match self.max {
            ScoreBound::Inclusive(max) => score > max,
            ScoreBound::Exclusive(max) => score >= max,
        }
    }
}

impl NameRange<'_> {
    /// Whether `name` lies below the range.
    pub fn is_above(self, name: &[u8]) -> bool {
        match self.min {
            NameBound::First => false,
            NameBound::Last => true,
            NameBound::Inclusive(min) => name < min,
            NameBound::Exclusive(min) => name <= min,
        }
    }

    /// Whether `name` lies above the range.
    pub fn is_below(self, name: &[u8]) -> bool {
        match self.max {
            NameBound::First => true,
            NameBound::Last => false,
            NameBound::Inclusive(max) => name > max,
            NameBound::Exclusive(max) => name >= max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_take_their_value_or_leave_it() {
        let (min, max) = (ScoreBound::Inclusive(1.0), ScoreBound::Exclusive(2.0));
        let range = ScoreRange { min, max };
        assert!(range.is_above(0.9) && !range.is_above(1.0) && !range.is_below(1.9));
        assert!(range.is_below(2.0) && range.is_below(f64::INFINITY));
        let reversed = ScoreRange { min: max, max: min };
        assert!(reversed.is_above(2.0) && !reversed.is_below(1.0));
    }

    #[test]
    fn names_have_bounds_beyond_all_others() {
        let (min, max) = (NameBound::Exclusive(b"b"), NameBound::Last);
        let range = NameRange { min, max };
        assert!(range.is_above(b"b") && !range.is_above(b"b\0") && !range.is_below(b"\xff"));
        let empty = NameRange { min: NameBound::Last, max: NameBound::First };
        assert!(empty.is_above(b"\xff") && empty.is_below(b""));
    }
}
