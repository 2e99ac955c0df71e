//! What recovery does with a batch that it finds in a journal (design.md 6, recovery).
//!
//! The journals are replayed in order of epoch and number. `next` is the stream's next number as the newest indexed chunk
//! gives it, moved by every batch applied before. A batch below it is in a chunk already; the one that begins there comes
//! next; everything else says that acknowledged records are missing or that two histories got mixed.

use riverrun_protocol::types::StreamId;

/// What the catalog knows of the batch's stream id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KnownStream {
    /// Its recovered next sequence number.
    Alive {
        next_seq_num: u64,
    },
    /// Deleted; its tombstone outlives every chunk and journal that names the id.
    Tombstoned,
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplayVerdict {
    /// It continues the stream: it is to be published. The stream's next number is now the batch's end.
    Apply,
    /// A chunk has it.
    Skip,
    /// Its stream is gone.
    Drop,
    /// Stop, naming journal file and offset.
    Damage(ReplayDamage),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReplayDamage {
    #[error(
        "stream {stream_id}: the journal goes on at {first_seq_num}, but the stream is known only up to {next_seq_num}: records between them are missing"
    )]
    Gap { stream_id: StreamId, next_seq_num: u64, first_seq_num: u64 },
    #[error(
        "stream {stream_id}: a batch {first_seq_num}..{end_seq_num} straddles the published end {next_seq_num}: it is not the batch that was published"
    )]
    Overlap { stream_id: StreamId, next_seq_num: u64, first_seq_num: u64, end_seq_num: u64 },
    /// A stream is in the catalog before its first append is accepted.
    #[error("stream {stream_id} is in the journal but not in the catalog: journal and catalog do not belong together")]
    UnknownStream { stream_id: StreamId },
}

/// The batch holds `first_seq_num..end_seq_num` of `stream_id`.
pub fn judge(stream_id: StreamId, known: KnownStream, first_seq_num: u64, end_seq_num: u64) -> ReplayVerdict {
    match known {
        KnownStream::Tombstoned => ReplayVerdict::Drop,
        KnownStream::Unknown => ReplayVerdict::Damage(ReplayDamage::UnknownStream { stream_id }),
        KnownStream::Alive { next_seq_num } if first_seq_num == next_seq_num => ReplayVerdict::Apply,
        KnownStream::Alive { next_seq_num } if end_seq_num <= next_seq_num => ReplayVerdict::Skip,
        KnownStream::Alive { next_seq_num } if first_seq_num > next_seq_num => {
            ReplayVerdict::Damage(ReplayDamage::Gap { stream_id, next_seq_num, first_seq_num })
        }
        KnownStream::Alive { next_seq_num } => {
            ReplayVerdict::Damage(ReplayDamage::Overlap { stream_id, next_seq_num, first_seq_num, end_seq_num })
        }
    }
}
