//! ZSCAN.
//!
//! Invariant: options are read only when there is something to scan, as in Redis.

use super::{READ_ONE, zset};
use crate::base::num;
use crate::command::ctx::Ctx;
use crate::command::scan::{self, Extra, Found, Options};
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::resp::errors::Outcome;
use crate::types::zset::ZsetRef;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[Command::new("zscan", zscan)
    .arity(-3)
    .of(Group::SortedSet)
    .flags(Flags::READONLY)
    .acl(Categories::SORTEDSET)
    .keys(READ_ONE)
    .summary("Iterates over members and scores of a sorted set.")
    .complexity(
        "O(1) for every call. O(N) for a complete iteration, including enough \
         command calls for the cursor to return back to 0. N is the number of \
         elements inside the collection.",
    )
    .since("2.8.0")
    .history(&[("8.0.0", "Added the `NOSCORES` option.")])
    .tips(&["nondeterministic_output"])
    .args(&[
        Arg::key("key", 0),
        Arg::int("cursor"),
        Arg::pattern("pattern").token("MATCH").optional(),
        Arg::int("count").token("COUNT").optional(),
        Arg::word("noscores", "NOSCORES").since("8.0.0").optional(),
    ])];

/// ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]
fn zscan(ctx: &mut Ctx) -> Outcome {
    let key = ctx.arg(1);
    let cursor = scan::cursor(&ctx.args, 2)?;
    let args = ctx.args;
    let (db, reply) = ctx.db_and_reply();
    let Some(zset) = zset(db.read(key))? else {
        scan::reply(reply, |_| 0);
        return Ok(());
    };
    let options = Options::parse(&args, 3, Extra::Bare("noscores"))?;
    scan::reply(reply, |found| {
        zset.scan(cursor, options.count, |member, score| {
            if options.matches(member) {
                found.push(member);
                if !options.bare {
                    push_score(found, zset, score);
                }
            }
        })
    });
    Ok(())
}

/// A score is shown as it stands in a listpack, and in all its digits from anywhere else.
fn push_score(found: &mut Found<'_>, zset: ZsetRef<'_>, score: f64) {
    match zset {
        ZsetRef::Packed(_) => found.push(num::format_f64(score).as_bytes()),
        ZsetRef::Tree(_) => found.push(num::format_g17(score).as_bytes()),
    }
}
