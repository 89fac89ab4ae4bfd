//! What a handler is given: the arguments, the reply, the state, and who is asking.

pub use super::notify::EventClass;
use super::state::State;
use crate::keyspace::{Db, WrongType};
use crate::resp::errors::{self, Reject};
use crate::resp::{Args, Reply};
use crate::session::{Client, ClientId, ReplyMode};
use crate::types::{StringRef, ValueRef};

/// Lets others be served while a command goes on for long.
pub trait Meanwhile {
    /// Serves them once. Nothing of theirs changes the data set.
    fn serve(&mut self, state: &mut State);

    /// Ends that: the command that went on for long is over.
    fn end(&mut self, state: &mut State);
}

/// One call in execution.
pub struct Ctx<'a> {
    pub args: Args<'a>,
    pub reply: Reply<'a>,
    pub state: &'a mut State,
    pub id: ClientId,
    /// Index of the selected database.
    pub db: usize,
    /// For commands whose row says that they may last; with none everybody waits.
    pub meanwhile: Option<&'a mut (dyn Meanwhile + 'static)>,
}

impl<'a> Ctx<'a> {
    /// Argument `index`; its life is that of the request, not of this borrow.
    pub fn arg(&self, index: usize) -> &'a [u8] {
        self.args.at(index)
    }

    /// The selected database.
    pub fn db(&mut self) -> &mut Db {
        self.state.keyspace.db(self.db)
    }

    /// The selected database and the reply at once, for values that are replied as they are read.
    pub fn db_and_reply(&mut self) -> (&mut Db, &mut Reply<'a>) {
        (self.state.keyspace.db(self.db), &mut self.reply)
    }

    /// The client being served, which outlives its command.
    pub fn client(&mut self) -> &mut Client {
        self.state.clients.get_mut(self.id).expect("a client in execution is in the table")
    }

    /// Appends the messages that others left for the client to its output.
    #[inline]
    pub fn take_messages(&mut self) {
        if let Some(client) = self.state.clients.get_mut(self.id)
            && !client.output.is_empty()
        {
            self.reply.out.append(&mut client.output);
        }
    }

    /// Appends an out-of-band message that is part of the reply to this call, but that CLIENT REPLY
    /// does not silence.
    pub fn push(&mut self, write: impl FnOnce(&mut Reply<'_>)) {
        if self.client().reply_mode == ReplyMode::On {
            return write(&mut self.reply);
        }
        let (id, protocol) = (self.id, self.reply.protocol);
        self.state.write_to(id, |out| write(&mut Reply { out, protocol }));
    }

    /// The string at `key` for reading, counted as a hit or a miss; WRONGTYPE for other types.
    pub fn read_string(&mut self, key: &[u8]) -> Result<Option<StringRef<'_>>, Reject> {
        string(self.db().read(key))
    }

    /// The string at `key` for a write, not counted.
    pub fn write_string(&mut self, key: &[u8]) -> Result<Option<StringRef<'_>>, Reject> {
        string(self.db().write_lookup(key))
    }
}

impl From<WrongType> for Reject {
    fn from(_: WrongType) -> Reject {
        errors::WRONG_TYPE.into()
    }
}

/// Narrows a value to a string.
#[inline(always)]
pub fn string(value: Option<ValueRef<'_>>) -> Result<Option<StringRef<'_>>, Reject> {
    match value {
        None => Ok(None),
        Some(ValueRef::String(value)) => Ok(Some(value)),
        Some(_) => Err(errors::WRONG_TYPE.into()),
    }
}
