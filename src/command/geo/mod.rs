//! Places: members of sorted sets whose scores are geohashes.
//!
//! One file per kind of access, each with its rows; here stands what they share.
//!
//! Invariant: computes nothing about the earth and stores nothing; that is `types::geo`'s and the
//! sorted set's affair.

pub mod add;
mod query;
pub mod read;
pub mod search;

use super::Args;
use super::spec::{Arg, KeyFlags, KeySpec};
use crate::base::num;
use crate::resp::Reply;
use crate::resp::errors::{self, Reject};
use crate::types::geo::{self, Point};

const READ_ONE: &[KeySpec] = &[KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS))];
const LONGITUDE: Arg = Arg::double("longitude");
const LATITUDE: Arg = Arg::double("latitude");
const UNIT: Arg = Arg::one_of(
    "unit",
    &[Arg::word("m", "M"), Arg::word("km", "KM"), Arg::word("ft", "FT"), Arg::word("mi", "MI")],
);

/// The place whose longitude is argument `at`, with its latitude behind it.
fn place(args: &Args<'_>, at: usize) -> Result<Point, Reject> {
    let (longitude, latitude) =
        (number(args, at, errors::NOT_A_FLOAT)?, number(args, at + 1, errors::NOT_A_FLOAT)?);
    Point::new(longitude, latitude).ok_or_else(|| errors::invalid_place(longitude, latitude))
}

/// Argument `at` as a number, or `text` for what is none.
fn number(args: &Args<'_>, at: usize, text: &'static str) -> Result<f64, Reject> {
    num::parse_f64(args.at(at)).ok_or(text.into())
}

/// Meters of the unit that argument `at` names.
fn unit(args: &Args<'_>, at: usize) -> Result<f64, Reject> {
    geo::unit(args.at(at)).ok_or(errors::GEO_UNIT.into())
}

/// A distance with four digits behind the point, a string in both protocols.
fn reply_distance(reply: &mut Reply<'_>, distance: f64) {
    const PARTS: i64 = 10_000;
    let parts = (distance * PARTS as f64).round_ties_even() as i64;
    reply.bulk(format!("{}.{:04}", parts / PARTS, parts % PARTS).as_bytes());
}

fn reply_place(reply: &mut Reply<'_>, place: Point) {
    reply.array(2);
    reply.double_text(&num::format_plain(place.longitude));
    reply.double_text(&num::format_plain(place.latitude));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Output;

    #[test]
    fn distances_have_four_digits() {
        for (distance, text) in [
            (0.0, "$6\r\n0.0000\r\n"),
            (0.00004, "$6\r\n0.0000\r\n"),
            (0.0775, "$6\r\n0.0775\r\n"),
            (166_274.151_569_600_33, "$11\r\n166274.1516\r\n"),
            (65_734_563.123_46, "$13\r\n65734563.1235\r\n"),
        ] {
            let mut out = Output::default();
            reply_distance(&mut Reply { out: &mut out, protocol: Default::default() }, distance);
            assert_eq!(String::from_utf8_lossy(&out.take_block()), text);
        }
    }
}
