//! What the fuzz targets do with their bytes, one function for each parser of foreign bytes.
//!
//! The bodies live here and not in `tests/fuzz`, so that every build compiles them and the unit tests below run them: a
//! target cannot rot. Besides "no panic" each body states what must hold of an accepted input, mostly that it survives
//! the way back. No input makes a body allocate more than a small multiple of its length.

use crate::config::{self, Config};
use crate::dispatch::table::CommandTable;
use crate::encoding::intset::Intset;
use crate::encoding::listpack::Listpack;
use crate::encoding::lzf;
use crate::keyspace::{Entry, Env, Ref};
use crate::persist::aof::manifest::Manifest;
use crate::persist::child::Report;
use crate::persist::rdb::format::{Family, kind};
use crate::persist::rdb::source::Bytes;
use crate::persist::rdb::{check, dump, streams};
use crate::resp::args::Span;
use crate::resp::parse::{self, Limits, Step};
use crate::script::fuzz;
use crate::server::{Server, boot};
use crate::sys::disk::DiskFile;
use crate::types::hyperloglog;
use crate::types::stream::StreamId;
use crate::util::glob::{self, Case};
use crate::util::{float, number, quote, units};
use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

/// The function behind a target.
pub type Body = fn(&[u8]);

/// Every target by name.
pub const TARGETS: &[(&str, Body)] = &[
    ("resp", resp),
    ("listpack", listpack),
    ("intset", intset),
    ("lzf", lzf_stream),
    ("glob", glob_pattern),
    ("config", config_text),
    ("quote", quoted_line),
    ("number", numbers),
    ("restore", restore),
    ("hyperloglog", hyperloglog_string),
    ("stream", stream),
    ("rdb", rdb_file),
    ("cjson", fuzz::cjson),
    ("cmsgpack", fuzz::cmsgpack),
    ("struct", fuzz::structs),
    ("conversion", fuzz::conversion),
    ("aof", log_file),
    ("manifest", manifest_text),
];

/// Runs the body of a target.
///
/// # Panics
/// When there is none of this name, or when the body finds something wrong.
pub fn run(name: &str, data: &[u8]) {
    match TARGETS.iter().find(|(target, _)| *target == name) {
        Some((_, body)) => body(data),
        None => panic!("no fuzz target is called {name}"),
    }
}

/// The environment of values that come from elsewhere, made once.
fn env() -> &'static Env {
    thread_local! {
        static ENV: &'static Env = Box::leak(Box::new(Env::new(Config::default())));
    }
    ENV.with(|env| *env)
}

/// A value that RESTORE takes survives DUMP and another RESTORE.
pub fn restore(data: &[u8]) {
    let [mode, body @ ..] = data else { return };
    let family = if mode & 1 == 0 { Family::Redis } else { Family::Valkey };
    let Ok(value) = dump::restore(body, family, mode & 2 == 0, env()) else { return };
    let entry = Entry::with_value(b"k", value, None);
    let message = dump::dump(entry.value(), mode & 4 == 0);
    let (family, body) = dump::open(&message, true).expect("our own message");
    match dump::restore(body, family, false, env()) {
        Ok(again) => {
            let again = Entry::with_value(b"k", again, None);
            assert_eq!(again.value().size(), entry.value().size());
            assert_eq!(again.kind(), entry.kind());
        }
        // Members that are there twice are let through where nobody asks, and noticed when they are told one by one.
        Err(error) => assert!(mode & 2 != 0, "{error}"),
    }
}

/// A stream that is taken survives the way back, and can be walked either way and emptied.
pub fn stream(data: &[u8]) {
    const KINDS: [u8; 5] = [
        kind::STREAM_LISTPACKS,
        kind::STREAM_LISTPACKS_2,
        kind::STREAM_LISTPACKS_3,
        kind::STREAM_LISTPACKS_4,
        kind::STREAM_LISTPACKS_5,
    ];
    let [first, body @ ..] = data else { return };
    let Ok(mut stream) = streams::read(&mut Bytes::new(body), KINDS[usize::from(*first) % KINDS.len()]) else { return };
    let message = dump::dump(Ref::Stream(&stream), first & 4 == 0);
    let (family, body) = dump::open(&message, true).expect("our own message");
    let again = dump::restore(body, family, true, env()).expect("our own dump");
    assert!(dump::dump(Entry::with_value(b"k", again, None).value(), first & 4 == 0) == message);
    let ids: Vec<StreamId> = stream.log.iter().map(|entry| entry.id).collect();
    let back: Vec<StreamId> = stream.log.range(StreamId::MIN, StreamId::MAX, true).map(|entry| entry.id).collect();
    assert!(ids.is_sorted() && ids.len() == stream.len() && ids.iter().rev().eq(&back));
    assert!(ids.iter().all(|&id| stream.log.delete(id)) && stream.log.node_count() == 0);
}

/// A file of bytes.
struct MemoryFile {
    bytes: Mutex<Vec<u8>>,
    at: AtomicUsize,
}

impl MemoryFile {
    fn new(bytes: &[u8]) -> Arc<MemoryFile> {
        Arc::new(MemoryFile { bytes: Mutex::new(bytes.to_vec()), at: AtomicUsize::new(0) })
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().expect("nobody panics while holding it")
    }
}

impl DiskFile for MemoryFile {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let (bytes, at) = (self.bytes(), self.at.load(Ordering::Relaxed));
        let n = buf.len().min(bytes.len() - at);
        buf[..n].copy_from_slice(&bytes[at..at + n]);
        self.at.store(at + n, Ordering::Relaxed);
        Ok(n)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn seek(&self, offset: u64) -> io::Result<()> {
        self.at.store((offset as usize).min(self.bytes().len()), Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }
}

/// A snapshot is read to its end or refused, and what is said of it is text.
pub fn rdb_file(data: &[u8]) {
    let verdict = check::check("fuzz", MemoryFile::new(data));
    assert!(verdict.bytes <= data.len() as u64 && verdict.report.ends_with('\n'));
}

/// Runs with two empty servers that a log can be loaded into.
fn with_servers(run: impl FnOnce(&mut Server, &mut Server)) {
    thread_local! {
        static SERVERS: RefCell<(Server, Server)> = RefCell::new((small_server(), small_server()));
    }
    SERVERS.with(|servers| {
        let (one, other) = &mut *servers.borrow_mut();
        run(one, other);
        for db in one.dbs.iter_mut().chain(&mut other.dbs) {
            drop(db.take_all());
        }
    });
}

fn small_server() -> Server {
    static TABLE: OnceLock<&'static CommandTable> = OnceLock::new();
    let table = TABLE.get_or_init(|| boot::command_table(&[]).expect("no renames, no conflict"));
    // Long strings may be made by short commands, within this limit.
    Server::new(Config { databases: 3, proto_max_bulk_len_bytes: 1 << 20, ..Config::default() }, table)
}

/// A log is loaded to its end or refused; what it made survives being written as a log and loaded again.
pub fn log_file(data: &[u8]) {
    with_servers(|server, again| log_survives(data, server, again));
}

fn log_survives(data: &[u8], server: &mut Server, again: &mut Server) {
    if server.load_log_stream(MemoryFile::new(data)).is_err() {
        return;
    }
    let log = MemoryFile::new(b"");
    server.write_commands(log.clone(), &mut Report::to_nobody()).expect("memory does not fail");
    assert!(again.load_log_stream(log).is_ok());
    for (db, other) in server.dbs.iter().zip(&again.dbs) {
        assert_eq!(db.len(), other.len());
        for entry in db.iter() {
            let found = other.iter().find(|found| found.key() == entry.key()).expect("the key is there again");
            assert_eq!((found.kind(), found.expiry_ms()), (entry.kind(), entry.expiry_ms()));
            assert_eq!(found.value().size(), entry.value().size());
        }
    }
}

/// A manifest that is taken means the same when it is written and read again.
pub fn manifest_text(data: &[u8]) {
    let Ok(manifest) = Manifest::parse(data) else { return };
    let again = Manifest { base_seq: manifest.base_seq, incr_seq: manifest.incr_seq, ..manifest.clone() };
    assert!(manifest.files().all(|file| !file.name.contains(&b'/') && file.seq > 0));
    let text = manifest.format();
    if !text.is_empty() {
        assert_eq!(Manifest::parse(&text), Ok(again));
    }
}

/// What a client's bytes came to: requests as words, then what ended them.
type Outcome = (Vec<Vec<Vec<u8>>>, Option<String>);

/// Requests mean the same whether their bytes come together or in two pieces.
pub fn resp(data: &[u8]) {
    let [mode, cut, stream @ ..] = data else { return };
    let limits = Limits { bulk_max: 512 << 20, authenticated: mode & 1 == 0 };
    let cut = usize::from(*cut).min(stream.len());
    let whole = read_requests(stream, &[stream.len()], &limits);
    let pieces = read_requests(stream, &[cut, stream.len()], &limits);
    assert_eq!(whole, pieces, "cut at {cut}");
}

/// Parses a stream of which first the bytes up to `ends[0]` are there, then those up to `ends[1]`, and so on.
fn read_requests(stream: &[u8], ends: &[usize], limits: &Limits) -> Outcome {
    let (mut requests, mut start, mut partial) = (Vec::new(), 0, None);
    for &end in ends {
        let there = &stream[..end];
        while start < end {
            let mut spans: Vec<Span> = Vec::new();
            match parse::parse(there, start, partial.take(), &mut spans, limits) {
                Ok(Step::Request { end }) => {
                    assert!(end > start && end <= there.len());
                    let args = crate::resp::args::Args::new(there, &spans);
                    requests.push(args.iter().map(<[u8]>::to_vec).collect());
                    start = end;
                }
                Ok(Step::Inline { args, end }) => {
                    assert!(end > start && end <= there.len());
                    requests.push(args.view().iter().map(<[u8]>::to_vec).collect());
                    start = end;
                }
                Ok(Step::Empty { end }) => {
                    assert!(end > start && end <= there.len());
                    start = end;
                }
                Ok(Step::Incomplete(rest)) => {
                    partial = rest;
                    break;
                }
                Err(error) => return (requests, Some(error.0)),
            }
        }
    }
    (requests, None)
}

/// An accepted listpack reads the same from both ends, and can be built again from what it holds.
pub fn listpack(data: &[u8]) {
    let Ok(pack) = Listpack::from_bytes_validated(data) else { return };
    assert_eq!(pack.as_bytes(), data);
    let words: Vec<Vec<u8>> = pack.iter().map(|element| element.to_vec()).collect();
    let (mut back, mut at) = (Vec::new(), pack.last());
    while let Some(pos) = at {
        back.extend(pack.get(pos).map(|element| element.to_vec()));
        at = pack.prev(pos);
    }
    back.reverse();
    assert_eq!(words, back);
    assert_eq!(words.len(), pack.len());
    let mut again = Listpack::new();
    for word in &words {
        if again.push_back(word.as_slice()).is_err() {
            return;
        }
    }
    assert!(again.iter().map(|element| element.to_vec()).eq(words));
}

/// A string that says it is a HyperLogLog is counted, merged and added to, or found corrupt; what is raised stays a
/// HyperLogLog whose registers are no lower.
pub fn hyperloglog_string(data: &[u8]) {
    let [index, value, registers @ ..] = data else { return };
    let mut bytes = hyperloglog::empty();
    bytes.truncate(hyperloglog::HEADER_BYTES);
    bytes.extend_from_slice(registers);
    let (mut before, mut after) = ([0; hyperloglog::REGISTERS], [0; hyperloglog::REGISTERS]);
    let whole = hyperloglog::merge(&bytes, hyperloglog::Form::Sparse, &mut before).is_ok();
    assert_eq!(hyperloglog::count(&bytes, hyperloglog::Form::Sparse).is_ok(), whole);
    // If its last run is cut short, a zero behind it changes nothing; else it is one register too many. What becomes of such a
    // string is upstream's affair.
    let cut_short = hyperloglog::merge(&[&bytes[..], &[0]].concat(), hyperloglog::Form::Sparse, &mut after).is_ok();
    after.fill(0);
    let (index, value) = (usize::from(*index) * 64, value % 51 + 1);
    let raised = hyperloglog::raise(&mut bytes, index, value, 300);
    if whole && !cut_short {
        let form = hyperloglog::form(&bytes).expect("it was one");
        assert!(hyperloglog::merge(&bytes, form, &mut after).is_ok());
        assert_eq!(raised, Ok(before[index] < value));
        assert_eq!(after[index], before[index].max(value));
        assert!(before.iter().zip(&after).enumerate().all(|(at, (old, new))| at == index || old == new));
    }
}

/// An accepted intset is in order and finds each of its numbers.
pub fn intset(data: &[u8]) {
    let Ok(set) = Intset::from_bytes_validated(data) else { return };
    assert_eq!(set.as_bytes(), data);
    assert!(set.iter().is_sorted());
    assert!(set.iter().all(|value| set.contains(value)));
}

/// Decompression gives the promised length or an error; what was compressed comes back.
pub fn lzf_stream(data: &[u8]) {
    let [low, high, stream @ ..] = data else { return };
    let len = usize::from(u16::from_le_bytes([*low, *high]));
    if let Ok(text) = lzf::decompress(stream, len) {
        assert_eq!(text.len(), len);
    }
    let mut packed = Vec::new();
    if let Some(count) = lzf::compress(stream, stream.len(), &mut packed) {
        assert_eq!(lzf::decompress(&packed[..count], stream.len()).ok().as_deref(), Some(stream));
    }
}

/// Any pattern ends on any text; a text with every byte escaped matches itself.
pub fn glob_pattern(data: &[u8]) {
    let [split, rest @ ..] = data else { return };
    let (pattern, text) = rest.split_at(usize::from(*split).min(rest.len()));
    let sensitive = glob::matches(pattern, text, Case::Sensitive);
    let insensitive = glob::matches(pattern, text, Case::Insensitive);
    assert!(insensitive || !sensitive || pattern.contains(&b'['));
    let escaped: Vec<u8> = text.iter().flat_map(|byte| [b'\\', *byte]).collect();
    assert!(glob::matches(&escaped, text, Case::Sensitive));
}

/// A process that has no files and no commands.
struct Nothing;

impl config::Host for Nothing {
    fn read(&mut self, _path: &[u8]) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn expand(&mut self, _pattern: &[u8]) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn change_dir(&mut self, path: &[u8]) -> std::io::Result<Vec<u8>> {
        Ok(path.to_vec())
    }

    fn rename_command(&mut self, _old: &[u8], _new: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn user(&mut self, _words: &[&[u8]]) -> Result<(), String> {
        Ok(())
    }
}

/// Configuration that is accepted is accepted again after CONFIG REWRITE wrote it.
pub fn config_text(data: &[u8]) {
    let mut read = Config::default();
    if let Err(error) = config::load(&mut read, data, &mut Nothing) {
        let _ = error.report("0.0.0");
        return;
    }
    let text = config::rewrite(data, &read, false);
    let mut again = Config::default();
    if let Err(error) = config::load(&mut again, &text, &mut Nothing) {
        panic!("{}\nof {}", error.report("0.0.0").escape_ascii(), text.escape_ascii());
    }
}

/// Words that are quoted and put on a line are the words that the line is split into.
pub fn quoted_line(data: &[u8]) {
    let Ok(words) = quote::split_args(data) else { return };
    let line: Vec<Vec<u8>> = words.iter().map(|word| quote::repr(word)).collect();
    assert_eq!(quote::split_args(&line.join(&b' ')).ok(), Some(words));
}

/// Numbers that are read and written are the numbers they were.
pub fn numbers(data: &[u8]) {
    let mut text = Vec::new();
    if let Some(value) = number::parse_i64(data) {
        number::write_i64(&mut text, value);
        assert_eq!(text, data, "only the canonical form is a number");
    }
    text.clear();
    if let Some(value) = number::parse_u64(data) {
        number::write_u64(&mut text, value);
        assert_eq!(number::parse_u64(&text), Some(value));
    }
    text.clear();
    if let Some(value) = float::parse_f64(data) {
        assert!(!value.is_nan());
        float::write_f64(&mut text, value);
        assert_eq!(float::parse_f64(&text), Some(value));
    }
    assert!(!float::parse_bound(data).is_some_and(f64::is_nan));
    let _ = (units::parse_memory(data), units::parse_percent(data));
}

#[cfg(test)]
mod tests {
    use super::TARGETS;

    /// Inputs that reach into each parser; each is cut, spoiled and doubled below.
    const SEEDS: &[&[u8]] = &[
        b"\0\x05*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n*0\r\nset \"a b\" 'c'\r\n",
        b"\x01\x02*11\r\n$16385\r\n",
        b"\x0b\0\0\0\x02\0\x01\x01\x81a\x02\xff",
        b"\x02\0\0\0\x02\0\0\0\x01\0\x02\0",
        b"\x0a\0\x04hello\x20\x04abc",
        b"\x05a*[^b-d]?\\*axxexx",
        b"port 1\nmaxmemory 10mb\n# x\nsave \"\"\nclient-output-buffer-limit normal 1mb 0 0\nrequirepass \"a\\x41\"\n",
        b"a \"b\\x00\\n\" 'it\\'s' c",
        b"-9223372036854775808",
        b"1.7976931348623157e308",
        b"0x1p3",
        b"12gb",
        b"#TS:1\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n*1\r\n$5\r\nMULTI\r\n*3\r\n$5\r\nRPUSH\r\n$1\r\nl\r\n$1\r\n7\r\n*1\r\n$4\r\nEXEC\r\n",
        b"file a.1.base.rdb seq 1 type b\nfile \"b c\" seq 2 type i startoffset 7 endoffset 9\n",
        // Values as RESTORE takes them: a set, a hash, sorted sets of both kinds, lists of old and new nodes, a zipmap.
        b"\0\x02\x03\x01a\xc0\x05\xc3\x04\x0a\x01aa\x80",
        b"\0\x04\x02\x01a\x01b\x01c\xc1\x39\x30",
        b"\0\x05\x01\x01m\0\0\0\0\0\0\xf8\x3f",
        b"\0\x03\x01\x01m\x031.5",
        b"\0\x0e\x01\x13\x13\0\0\0\x0e\0\0\0\x02\0\0\x02a1\x04\x02b1\xff",
        b"\0\x12\x02\x02\x0b\x0b\0\0\0\x01\0\x81a\x02\xff\x01\x03xyz",
        b"\0\x09\x0a\x01\x03foo\x03\0bar\xff",
        b"\0\x0b\x0c\x02\0\0\0\x02\0\0\0\x01\0\x02\0",
        b"\0\x10\x0d\x0d\0\0\0\x02\0\x81a\x02\x81b\x02\xff",
        b"\0\x11\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff",
        // A stream with two groups, as a genuine server dumps it.
        b"\x02\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\xc3@T@b\x12b\x00\x00\x00%\
          \x00\x04\x01\x01\x01\x02\x01\x81a\x02\x81b\x02\x00 \x09\x00\x00 \x01\x07\x01\x01\x81x\x02\x05\x01\
          \x03 \x08@\x12`\x0c\x00\x02 \x01\x00\x00 \x12\xa0\x0c\x00\x03 \x0c\x00\x04\x80\x0c@\x08\x15\xdf\xff\
          \x02\x01\x01\x85other\x06\x85field\x06\x06\x01\xff\x04\x05\x00\x01\x01\x02\x01\x05\x02\x01g\x03\x01\
          \x81\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\
          \x01\x12t\xa8\x0a\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\
          \x01\x12t\xa8\x0a\xa2\x01\x00\x00\x01\x02\x03ann\x12t\xa8\x0a\xa2\x01\x00\x00\x12t\xa8\x0a\xa2\x01\
          \x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\
          \x00\x03\x00\x00\x00\x00\x00\x00\x00\x01\x04idle&t\xa8\x0a\xa2\x01\x00\x00\xff\xff\xff\xff\xff\xff\
          \xff\xff\x00\x01h\x05\x00\x03\x00\x00",
        // A HyperLogLog whose last run lacks a byte.
        b"\xc3\xdc\x1e\x1e\x1e\xd4\x1e\x1e\x1e\x1e\x1e\xe4\xe1\xe1\xe1\x1e\x1e\x1e\x1e\x32\x1e\x04*\0~",
        // A snapshot.
        b"REDIS0009\xfa\x01a\x01b\xfe\0\xfb\x01\0\xfc\xff\xff\xff\xff\0\0\0\0\0\x01k\x01v\xff\0\0\0\0\0\0\0\0",
    ];

    #[test]
    fn bodies_hold_on_seeds_and_on_what_resembles_them() {
        let mut rng = fastrand::Rng::with_seed(7);
        for (_, body) in TARGETS {
            for seed in SEEDS {
                body(seed);
                for _ in 0..300 {
                    let mut data = seed.to_vec();
                    for _ in 0..rng.usize(..4) {
                        let at = rng.usize(..data.len());
                        data[at] = rng.u8(..);
                    }
                    data.truncate(rng.usize(..=data.len()));
                    if rng.u8(..4) == 0 {
                        data.extend_from_slice(seed);
                    }
                    body(&data);
                }
            }
        }
    }

    #[test]
    fn bodies_hold_on_noise() {
        let mut rng = fastrand::Rng::with_seed(8);
        for (_, body) in TARGETS {
            for _ in 0..2000 {
                let data: Vec<u8> = (0..rng.usize(..64)).map(|_| rng.u8(..)).collect();
                body(&data);
            }
        }
    }
}
