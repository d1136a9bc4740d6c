//! Draws random commands from the grammar.
//!
//! Keys are few and named after the type they mostly hold, so that commands meet data of their type often and
//! of another type now and then. What would make two correct servers differ is avoided here: times that run
//! out while a round runs (very short ones are followed by a pause and a look at every key), waits without an
//! end, random choices within a transaction.

use fastrand::Rng;

use super::grammar::{self, Rule};

/// One step of a round.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A request on one of the connections.
    Send { client: usize, args: Vec<Vec<u8>> },
    /// A blocking request on the connection kept for it; its reply is awaited by `Unpark`.
    Park { args: Vec<Vec<u8>> },
    /// Unblock that connection if it is still blocked, and compare what it was told.
    Unpark,
    /// Wait for keys with a very short life to pass, and touch every key so that they are gone.
    Pause { millis: u64 },
}

/// Connections that a round uses.
pub const CLIENTS: usize = 3;

/// Keys that commands find by chance; those with lives among them.
pub const KEYS: &[&str] = &[
    "s0", "s1", "s2", "s3", "l0", "l1", "l2", "e0", "e1", "e2", "h0", "h1", "z0", "z1", "z2", "w_a", "w_1", "b0", "b1", "p0",
    "p1", "p2", "g0", "g1", "x0", "x1",
];

/// Sorted sets whose scores are all zero.
const LEX_KEYS: &[&str] = &["y0", "y1"];

/// Numbers that are read or printed in unusual ways.
const FLOATS: &str = concat!(
    "inf|-inf|nan|1e308|-1e308|1e-300|0x10|3.|.5|1e5|+1|",
    "-0|0.1|1e17|123456789012345678|1.7976931348623157e308|5e-324|| 1|1 |abc|17179869184.000001|1e400"
);

/// Integers at the edges of their types, and beyond.
const EDGES: &str = concat!(
    "0|-0|-1|9223372036854775807|-9223372036854775808|9223372036854775808|-9223372036854775809|4294967295|4294967296|2147483647|",
    "2147483648|-2147483649|18446744073709551615|18446744073709551616|1e3|01|+1| 1||abc|1.5"
);

/// How long the shortest life may last; anything longer must not end within a round.
const SHORT_MS: i64 = 10;

pub struct Generator {
    rng: Rng,
    version: (u32, u32),
    in_multi: [bool; CLIENTS],
    /// Whether connections are blocked for longer than a moment.
    parks: bool,
    parked: bool,
    /// (Weight of the family, sum of its rules' weights, the rules).
    families: Vec<(u32, u32, Vec<Rule>)>,
}

impl Generator {
    /// Commands that a server of this version knows, of these families; of all when none is named.
    pub fn new(seed: u64, version: (u32, u32), chosen: &str) -> Generator {
        let families = [
            grammar::STRINGS,
            grammar::KEYS,
            grammar::LISTS,
            grammar::SETS,
            grammar::HASHES,
            grammar::ZSETS,
            grammar::CONNECTION,
            grammar::BITS,
            grammar::HLL,
            grammar::GEO,
            grammar::STREAMS,
        ];
        let names = ["strings", "keys", "lists", "sets", "hashes", "zsets", "connection", "bits", "hll", "geo", "streams"];
        let wanted = |name: &str| chosen.is_empty() || chosen.split(',').any(|one| one == name);
        let families = names.iter().zip(families).filter(|(name, _)| wanted(name)).map(|(name, rules)| {
            let known: Vec<Rule> = rules.iter().copied().filter(|(since, ..)| *since <= version).collect();
            // Transactions and greetings are rarer than commands on data.
            (if *name == "connection" { 1 } else { 2 }, known.iter().map(|(_, weight, _)| weight).sum(), known)
        });
        let parks = wanted("lists") && wanted("zsets");
        let (rng, families) = (Rng::with_seed(seed), families.collect());
        Generator { rng, version, in_multi: [false; CLIENTS], parks, parked: false, families }
    }

    /// The steps of one round, about `count` of them.
    pub fn round(&mut self, count: usize) -> Vec<Step> {
        self.in_multi = [false; CLIENTS];
        self.parked = false;
        let mut steps = Vec::with_capacity(count + 16);
        while steps.len() < count {
            self.step(&mut steps);
        }
        if self.parked {
            steps.push(Step::Unpark);
        }
        steps
    }

    fn step(&mut self, steps: &mut Vec<Step>) {
        if self.parks && !self.parked && self.rng.u32(..400) == 0 {
            self.parked = true;
            let any: &[&str] = &[
                "(BLPOP|BRPOP) <list>+ 0",
                "BLMOVE <list> <list> (LEFT|RIGHT) (LEFT|RIGHT) 0",
                "(BZPOPMIN|BZPOPMAX) <zset>+ 0",
                "BLMPOP 0 <lists> (LEFT|RIGHT) COUNT 2",
                "BZMPOP 0 <zsets> (MIN|MAX)",
            ];
            // Before 7.2 a key of another type among several was passed over when the client woke.
            let single: &[&str] =
                &["(BLPOP|BRPOP) <list> 0", "(BZPOPMIN|BZPOPMAX) <zset> 0", "BLMPOP 0 1 <list> (LEFT|RIGHT) COUNT 2"];
            let template = self.pick(if self.version < (7, 2) { single } else { any });
            let args = self.expand(template);
            steps.push(Step::Park { args });
            return;
        }
        if self.parked && self.rng.u32(..30) == 0 {
            self.parked = false;
            steps.push(Step::Unpark);
            return;
        }
        // Mostly one connection talks; transactions meet the others' writes.
        let client = if self.rng.u32(..4) > 0 { 0 } else { self.rng.usize(..CLIENTS) };
        let rule = self.rule();
        let mut args = self.expand(rule);
        self.mutate(&mut args);
        let refusable = args.iter().any(|arg| arg.eq_ignore_ascii_case(b"AUTH"));
        if self.in_multi[client] && (is_random(&args) || refusable) {
            return;
        }
        keep_together(&mut args, self.version);
        let short = self.keep_from_expiring(&mut args, self.in_multi[client]);
        keep_small(&mut args);
        match upper(&args[0]).as_slice() {
            b"MULTI" => self.in_multi[client] = true,
            // With arguments these are refused, and the transaction may go on.
            b"EXEC" | b"DISCARD" | b"RESET" if args.len() == 1 => self.in_multi[client] = false,
            _ => {}
        }
        steps.push(Step::Send { client, args });
        if short {
            steps.push(Step::Pause { millis: SHORT_MS as u64 + 15 });
        }
    }

    fn rule(&mut self) -> &'static str {
        let all: u32 = self.families.iter().map(|(weight, ..)| weight).sum();
        let mut at = self.rng.u32(..all);
        for (weight, sum, rules) in &self.families {
            if at >= *weight {
                at -= weight;
                continue;
            }
            let mut at = self.rng.u32(..*sum);
            for (_, weight, template) in rules {
                if at < *weight {
                    return template;
                }
                at -= weight;
            }
        }
        "PING"
    }

    /// One of the words between the bars.
    fn one_of(&mut self, words: &str) -> String {
        let words: Vec<&str> = words.split('|').collect();
        self.pick(&words).to_string()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.rng.usize(..from.len())]
    }

    /// Expand a template into the words of a request.
    pub fn expand(&mut self, template: &str) -> Vec<Vec<u8>> {
        let mut args = Vec::new();
        self.sequence(template, &mut args);
        args
    }

    /// Expand a blank-separated sequence of items.
    fn sequence(&mut self, template: &str, args: &mut Vec<Vec<u8>>) {
        let mut rest = template.trim_start();
        while !rest.is_empty() {
            let (item, after) = split_item(rest);
            let (item, repeated) = match item.strip_suffix('+') {
                Some(item) => (item, true),
                None => (item, false),
            };
            let times = if repeated { 1 + self.rng.usize(..4).min(self.rng.usize(..4)) } else { 1 };
            for _ in 0..times {
                self.item(item, args);
            }
            rest = after.trim_start();
        }
    }

    fn item(&mut self, item: &str, args: &mut Vec<Vec<u8>>) {
        if let Some(inside) = item.strip_prefix('[') {
            if self.rng.u32(..5) < 2 {
                self.alternative(&inside[..inside.len() - 1], args);
            }
        } else if let Some(inside) = item.strip_prefix('(') {
            self.alternative(&inside[..inside.len() - 1], args);
        } else if let Some(name) = item.strip_prefix('<') {
            self.token(&name[..name.len() - 1], args);
        } else {
            args.push(item.as_bytes().to_vec());
        }
    }

    fn alternative(&mut self, inside: &str, args: &mut Vec<Vec<u8>>) {
        let choices = split_alternatives(inside);
        let choice = choices[self.rng.usize(..choices.len())];
        self.sequence(choice, args);
    }

    /// Draw one of the named tokens; some are several words.
    fn token(&mut self, name: &str, args: &mut Vec<Vec<u8>>) {
        let small = |rng: &mut Rng| rng.i64(-6..8).to_string();
        let word = match name {
            "str" => return args.push(self.key('s')),
            "list" => return args.push(self.key('l')),
            "set" => return args.push(self.key('e')),
            "hash" => return args.push(self.key('h')),
            "zset" => return args.push(self.key('z')),
            "lexset" if self.rng.u32(..12) == 0 => return args.push(self.key('s')),
            "lexset" => LEX_KEYS[self.rng.usize(..LEX_KEYS.len())].to_string(),
            "bits" if self.rng.u32(..8) == 0 => return args.push(self.key('s')),
            "bits" => return args.push(self.key('b')),
            "hll" => return args.push(self.key('p')),
            "stream" => return args.push(self.key('x')),
            "group" => self.one_of("g|g|h|k"),
            "consumer" => self.one_of("ann|bob|eve|"),
            "xid" => self.id(),
            "xbound" => match self.rng.u32(..6) {
                0 => "-".to_string(),
                1 => "+".to_string(),
                2 => format!("({}", self.id()),
                _ => self.id(),
            },
            "xafter" => match self.rng.u32(..6) {
                0 => self.one_of("$|+|>|-|0-0"),
                1 => "$".to_string(),
                _ => self.id(),
            },
            "geo" => return args.push(self.key('g')),
            "bit" => match self.rng.u32(..20) {
                // Whatever makes no string of half a gigabyte.
                0 => return args.push(self.small_edge()),
                1 => "4294967295000".to_string(),
                2 => self.rng.i64(0..70_000).to_string(),
                _ => self.rng.i64(0..300).to_string(),
            },
            "enc" => self.one_of("u8|i8|u1|i1|i16|u16|u63|i64|i5|u31|u64|i65|x8|u0"),
            "nearby" => self.rng.u32(..100_000).to_string(),
            "lon" => match self.rng.u32(..12) {
                0 => self.one_of("180|-180|180.1|-200|0|x|nan|inf|179.9999"),
                1..=5 => format!("{}", self.rng.f64() * 360.0 - 180.0),
                _ => format!("{}", 10.0 + self.rng.f64() * 5.0),
            },
            "lat" => match self.rng.u32(..12) {
                0 => self.one_of("85.05|-85.05|86|-90|0|x|nan|85.05112878"),
                1..=5 => format!("{}", self.rng.f64() * 170.0 - 85.0),
                _ => format!("{}", 38.0 + self.rng.f64() * 5.0),
            },
            "unit" => self.one_of("m|km|km|km|KM|mi|ft|yd"),
            "radius" => match self.rng.u32(..10) {
                0 => self.one_of("0|-1|x|1e10|20000|0.001|inf"),
                1..=4 => format!("{}", self.rng.f64() * 10_000.0),
                _ => format!("{}", self.rng.f64() * 500.0),
            },
            "any" => return args.push(self.key('?')),
            "lists" | "sets" | "zsets" => {
                let kind = if name == "sets" { 'e' } else { name.chars().next().unwrap_or('l') };
                let count = 1 + self.rng.usize(..3);
                args.push(match self.rng.u32(..25) {
                    0 => self.edge(),
                    _ => count.to_string().into_bytes(),
                });
                for _ in 0..count {
                    let kind = if name == "zsets" && self.rng.u32(..6) == 0 { 'e' } else { kind };
                    args.push(self.key(kind));
                }
                return;
            }
            "val" | "elem" | "field" => return args.push(self.value()),
            "int" if self.rng.u32(..6) == 0 => return args.push(self.edge()),
            "int" => self.rng.i64(-100..1000).to_string(),
            "badint" => self.one_of("abc||-1|1.5|9223372036854775808"),
            "float" | "score" => return args.push(self.float()),
            "count" | "randcount" if self.rng.u32(..15) == 0 => {
                return args.push(self.small_edge());
            }
            "count" => self.rng.i64(0..6).to_string(),
            "randcount" => small(&mut self.rng),
            "index" if self.rng.u32(..20) == 0 => return args.push(self.edge()),
            "index" => small(&mut self.rng),
            "offset" => match self.rng.u32(..12) {
                0 => "-1".to_string(),
                1 => "536870912".to_string(),
                2 => "9223372036854775807".to_string(),
                _ => self.rng.i64(0..60).to_string(),
            },
            "db" if self.rng.u32(..12) == 0 => return args.push(self.edge()),
            "db" => self.rng.i64(0..3).to_string(),
            "s" => self.one_of("100|5000|0|-1|86400|9223372036854775|9223372036854775807|x"),
            "ms" => self.one_of("100000|5000000|0|-5|5|9223372036854775807|9223372036854775000"),
            "at" => self.one_of("33177117420|33177117999|1|0|-7|9223372036854775807|y"),
            "msat" => self.one_of("33177117420000|33177117999123|1|0|-7|9223372036854775807"),
            "wait" => self.one_of("0.01|0.01|0.01|0.01|x|-1||nan"),
            "badcursor" => self.one_of("x|-1||1.5|18446744073709551616|0x1| 1"),
            "pattern" => self.one_of("*|?0|[a-f]*|s?|*1*|[^s]*|\\*|e0|k[||**a**"),
            "type" => self.one_of("string|list|set|ZSET|hash|stream|nosuch"),
            "by" => self.one_of("w_*|h0->*|h*->a|*|nokey_*"),
            "get" => self.one_of("#|w_*|s*|h0->*|h*->a|*"),
            "min" | "max" => self.one_of("-inf|+inf|0|1|(1|(2.5|3|-3|1e2|(inf|x|nan|("),
            "lexmin" | "lexmax" => self.one_of("-|+|[a|(a|[c|(f|[|(|x||[m1|[z"),
            _ => unreachable!("no token is called {name}"),
        };
        args.push(word.into_bytes());
    }

    /// An entry's id: mostly small, so that commands meet, now and then open or odd.
    fn id(&mut self) -> String {
        match self.rng.u32(..20) {
            0 => self.one_of("0-0|0|0-1|18446744073709551615-18446744073709551615|18446744073709551615|5-18446744073709551615"),
            1 => self.one_of("x|-|+||-1|1-|1-x|1-1-1|01-02|+5| 5-5|1--1|(5|18446744073709551616|5-18446744073709551616|1.5"),
            2 => format!("{}-*", self.rng.u32(..30)),
            3..=6 => self.rng.u32(..30).to_string(),
            _ => format!("{}-{}", self.rng.u32(..30), self.rng.u32(..3)),
        }
    }

    /// A key, mostly of one kind.
    fn key(&mut self, kind: char) -> Vec<u8> {
        let name = KEYS[self.rng.usize(..KEYS.len())];
        if kind == '?' || self.rng.u32(..12) == 0 {
            return name.as_bytes().to_vec();
        }
        let own: Vec<&str> = KEYS.iter().copied().filter(|name| name.starts_with(kind)).collect();
        self.pick(&own).as_bytes().to_vec()
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.u32(..24) {
            0 => Vec::new(),
            1 => vec![b'x'; 44 + self.rng.usize(..2)],
            2 => vec![b'y'; 64 + self.rng.usize(..2)],
            3 => (0..self.rng.usize(..12)).map(|_| self.rng.u8(..)).collect(),
            4 => self.edge(),
            5 => self.float(),
            6 => vec![self.rng.u8(b'a'..b'd'); 60 + self.rng.usize(..200)],
            7..=11 => self.rng.i64(-3..30).to_string().into_bytes(),
            12 => self.rng.i64(..).to_string().into_bytes(),
            13..=15 => format!("m{}", self.rng.u32(..40)).into_bytes(),
            _ => vec![self.rng.u8(b'a'..b'h')],
        }
    }

    fn float(&mut self) -> Vec<u8> {
        match self.rng.u32(..8) {
            0 => self.one_of(FLOATS).into_bytes(),
            1 | 2 => format!("{}.{}", self.rng.i32(-50..50), self.rng.u32(..1000)).into_bytes(),
            3 => format!("{}", self.rng.f64() * 100.0).into_bytes(),
            _ => self.rng.i32(-10..20).to_string().into_bytes(),
        }
    }

    fn edge(&mut self) -> Vec<u8> {
        self.one_of(EDGES).into_bytes()
    }

    /// Edges for counts that may size a reply.
    fn small_edge(&mut self) -> Vec<u8> {
        self.one_of("0|-1|-9223372036854775808|9223372036854775808|9223372036854775807|01||abc|1.5|40").into_bytes()
    }

    /// Now and then spoil a request: a word too many or too few, words in another order, other case.
    fn mutate(&mut self, args: &mut Vec<Vec<u8>>) {
        let lexical = upper(&args[0]) == b"ZADD" && args.get(1).is_some_and(|key| key.starts_with(b"y"));
        match self.rng.u32(..60) {
            0..=5 if lexical => {}
            0 if args.len() > 1 => {
                args.pop();
            }
            1 => {
                let extra = self.value();
                args.push(extra);
            }
            2 if args.len() > 3 => {
                let (from, to) = (self.rng.usize(1..args.len()), self.rng.usize(1..args.len()));
                args.swap(from, to);
            }
            3 if args.len() > 1 => {
                let at = self.rng.usize(1..args.len());
                args[at] = self.edge();
            }
            4 if args.len() > 2 => {
                let at = self.rng.usize(1..args.len());
                args.remove(at);
            }
            5 if args.len() > 2 => {
                let at = self.rng.usize(2..args.len());
                let again = args[at].clone();
                args.push(again);
            }
            6..=12 => args[0].make_ascii_lowercase(),
            13..=15 => args.iter_mut().skip(2).filter(|arg| arg.len() > 1).for_each(|arg| arg.make_ascii_lowercase()),
            _ => {}
        }
    }

    /// Replace lives that would end within the round; true when a very short one is left, which the caller
    /// lets pass. Within a transaction none is left, as its end is not the time it is queued.
    fn keep_from_expiring(&mut self, args: &mut [Vec<u8>], queued: bool) -> bool {
        let name = upper(&args[0]);
        let mut short = false;
        // Only keys that are looked at after the pause may go; those that an edge number names are not.
        let queued = queued || !args.get(1).is_some_and(|key| KEYS.iter().any(|known| known.as_bytes() == key));
        for at in 1..args.len() {
            let before = upper(&args[at - 1]);
            let seconds = before == b"EX" || at == 2 && (name == b"EXPIRE" || name == b"SETEX");
            let millis = before == b"PX" || at == 2 && (name == b"PEXPIRE" || name == b"PSETEX");
            let past = name == b"SET" && (before == b"EXAT" || before == b"PXAT");
            let Some(number) = std::str::from_utf8(&args[at]).ok().and_then(|text| text.parse::<i64>().ok()) else {
                continue;
            };
            if past && (1..1_000_000_000).contains(&number) {
                // Stays, invisible, until something comes across it.
                short = true;
                if queued {
                    args[at] = b"33177117420000".to_vec();
                }
            } else if millis && (1..=SHORT_MS).contains(&number) && !queued {
                short = true;
            } else if (millis && (1..100_000).contains(&number)) || (seconds && (1..100).contains(&number)) {
                args[at] = b"100000".to_vec();
            }
        }
        short && !queued
    }
}

/// Make sure that a request does not wait for ever, nor asks for a reply of gigabytes.
pub fn keep_small(args: &mut [Vec<u8>]) {
    let name = upper(&args[0]);
    let at = match name.as_slice() {
        b"SRANDMEMBER" | b"HRANDFIELD" | b"ZRANDMEMBER" => {
            let count = args.get(2).and_then(|arg| std::str::from_utf8(arg).ok()?.parse::<i64>().ok());
            if count.is_some_and(|count| count < -1000 && count > i64::MIN) {
                args[2] = b"-7".to_vec();
            }
            return;
        }
        b"CLIENT" if args.len() > 2 && upper(&args[1]) == b"PAUSE" => 2,
        b"BLMPOP" | b"BZMPOP" => 1,
        b"XREAD" | b"XREADGROUP" => match args.iter().position(|arg| arg.eq_ignore_ascii_case(b"BLOCK")) {
            Some(at) => {
                if args.get(at + 1).is_some_and(|timeout| timeout.as_slice() != b"-1" && timeout.as_slice() != b"x") {
                    args[at + 1] = b"10".to_vec();
                }
                return;
            }
            None => return,
        },
        b"BLPOP" | b"BRPOP" | b"BLMOVE" | b"BRPOPLPUSH" | b"BZPOPMIN" | b"BZPOPMAX" => args.len() - 1,
        _ => return,
    };
    let refused: [&[u8]; 4] = [b"x", b"-1", b"", b"nan"];
    if at < args.len() && at > 0 && !refused.contains(&args[at].as_slice()) {
        args[at] = if name == b"CLIENT" { b"x".to_vec() } else { b"0.01".to_vec() };
    }
}

/// Replace what two correct servers would do differently to the data, after which nothing could be compared.
fn keep_together(args: &mut Vec<Vec<u8>>, version: (u32, u32)) {
    let number = |arg: &Vec<u8>| std::str::from_utf8(arg).ok().and_then(|text| text.parse::<i64>().ok());
    let name = upper(&args[0]);
    if version < (7, 2) && (name == b"ZRANK" || name == b"ZREVRANK") {
        // An option, even a wrong one, was a wrong number of arguments, which a transaction notices earlier.
        args.truncate(3);
    }
    if version < (7, 2) && name == b"COMMAND" {
        // So was a command without arguments.
        args.resize_with(args.len().max(4), || b"s0".to_vec());
    }
    if version < (7, 2) && name == b"HELLO" {
        // What stood before a word it did not understand was done.
        args.truncate(4);
    }
    if version >= (8, 0) && name == b"SORT" && args.iter().any(|arg| arg.eq_ignore_ascii_case(b"STORE")) {
        // A number read by another command may have left an error behind that redis 8.0 takes for SORT's own.
        args.push(b"ALPHA".to_vec());
    }
    for at in 1..args.len() {
        let value = number(&args[at]);
        let before = upper(&args[at - 1]);
        let other = match name.as_slice() {
            // redis 8.0 cuts the index of a list that is a listpack to 32 bits.
            b"LSET" => at == 2 && value.is_some_and(|index| i32::try_from(index).is_err()),
            // Refused since 8.0.
            b"LREM" => at == 2 && value == Some(i64::MIN) && version < (8, 0),
            // Taken as nothing before 8.0, and as zero since.
            b"ZRANGESTORE" => before == b"LIMIT" && value.is_some_and(|offset| offset < 0) && version < (8, 0),
            // A zero byte ends the part of a name that is checked since 7.2.
            b"CLIENT" | b"HELLO" => args[at].contains(&0) && version < (7, 2),
            // Blanks before a number were skipped before 8.0, in some places.
            // And the least numbers refused, in some.
            // The time of the machine is nobody else's.
            b"XADD" if args[at] == b"*" => true,
            _ => (args[at].starts_with(b" ") || args[at] == b"5e-324") && version < (8, 0),
        };
        if other {
            args[at] = b"1".to_vec();
        }
    }
}

/// Requests whose reply is a matter of chance or of the table's order, which the runner follows up.
pub fn is_random(args: &[Vec<u8>]) -> bool {
    matches!(
        upper(&args[0]).as_slice(),
        b"SPOP" | b"SRANDMEMBER" | b"HRANDFIELD" | b"ZRANDMEMBER" | b"RANDOMKEY" | b"SCAN" | b"SSCAN" | b"HSCAN" | b"ZSCAN"
    )
}

pub fn upper(word: &[u8]) -> Vec<u8> {
    word.to_ascii_uppercase()
}

/// Split the first item off a sequence.
fn split_item(text: &str) -> (&str, &str) {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '[' | '(' | '<' => depth += 1,
            ']' | ')' | '>' => depth -= 1,
            ' ' if depth == 0 => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}

/// Split at the bars of the outermost level.
fn split_alternatives(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '[' | '(' | '<' => depth += 1,
            ']' | ')' | '>' => depth -= 1,
            '|' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
