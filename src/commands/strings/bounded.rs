//! Counters that keep within bounds and may expire: INCREX.

use super::expiry::{Form, GETEX_FORMS};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Ref};
use crate::resp::{Args, Reply};
use crate::util::long_double::LongDouble;
use crate::util::number::parse_i64;

pub static INCREX: Command = Command::data("INCREX", increx)
    .summary("Adds to the number that a key holds, within bounds, and sets when the key expires.")
    .since("8.8.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(-2)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Update])])
    .args(&[
        key("key", 0),
        oneof("increment", &[double("float").token("BYFLOAT"), integer("integer").token("BYINT")]).optional(),
        token("saturate", "SATURATE").optional(),
        string("lowerbound").token("LBOUND").optional(),
        string("upperbound").token("UBOUND").optional(),
        oneof("expiration", &GETEX_FORMS).optional(),
        token("enx", "ENX").optional(),
    ]);

/// INCREX's options; words are kept by their index until the kind of number is known.
#[derive(Default)]
struct Options {
    by: Option<usize>,
    float: bool,
    lower: Option<usize>,
    upper: Option<usize>,
    saturate: bool,
    expiry: Option<(Form, usize)>,
    persist: bool,
    only_without_ttl: bool,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Options, CmdError> {
        let mut options = Options::default();
        let mut at = 2;
        while at < args.len() {
            let operand = at + 1 < args.len();
            let number = match args {
                _ if args.is(at, "BYINT") || args.is(at, "BYFLOAT") => Some(&mut options.by),
                _ if args.is(at, "LBOUND") => Some(&mut options.lower),
                _ if args.is(at, "UBOUND") => Some(&mut options.upper),
                _ => None,
            };
            if let Some(number) = number {
                if number.is_some() || !operand {
                    return Err(CmdError::SYNTAX);
                }
                *number = Some(at + 1);
                options.float |= args.is(at, "BYFLOAT");
                at += 2;
                continue;
            }
            let form = Form::at(args, at);
            let free = options.expiry.is_none() && !options.persist;
            if let Some(form) = form.filter(|_| free && operand) {
                options.expiry = Some((form, at + 1));
                at += 2;
                continue;
            }
            let flag = match args {
                _ if args.is(at, "SATURATE") => &mut options.saturate,
                _ if args.is(at, "ENX") => &mut options.only_without_ttl,
                _ if args.is(at, "PERSIST") && free => &mut options.persist,
                _ => return Err(CmdError::SYNTAX),
            };
            if std::mem::replace(flag, true) {
                return Err(CmdError::SYNTAX);
            }
            at += 1;
        }
        if options.only_without_ttl && options.persist {
            return Err(CmdError::SYNTAX);
        }
        if options.only_without_ttl && options.expiry.is_none() {
            return Err(CmdError::text("ERR ENX flag requires an expiration"));
        }
        Ok(options)
    }
}

const CROSSED: CmdError = CmdError::text("ERR LBOUND can't be greater than UBOUND");

/// What an addition came to, as texts: the number, and by how much it has changed.
struct Sum {
    new: Vec<u8>,
    delta: Vec<u8>,
    /// Nothing is done: the sum was out of bounds.
    skipped: bool,
}

/// Adds integers.
fn add_ints(db: &mut Db<'_>, args: Args<'_>, options: &Options) -> Result<Sum, CmdError> {
    let number = |index: Option<usize>, what: &str, otherwise: i64| match index {
        None => Ok(otherwise),
        Some(index) => {
            parse_i64(args.at(index)).ok_or_else(|| CmdError::err(format!("{what} is not an integer or out of range")))
        }
    };
    let by = number(options.by, "Increment", 1)?;
    let (lower, upper) = (number(options.lower, "LBOUND", i64::MIN)?, number(options.upper, "UBOUND", i64::MAX)?);
    if lower > upper {
        return Err(CROSSED);
    }
    let old = match db.read_for_write(args.at(1)) {
        None => 0,
        Some(Ref::Int(n)) => n,
        Some(Ref::Str { bytes, .. }) => parse_i64(bytes).ok_or(CmdError::NOT_AN_INTEGER)?,
        Some(_) => return Err(CmdError::WRONG_TYPE),
    };
    let sum = i128::from(old) + i128::from(by);
    let fitting = sum.clamp(lower.into(), upper.into());
    let skipped = fitting != sum && !options.saturate;
    let new = if skipped { i128::from(old) } else { fitting };
    let delta = i64::try_from(new - i128::from(old)).map_err(|_| CmdError::INCR_OVERFLOW)?;
    Ok(Sum { new: new.to_string().into_bytes(), delta: delta.to_string().into_bytes(), skipped })
}

/// Adds floating point numbers.
fn add_floats(db: &mut Db<'_>, args: Args<'_>, options: &Options) -> Result<Sum, CmdError> {
    let number = |index: Option<usize>, what: &str| match index {
        None => Ok(None),
        Some(index) => {
            let number = LongDouble::parse(args.at(index));
            number.map(Some).ok_or_else(|| CmdError::err(format!("{what} is not a valid float")))
        }
    };
    let by = number(options.by, "Increment")?.unwrap_or(LongDouble::from(1i64));
    let (lower, upper) = (number(options.lower, "LBOUND")?, number(options.upper, "UBOUND")?);
    if let (Some(lower), Some(upper)) = (lower, upper)
        && upper.is_less_than(lower)
    {
        return Err(CROSSED);
    }
    let old = match db.read_for_write(args.at(1)) {
        None => LongDouble::from(0i64),
        Some(Ref::Int(n)) => LongDouble::from(n),
        Some(Ref::Str { bytes, .. }) => LongDouble::parse(bytes).ok_or(CmdError::NOT_A_FLOAT)?,
        Some(_) => return Err(CmdError::WRONG_TYPE),
    };
    let sum = old.checked_add(by).filter(|sum| sum.is_finite()).ok_or(CmdError::INCR_NAN)?;
    let bound = lower.filter(|lower| sum.is_less_than(*lower)).or(upper.filter(|upper| upper.is_less_than(sum)));
    let (new, delta, skipped) = match bound {
        None => (sum, by, false),
        Some(_) if !options.saturate => (old, LongDouble::from(0i64), true),
        Some(bound) => (bound, bound.checked_add(old.negated()).ok_or(CmdError::INCR_NAN)?, false),
    };
    let text = |number: LongDouble| {
        let mut text = Vec::with_capacity(32);
        number.write(&mut text);
        text
    };
    Ok(Sum { new: text(new), delta: text(delta), skipped })
}

fn increx(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (key, now_ms) = (args.at(1), db.env.now_ms);
    let options = Options::parse(args)?;
    let when_ms = match options.expiry {
        Some((form, at)) => Some(form.resolve(args.at(at), now_ms, "increx")?),
        None => None,
    };
    let sum = if options.float { add_floats(db, args, &options)? } else { add_ints(db, args, &options)? };
    reply.array(2);
    for text in [&sum.new, &sum.delta] {
        match (options.float, reply.resp3) {
            (true, false) => reply.bulk(text),
            (float, _) => {
                reply.buf.push(if float { b',' } else { b':' });
                reply.buf.extend_from_slice(text);
                reply.buf.extend_from_slice(b"\r\n");
            }
        }
    }
    if !sum.skipped {
        store(db, key, &sum.new, &options, when_ms);
    }
    Ok(Flow::Done)
}

/// Sets the key to the sum, with its new expiry or the one it has.
fn store(db: &mut Db<'_>, key: &[u8], text: &[u8], options: &Options, when_ms: Option<u64>) {
    let old_ms = db.expiry_ms(key).flatten();
    let set_ms = when_ms.filter(|_| !options.only_without_ttl || old_ms.is_none());
    if set_ms.is_some_and(|when_ms| when_ms <= db.env.now_ms) {
        let lazily = db.env.config.lazyfree_lazy_expire;
        if !db.delete(key, lazily) {
            db.env.fx.propagate_nothing();
        }
        return db.propagate(&[if lazily { b"UNLINK" } else { b"DEL" }, key]);
    }
    let expiry_ms = if options.persist { None } else { set_ms.or(old_ms) };
    db.set_string(key, text, expiry_ms);
    db.changed(key, Class::String, if options.float { "incrbyfloat" } else { "incrby" });
    if let Some(when_ms) = set_ms {
        db.event(key, Class::Generic, "expire");
        db.propagate(&[b"SET", key, text, b"PXAT", when_ms.to_string().as_bytes()]);
    } else if options.persist && old_ms.is_some() {
        db.event(key, Class::Generic, "persist");
        db.propagate(&[b"SET", key, text]);
    } else {
        db.propagate(&[b"SET", key, text, b"KEEPTTL"]);
    }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn numbers_keep_within_bounds() {
        let mut s = Session::new();
        for (line, new, delta) in [
            ("INCREX k", "1", "1"),
            ("INCREX k BYINT 5", "6", "5"),
            ("INCREX k UBOUND 10 BYINT 5", "6", "0"),
            ("INCREX k UBOUND 10 BYINT 5 SATURATE", "10", "4"),
            ("INCREX k BYINT -100 LBOUND 0 SATURATE", "0", "-10"),
            ("INCREX k BYINT 9223372036854775807", "9223372036854775807", "9223372036854775807"),
            ("INCREX k", "9223372036854775807", "0"),
            ("INCREX k SATURATE", "9223372036854775807", "0"),
            ("INCREX other BYINT 10 UBOUND 5", "0", "0"),
        ] {
            assert_eq!(s.run(line), format!("*2\r\n:{new}\r\n:{delta}\r\n"), "{line}");
        }
        assert_eq!(s.run("EXISTS other"), ":0\r\n");
        assert_eq!(s.run("INCREX f BYFLOAT 1.5"), "*2\r\n$3\r\n1.5\r\n$3\r\n1.5\r\n");
        assert_eq!(s.run("INCREX f BYFLOAT 100 UBOUND 42.5"), "*2\r\n$3\r\n1.5\r\n$1\r\n0\r\n");
        assert_eq!(s.run("INCREX f BYFLOAT 100 UBOUND 42.5 SATURATE"), "*2\r\n$4\r\n42.5\r\n$2\r\n41\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("INCREX f BYFLOAT -100 LBOUND -5.5 SATURATE"), "*2\r\n,-5.5\r\n,-48\r\n");
        assert_eq!(s.run("GET f"), "$4\r\n-5.5\r\n");
    }

    #[test]
    fn expiries() {
        let mut s = Session::new();
        s.run("INCREX k EX 100");
        assert_eq!(s.run("TTL k"), ":100\r\n");
        s.run("INCREX k EX 200 ENX");
        assert_eq!(s.run("TTL k"), ":100\r\n");
        s.run("INCREX k");
        assert_eq!(s.run("TTL k"), ":100\r\n");
        s.run("INCREX k UBOUND 1 EX 500");
        assert_eq!(s.run("TTL k"), ":100\r\n");
        s.run("INCREX k PERSIST");
        assert_eq!(s.run("TTL k"), ":-1\r\n");
        assert_eq!(s.run("INCREX k EXAT 1"), "*2\r\n:5\r\n:1\r\n");
        assert_eq!(s.run("EXISTS k"), ":0\r\n");
    }

    #[test]
    fn what_is_wrong() {
        let mut s = Session::new();
        s.run("SET text x");
        s.run("RPUSH l a");
        for (line, error) in [
            ("INCREX k FOO", "ERR syntax error"),
            ("INCREX k BYINT", "ERR syntax error"),
            ("INCREX k BYINT 1 BYFLOAT 1.5", "ERR syntax error"),
            ("INCREX k EX 10 PX 10", "ERR syntax error"),
            ("INCREX k EX 10 PERSIST", "ERR syntax error"),
            ("INCREX k PERSIST PERSIST", "ERR syntax error"),
            ("INCREX k PERSIST ENX", "ERR syntax error"),
            ("INCREX k LBOUND 0 LBOUND 1", "ERR syntax error"),
            ("INCREX k SATURATE SATURATE", "ERR syntax error"),
            ("INCREX k ENX", "ERR ENX flag requires an expiration"),
            ("INCREX k BYINT 1.5", "ERR Increment is not an integer or out of range"),
            ("INCREX k BYFLOAT abc", "ERR Increment is not a valid float"),
            ("INCREX k LBOUND 1.5", "ERR LBOUND is not an integer or out of range"),
            ("INCREX k BYFLOAT 1 UBOUND abc", "ERR UBOUND is not a valid float"),
            ("INCREX k LBOUND 10 UBOUND 5", "ERR LBOUND can't be greater than UBOUND"),
            ("INCREX k BYFLOAT 1 LBOUND 10.5 UBOUND 5", "ERR LBOUND can't be greater than UBOUND"),
            ("INCREX k EX 0", "ERR invalid expire time in 'increx' command"),
            ("INCREX k BYFLOAT inf", "ERR increment would produce NaN or Infinity"),
            ("INCREX text", "ERR value is not an integer or out of range"),
            ("INCREX text BYFLOAT 1", "ERR value is not a valid float"),
            ("INCREX l", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ] {
            assert_eq!(s.run(line), format!("-{error}\r\n"), "{line}");
        }
    }
}
