//! Which clients CLIENT LIST and CLIENT KILL mean: the options that pick among them.
//!
//! Both commands take the same options; each may be turned round with `NOT-`. A client is meant when all of them agree.

use crate::dispatch::CmdError;
use crate::net::client::Client;
use crate::net::{ClientFlags, ClientId};
use crate::resp::Args;
use crate::server::Server;
use crate::server::traffic::{local_text, peer_text};
use crate::util::number;

use super::info::flags_text;

/// A kind of client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Normal,
    PubSub,
    Replica,
    Primary,
}

/// What one option asks of a client.
enum Test {
    Ids(Vec<u64>),
    Class(Class),
    User(Vec<u8>),
    Address(Vec<u8>),
    LocalAddress(Vec<u8>),
    Ip(Vec<u8>),
    AgeMin(u64),
    IdleMin(u64),
    Flags(Vec<u8>),
    Name(Vec<u8>),
    LibName(Vec<u8>),
    LibVersion(Vec<u8>),
    Db(u32),
}

/// A choice of clients.
#[derive(Default)]
pub struct Filter {
    tests: Vec<(Test, bool)>,
    /// Whether the client that asks is left out; `None`: not said.
    pub skip_me: Option<bool>,
}

/// A number above zero.
fn positive(word: &[u8], what: &str, bad: &'static str) -> Result<u64, CmdError> {
    match number::parse_i64(word) {
        Some(n) if n > 0 => Ok(n as u64),
        Some(_) => Err(CmdError::err(format!("{what} should be greater than 0"))),
        None => Err(CmdError::text(bad)),
    }
}

impl Filter {
    /// Reads the options from `args[start]` on. `many_ids`: ID takes as many numbers as follow it.
    pub fn parse(args: Args<'_>, start: usize, many_ids: bool) -> Result<Filter, CmdError> {
        let mut filter = Filter::default();
        let mut at = start;
        while at < args.len() {
            let mut option = args.at(at).to_ascii_uppercase();
            let negated = option.starts_with(b"NOT-");
            if negated {
                option.drain(..4);
            }
            let Some(value) = args.get(at + 1) else { return Err(CmdError::SYNTAX) };
            at += 2;
            let owned = || value.to_vec();
            let test = match option.as_slice() {
                b"ID" if many_ids => {
                    let mut ids = Vec::new();
                    at -= 1;
                    while let Some(id) = args.get(at).and_then(number::parse_i64) {
                        ids.push(u64::try_from(id).unwrap_or(0));
                        at += 1;
                    }
                    if ids.is_empty() {
                        return Err(CmdError::text("ERR Invalid client ID"));
                    }
                    Test::Ids(ids)
                }
                b"ID" => Test::Ids(vec![positive(value, "client-id", "ERR client-id should be greater than 0")?]),
                b"TYPE" => Test::Class(match value.to_ascii_lowercase().as_slice() {
                    b"normal" => Class::Normal,
                    b"pubsub" => Class::PubSub,
                    b"replica" | b"slave" => Class::Replica,
                    b"master" => Class::Primary,
                    _ => {
                        let shown = String::from_utf8_lossy(value);
                        return Err(CmdError::err(format!("Unknown client type '{shown}'")));
                    }
                }),
                b"USER" => {
                    if value != b"default" {
                        return Err(CmdError::err(format!("No such user '{}'", String::from_utf8_lossy(value))));
                    }
                    Test::User(owned())
                }
                b"SKIPME" if !negated && !many_ids => {
                    filter.skip_me = Some(match value.to_ascii_lowercase().as_slice() {
                        b"yes" => true,
                        b"no" => false,
                        _ => return Err(CmdError::SYNTAX),
                    });
                    continue;
                }
                b"ADDR" => Test::Address(owned()),
                b"LADDR" => Test::LocalAddress(owned()),
                b"IP" => Test::Ip(owned()),
                b"MAXAGE" if !negated => Test::AgeMin(positive(value, "maxage", "ERR maxage is not an integer or out of range")?),
                b"IDLE" => Test::IdleMin(positive(value, "idle", "ERR idle is not an integer or out of range")?),
                b"FLAGS" => Test::Flags(owned()),
                b"NAME" => Test::Name(owned()),
                b"LIB-NAME" => Test::LibName(owned()),
                b"LIB-VER" => Test::LibVersion(owned()),
                b"DB" => Test::Db(
                    number::parse_i64(value)
                        .and_then(|db| u32::try_from(db).ok())
                        .ok_or(CmdError::text("ERR DB is not an integer or out of range"))?,
                ),
                _ => return Err(CmdError::SYNTAX),
            };
            filter.tests.push((test, negated));
        }
        Ok(filter)
    }

    /// Whether the client is meant.
    pub fn admits(&self, server: &Server, client: &Client) -> bool {
        self.tests.iter().all(|(test, negated)| test.holds(server, client) != *negated)
    }

    /// The clients meant, oldest first.
    pub fn pick(&self, server: &Server) -> Vec<ClientId> {
        let mut ids = server.clients.ids();
        ids.retain(|id| server.clients.get(*id).is_some_and(|client| self.admits(server, client)));
        ids
    }
}

impl Test {
    fn holds(&self, server: &Server, client: &Client) -> bool {
        let extra = client.extra();
        let same = |word: Option<&Box<[u8]>>, wanted: &[u8]| word.map_or(&b""[..], |word| word) == wanted;
        match self {
            Test::Ids(ids) => ids.contains(&client.id),
            Test::Class(class) => *class == if client.has(ClientFlags::PUBSUB) { Class::PubSub } else { Class::Normal },
            Test::User(user) => user == b"default",
            Test::Address(address) => peer_text(client, &server.unix_path()).as_bytes() == address,
            Test::LocalAddress(address) => local_text(client, &server.unix_path()).as_bytes() == address,
            Test::Ip(ip) => client.peer.is_some_and(|peer| peer.ip().to_string().as_bytes() == ip),
            Test::AgeMin(age_s) => server.env.now_ms.saturating_sub(client.created_ms) / 1000 >= *age_s,
            Test::IdleMin(idle_s) => server.env.now_ms.saturating_sub(client.last_interaction_ms) / 1000 >= *idle_s,
            Test::Flags(letters) => {
                let flags = flags_text(client);
                letters.iter().all(|letter| flags.as_bytes().contains(letter))
            }
            Test::Name(name) => same(extra.and_then(|extra| extra.name.as_ref()), name),
            Test::LibName(name) => same(extra.and_then(|extra| extra.lib_name.as_ref()), name),
            Test::LibVersion(version) => same(extra.and_then(|extra| extra.lib_version.as_ref()), version),
            Test::Db(db) => client.db == *db,
        }
    }
}
