//! Members within a shape, replied or stored.
//!
//! Invariant: what is found is borrowed from the sorted set; a destination is written after the last
//! of it was read.

use super::query::{Form, Order, Origin, Query, Store, Stored};
use super::{LATITUDE, LONGITUDE, READ_ONE, UNIT, reply_distance, reply_place};
use crate::command::ctx::Ctx;
use crate::command::item::reply_item;
use crate::command::spec::{
    Arg, BeginSearch, Categories, Command, FindKeys, Flags, Group, KeyFlags, KeySpec,
};
use crate::command::zset::{store, zset};
use crate::ds::listpack::Item;
use crate::resp::Reply;
use crate::resp::errors::Outcome;
use crate::types::geo::{self, Point, Scores};
use crate::types::zset::{Limits, ScoreBound, ScoreRange, Window, Zset, ZsetRef};

const STORING: Flags = Flags::WRITE.or(Flags::DENYOOM);
const RADIUS_COMPLEXITY: &str = "O(N+log(M)) where N is the number of elements inside the bounding \
                                 box of the circular area delimited by center and radius and M is \
                                 the number of items inside the index.";
const SHAPE_COMPLEXITY: &str = "O(N+log(M)) where N is the number of elements in the grid-aligned \
                                bounding box area around the shape provided as the filter and M is \
                                the number of items inside the shape";
const UPPERCASE_UNITS: (&str, &str) = ("7.0.0", "Added support for uppercase unit names.");
const ANY_ADDED: (&str, &str) = ("6.2.0", "Added the `ANY` option for `COUNT`.");

const RADIUS: Arg = Arg::double("radius");
const WITHCOORD: Arg = Arg::word("withcoord", "WITHCOORD").optional();
const WITHDIST: Arg = Arg::word("withdist", "WITHDIST").optional();
const WITHHASH: Arg = Arg::word("withhash", "WITHHASH").optional();
const ANY: Arg = Arg::word("any", "ANY").optional();
const LIMIT: Arg = Arg::int("count").token("COUNT");
const COUNT: Arg = Arg::block("count-block", &[LIMIT, ANY]).optional();
const COUNT_OF_RADIUS: Arg = Arg::block("count-block", &[LIMIT, ANY.since("6.2.0")]).optional();
const ORDER: Arg =
    Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const STORE: Arg = Arg::one_of(
    "store",
    &[
        Arg::key("storekey", 1).display("key").token("STORE"),
        Arg::key("storedistkey", 2).display("key").token("STOREDIST"),
    ],
)
.optional();
const FROM: Arg = Arg::one_of(
    "from",
    &[
        Arg::string("member").token("FROMMEMBER"),
        Arg::block("fromlonlat", &[LONGITUDE, LATITUDE]).token("FROMLONLAT"),
    ],
);
const BY: Arg = Arg::one_of(
    "by",
    &[
        Arg::block("circle", &[RADIUS.token("BYRADIUS"), UNIT]),
        Arg::block("box", &[Arg::double("width").token("BYBOX"), Arg::double("height"), UNIT]),
    ],
);
/// A polygon has its own center.
const POLYGON: Arg = Arg::block(
    "polygon",
    &[
        Arg::int("num-vertices").token("BYPOLYGON"),
        Arg::block("vertices", &[LONGITUDE, LATITUDE]).multiple(),
    ],
);
const SHAPE: Arg = Arg::one_of("search-type", &[Arg::block("radius-or-box", &[FROM, BY]), POLYGON]);

const SUBJECT: KeySpec = KeySpec::at(1).flags(KeyFlags::RO.or(KeyFlags::ACCESS));
const DESTINATION: KeyFlags = KeyFlags::OW.or(KeyFlags::UPDATE);

/// The key behind `keyword`, which is looked for from argument `first` on.
const fn behind(keyword: &'static str, first: i16) -> KeySpec {
    let find = FindKeys::Range { last: 0, step: 1, limit: 0 };
    KeySpec::new(BeginSearch::Keyword(keyword, first), find).flags(DESTINATION)
}

/// The rows of this file.
pub const COMMANDS: &[Command] = &[
    Command::new("georadius", georadius)
        .arity(-6)
        .of(Group::Geo)
        .flags(STORING)
        .acl(Categories::GEO)
        .keys(&[SUBJECT, behind("STORE", 6), behind("STOREDIST", 6)])
        .summary(
            "Queries a geospatial index for members within a distance from a coordinate, \
             optionally stores the result.",
        )
        .complexity(RADIUS_COMPLEXITY)
        .since("3.2.0")
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")
        .history(&[ANY_ADDED, UPPERCASE_UNITS])
        .args(&[
            Arg::key("key", 0),
            LONGITUDE,
            LATITUDE,
            RADIUS,
            UNIT,
            WITHCOORD,
            WITHDIST,
            WITHHASH,
            COUNT_OF_RADIUS,
            ORDER,
            STORE,
        ]),
    Command::new("georadius_ro", georadius_ro)
        .arity(-6)
        .of(Group::Geo)
        .flags(Flags::READONLY)
        .acl(Categories::GEO)
        .keys(READ_ONE)
        .summary(
            "Returns members from a geospatial index that are within a distance from a \
             coordinate.",
        )
        .complexity(RADIUS_COMPLEXITY)
        .since("3.2.10")
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")
        .history(&[ANY_ADDED])
        .args(&[
            Arg::key("key", 0),
            LONGITUDE,
            LATITUDE,
            RADIUS,
            UNIT,
            WITHCOORD,
            WITHDIST,
            WITHHASH,
            COUNT_OF_RADIUS,
            ORDER,
        ]),
    Command::new("georadiusbymember", georadiusbymember)
        .arity(-5)
        .of(Group::Geo)
        .flags(STORING)
        .acl(Categories::GEO)
        .keys(&[SUBJECT, behind("STORE", 5), behind("STOREDIST", 5)])
        .summary(
            "Queries a geospatial index for members within a distance from a member, \
             optionally stores the result.",
        )
        .complexity(RADIUS_COMPLEXITY)
        .since("3.2.0")
        .deprecated(
            "6.2.0",
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
        )
        .history(&[UPPERCASE_UNITS])
        .args(&[
            Arg::key("key", 0),
            Arg::string("member"),
            RADIUS,
            UNIT,
            WITHCOORD,
            WITHDIST,
            WITHHASH,
            COUNT,
            ORDER,
            STORE,
        ]),
    Command::new("georadiusbymember_ro", georadiusbymember_ro)
        .arity(-5)
        .of(Group::Geo)
        .flags(Flags::READONLY)
        .acl(Categories::GEO)
        .keys(READ_ONE)
        .summary(
            "Returns members from a geospatial index that are within a distance from a member.",
        )
        .complexity(RADIUS_COMPLEXITY)
        .since("3.2.10")
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")
        .args(&[
            Arg::key("key", 0),
            Arg::string("member"),
            RADIUS,
            UNIT,
            WITHCOORD,
            WITHDIST,
            WITHHASH,
            COUNT,
            ORDER,
        ]),
    Command::new("geosearch", geosearch)
        .arity(-7)
        .of(Group::Geo)
        .flags(Flags::READONLY)
        .acl(Categories::GEO)
        .keys(READ_ONE)
        .summary(
            "Queries a geospatial index for members inside an area of a box, a circle or a \
             polygon.",
        )
        .complexity(SHAPE_COMPLEXITY)
        .since("6.2.0")
        .history(&[UPPERCASE_UNITS])
        .args(&[Arg::key("key", 0), SHAPE, ORDER, COUNT, WITHCOORD, WITHDIST, WITHHASH]),
    Command::new("geosearchstore", geosearchstore)
        .arity(-8)
        .of(Group::Geo)
        .flags(STORING)
        .acl(Categories::GEO)
        .keys(&[
            KeySpec::at(1).flags(DESTINATION),
            KeySpec::at(2).flags(KeyFlags::RO.or(KeyFlags::ACCESS)),
        ])
        .summary(
            "Queries a geospatial index for members inside an area of a box, a circle or a \
             polygon, optionally stores the result.",
        )
        .complexity(SHAPE_COMPLEXITY)
        .since("6.2.0")
        .history(&[UPPERCASE_UNITS])
        .args(&[
            Arg::key("destination", 0),
            Arg::key("source", 1),
            SHAPE,
            ORDER,
            COUNT,
            Arg::word("storedist", "STOREDIST").optional(),
        ]),
];

/// A member that was found.
#[derive(Clone, Copy, Debug)]
struct Hit<'a> {
    member: Item<'a>,
    score: f64,
    place: Point,
    /// Meters from the center.
    distance: f64,
}

/// GEORADIUS key longitude latitude radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH]
/// [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]
fn georadius(ctx: &mut Ctx) -> Outcome {
    run(ctx, Form { origin: Origin::Place, store: Store::ByOption })
}

/// GEORADIUS_RO key longitude latitude radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH]
/// [COUNT count [ANY]] [ASC | DESC]
fn georadius_ro(ctx: &mut Ctx) -> Outcome {
    run(ctx, Form { origin: Origin::Place, store: Store::Never })
}

/// GEORADIUSBYMEMBER key member radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH]
/// [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]
fn georadiusbymember(ctx: &mut Ctx) -> Outcome {
    run(ctx, Form { origin: Origin::Member, store: Store::ByOption })
}

/// GEORADIUSBYMEMBER_RO key member radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH]
/// [COUNT count [ANY]] [ASC | DESC]
fn georadiusbymember_ro(ctx: &mut Ctx) -> Outcome {
    run(ctx, Form { origin: Origin::Member, store: Store::Never })
}

/// GEOSEARCH key [FROMMEMBER member | FROMLONLAT longitude latitude] BYRADIUS radius M | KM | FT | MI
/// | BYBOX width height M | KM | FT | MI | BYPOLYGON num-vertices longitude latitude ...
/// [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]
fn geosearch(ctx: &mut Ctx) -> Outcome {
    run(ctx, Form { origin: Origin::Option, store: Store::Never })
}

/// GEOSEARCHSTORE destination source [FROMMEMBER member | FROMLONLAT longitude latitude] BYRADIUS
/// radius M | KM | FT | MI | BYBOX width height M | KM | FT | MI | BYPOLYGON num-vertices longitude
/// latitude ... [ASC | DESC] [COUNT count [ANY]] [STOREDIST]
fn geosearchstore(ctx: &mut Ctx) -> Outcome {
    run(ctx, Form { origin: Origin::Option, store: Store::Always })
}

fn run(ctx: &mut Ctx, form: Form) -> Outcome {
    let (args, key) = (ctx.args, ctx.arg(form.source()));
    let limits = Limits::of(&ctx.state.config);
    let (db, reply) = ctx.db_and_reply();
    let found = zset(db.read(key))?;
    let query = Query::parse(&args, form, found)?;
    let hits = found.map_or_else(Vec::new, |zset| hits(zset, &query));
    let Some(destination) = query.destination else {
        reply_hits(reply, &hits, &query);
        return Ok(());
    };
    let result = collected(&hits, &query, limits);
    let searches = form.origin == Origin::Option;
    store(ctx, destination, result, if searches { "geosearchstore" } else { "georadiusstore" })
}

/// The members of `zset` that a query asks for, in its order.
fn hits<'a>(zset: ZsetRef<'a>, query: &Query<'_>) -> Vec<Hit<'a>> {
    let Some(search) = &query.search else { return Vec::new() };
    let members = |Scores { min, max }| {
        let range = ScoreRange { min: ScoreBound::Inclusive(min), max: ScoreBound::Exclusive(max) };
        zset.range(zset.with_scores(range, Window::ALL))
    };
    let hit = |(member, score)| {
        let place = Point::of_score(score);
        Some(Hit { member, score, place, distance: search.distance(place)? })
    };
    let count = query.count.unwrap_or(usize::MAX);
    let found = search.scores().flat_map(members).filter_map(hit);
    let mut hits: Vec<Hit> = found.take(if query.any { count } else { usize::MAX }).collect();
    if let Some(order) = query.order {
        sort(&mut hits, order, count);
    }
    hits
}

/// Orders the first `count` hits and drops the others.
fn sort(hits: &mut Vec<Hit<'_>>, order: Order, count: usize) {
    /// Up to here ordering all is as quick, and keeps those of one distance as they were found.
    const FEW: usize = 32;
    let compare = |a: &Hit<'_>, b: &Hit<'_>| match order {
        Order::Nearest => a.distance.total_cmp(&b.distance),
        Order::Farthest => b.distance.total_cmp(&a.distance),
    };
    if hits.len() > FEW && count < hits.len() {
        hits.select_nth_unstable_by(count, compare);
        hits.truncate(count);
    }
    hits.sort_by(compare);
    hits.truncate(count);
}

fn reply_hits(reply: &mut Reply<'_>, hits: &[Hit<'_>], query: &Query<'_>) {
    let (show, unit) = (query.show, unit(query));
    reply.array(hits.len());
    for hit in hits {
        if show.len() > 0 {
            reply.array(1 + show.len());
        }
        reply_item(reply, hit.member);
        if show.distance {
            reply_distance(reply, hit.distance / unit);
        }
        if show.hash {
            reply.integer(geo::hash_of(hit.score));
        }
        if show.place {
            reply_place(reply, hit.place);
        }
    }
}

/// A sorted set of what was found.
fn collected(hits: &[Hit<'_>], query: &Query<'_>, limits: Limits) -> Zset {
    let (mut result, mut buffer, unit) = (Zset::new(), itoa::Buffer::new(), unit(query));
    for hit in hits {
        let score = match query.stored {
            Stored::Place => hit.score,
            Stored::Distance => hit.distance / unit,
        };
        result.update(hit.member.text(&mut buffer), limits, |_| Some(score));
    }
    result
}

/// Meters of the unit in which a query has its distances.
fn unit(query: &Query<'_>) -> f64 {
    query.search.as_ref().map_or(1.0, |search| search.unit())
}
