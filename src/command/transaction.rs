//! Transactions: MULTI, EXEC, DISCARD and the watched keys.
//!
//! Invariant: nothing here knows what a queued command does.

use super::State;
use super::acl;
use super::call::{call, refuse};
use super::ctx::Ctx;
use super::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::keyspace::Keyspace;
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome};
use crate::session::transaction::{Queued, Transaction};
use crate::session::{ClientFlags, ClientId};
use std::cell::Cell;
use std::mem::take;
use std::rc::Rc;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("discard", discard_command)
        .arity(1)
        .of(Group::Transactions)
        .flags(CONTROL)
        .acl(Categories::TRANSACTION)
        .summary("Discards a transaction.")
        .complexity("O(N), when N is the number of queued commands")
        .since("2.0.0"),
    Command::new("exec", exec)
        .arity(1)
        .of(Group::Transactions)
        .flags(Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::SKIP_SLOWLOG))
        .lasts()
        .acl(Categories::TRANSACTION)
        .summary("Executes all commands in a transaction.")
        .complexity("Depends on commands in the transaction")
        .since("1.2.0"),
    Command::new("multi", multi)
        .arity(1)
        .of(Group::Transactions)
        .flags(CONTROL)
        .acl(Categories::TRANSACTION)
        .summary("Starts a transaction.")
        .complexity("O(1)")
        .since("1.2.0"),
    Command::new("unwatch", unwatch)
        .arity(1)
        .of(Group::Transactions)
        .flags(CONTROL)
        .acl(Categories::TRANSACTION)
        .summary("Forgets about watched keys of a transaction.")
        .complexity("O(1)")
        .since("2.2.0"),
    Command::new("watch", watch)
        .arity(-2)
        .of(Group::Transactions)
        .flags(CONTROL)
        .acl(Categories::TRANSACTION)
        .keys(&[KeySpec::range(1, -1, 1).flags(KeyFlags::RO)])
        .summary("Monitors changes to keys to determine the execution of a transaction.")
        .complexity("O(1) for every key.")
        .since("2.2.0")
        .args(&[Arg::key("key", 0).multiple()]),
];

const CONTROL: Flags =
    Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST).or(Flags::ALLOW_BUSY);

/// MULTI
fn multi(ctx: &mut Ctx) -> Outcome {
    let client = ctx.client();
    if client.has(ClientFlags::MULTI) {
        return Err(errors::NESTED_MULTI.into());
    }
    client.flags.insert(ClientFlags::MULTI);
    ctx.reply.ok();
    Ok(())
}

/// EXEC
fn exec(ctx: &mut Ctx) -> Outcome {
    if !ctx.client().has(ClientFlags::MULTI) {
        return Err(errors::EXEC_WITHOUT_MULTI.into());
    }
    let spoilt = ctx.client().has(ClientFlags::DIRTY_EXEC);
    let changed = watched_keys_changed(ctx);
    let queue = take(&mut ctx.client().transaction_mut().queue);
    // The watches end before the first command runs: its own writes are no conflict.
    discard(ctx.state, ctx.id);
    if spoilt {
        return Err(errors::EXEC_ABORT.into());
    }
    if changed {
        ctx.reply.null_array();
        return Ok(());
    }
    ctx.reply.array(queue.len());
    ctx.client().flags.insert(ClientFlags::EXECUTING);
    for queued in &queue {
        run(ctx, queued);
    }
    ctx.client().flags.remove(ClientFlags::EXECUTING);
    Ok(())
}

/// Runs one queued command as part of EXEC's reply.
fn run(ctx: &mut Ctx, queued: &Queued) {
    let client = ctx.client();
    let (protocol, db) = (client.protocol, client.db as usize);
    let mut inner = Ctx {
        args: queued.args.args(),
        reply: Reply { out: &mut *ctx.reply.out, protocol },
        state: &mut *ctx.state,
        id: ctx.id,
        db,
        meanwhile: ctx.meanwhile.as_deref_mut(),
    };
    // What may be done can have changed since it was queued.
    if let Err(reject) = acl::gate_in_exec(&mut inner, queued.command) {
        return refuse(&mut inner, &reject);
    }
    let exec = inner.client().last_command.replace(queued.command);
    call(&mut inner, queued.command);
    inner.client().last_command = exec;
}

/// Whether a watched key was touched, or has passed its deadline without anyone noticing yet.
fn watched_keys_changed(ctx: &mut Ctx) -> bool {
    let Some(transaction) = ctx.client().transaction.take() else { return false };
    for watched in &transaction.watched {
        // Looking at it removes an expired key, and that touches its watchers.
        ctx.state.keyspace.db(watched.db as usize).peek(&watched.key);
    }
    let changed = transaction.dirty.get();
    ctx.client().transaction = Some(transaction);
    changed
}

/// DISCARD
fn discard_command(ctx: &mut Ctx) -> Outcome {
    if !ctx.client().has(ClientFlags::MULTI) {
        return Err(errors::DISCARD_WITHOUT_MULTI.into());
    }
    discard(ctx.state, ctx.id);
    ctx.reply.ok();
    Ok(())
}

/// Ends a client's transaction: its queue, its watches, its flags.
pub fn discard(state: &mut State, id: ClientId) {
    let Some(client) = state.clients.get_mut(id) else { return };
    client.flags.remove(ClientFlags::MULTI.or(ClientFlags::DIRTY_EXEC));
    if let Some(transaction) = client.transaction.take() {
        unwatch_keys(&mut state.keyspace, &transaction);
    }
}

/// Takes a transaction's keys out of the keyspace's watch tables.
pub fn unwatch_keys(keyspace: &mut Keyspace, transaction: &Transaction) {
    for watched in &transaction.watched {
        keyspace.db(watched.db as usize).unwatch(&watched.key, &transaction.dirty);
    }
}

/// WATCH key [key ...]
fn watch(ctx: &mut Ctx) -> Outcome {
    let db = ctx.db as u32;
    let client = ctx.client();
    if client.has(ClientFlags::MULTI) {
        return Err(errors::WATCH_INSIDE_MULTI.into());
    }
    let dirty = client.transaction_mut().dirty.clone();
    // A client whose EXEC is bound to fail gains nothing by watching more.
    if !dirty.get() {
        for key in ctx.args.from(1) {
            watch_key(ctx, db, key, &dirty);
        }
    }
    ctx.reply.ok();
    Ok(())
}

fn watch_key(ctx: &mut Ctx, db: u32, key: &[u8], dirty: &Rc<Cell<bool>>) {
    // A key that is past its deadline already is removed first: that is no change to come.
    ctx.db().peek(key);
    if ctx.db().watch(key, dirty) {
        ctx.client().transaction_mut().watch(db, key);
    }
}

/// UNWATCH
fn unwatch(ctx: &mut Ctx) -> Outcome {
    if let Some(transaction) = &mut ctx.client().transaction {
        let watched = transaction.take_watched();
        unwatch_keys(&mut ctx.state.keyspace, &watched);
    }
    ctx.reply.ok();
    Ok(())
}
