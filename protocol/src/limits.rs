//! Every size and count the wire knows, in one table, tied together at compile time.

/// Records in one append batch and in one read batch (`s2-semantics.md` A5).
pub const BATCH_RECORDS_MAX: usize = 1000;
/// Metered bytes in one batch, and so in one record (`s2-semantics.md` A4, A5).
pub const BATCH_METERED_BYTES_MAX: u64 = 1 << 20;
/// The fixed batch header.
pub const BATCH_HEADER_BYTES: usize = 128;
/// One entry of a batch's record table.
pub const TABLE_ENTRY_BYTES: usize = 24;
/// A batch on the wire: header, table, and a payload whose encoding overhead per header stays below its metered size.
pub const BATCH_BYTES_MAX: usize = (1 << 20) + (64 << 10);
/// The fixed frame header.
pub const FRAME_HEADER_BYTES: usize = 16;
/// A frame's body. Nothing longer is ever read, whatever a length field claims.
pub const FRAME_BODY_BYTES_MAX: usize = 2 << 20;
/// The body of a frame from a client that carries no batch: a server reads no more of one.
pub const CONTROL_BODY_BYTES_MAX: usize = 8 << 10;
/// Basin names (`s2-semantics.md` A2).
pub const BASIN_NAME_BYTES_MIN: usize = 8;
pub const BASIN_NAME_BYTES_MAX: usize = 48;
/// Stream names (`s2-semantics.md` A2).
pub const STREAM_NAME_BYTES_MAX: usize = 512;
/// Entries in one page of a listing (`s2-semantics.md` E3).
pub const LIST_ENTRIES_MAX: usize = 1000;
/// Access token ids, fencing tokens and request tokens (`s2-semantics.md` A2).
pub const TOKEN_ID_BYTES_MAX: usize = 96;
/// Location names (`s2-semantics.md` A2).
pub const LOCATION_NAME_BYTES_MAX: usize = 64;
/// Locations that a server may tell of.
pub const LOCATIONS_MAX: usize = 100;
pub const FENCING_TOKEN_BYTES_MAX: usize = 36;
pub const REQUEST_TOKEN_BYTES_MAX: usize = 36;
/// A name or prefix in an access token's scope: as long as the longest name.
pub const SCOPE_NAME_BYTES_MAX: usize = STREAM_NAME_BYTES_MAX;
/// A hello's access token.
pub const TOKEN_BYTES_MAX: usize = 256;
/// A hello's free-text name of the client or server, for logs.
pub const AGENT_BYTES_MAX: usize = 64;
/// An error's message.
pub const ERROR_MESSAGE_BYTES_MAX: usize = 1024;
/// A hello's body: the only first frame a connection may send, so no more is read before it.
pub const HELLO_BODY_BYTES_MAX: usize = 512;
/// What a status report says about the store.
pub const STORE_TEXT_BYTES_MAX: usize = 1024;
/// Counters in a status report, and one counter's name.
pub const STATUS_COUNTERS_MAX: usize = 1024;
pub const COUNTER_NAME_BYTES_MAX: usize = 64;
/// Stages whose histograms the server tells, one stage's name, and its histogram as encoded.
pub const STAGES_MAX: usize = 32;
pub const STAGE_NAME_BYTES_MAX: usize = 64;
pub const STAGE_HISTOGRAM_BYTES_MAX: usize = 32 << 10;
/// A page of history, decompressed and as it is stored ([`crate::response::CompressedPage`]).
pub const PAGE_RAW_BYTES_MAX: usize = 2 << 20;
pub const PAGE_STORED_BYTES_MAX: usize = FRAME_BODY_BYTES_MAX - 64;
/// Credit that a read session may hold at once.
pub const CREDIT_BYTES_MAX: u64 = 64 << 20;
/// Sessions and requests in progress on one connection.
pub const CONNECTION_REQUESTS_MAX: usize = 4096;
/// The unary read's longest wait (`s2-semantics.md` A5).
pub const UNARY_WAIT_SECS_MAX: u32 = 60;

const _: () = assert!(
    BATCH_BYTES_MAX >= BATCH_METERED_BYTES_MAX as usize + BATCH_HEADER_BYTES + BATCH_RECORDS_MAX * TABLE_ENTRY_BYTES
);
/// A unary read answers with at most one batch's worth of records, each in the worst case in a batch of its own.
const _: () = assert!(
    FRAME_BODY_BYTES_MAX
        >= BATCH_BYTES_MAX
            + BATCH_RECORDS_MAX * BATCH_HEADER_BYTES
            + STREAM_NAME_BYTES_MAX
            + BASIN_NAME_BYTES_MAX
            + 256
);
/// Magic, options, versions, features, and both texts behind their lengths.
const _: () = assert!(HELLO_BODY_BYTES_MAX >= 4 + 4 + 4 + 8 + 2 + TOKEN_BYTES_MAX + 1 + AGENT_BYTES_MAX);
/// A header costs at least 2 length bytes, as metered, and one more length byte only for each 128 bytes of name or
/// value.
const _: () = assert!(
    BATCH_BYTES_MAX
        >= BATCH_METERED_BYTES_MAX as usize / 128 * 129 + BATCH_HEADER_BYTES + BATCH_RECORDS_MAX * TABLE_ENTRY_BYTES
);
/// The bytes of a table entry that say by how much its headers' lengths exceed what is metered for them.
const _: () = assert!(BATCH_METERED_BYTES_MAX / 128 <= u16::MAX as u64);
const _: () = assert!(STATUS_COUNTERS_MAX * (COUNTER_NAME_BYTES_MAX + 9) + STORE_TEXT_BYTES_MAX < FRAME_BODY_BYTES_MAX);
const _: () = assert!(STAGES_MAX * (STAGE_HISTOGRAM_BYTES_MAX + STAGE_NAME_BYTES_MAX + 3) + 6 < FRAME_BODY_BYTES_MAX);
const _: () = assert!(STAGE_HISTOGRAM_BYTES_MAX <= u16::MAX as usize);
const _: () = assert!(ERROR_MESSAGE_BYTES_MAX <= u16::MAX as usize && AGENT_BYTES_MAX <= u8::MAX as usize);
const _: () = assert!(LIST_ENTRIES_MAX * (STREAM_NAME_BYTES_MAX + 64) <= FRAME_BODY_BYTES_MAX);
/// A token with the longest names in all three sets of its scope.
const _: () = assert!(LIST_ENTRIES_MAX * (TOKEN_ID_BYTES_MAX + 3 * SCOPE_NAME_BYTES_MAX + 128) <= FRAME_BODY_BYTES_MAX);
/// The longest request without a batch: an access token with the longest id and the longest names in its scope.
const _: () = assert!(CONTROL_BODY_BYTES_MAX >= TOKEN_ID_BYTES_MAX + 3 * SCOPE_NAME_BYTES_MAX + 128);
