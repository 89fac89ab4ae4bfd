//! The functions of `redis` that need no run in progress, and those of Lua's library that Redis
//! replaces; below them, the libraries that Redis adds.

mod bit;
mod json;
mod msgpack;
mod pattern;
mod structure;

pub use json::Settings as JsonSettings;

use super::engine::Shared;
use super::{functions, raise, run};
use crate::command::acl::hex;
use crate::config::REDIS_VERSION;
use crate::resp::Protocol;
use mlua::{FromLua, LightUserData, Lua, MultiValue, Result, Table, Value};
use sha1::{Digest, Sha1};
use std::cell::Cell;
use std::ptr;
use std::rc::Rc;

/// The levels of `redis.log` by number, with the constants that scripts know them by.
const LEVELS: [(&str, log::Level); 4] = [
    ("LOG_DEBUG", log::Level::Trace),
    ("LOG_VERBOSE", log::Level::Debug),
    ("LOG_NOTICE", log::Level::Info),
    ("LOG_WARNING", log::Level::Warn),
];
/// Where effects can go, by the constants that `redis.set_repl` takes.
const REPL: [(&str, u8); 5] = [
    ("REPL_NONE", 0),
    ("REPL_AOF", REPL_AOF),
    ("REPL_SLAVE", REPL_REPLICA),
    ("REPL_REPLICA", REPL_REPLICA),
    ("REPL_ALL", REPL_AOF | REPL_REPLICA),
];
const REPL_AOF: u8 = 1;
const REPL_REPLICA: u8 = 2;

/// The first argument by which `redis.call` knows that it is `redis.acl_check_cmd`. No script has it.
pub const CHECK_MARK: LightUserData = LightUserData(ptr::without_provenance_mut(1));

/// Fills the table that the prelude is given.
///
/// # Errors
/// There is not enough memory.
pub fn fill(lua: &Lua, host: &Table, shared: &Rc<Shared>) -> Result<()> {
    let redis = about(lua)?;
    for (name, bits) in REPL {
        redis.raw_set(name, bits)?;
    }
    redis.raw_set("sha1hex", lua.create_function(sha1hex)?)?;
    redis.raw_set("error_reply", lua.create_function(error_reply)?)?;
    redis.raw_set("status_reply", lua.create_function(status_reply)?)?;
    // There is no debugger, and effects are always logged in the place of scripts.
    redis.raw_set("breakpoint", lua.create_function(|_, ()| Ok(false))?)?;
    redis.raw_set("debug", lua.create_function(|_, _: MultiValue| Ok(()))?)?;
    redis.raw_set("replicate_commands", lua.create_function(|_, ()| Ok(true))?)?;
    for (name, raises) in [("call", true), ("pcall", false)] {
        let own = shared.clone();
        let call = move |lua: &Lua, args: MultiValue| run::call_from(lua, &own, &args, raises);
        redis.raw_set(name, lua.create_function(call)?)?;
    }
    let own = shared.clone();
    redis.raw_set("setresp", lua.create_function(move |lua, args| set_resp(lua, &own, args))?)?;
    let own = shared.clone();
    redis.raw_set("set_repl", lua.create_function(move |lua, args| set_repl(lua, &own, args))?)?;
    host.raw_set("redis", redis)?;
    host.raw_set("loading", loading(lua, shared)?)?;
    host.raw_set("check_mark", CHECK_MARK)?;
    let libraries = lua.create_table()?;
    libraries.raw_set("bit", bit::library(lua)?)?;
    libraries.raw_set("cjson", json::library(lua, &shared.json)?)?;
    libraries.raw_set("cmsgpack", msgpack::library(lua)?)?;
    libraries.raw_set("struct", structure::library(lua)?)?;
    host.raw_set("libraries", libraries)?;
    pattern::fill(lua, host, shared)?;
    random(lua, host)
}

/// What scripts and the code of libraries both find in `redis`.
fn about(lua: &Lua) -> Result<Table> {
    let redis = lua.create_table()?;
    redis.raw_set("REDIS_VERSION", REDIS_VERSION)?;
    redis.raw_set("REDIS_VERSION_NUM", version_number())?;
    for (number, (name, _)) in LEVELS.iter().enumerate() {
        redis.raw_set(*name, number)?;
    }
    redis.raw_set("log", lua.create_function(|_, args| write_log(args))?)?;
    Ok(redis)
}

/// What the code of a library finds in `redis` while it is loaded.
fn loading(lua: &Lua, shared: &Rc<Shared>) -> Result<Table> {
    let (redis, own) = (about(lua)?, shared.clone());
    let register = move |lua: &Lua, args| functions::register(lua, &own, args);
    redis.raw_set("register_function", lua.create_function(register)?)?;
    Ok(redis)
}

/// `7.2.6` as `0x00070206`.
fn version_number() -> u32 {
    REDIS_VERSION.split('.').fold(0, |number, part| number << 8 | part.parse().unwrap_or(0))
}

/// redis.log(level, text...)
fn write_log(args: MultiValue) -> Result<()> {
    if args.len() < 2 {
        return Err(raise::error("ERR redis.log() requires two arguments or more.", false));
    }
    let mut args = args.into_iter();
    let level = match args.next() {
        Some(Value::Integer(level)) => level,
        Some(Value::Number(level)) => level as i64,
        _ => {
            let text = "ERR First argument must be a number (log level).";
            return Err(raise::error(text, false));
        }
    };
    let level = usize::try_from(level).ok().and_then(|level| LEVELS.get(level));
    let (_, level) = level.ok_or_else(|| raise::error("ERR Invalid debug level.", false))?;
    let words = args.filter_map(|word| word.to_string().ok());
    log::log!(*level, "{}", words.collect::<Vec<_>>().join(" "));
    Ok(())
}

/// redis.sha1hex(text)
fn sha1hex(lua: &Lua, args: MultiValue) -> Result<String> {
    let [text] = &args.into_vec()[..] else {
        return Err(raise::error("ERR wrong number of arguments", false));
    };
    let text = lua.coerce_string(text.clone())?;
    Ok(hex(&Sha1::digest(text.map_or(Vec::new(), |text| text.as_bytes().to_vec()))))
}

/// redis.error_reply(text)
fn error_reply(lua: &Lua, args: MultiValue) -> Result<Table> {
    let table = lua.create_table()?;
    let text = match &args.into_vec()[..] {
        [Value::String(text)] => {
            let text = text.as_bytes();
            raise::coded(&[b"-", text.strip_prefix(b"-").unwrap_or(&text)].concat())
        }
        _ => b"ERR wrong number or type of arguments".to_vec(),
    };
    table.raw_set("err", lua.create_string(text)?)?;
    Ok(table)
}

/// redis.status_reply(text)
fn status_reply(lua: &Lua, args: MultiValue) -> Result<Table> {
    let table = lua.create_table()?;
    match &args.into_vec()[..] {
        [text @ Value::String(_)] => table.raw_set("ok", text)?,
        _ => table.raw_set("err", "ERR wrong number or type of arguments")?,
    }
    Ok(table)
}

/// redis.setresp(version)
fn set_resp(lua: &Lua, shared: &Shared, args: MultiValue) -> Result<()> {
    let [version] = &args.into_vec()[..] else {
        return Err(raise::error("ERR redis.setresp() requires one argument.", false));
    };
    shared.protocol.set(match f64::from_lua(version.clone(), lua).map(|version| version as i64) {
        Ok(2) => Protocol::Resp2,
        Ok(3) => Protocol::Resp3,
        _ => return Err(raise::error("ERR RESP version must be 2 or 3.", false)),
    });
    Ok(())
}

/// redis.set_repl(where)
fn set_repl(lua: &Lua, shared: &Shared, args: MultiValue) -> Result<()> {
    let [bits] = &args.into_vec()[..] else {
        return Err(raise::error("ERR redis.set_repl() requires one argument.", false));
    };
    let bits = lua.coerce_number(bits.clone())?.unwrap_or(0.0) as i64;
    let known = u8::try_from(bits).ok().filter(|bits| *bits <= REPL_AOF | REPL_REPLICA);
    let text = "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
    let bits = known.ok_or_else(|| raise::error(text, false))?;
    shared.logs.set(bits & REPL_AOF != 0);
    Ok(())
}

/// math.random and math.randomseed: the same numbers everywhere for the same seed.
fn random(lua: &Lua, host: &Table) -> Result<()> {
    let state = Rc::new(Cell::new(Rand48::seeded(0)));
    let seeds = state.clone();
    host.raw_set(
        "randomseed",
        lua.create_function(move |_, seed: f64| {
            seeds.set(Rand48::seeded(seed as i64 as i32));
            Ok(())
        })?,
    )?;
    let next = move |lua: &Lua, args: MultiValue| {
        let (after, number) = state.get().next();
        state.set(after);
        between(number, &args.into_vec()).map_err(|text| raise::plain(lua, &text))
    };
    host.raw_set("random", lua.create_function(next)?)
}

/// A random number from 0 to below 1, or an integer within the bounds that are given.
fn between(number: f64, bounds: &[Value]) -> std::result::Result<f64, String> {
    let number_of = |index: usize| match bounds[index] {
        Value::Integer(bound) => Ok(bound as f64),
        Value::Number(bound) => Ok(bound.trunc()),
        _ => Err(format!("bad argument #{} to 'random' (number expected)", index + 1)),
    };
    let (low, high) = match bounds.len() {
        0 => return Ok(number),
        1 => (1.0, number_of(0)?),
        2 => (number_of(0)?, number_of(1)?),
        _ => return Err("wrong number of arguments".to_owned()),
    };
    if low > high {
        return Err(format!("bad argument #{} to 'random' (interval is empty)", bounds.len()));
    }
    Ok((number * (high - low + 1.0)).floor() + low)
}

/// The generator of POSIX's `lrand48`, which Redis has for scripts.
#[derive(Clone, Copy)]
struct Rand48(u64);

impl Rand48 {
    const MASK: u64 = (1 << 48) - 1;
    const SEED_LOW: u64 = 0x330e;
    const MAX: u64 = i32::MAX as u64;

    fn seeded(seed: i32) -> Rand48 {
        Rand48(u64::from(seed.cast_unsigned()) << 16 | Rand48::SEED_LOW)
    }

    /// The generator after its next number, and that number from 0 to below 1.
    fn next(self) -> (Rand48, f64) {
        let state = self.0.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & Rand48::MASK;
        (Rand48(state), ((state >> 17) % Rand48::MAX) as f64 / Rand48::MAX as f64)
    }
}
