//! Where replies may differ from redis-server's, each with its reason. Everything else must not.

use super::generate::{Command, has_option};
use crate::support::Value;

/// How two replies are compared that are not the same bytes.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    Exact,
    /// The same elements in any order.
    AnyOrder,
    /// The same kind of reply.
    Kind,
    /// The same kind of reply with as many elements.
    Count,
    /// The same doubles, however they are written.
    Doubles,
    /// One encoding here and another one there.
    Encoding {
        ours: &'static str,
        theirs: &'static str,
    },
    /// As many members at the same distances, which stand behind the names.
    Distances,
    /// Integers at most this far apart; negative ones, being codes, must be equal.
    Near(i64),
    /// The same but for points in time and what was waited, wherever they stand, and for what is only
    /// known since 7.2: when a consumer last got something.
    Times,
    /// An error that both begin with `ERR Unbalanced`.
    Unbalanced,
}

/// Commands that are never sent.
pub const EXCLUDED: &[(&str, &str)] = &[
    (
        "client|setname",
        "Redis 7.2 looks at a name only up to its first zero byte, 7.0 at all of it",
    ),
    ("auth", "Redis 7.2 leaves a failed AUTH without a reply when others are pending"),
    ("dump", "the payload's version differs; audits exchange payloads"),
    ("restore", "as DUMP"),
    ("migrate", "opens connections"),
    ("wait", "blocks; replication has its own tests"),
    ("waitaof", "blocks; persistence has its own tests"),
    ("pfselftest", "takes seconds"),
    ("object|help", "the text grows with each version"),
    ("xgroup|help", "as OBJECT HELP"),
    ("xinfo|help", "as OBJECT HELP"),
];

/// Requests that Sidering understands and the reference does not: command and number of words.
const EXTENSIONS: &[(&str, usize, &str)] =
    &[("bitcount", 3, "the end of the range is optional, as in Valkey 8")];

/// Whether `command` is one of the requests that only Sidering understands.
pub fn is_extension(command: &Command) -> bool {
    EXTENSIONS.iter().any(|(name, words, _)| command.is(name) && command.words.len() == *words)
}

/// What OBJECT ENCODING may say of a set.
const SMALL_SET: Rule = Rule::Encoding { ours: "listpack", theirs: "hashtable" };

/// What OBJECT ENCODING may say of a list.
pub const SMALL_LIST: Rule = Rule::Encoding { ours: "listpack", theirs: "quicklist" };

/// What OBJECT ENCODING may say of a sorted set.
pub const LARGE_ZSET: Rule = Rule::Encoding { ours: "skiplist", theirs: "listpack" };

/// What OBJECT ENCODING may say of a sorted set that was sorted.
const SORTED_ZSET: Rule = Rule::Encoding { ours: "listpack", theirs: "skiplist" };

/// Commands whose replies are compared by a weaker rule.
const DIFFERENCES: &[(&str, Rule, &str)] = &[
    ("keys", Rule::AnyOrder, "order is that of the hash table"),
    ("scan", Rule::Kind, "order and cursor are the hash table's; audits compare full scans"),
    ("randomkey", Rule::Kind, "chance"),
    ("ttl", Rule::Near(5), "the servers are asked one after the other"),
    ("pttl", Rule::Near(5_000), "the servers are asked one after the other"),
    ("expiretime", Rule::Near(5), "relative deadlines were set one after the other"),
    ("pexpiretime", Rule::Near(5_000), "relative deadlines were set one after the other"),
    ("hello", Rule::Kind, "names the server and the connection"),
    ("hgetall", Rule::AnyOrder, "order is that of the hash table"),
    ("hkeys", Rule::AnyOrder, "order is that of the hash table"),
    ("hvals", Rule::AnyOrder, "order is that of the hash table"),
    ("hrandfield", Rule::Count, "chance"),
    ("hscan", Rule::Kind, "order and cursor are the hash table's; audits compare the fields"),
    ("smembers", Rule::AnyOrder, "order is that of the hash table"),
    ("sinter", Rule::AnyOrder, "order is that of the hash table"),
    ("sunion", Rule::AnyOrder, "order is that of the hash table"),
    ("sdiff", Rule::AnyOrder, "order is that of the hash table"),
    ("spop", Rule::AnyOrder, "order is that of the hash table; always the whole set is popped"),
    ("srandmember", Rule::Count, "chance"),
    ("sscan", Rule::Kind, "order and cursor are the hash table's; audits compare the members"),
    ("object|encoding", SMALL_SET, "small sets are listpacks since 7.2"),
    ("object|encoding", SMALL_LIST, "small lists are listpacks since 7.2"),
    ("object|idletime", Rule::Near(300), "in Redis the keys of a small number share its clock"),
    (
        "object|encoding",
        LARGE_ZSET,
        "what a sorted set is to become counts from the start since 7.2",
    ),
    (
        "object|encoding",
        SORTED_ZSET,
        "in Redis SORT unpacks the sorted set that it reads; here reading changes nothing",
    ),
    ("xpending", Rule::Times, "the servers are asked one after the other"),
    (
        "xinfo|stream",
        Rule::Times,
        "active-time is new in 7.2, which gives seen-time another meaning",
    ),
    ("xinfo|consumers", Rule::Times, "inactive is new in 7.2, which gives idle another meaning"),
    ("xread", Rule::Unbalanced, "the text names the command in another way since 7.2"),
    ("xreadgroup", Rule::Unbalanced, "the text names the command in another way since 7.2"),
    ("zrandmember", Rule::Count, "chance"),
    ("zscan", Rule::Kind, "order and cursor are the hash table's; audits compare the members"),
    ("object|refcount", Rule::Kind, "Sidering's values are never shared"),
];

/// Commands that reply with scores: Redis 7.0 writes all doubles in 17 digits.
const WITH_SCORES: [&str; 19] = [
    "zadd",
    "zdiff",
    "zincrby",
    "zinter",
    "zmpop",
    "zmscore",
    "zpopmax",
    "zpopmin",
    "zrange",
    "zrangebyscore",
    "zrank",
    "zrevrange",
    "zrevrangebyscore",
    "zrevrank",
    "zscore",
    "zunion",
    "bzmpop",
    "bzpopmax",
    "bzpopmin",
];

/// Whether two replies to `command` are the same or differ as the table allows.
pub fn agree(command: &Command, ours: &Value, theirs: &Value) -> bool {
    let listed = DIFFERENCES.iter().filter(|(name, ..)| command.is(name));
    let with_scores = WITH_SCORES.iter().any(|name| command.is(name));
    Rule::Exact.allows(ours, theirs)
        || with_scores && Rule::Doubles.allows(ours, theirs)
        || listed.into_iter().any(|(_, rule, _)| rule.allows(ours, theirs))
        || leaves_order_open(command) && Rule::Count.allows(ours, theirs)
        || cuts_search(command) && Rule::Distances.allows(ours, theirs)
}

/// Whether a search may find more than it leaves: Redis's partial sort takes those at the same
/// distance in any order.
pub fn cuts_search(command: &Command) -> bool {
    let searches = ["georadius", "geosearch"].iter().any(|name| {
        command.words[0].get(..name.len()).is_some_and(|w| w.eq_ignore_ascii_case(name.as_bytes()))
    });
    searches && has_option(command, &["COUNT"]) && !has_option(command, &["ANY"])
}

/// Whether a SORT says that there is no order, or one with ties, which texts by a pattern may have:
/// then sets and sorted sets come in the order of their hash table.
fn leaves_order_open(command: &Command) -> bool {
    let mut patterns = command.words.windows(2).filter(|pair| pair[0].eq_ignore_ascii_case(b"by"));
    let ties = command.words.iter().any(|word| word.eq_ignore_ascii_case(b"alpha"));
    let sorts = command.is("sort") || command.is("sort_ro");
    // Any of several patterns may say so.
    sorts && patterns.any(|pair| ties || !pair[1].contains(&b'*'))
}

impl Rule {
    pub fn allows(self, ours: &Value, theirs: &Value) -> bool {
        ours == theirs || self.allows_different(ours, theirs)
    }

    fn allows_different(self, ours: &Value, theirs: &Value) -> bool {
        match (self, ours, theirs) {
            (Rule::Near(most), Value::Int(a), Value::Int(b)) if *a >= 0 && *b >= 0 => {
                a.abs_diff(*b) <= most.unsigned_abs()
            }
            (Rule::AnyOrder, Value::Array(a), Value::Array(b))
            | (Rule::AnyOrder, Value::Set(a), Value::Set(b)) => sorted(a) == sorted(b),
            (Rule::AnyOrder, Value::Map(a), Value::Map(b)) => sorted(a) == sorted(b),
            (Rule::Times, ours, theirs) => timeless(ours) == timeless(theirs),
            (Rule::Unbalanced, Value::Error(a), Value::Error(b)) => {
                [a, b].iter().all(|text| text.starts_with("ERR Unbalanced "))
            }
            (Rule::Doubles, Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.allows(a, b))
            }
            (Rule::Doubles, Value::Bulk(a), Value::Bulk(b)) => same_double(a, b),
            (Rule::Doubles, Value::Double(a), Value::Double(b)) => {
                same_double(a.as_bytes(), b.as_bytes())
            }
            (Rule::Count, Value::Array(a), Value::Array(b)) => a.len() == b.len(),
            (Rule::Distances, Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| distance(a) == distance(b))
            }
            (Rule::Count, Value::Bulk(_), Value::Bulk(_)) => true,
            (Rule::Encoding { ours, theirs }, Value::Bulk(a), Value::Bulk(b)) => {
                (a, b) == (&ours.into(), &theirs.into())
            }
            (Rule::Kind, a, b) if !a.is_error() => {
                std::mem::discriminant(a) == std::mem::discriminant(b)
            }
            _ => false,
        }
    }
}

fn sorted<T: std::fmt::Debug>(values: &[T]) -> Vec<String> {
    let mut texts: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    texts.sort();
    texts
}

/// Names of what is a time or known of times, in replies of XINFO.
const TIMES: [&str; 4] = ["seen-time", "active-time", "idle", "inactive"];

/// A reply without times: fields that have them are left out, and numbers as large as a time or as
/// what may have been waited are 0.
fn timeless(reply: &Value) -> Value {
    let is_time = |name: &Value| {
        TIMES.iter().any(|time| matches!(name, Value::Bulk(text) if text == time.as_bytes()))
    };
    match reply {
        Value::Int(number) if *number > 1_000_000_000_000 => Value::Int(0),
        Value::Array(items) if pending_entry(items) => {
            let rest = items.iter().enumerate().filter(|(at, _)| *at != 2);
            Value::Array(rest.map(|(_, item)| timeless(item)).collect())
        }
        Value::Array(items) => {
            let mut kept = Vec::new();
            let mut items = items.iter();
            while let Some(item) = items.next() {
                match is_time(item) {
                    true => drop(items.next()),
                    false => kept.push(timeless(item)),
                }
            }
            Value::Array(kept)
        }
        Value::Map(pairs) => {
            let kept = pairs.iter().filter(|(name, _)| !is_time(name));
            Value::Map(kept.map(|(name, value)| (name.clone(), timeless(value))).collect())
        }
        other => other.clone(),
    }
}

/// Whether these are the id, the owner, the time and the count of a pending entry.
fn pending_entry(items: &[Value]) -> bool {
    matches!(items, [Value::Bulk(_), Value::Bulk(_), Value::Int(_), Value::Int(_)])
}

/// The distance of a member that a search shows.
fn distance(hit: &Value) -> Option<&Value> {
    match hit {
        Value::Array(parts) => parts.get(1),
        _ => None,
    }
}

fn same_double(a: &[u8], b: &[u8]) -> bool {
    let number = |text| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    number(a).is_some_and(|a| number(b) == Some(a))
}
