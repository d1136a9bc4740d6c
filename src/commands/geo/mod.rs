//! Places: sorted sets whose scores are cells of a grid over the globe.
//!
//! | file | commands |
//! |---|---|
//! | `members` | GEOADD GEODIST GEOHASH GEOPOS |
//! | `search` | GEOSEARCH GEOSEARCHSTORE |
//! | `radius` | GEORADIUS GEORADIUS_RO GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO |
//! | `query` | what those parse, and what they find |

pub mod members;
mod query;
pub mod radius;
pub mod search;

use crate::dispatch::argspec::Arg;
use crate::dispatch::command::Command;
use crate::dispatch::{CmdError, token};
use crate::resp::{Args, Reply};
use crate::types::geohash::Place;
use crate::util::float;

pub static COMMANDS: &[&Command] = &[
    &members::GEOADD,
    &members::GEODIST,
    &members::GEOHASH,
    &members::GEOPOS,
    &radius::GEORADIUS,
    &radius::GEORADIUS_RO,
    &radius::GEORADIUSBYMEMBER,
    &radius::GEORADIUSBYMEMBER_RO,
    &search::GEOSEARCH,
    &search::GEOSEARCHSTORE,
];

const UNITS: [Arg; 4] = [token("m", "M"), token("km", "KM"), token("ft", "FT"), token("mi", "MI")];

/// Metres in the unit at this argument.
///
/// # Errors
/// When it is none.
fn unit_m(args: Args<'_>, index: usize) -> Result<f64, CmdError> {
    const KNOWN: [(&str, f64); 4] = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let found = KNOWN.into_iter().find(|(name, _)| args.is(index, name));
    found.map(|(_, unit_m)| unit_m).ok_or(CmdError::text("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

/// Longitude and latitude at this argument and the next.
///
/// # Errors
/// When they are no numbers, or not on the map.
fn place(args: Args<'_>, index: usize) -> Result<Place, CmdError> {
    let number = |index| float::parse_f64(args.at(index)).ok_or(CmdError::NOT_A_FLOAT);
    let place = Place { lon: number(index)?, lat: number(index + 1)? };
    if place.is_valid() {
        return Ok(place);
    }
    let mut text = b"ERR invalid longitude,latitude pair ".to_vec();
    float::write_fixed(&mut text, place.lon, 6);
    text.push(b',');
    float::write_fixed(&mut text, place.lat, 6);
    Err(CmdError::new(text))
}

/// A distance, with four digits behind the point.
fn write_distance(reply: &mut Reply, distance: f64) {
    let mut text = Vec::with_capacity(24);
    float::write_fixed(&mut text, (distance * 10_000.0).round_ties_even() / 10_000.0, 4);
    reply.bulk(&text);
}

/// A place, as a pair of numbers.
fn write_place(reply: &mut Reply, place: Place) {
    reply.array(2);
    reply.double(place.lon);
    reply.double(place.lat);
}
