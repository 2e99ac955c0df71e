//! Pages, and what goes wrong with them.

use riverrun_core::action::PagesFrom;
use riverrun_core::chunk::{ChunkInput, Decompressor, Footer, PageCodec, PageEntry, decode_page};
use riverrun_protocol::batch::Batch;
use riverrun_protocol::types::StreamId;

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
            page_cache_bytes_max: PAGE_CACHE_BYTES,
        }));
        Self { objects, rows, publisher, loader }
    }

    async fn store(&self, input: ChunkInput) {
        self.publisher.store_chunk(input).await.expect("stored");
    }
}

fn order(stream_id: StreamId, from: PagesFrom, bytes_max: usize) -> PagesOrder {
    PagesOrder { stream_id, chunk: chunk_id(1, 0), from, bytes_max, as_stored: false }
}

/// What was loaded to be opened here.
fn batches(loaded: Vec<Loaded>) -> Vec<Batch> {
    loaded.iter().map(|piece| piece.batch().expect("opened").clone()).collect()
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
            let load = reader.loader.load_pages(order(id, PagesFrom::SeqNum(from), 300 << 10));
            let batches = batches(load.await.expect("loads"));
            let first = batches.first().expect("something follows");
            assert!(first.first_seq_num() <= from && from < first.end_seq_num(), "the first holds the start");
            let skipped = (from - first.first_seq_num()) as usize;
            read.extend(bodies(&batches).into_iter().skip(skipped));
            from = batches.last().expect("not empty").end_seq_num();
            assert!(batches.iter().map(|batch| batch.bytes().len()).sum::<usize>() <= 300 << 10);
        }
        assert_eq!(read, written[start as usize..]);
    }
    let beyond = reader.loader.load_pages(order(id, PagesFrom::SeqNum(400), 1)).await;
    assert_eq!(beyond, Ok(Vec::new()));
}

#[tokio::test]
async fn a_start_by_timestamp_finds_the_first_batch_that_reaches_it() {
    let process = Process::start();
    two_streams(&process).await;
    for (timestamp, first) in [(0, Some(0)), (10, Some(0)), (11, Some(2)), (20, Some(2)), (21, None)] {
        let from = PagesFrom::Timestamp(timestamp);
        let load = process.loader.load_pages(order(entry(2, "small").id, from, 1));
        let batches = batches(load.await.expect("loads"));
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
        let load = reader.loader.load_pages(order(entry(1, "large").id, PagesFrom::SeqNum(0), 1));
        let failure = load.await.expect_err("damaged");
        assert!(matches!(&failure, LoadFailure::Corrupt(why) if why.contains(&name)), "byte {offset}: {failure:?}");
    }
}

/// A page that belongs to one stream is handed on as it is stored, from its beginning on only.
#[tokio::test]
async fn pages_of_one_stream_are_handed_on_unopened() {
    let process = Process::start();
    let written = two_streams(&process).await;
    let id = entry(1, "large").id;
    let as_stored = |from| PagesOrder { as_stored: true, ..order(id, PagesFrom::SeqNum(from), 8 << 10) };
    let (mut from, mut read) = (0, Vec::new());
    while from < 400 {
        let loaded = process.loader.load_pages(as_stored(from)).await.expect("loads");
        let stored_bytes: usize = loaded.iter().map(Loaded::held_bytes).sum();
        assert!(loaded.len() == 1 || stored_bytes <= 8 << 10, "{stored_bytes} bytes");
        for piece in &loaded {
            assert_eq!(piece.first_seq_num(), from, "no gap");
            read.extend(bodies(&opened(piece)));
            from = piece.end_seq_num();
        }
    }
    assert_eq!(read, written);
    let within = process.loader.load_pages(as_stored(1)).await.expect("loads");
    assert!(matches!(within[0], Loaded::Batch(_)), "a start within a page");
}

#[tokio::test]
async fn a_page_with_another_streams_records_in_it_is_opened() {
    let process = Process::start();
    let (a, b) = (entry(1, "a"), entry(2, "b"));
    let of = |id| [batch(id, 0, &["p", "q"]), batch(id, 2, &["r"])];
    let streams = vec![chunk_stream(&a, &of(a.id)), chunk_stream(&b, &of(b.id))];
    process.store(chunk(chunk_id(1, 0), streams)).await;
    for id in [a.id, b.id] {
        let as_stored = PagesOrder { as_stored: true, ..order(id, PagesFrom::SeqNum(0), 1) };
        let loaded = process.loader.load_pages(as_stored).await.expect("loads");
        assert_eq!(bodies(&batches(loaded)), ["p", "q", "r"]);
    }
}

/// As a client does.
fn opened(piece: &Loaded) -> Vec<Batch> {
    let Loaded::Page(page) = piece else { panic!("opened: {piece:?}") };
    let (stored_bytes, codec) = (page.stored.len() as u32, PageCodec::Zstd);
    let entry = PageEntry { offset: 0, stored_bytes, raw_bytes: page.raw_bytes, crc: page.crc, codec };
    let mut zstd = Decompressor::new().expect("a context");
    let mut raw = decode_page(&entry, &page.stored, &mut zstd).expect("one frame");
    std::iter::from_fn(|| Batch::split_first(&mut raw).expect("whole batches")).collect()
}

/// Damage in a page that nobody opens here is found here all the same.
#[tokio::test]
async fn p8_a_damaged_page_is_not_handed_on() {
    let process = Process::start();
    two_streams(&process).await;
    let name = chunk_id(1, 0).object_name();
    let mut damaged = process.objects.object(&name).expect("is there").to_vec();
    damaged[riverrun_core::chunk::HEADER_BYTES + 100] ^= 1;
    process.objects.plant(&name, damaged.into());
    let wanted = PagesOrder { as_stored: true, ..order(entry(1, "large").id, PagesFrom::SeqNum(0), 1) };
    let failure = process.loader.load_pages(wanted).await.expect_err("damaged");
    assert!(matches!(&failure, LoadFailure::Corrupt(why) if why.contains(&name)), "{failure:?}");
}

/// reliability.md F18, P8: asked again, the store would say the same for ever.
#[tokio::test]
async fn an_object_that_was_cut_short_or_is_gone_is_damage() {
    let process = Process::start();
    two_streams(&process).await;
    let name = chunk_id(1, 0).object_name();
    let object = process.objects.object(&name).expect("is there");
    let load = |reader: &Process| {
        let loader = reader.loader.clone();
        async move { loader.load_pages(order(entry(1, "large").id, PagesFrom::SeqNum(0), 1)).await }
    };
    for left in [Some(object.len() - 1), Some(200), Some(0), None] {
        process.objects.plant(&name, object.clone());
        // It has the footer, and no page of the stream that is asked for then.
        let footer_kept = Process::over(process.objects.clone(), process.rows.clone());
        footer_kept.loader.load_pages(order(entry(2, "small").id, PagesFrom::SeqNum(0), 1)).await.expect("loads");
        process.objects.remove(&name);
        if let Some(left) = left {
            process.objects.plant(&name, object.slice(..left));
        }
        for reader in [&footer_kept, &Process::over(process.objects.clone(), process.rows.clone())] {
            match load(reader).await {
                Err(LoadFailure::Corrupt(why)) => assert!(why.contains(&name), "{why}"),
                // Only bytes that nobody needs are missing.
                loaded => assert!(loaded.is_ok() && left == Some(object.len() - 1), "{left:?}: {loaded:?}"),
            }
        }
    }
}

/// A store that does not answer is not damage.
#[tokio::test]
async fn a_store_that_does_not_answer_is_unavailable() {
    let process = Process::start();
    two_streams(&process).await;
    let reader = Process::over(process.objects.clone(), process.rows.clone());
    reader.objects.fail_reads(1);
    let load = || reader.loader.load_pages(order(entry(2, "small").id, PagesFrom::SeqNum(0), 1));
    assert!(matches!(load().await, Err(LoadFailure::Unavailable(_))));
    assert_eq!(bodies(&batches(load().await.expect("loads"))), ["p", "q", "r"]);
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
        page_cache_bytes_max: PAGE_CACHE_BYTES,
    });
    let failure = loader.load_pages(order(entry(2, "small").id, PagesFrom::SeqNum(0), 1)).await;
    assert!(matches!(failure, Err(LoadFailure::Corrupt(_))), "{failure:?}");
}
