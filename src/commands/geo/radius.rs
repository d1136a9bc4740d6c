//! The older commands that search a circle: GEORADIUS, GEORADIUSBYMEMBER and their read-only twins.

use super::UNITS;
use super::query::{Syntax, run, targets};
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};

const ORDER: Arg = oneof("order", &[token("asc", "ASC"), token("desc", "DESC")]).optional();
const UNIT: Arg = oneof("unit", &UNITS);
const COUNT: Arg = block("count-block", &[integer("count").token("COUNT"), token("any", "ANY").optional()]).optional();
const COUNT_SINCE: Arg =
    block("count-block", &[integer("count").token("COUNT"), token("any", "ANY").since("6.2.0").optional()]).optional();
const WITHCOORD: Arg = token("withcoord", "WITHCOORD").optional();
const WITHDIST: Arg = token("withdist", "WITHDIST").optional();
const WITHHASH: Arg = token("withhash", "WITHHASH").optional();
const STORE: Arg =
    oneof("store", &[key("storekey", 1).token("STORE").display("key"), key("storedistkey", 2).token("STOREDIST").display("key")])
        .optional();
const COMPLEXITY: &str = "O(N+log(M)) for N members in the box around the circle, M being the size of the sorted set.";
const HISTORY: &[(&str, &str)] =
    &[("6.2.0", "Added the `ANY` option for `COUNT`."), ("7.0.0", "Added support for uppercase unit names.")];

/// The sorted set, and wherever the result may be stored.
fn keys_of(args: Args<'_>, syntax: Syntax) -> Option<Vec<KeyAt>> {
    let mut keys = vec![KeyAt { index: 1, uses: Uses::of(&[Use::RO, Use::Access]) }];
    keys.extend(targets(args, syntax).map(|index| KeyAt { index, uses: Uses::of(&[Use::OW, Use::Update]) }));
    (args.len() > 1).then_some(keys)
}

fn radius_keys(args: Args<'_>) -> Option<Vec<KeyAt>> {
    keys_of(args, Syntax::Radius)
}

fn by_member_keys(args: Args<'_>) -> Option<Vec<KeyAt>> {
    keys_of(args, Syntax::RadiusByMember)
}

pub static GEORADIUS: Command = Command::data("GEORADIUS", georadius)
    .summary("Returns or stores the members whose places are in a circle around a place.")
    .since("3.2.0")
    .complexity(COMPLEXITY)
    .group(Group::Geo)
    .arity(-6)
    .flags(&[Write, DenyOom])
    .keys(&[
        Keys::one(1).does(&[Use::RO, Use::Access]),
        Keys::after("STORE", 6).does(&[Use::OW, Use::Update]),
        Keys::after("STOREDIST", 6).does(&[Use::OW, Use::Update]),
    ])
    .keys_fn(radius_keys)
    .args(&[
        key("key", 0),
        double("longitude"),
        double("latitude"),
        double("radius"),
        UNIT,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT_SINCE,
        ORDER,
        STORE,
    ])
    .history(HISTORY)
    .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument");

fn georadius(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    run(db, args, reply, Syntax::Radius, true)
}

pub static GEORADIUS_RO: Command = Command::data("GEORADIUS_RO", georadius_ro)
    .summary("Returns the members whose places are in a circle around a place.")
    .since("3.2.10")
    .complexity(COMPLEXITY)
    .group(Group::Geo)
    .arity(-6)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[
        key("key", 0),
        double("longitude"),
        double("latitude"),
        double("radius"),
        UNIT,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT_SINCE,
        ORDER,
    ])
    .history(HISTORY)
    .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument");

fn georadius_ro(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    run(db, args, reply, Syntax::Radius, false)
}

pub static GEORADIUSBYMEMBER: Command = Command::data("GEORADIUSBYMEMBER", georadiusbymember)
    .summary("Returns or stores the members whose places are in a circle around that of a member.")
    .since("3.2.0")
    .complexity(COMPLEXITY)
    .group(Group::Geo)
    .arity(-5)
    .flags(&[Write, DenyOom])
    .keys(&[
        Keys::one(1).does(&[Use::RO, Use::Access]),
        Keys::after("STORE", 5).does(&[Use::OW, Use::Update]),
        Keys::after("STOREDIST", 5).does(&[Use::OW, Use::Update]),
    ])
    .keys_fn(by_member_keys)
    .args(&[key("key", 0), string("member"), double("radius"), UNIT, WITHCOORD, WITHDIST, WITHHASH, COUNT, ORDER, STORE])
    .history(HISTORY)
    .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments");

fn georadiusbymember(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    run(db, args, reply, Syntax::RadiusByMember, true)
}

pub static GEORADIUSBYMEMBER_RO: Command = Command::data("GEORADIUSBYMEMBER_RO", georadiusbymember_ro)
    .summary("Returns the members whose places are in a circle around that of a member.")
    .since("3.2.10")
    .complexity(COMPLEXITY)
    .group(Group::Geo)
    .arity(-5)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), string("member"), double("radius"), UNIT, WITHCOORD, WITHDIST, WITHHASH, COUNT, ORDER])
    .history(HISTORY)
    .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments");

fn georadiusbymember_ro(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    run(db, args, reply, Syntax::RadiusByMember, false)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn circles() {
        let mut s = Session::new();
        s.run("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
        let both = "*2\r\n$7\r\nCatania\r\n$7\r\nPalermo\r\n";
        assert_eq!(s.run("GEORADIUS g 15 37 200 km ASC"), both);
        assert_eq!(s.run("GEORADIUS_RO g 15 37 200 km ASC"), both);
        assert_eq!(s.run("GEORADIUSBYMEMBER_RO g Catania 200 km ASC"), both);
        assert_eq!(s.run("GEORADIUSBYMEMBER g Catania 1 km"), "*1\r\n$7\r\nCatania\r\n");
        assert_eq!(s.run("GEORADIUS g 15 37 200 km STORE a STOREDIST b"), ":2\r\n");
        assert_eq!(s.run("EXISTS a b"), ":1\r\n");
        assert_eq!(s.run("GEORADIUSBYMEMBER none x nonsense km STORE b"), ":0\r\n");
        assert_eq!(s.run("EXISTS b"), ":0\r\n");
        for (line, error) in [
            ("GEORADIUS_RO g 15 37 200 km STORE a", "syntax error"),
            ("GEORADIUS g 15 37 200 yd", "unsupported unit provided. please use M, KM, FT, MI"),
            ("GEORADIUS g 15 37 x km", "need numeric radius"),
            ("GEORADIUSBYMEMBER g none 1 km", "could not decode requested zset member"),
            (
                "GEORADIUS g 15 37 200 km STORE a WITHDIST",
                "STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"));
        }
    }

    #[test]
    fn keys_are_those_that_are_stored_to() {
        let mut s = Session::new();
        assert_eq!(s.run("COMMAND GETKEYS GEORADIUS g 15 37 200 km"), "*1\r\n$1\r\ng\r\n");
        assert_eq!(
            s.run("COMMAND GETKEYS GEORADIUS g 15 37 200 km COUNT 1 STORE a STOREDIST b"),
            "*3\r\n$1\r\ng\r\n$1\r\na\r\n$1\r\nb\r\n"
        );
    }
}
