use super::*;
use crate::{ErrorCode, Level, Outcome, Position, Record};
use proptest::prelude::*;
use riverrun_protocol::types::StreamId;

type Ticket = oneshot::Receiver<Result<AppendAck, Error>>;

/// A session with three inputs of 2 records each, the first `sent` of which the writer has taken.
struct Pair {
    core: Arc<Core>,
    tickets: Vec<Ticket>,
}

fn config(inflight_bytes_max: u32, inflight_batches_max: u32) -> AppendSessionConfig {
    AppendSessionConfig { inflight_bytes_max, inflight_batches_max }
}

fn core(config: AppendSessionConfig) -> Arc<Core> {
    let (opening, _) = oneshot::channel();
    let core = Arc::new(Core::new(config, Duration::from_secs(10), opening));
    let opened = SessionOpened { stream_id: StreamId([1; 16]), shard: 0, tail: Position::default() };
    assert_eq!(core.on_frame(Inbound::Response(Response::AppendSessionOpened(opened))), Ok(Next::More));
    core
}

fn submit(core: &Arc<Core>) -> Result<Ticket, Error> {
    submit_batch(core, Bytes::from_static(b"two records"))
}

fn submit_batch(core: &Arc<Core>, batch: Bytes) -> Result<Ticket, Error> {
    let (ticket, ack) = oneshot::channel();
    core.submit(Room { bytes: 1, records: 2 }, batch, ticket, |_| {})?;
    Ok(ack)
}

fn pair(sent: usize) -> Pair {
    let core = core(AppendSessionConfig::default());
    let tickets = (0..3).map(|_| submit(&core).expect("open")).collect();
    assert!((0..sent).all(|_| core.claim().is_some()));
    Pair { core, tickets }
}

impl Pair {
    fn outcomes(self) -> Vec<Result<u64, Outcome>> {
        let settled = |mut ticket: Ticket| ticket.try_recv().expect("settled");
        self.tickets.into_iter().map(|t| settled(t).map(|ack| ack.start.seq_num).map_err(|e| e.outcome())).collect()
    }
}

fn ack(start: u64, end: u64) -> Inbound {
    let at = |seq_num| Position { seq_num, timestamp: 0 };
    let ack = AppendAck { start: at(start), end: at(end), tail: at(end), level: Level::Journal, shard: 0 };
    Inbound::Response(Response::AppendAck(ack))
}

fn refusal(code: ErrorCode, outcome: Outcome) -> Inbound {
    Inbound::Error(ErrorFrame { outcome, ..ErrorFrame::new(code, "no") })
}

#[test]
fn b10_acks_go_to_inputs_in_order() {
    let pair = pair(3);
    for start in [0, 2, 9] {
        assert_eq!(pair.core.on_frame(ack(start, start + 2)), Ok(Next::More));
    }
    assert_eq!(pair.outcomes(), [Ok(0), Ok(2), Ok(9)]);
}

#[test]
fn i4_acks_that_cannot_be_true_are_violations() {
    for (what, frames) in [
        ("too few records", vec![ack(0, 1)]),
        ("too many records", vec![ack(0, 3)]),
        ("backwards", vec![ack(2, 0)]),
        ("overlapping", vec![ack(0, 2), ack(1, 3)]),
        ("for an input that was not sent", vec![ack(0, 2), ack(2, 4), ack(4, 6)]),
        (
            "opened twice",
            vec![Inbound::Response(Response::AppendSessionOpened(SessionOpened {
                stream_id: StreamId([1; 16]),
                shard: 0,
                tail: Position::default(),
            }))],
        ),
        ("another call's answer", vec![Inbound::Response(Response::Pong { nonce: 1 })]),
    ] {
        let pair = pair(2);
        let results: Vec<_> = frames.into_iter().map(|frame| pair.core.on_frame(frame)).collect();
        assert!(results.last().expect("one at least").is_err(), "{what}");
        assert!(results[..results.len() - 1].iter().all(Result::is_ok), "{what}");
    }
}

#[test]
fn b10_a_refusal_without_effect_discards_what_was_sent_behind_it() {
    let Pair { core, tickets } = pair(3);
    assert_eq!(core.on_frame(ack(0, 2)), Ok(Next::More));
    assert_eq!(core.on_frame(refusal(ErrorCode::Invalid, Outcome::NotDone)), Ok(Next::Ended));
    let later = submit(&core).expect_err("poisoned");
    assert!(matches!(later, Error::NotDone(NotDone::Poisoned { .. })), "{later}");
    let mut answers = tickets.into_iter().map(|mut ticket| ticket.try_recv().expect("settled"));
    assert!(answers.next().expect("acked").is_ok());
    assert_eq!(answers.next().expect("refused").expect_err("refused").code(), Some(ErrorCode::Invalid));
    let discarded = answers.next().expect("discarded").expect_err("discarded");
    assert!(matches!(discarded, Error::NotDone(NotDone::Poisoned { .. })), "{discarded}");
}

#[test]
fn d4_behind_a_failure_of_unknown_effect_everything_sent_is_in_doubt() {
    let pair = pair(2);
    let failure = refusal(ErrorCode::Storage, Outcome::MaybeDone);
    assert_eq!(pair.core.on_frame(failure), Ok(Next::Ended));
    assert_eq!(pair.outcomes(), [Err(Outcome::MaybeDone), Err(Outcome::MaybeDone), Err(Outcome::NotDone)]);
}

#[test]
fn d4_a_terminal_answer_stays_terminal_for_what_was_sent() {
    let pair = pair(2);
    assert_eq!(pair.core.on_frame(refusal(ErrorCode::BadFrame, Outcome::Terminal)), Ok(Next::Ended));
    assert_eq!(pair.outcomes(), [Err(Outcome::Terminal), Err(Outcome::Terminal), Err(Outcome::NotDone)]);
}

#[test]
fn i4_an_end_with_inputs_in_flight_is_no_clean_end() {
    let pair = pair(2);
    assert_eq!(pair.core.on_frame(Inbound::Response(Response::SessionEnded)), Ok(Next::Ended));
    assert_eq!(pair.outcomes(), [Err(Outcome::MaybeDone), Err(Outcome::MaybeDone), Err(Outcome::NotDone)]);
}

#[test]
fn an_input_of_a_failed_session_is_never_claimed() {
    let pair = pair(1);
    pair.core.on_disconnect(&Disconnect::Closed);
    assert_eq!(pair.core.claim(), None);
    assert_eq!(pair.outcomes(), [Err(Outcome::MaybeDone), Err(Outcome::NotDone), Err(Outcome::NotDone)]);
}

/// The writer may be held up by a server that does not read; what it will never write is not to wait for it.
#[test]
fn a_session_that_fails_frees_the_batches_that_were_not_written() {
    let core = core(AppendSessionConfig::default());
    let batch = Bytes::from(vec![0; 100]);
    let _tickets = [(); 2].map(|()| submit_batch(&core, batch.clone()).expect("open"));
    let written = core.claim().expect("open");
    assert!(!batch.is_unique());
    core.on_disconnect(&Disconnect::Closed);
    drop(written);
    assert!(batch.is_unique());
}

#[tokio::test(start_paused = true)]
async fn i4_an_ack_that_does_not_come_in_time_fails_the_session() {
    let pair = pair(1);
    let submitted = Instant::now();
    assert_eq!(pair.core.on_tick(submitted + Duration::from_secs(10)), Next::More);
    assert_eq!(pair.core.on_tick(submitted + Duration::from_millis(10_001)), Next::Ended);
    // The server still has the session open, so the handle's end has to tell it.
    let told = std::cell::Cell::new(false);
    pair.core.close(None, || told.set(true));
    assert!(told.get());
    assert_eq!(pair.outcomes(), [Err(Outcome::MaybeDone), Err(Outcome::NotDone), Err(Outcome::NotDone)]);
}

/// A window may hold more than the token's rate lets through in the time for one ack.
#[tokio::test(start_paused = true)]
async fn a_window_deeper_than_the_timeout_is_no_failure_while_acks_come() {
    let core = core(AppendSessionConfig::default());
    let mut tickets: Vec<Ticket> = (0..20).map(|_| submit(&core).expect("open")).collect();
    assert!((0..20).all(|_| core.claim().is_some()));
    for (n, ticket) in tickets.iter_mut().enumerate() {
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(core.on_tick(Instant::now()), Next::More, "behind {n} acks");
        assert_eq!(core.on_frame(ack(2 * n as u64, 2 * n as u64 + 2)), Ok(Next::More));
        assert!(ticket.try_recv().expect("acked").is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn i4_acks_that_cease_fail_the_session() {
    let pair = pair(2);
    tokio::time::advance(Duration::from_secs(8)).await;
    assert_eq!(pair.core.on_frame(ack(0, 2)), Ok(Next::More));
    let acked = Instant::now();
    assert_eq!(pair.core.on_tick(acked + Duration::from_secs(10)), Next::More);
    assert_eq!(pair.core.on_tick(acked + Duration::from_millis(10_001)), Next::Ended);
    assert_eq!(pair.outcomes(), [Ok(0), Err(Outcome::MaybeDone), Err(Outcome::NotDone)]);
}

#[tokio::test(start_paused = true)]
async fn f_the_time_in_which_a_server_reads_nothing_as_it_said_does_not_count() {
    let Pair { core, .. } = pair(1);
    let until = Instant::now() + Duration::from_secs(60);
    core.on_throttled(until);
    core.on_throttled(until - Duration::from_secs(57));
    assert_eq!(core.on_tick(until + Duration::from_secs(10)), Next::More);
    assert_eq!(core.on_tick(until + Duration::from_millis(10_001)), Next::Ended);
}

#[test]
fn an_idle_session_is_never_overdue() {
    let core = core(AppendSessionConfig::default());
    assert_eq!(core.on_tick(Instant::now() + Duration::from_secs(3600)), Next::More);
}

#[tokio::test]
async fn the_window_holds_submitters_back_and_an_ack_lets_them_on() {
    let core = core(config(100, 2));
    let batch = AppendBatch::encode(&[Record::new(vec![0; 52])]).expect("small");
    let room = core.room_for(&batch).await.expect("open");
    assert_eq!((room.bytes, room.records), (60, 1));
    let (ticket, _ack) = oneshot::channel();
    core.submit(room, batch.bytes().clone(), ticket, |_| {}).expect("open");
    assert!(core.claim().is_some());
    let mut waiting = Box::pin(core.room_for(&batch));
    assert!(futures::poll!(&mut waiting).is_pending(), "60 of 100 bytes are taken");
    core.on_frame(ack(0, 1)).expect("true");
    assert!(futures::poll!(&mut waiting).is_ready());
}

#[tokio::test]
async fn a_batch_larger_than_the_window_goes_alone() {
    let core = core(config(10, 5));
    let batch = AppendBatch::encode(&[Record::new(vec![0; 52])]).expect("small");
    let room = core.room_for(&batch).await.expect("open");
    assert_eq!(room.bytes, 10);
    assert!(futures::poll!(Box::pin(core.room_for(&batch))).is_pending());
}

#[tokio::test]
async fn whoever_waits_for_room_hears_of_the_failure() {
    let core = core(config(10, 5));
    let batch = AppendBatch::encode(&[Record::new(vec![0; 52])]).expect("small");
    let _room = core.room_for(&batch).await.expect("open");
    let mut waiting = Box::pin(core.room_for(&batch));
    assert!(futures::poll!(&mut waiting).is_pending());
    core.on_disconnect(&Disconnect::Closed);
    assert_eq!(waiting.await.expect_err("gone").outcome(), Outcome::NotDone);
}

proptest! {
    /// D4, against a model: whatever happens to a session, an input is `Ok` if it was acked, and an input that the writer has
    /// taken and the server has not refused without effect is never `NotDone`.
    #[test]
    fn d4_nothing_sent_and_unanswered_is_ever_not_done(sent in 0_usize..=3, acked in 0_usize..=3, end in 0_u8..4) {
        let acked = acked.min(sent);
        let pair = pair(sent);
        for n in 0..acked as u64 {
            prop_assert_eq!(pair.core.on_frame(ack(2 * n, 2 * n + 2)), Ok(Next::More));
        }
        match end {
            0 => pair.core.on_disconnect(&Disconnect::Closed),
            1 => prop_assert_eq!(pair.core.on_tick(Instant::now() + Duration::from_secs(60)),
                                 if acked < 3 { Next::Ended } else { Next::More }),
            2 => drop(pair.core.on_frame(refusal(ErrorCode::Storage, Outcome::MaybeDone))),
            _ => drop(pair.core.on_frame(Inbound::Response(Response::SessionEnded))),
        }
        if acked == 3 {
            return Ok(());
        }
        for (n, outcome) in pair.outcomes().into_iter().enumerate() {
            match outcome {
                Ok(start) => prop_assert!(n < acked && start == 2 * n as u64),
                Err(Outcome::MaybeDone) => prop_assert!((acked..sent).contains(&n)),
                Err(Outcome::NotDone) => prop_assert!(n >= sent),
                Err(Outcome::Terminal) => prop_assert!(false, "nothing here is terminal"),
            }
        }
    }
}
