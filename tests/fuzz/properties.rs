//! What must hold for any input: one function per fuzz target, panicking where it does not.
//!
//! cargo-fuzz searches inputs for them with coverage; `cargo test` feeds them random ones.

use sidering::base::clock::Clock;
use sidering::base::{glob::glob_match, text};
use sidering::command::Table;
use sidering::command::acl::{Rules, User, join_selectors};
use sidering::command::script::busy::Origin;
use sidering::command::script::engine::Engine;
use sidering::command::script::functions::Metadata;
use sidering::keyspace::Keyspace;
use sidering::persist::rdb::load::{self, Expired, Intake};
use sidering::persist::rdb::save::Header;
use sidering::persist::snapshot::{self, Format};
use sidering::resp::{Limits, Progress, ProtocolError, Step, parse};
use sidering::types::list::NodeLimit;
use sidering::types::{hash, set, zset};

type Command = Vec<Vec<u8>>;

/// Malformed or not, a stream of requests means the same however it is cut, and every argument lies
/// within what was sent. The first byte of the input chooses the cuts and the limits.
pub fn resp_parse(input: &[u8]) {
    let Some((&choice, stream)) = input.split_first() else { return };
    let limits = match choice & 1 {
        0 => Limits::UNAUTHENTICATED,
        _ => Limits { bulk_len_max: 1000, inline_len_max: 200, ..Limits::authenticated(0) },
    };
    let whole = receive(stream, stream.len().max(1), &limits);
    let chunked = receive(stream, usize::from(choice >> 1) % 17 + 1, &limits);
    assert_eq!(whole, chunked);
}

/// The commands of a stream that arrives in chunks of `chunk_len`, and the error that ends it.
fn receive(
    stream: &[u8],
    chunk_len: usize,
    limits: &Limits,
) -> (Vec<Command>, Option<ProtocolError>) {
    let mut commands = Vec::new();
    let (mut progress, mut spans) = (Progress::default(), Vec::new());
    let (mut start, mut end) = (0, 0);
    loop {
        let kept = &stream[start..end];
        let step = parse(kept, &mut progress, &mut spans, limits);
        let (source, consumed) = match step {
            Step::Command { consumed } => (kept, consumed),
            Step::Inline { consumed } => (progress.inline_args(), consumed),
            Step::Empty { consumed } => (kept, consumed),
            Step::Incomplete { missing } => {
                assert!(missing > 0 && spans.is_empty());
                if end == stream.len() {
                    return (commands, None);
                }
                end = stream.len().min(end + chunk_len);
                continue;
            }
            Step::Broken(error) => return (commands, Some(error)),
        };
        assert!(0 < consumed && consumed <= kept.len() && progress.is_fresh());
        if !spans.is_empty() {
            commands.push(spans.drain(..).map(|span| span.of(source).to_vec()).collect());
        }
        start += consumed;
    }
}

/// A pattern with everything escaped matches exactly itself, a star in front of it changes nothing,
/// and no pattern takes long. The first byte of the input divides it into pattern and text.
pub fn glob(input: &[u8]) {
    let Some((&divide, rest)) = input.split_first() else { return };
    let (pattern, text) = rest.split_at(usize::from(divide).min(rest.len()));
    let exact = glob_match(pattern, text, false);
    let starred = [b"*", pattern].concat();
    assert!(!exact || text.is_empty() || glob_match(&starred, text, false));
    glob_match(pattern, text, true);
    let escaped: Vec<u8> = text.iter().flat_map(|&byte| [b'\\', byte]).collect();
    assert!(glob_match(&escaped, text, false));
}

/// Arguments of a line, quoted again, are the same arguments; any bytes survive quoting.
pub fn config_line(input: &[u8]) {
    assert_eq!(text::split_args(text::repr(input).as_bytes()), Some(vec![input.to_vec()]));
    if let Some(args) = text::split_args(input) {
        let quoted: Vec<_> = args.iter().map(|arg| text::repr(arg)).collect();
        assert_eq!(text::split_args(quoted.join(" ").as_bytes()), Some(args));
    }
}

/// Rules of a user, one a line: what is refused is refused, and a user that they make is made again by
/// the line that shows him.
pub fn acl_rules(input: &[u8]) {
    let table = Table::new();
    let rules =
        Rules { table: &table, all_channels: input.first().is_some_and(|byte| byte & 1 != 0) };
    let words: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let Some(user) = made(&rules, &words) else { return };
    let line = user.describe();
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').skip(2).collect();
    let again = made(&rules, &words).expect("what is shown can be read");
    assert_eq!(again.describe(), line);
    assert_eq!(again.rules(), user.rules());
}

/// The user that rules make, unless one is refused.
fn made(rules: &Rules<'_>, words: &[&[u8]]) -> Option<User> {
    let mut user = rules.new_user(b"u");
    let joined = join_selectors(words).ok()?;
    joined.iter().try_for_each(|rule| rules.apply(&mut user, rule)).ok()?;
    Some(user)
}

/// Damaged snapshots: what is refused is refused, what is taken can be used and written again.
pub fn rdb_load(input: &[u8]) {
    let limits = load::Limits {
        list: NodeLimit::new(-2),
        set: set::Limits { intset_entries: 8, listpack_entries: 4, listpack_value: 16 },
        zset: zset::Limits { entries: 4, value: 16 },
        hash: hash::Limits { fields_max: 4, bytes_max: 16 },
    };
    let options = load::Options {
        databases: 4,
        checksum: false,
        text_bytes_max: 1 << 20,
        unpacked_bytes_max: 1 << 20,
        limits,
    };
    let mut keyspace = Keyspace::new(4, 1);
    let mut intake = Intake::new(&mut keyspace, Expired::Keep, true);
    let file = [b"REDIS0012", input].concat();
    let loaded = load::load(&mut file.as_slice(), &options, &mut intake);
    assert!(loaded.is_err() || loaded.is_ok_and(|loaded| loaded.bytes <= file.len() as u64));
    let header = Header {
        field_deadlines: keyspace.has_field_deadlines(),
        uneven_consumers: keyspace.has_uneven_consumers(),
        redis_version: "7.2.6",
        created: 0,
        used_memory: 0,
        aof_base: false,
        functions: Vec::new(),
    };
    let format = Format::Rdb { compress: true, checksum: true };
    let written = snapshot::file(&keyspace, format, &header);
    let mut again = Keyspace::new(4, 1);
    let mut intake = Intake::new(&mut again, Expired::Keep, false);
    load::load(&mut written.as_slice(), &options, &mut intake)
        .expect("what was written here is read");
    assert_eq!(keys(&again), keys(&keyspace));
}

/// How many keys are there, those past their deadline aside.
fn keys(keyspace: &Keyspace) -> usize {
    let mut count = 0;
    (0..4).for_each(|db| keyspace.view(db).for_each(&mut |_, _, _| count += 1));
    count
}

/// What is done with an input by the libraries that scripts have: what they read they write again, to
/// what reads as the same but for the order of fields.
const LIBRARIES: &str = "local input = ... \
    local function twice(read, write) \
        local ok, value = pcall(function() local value = read(input) return value end) \
        local written, text = pcall(write, value) \
        if ok and written then assert(#write(read(text)) == #text) end \
    end \
    twice(cmsgpack.unpack, cmsgpack.pack) \
    twice(cjson.decode, cjson.encode) \
    pcall(function() local value = cmsgpack.unpack_limit(input, 3, 1) end) \
    local format, rest = input:sub(2, 9), input:sub(10) \
    pcall(struct.size, format) \
    pcall(function() local value = struct.unpack(format, rest) end) \
    pcall(struct.pack, format, 1, 2, 3, 4) \
    pcall(string.find, rest, format) \
    pcall(string.gsub, rest, format, '%1')";

thread_local! {
    static ENGINE: Engine = Engine::new(&Clock::new(), Origin::Script).expect("an interpreter");
}

/// No input takes a library of scripts by surprise.
pub fn script_libraries(input: &[u8]) {
    ENGINE.with(|engine| {
        let slot = engine.compile(LIBRARIES.as_bytes()).expect("a script");
        let script = engine.function(slot).expect("it is kept");
        let input = engine.lua.create_string(input).expect("a string");
        script.call::<()>(input).expect("what is written is read");
        engine.forget(slot);
        engine.tidy();
    });
}

/// The first line of a library is understood or refused, whatever stands there.
pub fn library_metadata(input: &[u8]) {
    let text = [b"#!lua ", input].concat();
    for text in [input, &text] {
        if let Ok(metadata) = Metadata::of(text) {
            assert_eq!(text[metadata.code_at], b'\n');
            assert!(!metadata.name.is_empty());
        }
    }
}
