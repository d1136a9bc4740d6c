//! `redis-check-aof`: looks through a log's files without running them, and shortens a damaged one to what is whole.
//!
//! It takes a manifest, or a single file of an older server; which of them it is, the first line tells. The output is upstream's,
//! line for line, for people and scripts that read it.
//!
//! What always holds: nothing is changed without `--fix` or `--truncate-to-timestamp`; only the last file is ever shortened;
//! nothing is allocated by a claimed length.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::manifest::{self, Manifest};
use crate::config::file::reason;
use crate::persist::rdb;
use crate::sys::disk::{self, Disk, Open, RealDisk, Stream};

/// Bytes of a length line that are looked at, its ending included.
const LINE_MAX: usize = 127;
/// The largest manifest.
const MANIFEST_BYTES_MAX: usize = 16 << 20;

/// What came of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Valid,
    Empty,
    /// It has been shortened.
    Truncated,
}

/// The tool ends with this status; what there was to say has been said.
struct Exit(i32);

/// What was asked for.
#[derive(Clone, Copy, Default)]
struct Wishes {
    fix: bool,
    /// Drop what happened after this unix time; 0: nothing.
    upto_s: i64,
}

/// The tool, with the process's own files and streams; answers the status to exit with.
pub fn main(program: &str, args: &[Vec<u8>]) -> i32 {
    run(&RealDisk, program, args, &mut io::stdin().lock(), &mut io::stdout().lock())
}

/// Runs the tool; returns the exit status. `program` is what it was called as.
pub fn run(disk: &dyn Disk, program: &str, args: &[Vec<u8>], answers: &mut dyn BufRead, out: &mut dyn Write) -> i32 {
    let mut tool = Tool { disk, answers, out, wishes: Wishes::default(), line: 1 };
    match tool.main(program, args) {
        Ok(()) => 0,
        Err(Exit(status)) => status,
    }
}

struct Tool<'a> {
    disk: &'a dyn Disk,
    answers: &'a mut dyn BufRead,
    out: &'a mut dyn Write,
    wishes: Wishes,
    /// Lines understood so far, counted through all files.
    line: u64,
}

/// A damage: what is said of it, if there is something to say, and where it is.
struct Damage(Option<(u64, String)>);

/// A file's bytes, with the position in it.
struct Input {
    reader: BufReader<Stream>,
    offset: u64,
    /// Where the piece begins that was read last.
    piece: u64,
    /// The last length line; what is behind it is left from longer ones.
    text: [u8; LINE_MAX + 1],
}

impl Input {
    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    /// Reads a line into `text`, as far as there is room; `false` at the end of the file.
    fn read_text(&mut self) -> io::Result<bool> {
        let mut len = 0;
        while len < LINE_MAX
            && let Some(byte) = self.peek()?
        {
            self.reader.consume(1);
            self.offset += 1;
            self.text[len] = byte;
            len += 1;
            if byte == b'\n' {
                break;
            }
        }
        self.text[len] = 0;
        Ok(len > 0)
    }

    /// Reads `prefix`, a number, and the line's end. `Err(Damage(None))`: the file ends here.
    fn number(&mut self, prefix: u8, line: &mut u64) -> io::Result<Result<i64, Damage>> {
        self.piece = self.offset;
        if !self.read_text()? {
            return Ok(Err(Damage(None)));
        }
        if self.text[0] != prefix {
            let (wanted, got) = (char::from(prefix), char::from(self.text[0]));
            return Ok(Err(self.damage(format!("Expected prefix '{wanted}', got: '{got}'"))));
        }
        let (number, len) = leading_number(&self.text[1..]);
        let ending = [self.text[(1 + len).min(LINE_MAX)], self.text[(2 + len).min(LINE_MAX)]];
        if ending != *b"\r\n" {
            return Ok(Err(self.no_line_end(ending)));
        }
        *line += 1;
        Ok(Ok(number))
    }

    /// Reads a word with its length; its first bytes are returned.
    fn word(&mut self, line: &mut u64) -> io::Result<Result<Vec<u8>, Damage>> {
        const KEPT: u64 = 16;
        let len = match self.number(b'$', line)? {
            Ok(len) => len,
            Err(damage) => return Ok(Err(damage)),
        };
        let Some(wanted) = u64::try_from(len).ok().and_then(|len| len.checked_add(2)).filter(|n| *n <= i64::MAX as u64) else {
            let text = format!("Expected to read string of {len} bytes, which is not in the suitable range");
            return Ok(Err(self.damage(text)));
        };
        self.piece = self.offset;
        let (mut got, mut kept, mut last) = (0, Vec::new(), [0; 2]);
        while got < wanted {
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                let text = format!("Expected to read {wanted} bytes, got {got} bytes");
                return Ok(Err(self.damage(text)));
            }
            let n = usize::try_from(wanted - got).map_or(available.len(), |left| left.min(available.len()));
            for &byte in &available[..n] {
                if got < KEPT && got + 2 < wanted {
                    kept.push(byte);
                }
                last = [last[1], byte];
                got += 1;
            }
            self.reader.consume(n);
            self.offset += n as u64;
        }
        if last != *b"\r\n" {
            return Ok(Err(self.no_line_end(last)));
        }
        *line += 1;
        Ok(Ok(kept))
    }

    fn damage(&self, text: String) -> Damage {
        Damage(Some((self.piece, text)))
    }

    fn no_line_end(&self, got: [u8; 2]) -> Damage {
        self.damage(format!("Expected \\r\\n, got: {:02x}{:02x}", got[0], got[1]))
    }

    /// Reads an annotation; the time it tells, if it does.
    fn annotation(&mut self) -> io::Result<Option<i64>> {
        let mut start = Vec::new();
        while let Some(byte) = self.peek()? {
            self.reader.consume(1);
            self.offset += 1;
            if byte == b'\n' {
                break;
            }
            if start.len() < LINE_MAX {
                start.push(byte);
            }
        }
        Ok(start.strip_prefix(b"#TS:").map(|text| leading_number(text).0))
    }
}

/// The number that the text begins with, as C's `strtol` has it, and how many bytes that takes; 0 without one.
fn leading_number(text: &[u8]) -> (i64, usize) {
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let (negative, sign) = match text.get(blanks) {
        Some(b'-') => (true, 1),
        Some(b'+') => (false, 1),
        _ => (false, 0),
    };
    let begin = blanks + sign;
    let digits = text[begin.min(text.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return (0, 0);
    }
    let mut number: i64 = 0;
    for byte in &text[begin..begin + digits] {
        let digit = i64::from(byte - b'0');
        number = number.saturating_mul(10);
        number = if negative { number.saturating_sub(digit) } else { number.saturating_add(digit) };
    }
    (number, begin + digits)
}

/// A file to look through.
struct Subject {
    path: PathBuf,
    /// How it is named where upstream gives the bare name.
    name: String,
    is_last: bool,
    with_snapshot: bool,
}

impl Subject {
    fn path(&self) -> String {
        self.path.display().to_string()
    }
}

impl Tool<'_> {
    fn say(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.out, "{}", text.as_ref());
    }

    fn fail(&mut self, text: impl AsRef<str>) -> Exit {
        self.say(text);
        Exit(1)
    }

    fn main(&mut self, program: &str, args: &[Vec<u8>]) -> Result<(), Exit> {
        let file = match args {
            [file] => file,
            [option, file] if option == b"--fix" => {
                self.wishes.fix = true;
                file
            }
            [option, time, file] if option == b"--truncate-to-timestamp" => {
                match leading_number(time) {
                    (upto_s, len) if len == time.len() && len > 0 => self.wishes.upto_s = upto_s,
                    _ => return Err(self.fail("Invalid timestamp, aborting...")),
                }
                file
            }
            _ => {
                let usage = "[--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>";
                return Err(self.fail(format!("Usage: {program} {usage}")));
            }
        };
        let path = crate::config::host::path(file).to_path_buf();
        if self.is_manifest(&path)? {
            self.say("Start checking Multi Part AOF");
            self.manifest(&path)
        } else {
            self.say("Start checking Old-Style AOF");
            let with_snapshot = self.begins_with_snapshot(&path)?;
            let subject = Subject { name: path.display().to_string(), path, is_last: true, with_snapshot };
            let verdict = self.file(&subject)?;
            self.tell(verdict, "AOF", &subject.name);
            Ok(())
        }
    }

    fn tell(&mut self, verdict: Verdict, kind: &str, name: &str) {
        match verdict {
            Verdict::Valid => self.say(format!("{kind} {name} is valid")),
            Verdict::Empty => self.say(format!("{kind} {name} is empty")),
            Verdict::Truncated if self.wishes.upto_s != 0 => {
                let upto_s = self.wishes.upto_s;
                self.say(format!("Successfully truncated AOF {name} to timestamp {upto_s}"));
            }
            Verdict::Truncated => self.say(format!("Successfully truncated AOF {name}")),
        }
    }

    fn open(&mut self, path: &Path, ending: &str) -> Result<Input, Exit> {
        match self.disk.open(path, Open::Read) {
            Ok(file) => Ok(Input { reader: BufReader::new(Stream(file)), offset: 0, piece: 0, text: [0; LINE_MAX + 1] }),
            Err(error) => {
                let text = format!("Cannot open file {}: {}{ending}", path.display(), reason(&error));
                Err(self.fail(text))
            }
        }
    }

    /// The file can't be read.
    fn unreadable(&mut self, path: &Path) -> Exit {
        self.fail(format!("Cannot read file: {}", path.display()))
    }

    /// Whether the file's first line that is no comment is one of a manifest.
    fn is_manifest(&mut self, path: &Path) -> Result<bool, Exit> {
        let mut input = self.open(path, "")?;
        loop {
            match input.peek() {
                Ok(None) => return Ok(false),
                Ok(Some(b'#')) => match input.annotation() {
                    Ok(_) => {}
                    Err(_) => return Err(self.unreadable(path)),
                },
                Ok(Some(_)) => {
                    let mut start = [0; 4];
                    return Ok(input.reader.read_exact(&mut start).is_ok() && start == *b"file");
                }
                Err(_) => return Err(self.unreadable(path)),
            }
        }
    }

    fn begins_with_snapshot(&mut self, path: &Path) -> Result<bool, Exit> {
        let mut input = self.open(path, "")?;
        let mut start = [0; 5];
        Ok(input.reader.read_exact(&mut start).is_ok() && start == *b"REDIS")
    }

    fn manifest(&mut self, place: &Path) -> Result<(), Exit> {
        let read = self.disk.open(place, Open::Read).and_then(|file| disk::read_all(&*file, MANIFEST_BYTES_MAX));
        let Ok(text) = read else { return Err(self.unreadable(place)) };
        let manifest = match Manifest::parse(&text) {
            Ok(manifest) => manifest,
            Err(refusal) => {
                let report = refusal.report();
                return Err(self.fail(report));
            }
        };
        let folder = disk::folder(place).to_path_buf();
        let count = manifest.files().count();
        for (index, file) in manifest.files().enumerate() {
            let path = manifest::join(&folder, &file.name);
            let is_base = index == 0 && manifest.base.is_some();
            let with_snapshot = is_base && self.begins_with_snapshot(&path)?;
            if is_base {
                let format = if with_snapshot { "RDB" } else { "RESP" };
                self.say(format!("Start to check BASE AOF ({format} format)."));
            } else if index == usize::from(manifest.base.is_some()) {
                self.say("Start to check INCR files.");
            }
            let name = String::from_utf8_lossy(&file.name).into_owned();
            let subject = Subject { path, name, is_last: index + 1 == count, with_snapshot };
            let verdict = self.file(&subject)?;
            self.tell(verdict, if is_base { "BASE AOF" } else { "INCR AOF" }, &subject.name);
        }
        self.say("All AOF files and manifest are valid");
        Ok(())
    }

    /// Looks through one file, and shortens it if that was asked for.
    fn file(&mut self, subject: &Subject) -> Result<Verdict, Exit> {
        let mut input = self.open(&subject.path, ", aborting...")?;
        let len = match self.disk.stat(&subject.path) {
            Ok(stat) => stat.len,
            Err(_) => return Err(self.unreadable(&subject.path)),
        };
        if len == 0 {
            return Ok(Verdict::Empty);
        }
        if subject.with_snapshot {
            let verdict = match self.disk.open(&subject.path, Open::Read) {
                Ok(file) => rdb::check::check(&subject.path(), file),
                Err(_) => return Err(self.unreadable(&subject.path)),
            };
            let _ = self.out.write_all(verdict.report.as_bytes());
            if !verdict.good {
                return Err(self.fail("RDB preamble of AOF file is not sane, aborting."));
            }
            self.say("RDB preamble is OK, proceeding with AOF tail...");
            input = self.open(&subject.path, "")?;
            if input.reader.get_ref().0.seek(verdict.bytes).is_err() {
                return Err(self.unreadable(&subject.path));
            }
            input.offset = verdict.bytes;
        }
        let (good_to, damage, cut) = match self.commands(&mut input, subject) {
            Ok(outcome) => outcome,
            Err(_) => return Err(self.unreadable(&subject.path)),
        };
        if let Some(at) = cut {
            return self.cut_to_time(subject, at);
        }
        if let Some(Damage(Some((at, text)))) = &damage {
            self.say(format!("0x{at:>16x}: {text}"));
        }
        let diff = len - good_to.min(len);
        if diff == 0 && self.wishes.upto_s != 0 {
            self.say(format!("Truncate nothing in AOF {} to timestamp {}", subject.name, self.wishes.upto_s));
            return Ok(Verdict::Valid);
        }
        let name = &subject.name;
        let analyzed =
            format!("AOF analyzed: filename={name}, size={len}, ok_up_to={good_to}, ok_up_to_line={}, diff={diff}", self.line);
        self.say(analyzed);
        if diff == 0 {
            return Ok(Verdict::Valid);
        }
        if !self.wishes.fix {
            return Err(self.fail(format!("AOF {name} is not valid. Use the --fix option to try fixing it.")));
        }
        if !subject.is_last {
            return Err(self.fail(format!("Failed to truncate AOF {name} because it is not the last file")));
        }
        self.say(format!("This will shrink the AOF {name} from {len} bytes, with {diff} bytes, to {good_to} bytes"));
        let _ = write!(self.out, "Continue? [y/N]: ");
        let _ = self.out.flush();
        let mut answer = String::new();
        if self.answers.read_line(&mut answer).is_err() || !answer.starts_with(['y', 'Y']) {
            return Err(self.fail("Aborting..."));
        }
        self.shorten(subject, good_to, format!("Failed to truncate AOF {name}"))?;
        Ok(Verdict::Truncated)
    }

    /// Walks over the commands: how far they are whole, what is wrong then, and where a later time than wanted begins.
    fn commands(&mut self, input: &mut Input, subject: &Subject) -> io::Result<(u64, Option<Damage>, Option<u64>)> {
        let mut in_transaction = false;
        let mut good_to = input.offset;
        while let Some(byte) = input.peek()? {
            if !in_transaction {
                good_to = input.offset;
            }
            match byte {
                b'#' => {
                    let begin = input.offset;
                    let time_s = input.annotation()?;
                    if self.wishes.upto_s != 0 && time_s.is_some_and(|time_s| time_s > self.wishes.upto_s) {
                        return Ok((good_to, None, Some(begin)));
                    }
                }
                b'*' => {
                    if let Err(damage) = self.command(input, &mut in_transaction, subject)? {
                        let at_end = input.peek()?.is_none();
                        let damage = match damage {
                            Damage(None) if in_transaction && at_end => unfinished(input),
                            damage => damage,
                        };
                        return Ok((good_to, Some(damage), None));
                    }
                }
                _ => {
                    self.say(format!("AOF {} format error", subject.name));
                    return Ok((good_to, Some(Damage(None)), None));
                }
            }
        }
        if in_transaction {
            let damage = unfinished(input);
            return Ok((good_to, Some(damage), None));
        }
        Ok((input.offset, None, None))
    }

    fn command(&mut self, input: &mut Input, in_transaction: &mut bool, subject: &Subject) -> io::Result<Result<(), Damage>> {
        let words = match input.number(b'*', &mut self.line)? {
            Ok(words) => words,
            Err(damage) => return Ok(Err(damage)),
        };
        for index in 0..words {
            let word = match input.word(&mut self.line)? {
                Ok(word) => word,
                Err(damage) => return Ok(Err(damage)),
            };
            if index > 0 {
                continue;
            }
            if word.eq_ignore_ascii_case(b"multi") {
                if *in_transaction {
                    return Ok(Err(input.damage(format!("Unexpected MULTI in AOF {}", subject.path()))));
                }
                *in_transaction = true;
            } else if word.eq_ignore_ascii_case(b"exec") {
                if !*in_transaction {
                    return Ok(Err(input.damage(format!("Unexpected EXEC in AOF {}", subject.path()))));
                }
                *in_transaction = false;
            }
        }
        Ok(Ok(()))
    }

    /// Drops what happened later than was asked for.
    fn cut_to_time(&mut self, subject: &Subject, at: u64) -> Result<Verdict, Exit> {
        let (path, upto_s) = (subject.path(), self.wishes.upto_s);
        if at == 0 {
            return Err(self.fail(format!("AOF {path} has nothing before timestamp {upto_s}, aborting...")));
        }
        if !subject.is_last {
            self.say(format!(
                "Failed to truncate AOF {path} to timestamp {upto_s} to offset {at} because it is not the last file."
            ));
            return Err(self.fail(
                "If you insist, please delete all files after this file according to the manifest file and delete the \
                 corresponding records in manifest file manually. Then re-run redis-check-aof.",
            ));
        }
        self.shorten(subject, at, format!("Failed to truncate AOF {} to timestamp {upto_s}", subject.name))?;
        Ok(Verdict::Truncated)
    }

    fn shorten(&mut self, subject: &Subject, len: u64, failure: String) -> Result<(), Exit> {
        let shortened = self.disk.open(&subject.path, Open::Update).and_then(|file| {
            file.truncate(len)?;
            file.sync_data()
        });
        shortened.map_err(|_| self.fail(failure))
    }
}

/// The file ends inside a transaction.
fn unfinished(input: &Input) -> Damage {
    input.damage("Reached EOF before reading EXEC for MULTI".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::disk::sim::SimDisk;

    const SET: &str = "*3\r\n$3\r\nset\r\n$3\r\nfoo\r\n$5\r\nhello\r\n";
    const MULTI: &str = "*1\r\n$5\r\nmulti\r\n";
    const EXEC: &str = "*1\r\n$4\r\nexec\r\n";

    fn check(disk: &SimDisk, line: &str, answer: &str) -> (i32, String) {
        let mut out = Vec::new();
        let args: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let status = run(disk, "tool", &args, &mut answer.as_bytes(), &mut out);
        (status, String::from_utf8(out).unwrap())
    }

    /// What is said of a single file, without the first line.
    fn single(content: &str) -> String {
        let disk = SimDisk::new();
        disk.put("/data/x", content.as_bytes());
        let (status, text) = check(&disk, "/data/x", "");
        assert_eq!(status, i32::from(text.contains("not valid")), "{text}");
        text.strip_prefix("Start checking Old-Style AOF\n").unwrap().to_owned()
    }

    fn damaged(size: u64, good_to: u64, line: u64) -> String {
        let diff = size - good_to;
        format!(
            "AOF analyzed: filename=/data/x, size={size}, ok_up_to={good_to}, ok_up_to_line={line}, diff={diff}\nAOF /data/x is not \
             valid. Use the --fix option to try fixing it.\n"
        )
    }

    #[test]
    fn what_is_said_of_damage() {
        assert_eq!(
            single(SET),
            "AOF analyzed: filename=/data/x, size=33, ok_up_to=33, ok_up_to_line=8, diff=0\nAOF /data/x is valid\n"
        );
        assert_eq!(single(""), "AOF /data/x is empty\n");
        let at = |offset: &str, text: &str, rest: String| format!("0x{offset:>16}: {text}\n{rest}");
        for (content, said) in [
            (format!("{SET}!!!{SET}"), format!("AOF /data/x format error\n{}", damaged(69, 33, 8))),
            (format!("{SET}{MULTI}{SET}"), at("4a", "Reached EOF before reading EXEC for MULTI", damaged(81, 33, 18))),
            (format!("{SET}{}", &SET[..20]), at("32", "Expected to read 5 bytes, got 3 bytes", damaged(53, 33, 12))),
            (format!("{SET}{EXEC}{SET}"), at("29", "Unexpected EXEC in AOF /data/x", damaged(80, 33, 11))),
            (format!("{MULTI}{SET}{MULTI}{SET}"), at("38", "Unexpected MULTI in AOF /data/x", damaged(96, 0, 14))),
            (format!("{SET}*2\r\n$a\r\nfoo"), at("25", "Expected \\r\\n, got: 610d", damaged(44, 33, 9))),
            (
                format!("{SET}*3\r\n$3\r\nset\r\n$3\r\nfooXX$1\r\n1\r\n"),
                at("32", "Expected \\r\\n, got: 5858", damaged(62, 33, 12)),
            ),
            (format!("{SET}*3\r\n$3\r\nset\r\n"), damaged(46, 33, 11)),
            (format!("{SET}*3\r\n$3"), at("25", "Expected \\r\\n, got: 000a", damaged(39, 33, 9))),
            (format!("{SET}*3\r\n+3\r\nset\r\n"), at("25", "Expected prefix '$', got: '+'", damaged(46, 33, 9))),
            (format!("{SET}*99999999999999999999\r\n$3\r\nset\r\n"), damaged(65, 33, 11)),
            (
                format!("{SET}*2\r\n$-4\r\nset\r\n"),
                at("25", "Expected to read string of -4 bytes, which is not in the suitable range", damaged(47, 33, 10)),
            ),
            (
                format!("{SET}*2\r\n$9999999999\r\nset\r\n"),
                at("32", "Expected to read 10000000001 bytes, got 5 bytes", damaged(55, 33, 10)),
            ),
        ] {
            assert_eq!(single(&content), said, "{content}");
        }
        for good in [format!("{SET}*0\r\n{SET}"), format!("{SET}#TS:1"), format!("#x\r\n{MULTI}{SET}{EXEC}")] {
            assert!(single(&good).ends_with("AOF /data/x is valid\n"), "{good}");
        }
    }

    #[test]
    fn a_damaged_file_is_shortened_when_asked() {
        let disk = SimDisk::new();
        disk.put("/data/x", format!("{SET}!!!").as_bytes());
        let (status, text) = check(&disk, "--fix /data/x", "n\n");
        assert!(status == 1 && text.ends_with("to 33 bytes\nContinue? [y/N]: Aborting...\n"), "{text}");
        let (status, text) = check(&disk, "--fix /data/x", "y\n");
        assert!(status == 0 && text.ends_with("Continue? [y/N]: Successfully truncated AOF /data/x\n"), "{text}");
        assert_eq!(disk.bytes("/data/x").unwrap(), SET.as_bytes());
    }

    #[test]
    fn time_is_turned_back() {
        let disk = SimDisk::new();
        disk.put("/data/x", format!("#TS:100\r\n{SET}#TS:200\r\n{SET}").as_bytes());
        let to = |upto: &str| check(&disk, &format!("--truncate-to-timestamp {upto} /data/x"), "");
        assert!(to("200").1.ends_with("Truncate nothing in AOF /data/x to timestamp 200\nAOF /data/x is valid\n"));
        assert_eq!(to("50").0, 1);
        assert!(to("50").1.ends_with("AOF /data/x has nothing before timestamp 50, aborting...\n"));
        assert!(to("150").1.ends_with("Successfully truncated AOF /data/x to timestamp 150\n"));
        assert_eq!(disk.bytes("/data/x").unwrap().len(), 42);
        assert_eq!(to("x"), (1, "Invalid timestamp, aborting...\n".into()));
    }

    #[test]
    fn only_the_last_of_several_is_shortened() {
        let disk = SimDisk::new();
        disk.put("/data/m", b"file a seq 1 type b\nfile b seq 1 type i\nfile c seq 2 type i\n");
        for name in ["/data/a", "/data/b"] {
            disk.put(name, SET.as_bytes());
        }
        disk.put("/data/c", b"");
        let (status, text) = check(&disk, "/data/m", "");
        assert_eq!(status, 0);
        assert_eq!(
            text,
            "Start checking Multi Part AOF\nStart to check BASE AOF (RESP format).\nAOF analyzed: filename=a, size=33, ok_up_to=33, \
             ok_up_to_line=8, diff=0\nBASE AOF a is valid\nStart to check INCR files.\nAOF analyzed: filename=b, size=33, \
             ok_up_to=33, ok_up_to_line=15, diff=0\nINCR AOF b is valid\nINCR AOF c is empty\nAll AOF files and manifest are \
             valid\n"
        );
        disk.put("/data/b", format!("{SET}{MULTI}").as_bytes());
        let (status, text) = check(&disk, "--fix /data/m", "y\n");
        assert!(status == 1 && text.ends_with("Failed to truncate AOF b because it is not the last file\n"), "{text}");
        disk.put("/data/m", b"file a seq 1 type b\n!\n");
        assert!(check(&disk, "/data/m", "").1.contains("at line 2\n>>> '!'\nInvalid AOF manifest file format"));
    }

    #[test]
    fn usage() {
        let disk = SimDisk::new();
        assert!(check(&disk, "a b c d", "").1.starts_with("Usage: tool [--fix|--trunc"));
        assert_eq!(check(&disk, "/data/none", "").1, "Cannot open file /data/none: entity not found\n");
    }
}
