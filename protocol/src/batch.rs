//! The record batch: the same bytes on the wire, in the journal, in the chunk and in the push.
//!
//! The route: a client [`encode()`]s records; the server [`check_ingest`]s what it received (the one time the payload
//! is read), [`stamp()`]s its own part over header and table, and from then on passes the bytes around as a [`Batch`],
//! whole or as a [`BatchSlice`]; the reader parses it and has [`Batch::verify_payload`] compare with the producer's own
//! sums.
//!
//! ```text
//!   0 u8 version = 1 | 1 u8 flags (bit 0 = encrypted: reserved, refused) | 2 u16 reserved, 0
//!   4 u32 record_count | 8 u32 payload_bytes
//!  12 u32 table_crc     producer's, over header 0..12 and 16..48 and the table as sent; 0 once stamped
//!  16 u32 columns_crc   producer's, over bytes 8..24 of every table entry, in order
//!  20 u32 payload_crc   producer's, over the payload
//!  24 u64 producer_id | 32 u32 producer_session | 36 u32 reserved, 0 | 40 u64 producer_number     (all 0 in version 1)
//!     -- the server's part, zero when sent by a producer --
//!  48 [16] stream_id | 64 u64 first_seq_num | 72 u64 arrival_ms | 80 u64 expires_at_ms (0 = never)
//!  88 cut before: u32 records, u32 payload_bytes, u32 columns_crc, u32 payload_crc
//! 104 cut after:  the same
//! 120 u32 server_crc    over header 0..12 and 16..120 and the table as stamped | 124 u32 reserved, 0
//! 128 table: record_count entries of 24 bytes
//!       0 u64 timestamp | 8 u32 header_count | 12 u32 header_bytes | 16 u32 body_bytes
//!      20 u8 flags (bit 0 = has a timestamp, bit 1 = command) | 21 u8 reserved, 0
//!      22 u16 length_bytes_extra: by how much the headers' length bytes exceed 2 per header
//!     payload: per record its headers (varint name length, varint value length, name, value), then its body
//! ```
//!
//! All sums are crc32c. A varint is a `u32` in LEB128, of the fewest bytes. The metered size of a record
//! (`s2-semantics.md` A4) is `8 + header_bytes - length_bytes_extra + body_bytes`: a header's first 2 length bytes
//! stand for the 2 that are metered, so the table alone tells every size.

use bytes::Bytes;

pub use command::{Command, commands};
pub use encode::{encode, encode_into};
pub use ingest::{Ingested, check_ingest};
pub use layout::{BatchHeader, CutOff, TableEntry};
pub use slice::BatchSlice;
pub use stamp::{Stamp, stamp};
pub use view::Batch;

mod command;
mod encode;
mod headers;
mod ingest;
mod layout;
mod slice;
mod stamp;
mod view;

/// A record as a client makes it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    pub timestamp: Option<u64>,
    /// Names and values, in order. One header with an empty name makes a command record (`s2-semantics.md` B5).
    pub headers: Vec<(Bytes, Bytes)>,
    pub body: Bytes,
}

impl Record {
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { timestamp: None, headers: Vec::new(), body: body.into() }
    }

    /// `s2-semantics.md` A4.
    pub fn metered_bytes(&self) -> u64 {
        metered_bytes(&self.headers, &self.body)
    }
}

/// A record as a reader gets it. Everything in it is a slice of the received bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordView {
    pub seq_num: u64,
    pub timestamp: u64,
    pub headers: Vec<(Bytes, Bytes)>,
    pub body: Bytes,
}

impl RecordView {
    /// Exactly one header, with an empty name (`s2-semantics.md` A3).
    pub fn is_command(&self) -> bool {
        matches!(&self.headers[..], [(name, _)] if name.is_empty())
    }

    /// `s2-semantics.md` A4.
    pub fn metered_bytes(&self) -> u64 {
        metered_bytes(&self.headers, &self.body)
    }
}

fn metered_bytes(headers: &[(Bytes, Bytes)], body: &Bytes) -> u64 {
    let headers: u64 = headers.iter().map(|(name, value)| 2 + name.len() as u64 + value.len() as u64).sum();
    8 + headers + body.len() as u64
}
