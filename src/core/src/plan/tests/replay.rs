use proptest::prelude::*;
use riverrun_protocol::types::StreamId;

use crate::plan::replay::KnownStream::{Alive, Tombstoned, Unknown};
use crate::plan::replay::ReplayVerdict::{Apply, Damage, Drop, Skip};
use crate::plan::replay::{ReplayDamage, judge};

const STREAM: StreamId = StreamId([7; 16]);

#[test]
fn the_rule_as_a_table() {
    let gap =
        |next_seq_num, first_seq_num| Damage(ReplayDamage::Gap { stream_id: STREAM, next_seq_num, first_seq_num });
    let overlap = |next_seq_num, first_seq_num, end_seq_num| {
        Damage(ReplayDamage::Overlap { stream_id: STREAM, next_seq_num, first_seq_num, end_seq_num })
    };
    let alive = |next_seq_num| Alive { next_seq_num };
    let table = [
        (alive(0), 0, 1, Apply),
        (alive(10), 10, 15, Apply),
        (alive(10), 5, 10, Skip),
        (alive(10), 0, 1, Skip),
        (alive(10), 11, 12, gap(10, 11)),
        (alive(0), 10, 15, gap(0, 10)),
        (alive(10), 9, 11, overlap(10, 9, 11)),
        (alive(10), 0, 20, overlap(10, 0, 20)),
        (Tombstoned, 3, 4, Drop),
        (Unknown, 0, 1, Damage(ReplayDamage::UnknownStream { stream_id: STREAM })),
    ];
    for (known, first, end, verdict) in table {
        assert_eq!(judge(STREAM, known, first, end), verdict, "{known:?} {first}..{end}");
    }
}

#[test]
fn damage_says_what_and_where() {
    let Damage(gap) = judge(STREAM, Alive { next_seq_num: 4 }, 9, 10) else { panic!("not damage") };
    insta::assert_snapshot!(
        gap,
        @"stream 07070707070707070707070707070707: the journal goes on at 9, but the stream is known only up to 4: records between them are missing"
    );
}

proptest! {
    /// A stream's journal, replayed from any published end that is a batch's end, gives every record once, in order.
    #[test]
    fn whatever_is_published_the_rest_applies_without_gap_or_repeat(
        sizes in prop::collection::vec(1u64..20, 1..30), published in any::<prop::sample::Index>()
    ) {
        let ends: Vec<u64> = sizes.iter().scan(0, |end, size| { *end += size; Some(*end) }).collect();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let published = published.index(sizes.len() + 1);
        let mut next = if published == 0 { 0 } else { ends[published - 1] };
        for (start, end) in starts.zip(ends.iter().copied()) {
            match judge(STREAM, Alive { next_seq_num: next }, start, end) {
                Apply => next = end,
                verdict => prop_assert_eq!(verdict, Skip),
            }
        }
        prop_assert_eq!(Some(&next), ends.last());
    }
}
