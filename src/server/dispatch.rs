//! From a parsed request to its reply: an ordered list of gates, then queue or call. The order is
//! that of Redis's processCommand, because it decides which of two errors a client sees. The common
//! case, which no gate could refuse, is recognised at once.

use crate::command::acl;
use crate::command::call::{call, refuse, settle};
use crate::command::pubsub::allowed_to_subscribers;
use crate::command::spec::{Command, Flags};
use crate::command::tracking::end_exception;
use crate::command::transaction;
use crate::command::{Args, Ctx, Meanwhile, State};
use crate::resp::errors::{self, Reject};
use crate::resp::{Output, Protocol, ProtocolError, Reply};
use crate::session::{Client, ClientFlags, ClientId, CommandId};

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Served,
    /// The client waits, for a key or for the end of CLIENT PAUSE: to be tried again, unchanged.
    Waits,
    /// Nothing more of this client is executed.
    Deaf,
}

/// Serves one request of a client: exactly one reply is appended to `out`, unless the client asked
/// for silence or the request is not served now.
pub fn process(
    state: &mut State,
    id: ClientId,
    command: Option<CommandId>,
    args: Args<'_>,
    out: &mut Output,
    meanwhile: Option<&mut (dyn Meanwhile + 'static)>,
) -> Verdict {
    let open = !state.paused()
        && !state.is_memory_short()
        && state.writes_refused.is_none()
        && state.loading.is_none()
        && !state.scripts.is_busy();
    let Some(client) = state.clients.get_mut(id) else { return Verdict::Deaf };
    if let Some(verdict) = obstacle(client) {
        return verdict;
    }
    let free = command.filter(|&command| {
        open && client.is_plain() && state.table.row(command).is_plain_call(args.len())
    });
    let (protocol, db) = (client.protocol, client.db as usize);
    free.inspect(|&command| client.begin(command));
    state.keyspace.set_touch(!client.has(ClientFlags::NO_TOUCH));
    let mut reply_at = out.len();
    let mut ctx = Ctx { args, reply: Reply { out, protocol }, state, id, db, meanwhile };
    if let Some(command) = free {
        call(&mut ctx, command);
    } else {
        let verdict = gates(&mut ctx, command);
        // What eviction told this client precedes the reply, and CLIENT REPLY does not silence it.
        ctx.take_messages();
        reply_at = ctx.reply.out.len();
        match verdict {
            Ok(Pass::Call(command)) => {
                ctx.client().begin(command);
                call(&mut ctx, command);
            }
            Ok(Pass::Queue(command)) => queue(&mut ctx, command),
            Ok(Pass::Postpone) => return postpone(&mut ctx),
            Err(reject) => reject_call(&mut ctx, command, &reject),
        }
    }
    if ctx.state.followed {
        end_exception(&mut ctx, command);
    }
    settle(&mut ctx, reply_at);
    // What a script brought into being is not given away before its end.
    if !state.scripts.is_busy() {
        state.serve_blocked();
    }
    Verdict::Served
}

/// Replies to a request that broke the protocol; the connection ends after it.
pub fn protocol_error(
    state: &mut State,
    id: ClientId,
    error: ProtocolError,
    out: &mut Output,
) -> Verdict {
    let Some(client) = state.clients.get_mut(id) else { return Verdict::Deaf };
    if let Some(verdict) = obstacle(client) {
        return verdict;
    }
    let text = error.text();
    state.stats.count_error(&text);
    Reply { out, protocol: Protocol::Resp2 }.error(&text);
    let text = String::from_utf8_lossy(&text);
    log::debug!("{text} from client: id={} addr={}", client.id, client.addr);
    client.flags.insert(ClientFlags::CLOSE_AFTER_REPLY);
    Verdict::Served
}

/// Why requests of a client are not served now, if they are not.
#[inline]
fn obstacle(client: &Client) -> Option<Verdict> {
    if !client.flags.intersects(ClientFlags::DEAF.or(ClientFlags::WAITING)) {
        return None;
    }
    let deaf = client.flags.intersects(ClientFlags::DEAF);
    Some(if deaf { Verdict::Deaf } else { Verdict::Waits })
}

enum Pass {
    Call(CommandId),
    Queue(CommandId),
    Postpone,
}

/// Asks all gates, in order. A plain call of a plain client passes every one of them while nothing is
/// paused and memory is not short, so `process` spares it the way.
fn gates(ctx: &mut Ctx<'_>, command: Option<CommandId>) -> Result<Pass, Reject> {
    let Some(command) = command else { return Err(unknown(ctx)) };
    let id = subcommand(ctx, command)?;
    let row = ctx.state.table.command(id);
    gate_arity(ctx, id, row)?;
    gate_protected(ctx, row)?;
    let client = ctx.client();
    let (flags, listens) = (client.flags, client.listens_in_resp2());
    if !row.flags.has(Flags::NO_AUTH)
        && !flags.has(ClientFlags::AUTHENTICATED)
        && !ctx.state.users.is_open()
    {
        return Err(errors::NO_AUTH.into());
    }
    if flags.has(ClientFlags::MULTI) && row.flags.has(Flags::NO_MULTI) {
        return Err(errors::NOT_IN_TRANSACTION.into());
    }
    acl::gate(ctx, id)?;
    let reply_bytes = ctx.reply.out.capacity();
    // Nothing is evicted in the middle of a script.
    let short = !ctx.state.scripts.is_busy() && ctx.state.is_out_of_memory(reply_bytes);
    if short && refused_out_of_memory(ctx, id) {
        return Err(errors::OUT_OF_MEMORY.into());
    }
    if let Some(reject) = refused_for_disk(ctx, row) {
        return Err(reject);
    }
    if listens && !allowed_to_subscribers(row) {
        return Err(errors::only_pubsub(ctx.state.table.row(id).full_name()));
    }
    if ctx.state.loading.is_some() && refused_while_loading(ctx, row) {
        return Err(errors::LOADING.into());
    }
    if let Some(busy) = ctx.state.scripts.busy().filter(|_| !row.flags.has(Flags::ALLOW_BUSY)) {
        return Err(busy.reject());
    }
    if flags.has(ClientFlags::MONITOR)
        && row.flags.intersects(Flags::READONLY.or(Flags::WRITE).or(Flags::MAY_REPLICATE))
    {
        return Err(errors::REPLICA_KEYSPACE.into());
    }
    if paused(ctx, row) {
        return Ok(Pass::Postpone);
    }
    if flags.has(ClientFlags::MULTI) && !runs_in_multi(ctx.state.table.row(id).full_name()) {
        return Ok(Pass::Queue(id));
    }
    Ok(Pass::Call(id))
}

/// The subcommand that the second argument names, for containers.
fn subcommand(ctx: &Ctx<'_>, id: CommandId) -> Result<CommandId, Reject> {
    let row = ctx.state.table.row(id);
    if row.children.is_empty() || ctx.args.len() == 1 {
        return Ok(id);
    }
    let known = ctx.state.table.subcommand(id, ctx.arg(1));
    match known {
        Some(id) => Ok(id),
        // COMMAND and its like work without a subcommand too, yet not with an unknown one.
        None => Err(errors::unknown_subcommand(ctx.arg(0), ctx.arg(1))),
    }
}

fn unknown(ctx: &mut Ctx<'_>) -> Reject {
    let name = ctx.arg(0);
    if name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:") {
        let client = ctx.client();
        log::warn!(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. \
             This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis \
             instance. Connection from {} aborted.",
            client.addr
        );
        let id = ctx.id;
        ctx.state.close(id);
    }
    errors::unknown_command(name, ctx.args.from(1))
}

fn gate_arity(ctx: &Ctx<'_>, id: CommandId, row: &Command) -> Result<(), Reject> {
    if row.accepts(ctx.args.len()) && row.handler.is_some() {
        return Ok(());
    }
    Err(errors::wrong_arity(&ctx.state.table.row(id).name))
}

/// DEBUG is for those whom the configuration allows it.
fn gate_protected(ctx: &mut Ctx<'_>, row: &Command) -> Result<(), Reject> {
    if !row.flags.has(Flags::PROTECTED) {
        return Ok(());
    }
    let local = ctx.client().has(ClientFlags::LOCAL);
    match ctx.state.config.enable_debug_command.allows(local) {
        true => Ok(()),
        false => Err(errors::protected_command("DEBUG", "enable-debug-command")),
    }
}

/// Whether CLIENT PAUSE holds this call.
fn paused(ctx: &mut Ctx<'_>, row: &Command) -> bool {
    let pause = ctx.state.pause;
    if pause.until_ms <= ctx.state.clock.unix_ms() {
        return false;
    }
    !pause.writes_only || may_write(row.flags) || (row.name == "exec" && queue_has(ctx, may_write))
}

fn may_write(flags: Flags) -> bool {
    flags.intersects(Flags::WRITE.or(Flags::MAY_REPLICATE))
}

/// Whether the client's queue holds a command with such flags.
fn queue_has(ctx: &Ctx<'_>, wanted: impl Fn(Flags) -> bool) -> bool {
    let client = ctx.state.clients.get(ctx.id);
    let transaction = client.and_then(|client| client.transaction.as_ref());
    let queue = transaction.into_iter().flat_map(|transaction| &transaction.queue);
    queue.map(|queued| ctx.state.table.command(queued.command).flags).any(wanted)
}

/// Whether a command is refused while there is too much data: one that adds to it, and in MULTI
/// every one that would be queued.
fn refused_out_of_memory(ctx: &mut Ctx<'_>, id: CommandId) -> bool {
    let denied = |flags: Flags| flags.has(Flags::DENYOOM);
    let row = ctx.state.table.command(id);
    match row.name {
        "exec" => queue_has(ctx, denied),
        "discard" | "quit" | "reset" => false,
        _ => denied(row.flags) || ctx.client().has(ClientFlags::MULTI),
    }
}

/// Why a command is refused that writes, while what it writes could not be kept. PING tells as much to
/// those who ask for the server's health.
fn refused_for_disk(ctx: &Ctx<'_>, row: &Command) -> Option<Reject> {
    let reject = ctx.state.writes_refused.as_ref()?;
    let writes = |flags: Flags| flags.has(Flags::WRITE);
    let refused = match row.name {
        "ping" => true,
        "exec" => queue_has(ctx, writes),
        _ => writes(row.flags),
    };
    refused.then(|| reject.clone())
}

/// Whether a command has to wait until the data set is there.
fn refused_while_loading(ctx: &Ctx<'_>, row: &Command) -> bool {
    let needs_data = |flags: Flags| !flags.has(Flags::LOADING);
    needs_data(row.flags) || (row.name == "exec" && queue_has(ctx, needs_data))
}

fn runs_in_multi(name: &str) -> bool {
    matches!(name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
}

/// Lets the client wait for the end of CLIENT PAUSE.
fn postpone(ctx: &mut Ctx<'_>) -> Verdict {
    ctx.client().flags.insert(ClientFlags::POSTPONED);
    ctx.state.postponed.push(ctx.id);
    Verdict::Waits
}

fn queue(ctx: &mut Ctx<'_>, id: CommandId) {
    let args = ctx.args.to_owned();
    let client = ctx.client();
    // After EXECABORT is certain the commands themselves no longer matter.
    if !client.has(ClientFlags::DIRTY_EXEC) {
        client.transaction_mut().enqueue(id, args);
    }
    ctx.reply.queued();
}

/// Answers a call that a gate refused; in MULTI the transaction is spoilt.
fn reject_call(ctx: &mut Ctx<'_>, command: Option<CommandId>, reject: &Reject) {
    if let Some(id) = command {
        let id = subcommand(ctx, id).unwrap_or(id);
        ctx.state.stats.commands[id.0 as usize].rejected += 1;
    }
    let multi = ctx.client().has(ClientFlags::MULTI);
    let exec = command.is_some_and(|id| ctx.state.table.command(id).name == "exec");
    if exec {
        transaction::discard(ctx.state, ctx.id);
        return refuse(ctx, &errors::exec_abort(reject.text()));
    }
    if multi {
        ctx.client().flags.insert(ClientFlags::DIRTY_EXEC);
    }
    refuse(ctx, reject);
}
