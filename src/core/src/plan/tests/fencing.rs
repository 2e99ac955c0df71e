use super::*;
use crate::plan::fencing::{FencingStep, after_put, next_step};
use crate::plan::found::Found;
use crate::plan::put::PutOutcome;

const MY_EPOCH: u64 = 8;

/// What epoch 8 does with the ninth chunk of epoch 5.
fn step(object: Option<&Bytes>) -> FencingStep {
    next_step(MY_EPOCH, ID, Found::judge(&STORE, ID, object))
}

#[test]
fn an_absent_chunk_is_fenced() {
    assert_eq!(step(None), FencingStep::PutFence);
}

#[test]
fn a_whole_chunk_is_indexed() {
    assert!(
        matches!(step(Some(&chunk(ID, THEIRS).to_bytes())), FencingStep::Index(chunk) if chunk.footer.header.id == ID)
    );
}

#[test]
fn a_fence_ends_the_sequence_whoever_of_the_epochs_between_put_it() {
    assert_eq!(step(Some(&fence(MY_EPOCH))), FencingStep::Ended);
    assert_eq!(step(Some(&fence(6))), FencingStep::Ended);
}

#[test]
fn a_fence_of_a_newer_epoch_says_that_this_one_has_lost() {
    assert_eq!(step(Some(&fence(9))), FencingStep::Superseded { by_epoch: 9 });
}

#[test]
fn a_damaged_or_impossible_object_stops_the_start() {
    let object = chunk(ID, THEIRS).to_bytes();
    let damaged = [
        object.slice(..object.len() - 1),
        object.slice(..0),
        vec![0; 200].into(),
        chunk(ID.sequence().chunk(8), THEIRS).to_bytes(),
        // Only a newer epoch fences.
        fence(5),
        fence(4),
    ];
    for object in damaged {
        assert!(matches!(step(Some(&object)), FencingStep::Refuse(_)));
    }
}

#[test]
fn only_a_plain_created_ends_the_sequence() {
    let text = || "503".to_owned();
    let table = [
        (PutOutcome::Created, FencingStep::Ended),
        // The older epoch's chunk, or an own fence whose answer was lost.
        (PutOutcome::AlreadyExists, FencingStep::LookAgain { pause: false }),
        (PutOutcome::Conflict, FencingStep::LookAgain { pause: true }),
        (PutOutcome::Ambiguous(text()), FencingStep::LookAgain { pause: true }),
        (PutOutcome::NotDone(text()), FencingStep::LookAgain { pause: true }),
        (PutOutcome::Refused(text()), FencingStep::StoreRefuses(text())),
    ];
    for (outcome, step) in table {
        assert_eq!(after_put(&outcome), step, "{outcome:?}");
    }
}
