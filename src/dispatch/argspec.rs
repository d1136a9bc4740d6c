//! Argument specifications: a command's syntax as a tree, for COMMAND DOCS and whoever completes a command line.

/// What kind of word an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl Kind {
    /// The name COMMAND DOCS gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Key => "key",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf => "oneof",
            Kind::Block => "block",
        }
    }
}

/// One argument of a command's syntax.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    pub name: &'static str,
    pub kind: Kind,
    /// Index of the key spec that finds it, for keys.
    pub key_spec: Option<u8>,
    pub token: Option<&'static str>,
    pub since: Option<&'static str>,
    pub deprecated_since: Option<&'static str>,
    /// The name to show, where it is not `name`.
    pub display: Option<&'static str>,
    pub optional: bool,
    pub multiple: bool,
    pub multiple_token: bool,
    pub parts: &'static [Arg],
}

impl Arg {
    const fn new(name: &'static str, kind: Kind) -> Arg {
        Arg {
            name,
            kind,
            key_spec: None,
            token: None,
            since: None,
            deprecated_since: None,
            display: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            parts: &[],
        }
    }

    /// May be left out.
    pub const fn optional(self) -> Arg {
        Arg { optional: true, ..self }
    }

    /// May be repeated.
    pub const fn multiple(self) -> Arg {
        Arg { multiple: true, ..self }
    }

    /// May be repeated, its token each time.
    pub const fn multiple_token(self) -> Arg {
        Arg { multiple: true, multiple_token: true, ..self }
    }

    /// Follows this word.
    pub const fn token(self, token: &'static str) -> Arg {
        Arg { token: Some(token), ..self }
    }

    pub const fn since(self, version: &'static str) -> Arg {
        Arg { since: Some(version), ..self }
    }

    pub const fn deprecated_since(self, version: &'static str) -> Arg {
        Arg { deprecated_since: Some(version), ..self }
    }

    pub const fn display(self, text: &'static str) -> Arg {
        Arg { display: Some(text), ..self }
    }
}

pub const fn string(name: &'static str) -> Arg {
    Arg::new(name, Kind::String)
}

pub const fn integer(name: &'static str) -> Arg {
    Arg::new(name, Kind::Integer)
}

pub const fn double(name: &'static str) -> Arg {
    Arg::new(name, Kind::Double)
}

/// A key, found by key spec number `spec`.
pub const fn key(name: &'static str, spec: u8) -> Arg {
    Arg { key_spec: Some(spec), ..Arg::new(name, Kind::Key) }
}

/// A key that no key spec finds.
pub const fn key_unspecified(name: &'static str) -> Arg {
    Arg::new(name, Kind::Key)
}

pub const fn pattern(name: &'static str) -> Arg {
    Arg::new(name, Kind::Pattern)
}

pub const fn unix_time(name: &'static str) -> Arg {
    Arg::new(name, Kind::UnixTime)
}

/// A word that stands for itself.
pub const fn token(name: &'static str, word: &'static str) -> Arg {
    Arg { token: Some(word), ..Arg::new(name, Kind::PureToken) }
}

/// One of the parts.
pub const fn oneof(name: &'static str, parts: &'static [Arg]) -> Arg {
    Arg { parts, ..Arg::new(name, Kind::OneOf) }
}

/// All the parts, together.
pub const fn block(name: &'static str, parts: &'static [Arg]) -> Arg {
    Arg { parts, ..Arg::new(name, Kind::Block) }
}
