//! Read sessions: history, then what comes.

use futures::StreamExt;
use s2_sdk::S2Stream;
use s2_sdk::batching::{AppendInputs, AppendRecordBatches, BatchLimits};
use s2_sdk::error::{ReadError, ReadSessionError};
use s2_sdk::read_session::ReadSession;
use s2_sdk::types::{
    AppendInput, CommandRecord, ReadFrom, ReadInput, ReadSessionConfig, ReadStart, ReadStop, SequencedRecord,
};

use crate::support::{Rig, at_most, batch, bodies, from, from_seq_num, input, record, single, soon, take};

const HISTORY: u64 = 5_000;

async fn history(stream: &S2Stream) {
    let records = (0..HISTORY).map(|number| record(&number.to_string()));
    let batches = AppendRecordBatches::from_iter(records, BatchLimits::new()).expect("batches");
    let mut inputs = AppendInputs::new(batches).with_match_seq_num(0);
    while let Some(input) = inputs.next().await {
        stream.append(input.expect("an input")).await.expect("acked");
    }
}

/// Where the session has caught up, while nothing is appended. It is told by a tail, behind the records or with them.
async fn caught_up(session: &mut ReadSession) -> u64 {
    let caught_up = session.caught_up();
    let told = async {
        tokio::select! {
            tail = caught_up => tail.expect("caught up").seq_num,
            other = session.next() => panic!("nothing was appended: {other:?}"),
        }
    };
    soon("caught up", told).await
}

/// The number that a body says, and the one that the record has.
fn is_in_place(record: &SequencedRecord) -> bool {
    record.body == record.seq_num.to_string()
}

#[tokio::test]
async fn a_session_turns_from_history_to_live_without_gap_or_repeat() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    history(&stream).await;
    let mut session = stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await.expect("a session");
    let past = take(&mut session, HISTORY as usize).await;
    assert!(past.iter().map(|record| record.seq_num).eq(0..HISTORY) && past.iter().all(is_in_place));
    assert_eq!(caught_up(&mut session).await, HISTORY);
    assert!(session.is_caught_up());
    for number in HISTORY..HISTORY + 20 {
        stream.append(single(&number.to_string())).await.expect("acked");
        let live = take(&mut session, 1).await;
        assert!(live.len() == 1 && live[0].seq_num == number && is_in_place(&live[0]));
    }
    assert_eq!(session.resume_seq_num(), Some(HISTORY + 20));
}

#[tokio::test]
async fn many_followers_see_the_same() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await.expect("a session"));
    }
    history(&stream).await;
    for session in &mut sessions {
        let records = take(session, HISTORY as usize).await;
        assert!(records.iter().map(|record| record.seq_num).eq(0..HISTORY) && records.iter().all(is_in_place));
    }
}

#[tokio::test]
async fn a_bounded_session_ends_by_itself() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    history(&stream).await;
    for (stop, expected) in [
        (at_most(1_234), 1_234),
        (at_most(HISTORY as usize * 2), HISTORY),
        (ReadStop::new().with_wait(0), HISTORY),
        (ReadStop::new().with_until(..u64::MAX), HISTORY),
    ] {
        let description = format!("{stop:?}");
        let input = from_seq_num(0).with_stop(stop);
        let session = stream.read_session(input, ReadSessionConfig::new()).await.expect("a session");
        let batches = soon("the end", session.collect::<Vec<_>>()).await;
        let count: usize = batches.into_iter().map(|batch| batch.expect("a batch").records.len()).sum();
        assert_eq!(count as u64, expected, "{description}");
    }
}

#[tokio::test]
async fn a_bounded_session_with_leave_to_wait_takes_its_rest_from_what_comes() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    stream.append(single("0")).await.expect("acked");
    let bounded = from_seq_num(0).with_stop(at_most(3).with_wait(60));
    let mut session = stream.read_session(bounded, ReadSessionConfig::new()).await.expect("a session");
    assert_eq!(bodies(&take(&mut session, 1).await), ["0"]);
    stream.append(input(["1", "2", "3"])).await.expect("acked");
    assert_eq!(bodies(&take(&mut session, 2).await), ["1", "2"]);
    assert!(soon("the end", session.next()).await.is_none());
}

#[tokio::test]
async fn a_session_can_begin_at_the_tail_and_not_beyond_it() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    stream.append(single("past")).await.expect("acked");
    let beyond = stream.read_session(from_seq_num(2), ReadSessionConfig::new()).await;
    let Err(ReadSessionError::Read(ReadError::ReadUnwritten(tail))) = beyond else { panic!("it is unwritten") };
    assert_eq!(tail.seq_num, 1);
    let clamped = ReadStart::new().with_from(ReadFrom::SeqNum(2)).with_clamp_to_tail(true);
    for input in [from_seq_num(1), from(ReadFrom::TailOffset(0)), ReadInput::new().with_start(clamped)] {
        let mut session = stream.read_session(input, ReadSessionConfig::new()).await.expect("a session");
        assert_eq!(caught_up(&mut session).await, 1);
    }
}

#[tokio::test]
async fn command_records_that_are_left_out_still_count_as_read() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    stream.append(single("a")).await.expect("acked");
    let fence = CommandRecord::fence("token".parse().expect("a token"));
    stream.append(AppendInput::new(batch([fence.into()]))).await.expect("acked");
    let input = from_seq_num(0).with_stop(ReadStop::new().with_wait(0)).with_ignore_command_records(true);
    let mut session = stream.read_session(input, ReadSessionConfig::new()).await.expect("a session");
    let first = soon("a batch", session.next()).await.expect("a batch").expect("a batch");
    assert_eq!(bodies(&first.records), ["a"]);
    assert!(soon("the end", session.next()).await.is_none());
    assert_eq!(session.resume_seq_num(), Some(2));
}
