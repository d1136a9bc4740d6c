//! GEOSEARCH and GEOSEARCHSTORE.

use super::UNITS;
use super::query::{Syntax, run};
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};

const FROM: Arg = oneof(
    "from",
    &[string("member").token("FROMMEMBER"), block("fromlonlat", &[double("longitude"), double("latitude")]).token("FROMLONLAT")],
)
.optional();
const BY: Arg = oneof(
    "by",
    &[
        block("circle", &[double("radius").token("BYRADIUS"), oneof("unit", &UNITS)]),
        block("box", &[double("width").token("BYBOX"), double("height"), oneof("unit", &UNITS)]),
        block(
            "polygon",
            &[
                integer("num-vertices").token("BYPOLYGON"),
                block("vertices", &[double("longitude"), double("latitude")]).multiple(),
            ],
        ),
    ],
);
const ORDER: Arg = oneof("order", &[token("asc", "ASC"), token("desc", "DESC")]).optional();
const COUNT: Arg = block("count-block", &[integer("count").token("COUNT"), token("any", "ANY").optional()]).optional();
const COMPLEXITY: &str = "O(N+log(M)) for N members in the grid cells around the shape, M being the size of the sorted set.";

pub static GEOSEARCH: Command = Command::data("GEOSEARCH", geosearch)
    .summary("Returns the members whose places are in a circle, a box or a polygon.")
    .since("6.2.0")
    .complexity(COMPLEXITY)
    .group(Group::Geo)
    .arity(-7)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[
        key("key", 0),
        FROM,
        BY,
        ORDER,
        COUNT,
        token("withcoord", "WITHCOORD").optional(),
        token("withdist", "WITHDIST").optional(),
        token("withhash", "WITHHASH").optional(),
    ])
    .history(&[("7.0.0", "Added support for uppercase unit names.")]);

fn geosearch(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    run(db, args, reply, Syntax::Search, false)
}

pub static GEOSEARCHSTORE: Command = Command::data("GEOSEARCHSTORE", geosearchstore)
    .summary("Stores the members whose places are in a circle, a box or a polygon.")
    .since("6.2.0")
    .complexity(COMPLEXITY)
    .group(Group::Geo)
    .arity(-8)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::OW, Use::Update]), Keys::one(2).does(&[Use::RO, Use::Access])])
    .args(&[key("destination", 0), key("source", 1), FROM, BY, ORDER, COUNT, token("storedist", "STOREDIST").optional()])
    .history(&[("7.0.0", "Added support for uppercase unit names.")]);

fn geosearchstore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    run(db, args, reply, Syntax::SearchStore, false)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    fn sicily() -> Session {
        let mut s = Session::new();
        s.run("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
        s.run("GEOADD g 12.758489 38.788135 edge1 17.241510 38.788135 edge2");
        s
    }

    #[test]
    fn shapes() {
        let mut s = sicily();
        let list = |members: &[&str]| {
            let items: String = members.iter().map(|member| format!("${}\r\n{member}\r\n", member.len())).collect();
            format!("*{}\r\n{items}", members.len())
        };
        for (query, members) in [
            ("FROMLONLAT 15 37 BYRADIUS 200 km ASC", &["Catania", "Palermo"][..]),
            ("FROMLONLAT 15 37 BYRADIUS 200 km DESC", &["Palermo", "Catania"]),
            ("FROMLONLAT 15 37 BYBOX 400 400 km ASC", &["Catania", "Palermo", "edge2", "edge1"]),
            ("FROMLONLAT 15 37 BYRADIUS 500 km COUNT 1", &["Catania"]),
            ("FROMMEMBER Palermo BYRADIUS 0 m ASC", &["Palermo"]),
            ("BYPOLYGON 4 10 35 20 35 20 40 10 40 COUNT 2", &["Catania", "Palermo"]),
            ("FROMLONLAT 100 37 BYRADIUS 1 km", &[]),
        ] {
            assert_eq!(s.run(&format!("GEOSEARCH g {query}")), list(members), "{query}");
        }
        assert_eq!(
            s.run("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 100 km WITHCOORD WITHDIST WITHHASH"),
            "*1\r\n*4\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n:3479447370796909\r\n*2\r\n$18\r\n15.087267458438873\r\n\
                $17\r\n37.50266842333162\r\n"
        );
    }

    #[test]
    fn storing() {
        let mut s = sicily();
        assert_eq!(s.run("GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST"), ":2\r\n");
        assert_eq!(s.run("ZRANGE d 0 0 WITHSCORES"), "*2\r\n$7\r\nCatania\r\n$16\r\n56.4412578701582\r\n");
        assert_eq!(s.run("GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km"), ":2\r\n");
        assert_eq!(s.run("ZSCORE d Catania"), "$16\r\n3479447370796909\r\n");
        assert_eq!(s.run("GEOSEARCHSTORE d none FROMMEMBER x BYBOX 1 1 km"), ":0\r\n");
        assert_eq!(s.run("EXISTS d"), ":0\r\n");
    }

    #[test]
    fn what_is_wrong() {
        let mut s = sicily();
        let with = "GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
        for (line, error) in [
            ("GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 -1 km", "height or width cannot be negative"),
            ("GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 x km", "need numeric height"),
            ("GEOSEARCH g FROMLONLAT 15 37 BYBOX x 1 km", "need numeric width"),
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS -1 km", "radius cannot be negative"),
            ("GEOSEARCH g FROMLONLAT 15 37 FROMMEMBER Palermo BYBOX 1 1 km", "syntax error"),
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 km BYBOX 1 1 km", "syntax error"),
            ("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 km STORE x", "syntax error"),
            ("GEOSEARCH g FROMMEMBER none BYRADIUS 1 km", "could not decode requested zset member"),
            ("GEOSEARCH g BYRADIUS 1 km ASC ASC", "exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH"),
            ("geosearch g FROMMEMBER Palermo ASC COUNT 1", "exactly one of BYRADIUS and BYBOX can be specified for geosearch"),
            ("GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 1 km WITHDIST", with),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km ANY", "the ANY argument requires COUNT argument"),
            ("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km COUNT 0", "COUNT must be > 0"),
            ("GEOSEARCH g BYPOLYGON 2 1 1 2 2", "GEOSEARCH BYPOLYGON must have at least 3 vertices"),
            ("GEOSEARCH g BYPOLYGON 9223372036854775807 1 1 2 2", "GEOSEARCH BYPOLYGON must have at least 3 vertices"),
            ("GEOSEARCH g BYPOLYGON x 1 1 2 2", "invalid number of vertices"),
            ("GEOSEARCH g BYPOLYGON 3 1 1 2 2 3 3 FROMMEMBER Palermo", "syntax error"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        s.run("SET str x");
        assert!(s.run("GEOSEARCH str FROMLONLAT 15 37 BYRADIUS 1 km").starts_with("-WRONGTYPE"));
    }
}
