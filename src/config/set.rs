//! CONFIG SET: several parameters at once, all of them or none.
//!
//! 1. Every name is looked up and every right checked; the first fault is the answer.
//! 2. Every value is read into a copy of the configuration.
//! 3. The hooks of what changed run, each once, with the copy. When one fails, those that ran before it run again with the
//!    old configuration.
//! 4. The copy becomes the configuration.

use super::fields::Config;
use super::param::{Flags, Hook, Param, Source};
use super::params;

/// What matters about who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The data set is being loaded.
    pub loading: bool,
    /// May change protected parameters, by `enable-protected-configs`.
    pub protected: bool,
}

/// Why nothing was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// No parameter has that name.
    Unknown(Vec<u8>),
    /// Not while loading.
    Loading,
    /// A parameter, as the caller spelt it, and what is wrong.
    Refused {
        /// Its name.
        name: Vec<u8>,
        /// The reason.
        message: String,
    },
}

impl SetError {
    /// The error reply, code included, without the leading `-` and the line end. Nothing in it can end the line early.
    pub fn reply(&self) -> Vec<u8> {
        let (start, name, end) = match self {
            SetError::Unknown(name) => ("ERR Unknown option or number of arguments for CONFIG SET - '", name, "'".to_string()),
            SetError::Loading => return b"LOADING Redis is loading the dataset in memory".to_vec(),
            SetError::Refused { name, message } => {
                ("ERR CONFIG SET failed (possibly related to argument '", name, format!("') - {message}"))
            }
        };
        // Upstream prints names as C strings.
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut reply = [start.as_bytes(), name, end.as_bytes()].concat();
        reply.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
        reply
    }
}

/// Sets all `pairs` of name and value, or none. `hook` carries out the consequences; it gets the new configuration, which it
/// may put right (an absolute path for `dir`), and its error is the reason the caller is told. It may be called again with
/// the old configuration, to undo what it did, and then its error is ignored.
pub fn set(
    config: &mut Config,
    pairs: &[(&[u8], &[u8])],
    caller: Caller,
    hook: &mut dyn FnMut(Hook, &mut Config) -> Result<(), String>,
) -> Result<(), SetError> {
    let found = admit(pairs, caller)?;
    let mut next = config.clone();
    for (param, (name, value)) in found.iter().zip(pairs) {
        let words: Vec<&[u8]> = match param.flags.contains(Flags::MULTI_ARG) {
            true if value.is_empty() => Vec::new(),
            true => value.split(|byte| *byte == b' ').collect(),
            false => vec![value],
        };
        param.parse(&mut next, &words, Source::Set).map_err(|message| SetError::Refused { name: name.to_vec(), message })?;
    }
    let mut ran: Vec<Hook> = Vec::new();
    for (param, (name, _)) in found.iter().zip(pairs) {
        let changed = param.flags.contains(Flags::VOLATILE) || param.show(config) != param.show(&next);
        if !changed || param.hook == Hook::Nothing || ran.contains(&param.hook) {
            continue;
        }
        ran.push(param.hook);
        if let Err(message) = hook(param.hook, &mut next) {
            log::warn!(
                "Failed applying new configuration. Possibly related to new {} setting. Restoring previous settings.",
                param.name
            );
            let mut old = config.clone();
            for undone in ran {
                let _ = hook(undone, &mut old);
            }
            return Err(SetError::Refused { name: name.to_vec(), message });
        }
    }
    *config = next;
    Ok(())
}

fn admit(pairs: &[(&[u8], &[u8])], caller: Caller) -> Result<Vec<&'static Param>, SetError> {
    let mut found = Vec::with_capacity(pairs.len());
    for (index, (name, _)) in pairs.iter().enumerate() {
        let param = params::find(name).ok_or_else(|| SetError::Unknown(name.to_vec()))?;
        if caller.loading && param.flags.contains(Flags::DENY_LOADING) {
            return Err(SetError::Loading);
        }
        let reason = match () {
            _ if param.flags.contains(Flags::IMMUTABLE) => Some("can't set immutable config"),
            _ if param.flags.contains(Flags::PROTECTED) && !caller.protected => Some("can't set protected config"),
            // An alias and its parameter are two names: the later one wins.
            _ if pairs[..index].iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name)) => Some("duplicate parameter"),
            _ => None,
        };
        if let Some(reason) = reason {
            return Err(SetError::Refused { name: name.to_vec(), message: reason.into() });
        }
        found.push(param);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANYONE: Caller = Caller { loading: false, protected: true };

    fn pairs<'a>(words: &'a [&'a str]) -> Vec<(&'a [u8], &'a [u8])> {
        words.chunks(2).map(|pair| (pair[0].as_bytes(), pair[1].as_bytes())).collect()
    }

    fn try_set(config: &mut Config, words: &[&str], caller: Caller) -> String {
        match set(config, &pairs(words), caller, &mut |_, _| Ok(())) {
            Ok(()) => "OK".into(),
            Err(error) => String::from_utf8_lossy(&error.reply()).into_owned(),
        }
    }

    fn refusal(words: &[&str]) -> String {
        let mut config = Config::default();
        let reply = try_set(&mut config, words, ANYONE);
        assert!(reply == "OK" || config == Config::default(), "{words:?} changed something");
        reply
    }

    /// What the genuine 8.0.6 replies.
    #[test]
    fn replies_are_upstreams() {
        let failed = |name: &str, why: &str| format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}");
        let unknown = |name: &str| format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'");
        for (words, reply) in [
            (&["nosuch", "1"][..], unknown("nosuch")),
            (&["include", "x"], unknown("include")),
            (&["maxmemory", "5", "nosuch", "1"], unknown("nosuch")),
            (&["bad name\r\n", "1"], unknown("bad name  ")),
            (&["a\0b", "1"], unknown("a")),
            (&["daemonize", "yes", "nosuch", "1"], failed("daemonize", "can't set immutable config")),
            (&["nosuch", "1", "maxmemory", "1", "maxmemory", "1"], unknown("nosuch")),
            (&["port", "abc", "daemonize", "yes"], failed("daemonize", "can't set immutable config")),
            (&["maxmemory", "1", "MAXMEMORY", "2"], failed("MAXMEMORY", "duplicate parameter")),
            (&["maxmemory", "x", "port", "y"], failed("maxmemory", "argument must be a memory value")),
            (&["port", "99999"], failed("port", "argument must be between 0 and 65535 inclusive")),
            (&["port", " 6379"], failed("port", "argument couldn't be parsed into an integer")),
            (&["maxmemory-clients", "200%"], failed("maxmemory-clients", "percentage argument must be less or equal to 100")),
            (&["save", "  "], failed("save", "Invalid save parameters")),
            (&["oom-score-adj-values", " 0 200 800"], failed("oom-score-adj-values", "wrong number of arguments")),
            (
                &["shutdown-on-sigint", ""],
                failed("shutdown-on-sigint", "argument(s) must be one of the following: default, save, nosave, now, force"),
            ),
            (
                &["latency-tracking-info-percentiles", "50  60"],
                failed("latency-tracking-info-percentiles", "Invalid latency-tracking-info-percentiles parameters"),
            ),
            (&["slave-priority", "1", "replica-priority", "2"], "OK".into()),
            (&["client-output-buffer-limit", ""], "OK".into()),
            (&["save", ""], "OK".into()),
        ] {
            assert_eq!(refusal(words), reply, "{words:?}");
        }
    }

    #[test]
    fn the_caller_matters() {
        let mut config = Config::default();
        let stranger = Caller { protected: false, ..ANYONE };
        let loading = Caller { loading: true, ..ANYONE };
        assert!(try_set(&mut config, &["dir", "/"], stranger).ends_with("can't set protected config"));
        assert_eq!(try_set(&mut config, &["dir", "/"], loading), "LOADING Redis is loading the dataset in memory");
        assert_eq!(try_set(&mut config, &["loglevel", "debug"], loading), "OK");
        assert_eq!(try_set(&mut config, &["dir", "/"], ANYONE), "OK");
        assert_eq!(config.dir, b"/");
    }

    #[test]
    fn values_are_clamped_where_upstream_does() {
        let mut config = Config::default();
        assert_eq!(try_set(&mut config, &["hz", "0", "repl-backlog-size", "1kb"], ANYONE), "OK");
        assert_eq!((config.hz, config.repl_backlog_size_bytes), (1, 16384));
        assert_eq!(try_set(&mut config, &["hz", "1000"], ANYONE), "OK");
        assert_eq!(config.hz, 500);
    }

    #[test]
    fn hooks_run_once_and_only_for_changes() {
        let mut config = Config::default();
        let mut ran = Vec::new();
        let words = ["maxmemory", "5", "maxmemory-samples", "6", "lfu-decay-time", "2", "hz", "10", "timeout", "4"];
        set(&mut config, &pairs(&words), ANYONE, &mut |hook, next| {
            assert_eq!((next.maxmemory_bytes, next.lfu_decay_time_min), (5, 2));
            ran.push(hook);
            Ok(())
        })
        .unwrap();
        assert_eq!(ran, [Hook::MaxMemory, Hook::Eviction]);
        assert_eq!((config.maxmemory_samples, config.timeout_s), (6, 4));
    }

    #[test]
    fn a_failing_hook_undoes_everything() {
        let mut config = Config::default();
        let mut ran = Vec::new();
        let words = ["oom-score-adj", "yes", "maxmemory", "5", "port", "7", "bind", "1.2.3.4"];
        let error = set(&mut config, &pairs(&words), ANYONE, &mut |hook, next| {
            ran.push((hook, next.port));
            match (hook, next.port) {
                (Hook::Port, 7) => Err("Unable to listen on this port. Check server logs.".into()),
                _ => Ok(()),
            }
        })
        .unwrap_err();
        assert_eq!(
            error.reply(),
            b"ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."
        );
        assert_eq!(
            ran,
            [
                (Hook::OomScoreAdj, 7),
                (Hook::MaxMemory, 7),
                (Hook::Port, 7),
                (Hook::OomScoreAdj, 6379),
                (Hook::MaxMemory, 6379),
                (Hook::Port, 6379)
            ]
        );
        assert_eq!(config, Config::default());
    }

    #[test]
    fn a_hook_may_put_a_value_right() {
        let mut config = Config::default();
        set(&mut config, &pairs(&["dir", "."]), ANYONE, &mut |_, next| {
            next.dir = b"/data".to_vec();
            Ok(())
        })
        .unwrap();
        assert_eq!(config.dir, b"/data");
    }
}
