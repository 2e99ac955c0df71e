//! The record class that is meant where none is named: JSON, about 2.7:1 for zstd.

use rand::RngExt;
use rand::distr::Alphanumeric;
use rand::rngs::StdRng;

/// What decides how much of a record zstd cannot take away.
const ITEM_ID_CHARS: usize = 16;

/// One object of exactly `bytes` bytes: keys that repeat, and ids and numbers that do not, in such parts that zstd makes about 2.7:1
/// of it.
pub fn json(random: &mut StdRng, bytes: usize) -> Vec<u8> {
    let mut text = format!(
        "{{\"time\":{},\"level\":\"info\",\"service\":\"checkout\",\"user\":{},\"trace\":\"{:016x}\",\"fields\":[",
        1_771_390_606_000u64 + random.random_range(0..100_000_000),
        random.random_range(0..1_000_000),
        random.random::<u64>(),
    );
    while text.len() + 48 < bytes {
        let item: String = (0..ITEM_ID_CHARS).map(|_| char::from(random.sample(Alphanumeric))).collect();
        let price = random.random_range(0..1_000_000);
        text.push_str(&format!("{{\"item\":\"{item}\",\"price\":{price}}},"));
    }
    let mut text = text.into_bytes();
    text.resize(bytes.saturating_sub(2), b' ');
    text.extend_from_slice(b"]}");
    text.truncate(bytes);
    text
}
