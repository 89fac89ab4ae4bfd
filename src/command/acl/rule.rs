//! The rules of ACL SETUSER, of `user` lines and of ACL files: one word each, but for selectors, which
//! are rules in parentheses.
//!
//! Commands go by their own names, whatever `rename-command` made of them.
//!
//! Invariant: a rule that is refused may have changed the user that it was tried on; callers try
//! rules on a copy.

use super::selector::{Access, KeyPattern, Patterns, Selector};
use super::user::{User, hash, is_one_word, unhex};
use crate::base::text::{split_args, until_nul};
use crate::command::spec::Categories;
use crate::command::table::Table;
use crate::config::{AclPubsubDefault, Config};
use std::borrow::Cow;
use std::fmt;

/// What rules refer to.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub table: &'a Table,
    /// `acl-pubsub-default`: whether a new selector allows all channels.
    pub all_channels: bool,
}

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    Unknown,
    Syntax,
    KeysAfterAll,
    ChannelsAfterAll,
    NoSuchPassword,
    BadHash,
    FirstArgOfSubcommand,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RuleError::Unknown => "Unknown command or category name in ACL",
            RuleError::Syntax => "Syntax error",
            RuleError::KeysAfterAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and \
                 does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            RuleError::ChannelsAfterAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid \
                 and does not have any effect. Try 'resetchannels' to start with an empty list of \
                 channels"
            }
            RuleError::NoSuchPassword => {
                "The password you are trying to remove from the user does not exist"
            }
            RuleError::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase \
                 hexadecimal characters"
            }
            RuleError::FirstArgOfSubcommand => {
                "Allowing first-arg of a subcommand is not supported"
            }
        })
    }
}

impl<'a> Rules<'a> {
    /// Rules as the configuration has it.
    pub fn of(table: &'a Table, config: &Config) -> Rules<'a> {
        let all_channels = config.acl_pubsub_default == AclPubsubDefault::AllChannels;
        Rules { table, all_channels }
    }

    /// A user as ACL SETUSER makes him without any rule.
    pub fn new_user(&self, name: &[u8]) -> User {
        User::new(name, self.new_selector())
    }

    fn new_selector(&self) -> Selector {
        Selector::new(self.table.len(), self.all_channels)
    }

    /// The default user of a server that nobody configured, who may do everything.
    pub fn new_default_user(&self) -> User {
        let mut user = self.new_user(super::users::DEFAULT_NAME);
        user.enabled = true;
        user.clear_passwords(true);
        user.root.commands.set_all(true);
        (user.root.keys, user.root.channels) = (Patterns::All, Patterns::All);
        user
    }

    /// Follows one rule.
    ///
    /// # Errors
    /// The user may have changed then.
    pub fn apply(&self, user: &mut User, rule: &[u8]) -> Result<(), RuleError> {
        match until_nul(rule).to_ascii_lowercase().as_slice() {
            _ if rule.is_empty() => {}
            b"on" => user.enabled = true,
            b"off" => user.enabled = false,
            b"skip-sanitize-payload" => user.skips_sanitizing = true,
            b"sanitize-payload" => user.skips_sanitizing = false,
            b"nopass" => user.clear_passwords(true),
            b"resetpass" => user.clear_passwords(false),
            b"clearselectors" => user.selectors.clear(),
            b"reset" => *user = self.new_user(user.name()),
            _ => return self.apply_other(user, rule),
        }
        Ok(())
    }

    /// Rules whose first letter says what they are.
    fn apply_other(&self, user: &mut User, rule: &[u8]) -> Result<(), RuleError> {
        let of_text = |text: &[u8]| unhex(text).ok_or(RuleError::BadHash);
        let known = |removed| if removed { Ok(()) } else { Err(RuleError::NoSuchPassword) };
        match (rule[0], &rule[1..]) {
            (b'>', password) => user.add_password(hash(password)),
            (b'#', text) => user.add_password(of_text(text)?),
            (b'<', password) => known(user.remove_password(&hash(password)))?,
            (b'!', text) => known(user.remove_password(&of_text(text)?))?,
            (b'(', [rules @ .., b')']) => user.selectors.push(self.selector(rules)?),
            _ => self.apply_to(&mut user.root, rule)?,
        }
        Ok(())
    }

    /// A selector from the rules between its parentheses.
    fn selector(&self, rules: &[u8]) -> Result<Selector, RuleError> {
        let mut selector = self.new_selector();
        for rule in split_args(rules).ok_or(RuleError::Syntax)? {
            self.apply_to(&mut selector, &rule)?;
        }
        Ok(selector)
    }

    /// Follows a rule that concerns a selector.
    fn apply_to(&self, selector: &mut Selector, rule: &[u8]) -> Result<(), RuleError> {
        match until_nul(rule).to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => selector.keys = Patterns::All,
            b"resetkeys" => selector.keys = Patterns::NONE,
            b"allchannels" | b"&*" => selector.channels = Patterns::All,
            b"resetchannels" => selector.channels = Patterns::NONE,
            b"allcommands" | b"+@all" => selector.commands.set_all(true),
            b"nocommands" | b"-@all" => selector.commands.set_all(false),
            [b'~' | b'%', ..] => add_keys(selector, rule)?,
            [b'&', ..] => add_channels(selector, &rule[1..])?,
            [sign @ (b'+' | b'-'), b'@', category @ ..] => {
                self.set_category(selector, *sign == b'+', category)?;
            }
            [b'+', ..] => self.allow(selector, &until_nul(rule)[1..])?,
            [b'-', ..] => self.set_command(selector, false, &until_nul(rule)[1..])?,
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    /// `+@category` and `-@category`
    fn set_category(
        &self,
        selector: &mut Selector,
        allow: bool,
        name: &[u8],
    ) -> Result<(), RuleError> {
        let category = Categories::named(name).ok_or(RuleError::Unknown)?;
        for (id, row) in self.table.iter() {
            if row.command.categories().has(category) {
                // A container stands for all that it contains.
                selector.commands.set(id, allow);
                row.children.iter().for_each(|child| selector.commands.set(*child, allow));
            }
        }
        selector.commands.note_rule(allow, &[b"@", name].concat());
        Ok(())
    }

    /// `+command`, `-command` and the same with `|subcommand`
    fn set_command(
        &self,
        selector: &mut Selector,
        allow: bool,
        name: &[u8],
    ) -> Result<(), RuleError> {
        let id = self.table.original(name).ok_or(RuleError::Unknown)?;
        let row = self.table.row(id);
        selector.commands.set(id, allow);
        row.children.iter().for_each(|child| selector.commands.set(*child, allow));
        selector.commands.note_rule(allow, row.full_name().as_bytes());
        Ok(())
    }

    /// `+command`, `+command|subcommand` and `+command|first-argument`
    fn allow(&self, selector: &mut Selector, name: &[u8]) -> Result<(), RuleError> {
        let Some(bar) = name.iter().rposition(|byte| *byte == b'|') else {
            return self.set_command(selector, true, name);
        };
        let (command, arg) = (&name[..bar], &name[bar + 1..]);
        let id = self.table.original(command).ok_or(RuleError::Unknown)?;
        let row = self.table.row(id);
        if row.parent.is_some() {
            return Err(RuleError::FirstArgOfSubcommand);
        }
        // An argument with a blank could not be written down again.
        if arg.is_empty() || !is_one_word(arg) {
            return Err(RuleError::Syntax);
        }
        if !row.children.is_empty() {
            return self.set_command(selector, true, name);
        }
        log::warn!(
            "Deprecation warning: Allowing a first arg of an otherwise blocked command is a misuse of ACL and may \
             get disabled in the future (offender: +{})",
            String::from_utf8_lossy(name)
        );
        selector.commands.allow_first_arg(id, arg);
        selector.commands.note_rule(true, name);
        Ok(())
    }
}

/// `~pattern`, `%R~pattern`, `%W~pattern` and `%RW~pattern`
fn add_keys(selector: &mut Selector, rule: &[u8]) -> Result<(), RuleError> {
    let Patterns::Some(patterns) = &mut selector.keys else {
        return Err(RuleError::KeysAfterAll);
    };
    let (access, pattern) = match rule {
        [b'%', rest @ ..] => key_access(rest).ok_or(RuleError::Syntax)?,
        _ => (Access::BOTH, &rule[1..]),
    };
    if !is_one_word(pattern) {
        return Err(RuleError::Syntax);
    }
    match patterns.iter_mut().find(|known| *known.pattern == *pattern) {
        Some(known) => known.access = known.access.and(access),
        None => patterns.push(KeyPattern { access, pattern: pattern.into() }),
    }
    Ok(())
}

/// What stands between `%` and `~`, each letter once, and what follows.
fn key_access(rule: &[u8]) -> Option<(Access, &[u8])> {
    let mut access = Access::default();
    for (index, letter) in rule.iter().enumerate() {
        match letter.to_ascii_uppercase() {
            b'R' if !access.read => access.read = true,
            b'W' if !access.write => access.write = true,
            b'~' if access != Access::default() => return Some((access, &rule[index + 1..])),
            _ => return None,
        }
    }
    None
}

/// `&pattern`
fn add_channels(selector: &mut Selector, pattern: &[u8]) -> Result<(), RuleError> {
    let Patterns::Some(patterns) = &mut selector.channels else {
        return Err(RuleError::ChannelsAfterAll);
    };
    if !is_one_word(pattern) {
        return Err(RuleError::Syntax);
    }
    if !patterns.iter().any(|known| **known == *pattern) {
        patterns.push(pattern.into());
    }
    Ok(())
}

/// Joins the words of selectors that were cut at blanks.
///
/// # Errors
/// The index of the word with the parenthesis that nothing closes.
pub fn join_selectors<'a>(words: &[&'a [u8]]) -> Result<Vec<Cow<'a, [u8]>>, usize> {
    let mut rules = Vec::with_capacity(words.len());
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (index, &word) in words.iter().enumerate() {
        let closes = word.ends_with(b")");
        match &mut open {
            Some((_, selector)) => {
                selector.push(b' ');
                selector.extend_from_slice(word);
                if closes {
                    rules.extend(open.take().map(|(_, selector)| Cow::Owned(selector)));
                }
            }
            None if word.starts_with(b"(") && !closes => open = Some((index, word.to_vec())),
            None => rules.push(Cow::Borrowed(word)),
        }
    }
    match open {
        Some((index, _)) => Err(index),
        None => Ok(rules),
    }
}
