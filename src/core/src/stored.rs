//! What every stored format shares: the reasons why stored bytes cannot be used, and a little-endian writer and reader.
//!
//! The reader never allocates from a claimed length: a count is checked against the bytes that are left before anything is
//! reserved for it, and a text or a list is only as long as what is really there.

use bytes::BufMut;

/// Why stored bytes (an object, a catalog value) cannot be used. Never "absent": that is for the caller to know.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoredError {
    /// Written by a newer version (reliability.md F22): nothing is wrong with the bytes.
    #[error("{what} has format version {found}, and this build reads versions up to {supported}; use a newer riverrun")]
    Newer { what: &'static str, found: u16, supported: u16 },
    /// Fewer bytes than were written (reliability.md F18).
    #[error("{what} is cut short: {bytes} bytes, {expected} were written")]
    Truncated { what: &'static str, bytes: u64, expected: u64 },
    /// The bytes are not those that were written (reliability.md F10, F14). `offset` counts from the start of `what`.
    #[error("{what} is damaged at byte {offset}: {why}")]
    Damaged { what: &'static str, offset: u64, why: String },
    /// Sound bytes in the wrong place (reliability.md F12): another object, another store.
    #[error("{what} is not where it belongs: expected {expected}, found {found}")]
    Misplaced { what: &'static str, expected: String, found: String },
}

impl StoredError {
    pub(crate) fn damaged(what: &'static str, offset: u64, why: impl Into<String>) -> Self {
        Self::Damaged { what, offset, why: why.into() }
    }
}

/// A version field's value, where every version from 1 to `supported` is read. 0 was never written: zeros are damage (F14), and no newer
/// build would read them.
pub(crate) fn check_version(what: &'static str, found: u16, supported: u16) -> Result<(), StoredError> {
    match found {
        0 => Err(StoredError::damaged(what, 0, "version 0")),
        found if found > supported => Err(StoredError::Newer { what, found, supported }),
        _ => Ok(()),
    }
}

/// Reads one stored thing from front to back.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    what: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, bytes, at: 0 }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn damaged(&self, why: impl Into<String>) -> StoredError {
        StoredError::damaged(self.what, self.at as u64, why)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], StoredError> {
        if length > self.remaining() {
            return Err(self.damaged(format!("{length} bytes claimed, {} are left", self.remaining())));
        }
        let bytes = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoredError> {
        let bytes = self.bytes(N)?;
        Ok(bytes.try_into().expect("bytes() returns as many as asked for"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, StoredError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, StoredError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, StoredError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, StoredError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A byte that is 0 or 1.
    pub(crate) fn bool(&mut self) -> Result<bool, StoredError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.damaged(format!("{other} where 0 or 1 belongs"))),
        }
    }

    /// Bytes that this version leaves zero, so that a later one can give them a meaning without being misread.
    pub(crate) fn zeros(&mut self, length: usize) -> Result<(), StoredError> {
        match self.bytes(length)?.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(self.damaged("reserved bytes are not zero")),
        }
    }

    /// A u64 behind a byte that says whether it is there; zero where it is not.
    pub(crate) fn optional_u64(&mut self) -> Result<Option<u64>, StoredError> {
        match (self.bool()?, self.u64()?) {
            (true, value) => Ok(Some(value)),
            (false, 0) => Ok(None),
            (false, value) => Err(self.damaged(format!("{value} where nothing belongs"))),
        }
    }

    /// A u32 count of items that take at least `item_bytes_min` each, checked against what is left.
    pub(crate) fn count(&mut self, item_bytes_min: usize) -> Result<usize, StoredError> {
        let count = self.u32()? as usize;
        if count > self.remaining() / item_bytes_min {
            return Err(self.damaged(format!("{count} items claimed in {} bytes", self.remaining())));
        }
        Ok(count)
    }

    /// A u16 length and UTF-8 text.
    pub(crate) fn text(&mut self) -> Result<&'a str, StoredError> {
        let length = self.u16()? as usize;
        let bytes = self.bytes(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("text is not UTF-8"))
    }

    /// A u32 length and as many bytes.
    pub(crate) fn prefixed(&mut self) -> Result<&'a [u8], StoredError> {
        let length = self.u32()? as usize;
        self.bytes(length)
    }

    /// What was read is all there is.
    pub(crate) fn end(&self) -> Result<(), StoredError> {
        match self.remaining() {
            0 => Ok(()),
            more => Err(self.damaged(format!("{more} bytes more than belong here"))),
        }
    }
}

/// The counterparts of [`Reader`]'s reads that `BufMut` does not have.
pub(crate) trait Write: BufMut {
    fn put_optional_u64(&mut self, value: Option<u64>) {
        self.put_u8(u8::from(value.is_some()));
        self.put_u64_le(value.unwrap_or(0));
    }

    fn put_text(&mut self, text: &str) {
        self.put_u16_le(u16::try_from(text.len()).expect("names are at most 512 bytes"));
        self.put_slice(text.as_bytes());
    }

    fn put_prefixed(&mut self, bytes: &[u8]) {
        self.put_u32_le(u32::try_from(bytes.len()).expect("a stored item is far below 4 GiB"));
        self.put_slice(bytes);
    }
}

impl<B: BufMut + ?Sized> Write for B {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_count_is_checked_against_what_is_left() {
        let mut bytes = Vec::new();
        bytes.put_u32_le(3);
        bytes.put_slice(&[0; 11]);
        let error = Reader::new("thing", &bytes).count(4).unwrap_err();
        assert_eq!(error.to_string(), "thing is damaged at byte 4: 3 items claimed in 11 bytes");
    }

    #[test]
    fn a_claimed_length_is_checked_against_what_is_left() {
        let bytes = u32::MAX.to_le_bytes();
        assert!(Reader::new("thing", &bytes).prefixed().is_err());
    }

    #[test]
    fn version_0_is_damage_and_no_reason_to_look_for_a_newer_build() {
        assert_eq!((check_version("thing", 1, 2), check_version("thing", 2, 2)), (Ok(()), Ok(())));
        assert!(matches!(check_version("thing", 0, 2), Err(StoredError::Damaged { .. })));
        assert_eq!(check_version("thing", 3, 2), Err(StoredError::Newer { what: "thing", found: 3, supported: 2 }));
    }

    #[test]
    fn everything_must_be_read() {
        let mut reader = Reader::new("thing", &[1, 2]);
        assert_eq!(reader.u8(), Ok(1));
        assert!(reader.end().is_err());
        assert_eq!(reader.u8(), Ok(2));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn an_absent_number_and_zero_are_different() {
        for value in [None, Some(0), Some(u64::MAX)] {
            let mut bytes = Vec::new();
            bytes.put_optional_u64(value);
            assert_eq!(Reader::new("thing", &bytes).optional_u64(), Ok(value));
        }
        assert!(Reader::new("thing", &[0, 0, 0, 0, 0, 0, 0, 0, 1]).optional_u64().is_err(), "absent, and yet a number");
    }
}
