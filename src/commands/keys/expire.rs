//! EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT and PERSIST.
//!
//! Whatever unit and origin of time a client uses, what counts (and what replicas and the log are told) is a moment in
//! unix milliseconds. A moment that has passed removes the key at once.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::util::number;

/// The conditions of the EXPIRE family.
const CONDITION: argspec::Arg =
    oneof("condition", &[token("nx", "NX"), token("xx", "XX"), token("gt", "GT"), token("lt", "LT")]).since("7.0.0").optional();

const HISTORY: &[(&str, &str)] = &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")];

pub static EXPIRE: Command = Command::data("EXPIRE", expire)
    .summary("Lets a key expire after some seconds.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(-3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .history(HISTORY)
    .args(&[key("key", 0), integer("seconds"), CONDITION]);

fn expire(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    set_expiry(db, args, reply, Form { name: "expire", relative: true, seconds: true })
}

pub static PEXPIRE: Command = Command::data("PEXPIRE", pexpire)
    .summary("Lets a key expire after some milliseconds.")
    .since("2.6.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(-3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .history(HISTORY)
    .args(&[key("key", 0), integer("milliseconds"), CONDITION]);

fn pexpire(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    set_expiry(db, args, reply, Form { name: "pexpire", relative: true, seconds: false })
}

pub static EXPIREAT: Command = Command::data("EXPIREAT", expireat)
    .summary("Lets a key expire at a unix time in seconds.")
    .since("1.2.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(-3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .history(HISTORY)
    .args(&[key("key", 0), unix_time("unix-time-seconds"), CONDITION]);

fn expireat(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    set_expiry(db, args, reply, Form { name: "expireat", relative: false, seconds: true })
}

pub static PEXPIREAT: Command = Command::data("PEXPIREAT", pexpireat)
    .summary("Lets a key expire at a unix time in milliseconds.")
    .since("2.6.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(-3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .history(HISTORY)
    .args(&[key("key", 0), unix_time("unix-time-milliseconds"), CONDITION]);

fn pexpireat(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    set_expiry(db, args, reply, Form { name: "pexpireat", relative: false, seconds: false })
}

/// How a command of the family writes a moment.
struct Form {
    name: &'static str,
    /// Counted from now on, not from 1970.
    relative: bool,
    seconds: bool,
}

impl Form {
    /// The moment that a number means, in unix ms; it may lie before 1970.
    fn moment_ms(&self, number: i64, now_ms: u64) -> Option<i64> {
        let ms = if self.seconds { number.checked_mul(1000)? } else { number };
        if self.relative { ms.checked_add(i64::try_from(now_ms).ok()?) } else { Some(ms) }
    }
}

/// NX, XX, GT and LT.
#[derive(Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Conditions {
    fn parse(words: Args<'_>) -> Result<Conditions, CmdError> {
        let mut given = Conditions::default();
        for (at, word) in words.iter().enumerate() {
            let which = match () {
                () if words.is(at, "NX") => &mut given.nx,
                () if words.is(at, "XX") => &mut given.xx,
                () if words.is(at, "GT") => &mut given.gt,
                () if words.is(at, "LT") => &mut given.lt,
                () => {
                    return Err(CmdError::new(
                        [b"ERR Unsupported option ", word.split(|&byte| byte == 0).next().unwrap_or_default()].concat(),
                    ));
                }
            };
            *which = true;
        }
        if given.nx && (given.xx || given.gt || given.lt) {
            return Err(CmdError::text("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if given.gt && given.lt {
            return Err(CmdError::text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(given)
    }

    /// Whether a key that expires at `old_ms`, or never, may expire at `new_ms`. Never is later than any moment.
    fn allow(&self, old_ms: Option<u64>, new_ms: i64) -> bool {
        let later = old_ms.is_some_and(|old| i128::from(new_ms) > i128::from(old));
        let sooner = old_ms.is_none_or(|old| i128::from(new_ms) < i128::from(old));
        !(self.nx && old_ms.is_some() || self.xx && old_ms.is_none() || self.gt && !later || self.lt && !sooner)
    }
}

fn set_expiry(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, form: Form) -> CmdResult {
    let key = args.at(1);
    let conditions = Conditions::parse(args.from(3))?;
    let number = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let now_ms = db.env.now_ms;
    let when_ms = form.moment_ms(number, now_ms).ok_or_else(|| CmdError::invalid_expire(form.name))?;
    let Some(old_ms) = db.expiry_ms(key).filter(|&old_ms| conditions.allow(old_ms, when_ms)) else {
        reply.int(0);
        return Ok(Flow::Done);
    };
    match u64::try_from(when_ms) {
        // What is loaded tells of moments that have passed: the keys go when everything is there.
        Ok(when) if when > now_ms || db.env.loading => {
            if old_ms != Some(when) {
                db.set_expiry(key, Some(when));
            }
            db.changed(key, Class::Generic, "expire");
            let mut digits = itoa::Buffer::new();
            let mut words: Vec<&[u8]> = vec![b"PEXPIREAT", key, digits.format(when).as_bytes()];
            words.extend(args.from(3).iter());
            db.propagate(&words);
        }
        _ => {
            let lazily = db.env.config.lazyfree_lazy_expire;
            db.delete(key, lazily);
            db.propagate(&[if lazily { b"UNLINK" } else { b"DEL" }, key]);
        }
    }
    reply.int(1);
    Ok(Flow::Done)
}

pub static PERSIST: Command = Command::data("PERSIST", persist)
    .summary("Keeps a key that was to expire.")
    .since("2.2.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(2)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[key("key", 0)]);

fn persist(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let key = args.at(1);
    let kept = matches!(db.expiry_ms(key), Some(Some(_)));
    if kept {
        db.set_expiry(key, None);
        db.changed(key, Class::Generic, "persist");
    }
    reply.int(kept.into());
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::effects::Interest;
    use crate::server::testing::Session;

    #[test]
    fn every_form_means_a_moment() {
        let mut s = Session::new();
        let now_ms = s.server.env.now_ms;
        s.run("SET k v");
        for (line, left_ms) in [
            ("EXPIRE k 10".to_owned(), 10_000),
            ("PEXPIRE k 10".to_owned(), 10),
            (format!("EXPIREAT k {}", now_ms / 1000 + 7), (now_ms / 1000 + 7) * 1000 - now_ms),
            (format!("PEXPIREAT k {}", now_ms + 7), 7),
        ] {
            assert_eq!(s.run(&line), ":1\r\n");
            assert_eq!(s.run("PTTL k"), format!(":{left_ms}\r\n"));
        }
        assert_eq!(s.run("PERSIST k"), ":1\r\n");
        assert_eq!(s.run("PERSIST k"), ":0\r\n");
        assert_eq!(s.run("PERSIST none"), ":0\r\n");
        assert_eq!(s.run("TTL k"), ":-1\r\n");
        assert_eq!(s.run("EXPIRE none 10"), ":0\r\n");
    }

    #[test]
    fn conditions() {
        let mut s = Session::new();
        s.run("SET k v");
        for (line, reply) in [
            ("EXPIRE k 100 GT", 0),
            ("EXPIRE k 100 XX", 0),
            ("EXPIRE k 100 LT XX", 0),
            ("EXPIRE k 100 nx NX", 1),
            ("EXPIRE k 200 NX", 0),
            ("EXPIRE k 200 LT", 0),
            ("EXPIRE k 200 GT XX", 1),
            ("EXPIRE k 200 GT", 0),
            ("EXPIRE k 200 LT", 0),
            ("EXPIRE k 100 GT", 0),
            ("EXPIRE k 100 LT", 1),
            ("PERSIST k", 1),
            ("EXPIRE k 100 LT", 1),
        ] {
            assert_eq!(s.run(line), format!(":{reply}\r\n"), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_the_key_is_looked_at() {
        let mut s = Session::new();
        for (line, error) in [
            ("EXPIRE k abc FOO", "ERR Unsupported option FOO"),
            ("EXPIRE k abc", "ERR value is not an integer or out of range"),
            ("EXPIRE k 1 NX XX", "ERR NX and XX, GT or LT options at the same time are not compatible"),
            ("EXPIRE k 1 NX GT LT", "ERR NX and XX, GT or LT options at the same time are not compatible"),
            ("EXPIRE k 1 GT LT", "ERR GT and LT options at the same time are not compatible"),
            ("EXPIRE k 9223372036854776", "ERR invalid expire time in 'expire' command"),
            ("EXPIRE k -9223372036854776", "ERR invalid expire time in 'expire' command"),
            ("EXPIREAT k 9223372036854775807", "ERR invalid expire time in 'expireat' command"),
            ("PEXPIRE k 9223372036854775807", "ERR invalid expire time in 'pexpire' command"),
        ] {
            assert_eq!(s.run(line), format!("-{error}\r\n"), "{line}");
        }
    }

    #[test]
    fn the_past_removes_at_once() {
        let mut s = Session::new();
        for line in ["EXPIRE k 0", "EXPIRE k -1", "PEXPIREAT k -9223372036854770000", "EXPIREAT k 1", "PEXPIRE k 0 LT"] {
            s.run("SET k v");
            assert_eq!(s.run(line), ":1\r\n");
            assert_eq!(s.run("EXISTS k"), ":0\r\n");
        }
        assert_eq!(s.server.env.stats.expired, 0);
    }

    #[test]
    fn the_moment_is_what_is_propagated() {
        let mut s = Session::new();
        s.run("SET k v");
        s.server.env.fx.interest |= Interest::PROPAGATE;
        let now_ms = s.server.env.now_ms;
        let args: crate::resp::OwnedArgs = ["EXPIRE", "k", "10", "NX"].into_iter().collect();
        let mut reply = Reply::new();
        assert!(expire(&mut s.server.db(0), args.view(), &mut reply).is_ok());
        let sent = |fx: &mut crate::keyspace::effects::Effects| {
            let texts: Vec<String> = fx.unit.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect();
            fx.unit.clear();
            texts.concat()
        };
        let wanted = format!("*4\r\n$9\r\nPEXPIREAT\r\n$1\r\nk\r\n$13\r\n{}\r\n$2\r\nNX\r\n", now_ms + 10_000);
        assert_eq!(sent(&mut s.server.env.fx), wanted);
        let args: crate::resp::OwnedArgs = ["EXPIRE", "k", "-1"].into_iter().collect();
        assert!(expire(&mut s.server.db(0), args.view(), &mut reply).is_ok());
        assert_eq!(sent(&mut s.server.env.fx), "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n");
    }
}
