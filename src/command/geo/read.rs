//! Where members are, and how far from each other.
//!
//! Invariant: changes nothing.

use super::{READ_ONE, UNIT, reply_distance, reply_place, unit};
use crate::command::ctx::Ctx;
use crate::command::spec::{Arg, Categories, Command, Flags, Group};
use crate::command::zset::zset;
use crate::resp::Reply;
use crate::resp::errors::{self, Outcome};
use crate::types::geo::Point;

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("geodist", geodist)
        .arity(-4)
        .of(Group::Geo)
        .flags(Flags::READONLY)
        .acl(Categories::GEO)
        .keys(READ_ONE)
        .summary("Returns the distance between two members of a geospatial index.")
        .complexity("O(1)")
        .since("3.2.0")
        .args(&[
            Arg::key("key", 0),
            Arg::string("member1"),
            Arg::string("member2"),
            UNIT.optional(),
        ]),
    Command::new("geohash", geohash)
        .arity(-2)
        .of(Group::Geo)
        .flags(Flags::READONLY)
        .acl(Categories::GEO)
        .keys(READ_ONE)
        .summary("Returns members from a geospatial index as geohash strings.")
        .complexity("O(1) for each member requested.")
        .since("3.2.0")
        .args(&[Arg::key("key", 0), Arg::string("member").optional().multiple()]),
    Command::new("geopos", geopos)
        .arity(-2)
        .of(Group::Geo)
        .flags(Flags::READONLY)
        .acl(Categories::GEO)
        .keys(READ_ONE)
        .summary("Returns the longitude and latitude of members from a geospatial index.")
        .complexity("O(1) for each member requested.")
        .since("3.2.0")
        .args(&[Arg::key("key", 0), Arg::string("member").optional().multiple()]),
];

/// GEODIST key member1 member2 [M | KM | FT | MI]
fn geodist(ctx: &mut Ctx) -> Outcome {
    let (key, from, to) = (ctx.arg(1), ctx.arg(2), ctx.arg(3));
    let meters = match ctx.args.len() {
        4 => 1.0,
        5 => unit(&ctx.args, 4)?,
        _ => return Err(errors::SYNTAX.into()),
    };
    let (db, reply) = ctx.db_and_reply();
    let found = zset(db.read(key))?;
    match found.and_then(|zset| Some((zset.score(from)?, zset.score(to)?))) {
        Some((from, to)) => {
            let distance = Point::of_score(from).distance(Point::of_score(to));
            reply_distance(reply, distance / meters);
        }
        None => reply.null(),
    }
    Ok(())
}

/// GEOHASH key [member [member ...]]
fn geohash(ctx: &mut Ctx) -> Outcome {
    each_place(ctx, |reply, place| match place {
        Some(place) => reply.bulk(&place.geohash()),
        None => reply.null(),
    })
}

/// GEOPOS key [member [member ...]]
fn geopos(ctx: &mut Ctx) -> Outcome {
    each_place(ctx, |reply, place| match place {
        Some(place) => reply_place(reply, place),
        None => reply.null_array(),
    })
}

/// Replies with an array of what `write` makes of each member's place.
fn each_place(ctx: &mut Ctx, write: impl Fn(&mut Reply<'_>, Option<Point>)) -> Outcome {
    let (key, members) = (ctx.arg(1), ctx.args.from(2));
    let (db, reply) = ctx.db_and_reply();
    let found = zset(db.read(key))?;
    reply.array(members.len());
    for member in members {
        let score = found.and_then(|zset| zset.score(member));
        write(reply, score.map(Point::of_score));
    }
    Ok(())
}
