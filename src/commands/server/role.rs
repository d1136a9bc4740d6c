//! ROLE.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;

pub static ROLE: Command = Command::server("ROLE", role)
    .summary("Tells whether the server is a master or a replica, and of whom.")
    .since("2.8.12")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(1)
    .flags(&[NoScript, Loading, Stale, Fast])
    .categories(&[Category::Admin, Category::Dangerous]);

/// `master`, the offset of its replication stream, and its replicas: there are none.
fn role(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.array(3);
    ctx.reply.bulk(b"master");
    ctx.reply.int(0);
    ctx.reply.array(0);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn a_master_without_replicas() {
        assert_eq!(Session::new().run("role"), "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    }
}
