//! Random fields: HRANDFIELD.

use crate::commands::elems::{self, Picks};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::encoding::listpack::Elem;
use crate::resp::{Args, Reply};
use crate::types::Hash;

pub static HRANDFIELD: Command = Command::data("HRANDFIELD", hrandfield)
    .summary("Returns random fields of a hash, with their values if asked to.")
    .since("6.2.0")
    .complexity("O(N) for N fields returned.")
    .group(Group::Hash)
    .arity(-2)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), block("options", &[integer("count"), token("withvalues", "WITHVALUES").optional()]).optional()])
    .tips(&["nondeterministic_output"]);

fn hrandfield(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let mut rng = db.env.rng.fork();
    if db.has_fields_due() {
        db.expire_fields_of(args.at(1), usize::MAX);
    }
    if args.len() == 2 {
        match db.get::<Hash>(args.at(1))?.and_then(|hash| hash.random(&mut rng)) {
            Some((field, _)) => elems::bulk(reply, field),
            None => reply.null(),
        }
        return Ok(Flow::Done);
    }
    let picks = Picks::parse(args, 2)?;
    let with_values = args.len() > 3;
    if args.len() > 4 || (with_values && !args.is(3, "WITHVALUES")) {
        return Err(CmdError::SYNTAX);
    }
    picks.check(with_values, reply)?;
    let Some(hash) = db.get::<Hash>(args.at(1))? else {
        reply.array(0);
        return Ok(Flow::Done);
    };
    match picks {
        Picks::Distinct(count) => {
            head(reply, count.min(hash.len()), with_values);
            hash.sample(&mut rng, count, |pair| item(reply, pair, with_values));
        }
        Picks::Repeated(count) => {
            head(reply, count, with_values);
            // Each draw from a listpack is a walk: more than a few are made from an array.
            let flat: Option<Vec<_>> = hash.as_listpack().filter(|_| count > 4).map(|_| hash.iter().collect());
            for _ in 0..count {
                if reply.is_over_limit() {
                    break;
                }
                let pair = match &flat {
                    Some(pairs) => rng.choice(pairs).copied(),
                    None => hash.random(&mut rng),
                };
                if let Some(pair) = pair {
                    item(reply, pair, with_values);
                }
            }
        }
    }
    Ok(Flow::Done)
}

/// The header for `count` fields: pairs are arrays of their own in RESP3 and lie side by side in RESP2.
fn head(reply: &mut Reply, count: usize, with_values: bool) {
    reply.array(if with_values && !reply.resp3 { 2 * count } else { count });
}

fn item(reply: &mut Reply, (field, value): (Elem<'_>, Elem<'_>), with_values: bool) {
    if with_values && reply.resp3 {
        reply.array(2);
    }
    elems::bulk(reply, field);
    if with_values {
        elems::bulk(reply, value);
    }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn draws() {
        let mut s = Session::new();
        assert_eq!(s.run("HRANDFIELD none"), "$-1\r\n");
        assert_eq!(s.run("HRANDFIELD none 2 WITHVALUES"), "*0\r\n");
        s.run("HSET h a 1");
        assert_eq!(s.run("HRANDFIELD h"), "$1\r\na\r\n");
        assert_eq!(s.run("HRANDFIELD h 3"), "*1\r\n$1\r\na\r\n");
        assert_eq!(s.run("HRANDFIELD h 3 withvalues"), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
        assert_eq!(s.run("HRANDFIELD h -2"), "*2\r\n$1\r\na\r\n$1\r\na\r\n");
        assert!(s.run("HRANDFIELD h -9 WITHVALUES").starts_with("*18\r\n"));
        assert_eq!(s.run("HRANDFIELD h 0"), "*0\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("HRANDFIELD h 3 WITHVALUES"), "*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    }

    #[test]
    fn errors_come_before_the_key() {
        let mut s = Session::new();
        for (line, error) in [
            ("HRANDFIELD none x", "value is not an integer or out of range"),
            ("HRANDFIELD none 1 nonsense", "syntax error"),
            ("HRANDFIELD none 1 WITHVALUES x", "syntax error"),
            ("HRANDFIELD none 9223372036854770000 WITHVALUES", "value is out of range"),
            ("HRANDFIELD none -9223372036854770000 WITHVALUES", "value is out of range"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"));
        }
        s.run("SET str x");
        assert!(s.run("HRANDFIELD str 1").starts_with("-WRONGTYPE"));
    }
}
