use super::*;
use crate::Record;
use riverrun_protocol::batch::{Stamp, encode, stamp};

const STREAM: StreamId = StreamId([3; 16]);

fn batch(stream_id: StreamId, first_seq_num: u64, records: usize) -> Batch {
    let mut bytes = encode(&vec![Record::new("12345678"); records]).expect("small");
    stamp(&mut bytes, &Stamp { stream_id, first_seq_num, arrival_ms: 1, expires_at_ms: 0 }, |_| 1);
    Batch::parse(bytes.freeze()).expect("just made")
}

fn at(seq_num: u64) -> Position {
    Position { seq_num, timestamp: 10 * seq_num }
}

fn params(start: ReadStart) -> ReadParams {
    ReadParams::new(start)
}

fn opened(params: ReadParams, tail: Position) -> Resume {
    let mut resume = Resume::new(params);
    resume.on_opened(&SessionOpened { stream_id: STREAM, shard: 0, tail }).expect("the first opening");
    resume
}

fn start(resume: &Resume) -> ReadStart {
    resume.params(Instant::now()).start
}

#[test]
fn c4_what_the_tail_at_opening_settles() {
    let settled = |from| start(&opened(params(from), at(9)));
    assert_eq!(settled(ReadStart::SeqNum(4)), ReadStart::SeqNum(4));
    assert_eq!(settled(ReadStart::SeqNum(40)), ReadStart::SeqNum(9), "clamped");
    assert_eq!(settled(ReadStart::TailOffset(2)), ReadStart::SeqNum(7));
    assert_eq!(settled(ReadStart::TailOffset(20)), ReadStart::SeqNum(0));
    assert_eq!(settled(ReadStart::Timestamp(91)), ReadStart::SeqNum(9), "clamped");
    assert_eq!(settled(ReadStart::Timestamp(90)), ReadStart::Timestamp(90), "only the server knows where that is");
}

#[test]
fn i5_count_and_metered_bytes_shrink_with_what_arrives() {
    let bounded = ReadParams { count: Some(5), bytes: Some(100), until: Some(7), ..params(ReadStart::SeqNum(0)) };
    let mut resume = opened(bounded, at(9));
    resume.on_batch(&batch(STREAM, 0, 2)).expect("in order");
    let left = resume.params(Instant::now());
    assert_eq!((left.start, left.count, left.bytes, left.until), (ReadStart::SeqNum(2), Some(3), Some(68), Some(7)));
    assert!(!resume.is_satisfied());
    resume.on_batch(&batch(STREAM, 2, 3)).expect("in order");
    assert!(resume.is_satisfied());
}

#[tokio::test(start_paused = true)]
async fn i5_the_wait_shrinks_by_whole_seconds_since_the_last_tail() {
    let waiting = ReadParams { wait_secs: Some(30), ..params(ReadStart::SeqNum(0)) };
    let mut resume = opened(waiting, at(9));
    let now = Instant::now();
    let after = |resume: &Resume, millis| resume.params(now + Duration::from_millis(millis)).wait_secs;
    assert_eq!(after(&resume, 10_000), Some(30), "full until a tail has been seen");
    resume.on_heartbeat(at(9), now);
    assert_eq!(after(&resume, 10_999), Some(20));
    assert_eq!(after(&resume, 40_000), Some(0));
}

#[test]
fn c13_caught_up() {
    let mut resume = opened(params(ReadStart::SeqNum(0)), at(3));
    assert!(!resume.is_caught_up());
    resume.on_batch(&batch(STREAM, 0, 3)).expect("in order");
    assert!(!resume.is_caught_up(), "without a tail nobody knows");
    resume.on_tail(at(3), Instant::now());
    assert!(resume.is_caught_up());
    resume.on_batch(&batch(STREAM, 3, 1)).expect("in order");
    resume.on_tail(at(5), Instant::now());
    assert!(!resume.is_caught_up(), "one is missing");
    resume.on_heartbeat(at(5), Instant::now());
    assert!(resume.is_caught_up());
    resume.on_lost();
    assert!(!resume.is_caught_up());
}

#[test]
fn c8_a_heartbeat_never_moves_the_position_back() {
    let mut resume = opened(params(ReadStart::SeqNum(0)), at(9));
    resume.on_batch(&batch(STREAM, 0, 5)).expect("in order");
    resume.on_heartbeat(at(3), Instant::now());
    assert_eq!(start(&resume), ReadStart::SeqNum(5));
}

#[test]
fn gaps_are_trimmed_records_and_repeats_are_violations() {
    let mut resume = opened(params(ReadStart::SeqNum(0)), at(9));
    resume.on_batch(&batch(STREAM, 4, 2)).expect("a gap");
    let repeated = resume.on_batch(&batch(STREAM, 5, 2)).expect_err("5 again");
    assert!(matches!(repeated, Error::Terminal(Terminal::Violation { .. })), "{repeated}");
    let foreign = resume.on_batch(&batch(StreamId([4; 16]), 6, 1)).expect_err("another stream's");
    assert!(matches!(foreign, Error::Terminal(Terminal::Violation { .. })), "{foreign}");
}

#[test]
fn c16_a_stream_that_was_created_again_is_another() {
    let mut resume = opened(params(ReadStart::SeqNum(0)), at(9));
    let again = SessionOpened { stream_id: StreamId([4; 16]), shard: 0, tail: at(9) };
    assert_eq!(resume.on_opened(&again), Err(Error::Terminal(Terminal::Recreated)));
}

#[test]
fn a_416_at_the_very_position_means_that_everything_was_read() {
    let mut resume = opened(params(ReadStart::SeqNum(0)), at(3));
    resume.on_batch(&batch(STREAM, 0, 3)).expect("in order");
    assert!(resume.has_read_up_to(at(3)));
    assert!(!resume.has_read_up_to(at(2)), "records have vanished: that is no end");
}
