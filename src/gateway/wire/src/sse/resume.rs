//! `Last-Event-ID`: where the session before ended, and what it had delivered (`s2-semantics.md` C10).

use http::header::HeaderMap;
use riverrun_protocol::request::{ReadParams, ReadStart};

use crate::error::HttpError;
use crate::headers::{LAST_EVENT_ID, text};
use crate::query::ReadQuery;

/// The id of a `batch` event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastEventId {
    pub seq_num: u64,
    pub records: u64,
    /// Metered.
    pub bytes: u64,
}

impl LastEventId {
    /// # Errors
    /// `bad_header` for anything but three unsigned decimals.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, HttpError> {
        let Some(value) = text(headers, LAST_EVENT_ID)? else {
            return Ok(None);
        };
        let refused = || HttpError::bad_header(format!("`{LAST_EVENT_ID}` is three decimal numbers, not `{value}`"));
        parse(value).map(Some).ok_or_else(refused)
    }

    /// What is left of the read: it starts behind the last record, whatever start the query names (which still has to be a valid one),
    /// and what was delivered no longer counts against its bounds.
    ///
    /// # Errors
    /// `invalid` for more than one start.
    pub fn resume(&self, query: &ReadQuery) -> Result<ReadParams, HttpError> {
        let params = query.unchecked_params()?;
        Ok(ReadParams {
            start: ReadStart::SeqNum(self.seq_num.saturating_add(1)),
            count: params.count.map(|count| count.saturating_sub(self.records)),
            bytes: params.bytes.map(|bytes| bytes.saturating_sub(self.bytes)),
            ..params
        })
    }
}

fn parse(value: &str) -> Option<LastEventId> {
    let mut numbers = value.split(',').map(decimal);
    let (seq_num, records, bytes) = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(LastEventId { seq_num, records, bytes })
}

fn decimal(text: &str) -> Option<u64> {
    Some(text).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}
