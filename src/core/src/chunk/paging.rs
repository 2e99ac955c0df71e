//! Which batches share a page.
//!
//! A stream with enough bytes gets pages of its own: they compress better, and may later be sent to a reader unopened. Streams
//! below [`PAGE_SHARED_BYTES_MAX`] share pages, each whole in one page, because thousands of tiny frames would compress to
//! nothing; their readers pay by decompressing a page for a part of it.

use std::ops::Range;

use crate::limits::{PAGE_RAW_BYTES_TARGET, PAGE_SHARED_BYTES_MAX};

/// Batches `batches` of stream `stream` (both indices into the input).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Share {
    pub(super) stream: usize,
    pub(super) batches: Range<usize>,
}

/// A page is a list of shares, never empty; a page of one stream has one.
pub(super) type PagePlan = Vec<Share>;

/// `sizes[stream][batch]` in bytes.
pub(super) fn plan(sizes: &[Vec<usize>]) -> Vec<PagePlan> {
    let (small, large): (Vec<usize>, Vec<usize>) = (0..sizes.len())
        .filter(|stream| !sizes[*stream].is_empty())
        .partition(|stream| sizes[*stream].iter().sum::<usize>() < PAGE_SHARED_BYTES_MAX);
    let own = large.into_iter().flat_map(|stream| own_pages(stream, &sizes[stream]));
    own.chain(shared_pages(small, sizes)).collect()
}

fn own_pages(stream: usize, sizes: &[usize]) -> impl Iterator<Item = PagePlan> {
    runs(sizes).into_iter().map(move |batches| vec![Share { stream, batches }])
}

fn shared_pages(streams: Vec<usize>, sizes: &[Vec<usize>]) -> impl Iterator<Item = PagePlan> {
    let totals: Vec<usize> = streams.iter().map(|stream| sizes[*stream].iter().sum()).collect();
    runs(&totals).into_iter().map(move |members| {
        let share = |member: &usize| Share { stream: *member, batches: 0..sizes[*member].len() };
        streams[members].iter().map(share).collect()
    })
}

/// Cuts `sizes` into runs that reach the target only where one item alone does.
fn runs(sizes: &[usize]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, size) in sizes.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if bytes + size <= PAGE_RAW_BYTES_TARGET => run.end = index + 1,
            _ => {
                runs.push(index..index + 1);
                bytes = 0;
            }
        }
        bytes += size;
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIB: usize = 1 << 10;

    fn share(stream: usize, batches: Range<usize>) -> Share {
        Share { stream, batches }
    }

    #[test]
    fn a_stream_with_enough_bytes_gets_pages_of_its_own() {
        let sizes = [vec![100 * KIB; 5]];
        let pages = [vec![share(0, 0..2)], vec![share(0, 2..4)], vec![share(0, 4..5)]];
        assert_eq!(plan(&sizes), pages);
    }

    #[test]
    fn a_batch_above_the_target_is_a_page() {
        let sizes = [vec![10 * KIB, 1000 * KIB, 10 * KIB, 10 * KIB]];
        let pages = [vec![share(0, 0..1)], vec![share(0, 1..2)], vec![share(0, 2..4)]];
        assert_eq!(plan(&sizes), pages);
    }

    #[test]
    fn small_streams_share_pages_and_are_never_split() {
        let sizes = [
            vec![50 * KIB; 1],
            vec![80 * KIB; 1],
            vec![25 * KIB; 2],
            vec![],
            vec![63 * KIB; 1],
            vec![60 * KIB; 1],
            vec![60 * KIB],
        ];
        let shared = vec![share(0, 0..1), share(2, 0..2), share(4, 0..1), share(5, 0..1)];
        assert_eq!(plan(&sizes), [vec![share(1, 0..1)], shared, vec![share(6, 0..1)]]);
    }

    proptest! {
        #[test]
        fn every_batch_is_in_exactly_one_page_and_in_order(
            sizes in prop::collection::vec(prop::collection::vec(1usize..400_000, 0..20), 0..30)
        ) {
            let mut next = vec![0; sizes.len()];
            for page in plan(&sizes) {
                let bytes: usize = page.iter().flat_map(|s| &sizes[s.stream][s.batches.clone()]).sum();
                let batches: usize = page.iter().map(|s| s.batches.len()).sum();
                prop_assert!(batches > 0 && (bytes <= PAGE_RAW_BYTES_TARGET || batches == 1));
                for share in page {
                    prop_assert_eq!(share.batches.start, next[share.stream]);
                    next[share.stream] = share.batches.end;
                }
            }
            let all: Vec<usize> = sizes.iter().map(Vec::len).collect();
            prop_assert_eq!(next, all);
        }
    }
}
