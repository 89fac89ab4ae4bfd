//! Places on the earth: the 52-bit geohash that a sorted set keeps as a score, distances, and which
//! ranges of scores a search has to look through.
//!
//! A geohash cell of step `n` is one of `2^n * 2^n` equal pieces of the map: the bits of latitude
//! and longitude, interleaved, the latitude in the even places. A score is a cell of step 26.
//!
//! Invariant: every double is computed with Redis's operations in Redis's order, because clients
//! see the last digit.

/// What the map shows; the projection has no poles (EPSG:3857).
const LONGITUDE: Span = Span { min: -180.0, max: 180.0 };
const LATITUDE: Span = Span { min: -85.051_128_78, max: 85.051_128_78 };
/// The latitudes of the standard geohash text.
const WHOLE_LATITUDE: Span = Span { min: -90.0, max: 90.0 };

/// The step of a score.
const STEP_MAX: u32 = 26;
const EARTH_RADIUS_METERS: f64 = 6_372_797.560_856;
const MERCATOR_MAX_METERS: f64 = 20_037_726.37;
/// The first number beyond an `i64`.
const I64_END: f64 = (1u64 << 63) as f64;
const DEGREE: f64 = std::f64::consts::PI / 180.0;
const LONGITUDE_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// A place, in degrees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    pub longitude: f64,
    pub latitude: f64,
}

/// From `min` to `max` in degrees.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Span {
    min: f64,
    max: f64,
}

/// One piece of the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cell {
    bits: u64,
    step: u32,
}

/// A cell's or a shape's extent.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Bounds {
    longitude: Span,
    latitude: Span,
}

/// Scores of one cell: at least `min`, less than `max`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scores {
    pub min: f64,
    pub max: f64,
}

/// What a search asks for, in the units of its [`Search`].
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    Circle { radius: f64 },
    Rectangle { width: f64, height: f64 },
    Polygon(Vec<Point>),
}

/// A search for places within a shape.
#[derive(Clone, PartialEq, Debug)]
pub struct Search {
    shape: Shape,
    center: Point,
    /// Meters of a unit.
    unit: f64,
}

/// Meters of the unit that GEO commands call `name`.
pub fn unit(name: &[u8]) -> Option<f64> {
    const UNITS: [(&str, f64); 4] = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let found = UNITS.iter().find(|(unit, _)| unit.as_bytes().eq_ignore_ascii_case(name));
    found.map(|&(_, meters)| meters)
}

impl Point {
    /// The place, if it is on the map.
    pub fn new(longitude: f64, latitude: f64) -> Option<Point> {
        let on_map = LONGITUDE.contains(longitude) && LATITUDE.contains(latitude);
        on_map.then_some(Point { longitude, latitude })
    }

    /// The middle of the cell that a score names. Any score names one, however it came about.
    pub fn of_score(score: f64) -> Point {
        let bounds = Cell { bits: bits_of(score), step: STEP_MAX }.bounds();
        Point {
            longitude: LONGITUDE.clamp(bounds.longitude.middle()),
            latitude: LATITUDE.clamp(bounds.latitude.middle()),
        }
    }

    /// The score of a place on the map.
    pub fn score(self) -> u64 {
        Cell::at(self, LATITUDE, STEP_MAX).bits
    }

    /// The standard geohash, which divides another map. The last of its letters would need three
    /// bits more than a score has and is always 0.
    pub fn geohash(self) -> [u8; 11] {
        let bits = Cell::at(self, WHOLE_LATITUDE, STEP_MAX).bits;
        let mut text = [ALPHABET[0]; 11];
        for (at, letter) in text[..10].iter_mut().enumerate() {
            let index = bits >> (52 - 5 * (at + 1)) & 0x1f;
            *letter = ALPHABET[index as usize];
        }
        text
    }

    /// The nearest place in a cell that has neighbors: a polygon's center may be a pole.
    fn off_the_edges(self) -> Point {
        const EDGE: f64 = 1e-9;
        Point {
            longitude: self.longitude.clamp(LONGITUDE.min, LONGITUDE.max - EDGE),
            latitude: self.latitude.clamp(LATITUDE.min, LATITUDE.max - EDGE),
        }
    }

    /// Meters to `other` along a great circle, by the haversine formula.
    pub fn distance(self, other: Point) -> f64 {
        let v = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        if v == 0.0 {
            return latitude_distance(self.latitude, other.latitude);
        }
        let (from, to) = (radians(self.latitude), radians(other.latitude));
        let u = ((to - from) / 2.0).sin();
        let a = u * u + from.cos() * to.cos() * v * v;
        // Rounding may put the other side of the earth beyond it, which Redis takes for no number.
        2.0 * EARTH_RADIUS_METERS * a.sqrt().min(1.0).asin()
    }
}

impl Span {
    fn contains(self, degrees: f64) -> bool {
        degrees >= self.min && degrees <= self.max
    }

    fn clamp(self, degrees: f64) -> f64 {
        degrees.clamp(self.min, self.max)
    }

    fn middle(self) -> f64 {
        (self.min + self.max) / 2.0
    }

    /// In which of `2^step` equal parts `degrees` lies. The upper limit itself is a part of its own.
    fn part(self, degrees: f64, step: u32) -> u32 {
        let offset = (degrees - self.min) / (self.max - self.min);
        (offset * parts(step)) as u32
    }

    /// The extent of part `index`. Only scores that are no places have parts behind the last.
    fn of_part(self, index: u32, step: u32) -> Span {
        let width = self.max - self.min;
        let at = |index: u32| self.min + f64::from(index) / parts(step) * width;
        Span { min: at(index), max: at(index.wrapping_add(1)) }
    }

    fn extend(&mut self, degrees: f64) {
        self.min = if degrees < self.min { degrees } else { self.min };
        self.max = if degrees > self.max { degrees } else { self.max };
    }
}

impl Cell {
    /// The cell around a place, `latitude` being the height of the map.
    fn at(point: Point, latitude: Span, step: u32) -> Cell {
        let longitude = LONGITUDE.part(point.longitude, step);
        let latitude = latitude.part(point.latitude, step);
        Cell { bits: spread(latitude) | spread(longitude) << 1, step }
    }

    fn bounds(self) -> Bounds {
        Bounds {
            longitude: LONGITUDE.of_part(gather(self.bits >> 1), self.step),
            latitude: LATITUDE.of_part(gather(self.bits), self.step),
        }
    }

    /// The cell `east` and `north` of this one, each -1, 0 or 1; the map's edges meet.
    fn neighbor(self, east: i8, north: i8) -> Cell {
        let shift = 64 - self.step * 2;
        let longitude = shifted(self.bits, LONGITUDE_BITS, shift, east);
        let latitude = shifted(self.bits, LATITUDE_BITS, shift, north);
        Cell { bits: longitude | latitude, step: self.step }
    }

    /// Whether the neighbors' outer edges contain `bounds`.
    fn reaches(self, bounds: &Bounds) -> bool {
        let short = self.neighbor(0, 1).bounds().latitude.max < bounds.latitude.max
            || self.neighbor(0, -1).bounds().latitude.min > bounds.latitude.min
            || self.neighbor(1, 0).bounds().longitude.max < bounds.longitude.max
            || self.neighbor(-1, 0).bounds().longitude.min > bounds.longitude.min;
        !short
    }

    fn scores(self) -> Scores {
        let align = |bits: u64| (bits << (2 * (STEP_MAX - self.step))) as f64;
        Scores { min: align(self.bits), max: align(self.bits + 1) }
    }
}

impl Search {
    /// A search around `center`.
    pub fn around(center: Point, shape: Shape, unit: f64) -> Search {
        Search { shape, center, unit }
    }

    /// A search within the polygon of these vertices, whose mean on the sphere is the center.
    pub fn within(vertices: Vec<Point>) -> Search {
        let center = centroid(&vertices);
        Search { shape: Shape::Polygon(vertices), center, unit: 1.0 }
    }

    /// Meters of the unit in which distances are replied.
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// Meters from the center to `point`, if it lies within the shape.
    pub fn distance(&self, point: Point) -> Option<f64> {
        let distance = || self.center.distance(point);
        match &self.shape {
            Shape::Circle { radius } => {
                let (meters, limit) = (distance(), radius * self.unit);
                if meters > limit { None } else { Some(meters) }
            }
            Shape::Rectangle { width, height } => {
                let inside = self.in_rectangle(point, width * self.unit, height * self.unit);
                inside.then(distance)
            }
            Shape::Polygon(vertices) => in_polygon(point, vertices).then(distance),
        }
    }

    /// Up to nine ranges of scores that hold everything within the shape, in the order in which
    /// Redis looks through them: what a search without order finds first depends on it.
    pub fn scores(&self) -> impl Iterator<Item = Scores> {
        const NEIGHBORS: [(i8, i8); 8] =
            [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let bounds = self.bounds();
        let cell = self.cell(&bounds);
        let inside = cell.bounds();
        let wanted = move |&(east, north): &(i8, i8)| {
            let beyond = east < 0 && inside.longitude.min < bounds.longitude.min
                || east > 0 && inside.longitude.max > bounds.longitude.max
                || north < 0 && inside.latitude.min < bounds.latitude.min
                || north > 0 && inside.latitude.max > bounds.latitude.max;
            cell.step < 2 || !beyond
        };
        let neighbors = NEIGHBORS.into_iter().filter(wanted);
        let mut last = None;
        let distinct = neighbors.map(move |(east, north)| cell.neighbor(east, north)).filter(
            // On a map of few cells the neighbors on both sides are the same one.
            move |&neighbor| last.replace(neighbor) != Some(neighbor),
        );
        std::iter::once(cell).chain(distinct).map(Cell::scores)
    }

    /// The cell around the center that, with its neighbors, covers `bounds`: near an edge of the
    /// first one its neighbor may reach less far than the shape. Redis looks at no third one; the
    /// center of a polygon can be so far from its middle that more are needed.
    fn cell(&self, bounds: &Bounds) -> Cell {
        let first = step_for(self.radius_meters(bounds), self.center.latitude);
        let (center, last) = match self.shape {
            Shape::Polygon(_) => (self.center.off_the_edges(), 1),
            _ => (self.center, first.max(2) - 1),
        };
        let cells = (last..=first).rev().map(|step| Cell::at(center, LATITUDE, step));
        let mut coarser = cells.skip_while(|cell| cell.step > last && !cell.reaches(bounds));
        coarser.next().expect("the last one is not skipped")
    }

    fn bounds(&self) -> Bounds {
        let (width, height) = match &self.shape {
            Shape::Circle { radius } => (self.unit * radius, self.unit * radius),
            Shape::Rectangle { width, height } => {
                (self.unit * (width / 2.0), self.unit * (height / 2.0))
            }
            Shape::Polygon(vertices) => return bounds_of(vertices),
        };
        let Point { longitude, latitude } = self.center;
        let latitude_delta = degrees(height / EARTH_RADIUS_METERS);
        // The edge nearer to the pole spans more degrees.
        let widest =
            if latitude < 0.0 { latitude - latitude_delta } else { latitude + latitude_delta };
        let longitude_delta = degrees(width / EARTH_RADIUS_METERS / radians(widest).cos());
        Bounds {
            longitude: Span { min: longitude - longitude_delta, max: longitude + longitude_delta },
            latitude: Span { min: latitude - latitude_delta, max: latitude + latitude_delta },
        }
    }

    /// Meters from the center within which the whole shape lies.
    fn radius_meters(&self, bounds: &Bounds) -> f64 {
        match &self.shape {
            Shape::Circle { radius } => radius * self.unit,
            Shape::Rectangle { width, height } => {
                let (width, height) = (width / 2.0, height / 2.0);
                (width * width + height * height).sqrt() * self.unit
            }
            Shape::Polygon(_) => {
                let corners = bounds.corners().map(|corner| self.center.distance(corner));
                corners.into_iter().fold(0.0, f64::max)
            }
        }
    }

    fn in_rectangle(&self, point: Point, width_meters: f64, height_meters: f64) -> bool {
        let Point { longitude, latitude } = self.center;
        let beside = Point { longitude, latitude: point.latitude };
        let outside = latitude_distance(point.latitude, latitude) > height_meters / 2.0
            || point.distance(beside) > width_meters / 2.0;
        !outside
    }
}

impl Bounds {
    fn corners(&self) -> [Point; 4] {
        let Bounds { longitude: x, latitude: y } = *self;
        [(x.min, y.max), (x.max, y.max), (x.min, y.min), (x.max, y.min)]
            .map(|(longitude, latitude)| Point { longitude, latitude })
    }
}

fn radians(degrees: f64) -> f64 {
    degrees * DEGREE
}

fn degrees(radians: f64) -> f64 {
    radians / DEGREE
}

/// How many parts a step divides a span into.
fn parts(step: u32) -> f64 {
    (1u64 << step) as f64
}

/// The haversine between two places of one longitude.
fn latitude_distance(from: f64, to: f64) -> f64 {
    EARTH_RADIUS_METERS * (radians(to) - radians(from)).abs()
}

/// The step whose cells are wide enough for a circle of `meters` around `latitude`.
fn step_for(mut meters: f64, latitude: f64) -> u32 {
    if meters == 0.0 {
        return STEP_MAX;
    }
    let mut step: i32 = -1;
    while meters < MERCATOR_MAX_METERS {
        meters *= 2.0;
        step += 1;
    }
    // Cells are narrower towards the poles.
    let distance = latitude.abs();
    step -= i32::from(distance > 66.0) + i32::from(distance > 80.0);
    u32::try_from(step).unwrap_or(1).clamp(1, STEP_MAX)
}

/// The bits of a score as the processor converts them where C leaves it open: a ZADD may have put
/// anything there.
fn bits_of(score: f64) -> u64 {
    if score < I64_END {
        hash_of(score).cast_unsigned()
    } else {
        hash_of(score - I64_END).cast_unsigned() ^ 1 << 63
    }
}

/// The whole number in a score, which WITHHASH shows; the smallest of all where none fits.
pub fn hash_of(score: f64) -> i64 {
    let fits = (-I64_END..I64_END).contains(&score);
    if fits { score as i64 } else { i64::MIN }
}

/// Puts a free bit above each bit of `part`.
fn spread(part: u32) -> u64 {
    let mut bits = u64::from(part);
    bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits << 2) & 0x3333_3333_3333_3333;
    (bits | bits << 1) & LATITUDE_BITS
}

/// The even bits, put together.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & LATITUDE_BITS;
    bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
    bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    (bits | bits >> 16) as u32
}

/// The bits of one axis, `axis`, moved by one cell in `direction`. The other axis's places are
/// filled so that the carry runs through them.
fn shifted(bits: u64, axis: u64, shift: u32, direction: i8) -> u64 {
    let own = bits & axis;
    let fill = !axis >> shift;
    let moved = match direction {
        0 => return own,
        1.. => own.wrapping_add(fill + 1),
        _ => (own | fill).wrapping_sub(fill + 1),
    };
    moved & axis >> shift
}

fn bounds_of(vertices: &[Point]) -> Bounds {
    let mut bounds = Bounds {
        longitude: Span { min: LONGITUDE.max, max: LONGITUDE.min },
        latitude: Span { min: LATITUDE.max, max: LATITUDE.min },
    };
    for vertex in vertices {
        bounds.longitude.extend(vertex.longitude);
        bounds.latitude.extend(vertex.latitude);
    }
    bounds
}

/// Where the mean of the vertices points from the middle of the earth.
fn centroid(vertices: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0f64, 0.0f64, 0.0f64);
    for vertex in vertices {
        let (longitude, latitude) = (radians(vertex.longitude), radians(vertex.latitude));
        x += latitude.cos() * longitude.cos();
        y += latitude.cos() * longitude.sin();
        z += latitude.sin();
    }
    let radius = (x * x + y * y).sqrt();
    Point { longitude: degrees(y.atan2(x)), latitude: degrees(z.atan2(radius)) }
}

/// Whether a ray from `point` crosses the polygon's edges an odd number of times.
fn in_polygon(point: Point, vertices: &[Point]) -> bool {
    let Some(mut previous) = vertices.last() else { return false };
    let mut inside = false;
    for vertex in vertices {
        let (a, b) = (vertex, previous);
        let crosses = (a.latitude > point.latitude) != (b.latitude > point.latitude)
            && point.longitude
                < (b.longitude - a.longitude) * (point.latitude - a.latitude)
                    / (b.latitude - a.latitude)
                    + a.longitude;
        inside ^= crosses;
        previous = vertex;
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    const PALERMO: Point = Point { longitude: 13.361389, latitude: 38.115556 };
    const CATANIA: Point = Point { longitude: 15.087269, latitude: 37.502669 };

    fn point((longitude, latitude): (f64, f64)) -> Point {
        Point { longitude, latitude }
    }

    fn random_point(rng: &mut Rng, latitude_max: f64) -> Point {
        point((rng.f64() * 360.0 - 180.0, (rng.f64() * 2.0 - 1.0) * latitude_max))
    }

    fn finds(search: &Search, point: Point) -> bool {
        let score = point.score() as f64;
        search.scores().any(|scores| (scores.min..scores.max).contains(&score))
    }

    /// Expected is what Redis computes, to the last bit.
    #[test]
    fn scores_and_distances_are_those_of_redis() {
        assert_eq!(
            (PALERMO.score(), CATANIA.score()),
            (3_479_099_956_230_698, 3_479_447_370_796_909)
        );
        let stored = Point::of_score(PALERMO.score() as f64);
        assert_eq!(stored, point((13.361_389_338_970_184, 38.115_556_395_496_3)));
        assert_eq!(&stored.geohash(), b"sqc8b49rny0");
        assert_eq!(
            stored.distance(Point::of_score(3_479_447_370_796_909.0)),
            166_274.151_569_600_33
        );
        assert_eq!(PALERMO.distance(point((13.361389, 38.0))), 12_852.866_322_799_735);
    }

    #[test]
    fn edges_of_the_map_have_cells_of_their_own() {
        assert_eq!(point((180.0, 85.051_128_78)).score(), 3 << 52);
        assert_eq!(point((-180.0, -85.051_128_78)).score(), 0);
        assert_eq!(Point::of_score((3u64 << 52) as f64), point((180.0, 85.051_128_78)));
        assert_eq!(Point::new(180.0, 85.06), None);
        assert_eq!(Point::new(-180.1, 0.0), None);
        assert!(Point::new(f64::NAN, 0.0).is_none() && Point::new(-180.0, -85.0).is_some());
    }

    #[test]
    fn any_score_is_somewhere() {
        for score in [-1.0, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 1.8e19, 0.5, -0.0] {
            let Point { longitude, latitude } = Point::of_score(score);
            assert!(Point::new(longitude, latitude).is_some(), "{score}");
        }
        assert_eq!((bits_of(-1.0), bits_of(1e19)), (u64::MAX, 10_000_000_000_000_000_000));
        assert_eq!((bits_of(1e300), bits_of(-1e300)), (0, 1 << 63));
    }

    #[test]
    fn a_search_looks_through_the_ranges_of_redis() {
        let shape = Shape::Circle { radius: 200.0 };
        let search = Search::around(point((15.0, 37.0)), shape, 1000.0);
        let cells: Vec<(u64, u64)> = search
            .scores()
            .map(|scores| (scores.min as u64 >> 40, scores.max as u64 >> 40))
            .collect();
        assert_eq!(cells, [(3161, 3162), (3164, 3165), (3163, 3164), (3166, 3167)]);
    }

    #[test]
    fn a_wide_search_looks_at_nothing_twice() {
        let search = Search::around(PALERMO, Shape::Circle { radius: f64::INFINITY }, 1000.0);
        let ranges: Vec<u64> = search.scores().map(|scores| scores.min as u64 >> 50).collect();
        assert_eq!(ranges, [3, 2, 1, 0]);
        assert_eq!(search.distance(CATANIA), Some(PALERMO.distance(CATANIA)));
    }

    #[test]
    fn shapes_end_at_their_edges() {
        let inside = |shape| Search::around(PALERMO, shape, 1000.0).distance(CATANIA).is_some();
        assert!(
            inside(Shape::Circle { radius: 166.3 }) && !inside(Shape::Circle { radius: 166.2 })
        );
        let (width, height) = (304.6, 136.5);
        assert!(inside(Shape::Rectangle { width, height }));
        assert!(!inside(Shape::Rectangle { width: 304.0, height }));
        assert!(!inside(Shape::Rectangle { width, height: 136.0 }));
    }

    #[test]
    fn what_is_within_a_shape_is_within_the_ranges() {
        let seed = crate::base::rng::os_seed();
        let mut rng = Rng::seeded(seed);
        for _ in 0..20_000 {
            let center = random_point(&mut rng, 80.0);
            let (width, height) = (rng.f64() * 400.0, rng.f64() * 400.0);
            let shape = match rng.below(2) {
                0 => Shape::Circle { radius: width },
                _ => Shape::Rectangle { width, height },
            };
            let search = Search::around(center, shape, 1000.0);
            let near = point((
                (center.longitude + rng.f64() * 8.0 - 4.0).clamp(-179.9, 179.9),
                center.latitude + rng.f64() * 4.0 - 2.0,
            ));
            assert!(
                search.distance(near).is_none() || finds(&search, near),
                "seed {seed} {near:?}"
            );
        }
    }

    #[test]
    fn what_is_within_a_polygon_is_within_the_ranges() {
        let seed = crate::base::rng::os_seed();
        let mut rng = Rng::seeded(seed);
        for _ in 0..20_000 {
            let vertices = (0..3 + rng.below(5)).map(|_| random_point(&mut rng, 85.0)).collect();
            let search = Search::within(vertices);
            let place = random_point(&mut rng, 85.0);
            assert!(
                search.distance(place).is_none() || finds(&search, place),
                "seed {seed} {search:?}"
            );
        }
    }

    #[test]
    fn a_polygon_may_cross_itself() {
        let star = [(0.0, 10.0), (6.0, -8.0), (-9.5, 3.0), (9.5, 3.0), (-6.0, -8.0)];
        let search = Search::within(star.map(point).to_vec());
        let inside = |place| search.distance(point(place)).is_some();
        assert!(inside((0.0, 7.0)) && inside((7.0, 2.5)));
        assert!(!inside((0.0, 0.0)) && !inside((5.0, 8.0)) && !inside((30.0, 0.0)));
        assert!(!in_polygon(PALERMO, &[]));
    }

    #[test]
    fn units_have_names() {
        assert_eq!((unit(b"m"), unit(b"KM"), unit(b"ft")), (Some(1.0), Some(1000.0), Some(0.3048)));
        assert_eq!((unit(b"Mi"), unit(b"inch")), (Some(1609.34), None));
    }
}
