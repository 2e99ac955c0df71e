//! A kill at every step of every call: what was acknowledged is there, what was not is there wholly or not at all, and nothing
//! deleted comes back.

use riverrun_core::control::StreamEntry;
use riverrun_protocol::config::Retention;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::response::Response;

use super::process::Process;
use crate::publish::fixtures::basin;

const STEPS_MAX: u64 = 12;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Call {
    Create,
    Ensure,
    Replace,
    Reconfigure,
    Delete,
    DeleteBasin,
}

impl Call {
    const ALL: [Self; 6] =
        [Self::Create, Self::Ensure, Self::Replace, Self::Reconfigure, Self::Delete, Self::DeleteBasin];

    async fn make(self, process: &Process) -> Result<Response, ErrorFrame> {
        match self {
            Self::Create => process.create("new").await,
            Self::Ensure => process.ensure("new", Retention::Infinite).await,
            Self::Replace => process.ensure("s", Retention::Infinite).await,
            Self::Reconfigure => process.reconfigure("s", Retention::Infinite).await,
            Self::Delete => process.delete("s").await,
            Self::DeleteBasin => process.names.delete_basin(basin()).await,
        }
    }

    /// Whether the rows say that it was done.
    fn is_done(self, process: &Process) -> bool {
        let is_infinite = |entry: StreamEntry| entry.config.retention == Retention::Infinite;
        match self {
            Self::Create | Self::Ensure => process.stream("new").is_some(),
            Self::Replace | Self::Reconfigure => process.stream("s").is_some_and(is_infinite),
            Self::Delete => process.stream("s").is_none_or(|entry| entry.deleted_at_ms.is_some()),
            Self::DeleteBasin => process.basin().is_none_or(|entry| entry.deleted_at_ms.is_some()),
        }
    }
}

/// Makes the call in a process that is killed at its `steps`-th word with the catalog, and lets another one take over.
async fn killed(call: Call, steps: u64) -> (bool, Process) {
    let process = Process::with_basin().await;
    process.create("s").await.expect("created");
    process.rows.stop_after(Some(steps));
    let answer = call.make(&process).await;
    // What goes on behind the answer: steps that are left are its.
    tokio::task::yield_now().await;
    (answer.is_ok(), process.restarted())
}

#[tokio::test]
async fn e3_e6_a_kill_at_every_step_of_every_call() {
    for call in Call::ALL {
        let mut outcomes = Vec::new();
        for steps in 0..STEPS_MAX {
            let (acknowledged, process) = killed(call, steps).await;
            process.assert_consistent();
            let done = call.is_done(&process);
            assert!(done || !acknowledged, "{call:?} was acknowledged before step {steps}");
            outcomes.push(acknowledged);
            process.names.purge_left_behind().await.expect("purged");
            process.names.delete_marked_basins().await.expect("deleted");
            process.assert_consistent();
            assert_eq!(call.is_done(&process), done, "{call:?}, killed before step {steps}: does not change its mind");
        }
        assert!(!outcomes[0] && outcomes[STEPS_MAX as usize - 1], "{call:?} ends within {STEPS_MAX} steps");
    }
}

/// The reaper itself is killed, again and again, and what it leaves is taken up.
#[tokio::test]
async fn e6_a_kill_at_every_step_of_the_reaper() {
    for steps in 0..40 {
        let process = Process::with_basin().await;
        for stream in ["s", "t", "u"] {
            process.create(stream).await.expect("created");
        }
        process.shards.let_leave(false);
        process.delete("s").await.expect("deleted");
        process.names.delete_basin(basin()).await.expect("deleted");
        let process = process.restarted();
        process.rows.stop_after(Some(steps));
        let reaper = tokio::spawn(process.names.clone().reap());
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        reaper.abort();
        let process = process.restarted();
        process.assert_consistent();
        process.names.purge_left_behind().await.expect("purged");
        process.names.delete_marked_basins().await.expect("deleted");
        assert_eq!((process.basin(), process.stream("t")), (None, None), "killed before step {steps}");
        process.assert_consistent();
    }
}
