//! How far behind its readers are: a look at all of them, whenever somebody asks and never else.

use super::Shard;
use super::reader::Reader;

impl Shard {
    /// Records between the reader that is furthest behind and its stream's tail.
    pub fn reader_lag_records_max(&self) -> u64 {
        self.readers.iter().map(|reader| self.lag_records(reader)).max().unwrap_or(0)
    }

    /// What its client has not been sent. Whoever is not let in yet, or looks for a start by time, is nowhere.
    fn lag_records(&self, reader: &Reader) -> u64 {
        match (reader.stream, reader.not_before) {
            (Some(stream), None) => self.streams[stream].stable.seq_num.saturating_sub(reader.cursor),
            _ => 0,
        }
    }
}
