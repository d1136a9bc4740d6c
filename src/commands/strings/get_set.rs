//! GET, and SET with its older spellings.

use super::condition::Condition;
use super::expiry::{self, Form};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Ref};
use crate::resp::{Args, Reply};

pub static GET: Command = Command::data("GET", get)
    .summary("Returns the string that a key holds.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0)]);

fn get(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    write_string(db, args.at(1), reply)?;
    Ok(Flow::Done)
}

/// Replies with the string a key holds, or null.
#[inline]
pub fn write_string(db: &mut Db<'_>, key: &[u8], reply: &mut Reply) -> Result<(), CmdError> {
    match db.read(key) {
        None => reply.null(),
        Some(Ref::Str { bytes, .. }) => reply.bulk(bytes),
        Some(Ref::Int(n)) => reply.bulk_int(n),
        Some(_) => return Err(CmdError::WRONG_TYPE),
    }
    Ok(())
}

pub static SET: Command = Command::data("SET", set)
    .summary("Makes a key hold a string, whatever it held before; with options on when, and for how long.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(-3)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1)
        .does(&[Use::RW, Use::Access, Use::Update, Use::VariableFlags])
        .notes("RW and ACCESS due to the optional `GET` argument")])
    .keys_fn(set_keys)
    .args(&[
        key("key", 0),
        string("value"),
        oneof(
            "condition",
            &[
                token("nx", "NX"),
                token("xx", "XX"),
                string("ifeq-value").token("IFEQ").since("8.4.0"),
                string("ifne-value").token("IFNE").since("8.4.0"),
                string("ifdeq-digest").token("IFDEQ").since("8.4.0"),
                string("ifdne-digest").token("IFDNE").since("8.4.0"),
            ],
        )
        .since("2.6.12")
        .optional(),
        token("get", "GET").since("6.2.0").optional(),
        oneof("expiration", &expiry::SET_FORMS).optional(),
    ])
    .history(&[
        ("2.6.12", "The options `EX`, `PX`, `NX` and `XX`."),
        ("6.0.0", "The option `KEEPTTL`."),
        ("6.2.0", "The options `GET`, `EXAT` and `PXAT`."),
        ("7.0.0", "`NX` and `GET` together."),
        ("8.4.0", "The options `IFEQ`, `IFNE`, `IFDEQ` and `IFDNE`."),
    ]);

/// The key, and what SET does with it: it reads only with GET, or for a comparison.
fn set_keys(args: Args<'_>) -> Option<Vec<KeyAt>> {
    let (mut reads, mut at) = (false, 3);
    while at < args.len() {
        let compares = Condition::at(args, at).is_some();
        reads |= compares || args.is(at, "GET");
        at += if compares || Form::at(args, at).is_some() { 2 } else { 1 };
    }
    let uses = if reads { Uses::of(&[Use::RW, Use::Access, Use::Update]) } else { Uses::of(&[Use::OW, Use::Update]) };
    (args.len() > 1).then(|| vec![KeyAt { index: 1, uses }])
}

/// SET's options.
#[derive(Default)]
struct Options<'a> {
    only_new: bool,
    only_existing: bool,
    condition: Option<Condition<'a>>,
    get: bool,
    keep_ttl: bool,
    expiry: Option<(Form, usize)>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Options<'a>, CmdError> {
        let mut options = Options::default();
        let mut at = 3;
        while at < args.len() {
            let compares = options.condition.is_some();
            if let Some(condition) = Condition::at(args, at)
                && !(compares || options.only_new || options.only_existing)
            {
                options.condition = Some(condition);
                at += 1;
            } else if args.is(at, "NX") && !options.only_existing && !compares {
                options.only_new = true;
            } else if args.is(at, "XX") && !options.only_new && !compares {
                options.only_existing = true;
            } else if args.is(at, "GET") {
                options.get = true;
            } else if args.is(at, "KEEPTTL") && options.expiry.is_none() {
                options.keep_ttl = true;
            } else if let Some(form) = Form::at(args, at)
                && !options.keep_ttl
                && options.expiry.is_none_or(|(other, _)| other == form)
                && at + 1 < args.len()
            {
                at += 1;
                options.expiry = Some((form, at));
            } else {
                return Err(CmdError::SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }
}

fn set(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    if args.len() == 3 {
        store(db, args.at(1), args.at(2), None);
        reply.ok();
        return Ok(Flow::Done);
    }
    let options = Options::parse(args)?;
    let key = args.at(1);
    let expiry_ms = match options.expiry {
        Some((form, at)) => Some(form.resolve(args.at(at), db.env.now_ms, "set")?),
        None => None,
    };
    if options.get {
        write_string(db, key, reply)?;
    }
    let conditional = options.only_new || options.only_existing;
    let refused = match options.condition {
        Some(condition) => !condition.holds(db, key)?,
        None => conditional && db.exists(key) == options.only_new,
    };
    if refused {
        if !options.get {
            reply.null();
        }
        return Ok(Flow::Done);
    }
    if options.keep_ttl {
        db.set_string_keep_ttl(key, args.at(2));
        db.changed(key, Class::String, "set");
    } else {
        store(db, key, args.at(2), expiry_ms);
    }
    if let Some(when) = expiry_ms {
        db.propagate(&[b"SET", key, args.at(2), b"PXAT", when.to_string().as_bytes()]);
    } else if options.condition.is_some() {
        // It holds: others need not ask again.
        let words: [&[u8]; 4] = [b"SET", key, args.at(2), b"KEEPTTL"];
        db.propagate(&words[..if options.keep_ttl { 4 } else { 3 }]);
    } else if options.get {
        let mut words = vec![&b"SET"[..], key, args.at(2)];
        words.extend(args.from(3).iter().filter(|word| !word.eq_ignore_ascii_case(b"GET")));
        db.propagate(&words);
    }
    if !options.get {
        reply.ok();
    }
    Ok(Flow::Done)
}

/// Sets the key, with its events.
#[inline]
fn store(db: &mut Db<'_>, key: &[u8], value: &[u8], expiry_ms: Option<u64>) {
    db.set_string(key, value, expiry_ms);
    db.changed(key, Class::String, "set");
    if expiry_ms.is_some() {
        db.event(key, Class::Generic, "expire");
    }
}

pub static SETNX: Command = Command::data("SETNX", setnx)
    .summary("Makes a key hold a string, unless the key exists.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(3)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::OW, Use::Insert])])
    .args(&[key("key", 0), string("value")])
    .deprecated("2.6.12", "`SET` with the `NX` argument");

fn setnx(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let new = !db.exists(args.at(1));
    if new {
        store(db, args.at(1), args.at(2), None);
    }
    reply.int(i64::from(new));
    Ok(Flow::Done)
}

pub static SETEX: Command = Command::data("SETEX", setex)
    .summary("Makes a key hold a string for so many seconds.")
    .since("2.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(4)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::OW, Use::Update])])
    .args(&[key("key", 0), integer("seconds"), string("value")])
    .deprecated("2.6.12", "`SET` with the `EX` argument");

fn setex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    set_for(db, args, reply, Form::Ex, "setex")
}

pub static PSETEX: Command = Command::data("PSETEX", psetex)
    .summary("Makes a key hold a string for so many milliseconds.")
    .since("2.6.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(4)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::OW, Use::Update])])
    .args(&[key("key", 0), integer("milliseconds"), string("value")])
    .deprecated("2.6.12", "`SET` with the `PX` argument");

fn psetex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    set_for(db, args, reply, Form::Px, "psetex")
}

fn set_for(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, form: Form, command: &str) -> CmdResult {
    let when = form.resolve(args.at(2), db.env.now_ms, command)?;
    store(db, args.at(1), args.at(3), Some(when));
    db.propagate(&[b"SET", args.at(1), args.at(3), b"PXAT", when.to_string().as_bytes()]);
    reply.ok();
    Ok(Flow::Done)
}
