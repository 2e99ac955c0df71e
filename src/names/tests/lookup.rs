//! Finding a stream, and making it on first use.

use riverrun_core::action::LoadCause;
use riverrun_core::control::Refusal;
use riverrun_core::event::LoadFailure;
use riverrun_protocol::request::StreamRef;

use super::process::Process;
use crate::catalog::model::WriteFault;
use crate::names::NameError;
use crate::publish::fixtures::{NOW_MS, basin, target};

#[tokio::test]
async fn e7_a_missing_stream_is_made_where_the_basin_says_so() {
    let process = Process::with_basin().await;
    let missing = NameError::Refused(Refusal::StreamNotFound(target("s")));
    for cause in [LoadCause::Read, LoadCause::Close] {
        assert_eq!(process.names.find_or_create(&target("s"), cause).await, Err(missing.clone()), "{cause:?}");
    }
    let made = process.names.find_or_create(&target("s"), LoadCause::Append).await.expect("made");
    assert_eq!((made.created_at_ms, Some(&*made)), (NOW_MS, process.stream("s").as_ref()));
    for cause in [LoadCause::Append, LoadCause::Read, LoadCause::Close] {
        assert_eq!(process.names.find_or_create(&target("s"), cause).await, Ok(made.clone()), "{cause:?}");
    }
    process.assert_consistent();
}

#[tokio::test]
async fn e6_loads_of_what_is_being_deleted_are_refused() {
    let process = Process::with_basin().await;
    process.create("s").await.expect("created");
    process.create("kept").await.expect("created");
    process.shards.let_leave(false);
    process.delete("s").await.expect("deleted");
    process.names.delete_basin(basin()).await.expect("deleted");
    let load = async |target: StreamRef, cause| -> Result<_, LoadFailure> {
        Ok(process.names.find_or_create(&target, cause).await?)
    };
    for cause in [LoadCause::Append, LoadCause::Read, LoadCause::Close] {
        assert_eq!(load(target("s"), cause).await, Err(LoadFailure::StreamDeletionPending));
        assert!(load(target("kept"), cause).await.is_ok(), "what exists works on");
    }
    assert_eq!(load(target("new"), LoadCause::Append).await, Err(LoadFailure::BasinDeletionPending));
}

/// The write is repeated behind the answer: whoever asks next waits for its outcome, and sees one stream.
#[tokio::test]
async fn e7_a_creation_without_an_answer_ends_as_one_stream() {
    for fault in [WriteFault::AnswerLost, WriteFault::RequestLost] {
        let process = Process::with_basin().await;
        process.rows.fail_next_write(fault);
        let first = process.names.find_or_create(&target("s"), LoadCause::Append).await;
        assert!(matches!(first.map_err(LoadFailure::from), Err(LoadFailure::Unavailable(_))));
        let second = process.names.find_or_create(&target("s"), LoadCause::Append).await.expect("there");
        assert_eq!(Some(&*second), process.stream("s").as_ref());
        process.assert_consistent();
    }
}
