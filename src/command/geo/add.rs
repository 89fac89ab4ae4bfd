//! Places added and moved.
//!
//! Invariant: a call whose places are not all on the map changes nothing.

use super::{LATITUDE, LONGITUDE, place};
use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Flags, Group, KeyFlags, KeySpec};
use crate::command::zset::add::{self, Options};
use crate::resp::errors::{self, Outcome};

/// The rows of this file.
pub const COMMANDS: &[Command] = &[Command::new("geoadd", geoadd)
    .arity(-5)
    .of(Group::Geo)
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Categories::GEO)
    .keys(&[KeySpec::at(1).flags(KeyFlags::RW.or(KeyFlags::UPDATE))])
    .summary(
        "Adds one or more members to a geospatial index. The key is created if it doesn't exist.",
    )
    .complexity(
        "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
    )
    .since("3.2.0")
    .history(&[("6.2.0", "Added the `CH`, `NX` and `XX` options.")])
    .args(&[
        Arg::key("key", 0),
        Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
            .since("6.2.0")
            .optional(),
        Arg::word("change", "CH").since("6.2.0").optional(),
        Arg::block("data", &[LONGITUDE, LATITUDE, Arg::string("member")]).multiple(),
    ])];

/// GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]
fn geoadd(ctx: &mut Ctx) -> Outcome {
    let args = ctx.args;
    let (options, first) = options(ctx);
    let places = args.len() - first;
    if places == 0 || !places.is_multiple_of(3) || options.only_new && options.only_old {
        return Err(errors::SYNTAX.into());
    }
    let score = move |at| Ok(place(&args, at)?.score() as f64);
    let places = (first..args.len()).step_by(3);
    add::add(ctx, options, places.map(move |at| (score(at), args.at(at + 2))))
}

/// The options, and where the places begin.
fn options(ctx: &Ctx) -> (Options, usize) {
    let mut options = Options::default();
    for at in 2..ctx.args.len() {
        let flag = match () {
            () if ctx.args.is(at, "nx") => &mut options.only_new,
            () if ctx.args.is(at, "xx") => &mut options.only_old,
            () if ctx.args.is(at, "ch") => &mut options.count_changes,
            () => return (options, at),
        };
        *flag = true;
    }
    (options, ctx.args.len())
}
