//! What a parameter is: a name, a kind that knows how to read and show its field, a default, and how it may change.
//!
//! The kinds are few and the parameters many, so a parameter is data: everything else (the file parser, CONFIG GET, SET and
//! REWRITE, the check of the shipped `redis.conf`) works on [`Param`] and names no directive.
//!
//! What always holds: reading what [`Param::show`] printed gives the same value, and so does reading back the lines of
//! [`Param::lines`]; the tests in `params` hold every entry to it.

use super::fields::Config;
use super::values::{ClientsMemory, Named, Text};
use crate::util::{number, quote, units};
use bitflags::bitflags;

bitflags! {
    /// How a parameter may be changed and seen.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u8 {
        /// Only the configuration file and the command line may set it.
        const IMMUTABLE = 1 << 0;
        /// CONFIG SET needs `enable-protected-configs`.
        const PROTECTED = 1 << 1;
        /// Its values are kept out of logs, SLOWLOG and MONITOR.
        const SENSITIVE = 1 << 2;
        /// CONFIG GET shows it only when asked by its exact name.
        const HIDDEN = 1 << 3;
        /// Takes a list of words instead of one.
        const MULTI_ARG = 1 << 4;
        /// CONFIG SET refuses it while the data set is loading.
        const DENY_LOADING = 1 << 5;
        /// CONFIG SET runs the hook even when the value stays the same, because what it names may have changed.
        const VOLATILE = 1 << 6;
    }
}

/// What the server has to do after a value changed. [`Hook::Nothing`]: whoever uses the value reads it when it needs it.
/// Quoted is what upstream replies when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// No side effect.
    Nothing,
    /// Listen on the new `port`. `Unable to listen on this port. Check server logs.`
    Port,
    /// Listen on the new `bind` addresses. `Failed to bind to specified addresses.`
    Bind,
    /// Make room for `maxclients` descriptors.
    /// `The operating system is not able to handle the specified number of clients, try with <n>`
    MaxClients,
    /// Shrink to the new `maxmemory`.
    MaxMemory,
    /// Hand policy, sampling and LFU settings to the eviction code.
    Eviction,
    /// Close the clients that are too many under `maxmemory-clients`.
    MaxMemoryClients,
    /// Hand the thresholds of compact encodings to the value types.
    Encodings,
    /// Recompute the frequency of the cron.
    Hz,
    /// Hand `loglevel` to the logger.
    LogLevel,
    /// Write the process's `oom_score_adj`. `Failed to set current oom_score_adj. Check server logs.`
    OomScoreAdj,
    /// Give the user `default` the new password.
    RequirePass,
    /// Rewrite the process title.
    ProcTitle,
    /// Turn crash reports on or off, and user data in them.
    CrashReports,
    /// Raise `watchdog-period` to the least that the cron's frequency allows, and start or stop the watchdog.
    Watchdog,
    /// Switch `LC_COLLATE`. `Invalid locale name`
    Locale,
    /// Begin or end the append only file. `Unable to turn on AOF. Check server logs.`
    AppendOnly,
    /// Delete the append only file's history, if it is to be deleted.
    AofHistory,
    /// Change into the new `dir`, and put the absolute path into `Config::dir`. The words of `strerror`.
    Dir,
    /// Start or stop jemalloc's background thread.
    JemallocThread,
    ActiveDefrag,
    /// Recount the replicas that are good enough for writes.
    GoodReplicas,
    /// Resize the replication backlog.
    ReplBacklog,
    /// Tell `appendfsync` to the append only file.
    AppendFsync,
    /// Tell the cluster about the new announcement.
    ClusterAnnounce,
}

/// The two views of one field of [`Config`].
pub struct Field<T: 'static> {
    /// To show it.
    pub get: fn(&Config) -> &T,
    /// To set it.
    pub get_mut: fn(&mut Config) -> &mut T,
}

/// `field!(port)`: the [`Field`] of `Config::port`.
macro_rules! field {
    ($name:ident) => {
        &$crate::config::param::Field { get: |config| &config.$name, get_mut: |config| &mut config.$name }
    };
}
pub(super) use field;

/// A field that holds an integer of some width.
pub trait IntField: Sync {
    /// The value, widened.
    fn get(&self, config: &Config) -> i64;
    /// Stores `value`; false when the field is too narrow for it.
    fn set(&self, config: &mut Config, value: i64) -> bool;
}

impl<T: Copy + TryFrom<i64> + TryInto<i64>> IntField for Field<T> {
    fn get(&self, config: &Config) -> i64 {
        (*(self.get)(config)).try_into().unwrap_or(i64::MAX)
    }

    fn set(&self, config: &mut Config, value: i64) -> bool {
        let narrowed = T::try_from(value);
        if let Ok(narrowed) = narrowed {
            *(self.get_mut)(config) = narrowed;
            return true;
        }
        false
    }
}

/// A field that holds a choice among names.
pub trait EnumField: Sync {
    /// The name of the value.
    fn get(&self, config: &Config) -> &'static str;
    /// Stores the value called `text`; false when there is none.
    fn set(&self, config: &mut Config, text: &[u8]) -> bool;
    /// Every name, in the order of the error message.
    fn names(&self) -> Vec<&'static str>;
}

impl<E: Named> EnumField for Field<E> {
    fn get(&self, config: &Config) -> &'static str {
        (self.get)(config).name()
    }

    fn set(&self, config: &mut Config, text: &[u8]) -> bool {
        let value = E::from_name(text);
        if let Some(value) = value {
            *(self.get_mut)(config) = value;
        }
        value.is_some()
    }

    fn names(&self) -> Vec<&'static str> {
        E::NAMES.iter().map(|(name, _)| *name).collect()
    }
}

/// Where a value comes from, as far as reading it depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A configuration file or the command line. `first`: the directive was not met before in this load, so a list that
    /// accumulates over several lines starts anew.
    File {
        /// See above.
        first: bool,
    },
    /// CONFIG SET: the value replaces what was there.
    Set,
}

/// Reads words into a field. The error is the text after `CONFIG SET failed (…) - `.
pub type ParseWords = fn(&mut Config, &[&[u8]], Source) -> Result<(), String>;

/// A kind of its own: a list, a structure or a text with a grammar.
pub struct Special {
    /// Reads the words.
    pub parse: ParseWords,
    /// What CONFIG GET answers.
    pub show: fn(&Config) -> Text,
    /// The arguments of each line CONFIG REWRITE keeps for it.
    pub lines: fn(&Config) -> Vec<Text>,
}

/// What values a parameter takes, and where they live.
pub enum Kind {
    /// `yes` or `no`.
    Bool(&'static Field<bool>),
    /// A decimal number.
    Int {
        /// Where it lives.
        field: &'static dyn IntField,
        /// Least accepted.
        min: i64,
        /// Greatest accepted.
        max: i64,
        /// Accepted, but brought into this range.
        clamp: Option<(i64, i64)>,
    },
    /// A file mode in octal, 0 to 777.
    Octal(&'static Field<u32>),
    /// Bytes, with an optional unit.
    Memory {
        /// Where it lives.
        field: &'static Field<u64>,
        /// Least accepted.
        min: u64,
        /// Greatest accepted.
        max: u64,
        /// Accepted, but raised to this.
        floor: u64,
    },
    /// Bytes or a percentage.
    Percent(&'static Field<ClientsMemory>),
    /// Any text the check lets pass.
    Str(&'static Field<Text>, fn(&[u8]) -> Result<(), String>),
    /// A text that may be unset, which an empty value does.
    OptStr(&'static Field<Option<Text>>),
    /// One of several names.
    Enum(&'static dyn EnumField),
    /// A kind of its own.
    Special(&'static Special),
}

/// One entry of the table.
pub struct Param {
    /// The name under which it is written back.
    pub name: &'static str,
    /// Older names; CONFIG GET shows them too.
    pub aliases: &'static [&'static str],
    /// Valkey's names: understood everywhere, listed nowhere, so that `CONFIG GET *` stays upstream's list.
    pub valkey: &'static [&'static str],
    /// Values and field.
    pub kind: Kind,
    /// The default as one would write it behind the name.
    pub default: &'static str,
    /// How it may be changed and seen.
    pub flags: Flags,
    /// What to do after a change.
    pub hook: Hook,
    /// The part of the server this parameter would switch on, where this build does not have it: any value but the
    /// default is then refused by name, instead of being stored without effect.
    pub absent: Option<&'static str>,
}

impl Param {
    /// An entry without aliases, flags and hook.
    pub(super) const fn new(name: &'static str, kind: Kind, default: &'static str) -> Param {
        Param { name, aliases: &[], valkey: &[], kind, default, flags: Flags::empty(), hook: Hook::Nothing, absent: None }
    }

    /// Older names of the same parameter.
    pub(super) const fn alias(mut self, aliases: &'static [&'static str]) -> Param {
        self.aliases = aliases;
        self
    }

    /// Valkey's names of the same parameter.
    pub(super) const fn valkey(mut self, names: &'static [&'static str]) -> Param {
        self.valkey = names;
        self
    }

    /// Sets a flag.
    pub(super) const fn flag(mut self, flag: Flags) -> Param {
        self.flags = self.flags.union(flag);
        self
    }

    /// Not changeable while the server runs.
    pub(super) const fn immutable(self) -> Param {
        self.flag(Flags::IMMUTABLE)
    }

    /// Only shown when asked by name.
    pub(super) const fn hidden(self) -> Param {
        self.flag(Flags::HIDDEN)
    }

    /// Sets the hook.
    pub(super) const fn hook(mut self, hook: Hook) -> Param {
        self.hook = hook;
        self
    }

    /// Accepts only its default, because this build has no `part`.
    pub(super) const fn absent(mut self, part: &'static str) -> Param {
        self.absent = Some(part);
        self
    }

    /// Whether `name` is one of its names, in any case.
    pub fn is_called(&self, name: &[u8]) -> bool {
        self.names().chain(self.valkey.iter().copied()).any(|own| own.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The names CONFIG GET lists, the canonical one first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Reads `words` into `config`. Leaves the field as it was or half changed on error: callers work on a copy.
    ///
    /// The error is the text upstream prints behind the directive.
    pub fn parse(&self, config: &mut Config, words: &[&[u8]], source: Source) -> Result<(), String> {
        match (&self.kind, words) {
            (Kind::Special(special), _) => (special.parse)(config, words, source)?,
            (kind, [word]) => kind.parse(config, word)?,
            _ => return Err("wrong number of arguments".into()),
        }
        match self.absent {
            Some(part) if self.show(config) != self.show(&Config::default()) => {
                Err(format!("only the value '{}' is possible for '{}': this server has no {part}", self.default, self.name))
            }
            _ => Ok(()),
        }
    }

    /// Writes the default into `config`.
    pub(super) fn reset(&self, config: &mut Config) {
        let outcome = match (&self.kind, self.default) {
            (Kind::Special(special), "") => (special.parse)(config, &[b""], Source::Set),
            (Kind::Special(special), list) => {
                (special.parse)(config, &list.split(' ').map(str::as_bytes).collect::<Vec<_>>(), Source::Set)
            }
            (kind, word) => kind.parse(config, word.as_bytes()),
        };
        debug_assert!(outcome.is_ok(), "default of {}: {outcome:?}", self.name);
    }

    /// The value as CONFIG GET answers it.
    pub fn show(&self, config: &Config) -> Text {
        match &self.kind {
            Kind::Bool(field) => if *(field.get)(config) { "yes" } else { "no" }.into(),
            Kind::Int { field, .. } => field.get(config).to_string().into(),
            Kind::Octal(field) => format!("{:o}", (field.get)(config)).into(),
            Kind::Memory { field, .. } => (field.get)(config).to_string().into(),
            Kind::Percent(field) => match (field.get)(config) {
                ClientsMemory::Bytes(bytes) => bytes.to_string().into(),
                ClientsMemory::Percent(percent) => format!("{percent}%").into(),
            },
            Kind::Str(field, _) => (field.get)(config).clone(),
            Kind::OptStr(field) => (field.get)(config).clone().unwrap_or_default(),
            Kind::Enum(field) => field.get(config).into(),
            Kind::Special(special) => (special.show)(config),
        }
    }

    /// The lines CONFIG REWRITE keeps for this parameter, without line ends: usually one, none for a text that is unset,
    /// several where the value is spread over lines.
    pub fn lines(&self, config: &Config) -> Vec<Text> {
        let line = |args: Text| [self.name.as_bytes(), b" ", &args].concat();
        self.rewrite_args(config).into_iter().map(line).collect()
    }

    fn rewrite_args(&self, config: &Config) -> Vec<Text> {
        match &self.kind {
            Kind::Memory { field, .. } => vec![with_unit(*(field.get)(config))],
            Kind::Percent(field) => vec![match (field.get)(config) {
                ClientsMemory::Bytes(bytes) => with_unit(*bytes),
                ClientsMemory::Percent(_) => self.show(config),
            }],
            Kind::Str(field, _) => vec![quote::repr((field.get)(config))],
            Kind::OptStr(field) => (field.get)(config).iter().map(|text| quote::repr(text)).collect(),
            Kind::Special(special) => (special.lines)(config),
            Kind::Bool(_) | Kind::Int { .. } | Kind::Octal(_) | Kind::Enum(_) => {
                vec![self.show(config)]
            }
        }
    }
}

impl Kind {
    /// A number between `min` and `max`.
    pub(super) const fn int(field: &'static dyn IntField, min: i64, max: i64) -> Kind {
        Kind::Int { field, min, max, clamp: None }
    }

    /// A number of bytes between `min` and `max`.
    pub(super) const fn memory(field: &'static Field<u64>, min: u64, max: u64) -> Kind {
        Kind::Memory { field, min, max, floor: 0 }
    }

    /// A text without further rules.
    pub(super) const fn text(field: &'static Field<Text>) -> Kind {
        Kind::Str(field, |_| Ok(()))
    }

    fn parse(&self, config: &mut Config, word: &[u8]) -> Result<(), String> {
        match self {
            Kind::Bool(field) => {
                *(field.get_mut)(config) = parse_bool(word).ok_or("argument must be 'yes' or 'no'")?;
            }
            Kind::Int { field, min, max, clamp } => {
                let value = number::parse_i64(word).ok_or("argument couldn't be parsed into an integer")?;
                let clamped = clamp.map_or(value, |(least, most)| value.clamp(least, most));
                if !(*min..=*max).contains(&value) || !field.set(config, clamped) {
                    return Err(outside(*min, *max));
                }
            }
            Kind::Octal(field) => *(field.get_mut)(config) = parse_mode(word)?,
            Kind::Memory { field, min, max, floor } => {
                let value = units::parse_memory(word).ok_or("argument must be a memory value")?;
                if !(*min..=*max).contains(&value) {
                    return Err(outside(*min, *max));
                }
                *(field.get_mut)(config) = value.max(*floor);
            }
            Kind::Percent(field) => *(field.get_mut)(config) = parse_clients_memory(word)?,
            Kind::Str(field, check) => {
                check(word)?;
                *(field.get_mut)(config) = word.to_vec();
            }
            Kind::OptStr(field) => *(field.get_mut)(config) = Some(word.to_vec()).filter(|text| !text.is_empty()),
            Kind::Enum(field) => {
                if !field.set(config, word) {
                    return Err(one_of(&field.names()));
                }
            }
            Kind::Special(_) => return Err("wrong number of arguments".into()),
        }
        Ok(())
    }
}

/// The message that lists what is possible.
pub(super) fn one_of(names: &[&str]) -> String {
    format!("argument(s) must be one of the following: {}", names.join(", "))
}

fn outside(min: impl std::fmt::Display, max: impl std::fmt::Display) -> String {
    format!("argument must be between {min} and {max} inclusive")
}

fn parse_bool(word: &[u8]) -> Option<bool> {
    match () {
        _ if word.eq_ignore_ascii_case(b"yes") => Some(true),
        _ if word.eq_ignore_ascii_case(b"no") => Some(false),
        _ => None,
    }
}

/// Reads a file mode. Like C's `strtoll` it takes blanks and a sign in front, and nothing at all for zero.
fn parse_mode(word: &[u8]) -> Result<u32, String> {
    let text = word.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    if !digits.iter().all(|digit| matches!(digit, b'0'..=b'7')) {
        return Err("argument couldn't be parsed as an octal number".into());
    }
    let mode = digits.iter().fold(0u32, |mode, digit| mode.saturating_mul(8).saturating_add(u32::from(digit - b'0')));
    match mode {
        0 => Ok(0),
        mode if mode <= 0o777 && !negative => Ok(mode),
        _ => Err("argument must be between 0 and 777 inclusive".into()),
    }
}

fn parse_clients_memory(word: &[u8]) -> Result<ClientsMemory, String> {
    match units::parse_percent(word) {
        Some(0) => Ok(ClientsMemory::Bytes(0)),
        Some(percent @ 1..=100) => Ok(ClientsMemory::Percent(percent as u8)),
        Some(_) => Err("percentage argument must be less or equal to 100".into()),
        None => {
            units::parse_memory(word).map(ClientsMemory::Bytes).ok_or_else(|| "argument must be a memory or percent value".into())
        }
    }
}

/// A size in the largest unit that divides it, as the rewritten file shows it.
pub(super) fn with_unit(bytes: u64) -> Text {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")];
    let unit = UNITS.iter().find(|(scale, _)| bytes != 0 && bytes.is_multiple_of(*scale));
    match unit {
        Some((scale, name)) => format!("{}{name}", bytes / scale).into(),
        None => bytes.to_string().into(),
    }
}
