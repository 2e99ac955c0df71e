//! Unary reads: where they begin, where they end, and what there is not.

use s2_sdk::S2Stream;
use s2_sdk::error::ReadError;
use s2_sdk::types::{
    AppendInput, CommandRecord, MeteredBytes, ReadFrom, ReadInput, ReadLimits, ReadStart, ReadStop, SequencedRecord,
    StreamPosition,
};

use crate::support::{Rig, at_most, batch, bodies, from, from_seq_num, record, single, soon};

/// `r0` to `r9` at 100, 110, up to 190.
async fn ten(rig: &Rig) -> S2Stream {
    let stream = rig.stream("s");
    let records = (0..10).map(|number| record(&format!("r{number}")).with_timestamp(100 + 10 * number));
    stream.append(AppendInput::new(batch(records))).await.expect("acked");
    stream
}

async fn read(stream: &S2Stream, input: ReadInput) -> Vec<String> {
    let batch = stream.read(input).await.expect("read");
    bodies(&batch.records).into_iter().map(str::to_owned).collect()
}

async fn unwritten(stream: &S2Stream, input: ReadInput) -> StreamPosition {
    match stream.read(input).await {
        Err(ReadError::ReadUnwritten(tail)) => tail,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_read_begins_at_a_number_a_timestamp_or_a_distance_from_the_tail() {
    let rig = Rig::new().await;
    let stream = ten(&rig).await;
    let two = |start| from(start).with_stop(at_most(2));
    for (start, expected) in [
        (ReadFrom::SeqNum(0), ["r0", "r1"]),
        (ReadFrom::SeqNum(8), ["r8", "r9"]),
        (ReadFrom::Timestamp(0), ["r0", "r1"]),
        (ReadFrom::Timestamp(150), ["r5", "r6"]),
        (ReadFrom::Timestamp(151), ["r6", "r7"]),
        (ReadFrom::TailOffset(2), ["r8", "r9"]),
        (ReadFrom::TailOffset(5), ["r5", "r6"]),
        (ReadFrom::TailOffset(1_000), ["r0", "r1"]),
    ] {
        assert_eq!(read(&stream, two(start)).await, expected, "{start:?}");
    }
    assert_eq!(read(&stream, ReadInput::new()).await.len(), 10, "from 0 where nothing is said");
}

#[tokio::test]
async fn a_read_ends_at_a_count_at_bytes_or_before_a_timestamp() {
    let rig = Rig::new().await;
    let stream = ten(&rig).await;
    let each = record("r0").metered_bytes();
    let bytes = |bytes| ReadStop::new().with_limits(ReadLimits::new().with_bytes(bytes));
    for (stop, expected) in [
        (at_most(3), 3),
        (at_most(0), 0),
        (at_most(10_000), 10),
        (bytes(each * 4), 4),
        (bytes(each * 4 + each - 1), 4),
        (bytes(each - 1), 0),
        (ReadStop::new().with_limits(ReadLimits::new().with_count(5).with_bytes(each * 2)), 2),
        (ReadStop::new().with_until(..150), 5),
        (ReadStop::new().with_until(..100), 0),
    ] {
        let description = format!("{stop:?}");
        assert_eq!(read(&stream, from_seq_num(0).with_stop(stop)).await.len(), expected, "{description}");
    }
}

#[tokio::test]
async fn what_is_not_written_yet_is_told_with_the_tail() {
    let rig = Rig::new().await;
    let empty = rig.stream("empty");
    let tail = unwritten(&empty, from_seq_num(0)).await;
    assert_eq!((tail.seq_num, tail.timestamp), (0, 0));
    let stream = ten(&rig).await;
    let clamped = |start| ReadInput::new().with_start(ReadStart::new().with_from(start).with_clamp_to_tail(true));
    for input in [
        from_seq_num(10),
        from_seq_num(11),
        from(ReadFrom::TailOffset(0)),
        from(ReadFrom::Timestamp(191)),
        clamped(ReadFrom::SeqNum(11)),
    ] {
        let description = format!("{input:?}");
        let tail = unwritten(&stream, input).await;
        assert_eq!((tail.seq_num, tail.timestamp), (10, 190), "{description}");
    }
    // No survivor at or behind a timestamp that is not beyond the tail's: nothing, and no error.
    assert!(read(&empty, from(ReadFrom::Timestamp(0))).await.is_empty());
}

#[tokio::test]
async fn a_read_at_the_tail_waits_for_the_next_append() {
    let rig = Rig::new().await;
    let stream = ten(&rig).await;
    let waiting = from_seq_num(10).with_stop(ReadStop::new().with_wait(60));
    let reading = tokio::spawn({
        let stream = stream.clone();
        async move { stream.read(waiting).await }
    });
    tokio::task::yield_now().await;
    stream.append(single("r10")).await.expect("acked");
    let batch = soon("the record", reading).await.expect("no panic").expect("read");
    assert_eq!(bodies(&batch.records), ["r10"]);

    let none = stream.read(from_seq_num(11).with_stop(ReadStop::new().with_wait(1))).await.expect("read");
    assert!(none.records.is_empty() && none.tail.is_none());
}

#[tokio::test]
async fn command_records_can_be_left_out() {
    let rig = Rig::new().await;
    let stream = ten(&rig).await;
    let trim = AppendInput::new(batch([CommandRecord::trim(0).into()]));
    stream.append(trim).await.expect("acked");
    stream.append(single("r10")).await.expect("acked");
    let all = stream.read(from_seq_num(9)).await.expect("read").records;
    assert_eq!(all.iter().map(SequencedRecord::is_command_record).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(read(&stream, from_seq_num(9).with_ignore_command_records(true)).await, ["r9", "r10"]);
}
