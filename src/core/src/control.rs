//! The control plane's rules and the catalog's values: basins and streams. One file per kind and per call under `control/`.
//!
//! A call is decided here alone: each takes what the catalog holds under the names it is about, the request and now, and says how
//! the entry is to be afterwards, or refuses in S2's words ([`Refusal`]).

mod basin;
mod chunk;
mod config;
mod create_basin;
mod create_stream;
mod creation;
mod dead;
mod delete_basin;
mod delete_stream;
mod due;
mod ensure_basin;
mod ensure_stream;
mod epoch;
mod existing;
mod first_use;
mod get_basin_config;
mod get_stream_config;
mod id;
mod journal_loss;
pub mod keys;
mod listing;
mod pending;
mod placement;
mod purge;
mod reconfigure_basin;
mod reconfigure_stream;
mod refusal;
mod root_token;
mod sequence;
mod state;
mod store;
mod stored_config;
mod stream;
#[cfg(test)]
mod tests;
mod token;
mod token_key;
mod tombstone;
mod value;
mod verdict;

pub use basin::BasinEntry;
pub use chunk::ChunkRow;
pub use config::{SYSTEM_DEFAULTS, check_retention, patched_basin, patched_stream, resolved};
pub use create_basin::create_basin;
pub use create_stream::create_stream;
pub use dead::DeadRow;
pub use delete_basin::delete_basin;
pub use delete_stream::delete_stream;
pub use due::{DueRow, EmptyVerdict, StoredRecords, judge_empty, look_again_ms};
pub use ensure_basin::ensure_basin;
pub use ensure_stream::ensure_stream;
pub use epoch::{ClosedRow, EpochRow, InheritedJournal, ServingRow};
pub use first_use::{creates_on_first_use, find_or_create, find_stream};
pub use get_basin_config::get_basin_config;
pub use get_stream_config::get_stream_config;
pub use id::IdRow;
pub use journal_loss::{CutStream, JournalLossRow, LostJournal};
pub use listing::{Listing, Page};
pub use pending::{PendingBasin, PendingStream};
pub use placement::{placement, shard_of};
pub use purge::{Purge, purge_stream};
pub use reconfigure_basin::reconfigure_basin;
pub use reconfigure_stream::reconfigure_stream;
pub use refusal::Refusal;
pub use root_token::RootTokenRow;
pub use sequence::SequenceRow;
pub use state::StateRow;
pub use store::{STORE_FORMAT_VERSION, StoreRow};
pub use stream::{StreamEntry, lane_of};
pub use token::{RatedToken, TokenRow};
pub use token_key::TokenKeyRow;
pub use tombstone::TombstoneRow;
pub use verdict::{Deletion, Fresh, Verdict};

/// SHA-256 of a creation's request token and requested configuration (`s2-semantics.md` E4).
pub type CreationHash = [u8; 32];
