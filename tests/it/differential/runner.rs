//! Runs rounds on two servers side by side and says where they first part.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::compare::{self, Exchange};
use super::generator::{CLIENTS, KEYS, Step, is_random, upper};
use crate::client::{Client, Value, encode_request};
use crate::server::Server;

const REPLY_TIMEOUT: Duration = Duration::from_secs(15);
/// Databases the generator uses.
const DATABASES: usize = 3;
/// How often both servers are looked over, in steps.
const STATE_EVERY: usize = 150;

/// How a round is run besides its steps.
#[derive(Clone, Debug)]
pub struct Setup {
    /// 2 or 3: the protocol the connections begin with.
    pub protocol: u32,
    /// The most requests sent in one write.
    pub pipeline: usize,
    /// Small thresholds, so that encodings change at once.
    pub tiny: bool,
    /// Compare keyspace events, too.
    pub events: bool,
}

/// Where two servers parted.
#[derive(Debug)]
pub struct Difference {
    pub at: usize,
    pub what: String,
}

/// The two servers.
pub struct Pair {
    programs: [String; 2],
    servers: [Server; 2],
    /// (major, minor) of the oracle.
    pub version: (u32, u32),
}

const ORACLE: usize = 0;
const SUBJECT: usize = 1;

impl Pair {
    /// Start both; `oracle` and `subject` are command lines.
    pub fn start(oracle: &str, subject: &str) -> Pair {
        let servers = [start(oracle), start(subject)];
        let text = servers[ORACLE].info("redis_version");
        let mut numbers = text.split('.').filter_map(|number| number.parse().ok());
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        assert!(version >= (6, 2), "the oracle {oracle} is of version {text:?}; 6.2 is needed");
        let ours = servers[ORACLE].info("redoubt_version");
        assert!(ours.is_empty() || oracle == subject, "{oracle} is no genuine server; name one in REDOUBT_DIFF_ORACLE");
        Pair { programs: [oracle.to_string(), subject.to_string()], servers, version }
    }

    /// Start a server anew that does not run any more.
    fn revive(&mut self) {
        for side in [ORACLE, SUBJECT] {
            if !self.servers[side].is_running() || self.servers[side].client().call(&["PING"]).is_err() {
                self.servers[side] = start(&self.programs[side]);
            }
        }
    }

    /// Where they listen, oracle first.
    pub fn ports(&self) -> [u16; 2] {
        [ORACLE, SUBJECT].map(|side| self.servers[side].port)
    }

    /// What both say they are.
    pub fn versions(&self) -> String {
        let [oracle, subject] = [ORACLE, SUBJECT].map(|side| self.servers[side].info("redis_version"));
        format!("oracle {oracle}, subject {subject}")
    }

    /// Run a round from an empty state.
    pub fn run(&mut self, setup: &Setup, steps: &[Step]) -> Result<(), Difference> {
        self.revive();
        let mut session = match Session::open(self, setup) {
            Ok(session) => session,
            Err(error) => {
                return Err(Difference { at: 0, what: format!("setting up: {error}") });
            }
        };
        let mut outcome = session.run(steps);
        drop(session);
        if let Err(difference) = &mut outcome {
            sleep(Duration::from_millis(20));
            for (side, name) in [(ORACLE, "oracle"), (SUBJECT, "subject")] {
                if !self.servers[side].is_running() {
                    let log = self.servers[side].log();
                    let lines: Vec<&str> = log.lines().collect();
                    let last = lines[lines.len().saturating_sub(60)..].join("\n");
                    difference.what += &format!("\nthe {name} has died:\n{last}\n");
                }
            }
        }
        outcome
    }
}

fn start(program: &str) -> Server {
    Server::start_program(program, &["--enable-debug-command", "yes", "--loglevel", "warning"])
}

/// The connections of a round, oracle's first.
struct Session {
    version: (u32, u32),
    pipeline: usize,
    clients: [Vec<Client>; 2],
    parked: [Client; 2],
    parked_ids: [i64; 2],
    parked_args: Option<Vec<Vec<u8>>>,
    control: [Client; 2],
    /// Connections that listen to keyspace events.
    listeners: Option<[Client; 2]>,
    /// What each connection has queued since MULTI.
    queued: Vec<Vec<Vec<Vec<u8>>>>,
}

impl Session {
    fn open(pair: &Pair, setup: &Setup) -> io::Result<Session> {
        let connect = |side: usize| Client::tcp_with_timeout(pair.servers[side].port, REPLY_TIMEOUT);
        let mut control = [connect(ORACLE)?, connect(SUBJECT)?];
        for (side, client) in control.iter_mut().enumerate() {
            client.call(&["FLUSHALL"])?;
            let pick = |normal: &'static str, tiny: &'static str| if setup.tiny { tiny } else { normal };
            for (name, value, since) in [
                ("list-max-listpack-size", pick("-2", "4"), (6, 0)),
                ("list-compress-depth", pick("0", "1"), (6, 0)),
                ("set-max-intset-entries", pick("512", "5"), (6, 0)),
                ("set-max-listpack-entries", pick("128", "5"), (7, 2)),
                ("set-max-listpack-value", pick("64", "8"), (7, 2)),
                ("hash-max-listpack-entries", pick("128", "5"), (6, 0)),
                ("hash-max-listpack-value", pick("64", "8"), (6, 0)),
                ("zset-max-listpack-entries", pick("128", "5"), (6, 0)),
                ("zset-max-listpack-value", pick("64", "8"), (6, 0)),
                ("hll-sparse-max-bytes", pick("3000", "60"), (6, 0)),
                ("stream-node-max-entries", pick("100", "3"), (6, 0)),
            ] {
                let reply = client.call(&["CONFIG", "SET", name, value])?;
                if reply.is_error() && (side == SUBJECT || pair.version >= since) {
                    return Err(io::Error::other(format!("CONFIG SET {name} {value}: {reply:?}")));
                }
            }
        }
        let mut clients = [Vec::new(), Vec::new()];
        for (side, clients) in clients.iter_mut().enumerate() {
            for _ in 0..CLIENTS {
                let mut client = connect(side)?;
                client.call(&["HELLO", &setup.protocol.to_string()])?;
                clients.push(client);
            }
        }
        let mut parked = [connect(ORACLE)?, connect(SUBJECT)?];
        let mut parked_ids = [0; 2];
        for side in [ORACLE, SUBJECT] {
            parked[side].call(&["HELLO", &setup.protocol.to_string()])?;
            parked_ids[side] = parked[side].call(&["CLIENT", "ID"])?.int().unwrap_or(0);
        }
        let mut listeners = setup.events.then_some([connect(ORACLE)?, connect(SUBJECT)?]);
        for side in [ORACLE, SUBJECT] {
            // Not those of expiry: keys go when each server finds the time.
            let classes = if setup.events { "KEg$lshztdnm" } else { "" };
            control[side].call(&["CONFIG", "SET", "notify-keyspace-events", classes])?;
            if let Some(listeners) = &mut listeners {
                listeners[side].call(&["PSUBSCRIBE", "__key*"])?;
            }
        }
        let queued = vec![Vec::new(); CLIENTS];
        let (version, pipeline) = (pair.version, setup.pipeline.max(1));
        Ok(Session { version, pipeline, clients, parked, parked_ids, parked_args: None, control, listeners, queued })
    }

    fn run(&mut self, steps: &[Step]) -> Result<(), Difference> {
        let (mut at, mut looked) = (0, 0);
        while at < steps.len() {
            let began = at;
            let done = match &steps[at] {
                Step::Pause { millis } => {
                    sleep(Duration::from_millis(*millis));
                    at += 1;
                    self.touch_all().map_err(|what| (at - 1, what))
                }
                Step::Park { args } => {
                    at += 1;
                    self.park(args).map_err(|what| (at - 1, what))
                }
                Step::Unpark => {
                    at += 1;
                    self.unpark().map_err(|what| (at - 1, what))
                }
                Step::Send { .. } => {
                    let batch = self.batch_at(&steps[at..]);
                    let first = at;
                    at += batch;
                    self.send(&steps[first..at]).map_err(|(offset, what)| (first + offset, what))
                }
            };
            done.map_err(|(at, what)| Difference { at, what })?;
            self.compare_events(&steps[began..at]).map_err(|what| Difference { at: at - 1, what })?;
            let waits = matches!(steps.get(at), Some(Step::Pause { .. }));
            if (at - looked >= STATE_EVERY || at == steps.len()) && !waits {
                looked = at;
                self.compare_states().map_err(|what| Difference { at: at - 1, what })?;
            }
        }
        Ok(())
    }

    /// Look at every key, so that a server that has kept one past its time drops it now.
    fn touch_all(&mut self) -> Result<(), String> {
        let exists: Vec<&str> = ["EXISTS"].iter().chain(KEYS).copied().collect();
        for side in [ORACLE, SUBJECT] {
            for database in 0..DATABASES {
                self.control[side].call(&["SELECT", &database.to_string()]).map_err(|error| lost(side, &error))?;
                self.control[side].call(&exists).map_err(|error| lost(side, &error))?;
            }
        }
        Ok(())
    }

    /// How many of the next steps go out in one write.
    fn batch_at(&self, steps: &[Step]) -> usize {
        let Some(Step::Send { client: first, .. }) = steps.first() else {
            return 1;
        };
        let together = steps.iter().take(self.pipeline).take_while(|step| match step {
            Step::Send { client, args } => client == first && !follows_up(args),
            _ => false,
        });
        together.count().max(1)
    }

    fn send(&mut self, steps: &[Step]) -> Result<(), (usize, String)> {
        let Step::Send { client, .. } = steps[0] else {
            return Ok(());
        };
        let requests: Vec<&Vec<Vec<u8>>> =
            steps.iter().filter_map(|step| if let Step::Send { args, .. } = step { Some(args) } else { None }).collect();
        let mut out = Vec::new();
        for args in &requests {
            encode_request(&mut out, args);
        }
        for side in [ORACLE, SUBJECT] {
            self.clients[side][client].send_raw(&out).map_err(|error| (0, lost(side, &error)))?;
        }
        for (offset, args) in requests.into_iter().enumerate() {
            let mut replies = Vec::new();
            for side in [ORACLE, SUBJECT] {
                replies.push(self.clients[side][client].read().map_err(|error| (offset, lost(side, &error)))?);
            }
            self.judge(client, args, &replies[ORACLE], &replies[SUBJECT]).map_err(|what| (offset, what))?;
        }
        Ok(())
    }

    fn judge(&mut self, client: usize, args: &[Vec<u8>], oracle: &Value, subject: &Value) -> Result<(), String> {
        let queued = Value::Simple(b"QUEUED".to_vec());
        if *oracle == queued && *subject == queued {
            self.queued[client].push(args.to_vec());
            return Ok(());
        }
        let name = upper(&args[0]);
        let transaction = match name.as_slice() {
            b"EXEC" | b"DISCARD" | b"RESET" => std::mem::take(&mut self.queued[client]),
            b"MULTI" if !oracle.is_error() => {
                self.queued[client].clear();
                Vec::new()
            }
            _ => Vec::new(),
        };
        if let (b"EXEC", Value::Array(oracle), Value::Array(subject)) = (name.as_slice(), oracle, subject)
            && oracle.len() == subject.len()
            && oracle.len() == transaction.len()
        {
            for ((args, oracle), subject) in transaction.iter().zip(oracle).zip(subject) {
                self.judge_one(client, args, oracle, subject, true)?;
            }
            return Ok(());
        }
        self.judge_one(client, args, oracle, subject, false)
    }

    fn judge_one(
        &mut self,
        client: usize,
        args: &[Vec<u8>],
        oracle: &Value,
        subject: &Value,
        inside: bool,
    ) -> Result<(), String> {
        if !inside && is_random(args) && !oracle.is_error() && !subject.is_error() {
            return self.follow_up(client, args, oracle, subject);
        }
        let ordered = matches!(upper(&args[0]).as_slice(), b"SMEMBERS" | b"HKEYS" | b"HVALS" | b"HGETALL");
        let hash = upper(&args[0])[0] == b'H';
        let small = ordered
            && oracle != subject
            && !inside
            && self.is_small(client, &args[1], hash).map_err(|error| error.to_string())?;
        let exchange = Exchange { args, oracle, subject, version: self.version, small };
        if compare::same(&exchange) {
            return Ok(());
        }
        Err(format!("{}\n  oracle:  {oracle:?}\n  subject: {subject:?}", show(args)))
    }

    /// Whether both servers hold the key in an encoding with an order: an intset, or a hash that is a listpack.
    /// (The members of a set that is a listpack may have come from a table.)
    fn is_small(&mut self, client: usize, key: &[u8], hash: bool) -> io::Result<bool> {
        let mut small = true;
        for side in [ORACLE, SUBJECT] {
            let encoding = self.clients[side][client].call(&[b"OBJECT".as_slice(), b"ENCODING", key])?.text();
            small &= encoding == "intset" || encoding == "listpack" && hash;
        }
        Ok(small)
    }

    /// Check what a random choice must fulfil, and bring the servers together again.
    fn follow_up(&mut self, client: usize, args: &[Vec<u8>], oracle: &Value, subject: &Value) -> Result<(), String> {
        let differ = |why: &str| Err(format!("{} {why}\n  oracle:  {oracle:?}\n  subject: {subject:?}", show(args)));
        let alike = std::mem::discriminant(oracle) == std::mem::discriminant(subject);
        let (one, other) = (oracle.elements(), subject.elements());
        let name = upper(&args[0]);
        if name.ends_with(b"SCAN") {
            return self.scan(client, args, oracle, subject);
        }
        if !alike || one.len() != other.len() {
            return differ("(random, but not of the same shape)");
        }
        match name.as_slice() {
            b"SPOP" if !subject.is_null() => {
                let key = &args[1];
                for (side, gone) in [(ORACLE, subject), (SUBJECT, oracle)] {
                    let gone = if gone.bytes().is_some() { vec![gone.clone()] } else { gone.elements() };
                    let mut request: Vec<&[u8]> = vec![b"SREM", key];
                    request.extend(gone.iter().filter_map(|member| member.bytes()));
                    if request.len() > 2 {
                        self.clients[side][client].call(&request).map_err(|error| lost(side, &error))?;
                    }
                }
            }
            b"SRANDMEMBER" | b"HRANDFIELD" | b"ZRANDMEMBER" if !subject.is_null() => {
                let all: &[&[u8]] = match name.as_slice() {
                    b"SRANDMEMBER" => &[b"SMEMBERS", &args[1]],
                    b"HRANDFIELD" => &[b"HGETALL", &args[1]],
                    _ => &[b"ZRANGE", &args[1], b"0", b"-1", b"WITHSCORES"],
                };
                let all = self.clients[SUBJECT][client].call(all).map_err(|error| lost(SUBJECT, &error))?;
                let flat = flatten(&all);
                let drawn = if subject.bytes().is_some() { vec![subject.clone()] } else { flatten(subject) };
                if let Some(stranger) = drawn.iter().find(|value| !flat.contains(value)) {
                    return differ(&format!("({stranger:?} is not in the collection)"));
                }
                let distinct = args.len() == 3 && !args[2].starts_with(b"-");
                if distinct && drawn.iter().collect::<BTreeSet<_>>().len() != drawn.len() {
                    return differ("(drawn twice)");
                }
            }
            b"RANDOMKEY" if !subject.is_null() => {
                let key = subject.bytes().unwrap_or_default().to_vec();
                let there =
                    self.clients[SUBJECT][client].call(&[b"EXISTS", key.as_slice()]).map_err(|error| lost(SUBJECT, &error))?;
                if there != Value::Int(1) {
                    return differ("(no such key)");
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Follow a cursor to its end on both sides and compare what came by.
    fn scan(&mut self, client: usize, args: &[Vec<u8>], oracle: &Value, subject: &Value) -> Result<(), String> {
        let at = if upper(&args[0]) == b"SCAN" { 1 } else { 2 };
        if args[at] != b"0" {
            return Ok(());
        }
        let mut seen = [BTreeSet::new(), BTreeSet::new()];
        let paired = matches!(upper(&args[0]).as_slice(), b"HSCAN" | b"ZSCAN")
            && !args.iter().any(|arg| arg.eq_ignore_ascii_case(b"NOVALUES"));
        for (side, first) in [(ORACLE, oracle), (SUBJECT, subject)] {
            let (mut reply, mut turns) = (first.clone(), 0);
            loop {
                let parts = reply.elements();
                let [cursor, found] = parts.as_slice() else {
                    return Err(format!("{}: {reply:?} is no reply of a scan", show(args)));
                };
                for some in found.elements().chunks(if paired { 2 } else { 1 }) {
                    seen[side].insert(some.to_vec());
                }
                let cursor = cursor.bytes().unwrap_or_default().to_vec();
                turns += 1;
                if cursor == b"0" {
                    break;
                }
                if turns == 10_000 {
                    return Err(format!("{}: the cursor never ends ({side})", show(args)));
                }
                let mut next = args.to_vec();
                next[at] = cursor;
                reply = self.clients[side][client].call(&next).map_err(|error| lost(side, &error))?;
            }
        }
        if seen[ORACLE] == seen[SUBJECT] || self.version < (7, 2) && same_scores(&seen[ORACLE], &seen[SUBJECT]) {
            return Ok(());
        }
        Err(format!("{} (to its end)\n  oracle:  {:?}\n  subject: {:?}", show(args), seen[ORACLE], seen[SUBJECT]))
    }

    fn park(&mut self, args: &[Vec<u8>]) -> Result<(), String> {
        self.parked_args = Some(args.to_vec());
        for side in [ORACLE, SUBJECT] {
            self.parked[side].send(args).map_err(|error| lost(side, &error))?;
        }
        // Whether it blocks or is served is seen by a request behind it on no other connection: so ask until
        // the server has read it.
        for side in [ORACLE, SUBJECT] {
            let id = self.parked_ids[side].to_string();
            let end = Instant::now() + REPLY_TIMEOUT;
            loop {
                let line = self.control[side].call(&["CLIENT", "LIST", "ID", &id]).map_err(|error| lost(side, &error))?.text();
                let busy = !line.contains("cmd=client|id") && !line.contains("cmd=hello");
                if busy || Instant::now() > end {
                    break;
                }
            }
        }
        Ok(())
    }

    fn unpark(&mut self) -> Result<(), String> {
        let Some(args) = self.parked_args.take() else {
            return Ok(());
        };
        let mut replies = Vec::new();
        for side in [ORACLE, SUBJECT] {
            let id = self.parked_ids[side].to_string();
            let was = self.control[side].call(&["CLIENT", "UNBLOCK", &id]).map_err(|error| lost(side, &error))?;
            let reply = self.parked[side].read().map_err(|error| lost(side, &error))?;
            self.parked[side].call(&["CLIENT", "ID"]).map_err(|error| lost(side, &error))?;
            replies.push(Value::Array(vec![was, reply]));
        }
        let exchange =
            Exchange { args: &args, oracle: &replies[ORACLE], subject: &replies[SUBJECT], version: self.version, small: false };
        if compare::same(&exchange) {
            return Ok(());
        }
        Err(format!("blocked in {}\n  oracle:  {:?}\n  subject: {:?}", show(&args), replies[ORACLE], replies[SUBJECT]))
    }

    /// Compare the events of the last steps.
    fn compare_events(&mut self, steps: &[Step]) -> Result<(), String> {
        let Some(listeners) = &mut self.listeners else { return Ok(()) };
        let mut events = [Vec::new(), Vec::new()];
        for (side, listener) in listeners.iter_mut().enumerate() {
            listener.send(&["PING"]).map_err(|error| lost(side, &error))?;
            loop {
                let message = listener.read().map_err(|error| lost(side, &error))?.elements();
                let [_, _, channel, text] = message.as_slice() else { break };
                events[side].push(format!("{} {}", channel.text(), text.text()));
            }
        }
        let requests: Vec<&[Vec<u8>]> = steps
            .iter()
            .filter_map(|step| if let Step::Send { args, .. } = step { Some(args.as_slice()) } else { None })
            .collect();
        if !compare::same_events(&requests, &events) {
            let [oracle, subject] = events.map(|events| events.join(", "));
            let last = requests.last().copied().unwrap_or_default();
            return Err(format!("{} (its events)\n  oracle:  {oracle}\n  subject: {subject}", show(last)));
        }
        Ok(())
    }

    /// Compare every key of every database.
    fn compare_states(&mut self) -> Result<(), String> {
        let mut states = Vec::new();
        for side in [ORACLE, SUBJECT] {
            states.push(state(&mut self.control[side]).map_err(|error| lost(side, &error))?);
        }
        let (oracle, subject) = (&states[ORACLE], &states[SUBJECT]);
        let mut what = String::new();
        for key in oracle.iter().chain(subject).map(|key| (&key.database, &key.name)).collect::<BTreeSet<_>>() {
            let find = |all: &[Key]| all.iter().find(|one| (&one.database, &one.name) == key).cloned();
            match (find(oracle), find(subject)) {
                (Some(oracle), Some(subject)) if oracle.same(&subject, self.version) => {}
                (oracle, subject) => {
                    let _ = writeln!(what, "  oracle:  {oracle:?}\n  subject: {subject:?}");
                }
            }
        }
        if what.is_empty() {
            return Ok(());
        }
        Err(format!("the states differ\n{what}"))
    }
}

/// Requests that go out alone: the runner asks more before it goes on. (And redis 8.0.6 forgets the answer to
/// a refused AUTH when it owes the client another reply.)
fn follows_up(args: &[Vec<u8>]) -> bool {
    is_random(args) || matches!(upper(&args[0]).as_slice(), b"SMEMBERS" | b"HKEYS" | b"HVALS" | b"HGETALL" | b"AUTH" | b"HELLO")
}

fn lost(side: usize, error: &io::Error) -> String {
    format!("{}: {error}", if side == ORACLE { "oracle" } else { "subject" })
}

fn flatten(value: &Value) -> Vec<Value> {
    let nested = value.elements().into_iter().flat_map(|one| if one.elements().is_empty() { vec![one] } else { one.elements() });
    nested.collect()
}

fn same_scores(one: &BTreeSet<Vec<Value>>, other: &BTreeSet<Vec<Value>>) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(one, other)| compare::same_but_for_digits(&Value::Array(one.clone()), &Value::Array(other.clone())))
}

/// A key as it is compared.
#[derive(Clone, Debug)]
struct Key {
    database: usize,
    name: Vec<u8>,
    kind: String,
    encoding: String,
    life: i64,
    content: Value,
}

impl Key {
    fn same(&self, other: &Key, version: (u32, u32)) -> bool {
        let lives = match (self.life, other.life) {
            (one, other) if one < 0 || other < 0 => one == other,
            (one, other) => one.abs_diff(other) < 5000,
        };
        let contents =
            self.content == other.content || version < (7, 2) && compare::same_but_for_digits(&self.content, &other.content);
        self.kind == other.kind
            && compare::same_encoding(&self.kind, &self.encoding, &other.encoding, version)
            && lives
            && contents
    }
}

/// Everything in the databases the generator uses.
fn state(client: &mut Client) -> io::Result<Vec<Key>> {
    let mut all = Vec::new();
    for database in 0..DATABASES {
        client.call(&["SELECT", &database.to_string()])?;
        let names = client.call(&["KEYS", "*"])?.elements();
        let mut names: Vec<Vec<u8>> = names.iter().filter_map(|name| name.bytes().map(<[u8]>::to_vec)).collect();
        names.sort();
        for name in names {
            let kind = client.call(&[b"TYPE", name.as_slice()])?.text();
            let encoding = client.call(&[b"OBJECT".as_slice(), b"ENCODING", &name])?.text();
            let life = client.call(&[b"PTTL", name.as_slice()])?.int().unwrap_or(0);
            let content = match kind.as_str() {
                "string" => client.call(&[b"GET", name.as_slice()])?,
                "list" => client.call(&[b"LRANGE", name.as_slice(), b"0", b"-1"])?,
                "set" => sort(client.call(&[b"SMEMBERS", name.as_slice()])?, 1),
                "hash" => sort(client.call(&[b"HGETALL", name.as_slice()])?, 2),
                "zset" => client.call(&[b"ZRANGE", name.as_slice(), b"0", b"-1", b"WITHSCORES"])?,
                "stream" => client.call(&[b"XRANGE", name.as_slice(), b"-", b"+"])?,
                _ => Value::Null,
            };
            all.push(Key { database, name, kind, encoding, life, content });
        }
    }
    Ok(all)
}

fn sort(value: Value, group: usize) -> Value {
    let all = value.elements();
    let mut groups: Vec<&[Value]> = all.chunks(group).collect();
    groups.sort();
    Value::Array(groups.concat())
}

/// A request as one would type it.
pub fn show(args: &[Vec<u8>]) -> String {
    let words = args.iter().map(|arg| {
        let plain = !arg.is_empty() && arg.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'\\".contains(byte));
        if plain { String::from_utf8_lossy(arg).into_owned() } else { format!("\"{}\"", arg.escape_ascii()) }
    });
    words.collect::<Vec<_>>().join(" ")
}
