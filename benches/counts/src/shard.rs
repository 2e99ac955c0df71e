//! The shard: from a frame's batch to its ack, and to followers.

use riverrun_core::event::{AppendRights, BatchBytes, ConnectionId, ShardRequest};
use riverrun_core::limits::{LARGE_FRAME_BYTES_MIN, PUSH_DELAY_MAX};
use riverrun_protocol::limits::{CREDIT_BYTES_MAX, FRAME_HEADER_BYTES};
use riverrun_protocol::request::{AppendConditions, OpenReadSession, ReadParams, ReadStart};

use crate::model::Model;
use crate::samples;

pub const FOLLOWERS: usize = 32;
const PRODUCER: ConnectionId = ConnectionId(1);
const SESSION: u64 = 1;

/// Appends in a session, one in flight, each in a block of its own.
pub fn append_to_ack(times: u64, records: usize) {
    let mut model = producer();
    let opened = model.replies;
    let frame = samples::frame(records);
    (0..times).for_each(|_| append(&mut model, &frame));
    assert_eq!(model.replies - opened, times, "each is acknowledged");
}

/// Appends of one record to a stream with followers on connections of their own, all at the tail.
pub fn push(times: u64) {
    let mut model = producer();
    let readers: Vec<ConnectionId> = (0..FOLLOWERS as u64).map(|n| ConnectionId(100 + n)).collect();
    readers.iter().for_each(|reader| follow(&mut model, *reader));
    let (frame, before) = (samples::frame(1), model.pushes);
    for _ in 0..times {
        // Far enough apart that no push is held for the next.
        model.pause(PUSH_DELAY_MAX);
        append(&mut model, &frame);
    }
    assert_eq!(model.pushes - before, times * FOLLOWERS as u64, "each is pushed to all");
}

fn producer() -> Model {
    let mut model = Model::new();
    let open = ShardRequest::OpenAppendSession { target: samples::target("s"), rights: AppendRights::ALL };
    model.request(PRODUCER, SESSION, open);
    model
}

fn append(model: &mut Model, frame: &[u8]) {
    let conditions = AppendConditions::default();
    // Behind the frame's header and the body's option bits.
    let at_batch = FRAME_HEADER_BYTES + 4;
    let batch = match frame.len() >= LARGE_FRAME_BYTES_MIN {
        true => BatchBytes::Received { frame: samples::aligned(frame), batch: at_batch..frame.len() },
        false => BatchBytes::Borrowed(&frame[at_batch..]),
    };
    model.request(PRODUCER, SESSION, ShardRequest::SessionAppend { conditions, batch });
}

fn follow(model: &mut Model, reader: ConnectionId) {
    let open = OpenReadSession {
        target: samples::target("s"),
        params: ReadParams::new(ReadStart::TailOffset(0)),
        credit_bytes: CREDIT_BYTES_MAX,
        takes_pages: false,
    };
    model.request(reader, SESSION, ShardRequest::OpenReadSession(open));
}
