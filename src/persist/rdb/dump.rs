//! One value as a message: what DUMP answers and RESTORE takes.
//!
//! ```text
//! [ type ][ value ][ version u16 ][ CRC-64 of all before it u64 ]              little-endian
//! ```

use super::format::{Family, VERSION_USUAL, kind};
use super::read::Reading;
use super::source::{Bytes, Error, Source};
use super::write::{Style, Writer};
use crate::keyspace::{Env, Ref, Value};
use crate::util::crc64::crc64;

const FOOTER_BYTES: usize = 10;

/// The message that holds this value.
pub fn dump(value: Ref<'_>, compress: bool) -> Vec<u8> {
    let mut writer = Writer::to_memory(Style { compress, checksum: false });
    writer.kind(value);
    writer.value(value);
    let mut bytes = writer.into_bytes();
    let version = bytes.first().map_or(VERSION_USUAL, |kind| kind::version(*kind));
    bytes.extend_from_slice(&version.to_le_bytes());
    let crc = crc64(0, &bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// Whose message it is and what it holds; `None` if version or checksum are not right.
pub fn open(message: &[u8], check: bool) -> Option<(Family, &[u8])> {
    let (body, footer) = message.split_at_checked(message.len().checked_sub(FOOTER_BYTES)?)?;
    let (version, crc) = footer.split_first_chunk::<2>()?;
    let family = Family::of_version(u16::from_le_bytes(*version))?;
    let summed = &message[..message.len() - crc.len()];
    (!check || crc64(0, summed).to_le_bytes() == *crc).then_some((family, body))
}

/// The value that an opened message holds.
///
/// # Errors
/// Why it holds none.
pub fn restore(body: &[u8], family: Family, deep: bool, env: &Env) -> Result<Value, Error> {
    let mut source = Bytes::new(body);
    let kind = source.byte()?;
    Reading::new(env, family, deep).value(&mut source, kind)
}
