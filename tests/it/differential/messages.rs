//! Publish/subscribe and client-side caching on two servers side by side.
//!
//! A step is one request, or a transaction, on one of a few connections. After it every connection is asked for a token,
//! and all that comes before the token (replies, messages, invalidations) must be the same on both servers.

use std::io;
use std::time::Duration;

use super::pair;
use super::runner::show;
use crate::client::{Client, Value, encode_request};

const CLIENTS: usize = 4;
const STEPS: usize = 500;
/// Numbers up to this one are no ids.
const COUNT_MAX: i64 = 10;
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);

/// What is done on one connection.
#[derive(Clone, Debug)]
enum Step {
    /// Requests in one write.
    Requests(Vec<Vec<String>>),
    /// The connection is closed, and another takes its place.
    Reconnect,
}

/// Where a word stands for the id of connection `#n`.
fn word(rng: &mut fastrand::Rng, list: &[&str]) -> String {
    list[rng.usize(..list.len())].to_string()
}

fn request(rng: &mut fastrand::Rng) -> Vec<String> {
    const CHANNELS: &[&str] = &["a1", "a2", "b1", "b2", "c", "__redis__:invalidate"];
    // A channel matches one of them at most: the order in which patterns are tried is no promise.
    const PATTERNS: &[&str] = &["a*", "b?", "[c-d]"];
    const KEYS: &[&str] = &["a:1", "a:2", "b:1", "b:2", "c", ""];
    let line: &str = match rng.u8(..44) {
        0..3 => "SUBSCRIBE ch ch",
        3 | 4 => "PSUBSCRIBE pt pt",
        5 | 6 => "SSUBSCRIBE ch ch",
        7 => "UNSUBSCRIBE",
        8 => "UNSUBSCRIBE ch ch",
        9 => "PUNSUBSCRIBE",
        10 => "PUNSUBSCRIBE pt",
        11 => "SUNSUBSCRIBE ch ch",
        12 => "SUNSUBSCRIBE",
        13..17 => "PUBLISH ch text",
        17 => "SPUBLISH ch text",
        18 => "PUBSUB CHANNELS pt",
        19 => "PUBSUB NUMSUB ch ch",
        20 => "PUBSUB NUMPAT",
        21 => "PUBSUB SHARDNUMSUB ch",
        22 => "HELLO 3",
        23 => "HELLO 2",
        24 => "RESET",
        25 => "PING text",
        26 => "CLIENT TRACKING ON",
        27 => "CLIENT TRACKING ON REDIRECT id NOLOOP",
        28 => "CLIENT TRACKING ON REDIRECT id",
        29 => "CLIENT TRACKING ON BCAST PREFIX a: PREFIX b: NOLOOP",
        30 => ["CLIENT TRACKING ON BCAST REDIRECT id", "CLIENT TRACKING ON BCAST PREFIX a"][rng.usize(..2)],
        31 => ["CLIENT TRACKING ON OPTIN", "CLIENT TRACKING ON OPTOUT"][rng.usize(..2)],
        32 => "CLIENT TRACKING OFF",
        33 => ["CLIENT CACHING YES", "CLIENT CACHING NO"][rng.usize(..2)],
        34 => ["CLIENT TRACKINGINFO", "CLIENT GETREDIR"][rng.usize(..2)],
        35 => "CLIENT REPLY SKIP",
        36 | 37 => "GET key",
        38 => "MGET key key key",
        39 => "SET key text",
        40 => "MSET key text key text key text",
        41 => "DEL key key",
        42 => ["GETDEL key", "EXPIRE key -1", "SETRANGE key 1 x", "RENAME key key", "PEXPIRE key 1000000"][rng.usize(..5)],
        _ => ["FLUSHDB", "FLUSHALL ASYNC", "SELECT 1", "SELECT 0", "DEBUG SLEEP 0.002"][rng.usize(..5)],
    };
    let words = line.split(' ').map(|name| match name {
        "ch" => word(rng, CHANNELS),
        "pt" => word(rng, PATTERNS),
        "key" => word(rng, KEYS),
        "text" => "x".repeat([1, 5, 2000][rng.usize(..3)]),
        "id" => format!("#{}", rng.usize(..CLIENTS)),
        other => other.to_string(),
    });
    words.collect()
}

fn step(rng: &mut fastrand::Rng) -> Step {
    match rng.u8(..30) {
        0 => Step::Reconnect,
        1..5 => {
            let mut all: Vec<_> = (0..rng.usize(1..5)).map(|_| request(rng)).collect();
            // Each has one reply, so that EXEC's count is right; and nothing is published, for old servers put what a client
            // sends to itself in the middle of EXEC's reply.
            all.retain(|args| {
                !args[0].ends_with("SUBSCRIBE")
                    && !args[0].ends_with("PUBLISH")
                    && !["RESET", "HELLO"].contains(&&*args[0])
                    && !is_skip(args)
            });
            all.insert(0, vec!["MULTI".into()]);
            all.push(vec!["EXEC".into()]);
            Step::Requests(all)
        }
        many => {
            let count = if many < 9 { rng.usize(2..5) } else { 1 };
            let mut all: Vec<_> = (0..count).map(|_| request(rng)).collect();
            if all.last().is_some_and(|last| is_skip(last)) {
                // Or it would be the token that goes without a reply.
                all.push(vec!["PING".into()]);
            }
            Step::Requests(all)
        }
    }
}

fn is_skip(args: &[String]) -> bool {
    args.last().is_some_and(|last| last == "SKIP")
}

/// One server with its connections.
struct Side {
    port: u16,
    clients: Vec<Client>,
    ids: Vec<i64>,
    tokens: usize,
}

impl Side {
    fn open(port: u16) -> io::Result<Side> {
        let mut side = Side { port, clients: Vec::new(), ids: Vec::new(), tokens: 0 };
        // So that no id is as small as the numbers that are counted.
        for _ in 0..COUNT_MAX {
            Client::tcp_with_timeout(port, REPLY_TIMEOUT)?.call(&["FLUSHALL"])?;
        }
        for _ in 0..CLIENTS {
            let (client, id) = side.connect()?;
            side.clients.push(client);
            side.ids.push(id);
        }
        Ok(side)
    }

    fn connect(&self) -> io::Result<(Client, i64)> {
        let mut client = Client::tcp_with_timeout(self.port, REPLY_TIMEOUT)?;
        let id = client.call(&["CLIENT", "ID"])?.int().unwrap_or(0);
        Ok((client, id))
    }

    /// Does a step; returns what each connection was sent.
    fn run(&mut self, at: usize, step: &Step) -> io::Result<Vec<Vec<String>>> {
        match step {
            Step::Reconnect => {
                self.clients[at].send(&["QUIT"])?;
                self.clients[at].read_to_end()?;
                (self.clients[at], self.ids[at]) = self.connect()?;
            }
            Step::Requests(all) => {
                let mut out = Vec::new();
                for args in all {
                    let args: Vec<String> = args.iter().map(|arg| self.with_id(arg)).collect();
                    encode_request(&mut out, &args);
                }
                self.clients[at].send_raw(&out)?;
            }
        }
        // What is sent at the end of a turn may come behind the first token.
        let mut sent = vec![Vec::new(); CLIENTS];
        for client in [at].into_iter().chain(0..CLIENTS) {
            self.drain(client, &mut sent[client])?;
        }
        Ok(sent)
    }

    fn with_id(&self, word: &str) -> String {
        match word.strip_prefix('#').and_then(|n| n.parse::<usize>().ok()) {
            Some(n) => self.ids[n].to_string(),
            None => word.to_string(),
        }
    }

    /// Reads up to a token that is asked for now.
    fn drain(&mut self, client: usize, sent: &mut Vec<String>) -> io::Result<()> {
        self.tokens += 1;
        let token = format!("token-{}", self.tokens);
        self.clients[client].send(&["PING", &token])?;
        loop {
            let value = self.clients[client].read()?;
            let last = value.elements().pop().unwrap_or(value.clone());
            if last.text() == token {
                return Ok(());
            }
            sent.push(self.shown(&value));
        }
    }

    /// A message as it is compared: ids by connection, and nothing that depends on the order of a table.
    fn shown(&self, value: &Value) -> String {
        if let Some(n) = value.int() {
            let position = self.ids.iter().position(|other| *other == n);
            return if n <= COUNT_MAX { n.to_string() } else { position.map_or("gone".into(), |n| format!("#{n}")) };
        }
        let elements = value.elements();
        if elements.is_empty() {
            return format!("{value:?}");
        }
        let kind = &format!("{value:?}")[..1];
        let mut texts: Vec<String> = elements.iter().map(|element| self.shown(element)).collect();
        match elements[0].text().as_str() {
            "server" => return "hello".into(),
            // Which of several is left first is no promise.
            "unsubscribe" | "punsubscribe" | "sunsubscribe" => texts[1] = texts[1].len().min(3).to_string(),
            // PUBSUB CHANNELS.
            _ if elements.iter().all(|element| element.bytes().is_some_and(|bytes| bytes.len() <= 2)) => texts.sort(),
            _ => {}
        }
        format!("{kind}{}", texts.join(" "))
    }
}

#[test]
fn messages() {
    let pair = pair();
    for seed in 6000..6040 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut sides = pair.ports().map(|port| Side::open(port).unwrap());
        let mut done = Vec::new();
        for _ in 0..STEPS {
            let (at, step) = (rng.usize(..CLIENTS), step(&mut rng));
            done.push(match &step {
                Step::Requests(all) => {
                    let bytes = |arg: &String| arg.as_bytes()[..arg.len().min(50)].to_vec();
                    let lines = all.iter().map(|args| show(&args.iter().map(bytes).collect::<Vec<_>>()));
                    format!("  {at}> {}", lines.collect::<Vec<_>>().join(" | "))
                }
                Step::Reconnect => format!("  {at} reconnects"),
            });
            let [oracle, subject] = &mut sides;
            let mut outcome = (oracle.run(at, &step), subject.run(at, &step));
            if pair.version < (7, 2)
                && let (Ok(oracle), Ok(subject)) = &mut outcome
            {
                // There one's own message comes before the reply of the command that caused it.
                oracle.iter_mut().chain(subject).for_each(|sent| sent.sort_by_key(|line| line.starts_with('>')));
            }
            let (Ok(oracle), Ok(subject)) = &outcome else { panic!("seed {seed}: {outcome:?}\n{}", done.join("\n")) };
            if oracle != subject {
                let from = done.len().saturating_sub(60);
                panic!("seed {seed}\n  oracle:  {oracle:?}\n  subject: {subject:?}\n{}", done[from..].join("\n"));
            }
        }
    }
}
