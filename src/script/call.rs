//! `redis.call` and `redis.pcall`: from a script's arguments to a command and back.
//!
//! Arguments are copied into one buffer that is used again and again, the command runs through the same door as any other
//! ([`Server::call`]), and its reply is read back into values. What a script may not call is refused here, in upstream's order.

use super::lend;
use super::run::REPLICATE_ALL;
use super::shebang::ScriptFlags;
use super::vm::{Kind, Raise, Vm};
use super::{convert, number};
use crate::dispatch::context::Origin;
use crate::dispatch::error::CmdError;
use crate::dispatch::flags::Flag;
use crate::dispatch::table::Cmd;
use crate::keyspace::effects::Interest;
use crate::resp::{Args, OwnedArgs, Reply};
use crate::server::Server;

/// `redis.call(command, …)`: raises what the command answers with an error.
pub fn call(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    invoke(vm, true)
}

/// `redis.pcall(command, …)`: returns it.
pub fn pcall(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    invoke(vm, false)
}

/// Pushes an error as scripts see one. `counted`: the statistics have it.
pub fn push_error(vm: &mut Vm<'_>, text: &[u8], counted: bool) {
    vm.push_table(0, 2);
    let table = vm.top();
    vm.push_bytes(text);
    vm.set_field(table, c"err");
    if counted {
        vm.push_bool(true);
        vm.set_field(table, c"ignore_error_stats_update");
    }
}

/// Raises an error as scripts see one.
pub fn raise(vm: &mut Vm<'_>, text: &str) -> Raise {
    push_error(vm, text.as_bytes(), false);
    Raise::Top
}

/// Copies the arguments from stack index 1 on. False: one is neither string nor number.
pub fn gather(vm: &Vm<'_>, args: &mut OwnedArgs) -> bool {
    args.clear();
    let mut digits = Vec::new();
    for index in 1..=vm.top() {
        match vm.kind(index) {
            Kind::String => args.push(vm.bytes(index).unwrap_or_default()),
            Kind::Number => {
                digits.clear();
                number::argument(&mut digits, vm.number(index).unwrap_or_default());
                args.push(&digits);
            }
            _ => return false,
        }
    }
    true
}

enum Answered {
    NoArguments,
    BadArguments,
    Refused(CmdError),
    Replied(Reply),
}

fn invoke(vm: &mut Vm<'_>, raises: bool) -> Result<i32, Raise> {
    let answered = lend::with(|server| {
        if vm.top() == 0 {
            return Answered::NoArguments;
        }
        let mut args = std::mem::take(&mut server.scripts.scratch);
        let answered = if gather(vm, &mut args) {
            let mut reply = std::mem::take(&mut server.scripts.answer);
            reply.buf.clear();
            match server.script_calls(args.view(), &mut reply) {
                Ok(()) => Answered::Replied(reply),
                Err(error) => {
                    server.scripts.answer = reply;
                    Answered::Refused(error)
                }
            }
        } else {
            Answered::BadArguments
        };
        args.shrink_if_big();
        server.scripts.scratch = args;
        answered
    });
    let failed = match answered {
        None => {
            push_error(vm, b"ERR redis.call/pcall can only be called inside a script invocation", false);
            true
        }
        Some(Answered::NoArguments) => {
            push_error(vm, b"ERR Please specify at least one argument for this redis lib call", false);
            true
        }
        Some(Answered::BadArguments) => {
            push_error(vm, b"ERR Lua redis lib command arguments must be strings or integers", false);
            true
        }
        Some(Answered::Refused(error)) => {
            push_error(vm, &error.0, true);
            true
        }
        Some(Answered::Replied(mut reply)) => {
            let failed = reply.buf.first() == Some(&b'-');
            if failed {
                let text = reply.buf[1..].strip_suffix(b"\r\n").unwrap_or_default();
                push_error(vm, text, true);
            } else if convert::push_reply(vm, &reply.buf).is_none() {
                vm.push_nil();
            }
            const KEPT_BYTES: usize = 64 * 1024;
            if reply.buf.capacity() > KEPT_BYTES {
                reply.buf = Vec::new();
            }
            lend::with(|server| server.scripts.answer = reply);
            failed
        }
    };
    if failed && raises { Err(Raise::Top) } else { Ok(1) }
}

impl Server {
    /// Runs a command for the running script, if it may.
    fn script_calls(&mut self, args: Args<'_>, reply: &mut Reply) -> Result<(), CmdError> {
        let cmd = self.commands.resolve(args).filter(|cmd| cmd.subcommands.is_empty() || args.len() == 1);
        if let Err(error) = self.script_may_call(cmd, args) {
            self.stats.error(error.code());
            if let Some(cmd) = cmd {
                self.stats.commands[cmd.id as usize].rejected += 1;
            }
            return Err(error);
        }
        let (Some(cmd), Some(running)) = (cmd, &mut self.scripts.running) else { return Ok(()) };
        if cmd.flags.has(Flag::Write) {
            running.wrote = true;
        }
        reply.resp3 = running.resp3;
        let (id, replicate, flags) = (running.client, running.replicate, running.flags);
        if self.scripts.sampled.is_some() {
            self.sample_call(id, cmd, args, flags);
        }
        if !self.monitors.is_empty() && !cmd.flags.has(Flag::SkipMonitor) && !cmd.flags.has(Flag::Admin) {
            self.show_monitors(id, cmd, args, None);
        }
        // There is one stream of changes for the log and for replicas.
        let muted = replicate != REPLICATE_ALL && self.env.fx.propagates();
        self.env.fx.interest.set(Interest::PROPAGATE, self.env.fx.propagates() && !muted);
        // Whoever touches means it.
        let no_touch = self.env.no_touch;
        self.env.no_touch &= cmd.spec.name != "TOUCH";
        self.call(id, cmd, args, reply, Origin::Script);
        self.env.no_touch = no_touch;
        if muted {
            self.env.fx.interest |= Interest::PROPAGATE;
        }
        Ok(())
    }

    /// The refusals, in upstream's order.
    fn script_may_call(&mut self, cmd: Option<&'static Cmd>, args: Args<'_>) -> Result<(), CmdError> {
        let Some(running) = &self.scripts.running else {
            return Err(CmdError::text("ERR redis.call/pcall can only be called inside a script invocation"));
        };
        let Some(cmd) = cmd else { return Err(CmdError::text("ERR Unknown Redis command called from script")) };
        if !cmd.spec.accepts(args.len()) {
            return Err(CmdError::text("ERR Wrong number of args calling Redis command from script"));
        }
        if cmd.flags.has(Flag::NoScript) && !self.scripts.all_commands {
            return Err(CmdError::text("ERR This Redis command is not allowed from script"));
        }
        let writes = cmd.flags.has(Flag::Write) || cmd.flags.has(Flag::MayReplicate);
        if writes && running.flags.contains(ScriptFlags::NO_WRITES) {
            return Err(CmdError::text("ERR Write commands are not allowed from read-only scripts."));
        }
        if cmd.flags.has(Flag::Write)
            && let Some(error) = self.disk_error()
        {
            return Err(error);
        }
        if running.out_of_memory
            && !running.wrote
            && cmd.flags.has(Flag::DenyOom)
            && !running.flags.contains(ScriptFlags::ALLOW_OOM)
        {
            return Err(CmdError::OOM);
        }
        Ok(())
    }
}
