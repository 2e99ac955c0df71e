use super::*;

fn frame(code: ErrorCode, outcome: Outcome) -> ErrorFrame {
    ErrorFrame { outcome, retry_after_ms: 250, ..ErrorFrame::new(code, "because") }
}

#[test]
fn d4_the_server_s_class_is_kept_whatever_the_code() {
    for code in ErrorCode::ALL {
        for outcome in [Outcome::NotDone, Outcome::MaybeDone, Outcome::Terminal] {
            assert_eq!(Error::answered(&frame(code, outcome)).outcome(), outcome, "{code}");
        }
    }
}

#[test]
fn facts_of_an_answer() {
    let error = Error::answered(&frame(ErrorCode::Overloaded, Outcome::NotDone));
    assert_eq!(error.code(), Some(ErrorCode::Overloaded));
    assert_eq!(error.retry_after(), Some(Duration::from_millis(250)));
    assert!(error.is_transient());
    assert!(!Error::answered(&frame(ErrorCode::Invalid, Outcome::NotDone)).is_transient());
    assert!(!Error::answered(&frame(ErrorCode::Overloaded, Outcome::Terminal)).is_transient());
}

#[test]
fn a_server_that_ends_the_connection_may_say_when_to_come_again() {
    let full = Disconnect::Refused(Refusal::from(&frame(ErrorCode::Overloaded, Outcome::NotDone)));
    for error in [Error::disconnected(true, full.clone()), Error::disconnected(false, full)] {
        assert_eq!(error.retry_after(), Some(Duration::from_millis(250)));
        assert_eq!(error.without_effect().retry_after(), Some(Duration::from_millis(250)));
    }
    assert_eq!(Error::disconnected(true, Disconnect::Closed).retry_after(), None);
}

#[test]
fn c4_unwritten_carries_the_tail() {
    let tail = Position { seq_num: 7, timestamp: 70 };
    let error = Error::answered(&ErrorFrame { tail: Some(tail), ..frame(ErrorCode::Unwritten, Outcome::NotDone) });
    assert_eq!(error.unwritten(), Some(tail));
    assert_eq!(error.code(), Some(ErrorCode::Unwritten));
    // Of a doubtful class it is an answer like any other: the class wins.
    let odd = Error::answered(&ErrorFrame { tail: Some(tail), ..frame(ErrorCode::Unwritten, Outcome::MaybeDone) });
    assert_eq!((odd.outcome(), odd.unwritten()), (Outcome::MaybeDone, None));
}

#[test]
fn b11_mismatches_carry_what_the_stream_has_now_and_are_never_repeated() {
    let fenced = Error::answered(&ErrorFrame::fencing_token_mismatch(FencingToken::new("other").expect("short")));
    assert_eq!(fenced.fencing_token_mismatch().map(FencingToken::as_str), Some("other"));
    assert_eq!((fenced.outcome(), fenced.code()), (Outcome::Terminal, Some(ErrorCode::FencingTokenMismatch)));
    let behind = Error::answered(&ErrorFrame::seq_num_mismatch(7));
    assert_eq!(behind.seq_num_mismatch(), Some(7));
    assert_eq!((behind.outcome(), behind.code()), (Outcome::NotDone, Some(ErrorCode::SeqNumMismatch)));
    assert!(!fenced.is_transient() && !behind.is_transient());
    // Without the fact, or of another class, it is an answer like any other.
    let bare = Error::answered(&frame(ErrorCode::SeqNumMismatch, Outcome::NotDone));
    assert_eq!((bare.seq_num_mismatch(), bare.code()), (None, Some(ErrorCode::SeqNumMismatch)));
}

#[test]
fn e6_f3_refusals_that_only_their_reader_can_mend_are_not_repeated_and_say_how() {
    for (code, advice) in [
        (ErrorCode::AlreadyExists, "choose another name"),
        (ErrorCode::BasinDeletionPending, "wait until the deletion is done"),
        (ErrorCode::StreamDeletionPending, "wait until the deletion is done"),
        (ErrorCode::Authn, "an access token that is valid"),
        (ErrorCode::PermissionDenied, "an access token that allows it"),
        (ErrorCode::AccessTokenNotFound, "the access token's id"),
    ] {
        let error = Error::answered(&frame(code, Outcome::NotDone));
        assert!(!error.is_transient(), "{code}");
        assert!(error.advice().contains(advice), "{code}: {}", error.advice());
    }
}

#[test]
fn f3_a_connection_that_ends_over_its_token_is_told_apart() {
    let revoked = Disconnect::Refused(Refusal::from(&frame(ErrorCode::Authn, Outcome::NotDone)));
    for sent in [true, false] {
        let error = Error::disconnected(sent, revoked.clone());
        assert!(error.is_authn() && !error.is_transient());
    }
    assert!(Error::answered(&frame(ErrorCode::Authn, Outcome::NotDone)).is_authn());
    assert!(!Error::disconnected(true, Disconnect::Closed).is_authn());
}

#[test]
fn poison_does_not_pile_up() {
    let first = Error::disconnected(true, Disconnect::Closed);
    let poisoned = Error::poisoned(&first);
    assert_eq!(Error::poisoned(&poisoned), poisoned);
    assert_eq!(poisoned.outcome(), Outcome::NotDone);
}

#[test]
fn a_connection_s_end_passes_unless_the_protocol_was_broken() {
    let transient = |cause: Disconnect| Error::disconnected(true, cause).is_transient();
    assert!(transient(Disconnect::Closed));
    assert!(transient(Disconnect::Io("reset".to_owned())));
    assert!(transient(Disconnect::Silent(Duration::from_secs(15))));
    assert!(transient(Disconnect::Refused(Refusal::from(&frame(ErrorCode::Draining, Outcome::NotDone)))));
    assert!(!transient(Disconnect::Refused(Refusal::from(&frame(ErrorCode::BadFrame, Outcome::Terminal)))));
    assert!(!transient(Disconnect::Violation("garbage".to_owned())));
}

#[test]
fn one_line_says_what_why_and_what_to_do() {
    let shown = |error: Error| error.to_string();
    assert_eq!(
        shown(Error::disconnected(true, Disconnect::Closed)),
        "may or may not have been done: the server closed the connection before the answer came; \
         check the stream before repeating it: repeating may do it twice, and what is not there yet may still come"
    );
    assert_eq!(
        shown(Error::disconnected(false, Disconnect::Io("Connection reset by peer".to_owned()))),
        "not done: the connection failed: Connection reset by peer before the request was sent; it is safe to try again"
    );
    assert_eq!(
        shown(Error::disconnected(true, Disconnect::Closed).without_effect()),
        "not done: the server closed the connection before the answer came; it is safe to try again"
    );
    assert_eq!(
        shown(Error::answered(&frame(ErrorCode::StreamNotFound, Outcome::NotDone))),
        "not done: the server answered stream_not_found: because; change the request"
    );
    assert_eq!(
        shown(Error::poisoned(&Error::timed_out(true, Duration::from_secs(10)))),
        "not done: an earlier input failed (may or may not have been done: no answer came within 10s); \
         see what the first failure was, then go on with a new session"
    );
    assert_eq!(
        shown(Error::violation("Pong in a read session")),
        "refused for good: the server broke the protocol: Pong in a read session; \
         check that the address is a Riverrun server of a version that fits"
    );
}
