//! The ACL family: users shown and changed.
//!
//! Invariant: passwords leave as their hashes only.

use super::selector::{Call, Denied, Selector};
use super::user::{hex, is_one_word};
use super::users::DEFAULT_NAME;
use crate::base::sys;
use crate::command::Ctx;
use crate::command::help::reply_help;
use crate::command::spec::Categories;
use crate::observe::AclEntry;
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome, Reject};

/// Bits of a password of ACL GENPASS, and how many there can be.
const GENPASS_BITS: i64 = 256;
const GENPASS_BITS_MAX: i64 = 4096;
/// Entries that ACL LOG replies unless asked for another number.
const LOG_COUNT: i64 = 10;

/// ACL CAT [category]
pub fn cat(ctx: &mut Ctx) -> Outcome {
    let Some(name) = optional(ctx)? else {
        ctx.reply.array(Categories::NAMES.len());
        Categories::NAMES.iter().for_each(|(_, name)| ctx.reply.bulk(&name.as_bytes()[1..]));
        return Ok(());
    };
    let category = Categories::named(name).ok_or_else(|| errors::unknown_category(name))?;
    let header = ctx.reply.deferred();
    let rows = ctx.state.table.iter().map(|(_, row)| row);
    let mut count = 0;
    for row in rows.filter(|row| row.command.categories().has(category)) {
        ctx.reply.bulk(row.full_name().as_bytes());
        count += 1;
    }
    ctx.reply.close_array(header, count);
    Ok(())
}

/// The one argument that a subcommand can have.
fn optional<'a>(ctx: &Ctx<'a>) -> Result<Option<&'a [u8]>, Reject> {
    match ctx.args.len() {
        2 | 3 => Ok(ctx.args.get(2)),
        _ => Err(errors::subcommand_syntax(ctx.arg(0), ctx.arg(1))),
    }
}

/// ACL DELUSER username [username ...]
pub fn deluser(ctx: &mut Ctx) -> Outcome {
    if ctx.args.from(2).any(|name| name == DEFAULT_NAME) {
        return Err(errors::DEFAULT_USER_STAYS.into());
    }
    let mut deleted = 0;
    for name in ctx.args.from(2) {
        deleted += i64::from(ctx.state.delete_user(name, ctx.id));
    }
    ctx.reply.integer(deleted);
    Ok(())
}

/// ACL DRYRUN username command [arg [arg ...]]
pub fn dryrun(ctx: &mut Ctx) -> Outcome {
    let (name, call) = (ctx.arg(2), ctx.args.after(3));
    let (users, table) = (&ctx.state.users, &ctx.state.table);
    let user = users.get(users.find(name).ok_or_else(|| errors::user_not_found(name))?);
    let id = table.resolve(call.at(0), call.get(1));
    let id = id.ok_or_else(|| errors::command_not_found(call.at(0)))?;
    let row = table.row(id);
    if !row.command.accepts(call.len()) {
        return Err(errors::wrong_arity(row.full_name()));
    }
    let (verb, object, what): (&[u8], &[u8], &[u8]) =
        match user.check(&Call::new(id, row.command, call)) {
            Ok(()) => {
                ctx.reply.ok();
                return Ok(());
            }
            Err(Denied::Command) => (b"run", row.full_name().as_bytes(), b"command"),
            Err(Denied::Key(index)) => (b"access", call.at(index), b"key"),
            Err(Denied::Channel(index)) => (b"access", call.at(index), b"channel"),
        };
    let head: &[u8] = b" has no permissions to ";
    ctx.reply.bulk(&[b"User ", user.name(), head, verb, b" the '", object, b"' ", what].concat());
    Ok(())
}

/// ACL GENPASS [bits]
pub fn genpass(ctx: &mut Ctx) -> Outcome {
    let bits = match optional(ctx)? {
        None => GENPASS_BITS,
        Some(_) => ctx.args.int(2)?,
    };
    if !(1..=GENPASS_BITS_MAX).contains(&bits) {
        return Err(errors::GENPASS_BITS.into());
    }
    let digits = bits.unsigned_abs().div_ceil(4) as usize;
    let mut bytes = vec![0; digits.div_ceil(2)];
    sys::random_bytes(&mut bytes);
    ctx.reply.bulk(&hex(&bytes).as_bytes()[..digits]);
    Ok(())
}

/// ACL GETUSER username
pub fn getuser(ctx: &mut Ctx) -> Outcome {
    let users = &ctx.state.users;
    let Some(user) = users.find(ctx.args.at(2)).map(|id| users.get(id)) else {
        ctx.reply.null();
        return Ok(());
    };
    let reply = &mut ctx.reply;
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.passwords().len());
    user.passwords().iter().for_each(|hash| reply.bulk(hex(hash).as_bytes()));
    reply_selector(reply, &user.root);
    reply.bulk(b"selectors");
    reply.array(user.selectors.len());
    for selector in &user.selectors {
        reply.map(3);
        reply_selector(reply, selector);
    }
    Ok(())
}

/// Three fields of a map.
fn reply_selector(reply: &mut Reply<'_>, selector: &Selector) {
    for (name, rules) in [
        (&b"commands"[..], selector.commands.rules().collect()),
        (b"keys", selector.key_rules()),
        (b"channels", selector.channel_rules()),
    ] {
        reply.bulk(name);
        reply.bulk(&rules.join(&b' '));
    }
}

/// ACL LIST
pub fn list(ctx: &mut Ctx) -> Outcome {
    let users = ctx.state.users.iter();
    ctx.reply.array(users.len());
    users.for_each(|user| ctx.reply.bulk(&user.describe()));
    Ok(())
}

/// ACL LOAD
pub fn load(ctx: &mut Ctx) -> Outcome {
    needs_file(ctx)?;
    ctx.state.load_acl_file(ctx.id).map_err(|errors| format!("ERR {errors}"))?;
    ctx.reply.ok();
    Ok(())
}

/// ACL SAVE
pub fn save(ctx: &mut Ctx) -> Outcome {
    needs_file(ctx)?;
    ctx.state.save_acl_file().map_err(|failure| {
        log::warn!("ACL SAVE: {failure}");
        errors::ACL_NOT_SAVED
    })?;
    ctx.reply.ok();
    Ok(())
}

fn needs_file(ctx: &Ctx) -> Outcome {
    if ctx.state.config.aclfile.is_empty() { Err(errors::NO_ACL_FILE.into()) } else { Ok(()) }
}

/// ACL LOG [count | RESET]
pub fn log(ctx: &mut Ctx) -> Outcome {
    let count = match optional(ctx)? {
        None => LOG_COUNT,
        Some(word) if word.eq_ignore_ascii_case(b"reset") => {
            ctx.state.acl_log.clear();
            ctx.reply.ok();
            return Ok(());
        }
        Some(_) => ctx.args.int(2)?.max(0),
    };
    let now_ms = ctx.state.clock.unix_ms();
    let entries = ctx.state.acl_log.entries();
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(entries.len());
    ctx.reply.array(count);
    entries.take(count).for_each(|entry| reply_entry(&mut ctx.reply, entry, now_ms));
    Ok(())
}

fn reply_entry(reply: &mut Reply<'_>, entry: &AclEntry, now_ms: i64) {
    let denial = &entry.denial;
    reply.map(10);
    reply.bulk(b"count");
    reply.integer(entry.count as i64);
    for (name, text) in [
        (&b"reason"[..], denial.reason.name().as_bytes()),
        (b"context", denial.context.name().as_bytes()),
        (b"object", &denial.object),
        (b"username", &denial.user),
    ] {
        reply.bulk(name);
        reply.bulk(text);
    }
    reply.bulk(b"age-seconds");
    reply.double((now_ms - entry.updated_ms) as f64 / 1000.0);
    reply.bulk(b"client-info");
    reply.bulk(entry.client.as_bytes());
    for (name, number) in [
        (&b"entry-id"[..], entry.id as i64),
        (b"timestamp-created", entry.created_ms),
        (b"timestamp-last-updated", entry.updated_ms),
    ] {
        reply.bulk(name);
        reply.integer(number);
    }
}

/// ACL SETUSER username [rule [rule ...]]
pub fn setuser(ctx: &mut Ctx) -> Outcome {
    let name = ctx.arg(2);
    if !is_one_word(name) {
        return Err(errors::USER_NAME_INVALID.into());
    }
    let rules: Vec<&[u8]> = ctx.args.from(3).collect();
    ctx.state.set_user(name, &rules, ctx.id).map_err(|error| [b"ERR ", &*error].concat())?;
    ctx.reply.ok();
    Ok(())
}

/// ACL USERS
pub fn users(ctx: &mut Ctx) -> Outcome {
    let users = ctx.state.users.iter();
    ctx.reply.array(users.len());
    users.for_each(|user| ctx.reply.bulk(user.name()));
    Ok(())
}

/// ACL WHOAMI
pub fn whoami(ctx: &mut Ctx) -> Outcome {
    let user = ctx.client().user;
    ctx.reply.bulk(ctx.state.users.get(user).name());
    Ok(())
}

/// ACL HELP
pub fn help(ctx: &mut Ctx) -> Outcome {
    reply_help(ctx, HELP);
    Ok(())
}

const HELP: &[&str] = &[
    "CAT [<category>]",
    "    List all commands that belong to <category>, or all command categories",
    "    when no category is specified.",
    "DELUSER <username> [<username> ...]",
    "    Delete a list of users.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Returns whether the user can execute the given command without executing the command.",
    "GETUSER <username>",
    "    Get the user's details.",
    "GENPASS [<bits>]",
    "    Generate a secure 256-bit user password. The optional `bits` argument can",
    "    be used to specify a different size.",
    "LIST",
    "    Show users details in config file format.",
    "LOAD",
    "    Reload users from the ACL file.",
    "LOG [<count> | RESET]",
    "    Show the ACL log entries.",
    "SAVE",
    "    Save the current config to the ACL file.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Create or modify a user with the specified attributes.",
    "USERS",
    "    List all the registered usernames.",
    "WHOAMI",
    "    Return the current connection username.",
];
