//! The envelope of every catalog value.
//!
//! ```text
//! 0 u8 kind    1 u8 version    2 body    .. u32 crc32c of all before
//! ```
//! SlateDB checks its own blocks; the kind tells a value read from the wrong key (reliability.md F12), the sum a value that
//! flipped in memory on its way, and no run of zeros passes for a value (F14).

use bytes::{BufMut, Bytes};

use crate::stored::{Reader, StoredError};

/// What a value is: its first byte, and its name in errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    pub(super) tag: u8,
    pub(super) name: &'static str,
    /// The newest version this build writes and reads.
    pub(super) version: u8,
}

const ENVELOPE_BYTES: usize = 6;

impl Kind {
    pub(super) fn encode(self, body: impl FnOnce(&mut Vec<u8>)) -> Bytes {
        let mut out = vec![self.tag, self.version];
        body(&mut out);
        out.put_u32_le(crc32c::crc32c(&out));
        out.into()
    }

    /// `read` takes the body and its version; what it leaves is an error.
    pub(super) fn decode<T>(
        self,
        value: &[u8],
        read: impl FnOnce(&mut Reader<'_>, u8) -> Result<T, StoredError>,
    ) -> Result<T, StoredError> {
        let body_end = self.check(value)?;
        let mut reader = Reader::new(self.name, &value[..body_end]);
        reader.bytes(2)?;
        let read = read(&mut reader, value[1])?;
        reader.end()?;
        Ok(read)
    }

    fn check(self, value: &[u8]) -> Result<usize, StoredError> {
        let damaged = |offset: usize, why: String| Err(StoredError::damaged(self.name, offset as u64, why));
        if value.len() < ENVELOPE_BYTES {
            return damaged(0, format!("{} bytes are too few", value.len()));
        }
        let (body, crc) = value.split_at(value.len() - 4);
        if crc != crc32c::crc32c(body).to_le_bytes() {
            return damaged(body.len(), "the value's checksum is wrong".into());
        }
        if value[0] != self.tag {
            return damaged(0, format!("a value of kind {}, expected {}", value[0], self.tag));
        }
        if value[1] == 0 {
            return damaged(1, "version 0".into());
        }
        if value[1] > self.version {
            let (found, supported) = (u16::from(value[1]), u16::from(self.version));
            return Err(StoredError::Newer { what: self.name, found, supported });
        }
        Ok(body.len())
    }
}
