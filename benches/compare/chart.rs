//! The chart of the README: horizontal bars of the ratio to Redis, with the goals marked.
//!
//! Two panels, because for requests per second more is better and for everything else less is.
//! Plain SVG on a background of its own, readable on light and dark pages alike.
//!
//! Invariant: draws what [`Results`] holds and computes nothing but positions.

use std::fmt::Write as _;

use crate::cases::{Bound, RATE, Work};
use crate::report::{Results, Row, rounded};
use crate::servers::Contender;

const WIDTH: f64 = 860.0;
const LABEL_WIDTH: f64 = 330.0;
/// Pixels of the ratio 1.0.
const UNIT: f64 = 330.0;
/// Longer bars are cut; their figure tells.
const RATIO_MAX: f64 = 1.42;
const BAR: f64 = 11.0;
const ROW_GAP: f64 = 8.0;
const HEAD: f64 = 58.0;
const PANEL_HEAD: f64 = 34.0;
const COLORS: [&str; 3] = ["#2f6fb3", "#8a9fb5", "#5d8f5d"];
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#222}\
    .t{font-size:15px;font-weight:600}.p{font-weight:600}.v{font-size:10px}\
    .g{stroke:#c2410c;stroke-width:2}.r{stroke:#222;stroke-dasharray:3 3}";

/// Draws the rows that have a goal or a size to show.
pub fn draw(results: &Results) -> String {
    let charted: Vec<&Row> = results.rows.iter().filter(|row| is_charted(row)).collect();
    let (rates, costs): (Vec<&Row>, Vec<&Row>) =
        charted.into_iter().partition(|row| *row.figure == RATE);
    let mut body = String::new();
    let contenders = &results.contenders()[1..];
    push_legend(&mut body, contenders);
    let mut y = HEAD;
    for (title, rows) in [
        ("Less is better: processor time, latency, memory", &costs),
        ("More is better: requests per second", &rates),
    ] {
        if !rows.is_empty() {
            y = push_panel(&mut body, y, title, rows, contenders);
        }
    }
    let height = y + 10.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>Ratio to redis-server, with \
         goals</title>\n<style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"6\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

fn is_charted(row: &Row) -> bool {
    let has_ratio = row.case.has_ratio(row.figure);
    has_ratio && (row.goal().is_some() || matches!(row.case.work, Work::Fill(_)))
}

fn push_legend(body: &mut String, contenders: &[Contender]) {
    text(body, (14.0, 24.0), "t", "Ratio to redis-server (= 1.0)");
    let mut x = 14.0;
    for (contender, color) in contenders.iter().zip(COLORS) {
        rectangle(body, (x, 35.0), (12.0, BAR), color);
        text(body, (x + 18.0, 45.0), "", &contender.name);
        x += 130.0;
    }
    vertical(body, x + 4.0, (34.0, 47.0), "g");
    text(body, (x + 12.0, 45.0), "", "goal");
}

/// Draws one panel from `top` and returns where it ends.
fn push_panel(
    body: &mut String,
    top: f64,
    title: &str,
    rows: &[&Row],
    contenders: &[Contender],
) -> f64 {
    text(body, (14.0, top + 22.0), "p", title);
    let row_height = BAR * contenders.len() as f64 + ROW_GAP;
    let bars_top = top + PANEL_HEAD;
    for (position, row) in rows.iter().enumerate() {
        push_row(body, bars_top + row_height * position as f64, row, contenders);
    }
    let bottom = bars_top + row_height * rows.len() as f64;
    vertical(body, LABEL_WIDTH + UNIT, (bars_top - 6.0, bottom - 2.0), "r");
    bottom
}

fn push_row(body: &mut String, top: f64, row: &Row, contenders: &[Contender]) {
    let label = format!("{}: {}", row.case.about, row.figure.name);
    let middle = top + BAR * contenders.len() as f64 / 2.0 + 4.0;
    text(body, (14.0, middle), "", &label);
    for (index, (contender, color)) in contenders.iter().zip(COLORS).enumerate() {
        let Some(ratio) = row.ratio(index + 1) else { continue };
        let y = top + BAR * index as f64;
        let length = UNIT * ratio.median.min(RATIO_MAX);
        rectangle(body, (LABEL_WIDTH, y), (length, BAR - 1.0), color);
        let goal = goal_ratio(row, contender);
        if let Some(goal) = goal.filter(|goal| *goal <= RATIO_MAX) {
            vertical(body, LABEL_WIDTH + UNIT * goal, (y - 1.0, y + BAR), "g");
        }
        // The figure stands clear of the goal's mark.
        let end = goal.map_or(length, |goal| length.max(UNIT * goal.min(RATIO_MAX)));
        text(body, (LABEL_WIDTH + end + 5.0, y + BAR - 1.5), "v", &rounded(ratio.median));
    }
}

/// The goal on the scale of the bars: a goal in bytes becomes a ratio to what Redis takes.
fn goal_ratio(row: &Row, contender: &Contender) -> Option<f64> {
    let bound = row.goal()?.bound;
    let limit = bound.limit(contender.backend?);
    match bound {
        Bound::RatioAtMost(..) | Bound::RatioAtLeast(..) => Some(limit),
        Bound::AtMost(..) | Bound::AtLeast(..) => Some(limit / row.summary(0)?.median),
    }
}

fn text(body: &mut String, (x, y): (f64, f64), class: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{content}</text>");
}

fn rectangle(body: &mut String, (x, y): (f64, f64), (width, height): (f64, f64), color: &str) {
    let _ = writeln!(
        body,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
         fill=\"{color}\"/>"
    );
}

fn vertical(body: &mut String, x: f64, (top, bottom): (f64, f64), class: &str) {
    let _ = writeln!(
        body,
        "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\" class=\"{class}\"/>"
    );
}
