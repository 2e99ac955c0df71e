//! Salted CRC-32C.

/// The salted start of every sum of a journal: bytes of another journal, or of an earlier life of this file, never carry a sum
/// that is right here, however similar they are (reliability.md F13).
pub fn seed(salt: u64) -> u32 {
    crc32c::crc32c(&salt.to_le_bytes())
}
