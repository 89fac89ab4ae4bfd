//! What the binary does besides serving: checking files. By a first argument, or by the name it is
//! called by, as Redis's packages link it.
//!
//! Invariant: starts nothing and changes no file.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::base::sys;
use crate::command::server::save::limits;
use crate::config::{Config, REDIS_VERSION};
use crate::persist::rdb::check::check;

/// The tool that the command line asks for: what it is called, and its arguments.
fn asked(args: &[OsString]) -> Option<(String, &[OsString])> {
    let (program, rest) = args.split_first()?;
    let name = Path::new(program).file_name()?.to_string_lossy();
    if name.contains("redis-check-rdb") {
        return Some((name.into_owned(), rest));
    }
    let (first, rest) = rest.split_first()?;
    (first == "check-rdb").then(|| (format!("{name} check-rdb"), rest))
}

/// Runs the tool that `args`, the program's name first, ask for; none if they ask for the server.
pub fn run(args: &[OsString]) -> Option<ExitCode> {
    let (name, args) = asked(args)?;
    Some(match args {
        [flag] if flag == "-v" || flag == "--version" => {
            println!("redis-check-rdb {REDIS_VERSION}");
            ExitCode::SUCCESS
        }
        [path] => check_rdb(Path::new(path)),
        _ => {
            eprintln!("Usage: {name} <rdb-file-name>");
            ExitCode::FAILURE
        }
    })
}

fn check_rdb(path: &Path) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let checked = check(path, limits(&Config::default()), &mut out).and_then(|sound| {
        out.flush()?;
        Ok(sound)
    });
    match checked {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("Cannot check {}: {}", path.display(), sys::error_text(&error));
            ExitCode::FAILURE
        }
    }
}
