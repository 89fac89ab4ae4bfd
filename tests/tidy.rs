//! What drifts unless somebody looks: layers, unsafe code, clocks, chance, leftovers.
//!
//! Invariant: reads the sources only as text; rules with a compiler lint are left to the compiler.

use std::fs;
use std::path::Path;

/// Modules and their rank. A file may use modules of lower rank and its own.
const LAYERS: [(&str, u8); 14] = [
    ("base", 0),
    ("io", 1),
    ("resp", 1),
    ("ds", 1),
    ("types", 2),
    ("keyspace", 3),
    ("clerk", 1),
    ("metrics", 1),
    ("session", 4),
    ("config", 4),
    ("observe", 4),
    ("persist", 4),
    ("command", 5),
    ("server", 6),
];
/// Lower rank, and forbidden all the same: handlers never see a descriptor.
const FORBIDDEN: [(&str, &str); 1] = [("command", "io")];

/// The files that may hold unsafe code.
const UNSAFE: [&str; 13] = [
    "base/alloc.rs",
    "base/clock.rs",
    "base/num.rs",
    "base/sys.rs",
    "command/script/slot.rs",
    "ds/arena.rs",
    "ds/prefetch.rs",
    "io/epoll.rs",
    "io/pages.rs",
    "io/probe.rs",
    "io/ring.rs",
    "io/uring.rs",
    "io/uring_bufs.rs",
];

struct Source {
    /// Relative to src.
    path: String,
    text: String,
}

impl Source {
    /// The top-level module; none for lib.rs and main.rs.
    fn module(&self) -> Option<&str> {
        self.path.split_once('/').map(|(module, _)| module)
    }

    /// Whether the whole file is a test module.
    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.contains("tests/")
    }

    /// Numbered lines that are neither comment nor test module.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().filter(|_| !self.is_test());
        lines
            .take_while(|(_, line)| !line.starts_with("mod tests {"))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(number, line)| (number + 1, line))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    assert!(files.len() > 10, "the sources are where they were");
    files
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<Source>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            let path = path.strip_prefix(root).expect("below the root");
            files.push(Source { path: path.to_str().expect("a plain name").into(), text });
        }
    }
}

/// Fails with every line of code that `is_wrong`, not only the first.
fn check(rule: &str, is_wrong: impl Fn(&Source, &str) -> bool) {
    let mut found = Vec::new();
    for source in &sources() {
        let wrong = source.code().filter(|(_, line)| is_wrong(source, line));
        found.extend(wrong.map(|(number, line)| format!("{}:{number}: {line}", source.path)));
    }
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

fn rank(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

/// The top-level modules that a line names after `crate::`, grouped imports included.
fn modules_used(line: &str) -> Vec<&str> {
    let mut modules = Vec::new();
    for after in line.split("crate::").skip(1) {
        let names = after.strip_prefix('{').map_or(after, |group| group);
        let items =
            if names.len() < after.len() { names.split(", ").collect() } else { vec![names] };
        modules.extend(items.into_iter().map(|item: &str| {
            let end = item.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(item.len());
            &item[..end]
        }));
    }
    modules
}

#[test]
fn every_file_says_what_it_is() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "{} opens with a //! paragraph", source.path);
    }
}

#[test]
fn modules_use_lower_layers_only() {
    check("a module uses only lower layers", |source, line| {
        let Some((own, own_rank)) = source.module().and_then(|m| Some((m, rank(m)?))) else {
            return false;
        };
        modules_used(line).into_iter().any(|used| {
            let sideways = rank(used).is_some_and(|rank| rank >= own_rank && used != own);
            sideways || FORBIDDEN.contains(&(own, used))
        })
    });
}

#[test]
fn unsafe_code_is_where_it_is_listed() {
    check("only the listed files hold unsafe code", |source, line| {
        let opts_in = line.contains("allow(unsafe_code)") || line.contains("unsafe {");
        opts_in && !UNSAFE.contains(&source.path.as_str())
    });
}

#[test]
fn time_comes_from_the_clock() {
    check("base/clock.rs is the only reader of time", |source, line| {
        let reads =
            ["Instant::now", "SystemTime::now", "clock_gettime(", "time::Instant", "UNIX_EPOCH"];
        source.path != "base/clock.rs" && reads.iter().any(|name| line.contains(name))
    });
}

#[test]
fn files_change_through_the_disk() {
    check("base/disk.rs is the only place where files that count change", |source, line| {
        let calls = ["File::create(", "OpenOptions", "fs::rename(", ".sync_all(", ".sync_data("];
        // The flusher's sync is staged above the drivers.
        let allowed = ["base/disk.rs", "io/flusher.rs"].contains(&source.path.as_str());
        !allowed && calls.iter().any(|name| line.contains(name))
    });
}

#[test]
fn chance_comes_from_the_generator() {
    check("base/rng.rs is the only source of chance, base/sys.rs of its seed", |source, line| {
        let sources = ["fastrand::", "getrandom(", "urandom"];
        let allowed = ["base/rng.rs", "base/sys.rs"].contains(&source.path.as_str());
        !allowed && sources.iter().any(|name| line.contains(name))
    });
}

#[test]
fn nothing_is_left_for_later() {
    let later = ["todo!", "unimplemented!", "dbg!(", "#[ignore", "#[should_panic"];
    let marks = ["TODO", "FIXME", "XXX"];
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let left = later.iter().chain(&marks).find(|word| line.contains(*word));
            assert!(left.is_none(), "{}:{}: {line}", source.path, number + 1);
        }
    }
}

#[test]
fn reads_modules_out_of_imports() {
    assert_eq!(modules_used("use crate::base::num::{self, parse};"), ["base"]);
    assert_eq!(modules_used("use crate::{io::Op, resp};"), ["io", "resp"]);
    assert_eq!(modules_used("let a: crate::ds::Map = crate::io::new();"), ["ds", "io"]);
    assert!(modules_used("use std::io;").is_empty());
}
