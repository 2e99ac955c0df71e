//! The producer: records one by one, batches by themselves.

use futures::future::join_all;
use s2_sdk::batching::{BatchLimits, BatchingConfig};
use s2_sdk::error::{AppendConditionFailed, AppendError, AppendSessionError, ProducerError};
use s2_sdk::producer::{Producer, ProducerConfig};
use s2_sdk::types::{AppendInput, CommandRecord, FencingToken};

use crate::support::{PATIENCE, Rig, batch, bodies, record, soon, whole};

const RECORDS: usize = 2_500;

/// Batches of seven, and no other reason to send one but their being full or flushed.
fn sevens() -> ProducerConfig {
    let limits = BatchLimits::new().with_max_batch_records(7).expect("a limit");
    ProducerConfig::new().with_batching(BatchingConfig::new().with_linger(PATIENCE).with_limits(limits))
}

async fn submit_all(producer: &Producer, expected: &[String]) -> Vec<Result<u64, ProducerError>> {
    let mut tickets = Vec::new();
    for body in expected {
        tickets.push(producer.submit(record(body)).await.expect("taken"));
    }
    soon("a flush", producer.flush()).await.expect("flushed");
    join_all(tickets).await.into_iter().map(|acked| acked.map(|ack| ack.seq_num)).collect()
}

#[tokio::test]
async fn each_record_learns_its_number() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let expected: Vec<String> = (0..RECORDS).map(|number| format!("record {number}")).collect();
    let producer = stream.producer(sevens());
    let acked = submit_all(&producer, &expected).await;
    assert!(acked.into_iter().map(|acked| acked.expect("acked")).eq(0..RECORDS as u64));
    producer.close().await.expect("closed");
    assert_eq!(bodies(&whole(&stream).await), expected);
}

#[tokio::test]
async fn numbers_and_tokens_go_along_with_every_batch() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let token: FencingToken = "mine".parse().expect("a token");
    let fence = AppendInput::new(batch([CommandRecord::fence(token.clone()).into()]));
    stream.append(fence).await.expect("fenced");
    let conditional = || sevens().with_fencing_token(token.clone()).with_match_seq_num(1);
    let expected: Vec<String> = (0..100).map(|number| format!("record {number}")).collect();
    let producer = stream.producer(conditional());
    let acked = submit_all(&producer, &expected).await;
    assert!(acked.into_iter().map(|acked| acked.expect("acked")).eq(1..101));
    producer.close().await.expect("closed");

    let late = stream.producer(conditional());
    let ticket = late.submit(record("x")).await.expect("taken");
    let closed = late.close().await.expect_err("refused");
    for refused in [ticket.await.expect_err("refused"), closed] {
        let ProducerError::Append(AppendSessionError::Append(AppendError::ConditionFailed(condition))) = refused else {
            panic!("{refused:?}")
        };
        assert!(matches!(condition, AppendConditionFailed::SeqNumMismatch(101)), "{condition:?}");
    }
    assert_eq!(bodies(&whole(&stream).await)[1..], expected);
}
