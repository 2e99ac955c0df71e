//! What happened in a run, line by line: two runs of one seed must give the same (reliability.md S21).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use riverrun_core::Action;

/// Lines that are kept to be printed with a failure.
const LINES_KEPT: usize = 60;

thread_local! {
    /// A run that panics leaves them here.
    static KEPT: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
}

#[derive(Default)]
pub struct Trace {
    hasher: DefaultHasher,
    lines: u64,
}

impl Trace {
    pub fn add(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        line.hash(&mut self.hasher);
        self.lines += 1;
        KEPT.with_borrow_mut(|kept| {
            if kept.len() == LINES_KEPT {
                kept.pop_front();
            }
            kept.push_back(line);
        });
    }

    /// Lines and their digest.
    pub fn digest(&self) -> (u64, u64) {
        (self.lines, self.hasher.finish())
    }
}

/// A new run begins on this thread.
pub fn forget() {
    KEPT.with_borrow_mut(VecDeque::clear);
}

/// What happened last on this thread.
pub fn last_lines() -> String {
    KEPT.with_borrow(|kept| kept.iter().map(|line| format!("    {line}\n")).collect())
}

/// All of an action but what is random in every process by design: nothing is, here.
pub fn describe(action: &Action) -> String {
    match action {
        // The content is told by what comes of it.
        Action::WriteBlock { number, file, offset, buffers } => {
            format!("WriteBlock {number} at {file}:{offset}, {}", digest(buffers))
        }
        Action::StoreChunk { chunk } => format!("StoreChunk {:?} of {} streams", chunk.id, chunk.streams.len()),
        Action::Push { connection, id, push, .. } => {
            format!("Push {connection:?} {id} kind {:?} {}", push.kind(), digest(push.parts()))
        }
        Action::Reply { connection, id, response } if !response.parts().is_empty() => {
            format!("Reply {connection:?} {id} kind {:?} {}", response.kind(), digest(response.parts()))
        }
        other => format!("{other:?}"),
    }
}

fn digest(parts: &[Bytes]) -> String {
    let bytes: usize = parts.iter().map(Bytes::len).sum();
    let crc = parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part));
    format!("{bytes} bytes, {crc:08x}")
}
