//! The command line of the soak.
//!
//! Invariant: parses and defaults only; starts nothing and touches no file.

use std::path::PathBuf;
use std::time::Duration;

pub const USAGE: &str = "\
usage: cargo bench --bench sidecar -- [soak | samples | hits] [options]
  soak               a sidecar in a control group of 128 MiB (the default; needs root)
  samples            used_memory and RSS at 100 Hz, every policy with three mixes of values
  hits               how often a cache too small has what it is asked for, beside redis-server
  --minutes N        length of the soak (10)
  --seconds N        length of each run, instead of minutes (20 for samples and hits)
  --maxmemory TEXT   the limit (96mb for the soak, 64mb for samples, 24mb for hits)
  --policy NAME      the policy (allkeys-lru for the soak, all for samples)
  --values NAME      the mix for samples: sessions, sizes or collections (all)
  --server PATH      the server (the sidering of this build)
  --backend NAME     driver of sidering: uring or epoll
  --rewrite          one rewrite of the append log after another (soak)
  --args TEXT        more options for the server, separated by blanks
";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Soak,
    Samples,
    Hits,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub mode: Mode,
    pub period: Duration,
    pub server: PathBuf,
    backend: Option<String>,
    maxmemory: Option<String>,
    policy: Option<String>,
    values: Option<String>,
    more: Vec<String>,
    /// Whether the log is rewritten all the time.
    pub rewrites: bool,
}

impl Options {
    /// Parses what cargo passes on. An error says what is wrong with it.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let (mut mode, mut period) = (Mode::Soak, None);
        let (mut backend, mut maxmemory, mut policy, mut more) = (None, None, None, Vec::new());
        let (mut values, mut rewrites) = (None, false);
        let mut server = PathBuf::from(env!("CARGO_BIN_EXE_sidering"));
        let mut rest = arguments.iter().map(String::as_str).filter(|a| *a != "--bench");
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument {
                "soak" => mode = Mode::Soak,
                "samples" => mode = Mode::Samples,
                "hits" => mode = Mode::Hits,
                "--minutes" => period = Some(seconds(value()?)? * 60),
                "--seconds" => period = Some(seconds(value()?)?),
                "--maxmemory" => maxmemory = Some(value()?.to_owned()),
                "--policy" => policy = Some(value()?.to_owned()),
                "--values" => values = Some(value()?.to_owned()),
                "--server" => server = value()?.into(),
                "--backend" => backend = Some(value()?.to_owned()),
                "--rewrite" => rewrites = true,
                "--args" => more = value()?.split_whitespace().map(str::to_owned).collect(),
                _ => return Err(format!("unknown option {argument}")),
            }
        }
        let period = period.unwrap_or(match mode {
            Mode::Soak => Duration::from_secs(600),
            Mode::Samples | Mode::Hits => Duration::from_secs(20),
        });
        Ok(Self { mode, period, server, backend, maxmemory, policy, values, more, rewrites })
    }

    /// The same for redis-server.
    pub fn of_redis(&self) -> Self {
        Self { server: "redis-server".into(), backend: None, more: Vec::new(), ..self.clone() }
    }

    /// Whether a policy is to be sampled with a mix of values.
    pub fn wants(&self, policy: &str, values: &str) -> bool {
        let is = |only: &Option<String>, name| only.as_deref().is_none_or(|only| only == name);
        is(&self.policy, policy) && is(&self.values, values)
    }

    /// The server's own options, with what a run asks for where the user does not.
    pub fn server_arguments(&self, maxmemory: &str, policy: &str) -> Vec<String> {
        let maxmemory = self.maxmemory.as_deref().unwrap_or(maxmemory);
        let policy = self.policy.as_deref().unwrap_or(policy);
        let mut arguments: Vec<String> =
            ["--save", "", "--maxmemory", maxmemory, "--maxmemory-policy", policy]
                .map(str::to_owned)
                .to_vec();
        if let Some(backend) = &self.backend {
            arguments.extend(["--io-backend".to_owned(), backend.clone()]);
        }
        arguments.extend(self.more.iter().cloned());
        arguments
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(Duration::from_secs(number)),
        _ => Err(format!("{text}: not a positive number")),
    }
}
