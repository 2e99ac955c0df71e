//! Pages, and what goes wrong with them.

use riverrun_core::chunk::{ChunkInput, Footer};

use super::*;
use crate::catalog::model::ModelRows;
use crate::names::model::names;
use crate::publish::fixtures::{WRITER, batch, bodies, chunk, chunk_id, chunk_stream, entry};
use crate::publish::{Encoder, Publisher};
use crate::store::model::ModelObjects;

struct Process {
    objects: Arc<ModelObjects>,
    rows: Arc<ModelRows>,
    publisher: Publisher,
    loader: Arc<Loader>,
}

impl Process {
    fn start() -> Self {
        Self::over(Arc::default(), Arc::default())
    }

    /// With an empty index, as if it had just come up and asks the store for everything.
    fn over(objects: Arc<ModelObjects>, rows: Arc<ModelRows>) -> Self {
        let (catalog, index) = (rows.open(), Arc::<ChunkIndex>::default());
        let encoder = Encoder::new(Offload::inline());
        let publisher = Publisher::new(objects.clone(), catalog.clone(), Arc::default(), encoder, WRITER);
        let loader = Arc::new(Loader::new(LoaderParts {
            objects: objects.clone(),
            catalog: catalog.clone(),
            index,
            store_id: WRITER.store_id,
            names: names(catalog).0,
            offload: Offload::inline(),
        }));
        Self { objects, rows, publisher, loader }
    }

    async fn store(&self, input: ChunkInput) {
        self.publisher.store_chunk(input).await.expect("stored");
    }
}

/// Two streams in one chunk: a large one with pages of its own, a small one that shares.
async fn two_streams(process: &Process) -> Vec<String> {
    let (large, small) = (entry(1, "large"), entry(2, "small"));
    let written: Vec<String> = (0..400).map(|i| format!("{i}-{}", "x".repeat(4000))).collect();
    let batches: Vec<Batch> =
        written.chunks(20).enumerate().map(|(i, bodies)| batch(large.id, i as u64 * 20, bodies)).collect();
    let few = [batch(small.id, 0, &["p", "q"]), batch(small.id, 2, &["r"])];
    let streams = vec![chunk_stream(&large, &batches), chunk_stream(&small, &few)];
    process.store(chunk(chunk_id(1, 0), streams)).await;
    written
}

#[tokio::test]
async fn a_stream_reads_back_from_any_start_in_pages_of_bounded_size() {
    let process = Process::start();
    let written = two_streams(&process).await;
    let reader = Process::over(process.objects.clone(), process.rows.clone());
    let id = entry(1, "large").id;
    for start in [0, 1, 19, 20, 137, 399] {
        let mut from = start;
        let mut read = Vec::new();
        while from < 400 {
            let load = reader.loader.load_pages(id, chunk_id(1, 0), PagesFrom::SeqNum(from), 300 << 10);
            let batches = load.await.expect("loads");
            let first = batches.first().expect("something follows");
            assert!(first.first_seq_num() <= from && from < first.end_seq_num(), "the first holds the start");
            let skipped = (from - first.first_seq_num()) as usize;
            read.extend(bodies(&batches).into_iter().skip(skipped));
            from = batches.last().expect("not empty").end_seq_num();
            assert!(batches.iter().map(|batch| batch.bytes().len()).sum::<usize>() <= 300 << 10);
        }
        assert_eq!(read, written[start as usize..]);
    }
    let beyond = reader.loader.load_pages(id, chunk_id(1, 0), PagesFrom::SeqNum(400), 1).await;
    assert_eq!(beyond, Ok(Vec::new()));
}

#[tokio::test]
async fn a_start_by_timestamp_finds_the_first_batch_that_reaches_it() {
    let process = Process::start();
    two_streams(&process).await;
    for (timestamp, first) in [(0, Some(0)), (10, Some(0)), (11, Some(2)), (20, Some(2)), (21, None)] {
        let from = PagesFrom::Timestamp(timestamp);
        let batches = process.loader.load_pages(entry(2, "small").id, chunk_id(1, 0), from, 1).await.expect("loads");
        assert_eq!(batches.first().map(Batch::first_seq_num), first, "timestamp {timestamp}");
    }
}

/// reliability.md P8, F10: whatever byte of a page flips, the reader is told which object, and gets nothing.
#[tokio::test]
async fn damage_is_reported_with_the_objects_name_and_nothing_wrong_is_served() {
    let process = Process::start();
    two_streams(&process).await;
    let name = chunk_id(1, 0).object_name();
    let object = process.objects.object(&name).expect("is there");
    let at = process.rows.rows();
    let row = riverrun_core::control::ChunkRow::decode(&at[&riverrun_core::control::keys::chunk(chunk_id(1, 0))]);
    let footer_range = row.expect("a row").footer;
    let footer_bytes = &object[footer_range.offset as usize..][..footer_range.bytes as usize];
    let footer = Footer::decode(footer_bytes, &footer_range).expect("a footer");
    let page = footer.page(&footer.find(entry(1, "large").id).expect("is there").runs[0]).range();
    for offset in [page.start, page.end - 1, footer_range.offset] {
        let mut damaged = object.to_vec();
        damaged[offset as usize] ^= 0x10;
        process.objects.plant(&name, damaged.into());
        let reader = Process::over(process.objects.clone(), process.rows.clone());
        let load = reader.loader.load_pages(entry(1, "large").id, chunk_id(1, 0), PagesFrom::SeqNum(0), 1);
        let failure = load.await.expect_err("damaged");
        assert!(matches!(&failure, LoadFailure::Corrupt(why) if why.contains(&name)), "byte {offset}: {failure:?}");
    }
}

/// A store that does not answer is not damage.
#[tokio::test]
async fn a_store_that_does_not_answer_is_unavailable() {
    let process = Process::start();
    two_streams(&process).await;
    let reader = Process::over(process.objects.clone(), process.rows.clone());
    reader.objects.fail_reads(1);
    let load = || reader.loader.load_pages(entry(2, "small").id, chunk_id(1, 0), PagesFrom::SeqNum(0), 1);
    assert!(matches!(load().await, Err(LoadFailure::Unavailable(_))));
    assert_eq!(bodies(&load().await.expect("loads")), ["p", "q", "r"]);
}

/// A chunk of another store under the right name is not served (reliability.md F12).
#[tokio::test]
async fn another_stores_chunk_is_refused() {
    let process = Process::start();
    two_streams(&process).await;
    let (objects, rows) = (process.objects.clone(), process.rows.clone());
    let catalog = rows.open();
    let loader = Loader::new(LoaderParts {
        objects,
        catalog: catalog.clone(),
        index: Arc::default(),
        store_id: [0xee; 16],
        names: names(catalog).0,
        offload: Offload::inline(),
    });
    let failure = loader.load_pages(entry(2, "small").id, chunk_id(1, 0), PagesFrom::SeqNum(0), 1).await;
    assert!(matches!(failure, Err(LoadFailure::Corrupt(_))), "{failure:?}");
}
