//! The outcome: medians, spreads and ratios, as a table for people and as JSON with every sample.
//!
//! Invariant: computes from samples only; runs no server.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::cases::{Bound, Case, Figure, Goal};
use crate::chart;
use crate::options::Options;
use crate::probes::Figures;
use crate::servers::Contender;

/// All samples of a run.
pub struct Results {
    command: String,
    machine: Machine,
    contenders: Vec<Contender>,
    versions: Vec<String>,
    pub rows: Vec<Row>,
    /// What could not be measured, in words.
    pub failures: Vec<String>,
}

/// One figure of one case.
pub struct Row {
    pub case: &'static Case,
    pub figure: &'static Figure,
    /// Per contender, reference first, one sample per round; NaN where the round failed.
    samples: Vec<Vec<f64>>,
}

/// Median, least and greatest over the rounds.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    pub median: f64,
    pub least: f64,
    pub greatest: f64,
}

impl Summary {
    fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.iter().copied().filter(|s| s.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (least, greatest) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let below = if sorted.len().is_multiple_of(2) { middle - 1 } else { middle };
        Some(Self { median: f64::midpoint(sorted[below], sorted[middle]), least, greatest })
    }
}

impl Row {
    pub fn summary(&self, contender: usize) -> Option<Summary> {
        Summary::of(&self.samples[contender])
    }

    /// The ratio to Redis, taken round by round: the two samples of a round are neighbours in
    /// time, so what slows the machine for a while drops out.
    pub fn ratio(&self, contender: usize) -> Option<Summary> {
        if contender == 0 || !self.case.has_ratio(self.figure) {
            return None;
        }
        let pairs = self.samples[contender].iter().zip(&self.samples[0]);
        Summary::of(&pairs.map(|(sample, reference)| sample / reference).collect::<Vec<_>>())
    }

    pub fn goal(&self) -> Option<&'static Goal> {
        self.case.goal(self.figure)
    }

    /// Whether a contender keeps its goal; None where there is no goal for it.
    fn is_met(&self, index: usize, contender: &Contender) -> Option<bool> {
        let backend = contender.backend?;
        let bound = self.goal()?.bound;
        let ratio = self.ratio(index).map_or(f64::NAN, |ratio| ratio.median);
        Some(bound.is_met(backend, self.summary(index)?.median, ratio))
    }
}

impl Results {
    pub fn new(options: &Options, contenders: &[Contender]) -> Self {
        Self {
            command: options.command.clone(),
            machine: Machine::this(),
            contenders: contenders.to_vec(),
            versions: contenders.iter().map(Contender::version).collect(),
            rows: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Takes the figures of a round, counted from 0. Samples stay in step across contenders.
    pub fn add(
        &mut self,
        round: usize,
        case: &'static Case,
        contender: &Contender,
        figures: Figures,
    ) {
        let index = self.contenders.iter().position(|c| c.name == contender.name);
        let index = index.expect("a contender of this run");
        for (figure, sample) in figures {
            let samples = &mut self.row(case, figure).samples[index];
            samples.resize(round, f64::NAN);
            samples.push(sample);
        }
    }

    fn row(&mut self, case: &'static Case, figure: &'static Figure) -> &mut Row {
        let is_wanted = |row: &Row| row.case.name == case.name && row.figure == figure;
        let position = self.rows.iter().position(is_wanted).unwrap_or_else(|| {
            let samples = vec![Vec::new(); self.contenders.len()];
            self.rows.push(Row { case, figure, samples });
            self.rows.len() - 1
        });
        &mut self.rows[position]
    }

    pub fn contenders(&self) -> &[Contender] {
        &self.contenders
    }

    /// Writes `output` with the extensions json and svg.
    pub fn save(&self, output: &Path) -> io::Result<()> {
        if let Some(dir) = output.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(output.with_extension("json"), self.json())?;
        fs::write(output.with_extension("svg"), chart::draw(self))
    }

    /// Two tables: what has a goal, for the README, and below it every figure.
    pub fn markdown(&self) -> String {
        let mut text = self.preamble();
        let with_goal = self.rows.iter().filter(|row| row.goal().is_some());
        self.push_table(&mut text, "Goals", with_goal);
        self.push_table(&mut text, "All figures", self.rows.iter());
        for failure in &self.failures {
            let _ = writeln!(text, "\nfailed: {failure}");
        }
        text
    }

    fn push_table<'a>(&self, text: &mut String, title: &str, rows: impl Iterator<Item = &'a Row>) {
        let _ = write!(text, "\n{title}\n\n| case | figure | redis |");
        for contender in &self.contenders[1..] {
            let _ = write!(text, " {} | ratio | goal |", contender.name);
        }
        text.push_str("\n|---|---|---:|");
        text.push_str(&"---:|---:|---|".repeat(self.contenders.len() - 1));
        text.push('\n');
        rows.for_each(|row| self.push_line(text, row));
    }

    fn preamble(&self) -> String {
        let Machine { cpu, cores, kernel, commit, date } = &self.machine;
        let rounds = self.rows.iter().map(|row| row.samples[0].len()).max().unwrap_or(0);
        let mut text = format!(
            "Median of {rounds} rounds (least to greatest). Server on core 0, client on core 1 of \
             {cores}: {cpu}, Linux {kernel}. Commit {commit}, {date}.\n\n    {}\n\n",
            self.command
        );
        for (contender, version) in self.contenders.iter().zip(&self.versions) {
            let _ =
                writeln!(text, "- {}: `{}` ({version})", contender.name, contender.command_line());
        }
        text
    }

    fn push_line(&self, text: &mut String, row: &Row) {
        let _ = write!(text, "| {} | {} ({}) |", row.case.about, row.figure.name, row.figure.unit);
        for (index, contender) in self.contenders.iter().enumerate() {
            let _ = write!(text, " {} |", row.summary(index).map_or("".into(), with_spread));
            if index > 0 {
                let ratio = row.ratio(index).map_or("".into(), with_spread);
                let _ = write!(text, " {ratio} | {} |", verdict(row, index, contender));
            }
        }
        text.push('\n');
    }

    fn json(&self) -> String {
        let Machine { cpu, cores, kernel, commit, date } = &self.machine;
        let contenders = self.contenders.iter().zip(&self.versions).map(|(contender, version)| {
            object(&[
                ("name", quoted(&contender.name)),
                ("command", quoted(&contender.command_line())),
                ("version", quoted(version)),
            ])
        });
        let head = [
            ("command", quoted(&self.command)),
            ("date", quoted(date)),
            ("commit", quoted(commit)),
            ("cpu", quoted(cpu)),
            ("cores", cores.to_string()),
            ("kernel", quoted(kernel)),
            ("contenders", array(contenders)),
            ("failures", array(self.failures.iter().map(|failure| quoted(failure)))),
        ];
        let rows: Vec<String> = self.rows.iter().map(|row| self.json_row(row)).collect();
        let head: Vec<String> =
            head.iter().map(|(name, value)| format!("  {}: {value}", quoted(name))).collect();
        format!("{{\n{},\n  \"rows\": [\n    {}\n  ]\n}}\n", head.join(",\n"), rows.join(",\n    "))
    }

    fn json_row(&self, row: &Row) -> String {
        let per_contender = self.contenders.iter().enumerate().map(|(index, contender)| {
            let mut members = vec![("name", quoted(&contender.name))];
            if let Some(summary) = row.summary(index) {
                members.push(("median", number(summary.median)));
            }
            if let Some(ratio) = row.ratio(index) {
                members.push(("ratio", number(ratio.median)));
            }
            if let (Some(goal), Some(backend)) = (row.goal(), contender.backend) {
                members.push(("goal", quoted(&goal_text(goal.bound, goal.bound.limit(backend)))));
            }
            if let Some(is_met) = row.is_met(index, contender) {
                members.push(("met", is_met.to_string()));
            }
            members.push(("samples", array(row.samples[index].iter().map(|s| number(*s)))));
            object(&members)
        });
        object(&[
            ("case", quoted(row.case.name)),
            ("about", quoted(row.case.about)),
            ("figure", quoted(row.figure.name)),
            ("unit", quoted(row.figure.unit)),
            ("servers", array(per_contender)),
        ])
    }
}

fn verdict(row: &Row, index: usize, contender: &Contender) -> String {
    let (Some(goal), Some(backend)) = (row.goal(), contender.backend) else { return String::new() };
    let outcome = match row.is_met(index, contender) {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "not measured",
    };
    format!("{} {outcome}", goal_text(goal.bound, goal.bound.limit(backend)))
}

fn goal_text(bound: Bound, limit: f64) -> String {
    match bound {
        Bound::RatioAtMost(..) => format!("<= {limit:.2}x"),
        Bound::RatioAtLeast(..) => format!(">= {limit:.2}x"),
        Bound::AtMost(..) => format!("<= {limit}"),
        Bound::AtLeast(..) => format!(">= {limit}"),
    }
}

/// A summary as text: the median, and in brackets the least and the greatest.
fn with_spread(summary: Summary) -> String {
    let [median, least, greatest] = [summary.median, summary.least, summary.greatest].map(rounded);
    // One round, or rounds that agree, have no spread to show.
    if least == greatest { median } else { format!("{median} ({least} to {greatest})") }
}

/// Three significant digits, or whole numbers.
pub fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        size if size >= 0.0995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The figures of one round, for the progress display.
pub fn one_line(figures: &Figures) -> String {
    let show = |(figure, value): &(&Figure, f64)| {
        format!("{} {} {}", figure.name, rounded(*value), figure.unit)
    };
    figures.iter().map(show).collect::<Vec<_>>().join(", ")
}

/// JSON has no NaN and no infinity.
fn number(value: f64) -> String {
    if value.is_finite() { format!("{value}") } else { "null".to_owned() }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            c if c.is_control() => out.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn object(members: &[(&str, String)]) -> String {
    let members = members.iter().map(|(name, value)| format!("{}: {value}", quoted(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

/// Where and from what the figures come.
struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    commit: String,
    date: String,
}

impl Machine {
    fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpus: Vec<&str> = cpuinfo
            .lines()
            .filter_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map(|(_, model)| model)
            .collect();
        let kernel = rustix::system::uname();
        Self {
            cpu: (*cpus.first().unwrap_or(&"unknown processor")).to_owned(),
            cores: cpus.len(),
            kernel: kernel.release().to_string_lossy().into_owned(),
            commit: commit(),
            date: output_of("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        }
    }
}

/// The commit measured, marked when the sources differ from it.
fn commit() -> String {
    let mut commit = output_of("git", &["rev-parse", "--short=12", "HEAD"]);
    if !output_of("git", &["status", "--porcelain", "--", "src", "Cargo.toml"]).is_empty() {
        commit.push_str(" with changes");
    }
    commit
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let dir = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(program).args(arguments).current_dir(dir).output();
    output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
}
