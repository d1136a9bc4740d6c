//! CRC-64 with the Jones polynomial, reflected, start 0, no final xor: the checksum of RDB files and dumps.
//!
//! Slice-by-8: eight tables, built at compile time, let one step consume eight bytes. `TABLES[k][b]` is
//! the checksum of byte `b` followed by `k` zero bytes.

/// 0xad93d23594c935a9 with its bits reversed.
const POLYNOMIAL_REFLECTED: u64 = 0x95ac_9329_ac4b_c9b5;

static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0u64; 256]; 8];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 != 0 { (crc >> 1) ^ POLYNOMIAL_REFLECTED } else { crc >> 1 };
            bit += 1;
        }
        tables[0][index] = crc;
        index += 1;
    }
    let mut slice = 1;
    while slice < 8 {
        let mut index = 0;
        while index < 256 {
            let previous = tables[slice - 1][index];
            tables[slice][index] = (previous >> 8) ^ tables[0][(previous & 0xff) as usize];
            index += 1;
        }
        slice += 1;
    }
    tables
}

/// Continues the checksum `crc` (0 at the start) over `bytes`.
///
/// `crc64(crc64(0, a), b)` equals `crc64(0, a ++ b)`.
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    let mut crc = crc;
    let (words, tail) = bytes.as_chunks::<8>();
    for &word in words {
        let mixed = (crc ^ u64::from_le_bytes(word)).to_le_bytes();
        crc = TABLES[7][usize::from(mixed[0])]
            ^ TABLES[6][usize::from(mixed[1])]
            ^ TABLES[5][usize::from(mixed[2])]
            ^ TABLES[4][usize::from(mixed[3])]
            ^ TABLES[3][usize::from(mixed[4])]
            ^ TABLES[2][usize::from(mixed[5])]
            ^ TABLES[1][usize::from(mixed[6])]
            ^ TABLES[0][usize::from(mixed[7])];
    }
    for &byte in tail {
        crc = (crc >> 8) ^ TABLES[0][usize::from(crc as u8 ^ byte)];
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, a bit at a time.
    fn bitwise(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |crc, &byte| {
            (0..8).fold(crc ^ u64::from(byte), |crc, _| if crc & 1 != 0 { (crc >> 1) ^ POLYNOMIAL_REFLECTED } else { crc >> 1 })
        })
    }

    #[test]
    fn gives_the_published_check_value() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(POLYNOMIAL_REFLECTED.reverse_bits(), 0xad93_d235_94c9_35a9);
    }

    proptest! {
        #[test]
        fn slices_agree_with_bits_wherever_the_data_is_cut(bytes: Vec<u8>, cut: prop::sample::Index) {
            let cut = cut.index(bytes.len() + 1);
            prop_assert_eq!(crc64(0, &bytes), bitwise(&bytes));
            prop_assert_eq!(crc64(crc64(0, &bytes[..cut]), &bytes[cut..]), bitwise(&bytes));
        }
    }
}
