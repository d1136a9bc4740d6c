//! One run of a script or a function, from the command that asks for it to its reply.

use super::cache::{self, Digest20};
use super::convert::{self, Written};
use super::engine::{self, Engine, Failure, Purpose};
use super::lend;
use super::shebang::{self, ScriptFlags};
use super::vm::Vm;
use crate::dispatch::context::Ctx;
use crate::dispatch::error::CmdError;
use crate::dispatch::{CmdResult, Flow};
use crate::net::ClientId;
use crate::resp::{Args, OwnedArgs};
use crate::server::clock::Clock;
use crate::util::number::parse_i64;

/// What `redis.set_repl` takes.
pub const REPLICATE_NONE: u8 = 0;
pub const REPLICATE_AOF: u8 = 1;
pub const REPLICATE_REPLICAS: u8 = 2;
pub const REPLICATE_ALL: u8 = 3;

/// Runs between two steps of garbage collection, beside those the interpreter does by itself.
const GC_PACE: u32 = 50;

const NO_SCRIPT: CmdError = CmdError::text("NOSCRIPT No matching script. Please use EVAL.");

/// What runs.
pub enum What {
    Script(Digest20),
    /// A function, and the command that called it.
    Function(Box<[u8]>, OwnedArgs),
    /// A library that is being loaded.
    Library,
}

/// A run that goes on.
pub struct Running {
    pub what: What,
    pub client: ClientId,
    pub started_ns: u64,
    /// The same as unix time.
    pub started_us: u64,
    pub flags: ScriptFlags,
    /// What commands answer in: RESP3 once the script has asked for it.
    pub resp3: bool,
    /// Whom its changes are sent to.
    pub replicate: u8,
    /// Memory was over its limit when it began.
    pub out_of_memory: bool,
    /// It has called a command that writes.
    pub wrote: bool,
    /// It has run for so long that others are told.
    pub busy: bool,
    /// It is to end.
    pub killed: bool,
}

impl Running {
    pub(super) fn new(what: What, client: ClientId, clock: &Clock, flags: ScriptFlags) -> Running {
        Running {
            what,
            client,
            started_ns: clock.now_ns,
            started_us: clock.now_us(),
            flags,
            resp3: false,
            replicate: REPLICATE_ALL,
            out_of_memory: false,
            wrote: false,
            busy: false,
            killed: false,
        }
    }

    /// As error messages and the log name it.
    pub fn name(&self) -> Vec<u8> {
        match &self.what {
            What::Script(digest) => cache::hex(digest).to_vec(),
            What::Function(name, _) => name.to_vec(),
            What::Library => b"FUNCTION LOAD".to_vec(),
        }
    }

    /// Whether FUNCTION KILL ends it, and not SCRIPT KILL.
    pub fn is_function(&self) -> bool {
        !matches!(self.what, What::Script(_))
    }
}

/// How many of the arguments from index 3 on are keys, as argument 2 says.
fn key_count(args: Args<'_>, not_a_number: CmdError) -> Result<usize, CmdError> {
    let count = parse_i64(args.at(2)).ok_or(not_a_number)?;
    if count > (args.len() - 3) as i64 {
        return Err(CmdError::text("ERR Number of keys can't be greater than number of args"));
    }
    usize::try_from(count).map_err(|_| CmdError::text("ERR Number of keys can't be negative"))
}

/// A script runs no other, even where DEBUG lets it call anything.
fn refuse_nested(ctx: &Ctx<'_>) -> Result<(), CmdError> {
    match ctx.server.scripts.is_running() {
        true => Err(CmdError::text("ERR This Redis command is not allowed from script")),
        false => Ok(()),
    }
}

/// EVAL and its kin.
///
/// # Errors
/// When there is nothing to run; what goes wrong in the run itself is answered.
pub fn eval(ctx: &mut Ctx<'_>, by_digest: bool, read_only: bool) -> CmdResult {
    let args = ctx.args;
    refuse_nested(ctx)?;
    if by_digest && args.at(1).len() != 40 {
        return Err(NO_SCRIPT);
    }
    let keys = key_count(args, CmdError::NOT_AN_INTEGER)?;
    let digest = if by_digest { cache::parse(args.at(1)).ok_or(NO_SCRIPT)? } else { cache::digest(args.at(1)) };
    if ctx.server.scripts.cache.get(&digest).is_none() {
        if by_digest {
            return Err(NO_SCRIPT);
        }
        ctx.server.add_script(digest, args.at(1), true)?;
    }
    show_monitors(ctx);
    let Some(mut engine) = take_engine(ctx, Purpose::Eval) else { return Err(CmdError::text("ERR not enough memory")) };
    let outcome = eval_on(ctx, &mut engine, digest, keys, read_only);
    ctx.server.scripts.put_engine(Purpose::Eval, engine);
    outcome
}

fn take_engine(ctx: &mut Ctx<'_>, purpose: Purpose) -> Option<Engine> {
    let server = &mut *ctx.server;
    server.scripts.take_engine(purpose, &server.env.config)
}

/// Scripts are shown before what they call.
fn show_monitors(ctx: &mut Ctx<'_>) {
    if !ctx.server.monitors.is_empty() {
        ctx.server.show_monitors(ctx.client, ctx.cmd, ctx.args, Some(ctx.reply));
    }
}

fn eval_on(ctx: &mut Ctx<'_>, engine: &mut Engine, digest: Digest20, keys: usize, read_only: bool) -> CmdResult {
    let Some(script) = ctx.server.scripts.cache.used(&digest) else { return Err(NO_SCRIPT) };
    let flags = script.flags;
    let hot = script.runs_for_the(engine::NATIVE_AFTER);
    let source_bytes = script.body.len();
    let function = match &script.function {
        Some(function) => function.same(),
        None => {
            let loaded = engine::check("user_script", &script.body[script.code_at as usize..])
                .and_then(|code| engine.load(c"@user_script", &code));
            match loaded {
                Ok(function) => {
                    script.function = Some(function.same());
                    function
                }
                Err(message) => return Err(compile_error(&message)),
            }
        }
    };
    let running = begin(ctx, What::Script(digest), flags, read_only)?;
    if hot {
        engine.make_native(&function, source_bytes);
    }
    let args = ctx.args;
    finish(ctx, engine, running, &mut |vm| {
        vm.push_ref(&function);
        push_list(vm, args.slice(3, 3 + keys));
        vm.set_global(c"KEYS");
        push_list(vm, args.from(3 + keys));
        vm.set_global(c"ARGV");
        vm.call(0, 1);
    })
}

fn compile_error(message: &[u8]) -> CmdError {
    CmdError::new([b"ERR Error compiling script (new function): ", message].concat())
}

impl crate::server::Server {
    /// Takes a script into the cache.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn add_script(&mut self, digest: Digest20, body: &[u8], by_eval: bool) -> Result<(), CmdError> {
        let (flags, code_at) = shebang::of_script(body).map_err(CmdError::new)?;
        let code = engine::check("user_script", &body[code_at..]).map_err(|message| compile_error(&message))?;
        let (dropped, count) = self.scripts.cache.add(digest, body, flags, code_at, by_eval);
        self.stats.evicted_scripts += count;
        let engine = self.scripts.take_engine(Purpose::Eval, &self.env.config);
        let Some(mut engine) = engine else { return Err(CmdError::text("ERR not enough memory")) };
        if !dropped.is_empty() {
            engine.release(dropped);
        }
        // It is about to run: the work is not done twice.
        if by_eval
            && let Ok(function) = engine.load(c"@user_script", &code)
            && let Some(script) = self.scripts.cache.used(&digest)
        {
            script.function = Some(function);
        }
        self.scripts.put_engine(Purpose::Eval, engine);
        Ok(())
    }
}

/// FCALL and FCALL_RO.
///
/// # Errors
/// When there is nothing to run; what goes wrong in the run itself is answered.
pub fn fcall(ctx: &mut Ctx<'_>, read_only: bool) -> CmdResult {
    let args = ctx.args;
    refuse_nested(ctx)?;
    let Some(function) = ctx.server.scripts.libraries.called(args.at(1)) else {
        return Err(CmdError::text("ERR Function not found"));
    };
    let hot = cache::count_run(&mut function.runs, engine::NATIVE_AFTER);
    let (callback, flags, name) = (function.callback.same(), function.flags, function.name.clone());
    let keys = key_count(args, CmdError::text("ERR Bad number of keys provided"))?;
    show_monitors(ctx);
    let running = begin(ctx, What::Function(name, args.to_owned()), flags, read_only)?;
    let Some(mut engine) = take_engine(ctx, Purpose::Functions) else { return Err(CmdError::text("ERR not enough memory")) };
    if hot {
        let source_bytes = ctx.server.scripts.libraries.source(args.at(1)).len();
        engine.make_native(&callback, source_bytes);
    }
    let outcome = finish(ctx, &mut engine, running, &mut |vm| {
        vm.push_ref(&callback);
        push_list(vm, args.slice(3, 3 + keys));
        push_list(vm, args.from(3 + keys));
        vm.call(2, 1);
    });
    ctx.server.scripts.put_engine(Purpose::Functions, engine);
    outcome
}

fn push_list(vm: &mut Vm<'_>, words: Args<'_>) {
    vm.push_table(words.len(), 0);
    let table = vm.top();
    for (n, word) in words.iter().enumerate() {
        vm.push_bytes(word);
        vm.set_index(table, n as i32 + 1);
    }
}

/// What is asked of a script before it runs; none of it if it declares nothing of itself.
fn begin(ctx: &mut Ctx<'_>, what: What, flags: ScriptFlags, read_only: bool) -> Result<Running, CmdError> {
    let declared = !flags.contains(ScriptFlags::UNDECLARED);
    let server = &mut *ctx.server;
    let out_of_memory = server.memory.is_over() && !server.make_room();
    if declared {
        if read_only && !flags.contains(ScriptFlags::NO_WRITES) {
            return Err(CmdError::text("ERR Can not execute a script with write flag using *_ro command."));
        }
        if !flags.contains(ScriptFlags::NO_WRITES)
            && let Some(error) = server.disk_error()
        {
            return Err(error);
        }
        if out_of_memory && !flags.intersects(ScriptFlags::ALLOW_OOM | ScriptFlags::NO_WRITES) {
            return Err(CmdError::text(
                "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
            ));
        }
    }
    server.sample_script(flags);
    let flags = if read_only { flags | ScriptFlags::NO_WRITES } else { flags };
    Ok(Running { out_of_memory, ..Running::new(what, ctx.client, &server.clock, flags) })
}

/// Runs what `start` calls, leaving one result, and writes that as the reply.
fn finish(ctx: &mut Ctx<'_>, engine: &mut Engine, running: Running, start: &mut dyn FnMut(&mut Vm<'_>)) -> CmdResult {
    let db = ctx.client().db;
    let mark = ctx.reply.len();
    let mut written = Written::default();
    ctx.server.scripts.prepare(running);
    ctx.server.env.in_script = true;
    let reply = &mut *ctx.reply;
    let outcome = lend::lend(ctx.server, || {
        engine.run(&mut |vm| {
            start(vm);
            let resp3 = lend::with(|server| server.scripts.running.as_ref().is_some_and(|running| running.resp3));
            convert::write_top(vm, reply, resp3 == Some(true), &mut written);
            Ok(0)
        })
    });
    let running = ctx.server.script_ended();
    if ctx.server.scripts.runs.is_multiple_of(GC_PACE) {
        engine.collect(false);
    }
    // What it has selected was for itself.
    ctx.client().db = db;
    ctx.server.env.fx.propagate_nothing();
    match outcome {
        Ok(()) => {
            for code in written.codes {
                ctx.server.stats.error(&code);
            }
            if written.failed {
                ctx.server.stats.commands[ctx.cmd.id as usize].failed += 1;
            }
        }
        Err(failure) => {
            ctx.reply.buf.truncate(mark);
            answer_failure(ctx, &failure, &running.map(|running| running.name()).unwrap_or_default());
        }
    }
    Ok(Flow::Done)
}

/// Answers with the error that ended a run.
fn answer_failure(ctx: &mut Ctx<'_>, failure: &Failure, name: &[u8]) {
    let mut text = failure.text.clone();
    if let Some((source, line)) = &failure.place {
        text.extend_from_slice(b" script: ");
        text.extend_from_slice(name);
        text.extend_from_slice(b", on ");
        text.extend_from_slice(source);
        text.extend_from_slice(format!(":{line}.").as_bytes());
    }
    ctx.reply.error(&text);
    if !failure.counted {
        let error = CmdError::new(failure.text.clone());
        ctx.server.stats.error(error.code());
    }
    ctx.server.stats.commands[ctx.cmd.id as usize].failed += 1;
}

impl super::Scripts {
    /// A run begins: nothing of the one before is left.
    pub(super) fn prepare(&mut self, running: Running) {
        self.json = Default::default();
        self.random.begin();
        self.failure = None;
        self.runs = self.runs.wrapping_add(1);
        self.running = Some(running);
        self.watch.begin();
    }
}

impl crate::server::Server {
    /// A run is over.
    pub(super) fn script_ended(&mut self) -> Option<Running> {
        self.scripts.watch.end();
        self.env.in_script = false;
        let running = self.scripts.running.take();
        if running.as_ref().is_some_and(|running| running.busy) {
            self.update_gate();
        }
        running
    }
}
