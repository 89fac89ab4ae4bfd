//! Where users come from when the server starts: the configuration's `user` lines, or a file of such
//! lines that ACL SAVE writes and ACL LOAD reads.
//!
//! Invariant: a file with a mistake changes nothing.

use super::rule::{RuleError, Rules, join_selectors};
use super::user::{User, is_one_word};
use super::users::DEFAULT_NAME;
use crate::base::sys::error_text;
use crate::base::text::repr;
use crate::clerk::{Failure, files};
use crate::command::State;
use crate::config::{Exit, Location, UserLine};
use crate::session::ClientId;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a file of users; a longer one is none.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The client in execution while the server starts.
const NOBODY: ClientId = ClientId { slot: u32::MAX, generation: u32::MAX };
const NOTHING_CHANGED: &str = "WARNING: ACL errors detected, no change to the previously active ACL \
                               rules was performed";

/// Looks for mistakes in the configuration's users, before anything else is started. Commands that do
/// not exist are told later, by [`State::load_users`].
///
/// # Errors
/// The first mistake, with its line.
pub fn check_lines(lines: &[UserLine], rules: &Rules<'_>) -> Result<(), Exit> {
    for (index, line) in lines.iter().enumerate() {
        let refused = |what: &[u8], reason: &str| {
            let what = String::from_utf8_lossy(what);
            let reason = format!("Error in user declaration '{what}': {reason}");
            Err(Exit::bad_directive(&without_passwords(&line.location), &reason))
        };
        if lines[..index].iter().any(|other| other.name == line.name) {
            let reason = "Duplicate user found. A user can only be defined once in config files";
            return refused(&line.name, reason);
        }
        let words: Vec<&[u8]> = line.rules.iter().map(Vec::as_slice).collect();
        let joined = match join_selectors(&words) {
            Ok(joined) => joined,
            Err(index) => return refused(words[index], "Unmatched parenthesis in acl selector"),
        };
        let mut user = rules.new_user(&line.name);
        for rule in &joined {
            match rules.apply(&mut user, rule) {
                Ok(()) | Err(RuleError::Unknown) => {}
                Err(error) => return refused(&shown(rule), &error.to_string()),
            }
        }
    }
    Ok(())
}

/// A line as messages may quote it.
fn without_passwords(location: &Location) -> Location {
    let words = location.text.split(' ').map(|word| shown(word.as_bytes()).into_owned());
    let text = words.collect::<Vec<_>>().join(&b' ');
    Location { text: String::from_utf8_lossy(&text).into_owned(), ..location.clone() }
}

/// A rule as messages may quote it: without a password.
fn shown(rule: &[u8]) -> Cow<'_, [u8]> {
    let is_password = |byte: &u8| matches!(byte, b'>' | b'<');
    match rule.iter().find(|byte| !matches!(byte, b'"' | b'\'')).is_some_and(is_password) {
        true => Cow::Borrowed(&b">(redacted)"[..]),
        false => Cow::Borrowed(rule),
    }
}

impl State {
    /// Makes the users of the configuration's lines, or of the file it names.
    ///
    /// # Errors
    /// Why the server cannot start.
    pub fn load_users(&mut self, lines: &[UserLine]) -> Result<(), String> {
        if !self.config.aclfile.is_empty() && !lines.is_empty() {
            return Err("Configuring Redis with users defined in redis.conf and at the same setting an ACL file \
                        path is invalid. This setup is very likely to lead to configuration errors and security \
                        holes, please define either an ACL file or declare users directly in your redis.conf, but \
                        not both."
                .into());
        }
        for line in lines {
            self.make_user(line)
                .inspect_err(|error| log::warn!("{error}"))
                .map_err(|_| "Critical error while loading ACLs. Exiting.")?;
        }
        if self.config.aclfile.is_empty() {
            return Ok(());
        }
        self.load_acl_file(NOBODY)
            .map_err(|errors| format!("Aborting Redis startup because of ACL errors: {errors}"))
    }

    /// The lines that make all users at the next start, where no file does.
    pub fn user_lines(&self) -> Vec<String> {
        if !self.config.aclfile.is_empty() {
            return Vec::new();
        }
        self.users.iter().map(directive).collect()
    }

    /// Makes a user of a line of the configuration. The default user begins anew.
    fn make_user(&mut self, line: &UserLine) -> Result<(), String> {
        if !is_one_word(&line.name) {
            return Err("Spaces not allowed in ACL usernames".into());
        }
        let name = String::from_utf8_lossy(&line.name);
        let mut words: Vec<&[u8]> = line.rules.iter().map(Vec::as_slice).collect();
        if line.name == DEFAULT_NAME {
            words.insert(0, b"reset");
        }
        self.set_user(&line.name, &words, NOBODY).map_err(|error| {
            format!("Error loading the user named '{name}': {}", String::from_utf8_lossy(&error))
        })?;
        let user = self.users.find(&line.name).map(|id| self.users.get(id));
        if user.is_some_and(|user| !user.enabled) {
            log::info!(
                "The user '{name}' is disabled (there is no 'on' modifier in the user description). Make sure this \
                 is not a configuration error."
            );
        }
        Ok(())
    }

    /// ACL LOAD: the users of the file are all there are then.
    ///
    /// # Errors
    /// All that is wrong with the file.
    pub fn load_acl_file(&mut self, during: ClientId) -> Result<(), String> {
        let path = &self.config.aclfile;
        let text = read(Path::new(path)).map_err(|error| {
            format!("Error loading ACLs, opening file '{path}': {}", error_text(&error))
        })?;
        let users = parse(&text, path, &self.rules())?;
        let users = self.users.replaced(&self.rules(), users);
        self.replace_users(users, during);
        Ok(())
    }

    /// ACL SAVE: puts a file with all users in the place of the one there is.
    ///
    /// # Errors
    /// The old file stands there then, unless only its directory could not be synced.
    pub fn save_acl_file(&self) -> Result<(), Failure> {
        let mut text = Vec::new();
        for user in self.users.iter() {
            text.extend_from_slice(&user.describe());
            text.push(b'\n');
        }
        files::replace(Path::new(&self.config.aclfile), &text)
    }
}

/// The line of the configuration that makes a user. A rule that would not be read as it is stands in
/// quotes.
fn directive(user: &User) -> String {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !b"\"'".contains(byte);
    let word = |rule: Vec<u8>| match String::from_utf8(rule) {
        Ok(rule) if rule.bytes().all(|byte| is_plain(&byte)) => rule,
        Ok(rule) => repr(rule.as_bytes()),
        Err(rule) => repr(rule.as_bytes()),
    };
    let words = [b"user".to_vec(), user.name().to_vec()].into_iter().chain(user.rules());
    words.map(word).collect::<Vec<_>>().join(" ")
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    match read as u64 > FILE_BYTES_MAX {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(text),
    }
}

/// The users of a file, in the order of its lines.
///
/// # Errors
/// All mistakes in one line of text, as Redis puts it.
fn parse(text: &[u8], path: &str, rules: &Rules<'_>) -> Result<Vec<User>, String> {
    let (mut users, mut errors) = (Vec::<User>::new(), String::new());
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let number = index + 1;
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let [b"user", name, words @ ..] = words.as_slice() else {
            errors += &format!(
                "{path}:{number} should start with user keyword followed by the username. "
            );
            continue;
        };
        let shown = String::from_utf8_lossy(name);
        if !is_one_word(name) {
            errors +=
                &format!("'{path}:{number}: username '{shown}' contains invalid characters. ");
        } else if users.iter().any(|user| user.name() == *name) {
            errors += &format!("WARNING: Duplicate user '{shown}' found on line {number}. ");
        } else {
            let mut user = rules.new_user(name);
            apply(&mut user, words, rules, &format!("{path}:{number}: "), &mut errors);
            users.push(user);
        }
    }
    if errors.is_empty() { Ok(users) } else { Err(errors + NOTHING_CHANGED) }
}

/// Follows the rules of one line. Commands that do not exist are told all, of other mistakes only the
/// first: what follows it may be no more than its consequence.
fn apply(user: &mut User, words: &[&[u8]], rules: &Rules<'_>, place: &str, errors: &mut String) {
    let Ok(joined) = join_selectors(words) else {
        *errors += &format!("{place}Unmatched parenthesis in selector definition.");
        return;
    };
    let mut told = false;
    for rule in &joined {
        match rules.apply(user, rule.trim_ascii()) {
            Ok(()) => {}
            Err(error @ RuleError::Unknown) => {
                let rule = String::from_utf8_lossy(rule);
                *errors += &format!("{place}Error in applying operation '{rule}': {error}. ");
            }
            Err(error) if !told => {
                *errors += &format!("{place}{error}. ");
                told = true;
            }
            Err(_) => {}
        }
    }
}
