//! Libraries of functions: what FUNCTION LOAD makes of a text, and FCALL finds.
//!
//! Function names are unique among all libraries, whatever their case. A library is loaded whole or not at all: its functions are
//! gathered while its code runs, and take the old ones' places only when nothing can fail any more.

use std::collections::BTreeMap;

use super::call::raise;
use super::engine::{self, LibraryError, Purpose};
use super::lend;
use super::run::{Running, What};
use super::shebang::{self, ScriptFlags};
use super::vm::{Kind, Raise, Ref, Vm};
use crate::dispatch::error::CmdError;
use crate::net::ClientId;
use crate::server::Server;

/// A function as its library registers it.
pub struct Registered {
    name: Box<[u8]>,
    description: Option<Box<[u8]>>,
    flags: ScriptFlags,
    callback: Ref,
}

/// A function.
pub struct Function {
    pub name: Box<[u8]>,
    pub description: Option<Box<[u8]>>,
    pub flags: ScriptFlags,
    pub callback: Ref,
    pub library: Box<[u8]>,
    /// Calls so far, as far as anyone counts.
    pub runs: u8,
}

/// A library.
pub struct Library {
    /// The whole text, shebang and all.
    pub code: Box<[u8]>,
    /// Its functions, by the name they are found under.
    pub functions: Vec<Box<[u8]>>,
}

/// All libraries.
#[derive(Default)]
pub struct Libraries {
    libraries: BTreeMap<Box<[u8]>, Library>,
    functions: BTreeMap<Box<[u8]>, Function>,
}

fn fold(name: &[u8]) -> Box<[u8]> {
    name.to_ascii_lowercase().into()
}

impl Libraries {
    /// The function of that name.
    pub fn function(&self, name: &[u8]) -> Option<&Function> {
        self.functions.get(&fold(name))
    }

    /// The same, about to be called.
    pub fn called(&mut self, name: &[u8]) -> Option<&mut Function> {
        self.functions.get_mut(&fold(name))
    }

    /// The text that the function comes from, shebang and all.
    pub fn source(&self, name: &[u8]) -> &[u8] {
        let library = self.function(name).and_then(|function| self.libraries.get(&function.library));
        library.map_or(b"", |library| &library.code)
    }

    /// The function found under that folded name.
    pub fn listed(&self, folded: &[u8]) -> Option<&Function> {
        self.functions.get(folded)
    }

    /// Libraries by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &Library)> {
        self.libraries.iter().map(|(name, library)| (&**name, library))
    }

    pub fn contains(&self, name: &[u8]) -> bool {
        self.libraries.contains_key(name)
    }

    pub fn len(&self) -> usize {
        self.libraries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.libraries.is_empty()
    }

    pub fn function_count(&self) -> usize {
        self.functions.len()
    }

    /// Takes a library out; the functions are to be given back.
    fn remove(&mut self, name: &[u8]) -> Option<Vec<Ref>> {
        let library = self.libraries.remove(name)?;
        Some(library.functions.iter().filter_map(|name| self.functions.remove(name)).map(|function| function.callback).collect())
    }

    /// Bytes that texts and tables take.
    pub fn mem_bytes(&self) -> usize {
        let libraries: usize = self.libraries.iter().map(|(name, library)| name.len() * 2 + library.code.len() + 160).sum();
        libraries + self.functions.keys().map(|name| name.len() * 3 + size_of::<Function>() + 48).sum::<usize>()
    }
}

const BAD_NAME: &str =
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

impl Server {
    /// Loads a library; its name.
    ///
    /// # Errors
    /// When it cannot be: nothing has changed then.
    pub fn load_library(&mut self, client: ClientId, code: &[u8], replace: bool) -> Result<Vec<u8>, CmdError> {
        if self.scripts.is_running() {
            return Err(CmdError::text("ERR This Redis command is not allowed from script"));
        }
        let (engine_name, name, code_at) = shebang::of_library(code).map_err(CmdError::new)?;
        if !is_name(&name) {
            return Err(CmdError::text(BAD_NAME));
        }
        if !engine_name.eq_ignore_ascii_case(b"lua") {
            return Err(CmdError::new([b"ERR Engine '", &engine_name[..], b"' not found"].concat()));
        }
        if !replace && self.scripts.libraries.contains(&name) {
            return Err(CmdError::new([b"ERR Library '", &name[..], b"' already exists"].concat()));
        }
        let functions = self.register(client, &code[code_at..])?;
        let libraries = &self.scripts.libraries;
        let taken = functions
            .iter()
            .find(|function| libraries.function(&function.name).is_some_and(|there| *there.library != name[..] || !replace));
        let error = match taken {
            Some(taken) => Some(CmdError::new([b"ERR Function ", &taken.name[..], b" already exists"].concat())),
            None if functions.is_empty() => Some(CmdError::text("ERR No functions registered")),
            None => None,
        };
        if let Some(error) = error {
            self.release_functions(functions.into_iter().map(|function| function.callback).collect());
            return Err(error);
        }
        self.delete_library(&name);
        let libraries = &mut self.scripts.libraries;
        let library = Library { code: code.into(), functions: functions.iter().map(|function| fold(&function.name)).collect() };
        for Registered { name: function, description, flags, callback } in functions {
            let library: Box<[u8]> = name[..].into();
            libraries
                .functions
                .insert(fold(&function), Function { name: function, description, flags, callback, library, runs: 0 });
        }
        libraries.libraries.insert(name[..].into(), library);
        Ok(name)
    }

    /// Runs a library's code; the functions it registers.
    fn register(&mut self, client: ClientId, code: &[u8]) -> Result<Vec<Registered>, CmdError> {
        let compiling = |message: &[u8]| CmdError::new([b"ERR Error compiling function: ", message].concat());
        let code = engine::check("user_function", code).map_err(|message| compiling(&message))?;
        let engine = self.scripts.take_engine(Purpose::Functions, &self.env.config);
        let Some(mut engine) = engine else { return Err(CmdError::text("ERR Failed creating the library")) };
        self.clock.tick();
        self.scripts.prepare(Running::new(What::Library, client, &self.clock, ScriptFlags::empty()));
        self.scripts.registering = Some(Vec::new());
        let outcome = lend::lend(self, || engine.run_library(c"@user_function", &code));
        self.script_ended();
        let functions = self.scripts.registering.take().unwrap_or_default();
        self.scripts.put_engine(Purpose::Functions, engine);
        let error = match outcome {
            Ok(()) => return Ok(functions),
            Err(LibraryError::Compile(message)) => compiling(&message),
            Err(LibraryError::Run(failure)) => CmdError::new([b"ERR Error registering functions: ", &failure.text[..]].concat()),
        };
        self.release_functions(functions.into_iter().map(|function| function.callback).collect());
        Err(error)
    }

    /// Removes a library; false if there is none.
    pub fn delete_library(&mut self, name: &[u8]) -> bool {
        match self.scripts.libraries.remove(name) {
            Some(functions) => {
                self.release_functions(functions);
                true
            }
            None => false,
        }
    }

    fn release_functions(&mut self, functions: Vec<Ref>) {
        if let Some(engine) = &mut self.scripts.functions
            && !functions.is_empty()
        {
            engine.release(functions);
        }
    }
}

/// `redis.register_function(name, callback)`, or one table with names.
pub fn register_function(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let loading = lend::with(|server| server.scripts.registering.is_some()) == Some(true);
    if !loading {
        return Err(raise(vm, "ERR redis.register_function can only be called on FUNCTION LOAD command"));
    }
    let described = match vm.top() {
        1 => named(vm),
        2 => positional(vm),
        _ => Err("ERR wrong number of arguments to redis.register_function"),
    };
    let function = match described {
        Ok(function) => function,
        Err(text) => return Err(raise(vm, text)),
    };
    if !is_name(&function.name) {
        vm.unref(function.callback);
        return Err(raise(vm, BAD_NAME));
    }
    let mut function = Some(function);
    lend::with(|server| {
        if let Some(registering) = &mut server.scripts.registering
            && let Some(new) = function.take_if(|new| !registering.iter().any(|there| fold(&there.name) == fold(&new.name)))
        {
            registering.push(new);
        }
    });
    match function {
        None => Ok(0),
        Some(function) => {
            vm.unref(function.callback);
            Err(raise(vm, "ERR Function already exists in the library"))
        }
    }
}

fn positional(vm: &mut Vm<'_>) -> Result<Registered, &'static str> {
    let Some(name) = vm.bytes(1).map(Box::from) else {
        return Err("ERR first argument to redis.register_function must be a string");
    };
    if vm.kind(2) != Kind::Function {
        return Err("ERR second argument to redis.register_function must be a function");
    }
    Ok(Registered { name, description: None, flags: ScriptFlags::empty(), callback: vm.make_ref(2) })
}

fn named(vm: &mut Vm<'_>) -> Result<Registered, &'static str> {
    if vm.kind(1) != Kind::Table {
        return Err(
            "ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        );
    }
    let mut callback = None;
    let described = named_fields(vm, &mut callback);
    match (described, callback) {
        (Ok((name, description, flags)), Some(callback)) => Ok(Registered { name, description, flags, callback }),
        (Ok(_), None) => Err("ERR redis.register_function must get a callback argument"),
        (Err(text), callback) => {
            if let Some(callback) = callback {
                vm.unref(callback);
            }
            Err(text)
        }
    }
}

type Described = (Box<[u8]>, Option<Box<[u8]>>, ScriptFlags);

fn named_fields(vm: &mut Vm<'_>, callback: &mut Option<Ref>) -> Result<Described, &'static str> {
    let (mut name, mut description, mut flags) = (None, None, ScriptFlags::empty());
    let mut at = 0;
    while let Some(next) = vm.next(1, at) {
        at = next;
        let Some(key) = vm.bytes(2).map(<[u8]>::to_ascii_lowercase) else {
            return Err("ERR named argument key given to redis.register_function is not a string");
        };
        match key.as_slice() {
            b"function_name" => match vm.bytes(3) {
                Some(text) => name = Some(text.into()),
                None => return Err("ERR function_name argument given to redis.register_function must be a string"),
            },
            b"description" => match vm.bytes(3) {
                Some(text) => description = Some(text.into()),
                None => return Err("ERR description argument given to redis.register_function must be a string"),
            },
            b"callback" if vm.kind(3) == Kind::Function => {
                if let Some(other) = callback.replace(vm.make_ref(3)) {
                    vm.unref(other);
                }
            }
            b"callback" => return Err("ERR callback argument given to redis.register_function must be a function"),
            b"flags" if vm.kind(3) == Kind::Table => flags = read_flags(vm)?,
            b"flags" => return Err("ERR flags argument to redis.register_function must be a table representing function flags"),
            _ => return Err("ERR unknown argument given to redis.register_function"),
        }
        vm.cut(1);
    }
    let Some(name) = name else { return Err("ERR redis.register_function must get a function name argument") };
    Ok((name, description, flags))
}

/// The flags in the list at index 3.
fn read_flags(vm: &mut Vm<'_>) -> Result<ScriptFlags, &'static str> {
    let mut flags = ScriptFlags::empty();
    let mut n = 1;
    loop {
        match vm.push_index(3, n) {
            Kind::Nil => break,
            Kind::String => match vm.bytes(vm.top()).and_then(shebang::flag) {
                Some(flag) => flags |= flag,
                None => return Err("ERR unknown flag given"),
            },
            _ => return Err("ERR unknown flag given"),
        }
        vm.pop(1);
        n += 1;
    }
    vm.cut(3);
    Ok(flags)
}
