//! The Lua interpreter: its environment, and what scripts find there that is not a command.
//!
//! It is Lua 5.1.5 as the crate `lua-src` 551.0.2 builds it. Of the known holes in that source,
//! - CVE-2025-49844 (the parser does not anchor a chunk's name) is closed by keeping every name alive
//!   while its chunk is compiled: equal strings are one object;
//! - CVE-2025-46817 (`unpack` adds up its count in an int) by checking the range before;
//! - CVE-2025-46819 (the lexer counts `=` signs in an int) by the memory limit, far below 2 GiB;
//! - CVE-2015-4335 (forged bytecode) by taking text only, and by having no `string.dump`;
//! - CVE-2024-46981 (finalizers during teardown) by having no `newproxy`, so no finalizers;
//! - CVE-2025-46818 (changed metatables of basic types) by hiding them, see `prelude.lua`.
//!
//! Invariant: what a script leaves behind is bounded by [`BYTES_MAX`], and reachable by no other.

use super::library::{self, JsonSettings};
use super::raise::{self, Kind, Raised};
use crate::base::clock::{Clock, Stamp, stamp};
use crate::base::num::format_g;
use crate::resp::Protocol;
use mlua::chunk::ChunkMode;
use mlua::{
    Error, Function, HookTriggers, Lua, LuaOptions, LuaString, Result, StdLib, Table, Value,
    VmState,
};
use std::cell::Cell;
use std::rc::Rc;

/// All that scripts, their values and the compiled scripts may take together.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes beyond twice of what was in use after the last collection that a run may leave to the next.
const GARBAGE_BYTES_MAX: usize = 2 << 20;
/// The name of what a client sent, as errors show it.
pub const CHUNK_NAME: &str = "@user_script";
/// How a run ends that takes too long.
const KILLED: &str = "ERR Script killed by user with SCRIPT KILL...";
/// Instructions between two looks at the clock.
const INSTRUCTIONS: u32 = 100_000;
const PRELUDE: &str = include_str!("prelude.lua");
const PRELUDE_NAME: &str = "=prelude";
/// Frames of the stack that are looked at for the line of an error.
const FRAMES_MAX: usize = 16;

/// An interpreter with its environment.
pub struct Engine {
    pub lua: Lua,
    clock: Clock,
    /// What scripts see as `_G`.
    environment: Table,
    /// What is behind it.
    pub globals: Table,
    /// What is behind `redis`.
    pub redis: Table,
    /// The compiled scripts, by number.
    functions: Table,
    /// Runs a function and says whether it succeeded, and its result or its error.
    pub run: Function,
    pub shared: Rc<Shared>,
    /// Bytes in use after the last full collection.
    used_after_tidying: Cell<usize>,
    /// Keeps the name of all scripts alive.
    _name: LuaString,
}

/// What a run tells functions that outlive it.
#[derive(Default)]
pub struct Shared {
    /// The form in which replies to commands are converted: `redis.setresp`.
    pub protocol: Cell<Protocol>,
    /// The settings of `cjson`.
    pub json: Rc<Cell<JsonSettings>>,
    /// The run has called a command that writes.
    pub has_written: Cell<bool>,
    /// Effects are logged: `redis.set_repl`.
    pub logs: Cell<bool>,
    /// How long a run may take that has not written.
    patience: Cell<Option<Patience>>,
    /// A run took longer than that.
    was_ended: Cell<bool>,
}

/// How long something may take.
#[derive(Clone, Copy)]
pub struct Patience {
    pub start: Stamp,
    pub nanos: u64,
}

impl Engine {
    /// # Errors
    /// There is not enough memory.
    pub fn new(clock: &Clock) -> Result<Engine> {
        let libs = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libs, LuaOptions::default())?;
        lua.set_memory_limit(BYTES_MAX)?;
        let shared = Rc::new(Shared::default());
        let host = lua.create_table()?;
        library::fill(&lua, &host, &shared)?;
        host.set("unwrap", lua.create_function(|lua, reason: Value| opened(lua, reason))?)?;
        host.set("trace", lua.create_function(trace)?)?;
        // The prelude has no functions to compile with before its environment exists.
        let compile = lua.create_function(|lua, (text, name): (LuaString, LuaString)| {
            Ok(match compile(lua, &text.as_bytes(), &name, &lua.globals()) {
                Ok(function) => (Some(function), None),
                Err(Error::SyntaxError { message, .. }) => (None, Some(message)),
                Err(error) => return Err(error),
            })
        })?;
        host.set("compile", compile)?;
        let name = lua.create_string(PRELUDE_NAME)?;
        let prelude = compile_named(&lua, PRELUDE.as_bytes(), &name, &lua.globals())?;
        let (environment, globals, redis, run) =
            prelude.call::<(Table, Table, Table, Function)>(host)?;
        lua.set_globals(environment.clone())?;
        let functions = lua.create_table()?;
        let name = lua.create_string(CHUNK_NAME)?;
        let clock = clock.clone();
        let engine = Engine {
            lua,
            clock,
            environment,
            globals,
            redis,
            functions,
            run,
            shared,
            used_after_tidying: Cell::new(0),
            _name: name,
        };
        engine.watch()?;
        Ok(engine)
    }

    /// Has every so many instructions looked whether the run takes too long.
    fn watch(&self) -> Result<()> {
        let (shared, clock) = (self.shared.clone(), self.clock.clone());
        let sometimes = HookTriggers::new().every_nth_instruction(INSTRUCTIONS);
        self.lua.set_global_hook(sometimes, move |lua, _| watch(lua, &shared, &clock))
    }

    /// Takes back what an earlier run may have left, for one of a certain patience.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn begin(&self, patience: Option<Patience>) -> Result<()> {
        self.shared.protocol.set(Protocol::Resp2);
        self.shared.json.take();
        self.shared.has_written.set(false);
        self.shared.logs.set(true);
        self.shared.patience.set(patience);
        if self.shared.was_ended.take() {
            self.watch()?;
        }
        Ok(())
    }

    /// Gives back what a run has left behind, if that is much: it counts as memory in use.
    pub fn tidy(&self) {
        let after_last = self.used_after_tidying.get();
        if self.lua.used_memory() > 2 * after_last + GARBAGE_BYTES_MAX {
            // Fails only where a finalizer does, and scripts have none.
            let _ = self.lua.gc_collect();
            self.used_after_tidying.set(self.lua.used_memory());
        }
    }

    /// Compiles a script as number `slot`.
    ///
    /// # Errors
    /// It is not valid, or there is not enough memory.
    pub fn compile(&self, text: &[u8], slot: usize) -> Result<()> {
        let function = compile_named(&self.lua, text, &self._name, &self.environment)?;
        self.functions.raw_set(slot, function)
    }

    /// Compiled script number `slot`, with the environment that an earlier run may have taken from it.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn function(&self, slot: usize) -> Result<Function> {
        let function: Function = self.functions.raw_get(slot)?;
        function.set_environment(self.environment.clone())?;
        Ok(function)
    }

    /// Forgets a script.
    pub fn forget(&self, slot: usize) {
        // Setting what exists allocates nothing.
        let _ = self.functions.raw_set(slot, Value::Nil);
    }
}

fn compile(lua: &Lua, text: &[u8], name: &LuaString, environment: &Table) -> Result<Function> {
    // What the parser makes of the name must be this very string: up to the first NUL.
    let bytes = name.as_bytes();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let plain = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let name = lua.create_string(plain)?;
    compile_named(lua, text, &name, environment)
}

/// Compiles text whose name has neither NULs nor invalid UTF-8, and stays alive.
fn compile_named(
    lua: &Lua,
    text: &[u8],
    name: &LuaString,
    environment: &Table,
) -> Result<Function> {
    let chunk = lua.load(text).set_name(name.to_str()?.to_owned());
    chunk.set_mode(ChunkMode::Text).set_environment(environment.clone()).into_function()
}

/// Ends a run that takes too long: nobody else is served meanwhile. One that has begun to write goes
/// on to its end.
fn watch(lua: &Lua, shared: &Shared, clock: &Clock) -> Result<VmState> {
    let Some(patience) = shared.patience.get().filter(|_| !shared.has_written.get()) else {
        return Ok(VmState::Continue);
    };
    if clock.elapsed_ns(patience.start, stamp()) < patience.nanos {
        return Ok(VmState::Continue);
    }
    shared.was_ended.set(true);
    // At every line from now on, so that no `pcall` can go on.
    let own = HookTriggers::new().every_line();
    lua.set_global_hook(own, |_, _| Err(raise::error(KILLED, false)))?;
    Err(raise::error(KILLED, false))
}

/// The error table that a script sees in the place of an error of the server.
fn opened(lua: &Lua, reason: Value) -> Result<Value> {
    let Value::Error(error) = &reason else { return Ok(reason) };
    let raised = Raised::of(error);
    let text = lua.create_string(&raised.text)?;
    let Kind::Reply { counted } = raised.kind else { return Ok(Value::String(text)) };
    let table = lua.create_table()?;
    table.raw_set("err", text)?;
    if counted {
        table.raw_set("ignore_error_stats_update", true)?;
    }
    Ok(Value::Table(table))
}

/// Makes an error that ends a script a table with its text and the line where it happened.
fn trace(lua: &Lua, reason: Value) -> Result<Table> {
    let reason = opened(lua, reason)?;
    let table = lua.create_table()?;
    match &reason {
        Value::Table(reason) => {
            // A table of a script's own may have a metatable that fails.
            table.raw_set("err", reason.get::<Value>("err").unwrap_or_default())?;
            let counted = reason.raw_get::<Value>("ignore_error_stats_update")?;
            table.raw_set("ignore_error_stats_update", counted)?;
        }
        other => table.raw_set("err", lua.create_string([b"ERR ", &*shown(other)].concat())?)?,
    }
    for level in 1..FRAMES_MAX {
        let frame = lua.inspect_stack(level, |frame| {
            let source = frame.source();
            let of_script = !matches!(source.what, "C" | "tail")
                && source.source.as_deref() != Some(PRELUDE_NAME);
            let place = (source.source.map(|source| source.into_owned()), frame.current_line());
            of_script.then_some(place)
        });
        match frame {
            None => break,
            Some(None) => {}
            Some(Some((source, line))) => {
                table.raw_set("source", source)?;
                table.raw_set("line", line)?;
                break;
            }
        }
    }
    Ok(table)
}

/// A value as `tostring` shows it, without looking at metatables.
fn shown(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Nil => b"nil".to_vec(),
        Value::Boolean(value) => value.to_string().into_bytes(),
        Value::Integer(number) => number.to_string().into_bytes(),
        Value::Number(number) => format_g(*number, 14).into_bytes(),
        other => other.type_name().as_bytes().to_vec(),
    }
}
