//! What a shard counts, for status reports and metrics.

/// Totals since the start, and gauges (marked). All bytes are of batches as encoded, unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShardCounters {
    /// Batches accepted.
    pub appends: u64,
    pub appended_records: u64,
    pub appended_bytes: u64,
    /// Batches refused, whatever the reason.
    pub appends_refused: u64,
    /// Batches acknowledged.
    pub acks: u64,
    /// Bytes of batches copied between the socket's buffer and the journal's (design.md 5, copies of payload).
    pub copied_bytes: u64,
    /// Journal writes that carried records, and watermark blocks.
    pub blocks: u64,
    pub watermark_blocks: u64,
    /// Bytes written to the journal: batches, directories, headers, padding.
    pub block_bytes: u64,
    pub chunks_stored: u64,
    /// Before and after compression.
    pub chunk_raw_bytes: u64,
    pub chunk_object_bytes: u64,
    /// Failed attempts to store a chunk that were, or will be, repeated.
    pub chunk_retries: u64,
    /// Single-batch reads answered and read sessions opened.
    pub reads: u64,
    pub read_sessions: u64,
    /// Batches or slices of batches sent to readers, and their records and bytes.
    pub pushes: u64,
    pub read_records: u64,
    /// Decompressed.
    pub read_bytes: u64,
    /// Pushed as they are stored.
    pub read_pages: u64,
    /// Loads of pages from the store.
    pub page_loads: u64,
    pub heartbeats: u64,
    /// Times a connection's socket was left unread to hold its client up.
    pub receive_stops: u64,
    /// Connections closed because they took nothing while memory for reads was short.
    pub stalled_closed: u64,
    /// Gauge: frames given to connections whose sockets have not taken them yet.
    pub output_bytes: u64,
    /// Gauge: pages of history that wait for their readers.
    pub loaded_bytes: u64,
    /// Gauge: slabs that records and frames lie in, or will.
    pub slab_bytes: u64,
    pub streams_loaded: u64,
    pub streams_evicted: u64,
    /// Gauge: journal space (or memory) behind records that no chunk has yet.
    pub unpublished_bytes: u64,
    /// Gauge: bytes accepted and waiting for a journal write.
    pub journal_waiting_bytes: u64,
    /// Gauge: appends that wait for room or for their stream to be loaded, in bytes.
    pub waiting_bytes: u64,
    /// Gauge: published records held for readers.
    pub tail_cache_bytes: u64,
    /// Gauges.
    pub streams_open: u64,
    pub connections: u64,
    pub append_sessions: u64,
    /// Read sessions and waiting single reads, and those of them that are at the tail.
    pub readers: u64,
    pub followers: u64,
}

impl ShardCounters {
    /// By name, sorted by name, as in a status report.
    pub fn named(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("acks", self.acks),
            ("append_sessions", self.append_sessions),
            ("appended_bytes", self.appended_bytes),
            ("appended_records", self.appended_records),
            ("appends", self.appends),
            ("appends_refused", self.appends_refused),
            ("block_bytes", self.block_bytes),
            ("blocks", self.blocks),
            ("chunk_object_bytes", self.chunk_object_bytes),
            ("chunk_raw_bytes", self.chunk_raw_bytes),
            ("chunk_retries", self.chunk_retries),
            ("chunks_stored", self.chunks_stored),
            ("connections", self.connections),
            ("copied_bytes", self.copied_bytes),
            ("followers", self.followers),
            ("heartbeats", self.heartbeats),
            ("journal_waiting_bytes", self.journal_waiting_bytes),
            ("loaded_bytes", self.loaded_bytes),
            ("output_bytes", self.output_bytes),
            ("page_loads", self.page_loads),
            ("pushes", self.pushes),
            ("read_bytes", self.read_bytes),
            ("read_pages", self.read_pages),
            ("read_records", self.read_records),
            ("read_sessions", self.read_sessions),
            ("readers", self.readers),
            ("reads", self.reads),
            ("receive_stops", self.receive_stops),
            ("slab_bytes", self.slab_bytes),
            ("stalled_closed", self.stalled_closed),
            ("streams_evicted", self.streams_evicted),
            ("streams_loaded", self.streams_loaded),
            ("streams_open", self.streams_open),
            ("tail_cache_bytes", self.tail_cache_bytes),
            ("unpublished_bytes", self.unpublished_bytes),
            ("waiting_bytes", self.waiting_bytes),
            ("watermark_blocks", self.watermark_blocks),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_distinct() {
        let names: Vec<_> = ShardCounters::default().named().into_iter().map(|(name, _)| name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }
}
