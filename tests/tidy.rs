//! Style as a test: what review would otherwise have to look for in every file.
//!
//! The files are read as text, by rules simple enough to be foreseen. Words that are looked for are written in
//! two halves here, so that this file does not find itself.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 700;
const COLUMNS_MAX: usize = 140;

/// Files that are longer than they should be, and how long they may be at most. Numbers here only shrink.
const LONG: &[(&str, usize)] = &[];

/// Where a lower room names a higher one after all: what the path begins with, what the line holds, and why.
const UPWARD: &[(&str, &str, &str)] = &[
    (
        "src/dispatch/table.rs",
        "crate::commands",
        "the table is made of the families' lists, and is the one place that knows them",
    ),
    ("src/sys/defrag.rs", "crate::encoding::blob", "a test holds the allocator's classes against what blobs take them for"),
    ("src/types/", "crate::keyspace::table", "big sets, hashes and member indexes are the same table as the keyspace"),
];

/// The rooms that build on each other, lowest first.
const ROOMS: &[&[&str]] = &[&["util", "sys"], &["resp", "encoding"], &["types"], &["keyspace"], &["dispatch"], &["commands"]];

/// Rooms that know no socket and no process, and what they never name.
const PURE: &[&str] = &["util", "encoding", "types", "keyspace", "resp"];
const IMPURE_ROOMS: &[&str] = &["net", "server", "stats"];
const IMPURE_TYPES: &[&str] = &["Server", "Client"];

/// Words for work not done.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("dbg", "!"),
    concat!("todo", "!"),
    concat!("unimple", "mented!"),
];

/// Words about how the text came to be instead of what it says.
const BANNED: &[&str] = &[
    concat!("age", "nt"),
    concat!("age", "nts"),
    concat!("sess", "ion id"),
    concat!("issue", " #"),
    concat!("/wo", "rk/"),
    concat!("../sha", "red"),
];

/// A file of the project, its path relative to the project's folder.
struct File {
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The room below `src` that the file is in.
    fn room(&self) -> &str {
        self.path.strip_prefix("src/").map(|path| path.split(['/', '.']).next().unwrap_or("")).unwrap_or("")
    }

    /// Lines with their numbers.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    /// Lines of code, without comments and the contents of strings.
    fn code(&self) -> Vec<(usize, String)> {
        self.lines().map(|(at, line)| (at, without_comment(line))).collect()
    }
}

/// A line without its comment and with its strings emptied.
fn without_comment(line: &str) -> String {
    let (mut code, mut in_string, mut escaped) = (String::new(), false, false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if !escaped => {
                // A quote as a character is no string.
                if !in_string && code.ends_with('\'') && letters.peek() == Some(&'\'') {
                    continue;
                }
                in_string = !in_string;
                code.push('"');
            }
            '/' if !in_string && letters.peek() == Some(&'/') => break,
            _ if !in_string => code.push(letter),
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
    }
    code
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file that is the project's own.
fn files() -> Vec<File> {
    let mut all = Vec::new();
    for name in ["src", "tests", "scripts", ".ci"] {
        collect(&root().join(name), &mut all);
    }
    for name in ["Makefile", "README.md", "CHANGELOG.md", "Cargo.toml", "redis.conf"] {
        add(&root().join(name), &mut all);
    }
    assert!(all.len() > 10, "no project at {}", root().display());
    all
}

fn collect(folder: &Path, all: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        if matches!(name, "target" | "corpus" | "artifacts" | "__pycache__") {
            continue;
        }
        if path.is_dir() {
            collect(&path, all);
        } else {
            add(&path, all);
        }
    }
}

fn add(path: &Path, all: &mut Vec<File>) {
    // Lists of names from elsewhere are data, not text of ours.
    let data = path.extension().is_some_and(|kind| kind == "tsv" || kind == "lock" || kind == "txt");
    if let (false, Ok(text)) = (data, fs::read_to_string(path)) {
        let path = path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned();
        all.push(File { path, text });
    }
}

/// Whether `word` stands in the text with no letter, digit or underscore beside it.
fn has_word(text: &str, word: &str) -> bool {
    let part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        let starts = !word.starts_with(char::is_alphanumeric) || !part(before);
        let ends = !word.ends_with(char::is_alphanumeric) || !part(after);
        starts && ends
    })
}

#[track_caller]
fn assert_none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn a_file_says_what_it_is() {
    let silent = files().into_iter().filter(|file| file.is_rust() && !file.text.starts_with("//!"));
    let silent = silent.filter(|file| !file.text.starts_with("#![doc = include_str!("));
    assert_none("these do not begin with //!", silent.map(|file| file.path).collect());
}

#[test]
fn a_file_is_not_long() {
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.is_rust()) {
        let lines = file.text.lines().count();
        let max = LONG.iter().find(|(path, _)| *path == file.path).map_or(LINES_MAX, |(_, max)| *max);
        if lines > max {
            found.push(format!("{}: {lines} lines, at most {max}", file.path));
        }
    }
    for (path, max) in LONG {
        let lines = fs::read_to_string(root().join(path)).map(|text| text.lines().count()).unwrap_or(0);
        if lines <= LINES_MAX || lines + 50 < *max {
            found.push(format!("{path}: {lines} lines now, its exception can shrink or go"));
        }
    }
    assert_none("too long", found);
}

#[test]
fn a_line_is_not_wide() {
    let mut found = Vec::new();
    for file in files() {
        let wide = file.lines().filter(|(_, line)| line.chars().count() > COLUMNS_MAX);
        found.extend(wide.map(|(at, line)| format!("{}:{at}: {} columns", file.path, line.chars().count())));
    }
    assert_none("too wide", found);
}

#[test]
fn nothing_is_left_for_later() {
    let mut found = Vec::new();
    for file in files() {
        for (at, line) in file.lines() {
            found.extend(UNFINISHED.iter().filter(|word| has_word(line, word)).map(|word| format!("{}:{at}: {word}", file.path)));
        }
    }
    assert_none("left for later", found);
}

#[test]
fn texts_speak_of_the_server_only() {
    let mut found = Vec::new();
    for file in files() {
        for (at, line) in file.lines() {
            let line = line.to_lowercase();
            found.extend(BANNED.iter().filter(|word| has_word(&line, word)).map(|word| format!("{}:{at}: {word}", file.path)));
        }
    }
    assert_none("words that do not belong here", found);
}

/// The files that may hold unsafe code: the lines of the crate's front page that are a path below src and
/// nothing else.
fn unsafe_files() -> Vec<String> {
    let page = fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap_or_default();
    let paths = page.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'));
    paths.filter(|path| path.starts_with("src/")).map(str::to_string).collect()
}

#[test]
fn unsafe_is_where_the_front_page_says() {
    let (allowed, mut found) = (unsafe_files(), Vec::new());
    let all = files();
    for file in all.iter().filter(|file| file.path.starts_with("src/") && file.is_rust()) {
        let lines: Vec<(usize, &str)> = file.lines().collect();
        for (at, code) in file.code() {
            let uses = ["{", "fn", "impl", "extern", "trait"]
                .iter()
                .any(|after| has_word(&code, &format!("{} {after}", concat!("un", "safe"))));
            if !uses {
                continue;
            }
            if !allowed.contains(&file.path) {
                found.push(format!("{}:{at}: not listed in src/ARCHITECTURE.md", file.path));
            }
            // A function states what its caller owes, a block why it holds; both may be a few lines up.
            let reach = if code.contains("fn ") { 40 } else { 14 };
            let near = &lines[at.saturating_sub(reach)..at];
            if !near.iter().any(|(_, line)| line.contains("SAFETY:") || line.contains("# Safety")) {
                found.push(format!("{}:{at}: no SAFETY comment near", file.path));
            }
        }
    }
    for path in &allowed {
        if !all.iter().any(|file| file.path == *path) {
            found.push(format!("{path} is listed in src/ARCHITECTURE.md, but is not there"));
        }
    }
    assert_none("unsafe code", found);
}

/// The rooms of this crate that a line names.
fn rooms_named(code: &str) -> Vec<&str> {
    let mut named = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        let rest = &code[at + start.len()..];
        let end = |text: &str| text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
        match rest.strip_prefix('{') {
            Some(several) => named.extend(several.split(',').map(str::trim).map(|one| &one[..end(one)])),
            None => named.push(&rest[..end(rest)]),
        }
    }
    named
}

#[test]
fn lower_rooms_do_not_name_higher_ones() {
    let rank = |room: &str| ROOMS.iter().position(|rooms| rooms.contains(&room));
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.is_rust()) {
        let room = file.room();
        let Some(own) = rank(room) else { continue };
        for (at, code) in file.code() {
            for named in rooms_named(&code) {
                let above = rank(named).is_some_and(|other| other > own) || PURE.contains(&room) && IMPURE_ROOMS.contains(&named);
                let excused = UPWARD.iter().any(|(path, name, _)| file.path.starts_with(path) && code.contains(name));
                if above && !excused {
                    found.push(format!("{}:{at}: {room} names {named}", file.path));
                }
            }
            if PURE.contains(&room) {
                let types = IMPURE_TYPES.iter().filter(|name| has_word(&code, name));
                found.extend(types.map(|name| format!("{}:{at}: {room} names {name}", file.path)));
            }
        }
    }
    assert_none("upward", found);
}
