//! Makes sums right again, so that what is spoiled gets past them. A hostile peer and a broken writer get their sums right, too.
//!
//! Each sum is left wrong now and then: what stands behind one that holds is as much of interest as what stands before one that
//! does not.

use bytes::BytesMut;
use riverrun_core::buffer::ALIGN_BYTES;
use riverrun_core::chunk::{HEADER_BYTES, TRAILER_BYTES};
use riverrun_core::journal::HEADER_BYTES as BLOCK_HEADER_BYTES;
use riverrun_protocol::Request;
use riverrun_protocol::limits::{FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES};

use crate::random::Random;
use crate::wire::checks::{repair_sent, repair_stamped};

/// How often in a hundred each sum is made right.
const REPAIRED_PERCENT: usize = 85;

pub fn nothing(_bytes: &mut [u8], _random: &mut Random) {}

/// The first frame is as long as what is there, and a batch in it has right sums.
pub fn frames(bytes: &mut [u8], random: &mut Random) {
    let Some(body_bytes) = bytes.len().checked_sub(FRAME_HEADER_BYTES) else { return };
    if body_bytes <= FRAME_BODY_BYTES_MAX && random.percent(REPAIRED_PERCENT) {
        put(bytes, 0, body_bytes as u32);
    }
    batch_of_request(bytes[4], &mut bytes[FRAME_HEADER_BYTES..]);
}

/// A batch in the body has right sums.
pub fn requests(bytes: &mut [u8], random: &mut Random) {
    if let Some((kind, body)) = bytes.split_first_mut()
        && random.percent(REPAIRED_PERCENT)
    {
        batch_of_request(*kind, body);
    }
}

fn batch_of_request(kind: u8, body: &mut [u8]) {
    let batch_bytes = match Request::parse(kind, body) {
        Ok(Request::Append(append)) => append.batch.len(),
        Ok(Request::SessionAppend(append)) => append.batch.len(),
        _ => return,
    };
    let start = body.len() - batch_bytes;
    let mut batch = BytesMut::from(&body[start..]);
    repair_sent(&mut batch);
    body[start..].copy_from_slice(&batch);
}

pub fn batch(bytes: &mut [u8], random: &mut Random) {
    let mut batch = BytesMut::from(&bytes[..]);
    if random.percent(REPAIRED_PERCENT) {
        repair_sent(&mut batch);
    }
    if random.percent(REPAIRED_PERCENT) {
        repair_stamped(&mut batch);
    }
    bytes.copy_from_slice(&batch);
}

/// Every page that begins like a block: the payload's sum, then the header's. Both start from the salt.
pub fn journal(bytes: &mut [u8], random: &mut Random) {
    for start in (0..bytes.len()).step_by(ALIGN_BYTES) {
        if !bytes[start..].starts_with(b"RvrnJrnl") || bytes.len() - start < BLOCK_HEADER_BYTES {
            continue;
        }
        let seed = crc32c::crc32c(&bytes[start + 16..start + 24]);
        let end = start.saturating_add(word(bytes, start + 116) as usize);
        if end <= bytes.len() && end >= start + BLOCK_HEADER_BYTES && random.percent(REPAIRED_PERCENT) {
            let sum = crc32c::crc32c_append(seed, &bytes[start + BLOCK_HEADER_BYTES..end]);
            put(bytes, start + 132, sum);
        }
        if random.percent(REPAIRED_PERCENT) {
            let crc_at = start + BLOCK_HEADER_BYTES - 4;
            let sum = crc32c::crc32c_append(seed, &bytes[start..crc_at]);
            put(bytes, crc_at, sum);
        }
    }
}

/// From the pages outwards: pages, header, its copy in the footer, the footer in the trailer, the trailer. Lengths that the
/// header and the trailer tell are made right as well.
pub fn chunk(bytes: &mut [u8], random: &mut Random) {
    let Some(trailer) = bytes.len().checked_sub(TRAILER_BYTES).filter(|at| *at >= HEADER_BYTES) else { return };
    let object_bytes = bytes.len() as u64;
    if random.percent(REPAIRED_PERCENT) {
        bytes[96..104].copy_from_slice(&object_bytes.to_le_bytes());
        bytes[trailer + 16..trailer + 24].copy_from_slice(&object_bytes.to_le_bytes());
    }
    header(bytes, 0, random);
    let footer = u64::from_le_bytes(*bytes[trailer..].first_chunk().expect("a trailer has 40 bytes"));
    let last = trailer.saturating_sub(HEADER_BYTES + 8);
    let footer = usize::try_from(footer).ok().filter(|at| (HEADER_BYTES..=last).contains(at));
    if let Some(footer) = footer {
        if random.percent(REPAIRED_PERCENT) {
            bytes.copy_within(..HEADER_BYTES, footer);
        }
        pages(bytes, footer, trailer, random);
        put(bytes, trailer + 8, (trailer - footer) as u32);
        if random.percent(REPAIRED_PERCENT) {
            let sum = crc32c::crc32c(&bytes[footer..trailer]);
            put(bytes, trailer + 12, sum);
        }
    }
    if random.percent(REPAIRED_PERCENT) {
        let sum = crc32c::crc32c(&bytes[trailer..trailer + 28]);
        put(bytes, trailer + 28, sum);
    }
}

fn header(bytes: &mut [u8], start: usize, random: &mut Random) {
    if random.percent(REPAIRED_PERCENT) {
        let sum = crc32c::crc32c(&bytes[start..start + HEADER_BYTES - 4]);
        put(bytes, start + HEADER_BYTES - 4, sum);
    }
}

/// Page entries: `u32` stored bytes, `u32` raw bytes, `u32` sum, codec. The pages lie back to back behind the header.
fn pages(bytes: &mut [u8], footer: usize, trailer: usize, random: &mut Random) {
    let mut page = HEADER_BYTES;
    let tables = footer + HEADER_BYTES + 8;
    let count = word(bytes, footer + HEADER_BYTES) as usize;
    for entry in (tables..trailer.saturating_sub(15)).step_by(16).take(count) {
        let end = page.saturating_add(word(bytes, entry) as usize);
        if end > footer {
            return;
        }
        if random.percent(REPAIRED_PERCENT) {
            let sum = crc32c::crc32c(&bytes[page..end]);
            put(bytes, entry + 8, sum);
        }
        page = end;
    }
}

/// The last four bytes are the sum of all before.
pub fn catalog(bytes: &mut [u8], random: &mut Random) {
    if let Some(end) = bytes.len().checked_sub(4)
        && random.percent(REPAIRED_PERCENT)
    {
        let sum = crc32c::crc32c(&bytes[..end]);
        put(bytes, end, sum);
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}
