//! Every limit of the shard and of the stored formats, in one table, tied together at compile time.

use std::time::Duration;

use riverrun_protocol::limits::{
    BASIN_NAME_BYTES_MAX, BATCH_BYTES_MAX, FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES, STREAM_NAME_BYTES_MAX,
};

use crate::buffer::ALIGN_BYTES;

// ---- journal ----

/// A journal block never holds more than this, so that one slow write cannot hold up everything behind it.
pub const BLOCK_BYTES_MAX: usize = 4 << 20;
/// The end of every journal file takes blocks alone that say that nothing before them is needed: two pages, written in turn, so
/// that the newest of them is never overwritten. Such a block makes room where there is none; it could not be written if it
/// needed room itself.
pub const JOURNAL_FILE_RESERVED_BYTES: usize = 2 * ALIGN_BYTES;
/// A block that has reached this size takes no more batches: what comes behind it travels in the next write, side by side.
pub const BLOCK_BYTES_TARGET: usize = 1 << 20;
/// Frames of at least this size are received into a buffer of their own and written from there, uncopied.
pub const LARGE_FRAME_BYTES_MIN: usize = 64 << 10;
/// Journal writes in flight per shard (design.md 6: 2-8).
pub const JOURNAL_WRITES_INFLIGHT_MAX: usize = 4;
/// Turns that are told apart in a block's account of when its batches were accepted.
pub const ARRIVAL_RUNS_MAX: usize = 8;
/// Stage times that wait for the driver to take them: more than a turn can give rise to.
pub const STAGE_TIMES_MAX: usize = 4 * JOURNAL_WRITES_INFLIGHT_MAX * (ARRIVAL_RUNS_MAX + 2);
/// Bytes accepted and not yet handed to a journal write; beyond it appends wait.
pub const JOURNAL_WAITING_BYTES_MAX: usize = 8 << 20;
/// How long a block may be without a place in a file before appends are refused (reliability.md F16). Longer than it takes to
/// fill a new file with zeros; shorter than clients wait for an answer.
pub const JOURNAL_PLACE_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long nothing must happen before the journal spends a block on its watermark (design.md 6). Long enough that a client
/// which appends one record after another does not pay two writes for each.
pub const JOURNAL_IDLE: Duration = Duration::from_millis(10);

// ---- chunks ----

/// Transient failures of a chunk's publication are retried after a pause that doubles from the first to the second of these.
pub const CHUNK_RETRY_PAUSE_MIN: Duration = Duration::from_millis(50);
pub const CHUNK_RETRY_PAUSE_MAX: Duration = Duration::from_secs(10);

// ---- collection ----

/// How soon, and how late, a stream that may have become empty is looked at again (`s2-semantics.md` E8).
pub const EMPTY_LOOK_PAUSE_MIN_MS: u64 = 1_000;
pub const EMPTY_LOOK_PAUSE_MAX_MS: u64 = 60_000;

// ---- appends that wait ----

/// What a backlog that was full has free before appends go on.
pub const BACKLOG_ROOM_BYTES: u64 = 32 << 20;
/// Appends of one connection that wait for room or for their stream to be loaded. The driver stops receiving long before; this
/// bounds what it had already received.
pub const CONNECTION_WAITING_BYTES_MAX: usize = 16 << 20;
/// What of this each connection may have waiting even where the shard holds more than it should. A refusal would end the append
/// sessions that sent it, and it saves no memory: what was received is there already.
pub const CONNECTION_WAITING_BYTES_SHARE: usize = 8 << 20;
/// What a driver may hand over of one connection behind the append that made the shard say `StopReceiving`: in flight between two
/// cores, or received in the same turn.
pub const CONNECTION_FORWARD_BYTES_MAX: usize = 4 << 20;
/// A connection's waiting appends at which its socket is not read any more even if they only wait for a load.
pub const CONNECTION_WAITING_BYTES_STOP: usize = 1 << 20;
/// The same over all connections of a shard; each has its share beyond that.
pub const SHARD_WAITING_BYTES_MAX: usize = 256 << 20;
/// Requests of a shard that wait for streams to be loaded.
pub const LOADS_WAITING_REQUESTS_MAX: usize = 64 << 10;

// ---- sessions ----

/// Append sessions per connection that an error ended and whose late inputs are still told from those of sessions that never
/// were (`s2-semantics.md` B10). Of earlier ones only the highest id is known.
pub const DEAD_SESSIONS_MAX: usize = 64;
/// Frames given to a connection and not yet taken by its socket, beyond which it is pushed nothing more. It may be exceeded by
/// one push. Less while many connections let much wait ([`OUTPUT_SHARE`]).
pub const CONNECTION_OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// A connection may let wait this part of what is free of what all together may (`ShardConfig::output_bytes_max`). So the first
/// ones that take nothing do not use it up, and something is always free (Choudhury and Hahne, Dynamic Queue Length Thresholds, IEEE/ACM Transactions on Networking 6, 1998).
pub const OUTPUT_SHARE: u64 = 64;
/// Pushes are not made smaller than this where little may wait, unless a batch is.
pub const PUSH_BYTES_MIN: u64 = 16 << 10;
/// What slabs may hold for each byte of the records that are in them.
pub const SLAB_BYTES_PER_RECORD_BYTE_MAX: u64 = 2;
/// And what besides, before records that stay for readers are let go.
pub const SCATTERED_BYTES_MAX: u64 = 64 << 20;
/// Where that did not help, slabs may grow this much more before it is done again.
pub const SCATTERED_GROWTH_BYTES_MAX: u64 = 16 << 20;
/// A connection that lets this much output wait takes no answers: no more requests are read from it until it does.
pub const CONNECTION_OUTPUT_BYTES_STOP: u64 = 4 << 20;
/// Where less is free, answers may wait in proportion to what a connection's share of it is (all of the above where it may have a
/// [`CONNECTION_OUTPUT_BYTES_MAX`]), and so much in any case.
pub const ANSWER_BYTES_PER_SHARE_BYTE: u64 = CONNECTION_OUTPUT_BYTES_STOP / CONNECTION_OUTPUT_BYTES_MAX;
pub const ANSWER_BYTES_MIN: u64 = 64 << 10;

// ---- reads ----

/// Loads of pages in flight per shard; further ones wait in arrival order.
pub const PAGE_LOADS_INFLIGHT_MAX: usize = 32;
/// What one load of pages asks for.
pub const PAGE_LOAD_BYTES_MAX: usize = 1 << 20;
/// `ShardConfig::tail_cache_bytes_max` unless it is said.
pub const TAIL_CACHE_BYTES_MAX: u64 = 64 << 20;
/// `ShardConfig::loaded_bytes_max` unless it is said.
pub const LOADED_BYTES_MAX: usize = 64 << 20;
/// While more waits for sockets than this part of what may, in eighths, those are looked for that take nothing.
pub const OUTPUT_SHORT_EIGHTHS: u64 = 7;
/// How long a socket may take nothing of what waits for it then. A send counts once all of it is taken, and a window that was closed
/// opens in steps of a part of the peer's receive buffer: one that reads 66 KB/s after it read fast showed gaps of 17 s between two
/// sends of 256 KiB (measured on loopback, kernel 6.18).
pub const OUTPUT_STALL_MAX: Duration = Duration::from_secs(20);
/// And where more waits than this part of what may (those who have taken everything are given one push all the same), in eighths.
pub const OUTPUT_OVER_EIGHTHS: u64 = 12;
pub const OUTPUT_OVER_STALL_MAX: Duration = Duration::from_secs(2);
/// What has to wait then. (20,000 connections of less hold 5 MB. One that waits for room in its socket holds a byte: closing all of those
/// would free nothing.)
pub const OUTPUT_OVER_STALL_BYTES_MIN: u64 = 256;
/// Where so much waits nobody is given a push. Those who take theirs need it to be below for a moment only.
pub const OUTPUT_FULL_EIGHTHS: u64 = 16;
/// And how slowly it may take it.
pub const OUTPUT_BYTES_PER_S_MIN: u64 = 64 << 10;
/// What has to wait for a socket to be worth its connection.
pub const OUTPUT_STALL_BYTES_MIN: u64 = 4 << 10;
/// How often such sockets are looked for.
pub const OUTPUT_STALL_LOOK_PAUSE: Duration = Duration::from_millis(250);
/// Bytes of one send.
pub const SEND_BYTES_MAX: usize = 256 << 10;
/// Work of one turn on pushes and read answers; what remains is done in the next turn, behind newly arrived appends.
pub const READ_TURN_PUSHES_MAX: usize = 1024;
pub const READ_TURN_BYTES_MAX: usize = 16 << 20;
/// A follower further behind than this catches up from history, and is told by a heartbeat when it is back (S2: 25 batches).
pub const FOLLOW_LAG_RECORDS_MAX: u64 = 25_000;
/// Where followers would get more pushes than this, a stream's records are held for up to this long to travel together.
pub const PUSHES_DENSE_PER_S: u64 = 50_000;
pub const PUSH_DELAY_MAX: Duration = Duration::from_millis(1);
/// An idle follower hears from the server after a random time in this range (`s2-semantics.md` C8).
pub const HEARTBEAT_PAUSE_MIN: Duration = Duration::from_secs(5);
pub const HEARTBEAT_PAUSE_MAX: Duration = Duration::from_secs(15);

/// Any batch, and any frame, fits a block below its target, with the block's header and directory, padded; and any block an empty
/// file.
const _: () = assert!(
    BLOCK_BYTES_TARGET + FRAME_BODY_BYTES_MAX + FRAME_HEADER_BYTES + (64 << 10)
        <= BLOCK_BYTES_MAX - JOURNAL_FILE_RESERVED_BYTES
);
/// Any frame may wait.
const _: () = assert!(FRAME_BODY_BYTES_MAX + FRAME_HEADER_BYTES <= CONNECTION_WAITING_BYTES_MAX);
const _: () = assert!(CONNECTION_WAITING_BYTES_SHARE <= CONNECTION_WAITING_BYTES_MAX);
/// A connection that is left unread when it is told to is never refused: what may wait without a stop, the append that brings it,
/// and what was on its way. (Frames in buffers of their own take whole pages, at most an eighth more.)
const _: () = assert!(
    CONNECTION_WAITING_BYTES_STOP + (FRAME_BODY_BYTES_MAX + FRAME_HEADER_BYTES) + CONNECTION_FORWARD_BYTES_MAX / 8 * 9
        <= CONNECTION_WAITING_BYTES_SHARE
);
/// Pushes alone never stop a connection from being read.
const _: () = assert!(CONNECTION_OUTPUT_BYTES_MAX + (FRAME_BODY_BYTES_MAX as u64) < CONNECTION_OUTPUT_BYTES_STOP);
const _: () = assert!(PAGE_LOADS_INFLIGHT_MAX * FRAME_BODY_BYTES_MAX <= LOADED_BYTES_MAX);
const _: () = assert!(SEND_BYTES_MAX as u64 <= OUTPUT_BYTES_PER_S_MIN * OUTPUT_STALL_MAX.as_secs());

// ---- stored formats: chunks and catalog ----

/// A page's raw bytes are at most this, unless one batch alone is larger. Measured on ten kinds of logs in batches of 10 and 100
/// records: 64 KiB pages compress 7 % worse; 1 MiB pages 3 % better, and quadruple what a reader of one record decompresses.
pub const PAGE_RAW_BYTES_TARGET: usize = 256 << 10;
/// A page that claims more is damaged: the decompressor's room is never larger (reliability.md F49).
pub use riverrun_protocol::limits::PAGE_RAW_BYTES_MAX;
/// A stream with fewer bytes than this in a chunk shares its page with others.
pub const PAGE_SHARED_BYTES_MAX: usize = 64 << 10;
/// Pages of one stream stored as they are, after one that did not compress, before the next is tried.
pub const PAGES_SKIPPED_MAX: u32 = 8;
/// Batches in one chunk. A shard seals long before.
pub const CHUNK_RAW_BYTES_MAX: usize = 1 << 30;
/// zstd's level for chunks of a backlog that is half full: their compression holds up appends.
pub const COMPRESSION_LEVEL_PRESSED: i32 = -3;
/// Streams in one chunk. A shard seals at this.
pub const CHUNK_STREAMS_MAX: usize = 16_384;
/// A footer that claims more is damaged.
pub const CHUNK_FOOTER_BYTES_MAX: usize = 32 << 20;
/// `s2-semantics.md` A2.
pub const FENCING_TOKEN_BYTES_MAX: usize = 36;
/// A node's name in an epoch's row.
pub const NODE_NAME_BYTES_MAX: usize = 256;

const _: () = assert!(PAGE_RAW_BYTES_TARGET >= PAGE_SHARED_BYTES_MAX);
const _: () = assert!(PAGE_RAW_BYTES_MAX >= PAGE_RAW_BYTES_TARGET && PAGE_RAW_BYTES_MAX >= BATCH_BYTES_MAX);
/// Per stream: lengths, state record with its token, catalog entry with its names, one run. Per page: its entry and one run
/// more of a large stream; two neighbouring pages of one stream together exceed the target.
const _: () = assert!(
    CHUNK_FOOTER_BYTES_MAX
        >= 1024
            + CHUNK_STREAMS_MAX
                * (12 + 68 + FENCING_TOKEN_BYTES_MAX + BASIN_NAME_BYTES_MAX + STREAM_NAME_BYTES_MAX + 128 + 88)
            + (2 * CHUNK_RAW_BYTES_MAX / PAGE_RAW_BYTES_TARGET + CHUNK_STREAMS_MAX) * (16 + 88)
);
