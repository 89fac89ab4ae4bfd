//! `cargo bench --bench compare`: Sidering beside redis-server, case by case.
//!
//! Every round runs each case on every contender in turn, so that a figure and the figure it is
//! compared with are taken seconds apart and a slow minute of the machine hits both. The server is
//! pinned to core 0 and this process, the client, to core 1. What is reported is the median over
//! the rounds, with the spread beside it.
//!
//! Reading order: [`cases`] says what is measured and what is hoped for, [`probes`] and [`durable`] do it with
//! the help of [`servers`], [`process`], [`client`], [`load`] and [`histogram`]; [`report`] and
//! [`chart`] show the outcome.
//!
//! Invariant: knows the servers only by their command line, their socket and `/proc`; nothing of
//! the library is called, so every contender is measured by the same means.

mod cases;
mod chart;
mod client;
mod durable;
mod full;
mod histogram;
mod load;
mod options;
mod pings;
mod probes;
mod process;
mod report;
mod servers;
mod tool;

use std::io;
use std::process::ExitCode;

use cases::Case;
use options::Options;
use probes::Stage;
use report::Results;
use servers::Contender;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` starts this program too, without `--bench`: that is a check that it
    // builds, not a wish to measure.
    if !arguments.iter().any(|a| a == "--bench") || arguments.iter().any(|a| a == "--test") {
        println!("compare: nothing to test; run `cargo bench --bench compare`");
        return ExitCode::SUCCESS;
    }
    match Options::parse(&arguments) {
        Ok(options) if options.show_help => print_all(options::USAGE),
        Ok(options) if options.show_cases => print_all(&cases::listing()),
        Ok(options) => run(&options).unwrap_or_else(|error| fail(&error.to_string())),
        Err(mistake) => fail(&format!("{mistake}\n{}", options::USAGE)),
    }
}

fn print_all(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}

/// Runs all rounds and prints the outcome. A case that fails on one contender is told and left
/// out; the others go on, and the exit code remembers it.
fn run(options: &Options) -> io::Result<ExitCode> {
    servers::prepare_this_process()?;
    let cases = cases::select(&options.cases)?;
    let contenders = servers::contenders(options)?;
    let mut results = Results::new(options, &contenders);
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        run_round(round, options, &cases, &contenders, &mut results);
        // Saved each time: an interrupted run keeps the rounds it finished.
        results.save(&options.output)?;
    }
    print!("{}", results.markdown());
    eprintln!("written: {}.json and .svg", options.output.display());
    Ok(if results.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs every case once on every contender. The order of the contenders rotates from case to
/// case: whoever comes first after a pause would otherwise always be the same.
fn run_round(
    round: usize,
    options: &Options,
    cases: &[&'static Case],
    contenders: &[Contender],
    results: &mut Results,
) {
    let mut stage = Stage::new(options);
    for (case_index, case) in cases.iter().enumerate() {
        for turn in 0..contenders.len() {
            let contender = &contenders[(round + case_index + turn) % contenders.len()];
            match stage.measure(case, contender) {
                Ok(figures) => {
                    let line = report::one_line(&figures);
                    eprintln!("  {:<16} {:<16} {line}", case.name, contender.name);
                    results.add(round, case, contender, figures);
                }
                Err(error) => {
                    let failure = format!("{} on {}: {error}", case.name, contender.name);
                    eprintln!("  failed: {failure}");
                    results.failures.push(failure);
                    stage.forget(contender);
                }
            }
        }
    }
}
