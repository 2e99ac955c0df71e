//! Positions, acknowledgements and tails (`s2-semantics.md` B8, D, H4).

use bytes::Bytes;
use riverrun_protocol::response::AppendAck;
use riverrun_protocol::types::Position;
use serde::Serialize;

/// `{"seq_num":..,"timestamp":..}`, plain numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PositionJson {
    seq_num: u64,
    timestamp: u64,
}

impl From<Position> for PositionJson {
    fn from(position: Position) -> Self {
        Self { seq_num: position.seq_num, timestamp: position.timestamp }
    }
}

#[derive(Serialize)]
struct AckJson {
    start: PositionJson,
    end: PositionJson,
    tail: PositionJson,
}

#[derive(Serialize)]
struct TailJson {
    tail: PositionJson,
}

/// The answer to POST `/streams/{stream}/records`.
pub fn append_ack(ack: &AppendAck) -> Bytes {
    super::write(&AckJson { start: ack.start.into(), end: ack.end.into(), tail: ack.tail.into() })
}

/// The answer to GET `/streams/{stream}/records/tail`.
pub fn tail(tail: Position) -> Bytes {
    super::write(&TailJson { tail: tail.into() })
}

#[cfg(test)]
mod tests {
    use riverrun_protocol::types::Level;

    use super::*;

    #[test]
    fn h4_numbers_are_plain_up_to_the_last() {
        let at = |seq_num, timestamp| Position { seq_num, timestamp };
        let ack = AppendAck { start: at(0, 5), end: at(2, 6), tail: at(u64::MAX, 7), level: Level::Journal, shard: 1 };
        let expected = r#"{"start":{"seq_num":0,"timestamp":5},"end":{"seq_num":2,"timestamp":6},"tail":{"seq_num":18446744073709551615,"timestamp":7}}"#;
        assert_eq!(append_ack(&ack), expected);
        assert_eq!(tail(at(3, 4)), r#"{"tail":{"seq_num":3,"timestamp":4}}"#);
    }
}
