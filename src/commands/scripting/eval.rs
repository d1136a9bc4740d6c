//! EVAL and its kin: scripts by their text or by its digest.

use crate::dispatch::command::Command;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::script::run;

pub static EVAL: Command = Command::server("EVAL", eval)
    .summary("Runs a script.")
    .since("2.6.0")
    .complexity("Depends on what is run.")
    .group(Group::Scripting)
    .arity(-3)
    .flags(&[NoScript, SkipMonitor, Stale, MayReplicate, NoMandatoryKeys])
    .keys(&[Keys::counted(2)
        .does(&[Use::RW, Use::Access, Use::Update])
        .notes("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE")])
    .args(&[string("script"), integer("numkeys"), key("key", 0).optional().multiple(), string("arg").optional().multiple()]);

pub static EVALSHA: Command = Command::server("EVALSHA", evalsha)
    .summary("Runs a script by the SHA1 digest of its text.")
    .since("2.6.0")
    .complexity("Depends on what is run.")
    .group(Group::Scripting)
    .arity(-3)
    .flags(&[NoScript, SkipMonitor, Stale, MayReplicate, NoMandatoryKeys])
    .keys(&[Keys::counted(2).does(&[Use::RW, Use::Access, Use::Update])])
    .args(&[string("sha1"), integer("numkeys"), key("key", 0).optional().multiple(), string("arg").optional().multiple()]);

pub static EVAL_RO: Command = Command::server("EVAL_RO", eval_ro)
    .summary("Runs a script that writes nothing.")
    .since("7.0.0")
    .complexity("Depends on what is run.")
    .group(Group::Scripting)
    .arity(-3)
    .flags(&[ReadOnly, NoScript, SkipMonitor, Stale, NoMandatoryKeys])
    .keys(&[Keys::counted(2)
        .does(&[Use::RO, Use::Access])
        .notes("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS")])
    .args(&[string("script"), integer("numkeys"), key("key", 0).optional().multiple(), string("arg").optional().multiple()]);

pub static EVALSHA_RO: Command = Command::server("EVALSHA_RO", evalsha_ro)
    .summary("Runs a script that writes nothing by the SHA1 digest of its text.")
    .since("7.0.0")
    .complexity("Depends on what is run.")
    .group(Group::Scripting)
    .arity(-3)
    .flags(&[ReadOnly, NoScript, SkipMonitor, Stale, NoMandatoryKeys])
    .keys(&[Keys::counted(2).does(&[Use::RO, Use::Access])])
    .args(&[string("sha1"), integer("numkeys"), key("key", 0).optional().multiple(), string("arg").optional().multiple()]);

fn eval(ctx: &mut Ctx<'_>) -> CmdResult {
    run::eval(ctx, false, false)
}

fn evalsha(ctx: &mut Ctx<'_>) -> CmdResult {
    run::eval(ctx, true, false)
}

fn eval_ro(ctx: &mut Ctx<'_>) -> CmdResult {
    run::eval(ctx, false, true)
}

fn evalsha_ro(ctx: &mut Ctx<'_>) -> CmdResult {
    run::eval(ctx, true, true)
}
