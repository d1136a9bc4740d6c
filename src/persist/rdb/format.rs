//! The bytes of a snapshot: opcodes, types of values, lengths.
//!
//! ```text
//! file     "REDIS" and the version in four digits, or "VALKEY" and three; records; ff; checksum
//! record   fa key value              about the file ("aux")
//!          fe number                 the keys that follow are in this database
//!          fb keys expiring          how many it has (hints)
//!          f4 slot keys expiring     the same of a slot
//!          f5 text                   a library of functions
//!          [ fd u32 seconds | fc u64 milliseconds ] [ f8 idle seconds | f9 counter ] type key value     a key
//! checksum CRC-64 of all before it, 8 bytes little-endian, since version 5; 0: not computed
//!
//! length   00llllll                  6 bits
//!          01llllll llllllll         14 bits, big-endian
//!          80 and 4 bytes            32 bits, big-endian
//!          81 and 8 bytes            64 bits, big-endian
//!          11eeeeee                  not a length: text in encoding e
//!
//! text     length and bytes; or encoding 0, 1, 2: an integer of 1, 2, 4 bytes (little-endian), meaning its digits;
//!          or encoding 3: length compressed, length, LZF stream
//! ```

/// The version that files and dumps are written in unless they hold what is newer: the newest that Redis 7.0 reads.
pub const VERSION_USUAL: u16 = 10;
/// The version that brought fields that expire.
pub const VERSION_TTL: u16 = 12;
/// The versions that brought streams that recognise what comes twice, and entries of streams that are nobody's.
pub const VERSION_STREAM_4: u16 = 13;
pub const VERSION_STREAM_5: u16 = 14;
/// The newest version of upstream's files that is read.
pub const VERSION_REDIS_MAX: u16 = VERSION_STREAM_5;
/// The version that Valkey gives its own files.
pub const VERSION_VALKEY: u16 = 80;

/// Whose file or dump it is: some numbers mean different things to the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Redis,
    Valkey,
}

impl Family {
    /// The family that writes this version, if it is one that is read here.
    pub fn of_version(version: u16) -> Option<Family> {
        match version {
            1..=VERSION_REDIS_MAX => Some(Family::Redis),
            VERSION_VALKEY => Some(Family::Valkey),
            _ => None,
        }
    }
}

/// Kinds of records that are not keys.
pub mod op {
    pub const SLOT_IMPORT: u8 = 0xf3;
    pub const SLOT_INFO: u8 = 0xf4;
    pub const FUNCTION: u8 = 0xf5;
    pub const FUNCTION_PRE_GA: u8 = 0xf6;
    pub const MODULE_AUX: u8 = 0xf7;
    pub const IDLE: u8 = 0xf8;
    pub const FREQ: u8 = 0xf9;
    pub const AUX: u8 = 0xfa;
    pub const RESIZE_DB: u8 = 0xfb;
    pub const EXPIRE_MS: u8 = 0xfc;
    pub const EXPIRE_S: u8 = 0xfd;
    pub const SELECT_DB: u8 = 0xfe;
    pub const EOF: u8 = 0xff;
}

/// Types of values as files number them.
pub mod kind {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const ZSET_2: u8 = 5;
    pub const MODULE_PRE_GA: u8 = 6;
    pub const MODULE_2: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM_LISTPACKS: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const LIST_QUICKLIST_2: u8 = 18;
    pub const STREAM_LISTPACKS_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_LISTPACKS_3: u8 = 21;
    /// Redis: hash with times to live, before 7.4 was released. Valkey: hash with times to live.
    pub const HASH_TTL_PRE_GA: u8 = 22;
    pub const HASH_LISTPACK_TTL_PRE_GA: u8 = 23;
    pub const HASH_TTL: u8 = 24;
    pub const HASH_LISTPACK_TTL: u8 = 25;
    pub const STREAM_LISTPACKS_4: u8 = 26;
    pub const STREAM_LISTPACKS_5: u8 = 27;

    /// The highest of these in a file of this version.
    pub fn max(family: super::Family) -> u8 {
        match family {
            super::Family::Redis => STREAM_LISTPACKS_5,
            super::Family::Valkey => HASH_TTL_PRE_GA,
        }
    }

    /// The oldest version, from the usual one on, whose readers know this type.
    pub fn version(kind: u8) -> u16 {
        match kind {
            STREAM_LISTPACKS_5.. => super::VERSION_STREAM_5,
            STREAM_LISTPACKS_4 => super::VERSION_STREAM_4,
            HASH_TTL_PRE_GA..=HASH_LISTPACK_TTL => super::VERSION_TTL,
            SET_LISTPACK | STREAM_LISTPACKS_3 => 11,
            _ => super::VERSION_USUAL,
        }
    }

    /// What a type is called, as the checking tool shows it.
    pub fn name(kind: u8) -> &'static str {
        match kind {
            STRING => "string",
            LIST => "list-linked",
            SET => "set-hashtable",
            ZSET => "zset-v1",
            HASH => "hash-hashtable",
            ZSET_2 => "zset-v2",
            MODULE_PRE_GA => "module-pre-release",
            MODULE_2 => "module-value",
            HASH_ZIPMAP => "hash-zipmap",
            LIST_ZIPLIST => "list-ziplist",
            SET_INTSET => "set-intset",
            ZSET_ZIPLIST => "zset-ziplist",
            HASH_ZIPLIST => "hash-ziplist",
            LIST_QUICKLIST => "quicklist",
            STREAM_LISTPACKS => "stream",
            HASH_LISTPACK => "hash-listpack",
            ZSET_LISTPACK => "zset-listpack",
            LIST_QUICKLIST_2 => "quicklist-v2",
            STREAM_LISTPACKS_2 => "stream-v2",
            SET_LISTPACK => "set-listpack",
            STREAM_LISTPACKS_3 => "stream-v3",
            STREAM_LISTPACKS_4 => "stream-v4",
            STREAM_LISTPACKS_5 => "stream-v5",
            HASH_TTL_PRE_GA => "hash-hashtable-md-pre-release",
            HASH_LISTPACK_TTL_PRE_GA => "hash-listpack-md-pre-release",
            HASH_TTL => "hash-hashtable-md",
            HASH_LISTPACK_TTL => "hash-listpack-md",
            _ => "unknown",
        }
    }
}

/// Encodings of texts.
pub mod text {
    pub const INT_8: u8 = 0;
    pub const INT_16: u8 = 1;
    pub const INT_32: u8 = 2;
    pub const LZF: u8 = 3;
}

/// Nodes of a quicklist.
pub mod node {
    pub const PLAIN: u64 = 1;
    pub const PACKED: u64 = 2;
}

/// The bits of a length's first byte that say how it goes on, and two of them whole.
pub const LEN_6: u8 = 0;
pub const LEN_14: u8 = 1;
pub const LEN_32: u8 = 0x80;
pub const LEN_64: u8 = 0x81;
pub const ENCODED: u8 = 3;

/// Appends a length.
#[inline]
pub fn put_len(out: &mut Vec<u8>, len: u64) {
    match len {
        0..0x40 => out.push(len as u8),
        0x40..0x4000 => out.extend_from_slice(&(len as u16 | 0x4000).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            out.push(LEN_32);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
        _ => {
            out.push(LEN_64);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
}

/// Appends an integer as text of one of the integer encodings; `false` if none can hold it.
#[inline]
pub fn put_int(out: &mut Vec<u8>, value: i64) -> bool {
    if let Ok(value) = i8::try_from(value) {
        out.extend_from_slice(&[ENCODED << 6 | text::INT_8, value as u8]);
    } else if let Ok(value) = i16::try_from(value) {
        out.push(ENCODED << 6 | text::INT_16);
        out.extend_from_slice(&value.to_le_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        out.push(ENCODED << 6 | text::INT_32);
        out.extend_from_slice(&value.to_le_bytes());
    } else {
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_shortest_form() {
        let put = |len| {
            let mut out = Vec::new();
            put_len(&mut out, len);
            out
        };
        assert_eq!(put(0), [0]);
        assert_eq!(put(63), [63]);
        assert_eq!(put(64), [0x40, 64]);
        assert_eq!(put(16383), [0x7f, 0xff]);
        assert_eq!(put(16384), [0x80, 0, 0, 0x40, 0]);
        assert_eq!(put(u64::from(u32::MAX)), [0x80, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(put(1 << 32), [0x81, 0, 0, 0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn versions_tell_the_families_apart() {
        assert_eq!(Family::of_version(0), None);
        assert_eq!(Family::of_version(14), Some(Family::Redis));
        assert_eq!(Family::of_version(15), None);
        assert_eq!(Family::of_version(80), Some(Family::Valkey));
    }
}
