//! The command line of the server.
//!
//! ```text
//! redis-server [file] [-] [--directive value…]… [-]
//! ```
//!
//! Options become lines of configuration text behind the file, so that they mean and fail as such. An argument `--name`
//! starts a line and the one that follows is always a value, whatever it looks like; further ones are values until the
//! next `--name`. `"--name value"` in one argument is a line already. Values are quoted, so any byte may be in them.

use super::file::{LoadError, paths, read};
use super::host::Host;
use super::values::Text;
use crate::util::{number, quote};

/// Where the configuration of a starting server comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The configuration file as named on the command line; a glob may stand for several.
    pub file: Option<Text>,
    /// Read more of it from standard input.
    pub stdin: bool,
    /// The options of the command line, one directive per line.
    pub options: Text,
}

impl Sources {
    /// Everything as one text. `stdin` is what standard input held, if it was to be read.
    pub fn gather(&self, host: &mut dyn Host, stdin: &[u8]) -> Result<Vec<u8>, LoadError> {
        let mut text = Vec::new();
        if let Some(pattern) = &self.file {
            for path in paths(host, pattern) {
                text.extend(read(host, path)?);
            }
        }
        text.extend_from_slice(stdin);
        // The options start on a line of their own, whether or not the file ended one.
        text.push(b'\n');
        text.extend_from_slice(&self.options);
        Ok(text)
    }
}

/// What the process was called to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Print the version.
    Version,
    /// Print [`USAGE`] to standard error and exit with status 1.
    Help,
    /// Check this machine's settings.
    CheckSystem,
    /// Test that much memory.
    TestMemory {
        /// How much.
        megabytes: u64,
    },
    /// Serve.
    Serve(Sources),
}

/// The answer to `--help`.
pub const USAGE: &str = "\
Usage: ./redis-server [/path/to/redis.conf] [options] [-]
       ./redis-server - (read config from stdin)
       ./redis-server -v or --version
       ./redis-server -h or --help
       ./redis-server --test-memory <megabytes>
       ./redis-server --check-system

Examples:
       ./redis-server (run the server with default conf)
       echo 'maxmemory 128mb' | ./redis-server -
       ./redis-server /etc/redis/6379.conf
       ./redis-server --port 7777
       ./redis-server /etc/myredis.conf --loglevel verbose -
       ./redis-server /etc/myredis.conf --loglevel verbose
";

const TEST_MEMORY_USAGE: &str =
    "Please specify the amount of memory to test in megabytes.\nExample: ./redis-server --test-memory 4096\n\n";

/// Reads the arguments behind the program's name. The error is printed before the process exits with status 1.
pub fn parse_args(args: &[Text]) -> Result<Invocation, String> {
    match args.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] {
        [b"-v" | b"--version", ..] => return Ok(Invocation::Version),
        [b"-h" | b"--help", ..] => return Ok(Invocation::Help),
        [b"--check-system", ..] => return Ok(Invocation::CheckSystem),
        [b"--test-memory", megabytes] => {
            let megabytes = number::parse_u64(megabytes).filter(|megabytes| *megabytes > 0).ok_or(TEST_MEMORY_USAGE)?;
            return Ok(Invocation::TestMemory { megabytes });
        }
        [b"--test-memory", ..] => return Err(TEST_MEMORY_USAGE.into()),
        _ => {}
    }
    if args.iter().any(|arg| arg == b"--sentinel") {
        return Err("this server has no Sentinel mode\n".into());
    }
    Ok(Invocation::Serve(sources(args)))
}

fn sources(args: &[Text]) -> Sources {
    let mut sources = Sources::default();
    let mut rest = 0;
    if let Some(name) = args.first().filter(|name| !name.starts_with(b"-")) {
        sources.file = Some(name.clone()).filter(|name| !name.is_empty());
        rest = 1;
    }
    // Whether the directive of the current line has what it needs, so that `--` starts another.
    let mut complete = true;
    for (index, arg) in args.iter().enumerate().skip(rest) {
        let next = args.get(index + 1);
        if arg == b"-" && (index == 0 || next.is_none()) {
            sources.stdin = true;
            continue;
        }
        let options = &mut sources.options;
        match arg.strip_prefix(b"--").filter(|_| complete) {
            Some(directive) => {
                if !options.is_empty() {
                    options.push(b'\n');
                }
                options.extend_from_slice(directive);
                options.push(b' ');
                // `--save` alone has always meant that no snapshots are taken.
                if directive.eq_ignore_ascii_case(b"save") && next.is_none_or(|next| next.starts_with(b"--")) {
                    options.extend_from_slice(b"\"\" ");
                } else {
                    complete = quote::split_args(directive).is_ok_and(|words| words.len() > 1);
                }
            }
            None => {
                quote::write_repr(options, arg);
                options.push(b' ');
                complete = true;
            }
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Invocation, String> {
        parse_args(&args.iter().map(|arg| arg.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    fn serve(args: &[&str]) -> Sources {
        match parse(args) {
            Ok(Invocation::Serve(sources)) => sources,
            other => panic!("{args:?}: {other:?}"),
        }
    }

    fn options(args: &[&str]) -> String {
        String::from_utf8(serve(args).options).unwrap()
    }

    #[test]
    fn options_become_lines() {
        for (args, lines) in [
            (&[][..], ""),
            (&["--invalid"], "invalid "),
            (&["--port", "1", "2"], "port \"1\" \"2\" "),
            (&["--port", "--loglevel", "verbose"], "port \"--loglevel\" \"verbose\" "),
            (&["--port", "--bla", "--loglevel", "verbose"], "port \"--bla\" \nloglevel \"verbose\" "),
            (&["--port 7", "--loglevel", "verbose"], "port 7 \nloglevel \"verbose\" "),
            (&["--port 7", "x"], "port 7 \"x\" "),
            (&["--port", "7\"0"], "port \"7\\\"0\" "),
            (&["--port", "a\nb"], "port \"a\\nb\" "),
            (&["--replicaof", "--127.0.0.1", "--abc"], "replicaof \"--127.0.0.1\" \nabc "),
            (&["--bind", "a", "b", "--port", "9"], "bind \"a\" \"b\" \nport \"9\" "),
            (&["-p"], "\"-p\" "),
            (&["--", "port", "9"], " \"port\" \"9\" "),
            (&["--port 'x", "--loglevel"], "port 'x \"--loglevel\" "),
        ] {
            assert_eq!(options(args), lines, "{args:?}");
        }
    }

    #[test]
    fn save_may_stand_alone() {
        for (args, lines) in [
            (&["--save"][..], "save \"\" "),
            (&["--save", "--loglevel", "verbose"], "save \"\" \nloglevel \"verbose\" "),
            (&["--SAVE", "--port", "9"], "SAVE \"\" \nport \"9\" "),
            (&["--save", "", "--port", "9"], "save \"\" \nport \"9\" "),
            (&["--save", "900", "1"], "save \"900\" \"1\" "),
            (
                &["--proc-title-template", "--save", "--save", "", "--loglevel", "verbose"],
                "proc-title-template \"--save\" \nsave \"\" \nloglevel \"verbose\" ",
            ),
        ] {
            assert_eq!(options(args), lines, "{args:?}");
        }
    }

    #[test]
    fn files_and_standard_input_come_first() {
        let sources = serve(&["/etc/r.conf", "loglevel", "verbose", "--maxmemory '700mb'"]);
        assert_eq!(sources.file.as_deref(), Some(&b"/etc/r.conf"[..]));
        assert_eq!(sources.options, b"\"loglevel\" \"verbose\" \nmaxmemory '700mb' ");
        assert!(serve(&["-"]).stdin && serve(&["-", "--port", "1"]).stdin && serve(&["--port", "1", "-"]).stdin);
        assert!(serve(&["r.conf", "-"]).stdin);
        assert!(serve(&["--port", "-"]).stdin);
        assert_eq!(serve(&["--port", "-", "--loglevel", "x"]).options, b"port \"-\" \nloglevel \"x\" ");
        assert!(!serve(&["r.conf", "-", "--port", "1"]).stdin);
        assert_eq!(serve(&[""]), Sources::default());
    }

    #[test]
    fn sources_are_read_in_order() {
        let mut host = crate::config::file::tests::Paper::default();
        host.files.insert(b"a.conf".to_vec(), b"port 1".to_vec());
        let sources = Sources { file: Some(b"a.conf".to_vec()), stdin: true, options: b"port \"3\" ".to_vec() };
        let text = sources.gather(&mut host, b"\nport 2").unwrap();
        assert_eq!(text, b"port 1\nport 2\nport \"3\" ");
        let missing = Sources { file: Some(b"b.conf".to_vec()), ..Sources::default() };
        assert!(matches!(missing.gather(&mut host, b""), Err(LoadError::File { .. })));
        assert_eq!(Sources::default().gather(&mut host, b"").unwrap(), b"\n");
    }

    /// What the genuine 8.0.6 prints for these command lines.
    #[test]
    fn errors_show_the_option() {
        use crate::config::{Config, file, file::tests::Paper};
        for (args, line, shown, message) in [
            (&["--invalid"][..], 2, "invalid", "Bad directive or wrong number of arguments"),
            (&["--port"], 2, "port", "wrong number of arguments"),
            (&["--port", "6380", "--loglevel"], 3, "loglevel", "wrong number of arguments"),
            (&["--port", "6379", "6380"], 2, "port \"6379\" \"6380\"", "wrong number of arguments"),
            (&["--port", "--bla", "--loglevel", "verbose"], 2, "port \"--bla\"", "argument couldn't be parsed into an integer"),
            (
                &["--logfile", "--my--log--file", "--loglevel", "--bla"],
                3,
                "loglevel \"--bla\"",
                "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
            ),
            (
                &["--shutdown-on-sigint", "now force", "--shutdown-on-sigterm"],
                3,
                "shutdown-on-sigterm",
                "argument(s) must be one of the following: default, save, nosave, now, force",
            ),
            (&["--replicaof", "--127.0.0.1", "abc"], 2, "replicaof \"--127.0.0.1\" \"abc\"", "Invalid master port"),
            (&["--replicaof", "--127.0.0.1", "--abc"], 2, "replicaof \"--127.0.0.1\"", "wrong number of arguments"),
            (&["--save", "--port"], 3, "port", "wrong number of arguments"),
            (&["--\"port", "1"], 2, "\"port \"1\"", "Unbalanced quotes in configuration line"),
            (&["r.conf", "-", "--port", "1"], 4, "\"-\"", "Bad directive or wrong number of arguments"),
        ] {
            let mut host = Paper::default();
            host.files.insert(b"r.conf".to_vec(), b"port 7\ntimeout 0\n".to_vec());
            let text = serve(args).gather(&mut host, b"").unwrap();
            let error = file::load(&mut Config::default(), &text, &mut host).unwrap_err();
            let report = format!(
                "\n*** FATAL CONFIG FILE ERROR (Redis 8.0.6) ***\nReading the configuration file, \
                 at line {line}\n>>> '{shown}'\n{message}\n"
            );
            assert_eq!(String::from_utf8(error.report("8.0.6")).unwrap(), report, "{args:?}");
        }
    }

    #[test]
    fn questions_are_answered_instead_of_serving() {
        assert_eq!(parse(&["-v", "x"]), Ok(Invocation::Version));
        assert_eq!(parse(&["--version"]), Ok(Invocation::Version));
        assert_eq!(parse(&["-h"]), Ok(Invocation::Help));
        assert_eq!(parse(&["--check-system"]), Ok(Invocation::CheckSystem));
        assert_eq!(parse(&["--test-memory", "64"]), Ok(Invocation::TestMemory { megabytes: 64 }));
        assert!(parse(&["--test-memory"]).unwrap_err().starts_with("Please specify"));
        assert!(parse(&["--test-memory", "x"]).is_err());
        assert!(parse(&["r.conf", "--sentinel"]).unwrap_err().contains("Sentinel"));
    }
}
