//! What a command is: one declaration that holds everything the server knows about it.
//!
//! A `const fn` builder, so that the declaration is a `static` beside the handler. From these come dispatch, arity,
//! the COMMAND family, ACL categories, key extraction, admission and statistics; nothing about a command is said
//! twice.

use super::argspec::Arg;
use super::context::{Ctx, Db};
use super::error::CmdError;
use super::flags::{Categories, Category, Flag, Flags};
use super::keyspec::{Keys, KeysFn};
use crate::resp::{Args, Reply};

/// What became of a command that did not fail.
pub enum Flow {
    /// It ran; its reply is written.
    Done,
    /// It cannot run yet: nothing is written, and it is to run again when one of its keys is ready.
    Block(Box<super::blocking::Wait>),
}

/// What a handler returns. An error is written as the reply by the caller.
pub type CmdResult = Result<Flow, CmdError>;

/// A handler that reaches one database, its arguments and its reply.
pub type DataFn = fn(&mut Db<'_>, Args<'_>, &mut Reply) -> CmdResult;

/// A handler that reaches the whole server.
pub type ServerFn = fn(&mut Ctx<'_>) -> CmdResult;

/// The code behind a command.
#[derive(Clone, Copy)]
pub enum Handler {
    Data(DataFn),
    Server(ServerFn),
    /// None of its own: the first argument names a subcommand.
    Container,
}

/// The family a command belongs to in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    PubSub,
    Transactions,
    Connection,
    Server,
    Scripting,
    HyperLogLog,
    Cluster,
    Sentinel,
    Geo,
    Stream,
    Bitmap,
}

impl Group {
    /// The name COMMAND DOCS gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Scripting => "scripting",
            Group::HyperLogLog => "hyperloglog",
            Group::Cluster => "cluster",
            Group::Sentinel => "sentinel",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Bitmap => "bitmap",
        }
    }

    const fn category(self) -> Option<Category> {
        Some(match self {
            Group::Generic => Category::Keyspace,
            Group::String => Category::String,
            Group::List => Category::List,
            Group::Set => Category::Set,
            Group::SortedSet => Category::SortedSet,
            Group::Hash => Category::Hash,
            Group::PubSub => Category::PubSub,
            Group::Transactions => Category::Transaction,
            Group::Connection => Category::Connection,
            Group::Scripting => Category::Scripting,
            Group::HyperLogLog => Category::HyperLogLog,
            Group::Geo => Category::Geo,
            Group::Stream => Category::Stream,
            Group::Bitmap => Category::Bitmap,
            Group::Server | Group::Cluster | Group::Sentinel => return None,
        })
    }
}

/// A command's declaration.
pub struct Command {
    /// In capitals; a subcommand's own word only.
    pub name: &'static str,
    pub handler: Handler,
    pub summary: &'static str,
    pub since: &'static str,
    pub complexity: &'static str,
    pub group: Group,
    /// Number of words with the name: exact if positive, at least `-arity` if negative.
    pub arity: i32,
    pub flags: Flags,
    own_categories: Option<Categories>,
    pub keys: &'static [Keys],
    pub keys_fn: Option<KeysFn>,
    pub args: &'static [Arg],
    pub tips: &'static [&'static str],
    pub history: &'static [(&'static str, &'static str)],
    pub deprecated_since: Option<&'static str>,
    pub replaced_by: Option<&'static str>,
    /// Made for servers and their tests rather than for applications.
    pub internal: bool,
    pub subcommands: &'static [&'static Command],
}

impl Command {
    const fn new(name: &'static str, handler: Handler) -> Command {
        Command {
            name,
            handler,
            summary: "",
            since: "1.0.0",
            complexity: "",
            group: Group::Generic,
            arity: 0,
            flags: Flags::of(&[]),
            own_categories: None,
            keys: &[],
            keys_fn: None,
            args: &[],
            tips: &[],
            history: &[],
            deprecated_since: None,
            replaced_by: None,
            internal: false,
            subcommands: &[],
        }
    }

    /// A command that reaches one database.
    pub const fn data(name: &'static str, handler: DataFn) -> Command {
        Command::new(name, Handler::Data(handler))
    }

    /// A command that reaches the server.
    pub const fn server(name: &'static str, handler: ServerFn) -> Command {
        Command::new(name, Handler::Server(handler))
    }

    /// A command that only has subcommands.
    pub const fn container(name: &'static str, subcommands: &'static [&'static Command]) -> Command {
        Command { subcommands, arity: -2, ..Command::new(name, Handler::Container) }
    }

    /// Subcommands beside a handler of its own (COMMAND without arguments).
    pub const fn with_subcommands(self, subcommands: &'static [&'static Command]) -> Command {
        Command { subcommands, ..self }
    }

    pub const fn summary(self, summary: &'static str) -> Command {
        Command { summary, ..self }
    }

    pub const fn since(self, since: &'static str) -> Command {
        Command { since, ..self }
    }

    pub const fn complexity(self, complexity: &'static str) -> Command {
        Command { complexity, ..self }
    }

    pub const fn group(self, group: Group) -> Command {
        Command { group, ..self }
    }

    pub const fn arity(self, arity: i32) -> Command {
        Command { arity, ..self }
    }

    pub const fn flags(self, flags: &[Flag]) -> Command {
        Command { flags: Flags::of(flags), ..self }
    }

    /// Its ACL categories, where they are not its group's. Those that follow from flags are added in any case.
    pub const fn categories(self, categories: &[Category]) -> Command {
        Command { own_categories: Some(Categories::of(categories)), ..self }
    }

    pub const fn keys(self, keys: &'static [Keys]) -> Command {
        Command { keys, ..self }
    }

    /// Its own key search, where the specs cannot say it all.
    pub const fn keys_fn(self, find: KeysFn) -> Command {
        Command { keys_fn: Some(find), ..self }
    }

    pub const fn args(self, args: &'static [Arg]) -> Command {
        Command { args, ..self }
    }

    /// Hints for clients and proxies.
    pub const fn tips(self, tips: &'static [&'static str]) -> Command {
        Command { tips, ..self }
    }

    /// What changed since it came, version by version.
    pub const fn history(self, history: &'static [(&'static str, &'static str)]) -> Command {
        Command { history, ..self }
    }

    pub const fn deprecated(self, since: &'static str, replaced_by: &'static str) -> Command {
        Command { deprecated_since: Some(since), replaced_by: Some(replaced_by), ..self }
    }

    /// Made for servers and their tests rather than for applications (`syscmd` in COMMAND DOCS).
    pub const fn internal(self) -> Command {
        Command { internal: true, ..self }
    }

    /// Whether a request of `argc` words can be this command.
    #[inline]
    pub const fn accepts(&self, argc: usize) -> bool {
        if self.arity >= 0 { argc == self.arity as usize } else { argc >= -self.arity as usize }
    }

    /// All its ACL categories: its own or its group's, and those that follow from the flags.
    pub const fn all_categories(&self) -> Categories {
        let container = matches!(self.handler, Handler::Container);
        let mut all = match (self.own_categories, self.group.category()) {
            (Some(own), _) => own,
            (None, Some(category)) if !container => Categories::of(&[category]),
            _ => Categories::of(&[]),
        };
        let scripting = all.has(Category::Scripting);
        let implied = [
            (Flag::Write, Category::Write, false),
            (Flag::ReadOnly, Category::Read, true),
            (Flag::Admin, Category::Admin, false),
            (Flag::Admin, Category::Dangerous, false),
            (Flag::PubSub, Category::PubSub, false),
            (Flag::Fast, Category::Fast, false),
            (Flag::Blocking, Category::Blocking, false),
        ];
        let mut i = 0;
        while i < implied.len() {
            let (flag, category, not_for_scripts) = implied[i];
            if self.flags.has(flag) && !(not_for_scripts && scripting) {
                all = all.with(category);
            }
            i += 1;
        }
        if self.flags.has(Flag::Fast) { all } else { all.with(Category::Slow) }
    }
}
