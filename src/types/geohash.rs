//! Places on the globe as scores: cells of a grid, interleaved, and distances between them.
//!
//! Longitude and latitude are each halved `step` times; the bits of both are interleaved, latitude in the even places:
//!
//! ```text
//!  bits of a place, step 26:   lon25 lat25 lon24 lat24 … lon0 lat0      52 bits: an integer that a double holds
//!  bits of a cell, step n:     the upper 2n of those
//! ```
//!
//! So the places in a cell are one range of scores, and a search asks the cell around its centre and the eight around
//! that. The arithmetic is done in upstream's order, operation by operation, for results are compared to the last bit.

use std::f64::consts::PI;
use std::ops::Range;

/// The latitudes that web maps show, and that a score can hold.
pub const LAT: (f64, f64) = (-85.051_128_78, 85.051_128_78);
pub const LON: (f64, f64) = (-180.0, 180.0);
/// The latitudes of ordinary geohash strings.
const LAT_FULL: (f64, f64) = (-90.0, 90.0);

/// Halvings of a place.
pub const STEP_MAX: u32 = 26;
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
/// Half the length of the projected equator.
const MERCATOR_MAX_M: f64 = 20_037_726.37;

/// A place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub lon: f64,
    pub lat: f64,
}

/// The cell of a score, as x86-64 turns doubles into unsigned integers: modulo 2^64 below zero, zero from 2^64 on.
fn bits_of(score: f64) -> u64 {
    const HALF: f64 = (1u64 << 63) as f64;
    /// What the conversion to signed integers gives for what it cannot represent.
    const INDEFINITE: u64 = 1 << 63;
    let signed = |value: f64| if (-HALF..HALF).contains(&value) { value as i64 as u64 } else { INDEFINITE };
    if score < HALF { signed(score) } else { signed(score - HALF) ^ INDEFINITE }
}

impl Place {
    /// Whether a score can hold it.
    pub fn is_valid(self) -> bool {
        (LON.0..=LON.1).contains(&self.lon) && (LAT.0..=LAT.1).contains(&self.lat)
    }

    /// Its score. The place is valid.
    pub fn score(self) -> f64 {
        Cell::around(self, STEP_MAX, LAT).bits as f64
    }

    /// The place that a score means: the middle of its cell. Scores that no place has mean one all the same, as they do upstream.
    #[inline]
    pub fn of_score(score: f64) -> Place {
        let area = Cell { bits: bits_of(score), step: STEP_MAX }.area();
        Place {
            lon: ((area.lon.0 + area.lon.1) / 2.0).clamp(LON.0, LON.1),
            lat: ((area.lat.0 + area.lat.1) / 2.0).clamp(LAT.0, LAT.1),
        }
    }

    /// The geohash string that other systems know the place by, of 11 letters (the last says nothing).
    pub fn geohash(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::around(self, STEP_MAX, LAT_FULL).bits;
        std::array::from_fn(|at| if at < 10 { LETTERS[(bits >> (47 - 5 * at) & 31) as usize] } else { LETTERS[0] })
    }

    /// The distance in m along a great circle (the haversine formula).
    #[inline]
    pub fn distance_m(self, other: Place) -> f64 {
        let v = ((radians(other.lon) - radians(self.lon)) / 2.0).sin();
        if v == 0.0 {
            return lat_distance_m(self.lat, other.lat);
        }
        let (lat, other_lat) = (radians(self.lat), radians(other.lat));
        let u = ((other_lat - lat) / 2.0).sin();
        let a = u * u + lat.cos() * other_lat.cos() * v * v;
        2.0 * EARTH_RADIUS_M * a.sqrt().asin()
    }
}

/// The distance in m between two latitudes.
pub fn lat_distance_m(lat: f64, other: f64) -> f64 {
    EARTH_RADIUS_M * (radians(other) - radians(lat)).abs()
}

#[inline]
fn radians(degrees: f64) -> f64 {
    degrees * (PI / 180.0)
}

fn degrees(radians: f64) -> f64 {
    radians / (PI / 180.0)
}

/// Spreads the bits of a number to the even places.
#[inline]
fn spread(n: u32) -> u64 {
    const MASKS: [u64; 5] =
        [0x0000_ffff_0000_ffff, 0x00ff_00ff_00ff_00ff, 0x0f0f_0f0f_0f0f_0f0f, 0x3333_3333_3333_3333, 0x5555_5555_5555_5555];
    MASKS.iter().zip([16, 8, 4, 2, 1]).fold(u64::from(n), |n, (mask, shift)| (n | n << shift) & mask)
}

/// Gathers the bits in the even places.
#[inline]
fn gather(n: u64) -> u32 {
    const MASKS: [u64; 5] =
        [0x3333_3333_3333_3333, 0x0f0f_0f0f_0f0f_0f0f, 0x00ff_00ff_00ff_00ff, 0x0000_ffff_0000_ffff, 0x0000_0000_ffff_ffff];
    let n = n & 0x5555_5555_5555_5555;
    MASKS.iter().zip([1, 2, 4, 8, 16]).fold(n, |n, (mask, shift)| (n | n >> shift) & mask) as u32
}

/// A cell of the grid of so many halvings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    bits: u64,
    step: u32,
}

/// What a cell covers, in degrees.
struct Area {
    lon: (f64, f64),
    lat: (f64, f64),
}

impl Cell {
    /// The cell that a place is in, latitudes ranging over `lat`.
    fn around(place: Place, step: u32, lat: (f64, f64)) -> Cell {
        let cells = (1u64 << step) as f64;
        let y = (place.lat - lat.0) / (lat.1 - lat.0) * cells;
        let x = (place.lon - LON.0) / (LON.1 - LON.0) * cells;
        Cell { bits: spread(y as u32) | spread(x as u32) << 1, step }
    }

    #[inline]
    fn area(self) -> Area {
        let cells = (1u64 << self.step) as f64;
        let side = |at: u32, range: (f64, f64)| {
            let scale = range.1 - range.0;
            (range.0 + (f64::from(at) / cells) * scale, range.0 + ((f64::from(at) + 1.0) / cells) * scale)
        };
        Area { lon: side(gather(self.bits >> 1), LON), lat: side(gather(self.bits), LAT) }
    }

    /// The cell so many columns to the east and rows to the north, around the world if need be.
    fn moved(self, east: i32, north: i32) -> Cell {
        let mask = ((1u64 << self.step) - 1) as u32;
        let step = |at: u32, by: i32| if by == 0 { at } else { at.wrapping_add_signed(by) & mask };
        let (x, y) = (step(gather(self.bits >> 1), east), step(gather(self.bits), north));
        Cell { bits: spread(y) | spread(x) << 1, ..self }
    }

    /// The scores of the places in it.
    pub fn scores(self) -> Range<f64> {
        let shift = 2 * (STEP_MAX - self.step);
        (self.bits << shift) as f64..((self.bits + 1) << shift) as f64
    }
}

/// What places are searched for.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Circle {
        radius: f64,
    },
    Box {
        width: f64,
        height: f64,
    },
    /// Its corners, the last joined to the first.
    Polygon(Vec<Place>),
}

/// Where places are searched for.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    pub centre: Place,
    pub shape: Shape,
    /// Metres in the unit of the shape's lengths.
    pub unit_m: f64,
}

/// The corners of the smallest box that holds a shape, in degrees.
struct Bounds {
    lon: (f64, f64),
    lat: (f64, f64),
}

impl Search {
    /// The distance of a place from the centre in m, if it is in the shape.
    #[inline]
    pub fn finds(&self, place: Place) -> Option<f64> {
        match &self.shape {
            Shape::Circle { radius } => {
                let radius_m = radius * self.unit_m;
                // Nothing is nearer than its latitude; the margin is far above what rounding does.
                if lat_distance_m(self.centre.lat, place.lat) > radius_m + (radius_m * 1e-9 + 1e-3) {
                    return None;
                }
                let distance_m = self.centre.distance_m(place);
                (distance_m <= radius_m).then_some(distance_m)
            }
            Shape::Box { width, height } => {
                let inside = lat_distance_m(place.lat, self.centre.lat) <= height * self.unit_m / 2.0
                    && place.distance_m(Place { lat: place.lat, ..self.centre }) <= width * self.unit_m / 2.0;
                inside.then(|| self.centre.distance_m(place))
            }
            Shape::Polygon(corners) => is_inside(corners, place).then(|| self.centre.distance_m(place)),
        }
    }

    fn bounds(&self) -> Bounds {
        let Place { lon, lat } = self.centre;
        let (width, height) = match &self.shape {
            Shape::Circle { radius } => (self.unit_m * radius, self.unit_m * radius),
            Shape::Box { width, height } => (self.unit_m * (width / 2.0), self.unit_m * (height / 2.0)),
            Shape::Polygon(corners) => {
                let range = |of: fn(&Place) -> f64| {
                    corners.iter().map(of).fold((f64::MAX, f64::MIN), |(min, max), at| (min.min(at), max.max(at)))
                };
                return Bounds { lon: range(|corner| corner.lon), lat: range(|corner| corner.lat) };
            }
        };
        let lat_delta = degrees(height / EARTH_RADIUS_M);
        let lon_delta = |lat: f64| degrees(width / EARTH_RADIUS_M / radians(lat).cos());
        // Away from the pole of the hemisphere a degree is longer.
        let lon_delta = if lat < 0.0 { lon_delta(lat - lat_delta) } else { lon_delta(lat + lat_delta) };
        Bounds { lon: (lon - lon_delta, lon + lon_delta), lat: (lat - lat_delta, lat + lat_delta) }
    }

    /// The distance in m from the centre within which everything lies.
    fn reach_m(&self) -> f64 {
        match &self.shape {
            Shape::Circle { radius } => radius * self.unit_m,
            Shape::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt() * self.unit_m
            }
            Shape::Polygon(corners) => corners.iter().map(|corner| self.centre.distance_m(*corner)).fold(0.0, f64::max),
        }
    }

    /// The cells that hold everything searched for, in the order in which they are to be looked through.
    pub fn cells(&self) -> Vec<Cell> {
        let (bounds, reach_m) = (self.bounds(), self.reach_m());
        let mut step = steps(reach_m, self.centre.lat);
        let mut cell = Cell::around(self.centre, step, LAT);
        let too_fine = cell.moved(0, 1).area().lat.1 < bounds.lat.1
            || cell.moved(0, -1).area().lat.0 > bounds.lat.0
            || cell.moved(1, 0).area().lon.1 < bounds.lon.1
            || cell.moved(-1, 0).area().lon.0 > bounds.lon.0;
        if step > 1 && too_fine {
            step -= 1;
            cell = Cell::around(self.centre, step, LAT);
        }
        let area = cell.area();
        // Neighbours that nothing can be in are left out.
        let (south, north) = (area.lat.0 >= bounds.lat.0, area.lat.1 <= bounds.lat.1);
        let (west, east) = (area.lon.0 >= bounds.lon.0, area.lon.1 <= bounds.lon.1);
        let wanted =
            |x: i32, y: i32| step < 2 || ((y >= 0 || south) && (y <= 0 || north) && (x >= 0 || west) && (x <= 0 || east));
        const ORDER: [(i32, i32); 9] = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let mut cells = Vec::with_capacity(ORDER.len());
        for (x, y) in ORDER.into_iter().filter(|(x, y)| wanted(*x, *y)) {
            let cell = cell.moved(x, y);
            // In a coarse grid neighbours on two sides are the same.
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        cells
    }
}

/// Halvings after which a cell and its neighbours still hold everything so near.
fn steps(reach_m: f64, lat: f64) -> u32 {
    if reach_m == 0.0 {
        return STEP_MAX;
    }
    let (mut reach_m, mut step) = (reach_m, 1i32);
    while reach_m < MERCATOR_MAX_M {
        reach_m *= 2.0;
        step += 1;
    }
    step -= 2;
    // Towards the poles cells are narrow.
    if lat.abs() > 66.0 {
        step -= if lat.abs() > 80.0 { 2 } else { 1 };
    }
    step.clamp(1, STEP_MAX as i32) as u32
}

/// Whether a place is inside the corners: a line from it to the east crosses an odd number of sides.
fn is_inside(corners: &[Place], place: Place) -> bool {
    let mut inside = false;
    for (at, a) in corners.iter().enumerate() {
        let b = corners[if at == 0 { corners.len() - 1 } else { at - 1 }];
        if (a.lat > place.lat) != (b.lat > place.lat) {
            let crossing = (b.lon - a.lon) * (place.lat - a.lat) / (b.lat - a.lat) + a.lon;
            inside ^= place.lon < crossing;
        }
    }
    inside
}

/// The middle of corners: their average.
pub fn middle(corners: &[Place]) -> Place {
    let count = corners.len().max(1) as f64;
    let sum = |of: fn(&Place) -> f64| corners.iter().map(of).sum::<f64>() / count;
    Place { lon: sum(|corner| corner.lon), lat: sum(|corner| corner.lat) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALERMO: Place = Place { lon: 13.361389, lat: 38.115556 };
    const CATANIA: Place = Place { lon: 15.087269, lat: 37.502669 };

    #[test]
    fn scores_without_a_place_are_read_as_the_machine_converts_them() {
        for (score, bits) in [
            (16.5, 16),
            (-1.5, u64::MAX),
            (-9223372036854775808.0, 1 << 63),
            (-1e19, 1 << 63),
            (9223372036854775808.0, 1 << 63),
            (18446744073709549568.0, 18446744073709549568),
            (1e308, 0),
            (f64::INFINITY, 0),
        ] {
            assert_eq!(bits_of(score), bits, "{score}");
        }
    }

    #[test]
    fn scores_and_strings_are_those_known() {
        assert_eq!(PALERMO.score(), 3_479_099_956_230_698.0);
        assert_eq!(CATANIA.score(), 3_479_447_370_796_909.0);
        let back = Place::of_score(PALERMO.score());
        assert_eq!((back.lon, back.lat), (13.361389338970184, 38.1155563954963));
        assert_eq!(&back.geohash(), b"sqc8b49rny0");
        assert_eq!((back.distance_m(Place::of_score(CATANIA.score())) * 10_000.0).round(), 1_662_741_516.0);
    }

    #[test]
    fn bits_are_spread_and_gathered() {
        let mut rng = fastrand::Rng::with_seed(8);
        for _ in 0..1000 {
            let (a, b) = (rng.u32(..), rng.u32(..));
            let both = spread(a) | spread(b) << 1;
            assert_eq!((gather(both), gather(both >> 1)), (a, b));
        }
    }

    #[test]
    fn cells_hold_all_that_is_found() {
        let mut rng = fastrand::Rng::with_seed(9);
        let place = |rng: &mut fastrand::Rng| Place { lon: rng.f64() * 360.0 - 180.0, lat: rng.f64() * 140.0 - 70.0 };
        for _ in 0..300 {
            let centre = place(&mut rng);
            let shape = match rng.u32(..3) {
                0 => Shape::Circle { radius: 10f64.powf(rng.f64() * 5.5) },
                1 => Shape::Box { width: 10f64.powf(rng.f64() * 5.5), height: 10f64.powf(rng.f64() * 5.5) },
                _ => {
                    let side = 10f64.powf(rng.f64() * 2.0 - 2.0).min(14.0);
                    let corner = |rng: &mut fastrand::Rng| Place {
                        lon: (centre.lon + rng.f64() * side).clamp(-180.0, 180.0),
                        lat: centre.lat + rng.f64() * side,
                    };
                    Shape::Polygon((0..5).map(|_| corner(&mut rng)).collect())
                }
            };
            let centre = if let Shape::Polygon(corners) = &shape { middle(corners) } else { centre };
            let search = Search { centre, shape, unit_m: 1.0 };
            let (cells, spread) = (search.cells(), search.reach_m() / 50_000.0);
            for _ in 0..300 {
                let near = Place {
                    lon: (centre.lon + (rng.f64() - 0.5) * spread).clamp(-179.999, 179.999),
                    lat: (centre.lat + (rng.f64() - 0.5) * spread).clamp(-75.0, 75.0),
                };
                let near = Place::of_score(near.score());
                if search.finds(near).is_some() {
                    let score = near.score();
                    assert!(cells.iter().any(|cell| cell.scores().contains(&score)), "{search:?} {near:?}");
                }
            }
        }
    }

    #[test]
    fn polygons() {
        let corner = |lon, lat| Place { lon, lat };
        let square = [corner(0.0, 0.0), corner(2.0, 0.0), corner(2.0, 2.0), corner(0.0, 2.0)];
        assert!(is_inside(&square, corner(1.0, 1.0)));
        assert!(!is_inside(&square, corner(3.0, 1.0)));
        assert!(!is_inside(&square, corner(1.0, -1.0)));
        assert_eq!(middle(&square), corner(1.0, 1.0));
    }
}
