use super::*;
use crate::{ErrorCode, StreamId};
use bytes::Bytes;
use futures::task::noop_waker_ref;

fn opened(credit_bytes: u64) -> Inbox {
    opened_with(Inbox::new(credit_bytes, false))
}

fn opened_with(inbox: Inbox) -> Inbox {
    let opened = SessionOpened { stream_id: StreamId([1; 16]), shard: 0, tail: Position::default() };
    assert_eq!(inbox.on_frame(Inbound::Response(Response::ReadSessionOpened(opened))), Ok(Next::More));
    assert!(matches!(next(&inbox), Some(Ok(Item::Opened(_)))));
    inbox
}

fn records(body_bytes: u64) -> Inbound {
    let parts = vec![Bytes::from_static(b"not looked at here")];
    Inbound::Push { push: Push::Records(ReadBatches { tail: None, parts }), body_bytes }
}

fn page(raw_bytes: u32) -> Inbound {
    let stored = Bytes::from_static(b"not looked at here");
    let page = CompressedPage { raw_bytes, crc: 0, first_seq_num: 0, end_seq_num: 1, stored };
    Inbound::Push { push: Push::Page(page), body_bytes: 46 }
}

fn heartbeat(seq_num: u64) -> Inbound {
    Inbound::Push { push: Push::Heartbeat { tail: Position { seq_num, timestamp: 0 } }, body_bytes: 20 }
}

fn next(inbox: &Inbox) -> Option<Result<Item, End>> {
    match inbox.poll(&mut Context::from_waker(noop_waker_ref())) {
        Poll::Ready(item) => Some(item),
        Poll::Pending => None,
    }
}

#[test]
fn a_push_needs_credit_and_takes_it_whole() {
    let inbox = opened(100);
    assert_eq!(inbox.on_frame(records(99)), Ok(Next::More));
    assert_eq!(inbox.on_frame(records(5000)), Ok(Next::More), "one byte of credit is enough for one push of any size");
    assert_eq!(inbox.on_frame(records(1)), Err("Records without credit".to_owned()));
}

#[test]
fn a_grant_counts_against_what_is_owed() {
    let inbox = opened(100);
    assert_eq!(inbox.on_frame(records(300)), Ok(Next::More));
    inbox.grant(200);
    assert!(inbox.on_frame(records(1)).is_err(), "the balance is 0");
    inbox.grant(1);
    assert_eq!(inbox.on_frame(records(1)), Ok(Next::More));
}

#[test]
fn a_page_costs_what_it_decompresses_to() {
    let inbox = opened_with(Inbox::new(100, true));
    assert_eq!(inbox.on_frame(page(99)), Ok(Next::More));
    assert_eq!(inbox.on_frame(page(5000)), Ok(Next::More));
    assert_eq!(inbox.on_frame(page(1)), Err("Page without credit".to_owned()));
    assert!(inbox.on_frame(records(1)).is_err(), "there is one credit for both kinds");
    inbox.grant(5000);
    assert_eq!(inbox.on_frame(records(1)), Ok(Next::More));
    assert!(matches!(next(&inbox), Some(Ok(Item::Page(CompressedPage { raw_bytes: 99, .. })))));
}

#[test]
fn a_page_that_nobody_asked_for_is_a_violation() {
    assert_eq!(opened(100).on_frame(page(1)), Err("a Page in a session that takes none".to_owned()));
}

#[test]
fn heartbeats_need_no_credit_and_do_not_pile_up() {
    let inbox = opened(1);
    assert_eq!(inbox.on_frame(records(100)), Ok(Next::More));
    for seq_num in 0..1000 {
        assert_eq!(inbox.on_frame(heartbeat(seq_num)), Ok(Next::More));
    }
    assert!(matches!(next(&inbox), Some(Ok(Item::Records { body_bytes: 100, .. }))));
    assert!(matches!(next(&inbox), Some(Ok(Item::Heartbeat(Position { seq_num: 999, .. })))));
    assert!(next(&inbox).is_none());
}

#[test]
fn what_arrived_before_the_end_is_picked_up_before_the_end() {
    for lost in [false, true] {
        let inbox = opened(100);
        assert_eq!(inbox.on_frame(records(1)), Ok(Next::More));
        if lost {
            inbox.on_disconnect(&Disconnect::Closed);
        } else {
            assert_eq!(inbox.on_frame(Inbound::Response(Response::SessionEnded)), Ok(Next::Ended));
        }
        assert!(matches!(next(&inbox), Some(Ok(Item::Records { .. }))));
        let end = next(&inbox);
        assert!(if lost { matches!(end, Some(Err(End::Lost(_)))) } else { matches!(end, Some(Err(End::Clean))) });
    }
}

#[test]
fn an_abandoned_inbox_keeps_nothing_and_still_sees_its_end() {
    let inbox = opened(100);
    assert_eq!(inbox.on_frame(records(1)), Ok(Next::More));
    assert!(inbox.abandon(), "the server has to be told");
    assert_eq!(inbox.on_frame(records(1)), Ok(Next::More), "it may have been on its way");
    assert!(next(&inbox).is_none());
    assert_eq!(inbox.on_frame(Inbound::Response(Response::SessionEnded)), Ok(Next::Ended));
    assert!(!inbox.abandon());
}

#[test]
fn frames_that_do_not_belong_are_violations() {
    let unopened = Inbox::new(100, true);
    assert!(unopened.on_frame(records(1)).is_err());
    assert!(unopened.on_frame(page(1)).is_err());
    assert!(unopened.on_frame(heartbeat(0)).is_err());
    let inbox = opened(100);
    assert!(inbox.on_frame(Inbound::Response(Response::Pong { nonce: 0 })).is_err());
    assert!(inbox.on_frame(Inbound::Push { push: Push::Draining, body_bytes: 4 }).is_err());
    let throttled = Push::Throttled { retry_after_ms: 1 };
    assert!(inbox.on_frame(Inbound::Push { push: throttled, body_bytes: 8 }).is_err());
    let refused = ErrorFrame::new(ErrorCode::StreamNotFound, "gone");
    assert_eq!(inbox.on_frame(Inbound::Error(refused)), Ok(Next::Ended));
}
