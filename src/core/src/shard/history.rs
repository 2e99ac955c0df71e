//! What is not in memory any more: pages of chunks, loaded a piece at a time (design.md 7).

use riverrun_protocol::error::{ErrorCode, ErrorFrame};

use super::load::Load;
use super::reader::{PageLoad, Reader, ReaderKey};
use super::{Shard, Turn};
use crate::action::{Action, PagesFrom, PagesOrder};
use crate::event::{ChunkRange, LoadFailure, LoadId, Loaded};
use crate::limits::{PAGE_LOAD_BYTES_MAX, PAGE_LOADS_INFLIGHT_MAX};

/// A load of pages on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct PagesWanted {
    pub(super) reader: ReaderKey,
    pub(super) chunk: ChunkRange,
    pub(super) from: PagesFrom,
}

impl Shard {
    /// The reader needs what follows its loaded pages: asks for it, or queues for one of the places that readers share.
    pub(super) fn want_pages(&mut self, turn: &mut Turn<'_>, key: ReaderKey) {
        if self.readers[key].load != PageLoad::None {
            return;
        }
        if self.page_queue.is_empty() && self.may_load(key) {
            self.load_pages(turn, key);
        } else {
            self.readers[key].load = PageLoad::Queued;
            self.page_queue.push_back(key);
        }
    }

    /// While one piece is being sent, the next one is fetched.
    pub(super) fn prefetch(&mut self, turn: &mut Turn<'_>, key: ReaderKey) {
        let reader = &self.readers[key];
        let Some(stream) = reader.stream.map(|stream| &self.streams[stream]) else { return };
        let next = reader.loaded_end();
        let wanted = reader.bounds.count.is_none_or(|count| count > next - reader.cursor);
        let is_stored = next < stream.memory_start() && next < reader.limit(stream);
        if wanted && is_stored && reader.loaded_bytes <= PAGE_LOAD_BYTES_MAX && self.may_load(key) {
            self.want_pages(turn, key);
        }
    }

    fn may_load(&mut self, key: ReaderKey) -> bool {
        if self.page_loads_inflight >= PAGE_LOADS_INFLIGHT_MAX {
            return false;
        }
        let wanted = (self.page_loads_inflight + 1) * PAGE_LOAD_BYTES_MAX;
        if self.loaded_bytes + wanted > self.config.loaded_bytes_max {
            self.reclaim_loaded(wanted, key);
        }
        self.loaded_bytes + wanted <= self.config.loaded_bytes_max
    }

    /// Takes loaded pages away from readers that cannot send them now: they are cursors, and load them again when they can. Not
    /// from the one that they are taken away for, which would never get on.
    fn reclaim_loaded(&mut self, wanted: usize, keep: ReaderKey) {
        let share = self.output_share();
        for key in self.holders.clone() {
            if self.loaded_bytes + wanted <= self.config.loaded_bytes_max {
                return;
            }
            let reader = &mut self.readers[key];
            let is_blocked = !reader.is_ready || !self.connections[reader.connection].has_output_room(share);
            if is_blocked && key != keep {
                self.loaded_bytes -= reader.drop_held();
                self.holders.remove(&key);
            }
        }
    }

    /// Readers that were waiting for a place get what has become free.
    pub(super) fn start_queued_loads(&mut self, turn: &mut Turn<'_>) {
        while let Some(key) = self.page_queue.front().copied().filter(|key| self.may_load(*key)) {
            self.page_queue.pop_front();
            self.readers[key].load = PageLoad::None;
            self.load_pages(turn, key);
        }
    }

    fn load_pages(&mut self, turn: &mut Turn<'_>, key: ReaderKey) {
        let reader = &self.readers[key];
        let stream = &self.streams[reader.stream.expect("only an admitted reader needs pages")];
        let next = reader.loaded_end();
        if reader.not_before.is_none() && (next >= stream.memory_start() || next >= reader.limit(stream)) {
            return self.mark_ready(key);
        }
        let Some(chunk) = stream.chunk_at(next).filter(|chunk| chunk.first_seq_num <= next).copied() else {
            if self.goes_on_without_chunk(key) {
                return;
            }
            let stream = &self.streams[self.readers[key].stream.expect("only an admitted reader needs pages")];
            let why = format!("no chunk holds sequence number {next} of stream {}", stream.entry.id);
            return self.fail_reader(turn, key, ErrorFrame::new(ErrorCode::Corrupt, why));
        };
        let by_timestamp = reader.not_before.filter(|_| reader.loaded.is_empty()).map(PagesFrom::Timestamp);
        let from = by_timestamp.unwrap_or(PagesFrom::SeqNum(next));
        let is_whole = chunk.end_seq_num <= reader.limit(stream) && reader.bounds.allow_rest_of(&chunk, reader.cursor);
        let as_stored = reader.takes_pages() && by_timestamp.is_none() && is_whole;
        let bytes_max = bytes_wanted(reader.bounds.bytes, self.push_bytes_max());
        let order = PagesOrder { stream_id: stream.entry.id, chunk: chunk.chunk, from, bytes_max, as_stored };
        let load = self.loads.begin(Load::Pages(PagesWanted { reader: key, chunk, from }));
        self.readers[key].load = PageLoad::InFlight(load);
        self.page_loads_inflight += 1;
        self.counters.page_loads += 1;
        turn.actions.push(Action::LoadPages { load, order });
    }

    pub(super) fn on_pages_loaded(
        &mut self,
        turn: &mut Turn<'_>,
        load: LoadId,
        wanted: PagesWanted,
        outcome: Result<Vec<Loaded>, LoadFailure>,
    ) {
        self.page_loads_inflight -= 1;
        let Some(reader) = self.readers.get_mut(wanted.reader) else { return };
        assert_eq!(reader.load, PageLoad::InFlight(load), "a reader has one load at a time");
        reader.load = PageLoad::None;
        if !wanted.is_wanted_by(reader) {
            return self.mark_ready(wanted.reader);
        }
        match outcome.map_err(failure).and_then(|loaded| self.hold(&wanted, loaded)) {
            Ok(()) => self.mark_ready(wanted.reader),
            Err(_) if self.goes_on_without_chunk(wanted.reader) => {}
            Err(error) => self.fail_reader(turn, wanted.reader, error),
        }
    }

    /// Checks that these are the records that come next, and no others, and holds them for the reader.
    fn hold(&mut self, wanted: &PagesWanted, loaded: Vec<Loaded>) -> Result<(), ErrorFrame> {
        let reader = &mut self.readers[wanted.reader];
        let stream = &self.streams[reader.stream.expect("only an admitted reader loads pages")];
        let found = match wanted.from {
            PagesFrom::SeqNum(seq_num) => seq_num,
            PagesFrom::Timestamp(timestamp) => resolve(&loaded, timestamp).ok_or_else(|| wanted.broken())?,
        };
        let mut next = found;
        if let PagesFrom::Timestamp(_) = wanted.from {
            next = found.max(stream.start_seq_num);
            reader.cursor = next;
            reader.not_before = None;
        }
        let start = next;
        for piece in loaded.into_iter().filter(|piece| piece.end_seq_num() > start) {
            let is_anothers = piece.batch().is_some_and(|batch| batch.stream_id() != stream.entry.id);
            if is_anothers || piece.first_seq_num() > next {
                return Err(wanted.broken());
            }
            next = piece.end_seq_num();
            reader.loaded_bytes += piece.held_bytes();
            self.loaded_bytes += piece.held_bytes();
            reader.loaded.push_back(piece);
        }
        match reader.loaded.is_empty() {
            false => drop(self.holders.insert(wanted.reader)),
            // All that were found are removed: the first survivor is behind them.
            true if found < start => {}
            true => return Err(wanted.broken()),
        }
        Ok(())
    }
}

impl PagesWanted {
    /// While it was under way the reader may have let go of what came before it, or skipped it.
    fn is_wanted_by(&self, reader: &Reader) -> bool {
        match self.from {
            PagesFrom::SeqNum(seq_num) => reader.not_before.is_none() && seq_num == reader.loaded_end(),
            PagesFrom::Timestamp(timestamp) => reader.not_before == Some(timestamp),
        }
    }

    /// P8: never served, never silently skipped.
    fn broken(&self) -> ErrorFrame {
        let ChunkRange { chunk, first_seq_num, end_seq_num, .. } = self.chunk;
        let why = format!(
            "chunk {chunk:?} does not hold what the catalog says, sequence numbers {first_seq_num}..{end_seq_num}, \
             from {:?} on",
            self.from
        );
        ErrorFrame::new(ErrorCode::Corrupt, why)
    }
}

/// The sequence number of the first record with this timestamp or a later one.
fn resolve(loaded: &[Loaded], timestamp: u64) -> Option<u64> {
    let batch = loaded.iter().filter_map(Loaded::batch).find(|batch| batch.last_timestamp() >= timestamp)?;
    Some(batch.first_seq_num() + u64::from(batch.first_at_or_after(timestamp)))
}

/// A read that takes little, or is given little at a time, need not load much. Pages come whole, so this is only a hint.
fn bytes_wanted(bytes_max: Option<u64>, push_bytes_max: u64) -> usize {
    bytes_max.unwrap_or(u64::MAX).min(push_bytes_max).min(PAGE_LOAD_BYTES_MAX as u64) as usize
}

fn failure(failure: LoadFailure) -> ErrorFrame {
    match failure {
        LoadFailure::Corrupt(why) => ErrorFrame::new(ErrorCode::Corrupt, why),
        LoadFailure::Unavailable(why) => ErrorFrame::new(ErrorCode::Unavailable, why),
        other => ErrorFrame::new(ErrorCode::Storage, format!("the records could not be loaded: {other:?}")),
    }
}
