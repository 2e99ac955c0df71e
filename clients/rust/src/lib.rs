//! Riverrun's Rust client.
//!
//! ```no_run
//! use futures::TryStreamExt;
//! use riverrun_client::{Client, ClientConfig, ReadOptions, Record};
//!
//! # async fn example() -> Result<(), riverrun_client::Error> {
//! let client = Client::connect("127.0.0.1:5252", ClientConfig::default()).await?;
//! let stream = client.stream("demo-basin", "hello")?;
//!
//! let ack = stream.append(&[Record::new("hello"), Record::new("world")]).await?;
//! println!("durable: records {}..{}", ack.start.seq_num, ack.end.seq_num);
//!
//! // History first, then live, over reconnects, until dropped.
//! let mut records = stream.read_session(ReadOptions::default()).await?;
//! while let Some(record) = records.try_next().await? {
//!     println!("{}: {:?}", record.seq_num, record.body);
//! }
//! # Ok(()) }
//! ```
//!
//! # What to use when
//!
//! | to | use |
//! |---|---|
//! | append now and then | [`StreamHandle::append`] |
//! | append many single records | [`Producer`]: batches them, one ack per record |
//! | append batches at full speed | [`AppendSession`]: pipelined, one ack per batch |
//! | keep other writers out, or notice them | [`AppendConditions`], [`StreamHandle::fence`] |
//! | look at some records | [`StreamHandle::read`] |
//! | read much, or follow | [`ReadSession`] |
//!
//! # Outcomes
//!
//! A call is done (`Ok`), definitely not done, possibly done, or never to be done: [`Error`] keeps the last three apart by
//! type. Nothing here repeats an append that may have been done; without `match_seq_num` a repeated append may be there
//! twice. Calls without effect, calls known to be without effect, and calls that may be done twice (`s2-semantics.md`
//! E4) are repeated as [`RetryPolicy`] says.
//!
//! # How a byte travels
//!
//! A call encodes its request (`connection`), the connection's one task writes it and reads the answer (`connection/task`),
//! the answer's id leads to whoever waits (`connection/registry`): a call, an append session (`append_session/core`) or a read
//! session's inbox (`read_session/inbox`). Which connection it is, and when to make a new one, is the `pool`'s business.
#![forbid(unsafe_code)]

mod access_token;
mod append_session;
mod batch;
mod client;
mod config;
mod connection;
mod deadline;
mod error;
mod options;
mod pool;
mod producer;
mod read_session;
mod retry;
mod stream;

pub use access_token::AccessTokenOptions;
pub use append_session::{AckTicket, AppendSession};
pub use batch::{AppendBatch, ReadResult};
pub use client::Client;
pub use config::{ClientConfig, RetryPolicy, Token};
pub use error::{Disconnect, Error, MaybeDone, NotDone, Refusal, Terminal};
pub use options::{
    AppendSessionConfig, BasinOptions, Idempotency, ListOptions, ReadOptions, ReadSessionConfig, StreamOptions,
};
pub use producer::{OnAmbiguous, Producer, ProducerConfig, RecordAck, RecordTicket};
pub use read_session::{ReadEvent, ReadSession};
pub use stream::StreamHandle;

pub use riverrun_protocol::access::{
    Operation, OperationGroups, Operations, ReadWrite, ResourceSet, TokenRates, TokenScope,
};
pub use riverrun_protocol::batch::{Batch, Record, RecordView};
pub use riverrun_protocol::config::{
    BasinConfig, BasinConfigPatch, PartialStreamConfig, Patch, Retention, StorageClass, StreamConfig,
    StreamConfigPatch, TimestampingMode,
};
pub use riverrun_protocol::error::{ErrorCode, Outcome};
pub use riverrun_protocol::request::AppendConditions;
pub use riverrun_protocol::response::{
    AccessTokenInfo, AccessTokenList, AppendAck, BasinInfo, BasinList, LocationInfo, ProvisionResult, Provisioned,
    StageHistogram, StageHistograms, StatusReport, StreamInfo, StreamList,
};
pub use riverrun_protocol::types::{
    BasinName, FencingToken, Level, LocationName, Position, RequestToken, StreamId, StreamName, TokenId,
};
