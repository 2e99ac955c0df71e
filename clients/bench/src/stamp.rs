//! What a record's body begins with where consumers look at it: one clock for both ends, and a number that shows gaps.
//!
//! ```text
//! 0 u64 when it was meant to be sent, ns since the run began | 8 u64 which of its producer's records it is     (little-endian)
//! ```

pub const STAMP_BYTES: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    pub intended_ns: u64,
    pub number: u64,
}

impl Stamp {
    /// Over the beginning of a body of at least `STAMP_BYTES`.
    pub fn write(self, body: &mut [u8]) {
        body[..8].copy_from_slice(&self.intended_ns.to_le_bytes());
        body[8..STAMP_BYTES].copy_from_slice(&self.number.to_le_bytes());
    }

    /// `None`: too short to have one.
    pub fn read(body: &[u8]) -> Option<Self> {
        let (intended_ns, rest) = body.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        Some(Self { intended_ns: u64::from_le_bytes(*intended_ns), number: u64::from_le_bytes(*number) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_back_and_leaves_the_rest_alone() {
        let stamp = Stamp { intended_ns: 123_456_789_012, number: 7 };
        let mut body = [b'x'; 20];
        stamp.write(&mut body);
        assert_eq!(Stamp::read(&body), Some(stamp));
        assert_eq!(&body[STAMP_BYTES..], b"xxxx");
        assert_eq!(Stamp::read(&body[..15]), None);
    }
}
