//! The manifest: which files the append only file consists of, in which order they are loaded.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b
//! file appendonly.aof.1.incr.aof seq 1 type h
//! file appendonly.aof.2.incr.aof seq 2 type i startoffset 1042
//! ```
//!
//! A line is pairs of words, quoted where they need it; pairs of unknown names are skipped, and so are lines that begin with
//! `#`. Type `b` is the base (one at most), `i` an increment on top of it (their sequence numbers grow), `h` a file that is
//! history and may be deleted. The offsets say where in the stream of all changes an increment begins and, if it was
//! closed in good order, ends. What always holds for a parsed manifest: no name is a path, and the order is sound.

use std::path::Path;

use crate::util::{number, quote};

/// The longest line, in bytes without its newline.
const LINE_MAX: usize = 1023;

/// A file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub name: Vec<u8>,
    pub seq: u64,
    /// Where in the stream of changes it begins; not known for files of older versions.
    pub start_offset: Option<u64>,
    /// Where it ends, if it was closed in good order.
    pub end_offset: Option<u64>,
}

impl File {
    /// A file of which no offsets are known.
    pub fn new(name: Vec<u8>, seq: u64) -> File {
        File { name, seq, start_offset: None, end_offset: None }
    }
}

/// The manifest's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub base: Option<File>,
    pub history: Vec<File>,
    pub incr: Vec<File>,
    /// The highest sequence numbers given so far.
    pub base_seq: u64,
    pub incr_seq: u64,
    /// What is on the disk differs.
    pub dirty: bool,
}

/// Why a manifest is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The line's number, counted from 1, and the line; nothing if it is about the file as a whole.
    pub line: Option<(usize, Vec<u8>)>,
    pub reason: &'static str,
}

impl Refusal {
    /// The lines that go to the log.
    pub fn report(&self) -> String {
        let mut text = String::from("\n*** FATAL AOF MANIFEST FILE ERROR ***\n");
        if let Some((number, line)) = &self.line {
            let line = String::from_utf8_lossy(line);
            text += &format!("Reading the manifest file, at line {number}\n>>> '{line}'\n");
        }
        text + self.reason + "\n"
    }
}

const BAD_FORMAT: &str = "Invalid AOF manifest file format";

/// Which list a file is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Base,
    History,
    Incr,
}

/// What one line says.
fn parse_line(line: &[u8]) -> Result<(File, Kind), &'static str> {
    let words = quote::split_args(line).map_err(|_| BAD_FORMAT)?;
    if words.len() < 6 || words.len() % 2 != 0 {
        return Err(BAD_FORMAT);
    }
    let (mut name, mut seq, mut kind) = (None, 0, None);
    let (mut start_offset, mut end_offset) = (None, None);
    for pair in words.chunks_exact(2) {
        let (what, value) = (pair[0].to_ascii_lowercase(), &pair[1]);
        let natural = || number::parse_i64(value).and_then(|n| u64::try_from(n).ok());
        match what.as_slice() {
            b"file" if value.contains(&b'/') || value.contains(&b'\\') => return Err("File can't be a path, just a filename"),
            b"file" => name = Some(value.clone()),
            b"seq" => seq = natural().ok_or(BAD_FORMAT)?,
            b"type" => kind = value.first().copied(),
            b"startoffset" => start_offset = natural(),
            b"endoffset" => end_offset = natural(),
            _ => {}
        }
    }
    let (Some(name), Some(kind)) = (name.filter(|name| !name.is_empty() && seq > 0), kind) else { return Err(BAD_FORMAT) };
    let kind = match kind {
        b'b' => Kind::Base,
        b'h' => Kind::History,
        b'i' => Kind::Incr,
        _ => return Err("Unknown AOF file type"),
    };
    Ok((File { name, seq, start_offset, end_offset }, kind))
}

impl Manifest {
    /// Reads a manifest's content.
    ///
    /// # Errors
    /// The first line that is not understood or contradicts those before it.
    pub fn parse(text: &[u8]) -> Result<Manifest, Refusal> {
        if text.is_empty() {
            return Err(Refusal { line: None, reason: "Found an empty AOF manifest" });
        }
        let mut manifest = Manifest::default();
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let refuse = |line: &[u8], reason| Refusal { line: Some((index + 1, line.to_vec())), reason };
            let Some(line) = line.strip_suffix(b"\n").filter(|line| line.len() <= LINE_MAX) else {
                return Err(refuse(&line[..line.len().min(LINE_MAX)], "The AOF manifest file contains too long line"));
            };
            if line.first() == Some(&b'#') {
                continue;
            }
            let line = line.trim_ascii();
            let (file, kind) = parse_line(line).map_err(|reason| refuse(line, reason))?;
            match kind {
                Kind::Base if manifest.base.is_some() => {
                    return Err(refuse(line, "Found duplicate base file information"));
                }
                Kind::Base => {
                    manifest.base_seq = file.seq;
                    manifest.base = Some(file);
                }
                Kind::History => manifest.history.push(file),
                Kind::Incr if file.seq <= manifest.incr_seq => {
                    return Err(refuse(line, "Found a non-monotonic sequence number"));
                }
                Kind::Incr => {
                    manifest.incr_seq = file.seq;
                    manifest.incr.push(file);
                }
            }
        }
        Ok(manifest)
    }

    /// The content of the manifest file.
    pub fn format(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let base = self.base.iter().map(|file| (file, 'b'));
        let history = self.history.iter().map(|file| (file, 'h'));
        let incr = self.incr.iter().map(|file| (file, 'i'));
        for (file, kind) in base.chain(history).chain(incr) {
            text.extend_from_slice(b"file ");
            if quote::needs_repr(&file.name) {
                text.extend_from_slice(&quote::repr(&file.name));
            } else {
                text.extend_from_slice(&file.name);
            }
            text.extend_from_slice(format!(" seq {} type {kind}", file.seq).as_bytes());
            if let Some(offset) = file.start_offset {
                text.extend_from_slice(format!(" startoffset {offset}").as_bytes());
            }
            if let Some(offset) = file.end_offset {
                text.extend_from_slice(format!(" endoffset {offset}").as_bytes());
            }
            text.push(b'\n');
        }
        text
    }

    /// The files to load, in order.
    pub fn files(&self) -> impl DoubleEndedIterator<Item = &File> {
        self.base.iter().chain(&self.incr)
    }

    /// Gives the next base its name, and makes the last one history.
    pub fn next_base(&mut self, prefix: &[u8], as_rdb: bool) -> File {
        if let Some(old) = self.base.take() {
            self.history.insert(0, old);
        }
        self.base_seq += 1;
        let suffix = if as_rdb { "rdb" } else { "aof" };
        let name = [prefix, format!(".{}.base.{suffix}", self.base_seq).as_bytes()].concat();
        let file = File::new(name, self.base_seq);
        self.base = Some(file.clone());
        self.dirty = true;
        file
    }

    /// The name that the next increment will have.
    pub fn next_incr_name(&self, prefix: &[u8]) -> Vec<u8> {
        [prefix, format!(".{}.incr.aof", self.incr_seq + 1).as_bytes()].concat()
    }

    /// Adds an increment that begins at `start_offset` of the stream.
    pub fn next_incr(&mut self, prefix: &[u8], start_offset: u64) -> File {
        let name = self.next_incr_name(prefix);
        self.incr_seq += 1;
        let file = File { start_offset: Some(start_offset), ..File::new(name, self.incr_seq) };
        self.incr.push(file.clone());
        self.dirty = true;
        file
    }

    /// Makes the increments that a new base covers history: all, or all but the last.
    pub fn retire_incr(&mut self, keep_last: bool) {
        let kept = usize::from(keep_last && !self.incr.is_empty());
        let retired = self.incr.drain(..self.incr.len() - kept);
        for file in retired {
            self.history.insert(0, File { start_offset: None, end_offset: None, ..file });
            self.dirty = true;
        }
    }
}

/// The manifest's file name for a log of this name.
pub fn file_name(prefix: &[u8]) -> Vec<u8> {
    [prefix, b".manifest"].concat()
}

/// A path with a file name made of any bytes.
pub fn join(folder: &Path, name: &[u8]) -> std::path::PathBuf {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    folder.join(OsStr::from_bytes(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> (Option<usize>, &'static str) {
        let refusal = Manifest::parse(text.as_bytes()).unwrap_err();
        (refusal.line.map(|(number, _)| number), refusal.reason)
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let text = "file a.2.base.rdb seq 2 type b\nfile a.1.base.rdb seq 1 type h\nfile a.1.incr.aof seq 1 type h\n\
                    file a.2.incr.aof seq 2 type i startoffset 7 endoffset 9\nfile \" x\\n\\\"\" seq 5 type i\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(manifest.format()).unwrap(), text);
        assert_eq!(manifest.incr[1].name, b" x\n\"");
        assert_eq!((manifest.base_seq, manifest.incr_seq), (2, 5));
    }

    #[test]
    fn comments_cases_and_unknown_pairs() {
        let text = "#file !\nFILE a SEQ 1 TYPE base newkey newvalue\n  file b seq 1 type i  \r\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.files().count(), 2);
    }

    #[test]
    fn refusals() {
        let long = "file a seq 1 type b ".repeat(60);
        for (text, line, why) in [
            ("", None, "Found an empty AOF manifest"),
            ("\n", Some(1), BAD_FORMAT),
            ("file a seq 1 type i\n\n", Some(2), BAD_FORMAT),
            ("file a seq 1 type i newkey\n", Some(1), BAD_FORMAT),
            ("filx a seq 1 type i\n", Some(1), BAD_FORMAT),
            ("file a seq 0 type i\n", Some(1), BAD_FORMAT),
            ("file a seq -1 type i\n", Some(1), BAD_FORMAT),
            ("file a seq 99999999999999999999 type i\n", Some(1), BAD_FORMAT),
            ("file a seq 1 type \"\"\n", Some(1), BAD_FORMAT),
            ("file \"a seq 1 type b\n", Some(1), BAD_FORMAT),
            ("file a seq 1 type x\n", Some(1), "Unknown AOF file type"),
            ("file a/b seq 1 type i\n", Some(1), "File can't be a path, just a filename"),
            ("file a seq 1 type b\nfile b seq 2 type b\n", Some(2), "Found duplicate base file information"),
            ("file a seq 2 type i\nfile b seq 2 type i\n", Some(2), "Found a non-monotonic sequence number"),
            ("file a seq 1 type i", Some(1), "The AOF manifest file contains too long line"),
            (&(long + "\n"), Some(1), "The AOF manifest file contains too long line"),
        ] {
            assert_eq!(reason(text), (line, why), "{text}");
        }
        let report = Manifest::parse(b"!\n").unwrap_err().report();
        assert_eq!(
            report,
            "\n*** FATAL AOF MANIFEST FILE ERROR ***\nReading the manifest file, at line 1\n>>> '!'\nInvalid AOF manifest file \
             format\n"
        );
    }

    #[test]
    fn a_rewrite_makes_the_old_files_history() {
        let mut manifest = Manifest::default();
        assert_eq!(manifest.next_base(b"a", true).name, b"a.1.base.rdb");
        assert_eq!(manifest.next_incr(b"a", 0).name, b"a.1.incr.aof");
        manifest.next_incr(b"a", 4);
        manifest.next_base(b"a", false);
        manifest.retire_incr(true);
        let text = String::from_utf8(manifest.format()).unwrap();
        assert_eq!(
            text,
            "file a.2.base.aof seq 2 type b\nfile a.1.incr.aof seq 1 type h\nfile a.1.base.rdb seq 1 type h\nfile a.2.incr.aof \
             seq 2 type i startoffset 4\n"
        );
    }

    #[test]
    fn any_bytes_are_refused_or_read() {
        let mut rng = fastrand::Rng::with_seed(7);
        let words =
            ["file", "seq", "type", "b", "i", "h", "1", "2", "\n", "#", "\"", " ", "a", "startoffset", "endoffset", "\\x"];
        for _ in 0..20_000 {
            let text: Vec<&str> = (0..rng.usize(0..30)).map(|_| words[rng.usize(..words.len())]).collect();
            let text = text.join(if rng.bool() { " " } else { "" });
            if let Ok(manifest) = Manifest::parse(text.as_bytes())
                && manifest.files().count() > 0
            {
                let again = Manifest::parse(&manifest.format()).unwrap();
                assert_eq!((again.base, again.incr), (manifest.base, manifest.incr));
            }
        }
    }
}
