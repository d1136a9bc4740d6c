//! Members and their places: GEOADD, GEODIST, GEOHASH, GEOPOS.

use super::{UNITS, place, unit_m, write_distance, write_place};
use crate::commands::zsets::add::add_pairs;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::effects::Interest;
use crate::resp::{Args, Reply};
use crate::types::Zset;
use crate::types::geohash::Place;
use crate::types::zset::AddFlags;

const READ: &[Keys] = &[Keys::one(1).does(&[Use::RO, Use::Access])];

pub static GEOADD: Command = Command::data("GEOADD", geoadd)
    .summary("Adds members with their places to a sorted set, or moves them.")
    .since("3.2.0")
    .complexity("O(log(N)) for each member, N being the size of the sorted set.")
    .group(Group::Geo)
    .arity(-5)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[
        key("key", 0),
        oneof("condition", &[token("nx", "NX"), token("xx", "XX")]).since("6.2.0").optional(),
        token("change", "CH").since("6.2.0").optional(),
        block("data", &[double("longitude"), double("latitude"), string("member")]).multiple(),
    ])
    .history(&[("6.2.0", "Added the `CH`, `NX` and `XX` options.")]);

fn geoadd(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (mut flags, mut count_changed, mut first) = (AddFlags::default(), false, 2);
    loop {
        match args {
            _ if args.is(first, "NX") => flags.nx = true,
            _ if args.is(first, "XX") => flags.xx = true,
            _ if args.is(first, "CH") => count_changed = true,
            _ => break,
        }
        first += 1;
    }
    let words = args.from(first);
    if !words.len().is_multiple_of(3) || flags.nx && flags.xx {
        return Err(CmdError::SYNTAX);
    }
    let scores = (0..words.len()).step_by(3).map(|at| place(words, at).map(Place::score));
    let scores = scores.collect::<Result<Vec<f64>, CmdError>>()?;
    if scores.is_empty() {
        return Err(CmdError::SYNTAX);
    }
    let members = || words.iter().skip(2).step_by(3);
    let (added, updated) = add_pairs(db, args.at(1), scores.iter().copied().zip(members()), flags)?;
    if db.env.fx.interest.contains(Interest::PROPAGATE) && added + updated > 0 {
        let texts: Vec<String> = scores.iter().map(|score| (*score as u64).to_string()).collect();
        let mut line = vec![&b"ZADD"[..], args.at(1)];
        line.extend(args.slice(2, first).iter());
        texts.iter().zip(members()).for_each(|(score, member)| line.extend([score.as_bytes(), member]));
        db.propagate(&line);
    }
    reply.count(if count_changed { added + updated } else { added });
    Ok(Flow::Done)
}

pub static GEODIST: Command = Command::data("GEODIST", geodist)
    .summary("Returns the distance between the places of two members.")
    .since("3.2.0")
    .complexity("O(1)")
    .group(Group::Geo)
    .arity(-4)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0), string("member1"), string("member2"), oneof("unit", &UNITS).optional()]);

fn geodist(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let unit_m = match args.len() {
        4 => 1.0,
        5 => unit_m(args, 4)?,
        _ => return Err(CmdError::SYNTAX),
    };
    let zset = db.get::<Zset>(args.at(1))?;
    let place = |index| zset.and_then(|zset| zset.score(args.at(index))).map(Place::of_score);
    match (place(2), place(3)) {
        (Some(one), Some(other)) => write_distance(reply, one.distance_m(other) / unit_m),
        _ => reply.null(),
    }
    Ok(Flow::Done)
}

pub static GEOHASH: Command = Command::data("GEOHASH", geohash)
    .summary("Returns the places of members as geohash strings.")
    .since("3.2.0")
    .complexity("O(1) for each member requested.")
    .group(Group::Geo)
    .arity(-2)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0), string("member").multiple().optional()]);

fn geohash(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let zset = db.get::<Zset>(args.at(1))?;
    reply.array(args.len() - 2);
    for member in args.from(2).iter() {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => reply.bulk(&Place::of_score(score).geohash()),
            None => reply.null(),
        }
    }
    Ok(Flow::Done)
}

pub static GEOPOS: Command = Command::data("GEOPOS", geopos)
    .summary("Returns the places of members as longitude and latitude.")
    .since("3.2.0")
    .complexity("O(1) for each member requested.")
    .group(Group::Geo)
    .arity(-2)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0), string("member").multiple().optional()]);

fn geopos(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let zset = db.get::<Zset>(args.at(1))?;
    reply.array(args.len() - 2);
    for member in args.from(2).iter() {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => write_place(reply, Place::of_score(score)),
            None => reply.null_array(),
        }
    }
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn places_come_back() {
        let mut s = Session::new();
        assert_eq!(s.run("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"), ":2\r\n");
        assert_eq!(s.run("GEOADD g CH XX 13.361389 38.115556 Palermo 1 1 new"), ":0\r\n");
        assert_eq!(s.run("GEOADD g NX 1 1 Palermo"), ":0\r\n");
        assert_eq!(s.run("GEODIST g Palermo Catania"), "$11\r\n166274.1516\r\n");
        assert_eq!(s.run("GEODIST g Palermo Catania KM"), "$8\r\n166.2742\r\n");
        assert_eq!(s.run("GEODIST g Palermo Palermo"), "$6\r\n0.0000\r\n");
        assert_eq!(s.run("GEODIST g Palermo none"), "$-1\r\n");
        assert_eq!(s.run("GEOHASH g Palermo none"), "*2\r\n$11\r\nsqc8b49rny0\r\n$-1\r\n");
        assert_eq!(s.run("GEOPOS g none Palermo"), "*2\r\n*-1\r\n*2\r\n$18\r\n13.361389338970184\r\n$16\r\n38.1155563954963\r\n");
        assert_eq!(s.run("GEOPOS none"), "*0\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("GEOPOS g none Palermo"), "*2\r\n_\r\n*2\r\n,13.361389338970184\r\n,38.1155563954963\r\n");
    }

    #[test]
    fn what_is_wrong() {
        let mut s = Session::new();
        for (line, error) in [
            ("GEOADD g NX XX 1 1 a", "syntax error"),
            ("GEOADD g CH 1 1", "syntax error"),
            ("GEOADD g NX CH CH", "syntax error"),
            ("GEOADD g 200 1 a", "invalid longitude,latitude pair 200.000000,1.000000"),
            ("GEOADD g 0 -86 a", "invalid longitude,latitude pair 0.000000,-86.000000"),
            ("GEOADD g x 1 a", "value is not a valid float"),
            ("GEODIST g a b yd", "unsupported unit provided. please use M, KM, FT, MI"),
            ("GEODIST g a b m x", "syntax error"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        assert_eq!(s.run("EXISTS g"), ":0\r\n");
        s.run("SET str x");
        for line in ["GEOADD str 1 1 a", "GEODIST str a b", "GEOHASH str a", "GEOPOS str a"] {
            assert!(s.run(line).starts_with("-WRONGTYPE"));
        }
    }
}
