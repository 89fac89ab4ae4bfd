//! Publish/subscribe: SUBSCRIBE and its kin, PUBLISH, SPUBLISH and PUBSUB.
//!
//! The replies to SUBSCRIBE and its kin are messages of their own, one for each name.
//!
//! Invariant: a client has the flag SUBSCRIBER as long as it listens to anything.

use super::ctx::Ctx;
use super::help::reply_help;
use super::spec::{Arg, Channels, Command, Flags, Group, KeyFlags, KeySpec};
use super::state::State;
use crate::base::glob::glob_match;
use crate::resp::errors::{self, Outcome};
use crate::session::pubsub::Kind;
use crate::session::{ClientFlags, ClientId};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("psubscribe", psubscribe)
        .arity(-2)
        .of(Group::PubSub)
        .flags(LISTEN)
        .channels(Channels::HeardByPattern)
        .summary("Listens for messages published to channels that match one or more patterns.")
        .complexity("O(N) where N is the number of patterns to subscribe to.")
        .since("2.0.0")
        .args(&[Arg::pattern("pattern").multiple()]),
    Command::new("publish", publish)
        .arity(3)
        .of(Group::PubSub)
        .flags(PUBLISH)
        .channels(Channels::Published)
        .summary("Posts a message to a channel.")
        .complexity(
            "O(N+M) where N is the number of clients subscribed to the receiving channel and M \
             is the total number of subscribed patterns (by any client).",
        )
        .since("2.0.0")
        .args(&[Arg::string("channel"), Arg::string("message")]),
    Command::group("pubsub", PUBSUB)
        .arity(-2)
        .of(Group::PubSub)
        .summary("A container for Pub/Sub commands.")
        .complexity("Depends on subcommand.")
        .since("2.8.0"),
    Command::new("punsubscribe", punsubscribe)
        .arity(-1)
        .of(Group::PubSub)
        .flags(LISTEN)
        .summary(
            "Stops listening to messages published to channels that match one or more patterns.",
        )
        .complexity("O(N) where N is the number of patterns to unsubscribe.")
        .since("2.0.0")
        .args(&[Arg::pattern("pattern").optional().multiple()]),
    Command::new("spublish", spublish)
        .arity(3)
        .of(Group::PubSub)
        .flags(PUBLISH)
        .channels(Channels::Published)
        .keys(&[KeySpec::at(1).flags(KeyFlags::NOT_KEY)])
        .summary("Post a message to a shard channel")
        .complexity(
            "O(N) where N is the number of clients subscribed to the receiving shard channel.",
        )
        .since("7.0.0")
        .args(&[Arg::string("shardchannel"), Arg::string("message")]),
    Command::new("ssubscribe", ssubscribe)
        .arity(-2)
        .of(Group::PubSub)
        .flags(LISTEN)
        .channels(Channels::Heard)
        .keys(SHARD_CHANNELS)
        .summary("Listens for messages published to shard channels.")
        .complexity("O(N) where N is the number of shard channels to subscribe to.")
        .since("7.0.0")
        .args(&[Arg::string("shardchannel").multiple()]),
    Command::new("subscribe", subscribe)
        .arity(-2)
        .of(Group::PubSub)
        .flags(LISTEN)
        .channels(Channels::Heard)
        .summary("Listens for messages published to channels.")
        .complexity("O(N) where N is the number of channels to subscribe to.")
        .since("2.0.0")
        .args(&[Arg::string("channel").multiple()]),
    Command::new("sunsubscribe", sunsubscribe)
        .arity(-1)
        .of(Group::PubSub)
        .flags(LISTEN)
        .keys(SHARD_CHANNELS)
        .summary("Stops listening to messages posted to shard channels.")
        .complexity("O(N) where N is the number of shard channels to unsubscribe.")
        .since("7.0.0")
        .args(&[Arg::string("shardchannel").optional().multiple()]),
    Command::new("unsubscribe", unsubscribe)
        .arity(-1)
        .of(Group::PubSub)
        .flags(LISTEN)
        .summary("Stops listening to messages posted to channels.")
        .complexity("O(N) where N is the number of channels to unsubscribe.")
        .since("2.0.0")
        .args(&[Arg::string("channel").optional().multiple()]),
];

const PUBSUB: &[Command] = &[
    Command::new("channels", pubsub_channels)
        .arity(-2)
        .of(Group::PubSub)
        .flags(INSPECT)
        .summary("Returns the active channels.")
        .complexity(
            "O(N) where N is the number of active channels, and assuming constant time pattern \
             matching (relatively short channels and patterns)",
        )
        .since("2.8.0")
        .args(&[Arg::pattern("pattern").optional()]),
    Command::new("help", pubsub_help)
        .arity(2)
        .of(Group::PubSub)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("6.2.0"),
    Command::new("numpat", pubsub_numpat)
        .arity(2)
        .of(Group::PubSub)
        .flags(INSPECT)
        .summary("Returns a count of unique pattern subscriptions.")
        .complexity("O(1)")
        .since("2.8.0"),
    Command::new("numsub", pubsub_numsub)
        .arity(-2)
        .of(Group::PubSub)
        .flags(INSPECT)
        .summary("Returns a count of subscribers to channels.")
        .complexity("O(N) for the NUMSUB subcommand, where N is the number of requested channels")
        .since("2.8.0")
        .args(&[Arg::string("channel").optional().multiple()]),
    Command::new("shardchannels", pubsub_shardchannels)
        .arity(-2)
        .of(Group::PubSub)
        .flags(INSPECT)
        .summary("Returns the active shard channels.")
        .complexity(
            "O(N) where N is the number of active shard channels, and assuming constant time \
             pattern matching (relatively short shard channels).",
        )
        .since("7.0.0")
        .args(&[Arg::pattern("pattern").optional()]),
    Command::new("shardnumsub", pubsub_shardnumsub)
        .arity(-2)
        .of(Group::PubSub)
        .flags(INSPECT)
        .summary("Returns the count of subscribers of shard channels.")
        .complexity(
            "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard \
             channels",
        )
        .since("7.0.0")
        .args(&[Arg::string("shardchannel").optional().multiple()]),
];

const LISTEN: Flags = Flags::PUBSUB.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);
const PUBLISH: Flags =
    Flags::PUBSUB.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST).or(Flags::MAY_REPLICATE);
const INSPECT: Flags = Flags::PUBSUB.or(Flags::LOADING).or(Flags::STALE);
const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::range(1, -1, 1).flags(KeyFlags::NOT_KEY)];

/// SUBSCRIBE channel [channel ...]
fn subscribe(ctx: &mut Ctx) -> Outcome {
    listen(ctx, Kind::Channel, "subscribe")
}

/// PSUBSCRIBE pattern [pattern ...]
fn psubscribe(ctx: &mut Ctx) -> Outcome {
    listen(ctx, Kind::Pattern, "psubscribe")
}

/// SSUBSCRIBE shardchannel [shardchannel ...]
fn ssubscribe(ctx: &mut Ctx) -> Outcome {
    // Redis lets its older kin pass in a transaction for the sake of those who do it already.
    if ctx.client().has(ClientFlags::EXECUTING) {
        return Err(errors::SSUBSCRIBE_IN_EXEC.into());
    }
    listen(ctx, Kind::Shard, "ssubscribe")
}

fn listen(ctx: &mut Ctx, kind: Kind, form: &str) -> Outcome {
    let id = ctx.id;
    ctx.client().flags.insert(ClientFlags::SUBSCRIBER);
    for name in ctx.args.from(1) {
        ctx.state.pubsub.topics_mut(kind).subscribe(id, name);
        confirm(ctx, kind, form, Some(name));
    }
    Ok(())
}

/// UNSUBSCRIBE [channel [channel ...]]
fn unsubscribe(ctx: &mut Ctx) -> Outcome {
    leave(ctx, Kind::Channel, "unsubscribe")
}

/// PUNSUBSCRIBE [pattern [pattern ...]]
fn punsubscribe(ctx: &mut Ctx) -> Outcome {
    leave(ctx, Kind::Pattern, "punsubscribe")
}

/// SUNSUBSCRIBE [shardchannel [shardchannel ...]]
fn sunsubscribe(ctx: &mut Ctx) -> Outcome {
    leave(ctx, Kind::Shard, "sunsubscribe")
}

fn leave(ctx: &mut Ctx, kind: Kind, form: &str) -> Outcome {
    if ctx.args.len() == 1 {
        leave_all(ctx, kind, form);
    } else {
        for name in ctx.args.from(1) {
            leave_one(ctx, kind, form, name);
        }
    }
    let subscribed = ctx.state.pubsub.is_subscribed(ctx.id);
    ctx.client().flags.set(ClientFlags::SUBSCRIBER, subscribed);
    Ok(())
}

fn leave_all(ctx: &mut Ctx, kind: Kind, form: &str) {
    let names = ctx.state.pubsub.topics(kind).of(ctx.id);
    if names.is_empty() {
        return confirm(ctx, kind, form, None);
    }
    for name in names {
        leave_one(ctx, kind, form, &name);
    }
}

fn leave_one(ctx: &mut Ctx, kind: Kind, form: &str, name: &[u8]) {
    ctx.state.pubsub.topics_mut(kind).unsubscribe(ctx.id, name);
    confirm(ctx, kind, form, Some(name));
}

/// Tells the client that it now listens to `name`, or no longer, and to how many it does.
fn confirm(ctx: &mut Ctx, kind: Kind, form: &str, name: Option<&[u8]>) {
    let count = ctx.state.pubsub.count(kind, ctx.id);
    ctx.push(|reply| {
        reply.push(3);
        reply.bulk(form.as_bytes());
        match name {
            Some(name) => reply.bulk(name),
            None => reply.null(),
        }
        reply.integer(count as i64);
    });
}

/// Ends all subscriptions of a client.
pub fn forget(state: &mut State, id: ClientId) {
    state.pubsub.forget(id);
    if let Some(client) = state.clients.get_mut(id) {
        client.flags.remove(ClientFlags::SUBSCRIBER);
    }
}

/// PUBLISH channel message
fn publish(ctx: &mut Ctx) -> Outcome {
    let receivers = ctx.state.publish(ctx.args.at(1), ctx.args.at(2));
    ctx.reply.integer(receivers as i64);
    Ok(())
}

/// SPUBLISH shardchannel message
fn spublish(ctx: &mut Ctx) -> Outcome {
    let receivers = ctx.state.publish_to_shard(ctx.args.at(1), ctx.args.at(2));
    ctx.reply.integer(receivers as i64);
    Ok(())
}

/// PUBSUB CHANNELS [pattern]
fn pubsub_channels(ctx: &mut Ctx) -> Outcome {
    reply_names(ctx, Kind::Channel)
}

/// PUBSUB SHARDCHANNELS [pattern]
fn pubsub_shardchannels(ctx: &mut Ctx) -> Outcome {
    reply_names(ctx, Kind::Shard)
}

fn reply_names(ctx: &mut Ctx, kind: Kind) -> Outcome {
    if ctx.args.len() > 3 {
        return Err(errors::subcommand_syntax(ctx.arg(0), ctx.arg(1)));
    }
    let pattern = ctx.args.get(2);
    let header = ctx.reply.deferred();
    let mut count = 0;
    for (name, _) in ctx.state.pubsub.topics(kind).iter() {
        if pattern.is_none_or(|pattern| glob_match(pattern, name, false)) {
            ctx.reply.bulk(name);
            count += 1;
        }
    }
    ctx.reply.close_array(header, count);
    Ok(())
}

/// PUBSUB NUMSUB [channel [channel ...]]
fn pubsub_numsub(ctx: &mut Ctx) -> Outcome {
    reply_audiences(ctx, Kind::Channel)
}

/// PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]]
fn pubsub_shardnumsub(ctx: &mut Ctx) -> Outcome {
    reply_audiences(ctx, Kind::Shard)
}

fn reply_audiences(ctx: &mut Ctx, kind: Kind) -> Outcome {
    let names = ctx.args.from(2);
    ctx.reply.array(names.len() * 2);
    for name in names {
        ctx.reply.bulk(name);
        ctx.reply.integer(ctx.state.pubsub.topics(kind).audience(name) as i64);
    }
    Ok(())
}

/// PUBSUB NUMPAT
fn pubsub_numpat(ctx: &mut Ctx) -> Outcome {
    ctx.reply.integer(ctx.state.pubsub.topics(Kind::Pattern).len() as i64);
    Ok(())
}

/// PUBSUB HELP
fn pubsub_help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
];

/// Whether a client that listens and speaks RESP2 may still call this: its replies would be taken
/// for messages otherwise.
pub fn allowed_to_subscribers(command: &Command) -> bool {
    matches!(
        command.name,
        "ping"
            | "subscribe"
            | "ssubscribe"
            | "unsubscribe"
            | "sunsubscribe"
            | "psubscribe"
            | "punsubscribe"
            | "quit"
            | "reset"
    )
}
