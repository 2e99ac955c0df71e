//! The largest batches that there are.

use futures::future::join_all;
use s2_sdk::append_session::AppendSessionConfig;
use s2_sdk::types::{
    AppendInput, AppendRecord, AppendRecordBatch, Compression, MeteredBytes, ReadSessionConfig, SequencedRecord,
};

use crate::support::{BASIN, Rig, basin_name, batch, client, config, from_seq_num, record, soon, stream_name, take};

const MIB: usize = 1 << 20;
/// Of a record without headers: what it counts beside its body.
const OVERHEAD: usize = 8;

fn one_of_a_mib(filling: u8) -> AppendRecordBatch {
    let batch = batch([AppendRecord::new(vec![filling; MIB - OVERHEAD]).expect("a record")]);
    assert_eq!(batch.metered_bytes(), MIB);
    batch
}

/// A thousand records that are a MiB together, but for a few bytes.
fn thousand(filling: u8) -> AppendRecordBatch {
    batch((0..1_000).map(|_| AppendRecord::new(vec![filling; MIB / 1_000 - OVERHEAD]).expect("a record")))
}

#[tokio::test]
async fn batches_of_a_mib_go_in_and_come_out() {
    let rig = Rig::new().await;
    for compression in [Compression::None, Compression::Zstd] {
        let s2 = client(config(&rig.server.endpoint).with_compression(compression));
        let stream = s2.basin(basin_name(BASIN)).stream(stream_name(&format!("{compression:?}")));
        stream.append(AppendInput::new(one_of_a_mib(0))).await.expect("acked");
        stream.append(AppendInput::new(thousand(1))).await.expect("acked");
        let session = stream.append_session(AppendSessionConfig::new());
        let mut tickets = Vec::new();
        for filling in 2..14 {
            tickets.push(session.submit(AppendInput::new(one_of_a_mib(filling))).await.expect("taken"));
        }
        for (index, acked) in soon("all acks", join_all(tickets)).await.into_iter().enumerate() {
            assert_eq!(acked.expect("acked").start.seq_num, 1_001 + index as u64);
        }
        session.close().await.expect("closed");

        let first = stream.read(from_seq_num(0)).await.expect("read").records;
        assert_eq!((first.len(), first[0].metered_bytes()), (1, MIB), "no batch is larger");
        let many = stream.read(from_seq_num(1)).await.expect("read").records;
        assert_eq!(many.len(), 1_000);
        let mut follower = stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await.expect("a session");
        let records = take(&mut follower, 1_013).await;
        assert!(records.iter().map(|record| record.seq_num).eq(0..1_013));
        let is_filled = |(record, filling): (&SequencedRecord, u8)| {
            record.body.len() == MIB - OVERHEAD && record.body.iter().all(|byte| *byte == filling)
        };
        assert!(records[1_001..].iter().zip(2..14).all(is_filled));
    }
}

#[tokio::test]
async fn empty_records_are_a_thousand_to_a_batch() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let ack = stream.append(AppendInput::new(batch((0..1_000).map(|_| record(""))))).await.expect("acked");
    assert_eq!(ack.end.seq_num, 1_000);
    let read = stream.read(from_seq_num(0)).await.expect("read").records;
    assert!(read.len() == 1_000 && read.iter().all(|record| record.body.is_empty()));
}
