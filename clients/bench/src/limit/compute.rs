//! What a core does with bytes that it has: checksum, copy, compress (performance.md 4.1: c, m, z, dz). In bytes per second of CPU
//! time, so that other work on the machine matters little.

use std::hint::black_box;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use zstd::bulk::{Compressor, Decompressor};

use super::LimitError;
use super::cpu_clock::CpuClock;
use super::measured::{Compute, Zstd};
use crate::json_record;

const CACHED_BYTES: usize = 256 << 10;
/// Larger than the caches that a core of a server has for itself.
const MEMORY_BYTES: usize = 64 << 20;
const PIECE_BYTES: usize = 64 << 10;
const PIECES: usize = 64;
const RECORD_BYTES: usize = 1024;
const LEVELS: [i32; 2] = [1, 3];

pub(super) fn measure(step: Duration, say: &mut dyn FnMut(&str)) -> Result<Compute, LimitError> {
    say("crc32c, memcpy");
    let cached = vec![0x61; CACHED_BYTES];
    let crc32c_bytes_per_s = bytes_per_cpu_s(step, CACHED_BYTES, || {
        black_box(crc32c::crc32c(black_box(&cached)));
    });
    let (memcpy_cached_bytes_per_s, memcpy_memory_bytes_per_s) =
        (memcpy(step, CACHED_BYTES), memcpy(step, MEMORY_BYTES));
    let pieces = json_pieces();
    let zstd = LEVELS.iter().map(|level| {
        say(&format!("zstd level {level}"));
        measure_zstd(*level, step, &pieces).map_err(|why| LimitError::Zstd { level: *level, why })
    });
    let zstd = zstd.collect::<Result<_, _>>()?;
    Ok(Compute { crc32c_bytes_per_s, memcpy_cached_bytes_per_s, memcpy_memory_bytes_per_s, zstd })
}

fn memcpy(step: Duration, len: usize) -> f64 {
    let (source, mut target) = (vec![0x61u8; len], vec![0u8; len]);
    bytes_per_cpu_s(step, len, || black_box(&mut target).copy_from_slice(black_box(&source)))
}

/// Other pieces each time, as chunks have, and not one that a compressor has seen.
fn json_pieces() -> Vec<Vec<u8>> {
    let mut random = StdRng::seed_from_u64(1);
    let mut piece =
        || (0..PIECE_BYTES / RECORD_BYTES).flat_map(|_| json_record::json(&mut random, RECORD_BYTES)).collect();
    (0..PIECES).map(|_| piece()).collect()
}

fn measure_zstd(level: i32, step: Duration, pieces: &[Vec<u8>]) -> std::io::Result<Zstd> {
    let (mut compressor, mut decompressor) = (Compressor::new(level)?, Decompressor::new()?);
    let compressed: Vec<Vec<u8>> = pieces.iter().map(|piece| compressor.compress(piece)).collect::<Result<_, _>>()?;
    let plain_bytes: usize = pieces.iter().map(Vec::len).sum();
    let compressed_bytes: usize = compressed.iter().map(Vec::len).sum();
    let mut target = vec![0; zstd::zstd_safe::compress_bound(PIECE_BYTES)];
    let compress_bytes_per_s = try_bytes_per_cpu_s(step, plain_bytes, || {
        pieces.iter().try_for_each(|piece| compressor.compress_to_buffer(piece, &mut target[..]).map(drop))
    })?;
    let decompress_bytes_per_s = try_bytes_per_cpu_s(step, plain_bytes, || {
        compressed.iter().try_for_each(|piece| decompressor.decompress_to_buffer(piece, &mut target[..]).map(drop))
    })?;
    let ratio = plain_bytes as f64 / compressed_bytes as f64;
    Ok(Zstd { level, compress_bytes_per_s, decompress_bytes_per_s, ratio })
}

fn bytes_per_cpu_s(step: Duration, turn_bytes: usize, mut turn: impl FnMut()) -> f64 {
    let speed = try_bytes_per_cpu_s::<std::convert::Infallible>(step, turn_bytes, || {
        turn();
        Ok(())
    });
    match speed {
        Ok(speed) => speed,
    }
}

/// The first turn, which faults pages in, does not count.
fn try_bytes_per_cpu_s<E>(
    step: Duration,
    turn_bytes: usize,
    mut turn: impl FnMut() -> Result<(), E>,
) -> Result<f64, E> {
    turn()?;
    let clock = CpuClock::start();
    let mut turns = 0u64;
    loop {
        turn()?;
        turns += 1;
        let elapsed = clock.elapsed();
        if elapsed >= step && !elapsed.is_zero() {
            return Ok(turns as f64 * turn_bytes as f64 / elapsed.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_full_and_zstd_makes_less_of_them() {
        let pieces = json_pieces();
        assert!(pieces.len() == PIECES && pieces.iter().all(|piece| piece.len() == PIECE_BYTES));
        let zstd = measure_zstd(1, Duration::ZERO, &pieces).expect("zstd works");
        assert!(zstd.ratio > 2.0, "{}", zstd.ratio);
        assert!(zstd.compress_bytes_per_s > 0.0 && zstd.decompress_bytes_per_s > 0.0);
    }
}
