//! What is measured, and the goals, as data.
//!
//! A case is one row of [`CASES`]: a name to call it by, what a probe has to do, and the bounds
//! its figures are to keep. Everything else (the listing, the table, the chart) derives from it.
//!
//! Invariant: measures nothing and knows no contender, only the two backends a goal speaks of.

use std::io;

use crate::load::Verb::{self, Get, Set};
use crate::servers::Backend;

/// A quantity a case reports.
#[derive(PartialEq, Eq, Debug)]
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
}

const fn figure(name: &'static str, unit: &'static str) -> Figure {
    Figure { name, unit }
}

pub static SERVER_CPU: Figure = figure("server CPU", "us/request");
pub static RATE: Figure = figure("requests", "1/s");
pub static P50: Figure = figure("p50", "us");
pub static P99: Figure = figure("p99", "us");
/// Near 100 % the client sets the pace and `requests` says little about the server.
pub static CLIENT_BUSY: Figure = figure("client busy", "%");
pub static SERVER_BUSY: Figure = figure("server busy", "%");
pub static KEY_BYTES: Figure = figure("RSS per key", "B");
pub static MEMBER_BYTES: Figure = figure("RSS per member", "B");
pub static EMPTY_RSS: Figure = figure("RSS", "MiB");
pub static FRESH_CONNECTION: Figure = figure("RSS per new connection", "B");
pub static IDLE_CONNECTION: Figure = figure("RSS per idle connection", "B");
pub static WORST_IDLE: Figure = figure("worst PING, idle", "ms");
pub static WORST_BUSY: Figure = figure("worst PING, meanwhile", "ms");
pub static BEYOND_IDLE: Figure = figure("worst PING, beyond idle", "ms");
pub static P999_BUSY: Figure = figure("p99.9 PING, meanwhile", "ms");
pub static OVER_LIMIT: Figure = figure("used_memory over the limit, after 8 s", "MiB");
pub static USED_AFTER: Figure = figure("used_memory not back after 1 s", "MiB");
pub static RSS_AFTER: Figure = figure("RSS not back after 1 s", "MiB");
pub static WAKE_UPS: Figure = figure("wake-ups", "1/s");
pub static IDLE_CPU: Figure = figure("CPU", "ms/s");
pub static LOGGED_CPU: Figure = figure("CPU with the log by CPU without", "%");
pub static READ_P99: Figure = figure("p99 of a reader", "us");
pub static RESTART: Figure = figure("until it answers", "s");
pub static EXTRA_MEMORY: Figure = figure("memory of all its processes, beyond", "%");
pub static EXTRA_MIB: Figure = figure("the same", "MiB");
pub static WORST_BEFORE: Figure = figure("worst PING before", "ms");
pub static WORST_DURING: Figure = figure("worst PING during", "ms");
pub static KEPT_RATE: Figure = figure("requests by those before", "%");
pub static LAG_P50: Figure = figure("lag p50", "ms");
pub static LAG_P99: Figure = figure("lag p99", "ms");

/// The size of a stored key, its value and its life, as applications have them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// 16-byte key, 64-byte value.
    Plain,
    /// The same with a TTL.
    Ttl,
    /// A Django session in the cache: 64-byte key, 300-byte value, two weeks.
    Session,
    /// A counter of django-ratelimit: 38-byte key, small integer, TTL.
    Counter,
    /// 16-byte key, hash of 5 short fields.
    Hash,
    /// 16-byte key, list of 10 short strings.
    List,
    /// 16-byte key, set of 10 integers.
    Set,
    /// 16-byte key, sorted set of 10 short members.
    Zset,
}

/// A command for redis-benchmark, and those that make its data first, with their numbers of requests.
#[derive(PartialEq, Eq, Debug)]
pub struct Script {
    pub setup: &'static [(u64, &'static str)],
    pub command: &'static str,
    pub requests: u64,
    pub pipeline: usize,
}

/// What a probe does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Requests on a loaded keyspace, in a closed loop.
    Load { verb: Verb, pipeline: usize, connections: usize },
    /// A command of any kind, with redis-benchmark as the client.
    Tool(&'static Script),
    /// Resident memory of a server without keys.
    Empty,
    /// Resident memory of many keys of one shape.
    Fill(Shape),
    /// Resident memory of one sorted set of many members.
    FillOne,
    /// Resident memory of many connections.
    Connections,
    /// Latency while something grows.
    Growth(Growth),
    /// Latency while a large set is freed.
    Freeing,
    /// What a server with nothing to do still does.
    Idle,
    /// How long an expired key stays, beside this many others with a TTL.
    Expiry { others: u64 },
    /// What a full memory costs.
    Full(Full),
    /// What keeping an append log costs.
    Durable(Durable),
}

/// What happens to a memory that is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// SETs at pipeline 16 of which every one evicts.
    Set,
    /// PINGs beside such SETs.
    Ping,
    /// The limit falls to a tenth of what is held.
    Falls,
    /// A million keys are due in the same millisecond.
    Due,
}

/// What grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Growth {
    /// A database.
    Keys,
    /// One hash.
    Hash,
}

/// What is done with an append log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durable {
    /// SETs that are acknowledged once they are synchronised.
    Always { connections: usize },
    /// Reading other keys beside 50 such writers.
    ReadBeside,
    /// SETs at pipeline 16 with a log that is synchronised each second, and without one.
    Everysec,
    /// The start with many keys that have a TTL, from the commands of the log or from its base.
    Restart { base: bool },
    /// A rewrite of the log while others write.
    Rewrite,
}

/// A bound, for the uring and the epoll driver. Ratios are to Redis in the same round.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    RatioAtMost(f64, f64),
    RatioAtLeast(f64, f64),
    AtMost(f64, f64),
    AtLeast(f64, f64),
}

#[derive(Debug)]
pub struct Goal {
    pub figure: &'static Figure,
    pub bound: Bound,
}

#[derive(Debug)]
pub struct Case {
    pub name: &'static str,
    pub about: &'static str,
    pub work: Work,
    pub goals: &'static [Goal],
}

const fn goal(figure: &'static Figure, bound: Bound) -> Goal {
    Goal { figure, bound }
}

/// Many connections without pipelining: cheaper, and therefore faster.
static MANY: [Goal; 2] = [
    goal(&SERVER_CPU, Bound::RatioAtMost(0.72, 0.85)),
    goal(&RATE, Bound::RatioAtLeast(1.20, 1.08)),
];
/// One connection waits for round trips; a ring must not lose there.
static ONE: [Goal; 1] = [goal(&RATE, Bound::RatioAtLeast(1.0, 0.95))];
static FEW: [Goal; 1] = [goal(&RATE, Bound::RatioAtLeast(0.95, 0.95))];
static GET_P16: [Goal; 1] = [goal(&SERVER_CPU, Bound::RatioAtMost(0.30, 0.32))];
static SET_P16: [Goal; 1] = [goal(&SERVER_CPU, Bound::RatioAtMost(0.31, 0.33))];
static GET_P64: [Goal; 1] = [goal(&SERVER_CPU, Bound::RatioAtMost(0.17, 0.19))];
static SET_P64: [Goal; 1] = [goal(&SERVER_CPU, Bound::RatioAtMost(0.20, 0.22))];
static TAIL: [Goal; 1] = [goal(&P99, Bound::RatioAtMost(0.7, 0.8))];
static EMPTY: [Goal; 1] = [goal(&EMPTY_RSS, Bound::AtMost(8.0, 8.0))];
static PLAIN: [Goal; 1] = [goal(&KEY_BYTES, Bound::AtMost(104.0, 104.0))];
static TTL: [Goal; 1] = [goal(&KEY_BYTES, Bound::AtMost(120.0, 120.0))];
static CONNECTIONS: [Goal; 2] = [
    goal(&FRESH_CONNECTION, Bound::AtMost(1024.0, 1536.0)),
    goal(&IDLE_CONNECTION, Bound::AtMost(1024.0, 1536.0)),
];
static GROWTH: [Goal; 1] = [goal(&BEYOND_IDLE, Bound::AtMost(0.5, 0.5))];
static LARGE: [Goal; 1] = [goal(&BEYOND_IDLE, Bound::AtMost(1.0, 1.0))];
static IDLE: [Goal; 2] =
    [goal(&WAKE_UPS, Bound::AtMost(0.0, 0.0)), goal(&IDLE_CPU, Bound::AtMost(0.0, 0.0))];
static FULL_SET: [Goal; 1] = [goal(&SERVER_CPU, Bound::RatioAtMost(0.45, 0.45))];
static FULL_PING: [Goal; 1] = [goal(&WORST_BUSY, Bound::AtMost(2.0, 2.0))];
static FALLS: [Goal; 1] = [goal(&WORST_BUSY, Bound::AtMost(5.0, 5.0))];
static DUE: [Goal; 1] = [goal(&WORST_BUSY, Bound::AtMost(2.0, 2.0))];
static EXPIRY: [Goal; 1] = [goal(&LAG_P99, Bound::AtMost(10.0, 10.0))];

static ALWAYS_1: [Goal; 1] = [goal(&RATE, Bound::RatioAtLeast(1.6, 1.6))];
static ALWAYS_50: [Goal; 1] = [goal(&RATE, Bound::RatioAtLeast(1.3, 1.3))];
static ALWAYS_500: [Goal; 1] = [goal(&RATE, Bound::RatioAtLeast(1.5, 1.5))];
static READ_BESIDE: [Goal; 1] = [goal(&READ_P99, Bound::RatioAtMost(0.25, 0.25))];
static EVERYSEC: [Goal; 1] = [goal(&LOGGED_CPU, Bound::AtMost(115.0, 115.0))];
static RESTART_LOG: [Goal; 1] = [goal(&RESTART, Bound::RatioAtMost(0.45, 0.45))];
static RESTART_BASE: [Goal; 1] = [goal(&RESTART, Bound::RatioAtMost(0.40, 0.40))];
static REWRITE: [Goal; 2] =
    [goal(&WORST_DURING, Bound::AtMost(2.0, 2.0)), goal(&KEPT_RATE, Bound::AtLeast(75.0, 75.0))];

/// What issues a small change to a small collection, and reading a larger one.
static CHANGE_P16: [Goal; 1] = [goal(&SERVER_CPU, Bound::RatioAtMost(0.45, 0.45))];
static CHANGE_P1: [Goal; 1] = [goal(&SERVER_CPU, Bound::RatioAtMost(0.80, 0.80))];
static STREAM: [Goal; 1] = [goal(&SERVER_CPU, Bound::RatioAtMost(0.60, 0.60))];
static READ_MANY: [Goal; 1] = [goal(&SERVER_CPU, Bound::RatioAtMost(0.50, 0.50))];
static SMALL_COLLECTION: [Goal; 1] = [goal(&KEY_BYTES, Bound::RatioAtMost(0.75, 0.75))];
static BIG_ZSET: [Goal; 1] = [goal(&MEMBER_BYTES, Bound::RatioAtMost(0.60, 0.60))];

/// A case of a million requests at pipeline 16 ...
macro_rules! change {
    ($name:literal, $about:literal, $command:literal $(, $setup:expr)*) => {{
        static SCRIPT: Script =
            Script { setup: &[$($setup),*], command: $command, requests: 1_000_000, pipeline: 16 };
        case($name, $about, Work::Tool(&SCRIPT), &CHANGE_P16)
    }};
}

/// ... of fewer without a pipeline ...
macro_rules! change_p1 {
    ($name:literal, $about:literal, $command:literal $(, $setup:expr)*) => {{
        static SCRIPT: Script =
            Script { setup: &[$($setup),*], command: $command, requests: 300_000, pipeline: 1 };
        case($name, $about, Work::Tool(&SCRIPT), &CHANGE_P1)
    }};
}

/// ... and of large replies.
macro_rules! read_many {
    ($name:literal, $about:literal, $command:literal $(, $setup:expr)*) => {{
        static SCRIPT: Script =
            Script { setup: &[$($setup),*], command: $command, requests: 100_000, pipeline: 1 };
        case($name, $about, Work::Tool(&SCRIPT), &READ_MANY)
    }};
}

/// ... and of a stream.
macro_rules! stream {
    ($name:literal, $about:literal, $pipeline:literal, $command:literal $(, $setup:expr)*) => {{
        static SCRIPT: Script = Script {
            setup: &[$($setup),*],
            command: $command,
            requests: 100_000,
            pipeline: $pipeline,
        };
        case($name, $about, Work::Tool(&SCRIPT), &STREAM)
    }};
}

/// Entries for every request of a group, ten each.
const ENTRIES: (u64, &str) = (1_200_000, "XADD stream * field value");
const GROUP: (u64, &str) = (1, "XGROUP CREATE stream group 0");
/// A million members of one sorted set.
const BIG: (u64, &str) = (3_000_000, "ZADD big __rand_int__ member:__rand_int__");
const HUNDRED_THOUSAND: (u64, &str) = (100_000, "ZADD big __rand_int__ member:__rand_int__");
const ITEMS: (u64, &str) = (1_200_000, "RPUSH list element:__rand_int__");
const MEMBERS: (u64, &str) = (1_200_000, "SADD set __rand_int__:__rand_int__");
const RANKED: (u64, &str) = (1_200_000, "ZADD zset __rand_int__ __rand_int__:__rand_int__");
const FIELDS: (u64, &str) = (100_000, "HSET hash field:0__rand_int__ value");

const fn load(
    name: &'static str,
    about: &'static str,
    (verb, pipeline, connections): (Verb, usize, usize),
    goals: &'static [Goal],
) -> Case {
    Case { name, about, work: Work::Load { verb, pipeline, connections }, goals }
}

const fn case(name: &'static str, about: &'static str, work: Work, goals: &'static [Goal]) -> Case {
    Case { name, about, work, goals }
}

const fn durable(
    name: &'static str,
    about: &'static str,
    durable: Durable,
    goals: &'static [Goal],
) -> Case {
    case(name, about, Work::Durable(durable), goals)
}

/// Every case, in the order of a run: the request cases share one loaded keyspace per server.
pub static CASES: &[Case] = &[
    load("get-p1-c1", "GET, 1 connection", (Get, 1, 1), &ONE),
    load("get-p1-c10", "GET, 10 connections", (Get, 1, 10), &FEW),
    load("get-p1-c20", "GET, 20 connections", (Get, 1, 20), &FEW),
    load("get-p1-c50", "GET, 50 connections", (Get, 1, 50), &MANY),
    load("get-p1-c256", "GET, 256 connections", (Get, 1, 256), &TAIL),
    load("get-p1-c500", "GET, 500 connections", (Get, 1, 500), &MANY),
    load("set-p1-c1", "SET, 1 connection", (Set, 1, 1), &ONE),
    load("set-p1-c10", "SET, 10 connections", (Set, 1, 10), &FEW),
    load("set-p1-c20", "SET, 20 connections", (Set, 1, 20), &FEW),
    load("set-p1-c50", "SET, 50 connections", (Set, 1, 50), &MANY),
    load("set-p1-c500", "SET, 500 connections", (Set, 1, 500), &MANY),
    load("get-p16-c50", "GET, pipeline 16", (Get, 16, 50), &GET_P16),
    load("set-p16-c50", "SET, pipeline 16", (Set, 16, 50), &SET_P16),
    load("get-p64-c50", "GET, pipeline 64", (Get, 64, 50), &GET_P64),
    load("set-p64-c50", "SET, pipeline 64", (Set, 64, 50), &SET_P64),
    change!("lpush-p16", "LPUSH, pipeline 16", "LPUSH list element"),
    change!("rpush-p16", "RPUSH, pipeline 16", "RPUSH list element"),
    change!("lpop-p16", "LPOP, pipeline 16", "LPOP list", ITEMS),
    change!("rpop-p16", "RPOP, pipeline 16", "RPOP list", ITEMS),
    change!("sadd-p16", "SADD, pipeline 16", "SADD set element:__rand_int__"),
    change!("hset-p16", "HSET, pipeline 16", "HSET hash element:__rand_int__ value"),
    change!("spop-p16", "SPOP, pipeline 16", "SPOP set", MEMBERS),
    change!("zadd-p16", "ZADD, pipeline 16", "ZADD zset __rand_int__ element:__rand_int__"),
    change!("zpopmin-p16", "ZPOPMIN, pipeline 16", "ZPOPMIN zset", RANKED),
    change!("incr-p16", "INCR, pipeline 16", "INCR counter:__rand_int__"),
    change_p1!("lpush-p1", "LPUSH, no pipeline", "LPUSH list element"),
    change_p1!("lpop-p1", "LPOP, no pipeline", "LPOP list", ITEMS),
    change_p1!("sadd-p1", "SADD, no pipeline", "SADD set element:__rand_int__"),
    change_p1!("hset-p1", "HSET, no pipeline", "HSET hash element:__rand_int__ value"),
    change_p1!("spop-p1", "SPOP, no pipeline", "SPOP set", MEMBERS),
    change_p1!("zadd-p1", "ZADD, no pipeline", "ZADD zset __rand_int__ element:__rand_int__"),
    change_p1!("zpopmin-p1", "ZPOPMIN, no pipeline", "ZPOPMIN zset", RANKED),
    change_p1!("incr-p1", "INCR, no pipeline", "INCR counter:__rand_int__"),
    read_many!("lrange-100", "LRANGE of 100", "LRANGE list 0 99", ITEMS),
    read_many!("lrange-300", "LRANGE of 300", "LRANGE list 0 299", ITEMS),
    read_many!("lrange-600", "LRANGE of 600", "LRANGE list 0 599", ITEMS),
    read_many!(
        "mset-10",
        "MSET of 10 keys",
        "MSET k:__rand_int__ v k:__rand_int__ v k:__rand_int__ v k:__rand_int__ v k:__rand_int__ v k:__rand_int__ v k:__rand_int__ v k:__rand_int__ v k:__rand_int__ v k:__rand_int__ v"
    ),
    read_many!("zrange-100", "ZRANGE of 100 in 100k", "ZRANGE big 0 99", HUNDRED_THOUSAND),
    read_many!(
        "hgetall",
        "HGETALL of a large hash",
        "HGETALL hash",
        (1000, "HSET hash __rand_int__ v")
    ),
    change!(
        "zadd-big",
        "ZADD into 1M members, pipeline 16",
        "ZADD big __rand_int__ member:__rand_int__",
        BIG
    ),
    change!("zrank-big", "ZRANK in 1M members, pipeline 16", "ZRANK big member:__rand_int__", BIG),
    change!(
        "hget-big",
        "HGET in 100k fields, pipeline 16",
        "HGET hash field:0__rand_int__",
        FIELDS
    ),
    stream!("xadd-p16", "XADD, pipeline 16", 16, "XADD stream * field value"),
    stream!("xrange-100", "XRANGE of 100", 1, "XRANGE stream - + COUNT 100", ENTRIES),
    stream!(
        "xreadgroup-p16",
        "XREADGROUP of 10, pipeline 16",
        16,
        "XREADGROUP GROUP group consumer COUNT 10 STREAMS stream >",
        ENTRIES,
        GROUP
    ),
    case("mem-empty", "empty server", Work::Empty, &EMPTY),
    case("mem-plain", "16 B key, 64 B value", Work::Fill(Shape::Plain), &PLAIN),
    case("mem-ttl", "16 B key, 64 B value, TTL", Work::Fill(Shape::Ttl), &TTL),
    case("mem-session", "Django session", Work::Fill(Shape::Session), &[]),
    case("mem-counter", "rate-limit counter", Work::Fill(Shape::Counter), &[]),
    case("mem-hash", "hash of 5 fields", Work::Fill(Shape::Hash), &SMALL_COLLECTION),
    case("mem-list", "list of 10 items", Work::Fill(Shape::List), &SMALL_COLLECTION),
    case("mem-set", "set of 10 integers", Work::Fill(Shape::Set), &SMALL_COLLECTION),
    case("mem-zset", "sorted set of 10 members", Work::Fill(Shape::Zset), &SMALL_COLLECTION),
    case("mem-bigzset", "sorted set of 1M members", Work::FillOne, &BIG_ZSET),
    case("mem-connections", "10,000 connections", Work::Connections, &CONNECTIONS),
    case("growth", "growing from 0 to 4M keys", Work::Growth(Growth::Keys), &GROWTH),
    case("hash-growth", "one hash growing to 4M fields", Work::Growth(Growth::Hash), &LARGE),
    case("freeing", "a set of 5M members deleted, expired", Work::Freeing, &LARGE),
    case("idle", "idle, 100 connections, 20,000 TTL keys", Work::Idle, &IDLE),
    case("expiry-0", "expiry beside no other TTL key", Work::Expiry { others: 0 }, &EXPIRY),
    case("expiry-10k", "expiry beside 10k TTL keys", Work::Expiry { others: 10_000 }, &EXPIRY),
    case("expiry-100k", "expiry beside 100k TTL keys", Work::Expiry { others: 100_000 }, &EXPIRY),
    case("expiry-1m", "expiry beside 1M TTL keys", Work::Expiry { others: 1_000_000 }, &EXPIRY),
    case("full-set", "SET, each evicts, pipeline 16", Work::Full(Full::Set), &FULL_SET),
    case("full-ping", "PING beside SETs that evict", Work::Full(Full::Ping), &FULL_PING),
    case("full-falls", "maxmemory from 1 GiB to 100 MiB", Work::Full(Full::Falls), &FALLS),
    case("full-due", "1M keys due in one millisecond", Work::Full(Full::Due), &DUE),
    durable(
        "always-c1",
        "always: SET, 1 connection",
        Durable::Always { connections: 1 },
        &ALWAYS_1,
    ),
    durable(
        "always-c50",
        "always: SET, 50 connections",
        Durable::Always { connections: 50 },
        &ALWAYS_50,
    ),
    durable(
        "always-c500",
        "always: SET, 500 connections",
        Durable::Always { connections: 500 },
        &ALWAYS_500,
    ),
    durable("always-read", "always: GET beside 50 writers", Durable::ReadBeside, &READ_BESIDE),
    durable("everysec-p16", "everysec: SET, pipeline 16", Durable::Everysec, &EVERYSEC),
    durable(
        "restart-log",
        "restart, 2M keys from the log",
        Durable::Restart { base: false },
        &RESTART_LOG,
    ),
    durable(
        "restart-base",
        "restart, 2M keys from a base",
        Durable::Restart { base: true },
        &RESTART_BASE,
    ),
    durable("rewrite", "rewrite of 3M keys under SETs", Durable::Rewrite, &REWRITE),
];

/// The cases whose names are given or begin as given; all of them without a name.
pub fn select(names: &[String]) -> io::Result<Vec<&'static Case>> {
    let exact = |name: &str| CASES.iter().any(|case| case.name == name);
    let matches = |case: &Case, name: &str| {
        if exact(name) { case.name == name } else { case.name.starts_with(name) }
    };
    if let Some(name) = names.iter().find(|name| !CASES.iter().any(|case| matches(case, name))) {
        return Err(io::Error::other(format!("no case {name}\n{}", listing())));
    }
    let wanted = |case: &Case| names.is_empty() || names.iter().any(|name| matches(case, name));
    Ok(CASES.iter().filter(|case| wanted(case)).collect())
}

/// One line per case, for people.
pub fn listing() -> String {
    CASES.iter().map(|case| format!("{:<16} {}\n", case.name, case.about)).collect()
}

impl Case {
    pub fn goal(&self, figure: &Figure) -> Option<&'static Goal> {
        self.goals.iter().find(|goal| goal.figure == figure)
    }

    /// Whether a ratio to Redis says something about a figure of this case. Where Redis is near
    /// zero, or the goal is zero, the figure itself is the message.
    pub fn has_ratio(&self, figure: &Figure) -> bool {
        match self.work {
            Work::Load { .. } | Work::Full(Full::Set) => {
                ![CLIENT_BUSY.name, SERVER_BUSY.name].contains(&figure.name)
            }
            Work::Empty | Work::Fill(_) | Work::FillOne | Work::Connections | Work::Tool(_) => true,
            Work::Durable(Durable::Everysec | Durable::Rewrite) => false,
            Work::Durable(_) => true,
            Work::Full(_) | Work::Growth(_) | Work::Freeing | Work::Idle | Work::Expiry { .. } => {
                false
            }
        }
    }
}

impl Bound {
    /// The bound for one driver.
    pub fn limit(self, backend: Backend) -> f64 {
        let (Self::RatioAtMost(uring, epoll)
        | Self::RatioAtLeast(uring, epoll)
        | Self::AtMost(uring, epoll)
        | Self::AtLeast(uring, epoll)) = self;
        match backend {
            Backend::Uring => uring,
            Backend::Epoll => epoll,
        }
    }

    /// Whether a figure with this median, and this median ratio to Redis, keeps the bound.
    pub fn is_met(self, backend: Backend, median: f64, ratio: f64) -> bool {
        let limit = self.limit(backend);
        match self {
            Self::RatioAtMost(..) => ratio <= limit,
            Self::RatioAtLeast(..) => ratio >= limit,
            Self::AtMost(..) => median <= limit,
            Self::AtLeast(..) => median >= limit,
        }
    }
}
