//! Which token a public id belongs to: key `token-key/<public id, 32 hex digits>`. A secret names its public id only.
//!
//! ```text
//! u16 length, token id
//! ```

use bytes::Bytes;
use riverrun_protocol::types::TokenId;

use super::token::token_id;
use super::value::Kind;
use crate::stored::{StoredError, Write};

const KIND: Kind = Kind { tag: 31, name: "access token key", version: 1 };

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenKeyRow {
    pub id: TokenId,
}

impl TokenKeyRow {
    pub fn encode(&self) -> Bytes {
        KIND.encode(|out| out.put_text(self.id.as_str()))
    }

    pub fn decode(value: &[u8]) -> Result<Self, StoredError> {
        KIND.decode(value, |reader, _| Ok(Self { id: token_id(reader)? }))
    }
}
