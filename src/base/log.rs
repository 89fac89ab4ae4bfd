//! Log lines: Redis's format and levels behind the `log` facade, and Valkey's other formats.
//!
//! `env_logger` hands lines over; how they look, where they go and how much passes can change while the
//! server runs. The level mapping: `trace!` is Redis's debug, `debug!` its verbose, `info!` its
//! notice, `warn!` and `error!` its warning.
//!
//! Invariant: knows no configuration; it is told a level and a path.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter};

use super::syslog::Syslog;
use super::text::json;
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

    /// The word for a letter, as Valkey has them.
    fn word(letter: u8) -> &'static str {
        match letter {
            b'M' => "primary",
            b'S' => "replica",
            _ => "starting",
        }
    }
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As Redis has it.
    #[default]
    Legacy,
    /// `name=value` pairs, as Valkey has them.
    Logfmt,
    /// One object of JSON with the same names.
    Json,
}

/// How a line tells the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// As Redis has it: `23 Nov 2026 20:20:05.990`.
    #[default]
    Legacy,
    /// `2026-11-23T20:20:05.990+01:00`.
    Iso8601,
    /// Milliseconds since 1970.
    Milliseconds,
}

static STYLE: Mutex<(Format, Timestamps)> = Mutex::new((Format::Legacy, Timestamps::Legacy));

static ROLE: AtomicU8 = AtomicU8::new(Role::Starting.letter());

/// Where lines go; standard output until a file is opened.
static OUTPUT: Mutex<Option<File>> = Mutex::new(None);

/// The machine's log, if lines go there as well.
static SYSLOG: Mutex<Option<Syslog>> = Mutex::new(None);

/// Installs the logger, once per process. Lines of other crates' targets pass too.
pub fn init(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    builder
        // The facade's maximum filters before anything is formatted; this one lets all pass.
        .filter_level(LevelFilter::Trace)
        .format(|out, record| {
            if let Some(syslog) = &*locked(&SYSLOG) {
                syslog.send(record.level(), *record.args());
            }
            out.write_all(format_line(record.level(), *record.args()).as_bytes())
        })
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

/// Changes how lines look from now on.
pub fn set_style(format: Format, timestamps: Timestamps) {
    *locked(&STYLE) = (format, timestamps);
}

/// Sends lines to the machine's log as well.
pub fn set_syslog(syslog: Syslog) {
    *locked(&SYSLOG) = Some(syslog);
}

fn locked<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    *locked(&OUTPUT) = file;
    Ok(())
}

/// Writes text as it is, without the head of a line, at level notice.
pub fn write_raw(text: &str) {
    if log::max_level() >= LevelFilter::Info {
        // The log has nowhere to report its own failure.
        let _ = Output.write_all(text.as_bytes()).and_then(|()| Output.flush());
    }
}

/// One line, ready to print, by default as Redis has it: `PID:ROLE 23 Nov 2026 20:20:05.990 * text`.
pub fn format_line(level: Level, text: fmt::Arguments<'_>) -> String {
    let now_ms = clock::unix_us_now() / 1000;
    styled(*locked(&STYLE), now_ms, level, text)
}

fn styled(
    style: (Format, Timestamps),
    now_ms: i64,
    level: Level,
    text: fmt::Arguments<'_>,
) -> String {
    let (pid, role) = (std::process::id(), ROLE.load(Ordering::Relaxed));
    let time = match style.1 {
        Timestamps::Legacy => timestamp(now_ms),
        Timestamps::Iso8601 => iso8601(now_ms),
        Timestamps::Milliseconds => now_ms.to_string(),
    };
    let (word, name) = (Role::word(role), level_name(level));
    match style.0 {
        Format::Legacy => format!("{pid}:{} {time} {} {text}\n", char::from(role), mark(level)),
        Format::Logfmt => {
            // A message stays one value on one line, in the same way as Valkey's.
            let text = text.to_string().replace('"', "'").replace(['\r', '\n'], " ");
            format!("pid={pid} role={word} timestamp=\"{time}\" level={name} message=\"{text}\"\n")
        }
        Format::Json => format!(
            "{{\"pid\":{pid},\"role\":\"{word}\",\"timestamp\":\"{time}\",\"level\":\"{name}\",\"message\":{}}}\n",
            json(&text.to_string())
        ),
    }
}

const fn mark(level: Level) -> char {
    match level {
        Level::Trace => '.',
        Level::Debug => '-',
        Level::Info => '*',
        Level::Warn | Level::Error => '#',
    }
}

/// Redis's word for a level, but for verbose, which Valkey's logfmt calls info.
const fn level_name(level: Level) -> &'static str {
    match level {
        Level::Trace => "debug",
        Level::Debug => "info",
        Level::Info => "notice",
        Level::Warn | Level::Error => "warning",
    }
}

/// `2026-11-23T20:20:05.990+01:00` in the local time zone.
fn iso8601(unix_ms: i64) -> String {
    let time = sys::local_time(unix_ms.div_euclid(1000));
    let (sign, offset_min) = (if time.offset_s < 0 { '-' } else { '+' }, time.offset_s.abs() / 60);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{sign}{:02}:{:02}",
        time.year,
        time.month0 + 1,
        time.day,
        time.hour,
        time.minute,
        time.second,
        unix_ms.rem_euclid(1000),
        offset_min / 60,
        offset_min % 60
    )
}

/// `23 Nov 2026 20:20:05.990` in the local time zone; English months whatever the locale.
pub fn timestamp(unix_ms: i64) -> String {
    let time = sys::local_time(unix_ms.div_euclid(1000));
    format!(
        "{:02} {} {} {:02}:{:02}:{:02}.{:03}",
        time.day,
        time.month(),
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
        let mut output = locked(&OUTPUT);
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
    fn other_formats_keep_a_message_in_one_value_on_one_line() {
        let line = |format| {
            let style = (format, Timestamps::Milliseconds);
            styled(style, 1_795_465_205_007, Level::Info, format_args!("a \"b\"\nc"))
        };
        let (pid, logfmt, json) = (std::process::id(), line(Format::Logfmt), line(Format::Json));
        assert!(logfmt.starts_with(&format!("pid={pid} role=")), "{logfmt}");
        let rest = " timestamp=\"1795465205007\" level=notice message=\"a 'b' c\"\n";
        assert!(logfmt.ends_with(rest), "{logfmt}");
        let rest = ",\"timestamp\":\"1795465205007\",\"level\":\"notice\",\"message\":\"a \\\"b\\\"\\nc\"}\n";
        assert!(json.starts_with(&format!("{{\"pid\":{pid},\"role\":\"")), "{json}");
        assert!(json.ends_with(rest), "{json}");
    }

    #[test]
    fn iso_times_say_their_zone() {
        let unix_s = 1_795_465_205;
        let output = std::process::Command::new("date")
            .args(["-d", &format!("@{unix_s}"), "+%Y-%m-%dT%H:%M:%S.007%:z"])
            .output()
            .unwrap();
        assert_eq!(
            iso8601(unix_s * 1000 + 7),
            String::from_utf8(output.stdout).unwrap().trim_end()
        );
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
