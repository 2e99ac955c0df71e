//! Unary appends, with and without conditions.

use s2_sdk::error::{AppendConditionFailed, AppendError};
use s2_sdk::types::{AppendInput, BasinReconfiguration, CommandRecord, FencingToken, Header, ReconfigureBasinInput};

use crate::support::{
    BASIN, Rig, append_refusal, basin_name, batch, bodies, from_seq_num, input, record, single, whole,
};

#[tokio::test]
async fn a_batch_is_acked_with_its_positions_and_comes_back_as_it_was() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let headers = [Header::new("name", "value"), Header::new("name", ""), Header::new(&b"\xff\x00"[..], &b"\xfe"[..])];
    let dressed = record("dressed").with_timestamp(1_000).with_headers(headers.clone());
    let records = batch([record("first").with_timestamp(500), dressed.expect("headers"), record("")]);
    let ack = stream.append(AppendInput::new(records)).await.expect("acked");
    assert_eq!((ack.start.seq_num, ack.end.seq_num, ack.tail), (0, 3, ack.end));
    assert_eq!(ack.start.timestamp, 500);

    let read = stream.read(from_seq_num(0)).await.expect("read");
    assert_eq!(bodies(&read.records), ["first", "dressed", ""]);
    assert!(read.records.iter().map(|record| record.seq_num).eq(0..3));
    assert_eq!((read.records[0].timestamp, read.records[1].timestamp), (500, 1_000));
    assert_eq!(read.records[2].timestamp, ack.end.timestamp, "given by the broker");
    assert_eq!(read.records[1].headers, headers);
    let next = stream.append(single("next")).await.expect("acked");
    assert_eq!((next.start.seq_num, next.end.seq_num), (3, 4));
    assert!(next.start.timestamp >= ack.end.timestamp);
}

#[tokio::test]
async fn a_sequence_number_that_does_not_match_is_told_which_would() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    stream.append(input(["a", "b"]).with_match_seq_num(0)).await.expect("the stream is empty");
    stream.append(single("c").with_match_seq_num(2)).await.expect("two are there");
    for wrong in [0, 2, 4, u64::MAX] {
        let refused = stream.append(single("x").with_match_seq_num(wrong)).await.expect_err("refused");
        assert!(refused.has_no_side_effects() && !refused.is_retryable());
        assert!(
            matches!(refused, AppendError::ConditionFailed(AppendConditionFailed::SeqNumMismatch(3))),
            "{refused:?}"
        );
    }
    assert_eq!(bodies(&whole(&stream).await), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_fencing_token_that_does_not_match_is_told_the_current_one() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let token = FencingToken::generate(36).expect("a token");
    let empty: FencingToken = "".parse().expect("a token");
    let fence = AppendInput::new(batch([CommandRecord::fence(token.clone()).into()]));
    stream.append(fence.with_fencing_token(empty.clone())).await.expect("there was none");
    stream.append(single("holder").with_fencing_token(token.clone())).await.expect("the holder");
    stream.append(single("anybody")).await.expect("fencing is cooperative");
    let wrong: FencingToken = "wrong".parse().expect("a token");
    for wrong in [empty, wrong] {
        // The token is looked at first, and the number is not.
        let refused = single("x").with_fencing_token(wrong).with_match_seq_num(77);
        let refused = stream.append(refused).await.expect_err("refused");
        let AppendError::ConditionFailed(AppendConditionFailed::FencingTokenMismatch(current)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(current, token);
    }
    let tail = stream.check_tail().await.expect("a tail");
    assert_eq!(tail.seq_num, 3);
}

#[tokio::test]
async fn without_leave_to_create_it_a_stream_that_is_not_there_is_not_found() {
    let rig = Rig::new().await;
    let strict = BasinReconfiguration::new().with_create_stream_on_append(false).with_create_stream_on_read(false);
    rig.s2.reconfigure_basin(ReconfigureBasinInput::new(basin_name(BASIN), strict)).await.expect("reconfigured");
    let refused = rig.stream("s").append(single("x")).await.expect_err("refused");
    assert_eq!(append_refusal(&refused), (404, "stream_not_found"));
    assert!(refused.has_no_side_effects() && !refused.is_retryable());
    let nowhere = rig.s2.basin(basin_name("sdk-nowhere")).stream("s".parse().expect("a name"));
    let refused = nowhere.append(single("x")).await.expect_err("refused");
    assert_eq!(append_refusal(&refused), (404, "basin_not_found"));
}

/// What the SDK lets through and the broker must not: a name that only command records have.
#[tokio::test]
async fn a_batch_that_breaks_a_rule_is_refused_whole() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let command = |word: &'static str, payload: &str| record(payload).with_headers([Header::new("", word)]);
    let two_headers = record("x").with_headers([Header::new("", "fence"), Header::new("a", "b")]);
    for broken in [command("explode", ""), command("trim", "1234567"), two_headers] {
        let records = batch([record("before"), broken.expect("a record")]);
        let refused = stream.append(AppendInput::new(records)).await.expect_err("refused");
        assert_eq!(append_refusal(&refused), (422, "invalid"));
    }
    assert_eq!(stream.check_tail().await.expect("a tail").seq_num, 0);
}
