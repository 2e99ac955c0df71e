//! The placement of a new stream is stored; the function is pinned so that nobody changes it unaware.

use crate::control::{placement, shard_of};

fn of(basin: &str, stream: &str) -> u64 {
    placement(&basin.parse().unwrap(), &stream.parse().unwrap())
}

#[test]
fn golden_placements() {
    let lines: Vec<String> =
        [("logs-basin", "a"), ("logs-basin", "b"), ("other-basin", "a"), ("logs-basin", "é/\u{1}")]
            .iter()
            .map(|(basin, stream)| format!("{:016x}", of(basin, stream)))
            .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    2cf1386e37bbfa38
    4e158a5871a1c071
    5272bbcfe50b7891
    cfac77133d7ebdcc
    ");
}

/// The zero byte between them: neither name can take from the other.
#[test]
fn basin_and_stream_are_told_apart() {
    assert_ne!(of("logs-basin", "abc"), of("logs-basina", "bc"));
}

/// Names that differ only in their last digit, as generated ones do, spread over any number of shards.
#[test]
fn numbered_streams_spread_evenly() {
    for shards in [2, 3, 4, 7, 16] {
        let mut counts = vec![0; shards as usize];
        (0..16_000).for_each(|n| counts[shard_of(of("logs-basin", &format!("stream-{n}")), shards) as usize] += 1);
        let mean = 16_000 / u32::from(shards);
        assert!(counts.iter().all(|count| (mean * 9 / 10..=mean * 11 / 10).contains(count)), "{shards}: {counts:?}");
    }
}

#[test]
fn one_shard_owns_everything() {
    assert_eq!([shard_of(u64::MAX, 1), shard_of(7, 0), shard_of(7, 4)], [0, 0, 3]);
}
