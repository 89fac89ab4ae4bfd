//! Log lines: Redis's format and levels behind the `log` facade.
//!
//! `env_logger` formats and filters; where lines go and how much passes can change while the
//! server runs. The level mapping: `trace!` is Redis's debug, `debug!` its verbose, `info!` its
//! notice, `warn!` and `error!` its warning.
//!
//! Invariant: knows no configuration; it is told a level and a path.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

use log::{Level, LevelFilter};

use super::{clock, sys};

/// Who writes: shown after the process id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Before the server is up.
    Starting,
    /// A master.
    Master,
    /// A replica.
    Replica,
}

impl Role {
    const fn letter(self) -> u8 {
        match self {
            Role::Starting => b'C',
            Role::Master => b'M',
            Role::Replica => b'S',
        }
    }
}

static ROLE: AtomicU8 = AtomicU8::new(Role::Starting.letter());

/// Where lines go; standard output until a file is opened.
static OUTPUT: Mutex<Option<File>> = Mutex::new(None);

/// Installs the logger, once per process. Lines of other crates' targets pass too.
pub fn init(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    builder
        // The facade's maximum filters before anything is formatted; this one lets all pass.
        .filter_level(LevelFilter::Trace)
        .format(|out, record| out.write_all(format_line(record.level(), *record.args()).as_bytes()))
        .target(env_logger::Target::Pipe(Box::new(Output)))
        .write_style(env_logger::WriteStyle::Never);
    // A second server in the same process (tests) keeps the first logger.
    let _ = builder.try_init();
    set_level(level);
}

/// Changes what passes, at once and for every thread.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

/// Changes the letter after the process id.
pub fn set_role(role: Role) {
    ROLE.store(role.letter(), Ordering::Relaxed);
}

/// Opens a log file for appending, created if need be.
pub fn open_for_append(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).open(path)
}

/// Sends lines to a file from now on; `None` is standard output.
///
/// # Errors
/// When the file cannot be opened for appending; lines go where they went before.
pub fn set_file(path: Option<&Path>) -> io::Result<()> {
    let file = path.map(open_for_append).transpose()?;
    *OUTPUT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = file;
    Ok(())
}

/// Writes text as it is, without the head of a line, at level notice.
pub fn write_raw(text: &str) {
    if log::max_level() >= LevelFilter::Info {
        // The log has nowhere to report its own failure.
        let _ = Output.write_all(text.as_bytes()).and_then(|()| Output.flush());
    }
}

/// One line, ready to print: `PID:ROLE 23 Nov 2026 20:20:05.990 * text`.
pub fn format_line(level: Level, text: fmt::Arguments<'_>) -> String {
    let now_ms = clock::unix_us_now() / 1000;
    let stamp = timestamp(now_ms);
    let role = char::from(ROLE.load(Ordering::Relaxed));
    format!("{}:{role} {stamp} {} {text}\n", std::process::id(), mark(level))
}

const fn mark(level: Level) -> char {
    match level {
        Level::Trace => '.',
        Level::Debug => '-',
        Level::Info => '*',
        Level::Warn | Level::Error => '#',
    }
}

/// `23 Nov 2026 20:20:05.990` in the local time zone; English months whatever the locale.
pub fn timestamp(unix_ms: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let time = sys::local_time(unix_ms.div_euclid(1000));
    format!(
        "{:02} {} {} {:02}:{:02}:{:02}.{:03}",
        time.day,
        MONTHS[time.month0 % 12],
        time.year,
        time.hour,
        time.minute,
        time.second,
        unix_ms.rem_euclid(1000)
    )
}

/// The sink: hands whole lines to wherever [`set_file`] points.
struct Output;

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut output = OUTPUT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match output.as_mut() {
            Some(file) => file.write_all(line)?,
            None => io::stdout().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Files are not buffered; standard output may be, when it is a pipe.
        io::stdout().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_shape_of_redis() {
        let line = format_line(Level::Info, format_args!("Ready to accept connections tcp"));
        let (pid, rest) = line.split_once(':').unwrap();
        assert_eq!(pid, std::process::id().to_string());
        let words: Vec<&str> = rest.split(' ').collect();
        assert!(matches!(words[0], "C" | "M" | "S"));
        assert_eq!(words[1].len(), 2);
        assert_eq!(words[4].len(), "20:20:05.990".len());
        assert_eq!(words[5..].join(" "), "* Ready to accept connections tcp\n");
    }

    #[test]
    fn marks_follow_levels() {
        let levels = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];
        assert_eq!(levels.map(mark), ['.', '-', '*', '#', '#']);
    }

    #[test]
    fn times_are_local_and_english() {
        let unix_s = 1_795_465_205;
        let output = std::process::Command::new("date")
            .env("LC_ALL", "C")
            .args(["-d", &format!("@{unix_s}"), "+%d %b %Y %H:%M:%S"])
            .output()
            .unwrap();
        let wanted = String::from_utf8(output.stdout).unwrap();
        assert_eq!(timestamp(unix_s * 1000 + 7), format!("{}.007", wanted.trim_end()));
        assert!(timestamp(-1).ends_with(".999"));
    }

    /// One test for what the process shares: where lines go and what passes.
    #[test]
    fn level_and_file_change_at_run_time() {
        let path = std::env::temp_dir().join(format!("sidering-{}.log", std::process::id()));
        init(LevelFilter::Info);
        set_file(Some(&path)).unwrap();
        log::info!("first {}", 1);
        log::debug!("too quiet");
        set_level(LevelFilter::Debug);
        log::debug!("second");
        assert!(set_file(Some(Path::new("/no/such/directory/log"))).is_err());
        log::warn!("third");
        set_level(LevelFilter::Off);
        log::warn!("nothing");
        set_file(None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let ours: Vec<&str> = text
            .lines()
            .filter_map(|line| line.splitn(6, ' ').nth(5))
            .filter(|line| {
                ["first 1", "too quiet", "second", "third", "nothing"]
                    .iter()
                    .any(|own| line.ends_with(own))
            })
            .collect();
        assert_eq!(ours, ["* first 1", "- second", "# third"]);
        std::fs::remove_file(path).unwrap();
    }
}
