//! The scripts that are known by the SHA1 of their text, compiled.
//!
//! Invariant: there is an interpreter as long as there is a script.

use super::busy::{Busy, Origin};
use super::engine::{self, Engine};
use super::raise::Raised;
use super::shebang::{Declared, declared};
use crate::base::clock::Clock;
use crate::resp::errors::Reject;
use hashbrown::HashMap;
use mlua::{Error, Result};
use std::rc::Rc;

/// SHA1 of a script's text.
pub type Sha = [u8; 20];

/// Scripts that are known only because they were run; the one that was not run for longest goes.
const UNASKED_MAX: usize = 500;

/// The known scripts and what they run in.
#[derive(Default)]
pub struct Scripts {
    /// From the first script on.
    engine: Option<Rc<Engine>>,
    known: HashMap<Sha, Script, foldhash::fast::RandomState>,
    /// Scripts that nobody asked to keep.
    unasked: usize,
    /// Grows with every use.
    uses: u64,
    /// The one that goes on for long.
    pub(super) busy: Option<Busy>,
}

/// What a run needs to know of a script.
#[derive(Clone, Copy)]
pub struct Known {
    /// Its number in the interpreter.
    pub slot: usize,
    /// What it says about itself.
    pub declared: Option<Declared>,
}

/// A known script.
struct Script {
    /// Its number in the interpreter.
    slot: usize,
    /// SCRIPT LOAD asked for it.
    asked: bool,
    declared: Option<Declared>,
    text: Box<[u8]>,
    last_use: u64,
}

impl Scripts {
    /// The interpreter, which is made when there is none.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn engine(&mut self, clock: &Clock) -> Result<Rc<Engine>> {
        if let Some(engine) = &self.engine {
            return Ok(engine.clone());
        }
        let engine = Rc::new(Engine::new(clock, Origin::Script)?);
        self.engine = Some(engine.clone());
        Ok(engine)
    }

    /// The text of a known script.
    pub fn text(&self, sha: &Sha) -> Option<&[u8]> {
        self.known.get(sha).map(|script| &*script.text)
    }

    pub fn is_known(&self, sha: &Sha) -> bool {
        self.known.contains_key(sha)
    }

    /// A known script, for a run.
    pub fn find(&mut self, sha: &Sha) -> Option<Known> {
        self.uses += 1;
        let script = self.known.get_mut(sha)?;
        script.last_use = self.uses;
        Some(Known { slot: script.slot, declared: script.declared })
    }

    /// Compiles a script unless it is known. `asked` keeps it.
    ///
    /// # Errors
    /// It is not valid, or there is not enough memory for it.
    pub fn add(
        &mut self,
        clock: &Clock,
        sha: Sha,
        text: &[u8],
        asked: bool,
    ) -> std::result::Result<Known, Reject> {
        if let Some(known) = self.find(&sha) {
            let script = self.known.get_mut(&sha).expect("it was found");
            self.unasked -= usize::from(asked && !script.asked);
            script.asked |= asked;
            return Ok(known);
        }
        let (declared, start) = declared(text)?;
        let engine = self.engine(clock).map_err(|error| refused(&error))?;
        let slot = engine.compile(&text[start..]).map_err(|error| refused(&error))?;
        let script = Script { slot, asked, declared, text: text.into(), last_use: self.uses };
        self.known.insert(sha, script);
        self.unasked += usize::from(!asked);
        if self.unasked > UNASKED_MAX {
            self.forget_oldest(&engine);
        }
        Ok(Known { slot, declared })
    }

    fn forget_oldest(&mut self, engine: &Engine) {
        let unasked = self.known.iter().filter(|(_, script)| !script.asked);
        let oldest = unasked.min_by_key(|(_, script)| script.last_use);
        let Some((sha, slot)) = oldest.map(|(sha, script)| (*sha, script.slot)) else { return };
        self.known.remove(&sha);
        self.unasked -= 1;
        engine.forget(slot);
    }

    /// Forgets everything, the interpreter included. One in use lives on until it is no longer.
    pub fn clear(&mut self) {
        *self = Scripts::default();
    }

    /// How many scripts are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Bytes that the interpreter has allocated.
    pub fn engine_bytes(&self) -> usize {
        self.engine.as_ref().map_or(0, |engine| engine.lua.used_memory())
    }

    /// Bytes of the known scripts' texts and of what is known of them.
    pub fn bytes(&self) -> usize {
        let texts: usize = self.known.values().map(|script| script.text.len()).sum();
        texts + self.known.capacity() * size_of::<(Sha, Script)>()
    }
}

/// Why a script is not taken.
fn refused(error: &Error) -> Reject {
    match error {
        Error::SyntaxError { message, .. } => {
            format!("ERR Error compiling script (new function): {message}").into()
        }
        Error::MemoryError(_) => {
            let mib = engine::BYTES_MAX / (1024 * 1024);
            format!("ERR scripts may take {mib} MiB together: not enough memory").into()
        }
        other => Raised::of(other).into_reply().0.into(),
    }
}
