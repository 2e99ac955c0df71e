//! A shard's journal as bytes: what one durable write carries, how blocks are found again after a crash, and the verdict over
//! what was found: replay, torn tail or damage.
//!
//! A journal begins with [`first`]. The route of a batch: [`block`] gathers the batches of a turn into an [`OpenBlock`] and closes it into buffers that are
//! written as they lie; each begins with a [`mod@header`] that says where it belongs and ends its inline part with a
//! [`mod@directory`] of its batches. After a crash [`scan`] finds every header in the journal files, and [`verdict`] decides which
//! blocks are replayed. docs/STORAGE.md draws the layouts and tells the reasons.
//!
//! Deliberately absent: files and I/O (`server::journal_files`), what is inside a batch (opaque here but for the payload's
//! length and sum, which the caller knows already), and file headers: nothing outside a block carries weight, so that losing
//! the first sector of a file costs one block, not the file.

pub mod block;
pub mod checksum;
pub mod directory;
pub mod first;
pub mod header;
pub mod scan;
pub mod verdict;

pub use block::{BlockMeta, ClosedBlock, OpenBlock};
pub use directory::{BlockError, directory, verify_payload};
pub use first::{FirstBlock, first_block};
pub use header::{BlockHeader, HEADER_BYTES, HeaderError};
pub use scan::{FileScan, Finding, Oddity, ReadError, scan_file};
pub use verdict::{Damage, DamageReason, Expectation, JournalKey, Journals, Replay, Torn};

#[cfg(test)]
mod tests;
