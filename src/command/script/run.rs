//! A run of a script: its commands pass the gates that Redis has for them, and their effects are one
//! unit.
//!
//! Invariant: the client in execution is left as it was found, whatever the script did.

use super::busy::{Busy, Origin};
use super::convert::{Decoder, Encoder};
use super::engine::{Engine, Patience, Shared};
use super::library::CHECK_MARK;
use super::raise::{self, Raised};
use super::shebang::Declared;
use crate::base::clock::{Stamp, stamp};
use crate::base::num::format_f64;
use crate::command::acl;
use crate::command::call::call;
use crate::command::spec::Flags;
use crate::command::{Args, Ctx};
use crate::resp::errors::{self, Outcome, Reject};
use crate::resp::{Output, Protocol, Reply, Span};
use crate::session::{ClientFlags, CommandId};
use mlua::{Lua, MultiValue, Result, Table, Value};
use std::mem::take;

/// Bytes of one call's arguments: offsets have 32 bits.
const CALL_BYTES_MAX: usize = 1 << 30;
/// Capacity of buffers that is kept from one call to the next.
const KEPT_BYTES: usize = 64 * 1024;

/// What a script may do.
#[derive(Clone, Copy)]
pub struct Rights {
    /// Nothing that writes.
    read_only: bool,
    /// Nothing that adds data, before it has begun to write: there is too much.
    out_of_memory: bool,
}

/// What a script may do that said this about itself; `read_only` if the command that runs it asks for
/// that.
///
/// # Errors
/// It may not run now, as it would do more.
pub fn rights(
    ctx: &mut Ctx<'_>,
    declared: Option<Declared>,
    read_only: bool,
) -> std::result::Result<Rights, Reject> {
    let reply_bytes = ctx.reply.out.capacity();
    let out_of_memory = ctx.state.is_out_of_memory(reply_bytes);
    let Some(declared) = declared else {
        return Ok(Rights { read_only, out_of_memory });
    };
    let no_writes = declared.has(Declared::NO_WRITES);
    let allow_oom = declared.has(Declared::ALLOW_OOM);
    if !no_writes {
        if let Some(reject) = &ctx.state.writes_refused {
            return Err(reject.clone());
        }
        if read_only {
            return Err(errors::READ_ONLY_SCRIPT.into());
        }
    }
    if out_of_memory && !no_writes && !allow_oom {
        return Err(match ctx.client().has(ClientFlags::EXECUTING) {
            true => errors::SCRIPT_OUT_OF_MEMORY,
            false => errors::OUT_OF_MEMORY,
        }
        .into());
    }
    Ok(Rights { read_only: read_only || no_writes, out_of_memory: false })
}

/// What is run.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub origin: Origin,
    /// Its number in the interpreter.
    pub slot: usize,
    /// What errors call it.
    pub name: &'a str,
    /// How many of the arguments are keys.
    pub keys: usize,
    pub rights: Rights,
}

/// A script in execution.
pub struct Run<'c, 'a> {
    ctx: &'c mut Ctx<'a>,
    subject: Subject<'c>,
    start: Stamp,
    /// The arguments of a call.
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// Its reply as it is written, and in one piece.
    out: Output,
    reply: Vec<u8>,
}

/// Runs a script and writes its reply.
///
/// # Errors
/// The error that ended it, unless it was counted already.
pub fn run(ctx: &mut Ctx<'_>, engine: &Engine, subject: Subject<'_>) -> Outcome {
    let client = ctx.client();
    let (flags, db, command) = (client.flags, client.db, client.last_command);
    client.flags.insert(ClientFlags::EXECUTING.or(ClientFlags::SCRIPT));
    let (start, args) = (ctx.state.stamp, ctx.args);
    let patience_ms = ctx.state.config.busy_reply_threshold;
    let patience = (patience_ms > 0)
        .then_some(Patience { start, nanos: patience_ms.saturating_mul(1_000_000) });
    let mut run = Run {
        ctx: &mut *ctx,
        subject,
        start,
        bytes: Vec::new(),
        spans: Vec::new(),
        out: Output::default(),
        reply: Vec::new(),
    };
    let ended = engine
        .begin(patience)
        .and_then(|()| engine.shared.slot.lend(&mut run, || execute(engine, &subject, args)));
    run.others_wait_again();
    let client = ctx.client();
    client.flags.set(ClientFlags::EXECUTING, flags.has(ClientFlags::EXECUTING));
    client.flags.remove(ClientFlags::SCRIPT);
    (client.db, client.last_command) = (db, command);
    ctx.told_by_parts();
    let reply_at = ctx.reply.out.len();
    let failed = match ended {
        Ok((true, value)) => {
            let protocol = engine.shared.protocol.get();
            Encoder::new(&mut ctx.reply, protocol)
                .value(&value)
                .map_err(|error| Raised::of(&error).into_reply())
        }
        Ok((false, reason)) => Err(raise::explained(&reason, subject.name)),
        Err(error) => Err(Raised::of(&error).into_reply()),
    };
    engine.tidy();
    let Err((text, counted)) = failed else { return Ok(()) };
    ctx.reply.out.truncate(reply_at);
    if !counted {
        return Err(text.into());
    }
    ctx.reply.error(text);
    Ok(())
}

/// Has the script executed; whether it succeeded, and its result or its error.
fn execute(engine: &Engine, subject: &Subject<'_>, args: Args<'_>) -> Result<(bool, Value)> {
    const FIRST_KEY: usize = 3;
    let script = engine.function(subject.slot)?;
    let sequence = |args: Args<'_>, len: usize| {
        let table = engine.lua.create_table_with_capacity(len, 0)?;
        for (index, arg) in args.from(0).take(len).enumerate() {
            table.raw_set(index + 1, engine.lua.create_string(arg)?)?;
        }
        Ok::<Table, mlua::Error>(table)
    };
    let keys = sequence(args.after(FIRST_KEY), subject.keys)?;
    let others = args.after(FIRST_KEY + subject.keys);
    let others = sequence(others, others.len())?;
    if subject.origin == Origin::Function {
        return engine.run_with.call::<(bool, Value)>((script, keys, others));
    }
    engine.globals.raw_set("KEYS", keys)?;
    engine.globals.raw_set("ARGV", others)?;
    let ended = engine.run.call::<(bool, Value)>(script);
    // The next script finds its own.
    engine.globals.raw_set("KEYS", Value::Nil)?;
    engine.globals.raw_set("ARGV", Value::Nil)?;
    ended
}

/// redis.call and redis.pcall, which raises nothing.
pub fn call_from(lua: &Lua, shared: &Shared, args: &MultiValue, raises: bool) -> Result<Value> {
    let ended = shared.slot.with(|run| run.call(lua, shared, args, raises));
    ended.unwrap_or_else(|| {
        let text = "ERR redis.call/pcall can only be called inside a script invocation";
        Err(raise::error(text, false))
    })
}

impl Run<'_, '_> {
    /// Serves others, as the run has taken long; whether it has to end.
    pub fn let_others_in(&mut self, has_written: bool) -> bool {
        let ctx = &mut *self.ctx;
        let Some(meanwhile) = ctx.meanwhile.as_deref_mut() else { return false };
        let Subject { origin, name, .. } = self.subject;
        let busy = ctx.state.scripts.busy.get_or_insert_with(|| {
            let elapsed_ms = ctx.state.clock.elapsed_ns(self.start, stamp()) / 1_000_000;
            log::warn!(
                "Slow script detected: still in execution after {elapsed_ms} milliseconds. You can \
                 try killing the script using the {} command. Script name is: {name}.",
                origin.kill_command()
            );
            Busy {
                client: ctx.id,
                origin,
                name: name.into(),
                args: ctx.args.to_owned(),
                start: self.start,
                has_written: false,
                is_ended: false,
            }
        });
        busy.has_written = has_written;
        meanwhile.serve(ctx.state);
        let touch = !ctx.client().has(ClientFlags::NO_TOUCH);
        ctx.state.keyspace.set_touch(touch);
        ctx.state.scripts.busy().is_some_and(|busy| busy.is_ended)
    }

    /// Ends what [`Run::let_others_in`] began.
    fn others_wait_again(&mut self) {
        let ctx = &mut *self.ctx;
        if ctx.state.scripts.busy.take().is_some()
            && let Some(meanwhile) = ctx.meanwhile.as_deref_mut()
        {
            meanwhile.end(ctx.state);
        }
    }

    /// redis.call and redis.pcall
    fn call(
        &mut self,
        lua: &Lua,
        shared: &Shared,
        args: &MultiValue,
        raises: bool,
    ) -> Result<Value> {
        shared.goes_on()?;
        if args.front().is_some_and(|first| *first == Value::LightUserData(CHECK_MARK)) {
            return self.check_command(args);
        }
        let value = match self.take_args(args.iter()).and_then(|()| self.execute(shared)) {
            Ok(()) if raises && self.reply.starts_with(b"-") => {
                let line = self.reply.strip_suffix(b"\r\n").unwrap_or(&self.reply);
                return Err(raise::error(raise::coded(line), true));
            }
            Ok(()) => Decoder { lua, bytes: &self.reply }.value()?,
            Err(error) if raises => return Err(error),
            Err(error) => {
                let (text, counted) = Raised::of(&error).into_reply();
                let table = lua.create_table()?;
                table.raw_set("err", lua.create_string(text)?)?;
                table.raw_set("ignore_error_stats_update", counted)?;
                Value::Table(table)
            }
        };
        if self.bytes.capacity() + self.reply.capacity() > KEPT_BYTES {
            (self.bytes, self.reply, self.out) = Default::default();
        }
        Ok(value)
    }

    /// redis.acl_check_cmd, whose arguments follow a mark.
    fn check_command(&mut self, args: &MultiValue) -> Result<Value> {
        self.take_args(args.iter().skip(1))?;
        let args = Args::new(&self.bytes, &self.spans);
        let (mut out, state, id) = (Output::default(), &mut *self.ctx.state, self.ctx.id);
        let command = state.table.resolve(args.at(0), args.get(1));
        let text = "ERR Invalid command passed to redis.acl_check_cmd()";
        let command = command.ok_or_else(|| raise::error(text, false))?;
        let reply = Reply { out: &mut out, protocol: Protocol::Resp2 };
        let mut inner = Ctx { args, reply, state, id, db: self.ctx.db, meanwhile: None };
        Ok(Value::Boolean(acl::may_call(&mut inner, command)))
    }

    /// Takes the arguments of a call over.
    fn take_args<'v>(&mut self, args: impl ExactSizeIterator<Item = &'v Value>) -> Result<()> {
        self.bytes.clear();
        self.spans.clear();
        if args.len() == 0 {
            let text = "ERR Please specify at least one argument for this redis lib call";
            return Err(raise::error(text, false));
        }
        for arg in args {
            let start = self.bytes.len();
            match arg {
                Value::String(text) => self.bytes.extend_from_slice(&text.as_bytes()),
                Value::Integer(number) => {
                    self.bytes.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
                }
                Value::Number(number) => {
                    self.bytes.extend_from_slice(format_f64(*number).as_bytes());
                }
                _ => {
                    let text = "ERR Lua redis lib command arguments must be strings or integers";
                    return Err(raise::error(text, false));
                }
            }
            if self.bytes.len() > CALL_BYTES_MAX {
                return Err(raise::error("ERR the arguments of the call are too large", false));
            }
            let len = self.bytes.len() - start;
            self.spans.push(Span { start: start as u32, len: len as u32 });
        }
        Ok(())
    }

    /// Executes the call whose arguments were taken over, if the gates let it; its reply is left.
    fn execute(&mut self, shared: &Shared) -> Result<()> {
        let args = Args::new(&self.bytes, &self.spans);
        let (mut out, protocol) = (take(&mut self.out), shared.protocol.get());
        out.clear();
        let state = &mut *self.ctx.state;
        let id = state.table.resolve(args.at(0), args.get(1));
        let db = state.clients.get(self.ctx.id).map_or(self.ctx.db, |client| client.db as usize);
        let reply = Reply { out: &mut out, protocol };
        let mut inner = Ctx { args, reply, state, id: self.ctx.id, db, meanwhile: None };
        let passed = gates(&mut inner, id, self.subject.rights, shared.has_written.get());
        let outcome = passed.map(|id| {
            let flags = inner.state.table.command(id).flags;
            shared.has_written.set(shared.has_written.get() || flags.has(Flags::WRITE));
            inner.client().last_command = Some(id);
            match shared.logs.get() {
                true => call(&mut inner, id),
                false => inner.unlogged(|inner| call(inner, id)),
            }
        });
        let counted = outcome.map_err(|text| {
            inner.state.stats.count_error(&text);
            if let Some(id) = id {
                inner.state.stats.commands[id.0 as usize].rejected += 1;
            }
            raise::error(text, true)
        });
        self.reply.clear();
        out.blocks().for_each(|block| self.reply.extend_from_slice(block));
        self.out = out;
        counted
    }
}

/// Asks the gates before a command of a script, in Redis's order.
fn gates(
    ctx: &mut Ctx<'_>,
    id: Option<CommandId>,
    rights: Rights,
    has_written: bool,
) -> std::result::Result<CommandId, Vec<u8>> {
    let refuse = |text: &str| Err(text.as_bytes().to_vec());
    let Some(id) = id else { return refuse("ERR Unknown Redis command called from script") };
    let command = ctx.state.table.command(id);
    let flags = command.flags;
    if command.handler.is_none() || !command.accepts(ctx.args.len()) {
        return refuse("ERR Wrong number of args calling Redis command from script");
    }
    if flags.has(Flags::NOSCRIPT) {
        return refuse("ERR This Redis command is not allowed from script");
    }
    acl::gate(ctx, id).map_err(|reject| {
        let reason = reject.text().strip_prefix(b"NOPERM ").unwrap_or(reject.text());
        [b"ERR ACL failure in script: ", reason].concat()
    })?;
    if rights.read_only && flags.intersects(Flags::WRITE.or(Flags::MAY_REPLICATE)) {
        return refuse("ERR Write commands are not allowed from read-only scripts.");
    }
    // A script that has begun to write is not stopped in the middle.
    if has_written {
        return Ok(id);
    }
    if let Some(reject) = ctx.state.writes_refused.as_ref().filter(|_| flags.has(Flags::WRITE)) {
        return Err(reject.text().to_vec());
    }
    if rights.out_of_memory && flags.has(Flags::DENYOOM) {
        return refuse(errors::OUT_OF_MEMORY);
    }
    Ok(id)
}
