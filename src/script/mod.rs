//! Scripts and functions, on Luau.
//!
//! Reading order: [`vm`] (the interpreter as safe code sees it, and the one place that trusts it), [`engine`] (one sandboxed
//! interpreter), [`lend`] (how natives reach the server), [`call`] (`redis.call`), [`convert`] (replies to values and back), [`api`]
//! (the rest of `redis.*`), [`lib`] (cjson, cmsgpack, struct, bit and what 5.1 had), [`shebang`] and [`cache`] (scripts of EVAL),
//! [`library`] (functions), [`run`] (one run, from the command to its reply), [`busy`] (a run that takes long) and [`watch`] (the clock
//! that notices).

pub mod api;
pub mod busy;
pub mod cache;
pub mod call;
pub mod compile;
pub mod convert;
pub mod engine;
pub mod fuzz;
pub mod lend;
pub mod lib;
pub mod library;
pub mod messages;
pub mod number;
pub mod payload;
pub mod run;
pub mod shebang;
#[cfg(test)]
mod tests;
pub mod vm;
pub mod watch;

use cache::Cache;
use engine::{Engine, Failure, Purpose};
use library::Libraries;
use run::Running;

use crate::resp::{OwnedArgs, Reply};
use crate::server::compatibility::OneSlot;

/// Most memory that one interpreter may use, in bytes.
const MEMORY_MAX: usize = 1 << 30;
/// Least it is left with however low `maxmemory` is.
const MEMORY_MIN: usize = 32 << 20;

/// The room of scripts.
#[derive(Default)]
pub struct Scripts {
    /// Made when first needed.
    pub eval: Option<Engine>,
    pub functions: Option<Engine>,
    pub cache: Cache,
    pub libraries: Libraries,
    /// The run that goes on, if any.
    pub running: Option<Running>,
    /// Whether it would work in a cluster is being looked at: the slot of the keys so far.
    pub sampled: Option<OneSlot>,
    /// The error that has just ended one.
    pub failure: Option<Failure>,
    /// Settings of `cjson`, as the running script has made them.
    pub json: lib::cjson::Settings,
    pub random: lib::math::Random,
    /// What a library registers while it loads.
    pub registering: Option<Vec<library::Registered>>,
    /// DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may call what is not for scripts.
    pub all_commands: bool,
    /// Argument and reply buffers of `redis.call`, used again and again.
    pub scratch: OwnedArgs,
    pub answer: Reply,
    /// Runs so far.
    runs: u32,
    watch: watch::Watch,
    /// For the turns that other clients get while a script is busy.
    nested: busy::Nested,
}

impl Scripts {
    /// Whether a script runs.
    #[inline]
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether a script has run for so long that others are told.
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.busy)
    }

    /// Whether a command that runs scripts, of which `what` names one, runs one that says it does not write.
    pub fn says_no_writes(&self, command: &str, what: &[u8]) -> bool {
        let flags = match command {
            "EVAL" => shebang::of_script(what).ok().map(|(flags, _)| flags),
            "EVALSHA" => cache::parse(what).and_then(|digest| self.cache.get(&digest)).map(|script| script.flags),
            _ => self.libraries.function(what).map(|function| function.flags),
        };
        flags.is_some_and(|flags| flags.contains(shebang::ScriptFlags::NO_WRITES))
    }

    /// The text of what runs, shebang and all; nothing while a library loads.
    fn running_source(&self) -> &[u8] {
        match self.running.as_ref().map(|running| &running.what) {
            Some(run::What::Script(digest)) => self.cache.get(digest).map_or(b"", |script| &script.body),
            Some(run::What::Function(name, _)) => self.libraries.source(name),
            Some(run::What::Library) | None => b"",
        }
    }

    /// Memory of the interpreters: of EVAL's, and of functions'.
    pub fn vm_bytes(&self) -> (usize, usize) {
        let used = |engine: &Option<Engine>| engine.as_ref().map_or(0, Engine::used_bytes);
        (used(&self.eval), used(&self.functions))
    }

    /// Makes the interpreter if it is not there, and takes it out. None: there is no memory for it.
    fn take_engine(&mut self, purpose: Purpose, config: &crate::config::Config) -> Option<Engine> {
        let place = match purpose {
            Purpose::Eval => &mut self.eval,
            Purpose::Functions => &mut self.functions,
        };
        if let Some(engine) = place.take() {
            return Some(engine);
        }
        let limit = match config.maxmemory_bytes {
            0 => MEMORY_MAX,
            bytes => usize::try_from(bytes).unwrap_or(MEMORY_MAX).clamp(MEMORY_MIN, MEMORY_MAX),
        };
        let engine = Engine::new(purpose, config.lua_enable_deprecated_api, limit)?;
        self.watch.add(engine.interrupter());
        Some(engine)
    }

    /// Puts it back.
    fn put_engine(&mut self, purpose: Purpose, engine: Engine) {
        match purpose {
            Purpose::Eval => self.eval = Some(engine),
            Purpose::Functions => self.functions = Some(engine),
        }
    }

    /// Forgets every cached script, and the interpreter with them.
    pub fn flush_cache(&mut self) {
        self.cache = Cache::default();
        self.eval = None;
    }

    /// Forgets every library, and the interpreter with them.
    pub fn flush_libraries(&mut self) {
        self.libraries = Libraries::default();
        self.functions = None;
    }
}
