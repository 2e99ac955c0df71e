//! What is trimmed, expired or deleted stays so, over kill -9 and graceful stops; its bytes go, and the tail stays (A6, B5, E6, E8).

use riverrun_client::{
    AppendConditions, BasinConfig, Client, ClientConfig, ErrorCode, PartialStreamConfig, ReadOptions, Record,
    Retention, StreamHandle,
};
use riverrun_core::access::{AUDIT_STREAM, SYSTEM_BASIN};
use riverrun_core::control::{placement, shard_of};
use tokio::runtime::Runtime;

use crate::support::{Data, Server, until};

const BASIN: &str = "forget-basin";
/// Collected as soon as possible. Two shards, of which one has the audit stream, whose records live in its chunks.
const EAGER: [&str; 6] = ["--shards", "2", "--collect-interval", "100ms", "--collect-grace", "0s"];

async fn client(server: &Server) -> Client {
    Client::connect(server.addr.clone(), ClientConfig::default()).await.expect("a broker listens")
}

async fn stream(server: &Server, name: &str) -> StreamHandle {
    client(server).await.stream(BASIN, name).expect("a name")
}

fn shard(basin: &str, stream: &str) -> u16 {
    let (basin, stream) = (basin.parse().expect("a name"), stream.parse().expect("a name"));
    shard_of(placement(&basin, &stream), 2)
}

/// A stream on the shard that has no other.
fn apart(name: &str) -> String {
    let taken = shard(SYSTEM_BASIN, AUDIT_STREAM);
    let names = (0..).map(|n| format!("{name}-{n}"));
    names.into_iter().find(|name| shard(BASIN, name) != taken).expect("a name for each shard")
}

/// The chunks of that shard, and the fences behind them, which stay for ever.
fn chunks(data: &Data) -> Vec<std::path::PathBuf> {
    let taken = shard(SYSTEM_BASIN, AUDIT_STREAM);
    let sequence = format!("/{:04x}-", 1 - taken);
    data.chunks().into_iter().filter(|path| path.to_string_lossy().contains(&sequence)).collect()
}

async fn append(stream: &StreamHandle, count: u64) {
    for n in 0..count {
        stream.append(&[Record::new(format!("record {n}"))]).await.expect("appended");
    }
}

/// The first surviving number; `None` where nothing survives.
async fn first(stream: &StreamHandle) -> Option<u64> {
    let result = stream.read(ReadOptions::from_seq_num(0)).await.expect("readable");
    result.records().next().map(|record| record.expect("intact").seq_num)
}

#[test]
fn b5_a_trim_is_not_undone_by_kill_9() {
    let runtime = Runtime::new().expect("a runtime");
    let data = Data::new();
    let server = data.serve(&EAGER);
    runtime.block_on(async {
        client(&server).await.create_basin(BASIN, BasinConfig::default()).await.expect("created");
        client(&server).await.create_stream(BASIN, "trimmed").await.expect("created");
        let stream = stream(&server, "trimmed").await;
        append(&stream, 20).await;
        stream.trim(12, AppendConditions::default()).await.expect("trimmed");
        assert_eq!(first(&stream).await, Some(12));
    });
    server.kill();
    for (stop, expected_tail) in [("kill", 21), ("terminate", 21), ("kill", 21)] {
        let server = data.serve(&EAGER);
        runtime.block_on(async {
            let stream = stream(&server, "trimmed").await;
            assert_eq!(first(&stream).await, Some(12), "before the {stop}");
            assert_eq!(stream.check_tail().await.expect("a tail").seq_num, expected_tail);
        });
        if stop == "kill" { server.kill() } else { drop(server.terminate()) }
    }
}

/// Everything is trimmed: the chunks go, and the stream goes on where it was, under the same fencing token.
#[test]
fn a6_the_tail_and_the_token_outlive_the_last_chunk() {
    let runtime = Runtime::new().expect("a runtime");
    let (data, name) = (Data::new(), apart("emptied"));
    let server = data.serve(&EAGER);
    runtime.block_on(async {
        client(&server).await.create_basin(BASIN, BasinConfig::default()).await.expect("created");
        client(&server).await.create_stream(BASIN, &name).await.expect("created");
        let stream = stream(&server, &name).await;
        append(&stream, 20).await;
        stream.fence(&"mine".parse().expect("short"), AppendConditions::default()).await.expect("fenced");
        stream.trim(u64::MAX, AppendConditions::default()).await.expect("trimmed");
        assert_eq!(first(&stream).await, None);
    });
    drop(server.terminate());
    let published = chunks(&data);
    assert!(!published.is_empty(), "a graceful stop publishes");
    let server = data.serve(&EAGER);
    until("the chunks without a living record are deleted", || published.iter().all(|chunk| !chunk.exists()));
    server.kill();
    let server = data.serve(&EAGER);
    runtime.block_on(async {
        let stream = stream(&server, &name).await;
        assert_eq!(stream.check_tail().await.expect("a tail").seq_num, 22);
        let conditions =
            AppendConditions { fencing_token: Some("other".parse().expect("short")), ..Default::default() };
        let refused = stream.append_with(&[Record::new("x")], conditions).await.expect_err("fenced off");
        assert_eq!(refused.fencing_token_mismatch().map(riverrun_client::FencingToken::as_str), Some("mine"));
        let ack = stream.append(&[Record::new("goes on")]).await.expect("appended");
        assert_eq!((ack.start.seq_num, first(&stream).await), (22, Some(22)));
    });
}

#[test]
fn e8_what_has_expired_does_not_come_back() {
    let runtime = Runtime::new().expect("a runtime");
    let (data, name) = (Data::new(), apart("short"));
    let server = data.serve(&EAGER);
    runtime.block_on(async {
        let config = PartialStreamConfig { retention: Some(Retention::Age(1)), ..PartialStreamConfig::default() };
        client(&server).await.create_basin(BASIN, BasinConfig::default()).await.expect("created");
        client(&server).await.create_stream_with(BASIN, &name, config).await.expect("created");
        append(&stream(&server, &name).await, 5).await;
    });
    // A graceful stop publishes: retention looks at chunks.
    drop(server.terminate());
    let published = chunks(&data);
    assert!(!published.is_empty(), "a graceful stop publishes");
    let server = data.serve(&EAGER);
    until("the records have expired", || {
        runtime.block_on(async { first(&stream(&server, &name).await).await.is_none() })
    });
    server.kill();
    let server = data.serve(&EAGER);
    runtime.block_on(async {
        let stream = stream(&server, &name).await;
        assert_eq!(first(&stream).await, None);
        assert_eq!(stream.append(&[Record::new("next")]).await.expect("appended").start.seq_num, 5);
    });
    until("its bytes are gone", || published.iter().all(|chunk| !chunk.exists()));
}

/// E8: deletion is late by a little, never early: not while records are alive, not while somebody writes.
#[test]
fn e8_delete_on_empty_never_deletes_early() {
    let runtime = Runtime::new().expect("a runtime");
    let data = Data::new();
    let server = data.serve(&EAGER);
    runtime.block_on(async {
        let config = PartialStreamConfig {
            retention: Some(Retention::Infinite),
            delete_on_empty_min_age_secs: Some(1),
            ..PartialStreamConfig::default()
        };
        let client = client(&server).await;
        client.create_basin(BASIN, BasinConfig::default()).await.expect("created");
        // Long enough that a machine with other things to do writes to it in between.
        let busy = PartialStreamConfig { delete_on_empty_min_age_secs: Some(15), ..config };
        for (name, config) in [("never-written", config), ("written", config), ("busy", busy)] {
            client.create_stream_with(BASIN, name, config).await.expect("created");
        }
        append(&stream(&server, "written").await, 3).await;
    });
    let exists = |name: &str| {
        runtime.block_on(async {
            match client(&server).await.get_stream_config(BASIN, name).await {
                Ok(_) => true,
                Err(error) => {
                    let code = error.code();
                    let gone = [Some(ErrorCode::StreamNotFound), Some(ErrorCode::StreamDeletionPending)];
                    assert!(gone.contains(&code), "{error}");
                    false
                }
            }
        })
    };
    let mut written = 0;
    until("a stream that was never written is deleted", || {
        // All the while, another one is written to: it is never without a recent write.
        runtime.block_on(async { append(&stream(&server, "busy").await, 1).await });
        written += 1;
        runtime.block_on(async {
            let busy = stream(&server, "busy").await;
            busy.trim(u64::MAX, AppendConditions::default()).await.expect("trimmed");
        });
        assert!(exists("busy"), "deleted under its writer's hands, after {written} writes");
        !exists("never-written")
    });
    assert!(exists("written"), "it holds records");
    runtime.block_on(async {
        stream(&server, "written").await.trim(u64::MAX, AppendConditions::default()).await.expect("trimmed");
    });
    until("what was emptied is deleted", || !exists("written"));
    until("and so is what nobody writes to any more", || !exists("busy"));
}

/// E6: an acknowledged deletion of a basin goes on over kill -9 until the name is free, and a basin of the same name shares nothing.
#[test]
fn e6_a_deleted_basin_goes_whole_over_kill_9() {
    let runtime = Runtime::new().expect("a runtime");
    let data = Data::new();
    let server = data.serve(&EAGER);
    runtime.block_on(async {
        let client = client(&server).await;
        client.create_basin(BASIN, BasinConfig::default()).await.expect("created");
        for n in 0..50 {
            client.create_stream(BASIN, &format!("s{n}")).await.expect("created");
        }
        append(&stream(&server, "s7").await, 5).await;
        client.delete_basin(BASIN).await.expect("deleted");
    });
    server.kill();
    let server = data.serve(&EAGER);
    until("the name is free", || {
        runtime.block_on(async {
            match client(&server).await.create_basin(BASIN, BasinConfig::default()).await {
                Ok(_) => true,
                Err(error) => {
                    assert_eq!(error.code(), Some(ErrorCode::BasinDeletionPending), "{error}");
                    false
                }
            }
        })
    });
    runtime.block_on(async {
        let client = client(&server).await;
        assert!(client.list_streams(BASIN, Default::default()).await.expect("listed").streams.is_empty());
        client.create_stream(BASIN, "s7").await.expect("created");
        assert_eq!(stream(&server, "s7").await.check_tail().await.expect("a tail").seq_num, 0);
    });
}
