//! A script that goes on for longer than `busy-reply-threshold`, as others see it.
//!
//! Invariant: there is at most one, as none begins while there is one.

use super::cache::Scripts;
use crate::base::clock::Stamp;
use crate::command::Ctx;
use crate::resp::OwnedArgs;
use crate::resp::errors::{self, Outcome, Reject};
use crate::session::ClientId;

/// Where a script came from, which says by what command it can be ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// EVAL and its kin.
    Script,
    /// FCALL.
    Function,
}

impl Origin {
    /// The command that ends it.
    pub fn kill_command(self) -> &'static str {
        match self {
            Origin::Script => "SCRIPT KILL",
            Origin::Function => "FUNCTION KILL",
        }
    }

    /// What errors call its text.
    pub fn chunk_name(self) -> &'static str {
        match self {
            Origin::Script => "@user_script",
            Origin::Function => "@user_function",
        }
    }

    /// What others are answered meanwhile.
    pub fn reject(self) -> Reject {
        match self {
            Origin::Script => errors::BUSY_SCRIPT,
            Origin::Function => errors::BUSY_FUNCTION,
        }
        .into()
    }
}

/// The script that goes on.
pub struct Busy {
    /// Whose it is.
    pub client: ClientId,
    pub origin: Origin,
    pub name: Box<str>,
    /// The call that began it.
    pub args: OwnedArgs,
    pub start: Stamp,
    /// It has called a command that writes.
    pub has_written: bool,
    /// It is to end as soon as it can be told.
    pub is_ended: bool,
}

impl Busy {
    /// What others are answered meanwhile.
    pub fn reject(&self) -> Reject {
        self.origin.reject()
    }
}

impl Scripts {
    /// The script that goes on for long.
    pub fn busy(&self) -> Option<&Busy> {
        self.busy.as_ref()
    }

    #[inline]
    pub fn is_busy(&self) -> bool {
        self.busy.is_some()
    }

    /// The client whose script it is.
    pub fn busy_client(&self) -> Option<ClientId> {
        self.busy.as_ref().map(|busy| busy.client)
    }

    /// Has the script that goes on end, whatever it did.
    pub fn end_busy(&mut self) {
        if let Some(busy) = &mut self.busy {
            busy.is_ended = true;
        }
    }
}

/// SCRIPT KILL and FUNCTION KILL: has a script of that origin end.
pub fn kill(ctx: &mut Ctx, origin: Origin) -> Outcome {
    let Some(busy) = &mut ctx.state.scripts.busy else { return Err(errors::NOT_BUSY.into()) };
    if busy.has_written {
        return Err(errors::UNKILLABLE.into());
    }
    if busy.origin != origin {
        return Err(busy.reject());
    }
    busy.is_ended = true;
    ctx.reply.ok();
    Ok(())
}
