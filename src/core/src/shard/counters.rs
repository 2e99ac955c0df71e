//! What a shard counts, for status reports and metrics.

/// Whether a number only grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CounterKind {
    /// Since the start.
    Total,
    /// As it is now.
    Gauge,
}

/// One of the numbers of [`ShardCounters`].
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: CounterKind,
    pub value: fn(&ShardCounters) -> u64,
}

macro_rules! counters {
    ($($kind:ident $name:ident $help:literal;)+) => {
        /// Totals since the start, and gauges.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct ShardCounters {
            $(#[doc = $help] pub $name: u64),+
        }

        impl ShardCounters {
            /// All of them, sorted by name.
            pub const ALL: &'static [Counter] = &[$(Counter {
                name: stringify!($name),
                help: $help,
                kind: CounterKind::$kind,
                value: |counters| counters.$name,
            }),+];
        }
    };
}

counters! {
    Total acks "Batches acknowledged";
    Gauge append_sessions "Append sessions that are open";
    Total appended_bytes "Bytes of the batches accepted, as encoded";
    Total appended_records "Records of the batches accepted";
    Total appends "Batches accepted";
    Total appends_refused "Batches refused, whatever the reason";
    Total block_bytes "Bytes written to the journal: batches, directories, headers, padding";
    Total blocks "Journal writes that carried records";
    Total chunk_object_bytes "Bytes of the chunks stored, after compression";
    Total chunk_raw_bytes "Bytes of the chunks stored, before compression";
    Total chunk_retries "Failed attempts to store a chunk that were, or will be, repeated";
    Total chunks_stored "Chunks that the store has";
    Gauge connections "Connections that the shard knows";
    Total copied_bytes "Bytes of batches copied between the socket's buffer and the journal's";
    Gauge followers "Readers that are at the tail";
    Total heartbeats "Heartbeats sent to followers";
    Gauge journal_waiting_bytes "Bytes accepted that wait for a journal write";
    Gauge loaded_bytes "Pages of history that wait for their readers, in bytes";
    Gauge output_bytes "Bytes of frames given to connections whose sockets have not taken them yet";
    Total page_loads "Loads of pages from the store";
    Total pushes "Batches, or slices of batches, sent to readers";
    Total read_bytes "Bytes of records sent to readers, decompressed";
    Total read_pages "Pages sent to readers as they are stored";
    Total read_records "Records sent to readers";
    Total read_sessions "Read sessions opened";
    Gauge readers "Read sessions, and single reads that wait";
    Total reads "Single reads answered";
    Total receive_stops "Times that a connection's socket was left unread to hold its client up";
    Gauge slab_bytes "Bytes of the slabs that records and frames lie in, or will";
    Total stalled_closed "Connections closed because they took nothing while memory for reads was short";
    Total streams_evicted "Streams whose state was let go of";
    Total streams_loaded "Streams whose state was loaded";
    Gauge streams_open "Streams whose state is in memory";
    Gauge tail_cache_bytes "Bytes of published records held for readers";
    Gauge unpublished_bytes "Bytes of journal (or memory) behind records that no chunk has yet";
    Gauge waiting_bytes "Bytes of appends that wait for room, or for their stream to be loaded";
    Total watermark_blocks "Journal writes that carried a watermark only";
}

impl ShardCounters {
    /// By name, sorted by name, as in a status report.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Self::ALL.iter().map(|counter| (counter.name, (counter.value)(self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_distinct() {
        assert!(ShardCounters::ALL.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn each_name_has_its_own_value() {
        let counters = ShardCounters { acks: 7, ..ShardCounters::default() };
        let others: Vec<_> = counters.named().filter(|(_, value)| *value != 0).collect();
        assert_eq!(others, [("acks", 7)]);
    }
}
