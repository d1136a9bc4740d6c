//! The commands the generator knows, one template a line.
//!
//! A template is words with blanks between: a word stands for itself, `<name>` for a token the generator
//! draws (see `generator::Generator::token`), `[a|b]` for one of these or nothing, `(a|b)` for exactly one,
//! and a `+` behind any of them for one to four of it. What the oracle must be at least to know a template
//! stands before it; weights are relative.

/// (Version of the oracle from which the template works, weight, template.)
pub type Rule = ((u32, u32), u32, &'static str);

const OLD: (u32, u32) = (6, 0);

pub const STRINGS: &[Rule] = &[
    (OLD, 6, "SET <str> <val>"),
    (
        OLD,
        4,
        "SET <str> <val> [NX|XX] [GET] [EX <s>|PX <ms>|EXAT <at>|PXAT <msat>|KEEPTTL]",
    ),
    (
        OLD,
        1,
        "SET <str> <val> [GET|NX|XX|KEEPTTL|PERSIST|EX <s>|PX <ms>|EXAT <at>]+",
    ),
    (OLD, 4, "GET <str>"),
    (OLD, 1, "GETDEL <str>"),
    (
        OLD,
        2,
        "GETEX <str> [EX <s>|PX <ms>|EXAT <at>|PXAT <msat>|PERSIST]",
    ),
    (OLD, 1, "GETEX <str> [EX <s>|PX <ms>|PERSIST|KEEPTTL]+"),
    (OLD, 1, "GETSET <str> <val>"),
    (OLD, 1, "SETNX <str> <val>"),
    (OLD, 1, "SETEX <str> <s> <val>"),
    (OLD, 1, "PSETEX <str> <ms> <val>"),
    (OLD, 2, "MGET <any>+"),
    (OLD, 2, "MSET (<str> <val>)+"),
    (OLD, 1, "MSETNX (<str> <val>)+"),
    (OLD, 2, "APPEND <str> <val>"),
    (OLD, 2, "STRLEN <str>"),
    (OLD, 2, "SETRANGE <str> <offset> <val>"),
    (OLD, 2, "GETRANGE <str> <index> <index>"),
    (OLD, 1, "SUBSTR <str> <index> <index>"),
    (OLD, 2, "(INCR|DECR) <str>"),
    (OLD, 3, "(INCRBY|DECRBY) <str> <int>"),
    (OLD, 3, "INCRBYFLOAT <str> <float>"),
    (
        (7, 0),
        2,
        "LCS <str> <str> [LEN|IDX] [MINMATCHLEN <int>] [WITHMATCHLEN]",
    ),
];

pub const KEYS: &[Rule] = &[
    (OLD, 2, "(DEL|UNLINK|EXISTS|TOUCH) <any>+"),
    (OLD, 2, "TYPE <any>"),
    (OLD, 2, "OBJECT ENCODING <any>"),
    (OLD, 1, "OBJECT (REFCOUNT|IDLETIME|FREQ) <any>"),
    (OLD, 2, "(RENAME|RENAMENX) <any> <any>"),
    (OLD, 2, "COPY <any> <any> [DB <db>] [REPLACE]"),
    (OLD, 1, "MOVE <any> <db>"),
    (OLD, 1, "SWAPDB <db> <db>"),
    (OLD, 1, "SELECT <db>"),
    (OLD, 1, "DBSIZE"),
    (OLD, 1, "KEYS <pattern>"),
    (
        OLD,
        1,
        "SCAN 0 [MATCH <pattern>] [COUNT <count>] [TYPE <type>]",
    ),
    (OLD, 1, "SCAN <badcursor> [COUNT <int>]"),
    (OLD, 1, "RANDOMKEY"),
    (OLD, 2, "EXPIRE <any> <s> [NX|XX]+"),
    (OLD, 2, "PEXPIRE <any> <ms> [NX|XX]"),
    (OLD, 2, "EXPIREAT <any> <at> [NX|XX|GT|LT]+"),
    (OLD, 1, "PEXPIREAT <any> <msat> [NX|XX|GT|LT]+"),
    (OLD, 2, "(TTL|PTTL|EXPIRETIME|PEXPIRETIME) <any>"),
    (OLD, 2, "PERSIST <any>"),
    (
        OLD,
        2,
        "(SORT|SORT_RO) <any> [BY <by>] [LIMIT <index> <index>] [GET <get>]+ [ASC|DESC] [ALPHA]",
    ),
    (OLD, 1, "(SORT|SORT_RO) <any> BY nosort [GET <get>] [ALPHA]"),
    (
        OLD,
        1,
        "SORT <any> [ALPHA] [LIMIT <index> <index>] [DESC] STORE <any>",
    ),
    (OLD, 1, "MEMORY USAGE <any> [SAMPLES <int>]"),
];

pub const LISTS: &[Rule] = &[
    (OLD, 6, "(LPUSH|RPUSH) <list> <elem>+"),
    (OLD, 1, "(LPUSHX|RPUSHX) <list> <elem>+"),
    (OLD, 3, "(LPOP|RPOP) <list> [<count>]"),
    (OLD, 3, "LRANGE <list> <index> <index>"),
    (OLD, 2, "LLEN <list>"),
    (OLD, 2, "LINDEX <list> <index>"),
    (OLD, 2, "LSET <list> <index> <elem>"),
    (OLD, 2, "LINSERT <list> (BEFORE|AFTER) <elem> <elem>"),
    (OLD, 2, "LREM <list> <index> <elem>"),
    (OLD, 2, "LTRIM <list> <index> <index>"),
    (
        OLD,
        2,
        "LPOS <list> <elem> [RANK <index>] [COUNT <count>] [MAXLEN <count>]",
    ),
    (OLD, 2, "LMOVE <list> <list> (LEFT|RIGHT) (LEFT|RIGHT)"),
    (OLD, 1, "RPOPLPUSH <list> <list>"),
    ((7, 0), 2, "LMPOP <lists> (LEFT|RIGHT) [COUNT <count>]"),
    (OLD, 1, "(BLPOP|BRPOP) <list>+ <wait>"),
    (
        OLD,
        1,
        "BLMOVE <list> <list> (LEFT|RIGHT) (LEFT|RIGHT) <wait>",
    ),
    (OLD, 1, "BRPOPLPUSH <list> <list> <wait>"),
    (
        (7, 0),
        1,
        "BLMPOP <wait> <lists> (LEFT|RIGHT) [COUNT <count>]",
    ),
];

pub const SETS: &[Rule] = &[
    (OLD, 6, "SADD <set> <elem>+"),
    (OLD, 2, "SADD <set> <int>+"),
    (OLD, 3, "SREM <set> <elem>+"),
    (OLD, 2, "SCARD <set>"),
    (OLD, 2, "SISMEMBER <set> <elem>"),
    (OLD, 1, "SMISMEMBER <set> <elem>+"),
    (OLD, 2, "SMEMBERS <set>"),
    (OLD, 2, "SMOVE <set> <set> <elem>"),
    (OLD, 3, "(SINTER|SUNION|SDIFF) <set>+"),
    (OLD, 3, "(SINTERSTORE|SUNIONSTORE|SDIFFSTORE) <set>+"),
    ((7, 0), 2, "SINTERCARD <sets> [LIMIT <count>]"),
    (OLD, 1, "SPOP <set> [<count>]"),
    (OLD, 1, "SRANDMEMBER <set> [<randcount>]"),
    (OLD, 1, "SSCAN <set> 0 [MATCH <pattern>] [COUNT <count>]"),
];

pub const HASHES: &[Rule] = &[
    (OLD, 6, "HSET <hash> (<field> <val>)+"),
    (OLD, 1, "HMSET <hash> (<field> <val>)+"),
    (OLD, 2, "HSETNX <hash> <field> <val>"),
    (OLD, 2, "HGET <hash> <field>"),
    (OLD, 2, "HMGET <hash> <field>+"),
    (OLD, 2, "HDEL <hash> <field>+"),
    (OLD, 2, "(HLEN|HGETALL|HKEYS|HVALS) <hash>"),
    (OLD, 2, "(HEXISTS|HSTRLEN) <hash> <field>"),
    (OLD, 3, "HINCRBY <hash> <field> <int>"),
    (OLD, 2, "HINCRBYFLOAT <hash> <field> <float>"),
    (OLD, 1, "HRANDFIELD <hash> [<randcount>]"),
    (OLD, 1, "HRANDFIELD <hash> <randcount> [WITHVALUES]"),
    (OLD, 1, "HSCAN <hash> 0 [MATCH <pattern>] [COUNT <count>]"),
    (
        (7, 4),
        1,
        "HSCAN <hash> 0 [MATCH <pattern>] [COUNT <count>] [NOVALUES]",
    ),
];

pub const ZSETS: &[Rule] = &[
    (OLD, 6, "ZADD <zset> (<score> <elem>)+"),
    (
        OLD,
        3,
        "ZADD <zset> [NX|XX] [GT|LT] [CH] [INCR] (<score> <elem>)+",
    ),
    (OLD, 4, "ZADD <lexset> (0 <elem>)+"),
    (OLD, 2, "ZINCRBY <zset> <score> <elem>"),
    (OLD, 2, "ZREM <zset> <elem>+"),
    (OLD, 1, "ZCARD <zset>"),
    (OLD, 2, "(ZSCORE|ZRANK|ZREVRANK) <zset> <elem>"),
    ((7, 2), 1, "(ZRANK|ZREVRANK) <zset> <elem> [WITHSCORE]"),
    (OLD, 1, "ZMSCORE <zset> <elem>+"),
    (OLD, 2, "ZCOUNT <zset> <min> <max>"),
    (OLD, 1, "ZLEXCOUNT <lexset> <lexmin> <lexmax>"),
    (
        OLD,
        3,
        "(ZRANGE|ZREVRANGE) <zset> <index> <index> [WITHSCORES]",
    ),
    (
        OLD,
        2,
        "(ZRANGEBYSCORE|ZREVRANGEBYSCORE) <zset> <min> <max> [WITHSCORES] [LIMIT <index> <index>]",
    ),
    (
        OLD,
        1,
        "(ZRANGEBYLEX|ZREVRANGEBYLEX) <lexset> <lexmin> <lexmax> [LIMIT <index> <index>]",
    ),
    (
        OLD,
        2,
        "ZRANGE <zset> <min> <max> BYSCORE [REV] [LIMIT <index> <index>] [WITHSCORES]",
    ),
    (
        OLD,
        1,
        "ZRANGE <lexset> <lexmin> <lexmax> BYLEX [REV] [LIMIT <index> <index>] [WITHSCORES]",
    ),
    (
        OLD,
        1,
        "ZRANGE <zset> <index> <index> [REV|WITHSCORES|BYSCORE|BYLEX|LIMIT <index> <index>]+",
    ),
    (
        OLD,
        2,
        "ZRANGESTORE <zset> <zset> <index> <index> [REV] [LIMIT <index> <index>]",
    ),
    (
        OLD,
        1,
        "ZRANGESTORE <zset> <zset> <min> <max> BYSCORE [REV] [LIMIT <index> <index>]",
    ),
    (OLD, 1, "ZREMRANGEBYRANK <zset> <index> <index>"),
    (OLD, 1, "ZREMRANGEBYSCORE <zset> <min> <max>"),
    (
        OLD,
        1,
        "ZRANGESTORE <zset> <lexset> <lexmin> <lexmax> BYLEX [REV] [LIMIT <index> <index>]",
    ),
    (OLD, 1, "ZREM <lexset> <elem>+"),
    (OLD, 1, "ZREMRANGEBYLEX <lexset> <lexmin> <lexmax>"),
    (OLD, 2, "(ZPOPMIN|ZPOPMAX) <zset> [<count>]"),
    ((7, 0), 1, "ZMPOP <zsets> (MIN|MAX) [COUNT <count>]"),
    (OLD, 1, "(BZPOPMIN|BZPOPMAX) <zset>+ <wait>"),
    ((7, 0), 1, "BZMPOP <wait> <zsets> (MIN|MAX) [COUNT <count>]"),
    (
        OLD,
        3,
        "(ZUNION|ZINTER) <zsets> [WEIGHTS <score>+] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]",
    ),
    (OLD, 2, "ZDIFF <zsets> [WITHSCORES]"),
    (
        OLD,
        3,
        "(ZUNIONSTORE|ZINTERSTORE) <zset> <zsets> [WEIGHTS <score>+] [AGGREGATE (SUM|MIN|MAX)]",
    ),
    (OLD, 1, "ZDIFFSTORE <zset> <zsets>"),
    ((7, 0), 1, "ZINTERCARD <zsets> [LIMIT <count>]"),
    (OLD, 1, "ZRANDMEMBER <zset> [<randcount>]"),
    (OLD, 1, "ZRANDMEMBER <zset> <randcount> [WITHSCORES]"),
    (OLD, 1, "ZSCAN <zset> 0 [MATCH <pattern>] [COUNT <count>]"),
];

pub const CONNECTION: &[Rule] = &[
    (OLD, 6, "MULTI"),
    (OLD, 8, "EXEC"),
    (OLD, 1, "DISCARD"),
    (OLD, 3, "WATCH <any>+"),
    (OLD, 1, "UNWATCH"),
    (OLD, 2, "HELLO [2|3]"),
    (OLD, 1, "HELLO (2|3|4|x) [SETNAME <val>] [AUTH default pw]"),
    (OLD, 1, "PING [<val>]"),
    (OLD, 1, "ECHO <val>"),
    (OLD, 1, "RESET"),
    (OLD, 1, "AUTH [default] <val>"),
    (OLD, 1, "CLIENT (ID|GETNAME|GETREDIR)"),
    (OLD, 1, "CLIENT SETNAME <val>"),
    (OLD, 1, "CLIENT (NO-EVICT|REPLY) (ON|x)"),
    (
        OLD,
        1,
        "CLIENT UNBLOCK (99999999|<badint>) [TIMEOUT|ERROR|x]",
    ),
    (
        OLD,
        1,
        "CLIENT KILL (ID 99999999|ADDR 127.0.0.1:1|TYPE x|USER nobody|SKIPME x)+",
    ),
    (OLD, 1, "CLIENT (PAUSE <badint>|UNPAUSE)"),
    ((7, 2), 1, "CLIENT NO-TOUCH (OFF|x)"),
    ((7, 2), 1, "CLIENT SETINFO (LIB-NAME|LIB-VER|x) <val>"),
    (
        OLD,
        1,
        "COMMAND GETKEYS (GET <any>|MSET (<any> <val>)+|ZUNIONSTORE <any> <zsets>|SORT <any> STORE <any>|PING <val>)",
    ),
    ((7, 2), 1, "COMMAND GETKEYS [PING|NOSUCHCOMMAND]"),
    (
        (7, 0),
        1,
        "COMMAND GETKEYSANDFLAGS (SET <any> <val> [GET]|LMOVE <any> <any> LEFT LEFT|COPY <any> <any>)",
    ),
    (OLD, 1, "(FLUSHDB|FLUSHALL) [ASYNC|SYNC|x]"),
    (OLD, 1, "TIME"),
    (OLD, 1, "NOSUCHCOMMAND <val>+"),
    (
        OLD,
        1,
        "(OBJECT|CLIENT|CONFIG|MEMORY|LATENCY|SLOWLOG) nosuch <val>",
    ),
];
