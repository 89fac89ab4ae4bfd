//! The gate before every command: whether the client's user may make the call.
//!
//! Invariant: asks nothing of clients whose user may do everything.

use super::selector::{Call, Denied};
use crate::command::Ctx;
use crate::command::client::list::line_during;
use crate::observe::{Context, Denial, Reason};
use crate::resp::errors::{self, Outcome, Reject};
use crate::session::{ClientFlags, CommandId};

/// Refuses a call that the client's user may not make, and notes it in ACL LOG.
///
/// # Errors
/// The NOPERM reply.
#[inline]
pub fn gate(ctx: &mut Ctx<'_>, id: CommandId) -> Outcome {
    let Err(denied) = check(ctx, id) else { return Ok(()) };
    // It is this command that CLIENT LIST shows, as well as the log's entry.
    ctx.client().last_command = Some(id);
    note(ctx, id, denied);
    Err(match denied {
        Denied::Command => permission_for_command(ctx, id),
        Denied::Key(_) => errors::NO_PERMISSION_FOR_KEY.into(),
        Denied::Channel(_) => errors::NO_PERMISSION_FOR_CHANNEL.into(),
    })
}

/// As [`gate`], for a command that EXEC is about to run, with the words that Redis has for it.
///
/// # Errors
/// The NOPERM reply.
pub fn gate_in_exec(ctx: &mut Ctx<'_>, id: CommandId) -> Outcome {
    let Err(denied) = check(ctx, id) else { return Ok(()) };
    note(ctx, id, denied);
    Err(match denied {
        Denied::Command => errors::PERMISSION_LOST_COMMAND,
        Denied::Key(_) => errors::PERMISSION_LOST_KEY,
        Denied::Channel(_) => errors::PERMISSION_LOST_CHANNEL,
    }
    .into())
}

/// Whether the client's user may make a call.
pub fn may_call(ctx: &mut Ctx<'_>, id: CommandId) -> bool {
    check(ctx, id).is_ok()
}

#[inline]
fn check(ctx: &mut Ctx<'_>, id: CommandId) -> Result<(), Denied> {
    let client = ctx.client();
    if !client.has(ClientFlags::RESTRICTED) {
        return Ok(());
    }
    let user = client.user;
    let call = Call::new(id, ctx.state.table.command(id), ctx.args);
    ctx.state.users.get(user).check(&call)
}

fn permission_for_command(ctx: &mut Ctx<'_>, id: CommandId) -> Reject {
    let user = ctx.client().user;
    let command = ctx.state.table.row(id).full_name();
    errors::no_permission_for_command(ctx.state.users.get(user).name(), command)
}

/// Whether the user of the client in execution may read keys that the call does not name.
pub fn reads_any_key(ctx: &mut Ctx<'_>) -> bool {
    let client = ctx.client();
    let (user, command) = (client.user, client.last_command);
    let Some(id) = command.filter(|_| client.has(ClientFlags::RESTRICTED)) else { return true };
    let call = Call::new(id, ctx.state.table.command(id), ctx.args);
    ctx.state.users.get(user).reads_any_key(&call)
}

/// Notes a call that was refused.
fn note(ctx: &mut Ctx<'_>, id: CommandId, denied: Denied) {
    let user = ctx.client().user;
    let user = Box::from(ctx.state.users.get(user).name());
    let (reason, object) = match denied {
        Denied::Command => {
            (Reason::Command, Box::from(ctx.state.table.row(id).full_name().as_bytes()))
        }
        Denied::Key(index) => (Reason::Key, Box::from(ctx.arg(index))),
        Denied::Channel(index) => (Reason::Channel, Box::from(ctx.arg(index))),
    };
    note_denial(ctx, reason, &object, &user);
}

/// Notes that somebody gave a wrong password, or a name that nobody has.
pub fn note_failed_login(ctx: &mut Ctx<'_>, name: &[u8]) {
    let command = ctx.arg(0);
    note_denial(ctx, Reason::Auth, command, name);
}

fn note_denial(ctx: &mut Ctx<'_>, reason: Reason, object: &[u8], user: &[u8]) {
    let transaction = ClientFlags::MULTI.or(ClientFlags::EXECUTING);
    let context = match ctx.client().flags {
        flags if flags.has(ClientFlags::SCRIPT) => Context::Script,
        flags if flags.intersects(transaction) => Context::Transaction,
        _ => Context::Nothing,
    };
    let denial = Denial::new(reason, context, object, user);
    let client = ctx.state.clients.get(ctx.id);
    let mut line = client.map_or_else(String::new, |client| line_during(ctx, client));
    line.truncate(line.trim_end().len());
    let (now_ms, max) = (ctx.state.clock.unix_ms(), ctx.state.config.acllog_max_len);
    ctx.state.acl_log.push(denial, line, now_ms, max);
}
