//! Connection commands: who speaks, in which protocol, to which database.
//!
//! Invariant: nothing here touches a key.

use super::acl;
use super::ctx::Ctx;
use super::generic::db_index;
use super::pubsub::forget;
use super::spec::{Arg, Categories, Command, Flags, Group};
use super::tracking;
use super::transaction::discard;
use crate::config::REDIS_VERSION;
use crate::resp::Protocol;
use crate::resp::errors::{self, Outcome, Reject};
use crate::session::{ClientFlags, ReplyMode};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("auth", auth)
        .arity(-2)
        .of(Group::Connection)
        .flags(BEFORE_AUTH)
        .acl(Categories::CONNECTION)
        .summary("Authenticates the connection.")
        .complexity("O(N) where N is the number of passwords defined for the user")
        .since("1.0.0")
        .history(&[("6.0.0", "Added ACL style (username and password).")])
        .args(&[Arg::string("username").since("6.0.0").optional(), Arg::string("password")]),
    Command::new("echo", echo)
        .arity(2)
        .of(Group::Connection)
        .flags(ANYTIME_FAST)
        .acl(Categories::CONNECTION)
        .summary("Returns the given string.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::string("message")]),
    Command::new("hello", hello)
        .arity(-1)
        .of(Group::Connection)
        .flags(BEFORE_AUTH)
        .acl(Categories::CONNECTION)
        .summary("Handshakes with the Redis server.")
        .complexity("O(1)")
        .since("6.0.0")
        .history(&[(
            "6.2.0",
            "`protover` made optional; when called without arguments the command \
             reports the current connection's context.",
        )])
        .args(&[Arg::block(
            "arguments",
            &[
                Arg::int("protover"),
                Arg::block("auth", &[Arg::string("username"), Arg::string("password")])
                    .token("AUTH")
                    .optional(),
                Arg::string("clientname").token("SETNAME").optional(),
            ],
        )
        .optional()]),
    Command::new("ping", ping)
        .arity(-1)
        .of(Group::Connection)
        .flags(Flags::FAST)
        .acl(Categories::CONNECTION)
        .summary("Returns the server's liveliness response.")
        .complexity("O(1)")
        .since("1.0.0")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .args(&[Arg::string("message").optional()]),
    Command::new("quit", quit)
        .arity(-1)
        .of(Group::Connection)
        .flags(BEFORE_AUTH)
        .acl(Categories::CONNECTION)
        .summary("Closes the connection.")
        .complexity("O(1)")
        .since("1.0.0")
        .deprecated("7.2.0", "just closing the connection"),
    Command::new("reset", reset)
        .arity(1)
        .of(Group::Connection)
        .flags(BEFORE_AUTH)
        .acl(Categories::CONNECTION)
        .summary("Resets the connection.")
        .complexity("O(1)")
        .since("6.2.0"),
    Command::new("select", select)
        .arity(2)
        .of(Group::Connection)
        .flags(ANYTIME_FAST)
        .acl(Categories::CONNECTION)
        .summary("Changes the selected database.")
        .complexity("O(1)")
        .since("1.0.0")
        .args(&[Arg::int("index")]),
];

const BEFORE_AUTH: Flags = Flags::NOSCRIPT
    .or(Flags::LOADING)
    .or(Flags::STALE)
    .or(Flags::FAST)
    .or(Flags::NO_AUTH)
    .or(Flags::ALLOW_BUSY);
const ANYTIME_FAST: Flags = Flags::LOADING.or(Flags::STALE).or(Flags::FAST);

/// PING [message]
fn ping(ctx: &mut Ctx) -> Outcome {
    if ctx.args.len() > 2 {
        return Err(errors::wrong_arity("ping"));
    }
    if ctx.client().listens_in_resp2() {
        // In the form of a message, which is all that such a client reads.
        ctx.reply.array(2);
        ctx.reply.bulk(b"pong");
        ctx.reply.bulk(ctx.args.get(1).unwrap_or_default());
        return Ok(());
    }
    match ctx.args.get(1) {
        None => ctx.reply.pong(),
        Some(message) => ctx.reply.bulk(message),
    }
    Ok(())
}

/// ECHO message
fn echo(ctx: &mut Ctx) -> Outcome {
    ctx.reply.bulk(ctx.args.at(1));
    Ok(())
}

/// QUIT
fn quit(ctx: &mut Ctx) -> Outcome {
    ctx.client().flags.insert(ClientFlags::CLOSE_AFTER_REPLY);
    ctx.reply.ok();
    Ok(())
}

/// SELECT index
fn select(ctx: &mut Ctx) -> Outcome {
    let db = db_index(ctx, 1)?;
    ctx.client().db = db as u32;
    ctx.reply.ok();
    Ok(())
}

/// AUTH [username] password
fn auth(ctx: &mut Ctx) -> Outcome {
    let (user, password) = match ctx.args.len() {
        2 if ctx.state.users.default_user().nopass => {
            return Err(errors::AUTH_WITHOUT_PASSWORD.into());
        }
        2 => (acl::DEFAULT_NAME, ctx.arg(1)),
        3 => (ctx.arg(1), ctx.arg(2)),
        _ => return Err(errors::SYNTAX.into()),
    };
    authenticate(ctx, user, password)?;
    ctx.reply.ok();
    Ok(())
}

/// Checks a name and a password; the client is that user's then.
fn authenticate(ctx: &mut Ctx, name: &[u8], password: &[u8]) -> Outcome {
    let Some(user) = ctx.state.users.admitted(name, password) else {
        acl::note_failed_login(ctx, name);
        return Err(errors::WRONG_PASS.into());
    };
    ctx.state.log_in(ctx.id, user);
    Ok(())
}

/// HELLO [protover [AUTH username password] [SETNAME clientname]]
fn hello(ctx: &mut Ctx) -> Outcome {
    let protocol = hello_protocol(ctx)?;
    let (credentials, name) = hello_options(ctx)?;
    if let Some((user, password)) = credentials {
        authenticate(ctx, user, password)?;
    }
    if !ctx.client().has(ClientFlags::AUTHENTICATED) {
        return Err(errors::HELLO_NO_AUTH.into());
    }
    let client = ctx.client();
    if let Some(name) = name {
        client.name = (!name.is_empty()).then(|| name.into());
    }
    client.protocol = protocol.unwrap_or(client.protocol);
    let (protocol, id) = (client.protocol, client.id);
    ctx.reply.protocol = protocol;
    reply_hello(ctx, id);
    Ok(())
}

fn hello_protocol(ctx: &Ctx) -> Result<Option<Protocol>, Reject> {
    if ctx.args.len() < 2 {
        return Ok(None);
    }
    match ctx.args.int_or(1, errors::HELLO_PROTOCOL)? {
        2 => Ok(Some(Protocol::Resp2)),
        3 => Ok(Some(Protocol::Resp3)),
        _ => Err(errors::NO_PROTO.into()),
    }
}

type Credentials<'a> = (&'a [u8], &'a [u8]);

fn hello_options<'a>(ctx: &Ctx<'a>) -> Result<(Option<Credentials<'a>>, Option<&'a [u8]>), Reject> {
    let (mut credentials, mut name) = (None, None);
    let mut at = 2;
    while at < ctx.args.len() {
        let more = ctx.args.len() - at - 1;
        if ctx.args.is(at, "auth") && more >= 2 {
            credentials = Some((ctx.arg(at + 1), ctx.arg(at + 2)));
            at += 3;
        } else if ctx.args.is(at, "setname") && more >= 1 {
            name = Some(client_name(ctx.arg(at + 1))?);
            at += 2;
        } else {
            return Err(errors::hello_option(ctx.arg(at)));
        }
    }
    Ok((credentials, name))
}

/// A name that CLIENT LIST can print: visible ASCII without blanks.
pub fn client_name(name: &[u8]) -> Result<&[u8], Reject> {
    match name.iter().all(u8::is_ascii_graphic) {
        true => Ok(name),
        false => Err(errors::CLIENT_NAME_INVALID.into()),
    }
}

fn reply_hello(ctx: &mut Ctx, id: u64) {
    let version = if ctx.reply.protocol == Protocol::Resp3 { 3 } else { 2 };
    let reply = &mut ctx.reply;
    reply.map(7);
    // Clients choose code paths by this name; what runs is told by INFO's server_name.
    for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(version);
    reply.bulk(b"id");
    reply.integer(id as i64);
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

/// RESET
fn reset(ctx: &mut Ctx) -> Outcome {
    let id = ctx.id;
    discard(ctx.state, id);
    forget(ctx.state, id);
    tracking::end(ctx.state, id);
    ctx.state.monitors.retain(|monitor| *monitor != id);
    ctx.state.log_out(id);
    let client = ctx.client();
    client.flags.remove(ClientFlags::MONITOR.or(ClientFlags::NO_TOUCH).or(ClientFlags::NO_EVICT));
    client.reply_mode = ReplyMode::On;
    client.protocol = Protocol::Resp2;
    client.db = 0;
    client.name = None;
    ctx.reply.protocol = Protocol::Resp2;
    ctx.reply.simple("RESET");
    Ok(())
}
