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

use super::busy::Origin;
use super::functions::Registered;
use super::library::{self, JsonSettings};
use super::raise::{self, FRAMES_MAX, Kind, PRELUDE_NAME, Raised};
use super::slot::Slot;
use crate::base::clock::{Clock, Stamp, stamp};
use crate::base::num::format_g;
use crate::resp::Protocol;
use mlua::chunk::ChunkMode;
use mlua::{
    Error, Function, HookTriggers, Lua, LuaOptions, LuaString, Result, StdLib, Table, Value,
    VmState,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// All that scripts, their values and the compiled scripts may take together.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes beyond twice of what was in use after the last collection that a run may leave to the next.
const GARBAGE_BYTES_MAX: usize = 2 << 20;
/// How a run ends that takes too long.
const KILLED: &str = "ERR Script killed by user with SCRIPT KILL...";
/// How the load of a library ends that takes too long.
const LOAD_TIMEOUT: &str = "ERR FUNCTION LOAD timeout";
/// Instructions between two looks at the clock.
const INSTRUCTIONS: u32 = 10_000;
const PRELUDE: &str = include_str!("prelude.lua");

/// An interpreter with its environment.
pub struct Engine {
    pub lua: Lua,
    /// What scripts see as `_G`.
    environment: Table,
    /// What is behind it.
    pub globals: Table,
    /// The functions that are kept, by number.
    functions: Table,
    slots: RefCell<Slots>,
    /// Runs a script and says whether it succeeded, and its result or its error.
    pub run: Function,
    /// The same for a function of a library, which gets keys and arguments.
    pub run_with: Function,
    /// Chooses between what libraries see while they are loaded and what functions see.
    stage: Function,
    pub shared: Rc<Shared>,
    /// Bytes in use after the last full collection.
    used_after_tidying: Cell<usize>,
    /// The name that all scripts have in errors. It lives as long as they do.
    name: LuaString,
}

/// What a run tells functions that outlive it.
pub struct Shared {
    clock: Clock,
    /// The form in which replies to commands are converted: `redis.setresp`.
    pub protocol: Cell<Protocol>,
    /// The settings of `cjson`.
    pub json: Rc<Cell<JsonSettings>>,
    /// The run has called a command that writes.
    pub has_written: Cell<bool>,
    /// Effects are logged: `redis.set_repl`.
    pub logs: Cell<bool>,
    /// The run in progress.
    pub slot: Slot,
    /// What the library that is being loaded has registered.
    pub registering: RefCell<Option<Vec<Registered>>>,
    /// How long a run may take before others are served, or a load before it fails.
    patience: Cell<Option<Patience>>,
    /// The run has to end, with this error.
    ended: Cell<Option<&'static str>>,
}

/// The numbers of functions.
#[derive(Default)]
struct Slots {
    /// Those that were taken and are not any more.
    free: Vec<usize>,
    /// The highest one that was ever taken.
    last: usize,
}

impl Shared {
    fn new(clock: Clock) -> Shared {
        Shared {
            clock,
            protocol: Cell::default(),
            json: Rc::default(),
            has_written: Cell::new(false),
            logs: Cell::new(true),
            slot: Slot::default(),
            registering: RefCell::default(),
            patience: Cell::new(None),
            ended: Cell::new(None),
        }
    }

    /// Looks at the clock for a function that may take long, and does what the hook does.
    ///
    /// # Errors
    /// The run has to end.
    pub fn look(self: &Rc<Self>, lua: &Lua) -> Result<()> {
        watch(lua, self).map(|_| ())
    }

    /// Fails if the run in progress has to end.
    ///
    /// # Errors
    /// The one that it ends with.
    pub fn goes_on(&self) -> Result<()> {
        self.ended.get().map_or(Ok(()), |text| Err(raise::error(text, false)))
    }
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
    pub fn new(clock: &Clock, origin: Origin) -> Result<Engine> {
        let libs = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libs, LuaOptions::default())?;
        lua.set_memory_limit(BYTES_MAX)?;
        let shared = Rc::new(Shared::new(clock.clone()));
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
        let (environment, globals, run, run_with, stage) =
            prelude.call::<(Table, Table, Function, Function, Function)>(host)?;
        lua.set_globals(environment.clone())?;
        let functions = lua.create_table()?;
        let name = lua.create_string(origin.chunk_name())?;
        let engine = Engine {
            lua,
            environment,
            globals,
            functions,
            slots: RefCell::default(),
            run,
            run_with,
            stage,
            shared,
            used_after_tidying: Cell::new(0),
            name,
        };
        engine.watch()?;
        Ok(engine)
    }

    /// Has every so many instructions looked whether the run takes too long.
    fn watch(&self) -> Result<()> {
        let shared = self.shared.clone();
        let sometimes = HookTriggers::new().every_nth_instruction(INSTRUCTIONS);
        self.lua.set_global_hook(sometimes, move |lua, _| watch(lua, &shared))
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
        if self.shared.ended.take().is_some() {
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

    /// Compiles a script; its number.
    ///
    /// # Errors
    /// It is not valid, or there is not enough memory.
    pub fn compile(&self, text: &[u8]) -> Result<usize> {
        self.keep(compile_named(&self.lua, text, &self.name, &self.environment)?)
    }

    /// Keeps a function; its number.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn keep(&self, function: Function) -> Result<usize> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.free.last().copied().unwrap_or(slots.last + 1);
        self.functions.raw_set(slot, function)?;
        if slots.free.pop().is_none() {
            slots.last = slot;
        }
        Ok(slot)
    }

    /// Forgets a function.
    pub fn forget(&self, slot: usize) {
        // Setting what exists allocates nothing.
        let _ = self.functions.raw_set(slot, Value::Nil);
        self.slots.borrow_mut().free.push(slot);
    }

    /// Runs the code of a library, within `limit`; the functions that it registers.
    ///
    /// # Errors
    /// It is not valid or fails, or there is not enough memory.
    pub fn load(&self, code: &[u8], limit: Option<Patience>) -> Result<Vec<Registered>> {
        self.begin(limit)?;
        self.shared.registering.replace(Some(Vec::new()));
        self.stage.call::<()>(true)?;
        let loaded = compile_named(&self.lua, code, &self.name, &self.environment)
            .and_then(|code| self.run.call::<(bool, Value)>(code));
        self.stage.call::<()>(false)?;
        let registered = self.shared.registering.take().unwrap_or_default();
        match loaded? {
            (true, _) => Ok(registered),
            (false, reason) => Err(raise::error(raise::traced(&reason).0, false)),
        }
    }

    /// The function of a number, with the environment that an earlier run may have taken from it.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn function(&self, slot: usize) -> Result<Function> {
        let function: Function = self.functions.raw_get(slot)?;
        function.set_environment(self.environment.clone())?;
        Ok(function)
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

/// Has others served once the run takes long, and ends it if one of them says so; or ends a load.
fn watch(lua: &Lua, shared: &Rc<Shared>) -> Result<VmState> {
    if shared.ended.get().is_none() {
        let Some(patience) = shared.patience.get() else { return Ok(VmState::Continue) };
        if shared.clock.elapsed_ns(patience.start, stamp()) < patience.nanos {
            return Ok(VmState::Continue);
        }
        let has_written = shared.has_written.get();
        let is_load = shared.registering.borrow().is_some();
        if !is_load && shared.slot.with(|run| run.let_others_in(has_written)) != Some(true) {
            return Ok(VmState::Continue);
        }
        shared.ended.set(Some(if is_load { LOAD_TIMEOUT } else { KILLED }));
    }
    // At every line from now on, in whatever coroutine, so that no `pcall` can go on.
    let own = shared.clone();
    let always = HookTriggers::new().every_line();
    lua.set_global_hook(always, move |lua, _| watch(lua, &own))?;
    shared.goes_on().map(|()| VmState::Continue)
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
