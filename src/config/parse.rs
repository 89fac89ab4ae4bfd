//! From arguments, standard input and files to a `Config`: redis-server's own grammar.
//!
//! Everything is first put together as one text, as if the arguments stood at the end of the
//! file, and then read line by line; so later wins over earlier, and error messages can quote
//! the line. That is how the reference does it, and scripts rely on the consequences.
//!
//! Invariant: reads files, but opens no socket, changes no directory and prints nothing.

use std::ffi::{OsStr, OsString};
use std::fs;
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

/// `user NAME [RULE ...]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLine {
    pub name: Vec<u8>,
    /// As written; what they mean is the commands' to say.
    pub rules: Vec<Vec<u8>>,
    /// For the error when a rule is none: see [`Exit::bad_directive`].
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
    /// `user` directives in order; only the command table can check them.
    pub users: Vec<UserLine>,
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
        b"--sample-config" => Err(Exit { stdout: usage::sample(), ..Exit::default() }),
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
            text = read_files(&path, &path)?;
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
            (b"user", [name, rules @ ..]) => {
                let (name, rules) = (name.clone(), rules.to_vec());
                self.loaded.users.push(UserLine { name, rules, location });
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
                format!("No effect yet, waiting for {part}")
            }
            Effect::Never(reason) => format!("No effect, because {reason}"),
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
        let text = read_files(&self.resolve(pattern), Path::new(OsStr::from_bytes(pattern)))?;
        self.read_text(&text, depth + 1)
    }

    /// Relative paths are relative to `dir` as it is set so far.
    fn resolve(&self, path: &[u8]) -> PathBuf {
        Path::new(&self.loaded.config.dir).join(OsStr::from_bytes(path))
    }
}

fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| b" \t\r\n".contains(byte);
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

/// The content of one file, called `named` by the user, or of all files that a pattern matches,
/// which may be none.
fn read_files(path: &Path, named: &Path) -> Result<Vec<u8>, Exit> {
    if !named.as_os_str().as_bytes().iter().any(|byte| b"*?[".contains(byte)) {
        return fs::read(path).map_err(|error| cannot_open(named, &error));
    }
    let mut text = Vec::new();
    for path in sys::glob_paths(path) {
        let content = fs::read(&path).map_err(|error| cannot_open(&path, &error))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Maxmemory;

    /// A directory that is gone with the test.
    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Dir {
            let path = std::env::temp_dir().join(format!("sidering-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Dir(path)
        }

        fn file(&self, name: &str, text: &str) -> String {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn start_with(words: &[&str], stdin: &str) -> Result<Loaded, Exit> {
        let args = std::iter::once("/usr/bin/redis-server").chain(words.iter().copied());
        load(args.map(OsString::from), &mut stdin.as_bytes())
    }

    fn start(words: &[&str]) -> Result<Loaded, Exit> {
        start_with(words, "")
    }

    fn config(words: &[&str]) -> Config {
        start(words).unwrap_or_else(|exit| panic!("{words:?}: {}", exit.stderr)).config
    }

    fn fatal(words: &[&str]) -> String {
        let exit = start(words).expect_err("must not start");
        assert_eq!((exit.code, exit.stdout.as_str()), (1, ""), "{words:?}");
        exit.stderr
    }

    #[test]
    fn nothing_is_the_default() {
        let loaded = start(&[]).unwrap();
        assert!(!loaded.has_arguments);
        assert_eq!((loaded.config.port, loaded.file), (6379, None));
        assert!(loaded.notices.is_empty());
    }

    #[test]
    fn a_usual_sidecar_starts() {
        let loaded = start(&[
            "--appendonly",
            "yes",
            "--maxmemory",
            "96mb",
            "--maxmemory-policy",
            "allkeys-lru",
            "--tcp-keepalive",
            "60",
            "--timeout",
            "0",
            "--rename-command",
            "FLUSHDB",
            "",
            "--client-output-buffer-limit",
            "normal",
            "0",
            "0",
            "0",
            "--save",
            "60",
            "1",
            "--save",
            "300",
            "10",
            "--bind",
            "127.0.0.1",
            "-::1",
        ])
        .unwrap();
        let config = &loaded.config;
        assert!(config.appendonly);
        assert_eq!((config.maxmemory, config.tcp_keepalive), (Maxmemory::Bytes(96 << 20), 60));
        assert_eq!(config.maxmemory_policy, crate::config::MaxmemoryPolicy::AllkeysLru);
        assert_eq!(config.bind, ["127.0.0.1", "-::1"]);
        assert_eq!(config.get_one("save").as_deref(), Some(&b"60 1 300 10"[..]));
        assert_eq!(loaded.rename_commands[0].from, b"FLUSHDB");
        assert_eq!(loaded.rename_commands[0].to, b"");
        assert!(loaded.notices.is_empty(), "{:?}", loaded.notices);
    }

    #[test]
    fn values_may_stand_in_one_word() {
        let config = config(&["--port 7000", "--save", "60 1 300 10", "--bind", "127.0.0.1 ::1"]);
        assert_eq!(config.port, 7000);
        assert_eq!((config.save.len(), config.bind.len()), (2, 2));
    }

    #[test]
    fn save_is_emptied_in_every_way_scripts_use() {
        for words in [
            &["--save", ""][..],
            &["--save"],
            &["--save", "--port", "7000"],
            &["--save", "5 1", "--save", ""],
        ] {
            assert!(config(words).save.is_empty(), "{words:?}");
        }
    }

    #[test]
    fn words_that_look_like_options_can_be_values() {
        assert_eq!(config(&["--requirepass", "--secret"]).requirepass, b"--secret");
        assert_eq!(config(&["--requirepass", "a \"b\" \\ \n"]).requirepass, b"a \"b\" \\ \n");
        assert_eq!(config(&["--requirepass", "", "--port", "7000"]).port, 7000);
    }

    #[test]
    fn file_then_input_then_options() {
        let dir = Dir::new("order");
        let text =
            "port 1\n# comment\n\n  TIMEOUT 5  \r\nrequirepass \"a\\x20b\"\nloglevel 'debug'\n";
        let path = dir.file("redis.conf", text);
        let loaded = start_with(&[&path, "--port", "3", "-"], "port 2\nmaxclients 9\n").unwrap();
        let config = &loaded.config;
        assert_eq!((config.port, config.timeout, config.maxclients), (3, 5, 9));
        assert_eq!(config.requirepass, b"a b");
        assert_eq!(config.loglevel, crate::config::LogLevel::Debug);
        assert_eq!(loaded.file, Some(path.into()));
        assert_eq!(loaded.notices, ["Reading config from stdin"]);
        assert_eq!(start_with(&["-"], "port 2").unwrap().config.port, 2);
    }

    #[test]
    fn includes_follow_patterns_and_dir() {
        let dir = Dir::new("include");
        dir.file("10.conf", "port 10\n");
        dir.file("20.conf", "port 20\ntimeout 3\n");
        let here = dir.0.display();
        let text = format!("dir {here}\ninclude ??.conf\ninclude no*.conf\nmaxclients 5\n");
        let loaded = config(&[&dir.file("main", &text)]);
        assert_eq!((loaded.port, loaded.timeout, loaded.maxclients), (20, 3, 5));
        assert_eq!(Path::new(&loaded.dir), dir.0.canonicalize().unwrap());

        let missing = start(&["--include", "nofile"]).unwrap_err();
        assert!(missing.stdout.contains(
            " # Fatal error, can't open config file 'nofile': No such file or directory\n"
        ));

        let circle = dir.file("circle", &format!("include {here}/circle\n"));
        assert!(fatal(&[&circle]).ends_with("Too many nested include directives\n"));
    }

    #[test]
    fn errors_name_line_and_reason() {
        let dir = Dir::new("errors");
        let path = dir.file("redis.conf", "port 0\n  # c\n\tbogus  yes \n");
        assert_eq!(
            fatal(&[&path]),
            "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.6) ***\n\
             Reading the configuration file, at line 3\n\
             >>> 'bogus  yes'\n\
             Bad directive or wrong number of arguments\n"
        );
        assert_eq!(
            fatal(&["--logfile", "/no/such/x", "--port", "0"]),
            "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.6) ***\n\
             Can't open the log file: No such file or directory\n"
        );
    }

    /// Arguments, the line quoted and the reason, as redis-server 7.2.6 prints them.
    #[test]
    fn refusals_are_those_of_redis() {
        let bad = "Bad directive or wrong number of arguments";
        let cases: &[(&[&str], &str, &str)] = &[
            (&["--foo", "bar"], "foo \"bar\"", bad),
            (&["--port", "abc"], "port \"abc\"", "argument couldn't be parsed into an integer"),
            (&["--port"], "port", "wrong number of arguments"),
            (&["--port", "7", "8"], "port \"7\" \"8\"", "wrong number of arguments"),
            (&["--port x"], "port x", "argument couldn't be parsed into an integer"),
            (&["--port", "\"1"], "port \"\\\"1\"", "argument couldn't be parsed into an integer"),
            (&["--port", ""], "port \"\"", "argument couldn't be parsed into an integer"),
            (&["--save", "60"], "save \"60\"", "Invalid save parameters"),
            (&["--rename-command", "GET"], "rename-command \"GET\"", bad),
            (&["--user"], "user", bad),
            (&["--dir", "/nonexist"], "dir \"/nonexist\"", "No such file or directory"),
            (&["--a.b"], "a.b", "Module config specified without value"),
            (&["--replicaof", "a", "b"], "replicaof \"a\" \"b\"", "Invalid master port"),
            (&["--maxmemory", "10xx"], "maxmemory \"10xx\"", "argument must be a memory value"),
            (
                &["--client-output-buffer-limit", "normal", "1"],
                "client-output-buffer-limit \"normal\" \"1\"",
                "Wrong number of arguments in buffer limit configuration.",
            ),
            (
                &["--shutdown-on-sigterm", "foo"],
                "shutdown-on-sigterm \"foo\"",
                "argument(s) must be one of the following: default, save, nosave, now, force",
            ),
            (
                &["--unixsocketperm", "999"],
                "unixsocketperm \"999\"",
                "argument couldn't be parsed as an octal number",
            ),
            (
                &["--io-threads", "0"],
                "io-threads \"0\"",
                "argument must be between 1 and 128 inclusive",
            ),
            (&["--port=7000"], "port=7000", bad),
        ];
        for (words, line, reason) in cases {
            let wanted = format!(
                "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.6) ***\nReading the configuration file, \
                 at line 2\n>>> '{line}'\n{reason}\n"
            );
            assert_eq!(fatal(words), wanted);
        }
        assert!(fatal(&["--save", "--foo"]).contains("at line 3\n>>> 'foo'"));
        assert!(
            fatal(&["--cluster-enabled", "yes", "--replicaof", "a", "1"])
                .ends_with("***\nreplicaof directive not allowed in cluster mode\n")
        );
    }

    #[test]
    fn what_redis_knows_is_accepted() {
        let loaded = start(&[
            "--user",
            "alice",
            "on",
            ">se cret",
            "--loadmodule",
            "/x.so",
            "arg",
            "--lua-replicate-commands",
            "yes",
            "--search.timeout",
            "5",
            "--activerehashing",
            "no",
            "--hz",
            "100",
        ])
        .unwrap();
        assert_eq!(loaded.config.hz, 100);
        let UserLine { name, rules, location } = &loaded.users[0];
        assert_eq!((name.as_slice(), location.line), (&b"alice"[..], 2));
        assert_eq!(rules, &[&b"on"[..], b">se cret"]);
        assert_eq!(
            loaded.notices,
            [
                "No effect, because there are no modules: loadmodule, module parameters",
                "No effect, because Redis 7 dropped them: parameters of old versions",
                "No effect, because tables grow a segment at a time and are never rehashed: activerehashing",
                "No effect, because there is no timer tick: hz",
            ]
        );
    }

    #[test]
    fn options_that_end_the_process() {
        let version = start(&["-v"]).unwrap_err();
        assert_eq!(version.code, 0);
        assert!(version.stdout.starts_with("Redis server v=7."));
        let help = start(&["--help"]).unwrap_err();
        assert_eq!((help.code, help.stdout.as_str()), (1, ""));
        assert!(help.stderr.starts_with("Usage: redis-server "));
        assert!(fatal(&["--port", "1", "--sentinel"]).contains("Sentinel"));
        assert!(fatal(&["--test-memory", "100"]).contains("memory test"));
        // Only in the first place; elsewhere it is a directive like any other.
        assert!(fatal(&["--port", "1", "--version"]).contains("Bad directive"));
    }

    #[test]
    fn sentinel_is_refused_by_name_too() {
        let args = ["/usr/bin/redis-sentinel", "/etc/sentinel.conf"];
        let exit = load(args.map(OsString::from).into_iter(), &mut std::io::empty()).unwrap_err();
        assert_eq!(exit.code, 1);
    }
}
