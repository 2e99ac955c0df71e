//! F2: each kind of record needs the right of its own.

use riverrun_protocol::access::Operation;
use riverrun_protocol::batch::Record;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::AppendConditions;

use super::client::{Said, batch, batch_of, connection, data, fence, target, trim};
use super::world::World;
use crate::event::{AppendRights, BatchBytes, ShardRequest};

const NONE: AppendRights = AppendRights { append: false, trim: false, fence: false };

fn is_refused(rights: AppendRights, records: &[Record]) -> bool {
    let mut w = World::new();
    let (c, batch) = (connection(1), batch_of(records));
    let (conditions, batch) = (AppendConditions::default(), BatchBytes::Borrowed(&batch));
    w.request(c, 1, ShardRequest::Append { target: target("s"), conditions, rights, batch });
    let heard = w.heard(c, 1);
    let is_refused = heard == [Said::refused(ErrorCode::PermissionDenied)];
    assert!(is_refused || heard == [Said::ack(0, records.len() as u64)], "{heard:?}");
    assert_eq!(w.store.streams.is_empty(), is_refused, "what is refused creates nothing");
    assert_eq!(!w.denied.is_empty(), is_refused, "the audit stream is told of what is refused, and of nothing else");
    is_refused
}

#[test]
fn f2_each_kind_of_record_needs_its_right() {
    let (append, of_fence, of_trim) = (
        AppendRights { append: true, ..NONE },
        AppendRights { fence: true, ..NONE },
        AppendRights { trim: true, ..NONE },
    );
    for (records, allowed) in [(vec![data("a")], append), (vec![fence("t")], of_fence), (vec![trim(0)], of_trim)] {
        assert!(!is_refused(allowed, &records));
        assert!(!is_refused(AppendRights::ALL, &records));
        assert!(is_refused(NONE, &records));
    }
    for almost in [
        AppendRights { append: false, ..AppendRights::ALL },
        AppendRights { fence: false, ..AppendRights::ALL },
        AppendRights { trim: false, ..AppendRights::ALL },
    ] {
        assert!(is_refused(almost, &[data("a"), fence("t"), trim(0)]));
    }
}

#[test]
fn f2_the_refusal_names_what_is_missing() {
    let facts = |records: &[Record]| riverrun_protocol::batch::check_ingest(&batch_of(records)).unwrap();
    let rights = AppendRights { fence: false, ..AppendRights::ALL };
    let missing = crate::shard::rights::check(rights, &facts(&[data("a"), fence("t")])).unwrap_err();
    let error = ErrorFrame::from(missing);
    assert!(error.message.contains("`fence`"), "{}", error.message);
}

#[test]
fn f2_b10_a_session_has_the_rights_of_its_opening_and_is_poisoned_without_them() {
    let mut w = World::new();
    let c = connection(1);
    let rights = AppendRights { append: true, ..NONE };
    w.request(c, 1, ShardRequest::OpenAppendSession { target: target("s"), rights });
    w.input(c, 1, &batch(&["a"]));
    w.input(c, 1, &batch_of(&[trim(1)]));
    w.input(c, 1, &batch(&["never"]));
    let denied = Said::refused(ErrorCode::PermissionDenied);
    assert_eq!(w.heard(c, 1), [Said::Opened { tail: 0 }, Said::ack(0, 1), denied]);
    assert_eq!(w.denied, [(Operation::Trim, target("s"))]);
}
