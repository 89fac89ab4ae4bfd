//! LATENCY GRAPH: the samples of an event as columns of characters.
//!
//! The picture is that of Redis's `sparkline.c`: four rows of three steps each, a column a sample, and
//! below it how long ago that was, written downwards.

use crate::command::ctx::Ctx;
use crate::observe::latency::{Event, Series};
use crate::resp::errors::Outcome;

const COLUMNS: usize = 80;
const ROWS: usize = 4;
/// The steps within a row; what is higher fills it.
const STEPS: &[u8; 3] = b"_o#";
const FULL: u8 = b'|';

/// LATENCY GRAPH event
pub fn latency_graph(ctx: &mut Ctx) -> Outcome {
    let name = ctx.arg(2);
    let Some((event, series)) = ctx.state.latency.named(name) else {
        let name = String::from_utf8_lossy(name);
        return Err(format!("ERR No samples available for event '{name}'").into());
    };
    let text = graph(event, series, ctx.state.clock.unix_s());
    ctx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn graph(event: Event, series: &Series, now_s: i64) -> String {
    let samples: Vec<_> = series.samples().collect();
    let values = || samples.iter().map(|sample| sample.ms);
    let (low, high) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
    let mut text = format!(
        "{} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        event.name(),
        series.worst_ms,
        "-".repeat(COLUMNS)
    );
    let parts: Vec<String> = samples
        .chunks(COLUMNS)
        .map(|part| {
            let heights: Vec<usize> =
                part.iter().map(|sample| height(sample.ms, low, high)).collect();
            let ages: Vec<String> = part.iter().map(|sample| age(now_s - sample.time_s)).collect();
            bars(&heights) + &" ".repeat(part.len()) + "\n" + &labels(&ages)
        })
        .collect();
    text.push_str(&parts.join("\n"));
    text
}

/// The step that a value reaches, 0 to one less than there are.
fn height(value: u64, low: u64, high: u64) -> usize {
    let steps = ROWS * STEPS.len();
    let share = (value - low) * steps as u64 / (high - low).max(1);
    (share as usize).min(steps - 1)
}

fn bars(heights: &[usize]) -> String {
    let cell = |row: usize, height: usize| match height.checked_sub(row * STEPS.len()) {
        None => b' ',
        Some(step) => *STEPS.get(step).unwrap_or(&FULL),
    };
    let line = |row: usize| heights.iter().map(|height| char::from(cell(row, *height))).collect();
    lines((0..ROWS).rev().map(line))
}

/// Words side by side, each downwards.
fn labels(words: &[String]) -> String {
    let rows = words.iter().map(String::len).max().unwrap_or(0);
    let letter = |word: &String, row: usize| char::from(*word.as_bytes().get(row).unwrap_or(&b' '));
    lines((0..rows).map(|row| words.iter().map(|word| letter(word, row)).collect()))
}

fn lines(rows: impl Iterator<Item = String>) -> String {
    rows.map(|row| row + "\n").collect()
}

/// How long ago, in the largest unit that fits.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::latency::{Latency, Sample};

    /// The picture that redis-server 7.0.15 makes of the same samples.
    #[test]
    fn a_graph_looks_as_redis_s() {
        let mut latency = Latency::default();
        for (time_s, ms) in [(0, 301), (2, 401), (4, 501)] {
            latency.note(Event::Command, Sample { time_s, ms });
        }
        let (event, series) = latency.named(b"command").unwrap();
        let text = graph(event, series, 14);
        let expected = format!(
            "command - high 501 ms, low 301 ms (all time high 501 ms)\n{}\n  #\n _|\n ||\n_||\n   \n\
             111\n420\nsss\n",
            "-".repeat(80)
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn ages_use_the_largest_unit() {
        let ages = [59, 60, 3599, 3600, 86399, 86400].map(age);
        assert_eq!(ages, ["59s", "1m", "59m", "1h", "23h", "1d"]);
    }
}
