//! Scripts: EVAL and its kin, and SCRIPT.
//!
//! A script is compiled once and known by the SHA1 of its text. It sees the environment of
//! `prelude.lua` and calls commands through the gates of `run`.
//!
//! Invariant: an error in a script, or in what it asks for, ends the script and nothing else.

pub mod busy;
mod cache;
mod convert;
pub mod engine;
pub mod functions;
mod library;
mod raise;
mod rows;
mod run;
mod shebang;
mod slot;

use super::acl::hex;
use super::call::feed_monitors;
use super::ctx::Ctx;
use super::help::reply_help;
use crate::resp::errors::{self, Outcome, Reject};
use busy::Origin;
use cache::{Known, Sha};
use raise::Raised;
use run::Subject;
use sha1::{Digest, Sha1};

pub use cache::Scripts;
pub use functions::Functions;
pub use rows::COMMANDS;

/// Digits of a script's name.
const NAME_LEN: usize = 2 * size_of::<Sha>();

/// EVAL script numkeys [key ...] [arg ...]
fn eval(ctx: &mut Ctx) -> Outcome {
    eval_text(ctx, false)
}

/// EVAL_RO script numkeys [key ...] [arg ...]
fn eval_ro(ctx: &mut Ctx) -> Outcome {
    eval_text(ctx, true)
}

/// EVALSHA sha1 numkeys [key ...] [arg ...]
fn evalsha(ctx: &mut Ctx) -> Outcome {
    eval_known(ctx, false)
}

/// EVALSHA_RO sha1 numkeys [key ...] [arg ...]
fn evalsha_ro(ctx: &mut Ctx) -> Outcome {
    eval_known(ctx, true)
}

fn eval_text(ctx: &mut Ctx, read_only: bool) -> Outcome {
    show(ctx);
    let keys = numkeys(ctx)?;
    let text = ctx.arg(1);
    let sha = Sha1::digest(text).into();
    let known = ctx.state.scripts.add(&ctx.state.clock, sha, text, false)?;
    execute(ctx, &sha, known, keys, read_only)
}

fn eval_known(ctx: &mut Ctx, read_only: bool) -> Outcome {
    show(ctx);
    let sha = sha_of(ctx.arg(1)).ok_or(errors::NO_SCRIPT)?;
    let keys = numkeys(ctx)?;
    let known = ctx.state.scripts.find(&sha).ok_or(errors::NO_SCRIPT)?;
    execute(ctx, &sha, known, keys, read_only)
}

/// Shows monitors a script before the commands that it calls.
fn show(ctx: &mut Ctx) {
    if !ctx.state.monitors.is_empty()
        && let Some(command) = ctx.client().last_command
    {
        feed_monitors(ctx, command);
    }
}

fn execute(ctx: &mut Ctx, sha: &Sha, known: Known, keys: usize, read_only: bool) -> Outcome {
    let engine = ctx.state.scripts.engine(&ctx.state.clock);
    let engine = engine.map_err(|error| Reject::from(Raised::of(&error).into_reply().0))?;
    let rights = run::rights(ctx, known.declared, read_only)?;
    let name = hex(sha);
    let subject = Subject { origin: Origin::Script, slot: known.slot, name: &name, keys, rights };
    run::run(ctx, &engine, subject)
}

/// How many of the arguments are keys.
fn numkeys(ctx: &Ctx) -> Result<usize, Reject> {
    numkeys_of(ctx, ctx.args.int(2)?)
}

fn numkeys_of(ctx: &Ctx, keys: i64) -> Result<usize, Reject> {
    match usize::try_from(keys) {
        Err(_) => Err(errors::NUMKEYS_NEGATIVE.into()),
        Ok(keys) if keys > ctx.args.len() - 3 => Err(errors::NUMKEYS_TOO_MANY.into()),
        Ok(keys) => Ok(keys),
    }
}

/// The hash that a script's name spells.
fn sha_of(name: &[u8]) -> Option<Sha> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut sha = Sha::default();
    if name.len() != NAME_LEN {
        return None;
    }
    for (byte, pair) in sha.iter_mut().zip(name.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(sha)
}

/// SCRIPT LOAD script
fn load(ctx: &mut Ctx) -> Outcome {
    let text = ctx.arg(2);
    let sha = Sha1::digest(text).into();
    ctx.state.scripts.add(&ctx.state.clock, sha, text, true)?;
    ctx.reply.bulk(hex(&sha).as_bytes());
    Ok(())
}

/// SCRIPT SHOW sha1
fn show_text(ctx: &mut Ctx) -> Outcome {
    let sha = sha_of(ctx.arg(2)).ok_or(errors::NO_SCRIPT)?;
    let text = ctx.state.scripts.text(&sha).ok_or(errors::NO_SCRIPT)?;
    ctx.reply.bulk(text);
    Ok(())
}

/// SCRIPT DEBUG YES|SYNC|NO
fn debug(ctx: &mut Ctx) -> Outcome {
    match ctx.arg(2).to_ascii_lowercase().as_slice() {
        b"no" => {
            ctx.reply.ok();
            Ok(())
        }
        b"yes" | b"sync" => Err("ERR There is no debugger for scripts".into()),
        _ => Err("ERR Use SCRIPT DEBUG YES/SYNC/NO".into()),
    }
}

/// SCRIPT EXISTS sha1 [sha1 ...]
fn exists(ctx: &mut Ctx) -> Outcome {
    let names = ctx.args.from(2);
    ctx.reply.array(names.len());
    for name in names {
        let is_known = sha_of(name).is_some_and(|sha| ctx.state.scripts.is_known(&sha));
        ctx.reply.integer(is_known.into());
    }
    Ok(())
}

/// SCRIPT FLUSH [ASYNC | SYNC]
fn flush(ctx: &mut Ctx) -> Outcome {
    let is_mode = |index| ctx.args.is(index, "async") || ctx.args.is(index, "sync");
    if ctx.args.len() > 3 || (ctx.args.len() == 3 && !is_mode(2)) {
        return Err(errors::SCRIPT_FLUSH_MODE.into());
    }
    ctx.state.scripts.clear();
    ctx.reply.ok();
    Ok(())
}

/// SCRIPT KILL
fn kill(ctx: &mut Ctx) -> Outcome {
    busy::kill(ctx, Origin::Script)
}

/// SCRIPT HELP
fn help(ctx: &mut Ctx) -> Outcome {
    reply_help(
        ctx,
        &[
            "DEBUG (YES|SYNC|NO)",
            "    Set the debug mode for subsequent scripts executed.",
            "EXISTS <sha1> [<sha1> ...]",
            "    Return information about the existence of the scripts in the script cache.",
            "FLUSH [ASYNC|SYNC]",
            "    Flush the Lua scripts cache. Very dangerous on replicas.",
            "    When called without the optional mode argument, the behavior is determined by the",
            "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "    * ASYNC: Asynchronously flush the scripts cache.",
            "    * SYNC: Synchronously flush the scripts cache.",
            "KILL",
            "    Kill the currently executing Lua script.",
            "LOAD <script>",
            "    Load a script into the scripts cache without executing it.",
            "SHOW <sha1>",
            "    Show a script from the scripts cache.",
        ],
    );
    Ok(())
}
