//! What the commands that search for places have in common: their options, and what comes of them.

use std::ops::ControlFlow;

use super::{place, unit_m, write_distance, write_place};
use crate::commands::zsets::limits;
use crate::dispatch::{CmdError, CmdResult, Db, Flow};
use crate::encoding::listpack::Elem;
use crate::keyspace::Class;
use crate::keyspace::value::Typed;
use crate::resp::{Args, Reply};
use crate::types::Zset;
use crate::types::geohash::{Place, Search, Shape, middle};
use crate::types::zset::ScoreRange;
use crate::util::float::parse_f64;
use crate::util::number::parse_i64;

/// Which syntax a command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// `key lon lat radius unit …`
    Radius,
    /// `key member radius unit …`
    RadiusByMember,
    /// `key FROM… BY… …`
    Search,
    /// `destination key FROM… BY… …`
    SearchStore,
}

impl Syntax {
    fn key_at(self) -> usize {
        if self == Syntax::SearchStore { 2 } else { 1 }
    }

    fn options_at(self) -> usize {
        match self {
            Syntax::Radius => 6,
            Syntax::RadiusByMember => 5,
            Syntax::Search => 2,
            Syntax::SearchStore => 3,
        }
    }

    fn is_search(self) -> bool {
        matches!(self, Syntax::Search | Syntax::SearchStore)
    }
}

/// Where the result goes instead of to the client.
#[derive(Clone, Copy)]
struct Target {
    key_at: usize,
    distances: bool,
}

/// A parsed request.
#[derive(Default)]
struct Query {
    centre: Option<Place>,
    shape: Option<(Shape, f64)>,
    from_member: bool,
    from_place: bool,
    with_dist: bool,
    with_hash: bool,
    with_coord: bool,
    /// `Some(true)`: the nearest first.
    ascending: Option<bool>,
    count: Option<usize>,
    any: bool,
    target: Option<Target>,
}

/// A place that was found.
struct Found<'z> {
    member: Elem<'z>,
    score: f64,
    place: Place,
    distance_m: f64,
}

/// The place of a member.
fn member_place(zset: &Zset, member: &[u8]) -> Result<Place, CmdError> {
    let score = zset.score(member).ok_or(CmdError::text("ERR could not decode requested zset member"))?;
    Ok(Place::of_score(score))
}

/// Radius and unit at this argument and the next.
fn circle(args: Args<'_>, at: usize) -> Result<(Shape, f64), CmdError> {
    let radius = parse_f64(args.at(at)).ok_or(CmdError::text("ERR need numeric radius"))?;
    if radius < 0.0 {
        return Err(CmdError::text("ERR radius cannot be negative"));
    }
    Ok((Shape::Circle { radius }, unit_m(args, at + 1)?))
}

/// Width, height and unit at this argument and the next two.
fn rectangle(args: Args<'_>, at: usize) -> Result<(Shape, f64), CmdError> {
    let width = parse_f64(args.at(at)).ok_or(CmdError::text("ERR need numeric width"))?;
    let height = parse_f64(args.at(at + 1)).ok_or(CmdError::text("ERR need numeric height"))?;
    if width < 0.0 || height < 0.0 {
        return Err(CmdError::text("ERR height or width cannot be negative"));
    }
    Ok((Shape::Box { width, height }, unit_m(args, at + 2)?))
}

/// The corners behind their number, which is this argument.
fn polygon(args: Args<'_>, at: usize) -> Result<Vec<Place>, CmdError> {
    let count = parse_i64(args.at(at)).ok_or(CmdError::text("ERR invalid number of vertices"))?;
    let there = args.len() - at - 1;
    match usize::try_from(count) {
        Ok(count) if count >= 3 && count <= there / 2 => (0..count).map(|corner| place(args, at + 1 + 2 * corner)).collect(),
        _ => Err(CmdError::text("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices")),
    }
}

impl Query {
    /// Parses a request. Members are looked up in `zset` on the way.
    fn parse(args: Args<'_>, syntax: Syntax, stores: bool, zset: Option<&Zset>) -> Result<Query, CmdError> {
        let mut query = Query::default();
        match (syntax, zset) {
            (Syntax::Radius, _) => {
                query.centre = Some(place(args, 2)?);
                query.shape = Some(circle(args, 4)?);
            }
            (Syntax::RadiusByMember, Some(zset)) => {
                query.centre = Some(member_place(zset, args.at(2))?);
                query.shape = Some(circle(args, 3)?);
            }
            (Syntax::RadiusByMember, None) => {}
            (Syntax::Search, _) => {}
            (Syntax::SearchStore, _) => query.target = Some(Target { key_at: 1, distances: false }),
        }
        let mut at = syntax.options_at();
        while at < args.len() {
            at += 1 + query.option(args, at, syntax, stores, zset)?;
        }
        query.check(args, syntax)?;
        Ok(query)
    }

    /// Parses the option at this argument; answers how many words it has behind its own.
    fn option(
        &mut self,
        args: Args<'_>,
        at: usize,
        syntax: Syntax,
        stores: bool,
        zset: Option<&Zset>,
    ) -> Result<usize, CmdError> {
        let behind = args.len() - at - 1;
        let search = syntax.is_search();
        let polygon_given = matches!(self.shape, Some((Shape::Polygon(_), _)));
        let by = |own: fn(&Shape) -> bool| search && self.shape.as_ref().is_none_or(|(shape, _)| own(shape));
        match args {
            _ if args.is(at, "WITHDIST") => self.with_dist = true,
            _ if args.is(at, "WITHHASH") => self.with_hash = true,
            _ if args.is(at, "WITHCOORD") => self.with_coord = true,
            _ if args.is(at, "ANY") => self.any = true,
            _ if args.is(at, "ASC") => self.ascending = Some(true),
            _ if args.is(at, "DESC") => self.ascending = Some(false),
            _ if args.is(at, "COUNT") && behind >= 1 => {
                let count = parse_i64(args.at(at + 1)).ok_or(CmdError::NOT_AN_INTEGER)?;
                if count <= 0 {
                    return Err(CmdError::text("ERR COUNT must be > 0"));
                }
                self.count = Some(usize::try_from(count).unwrap_or(usize::MAX));
                return Ok(1);
            }
            _ if stores && !search && behind >= 1 && (args.is(at, "STORE") || args.is(at, "STOREDIST")) => {
                self.target = Some(Target { key_at: at + 1, distances: args.is(at, "STOREDIST") });
                return Ok(1);
            }
            _ if syntax == Syntax::SearchStore && args.is(at, "STOREDIST") => {
                self.target = Some(Target { key_at: 1, distances: true });
            }
            _ if search && args.is(at, "FROMMEMBER") && behind >= 1 && !self.from_place && !polygon_given => {
                // Without a key there is nothing to look it up in, and nothing to be found either.
                if let Some(zset) = zset {
                    self.centre = Some(member_place(zset, args.at(at + 1))?);
                }
                self.from_member = true;
                return Ok(1);
            }
            _ if search && args.is(at, "FROMLONLAT") && behind >= 2 && !self.from_member && !polygon_given => {
                self.centre = Some(place(args, at + 1)?);
                self.from_place = true;
                return Ok(2);
            }
            _ if args.is(at, "BYRADIUS") && behind >= 2 && by(|shape| matches!(shape, Shape::Circle { .. })) => {
                self.shape = Some(circle(args, at + 1)?);
                return Ok(2);
            }
            _ if args.is(at, "BYBOX") && behind >= 3 && by(|shape| matches!(shape, Shape::Box { .. })) => {
                self.shape = Some(rectangle(args, at + 1)?);
                return Ok(3);
            }
            _ if args.is(at, "BYPOLYGON")
                && behind >= 1
                && by(|shape| matches!(shape, Shape::Polygon(_)))
                && !self.from_member
                && !self.from_place =>
            {
                let corners = polygon(args, at + 1)?;
                let words = 1 + 2 * corners.len();
                self.centre = Some(middle(&corners));
                self.shape = Some((Shape::Polygon(corners), 1.0));
                return Ok(words);
            }
            _ => return Err(CmdError::SYNTAX),
        }
        Ok(0)
    }

    /// Refuses what does not go together.
    fn check(&self, args: Args<'_>, syntax: Syntax) -> Result<(), CmdError> {
        let is_missing = |what: &str| {
            let mut text = format!("ERR exactly one of {what} can be specified for ").into_bytes();
            text.extend_from_slice(args.at(0));
            Err(CmdError::new(text))
        };
        if self.target.is_some() && (self.with_dist || self.with_hash || self.with_coord) {
            let what = if syntax == Syntax::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(CmdError::err(format!("{what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options")));
        }
        if syntax.is_search() {
            let polygon = matches!(self.shape, Some((Shape::Polygon(_), _)));
            if !polygon && !self.from_member && !self.from_place {
                return is_missing("FROMMEMBER or FROMLONLAT");
            }
            if self.shape.is_none() {
                return is_missing("BYRADIUS and BYBOX");
            }
        }
        if self.any && self.count.is_none() {
            return Err(CmdError::text("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    /// The places that are searched for, in the order asked for.
    fn find<'z>(&self, zset: &'z Zset, search: &Search) -> Vec<Found<'z>> {
        let mut found = Vec::new();
        let enough = self.count.filter(|_| self.any).unwrap_or(usize::MAX);
        for cell in search.cells() {
            let scores = cell.scores();
            let range = ScoreRange { min: scores.start, max: scores.end, min_ex: false, max_ex: true };
            let walk = zset.range(zset.score_ranks(&range)).try_for_each(|(member, score)| {
                let place = Place::of_score(score);
                if let Some(distance_m) = search.finds(place) {
                    found.push(Found { member, score, place, distance_m });
                }
                if found.len() >= enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if walk.is_break() {
                break;
            }
        }
        let count = self.count.unwrap_or(usize::MAX).min(found.len());
        // The first few are the nearest, unless any will do.
        let ascending = self.ascending.or(self.count.filter(|_| !self.any).map(|_| true));
        if let Some(ascending) = ascending {
            let order = |a: &Found<'_>, b: &Found<'_>| {
                if ascending { a.distance_m.total_cmp(&b.distance_m) } else { b.distance_m.total_cmp(&a.distance_m) }
            };
            if count > 0 && count < found.len() {
                found.select_nth_unstable_by(count - 1, order);
                found.truncate(count);
            }
            found.sort_by(order);
        }
        found.truncate(count);
        found
    }

    fn reply(&self, found: &[Found<'_>], unit_m: f64, reply: &mut Reply) {
        let parts = 1 + usize::from(self.with_dist) + usize::from(self.with_hash) + usize::from(self.with_coord);
        reply.array(found.len());
        for one in found {
            if parts > 1 {
                reply.array(parts);
            }
            crate::commands::elems::bulk(reply, one.member);
            if self.with_dist {
                write_distance(reply, one.distance_m / unit_m);
            }
            if self.with_hash {
                reply.int(one.score as i64);
            }
            if self.with_coord {
                write_place(reply, one.place);
            }
        }
    }
}

/// Runs a command of this syntax, which may know `STORE` and `STOREDIST`.
pub fn run(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, syntax: Syntax, stores: bool) -> CmdResult {
    let limits = limits(db.env);
    let zset = db.get::<Zset>(args.at(syntax.key_at()))?;
    let query = Query::parse(args, syntax, stores, zset)?;
    let search = match (query.centre, query.shape.clone()) {
        (Some(centre), Some((shape, unit_m))) => Some(Search { centre, shape, unit_m }),
        _ => None,
    };
    let (found, unit_m) = match (zset, &search) {
        (Some(zset), Some(search)) => (query.find(zset, search), search.unit_m),
        _ => (Vec::new(), 1.0),
    };
    let Some(target) = query.target else {
        query.reply(&found, unit_m, reply);
        return Ok(Flow::Done);
    };
    let count = found.len();
    let score = |one: &Found<'_>| if target.distances { one.distance_m / unit_m } else { one.score };
    let stored = Zset::from_pairs(found.iter().map(|one| (one.member, score(one))), &limits);
    let dest = args.at(target.key_at);
    if count == 0 {
        db.delete(dest, db.env.config.lazyfree_lazy_server_del);
    } else {
        db.put(dest, stored.into_value(), None);
        db.changed_n(dest, Class::Zset, if syntax.is_search() { "geosearchstore" } else { "georadiusstore" }, count);
    }
    reply.count(count);
    Ok(Flow::Done)
}

/// Where the keys are that a GEORADIUS of this syntax stores to: as parsing finds them, so that what is checked is what
/// is used.
pub fn targets(args: Args<'_>, syntax: Syntax) -> impl Iterator<Item = usize> {
    let mut at = syntax.options_at();
    std::iter::from_fn(move || {
        while at + 1 < args.len() {
            at += 1;
            if args.is(at - 1, "STORE") || args.is(at - 1, "STOREDIST") {
                at += 1;
                return Some(at - 1);
            }
            if args.is(at - 1, "COUNT") {
                at += 1;
            }
        }
        None
    })
}
