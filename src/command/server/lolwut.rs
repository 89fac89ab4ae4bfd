//! LOLWUT: the version, and on request a picture.
//!
//! Invariant: reads nothing of the server but its generator of chance.

use crate::base::rng::Rng;
use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Command, Flags, Group};
use crate::config::REDIS_VERSION;
use crate::resp::errors::{Outcome, Reject};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::new("lolwut", lolwut)
    .arity(-1)
    .of(Group::Server)
    .flags(Flags::READONLY.or(Flags::FAST))
    .summary("Displays computer art and the Redis version")
    .since("5.0.0")
    .args(&[Arg::int("version").token("VERSION").optional()])];

/// The versions whose LOLWUT draws.
const WITH_PICTURE: std::ops::RangeInclusive<i64> = 5..=6;
/// Size of the picture unless asked for another one, and its limits, in characters.
const COLUMNS: i64 = 66;
const ROWS: i64 = 22;
const COLUMNS_MAX: i64 = 1000;
const ROWS_MAX: i64 = 200;

/// LOLWUT [VERSION version] [columns [rows]]
fn lolwut(ctx: &mut Ctx) -> Outcome {
    let versioned = ctx.args.len() >= 3 && ctx.args.is(1, "version");
    let version = if versioned { ctx.args.int(2)? } else { 7 };
    let first = if versioned { 3 } else { 1 };
    let mut text = String::new();
    if WITH_PICTURE.contains(&version) {
        let columns = size(ctx, first, COLUMNS, COLUMNS_MAX)?;
        let rows = size(ctx, first + 1, ROWS, ROWS_MAX)?;
        text = belt(&mut ctx.state.rng, columns, rows);
        text.push_str("\nA belt of stars, never the same twice. ");
    }
    text.push_str(&format!("Redis ver. {REDIS_VERSION}\n"));
    ctx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn size(ctx: &Ctx, index: usize, default: i64, max: i64) -> Result<usize, Reject> {
    let size = if index < ctx.args.len() { ctx.args.int(index)? } else { default };
    Ok(size.clamp(1, max) as usize)
}

/// A tilted ring of stars around a dark centre, one line per row.
fn belt(rng: &mut Rng, columns: usize, rows: usize) -> String {
    let tilt = rng.f64() * 0.6 - 0.3;
    let mut text = String::with_capacity((columns + 1) * rows);
    for row in 0..rows {
        for column in 0..columns {
            let x = 2.0 * (column as f64 + 0.5) / columns as f64 - 1.0;
            let y = 2.0 * (row as f64 + 0.5) / rows as f64 - 1.0 + tilt * x;
            text.push(star(rng, (x * x + y * y).sqrt()));
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

/// What is seen at a distance from the centre: most stars on the ring, few elsewhere.
fn star(rng: &mut Rng, distance: f64) -> char {
    const RING: f64 = 0.75;
    const WIDTH: f64 = 0.16;
    const BRIGHTNESS: &[u8] = b"..+*oO@";
    let nearness = (-((distance - RING) / WIDTH).powi(2)).exp();
    if rng.f64() >= 0.01 + 0.7 * nearness {
        return ' ';
    }
    let brightest = 1 + (nearness * (BRIGHTNESS.len() - 1) as f64) as usize;
    char::from(BRIGHTNESS[rng.below(brightest)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_size_asked_for() {
        let mut rng = Rng::seeded(1);
        for (columns, rows) in [(1, 1), (66, 22), (1000, 3)] {
            let picture = belt(&mut rng, columns, rows);
            assert_eq!(picture.lines().count(), rows);
            assert!(picture.lines().all(|line| line.len() <= columns));
        }
    }
}
