//! DEBUG DIGEST: a hash of everything there is, the same for the same data wherever and however it is kept.
//!
//! It is upstream's, so that servers of both kinds can be compared. Two ways to combine SHA-1 hashes make it up: [`Digest::add`]
//! where order does not matter (exclusive or), [`Digest::chain`] where it does (hash of the exclusive or).
//!
//! ```text
//! dataset   each database that is not empty: chain(index, 4 bytes big-endian), then add each key's digest
//! key       chain(name), then its value
//! value     chain(type, 4 bytes big-endian), then by type, then add("!!expire!!") if it expires
//!   string  chain(text)            list  chain(each element)         set  add(each member)
//!   zset    add(digest of member: chain(member), chain(score as in a reply))
//!   hash    add(digest of field: chain(field), chain(value), add("!!hexpire!!") if it expires)
//! ```

use sha1::{Digest as _, Sha1};

use crate::dispatch::*;
use crate::keyspace::entry::Entry;
use crate::keyspace::{Ref, Type};
use crate::server::Server;
use crate::util::float;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Digest([u8; 20]);

impl Digest {
    fn xor(&mut self, other: &[u8]) {
        for (byte, other) in self.0.iter_mut().zip(other) {
            *byte ^= other;
        }
    }

    /// Adds bytes so that the order of additions does not matter.
    fn add(&mut self, bytes: &[u8]) {
        self.xor(&Sha1::digest(bytes));
    }

    /// Adds bytes so that the order matters.
    fn chain(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    /// The digest of two texts in order.
    fn of_pair(first: &[u8], second: &[u8]) -> Digest {
        let mut pair = Digest::default();
        pair.chain(first);
        pair.chain(second);
        pair
    }

    fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The digest of the whole dataset.
pub fn digest(ctx: &mut Ctx<'_>) -> CmdResult {
    let text = dataset(ctx.server).hex();
    ctx.reply.simple(&text);
    Ok(Flow::Done)
}

fn dataset(server: &Server) -> Digest {
    let mut all = Digest::default();
    for (index, db) in server.dbs.iter().enumerate().filter(|(_, db)| !db.is_empty()) {
        all.chain(&(index as u32).to_be_bytes());
        for entry in db.iter() {
            let mut one = Digest::default();
            one.chain(entry.key());
            add_value(&mut one, entry);
            all.add(&one.0);
        }
    }
    all
}

/// The digests of these keys' values, zeros for those that are not there.
pub fn digest_value(ctx: &mut Ctx<'_>) -> CmdResult {
    let keys = ctx.args.from(2);
    ctx.reply.array(keys.len());
    for key in keys.iter() {
        let mut digest = Digest::default();
        if let Some(entry) = ctx.db().peek(key) {
            add_value(&mut digest, entry);
        }
        ctx.reply.simple(&digest.hex());
    }
    Ok(Flow::Done)
}

const fn type_number(kind: Type) -> u32 {
    match kind {
        Type::String => 0,
        Type::List => 1,
        Type::Set => 2,
        Type::Zset => 3,
        Type::Hash => 4,
        Type::Stream => 6,
    }
}

fn add_value(digest: &mut Digest, entry: &Entry) {
    digest.chain(&type_number(entry.kind()).to_be_bytes());
    match entry.value() {
        Ref::Int(n) => digest.chain(itoa::Buffer::new().format(n).as_bytes()),
        Ref::Str { bytes, .. } => digest.chain(bytes),
        Ref::List(list) => {
            let mut digits = itoa::Buffer::new();
            list.for_each_range(0, list.len(), |elem| digest.chain(elem.text(&mut digits)));
        }
        Ref::Set(set) => {
            let mut digits = itoa::Buffer::new();
            set.iter().for_each(|member| digest.add(member.text(&mut digits)));
        }
        Ref::Zset(zset) => {
            for (member, score) in zset.iter() {
                let mut text = Vec::new();
                float::write_f64(&mut text, score);
                digest.add(&Digest::of_pair(&member.to_vec(), &text).0);
            }
        }
        Ref::Hash(hash) => {
            hash.each_with_expiry(|field, value, expiry_ms| {
                let mut pair = Digest::of_pair(&field.to_vec(), &value.to_vec());
                if expiry_ms.is_some() {
                    pair.add(b"!!hexpire!!");
                }
                digest.add(&pair.0);
            });
        }
        Ref::Stream(stream) => {
            let mut digits = itoa::Buffer::new();
            for entry in stream.log.iter() {
                digest.chain(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
                for (field, value) in entry.fields {
                    digest.chain(field.text(&mut digits));
                    digest.chain(value.text(&mut digits));
                }
            }
        }
    }
    if entry.expiry_ms().is_some() {
        digest.add(b"!!expire!!");
    }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn upstreams_digests() {
        let mut session = Session::new();
        for line in ["rpush l a b 3", "sadd s a b 3", "zadd z 1.5 a 3 b", "hset h f v n 5", "setex e 100 v"] {
            session.run(line);
        }
        let digests = session.run("debug digest-value s z h e l");
        let expected = [
            "aa475a4a8f122ca5936aa41d911aacf8c93b827d",
            "45d6ad4927dfc6cebf79cc59126b1dd327889c17",
            "cb57dbe608c2b2a06dad28cc683f351c38cd44cf",
            "311b17018163335616e089f6b951c82c477335ac",
            "09eb1fc9381ee92790d59930ab462945f8cd948b",
        ];
        assert_eq!(digests, format!("*5\r\n+{}\r\n", expected.join("\r\n+")));
        session.run("flushall");
        session.run("set foo bar");
        assert_eq!(
            session.run("debug digest-value foo none"),
            "*2\r\n+68467c70ae30376e7ce005bcc8827f5ba7fd67dc\r\n+0000000000000000000000000000000000000000\r\n"
        );
        assert_eq!(session.run("debug digest"), "+d2ab4820c1be0580ea28efbfe8bfa1dc05bb802a\r\n");
        session.run("hset p a 1 b 2");
        session.run("hpexpireat p 4102444800777 FIELDS 1 a");
        assert_eq!(session.run("debug digest-value p"), "*1\r\n+c07db73128914a41e685572f9d83e5ec946f598d\r\n");
        session.run("del p");
        session.run("select 3");
        session.run("setex e 100 v");
        assert_eq!(session.run("debug digest"), "+50804d21cb2becef9300b9292149ffb4db4917b8\r\n");
    }
}
