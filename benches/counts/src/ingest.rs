//! From bytes off the socket to a batch with its numbers: cut, parse, check, stamp.

use std::hint::black_box;

use riverrun_protocol::batch::{self, Stamp};
use riverrun_protocol::frame::{self, Cut};
use riverrun_protocol::request::Request;
use riverrun_protocol::types::StreamId;

use crate::samples::{self, WALL_MS};

pub fn run(times: u64, records: usize) {
    let frame = samples::frame(records);
    // Stamping writes into the batch, and what was stamped is not what a client sends: it has one of its own.
    let mut stamped = samples::batch(records);
    for n in 0..times {
        check(black_box(&frame));
        let first_seq_num = n * records as u64;
        let stamp = Stamp { stream_id: StreamId([7; 16]), first_seq_num, arrival_ms: WALL_MS, expires_at_ms: 0 };
        batch::stamp(black_box(&mut stamped), &stamp, |_| WALL_MS);
    }
}

fn check(frame: &[u8]) {
    let Ok(Cut::Complete { header, body, .. }) = frame::cut(frame) else { panic!("a whole frame") };
    let Ok(Request::SessionAppend(append)) = Request::parse(header.kind, &frame[body]) else { panic!("an input") };
    black_box(batch::check_ingest(append.batch).expect("sound"));
}
