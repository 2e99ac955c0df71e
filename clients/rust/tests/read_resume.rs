//! A read session whose connection is cut, at every frame boundary and inside every frame: no record skipped, none repeated
//! (`s2-semantics.md` I5, C6).

mod support;

use std::ops::Range;
use std::time::Duration;

use bytes::BytesMut;
use futures::TryStreamExt;
use riverrun_client::{Client, ReadOptions, RecordView};
use riverrun_protocol::request::{ReadParams, ReadStart};
use support::records::{numbers, position};
use support::scripted::{Script, cut_points};
use support::{BASIN, FakeServer, eager};

const BATCHES: [Range<u64>; 6] = [0..1, 1..4, 4..5, 5..9, 9..12, 12..13];

/// Nine records of history, four that come live.
fn script() -> Script {
    Script { batches: BATCHES.to_vec(), live_from: 4 }
}

/// What a client reads while its connections are cut after so many bytes, and what each of its sessions asked for.
async fn read_with_cuts(script: &Script, options: ReadOptions, cuts: &[usize]) -> (Vec<u64>, Vec<ReadParams>) {
    let server = FakeServer::start().await;
    let reading = async {
        let client = Client::connect(server.address.clone(), eager()).await.expect("a hello");
        let stream = client.stream(BASIN, "s").expect("valid names");
        let session = stream.read_session(options).await.expect("opened, if need be at a later attempt");
        let records: Vec<RecordView> = session.try_collect().await.expect("every cut is survived");
        numbers(&records)
    };
    let mut asked = Vec::new();
    let read = tokio::select! {
        read = reading => read,
        never = script.serve(&server, cuts, &mut asked) => match never {},
    };
    (read, asked)
}

async fn survives_every_cut(script: &Script, options: ReadOptions, expected: Range<u64>) {
    let expected: Vec<u64> = expected.collect();
    let frames = script.frames(1, options.params(), 0);
    for cut in cut_points(&frames) {
        let (read, _) = read_with_cuts(script, options.clone(), &[cut]).await;
        assert_eq!(read, expected, "cut after {cut} bytes");
        let (read, _) = read_with_cuts(script, options.clone(), &[cut, cut]).await;
        assert_eq!(read, expected, "cut twice, each time after {cut} bytes");
    }
}

#[tokio::test]
async fn i5_history_and_live() {
    survives_every_cut(&script(), ReadOptions::from_seq_num(0), 0..13).await;
}

#[tokio::test]
async fn i5_from_the_middle_of_a_batch() {
    survives_every_cut(&script(), ReadOptions::from_seq_num(6), 6..13).await;
}

#[tokio::test]
async fn i5_bounded_by_count() {
    survives_every_cut(&script(), ReadOptions::from_seq_num(2).count(5), 2..7).await;
}

#[tokio::test]
async fn i5_bounded_by_count_with_a_wait_into_live_records() {
    let options = ReadOptions::from_seq_num(2).count(9).wait(Duration::from_secs(60));
    survives_every_cut(&script(), options, 2..11).await;
}

/// Cut behind its last record, it resumes exactly at the tail, where the server answers 416: everything is read, so that is the
/// clean end it would have had.
#[tokio::test]
async fn i5_bounded_beyond_the_tail_without_a_wait() {
    let all_history = Script { live_from: BATCHES.len(), ..script() };
    survives_every_cut(&all_history, ReadOptions::from_seq_num(3).until(5000), 3..13).await;
}

#[tokio::test]
async fn i5_a_resume_asks_for_what_is_left_and_keeps_the_rest() {
    let options = ReadOptions::from_tail(9).clamp(true).count(8).bytes(1000).until(5000).wait(Duration::from_secs(60));
    // Cut inside of the last but one frame: opened, 0..1, 1..4, 4..5 have arrived.
    let frames = script().frames(1, options.params(), 0);
    let cut = frames[..4].iter().map(BytesMut::len).sum::<usize>() + 3;
    let (read, asked) = read_with_cuts(&script(), options.clone(), &[cut]).await;
    assert_eq!(read, (0..8).collect::<Vec<u64>>());
    let record_bytes = 8 + "record 0".len() as u64;
    let resumed = ReadParams {
        start: ReadStart::SeqNum(5),
        count: Some(3),
        bytes: Some(1000 - 5 * record_bytes),
        ..options.params().clone()
    };
    assert_eq!(asked, [options.params().clone(), resumed]);
}

#[tokio::test]
async fn i5_a_start_at_the_tail_is_settled_once() {
    // Cut right behind the opening: what was appended meanwhile must not be skipped by settling "the tail" anew.
    let options = ReadOptions::from_tail(0);
    let opened = script().frames(1, options.params(), 0)[0].len();
    let (read, asked) = read_with_cuts(&script(), options, &[opened]).await;
    assert_eq!(read, (9..13).collect::<Vec<u64>>());
    assert_eq!(asked[1].start, ReadStart::SeqNum(9));
}

#[tokio::test]
async fn c8_a_heartbeat_moves_the_resume_point_of_a_start_by_timestamp() {
    let options = ReadOptions::from_timestamp(position(9).timestamp + 1).clamp(true);
    let frames = script().frames(1, options.params(), 0);
    let opened_and_heartbeat = frames[..2].iter().map(BytesMut::len).sum();
    let (read, asked) = read_with_cuts(&script(), options, &[opened_and_heartbeat]).await;
    assert_eq!(read, (9..13).collect::<Vec<u64>>());
    assert_eq!(asked[1].start, ReadStart::SeqNum(9));
}
