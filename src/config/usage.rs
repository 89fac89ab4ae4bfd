//! What `--version`, `--help` and `--sample-config` print.
//!
//! Invariant: text only, derived from the table and the package.

use super::REDIS_VERSION;
use super::table::{Effect, TABLE};
use crate::base::text::repr;

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
         \x20      {program} --sample-config\n\
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

/// A configuration file that changes nothing: every parameter with its default, as a comment.
pub fn sample() -> String {
    let mut text = "\
# A configuration for Sidering, in the format of redis.conf. Every parameter stands here with its
# default, as a comment. Made by: sidering --sample-config
#
# Start with it: sidering /path/to/sidering.conf
# Options win over the file: sidering /path/to/sidering.conf --port 6380
#
# Sizes take units: 1k is 1000 bytes, 1kb is 1024; m, mb, g, gb likewise, in any case.
# What holds blanks is quoted. 'include FILE' reads another file here; 'rename-command NAME NEW'
# gives a command another name, or takes it away with \"\"; 'user NAME RULES' defines a user.
"
    .to_owned();
    for row in TABLE.iter().filter(|row| !row.hidden) {
        if let Some(section) = row.section {
            text.push_str(&format!("\n\n# == {section} ==\n"));
        }
        text.push_str(&format!("\n# {}\n", row.doc));
        if row.immutable {
            text.push_str("# Fixed at the start.\n");
        }
        match row.effect {
            Effect::Now => {}
            Effect::Later(part) => {
                text.push_str(&format!("# No effect yet: it waits for {part}.\n"))
            }
            Effect::Never(reason) => text.push_str(&format!("# No effect: {reason}.\n")),
        }
        let is_one_word = !row.default.is_empty() && !row.default.contains(' ');
        let default = match is_one_word || (row.kind.takes_many() && !row.default.is_empty()) {
            true => row.default.to_owned(),
            false => repr(row.default.as_bytes()),
        };
        text.push_str(&format!("# {} {default}\n", row.name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_that_of_the_table() {
        let file = include_str!("../../tuning/sidering.conf");
        assert!(file == sample(), "make it anew: sidering --sample-config >tuning/sidering.conf");
    }

    /// Whoever takes the comment signs away gets what he had.
    #[test]
    fn what_the_sample_shows_can_be_set() {
        let is_setting = |line: &&str| {
            let name = line.trim_start_matches("# ").split(' ').next().unwrap_or_default();
            line.starts_with("# ") && TABLE.iter().any(|row| row.name == name)
        };
        let text = sample();
        let lines: Vec<&str> = text.lines().filter(is_setting).collect();
        assert_eq!(lines.len(), TABLE.iter().filter(|row| !row.hidden).count());
        let plain = |line: &&str| !line.starts_with("# replicaof");
        let all: String = lines
            .iter()
            .filter(|line| plain(line))
            .map(|line| format!("{}\n", &line[2..]))
            .collect();
        let args = ["sidering", "-"].map(Into::into);
        let read = super::super::load(args.into_iter(), &mut all.as_bytes()).expect("a valid file");
        let defaults = super::super::Config::default();
        assert_eq!(read.config.get(&[b"*"]), defaults.get(&[b"*"]));
    }

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
