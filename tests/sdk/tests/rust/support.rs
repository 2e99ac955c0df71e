//! A small language over the SDK.

use std::num::NonZeroU32;
use std::time::Duration;

use futures::StreamExt;
use riverrun_sdk_tests::{Data, Server};
use s2_sdk::error::{AppendError, RequestError};
use s2_sdk::read_session::ReadSession;
use s2_sdk::types::{
    AppendInput, AppendRecord, AppendRecordBatch, BasinConfig, BasinName, CreateBasinInput, ReadFrom, ReadInput,
    ReadLimits, ReadSessionConfig, ReadStart, ReadStop, RetryConfig, S2Config, S2Endpoints, SequencedRecord,
    StreamName,
};
use s2_sdk::{S2, S2Basin, S2Stream};

/// Longer than anything here takes on a busy machine; reaching it is a failure, never a wait for luck.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const BASIN: &str = "sdk-basin";

/// A broker with a basin whose streams come to be with their first append or read.
pub struct Rig {
    pub s2: S2,
    pub basin: S2Basin,
    pub server: Server,
    pub data: Data,
}

impl Rig {
    pub async fn new() -> Self {
        let data = Data::default();
        Self::of(data.serve(&[]), data).await
    }

    /// At an address that it can come back to.
    pub async fn at(address: &str) -> Self {
        let data = Data::default();
        Self::of(data.serve_at(address, &[]), data).await
    }

    async fn of(server: Server, data: Data) -> Self {
        let s2 = client(config(&server.endpoint));
        let basin = with_basin(&s2).await;
        Self { s2, basin, server, data }
    }

    pub fn stream(&self, name: &str) -> S2Stream {
        self.basin.stream(stream_name(name))
    }
}

pub async fn with_basin(s2: &S2) -> S2Basin {
    let config = BasinConfig::new().with_create_stream_on_append(true).with_create_stream_on_read(true);
    s2.create_basin(CreateBasinInput::new(basin_name(BASIN)).with_config(config)).await.expect("a new basin");
    s2.basin(basin_name(BASIN))
}

/// Of somebody whose token nobody asks for.
pub fn config(endpoint: &str) -> S2Config {
    config_of("no token", endpoint)
}

/// One attempt for each call: another one would hide what the first was told.
pub fn config_of(token: &str, endpoint: &str) -> S2Config {
    S2Config::new(token)
        .with_endpoints(S2Endpoints::for_endpoint(endpoint).expect("an endpoint"))
        .with_request_timeout(PATIENCE)
        .with_retry(RetryConfig::new().with_max_attempts(NonZeroU32::MIN))
}

/// Tries for as long as any broker needs to come back.
pub fn persistent(endpoint: &str) -> S2Config {
    let retry = RetryConfig::new()
        .with_max_attempts(NonZeroU32::new(1_000).expect("more than 0"))
        .with_min_base_delay(Duration::from_millis(10))
        .with_max_base_delay(Duration::from_millis(50));
    config(endpoint).with_retry(retry)
}

pub fn client(config: S2Config) -> S2 {
    S2::new(config).expect("a client")
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

pub fn basin_name(name: &str) -> BasinName {
    name.parse().expect("a basin's name")
}

pub fn stream_name(name: &str) -> StreamName {
    name.parse().expect("a stream's name")
}

pub fn record(body: &str) -> AppendRecord {
    AppendRecord::new(body.to_owned()).expect("a record")
}

pub fn batch(records: impl IntoIterator<Item = AppendRecord>) -> AppendRecordBatch {
    AppendRecordBatch::try_from_iter(records).expect("a batch")
}

/// A batch of these bodies.
pub fn input<'a>(bodies: impl IntoIterator<Item = &'a str>) -> AppendInput {
    AppendInput::new(batch(bodies.into_iter().map(record)))
}

/// One of one record.
pub fn single(body: &str) -> AppendInput {
    input([body])
}

pub fn from(from: ReadFrom) -> ReadInput {
    ReadInput::new().with_start(ReadStart::new().with_from(from))
}

pub fn from_seq_num(seq_num: u64) -> ReadInput {
    from(ReadFrom::SeqNum(seq_num))
}

pub fn at_most(count: usize) -> ReadStop {
    ReadStop::new().with_limits(ReadLimits::new().with_count(count))
}

pub fn bodies(records: &[SequencedRecord]) -> Vec<&str> {
    records.iter().map(|record| std::str::from_utf8(&record.body).expect("text")).collect()
}

/// Everything that a stream holds, which must be without gap or repeat from 0 on.
pub async fn whole(stream: &S2Stream) -> Vec<SequencedRecord> {
    let input = from_seq_num(0).with_stop(ReadStop::new().with_wait(0));
    let mut session = stream.read_session(input, ReadSessionConfig::new()).await.expect("a read session");
    let mut records = Vec::new();
    while let Some(batch) = soon("a batch or the end", session.next()).await {
        records.extend(batch.expect("a batch").records);
    }
    assert!(records.iter().map(|record| record.seq_num).eq(0..records.len() as u64), "a gap or a repeat");
    records
}

/// The next `count` records of a session, and whatever else came with the last of them.
pub async fn take(session: &mut ReadSession, count: usize) -> Vec<SequencedRecord> {
    let mut records = Vec::new();
    while records.len() < count {
        let batch = soon("a batch", session.next()).await.expect("the session goes on").expect("a batch");
        records.extend(batch.records);
    }
    records
}

/// Status and code of a refusal.
pub fn refusal(error: &RequestError) -> (u16, &str) {
    let error = error.server_error().unwrap_or_else(|| panic!("not the server's word: {error:?}"));
    (error.status.as_u16(), &error.code)
}

pub fn append_refusal(error: &AppendError) -> (u16, &str) {
    refusal(error.request_error().unwrap_or_else(|| panic!("a refusal of another kind: {error:?}")))
}
