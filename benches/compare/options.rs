//! The command line of the benchmark.
//!
//! Invariant: parses and defaults only; starts nothing and touches no file.

use std::path::{Path, PathBuf};
use std::time::Duration;

pub const USAGE: &str = "\
usage: cargo bench --bench compare -- [CASE...] [options]
  CASE               a case or the beginning of its name (get, set-p16, mem, expiry-1m)
  --rounds N         rounds to take the median of (5; 2 with --quick)
  --server-a PATH    the reference (redis-server)
  --server-b PATH    the server compared with it (the sidering of this build)
  --backends LIST    backends of sidering to measure (uring,epoll)
  --client NAME      load generator: own, or redis-benchmark as a cross-check
  --quick            short periods and small data sets, to try the harness
  --out PATH         result files without extension (benches/results/compare for a
                     complete run, else a file in target/tmp)
  --list             list the cases
";

/// Who generates the load of the request cases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadClient {
    Own,
    RedisBenchmark,
}

/// How much of everything one round takes.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Driven but not counted, before each request case.
    pub warm_up: Duration,
    /// Counted, for each request case.
    pub period: Duration,
    /// Keys of the request and memory cases.
    pub keys: u64,
    /// Idle connections of the connection case.
    pub connections: usize,
    /// Pause in which a server may shrink the buffers of idle connections. Redis resets the peak
    /// of a reply buffer every 5 s and shrinks it after that.
    pub connection_rest: Duration,
    /// Keys or fields added by the growth cases.
    pub growth_keys: u64,
    /// Members of the set that is freed.
    pub freed_members: u64,
    /// Keys that are held when the limit falls: some 1 GiB.
    pub falling_keys: u64,
    /// Keys of the restart and of the rewrite case.
    pub restart_keys: u64,
    pub rewrite_keys: u64,
    /// Time over which an idle server is pinged, and watched.
    pub idle_ping: Duration,
    pub idle_watch: Duration,
    /// An expired key still counted after this time is given up and enters with this lag.
    pub expiry_cap: Duration,
}

impl Scale {
    pub const FULL: Self = Self {
        warm_up: Duration::from_millis(300),
        period: Duration::from_millis(1500),
        keys: 1_000_000,
        connections: 10_000,
        connection_rest: Duration::from_secs(8),
        growth_keys: 4_000_000,
        freed_members: 5_000_000,
        falling_keys: 10_000_000,
        restart_keys: 2_000_000,
        rewrite_keys: 3_000_000,
        idle_ping: Duration::from_secs(4),
        idle_watch: Duration::from_secs(10),
        expiry_cap: Duration::from_secs(5),
    };

    const QUICK: Self = Self {
        warm_up: Duration::from_millis(100),
        period: Duration::from_millis(400),
        keys: 100_000,
        connections: 1_000,
        connection_rest: Duration::from_secs(2),
        growth_keys: 400_000,
        freed_members: 500_000,
        falling_keys: 1_000_000,
        restart_keys: 100_000,
        rewrite_keys: 200_000,
        idle_ping: Duration::from_millis(500),
        idle_watch: Duration::from_secs(2),
        expiry_cap: Duration::from_secs(1),
    };
}

#[derive(Debug)]
pub struct Options {
    pub cases: Vec<String>,
    pub rounds: usize,
    pub server_a: PathBuf,
    pub server_b: PathBuf,
    pub backends: Vec<String>,
    pub client: LoadClient,
    pub scale: Scale,
    /// Result files, without extension.
    pub output: PathBuf,
    /// The command as a reader would type it.
    pub command: String,
    pub show_help: bool,
    pub show_cases: bool,
}

impl Options {
    /// Parses what cargo passes on. An error says what is wrong with it.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let arguments: Vec<&str> =
            arguments.iter().map(String::as_str).filter(|a| *a != "--bench").collect();
        let (mut rounds, mut quick, mut output) = (None, false, None);
        let mut options = Self::defaults(&arguments);
        let mut rest = arguments.iter().copied();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument {
                "--rounds" => rounds = Some(parse_rounds(value()?)?),
                "--server-a" => options.server_a = value()?.into(),
                "--server-b" => options.server_b = value()?.into(),
                "--backends" => {
                    options.backends = value()?.split(',').map(str::to_owned).collect();
                }
                "--client" => options.client = parse_client(value()?)?,
                "--out" => output = Some(PathBuf::from(value()?)),
                "--quick" => quick = true,
                "--list" => options.show_cases = true,
                "--help" => options.show_help = true,
                _ if argument.starts_with('-') => {
                    return Err(format!("unknown option {argument}"));
                }
                case => options.cases.push(case.to_owned()),
            }
        }
        options.scale = if quick { Scale::QUICK } else { Scale::FULL };
        options.rounds = rounds.unwrap_or(if quick { 2 } else { 5 });
        options.output = output.unwrap_or_else(|| options.default_output(quick));
        Ok(options)
    }

    fn defaults(arguments: &[&str]) -> Self {
        Self {
            cases: Vec::new(),
            rounds: 0,
            server_a: "redis-server".into(),
            server_b: env!("CARGO_BIN_EXE_sidering").into(),
            backends: vec!["uring".to_owned(), "epoll".to_owned()],
            client: LoadClient::Own,
            scale: Scale::FULL,
            output: PathBuf::new(),
            command: command_line(arguments),
            show_help: false,
            show_cases: false,
        }
    }

    /// Only a complete run at full scale replaces the published figures.
    fn default_output(&self, quick: bool) -> PathBuf {
        let complete = !quick && self.cases.is_empty() && self.client == LoadClient::Own;
        if complete {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results/compare")
        } else {
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare-partial")
        }
    }
}

fn command_line(arguments: &[&str]) -> String {
    let mut command = "cargo bench --bench compare".to_owned();
    if !arguments.is_empty() {
        command.push_str(" -- ");
        command.push_str(&arguments.join(" "));
    }
    command
}

fn parse_rounds(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(rounds) if rounds > 0 => Ok(rounds),
        _ => Err(format!("--rounds {text}: not a positive number")),
    }
}

fn parse_client(text: &str) -> Result<LoadClient, String> {
    match text {
        "own" => Ok(LoadClient::Own),
        "redis-benchmark" => Ok(LoadClient::RedisBenchmark),
        _ => Err(format!("--client {text}: expected own or redis-benchmark")),
    }
}
