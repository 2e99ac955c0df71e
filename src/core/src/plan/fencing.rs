//! Ending an older epoch's sequence (design.md 6, epochs): repeat "index n, or create fence n" until the create wins.
//!
//! ```text
//! n = indexed_to; loop: read object n, next_step:
//!   Index    -> index it in the catalog (indexed_to = n + 1), n += 1
//!   PutFence -> put the fence if absent, after_put: Ended or LookAgain
//!   Ended    -> record ended_at = n; done
//! ```
//! Why nothing of the older epoch can slip in behind: its writer puts n + 1 only after n succeeded, and n is taken by the
//! fence for ever. Its put of n that is still under way loses against the fence, or wins and is indexed like the others.

use crate::chunk::{ChunkId, ChunkObject};
use crate::plan::found::Found;
use crate::plan::put::PutOutcome;
use crate::stored::StoredError;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FencingStep {
    /// A chunk that the older epoch published and did not live to index, or did not live to say so.
    Index(Box<ChunkObject>),
    PutFence,
    /// The sequence ends at this number.
    Ended,
    /// Read the object again; after a pause if the store did not give a plain answer.
    LookAgain {
        pause: bool,
    },
    /// A newer epoch than this one is at work: this process has lost the store.
    Superseded {
        by_epoch: u64,
    },
    /// Start must stop here and name the object: whatever was acknowledged by this chunk may be nowhere else.
    Refuse(StoredError),
    /// The store takes no objects from this process, for good.
    StoreRefuses(String),
}

/// `id` is the next chunk of an older sequence, `found` what lies under its name.
pub fn next_step(my_epoch: u64, id: ChunkId, found: Found) -> FencingStep {
    match found {
        Found::Absent => FencingStep::PutFence,
        Found::Chunk(chunk) => FencingStep::Index(chunk),
        Found::Fence(header) if header.writer_epoch > my_epoch => {
            FencingStep::Superseded { by_epoch: header.writer_epoch }
        }
        Found::Fence(header) if header.writer_epoch <= id.epoch => FencingStep::Refuse(StoredError::Misplaced {
            what: "fence",
            expected: format!("the fence of a newer epoch than {}", id.epoch),
            found: format!("one of epoch {}", header.writer_epoch),
        }),
        // Of this epoch, or of one between that did not live to record it.
        Found::Fence(_) => FencingStep::Ended,
        Found::Damaged(error) => FencingStep::Refuse(error),
    }
}

/// What the outcome of putting the fence means. Only a plain "created" is believed; everything else is settled by looking,
/// since every answer can be told from what lies there.
pub fn after_put(outcome: &PutOutcome) -> FencingStep {
    match outcome {
        PutOutcome::Created => FencingStep::Ended,
        PutOutcome::AlreadyExists => FencingStep::LookAgain { pause: false },
        PutOutcome::Conflict | PutOutcome::Ambiguous(_) | PutOutcome::NotDone(_) => {
            FencingStep::LookAgain { pause: true }
        }
        PutOutcome::Refused(why) => FencingStep::StoreRefuses(why.clone()),
    }
}
