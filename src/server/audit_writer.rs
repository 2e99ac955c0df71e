//! One task that writes the audit stream: what has gathered becomes one batch, appended like any client's.
//!
//! It never holds anybody up. While the broker drains, its shard takes nothing new, so the last records go to the log
//! instead; what could not be written is counted, and the next record says so.

use riverrun_core::access::{AUDIT_STREAM, AuditChain, AuditRecord, SYSTEM_BASIN};
use riverrun_core::control::{BasinEntry, IdRow, SYSTEM_DEFAULTS, StreamEntry, keys};
use riverrun_core::event::{AppendRights, BatchBytes, ShardRequest};
use riverrun_protocol::batch::{Record, encode};
use riverrun_protocol::config::{BasinConfig, Retention, StreamConfig};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{AppendConditions, Read, ReadParams, ReadStart, StreamRef};
use riverrun_protocol::response::Response;
use riverrun_protocol::types::{BasinName, NameError, StreamId, StreamName};

use super::internal::Internal;
use crate::access::audit::{AuditQueue, AuditSender};
use crate::catalog::{Catalog, CatalogError};

/// Records of one batch: far below a batch's limits with the longest names.
const BATCH_RECORDS: usize = 128;
const RETENTION_AGE_SECS: u64 = 30 * 24 * 60 * 60;

/// The stream's name.
///
/// # Errors
/// None: the names keep the rules.
pub fn target() -> Result<StreamRef, NameError> {
    Ok(StreamRef { basin: BasinName::new(SYSTEM_BASIN)?, stream: StreamName::new(AUDIT_STREAM)? })
}

/// Makes the stream, and the basin it is in, if this store does not have them yet.
pub async fn make_stream(
    catalog: &dyn Catalog,
    target: &StreamRef,
    id: StreamId,
    now_ms: u64,
) -> Result<(), CatalogError> {
    let key = keys::stream(&target.basin, &target.stream);
    if catalog.get(key.clone()).await?.is_some() {
        return Ok(());
    }
    let (basin, name) = (target.basin.clone(), target.stream.clone());
    let config = StreamConfig { retention: Retention::Age(RETENTION_AGE_SECS), ..SYSTEM_DEFAULTS };
    let entry = BasinEntry::new(basin.clone(), BasinConfig::default(), None, now_ms);
    let rows = vec![
        (keys::basin(&basin), entry.encode()),
        (key, StreamEntry::new(id, basin.clone(), name.clone(), now_ms, config).encode()),
        (keys::id(id), IdRow { basin, name, purged_at_ms: None }.encode()),
    ];
    catalog.put_batch(rows).await
}

#[derive(Debug)]
pub struct AuditWriter {
    queue: AuditQueue,
    sender: AuditSender,
    stream: StreamRef,
    shard: Internal,
    /// `None`: not known, because nothing was written yet, or because the last write may or may not have been done.
    end: Option<End>,
}

/// Where the stream ends. A write whose answer came too late may still be done: by its number the next one notices
/// that, or two records would follow the same one.
#[derive(Debug)]
struct End {
    chain: AuditChain,
    seq_num: u64,
}

impl AuditWriter {
    pub fn new(queue: AuditQueue, sender: AuditSender, stream: StreamRef, shard: Internal) -> Self {
        Self { queue, sender, stream, shard, end: None }
    }

    pub async fn run(mut self) {
        let mut records = Vec::new();
        while self.queue.take(&mut records, BATCH_RECORDS).await {
            if let Err(error) = self.write(&records).await {
                self.end = None;
                self.sender.lost(&records);
                records.iter().for_each(|record| tracing::warn!(?record, %error, "not in the audit stream"));
            }
            records.clear();
        }
    }

    async fn write(&mut self, records: &[AuditRecord]) -> Result<(), ErrorFrame> {
        let End { mut chain, seq_num } = match self.end.take() {
            Some(end) => end,
            None => self.find_end().await?,
        };
        let records: Vec<Record> = records.iter().map(|record| Record::new(chain.link(record))).collect();
        let batch = encode(&records)?;
        let request = ShardRequest::Append {
            target: self.stream.clone(),
            conditions: AppendConditions { match_seq_num: Some(seq_num), fencing_token: None },
            rights: AppendRights::ALL,
            batch: BatchBytes::Borrowed(&batch),
        };
        match self.shard.ask(request).await? {
            Response::AppendAck(ack) => self.end = Some(End { chain, seq_num: ack.end.seq_num }),
            other => return Err(unexpected(&other)),
        }
        Ok(())
    }

    /// The end of the chain is in the stream's last record.
    async fn find_end(&mut self) -> Result<End, ErrorFrame> {
        let seq_num = match self.shard.ask(ShardRequest::CheckTail(self.stream.clone())).await? {
            Response::Tail(report) => report.tail.seq_num,
            other => return Err(unexpected(&other)),
        };
        let chain = match seq_num.checked_sub(1) {
            Some(last) => self.chain_at(last).await?,
            None => AuditChain::default(),
        };
        Ok(End { chain, seq_num })
    }

    async fn chain_at(&mut self, last: u64) -> Result<AuditChain, ErrorFrame> {
        let params = ReadParams { count: Some(1), ..ReadParams::new(ReadStart::SeqNum(last)) };
        let read = ShardRequest::Read(Read { target: self.stream.clone(), params });
        match self.shard.ask(read).await {
            Ok(Response::ReadBatches(read)) => {
                let batches = read.batches()?;
                let body = batches.last().and_then(|batch| batch.records().last()).transpose()?.map(|r| r.body);
                let found = body.and_then(|body| AuditChain::behind(std::str::from_utf8(&body).ok()?));
                Ok(found.unwrap_or_default())
            }
            Ok(other) => Err(unexpected(&other)),
            // Everything is older than the stream keeps: the chain begins anew.
            Err(error) if error.code == ErrorCode::Unwritten => Ok(AuditChain::default()),
            Err(error) => Err(error),
        }
    }
}

fn unexpected(response: &Response) -> ErrorFrame {
    ErrorFrame::new(ErrorCode::Storage, format!("the shard answered with {:?}", response.kind()))
}
