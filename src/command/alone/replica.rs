//! ROLE and its companions: a primary without replicas that can be no replica itself.

use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::errors::{self, Outcome};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("failover", failover)
        .arity(-1)
        .of(Group::Server)
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::STALE))
        .summary("Starts a coordinated failover from a server to one of its replicas.")
        .complexity("O(1)")
        .since("6.2.0")
        .args(&[
            Arg::block(
                "target",
                &[Arg::string("host"), Arg::int("port"), Arg::word("force", "FORCE").optional()],
            )
            .token("TO")
            .optional(),
            Arg::word("abort", "ABORT").optional(),
            Arg::int("milliseconds").token("TIMEOUT").optional(),
        ]),
    replica_of("replicaof", "5.0.0")
        .summary("Configures a server as replica of another, or promotes it to a master."),
    Command::new("role", role)
        .arity(1)
        .of(Group::Server)
        .flags(Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE).or(Flags::FAST))
        .acl(Categories::ADMIN.or(Categories::DANGEROUS))
        .summary("Returns the replication role.")
        .complexity("O(1)")
        .since("2.8.12"),
    replica_of("slaveof", "1.0.0")
        .deprecated("5.0.0", "`REPLICAOF`")
        .summary("Sets a Redis server as a replica of another, or promotes it to being a master."),
];

const MASTER: &[Arg] = &[Arg::one_of(
    "args",
    &[
        Arg::block("host-port", &[Arg::string("host"), Arg::int("port")]),
        Arg::block("no-one", &[Arg::word("no", "NO"), Arg::word("one", "ONE")]),
    ],
)];

const fn replica_of(name: &'static str, since: &'static str) -> Command {
    Command::new(name, replicaof)
        .arity(3)
        .of(Group::Server)
        .flags(Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::STALE).or(Flags::NO_ASYNC_LOADING))
        .complexity("O(1)")
        .since(since)
        .args(MASTER)
}

/// ROLE
fn role(ctx: &mut Ctx) -> Outcome {
    ctx.reply.array(3);
    ctx.reply.bulk(b"master");
    ctx.reply.integer(0);
    ctx.reply.array(0);
    Ok(())
}

/// REPLICAOF host port, REPLICAOF NO ONE
fn replicaof(ctx: &mut Ctx) -> Outcome {
    if ctx.args.is(1, "no") && ctx.args.is(2, "one") {
        ctx.reply.ok();
        return Ok(());
    }
    match ctx.args.int(2)? {
        0..=65535 => Err("ERR Replication is not supported: this server is always a master".into()),
        _ => Err("ERR Invalid master port".into()),
    }
}

/// FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]
fn failover(ctx: &mut Ctx) -> Outcome {
    if ctx.args.len() == 2 && ctx.args.is(1, "abort") {
        return Err("ERR No failover in progress.".into());
    }
    check_failover(ctx)?;
    Err("ERR FAILOVER requires connected replicas.".into())
}

/// The grammar, which comes before the state of the world.
fn check_failover(ctx: &Ctx) -> Outcome {
    let (mut at, mut timeout, mut target, mut force) = (1, false, false, false);
    let args = &ctx.args;
    while at < args.len() {
        if args.is(at, "timeout") && at + 1 < args.len() && !timeout {
            if args.int(at + 1)? <= 0 {
                return Err("ERR FAILOVER timeout must be greater than 0".into());
            }
            (timeout, at) = (true, at + 2);
        } else if args.is(at, "to") && at + 2 < args.len() && !target {
            args.int(at + 2)?;
            (target, at) = (true, at + 3);
        } else if args.is(at, "force") && !force {
            (force, at) = (true, at + 1);
        } else {
            return Err(errors::SYNTAX.into());
        }
    }
    Ok(())
}
