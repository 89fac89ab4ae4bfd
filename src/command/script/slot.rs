//! Where functions that outlive a run find the one in progress.
//!
//! Lua keeps functions for as long as the interpreter lives, and a run borrows what it works on for
//! as long as it lasts. Making functions anew for every run would cost more than most scripts do.
//!
//! Invariant: what is in the slot is borrowed for longer than it is there, and reached by one at a
//! time.

#![allow(unsafe_code)]

use super::run::Run;
use std::cell::Cell;
use std::ptr::NonNull;

/// The run in progress, if there is one that nobody else reaches right now.
#[derive(Default)]
pub struct Slot(Cell<Option<NonNull<()>>>);

/// Puts back what was in a slot before.
struct Restore<'s> {
    slot: &'s Slot,
    before: Option<NonNull<()>>,
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        self.slot.0.set(self.before);
    }
}

impl Slot {
    /// Lets what `body` calls reach `run`.
    pub fn lend<R>(&self, run: &mut Run<'_, '_>, body: impl FnOnce() -> R) -> R {
        let before = self.0.replace(Some(NonNull::from(run).cast()));
        let _restore = Restore { slot: self, before };
        body()
    }

    /// Gives `ask` the run in progress; none without one, or while somebody else has it.
    pub fn with<R>(&self, ask: impl FnOnce(&mut Run<'_, '_>) -> R) -> Option<R> {
        let run = self.0.take()?;
        let _restore = Restore { slot: self, before: Some(run) };
        // SAFETY: `lend` made the pointer of a `&mut Run` that it borrows until it has taken the
        // pointer away again, and nobody else has it: it is out of the slot until `ask` returns.
        // `ask` is good for a run of any lifetimes, so it keeps nothing of this one.
        Some(ask(unsafe { run.cast::<Run<'_, '_>>().as_mut() }))
    }
}
