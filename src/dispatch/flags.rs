//! What a command is allowed to do and needs to be allowed: its flags, and the ACL categories that follow.

/// A property of a command. The order is the order in which COMMAND INFO lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Flag {
    /// May change the keyspace.
    Write,
    /// Only reads the keyspace.
    ReadOnly,
    /// Refused while memory is over `maxmemory`.
    DenyOom,
    /// Administration.
    Admin,
    /// Publish/subscribe; allowed while subscribed.
    PubSub,
    /// Not for scripts.
    NoScript,
    /// May wait for something to happen.
    Blocking,
    /// Allowed while the dataset loads.
    Loading,
    /// Allowed on a replica whose data is stale.
    Stale,
    /// Not shown to MONITOR.
    SkipMonitor,
    /// Not entered in the slow log.
    SkipSlowlog,
    /// Implies ASKING in a cluster.
    Asking,
    /// Takes constant or logarithmic time.
    Fast,
    /// Needs no authentication.
    NoAuth,
    /// May end up in the replication stream although it does not write.
    MayReplicate,
    /// Refused while an asynchronous load runs.
    NoAsyncLoading,
    /// Not for transactions.
    NoMulti,
    /// Its keys cannot be told from fixed positions.
    MovableKeys,
    /// Allowed while a script runs too long.
    AllowBusy,
    /// May run with no key although it can take keys.
    NoMandatoryKeys,
    /// Needs `enable-…-command` in the configuration.
    Protected,
    /// May touch keys that are not among its arguments.
    TouchesArbitraryKeys,
}

/// A set of [`Flag`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// The set of the flags in the list.
    pub const fn of(list: &[Flag]) -> Flags {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i] as u32;
            i += 1;
        }
        Flags(bits)
    }

    #[inline]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u32) != 0
    }

    /// Whether any flag of `other` is in this set.
    #[inline]
    pub const fn intersects(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// This set with `flag`.
    pub const fn with(self, flag: Flag) -> Flags {
        Flags(self.0 | 1 << flag as u32)
    }

    /// The flags of both sets.
    pub const fn union(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Names of the flags that COMMAND INFO shows, in its order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const SHOWN: [(Flag, &str); 19] = [
            (Flag::Write, "write"),
            (Flag::ReadOnly, "readonly"),
            (Flag::DenyOom, "denyoom"),
            (Flag::Admin, "admin"),
            (Flag::PubSub, "pubsub"),
            (Flag::NoScript, "noscript"),
            (Flag::Blocking, "blocking"),
            (Flag::Loading, "loading"),
            (Flag::Stale, "stale"),
            (Flag::SkipMonitor, "skip_monitor"),
            (Flag::SkipSlowlog, "skip_slowlog"),
            (Flag::Asking, "asking"),
            (Flag::Fast, "fast"),
            (Flag::NoAuth, "no_auth"),
            (Flag::NoMandatoryKeys, "no_mandatory_keys"),
            (Flag::NoAsyncLoading, "no_async_loading"),
            (Flag::NoMulti, "no_multi"),
            (Flag::MovableKeys, "movablekeys"),
            (Flag::AllowBusy, "allow_busy"),
        ];
        SHOWN.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}

/// An ACL category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Category {
    Keyspace,
    Read,
    Write,
    Set,
    SortedSet,
    List,
    Hash,
    String,
    Bitmap,
    HyperLogLog,
    Geo,
    Stream,
    PubSub,
    Admin,
    Fast,
    Slow,
    Blocking,
    Dangerous,
    Connection,
    Transaction,
    Scripting,
}

impl Category {
    /// All of them, in the order that ACL CAT lists them.
    pub const ALL: [Category; 21] = [
        Category::Keyspace,
        Category::Read,
        Category::Write,
        Category::Set,
        Category::SortedSet,
        Category::List,
        Category::Hash,
        Category::String,
        Category::Bitmap,
        Category::HyperLogLog,
        Category::Geo,
        Category::Stream,
        Category::PubSub,
        Category::Admin,
        Category::Fast,
        Category::Slow,
        Category::Blocking,
        Category::Dangerous,
        Category::Connection,
        Category::Transaction,
        Category::Scripting,
    ];

    /// The name without the `@`.
    pub const fn name(self) -> &'static str {
        match self {
            Category::Keyspace => "keyspace",
            Category::Read => "read",
            Category::Write => "write",
            Category::Set => "set",
            Category::SortedSet => "sortedset",
            Category::List => "list",
            Category::Hash => "hash",
            Category::String => "string",
            Category::Bitmap => "bitmap",
            Category::HyperLogLog => "hyperloglog",
            Category::Geo => "geo",
            Category::Stream => "stream",
            Category::PubSub => "pubsub",
            Category::Admin => "admin",
            Category::Fast => "fast",
            Category::Slow => "slow",
            Category::Blocking => "blocking",
            Category::Dangerous => "dangerous",
            Category::Connection => "connection",
            Category::Transaction => "transaction",
            Category::Scripting => "scripting",
        }
    }
}

/// A set of [`Category`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Categories(u32);

impl Categories {
    pub const fn of(list: &[Category]) -> Categories {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i] as u32;
            i += 1;
        }
        Categories(bits)
    }

    pub const fn has(self, category: Category) -> bool {
        self.0 & (1 << category as u32) != 0
    }

    pub const fn with(self, category: Category) -> Categories {
        Categories(self.0 | 1 << category as u32)
    }

    pub const fn union(self, other: Categories) -> Categories {
        Categories(self.0 | other.0)
    }

    /// The categories in it, in ACL CAT's order.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        Category::ALL.into_iter().filter(move |category| self.has(*category))
    }
}
