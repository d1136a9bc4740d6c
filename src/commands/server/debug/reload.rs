//! DEBUG RELOAD: a snapshot written and read back.

use crate::dispatch::*;
use crate::persist::rdb::load::How;

pub fn reload(ctx: &mut Ctx<'_>) -> CmdResult {
    let (mut save, mut flush, mut how) = (true, true, How::default());
    for word in ctx.args.from(2).iter() {
        match word.to_ascii_uppercase().as_slice() {
            b"MERGE" => how.merge = true,
            b"NOFLUSH" => flush = false,
            b"NOSAVE" => save = false,
            _ => return Err(CmdError::text("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")),
        }
    }
    let server = &mut *ctx.server;
    if save {
        server.save_now().map_err(|_| CmdError::text("ERR"))?;
    }
    if flush {
        for index in 0..server.dbs.len() {
            server.empty_database(index, false);
        }
        server.scripts.flush_libraries();
    }
    if server.load_snapshot(how).is_err() {
        return Err(CmdError::text("ERR Error trying to load the RDB dump, check server logs."));
    }
    log::warn!("DB reloaded by DEBUG RELOAD");
    ctx.reply.ok();
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::config::values::Allow;
    use crate::server::testing::Session;

    #[test]
    fn what_was_there_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.rdb").into_os_string().into_encoded_bytes();
        let config = Config { enable_debug_command: Allow::Yes, dbfilename: path, ..Config::default() };
        let mut s = Session::with(config);
        for i in 0..3000 {
            s.run(&format!("SET key:{i} value:{i}"));
            s.run(&format!("ZADD zset {} m{i}", i % 50));
            s.run(&format!("HSET h:{} f{i} {i}", i % 7));
        }
        s.run("PEXPIRE key:7 100000");
        s.run("SELECT 5");
        s.run("RPUSH list a b c");
        s.run("SELECT 0");
        let (digest, ttl) = (s.run("DEBUG DIGEST"), s.run("PEXPIRETIME key:7"));
        assert_eq!(s.run("DEBUG RELOAD"), "+OK\r\n");
        assert_eq!((s.run("DEBUG DIGEST"), s.run("PEXPIRETIME key:7")), (digest.clone(), ttl));
        assert_eq!(s.server.snapshots.keys_loaded, 3009);
        s.run("SET extra 1");
        assert!(s.run("DEBUG RELOAD NOSAVE NOFLUSH").starts_with("-ERR Error trying to load"));
        assert_eq!(s.run("DEBUG RELOAD NOSAVE NOFLUSH MERGE"), "+OK\r\n");
        assert_eq!(s.run("EXISTS extra"), ":1\r\n");
        assert_eq!(s.run("DEBUG RELOAD NOSAVE"), "+OK\r\n");
        assert_eq!(s.run("DEBUG DIGEST"), digest);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
