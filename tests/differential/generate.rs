//! Random requests: mostly well formed, then bent in the ways that find bugs.
//!
//! Invariant: the same seed and vocabulary give the same requests; no request lets time or
//! memory decide the outcome.

use std::fmt;

use fastrand::Rng;

use super::differences;
use super::vocabulary::{Arg, Kind, Syntax};

/// Few enough that commands meet the values of earlier ones.
const KEYS: [&[u8]; 14] = [
    b"a",
    b"b",
    b"c",
    b"d",
    b"int",
    b"float",
    b"ttl",
    b"{tag}1",
    b"{tag}2",
    b"",
    b"bin\0\r\n\xff",
    b"nokey",
    b"[x]*?\\",
    &[b'l'; 300],
];
/// Groups with keys of their own, by what those begin with: commands meet their own type often and
/// others now and then.
const OWN_KEYS: [(&str, &str); 6] = [
    ("geo", "geo"),
    ("hash", "hash"),
    ("list", "list"),
    ("set", "set"),
    ("sorted-set", "zset"),
    ("stream", "stream"),
];
const OWN_KEYS_EACH: u8 = 3;
/// What makes values to begin with, and for which keys.
const SEEDS: [(&str, &str); 8] = [
    ("GEOADD", "geo"),
    ("HSET", "hash"),
    ("RPUSH", "list"),
    ("SADD", "set"),
    ("XADD", "stream"),
    ("XGROUP", "stream"),
    ("ZADD", "zset"),
    ("ZADD", NAME_KEYS),
];
/// Keys of sorted sets in which all scores are 0, as ranges of names want it: among different scores
/// Redis's answer is a matter of chance. Nothing else uses them.
const NAME_KEYS: &str = "names";
/// Commands about ranges of names, and the argument with their source.
const BY_NAME: [(&str, usize); 6] = [
    ("zlexcount", 1),
    ("zrange", 1),
    ("zrangebylex", 1),
    ("zrangestore", 2),
    ("zremrangebylex", 1),
    ("zrevrangebylex", 1),
];
const NAME_BOUNDS: [&str; 12] =
    ["-", "+", "[", "(", "[m3", "(m3", "[7", "(12", "[m9", "(v", "m", "[-2"];
const SCORE_BOUNDS: [&str; 12] =
    ["-inf", "+inf", "(1", "(-1.5", "0", "1e5", "(inf", "", " 2", "x", "(", "nan"];
/// Around these coordinates places are near each other, also across the edge of the map.
const LONGITUDES: [f64; 4] = [13.4, 0.0, 179.9, -179.9];
const LATITUDES: [f64; 4] = [38.1, 0.0, 84.5, -66.0];
const LENGTHS: [&str; 12] =
    ["0", "1", "0.5", "30", "200", "100.25", "1000", "5500", "20000", "1e7", "inf", "-1"];
const SEED_ELEMENTS_MAX: u8 = 8;
const INTEGERS: [&str; 25] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "10",
    "15",
    "16",
    "63",
    "64",
    "100",
    "-100",
    "1000",
    "-2",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "9223372036854775806",
    "18446744073709551615",
    "4611686018427387904",
    "-4611686018427387905",
    "9223372036854775",
];
const ALMOST_INTEGERS: [&str; 18] = [
    "",
    " 1",
    "1 ",
    "01",
    "-0",
    "+1",
    "1e5",
    "0x10",
    "nan",
    "inf",
    "-inf",
    "1.0",
    "abc",
    "--1",
    "1\0",
    "-",
    "99999999999999999999999",
    "#1",
];
const FLOATS: [&str; 20] = [
    "3.14",
    "-1.5",
    "1e5",
    "0.1",
    "0.2",
    "1e-10",
    "5e-324",
    "1.7976931348623157e308",
    "1e400",
    "nan",
    "inf",
    "-inf",
    "0x1p3",
    "3.0",
    "-0.0",
    "1.",
    ".5",
    "1e",
    "100000000000000000000",
    "17",
];
const PATTERNS: [&str; 18] = [
    "*",
    "?",
    "a*",
    "[a-c]",
    "[^a]",
    "\\*",
    "*t*",
    "{tag}?",
    "nokey",
    "[",
    "int",
    "\\",
    "#",
    "{tag}*",
    "set*",
    "hash*->m1",
    "h*->*",
    "*->",
];
const ENCODINGS: [&str; 12] =
    ["i8", "u8", "i16", "u63", "i64", "u64", "i65", "u1", "i1", "u0", "U8", "x"];
const BIT_OFFSETS: [&str; 12] =
    ["0", "1", "7", "8", "100", "#0", "#1", "#15", "-1", "#-1", "#", "4294967296"];
const BIT_OPERATIONS: [&str; 6] = ["AND", "or", "XOR", "NOT", "nand", ""];
const PFDEBUG: [&str; 5] = ["encoding", "decode", "TODENSE", "getreg", "nosuch"];
const GROUP_NAMES: [&str; 4] = ["g", "h", "alice", "bob"];
const ENTRY_IDS: [&str; 10] = [
    "-",
    "+",
    "0",
    "0-0",
    "$",
    ">",
    "0-1",
    "5",
    "18446744073709551615-18446744073709551615",
    "x-1",
];
const TYPES: [&str; 5] = ["string", "STRING", "list", "hash", "nosuch"];

/// Within the lifetime of a run nothing given such a time to live expires, in either unit.
const FAR: u64 = 1_000_000;
/// Times to live differ by more than the servers' clocks do, or GT and LT would be a toss-up.
const FAR_STEP: u64 = 10_007;
const FAR_STEPS: u64 = 1_000_000;
const RELATIVE_MAX: u64 = 1 << 54;
const FAR_UNIX_SECONDS: &str = "4000000000";
const FAR_UNIX_MILLISECONDS: &str = "4000000000000";
/// Offsets stay below this, so that no value grows large and LCS stays quick.
const OFFSET_MAX: u64 = 2_000;
/// Replies with repetitions stay this short.
const COUNT_MAX: i64 = 1_000;
const UNIT_OFFSET_MAX: u64 = 200;
/// Commands that may wait, and where their timeout stands, if not at the end.
const BLOCKING: [(&str, Option<usize>); 8] = [
    ("blpop", None),
    ("brpop", None),
    ("blmove", Some(5)),
    ("brpoplpush", Some(3)),
    ("blmpop", Some(1)),
    ("bzpopmin", None),
    ("bzpopmax", None),
    ("bzmpop", Some(1)),
];

#[derive(Clone)]
pub struct Command {
    pub words: Vec<Vec<u8>>,
}

impl Command {
    /// Whether this is the command `name`, or the subcommand `container|name`.
    pub fn is(&self, name: &str) -> bool {
        let mut words = self.words.iter();
        name.split('|')
            .all(|part| words.next().is_some_and(|w| w.eq_ignore_ascii_case(part.as_bytes())))
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for word in &self.words {
            write!(f, "\"{}\" ", word.escape_ascii())?;
        }
        Ok(())
    }
}

pub struct Generator {
    rng: Rng,
    syntaxes: Vec<Syntax>,
    /// Every token of the vocabulary, for options in the wrong place.
    tokens: Vec<String>,
    /// What the keys of the command being made mostly begin with.
    own_keys: Option<&'static str>,
    in_transaction: bool,
    /// Chooses the protocol again after a RESET.
    hello: Command,
    after_reset: bool,
    /// What comes next, whatever else.
    pending: Option<Command>,
    /// What stands in the place of the time in ids of entries.
    entries: u64,
}

impl Generator {
    pub fn new(seed: u64, hello: &str, syntaxes: Vec<Syntax>) -> Generator {
        let mut tokens = Vec::new();
        syntaxes.iter().flat_map(|syntax| &syntax.args).for_each(|arg| collect(arg, &mut tokens));
        let hello = Command { words: hello.split(' ').map(Into::into).collect() };
        let rng = Rng::with_seed(seed);
        let (in_transaction, after_reset) = (false, false);
        let (own_keys, pending) = (None, None);
        let entries = 100;
        Generator {
            rng,
            syntaxes,
            tokens,
            own_keys,
            in_transaction,
            hello,
            after_reset,
            pending,
            entries,
        }
    }

    /// The transaction was discarded behind the generator's back.
    pub fn left_transaction(&mut self) {
        self.in_transaction = false;
    }

    pub fn next(&mut self) -> Command {
        if std::mem::take(&mut self.after_reset) {
            return self.hello.clone();
        }
        if let Some(command) = self.pending.take() {
            return command;
        }
        let mut command = match self.rng.u8(..100) {
            0..15 if self.in_transaction => self.end_of_transaction(),
            0..8 => self.seed_key(),
            _ => self.documented_command(),
        };
        if command.is("flushall") || command.is("flushdb") || command.is("swapdb") {
            // Rarely: an empty keyspace makes dull replies.
            command = if self.one_in(10) { command } else { self.documented_command() };
        }
        while differences::is_extension(&command) {
            command = self.seed_key();
        }
        tame(&mut command, &mut self.rng);
        self.tame_stream(&mut command);
        self.follow_transaction(&command);
        let claims = command.is("xclaim") || command.is("xautoclaim");
        if claims && command.words.len() > 3 {
            // Redis 7.0 makes a consumer when he gets something, 7.2 when he asks.
            let name = [&b"XGROUP"[..], b"CREATECONSUMER"].map(Vec::from);
            let words = name.into_iter().chain(command.words[1..4].iter().cloned()).collect();
            self.pending = Some(command);
            return Command { words };
        }
        if command.is("sort") || command.is("sort_ro") {
            // Redis takes a range error of an earlier command for one of its own. This one clears it.
            self.pending = Some(command);
            return Command { words: ["SSCAN", "nokey", "0"].map(Into::into).to_vec() };
        }
        command
    }

    /// Takes the clock out of commands of streams: ids of now are numbers that ascend, and nothing has
    /// waited for a time that matters.
    fn tame_stream(&mut self, command: &mut Command) {
        if command.is("xadd") {
            for word in command.words.iter_mut().filter(|word| *word == b"*") {
                self.entries += u64::from(self.rng.u8(..3));
                *word = format!("{}-*", self.entries).into_bytes();
            }
        }
        for at in 1..command.words.len() {
            let (before, word) = command.words.split_at_mut(at);
            let follows = |name: &[u8]| before[at - 1].eq_ignore_ascii_case(name);
            if follows(b"block") {
                hurry_millis(&mut word[0]);
            } else if follows(b"idle") {
                far_or_none(&mut word[0]);
            }
        }
        if command.is("xautoclaim") {
            // Redis allocates for as many as it may find gone, if it can.
            command.words.iter_mut().skip(6).for_each(|word| clamp(word, COUNT_MAX));
        }
        if ["xclaim", "xautoclaim"].iter().any(|name| command.is(name)) {
            command.words.iter_mut().skip(4).take(1).for_each(far_or_none);
        }
        if command.is("xread") || command.is("xreadgroup") {
            // The last entry, in later versions.
            command
                .words
                .iter_mut()
                .filter(|word| *word == b"+")
                .for_each(|word| *word = b"0".into());
        }
    }

    fn follow_transaction(&mut self, command: &Command) {
        if command.is("multi") {
            self.in_transaction = true;
        } else if command.is("exec") || command.is("discard") || command.is("reset") {
            self.in_transaction = false;
        }
        self.after_reset = command.is("reset");
    }

    fn end_of_transaction(&mut self) -> Command {
        let name: &[u8] = if self.one_in(5) { b"DISCARD" } else { b"EXEC" };
        Command { words: vec![name.to_vec()] }
    }

    fn seed_key(&mut self) -> Command {
        self.own_keys = None;
        if self.one_in(2) {
            return self.seed_collection();
        }
        let mut words = vec![b"SET".to_vec(), self.key(), self.value()];
        if self.one_in(3) {
            words.extend([b"EX".to_vec(), b"1".to_vec()]);
        }
        Command { words }
    }

    fn seed_collection(&mut self) -> Command {
        let (name, prefix) = SEEDS[self.rng.usize(..SEEDS.len())];
        if prefix == "stream" {
            return self.seed_stream(name);
        }
        let mut words = vec![name.into(), self.own_key(prefix)];
        for _ in 0..self.rng.u8(1..=SEED_ELEMENTS_MAX) {
            words.extend(self.seed_element(prefix));
        }
        Command { words }
    }

    fn seed_stream(&mut self, name: &str) -> Command {
        let (key, group) = (self.own_key("stream"), self.text("group"));
        let words = match name {
            "XADD" => vec![name.into(), key, b"*".into(), b"f".into(), self.element()],
            _ => [&b"XGROUP"[..], b"CREATE", &key, &group, b"0", b"MKSTREAM"].map(Vec::from).into(),
        };
        Command { words }
    }

    fn seed_element(&mut self, prefix: &str) -> Vec<Vec<u8>> {
        let element = self.element();
        match prefix {
            "hash" => vec![element, self.element()],
            "geo" => vec![self.degrees(&LONGITUDES), self.degrees(&LATITUDES), element],
            "zset" => vec![self.rng.i8(-2..5).to_string().into_bytes(), element],
            NAME_KEYS => vec![b"0".into(), element],
            _ => vec![element],
        }
    }

    fn documented_command(&mut self) -> Command {
        let syntaxes = std::mem::take(&mut self.syntaxes);
        let syntax = &syntaxes[self.rng.usize(..syntaxes.len())];
        let own_keys = OWN_KEYS.iter().find(|(group, _)| *group == syntax.group);
        self.own_keys = own_keys.map(|(_, prefix)| *prefix);
        let mut words: Vec<Vec<u8>> = syntax.words.iter().map(|word| self.cased(word)).collect();
        let fixed = words.len();
        syntax.args.iter().for_each(|arg| self.fill(arg, &mut words));
        self.syntaxes = syntaxes;
        while self.rng.u8(..100) < 12 {
            self.bend(fixed, &mut words);
        }
        Command { words }
    }

    fn fill(&mut self, arg: &Arg, words: &mut Vec<Vec<u8>>) {
        if arg.optional && self.rng.u8(..100) < 60 {
            return;
        }
        let repeats = if arg.multiple { self.rng.u8(1..=3) } else { 1 };
        for repeat in 0..repeats {
            if repeat == 0 || arg.multiple_token || arg.kind == Kind::Token {
                words.extend(arg.token.as_ref().map(|token| self.cased(token)));
            }
            self.fill_once(arg, words);
        }
    }

    fn fill_once(&mut self, arg: &Arg, words: &mut Vec<Vec<u8>>) {
        match arg.kind {
            Kind::Token => {}
            Kind::OneOf => {
                let choice = self.rng.usize(..arg.parts.len());
                self.fill(&arg.parts[choice], words);
            }
            Kind::Block => arg.parts.iter().for_each(|part| self.fill(part, words)),
            Kind::Key => words.push(self.key()),
            Kind::Pattern => words.push(self.pick(&PATTERNS)),
            Kind::Integer => words.push(self.integer(&arg.name)),
            Kind::UnixTime => words.push(self.unix_time()),
            // Long enough to be one, and nobody pushes meanwhile.
            Kind::Double if arg.name == "timeout" => words.push(b"0.001".into()),
            Kind::Double => words.push(self.double(&arg.name)),
            Kind::Text => words.push(self.text(&arg.name)),
        }
    }

    fn double(&mut self, name: &str) -> Vec<u8> {
        match name {
            "min" | "max" if self.rng.bool() => self.pick(&SCORE_BOUNDS),
            "longitude" if !self.one_in(30) => self.degrees(&LONGITUDES),
            "latitude" if !self.one_in(30) => self.degrees(&LATITUDES),
            "radius" | "width" | "height" if !self.one_in(10) => self.pick(&LENGTHS),
            _ => self.float(),
        }
    }

    /// Near one of `centers`, and hardly ever twice the same.
    fn degrees(&mut self, centers: &[f64]) -> Vec<u8> {
        let center = centers[self.rng.usize(..centers.len())];
        (center + self.rng.f64() - 0.5).to_string().into_bytes()
    }

    fn text(&mut self, name: &str) -> Vec<u8> {
        match name {
            "encoding" => self.pick(&ENCODINGS),
            "operation" => self.pick(&BIT_OPERATIONS),
            "type" => self.pick(&TYPES),
            "subcommand" => self.pick(&PFDEBUG),
            "increment" => self.float(),
            "group" | "consumer" if !self.one_in(12) => self.pick(&GROUP_NAMES),
            "ID" | "id" | "last-id" | "max-deleted-id" | "lastid" | "threshold" => self.entry_id(),
            "min-idle-time" => self.pick(&["0", "0", "0", "1000000000", "-1", "x"]),
            "start" | "end" if self.own_keys == Some("stream") => self.entry_id(),
            "member" | "member1" | "member2" | "element" | "pivot" | "field" => self.element(),
            "min" | "max" | "start" | "stop" => match self.rng.u8(..3) {
                0 => self.pick(&NAME_BOUNDS),
                1 => self.pick(&SCORE_BOUNDS),
                _ => self.rng.i8(-4..12).to_string().into_bytes(),
            },
            _ => self.value(),
        }
    }

    /// The id of an entry, mostly near those that streams have.
    fn entry_id(&mut self) -> Vec<u8> {
        let near = self.entries.saturating_sub(self.rng.u64(..60));
        match self.rng.u8(..16) {
            0..6 => format!("{near}-{}", self.rng.u8(..2)).into_bytes(),
            6..8 => near.to_string().into_bytes(),
            8 => format!("({near}-0").into_bytes(),
            9 => format!("{near}-*").into_bytes(),
            10..15 => self.pick(&ENTRY_IDS),
            _ => self.any_integer(),
        }
    }

    fn key(&mut self) -> Vec<u8> {
        let own = if self.one_in(8) { None } else { self.own_keys };
        let any = OWN_KEYS[self.rng.usize(..OWN_KEYS.len())].1;
        match own.or_else(|| self.one_in(2).then_some(any)) {
            Some(prefix) => self.own_key(prefix),
            None => KEYS[self.rng.usize(..KEYS.len())].to_vec(),
        }
    }

    fn own_key(&mut self, prefix: &str) -> Vec<u8> {
        format!("{prefix}{}", self.rng.u8(..OWN_KEYS_EACH)).into_bytes()
    }

    /// Something to put into a collection: mostly one of a few, so that commands meet it again, and
    /// sometimes too long for a compact encoding.
    fn element(&mut self) -> Vec<u8> {
        match self.rng.u8(..20) {
            0..10 => self.rng.i8(-4..16).to_string().into_bytes(),
            10..17 => format!("m{}", self.rng.u8(..10)).into_bytes(),
            17 => vec![b'v'; self.rng.usize(63..=65)],
            // SORT takes texts that differ only behind a NUL for equal, and their order is chance.
            _ => self.value().into_iter().filter(|byte| *byte != 0).collect(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.u8(..8) {
            0..3 => self.any_integer(),
            3 => self.float(),
            4 => {
                let length = self.rng.usize(..80);
                (0..length).map(|_| self.rng.u8(..)).collect()
            }
            // On both sides of the limits of Redis's string encodings.
            5 => vec![b'v'; [0, 1, 19, 20, 43, 44, 45, 63, 64, 300][self.rng.usize(..10)]],
            _ => b"the quick brown fox"[self.rng.usize(..10)..].to_vec(),
        }
    }

    fn integer(&mut self, name: &str) -> Vec<u8> {
        match name {
            "offset" if self.one_in(2) => self.pick(&BIT_OFFSETS),
            // Mostly databases that exist.
            "index" | "index1" | "index2" | "db" | "destination-db" if !self.one_in(8) => {
                self.rng.u8(..4).to_string().into_bytes()
            }
            "bit" | "cursor" if !self.one_in(8) => self.rng.u8(..2).to_string().into_bytes(),
            _ if self.one_in(3) => self.rng.i32(-40..400).to_string().into_bytes(),
            _ => self.any_integer(),
        }
    }

    fn any_integer(&mut self) -> Vec<u8> {
        if self.one_in(6) { self.pick(&ALMOST_INTEGERS) } else { self.pick(&INTEGERS) }
    }

    fn float(&mut self) -> Vec<u8> {
        if self.one_in(4) { self.any_integer() } else { self.pick(&FLOATS) }
    }

    fn unix_time(&mut self) -> Vec<u8> {
        match self.rng.u8(..6) {
            0 => self.any_integer(),
            1..4 => FAR_UNIX_SECONDS.into(),
            _ => FAR_UNIX_MILLISECONDS.into(),
        }
    }

    /// One change behind the first `fixed` words, which say which command it is.
    fn bend(&mut self, fixed: usize, words: &mut Vec<Vec<u8>>) {
        let at = self.rng.usize(fixed..=words.len());
        let within = at < words.len();
        match self.rng.u8(..8) {
            0 if within => drop(words.remove(at)),
            1 if within => words.insert(at, words[at].clone()),
            2 if within => {
                let other = self.rng.usize(fixed..words.len());
                words.swap(at, other);
            }
            3 if within => words[at] = self.any_integer(),
            4 if within => words[at] = self.pick(&ALMOST_INTEGERS),
            5 if within => words.truncate(at),
            6 => words.insert(at, self.value()),
            _ => {
                let token = self.tokens[self.rng.usize(..self.tokens.len())].clone();
                words.insert(at, self.cased(&token));
            }
        }
    }

    fn cased(&mut self, word: &str) -> Vec<u8> {
        match self.rng.u8(..3) {
            0 => word.to_ascii_uppercase().into(),
            1 => word.to_ascii_lowercase().into(),
            _ => word
                .bytes()
                .map(|b| if self.rng.bool() { b ^ (b & 0x40) >> 1 } else { b })
                .collect(),
        }
    }

    fn pick(&mut self, words: &[&str]) -> Vec<u8> {
        words[self.rng.usize(..words.len())].into()
    }

    fn one_in(&mut self, count: u8) -> bool {
        self.rng.u8(..count) == 0
    }
}

fn collect(arg: &Arg, tokens: &mut Vec<String>) {
    tokens.extend(arg.token.clone());
    arg.parts.iter().for_each(|part| collect(part, tokens));
}

/// Replaces numbers that would make the outcome a matter of time or fill the memory.
fn tame(command: &mut Command, rng: &mut Rng) {
    tame_sort(command);
    tame_chance(command, rng);
    tame_search(command);
    let named = |names: &[&str]| names.iter().any(|name| command.is(name));
    let relative = named(&["expire", "pexpire", "setex", "psetex"])
        || named(&["set", "getex"]) && has_option(command, &["EX", "PX"]);
    // Redis keeps a key that SET gave a past deadline, and counts it, until it happens to look.
    let unix_min = match () {
        () if command.is("set") && has_option(command, &["PXAT"]) => FAR_UNIX_MILLISECONDS,
        () if command.is("set") && has_option(command, &["EXAT"]) => FAR_UNIX_SECONDS,
        () => "0",
    };
    let unix_min: u64 = unix_min.parse().expect("digits");
    let offsets = named(&["setbit", "setrange", "bitfield"]);
    let last = command.words.len().saturating_sub(1);
    for (name, at) in BLOCKING {
        if command.is(name) {
            command.words.get_mut(at.unwrap_or(last)).into_iter().for_each(hurry);
        }
    }
    if command.is("lpos") {
        // Redis 7.0 takes the smallest number for a rank.
        command.words.iter_mut().skip(3).for_each(|word| clamp(word, i64::MAX));
    }
    if command.is("lset") {
        // Redis 7.2 looks at the lower half of an index.
        command.words.iter_mut().skip(2).take(1).for_each(|word| clamp(word, i32::MAX.into()));
    }
    for (name, at) in BY_NAME {
        let by_name = name.contains("lex") || has_option(command, &["BYLEX"]);
        if command.is(name) && by_name && at < command.words.len() {
            command.words[at] = format!("{NAME_KEYS}{}", rng.u8(..OWN_KEYS_EACH)).into_bytes();
        }
    }
    if command.is("zrank") || command.is("zrevrank") {
        // WITHSCORE is new in 7.2.
        command.words.truncate(3);
    }
    for word in command.words.iter_mut().skip(2) {
        let (unit, digits) = match word.strip_prefix(b"#") {
            Some(digits) => (true, digits),
            None => (false, word.as_slice()),
        };
        let Some(number) = std::str::from_utf8(digits).ok().and_then(|d| d.parse::<u64>().ok())
        else {
            continue;
        };
        if relative && (1..RELATIVE_MAX).contains(&number) {
            *word = (FAR + rng.u64(..FAR_STEPS) * FAR_STEP).to_string().into();
        } else if (1..unix_min).contains(&number) {
            *word = unix_min.to_string().into();
        } else if offsets && unit && (UNIT_OFFSET_MAX..1 << 33).contains(&number) {
            *word = format!("#{UNIT_OFFSET_MAX}").into();
        } else if offsets && (OFFSET_MAX..1 << 32).contains(&number) {
            *word = OFFSET_MAX.to_string().into();
        }
    }
}

/// Makes what may be a long timeout a short one. Redis 7.0 adds the largest without a check.
fn hurry(word: &mut Vec<u8>) {
    let number = std::str::from_utf8(word).ok().and_then(|text| text.parse::<f64>().ok());
    if word.starts_with(b"0x") || number.is_some_and(|seconds| seconds >= 0.0) {
        *word = b"0.001".into();
    }
}

/// Makes what may be a long timeout in milliseconds a short one.
fn hurry_millis(word: &mut Vec<u8>) {
    let number = std::str::from_utf8(word).ok().and_then(|text| text.parse::<i64>().ok());
    if number.is_some_and(|millis| millis >= 0) {
        *word = b"1".into();
    }
}

/// Makes a time that entries may have waited none, or more than they ever have.
fn far_or_none(word: &mut Vec<u8>) {
    let number = std::str::from_utf8(word).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(millis @ 1..10_000_000) = number {
        *word = if millis % 2 == 0 { b"0".into() } else { b"1000000000".into() };
    }
}

/// Keeps a SORT whose order may be that of a hash table from storing it and from telling by its
/// misses which elements LIMIT left.
fn tame_sort(command: &mut Command) {
    if !(command.is("sort") || command.is("sort_ro")) || !has_option(command, &["BY"]) {
        return;
    }
    if has_option(command, &["STORE"]) {
        command.words.retain(|word| !word.eq_ignore_ascii_case(b"alpha"));
    }
    if has_option(command, &["LIMIT"]) {
        let gets = command.words.iter_mut().filter(|word| word.eq_ignore_ascii_case(b"get"));
        gets.for_each(|word| *word = b"BY".into());
    }
}

/// Keeps chance from parting the data sets, and what it yields short.
fn tame_chance(command: &mut Command, rng: &mut Rng) {
    if command.is("spop") {
        // All or nothing.
        command.words.resize_with(command.words.len().max(3), Vec::new);
        command.words[2] = if rng.bool() { b"0".into() } else { b"1000000".into() };
    }
    if ["srandmember", "hrandfield", "zrandmember"].iter().any(|name| command.is(name)) {
        command.words.iter_mut().skip(2).for_each(|word| clamp(word, COUNT_MAX));
    }
}

/// Shows distances where COUNT cuts off: which of the members at the same distance are left then is
/// chance. A result with such a cut is not stored.
fn tame_search(command: &mut Command) {
    if differences::cuts_search(command) {
        let stores = command.is("geosearchstore") || has_option(command, &["STORE", "STOREDIST"]);
        command.words.push(if stores { b"ANY".into() } else { b"WITHDIST".into() });
    }
}

/// Makes a number at most `most` and at least `-most`.
fn clamp(word: &mut Vec<u8>, most: i64) {
    let number = std::str::from_utf8(word).ok().and_then(|digits| digits.parse::<i64>().ok());
    if let Some(number) = number.filter(|number| number.unsigned_abs() > most.unsigned_abs()) {
        *word = (number.signum() * most).to_string().into();
    }
}

pub fn has_option(command: &Command, options: &[&str]) -> bool {
    command.words.iter().any(|w| options.iter().any(|o| w.eq_ignore_ascii_case(o.as_bytes())))
}
