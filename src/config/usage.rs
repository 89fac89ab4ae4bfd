//! What `--version` and `--help` print.
//!
//! Invariant: text only, derived from the table and the package.

use super::REDIS_VERSION;
use super::table::{Effect, TABLE};

/// Version of the package.
pub const SIDERING_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A number that differs between versions and build profiles, for INFO's `redis_build_id`.
pub const BUILD_ID: u64 = build_id();

const fn build_id() -> u64 {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let texts = [SIDERING_VERSION.as_bytes(), REDIS_VERSION.as_bytes(), profile.as_bytes()];
    // FNV-1a: no need for more than a fingerprint.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut part = 0;
    while part < texts.len() {
        let mut at = 0;
        while at < texts[part].len() {
            hash = (hash ^ texts[part][at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        part += 1;
    }
    hash
}

/// One line in Redis's shape, which suites and installers parse (` v=7.`).
///
/// Under its own name the server adds its own version at the end.
pub fn version(program: &str) -> String {
    let own = match program.contains("redis") {
        true => String::new(),
        false => format!(" sidering={SIDERING_VERSION}"),
    };
    format!(
        "Redis server v={REDIS_VERSION} sha=00000000:0 malloc=mimalloc bits={} build={BUILD_ID:x}{own}\n",
        usize::BITS
    )
}

/// How to call the server, and every parameter.
pub fn help(program: &str) -> String {
    let mut text = format!(
        "Usage: {program} [FILE | -] [--PARAMETER VALUE ...] ...\n\
         \x20      {program} -v | --version\n\
         \x20      {program} -h | --help\n\
         \x20      {program} --check-system\n\
         \n\
         FILE is in the format of redis.conf; - reads it from standard input. Parameters given as\n\
         options win over the file. Without arguments the server listens on port 6379.\n\
         \n\
         Examples:\n\
         \x20      {program} --port 7777 --requirepass secret\n\
         \x20      {program} /etc/redis/redis.conf --loglevel verbose\n\
         \x20      echo 'maxmemory 128mb' | {program} -\n\
         \n\
         Parameters, with their defaults (* has no effect yet or none here):\n"
    );
    for row in TABLE.iter().filter(|row| !row.hidden) {
        let mark = if row.effect == Effect::Now { ' ' } else { '*' };
        let default = if row.default.is_empty() { "\"\"" } else { row.default };
        text.push_str(&format!(" {mark} {} ({default})\n       {}\n", row.name, row.doc));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_has_the_shape_that_suites_parse() {
        let line = version("redis-server");
        assert!(
            line.starts_with("Redis server v=7.2.6 sha=00000000:0 malloc=mimalloc bits=64 build=")
        );
        assert!(!line.contains("sidering"));
        assert!(version("sidering").trim_end().ends_with(&format!("sidering={SIDERING_VERSION}")));
    }

    #[test]
    fn help_names_every_parameter_that_is_not_hidden() {
        let text = help("sidering");
        for row in TABLE.iter().filter(|row| !row.hidden) {
            assert!(text.contains(&format!(" {} (", row.name)), "{}", row.name);
        }
        assert!(!text.contains("watchdog-period"));
    }
}
