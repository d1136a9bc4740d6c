//! Integers inside strings: BITFIELD and BITFIELD_RO.

use super::integers::{Overflow, Width};
use super::{len_for_write, offset};
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::util::number::parse_i64;

const PLACE: &[Arg] = &[string("encoding"), integer("offset")];

pub static BITFIELD: Command = Command::data("BITFIELD", bitfield)
    .summary("Reads, sets and adds to integers of any width at any bit of a string.")
    .since("3.2.0")
    .complexity("O(1) for each subcommand specified")
    .group(Group::Bitmap)
    .arity(-2)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1)
        .does(&[Use::RW, Use::Access, Use::Update, Use::VariableFlags])
        .notes("This command allows both access and modification of the key")])
    .keys_fn(bitfield_keys)
    .args(&[
        key("key", 0),
        oneof(
            "operation",
            &[
                block("get-block", PLACE).token("GET"),
                block(
                    "write",
                    &[
                        oneof("overflow-block", &[token("wrap", "WRAP"), token("sat", "SAT"), token("fail", "FAIL")])
                            .token("OVERFLOW")
                            .optional(),
                        oneof(
                            "write-operation",
                            &[
                                block("set-block", &[string("encoding"), integer("offset"), integer("value")]).token("SET"),
                                block("incrby-block", &[string("encoding"), integer("offset"), integer("increment")])
                                    .token("INCRBY"),
                            ],
                        ),
                    ],
                ),
            ],
        )
        .multiple()
        .optional(),
    ]);

/// The key, and what BITFIELD does with it: without a word that writes it only reads.
fn bitfield_keys(args: Args<'_>) -> Option<Vec<KeyAt>> {
    let (mut writes, mut at) = (false, 2);
    while at < args.len() {
        at += match args {
            _ if args.is(at, "GET") => 3,
            _ if args.is(at, "OVERFLOW") => 2,
            _ => {
                writes |= args.is(at, "SET") || args.is(at, "INCRBY");
                4
            }
        };
    }
    let uses = if writes { Uses::of(&[Use::RW, Use::Access, Use::Update]) } else { Uses::of(&[Use::RO, Use::Access]) };
    (args.len() > 1).then(|| vec![KeyAt { index: 1, uses }])
}

pub static BITFIELD_RO: Command = Command::data("BITFIELD_RO", bitfield_ro)
    .summary("Reads integers of any width at any bit of a string.")
    .since("6.0.0")
    .complexity("O(1) for each subcommand specified")
    .group(Group::Bitmap)
    .arity(-2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), block("get-block", PLACE).token("GET").multiple_token().optional()]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Get,
    Set(i64),
    IncrBy(i64),
}

/// One of the operations.
struct Step {
    width: Width,
    offset: u64,
    action: Action,
    overflow: Overflow,
}

/// Parses the operations.
fn parse(db: &Db<'_>, args: Args<'_>) -> Result<Vec<Step>, CmdError> {
    let mut steps = Vec::with_capacity(args.len() / 3);
    let (mut at, mut overflow) = (2, Overflow::Wrap);
    while at < args.len() {
        let left = args.len() - at - 1;
        if args.is(at, "OVERFLOW") && left >= 1 {
            overflow = match args {
                _ if args.is(at + 1, "WRAP") => Overflow::Wrap,
                _ if args.is(at + 1, "SAT") => Overflow::Saturate,
                _ if args.is(at + 1, "FAIL") => Overflow::Fail,
                _ => return Err(CmdError::text("ERR Invalid OVERFLOW type specified")),
            };
            at += 2;
            continue;
        }
        let get = args.is(at, "GET") && left >= 2;
        if !get && !((args.is(at, "SET") || args.is(at, "INCRBY")) && left >= 3) {
            return Err(CmdError::SYNTAX);
        }
        let width = Width::parse(args.at(at + 1)).ok_or(CmdError::text(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))?;
        let offset = offset(db, args.at(at + 2), Some(width.bits))?;
        let number = || parse_i64(args.at(at + 3)).ok_or(CmdError::NOT_AN_INTEGER);
        let action = match get {
            true => Action::Get,
            false if args.is(at, "SET") => Action::Set(number()?),
            false => Action::IncrBy(number()?),
        };
        steps.push(Step { width, offset, action, overflow });
        at += if get { 3 } else { 4 };
    }
    Ok(steps)
}

fn bitfield_ro(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let steps = parse(db, args)?;
    if steps.iter().any(|step| step.action != Action::Get) {
        return Err(CmdError::text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read_only(db, args.at(1), &steps, reply)
}

fn read_only(db: &mut Db<'_>, key: &[u8], steps: &[Step], reply: &mut Reply) -> CmdResult {
    let bytes = db.get_string(key)?.unwrap_or_default();
    reply.array(steps.len());
    for step in steps {
        reply.int(step.width.read(&bytes, step.offset));
    }
    Ok(Flow::Done)
}

fn bitfield(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let steps = parse(db, args)?;
    let key = args.at(1);
    let written = steps.iter().filter(|step| step.action != Action::Get);
    let Some(last_bit) = written.map(|step| step.offset + u64::from(step.width.bits) - 1).max() else {
        return read_only(db, key, &steps, reply);
    };
    let needed = usize::try_from(last_bit / 8).unwrap_or(usize::MAX).saturating_add(1);
    let old_len = len_for_write(db, key)?;
    if needed > crate::keyspace::value::BigStr::MAX_BYTES {
        return Err(CmdError::STRING_TOO_LONG);
    }
    let grown = old_len.is_none_or(|len| len < needed);
    let mut changes = 0;
    reply.array(steps.len());
    db.edit_string(key, needed.max(old_len.unwrap_or(0)), |bytes| {
        for Step { width, offset, action, overflow } in &steps {
            let old = width.read(bytes, *offset);
            let (new, answer) = match action {
                Action::Get => {
                    reply.int(old);
                    continue;
                }
                Action::Set(value) => {
                    let new = width.fit(*value, *overflow);
                    (new, new.map(|_| old))
                }
                Action::IncrBy(by) => {
                    let new = width.add(old, *by, *overflow);
                    (new, new)
                }
            };
            if let Some(new) = new {
                width.write(bytes, *offset, new);
                changes += usize::from(grown || new != old);
            }
            match answer {
                Some(answer) => reply.int(answer),
                None => reply.null(),
            }
        }
    });
    if changes > 0 {
        db.changed_n(key, Class::String, "setbit", changes);
    }
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn operations_follow_each_other() {
        let mut s = Session::new();
        assert_eq!(s.run("BITFIELD k SET u8 0 255 GET u8 0 INCRBY u8 0 1 GET i8 #1"), "*4\r\n:0\r\n:255\r\n:0\r\n:0\r\n");
        assert_eq!(s.run("BITFIELD k SET i8 #1 100 OVERFLOW SAT INCRBY i8 #1 100"), "*2\r\n:0\r\n:127\r\n");
        assert_eq!(s.run("BITFIELD k OVERFLOW FAIL INCRBY i8 #1 1 SET u8 0 256"), "*2\r\n$-1\r\n$-1\r\n");
        assert_eq!(s.run("STRLEN k"), ":2\r\n");
        assert_eq!(s.run("BITFIELD_RO k GET i8 8 GET u1 9"), "*2\r\n:127\r\n:1\r\n");
        assert_eq!(s.run("BITFIELD none GET u63 100"), "*1\r\n:0\r\n");
        assert_eq!(s.run("EXISTS none"), ":0\r\n");
        assert_eq!(s.run("BITFIELD none"), "*0\r\n");
        assert_eq!(s.run("COMMAND GETKEYSANDFLAGS BITFIELD k GET u8 0"), "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n+RO\r\n+access\r\n");
    }

    #[test]
    fn what_is_wrong() {
        let mut s = Session::new();
        s.run("RPUSH l a");
        let bad_type = "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
        for (line, error) in [
            ("BITFIELD k GET u64 0", bad_type),
            ("BITFIELD k GET u8", "syntax error"),
            ("BITFIELD k SET u8 0", "syntax error"),
            ("BITFIELD k OVERFLOW", "syntax error"),
            ("BITFIELD k OVERFLOW x", "Invalid OVERFLOW type specified"),
            ("BITFIELD k GET u8 -1", "bit offset is not an integer or out of range"),
            ("BITFIELD k GET u8 #9223372036854775807", "bit offset is not an integer or out of range"),
            ("BITFIELD k SET u8 0 x", "value is not an integer or out of range"),
            ("BITFIELD_RO k SET u8 0 1", "BITFIELD_RO only supports the GET subcommand"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"));
        }
        assert!(s.run("BITFIELD l GET u8 0").starts_with("-WRONGTYPE"));
        assert!(s.run("BITFIELD l SET u8 0 1").starts_with("-WRONGTYPE"));
        assert_eq!(s.run("EXISTS k"), ":0\r\n");
    }
}
