//! One sandboxed interpreter: built, locked, and run.
//!
//! Scripts of EVAL and functions have one each, as upstream has, so that they neither see one another nor share memory figures. All
//! scripts of one interpreter share its globals, which nobody can write to: every library, the metatable of strings and the globals
//! themselves are read-only, and what is not in [`ALLOWED`] is not there.
//!
//! ```text
//! functions see    environment {} -> __index: while a library loads, only `redis` with register_function, log and constants
//!                                             afterwards the globals
//! ```

use std::ffi::{CStr, CString};

use super::compile::{self, Code};
use super::vm::{Failed, Interpreter, Interrupter, Kind, Raise, Ref, Vm};
use super::{api, lend, lib, messages};

/// Whom an interpreter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// EVAL and its kin.
    Eval,
    /// Libraries of functions.
    Functions,
}

/// Runs after which a script or function becomes machine code: by then it is worth the tenth of a millisecond that this takes.
pub const NATIVE_AFTER: u8 = 16;
/// Longest source that becomes machine code, and the most of it in one interpreter, in bytes. Code is some ten times as long.
const NATIVE_SOURCE_MAX: usize = 32 << 10;
const NATIVE_TOTAL_MAX: usize = 1 << 20;

/// Globals that scripts have.
const ALLOWED: &[&[u8]] = &[
    b"_G",
    b"_VERSION",
    b"assert",
    b"bit",
    b"cjson",
    b"cmsgpack",
    b"collectgarbage",
    b"coroutine",
    b"error",
    b"gcinfo",
    b"getmetatable",
    b"ipairs",
    b"load",
    b"loadstring",
    b"math",
    b"next",
    b"os",
    b"pairs",
    b"pcall",
    b"rawequal",
    b"rawget",
    b"rawset",
    b"redis",
    b"select",
    b"server",
    b"setmetatable",
    b"string",
    b"struct",
    b"table",
    b"tonumber",
    b"tostring",
    b"type",
    b"unpack",
    b"xpcall",
];

/// Those they have with `lua-enable-deprecated-api` only.
const DEPRECATED: &[&[u8]] = &[b"getfenv", b"setfenv", b"newproxy"];

/// An error that ended a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    pub text: Vec<u8>,
    /// Source and line, where known.
    pub place: Option<(Vec<u8>, u32)>,
    /// The statistics have it already.
    pub counted: bool,
}

impl Failure {
    pub(super) fn text(text: impl Into<Vec<u8>>) -> Failure {
        Failure { text: text.into(), place: None, counted: false }
    }
}

/// An interpreter, ready to run.
pub struct Engine {
    interpreter: Interpreter,
    handler: Ref,
    /// Bytes of source that became machine code.
    native_bytes: usize,
    /// For functions: the environment, its metatable, and what is seen while a library loads.
    libraries: Option<(Ref, Ref, Ref)>,
}

impl Engine {
    /// Builds one that may use `limit` bytes. None: there is no memory for it.
    pub fn new(purpose: Purpose, deprecated_api: bool, limit: usize) -> Option<Engine> {
        let mut interpreter = Interpreter::new(limit)?;
        let mut handler = None;
        let mut libraries = None;
        interpreter
            .protected(None, &mut |vm| {
                furnish(vm);
                if purpose == Purpose::Functions {
                    libraries = Some(library_environment(vm));
                }
                lock(vm, deprecated_api);
                vm.push_native(c"", on_error);
                handler = Some(vm.make_ref(vm.top()));
                Ok(0)
            })
            .ok()?;
        Some(Engine { interpreter, handler: handler?, native_bytes: 0, libraries })
    }

    /// Bytes it holds.
    pub fn used_bytes(&self) -> usize {
        self.interpreter.used_bytes()
    }

    /// How to interrupt it.
    pub fn interrupter(&self) -> Interrupter {
        self.interpreter.interrupter()
    }

    /// Collects garbage.
    pub fn collect(&mut self, all: bool) {
        self.interpreter.collect(all);
    }

    /// Loads compiled code and keeps the function it is.
    ///
    /// # Errors
    /// What the compiler, or the lack of memory, has to say.
    pub fn load(&mut self, chunk: &CStr, code: &Code) -> Result<Ref, Vec<u8>> {
        let mut loaded = None;
        let mut message = Vec::new();
        let outcome = self.interpreter.protected(None, &mut |vm| {
            // What a global is when code is loaded it stays for that code, unless it is nothing.
            for name in [c"KEYS", c"ARGV"] {
                vm.push_nil();
                vm.set_global(name);
            }
            if vm.load(chunk, code, 0) {
                loaded = Some(vm.make_ref(vm.top()));
            } else {
                message = vm.to_bytes(vm.top()).unwrap_or_default();
            }
            Ok(0)
        });
        match (outcome, loaded) {
            (Ok(()), Some(function)) => Ok(function),
            (Ok(()), None) => Err(message),
            (Err(_), _) => Err(b"not enough memory".to_vec()),
        }
    }

    /// A function whose source is so long has run often: it becomes machine code, if it is not too long and there is not too much
    /// already. Machine code lies outside the memory that the interpreter's limit counts; this bounds it.
    pub fn make_native(&mut self, function: &Ref, source_bytes: usize) {
        if source_bytes > NATIVE_SOURCE_MAX || self.native_bytes + source_bytes > NATIVE_TOTAL_MAX {
            return;
        }
        self.native_bytes += source_bytes;
        let _ = self.interpreter.protected(None, &mut |vm| {
            vm.push_ref(function);
            vm.make_native(1);
            Ok(0)
        });
    }

    /// Runs `body` with errors caught. The server must be lent.
    ///
    /// # Errors
    /// The error that ended it.
    pub fn run(&mut self, body: &mut dyn FnMut(&mut Vm<'_>) -> Result<i32, Raise>) -> Result<(), Failure> {
        let outcome = self.interpreter.protected(Some(&self.handler), body);
        let Err(failed) = outcome else { return Ok(()) };
        self.interpreter.calm();
        let noted = lend::with(|server| server.scripts.failure.take()).flatten();
        match (failed, noted) {
            (Failed::Raised, Some(failure)) => Err(failure),
            (Failed::Memory, _) => {
                self.interpreter.collect(true);
                Err(Failure::text("ERR not enough memory"))
            }
            _ => Err(Failure::text("ERR error in error handling")),
        }
    }

    /// Runs a library's code: it sees what a library may see while it loads.
    ///
    /// # Errors
    /// The error that ended it.
    pub fn run_library(&mut self, chunk: &CStr, code: &Code) -> Result<(), LibraryError> {
        let Some((environment, meta, loading)) = &self.libraries else { return Ok(()) };
        let (environment, meta, loading) = (environment.same(), meta.same(), loading.same());
        let mut compile_error = None;
        let set = |vm: &mut Vm<'_>, what: Option<&Ref>| {
            vm.cut(0);
            vm.push_ref(&environment);
            vm.push_ref(&meta);
            vm.set_safe_environment(1, what.is_none());
            vm.set_readonly(2, false);
            match what {
                Some(what) => vm.push_ref(what),
                None => vm.push_globals(),
            }
            vm.set_field(2, c"__index");
            vm.set_readonly(2, true);
            vm.cut(1);
        };
        let outcome = self.run(&mut |vm| {
            set(vm, Some(&loading));
            if vm.load(chunk, code, 1) {
                vm.call(0, 0);
            } else {
                compile_error = vm.to_bytes(vm.top());
            }
            Ok(0)
        });
        let opened = self.run(&mut |vm| {
            set(vm, None);
            Ok(0)
        });
        if let Some(message) = compile_error {
            return Err(LibraryError::Compile(message));
        }
        outcome.and(opened).map_err(LibraryError::Run)
    }

    /// Gives functions back.
    pub fn release(&mut self, functions: impl IntoIterator<Item = Ref>) {
        let mut functions: Vec<Ref> = functions.into_iter().collect();
        let _ = self.interpreter.protected(None, &mut |vm| {
            for function in functions.drain(..) {
                vm.unref(function);
            }
            Ok(0)
        });
    }
}

/// Why a library could not be loaded.
#[derive(Debug)]
pub enum LibraryError {
    Compile(Vec<u8>),
    Run(Failure),
}

/// Puts every library where scripts look for it.
fn furnish(vm: &mut Vm<'_>) {
    lib::open(vm);
    api::open(vm, api::Set::Full);
    let redis = vm.top();
    vm.push_copy(redis);
    vm.set_global(c"redis");
    vm.push_copy(redis);
    vm.set_global(c"server");
    vm.push_bytes(b"Lua 5.1");
    vm.set_global(c"_VERSION");
    vm.cut(redis - 1);
}

/// The environment of libraries. Leaves the stack as it was.
fn library_environment(vm: &mut Vm<'_>) -> (Ref, Ref, Ref) {
    let base = vm.top();
    vm.push_table(0, 0);
    vm.push_table(0, 1);
    let environment = vm.make_ref(base + 1);
    let meta = vm.make_ref(base + 2);
    vm.set_readonly(base + 2, true);
    vm.set_metatable(base + 1);
    vm.set_readonly(base + 1, true);
    vm.cut(base);
    vm.push_table(0, 2);
    api::open(vm, api::Set::Loading);
    guard(vm, base + 2);
    vm.set_readonly(base + 2, true);
    vm.push_copy(base + 2);
    vm.set_field(base + 1, c"redis");
    vm.set_field(base + 1, c"server");
    guard(vm, base + 1);
    vm.set_readonly(base + 1, true);
    let loading = vm.make_ref(base + 1);
    vm.cut(base);
    (environment, meta, loading)
}

/// Has every access to what the table does not have fail.
fn guard(vm: &mut Vm<'_>, table: i32) {
    vm.push_table(0, 1);
    let meta = vm.top();
    vm.push_native(c"__index", no_such_global);
    vm.set_field(meta, c"__index");
    vm.set_readonly(meta, true);
    vm.set_metatable(table);
}

/// Takes away what scripts may not have, and makes the rest read-only.
fn lock(vm: &mut Vm<'_>, deprecated_api: bool) {
    vm.cut(0);
    vm.push_globals();
    let mut at = 0;
    let mut banned = Vec::new();
    while let Some(next) = vm.next(1, at) {
        at = next;
        let name = vm.bytes(2).unwrap_or_default();
        let allowed = ALLOWED.contains(&name) || deprecated_api && DEPRECATED.contains(&name);
        if !allowed {
            banned.push(name.to_vec());
        } else if vm.kind(3) == Kind::Table {
            vm.set_readonly(3, true);
        }
        vm.cut(1);
    }
    vm.set_readonly(1, false);
    for name in banned {
        vm.push_bytes(&name);
        vm.push_nil();
        vm.set(1);
    }
    vm.push_bytes(b"");
    if vm.push_metatable(2) {
        vm.set_readonly(3, true);
    }
    vm.cut(1);
    guard(vm, 1);
    vm.set_readonly(1, true);
    vm.set_safe_environment(1, true);
}

/// A global that is not there was read.
fn no_such_global(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let name = vm.to_bytes(2).unwrap_or_else(|| vm.kind_name(2).into());
    Err(Raise::Text([b"Script attempted to access nonexistent global variable '", &name[..], b"'"].concat()))
}

/// Notes an error where it is raised, while its place can still be told.
fn on_error(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let place = vm.place(1);
    let mut failure = match vm.kind(1) {
        Kind::Table => {
            let text = match vm.push_field(1, c"err") {
                Kind::String | Kind::Number => vm.to_bytes(2).unwrap_or_default(),
                _ => b"ERR unknown error".to_vec(),
            };
            let counted = vm.push_field(1, c"ignore_error_stats_update") == Kind::Boolean;
            Failure { text, place: None, counted }
        }
        _ => {
            vm.push_text(1);
            let text = messages::upstreams(vm.to_bytes(vm.top()).unwrap_or_default());
            let line = || source_line(place.as_ref().map_or(0, |(_, line)| *line as usize));
            let text = messages::name_called(&text, line, |table, field| is_nil(vm, table, field)).unwrap_or(text);
            Failure::text([b"ERR ", &text[..]].concat())
        }
    };
    failure.place = place;
    lend::with(|server| server.scripts.failure = Some(failure));
    Ok(1)
}

/// A line of what runs, counted from 1.
fn source_line(line: usize) -> Vec<u8> {
    let of = |source: &[u8]| source.split(|byte| *byte == b'\n').nth(line.wrapping_sub(1)).unwrap_or_default().to_vec();
    lend::with(|server| of(server.scripts.running_source())).unwrap_or_default()
}

/// Whether the global of that name is a table that does not have the field.
fn is_nil(vm: &mut Vm<'_>, table: &[u8], field: &[u8]) -> bool {
    let base = vm.top();
    let (Ok(table), Ok(field)) = (CString::new(table), CString::new(field)) else { return false };
    vm.push_globals();
    let nil = vm.push_field(base + 1, &table) == Kind::Table && vm.push_field(base + 2, &field) == Kind::Nil;
    vm.cut(base);
    nil
}

/// Compiles a text to see whether it does.
///
/// # Errors
/// The compiler's message.
pub fn check(chunk: &str, source: &[u8]) -> Result<Code, Vec<u8>> {
    compile::compile(source).map_err(|message| {
        // The compiler knows the line only.
        match message.strip_prefix(b":") {
            Some(rest) => [chunk.as_bytes(), b":", rest].concat(),
            None => message,
        }
    })
}
