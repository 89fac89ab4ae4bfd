//! DEBUG: what tests need to see or force.
//!
//! Invariant: nothing outside of tests depends on what is here.

use super::ctx::Ctx;
use super::spec::{Command, Flags, Group};
use crate::resp::errors::Outcome;

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::new("debug", debug)
    .arity(-2)
    .of(Group::Server)
    .flags(
        Flags::ADMIN
            .or(Flags::NOSCRIPT)
            .or(Flags::LOADING)
            .or(Flags::STALE)
            .or(Flags::PROTECTED)
            .or(Flags::SYSCMD),
    )
    .summary("A container for debugging commands.")
    .complexity("Depends on subcommand.")
    .since("1.0.0")];

/// DEBUG
fn debug(_ctx: &mut Ctx) -> Outcome {
    unreachable!()
}
