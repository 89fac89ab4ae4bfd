//! CONFIG SET: several parameters at once, all or none.
//!
//! Invariant: only values change here; the caller applies the changes to the running server and
//! takes the old `Config` back when that fails.

use std::fmt;

use super::Config;
use super::table::{self, Effect, Param, TABLE};

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
        for ((index, name), (_, text)) in rows.into_iter().zip(pairs) {
            let row = &TABLE[index];
            let words: Vec<&[u8]> = match row.kind.takes_many() {
                true => text.split(|byte| *byte == b' ').collect(),
                false => vec![text],
            };
            let before = next.value(index);
            next.assign(index, &words)
                .map_err(|reason| SetError::Failed { name: name.into(), reason })?;
            if next.value(index) != before {
                changes.push(Change { name: row.name, notice: notice(index) });
            }
        }
        *self = next;
        Ok(changes)
    }

    /// The rows that `pairs` name, if all of them may be set; the first that may not is told.
    fn admit(&self, pairs: &[(&[u8], &[u8])], local: bool) -> Result<Vec<Admitted>, SetError> {
        let mut rows = Vec::with_capacity(pairs.len());
        for (name, _) in pairs {
            let row = table::find_named(name).ok_or_else(|| SetError::Unknown(name.to_vec()))?;
            if let Some(reason) = self.why_not(row, local, &rows) {
                return Err(SetError::Failed { name: name.to_vec(), reason: reason.into() });
            }
            rows.push(row);
        }
        Ok(rows)
    }

    fn why_not(&self, row: Admitted, local: bool, before: &[Admitted]) -> Option<&'static str> {
        let Param { immutable, protected, .. } = TABLE[row.0];
        if immutable {
            Some("can't set immutable config")
        } else if protected && !self.enable_protected_configs.allows(local) {
            Some("can't set protected config")
        } else if before.contains(&row) {
            Some("duplicate parameter")
        } else {
            None
        }
    }
}

/// A row's index, and which of its names was used.
type Admitted = (usize, &'static str);

/// What to log when row `index` is set although that does nothing.
fn notice(index: usize) -> Option<String> {
    let row = &TABLE[index];
    match row.effect {
        Effect::Now => None,
        Effect::Later(part) => Some(format!("{} has no effect yet: it waits for {part}", row.name)),
        Effect::Never(reason) => Some(format!("{} has no effect: {reason}", row.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(config: &mut Config, pairs: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
        let pairs: Vec<(&[u8], &[u8])> =
            pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        config
            .set_many(&pairs, false)
            .map(|changes| changes.into_iter().map(|change| change.name).collect())
            .map_err(|error| error.to_string())
    }

    /// Each line of the file is one call, pairs separated by tabs, and the answer of Redis.
    #[test]
    fn answers_are_those_of_redis() {
        let golden = include_str!("../../tests/golden/config-set-7.2.txt");
        for line in golden.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split('\t').collect();
            let (answer, pairs) = words.split_last().expect("a line has an answer");
            let pairs: Vec<(&str, &str)> = pairs.chunks(2).map(|pair| (pair[0], pair[1])).collect();
            let ours =
                set(&mut Config::default(), &pairs).map_or_else(|error| error, |_| "OK".into());
            assert_eq!(ours, *answer, "CONFIG SET {pairs:?}");
        }
    }

    #[test]
    fn all_or_none() {
        let mut config = Config::default();
        let pairs = [("timeout", "5"), ("maxclients", "7"), ("hz", "fast")];
        assert!(set(&mut config, &pairs).is_err());
        assert_eq!((config.timeout, config.maxclients), (0, 10000));
        assert_eq!(set(&mut config, &pairs[..2]), Ok(vec!["timeout", "maxclients"]));
        assert_eq!((config.timeout, config.maxclients), (5, 7));
    }

    #[test]
    fn only_new_values_count_as_changes() {
        let mut config = Config::default();
        assert_eq!(
            set(&mut config, &[("timeout", "0"), ("Slave-Priority", "7")]),
            Ok(vec!["replica-priority"])
        );
        assert_eq!(config.get_one("replica-priority").as_deref(), Some(&b"7"[..]));
        assert_eq!(config.get_one("slave-priority").as_deref(), Some(&b"7"[..]));
    }

    #[test]
    fn several_words_come_in_one_value() {
        let mut config = Config::default();
        let pairs = [
            ("bind", "127.0.0.1 ::1"),
            ("save", "60 1"),
            ("shutdown-on-sigterm", "nosave force"),
            ("client-output-buffer-limit", "pubsub 1mb 512kb 10"),
        ];
        set(&mut config, &pairs).unwrap();
        assert_eq!(config.bind, ["127.0.0.1", "::1"]);
        assert_eq!(config.save.len(), 1);
        assert_eq!(
            config.shutdown_on_sigterm,
            super::super::shutdown::NOSAVE | super::super::shutdown::FORCE
        );
        assert_eq!(config.client_output_buffer_limits.pubsub.hard_bytes, 1 << 20);
        assert_eq!(config.client_output_buffer_limits.replica.hard_bytes, 256 << 20);
        set(&mut config, &[("bind", ""), ("save", "")]).unwrap();
        assert!(config.bind.is_empty() && config.save.is_empty());
    }

    #[test]
    fn protected_parameters_ask_who_is_there() {
        let pairs: [(&[u8], &[u8]); 1] = [(b"dir", b"/")];
        let mut config = Config::default();
        assert!(config.set_many(&pairs, true).is_err());
        config.enable_protected_configs = super::super::ProtectedAction::Local;
        assert!(config.set_many(&pairs, false).is_err());
        assert!(config.set_many(&pairs, true).is_ok());
        assert_eq!(config.dir, "/");
    }

    #[test]
    fn hz_is_pulled_into_range() {
        let mut config = Config::default();
        set(&mut config, &[("hz", "0")]).unwrap();
        assert_eq!(config.hz, 1);
        set(&mut config, &[("hz", "100000")]).unwrap();
        assert_eq!(config.hz, 500);
    }

    #[test]
    fn changes_without_effect_say_so() {
        let pairs: [(&[u8], &[u8]); 2] = [(b"replica-announce-port", b"1"), (b"timeout", b"9")];
        let changes = Config::default().set_many(&pairs, false).unwrap();
        let notice = changes[0].notice.as_deref();
        assert_eq!(
            notice,
            Some("replica-announce-port has no effect yet: it waits for replication")
        );
        assert_eq!(changes[1].notice, None);
    }

    #[test]
    fn what_could_not_be_applied_reads_like_redis() {
        let error =
            SetError::not_applied("port", "Unable to listen on this port. Check server logs.");
        assert_eq!(
            error.to_string(),
            "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on \
             this port. Check server logs."
        );
    }
}
