//! The control plane's rules and the catalog's values: basins and streams. One file per kind under `control/`.

mod basin;
mod chunk;
mod config;
mod epoch;
mod id;
mod journal_loss;
pub mod keys;
mod listing;
mod placement;
mod sequence;
mod store;
mod stored_config;
mod stream;
#[cfg(test)]
mod tests;
mod value;

pub use basin::BasinEntry;
pub use chunk::ChunkRow;
pub use config::{SYSTEM_DEFAULTS, check_retention, patched_basin, patched_stream, resolved};
pub use epoch::{ClosedRow, EpochRow, InheritedJournal, ServingRow};
pub use id::IdRow;
pub use journal_loss::{CutStream, JournalLossRow, LostJournal};
pub use listing::{Listing, Page};
pub use placement::{placement, shard_of};
pub use sequence::SequenceRow;
pub use store::{STORE_FORMAT_VERSION, StoreRow};
pub use stream::{StreamEntry, lane_of};

/// SHA-256 of a creation's request token and requested configuration (`s2-semantics.md` E4).
pub type CreationHash = [u8; 32];
