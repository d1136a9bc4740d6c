//! `redis.*`, but for `call` and `pcall`.

use std::ffi::CStr;

use super::cache;
use super::call::{self, push_error, raise};
use super::library;
use super::vm::{Kind, Native, Raise, Vm};
use super::{lend, run};
use crate::resp::OwnedArgs;
use crate::util::version;

/// Which part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// What scripts and functions see.
    Full,
    /// What a library sees while it loads.
    Loading,
}

/// Pushes the table.
pub fn open(vm: &mut Vm<'_>, set: Set) {
    const BOTH: [(&CStr, f64); 5] = [
        (c"LOG_DEBUG", 0.0),
        (c"LOG_VERBOSE", 1.0),
        (c"LOG_NOTICE", 2.0),
        (c"LOG_WARNING", 3.0),
        (c"REDIS_VERSION_NUM", version::REDIS_NUMBER as f64),
    ];
    const FULL: [(&CStr, f64); 5] = [
        (c"REPL_NONE", run::REPLICATE_NONE as f64),
        (c"REPL_AOF", run::REPLICATE_AOF as f64),
        (c"REPL_SLAVE", run::REPLICATE_REPLICAS as f64),
        (c"REPL_REPLICA", run::REPLICATE_REPLICAS as f64),
        (c"REPL_ALL", run::REPLICATE_ALL as f64),
    ];
    const FULL_NATIVES: [(&CStr, Native); 12] = [
        (c"call", call::call),
        (c"pcall", call::pcall),
        (c"log", log),
        (c"sha1hex", sha1hex),
        (c"error_reply", error_reply),
        (c"status_reply", status_reply),
        (c"setresp", setresp),
        (c"set_repl", set_repl),
        (c"replicate_commands", replicate_commands),
        (c"breakpoint", breakpoint),
        (c"debug", debug),
        (c"acl_check_cmd", acl_check_cmd),
    ];
    const LOADING_NATIVES: [(&CStr, Native); 2] = [(c"register_function", library::register_function), (c"log", log)];
    vm.push_table(0, 32);
    let table = vm.top();
    let natives: &[(&'static CStr, Native)] = if set == Set::Full { &FULL_NATIVES } else { &LOADING_NATIVES };
    for (name, native) in natives {
        vm.push_native(name, *native);
        vm.set_field(table, name);
    }
    let numbers = BOTH.iter().chain(if set == Set::Full { &FULL[..] } else { &[] });
    for (name, value) in numbers {
        vm.push_number(*value);
        vm.set_field(table, name);
    }
    vm.push_bytes(version::REDIS.as_bytes());
    vm.set_field(table, c"REDIS_VERSION");
}

fn log(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() < 2 {
        return Err(raise(vm, "ERR redis.log() requires two arguments or more."));
    }
    let Some(level) = vm.number(1) else { return Err(raise(vm, "ERR First argument must be a number (log level).")) };
    let words: Vec<Vec<u8>> = (2..=vm.top()).filter_map(|index| vm.to_bytes(index)).collect();
    let text = words.join(&b' ');
    let text = String::from_utf8_lossy(&text);
    match level as i64 {
        0 => log::trace!("{text}"),
        1 => log::debug!("{text}"),
        2 => log::info!("{text}"),
        3 => log::warn!("{text}"),
        _ => return Err(raise(vm, "ERR Invalid log level.")),
    }
    Ok(0)
}

fn sha1hex(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() != 1 {
        return Err(raise(vm, "ERR wrong number of arguments"));
    }
    let text = vm.to_bytes(1).unwrap_or_default();
    vm.push_bytes(&cache::hex(&cache::digest(&text)));
    Ok(1)
}

/// The text of an error with its code in front: `ERR` where none is given.
fn with_code(text: &[u8]) -> Vec<u8> {
    let bare = match text.strip_prefix(b"-") {
        Some(bare) => bare.strip_suffix(b"\r\n").unwrap_or(bare),
        None => text,
    };
    if bare.contains(&b' ') { bare.to_vec() } else { [b"ERR ", bare].concat() }
}

fn error_reply(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let text = match (vm.top(), vm.bytes(1)) {
        (1, Some(text)) => with_code(text),
        _ => b"ERR wrong number or type of arguments".to_vec(),
    };
    push_error(vm, &text, false);
    Ok(1)
}

fn status_reply(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() != 1 || vm.kind(1) != Kind::String {
        push_error(vm, b"ERR wrong number or type of arguments", false);
        return Ok(1);
    }
    vm.push_table(0, 1);
    vm.push_copy(1);
    vm.set_field(2, c"ok");
    Ok(1)
}

fn setresp(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() != 1 {
        return Err(raise(vm, "ERR redis.setresp() requires one argument."));
    }
    let resp3 = match vm.number(1) {
        Some(2.0) => false,
        Some(3.0) => true,
        _ => return Err(raise(vm, "ERR RESP version must be 2 or 3.")),
    };
    lend::with(|server| {
        if let Some(running) = &mut server.scripts.running {
            running.resp3 = resp3;
        }
    });
    Ok(0)
}

fn set_repl(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() != 1 {
        return Err(raise(vm, "ERR redis.set_repl() requires one argument."));
    }
    let flags = vm.to_number(1).unwrap_or_default() as i64;
    let Ok(flags @ 0..=run::REPLICATE_ALL) = u8::try_from(flags) else {
        return Err(raise(vm, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE."));
    };
    lend::with(|server| {
        if let Some(running) = &mut server.scripts.running {
            running.replicate = flags;
        }
    });
    Ok(0)
}

fn replicate_commands(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    vm.push_bool(true);
    Ok(1)
}

fn breakpoint(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    vm.push_bool(false);
    Ok(1)
}

fn debug(_vm: &mut Vm<'_>) -> Result<i32, Raise> {
    Ok(0)
}

fn acl_check_cmd(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() == 0 {
        return Err(raise(vm, "ERR Please specify at least one argument for this redis lib call"));
    }
    let mut args = OwnedArgs::new();
    if !call::gather(vm, &mut args) {
        return Err(raise(vm, "ERR Lua redis lib command arguments must be strings or integers"));
    }
    let known = lend::with(|server| {
        let cmd = server.commands.resolve(args.view());
        cmd.is_some_and(|cmd| cmd.subcommands.is_empty() || args.view().len() == 1)
    });
    if known != Some(true) {
        return Err(raise(vm, "ERR Invalid command passed to redis.acl_check_cmd()"));
    }
    vm.push_bool(true);
    Ok(1)
}
