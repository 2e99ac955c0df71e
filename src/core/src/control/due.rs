//! When to look whether a stream is to be deleted because it is empty (`s2-semantics.md` E8): key `due/<time>/<stream id>`. The only
//! timer of a cold stream.
//!
//! ```text
//! u16 length, basin | u16 length, name
//! ```

use bytes::Bytes;
use riverrun_protocol::config::Retention;
use riverrun_protocol::request::StreamRef;

use super::StreamEntry;
use super::basin::basin_name;
use super::stream::stream_name;
use super::value::Kind;
use crate::limits::{EMPTY_LOOK_PAUSE_MAX_MS, EMPTY_LOOK_PAUSE_MIN_MS};
use crate::stored::{StoredError, Write};

const KIND: Kind = Kind { tag: 26, name: "due row", version: 1 };

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueRow {
    pub target: StreamRef,
}

impl DueRow {
    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| {
            out.put_text(self.target.basin.as_str());
            out.put_text(self.target.stream.as_str());
        })
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, _| {
            Ok(Self { target: StreamRef { basin: basin_name(reader)?, stream: stream_name(reader)? } })
        })
    }
}

impl StreamEntry {
    /// How long it must have been empty and unwritten to be deleted; `None` = it never is.
    pub fn delete_on_empty_min_age_ms(&self) -> Option<u64> {
        let secs = self.config.delete_on_empty_min_age_secs;
        (secs > 0 && self.deleted_at_ms.is_none()).then(|| secs.saturating_mul(1000))
    }

    /// A stream that was never written to counts as one whose first record came with its creation (E8): whoever makes streams ahead
    /// of time has as long as their records would have had.
    fn unwritten_until_ms(&self) -> u64 {
        match self.config.retention {
            Retention::Age(secs) => self.created_at_ms.saturating_add(secs.saturating_mul(1000)),
            Retention::Infinite => self.created_at_ms,
        }
    }

    /// When to look for the first time, if at all: after its creation, or after the setting was switched on.
    pub fn first_due_ms(&self, now_ms: u64) -> Option<u64> {
        self.delete_on_empty_min_age_ms().map(|min_age_ms| now_ms.saturating_add(min_age_ms))
    }
}

/// What is known of a stream's records without asking its shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoredRecords {
    /// When the newest record arrived, or when the last that expired did, as far as chunks tell.
    pub quiet_since_ms: Option<u64>,
    /// Something in chunks is alive; and the time at which all of it will have expired, `None` = never by itself.
    pub alive: bool,
    pub expire_at_ms: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EmptyVerdict {
    /// The setting is off, or it holds records that never expire: it is looked at again when it has lost its last one.
    Forget,
    /// It cannot be due before this.
    LookAgainAt(u64),
    /// As far as chunks tell, it is due: its shard has the last word.
    Ask { min_age_ms: u64 },
}

/// A look at a stream whose time has come. Deletion may be late, never early (`s2-semantics.md` E8).
pub fn judge_empty(entry: &StreamEntry, stored: StoredRecords, now_ms: u64) -> EmptyVerdict {
    let Some(min_age_ms) = entry.delete_on_empty_min_age_ms() else { return EmptyVerdict::Forget };
    let quiet_since = stored.quiet_since_ms.unwrap_or_else(|| entry.unwritten_until_ms()).max(entry.created_at_ms);
    let empty_since = match (stored.alive, stored.expire_at_ms) {
        (false, _) => quiet_since,
        (true, Some(expired)) => quiet_since.max(expired),
        (true, None) => return EmptyVerdict::Forget,
    };
    let due_at = empty_since.saturating_add(min_age_ms);
    match due_at <= now_ms && !stored.alive {
        true => EmptyVerdict::Ask { min_age_ms },
        false => EmptyVerdict::LookAgainAt(due_at.max(now_ms.saturating_add(EMPTY_LOOK_PAUSE_MIN_MS))),
    }
}

/// After the shard said that the stream is in use: there is no telling when it will not be.
pub fn look_again_ms(min_age_ms: u64, now_ms: u64) -> u64 {
    now_ms.saturating_add(min_age_ms.clamp(EMPTY_LOOK_PAUSE_MIN_MS, EMPTY_LOOK_PAUSE_MAX_MS))
}
