//! Compression, of whole bodies and frame by frame.

use futures::future::try_join_all;
use s2_sdk::append_session::AppendSessionConfig;
use s2_sdk::types::{AppendInput, AppendRecord, Compression, ReadSessionConfig};

use crate::support::{BASIN, Rig, basin_name, batch, client, config, from_seq_num, soon, stream_name, take, whole};

/// Small and large, and some that cannot be made smaller.
fn payloads() -> Vec<Vec<u8>> {
    let mut noise = 7_u64;
    let mut noisy = move || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise.to_le_bytes()
    };
    vec![b"small".to_vec(), vec![b'x'; 100_000], (0..10_000).flat_map(|_| noisy()).collect(), vec![], vec![0; 1_024]]
}

fn inputs() -> Vec<AppendInput> {
    let single = |body: Vec<u8>| AppendInput::new(batch([AppendRecord::new(body).expect("a record")]));
    payloads().into_iter().map(single).collect()
}

async fn works_with(compression: Compression) {
    let rig = Rig::new().await;
    let s2 = client(config(&rig.server.endpoint).with_compression(compression));
    let stream = s2.basin(basin_name(BASIN)).stream(stream_name("s"));
    for input in inputs() {
        stream.append(input).await.expect("acked");
    }
    let session = stream.append_session(AppendSessionConfig::new());
    let mut tickets = Vec::new();
    for input in inputs() {
        tickets.push(session.submit(input).await.expect("taken"));
    }
    soon("all acks", try_join_all(tickets)).await.expect("acked");
    session.close().await.expect("closed");
    let expected = [payloads(), payloads()].concat();
    let mut follower = stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await.expect("a session");
    let followed = take(&mut follower, expected.len()).await;
    let read = stream.read(from_seq_num(0)).await.expect("read");
    // By a client that does not compress.
    let plain = whole(&rig.stream("s")).await;
    for records in [followed, read.records, plain] {
        assert!(records.into_iter().map(|record| record.body).eq(expected.iter().cloned()));
    }
}

#[tokio::test]
async fn zstd() {
    works_with(Compression::Zstd).await;
}

#[tokio::test]
async fn gzip() {
    works_with(Compression::Gzip).await;
}
