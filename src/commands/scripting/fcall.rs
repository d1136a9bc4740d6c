//! FCALL and FCALL_RO: functions by their names.

use crate::dispatch::command::Command;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::script::run;

pub static FCALL: Command = Command::server("FCALL", fcall)
    .summary("Calls a function.")
    .since("7.0.0")
    .complexity("Depends on what is run.")
    .group(Group::Scripting)
    .arity(-3)
    .flags(&[NoScript, SkipMonitor, Stale, MayReplicate, NoMandatoryKeys])
    .keys(&[Keys::counted(2)
        .does(&[Use::RW, Use::Access, Use::Update])
        .notes("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE")])
    .args(&[string("function"), integer("numkeys"), key("key", 0).optional().multiple(), string("arg").optional().multiple()]);

pub static FCALL_RO: Command = Command::server("FCALL_RO", fcall_ro)
    .summary("Calls a function that writes nothing.")
    .since("7.0.0")
    .complexity("Depends on what is run.")
    .group(Group::Scripting)
    .arity(-3)
    .flags(&[ReadOnly, NoScript, SkipMonitor, Stale, NoMandatoryKeys])
    .keys(&[Keys::counted(2)
        .does(&[Use::RO, Use::Access])
        .notes("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS")])
    .args(&[string("function"), integer("numkeys"), key("key", 0).optional().multiple(), string("arg").optional().multiple()]);

fn fcall(ctx: &mut Ctx<'_>) -> CmdResult {
    run::fcall(ctx, false)
}

fn fcall_ro(ctx: &mut Ctx<'_>) -> CmdResult {
    run::fcall(ctx, true)
}
