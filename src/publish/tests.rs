//! Publishing over models that lose answers.

use super::fixtures::{WRITER, batch, bodies, chunk, chunk_id, chunk_stream, entry};
use super::*;
use crate::catalog::model::{ModelCatalog, ModelRows, WriteFault};
use crate::loader::{Loader, LoaderParts, PAGE_CACHE_BYTES};
use crate::names::model::names;
use crate::store::model::{ModelObjects, PutFault};
use riverrun_core::action::{PagesFrom, PagesOrder};
use riverrun_core::chunk::encode_fence;
use riverrun_core::event::Loaded;

/// One process over a store.
struct Process {
    objects: Arc<ModelObjects>,
    rows: Arc<ModelRows>,
    catalog: Arc<ModelCatalog>,
    index: Arc<ChunkIndex>,
    publisher: Arc<Publisher>,
}

impl Process {
    fn start() -> Self {
        let (objects, rows, index) = (Arc::<ModelObjects>::default(), Arc::<ModelRows>::default(), Arc::default());
        let catalog = rows.open();
        let encoder = Encoder::new(Offload::inline());
        let publisher = Publisher::new(objects.clone(), catalog.clone(), Arc::clone(&index), encoder, WRITER);
        Self { objects, rows, catalog, index, publisher: Arc::new(publisher) }
    }

    async fn store(&self, input: &ChunkInput) -> Result<StoredChunk, StoreFailure> {
        self.publisher.store_chunk(input.clone()).await
    }

    async fn read(&self, id: ChunkId) -> Vec<String> {
        let loader = Loader::new(LoaderParts {
            objects: self.objects.clone(),
            catalog: self.catalog.clone(),
            index: Arc::default(),
            store_id: WRITER.store_id,
            names: names(self.catalog.clone()).0,
            offload: Offload::inline(),
            page_cache_bytes_max: PAGE_CACHE_BYTES,
        });
        let (stream_id, from) = (entry(1, "s").id, PagesFrom::SeqNum(0));
        let order = PagesOrder { stream_id, chunk: id, from, bytes_max: usize::MAX, as_stored: false };
        let loaded = loader.load_pages(order).await.expect("loads");
        bodies(&loaded.iter().filter_map(Loaded::batch).cloned().collect::<Vec<_>>())
    }
}

/// The `number`-th chunk of a stream that gets two records in each.
fn input(number: u64) -> ChunkInput {
    let entry = entry(1, "s");
    let batch = batch(entry.id, number * 2, &[format!("{number}a"), format!("{number}b")]);
    chunk(chunk_id(1, number), vec![chunk_stream(&entry, &[batch])])
}

fn is_transient<T: std::fmt::Debug>(outcome: &Result<T, StoreFailure>) -> bool {
    matches!(outcome, Err(StoreFailure::Transient(_)))
}

async fn assert_stored(process: &Process, number: u64) {
    let id = chunk_id(1, number);
    assert_eq!(process.read(id).await, [format!("{number}a"), format!("{number}b")]);
    let rows = process.rows.rows();
    let sequence = SequenceRow::decode(&rows[&keys::sequence(id.sequence())]).expect("a row");
    assert_eq!(sequence, SequenceRow { indexed_to: number + 1, ended_at: None });
    assert_eq!(process.index.next_seq_num(entry(1, "s").id), Some(number * 2 + 2));
}

#[tokio::test]
async fn a_stored_chunk_is_in_the_store_the_catalog_and_the_index() {
    let process = Process::start();
    let stored = process.store(&input(0)).await.expect("stored");
    assert_eq!(stored.id, chunk_id(1, 0));
    let name = stored.id.object_name();
    assert_eq!(process.objects.object(&name).expect("is there").len() as u64, stored.object_bytes);
    assert_stored(&process, 0).await;
    let loaded = process.index.load(entry(1, "s"));
    assert_eq!(loaded.chunks.len(), 1);
    assert_eq!((loaded.chunks[0].first_seq_num, loaded.chunks[0].end_seq_num), (0, 2));
}

/// reliability.md F34: the put was done and the answer lost; one's own object is known again.
#[tokio::test]
async fn a_lost_answer_is_no_rival() {
    let process = Process::start();
    process.objects.fail_next_put(PutFault::AnswerLost);
    process.store(&input(0)).await.expect("stored at the first attempt, by looking");
    assert_stored(&process, 0).await;
}

/// reliability.md D8, F34: one's own object is found, and the disk does not say that it is durable.
#[tokio::test]
async fn a_failed_sync_of_the_object_found_is_fatal() {
    let process = Process::start();
    process.objects.fail_next_put(PutFault::AnswerLost);
    process.objects.fail_next_sync();
    let failure = process.store(&input(0)).await.expect_err("not known to be durable");
    assert!(matches!(&failure, StoreFailure::Fatal(why) if why.contains("failed a sync")), "{failure:?}");
    assert!(process.rows.rows().is_empty(), "it is not indexed");
}

/// F33, F35: whatever did not happen is ordered again, and the second attempt puts the same bytes.
#[tokio::test]
async fn what_was_not_done_is_transient_and_works_the_second_time() {
    for fault in [PutFault::RequestLost, PutFault::NotDone, PutFault::Conflict] {
        let process = Process::start();
        process.objects.fail_next_put(fault);
        let first = process.store(&input(0)).await;
        assert!(is_transient(&first), "{fault:?}: {first:?}");
        assert_eq!(process.objects.names(), Vec::<String>::new(), "{fault:?}");
        process.store(&input(0)).await.expect("stored");
        assert_stored(&process, 0).await;
    }
}

#[tokio::test]
async fn every_attempt_puts_the_same_object_even_at_another_level() {
    let process = Process::start();
    process.objects.fail_next_put(PutFault::AnswerLost);
    process.objects.fail_reads(100);
    assert!(is_transient(&process.store(&input(0)).await));
    process.objects.fail_reads(0);
    let again = ChunkInput { compression_level: 9, ..input(0) };
    process.store(&again).await.expect("the object of the first attempt is ours");
    assert_stored(&process, 0).await;
}

/// Otherwise the first attempt's object would be taken for the second order's, and the shard would let go of the difference.
#[tokio::test]
async fn an_order_given_again_with_other_content_is_fatal() {
    let process = Process::start();
    process.objects.fail_next_put(PutFault::NotDone);
    assert!(is_transient(&process.store(&input(0)).await));
    let other = ChunkInput { id: chunk_id(1, 0), ..input(1) };
    assert!(matches!(process.store(&other).await, Err(StoreFailure::Fatal(_))));
    assert_eq!(process.objects.names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_store_that_refuses_for_good_is_fatal() {
    let process = Process::start();
    process.objects.fail_next_put(PutFault::Refused);
    let failure = process.store(&input(0)).await.expect_err("refused");
    assert!(matches!(&failure, StoreFailure::Fatal(why) if why.contains("no permission")), "{failure:?}");
}

/// design.md 6, epochs: the name was taken by a newer epoch's fence.
#[tokio::test]
async fn a_fence_under_the_chunks_name_ends_the_process() {
    let process = Process::start();
    let id = chunk_id(1, 0);
    let identity = Identity { store_id: WRITER.store_id, writer_id: [9; 16], put_id: [9; 16] };
    process.objects.plant(&id.object_name(), encode_fence(id, 5, identity));
    let failure = process.store(&input(0)).await.expect_err("fenced");
    assert!(matches!(&failure, StoreFailure::Fatal(why) if why.contains("epoch 5")), "{failure:?}");
}

#[tokio::test]
async fn an_answer_lost_by_the_catalog_is_transient_and_the_row_is_written_once_more() {
    for fault in [WriteFault::AnswerLost, WriteFault::RequestLost] {
        let process = Process::start();
        process.rows.fail_next_write(fault);
        assert!(is_transient(&process.store(&input(0)).await), "{fault:?}");
        process.store(&input(0)).await.expect("stored");
        assert_stored(&process, 0).await;
        assert_eq!(process.index.load(entry(1, "s")).chunks.len(), 1);
    }
}

#[tokio::test]
async fn a_superseded_owner_of_the_catalog_is_told_to_stop() {
    let process = Process::start();
    let _newer = process.rows.open();
    assert!(matches!(process.store(&input(0)).await, Err(StoreFailure::Fatal(_))));
}

/// Chunks may be ordered side by side; they are put strictly by number, because fencing rests on it.
#[tokio::test]
async fn chunks_of_a_sequence_are_put_in_order() {
    let process = Process::start();
    let later: Vec<_> = (1..4)
        .map(|number| {
            let publisher = Arc::clone(&process.publisher);
            tokio::spawn(async move { publisher.store_chunk(input(number)).await })
        })
        .collect();
    // Everything that can run has run, and nothing was put.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(process.objects.names(), Vec::<String>::new());
    process.objects.fail_next_put(PutFault::NotDone);
    assert!(is_transient(&process.store(&input(0)).await));
    process.store(&input(0)).await.expect("stored");
    for order in later {
        order.await.expect("no panic").expect("stored");
    }
    assert_stored(&process, 3).await;
    assert_eq!(process.index.load(entry(1, "s")).chunks.len(), 4);
}

/// reliability.md F23: a bit that flipped in memory is found before it is published.
#[tokio::test]
async fn a_batch_that_changed_in_memory_is_not_published() {
    let process = Process::start();
    let mut input = input(0);
    let mut bytes = input.streams[0].batches[0].to_vec();
    *bytes.last_mut().expect("not empty") ^= 1;
    input.streams[0].batches[0] = bytes.into();
    assert!(matches!(process.store(&input).await, Err(StoreFailure::Fatal(_))));
    assert_eq!(process.objects.names(), Vec::<String>::new());
}
