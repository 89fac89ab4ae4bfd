//! A corpus of scripts, and random uses of the libraries that they have: Lua itself answers on the
//! other side.

use super::setting;
use crate::support::*;
use fastrand::Rng;

/// Scripts with two keys, `k` and `h`, and the arguments `v` and `7`. What they leave behind is
/// compared as well.
const CORPUS: [&str; 61] = [
    "return {KEYS, ARGV, #KEYS, #ARGV}",
    "return {1, 2.9, -2.9, 1e15, 'a', true, false, nil, 3}",
    "return {{{{{}}}}}",
    "return {ok = 'fine', err = 'ERR both'}",
    "return {err = 'MY error'}",
    "return {err = 'no code'}",
    "return redis.error_reply('MY error')",
    "return redis.error_reply('-MY error')",
    "return redis.status_reply('fine')",
    "return redis.call('SET', KEYS[1], ARGV[1])",
    "return redis.call('GET', KEYS[1])",
    "return redis.call('INCRBY', KEYS[1], ARGV[2])",
    "return redis.pcall('INCRBY', KEYS[1], 'x')",
    "return redis.pcall('INCRBY', KEYS[1], 'x').err",
    "return redis.call('NOPE')",
    "return redis.call('GET')",
    "return redis.call({})",
    "return redis.call()",
    "return redis.pcall()",
    "return {pcall(redis.call, 'NOPE')}",
    "local ok, e = pcall(redis.call, 'GET') return {tostring(ok), type(e), tostring(e)}",
    "error('text')",
    "error({err = 'MY table'})",
    "error()",
    "error('x', 0)",
    "local t = nil return t.x",
    "return nope",
    "nope = 1",
    "return 1 +",
    "for i = 1, 3 do redis.call('RPUSH', KEYS[1] .. 'l', i) end \
     return redis.call('LRANGE', KEYS[1] .. 'l', 0, -1)",
    "redis.call('HSET', KEYS[2], 'a', 1, 'b', 2) return redis.call('HGETALL', KEYS[2])",
    "redis.setresp(3) redis.call('HSET', KEYS[2], 'a', 1) \
     return redis.call('HGETALL', KEYS[2]).map.a",
    "redis.setresp(3) return {redis.call('HGETALL', KEYS[2])}",
    "redis.setresp(3) return {redis.call('GET', 'none'), true, false}",
    "redis.setresp(4)",
    "redis.call('ZADD', 'z', 1.5, 'm') redis.setresp(3) return {redis.call('ZSCORE', 'z', 'm')}",
    "redis.setresp(3) return redis.call('ZSCORE', 'z', 'm').double * 2",
    "return redis.sha1hex('') .. redis.sha1hex('x')",
    "return redis.sha1hex()",
    "return tostring(1e300 * 1e10) .. tostring(0/0 ~= 0/0) .. tostring(2^53) .. 0.1 .. ' ' .. 1e100",
    "return {tonumber('0x10'), tonumber('10', 2), tonumber(' 5 '), tonumber('z', 36)}",
    "return {math.floor(-2.5), math.ceil(2.5), math.max(1, 3, 2), math.fmod(-7, 3), -7 % 3}",
    "math.randomseed(5) return {math.random(1000), math.random(1000), math.random(5, 6)}",
    "return {math.random(1000), tostring(math.random())}",
    "return {string.format('%5.2f|%-5s|%05d|%x|%q|%g', 1.005, 'a', 42, 255, 'a\\nb\\0', 1e20)}",
    "return {('x'):rep(3), ('abc'):upper(), ('abc'):reverse(), ('abc'):byte(1, -1)}",
    "return {('abc'):sub(-2), ('abc'):sub(2, 10), ('abc'):len(), #'a\\0b'}",
    "local t = {5, 2, 8, 1} table.sort(t, function(a, b) return a > b end) return t",
    "local t = {'b', 'a'} table.sort(t) table.insert(t, 1, 'z') table.remove(t) return t",
    "return table.concat({1, 2, 'x'}, ', ', 2, 3)",
    "return {select('#', nil, nil), select(2, 'a', 'b'), unpack({1, 2, 3}, 2)}",
    "local f = loadstring('return 1 + 1') return f()",
    "return {loadstring('x x', 'name')}",
    "local c = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end) \
     return {c(1), c(5)}",
    "return {type(next), type(_G), tostring(next({})), rawequal('a', 'a') and 1 or 0}",
    "local t = setmetatable({}, {__index = function(_, k) return k .. '!' end}) return t.x",
    "local n = 0 for k in pairs({a = 1, b = 2, 3}) do n = n + 1 end return n",
    "return {pcall(string.rep)}",
    "return {('abc'):find('b', 1, true), ('a.c'):find('.', 2, true), ('abc'):find('')}",
    "return {('key = value'):match('^(%w+)%s*=%s*(%w+)$')}",
    "return {('hello world'):gsub('o', {o = '0'}), ('abc'):gsub('%w', '%0%0', 2), \
     ('abc'):gsub('', '-'), ('abc'):gsub('b', function() return false end)}",
];

/// Calls `f` and shows what it returns.
const SHOWING: &str = "local function show(v) \
       if type(v) ~= 'table' then return type(v) .. ':' .. tostring(v) end \
       local t = {} for i = 1, #v do t[i] = show(v[i]) end return '{' .. table.concat(t, ',') .. '}' \
     end \
     local function shown(...) local t = {} \
       for i = 1, select('#', ...) do t[i] = show((select(i, ...))) end return t end ";

/// Pieces of patterns and of the texts that they are matched with.
const PATTERN: [&str; 30] = [
    "a", "b", "x", ".", "%a", "%d", "%s", "%S", "%w", "%p", "%z", "[a-c]", "[^b]", "[%d_]", "[]a]",
    "[a-]", "(", ")", "()", "(a)", "(.-)", "*", "+", "-", "?", "%b()", "%f[%w]", "%1", "$", "%.",
];
const TEXT: [&str; 14] = ["a", "b", "ab", "x", "1", "_", " ", "(", ")", ".", "-", "%", "\0", "é"];
const REPLACEMENT: [&str; 8] = ["<%0>", "%1", "%2", "x", "%%", "", "%x", "a"];

struct Pair {
    ours: Client,
    theirs: Client,
}

impl Pair {
    fn new(subject: &Server, reference: &Server, hello: &str) -> Pair {
        let mut pair = Pair { ours: subject.client(), theirs: reference.client() };
        for client in [&mut pair.ours, &mut pair.theirs] {
            assert!(!client.run(hello).is_error());
            client.check("FLUSHALL", ok());
        }
        pair
    }

    /// Runs a command on both servers, to the same bytes.
    fn compare(&mut self, words: &[&str]) -> bool {
        let [(ours, our_bytes), (theirs, their_bytes)] =
            [&mut self.ours, &mut self.theirs].map(|client| {
                client.send(&encode(words));
                client.recv_with_bytes()
            });
        assert!(our_bytes == their_bytes, "{words:?}\n  ours:   {ours:?}\n  theirs: {theirs:?}");
        ours.is_error()
    }
}

#[test]
fn scripts_reply_what_they_reply_on_redis() {
    let reference = Server::reference(&[]);
    each_backend(|server| {
        for hello in ["HELLO 2", "HELLO 3"] {
            let mut pair = Pair::new(server, &reference, hello);
            for script in CORPUS {
                pair.compare(&["EVAL", script, "2", "k", "h", "v", "7"]);
                pair.compare(&["EVAL_RO", script, "2", "k", "h", "v", "7"]);
                pair.compare(&["LRANGE", "kl", "0", "-1"]);
                pair.compare(&["GET", "k"]);
            }
        }
    });
}

/// Chance that `SEED` repeats; says which one it is.
fn seeded() -> Rng {
    let seed = setting("SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("SEED={seed}");
    Rng::with_seed(seed)
}

/// Random texts made of pieces.
fn text(rng: &mut Rng, pieces: &[&str], max: usize) -> String {
    (0..rng.usize(..=max)).map(|_| pieces[rng.usize(..pieces.len())]).collect()
}

#[test]
fn patterns_find_what_those_of_lua_find() {
    let reference = Server::reference(&[]);
    let script = format!(
        "{SHOWING} local s, p, r, n = unpack(ARGV) n = tonumber(n) \
         local found = {{}} \
         local ok, e = pcall(function() for a, b in s:gmatch(p) do found[#found + 1] = tostring(a) .. tostring(b) end end) \
         return {{shown(pcall(string.find, s, p, n)), shown(pcall(string.match, s, p, n)), \
           shown(pcall(string.gsub, s, p, r)), shown(pcall(string.gsub, s, p, r, n)), \
           shown(pcall(string.gsub, s, p, function(a) return a .. '!' end)), \
           shown(pcall(string.gsub, s, p, {{a = 1, b = false}})), \
           found, ok and 'fine' or 'failed', shown(pcall(string.find, s, p, n, true))}}"
    );
    each_backend(|server| {
        let mut pair = Pair::new(server, &reference, "HELLO 2");
        let mut rng = seeded();
        for _ in 0..number("SCRIPTS", 2000) {
            let pattern = ["", "^"][rng.usize(..2)].to_owned() + &text(&mut rng, &PATTERN, 6);
            let (subject, by) = (text(&mut rng, &TEXT, 8), text(&mut rng, &REPLACEMENT, 2));
            let start = rng.i32(-4..6).to_string();
            pair.compare(&["EVAL", &script, "0", &subject, &pattern, &by, &start]);
        }
    });
}

/// Values as Lua writes them.
fn value(rng: &mut Rng, depth: usize) -> String {
    match rng.u8(..if depth > 3 { 7 } else { 9 }) {
        0 => "true".into(),
        1 => "false".into(),
        2 => rng.i32(..).to_string(),
        3 => format!("{:e}", f64::from(rng.i32(..)) / 256.0),
        4 => (1i64 << rng.u32(..53)).to_string(),
        5 => format!("'{}'", text(rng, &["a", "é", "\\n", "\\0", "\"", "\\\\", "/", "\\127"], 4)),
        6 => "'x'".into(),
        7 => {
            let items: Vec<_> = (0..rng.usize(..4)).map(|_| value(rng, depth + 1)).collect();
            format!("{{{}}}", items.join(", "))
        }
        _ => format!("{{a = {}}}", value(rng, depth + 1)),
    }
}

#[test]
fn the_libraries_say_what_those_of_redis_say() {
    let reference = Server::reference(&[]);
    each_backend(|server| {
        let mut pair = Pair::new(server, &reference, "HELLO 2");
        let mut rng = seeded();
        let mut failed = 0;
        for _ in 0..number("SCRIPTS", 2000) {
            let (a, b) = (value(&mut rng, 0), rng.i32(-40..40));
            let formats =
                ["b", "B", "h", "H", "i4", "I8", "l", "f", "d", "s", "Bc0", "x", "<", ">", "!4"];
            let format = text(&mut rng, &formats, 4);
            let operation =
                ["band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "tohex"];
            let operation = operation[rng.usize(..operation.len())];
            let script = format!(
                "{SHOWING} local v = {a} \
                 return {{shown(pcall(cjson.encode, v)), shown(pcall(cmsgpack.pack, v)), \
                   shown(pcall(function() return cjson.decode(cjson.encode(v)) end)), \
                   shown(pcall(function() return cmsgpack.unpack(cmsgpack.pack(v, v)) end)), \
                   shown(pcall(function() return bit.{operation}({b} * 1e8, {b}) end)), \
                   shown(pcall(function() return struct.pack('{format}', {b}, {b}, {b}, {b}, {b}, {b}, {b}, {b}, {b}, {b}) end)), \
                   shown(pcall(function() return struct.unpack('{format}', 'abcdefghijklmnopqrstuvwxyz\\0') end)), \
                   shown(pcall(function() return struct.size('{format}') end))}}"
            );
            failed += usize::from(pair.compare(&["EVAL", &script, "0"]));
        }
        assert_eq!(failed, 0, "scripts that fail test nothing");
    });
}
