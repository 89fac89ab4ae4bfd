//! The table against the reference's own account of itself, and the rules that rows keep.

use super::*;
use crate::resp::{Output, Protocol, Span};
use std::collections::{BTreeMap, BTreeSet};

/// What Redis 7.2.6 says about its commands, made by `tests/golden/record.py`.
const GOLDEN: &str = include_str!("../../../tests/golden/commands-7.2.txt");
/// Lines of ours that are different on purpose: `NAME info|docs REASON`.
const DIFFERENCES: &str = include_str!("../../../tests/golden/differences.txt");

/// A RESP3 reply in the notation of the golden file; advances over it.
fn notation(reply: &mut &[u8]) -> String {
    let end = reply.windows(2).position(|pair| pair == b"\r\n").expect("a line");
    let line = std::str::from_utf8(&reply[1..end]).expect("text").to_string();
    let kind = reply[0];
    *reply = &reply[end + 2..];
    let mut many = |open: &str, close: &str, one: &dyn Fn(&mut &[u8]) -> String| {
        let items: Vec<String> = (0..line.parse().unwrap()).map(|_| one(reply)).collect();
        format!("{open}{}{close}", items.join(", "))
    };
    match kind {
        b'*' => many("[", "]", &notation),
        b'~' => many("~[", "]", &notation),
        b'%' => many("{", "}", &|reply| format!("{}: {}", notation(reply), notation(reply))),
        b'$' => {
            let text = std::str::from_utf8(&reply[..line.parse().unwrap()]).expect("text");
            *reply = &reply[text.len() + 2..];
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
        b'+' => format!("'{line}'"),
        b'_' => "_".to_string(),
        _ => line,
    }
}

/// The reply that `write` encodes, in the notation of the golden file.
fn written(write: impl FnOnce(&mut Reply<'_>)) -> String {
    let mut out = Output::default();
    write(&mut Reply { out: &mut out, protocol: Protocol::Resp3 });
    let bytes = out.blocks().collect::<Vec<_>>().concat();
    let mut rest = bytes.as_slice();
    let text = notation(&mut rest);
    assert!(rest.is_empty(), "one whole reply: {text}");
    text
}

/// `NAME info` and `NAME docs` of every row, without what a container says of its subcommands.
fn ours() -> BTreeMap<String, String> {
    let table = Table::new();
    let mut lines = BTreeMap::new();
    for (id, row) in table.iter() {
        let info = written(|reply| write_info(&table, id, reply));
        let docs = written(|reply| write_docs(&table, id, reply));
        let subcommands = written(|reply| {
            let len = row.children.len();
            if len == 0 {
                reply.set(0)
            } else {
                reply.array(len)
            }
            row.children.iter().for_each(|child| write_info(&table, *child, reply));
        });
        let documented = written(|reply| write_docs_of(&table, &row.children, reply));
        let info = info.strip_suffix(&format!(", {subcommands}]")).expect("subcommands at the end");
        let docs = docs.replace(&format!(", \"subcommands\": {documented}"), "");
        lines.insert(format!("{} info", row.name), format!("{info}]"));
        lines.insert(format!("{} docs", row.name), docs);
    }
    lines
}

/// Lines that begin with a name and `info` or `docs`.
fn by_line_name(text: &'static str) -> BTreeMap<String, &'static str> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parts = lines.map(|line| {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().expect("NAME info|docs TEXT");
        (format!("{} {}", word(), word()), word())
    });
    parts.collect()
}

#[test]
fn rows_say_what_the_reference_says_but_for_the_listed_differences() {
    let golden = by_line_name(GOLDEN);
    let mut differences = by_line_name(DIFFERENCES);
    let mut wrong = Vec::new();
    for (name, line) in ours() {
        let same = golden.get(&name) == Some(&line.as_str());
        match (same, differences.remove(&name)) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(_)) => wrong.push(format!("{name} is listed and does not differ")),
            (false, None) => {
                wrong.push(format!("{name}\n  ours   {line}\n  golden {:?}", golden.get(&name)))
            }
        }
    }
    wrong.extend(differences.keys().map(|name| format!("{name} is listed and not in the table")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every row, with the name that clients see.
fn rows() -> Vec<(String, &'static Command)> {
    Table::new().iter().map(|(_, row)| (row.name.clone(), row.command)).collect()
}

#[test]
fn names_are_lower_case_and_stand_once() {
    let mut seen = BTreeSet::new();
    for (name, _) in rows() {
        assert_eq!(name, name.to_ascii_lowercase());
        assert!(seen.insert(name.clone()), "{name} stands twice");
    }
}

#[test]
fn a_row_does_something_itself_or_through_its_subcommands() {
    for (name, row) in rows() {
        assert_ne!(row.arity, 0, "{name}");
        assert!(row.handler.is_some() || !row.subcommands.is_empty(), "{name}");
    }
}

/// The least number of arguments that the documented ones ask for, and whether there may be more.
fn documented_arity(args: &[Arg]) -> (usize, bool) {
    let (mut least, mut open) = (0, false);
    for arg in args {
        let (inner, inner_open) = match arg.kind {
            ArgKind::OneOf => {
                let choices = || arg.args.iter().map(|choice| documented_arity(&[*choice]));
                let least = choices().map(|(count, _)| count).min().unwrap_or(0);
                (least, choices().any(|(count, open)| open || count != least))
            }
            ArgKind::Block => documented_arity(arg.args),
            _ => (1, false),
        };
        let token = usize::from(arg.token.is_some() && arg.kind != ArgKind::PureToken);
        open |= inner_open || arg.optional || arg.multiple;
        least += if arg.optional { 0 } else { inner + token };
    }
    (least, open)
}

#[test]
fn arity_agrees_with_the_documented_arguments() {
    for (name, row) in rows() {
        // A container's arguments are its subcommands, DEBUG documents none, QUIT takes any, all
        // filters of CLIENT KILL are optional though one has to be there, and a polygon has three
        // vertices at least.
        const APART: &[&str] = &["debug", "quit", "client|kill", "geosearch", "geosearchstore"];
        if !row.subcommands.is_empty() || APART.contains(&name.as_str()) {
            continue;
        }
        let words = name.split('|').count();
        let (least, open) = documented_arity(row.args);
        let arity = i64::try_from(words + least).unwrap();
        assert_eq!(i64::from(row.arity), if open { -arity } else { arity }, "{name}");
    }
}

#[test]
fn a_command_with_keys_reads_or_writes_and_says_how() {
    for (name, row) in rows() {
        let (reads, writes) = (row.flags.has(Flags::READONLY), row.flags.has(Flags::WRITE));
        assert!(!(reads && writes), "{name} is both");
        let changes = KeyFlags::OW | KeyFlags::RW | KeyFlags::RM;
        let changed = row.keys.iter().any(|spec| spec.flags.intersects(changes));
        // WATCH neither reads nor writes: it is told about those who write. Scripts may do both.
        let does = reads || writes || name == "watch" || row.flags.has(Flags::MAY_REPLICATE);
        assert!(!row.has_keys() || does, "{name} has keys and does nothing with them");
        // XREADGROUP changes what is pending, and the stream's entries stay what they are.
        let changed_or_not = changed || name == "xreadgroup";
        assert!(
            !writes || row.keys.is_empty() || changed_or_not,
            "{name} writes no key of its own"
        );
        // PFCOUNT keeps what it computed in the key, and the flag says that it may.
        let only_reads = reads && !row.flags.has(Flags::MAY_REPLICATE);
        assert!(!only_reads || !changed, "{name} is read-only and changes a key");
    }
}

#[test]
fn specifications_of_keys_and_documented_keys_name_each_other() {
    fn named(args: &[Arg], specs: &mut BTreeSet<u8>) {
        for arg in args {
            specs.extend(arg.key_spec);
            named(arg.args, specs);
        }
    }
    for (name, row) in rows() {
        let mut specs = BTreeSet::new();
        named(row.args, &mut specs);
        // Shard channels are specified as keys are, for the sake of clusters, and are none.
        let is_key = |(_, spec): &(u8, &KeySpec)| !spec.flags.has(KeyFlags::NOT_KEY);
        let all = (0..).zip(row.keys).filter(is_key).map(|(index, _)| index).collect();
        assert_eq!(specs, all, "{name}");
    }
}

#[test]
fn documentation_is_complete() {
    for (name, row) in rows() {
        // The reference's own words for these lack the full stop.
        let stops = row.summary.ends_with('.')
            || ["lolwut", "slowlog|help", "spublish", "srandmember"].contains(&name.as_str());
        assert!(stops, "{name}: {}", row.summary);
        // Again the reference's own.
        let blanks = name == "bzpopmax";
        assert!(!row.summary.contains('\n'), "{name}");
        assert!(blanks || !row.summary.contains("  "), "{name}");
        assert!(!row.complexity.contains("  "), "{name}");
        assert_eq!(
            row.since.split('.').filter(|part| part.parse::<u8>().is_ok()).count(),
            3,
            "{name}"
        );
    }
}

/// The keys of a call written as one line, as `index:flags`, or `None` if it is malformed.
fn keys(line: &str) -> Option<Vec<String>> {
    let table = Table::new();
    let (mut chunk, mut spans) = (Vec::new(), Vec::new());
    for word in line.split(' ') {
        spans.push(Span { start: chunk.len() as u32, len: word.len() as u32 });
        chunk.extend_from_slice(word.as_bytes());
    }
    let args = Args::new(&chunk, &spans);
    let command = table.command(table.resolve(args.at(0), args.get(1)).expect("a command"));
    let mut found = Vec::new();
    command.keys_of(&args, &mut found).ok()?;
    let show = |(index, flags): &(usize, KeyFlags)| {
        format!("{index}:{}", flags.names().collect::<Vec<_>>().join(","))
    };
    Some(found.iter().map(show).collect())
}

#[test]
fn keys_are_found_by_position_step_and_number() {
    assert_eq!(keys("get k"), Some(vec!["1:RO,access".to_string()]));
    assert_eq!(keys("mset a 1 b 2").unwrap().len(), 2);
    assert_eq!(keys("rename a b").unwrap(), ["1:RW,access,delete", "2:OW,update"]);
    assert_eq!(keys("bitop and d a b").unwrap(), ["2:OW,update", "3:RO,access", "4:RO,access"]);
    assert_eq!(keys("object encoding k").unwrap(), ["2:RO"]);
    assert_eq!(keys("msetex 2 a 1 b 2 nx").unwrap(), ["2:OW,update", "4:OW,update"]);
}

#[test]
fn keys_of_a_malformed_call_are_not_guessed() {
    for line in ["msetex 0 a 1", "msetex x a 1", "msetex 3 a 1 b 2", "msetex -1 a 1", "bitop and d"]
    {
        assert_eq!(keys(line), None, "{line}");
    }
    assert_eq!(keys("msetex 9223372036854775807 a 1"), None);
}

#[test]
fn a_number_of_keys_is_read_as_atoi_reads_it_where_it_is_none() {
    for count in ["1.0", "\t1", "+1x", "01", "4294967297"] {
        assert_eq!(keys(&format!("zdiff {count} k")), Some(vec!["2:".to_string()]), "{count}");
    }
    assert_eq!(keys("zdiffstore d 2x a b").unwrap(), ["1:", "3:", "4:"]);
    for line in ["zdiff x k", "zdiff -1x k", "zdiff 2x k", "zdiffstore d 0x a", "zdiff 2 k"] {
        assert_eq!(keys(line), None, "{line}");
    }
}

#[test]
fn the_use_of_a_key_can_depend_on_the_options() {
    assert_eq!(keys("set k v").unwrap(), ["1:OW,update"]);
    assert_eq!(keys("set k v EX 10 get").unwrap(), ["1:RW,access,update"]);
    assert_eq!(keys("set get v").unwrap(), ["1:OW,update"]);
    assert_eq!(keys("set k v ifeq x").unwrap(), ["1:RW,access,update"]);
    assert_eq!(keys("bitfield k get u8 0").unwrap(), ["1:RO,access"]);
    assert_eq!(keys("bitfield k overflow sat get u8 0").unwrap(), ["1:RO,access"]);
    assert_eq!(keys("bitfield k get u8 0 set u8 0 1").unwrap(), ["1:RW,access,update"]);
    assert_eq!(keys("bitfield k get u8").unwrap(), ["1:RW,access,update"]);
}

#[test]
fn every_keyed_command_yields_its_keys_on_its_smallest_call() {
    for (name, row) in rows().into_iter().filter(|(_, row)| row.has_keys()) {
        // PFMERGE has a key specification for sources that it can do without, scripts for all keys.
        let optional = name == "pfmerge" || row.flags.has(Flags::NO_MANDATORY_KEYS);
        let least = usize::from(row.arity.unsigned_abs()) + usize::from(optional);
        let mut words: Vec<String> = name.split('|').map(str::to_string).collect();
        words.resize(least.max(words.len()), "1".to_string());
        if let Some(BeginSearch::Keyword(word, _)) = row.keys.first().map(|spec| spec.begin)
            && name.starts_with("xread")
        {
            let before_two = words.len() - 3;
            words[before_two] = word.to_string();
        }
        assert!(keys(&words.join(" ")).is_some_and(|keys| !keys.is_empty()), "{name}");
    }
}
