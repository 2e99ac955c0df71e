//! How long a start takes after kill -9 (S13), by how much only the journal has. Times are printed; what is asserted is that
//! everything that was acknowledged is there.
//!
//! ```text
//! RIVERRUN_RECOVERY_MIB=1024   the long form; with RIVERRUN_BIN, because a debug build's figures mean nothing
//! ```

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::join_all;
use riverrun_client::{AckTicket, BasinOptions, Client, ClientConfig, ReadOptions, Record, StreamHandle};
use rustix::fs::{Advice, fadvise};
use tokio::runtime::Runtime;

use crate::support::{Data, Random, Server, files_below, setting};

const BASIN: &str = "recovery-basin";
const STREAMS: u64 = 8;
const BATCH_RECORDS: u64 = 16;
const RECORD_BYTES: u64 = 16 << 10;
const INFLIGHT: usize = 4;

/// In the way of every chunk: a file where their folder belongs. What is acknowledged then is in the journal and nowhere else.
fn bar_chunks(data: &Path) {
    let chunks = data.join("objects/chunks");
    let _ = std::fs::remove_dir(&chunks);
    std::fs::write(chunks, b"in the way").expect("no chunk was stored yet");
}

/// As a restart after a while finds it.
fn forget_cached(data: &Path) {
    for path in files_below(data) {
        let file = std::fs::File::open(&path).expect("readable");
        file.sync_all().expect("synced");
        fadvise(&file, 0, None, Advice::DontNeed).expect("advice is taken");
    }
}

fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(status.success());
}

async fn connect(server: &Server) -> Client {
    Client::connect(server.addr.clone(), ClientConfig::default()).await.expect("a broker listens")
}

fn streams(client: &Client) -> Vec<StreamHandle> {
    (0..STREAMS).map(|n| client.stream(BASIN, &format!("s{n}")).expect("a name")).collect()
}

/// A record that says which it is, and hardly compresses.
fn body(stream: usize, seq_num: u64) -> Vec<u8> {
    let mut random = Random::new((stream as u64) << 40 | seq_num << 1);
    (0..RECORD_BYTES / 8).flat_map(|_| random.below(u64::MAX).to_le_bytes()).collect()
}

async fn fill(stream: &StreamHandle, number: usize, records: u64) {
    let session = stream.append_session().await.expect("it opens");
    let mut waiting: VecDeque<AckTicket> = VecDeque::new();
    for first in (0..records).step_by(BATCH_RECORDS as usize) {
        if waiting.len() == INFLIGHT {
            waiting.pop_front().expect("in flight").await.expect("acknowledged");
        }
        let batch: Vec<Record> = (first..first + BATCH_RECORDS).map(|n| Record::new(body(number, n))).collect();
        waiting.push_back(session.submit(&batch).await.expect("the session is open"));
    }
    for ticket in waiting {
        ticket.await.expect("acknowledged");
    }
}

async fn check(stream: &StreamHandle, number: usize, records: u64) {
    assert_eq!(stream.check_tail().await.expect("a tail").seq_num, records);
    let mut session = stream.read_session(ReadOptions::from_seq_num(0).count(records)).await.expect("it opens");
    for seq_num in 0..records {
        let record = session.next().await.expect("not at the end").expect("readable");
        assert_eq!(record.seq_num, seq_num);
        assert!(record.body == body(number, seq_num), "record {seq_num} of stream {number} is another");
    }
}

/// From spawn to the answer to the first request, which is about a record that was recovered.
fn start(runtime: &Runtime, data: &Path, arguments: &[&str]) -> (Server, Duration) {
    let begun = Instant::now();
    let server = Server::start(data, arguments);
    runtime.block_on(async { streams(&connect(&server).await)[0].check_tail().await.expect("a tail") });
    (server, begun.elapsed())
}

#[test]
fn s13_what_only_the_journal_has_is_served_soon_after_kill_9() {
    let mib = setting("RIVERRUN_RECOVERY_MIB", 64);
    let records = (mib << 20) / RECORD_BYTES / STREAMS / BATCH_RECORDS * BATCH_RECORDS;
    // The streams are spread over the shards by their names, not evenly.
    let unpublished = ((mib << 20) * 4).max(64 << 20).to_string();
    let arguments = ["--shards", "2", "--unpublished-bytes-max", &unpublished];
    let runtime = Runtime::new().expect("a runtime");
    let data = Data::new();
    let server = data.serve(&arguments);
    bar_chunks(&data.data());
    runtime.block_on(async {
        let client = connect(&server).await;
        client.create_basin(BASIN, BasinOptions::default()).await.expect("created");
        for n in 0..STREAMS {
            client.create_stream(BASIN, &format!("s{n}")).await.expect("created");
        }
        join_all(streams(&client).iter().enumerate().map(|(n, stream)| fill(stream, n, records))).await;
    });
    server.kill();
    assert!(data.chunks().is_empty(), "all of it is in the journal");
    std::fs::remove_file(data.data().join("objects/chunks")).expect("out of the way");
    let cold_data = data.path().join("cold");
    copy(&data.data(), &cold_data);
    forget_cached(&cold_data);

    let (server, cold) = start(&runtime, &cold_data, &arguments);
    server.kill();
    let (server, warm) = start(&runtime, &data.data(), &arguments);
    runtime.block_on(async {
        let client = connect(&server).await;
        join_all(streams(&client).iter().enumerate().map(|(n, stream)| check(stream, n, records))).await;
    });
    drop(server.terminate());
    let (server, clean) = start(&runtime, &data.data(), &arguments);
    assert!(server.says("recovered").contains("clean"), "{}", server.says("recovered"));
    let per_gib = |took: Duration| took.saturating_sub(clean).as_secs_f64() * 1024.0 / mib as f64;
    println!(
        "S13 clean {:.0} ms, {:.2} s/GiB warm, {:.2} s/GiB cold (floors 1000 ms, 4 s/GiB; goals 30 ms, 0.5, 2.0): {mib} MiB in {:.0} and \
         {:.0} ms",
        clean.as_secs_f64() * 1e3,
        per_gib(warm),
        per_gib(cold),
        warm.as_secs_f64() * 1e3,
        cold.as_secs_f64() * 1e3
    );
}
