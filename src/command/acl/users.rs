//! All users, and what becomes of clients when they change.
//!
//! Whether a client's user may do everything is a flag of the client, so that the common case costs
//! nothing; it is set anew whenever the client's user changes or is another one.
//!
//! Invariant: no client has a user that is not here.

use super::rule::{Rules, join_selectors};
use super::user::{User, hash};
use crate::command::State;
use crate::command::table::Table;
use crate::session::pubsub::Kind;
use crate::session::{Client, ClientFlags, ClientId, UserId};
use std::collections::BTreeMap;

/// Who a connection is before it says who it is.
pub const DEFAULT_NAME: &[u8] = b"default";

/// All users.
pub struct Users {
    /// By number; the default user is the first, and nobody stands where somebody was deleted.
    slots: Vec<Option<User>>,
    names: BTreeMap<Box<[u8]>, UserId>,
    /// The `requirepass` that the default user got last.
    requirepass: Vec<u8>,
}

impl Users {
    /// The default user alone, who may do everything.
    pub fn new(table: &Table) -> Users {
        let default = Rules { table, all_channels: false }.new_default_user();
        let mut users =
            Users { slots: Vec::new(), names: BTreeMap::new(), requirepass: Vec::new() };
        users.insert(default);
        users
    }

    /// The same users but for those given: with `default` among them, or else with one who may do
    /// everything.
    pub(super) fn replaced(&self, rules: &Rules<'_>, users: Vec<User>) -> Users {
        let mut all = Users::new(rules.table);
        all.requirepass = self.requirepass.clone();
        users.into_iter().for_each(|user| all.insert(user));
        all
    }

    pub fn get(&self, id: UserId) -> &User {
        let user = self.slots.get(id.0 as usize).and_then(Option::as_ref);
        user.expect("the clients of a user go with him")
    }

    pub fn default_user(&self) -> &User {
        self.get(UserId::DEFAULT)
    }

    pub fn find(&self, name: &[u8]) -> Option<UserId> {
        self.names.get(name).copied()
    }

    /// All users in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &User> {
        self.names.values().map(|id| self.get(*id))
    }

    /// Whether nobody needs a password.
    pub fn is_open(&self) -> bool {
        let default = self.default_user();
        default.enabled && default.nopass
    }

    /// The user whom a name and a password open the door for.
    pub fn admitted(&self, name: &[u8], password: &[u8]) -> Option<UserId> {
        let password = hash(password);
        self.find(name).filter(|id| self.get(*id).admits(&password))
    }

    /// Adds a user, or puts him in the place of the one of his name.
    fn insert(&mut self, user: User) {
        let place = match self.find(user.name()) {
            Some(id) => id.0 as usize,
            None => self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len()),
        };
        if place == self.slots.len() {
            self.slots.push(None);
        }
        self.names.insert(user.name().into(), UserId(place as u32));
        self.slots[place] = Some(user);
    }

    fn remove(&mut self, name: &[u8]) -> Option<UserId> {
        let id = self.names.remove(name)?;
        self.slots[id.0 as usize] = None;
        Some(id)
    }

    /// Gives the default user the password of the configuration, if that is a new one.
    fn follow_requirepass(&mut self, requirepass: &[u8]) {
        if self.requirepass == requirepass {
            return;
        }
        self.requirepass = requirepass.to_vec();
        let mut default = self.default_user().clone();
        default.clear_passwords(requirepass.is_empty());
        if !requirepass.is_empty() {
            default.add_password(hash(requirepass));
        }
        self.insert(default);
    }
}

impl State {
    /// What rules refer to.
    pub(super) fn rules(&self) -> Rules<'_> {
        Rules::of(&self.table, &self.config)
    }

    /// ACL SETUSER: changes a user, or makes one.
    ///
    /// # Errors
    /// Why a rule cannot be followed; nothing has changed then.
    pub fn set_user(
        &mut self,
        name: &[u8],
        words: &[&[u8]],
        during: ClientId,
    ) -> Result<(), Vec<u8>> {
        let rules = join_selectors(words).map_err(|index| {
            let head: &[u8] = b"Unmatched parenthesis in acl selector starting at '";
            [head, words[index], b"'."].concat()
        })?;
        let known = self.users.find(name);
        let mut user = match known {
            Some(id) => self.users.get(id).clone(),
            None => self.rules().new_user(name),
        };
        for rule in &rules {
            self.rules().apply(&mut user, rule).map_err(|error| {
                let head: &[u8] = b"Error in ACL SETUSER modifier '";
                [head, rule, format!("': {error}").as_bytes()].concat()
            })?;
        }
        if let Some(id) = known {
            self.hang_up_on_channels(id, &user, during);
        }
        self.users.insert(user);
        self.update_restrictions();
        Ok(())
    }

    /// ACL DELUSER: a user and the connections of his clients; false if there is none of that name.
    pub fn delete_user(&mut self, name: &[u8], during: ClientId) -> bool {
        let Some(gone) = self.users.remove(name) else { return false };
        self.hang_up(|client| client.user == gone, during);
        true
    }

    /// Puts other users in the place of all there are. Only clients of the default user stay.
    pub(super) fn replace_users(&mut self, users: Users, during: ClientId) {
        self.users = users;
        self.hang_up(|client| client.user != UserId::DEFAULT, during);
        self.update_restrictions();
    }

    /// Gives the default user the password of the configuration.
    pub fn apply_requirepass(&mut self) {
        self.users.follow_requirepass(&self.config.requirepass);
        self.update_restrictions();
    }

    /// Makes a client one of that user's, who has said who he is.
    pub fn log_in(&mut self, id: ClientId, user: UserId) {
        self.seat(id, user, true);
    }

    /// Makes a client what every connection begins as.
    pub fn log_out(&mut self, id: ClientId) {
        self.seat(id, UserId::DEFAULT, self.users.is_open());
    }

    fn seat(&mut self, id: ClientId, user: UserId, authenticated: bool) {
        let restricted = !self.users.get(user).may_everything();
        let Some(client) = self.clients.get_mut(id) else { return };
        client.user = user;
        client.flags.set(ClientFlags::AUTHENTICATED, authenticated);
        client.flags.set(ClientFlags::RESTRICTED, restricted);
    }

    fn update_restrictions(&mut self) {
        for client in self.clients.iter_mut() {
            let restricted = !self.users.get(client.user).may_everything();
            client.flags.set(ClientFlags::RESTRICTED, restricted);
        }
    }

    /// Whether connections that are not local are turned away: protected, and no password.
    pub fn protects(&self) -> bool {
        self.config.protected_mode && self.users.default_user().nopass
    }

    /// Closes clients. They have no permissions of their own any more; the one in execution still
    /// gets its reply.
    fn hang_up(&mut self, is_meant: impl Fn(&Client) -> bool, during: ClientId) {
        let meant = self.clients.iter().filter(|client| is_meant(client));
        let meant: Vec<ClientId> = meant.map(|client| client.key).collect();
        for id in meant {
            self.seat(id, UserId::DEFAULT, false);
            self.close_but_reply(id, during);
        }
    }

    fn close_but_reply(&mut self, id: ClientId, during: ClientId) {
        match self.clients.get_mut(id).filter(|_| id == during) {
            Some(client) => client.flags.insert(ClientFlags::CLOSE_AFTER_REPLY),
            None => self.close(id),
        }
    }

    /// Closes clients that listen to what their user, who is about to become `next`, no longer may.
    fn hang_up_on_channels(&mut self, user: UserId, next: &User, during: ClientId) {
        let allowed = next.channels();
        if allowed.include(&self.users.get(user).channels()) {
            return;
        }
        let loses = |client: &Client| {
            [Kind::Pattern, Kind::Channel, Kind::Shard].into_iter().any(|kind| {
                let literally = kind == Kind::Pattern;
                let names = self.pubsub.topics(kind).of(client.key);
                names.iter().any(|name| !allowed.allow(name, literally))
            })
        };
        let clients = self.clients.iter().filter(|client| client.user == user && loses(client));
        let losers: Vec<ClientId> = clients.map(|client| client.key).collect();
        losers.into_iter().for_each(|id| self.close_but_reply(id, during));
    }
}
