//! Access control: users, what they may do, and the ACL family of commands.
//!
//! | file | owns |
//! |---|---|
//! | [`selector`] | commands, keys and channels that go together, and the decision about a call |
//! | [`commands`] | a bit for each row of the command table |
//! | [`user`] | passwords and selectors |
//! | [`rule`] | the rules that change a user |
//! | [`users`] | all users, and what becomes of clients when they change |
//! | [`gate`] | the question before every call |
//! | [`file`] | users in the configuration and in a file of their own |
//! | [`handlers`] | the commands |
//!
//! Rules name commands and categories, which only the command table knows; so users live here and not
//! with the sessions, which know them by number.
//!
//! Invariant: what a user may do is decided in [`gate`] and, where a command reads keys that no
//! argument names, by that command's question to it.

mod commands;
mod file;
mod gate;
mod handlers;
mod rule;
mod selector;
#[cfg(test)]
mod tests;
mod user;
mod users;

pub use file::check_lines;
pub use gate::{gate, gate_in_exec, may_call, note_failed_login, reads_any_key};
pub use rule::{RuleError, Rules, join_selectors};
pub use user::{User, hex};
pub use users::{DEFAULT_NAME, Users};

use super::spec::{Arg, Command, Flags, Group};

/// The rows of this group.
pub const COMMANDS: &[Command] = &[Command::group("acl", ACL)
    .arity(-2)
    .of(Group::Server)
    .summary("A container for Access List Control commands.")
    .complexity("Depends on subcommand.")
    .since("6.0.0")];

const ANYTIME: Flags = Flags::NOSCRIPT.or(Flags::LOADING).or(Flags::STALE);
const ADMIN: Flags = ANYTIME.or(Flags::ADMIN);

const ACL: &[Command] = &[
    Command::new("cat", handlers::cat)
        .arity(-2)
        .of(Group::Server)
        .flags(ANYTIME)
        .summary("Lists the ACL categories, or the commands inside a category.")
        .complexity("O(1) since the categories and commands are a fixed set.")
        .since("6.0.0")
        .args(&[Arg::string("category").optional()]),
    Command::new("deluser", handlers::deluser)
        .arity(-3)
        .of(Group::Server)
        .flags(ADMIN)
        .summary("Deletes ACL users, and terminates their connections.")
        .complexity("O(1) amortized time considering the typical user.")
        .since("6.0.0")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[Arg::string("username").multiple()]),
    Command::new("dryrun", handlers::dryrun)
        .arity(-4)
        .of(Group::Server)
        .flags(ADMIN)
        .summary("Simulates the execution of a command by a user, without executing the command.")
        .complexity("O(1).")
        .since("7.0.0")
        .args(&[Arg::string("username"), Arg::string("command"), Arg::string("arg").optional().multiple()]),
    Command::new("genpass", handlers::genpass)
        .arity(-2)
        .of(Group::Server)
        .flags(ANYTIME)
        .summary("Generates a pseudorandom, secure password that can be used to identify ACL users.")
        .complexity("O(1)")
        .since("6.0.0")
        .args(&[Arg::int("bits").optional()]),
    Command::new("getuser", handlers::getuser)
        .arity(3)
        .of(Group::Server)
        .flags(ADMIN)
        .summary("Lists the ACL rules of a user.")
        .complexity("O(N). Where N is the number of password, command and pattern rules that the user has.")
        .since("6.0.0")
        .history(&[("6.2.0", "Added Pub/Sub channel patterns."), ("7.0.0", "Added selectors and changed the format of key and channel patterns from a list to their rule representation.")])
        .args(&[Arg::string("username")]),
    Command::new("help", handlers::help)
        .arity(2)
        .of(Group::Server)
        .flags(Flags::LOADING.or(Flags::STALE))
        .summary("Returns helpful text about the different subcommands.")
        .complexity("O(1)")
        .since("6.0.0"),
    Command::new("list", handlers::list)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN)
        .summary("Dumps the effective rules in ACL file format.")
        .complexity("O(N). Where N is the number of configured users.")
        .since("6.0.0"),
    Command::new("load", handlers::load)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN)
        .summary("Reloads the rules from the configured ACL file.")
        .complexity("O(N). Where N is the number of configured users.")
        .since("6.0.0"),
    Command::new("log", handlers::log)
        .arity(-2)
        .of(Group::Server)
        .flags(ADMIN)
        .summary("Lists recent security events generated due to ACL rules.")
        .complexity("O(N) with N being the number of entries shown.")
        .since("6.0.0")
        .history(&[("7.2.0", "Added entry ID, timestamp created, and timestamp last updated.")])
        .args(&[Arg::one_of("operation", &[Arg::int("count"), Arg::word("reset", "RESET")]).optional()]),
    Command::new("save", handlers::save)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN)
        .summary("Saves the effective ACL rules in the configured ACL file.")
        .complexity("O(N). Where N is the number of configured users.")
        .since("6.0.0")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    Command::new("setuser", handlers::setuser)
        .arity(-3)
        .of(Group::Server)
        .flags(ADMIN)
        .summary("Creates and modifies an ACL user and its rules.")
        .complexity("O(N). Where N is the number of rules provided.")
        .since("6.0.0")
        .history(&[("6.2.0", "Added Pub/Sub channel patterns."), ("7.0.0", "Added selectors and key based permissions.")])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .args(&[Arg::string("username"), Arg::string("rule").optional().multiple()]),
    Command::new("users", handlers::users)
        .arity(2)
        .of(Group::Server)
        .flags(ADMIN)
        .summary("Lists all ACL users.")
        .complexity("O(N). Where N is the number of configured users.")
        .since("6.0.0"),
    Command::new("whoami", handlers::whoami)
        .arity(2)
        .of(Group::Server)
        .flags(ANYTIME)
        .summary("Returns the authenticated username of the current connection.")
        .complexity("O(1)")
        .since("6.0.0"),];
