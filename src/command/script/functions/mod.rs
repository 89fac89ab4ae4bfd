//! Functions: FUNCTION, and FCALL that calls them.
//!
//! A library is a text that registers functions when it is loaded. Libraries are data: they are in
//! snapshots and in the append log, and only FUNCTION deletes them.
//!
//! Invariant: what one function does outlives its call in the data set only.

mod libraries;
mod metadata;
mod register;
mod rows;

pub use libraries::{Clash, Functions, Haste, Restore};
pub use metadata::Metadata;
pub use register::{Registered, register};
pub use rows::COMMANDS;

use super::busy::{self, Origin};
use super::run::{self, Subject};
use super::{numkeys_of, show};
use crate::base::clock::stamp;
use crate::base::glob::glob_match;
use crate::command::ctx::Ctx;
use crate::command::help::reply_help;
use crate::persist::dump;
use crate::resp::errors::{self, Outcome, Reject};
use libraries::{Function, Library};

/// The only engine there is, as FUNCTION LIST and FUNCTION STATS name it.
const ENGINE: &[u8] = b"LUA";

/// FCALL function numkeys [key ...] [arg ...]
fn fcall(ctx: &mut Ctx) -> Outcome {
    call(ctx, false)
}

/// FCALL_RO function numkeys [key ...] [arg ...]
fn fcall_ro(ctx: &mut Ctx) -> Outcome {
    call(ctx, true)
}

fn call(ctx: &mut Ctx, read_only: bool) -> Outcome {
    show(ctx);
    let function = ctx.state.functions.find(ctx.arg(1)).ok_or("ERR Function not found")?;
    let keys = ctx.args.int_or(2, "ERR Bad number of keys provided")?;
    let keys = numkeys_of(ctx, keys)?;
    let engine = ctx.state.functions.engine(&ctx.state.clock)?;
    let rights = run::rights(ctx, Some(function.declared), read_only)?;
    let (slot, name) = (function.slot, &*function.name);
    run::run(ctx, &engine, Subject { origin: Origin::Function, slot, name, keys, rights })
}

/// FUNCTION LOAD [REPLACE] code
fn load(ctx: &mut Ctx) -> Outcome {
    let code = ctx.args.len() - 1;
    let mut clash = Clash::Refuse;
    for option in ctx.args.from(2).take(code - 2) {
        if !option.eq_ignore_ascii_case(b"replace") {
            return Err([b"ERR Unknown option given: ", option].concat().into());
        }
        clash = Clash::Replace;
    }
    let (code, haste) = (ctx.arg(code), haste(ctx));
    let name = ctx.state.functions.load(&ctx.state.clock, code, clash, haste)?;
    ctx.state.changes += 1;
    ctx.reply.bulk(name.as_bytes());
    Ok(())
}

fn haste(ctx: &Ctx) -> Haste {
    match ctx.state.loading {
        Some(_) => Haste::Unlimited,
        None => Haste::Limited,
    }
}

/// FUNCTION DELETE library-name
fn delete(ctx: &mut Ctx) -> Outcome {
    if !ctx.state.functions.delete(ctx.arg(2)) {
        return Err("ERR Library not found".into());
    }
    ctx.state.changes += 1;
    ctx.reply.ok();
    Ok(())
}

/// FUNCTION FLUSH [ASYNC | SYNC]
fn flush(ctx: &mut Ctx) -> Outcome {
    if ctx.args.len() > 3 {
        return Err(errors::subcommand_syntax(ctx.arg(0), ctx.arg(1)));
    }
    if ctx.args.len() == 3 && !ctx.args.is(2, "async") && !ctx.args.is(2, "sync") {
        return Err("ERR FUNCTION FLUSH only supports SYNC|ASYNC option".into());
    }
    ctx.state.functions.clear();
    ctx.state.changes += 1;
    ctx.reply.ok();
    Ok(())
}

/// FUNCTION KILL
fn kill(ctx: &mut Ctx) -> Outcome {
    busy::kill(ctx, Origin::Function)
}

/// FUNCTION DUMP
fn dump(ctx: &mut Ctx) -> Outcome {
    let compress = ctx.state.config.rdbcompression;
    let payload = dump::dump_functions(&ctx.state.functions.codes(), compress);
    ctx.reply.bulk(&payload);
    Ok(())
}

/// FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]
fn restore(ctx: &mut Ctx) -> Outcome {
    let policy = match ctx.args.len() {
        3 => Restore::Append,
        4 if ctx.args.is(3, "append") => Restore::Append,
        4 if ctx.args.is(3, "replace") => Restore::Replace,
        4 if ctx.args.is(3, "flush") => Restore::Flush,
        4 => {
            let text =
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.";
            return Err(text.into());
        }
        _ => return Err(errors::subcommand_syntax(ctx.arg(0), ctx.arg(1))),
    };
    let codes = dump::restore_functions(ctx.arg(2), &ctx.state.load_options());
    let codes = codes.map_err(|refusal| match refusal {
        dump::Refusal::Footer => "ERR DUMP payload version or checksum are wrong".into(),
        dump::Refusal::Content(reason) => Reject::from(format!("ERR {reason}")),
    })?;
    ctx.state.functions.restore(&ctx.state.clock, &codes, policy)?;
    ctx.state.changes += 1;
    ctx.reply.ok();
    Ok(())
}

/// FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE]
fn list(ctx: &mut Ctx) -> Outcome {
    let (mut with_code, mut pattern) = (false, None);
    let mut options = ctx.args.from(2);
    while let Some(option) = options.next() {
        if !with_code && option.eq_ignore_ascii_case(b"withcode") {
            with_code = true;
        } else if pattern.is_none() && option.eq_ignore_ascii_case(b"libraryname") {
            pattern = Some(options.next().ok_or("ERR library name argument was not given")?);
        } else {
            return Err([b"ERR Unknown argument ", option].concat().into());
        }
    }
    let is_wanted =
        |name: &str| pattern.is_none_or(|pattern| glob_match(pattern, name.as_bytes(), true));
    let libraries = ctx.state.functions.libraries().filter(|(name, _)| is_wanted(name));
    let libraries: Vec<_> = libraries.collect();
    let reply = &mut ctx.reply;
    reply.array(libraries.len());
    for (name, library) in libraries {
        reply.map(3 + usize::from(with_code));
        reply.bulk(b"library_name");
        reply.bulk(name.as_bytes());
        reply.bulk(b"engine");
        reply.bulk(ENGINE);
        reply_functions(reply, library);
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(&library.code);
        }
    }
    Ok(())
}

fn reply_functions(reply: &mut crate::resp::Reply<'_>, library: &Library) {
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        let Function { name, description, declared, .. } = &**function;
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(name.as_bytes());
        reply.bulk(b"description");
        match description {
            Some(text) => reply.bulk(text),
            None => reply.null(),
        }
        reply.bulk(b"flags");
        reply.set(declared.names().count());
        declared.names().for_each(|name| reply.simple(name));
    }
}

/// FUNCTION STATS
fn stats(ctx: &mut Ctx) -> Outcome {
    let busy = ctx.state.scripts.busy();
    if let Some(busy) = busy.filter(|busy| busy.origin == Origin::Script) {
        return Err(busy.reject());
    }
    let reply = &mut ctx.reply;
    reply.map(2);
    reply.bulk(b"running_script");
    match busy {
        None => reply.null(),
        Some(busy) => {
            let args = busy.args.args();
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(busy.name.as_bytes());
            reply.bulk(b"command");
            reply.array(args.len());
            args.from(0).for_each(|arg| reply.bulk(arg));
            reply.bulk(b"duration_ms");
            let nanos = ctx.state.clock.elapsed_ns(busy.start, stamp());
            reply.integer((nanos / 1_000_000) as i64);
        }
    }
    let (libraries, functions) = ctx.state.functions.counts();
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(ENGINE);
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.integer(libraries as i64);
    reply.bulk(b"functions_count");
    reply.integer(functions as i64);
    Ok(())
}

/// FUNCTION HELP
fn help(ctx: &mut Ctx) -> Outcome {
    reply_help(
        ctx,
        &[
            "LOAD [REPLACE] <FUNCTION CODE>",
            "    Create a new library with the given library name and code.",
            "DELETE <LIBRARY NAME>",
            "    Delete the given library.",
            "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
            "    Return general information on all the libraries:",
            "    * Library name",
            "    * The engine used to run the Library",
            "    * Library description",
            "    * Functions list",
            "    * Library code (if WITHCODE is given)",
            "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
            "STATS",
            "    Return information about the current function running:",
            "    * Function name",
            "    * Command used to run the function",
            "    * Duration in MS that the function is running",
            "    If no function is running, return nil",
            "    In addition, returns a list of available engines.",
            "KILL",
            "    Kill the current running function.",
            "FLUSH [ASYNC|SYNC]",
            "    Delete all the libraries.",
            "    When called without the optional mode argument, the behavior is determined by the",
            "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "    * ASYNC: Asynchronously flush the libraries.",
            "    * SYNC: Synchronously flush the libraries.",
            "DUMP",
            "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
            "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
            "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
            "    control how to handle existing libraries (default APPEND):",
            "    * FLUSH: delete all existing libraries.",
            "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
            "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
            "      libraries with the new libraries (notice that even on this option there is a chance of failure",
            "      in case of functions name collision with another library).",
        ],
    );
    Ok(())
}
