//! Reading configuration text: lines, directives, and the files they include.
//!
//! ```text
//! line        blanks? ( '#' anything | directive ( blank word )* )? blanks? LF
//! word        as util::quote::split_args reads it: bare, "with \n escapes", or 'literal'
//! directive   a parameter of the table, or one of
//!             include path-or-glob      read here, in place
//!             rename-command old new    "" as the new name removes the command
//!             user name rule…           an ACL user
//! ```
//!
//! What a line needs from outside (files, the working directory, the command table, the users) it asks of a [`Host`], so
//! that this room stays free of them and every error carries its line. A later line overrides an earlier one. Nothing is
//! skipped in silence: a line that means nothing here is an error that names it.

use super::fields::Config;
use super::host::{Host, has_wildcard};
use super::param::{Flags, Param, Source};
use super::params;
use super::values::Text;
use crate::util::quote;
use std::collections::HashSet;
use std::io;

/// Includes deeper than this are taken for a file that includes itself.
const INCLUDE_DEPTH_MAX: usize = 16;

const BAD_DIRECTIVE: &str = "Bad directive or wrong number of arguments";

/// Why a configuration was refused.
#[derive(Debug)]
pub enum LoadError {
    /// A line of it.
    Line {
        /// Counted from 1 within its file.
        number: usize,
        /// Without the blanks around it.
        text: Text,
        /// What is wrong.
        message: String,
    },
    /// A file could not be read.
    File {
        /// As it was named.
        path: Text,
        /// What the system said.
        error: io::Error,
    },
}

impl LoadError {
    /// What is printed before the process exits with status 1, in upstream's layout. `redis_version` is the version served.
    pub fn report(&self, redis_version: &str) -> Vec<u8> {
        match self {
            LoadError::Line { number, text, message } => {
                let mut out = format!(
                    "\n*** FATAL CONFIG FILE ERROR (Redis {redis_version}) ***\nReading the configuration file, at line {number}\n>>> '"
                )
                .into_bytes();
                out.extend_from_slice(text);
                out.extend_from_slice(format!("'\n{message}\n").as_bytes());
                out
            }
            LoadError::File { path, error } => {
                let mut out = b"Fatal error, can't open config file '".to_vec();
                out.extend_from_slice(path);
                out.extend_from_slice(format!("': {}\n", reason(error)).as_bytes());
                out
            }
        }
    }
}

/// What the system says about an error, in the words of `strerror`.
pub fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => nix::errno::Errno::from_raw(code).desc().to_string(),
        None => error.to_string(),
    }
}

/// Reads configuration `text` into `config`. On error `config` holds the lines up to the bad one.
pub fn load(config: &mut Config, text: &[u8], host: &mut dyn Host) -> Result<(), LoadError> {
    Loader { config, host, seen: HashSet::new() }.text(text, 0)
}

/// The files `pattern` stands for; a name without wildcards is itself, whether it exists or not.
pub(super) fn paths(host: &mut dyn Host, pattern: &[u8]) -> Vec<Text> {
    if has_wildcard(pattern) { host.expand(pattern) } else { vec![pattern.to_vec()] }
}

pub(super) fn read(host: &mut dyn Host, path: Text) -> Result<Vec<u8>, LoadError> {
    host.read(&path).map_err(|error| LoadError::File { path, error })
}

struct Loader<'a> {
    config: &'a mut Config,
    host: &'a mut dyn Host,
    /// Parameters met so far, for those that accumulate over lines.
    seen: HashSet<&'static str>,
}

impl Loader<'_> {
    fn text(&mut self, text: &[u8], depth: usize) -> Result<(), LoadError> {
        for (index, raw) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = trimmed(raw);
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let refused = |message: String| LoadError::Line { number: index + 1, text: line.to_vec(), message };
            let words = quote::split_args(line).map_err(|_| refused("Unbalanced quotes in configuration line".into()))?;
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            match words.split_first() {
                None => {}
                Some((name, [pattern])) if name.eq_ignore_ascii_case(b"include") => {
                    if depth == INCLUDE_DEPTH_MAX {
                        return Err(refused("include files are nested too deeply".into()));
                    }
                    for path in paths(self.host, pattern) {
                        let included = read(self.host, path)?;
                        self.text(&included, depth + 1)?;
                    }
                }
                Some((name, args)) => self.directive(name, args).map_err(refused)?,
            }
        }
        Ok(())
    }

    fn directive(&mut self, name: &[u8], args: &[&[u8]]) -> Result<(), String> {
        if let Some(param) = params::find(name) {
            return self.param(param, args);
        }
        match (name.to_ascii_lowercase().as_slice(), args) {
            (b"rename-command", [old, new]) => self.host.rename_command(old, new),
            (b"user", [_, ..]) => self.host.user(args),
            (b"loadmodule", [_, ..]) => Err("this server has no modules".into()),
            (b"sentinel", _) => Err("sentinel directive while not in sentinel mode".into()),
            (retired, [_]) if params::RETIRED.iter().any(|own| own.as_bytes() == retired) => Ok(()),
            _ => Err(BAD_DIRECTIVE.into()),
        }
    }

    fn param(&mut self, param: &'static Param, args: &[&[u8]]) -> Result<(), String> {
        let source = Source::File { first: self.seen.insert(param.name) };
        // A list may be written as one quoted word.
        let split = match args {
            [list] if param.flags.contains(Flags::MULTI_ARG) && !list.is_empty() => {
                Some(quote::split_args(list).map_err(|_| "Unbalanced quotes in configuration line")?)
            }
            _ => None,
        };
        match split {
            Some(words) => param.parse(self.config, &words.iter().map(Vec::as_slice).collect::<Vec<_>>(), source)?,
            None => param.parse(self.config, args, source)?,
        }
        if param.name == "dir" {
            // At once, so that relative names in the lines that follow mean what they say.
            self.config.dir = self.host.change_dir(&self.config.dir).map_err(|error| reason(&error))?;
        }
        Ok(())
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Files in a map, and a record of what was asked.
    #[derive(Default)]
    pub struct Paper {
        pub files: BTreeMap<Text, Text>,
        pub renamed: Vec<(Text, Text)>,
        pub users: Vec<Text>,
    }

    impl Host for Paper {
        fn read(&mut self, path: &[u8]) -> io::Result<Vec<u8>> {
            self.files.get(path).cloned().ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
        }

        fn expand(&mut self, pattern: &[u8]) -> Vec<Text> {
            let case = crate::util::glob::Case::Sensitive;
            self.files.keys().filter(|path| crate::util::glob::matches(pattern, path, case)).cloned().collect()
        }

        fn change_dir(&mut self, path: &[u8]) -> io::Result<Text> {
            match path {
                b"/data" | b"/data/." => Ok(b"/data".to_vec()),
                // The folder the process starts in, under the name the table has for it.
                b"./" => Ok(b"./".to_vec()),
                _ => Err(io::Error::from_raw_os_error(libc::ENOENT)),
            }
        }

        fn rename_command(&mut self, old: &[u8], new: &[u8]) -> Result<(), String> {
            if old.eq_ignore_ascii_case(b"nosuch") {
                return Err("No such command in rename-command".into());
            }
            self.renamed.push((old.to_vec(), new.to_vec()));
            Ok(())
        }

        fn user(&mut self, words: &[&[u8]]) -> Result<(), String> {
            self.users.push(words.join(&b' '));
            Ok(())
        }
    }

    fn read_text(text: &str) -> Result<Config, String> {
        read_with(text, &mut Paper::default())
    }

    fn read_with(text: &str, host: &mut Paper) -> Result<Config, String> {
        let mut config = Config::default();
        load(&mut config, text.as_bytes(), host).map_err(|error| String::from_utf8_lossy(&error.report("8.0.6")).into_owned())?;
        Ok(config)
    }

    /// The message of a one-line configuration, or "OK".
    fn verdict(line: &str) -> String {
        let mut config = Config::default();
        match load(&mut config, line.as_bytes(), &mut Paper::default()) {
            Ok(()) => "OK".into(),
            Err(LoadError::Line { message, .. }) => message,
            Err(error) => String::from_utf8_lossy(&error.report("8.0.6")).into_owned(),
        }
    }

    #[test]
    fn lines_are_read_as_upstream_reads_them() {
        let config = read_text(
            "# comment\n   # another\n\n\tport\t7000\r\nTIMEOUT '5'\n  logfile \"a\\x20b\"  \nsave ''\nbind a b\n\"maxclients\" 5",
        )
        .unwrap();
        assert_eq!((config.port, config.timeout_s, config.maxclients), (7000, 5, 5));
        assert_eq!(config.logfile, b"a b");
        assert_eq!(config.bind, [b"a", b"b"]);
    }

    /// What the genuine 8.0.6 answers to each of these lines.
    #[test]
    fn messages_are_upstreams() {
        for (line, message) in [
            ("port", "wrong number of arguments"),
            ("port 1 2", "wrong number of arguments"),
            ("port 6379 # comment", "wrong number of arguments"),
            ("port abc", "argument couldn't be parsed into an integer"),
            ("port 0x10", "argument couldn't be parsed into an integer"),
            ("port ''", "argument couldn't be parsed into an integer"),
            ("port +5", "argument couldn't be parsed into an integer"),
            ("port \"1\\x00\"", "argument couldn't be parsed into an integer"),
            ("port 9223372036854775808", "argument couldn't be parsed into an integer"),
            ("port 65536", "argument must be between 0 and 65535 inclusive"),
            ("maxclients 0", "argument must be between 1 and 4294967295 inclusive"),
            ("databases 2147483648", "argument must be between 1 and 2147483647 inclusive"),
            ("list-max-listpack-size 2147483648", "argument must be between -2147483648 and 2147483647 inclusive"),
            ("slowlog-log-slower-than -2", "argument must be between -1 and 9223372036854775807 inclusive"),
            ("proto-max-bulk-len 1kb", "argument must be between 1048576 and 9223372036854775807 inclusive"),
            ("hash-max-listpack-value 9223372036854775808", "argument must be between 0 and 9223372036854775807 inclusive"),
            ("maxmemory -1", "argument must be a memory value"),
            ("maxmemory 1tb", "argument must be a memory value"),
            ("maxmemory-clients 101%", "percentage argument must be less or equal to 100"),
            ("maxmemory-clients 10.5%", "argument must be a memory or percent value"),
            ("maxmemory-clients 010%", "argument must be a memory or percent value"),
            ("daemonize maybe", "argument must be 'yes' or 'no'"),
            ("loglevel loud", "argument(s) must be one of the following: debug, verbose, notice, warning, nothing"),
            ("enable-debug-command x", "argument(s) must be one of the following: no, yes, local"),
            ("oom-score-adj x", "argument(s) must be one of the following: no, yes, relative, absolute"),
            ("replicaof ''", "wrong number of arguments"),
            ("supervised x", "argument(s) must be one of the following: upstart, systemd, auto, no"),
            ("unixsocketperm 778", "argument couldn't be parsed as an octal number"),
            ("unixsocketperm 1000", "argument must be between 0 and 777 inclusive"),
            ("unixsocketperm -1", "argument must be between 0 and 777 inclusive"),
            ("port \"6379", "Unbalanced quotes in configuration line"),
            ("port 6379 \"a\"b", "Unbalanced quotes in configuration line"),
            ("save 900", "Invalid save parameters"),
            ("save \"900 1\" 300", "Invalid save parameters"),
            ("client-output-buffer-limit ''", "Wrong number of arguments in buffer limit configuration."),
            ("oom-score-adj-values 1 2", "wrong number of arguments"),
            ("shutdown-on-sigint", "argument(s) must be one of the following: default, save, nosave, now, force"),
            ("rename-command", BAD_DIRECTIVE),
            ("rename-command nosuch foo", "No such command in rename-command"),
            ("include", BAD_DIRECTIVE),
            ("include a b", BAD_DIRECTIVE),
            ("user", BAD_DIRECTIVE),
            ("''", BAD_DIRECTIVE),
            ("nosuch", BAD_DIRECTIVE),
            ("nosuch 1", BAD_DIRECTIVE),
            ("io-threads-do-reads", BAD_DIRECTIVE),
            ("sentinel monitor a", "sentinel directive while not in sentinel mode"),
            ("replicaof 127.0.0.1 abc", "Invalid master port"),
            ("replicaof 127.0.0.1", "wrong number of arguments"),
            ("dir /nonexistent", "No such file or directory"),
            ("dbfilename a/b", "dbfilename can't be a path, just a filename"),
        ] {
            assert_eq!(verdict(line), message, "{line}");
        }
        for line in [
            "save",
            "save ''",
            "save \"  \"",
            "bind",
            "bind ''",
            "bind \"127.0.0.1 ::1\"",
            "client-output-buffer-limit",
            "client-output-buffer-limit \"normal 0 0 0 pubsub 1 2 3\"",
            "latency-tracking-info-percentiles ''",
            "latency-tracking-info-percentiles \"50 99\"",
            "oom-score-adj-values \"1 2 3\"",
            "shutdown-on-sigterm \"nosave force\"",
            "maxmemory ''",
            "maxmemory kb",
            "unixsocketperm ''",
            "unixsocketperm ' 7'",
            "hz 0",
            "io-threads-do-reads yes",
            "lua-replicate-commands no",
            "dir /data",
            "rename-command flushall ''",
            "primaryauth x",
            "replicaof no one",
            "include nothing*",
            "appendonly NO",
            "io-threads 1",
        ] {
            assert_eq!(verdict(line), "OK", "{line}");
        }
    }

    #[test]
    fn what_this_build_lacks_is_refused_by_name() {
        for (line, part) in [
            ("cluster-enabled yes", "cluster mode"),
            ("tls-port 6380", "TLS"),
            ("replicaof 127.0.0.1 6379", "replication"),
            ("io-threads 4", "I/O threads"),
            ("aclfile /x", "ACL file"),
            ("loadmodule /x.so", "modules"),
        ] {
            let message = verdict(line);
            assert!(message.ends_with(&format!("this server has no {part}")), "{line}: {message}");
        }
    }

    #[test]
    fn the_report_shows_the_line() {
        let report = read_text("\n  port  70000 \n").unwrap_err();
        assert_eq!(
            report,
            "\n*** FATAL CONFIG FILE ERROR (Redis 8.0.6) ***\nReading the configuration file, at line 2\n>>> 'port  70000'\n\
             argument must be between 0 and 65535 inclusive\n"
        );
    }

    #[test]
    fn includes_are_read_in_place() {
        let mut host = Paper::default();
        host.files.insert(b"one.conf".to_vec(), b"port 1\ntimeout 7".to_vec());
        host.files.insert(b"two.conf".to_vec(), b"port 2".to_vec());
        host.files.insert(b"self.conf".to_vec(), b"include self.conf".to_vec());
        host.files.insert(b"bad.conf".to_vec(), b"\n\nport x".to_vec());
        assert_eq!(read_with("port 9\ninclude one.conf", &mut host).unwrap().port, 1);
        let config = read_with("include [ot]*.conf\ntimeout 8", &mut host).unwrap();
        assert_eq!((config.port, config.timeout_s), (2, 8));
        assert!(read_with("include self.conf", &mut host).unwrap_err().contains("nested too deeply"));
        assert!(read_with("include bad.conf", &mut host).unwrap_err().contains("at line 3"));
        assert_eq!(
            read_with("include none.conf", &mut host).unwrap_err(),
            "Fatal error, can't open config file 'none.conf': No such file or directory\n"
        );
    }

    #[test]
    fn the_host_hears_of_commands_users_and_the_directory() {
        let mut host = Paper::default();
        let config =
            read_with("rename-command flushall \"\"\nRENAME-COMMAND get gat\nuser foo on ~*\ndir /data/.", &mut host).unwrap();
        assert_eq!(host.renamed, [(b"flushall".to_vec(), Vec::new()), (b"get".to_vec(), b"gat".to_vec())]);
        assert_eq!(host.users, [b"foo on ~*"]);
        assert_eq!(config.dir, b"/data");
    }

    /// Loading ends, in a configuration or an error.
    fn survives(text: &[u8]) {
        let _ = load(&mut Config::default(), text, &mut Paper::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_text_panics(text: Vec<u8>) {
            survives(&text);
        }

        #[test]
        fn no_value_panics(index: usize, value: Vec<u8>) {
            let all: Vec<&Param> = params::all().collect();
            let mut line = all[index % all.len()].name.as_bytes().to_vec();
            line.push(b' ');
            quote::write_repr(&mut line, &value);
            survives(&line);
        }
    }
}
