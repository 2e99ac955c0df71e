//! What a listing asks for (`s2-semantics.md` E3).

use riverrun_protocol::request::{ListAccessTokens, ListBasins, ListStreams};
use riverrun_protocol::types::{BasinName, NameError, check_basin_filter, check_stream_filter, check_token_filter};

use super::{number, values};
use crate::error::HttpError;
use crate::limits::LIST_LIMIT_MAX;

/// A page of names; the filters are held against their rule when it becomes a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListQuery {
    pub prefix: String,
    pub start_after: String,
    /// 1 to 1000: absent, 0 and more than that mean 1000.
    pub limit: u32,
}

impl ListQuery {
    /// # Errors
    /// `bad_query`.
    pub fn parse(query: &str) -> Result<Self, HttpError> {
        let [prefix, start_after, limit] = values(query, ["prefix", "start_after", "limit"])?;
        let limit: Option<u64> = number("limit", limit)?;
        let limit = limit.filter(|limit| *limit > 0).and_then(|limit| u32::try_from(limit).ok());
        Ok(Self {
            prefix: prefix.unwrap_or_default().into_owned(),
            start_after: start_after.unwrap_or_default().into_owned(),
            limit: limit.unwrap_or(LIST_LIMIT_MAX).min(LIST_LIMIT_MAX),
        })
    }

    /// # Errors
    /// `bad_query` for a filter that no basin's name could match (`s2-semantics.md` A2).
    pub fn basins(self) -> Result<ListBasins, HttpError> {
        let Self { prefix, start_after, limit } = self.checked(check_basin_filter)?;
        Ok(ListBasins { prefix, start_after, limit })
    }

    /// # Errors
    /// As [`Self::basins`].
    pub fn streams(self, basin: BasinName) -> Result<ListStreams, HttpError> {
        let Self { prefix, start_after, limit } = self.checked(check_stream_filter)?;
        Ok(ListStreams { basin, prefix, start_after, limit })
    }

    /// # Errors
    /// As [`Self::basins`].
    pub fn access_tokens(self) -> Result<ListAccessTokens, HttpError> {
        let Self { prefix, start_after, limit } = self.checked(check_token_filter)?;
        Ok(ListAccessTokens { prefix, start_after, limit })
    }

    fn checked(self, rule: fn(&str) -> Result<(), NameError>) -> Result<Self, HttpError> {
        for (name, filter) in [("prefix", &self.prefix), ("start_after", &self.start_after)] {
            rule(filter).map_err(|error| HttpError::bad_query(format!("`{name}`: {error}")))?;
        }
        Ok(self)
    }
}
