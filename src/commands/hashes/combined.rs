//! Several steps in one: HGETDEL, HGETEX, HSETEX.

use super::expire::fields_removed;
use super::{Form, NO_FIELDS, NOT_POSITIVE, drop_due, fields_at, limits, reply_value};
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::Hash;
use crate::util::number::parse_i64;

const FIELDS: Arg = block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS");

pub static HGETDEL: Command = Command::data("HGETDEL", hgetdel)
    .summary("Returns the values of fields of a hash and removes the fields, and the hash with its last field.")
    .since("8.0.0")
    .complexity("O(N) for N fields to look for.")
    .group(Group::Hash)
    .arity(-5)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0), FIELDS]);

fn hgetdel(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let key = args.at(1);
    db.get_mut::<Hash>(key)?;
    let fields = fields_at(args, 2, NOT_POSITIVE)?;
    drop_due(db, args, fields);
    let mut hash = db.get_mut::<Hash>(key)?;
    let mut removed = Vec::new();
    reply.array(fields.len());
    for field in fields.iter() {
        reply_value(reply, hash.as_ref().and_then(|hash| hash.get(field)));
        if hash.as_mut().is_some_and(|hash| hash.remove(field)) {
            removed.push(field);
        }
    }
    drop(hash);
    if !removed.is_empty() {
        db.changed_n(key, Class::Hash, "hdel", removed.len());
        let words: Vec<&[u8]> = [&b"HDEL"[..], key].into_iter().chain(removed).collect();
        db.propagate(&words);
        db.remove_if_empty(key);
    }
    Ok(Flow::Done)
}

pub static HGETEX: Command = Command::data("HGETEX", hgetex)
    .summary("Returns the values of fields of a hash, and sets when the fields go.")
    .since("8.0.0")
    .complexity("O(N) for N fields named.")
    .group(Group::Hash)
    .arity(-5)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Update]).notes("RW and UPDATE because it changes the TTL")])
    .args(&[
        key("key", 0),
        oneof(
            "expiration",
            &[
                integer("seconds").token("EX"),
                integer("milliseconds").token("PX"),
                unix_time("unix-time-seconds").token("EXAT"),
                unix_time("unix-time-milliseconds").token("PXAT"),
                token("persist", "PERSIST"),
            ],
        )
        .optional(),
        FIELDS,
    ]);

fn hgetex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (key, now_ms) = (args.at(1), db.env.now_ms);
    db.get_mut::<Hash>(key)?;
    let persist = args.is(2, "PERSIST");
    let (when_ms, fields_index) = match Form::at(args, 2) {
        Some(form) => (Some(form.resolve(args.at(3), now_ms, "hgetex")?), 4),
        None => (None, if persist { 3 } else { 2 }),
    };
    if args.len() < fields_index + 2 {
        return Err(CmdError::arity("hgetex"));
    }
    let fields = fields_at(args, fields_index, NOT_POSITIVE)?;
    drop_due(db, args, fields);
    let mut hash = db.get_mut::<Hash>(key)?;
    let gone = when_ms.is_some_and(|when_ms| when_ms <= now_ms);
    let mut changed = Vec::new();
    reply.array(fields.len());
    for field in fields.iter() {
        reply_value(reply, hash.as_ref().and_then(|hash| hash.get(field)));
        let Some(hash) = hash.as_mut().filter(|_| persist || when_ms.is_some()) else { continue };
        let applies = match hash.expiry_ms(field) {
            None => false,
            Some(None) if persist => false,
            Some(_) if gone => hash.remove(field),
            Some(_) => hash.set_expiry(field, when_ms),
        };
        if applies {
            changed.push(field);
        }
    }
    drop(hash);
    if changed.is_empty() {
        return Ok(Flow::Done);
    }
    if gone {
        fields_removed(db, key, &changed);
        return Ok(Flow::Done);
    }
    db.env.expires(when_ms);
    db.changed_n(key, Class::Hash, if persist { "hpersist" } else { "hexpire" }, changed.len());
    let (when, count) = (when_ms.map(|when_ms| when_ms.to_string()), changed.len().to_string());
    let mut words = vec![if persist { &b"HPERSIST"[..] } else { b"HPEXPIREAT" }, key];
    words.extend(when.as_ref().map(|when| when.as_bytes()));
    words.extend([&b"FIELDS"[..], count.as_bytes()]);
    words.extend(changed);
    db.propagate(&words);
    Ok(Flow::Done)
}

pub static HSETEX: Command = Command::data("HSETEX", hsetex)
    .summary("Sets fields of a hash, and when they go; with options on which must be there already.")
    .since("8.0.0")
    .complexity("O(N) for N fields with their values.")
    .group(Group::Hash)
    .arity(-6)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[
        key("key", 0),
        oneof("condition", &[token("fnx", "FNX"), token("fxx", "FXX")]).optional(),
        oneof(
            "expiration",
            &[
                integer("seconds").token("EX"),
                integer("milliseconds").token("PX"),
                unix_time("unix-time-seconds").token("EXAT"),
                unix_time("unix-time-milliseconds").token("PXAT"),
                token("keepttl", "KEEPTTL"),
            ],
        )
        .optional(),
        block("fields", &[integer("numfields"), block("data", &[string("field"), string("value")]).multiple()]).token("FIELDS"),
    ]);

/// HSETEX's options.
#[derive(Default)]
struct Options {
    only_new: bool,
    only_existing: bool,
    keep_ttl: bool,
    when_ms: Option<u64>,
    /// Where the word is that says how the time is given, if there is one.
    form_at: Option<usize>,
    /// Where the first field is.
    pairs_at: usize,
}

impl Options {
    fn parse(args: Args<'_>, now_ms: u64) -> Result<Options, CmdError> {
        let mut options = Options::default();
        let mut at = 2;
        while at < args.len() {
            if args.is(at, "FIELDS") {
                let count = args.get(at + 1).ok_or_else(|| CmdError::arity("hsetex"))?;
                let count = parse_i64(count).filter(|count| *count > 0).ok_or(CmdError::text("ERR invalid number of fields"))?;
                if (args.len() - at - 2) as u64 != (count as u64).saturating_mul(2) {
                    return Err(CmdError::arity("hsetex"));
                }
                options.pairs_at = at + 2;
                return Ok(options);
            }
            let form = Form::at(args, at);
            if args.is(at, "FNX") || args.is(at, "FXX") {
                if options.only_new || options.only_existing {
                    return Err(CmdError::text("ERR Only one of FXX or FNX arguments can be specified"));
                }
                options.only_new = args.is(at, "FNX");
                options.only_existing = !options.only_new;
            } else if form.is_some() || args.is(at, "KEEPTTL") {
                if options.keep_ttl || options.form_at.is_some() {
                    return Err(CmdError::text("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"));
                }
                options.keep_ttl = form.is_none();
                if let Some(form) = form {
                    let time = args.get(at + 1).ok_or_else(|| CmdError::arity("hsetex"))?;
                    options.when_ms = Some(form.resolve(time, now_ms, "hsetex")?);
                    options.form_at = Some(at);
                    at += 1;
                }
            } else {
                return Err(CmdError::new([b"ERR unknown argument: ", args.at(at)].concat()));
            }
            at += 1;
        }
        Err(NO_FIELDS)
    }
}

fn hsetex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (key, now_ms) = (args.at(1), db.env.now_ms);
    let options = Options::parse(args, now_ms)?;
    let pairs = args.from(options.pairs_at);
    let names = || pairs.iter().step_by(2);
    let limits = limits(&db.env.config);
    let conditional = options.only_new || options.only_existing;
    // What is overwritten in any case need not be said to have expired.
    if (conditional || options.keep_ttl) && db.has_fields_due() {
        db.expire_fields_in_place(key, names());
    }
    if conditional {
        let hash = db.get_mut::<Hash>(key)?;
        let there = |name: &[u8]| hash.as_ref().is_some_and(|hash| hash.contains(name));
        if !names().all(|name| there(name) == options.only_existing) {
            drop(hash);
            db.remove_if_empty(key);
            reply.int(0);
            return Ok(Flow::Done);
        }
    }
    let mut hash = db.get_or_create::<Hash>(key)?;
    let longest = pairs.iter().map(<[u8]>::len).max().unwrap_or(0);
    hash.expect(pairs.len() / 2, longest, pairs.total_bytes(), &limits);
    let gone = options.when_ms.is_some_and(|when_ms| when_ms <= now_ms);
    for (name, value) in names().zip(pairs.iter().skip(1).step_by(2)) {
        if options.keep_ttl {
            hash.set_keep_ttl(name, value, &limits);
        } else {
            hash.set(name, value, &limits);
        }
        if gone {
            hash.remove(name);
        } else if options.when_ms.is_some() {
            hash.set_expiry(name, options.when_ms);
        }
    }
    drop(hash);
    reply.int(1);
    if gone {
        db.event(key, Class::Hash, "hset");
        fields_removed(db, key, &names().collect::<Vec<_>>());
        return Ok(Flow::Done);
    }
    db.env.expires(options.when_ms);
    db.changed_n(key, Class::Hash, "hset", pairs.len() / 2);
    if let (Some(when_ms), Some(form_at)) = (options.when_ms, options.form_at) {
        db.event(key, Class::Hash, "hexpire");
        let when = when_ms.to_string();
        let mut words: Vec<&[u8]> = args.iter().collect();
        words[form_at] = b"PXAT";
        words[form_at + 1] = when.as_bytes();
        db.propagate(&words);
    }
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn hgetdel_takes_fields_out() {
        let mut s = Session::new();
        s.run("HSET h a 1 b 2");
        for (line, error) in [
            ("HGETDEL h FIELD 1 a", "Mandatory argument FIELDS is missing or not at the right position"),
            ("HGETDEL h FIELDS 0 a", "Number of fields must be a positive integer"),
            ("HGETDEL h FIELDS x a", "Number of fields must be a positive integer"),
            ("HGETDEL h FIELDS 2 a", "The `numfields` parameter must match the number of arguments"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"));
        }
        assert_eq!(s.run("HGETDEL h fields 3 b none b"), "*3\r\n$1\r\n2\r\n$-1\r\n$-1\r\n");
        assert_eq!(s.run("HGETDEL h FIELDS 1 a"), "*1\r\n$1\r\n1\r\n");
        assert_eq!(s.run("EXISTS h"), ":0\r\n");
        assert_eq!(s.run("HGETDEL h FIELDS 1 a"), "*1\r\n$-1\r\n");
        s.run("SET str x");
        assert!(s.run("HGETDEL str nonsense 1 a").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn hgetex_sets_times() {
        let mut s = Session::new();
        s.run("HSET h a 1 b 2");
        assert_eq!(s.run("HGETEX h FIELDS 2 a none"), "*2\r\n$1\r\n1\r\n$-1\r\n");
        assert_eq!(s.run("HGETEX h EX 100 FIELDS 2 a none"), "*2\r\n$1\r\n1\r\n$-1\r\n");
        assert_eq!(s.run("HTTL h FIELDS 2 a b"), "*2\r\n:100\r\n:-1\r\n");
        assert_eq!(s.run("HGETEX h PERSIST FIELDS 1 a"), "*1\r\n$1\r\n1\r\n");
        assert_eq!(s.run("HTTL h FIELDS 2 a b"), "*2\r\n:-1\r\n:-1\r\n");
        assert_eq!(s.run("HGETEX h PXAT 1 FIELDS 2 a b"), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
        assert_eq!(s.run("EXISTS h"), ":0\r\n");
        s.run("SET str x");
        for (line, error) in [
            ("HGETEX h PXAT x 1", "value is not an integer or out of range"),
            ("HGETEX h PXAT 1 1", "wrong number of arguments for 'hgetex' command"),
            ("HGETEX h EX 1 FIELDS", "wrong number of arguments for 'hgetex' command"),
            ("HGETEX h PERSIST 1 FIELDS 1 a", "Mandatory argument FIELDS is missing or not at the right position"),
            ("HGETEX h PERSIST FIELDS 1", "The `numfields` parameter must match the number of arguments"),
            ("HGETEX h FIELDS -1 a", "Number of fields must be a positive integer"),
            ("HGETEX h EX -1 FIELDS 1 a", "invalid expire time, must be >= 0"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"));
        }
        assert!(s.run("HGETEX str nonsense 1 a").starts_with("-WRONGTYPE"));
    }

    /// A key whose last field turns out to have expired is the same key when HSETEX fills it, and is gone when it does not.
    #[test]
    fn hsetex_finds_fields_expired() {
        let mut s = Session::new();
        let listener = s.connect();
        s.run("CONFIG SET notify-keyspace-events EAn");
        s.run("DEBUG SET-ACTIVE-EXPIRE 0");
        s.run_as(listener, "PSUBSCRIBE *");
        for (line, events) in [
            ("HSETEX h FIELDS 1 f w", "hset"),
            ("HSETEX h FNX FIELDS 1 f w", "hexpired hset"),
            ("HSETEX h KEEPTTL FIELDS 1 f w", "hexpired hset"),
            ("HSETEX h FXX FIELDS 1 f w", "hexpired del"),
        ] {
            s.run("DEL h");
            s.run("HSET h f v");
            s.run("HPEXPIRE h 5 FIELDS 1 f");
            s.advance_ms(6);
            s.output(listener);
            s.run(line);
            let text = s.output(listener);
            let heard: Vec<&str> = text.split("__:").skip(1).filter_map(|rest| rest.split("\r\n").next()).collect();
            assert_eq!(heard.join(" "), events, "{line}");
        }
        assert_eq!(s.run("EXISTS h"), ":0\r\n");
    }

    #[test]
    fn hsetex_sets_fields_and_times() {
        let mut s = Session::new();
        assert_eq!(s.run("HSETEX h FXX FIELDS 1 a 1"), ":0\r\n");
        assert_eq!(s.run("EXISTS h"), ":0\r\n");
        assert_eq!(s.run("HSETEX h FNX EX 100 FIELDS 2 a 1 b 2"), ":1\r\n");
        assert_eq!(s.run("HSETEX h FNX FIELDS 2 b 1 c 2"), ":0\r\n");
        assert_eq!(s.run("HSETEX h KEEPTTL FXX FIELDS 1 a 3"), ":1\r\n");
        assert_eq!(s.run("HTTL h FIELDS 1 a"), "*1\r\n:100\r\n");
        assert_eq!(s.run("HSETEX h FIELDS 1 a 4"), ":1\r\n");
        assert_eq!(s.run("HTTL h FIELDS 2 a b"), "*2\r\n:-1\r\n:100\r\n");
        assert_eq!(s.run("HINCRBY h b 5"), ":7\r\n");
        assert_eq!(s.run("HINCRBYFLOAT h b 0.5"), "$3\r\n7.5\r\n");
        assert_eq!(s.run("HTTL h FIELDS 1 b"), "*1\r\n:100\r\n");
        assert_eq!(s.run("HSETEX h PXAT 1 FIELDS 2 a 1 b 1"), ":1\r\n");
        assert_eq!(s.run("EXISTS h"), ":0\r\n");
        for (line, error) in [
            ("HSETEX h FNX FXX FIELDS 1 a b", "Only one of FXX or FNX arguments can be specified"),
            ("HSETEX h EX 1 KEEPTTL FIELDS 1 a b", "Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"),
            ("HSETEX h FIELDS 2 a b", "wrong number of arguments for 'hsetex' command"),
            ("HSETEX h FIELDS 1 a b c", "wrong number of arguments for 'hsetex' command"),
            ("HSETEX h FIELDS 9223372036854775807 a b", "wrong number of arguments for 'hsetex' command"),
            ("HSETEX h NX FIELDS 1 a b", "unknown argument: NX"),
            ("HSETEX h FIELDS 0 a b", "invalid number of fields"),
            ("HSETEX h EX FIELDS 1 a b", "value is not an integer or out of range"),
            ("HSETEX h EXAT 281474976710656 1 a b", "invalid expire time in 'hsetex' command"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
    }
}
