//! From arguments, standard input and files to a `Config`: redis-server's own grammar.
//!
//! Everything is first put together as one text, as if the arguments stood at the end of the
//! file, and then read line by line; so later wins over earlier, and error messages can quote
//! the line. That is how the reference does it, and scripts rely on the consequences.
//!
//! Invariant: reads files, but opens no socket, changes no directory and prints nothing.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::table::{self, Effect, TABLE};
use super::{Config, REDIS_VERSION, usage};
use crate::base::text::{repr, split_args};
use crate::base::{log as lines, sys};

/// How deep `include` may nest; a file that includes itself ends here instead of in a crash.
const INCLUDE_DEPTH_MAX: usize = 16;

/// The process ends before it serves: what to print where, and the exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Exit code.
    pub code: u8,
    /// Text for standard output.
    pub stdout: String,
    /// Text for standard error.
    pub stderr: String,
}

impl Exit {
    /// A directive that cannot be followed, told in Redis's form.
    pub fn bad_directive(location: &Location, reason: &str) -> Exit {
        let place = format!(
            "Reading the configuration file, at line {}\n>>> '{}'\n",
            location.line, location.text
        );
        Exit::fatal(&place, reason)
    }

    fn fatal(place: &str, reason: &str) -> Exit {
        let head = format!("\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***\n");
        Exit { code: 1, stderr: format!("{head}{place}{reason}\n"), ..Exit::default() }
    }

    fn refused(text: &str) -> Exit {
        Exit { code: 1, stderr: format!("{text}\n"), ..Exit::default() }
    }
}

/// A line of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// Counted from 1; the command line's options follow the file's lines.
    pub line: usize,
    /// The line without surrounding blanks.
    pub text: String,
}

/// `rename-command FROM TO`; an empty `to` removes the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameCommand {
    /// The command's name so far.
    pub from: Vec<u8>,
    /// The new name, or nothing.
    pub to: Vec<u8>,
    /// For the error when there is no such command: see [`Exit::bad_directive`].
    pub location: Location,
}

/// What a start needs to know.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The parameters.
    pub config: Config,
    /// Lines for the log, once it is open.
    pub notices: Vec<String>,
    /// The configuration file, absolute.
    pub file: Option<PathBuf>,
    /// `rename-command` directives in order; only the command table can check them.
    pub rename_commands: Vec<RenameCommand>,
    /// The name the process was called by (argv[0]).
    pub program: String,
    /// Whether there were arguments at all.
    pub has_arguments: bool,
}

/// Reads the command line (argv[0] first), the file it names and, for `-`, `stdin`.
///
/// # Errors
/// An [`Exit`] also for what is no mistake: `--version` and `--help`.
pub fn load(args: impl Iterator<Item = OsString>, stdin: &mut dyn Read) -> Result<Loaded, Exit> {
    let args: Vec<Vec<u8>> = args.map(OsString::into_vec).collect();
    let program = args.first().cloned().unwrap_or_default();
    let program = String::from_utf8_lossy(&program).into_owned();
    let words = args.get(1..).unwrap_or_default();
    if base_name(&program).contains("redis-sentinel") || words.iter().any(|w| w == b"--sentinel") {
        return Err(Exit::refused("Sentinel mode is not available: this server has no Sentinel."));
    }
    if let Some(first) = words.first() {
        special_option(first, words.len(), &program)?;
    }
    let mut loader = Loader::new(program, !words.is_empty());
    loader.run(words, stdin)?;
    Ok(loader.finish())
}

fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Options that only count in the first place and end the process.
fn special_option(word: &[u8], count: usize, program: &str) -> Result<(), Exit> {
    match word {
        b"-v" | b"--version" => {
            Err(Exit { stdout: usage::version(base_name(program)), ..Exit::default() })
        }
        b"-h" | b"--help" => {
            Err(Exit { code: 1, stderr: usage::help(base_name(program)), ..Exit::default() })
        }
        b"--test-memory" if count == 2 => Err(Exit::refused(
            "The memory test is not available; use a tool that tests all memory, such as memtest86+.",
        )),
        b"--test-memory" => {
            Err(Exit::refused("Please specify the amount of memory to test in megabytes."))
        }
        b"--check-system" => Err(check_system()),
        _ => Ok(()),
    }
}

fn check_system() -> Exit {
    match sys::transparent_huge_pages_warning() {
        None => Exit { stdout: "[THP]...OK\n".into(), ..Exit::default() },
        Some(warning) => {
            Exit { code: 1, stdout: format!("[THP]...WARNING:\n{warning}\n"), ..Exit::default() }
        }
    }
}

/// The state of one load.
struct Loader {
    loaded: Loaded,
    /// The first `save` replaces the default, the others add to it.
    save_seen: bool,
    /// What was set without effect: the reason and the names, in order of appearance.
    without_effect: Vec<(String, Vec<&'static str>)>,
}

impl Loader {
    fn new(program: String, has_arguments: bool) -> Loader {
        let loaded = Loaded { program, has_arguments, ..Loaded::default() };
        Loader { loaded, save_seen: false, without_effect: Vec::new() }
    }

    fn run(&mut self, words: &[Vec<u8>], stdin: &mut dyn Read) -> Result<(), Exit> {
        if words.is_empty() {
            return Ok(());
        }
        let mut rest = words;
        let mut text = Vec::new();
        if !words[0].starts_with(b"-") {
            let path = self.resolve(&words[0]);
            text = read_files(&path)?;
            self.loaded.file = Some(path);
            rest = &words[1..];
        }
        let has_file = self.loaded.file.is_some();
        let options = options_as_lines(rest, has_file);
        if options.from_stdin {
            self.loaded.notices.push("Reading config from stdin".into());
            stdin
                .read_to_end(&mut text)
                .map_err(|error| Exit::refused(&format!("Can't read standard input: {error}")))?;
        }
        text.push(b'\n');
        text.extend_from_slice(&options.lines);
        self.read_text(&text, 0)
    }

    fn finish(self) -> Loaded {
        let mut loaded = self.loaded;
        for (reason, names) in self.without_effect {
            loaded.notices.push(format!("{reason}: {}", names.join(", ")));
        }
        loaded
    }

    /// Reads lines, then checks what only the whole can tell.
    fn read_text(&mut self, text: &[u8], depth: usize) -> Result<(), Exit> {
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = trim(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let location =
                Location { line: index + 1, text: String::from_utf8_lossy(line).into_owned() };
            let mut words = split_args(line).ok_or_else(|| {
                Exit::bad_directive(&location, "Unbalanced quotes in configuration line")
            })?;
            if words.is_empty() {
                continue;
            }
            words[0].make_ascii_lowercase();
            self.directive(&words, location, depth)?;
        }
        self.check_whole()
    }

    fn check_whole(&self) -> Result<(), Exit> {
        let config = &self.loaded.config;
        if !config.logfile.is_empty() {
            let path = Path::new(&config.dir).join(&config.logfile);
            lines::open_for_append(&path).map_err(|error| {
                let reason = format!("Can't open the log file: {}", sys::error_text(&error));
                Exit::fatal("", &reason)
            })?;
        }
        if config.cluster_enabled && !config.replicaof.is_empty() {
            return Err(Exit::fatal("", "replicaof directive not allowed in cluster mode"));
        }
        Ok(())
    }

    /// One line, already split, its first word in lower case.
    fn directive(
        &mut self,
        words: &[Vec<u8>],
        location: Location,
        depth: usize,
    ) -> Result<(), Exit> {
        if let Some(index) = table::find(&words[0]) {
            return self
                .parameter(index, &words[1..])
                .map_err(|reason| Exit::bad_directive(&location, &reason));
        }
        match (words[0].as_slice(), &words[1..]) {
            (b"include", [pattern]) => self.include(pattern, &location, depth),
            (b"rename-command", [from, to]) => {
                let (from, to) = (from.clone(), to.clone());
                self.loaded.rename_commands.push(RenameCommand { from, to, location });
                Ok(())
            }
            (b"user", [_, ..]) => {
                self.no_effect("user", Effect::Later("access control lists"));
                Ok(())
            }
            (b"loadmodule", [_, ..]) => {
                self.no_effect("loadmodule", Effect::Never("there are no modules"));
                Ok(())
            }
            (
                b"list-max-ziplist-entries" | b"list-max-ziplist-value" | b"lua-replicate-commands",
                [_],
            ) => {
                self.no_effect("parameters of old versions", Effect::Never("Redis 7 dropped them"));
                Ok(())
            }
            (b"sentinel", []) => Ok(()),
            (b"sentinel", _) => {
                Err(Exit::bad_directive(&location, "sentinel directive while not in sentinel mode"))
            }
            (name, []) if name.contains(&b'.') => {
                Err(Exit::bad_directive(&location, "Module config specified without value"))
            }
            (name, _) if name.contains(&b'.') => {
                self.no_effect("module parameters", Effect::Never("there are no modules"));
                Ok(())
            }
            _ => Err(Exit::bad_directive(&location, "Bad directive or wrong number of arguments")),
        }
    }

    fn parameter(&mut self, index: usize, words: &[Vec<u8>]) -> Result<(), String> {
        let row = &TABLE[index];
        // One word may hold several, as in `--save "60 1 300 10"`; an empty one stays empty.
        let split = match words {
            [only] if row.kind.takes_many() && !only.is_empty() => {
                split_args(only).ok_or("Unbalanced quotes in configuration line")?
            }
            _ => words.to_vec(),
        };
        let words: Vec<&[u8]> = split.iter().map(Vec::as_slice).collect();
        let earlier = self.loaded.config.save.clone();
        self.loaded.config.assign(index, &words)?;
        if row.name == "save" {
            self.append_save(earlier, words == [b""]);
        }
        self.no_effect(row.name, row.effect);
        Ok(())
    }

    /// Several `save` lines add up; the first one replaces the default, an empty one all before.
    fn append_save(&mut self, earlier: Vec<super::SavePoint>, cleared: bool) {
        if self.save_seen && !cleared {
            let added = std::mem::replace(&mut self.loaded.config.save, earlier);
            self.loaded.config.save.extend(added);
        }
        self.save_seen = true;
    }

    fn no_effect(&mut self, name: &'static str, effect: Effect) {
        let reason = match effect {
            Effect::Now => return,
            Effect::Later(part) => {
                format!("Accepted without effect for now ({part} is not available yet)")
            }
            Effect::Never(reason) => format!("Accepted without effect ({reason})"),
        };
        match self.without_effect.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) if names.contains(&name) => {}
            Some((_, names)) => names.push(name),
            None => self.without_effect.push((reason, vec![name])),
        }
    }

    fn include(&mut self, pattern: &[u8], location: &Location, depth: usize) -> Result<(), Exit> {
        if depth == INCLUDE_DEPTH_MAX {
            return Err(Exit::bad_directive(location, "Too many nested include directives"));
        }
        let text = read_files(&self.resolve(pattern))?;
        self.read_text(&text, depth + 1)
    }

    /// Relative paths are relative to `dir` as it is set so far.
    fn resolve(&self, path: &[u8]) -> PathBuf {
        Path::new(&self.loaded.config.dir).join(std::ffi::OsStr::from_bytes(path))
    }
}

fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| b" \t\r\n".contains(byte);
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

/// The content of one file, or of all files a pattern matches, which may be none.
fn read_files(path: &Path) -> Result<Vec<u8>, Exit> {
    let is_pattern = path.as_os_str().as_bytes().iter().any(|byte| b"*?[".contains(byte));
    let paths = if is_pattern { sys::glob_paths(path) } else { vec![path.to_owned()] };
    let mut text = Vec::new();
    for path in paths {
        let content = std::fs::read(&path).map_err(|error| cannot_open(&path, &error))?;
        text.extend_from_slice(&content);
    }
    Ok(text)
}

fn cannot_open(path: &Path, error: &std::io::Error) -> Exit {
    let text = format!(
        "Fatal error, can't open config file '{}': {}",
        path.display(),
        sys::error_text(error)
    );
    let line = lines::format_line(log::Level::Warn, format_args!("{text}"));
    Exit { code: 1, stdout: line, ..Exit::default() }
}

/// The arguments as lines of a configuration file.
struct Options {
    lines: Vec<u8>,
    from_stdin: bool,
}

fn options_as_lines(words: &[Vec<u8>], after_file: bool) -> Options {
    let mut options = Options { lines: Vec::new(), from_stdin: false };
    // A name must be followed by at least one word before the next `--` counts as a name.
    let mut name_complete = true;
    for (index, word) in words.iter().enumerate() {
        let is_first = index == 0 && !after_file;
        let next = words.get(index + 1);
        if word == b"-" && (is_first || next.is_none()) {
            options.from_stdin = true;
        } else if name_complete && word.starts_with(b"--") {
            name_complete = push_name(&mut options.lines, word, next);
        } else {
            options.lines.extend_from_slice(repr(word).as_bytes());
            options.lines.push(b' ');
            name_complete = true;
        }
    }
    options
}

/// Starts a line; returns whether it can stand without a further word.
fn push_name(lines: &mut Vec<u8>, word: &[u8], next: Option<&Vec<u8>>) -> bool {
    if !lines.is_empty() {
        lines.push(b'\n');
    }
    lines.extend_from_slice(&word[2..]);
    lines.push(b' ');
    if split_args(word).is_none_or(|parts| parts.len() != 1) {
        // Name and value in one word, as in "--port 6380".
        return true;
    }
    // A bare --save means --save "": scripts that build the list from an empty array do that.
    let bare = next.is_none_or(|next| next.starts_with(b"--"));
    let is_empty_save = bare && word.eq_ignore_ascii_case(b"--save");
    if is_empty_save {
        lines.extend_from_slice(b"\"\"");
    }
    is_empty_save
}
