//! Names, pages, and what goes wrong with them.

use riverrun_core::chunk::{ChunkInput, Footer};
use riverrun_core::control::StorageClass;
use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::types::{BasinName, StreamName};

use super::*;
use crate::catalog::model::{ModelRows, WriteFault};
use crate::publish::fixtures::{
    NOW_MS, WRITER, basin, batch, bodies, chunk, chunk_id, chunk_stream, clock, entry, target,
};
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
            catalog,
            index,
            store_id: WRITER.store_id,
            defaults: CreationDefaults::default(),
            clock: clock(),
            offload: Offload::inline(),
        }));
        Self { objects, rows, publisher, loader }
    }

    async fn store(&self, input: ChunkInput) {
        self.publisher.store_chunk(input).await.expect("stored");
    }

    async fn create_basin(&self, on_append: bool, on_read: bool) -> Result<Response, ErrorFrame> {
        let request =
            CreateBasin { basin: basin(), create_stream_on_append: on_append, create_stream_on_read: on_read };
        self.loader.create_basin(request).await
    }
}

fn refusal(answer: Result<Response, ErrorFrame>) -> (ErrorCode, Outcome, String) {
    let error = answer.expect_err("refused");
    (error.code, error.outcome, error.message)
}

/// The message forms of s2-semantics.md E11.
#[tokio::test]
async fn names_that_exist_or_do_not_are_refused_in_s2s_words() {
    let process = Process::start();
    let loader = &process.loader;
    let missing = (ErrorCode::BasinNotFound, Outcome::NotDone, "basin `first-basin` not found".to_owned());
    assert_eq!(refusal(loader.create_stream(target("s")).await), missing);
    let list = ListStreams { basin: basin(), prefix: String::new(), start_after: String::new(), limit: 0 };
    assert_eq!(refusal(loader.list_streams(&list).await), missing);
    process.create_basin(false, false).await.expect("created");
    let exists = (ErrorCode::AlreadyExists, Outcome::NotDone, "basin `first-basin` already exists".to_owned());
    assert_eq!(refusal(process.create_basin(true, true).await), exists);
    loader.create_stream(target("s")).await.expect("created");
    let exists = "stream `s` in basin `first-basin` already exists".to_owned();
    assert_eq!(refusal(loader.create_stream(target("s")).await), (ErrorCode::AlreadyExists, Outcome::NotDone, exists));
}

/// s2-semantics.md E7: each switch for its own cause.
#[tokio::test]
async fn a_missing_stream_is_created_where_the_basin_says_so() {
    for (on_append, on_read) in [(false, false), (true, false), (false, true), (true, true)] {
        let process = Process::start();
        assert_eq!(process.loader.load_stream(&target("s"), LoadCause::Append).await, Err(LoadFailure::BasinNotFound));
        process.create_basin(on_append, on_read).await.expect("created");
        for (cause, on) in [(LoadCause::Append, on_append), (LoadCause::Read, on_read)] {
            let name = format!("{cause:?}");
            let loaded = process.loader.load_stream(&target(&name), cause).await;
            match on {
                false => assert_eq!(loaded, Err(LoadFailure::StreamNotFound), "{name}"),
                true => {
                    let loaded = loaded.expect("created");
                    assert_eq!((loaded.state.next.seq_num, loaded.chunks.len()), (0, 0));
                    assert_eq!(loaded.state.stream_id, loaded.entry.id);
                    assert_eq!(
                        (loaded.entry.created_at_ms, loaded.entry.storage_class),
                        (NOW_MS, StorageClass::Express)
                    );
                    let again = process.loader.load_stream(&target(&name), LoadCause::Read).await.expect("is there");
                    assert_eq!(again.entry, loaded.entry);
                }
            }
        }
    }
}

#[tokio::test]
async fn everybody_who_creates_one_name_at_once_gets_the_same_stream() {
    let process = Process::start();
    process.create_basin(true, true).await.expect("created");
    let loads: Vec<_> = (0..50)
        .map(|_| {
            let loader = Arc::clone(&process.loader);
            tokio::spawn(async move { loader.load_stream(&target("s"), LoadCause::Append).await })
        })
        .collect();
    let mut ids = Vec::new();
    for load in loads {
        ids.push(load.await.expect("no panic").expect("loaded").entry.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let rows = process.rows.rows();
    assert_eq!(rows.keys().filter(|key| key.starts_with(b"id/")).count(), 1);
}

/// A creation whose answer was lost may have been done, and says so (reliability.md D4).
#[tokio::test]
async fn a_creation_without_an_answer_is_not_called_undone() {
    let process = Process::start();
    process.rows.fail_next_write(WriteFault::AnswerLost);
    let (code, outcome, _) = refusal(process.create_basin(true, true).await);
    assert_eq!((code, outcome), (ErrorCode::Unavailable, Outcome::MaybeDone));
    assert_eq!(refusal(process.create_basin(true, true).await).0, ErrorCode::AlreadyExists);
}

/// s2-semantics.md E3: byte order, strictly after, exact has_more.
#[tokio::test]
async fn listings_page_through_everything_in_byte_order() {
    let process = Process::start();
    let mut names: Vec<String> = (0..25).map(|i| format!("basin-{:02}", i * 7 % 25)).collect();
    for name in &names {
        let basin = BasinName::new(name).expect("a name");
        let request = CreateBasin { basin, create_stream_on_append: false, create_stream_on_read: false };
        process.loader.create_basin(request).await.expect("created");
    }
    names.sort();
    let mut request = ListBasins { prefix: "basin-".to_owned(), limit: 10, ..ListBasins::default() };
    let mut listed: Vec<String> = Vec::new();
    loop {
        let Ok(Response::BasinList(page)) = process.loader.list_basins(&request).await else { panic!("listed") };
        listed.extend(page.basins.iter().map(|basin| basin.name.as_str().to_owned()));
        assert_eq!(page.has_more, listed.len() < names.len());
        if !page.has_more {
            break;
        }
        request.start_after = listed.last().expect("not empty").clone();
    }
    assert_eq!(listed, names);
}

#[tokio::test]
async fn streams_of_one_basin_are_listed_and_no_others() {
    let process = Process::start();
    process.create_basin(false, false).await.expect("created");
    let other = BasinName::new("first-basin-b").expect("a name");
    let request = CreateBasin { basin: other.clone(), create_stream_on_append: false, create_stream_on_read: false };
    process.loader.create_basin(request).await.expect("created");
    for name in ["b", "a", "ä/b"] {
        process.loader.create_stream(target(name)).await.expect("created");
    }
    let foreign = StreamRef { basin: other, stream: StreamName::new("c").expect("a name") };
    process.loader.create_stream(foreign).await.expect("created");
    let list = ListStreams { basin: basin(), prefix: String::new(), start_after: String::new(), limit: 0 };
    let Ok(Response::StreamList(page)) = process.loader.list_streams(&list).await else { panic!("listed") };
    let names: Vec<&str> = page.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!((names, page.has_more), (vec!["a", "b", "ä/b"], false));
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
    let loader = Loader::new(LoaderParts {
        objects,
        catalog: rows.open(),
        index: Arc::default(),
        store_id: [0xee; 16],
        defaults: CreationDefaults::default(),
        clock: clock(),
        offload: Offload::inline(),
    });
    let failure = loader.load_pages(entry(2, "small").id, chunk_id(1, 0), PagesFrom::SeqNum(0), 1).await;
    assert!(matches!(failure, Err(LoadFailure::Corrupt(_))), "{failure:?}");
}
