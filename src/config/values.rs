//! The types of parameter values that are more than a number, a flag or a text: choices among names, and small structures.
//!
//! Parsing and printing of the structures lives in `special/`; here is only what the rest of the server handles.

use bitflags::bitflags;

/// A text value: bytes as the user gave them, no encoding assumed.
pub type Text = Vec<u8>;

/// A choice among names. The first name of a variant is the one shown; order is that of the error message.
pub trait Named: Copy + PartialEq + 'static {
    /// Every accepted spelling, compared without regard to case.
    const NAMES: &'static [(&'static str, Self)];

    /// The spelling CONFIG GET answers.
    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, value)| *value == self).map_or("", |(name, _)| name)
    }

    /// The variant called `text`.
    fn from_name(text: &[u8]) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(text)).map(|(_, value)| *value)
    }
}

/// Declares an enum and its spellings in one list; the first variant is the type's (not the parameter's) default.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $first:ident = $first_text:literal, $($variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum $name { #[default] $first, $($variant,)* }

        impl Named for $name {
            const NAMES: &'static [(&'static str, Self)] =
                &[($first_text, Self::$first), $(($text, Self::$variant),)*];
        }
    };
}

named!(
    /// `supervised`.
    Supervised { Upstart = "upstart", Systemd = "systemd", Auto = "auto", No = "no", }
);
named!(
    /// `loglevel`, from chatty to silent.
    LogLevel { Debug = "debug", Verbose = "verbose", Notice = "notice", Warning = "warning", Nothing = "nothing", }
);
named!(
    /// `syslog-facility`.
    SyslogFacility {
        User = "user", Local0 = "local0", Local1 = "local1", Local2 = "local2", Local3 = "local3", Local4 = "local4",
        Local5 = "local5", Local6 = "local6", Local7 = "local7",
    }
);
named!(
    /// `maxmemory-policy`.
    MaxmemoryPolicy {
        VolatileLru = "volatile-lru", VolatileLfu = "volatile-lfu", VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl", AllkeysLru = "allkeys-lru", AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random", NoEviction = "noeviction",
    }
);
named!(
    /// `appendfsync`.
    AppendFsync { Everysec = "everysec", Always = "always", No = "no", }
);
/// `oom-score-adj`: off, added to the process's initial score, or set as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OomScoreAdj {
    #[default]
    No,
    Relative,
    Absolute,
}

impl Named for OomScoreAdj {
    const NAMES: &'static [(&'static str, Self)] =
        &[("no", Self::No), ("yes", Self::Relative), ("relative", Self::Relative), ("absolute", Self::Absolute)];
}

named!(
    /// `repl-diskless-load`.
    ReplDisklessLoad { Disabled = "disabled", OnEmptyDb = "on-empty-db", Swapdb = "swapdb", }
);
named!(
    /// Who may use a dangerous facility: nobody, everybody, or clients on this machine.
    Allow { No = "no", Yes = "yes", Local = "local", }
);
named!(
    /// `sanitize-dump-payload`.
    SanitizeDump { No = "no", Yes = "yes", Clients = "clients", }
);
named!(
    /// `tls-auth-clients`.
    TlsAuthClients { No = "no", Yes = "yes", Optional = "optional", }
);
named!(
    /// `acl-pubsub-default`.
    AclPubsubDefault { AllChannels = "allchannels", ResetChannels = "resetchannels", }
);
named!(
    /// `cluster-preferred-endpoint-type`.
    EndpointType { Ip = "ip", Hostname = "hostname", Unknown = "unknown-endpoint", }
);
named!(
    /// `propagation-error-behavior`.
    PropagationErrors { Ignore = "ignore", Panic = "panic", PanicOnReplicas = "panic-on-replicas", }
);

impl Allow {
    /// Whether a client may pass; `local` tells that it is connected from this machine.
    pub fn permits(self, local: bool) -> bool {
        match self {
            Allow::No => false,
            Allow::Yes => true,
            Allow::Local => local,
        }
    }
}

impl MaxmemoryPolicy {
    /// Whether only keys with a time to live are candidates.
    pub fn volatile_only(self) -> bool {
        use MaxmemoryPolicy::*;
        matches!(self, VolatileLru | VolatileLfu | VolatileRandom | VolatileTtl)
    }

    /// Whether keys carry an access frequency instead of an access time.
    pub fn uses_lfu(self) -> bool {
        matches!(self, MaxmemoryPolicy::VolatileLfu | MaxmemoryPolicy::AllkeysLfu)
    }

    /// Whether candidates are ranked by access time.
    pub fn uses_lru(self) -> bool {
        matches!(self, MaxmemoryPolicy::VolatileLru | MaxmemoryPolicy::AllkeysLru)
    }
}

bitflags! {
    /// `shutdown-on-sigint`, `shutdown-on-sigterm`: modifiers of the SHUTDOWN a signal causes; none is `default`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ShutdownFlags: u8 {
        /// Save even without save points.
        const SAVE = 1;
        /// Do not save even with save points.
        const NOSAVE = 2;
        /// Do not wait for replicas.
        const NOW = 4;
        /// Ignore errors that would cancel the shutdown.
        const FORCE = 8;
    }

    /// `notify-keyspace-events`: where events are published (`KEYSPACE`, `KEYEVENT`) and which classes are.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct KeyspaceEvents: u16 {
        /// `K`: publish to `__keyspace@<db>__:<key>`.
        const KEYSPACE = 1 << 0;
        /// `E`: publish to `__keyevent@<db>__:<event>`.
        const KEYEVENT = 1 << 1;
        /// `g`: commands of no particular type (DEL, EXPIRE, RENAME).
        const GENERIC = 1 << 2;
        /// `$`
        const STRING = 1 << 3;
        /// `l`
        const LIST = 1 << 4;
        /// `s`
        const SET = 1 << 5;
        /// `h`
        const HASH = 1 << 6;
        /// `z`
        const ZSET = 1 << 7;
        /// `x`: a key expired.
        const EXPIRED = 1 << 8;
        /// `e`: a key was evicted.
        const EVICTED = 1 << 9;
        /// `t`
        const STREAM = 1 << 10;
        /// `d`
        const MODULE = 1 << 11;
        /// `n`: a key was created. Not part of `A`.
        const NEW = 1 << 12;
        /// `m`: a key was looked up in vain. Not part of `A`.
        const KEY_MISS = 1 << 13;
        /// `A`
        const ALL = Self::GENERIC.bits() | Self::STRING.bits() | Self::LIST.bits() | Self::SET.bits() | Self::HASH.bits()
            | Self::ZSET.bits() | Self::EXPIRED.bits() | Self::EVICTED.bits() | Self::STREAM.bits() | Self::MODULE.bits();
    }
}

/// One `save` point: a snapshot is due `seconds` after the last when at least `changes` writes happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Age of the last snapshot.
    pub seconds: u64,
    /// Writes since then.
    pub changes: u32,
}

/// The limits of one client class; 0 switches a limit off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Pending output that closes the client at once.
    pub hard_bytes: u64,
    /// Pending output that closes the client when it stays above for `soft_s` seconds.
    pub soft_bytes: u64,
    /// See `soft_bytes`.
    pub soft_s: u64,
}

/// `client-output-buffer-limit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimits {
    /// Ordinary clients.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Clients in subscribe mode.
    pub pubsub: OutputLimit,
}

/// `maxmemory-clients`: a number of bytes or a share of `maxmemory`; zero switches client eviction off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientsMemory {
    /// Absolute.
    Bytes(u64),
    /// Of `maxmemory`, 1 to 100.
    Percent(u8),
}

impl Default for ClientsMemory {
    fn default() -> Self {
        ClientsMemory::Bytes(0)
    }
}

impl ClientsMemory {
    /// The limit in bytes under `maxmemory_bytes`; 0 means none. A share of no limit is no limit.
    pub fn limit_bytes(self, maxmemory_bytes: u64) -> u64 {
        match self {
            ClientsMemory::Bytes(bytes) => bytes,
            ClientsMemory::Percent(percent) => {
                let share = u128::from(maxmemory_bytes) * u128::from(percent) / 100;
                u64::try_from(share).unwrap_or(u64::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_shown_in_the_first_spelling() {
        assert_eq!(LogLevel::from_name(b"WARNING"), Some(LogLevel::Warning));
        assert_eq!(LogLevel::from_name(b"warn"), None);
        assert_eq!(OomScoreAdj::from_name(b"relative"), Some(OomScoreAdj::Relative));
        assert_eq!(OomScoreAdj::Relative.name(), "yes");
    }

    #[test]
    fn a_share_of_memory_never_overflows() {
        assert_eq!(ClientsMemory::Percent(100).limit_bytes(u64::MAX), u64::MAX);
        assert_eq!(ClientsMemory::Percent(5).limit_bytes(0), 0);
        assert_eq!(ClientsMemory::Percent(10).limit_bytes(1005), 100);
        assert_eq!(ClientsMemory::Bytes(7).limit_bytes(1), 7);
    }

    #[test]
    fn policies_know_what_they_need() {
        assert!(MaxmemoryPolicy::VolatileTtl.volatile_only());
        assert!(MaxmemoryPolicy::AllkeysLfu.uses_lfu() && !MaxmemoryPolicy::AllkeysLfu.uses_lru());
        assert!(Allow::Local.permits(true) && !Allow::Local.permits(false));
    }
}
