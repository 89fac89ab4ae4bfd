//! A user: a name, passwords, and the selectors that say what he may do.
//!
//! Invariant: passwords are kept as their SHA-256 digests only.

use super::selector::{Call, Denied, Patterns, Selector};
use crate::base::text::{is_space, repr};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The SHA-256 of a password.
pub type PasswordHash = [u8; 32];

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    name: Box<[u8]>,
    /// Clients can log in as this user.
    pub enabled: bool,
    /// Any password will do.
    pub nopass: bool,
    /// Shown only: here every payload is checked.
    pub skips_sanitizing: bool,
    passwords: Vec<PasswordHash>,
    /// The first one, which rules outside of parentheses are about.
    pub root: Selector,
    pub selectors: Vec<Selector>,
}

impl User {
    /// A new user, who can neither log in nor do anything but, perhaps, use all channels.
    pub fn new(name: &[u8], root: Selector) -> User {
        User {
            name: name.into(),
            enabled: false,
            nopass: false,
            skips_sanitizing: false,
            passwords: Vec::new(),
            root,
            selectors: Vec::new(),
        }
    }

    pub fn name(&self) -> &[u8] {
        &self.name
    }

    pub fn passwords(&self) -> &[PasswordHash] {
        &self.passwords
    }

    /// Adds a password; then there has to be one.
    pub fn add_password(&mut self, hash: PasswordHash) {
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
        self.nopass = false;
    }

    /// Takes a password away; false if it is none of his.
    pub fn remove_password(&mut self, hash: &PasswordHash) -> bool {
        let count = self.passwords.len();
        self.passwords.retain(|known| known != hash);
        self.passwords.len() < count
    }

    /// Takes all passwords away: any will do, or none.
    pub fn clear_passwords(&mut self, nopass: bool) {
        self.passwords.clear();
        self.nopass = nopass;
    }

    /// Whether a password opens the door. The time it takes tells nothing about where passwords
    /// differ.
    pub fn admits(&self, password: &PasswordHash) -> bool {
        let same = |known: &PasswordHash| {
            let differences = known.iter().zip(password).fold(0, |all, (a, b)| all | (a ^ b));
            differences == 0
        };
        let known = self.passwords.iter().fold(false, |found, known| found | same(known));
        self.enabled && (self.nopass || known)
    }

    /// All selectors, the first one first.
    pub fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }

    /// The channels of all selectors together.
    pub fn channels(&self) -> Patterns<Box<[u8]>> {
        let mut all = Vec::new();
        for selector in self.all_selectors() {
            match &selector.channels {
                Patterns::All => return Patterns::All,
                Patterns::Some(patterns) => all.extend_from_slice(patterns),
            }
        }
        Patterns::Some(all)
    }

    /// Whether no call can be refused.
    pub fn may_everything(&self) -> bool {
        self.all_selectors().any(Selector::allows_everything)
    }

    /// Whether a call passes.
    pub fn check(&self, call: &Call<'_>) -> Result<(), Denied> {
        let mut denied = Denied::Command;
        for selector in self.all_selectors() {
            match selector.check(call) {
                Ok(()) => return Ok(()),
                Err(other) => denied = denied.max(other),
            }
        }
        Err(denied)
    }

    /// Whether a call passes that reads keys which its arguments do not name.
    pub fn reads_any_key(&self, call: &Call<'_>) -> bool {
        let passes = |selector: &Selector| selector.check(call).is_ok();
        self.all_selectors().any(|selector| passes(selector) && selector.reads_all_keys())
    }

    /// The words for what is true or false about him, in the order of ACL LIST.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> + Clone {
        let sanitize = match self.skips_sanitizing {
            true => "skip-sanitize-payload",
            false => "sanitize-payload",
        };
        let nopass = self.nopass.then_some("nopass");
        let first = if self.enabled { "on" } else { "off" };
        std::iter::once(first).chain(nopass).chain([sanitize])
    }

    /// The rules that lead here from a new user, each selector as one.
    pub fn rules(&self) -> Vec<Vec<u8>> {
        let flags = self.flags().map(|flag| flag.as_bytes().to_vec());
        let passwords = self.passwords.iter().map(|hash| format!("#{}", hex(hash)).into_bytes());
        let mut rules: Vec<_> = flags.chain(passwords).chain(self.root.rules()).collect();
        for selector in &self.selectors {
            let inner: Vec<_> = selector.rules().into_iter().map(quoted).collect();
            rules.push([b"(", &*inner.join(&b' '), b")"].concat());
        }
        rules
    }

    /// The line that makes this user: `user NAME RULE ...`.
    pub fn describe(&self) -> Vec<u8> {
        [b"user ", &*self.name, b" ", &self.rules().join(&b' ')].concat()
    }
}

/// A rule as it can stand between parentheses, where quotes are read.
fn quoted(rule: Vec<u8>) -> Vec<u8> {
    match rule.iter().any(|byte| b"\"'".contains(byte)) || rule.ends_with(b")") {
        true => repr(&rule).into_bytes(),
        false => rule,
    }
}

/// The hash of a password.
pub fn hash(password: &[u8]) -> PasswordHash {
    Sha256::digest(password).into()
}

/// A hash as it is written.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all text");
        text
    })
}

/// A hash from how it is written: 64 digits, in lower case.
pub fn unhex(text: &[u8]) -> Option<PasswordHash> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut hash = PasswordHash::default();
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    if pairs.len() != hash.len() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(hash)
}

/// Whether a name or pattern can stand in a line of rules.
pub fn is_one_word(text: &[u8]) -> bool {
    !text.iter().any(|byte| is_space(*byte) || *byte == 0)
}
