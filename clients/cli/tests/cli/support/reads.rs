//! Which records a read of the model gets (`s2-semantics.md` C4, C5).

use riverrun_protocol::request::{ReadParams, ReadStart};
use riverrun_protocol::response::ReadBatches;
use riverrun_protocol::{Batch, ErrorCode, ErrorFrame, Position};

pub enum Outcome {
    From(u64),
    Unwritten(ErrorFrame),
}

pub fn start_of(stream: &[Batch], params: &ReadParams, tail: Position) -> Outcome {
    let follows = params.count.is_none() && params.bytes.is_none() && params.until.is_none();
    let unwritten =
        || Outcome::Unwritten(ErrorFrame { tail: Some(tail), ..ErrorFrame::new(ErrorCode::Unwritten, "unwritten") });
    let start = match params.start {
        ReadStart::TailOffset(offset) => tail.seq_num.saturating_sub(offset),
        ReadStart::SeqNum(seq_num) if seq_num <= tail.seq_num => seq_num,
        ReadStart::Timestamp(timestamp) if timestamp <= tail.timestamp => {
            return Outcome::From(first_at_or_after(stream, timestamp, tail));
        }
        _ if params.clamp => tail.seq_num,
        _ => return unwritten(),
    };
    if start == tail.seq_num && !follows { unwritten() } else { Outcome::From(start) }
}

fn first_at_or_after(stream: &[Batch], timestamp: u64, tail: Position) -> u64 {
    let batch = stream.iter().find(|batch| batch.last_timestamp() >= timestamp);
    batch.map_or(tail.seq_num, |batch| batch.first_seq_num() + u64::from(batch.first_at_or_after(timestamp)))
}

/// One push's worth from `next` on; false when a bound was met.
pub fn read(stream: &[Batch], next: &mut u64, left: &mut u64, params: &ReadParams) -> (ReadBatches, bool) {
    let mut read = ReadBatches::default();
    let Some(batch) = stream.iter().find(|batch| batch.end_seq_num() > *next) else { return (read, *left > 0) };
    let from = (*next - batch.first_seq_num()) as u32;
    let until = params.until.map_or(batch.record_count(), |until| batch.first_at_or_after(until));
    let to = until.min(from.saturating_add(u32::try_from(*left).unwrap_or(u32::MAX)));
    if to <= from {
        return (read, false);
    }
    read.push(batch.slice(from..to));
    *next += u64::from(to - from);
    *left -= u64::from(to - from);
    (read, true)
}
