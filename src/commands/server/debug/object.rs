//! DEBUG's look at keys and tables: OBJECT, SDSLEN, LISTPACK, QUICKLIST, HTSTATS, STRUCTSIZE.

use super::integer_at;
use crate::dispatch::*;
use crate::keyspace::access;
use crate::keyspace::entry::Entry;
use crate::keyspace::{Database, Ref};
use crate::util::number;

/// References that a value is said to have which is one of upstream's shared small integers.
const SHARED_REFERENCES: u32 = i32::MAX as u32;
/// Upstream shares the integers below.
const SHARED_INTEGERS: i64 = 10_000;

/// The key's entry, neither used nor expired by the look.
fn entry_of<'a>(ctx: &'a mut Ctx<'_>) -> Result<&'a Entry, CmdError> {
    let key = ctx.args.at(2);
    let client_db = ctx.client().db as usize;
    let hash = crate::util::hash::hash(key);
    let db = &ctx.server.dbs[client_db];
    db.locate(hash, key).map(|loc| db.at(loc)).ok_or(CmdError::NO_SUCH_KEY)
}

/// One line about the value. Its address is nobody's business and always shown the same.
pub fn object(ctx: &mut Ctx<'_>) -> CmdResult {
    let now_ms = ctx.server.env.now_ms;
    let config = &ctx.server.env.config;
    let keeps_clocks = config.maxmemory_bytes > 0 && (config.maxmemory_policy.uses_lru() || config.maxmemory_policy.uses_lfu());
    let (list_max, depth) = (config.list_max_listpack_size, config.list_compress_depth);
    let entry = entry_of(ctx)?;
    let references = match entry.value() {
        Ref::Int(0..SHARED_INTEGERS) if !keeps_clocks => SHARED_REFERENCES,
        _ => 1,
    };
    let clock = entry.clock();
    let mut line = format!(
        "Value at:0x000000000000 refcount:{references} encoding:{} serializedlength:{} lru:{clock} lru_seconds_idle:{}",
        entry.value().encoding(),
        serialized_bytes(entry.value()),
        access::idle_s(clock, now_ms)
    );
    if let Ref::List(list) = entry.value()
        && let Some(quick) = list.as_quicklist()
    {
        let (nodes, bytes) = (quick.node_count(), list.mem_bytes());
        let mean = list.len() as f64 / nodes.max(1) as f64;
        line.push_str(&format!(
            " ql_nodes:{nodes} ql_avg_node:{mean:.2} ql_listpack_max:{list_max} ql_compressed:{} ql_uncompressed_size:{bytes}",
            u8::from(depth > 0),
        ));
    }
    ctx.reply.simple(&line);
    Ok(Flow::Done)
}

/// About how long the value is when saved: text with its length in front, an integer in its shortest form.
fn serialized_bytes(value: Ref<'_>) -> usize {
    match value {
        Ref::Int(-128..=127) => 2,
        Ref::Int(-32_768..=32_767) => 3,
        Ref::Int(-2_147_483_648..=2_147_483_647) => 5,
        Ref::Int(n) => 1 + number::i64_len(n),
        Ref::Str { bytes, .. } => {
            bytes.len()
                + match bytes.len() {
                    0..64 => 1,
                    64..16_384 => 2,
                    _ => 5,
                }
        }
        value => value.mem_bytes(),
    }
}

/// What upstream says of its string type, as far as there is something like it here.
pub fn sdslen(ctx: &mut Ctx<'_>) -> CmdResult {
    let entry = entry_of(ctx)?;
    let Ref::Str { bytes, .. } = entry.value() else { return Err(CmdError::text("ERR Not an sds encoded string.")) };
    let line = format!(
        "key_sds_len:{}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{}, val_sds_avail:0, val_zmalloc: {}",
        entry.key().len(),
        entry.block_bytes(),
        bytes.len(),
        entry.mem_bytes()
    );
    ctx.reply.simple(&line);
    Ok(Flow::Done)
}

pub fn listpack(ctx: &mut Ctx<'_>) -> CmdResult {
    if !entry_of(ctx)?.value().encoding().starts_with("listpack") {
        return Err(CmdError::text("ERR Not a listpack encoded object."));
    }
    ctx.reply.simple("Listpack structure printed on stdout");
    Ok(Flow::Done)
}

pub fn quicklist(ctx: &mut Ctx<'_>) -> CmdResult {
    if ctx.args.len() == 4 {
        integer_at(ctx.args, 3)?;
    }
    if entry_of(ctx)?.value().encoding() != "quicklist" {
        return Err(CmdError::text("ERR Not a quicklist encoded object."));
    }
    ctx.reply.simple("Quicklist structure printed on stdout");
    Ok(Flow::Done)
}

/// The shape of a database's table and of its expiry index.
pub fn htstats(ctx: &mut Ctx<'_>) -> CmdResult {
    let index = integer_at(ctx.args, 2)?;
    let Some(db) = usize::try_from(index).ok().and_then(|index| ctx.server.dbs.get(index)) else {
        return Err(CmdError::text("ERR Out of range database"));
    };
    let text = describe_tables(db);
    ctx.reply.verbatim(text.as_bytes(), "txt");
    Ok(Flow::Done)
}

fn describe_tables(db: &Database) -> String {
    let mut text = String::from("[Dictionary HT]\n");
    if !db.is_empty() {
        text.push_str(&format!("Hash table 0 stats (main hash table):\n{}", db.table().stats()));
    }
    text.push_str("[Expires HT]\n");
    if db.expiring_len() > 0 {
        let (_, bytes) = db.overhead_bytes();
        text.push_str(&format!(" number of elements: {}\n bytes: {bytes}\n", db.expiring_len()));
    }
    text
}

/// The shape of the table a collection is kept in.
pub fn htstats_key(ctx: &mut Ctx<'_>) -> CmdResult {
    let entry = entry_of(ctx)?;
    let stats = match entry.value() {
        Ref::Set(set) => set.table_stats(),
        Ref::Hash(hash) => hash.table_stats(),
        _ => None,
    };
    let text = match stats {
        Some(stats) => format!("Hash table 0 stats (main hash table):\n{stats}"),
        None if entry.value().encoding() == "skiplist" => {
            format!("Hash table 0 stats (main hash table):\n number of elements: {}\n", entry.value().size())
        }
        None => {
            return Err(CmdError::text("ERR The value stored at the specified key is not represented using an hash table"));
        }
    };
    ctx.reply.verbatim(text.as_bytes(), "txt");
    Ok(Flow::Done)
}

/// Sizes of the structures there are many of.
pub fn struct_sizes(ctx: &mut Ctx<'_>) -> CmdResult {
    let text = format!(
        "bits:{} entry:{} database:{} client:{} command:{}",
        usize::BITS,
        size_of::<Entry>(),
        size_of::<Database>(),
        size_of::<crate::net::Client>(),
        size_of::<Command>()
    );
    ctx.reply.bulk(text.as_bytes());
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn looks_at_keys() {
        let mut session = Session::new();
        session.run("set k hello");
        session.run("set n 5");
        let line = session.run("debug object k");
        assert!(line.starts_with("+Value at:0x000000000000 refcount:1 encoding:embstr serializedlength:6 lru:"), "{line}");
        assert!(session.run("debug object n").contains("refcount:2147483647 encoding:int serializedlength:2 "));
        session.server.env.config.list_max_listpack_size = 2;
        session.run("rpush l 1 2 3");
        let line = session.run("debug object l");
        assert!(line.contains(" ql_nodes:2 ql_avg_node:1.50 ql_listpack_max:2 ql_compressed:0 ql_uncompressed_size:"), "{line}");
        assert_eq!(session.run("debug object none"), "-ERR no such key\r\n");
        assert!(session.run("debug sdslen k").starts_with("+key_sds_len:1, key_sds_avail:0, key_zmalloc: "));
        assert_eq!(session.run("debug sdslen n"), "-ERR Not an sds encoded string.\r\n");
        assert_eq!(session.run("debug listpack k"), "-ERR Not a listpack encoded object.\r\n");
    }

    #[test]
    fn looks_at_tables() {
        let mut session = Session::new();
        session.run("setex k 100 v");
        let text = session.run("debug htstats 0");
        assert!(text.contains(" number of elements: 1\n") && text.contains(" table size: "), "{text}");
        assert_eq!(session.run("debug htstats 99"), "-ERR Out of range database\r\n");
        assert!(session.run("debug htstats-key k").starts_with("-ERR The value stored"));
        assert!(session.run("debug structsize").contains("bits:64"));
    }
}
