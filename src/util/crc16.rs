//! CRC-16/XMODEM (polynomial 0x1021, start 0, no reflection) and the cluster slot that comes of it.
//!
//! A key's slot is the checksum of its hash tag (the text between the first `{` and the next `}`, when
//! there is any) or else of the whole key, modulo [`SLOTS`].

use memchr::memchr;

/// Hash slots of a cluster.
pub const SLOTS: usize = 16384;

const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0u16; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

/// CRC-16/XMODEM of `bytes`.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

/// The part of `key` that decides its slot: a non-empty `{tag}`, else the whole key.
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr(b'{', key) else {
        return key;
    };
    let inside = &key[open + 1..];
    match memchr(b'}', inside) {
        None | Some(0) => key,
        Some(close) => &inside[..close],
    }
}

/// The cluster slot of `key`, below [`SLOTS`].
pub fn key_slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) % SLOTS as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_check_value() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b""), 0);
    }

    #[test]
    fn takes_the_first_non_empty_tag_only() {
        assert_eq!(hash_tag(b"user1000"), b"user1000");
        assert_eq!(hash_tag(b"{user1000}.following"), b"user1000");
        assert_eq!(hash_tag(b"foo{}{bar}"), b"foo{}{bar}");
        assert_eq!(hash_tag(b"foo{{bar}}zap"), b"{bar");
        assert_eq!(hash_tag(b"foo{bar}{zap}"), b"bar");
        assert_eq!(hash_tag(b"foo{bar"), b"foo{bar");
        assert_eq!(hash_tag(b"foo}bar{"), b"foo}bar{");
        assert_eq!(hash_tag(b"}{a}"), b"a");
    }

    #[test]
    fn puts_keys_where_a_genuine_server_does() {
        for (key, slot) in [("foo", 12182), ("bar", 5061), ("hello", 866), ("", 0), ("somekey", 11058), ("foo{hash_tag}", 2515)] {
            assert_eq!(key_slot(key.as_bytes()), slot, "{key}");
        }
    }
}
