//! What the binary does besides serving: checking files, and whether a server serves. By a first argument, or by the name it is
//! called by, as Redis's packages link it.
//!
//! Invariant: starts nothing; changes no file without being asked to.

use std::ffi::OsString;
use std::io::{self, Write, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

use super::healthcheck;
use crate::base::num::parse_i64;
use crate::base::sys;
use crate::command::load::limits;
use crate::config::{Config, REDIS_VERSION};
use crate::persist::aof::check::{Action, Check, Ended};
use crate::persist::rdb::check::check as check_snapshot;

/// A tool: the word that asks for it, and what runs it with the arguments behind.
struct Tool {
    word: &'static str,
    run: fn(name: &str, args: &[OsString]) -> ExitCode,
}

const TOOLS: [Tool; 3] = [
    Tool { word: "check-aof", run: check_aof },
    Tool { word: "check-rdb", run: check_rdb },
    Tool { word: "healthcheck", run: healthcheck::run },
];

/// The tool that the command line asks for: what it is called, and its arguments.
fn asked(args: &[OsString]) -> Option<(&'static Tool, String, &[OsString])> {
    let (program, rest) = args.split_first()?;
    let name = Path::new(program).file_name()?.to_string_lossy();
    if let Some(tool) = TOOLS.iter().find(|tool| name.contains(&format!("redis-{}", tool.word))) {
        return Some((tool, name.into_owned(), rest));
    }
    let (first, rest) = rest.split_first()?;
    let tool = TOOLS.iter().find(|tool| first == tool.word)?;
    Some((tool, format!("{name} {}", tool.word), rest))
}

/// Whether `args`, the program's name first, ask for a tool.
pub fn is_asked(args: &[OsString]) -> bool {
    asked(args).is_some()
}

/// Runs the tool that `args`, the program's name first, ask for; none if they ask for the server.
pub fn run(args: &[OsString]) -> Option<ExitCode> {
    let (tool, name, args) = asked(args)?;
    if let [flag] = args
        && (flag == "-v" || flag == "--version")
    {
        println!("redis-{} {REDIS_VERSION}", tool.word);
        return Some(ExitCode::SUCCESS);
    }
    Some((tool.run)(&name, args))
}

fn check_rdb(name: &str, args: &[OsString]) -> ExitCode {
    let [path] = args else {
        eprintln!("Usage: {name} <rdb-file-name>");
        return ExitCode::FAILURE;
    };
    let mut out = stdout().lock();
    let checked = check_snapshot(Path::new(path), limits(&Config::default()), &mut out);
    let checked = checked.and_then(|sound| out.flush().map(|()| sound.is_some()));
    verdict(checked, path)
}

fn check_aof(name: &str, args: &[OsString]) -> ExitCode {
    let (action, path) = match args {
        [path] => (Action::Report, path),
        [flag, path] if flag == "--fix" => (Action::Fix, path),
        [flag, time, path] if flag == "--truncate-to-timestamp" => {
            let Some(time) = parse_i64(time.as_encoded_bytes()) else {
                println!("Invalid timestamp, aborting...");
                return ExitCode::FAILURE;
            };
            (Action::TruncateTo(time), path)
        }
        _ => {
            println!(
                "Usage: {name} [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>"
            );
            return ExitCode::FAILURE;
        }
    };
    let (mut input, mut out) = (stdin().lock(), stdout().lock());
    let limits = limits(&Config::default());
    let snapshot = &mut |path: &Path, out: &mut dyn Write| check_snapshot(path, limits, out);
    let mut check = Check { action, input: &mut input, out: &mut out, snapshot };
    let checked = match check.run(Path::new(path)) {
        Ok(()) => out.flush().map(|()| true),
        Err(Ended::Unsound) => out.flush().map(|()| false),
        Err(Ended::Output(error)) => Err(error),
    };
    verdict(checked, path)
}

fn verdict(checked: io::Result<bool>, path: &OsString) -> ExitCode {
    match checked {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("Cannot check {}: {}", path.display(), sys::error_text(&error));
            ExitCode::FAILURE
        }
    }
}
