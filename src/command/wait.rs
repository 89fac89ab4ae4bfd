//! Waiting for what was written to be safe: WAIT and WAITAOF.
//!
//! There are no replicas, so nobody but the disk ever acknowledges anything.
//!
//! Invariant: WAITAOF never says that something is durable whose sync failed.

use super::block::reply_durable;
use super::ctx::Ctx;
use super::spec::{Arg, Categories, Command, Flags, Group};
use crate::base::num;
use crate::resp::errors::{self, Outcome, Reject};

const TIPS: &[&str] = &["request_policy:all_shards", "response_policy:agg_min"];

/// The rows of this group.
pub const COMMANDS: &[Command] = &[
    Command::new("wait", wait)
        .arity(3)
        .of(Group::Generic)
        .acl(Categories::CONNECTION)
        .summary(
            "Blocks until the asynchronous replication of all preceding write commands sent by the \
             connection is completed.",
        )
        .complexity("O(1)")
        .since("3.0.0")
        .tips(TIPS)
        .args(&[Arg::int("numreplicas"), Arg::int("timeout")]),
    Command::new("waitaof", waitaof)
        .arity(4)
        .of(Group::Generic)
        .flags(Flags::NOSCRIPT)
        .acl(Categories::CONNECTION)
        .summary(
            "Blocks until all of the preceding write commands sent by the connection are written to \
             the append-only file of the master and/or replicas.",
        )
        .complexity("O(1)")
        .since("7.2.0")
        .tips(TIPS)
        .args(&[Arg::int("numlocal"), Arg::int("numreplicas"), Arg::int("timeout")]),
];

/// WAIT numreplicas timeout
fn wait(ctx: &mut Ctx) -> Outcome {
    let replicas = integer(ctx, 1)?;
    let deadline_ms = deadline(ctx, 2)?;
    if replicas > 0 && ctx.may_block() {
        ctx.block_for_replicas(deadline_ms);
    } else {
        ctx.reply.integer(0);
    }
    Ok(())
}

/// WAITAOF numlocal numreplicas timeout
fn waitaof(ctx: &mut Ctx) -> Outcome {
    let local = integer(ctx, 1)?;
    if !(0..=1).contains(&local) {
        return Err(errors::WAITAOF_LOCAL.into());
    }
    let replicas = integer(ctx, 2)?;
    if replicas < 0 {
        return Err(errors::NOT_POSITIVE.into());
    }
    let deadline_ms = deadline(ctx, 3)?;
    if local > 0 && !ctx.state.append.is_on {
        return Err(errors::WAITAOF_WITHOUT_LOG.into());
    }
    // All that was written so far, by whomever: that is what one sync covers.
    let unwritten = !ctx.state.effects.is_empty();
    let group = ctx.state.append.written + u64::from(unwritten);
    let is_durable = local == 0 || group <= ctx.state.append.durable;
    if is_durable && replicas == 0 || !ctx.may_block() {
        reply_durable(ctx, group);
    } else {
        ctx.block_until_durable(group, replicas > 0, deadline_ms);
    }
    Ok(())
}

fn integer(ctx: &Ctx, index: usize) -> Result<i64, Reject> {
    num::parse_i64(ctx.arg(index)).ok_or(errors::NOT_AN_INTEGER.into())
}

/// Argument `index` as a timeout in milliseconds: when it ends, unix milliseconds; 0 has no end.
fn deadline(ctx: &Ctx, index: usize) -> Result<Option<i64>, Reject> {
    let millis = num::parse_i64(ctx.arg(index)).ok_or(errors::TIMEOUT_NOT_AN_INTEGER)?;
    if millis < 0 {
        return Err(errors::TIMEOUT_NEGATIVE.into());
    }
    let deadline = ctx.state.clock.unix_ms().checked_add(millis);
    let deadline = deadline.ok_or(errors::TIMEOUT_OUT_OF_RANGE)?;
    Ok((millis > 0).then_some(deadline))
}
