//! What the start script of the official redis image does, for images that have no shell: the binary
//! under the name `docker-entrypoint.sh`.
//!
//! An option or a file alone is for the server. From root the server becomes the user redis, who then
//! owns the data folder; data files are nobody else's business. Clients of a container come from other
//! addresses, so protected mode is off unless the file or the options decide about it. Anything else is
//! run as it is.
//!
//! Invariant: what runs under another name is left alone; no thread exists yet.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Gid, Uid};

use super::tools;
use crate::base::sys::error_text;

/// The name that asks for it.
const NAME: &str = "docker-entrypoint.sh";
/// Names of the server.
const SERVERS: [&str; 2] = ["redis-server", "sidering"];
/// Who it becomes.
const USER: &str = "redis";
/// Words that ask for something else than a server.
const NO_SERVER: [&str; 7] =
    ["-", "-v", "--version", "-h", "--help", "--check-system", "--test-memory"];
/// What an image that sets no mask begins with, and what takes its place.
const MASKS: (u32, u32) = (0o022, 0o077);
/// As a shell says that there is no such program.
const NOT_FOUND: u8 = 127;

/// The arguments, the program's name first, that the rest of the start goes by.
///
/// # Errors
/// The status to end with. Why has been told.
pub fn prepare(args: Vec<OsString>) -> Result<Vec<OsString>, ExitCode> {
    if args.first().is_none_or(|program| file_name(program) != NAME) {
        return Ok(args);
    }
    let words = command(args.into_iter().skip(1).collect());
    let is_server = SERVERS.contains(&file_name(&words[0]).as_str()) && !tools::is_asked(&words);
    if is_server && rustix::process::getuid().is_root() {
        become_user().map_err(|text| fail(&text))?;
    }
    let mask = rustix::process::umask(Mode::from_raw_mode(MASKS.1));
    if mask.as_raw_mode() != MASKS.0 {
        rustix::process::umask(mask);
    }
    if is_server {
        return Ok(open_to_others(words));
    }
    if tools::is_asked(&words) {
        return Ok(words);
    }
    let error = Command::new(&words[0]).args(&words[1..]).exec();
    eprintln!("{}: {}", words[0].display(), error_text(&error));
    Err(ExitCode::from(NOT_FOUND))
}

fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}

fn file_name(program: &OsString) -> String {
    Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What was asked for: the server, if only options or a file for it are given.
fn command(mut words: Vec<OsString>) -> Vec<OsString> {
    let for_server = words.first().is_none_or(|word| {
        word.as_bytes().starts_with(b"-") || word.as_bytes().ends_with(b".conf")
    });
    if for_server {
        words.insert(0, SERVERS[0].into());
    }
    words
}

/// Turns protected mode off. An option after ours wins; one before a file cannot be given, so a file
/// that decides, or that may by including others, is left alone.
fn open_to_others(mut words: Vec<OsString>) -> Vec<OsString> {
    let at = match words.get(1) {
        None => 1,
        Some(word) if NO_SERVER.iter().any(|other| word == other) => return words,
        Some(word) if word.as_bytes().starts_with(b"-") => 1,
        Some(file) if decides(Path::new(file)) => return words,
        Some(_) => 2,
    };
    words.splice(at..at, ["--protected-mode".into(), "no".into()]);
    words
}

/// Whether a configuration file names `protected-mode` or includes others.
fn decides(path: &Path) -> bool {
    let names = |line: &[u8]| {
        let name = line.trim_ascii_start().split(u8::is_ascii_whitespace).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        name == b"protected-mode" || name == b"include"
    };
    // One that cannot be read is the server's to complain of.
    fs::read(path).is_ok_and(|text| text.split(|byte| *byte == b'\n').any(names))
}

/// Becomes the user redis, and gives it what lies in the working directory.
fn become_user() -> Result<(), String> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let (uid, gid) = ids(&users).ok_or_else(|| format!("There is no user {USER}"))?;
    give(Path::new("."), uid, gid).map_err(|error| {
        format!("Can't give the data to the user {USER}: {}", error_text(&error))
    })?;
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let changed = rustix::thread::set_thread_groups(&[group])
        .and_then(|()| rustix::thread::set_thread_gid(group))
        .and_then(|()| rustix::thread::set_thread_uid(user))
        // Taken away by the change, though the new user has started nothing foreign: without it
        // root would own what describes the process in /proc.
        .and_then(|()| rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable));
    changed.map_err(|errno| format!("Can't become the user {USER}: {}", error_text(&errno.into())))
}

/// User and group of redis, as a text in the format of /etc/passwd has them.
fn ids(users: &str) -> Option<(u32, u32)> {
    let fields = users.lines().find_map(|line| line.strip_prefix(USER)?.strip_prefix(':'))?;
    let mut fields = fields.split(':').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Makes it the owner of a directory and all that is in it; what a link points to stays as it is.
fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if meta.uid() != uid {
        lchown(path, Some(uid), Some(gid))?;
    }
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn options_and_files_are_for_the_server() {
        let all = [
            ("", "redis-server"),
            ("--appendonly yes", "redis-server --appendonly yes"),
            ("/etc/redis.conf", "redis-server /etc/redis.conf"),
            ("sidering --port 1", "sidering --port 1"),
            ("redis-cli -h redis", "redis-cli -h redis"),
        ];
        for (asked, expected) in all {
            assert_eq!(command(words(asked)), words(expected));
        }
    }

    #[test]
    fn protected_mode_is_off_unless_somebody_decides_about_it() {
        let path = std::env::temp_dir().join(format!("sidering-entry-{}.conf", std::process::id()));
        let file = path.display();
        for (content, decided) in
            [("port 1\n", false), (" Protected-Mode yes\n", true), ("port 1\ninclude x\n", true)]
        {
            fs::write(&path, content).expect("a file");
            let expected = if decided { "" } else { " --protected-mode no" };
            assert_eq!(
                open_to_others(words(&format!("redis-server {file} --port 2"))),
                words(&format!("redis-server {file}{expected} --port 2"))
            );
        }
        fs::remove_file(&path).expect("removed");
        let all = [
            ("redis-server", "redis-server --protected-mode no"),
            ("sidering --port 1", "sidering --protected-mode no --port 1"),
            ("redis-server --version", "redis-server --version"),
            ("redis-server -", "redis-server -"),
        ];
        for (asked, expected) in all {
            assert_eq!(open_to_others(words(asked)), words(expected));
        }
    }

    #[test]
    fn the_user_is_found_by_its_whole_name() {
        let users = "root:x:0:0:::\nredis2:x:1:1:::\nredis:x:999:998::/data:/bin/false\n";
        assert_eq!(ids(users), Some((999, 998)));
        assert_eq!(ids("redis2:x:1:1:::\n"), None);
    }
}
