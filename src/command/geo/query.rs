//! What a search asks for, as six commands spell it.
//!
//! Invariant: arguments are read from left to right, so that the first mistake is the one that is
//! told; a member that is the center is looked up where it stands.

use super::{number, place, unit};
use crate::command::Args;
use crate::resp::errors::{self, Reject};
use crate::types::geo::{Point, Search, Shape};
use crate::types::zset::ZsetRef;

/// A search looks at every vertex for every member in sight; Valkey knows no limit.
const VERTICES_MAX: usize = 10_000;

/// Where a command has its center.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A place behind the key, and a radius.
    Place,
    /// A member behind the key, and a radius.
    Member,
    /// Among the options, as the shape is.
    Option,
}

/// Whether a command stores what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Never,
    /// With STORE or STOREDIST, which name the key.
    ByOption,
    /// In argument 1; STOREDIST says what.
    Always,
}

/// What a command's name says.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub origin: Origin,
    pub store: Store,
}

/// Which come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Nearest,
    Farthest,
}

/// The score of a stored member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    Place,
    Distance,
}

/// What a reply shows of each member beside its name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Show {
    pub distance: bool,
    pub hash: bool,
    pub place: bool,
}

/// Which option named the center.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Member,
    Place,
}

/// Which option named the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Radius,
    Box,
    Polygon,
}

/// A search, and what becomes of its result.
#[derive(Debug)]
pub struct Query<'a> {
    /// `None` only where there is no sorted set.
    pub search: Option<Search>,
    pub order: Option<Order>,
    pub count: Option<usize>,
    /// ANY: whichever are found first.
    pub any: bool,
    pub show: Show,
    pub destination: Option<&'a [u8]>,
    pub stored: Stored,
}

impl Form {
    /// The argument with the key that is searched.
    pub fn source(self) -> usize {
        if self.store == Store::Always { 2 } else { 1 }
    }
}

impl Show {
    /// How much it is beside the name.
    pub fn len(self) -> usize {
        usize::from(self.distance) + usize::from(self.hash) + usize::from(self.place)
    }
}

impl<'a> Query<'a> {
    /// Reads the arguments of a search in `zset`.
    pub fn parse(
        args: &Args<'a>,
        form: Form,
        zset: Option<ZsetRef<'_>>,
    ) -> Result<Query<'a>, Reject> {
        let mut parser = Parser::new(args, form, zset);
        let mut at = parser.head()?;
        while at < args.len() {
            at += 1 + parser.option(at)?;
        }
        parser.finish()
    }
}

struct Parser<'p, 'a> {
    args: &'p Args<'a>,
    form: Form,
    zset: Option<ZsetRef<'p>>,
    query: Query<'a>,
    from: Option<From>,
    by: Option<By>,
    center: Option<Point>,
    shape: Option<Shape>,
    /// Meters of the shape's unit.
    unit: f64,
}

impl<'p, 'a> Parser<'p, 'a> {
    fn new(args: &'p Args<'a>, form: Form, zset: Option<ZsetRef<'p>>) -> Parser<'p, 'a> {
        let query = Query {
            search: None,
            order: None,
            count: None,
            any: false,
            show: Show::default(),
            destination: (form.store == Store::Always).then(|| args.at(1)),
            stored: Stored::Place,
        };
        let (from, by, center, shape, unit) = (None, None, None, None, 1.0);
        Parser { args, form, zset, query, from, by, center, shape, unit }
    }

    /// Reads what comes before the options, and returns where they begin.
    fn head(&mut self) -> Result<usize, Reject> {
        match self.form.origin {
            Origin::Place => {
                self.center = Some(place(self.args, 2)?);
                self.circle(4)?;
                Ok(6)
            }
            // Without a sorted set Redis does not look at the radius.
            Origin::Member if self.zset.is_none() => Ok(5),
            Origin::Member => {
                self.center = self.member(2)?;
                self.circle(3)?;
                Ok(5)
            }
            Origin::Option => Ok(self.form.source() + 1),
        }
    }

    /// Reads the option in argument `at`, and returns how many more arguments belong to it.
    fn option(&mut self, at: usize) -> Result<usize, Reject> {
        let (args, query) = (self.args, &mut self.query);
        let following = args.len() - at - 1;
        match () {
            () if args.is(at, "withdist") => query.show.distance = true,
            () if args.is(at, "withhash") => query.show.hash = true,
            () if args.is(at, "withcoord") => query.show.place = true,
            () if args.is(at, "any") => query.any = true,
            () if args.is(at, "asc") => query.order = Some(Order::Nearest),
            () if args.is(at, "desc") => query.order = Some(Order::Farthest),
            () if args.is(at, "count") && following >= 1 => {
                query.count = Some(count(args, at + 1)?);
                return Ok(1);
            }
            () if args.is(at, "storedist") && self.form.store == Store::Always => {
                query.stored = Stored::Distance;
            }
            () if self.form.store == Store::ByOption && following >= 1 => {
                query.stored = match () {
                    () if args.is(at, "store") => Stored::Place,
                    () if args.is(at, "storedist") => Stored::Distance,
                    () => return Err(errors::SYNTAX.into()),
                };
                query.destination = Some(args.at(at + 1));
                return Ok(1);
            }
            () if self.form.origin == Origin::Option => return self.area(at, following),
            () => return Err(errors::SYNTAX.into()),
        }
        Ok(0)
    }

    /// An option about the center or the shape.
    fn area(&mut self, at: usize, following: usize) -> Result<usize, Reject> {
        let args = self.args;
        let (from, by) = (self.from, self.by);
        let may_be_from = |own| by != Some(By::Polygon) && from.is_none_or(|from| from == own);
        let may_be_by = |own| by.is_none_or(|by| by == own);
        match () {
            () if args.is(at, "frommember") && following >= 1 && may_be_from(From::Member) => {
                self.from = Some(From::Member);
                self.center = self.member(at + 1)?;
                Ok(1)
            }
            () if args.is(at, "fromlonlat") && following >= 2 && may_be_from(From::Place) => {
                self.from = Some(From::Place);
                self.center = Some(place(args, at + 1)?);
                Ok(2)
            }
            () if args.is(at, "byradius") && following >= 2 && may_be_by(By::Radius) => {
                self.by = Some(By::Radius);
                self.circle(at + 1)?;
                Ok(2)
            }
            () if args.is(at, "bybox") && following >= 3 && may_be_by(By::Box) => {
                self.by = Some(By::Box);
                self.rectangle(at + 1)?;
                Ok(3)
            }
            () if args.is(at, "bypolygon") && following >= 1 && may_be_by(By::Polygon) => {
                if from.is_some() {
                    return Err(errors::SYNTAX.into());
                }
                self.by = Some(By::Polygon);
                self.polygon(at + 1)
            }
            () => Err(errors::SYNTAX.into()),
        }
    }

    /// The place of the member in argument `at`.
    fn member(&self, at: usize) -> Result<Option<Point>, Reject> {
        let Some(zset) = self.zset else { return Ok(None) };
        let score = zset.score(self.args.at(at)).ok_or(errors::GEO_NO_MEMBER)?;
        Ok(Some(Point::of_score(score)))
    }

    fn circle(&mut self, at: usize) -> Result<(), Reject> {
        let radius = number(self.args, at, errors::GEO_RADIUS)?;
        if radius < 0.0 {
            return Err(errors::GEO_RADIUS_NEGATIVE.into());
        }
        self.unit = unit(self.args, at + 1)?;
        self.shape = Some(Shape::Circle { radius });
        Ok(())
    }

    fn rectangle(&mut self, at: usize) -> Result<(), Reject> {
        let width = number(self.args, at, errors::GEO_WIDTH)?;
        let height = number(self.args, at + 1, errors::GEO_HEIGHT)?;
        if width < 0.0 || height < 0.0 {
            return Err(errors::GEO_BOX_NEGATIVE.into());
        }
        self.unit = unit(self.args, at + 2)?;
        self.shape = Some(Shape::Rectangle { width, height });
        Ok(())
    }

    /// Reads the number of vertices in argument `at` and those behind it, and returns how many
    /// arguments they are.
    fn polygon(&mut self, at: usize) -> Result<usize, Reject> {
        let args = self.args;
        let len = i32::try_from(args.int_or(at, errors::GEO_VERTICES)?);
        let len = usize::try_from(len.map_err(|_| errors::GEO_VERTICES)?).unwrap_or(0);
        // What Valkey says to a number that the arguments do not bear out, too.
        if len < 3 || len > (args.len() - at - 1) / 2 {
            return Err(errors::GEO_VERTICES_TOO_FEW.into());
        }
        if len > VERTICES_MAX {
            return Err(errors::GEO_VERTICES_TOO_MANY.into());
        }
        let vertices = (at + 1..).step_by(2).take(len).map(|at| place(args, at));
        self.shape = Some(Shape::Polygon(vertices.collect::<Result<_, _>>()?));
        Ok(1 + 2 * len)
    }

    /// The query, if its options go together.
    fn finish(self) -> Result<Query<'a>, Reject> {
        let (mut query, name) = (self.query, self.args.at(0));
        if query.destination.is_some() && query.show.len() > 0 {
            return Err(match self.form.store {
                Store::Always => errors::GEOSEARCHSTORE_SHOW.into(),
                _ => errors::GEORADIUS_STORE.into(),
            });
        }
        if self.form.origin == Origin::Option {
            if self.from.is_none() && self.by != Some(By::Polygon) {
                return Err(errors::geo_no_center(name));
            }
            if self.by.is_none() {
                return Err(errors::geo_no_shape(name));
            }
        }
        if query.any && query.count.is_none() {
            return Err(errors::GEO_ANY.into());
        }
        query.search = match (self.center, self.shape) {
            (_, Some(Shape::Polygon(vertices))) => Some(Search::within(vertices)),
            (Some(center), Some(shape)) => Some(Search::around(center, shape, self.unit)),
            _ => None,
        };
        // The first ones of no order are the nearest, unless any will do.
        if query.count.is_some() && !query.any {
            query.order = query.order.or(Some(Order::Nearest));
        }
        Ok(query)
    }
}

/// The number in argument `at`, of members.
fn count(args: &Args<'_>, at: usize) -> Result<usize, Reject> {
    match args.int(at)? {
        1.. => Ok(usize::try_from(args.int(at)?).unwrap_or(usize::MAX)),
        _ => Err(errors::GEO_COUNT.into()),
    }
}
