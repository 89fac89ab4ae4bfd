//! What to say: the syntax of every command that both servers document.
//!
//! Invariant: names no option and no argument of its own; all comes from COMMAND DOCS.

use std::collections::BTreeSet;

use super::differences;
use crate::support::{Client, Value};

/// Groups of commands that are compared whole, unless [`differences::EXCLUDED`] says otherwise.
const GROUPS: [&str; 11] = [
    "generic",
    "geo",
    "string",
    "bitmap",
    "hash",
    "hyperloglog",
    "list",
    "set",
    "sorted-set",
    "stream",
    "transactions",
];
/// Commands of other groups that are safe to send at random.
const ALSO: [&str; 21] = [
    "auth",
    "dbsize",
    "echo",
    "flushall",
    "flushdb",
    "ping",
    "reset",
    "select",
    "swapdb",
    "client|getname",
    "client|setname",
    "slowlog|reset",
    "config|resetstat",
    "client|no-evict",
    "publish",
    "spublish",
    "pubsub|channels",
    "pubsub|numpat",
    "pubsub|numsub",
    "pubsub|shardchannels",
    "pubsub|shardnumsub",
];
/// Fewer than this and something is wrong with COMMAND DOCS itself.
const COMMANDS_MIN: usize = 70;

/// A command's words and its arguments.
#[derive(Debug)]
pub struct Syntax {
    pub group: String,
    pub words: Vec<String>,
    pub args: Vec<Arg>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Key,
    Pattern,
    Integer,
    Double,
    UnixTime,
    Text,
    Token,
    OneOf,
    Block,
}

#[derive(Debug)]
pub struct Arg {
    pub kind: Kind,
    pub name: String,
    pub token: Option<String>,
    pub optional: bool,
    pub multiple: bool,
    /// Whether repeating the argument repeats its token.
    pub multiple_token: bool,
    /// Choices of a `OneOf`, parts of a `Block`.
    pub parts: Vec<Arg>,
}

/// The commands that both servers know, as the reference documents them.
///
/// # Panics
/// When they are suspiciously few.
pub fn shared(reference: &mut Client, subject: &mut Client) -> Vec<Syntax> {
    let known: BTreeSet<String> = documented(&subject.run("COMMAND DOCS")).map(|d| d.0).collect();
    let docs = reference.run("COMMAND DOCS");
    let syntaxes: Vec<Syntax> = documented(&docs)
        .filter(|(name, group, _)| known.contains(name) && wanted(name, group))
        .map(|(name, group, doc)| syntax(&name, group, doc))
        .collect();
    assert!(syntaxes.len() >= COMMANDS_MIN, "only {} commands in common", syntaxes.len());
    syntaxes
}

/// Every command that a server documents.
pub fn all(client: &mut Client) -> Vec<Syntax> {
    let docs = client.run("COMMAND DOCS");
    documented(&docs).map(|(name, group, doc)| syntax(&name, group, doc)).collect()
}

fn wanted(name: &str, group: &str) -> bool {
    let included = GROUPS.contains(&group) || ALSO.contains(&name);
    included && !differences::EXCLUDED.iter().any(|(excluded, _)| *excluded == name)
}

/// Name, group and documentation of each command; of a container, those of its subcommands.
fn documented(docs: &Value) -> impl Iterator<Item = (String, String, &Value)> {
    docs.items().chunks_exact(2).flat_map(|pair| {
        let (name, doc) = (pair[0].text(), &pair[1]);
        let group = doc.get("group").expect("a group").text();
        match doc.get("subcommands") {
            None => vec![(name, group, doc)],
            Some(subcommands) => subcommands
                .items()
                .chunks_exact(2)
                .map(|sub| (sub[0].text(), group.clone(), &sub[1]))
                .collect(),
        }
    })
}

fn syntax(name: &str, group: String, doc: &Value) -> Syntax {
    let words = name.split('|').map(ToString::to_string).collect();
    Syntax { group, words, args: args(doc) }
}

fn args(doc: &Value) -> Vec<Arg> {
    doc.get("arguments").map_or(Vec::new(), |list| list.items().iter().map(arg).collect())
}

fn arg(doc: &Value) -> Arg {
    let flags: Vec<String> =
        doc.get("flags").map_or(Vec::new(), |f| f.items().iter().map(Value::text).collect());
    let flagged = |name: &str| flags.iter().any(|flag| flag == name);
    Arg {
        kind: kind(&doc.get("type").expect("a type").text()),
        name: doc.get("name").expect("a name").text(),
        token: doc.get("token").map(Value::text),
        optional: flagged("optional"),
        multiple: flagged("multiple"),
        multiple_token: flagged("multiple_token"),
        parts: args(doc),
    }
}

fn kind(name: &str) -> Kind {
    match name {
        "key" => Kind::Key,
        "pattern" => Kind::Pattern,
        "integer" => Kind::Integer,
        "double" => Kind::Double,
        "unix-time" => Kind::UnixTime,
        "string" => Kind::Text,
        "pure-token" => Kind::Token,
        "oneof" => Kind::OneOf,
        "block" => Kind::Block,
        other => panic!("unknown argument type {other:?}"),
    }
}
