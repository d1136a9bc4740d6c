//! Changes on a condition about the string that is there: what SET and DELEX ask, with DELEX, DELIFEQ and DIGEST.
//!
//! A digest is the string's XXH3 of 64 bits, as 16 hexadecimal digits. It stands for a long string that a client does not
//! want to send only for a comparison.

use twox_hash::XxHash3_64;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Ref;
use crate::keyspace::database::string_bytes;
use crate::resp::{Args, Reply};

/// The digest of a string.
fn digest_of(bytes: &[u8]) -> String {
    format!("{:016x}", XxHash3_64::oneshot(bytes))
}

/// A condition that compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition<'a> {
    /// Whether digests are compared, not strings.
    digest: bool,
    /// Whether they are to be equal.
    equal: bool,
    operand: &'a [u8],
}

impl<'a> Condition<'a> {
    /// The condition at this argument, its operand in the next.
    pub fn at(args: Args<'a>, index: usize) -> Option<Condition<'a>> {
        let kinds = [("IFEQ", false, true), ("IFNE", false, false), ("IFDEQ", true, true), ("IFDNE", true, false)];
        let (_, digest, equal) = kinds.into_iter().find(|(word, ..)| args.is(index, word))?;
        Some(Condition { digest, equal, operand: args.get(index + 1)? })
    }

    /// Whether it holds for a string.
    fn holds_for(self, bytes: &[u8]) -> bool {
        let same = match self.digest {
            true => digest_of(bytes).as_bytes().eq_ignore_ascii_case(self.operand),
            false => bytes == self.operand,
        };
        same == self.equal
    }

    /// Whether it holds for what the key holds: a missing key differs from everything.
    ///
    /// # Errors
    /// When that is no string.
    pub fn holds(self, db: &mut Db<'_>, key: &[u8]) -> Result<bool, CmdError> {
        match db.read_for_write(key) {
            None => Ok(!self.equal),
            Some(value) => {
                let mut digits = itoa::Buffer::new();
                string_bytes(value, &mut digits).map(|bytes| self.holds_for(bytes)).ok_or(CmdError::WRONG_TYPE)
            }
        }
    }
}

const CONDITION_ARGS: &[argspec::Arg] = &[
    string("ifeq-value").token("IFEQ"),
    string("ifne-value").token("IFNE"),
    string("ifdeq-digest").token("IFDEQ"),
    string("ifdne-digest").token("IFDNE"),
];

pub static DELEX: Command = Command::data("DELEX", delex)
    .summary("Removes a key, on a condition about the string that it holds or about its digest.")
    .since("8.4.0")
    .complexity("O(1) for IFEQ and IFNE, O(N) for IFDEQ and IFDNE where N is the length of the string.")
    .group(Group::String)
    .arity(-2)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete, Use::VariableFlags])])
    .keys_fn(delex_keys)
    .args(&[key("key", 0), oneof("condition", CONDITION_ARGS).optional()]);

/// The key, which is read only if there is a condition.
fn delex_keys(args: Args<'_>) -> Option<Vec<KeyAt>> {
    let uses = if args.len() > 2 { [Use::RW, Use::Delete] } else { [Use::RM, Use::Delete] };
    (args.len() > 1).then(|| vec![KeyAt { index: 1, uses: Uses::of(&uses) }])
}

fn delex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let key = args.at(1);
    if args.len() != 2 && args.len() != 4 {
        return Err(CmdError::arity("delex"));
    }
    let mut wanted = db.exists(key);
    if wanted && args.len() == 4 {
        if !matches!(db.read_for_write(key), Some(Ref::Int(_) | Ref::Str { .. })) {
            return Err(CmdError::text("ERR Key should be of string type if conditions are specified"));
        }
        let condition = Condition::at(args, 2).ok_or(CmdError::text("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"))?;
        wanted = condition.holds(db, key)?;
    }
    remove_if(db, key, wanted, reply)
}

pub static DELIFEQ: Command = Command::data("DELIFEQ", delifeq)
    .summary("Removes a key if it holds this string.")
    .since("9.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RM, Use::Delete])])
    .args(&[key("key", 0), string("value")]);

fn delifeq(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let condition = Condition { digest: false, equal: true, operand: args.at(2) };
    let wanted = condition.holds(db, args.at(1))?;
    remove_if(db, args.at(1), wanted, reply)
}

/// Removes the key if that is wanted, and replies how many keys went.
fn remove_if(db: &mut Db<'_>, key: &[u8], wanted: bool, reply: &mut Reply) -> CmdResult {
    if wanted {
        db.delete(key, db.env.config.lazyfree_lazy_user_del);
        db.propagate(&[b"DEL", key]);
    }
    reply.int(i64::from(wanted));
    Ok(Flow::Done)
}

pub static DIGEST: Command = Command::data("DIGEST", digest)
    .summary("Returns the digest of the string that a key holds.")
    .since("8.4.0")
    .complexity("O(N) where N is the length of the string.")
    .group(Group::String)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0)]);

fn digest(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    match db.get_string(args.at(1))? {
        Some(bytes) => reply.bulk(digest_of(&bytes).as_bytes()),
        None => reply.null(),
    }
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    const HELLO: &str = "b6acb9d84a38ff74";

    #[test]
    fn digests() {
        let mut s = Session::new();
        s.run("SET k 'Hello world'");
        assert_eq!(s.run("DIGEST k"), format!("$16\r\n{HELLO}\r\n"));
        assert_eq!(s.run("DIGEST none"), "$-1\r\n");
        s.run("RPUSH l a");
        assert!(s.run("DIGEST l").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn keys_go_on_a_condition() {
        let mut s = Session::new();
        for (condition, gone) in [
            ("", 1),
            ("IFEQ 'Hello world'", 1),
            ("IFEQ other", 0),
            ("ifne other", 1),
            ("IFNE 'Hello world'", 0),
            (&format!("IFDEQ {HELLO}"), 1),
            (&format!("IFDEQ {}", HELLO.to_uppercase()), 1),
            ("IFDEQ 1", 0),
            (&format!("IFDNE {HELLO}"), 0),
            ("IFDNE 1", 1),
        ] {
            s.run("SET k 'Hello world'");
            assert_eq!(s.run(&format!("DELEX k {condition}")), format!(":{gone}\r\n"), "{condition}");
            assert_eq!(s.run("EXISTS k"), format!(":{}\r\n", 1 - gone));
        }
        s.run("SET n 12");
        assert_eq!(s.run("DELIFEQ n 1"), ":0\r\n");
        assert_eq!(s.run("DELIFEQ n 12"), ":1\r\n");
        assert_eq!(s.run("DELIFEQ n 12"), ":0\r\n");
        assert_eq!(s.run("DELEX none IFNE x"), ":0\r\n");
        s.run("RPUSH l a");
        for (line, error) in [
            ("DELEX k IFEQ", "ERR wrong number of arguments for 'delex' command"),
            ("DELEX k IFEQ a b", "ERR wrong number of arguments for 'delex' command"),
            ("DELEX l IFEQ a", "ERR Key should be of string type if conditions are specified"),
            ("DELIFEQ l a", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ] {
            assert_eq!(s.run(line), format!("-{error}\r\n"));
        }
        s.run("SET k v");
        assert_eq!(s.run("DELEX k EQ v"), "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n");
        assert_eq!(s.run("DELEX l"), ":1\r\n");
    }

    #[test]
    fn set_on_a_condition() {
        let mut s = Session::new();
        for (line, reply, value) in [
            ("SET k a IFEQ x", "$-1\r\n", "$-1\r\n"),
            ("SET k a IFDEQ 12", "$-1\r\n", "$-1\r\n"),
            ("SET k a IFNE x", "+OK\r\n", "$1\r\na\r\n"),
            ("SET k b IFNE a", "$-1\r\n", "$1\r\na\r\n"),
            ("SET k b IFEQ a EX 100", "+OK\r\n", "$1\r\nb\r\n"),
            ("SET k c IFDNE 12 KEEPTTL", "+OK\r\n", "$1\r\nc\r\n"),
            ("SET k d GET IFEQ x", "$1\r\nc\r\n", "$1\r\nc\r\n"),
            ("SET k d IFEQ c GET", "$1\r\nc\r\n", "$1\r\nd\r\n"),
            ("SET k e IFEQ d NX", "-ERR syntax error\r\n", "$1\r\nd\r\n"),
            ("SET k e XX IFEQ d", "-ERR syntax error\r\n", "$1\r\nd\r\n"),
            ("SET k e IFEQ d IFNE d", "-ERR syntax error\r\n", "$1\r\nd\r\n"),
            ("SET k e IFEQ", "-ERR syntax error\r\n", "$1\r\nd\r\n"),
        ] {
            assert_eq!(s.run(line), reply, "{line}");
            assert_eq!(s.run("GET k"), value, "{line}");
        }
        s.run("RPUSH l a");
        assert!(s.run("SET l a IFEQ a").starts_with("-WRONGTYPE"));
        let flags = "COMMAND GETKEYSANDFLAGS SET k v IFEQ a";
        assert_eq!(s.run(flags), "*1\r\n*2\r\n$1\r\nk\r\n*3\r\n+RW\r\n+access\r\n+update\r\n");
    }
}
