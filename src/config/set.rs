//! CONFIG SET: several parameters at once, all or none.
//!
//! Invariant: only values change here; the caller applies the changes to the running server and
//! takes the old `Config` back when that fails.

use std::fmt;

use super::Config;
use super::table::{self, Effect, TABLE};

/// A parameter that CONFIG SET has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The parameter's name, never its alias.
    pub name: &'static str,
    /// What the log should say when the parameter has no effect (yet).
    pub notice: Option<String>,
}

/// Why CONFIG SET refused; displays as the error reply, code included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// No such parameter.
    Unknown(Vec<u8>),
    /// The parameter exists, but not with this value, or not now.
    Failed {
        /// The parameter as the reply names it.
        name: Vec<u8>,
        /// Why.
        reason: String,
    },
}

impl SetError {
    /// For a change that was valid but could not be applied.
    pub fn not_applied(name: &str, reason: &str) -> SetError {
        SetError::Failed { name: name.into(), reason: reason.into() }
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::Unknown(name) => write!(
                out,
                "ERR Unknown option or number of arguments for CONFIG SET - '{}'",
                String::from_utf8_lossy(name)
            ),
            SetError::Failed { name, reason } => write!(
                out,
                "ERR CONFIG SET failed (possibly related to argument '{}') - {reason}",
                String::from_utf8_lossy(name)
            ),
        }
    }
}

impl std::error::Error for SetError {}

impl Config {
    /// Sets several parameters; on an error none is changed.
    ///
    /// `local` says whether the caller's connection is local, for `enable-protected-configs`.
    /// Returns the parameters whose value is new, in the order given.
    ///
    /// # Errors
    /// Unknown, immutable, protected and repeated names come before bad values.
    pub fn set_many(
        &mut self,
        pairs: &[(&[u8], &[u8])],
        local: bool,
    ) -> Result<Vec<Change>, SetError> {
        let rows = self.admit(pairs, local)?;
        let mut next = self.clone();
        let mut changes = Vec::new();
        for (index, (_, text)) in rows.into_iter().zip(pairs) {
            let row = &TABLE[index];
            let words: Vec<&[u8]> = match row.kind.takes_many() {
                true => text.split(|byte| *byte == b' ').collect(),
                false => vec![text],
            };
            let before = next.value(index);
            next.assign(index, &words)
                .map_err(|reason| SetError::Failed { name: row.name.into(), reason })?;
            if next.value(index) != before {
                changes.push(Change { name: row.name, notice: notice(index) });
            }
        }
        *self = next;
        Ok(changes)
    }

    /// The rows that `pairs` name, if all of them may be set; the first that may not is told.
    fn admit(&self, pairs: &[(&[u8], &[u8])], local: bool) -> Result<Vec<usize>, SetError> {
        let mut rows = Vec::with_capacity(pairs.len());
        for (name, _) in pairs {
            let index = table::find(name).ok_or_else(|| SetError::Unknown(name.to_vec()))?;
            if let Some(reason) = self.why_not(index, local, &rows) {
                return Err(SetError::Failed { name: name.to_vec(), reason: reason.into() });
            }
            rows.push(index);
        }
        Ok(rows)
    }

    fn why_not(&self, index: usize, local: bool, before: &[usize]) -> Option<&'static str> {
        let row = &TABLE[index];
        if row.immutable {
            Some("can't set immutable config")
        } else if row.protected && !self.enable_protected_configs.allows(local) {
            Some("can't set protected config")
        } else if before.contains(&index) {
            Some("duplicate parameter")
        } else {
            None
        }
    }
}

/// What to log when row `index` is set although that does nothing.
fn notice(index: usize) -> Option<String> {
    let row = &TABLE[index];
    match row.effect {
        Effect::Now => None,
        Effect::Later(part) => {
            Some(format!("{} has no effect yet: {part} is not available", row.name))
        }
        Effect::Never(reason) => Some(format!("{} has no effect: {reason}", row.name)),
    }
}
