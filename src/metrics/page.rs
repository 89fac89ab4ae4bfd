//! The page for people, and the figures that it asks for every other second.
//!
//! Invariant: one document without outside assets; it shows figures and names of commands, and keys
//! only where the vitals have them.

use super::history::{FIELDS, History, PERCENTILES, Sample};
use super::info::Info;
use super::{SlowCall, Vitals};
use crate::base::clock::unix_us_now;
use crate::base::text::json;

/// The document.
pub const HTML: &str = include_str!("page.html");

/// Slow commands that it is told of.
const SLOW_MAX: usize = 20;

/// The figures, as JSON: all of INFO, the slow commands, and samples as rows of numbers under `columns`,
/// of which the last one is of now.
pub fn data(vitals: &Vitals, unready: Option<&str>, age_s: f64, history: &History) -> String {
    let info = Info::of(&vitals.info);
    let fields = info.lines().map(|line| format!("{}:{}", json(line.name), json(line.value)));
    let now = history.sample(vitals, unix_us_now() / 1_000_000);
    let samples = history.samples().chain([&now]).map(row);
    let slow = vitals.slow.iter().take(SLOW_MAX).map(slow_call);
    format!(
        "{{\"unready\":{},\"age_s\":{age_s:.3},\"info\":{{{}}},\"slow\":[{}],\"columns\":[{}],\"samples\":[{}]}}",
        unready.map_or("null".into(), json),
        joined(fields),
        joined(slow),
        joined(columns()),
        joined(samples)
    )
}

fn columns() -> impl Iterator<Item = String> {
    let percentiles = PERCENTILES.iter().map(|percent| format!("p{percent}_us"));
    let names = ["time_s"].into_iter().chain(FIELDS).map(String::from);
    names.chain(percentiles).map(|name| json(&name))
}

fn row(sample: &Sample) -> String {
    let values = sample.values.iter().map(f64::to_string);
    let percentiles: Vec<String> = match sample.percentiles_us {
        Some(us) => us.iter().map(|us| format!("{us:.1}")).collect(),
        None => PERCENTILES.map(|_| "null".into()).to_vec(),
    };
    format!(
        "[{}]",
        joined([sample.time_s.to_string()].into_iter().chain(values).chain(percentiles))
    )
}

fn slow_call(slow: &SlowCall) -> String {
    let SlowCall { id, time_s, duration_us, command } = slow;
    let command = json(command);
    format!("{{\"id\":{id},\"time_s\":{time_s},\"us\":{duration_us},\"command\":{command}}}")
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_json() {
        let slow = SlowCall { id: 1, time_s: 2, duration_us: 3, command: "get".into() };
        let info = "# Memory\r\nused_memory:7\r\n".to_owned();
        let vitals = Vitals { info, slow: vec![slow], ..Vitals::default() };
        let data = data(&vitals, Some("loading"), 0.25, &History::default());
        let start = "{\"unready\":\"loading\",\"age_s\":0.250,\"info\":{\"used_memory\":\"7\"},\
                     \"slow\":[{\"id\":1,\"time_s\":2,\"us\":3,\"command\":\"get\"}],\
                     \"columns\":[\"time_s\",\"used_memory\",";
        assert!(data.starts_with(start), "{data}");
        assert!(data.ends_with(",0,null,null,null]]}"), "{data}");
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        let outside = ["http://", "https://", "src=", "@import", "url("];
        assert!(outside.iter().all(|mark| !HTML.contains(mark)));
    }
}
