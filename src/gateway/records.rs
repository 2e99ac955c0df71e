//! `/v1/streams/{stream}/records`, one call at a time (`s2-semantics.md` B, C, D).

use std::time::Duration;

use axum::body::Body;
use bytes::BytesMut;
use riverrun_gateway_wire::headers::{AppendMode, ReadMode, append_mode, encryption_key, read_mode, record_format};
use riverrun_gateway_wire::query::{self, ReadQuery};
use riverrun_gateway_wire::{BodyFormat, ReadBatch, headers, json, limits, proto};
use riverrun_protocol::request::{Read, Request, StreamRef};
use riverrun_protocol::response::{AppendAck, Response};
use riverrun_protocol::types::StreamName;

use super::answer::{self, Answer};
use super::call::{Call, unexpected};

/// A single read waits no longer (`s2-semantics.md` C2).
const WAIT_MAX: Duration = Duration::from_secs(60);

impl Call<'_> {
    pub async fn check_tail(&self, stream: StreamName) -> Answer {
        let target = self.target(stream)?;
        match self.ask_stream(&target, &Request::CheckTail(target.clone()), Duration::ZERO).await? {
            Response::Tail(report) => Ok(answer::json(json::tail(report.tail), &self.parts.headers)),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn append(&self, stream: StreamName, body: Body) -> Answer {
        let target = self.target(stream)?;
        encryption_key(&self.parts.headers)?;
        match append_mode(&self.parts.headers)? {
            AppendMode::S2s => self.append_session(target, body).await,
            AppendMode::Unary(format) => self.append_once(target, format, body).await,
        }
    }

    async fn append_once(&self, target: StreamRef, format: BodyFormat, body: Body) -> Answer {
        let records = record_format(&self.parts.headers)?;
        let body = self.body(body, format, limits::UNARY_BODY_BYTES_MAX).await?;
        let input = match format {
            BodyFormat::Json => json::append_input(&body.bytes, records)?,
            BodyFormat::Protobuf => proto::append_input(body.bytes.clone())?,
        };
        let encoded = input.encode()?;
        match self.ask_stream(&target, &Request::Append(encoded.append(target.clone())), Duration::ZERO).await? {
            Response::AppendAck(ack) => Ok(self.acked(&ack)),
            other => Err(unexpected(&other)),
        }
    }

    fn acked(&self, ack: &AppendAck) -> http::Response<Body> {
        let format = headers::response_format(&self.parts.headers);
        let body = match format {
            BodyFormat::Json => json::append_ack(ack),
            BodyFormat::Protobuf => {
                let mut out = BytesMut::new();
                proto::put_append_ack(&mut out, ack);
                out.freeze()
            }
        };
        answer::whole(format, body, &self.parts.headers)
    }

    pub async fn read(&self, stream: StreamName) -> Answer {
        encryption_key(&self.parts.headers)?;
        let query = ReadQuery::parse(self.query())?;
        if let Some(ticket) = query::ticket(self.query())? {
            return self.visit(&ticket, stream, &query).await;
        }
        let target = self.target(stream)?;
        match read_mode(&self.parts.headers) {
            ReadMode::S2s => self.read_session(target, &query).await,
            ReadMode::Sse => self.events(target, &query, None).await,
            ReadMode::Unary(format) => self.read_once(target, format, &query).await,
        }
    }

    async fn read_once(&self, target: StreamRef, format: BodyFormat, query: &ReadQuery) -> Answer {
        let (params, records) = (query.params()?, record_format(&self.parts.headers)?);
        let wait = Duration::from_secs(params.wait_secs.unwrap_or(0).into()).min(WAIT_MAX);
        let request = Request::Read(Read { target: target.clone(), params });
        let batch = match self.ask_stream(&target, &request, wait).await? {
            Response::ReadBatches(batches) => ReadBatch::open(&batches)?,
            other => return Err(unexpected(&other)),
        };
        let mut out = BytesMut::new();
        match format {
            BodyFormat::Json => json::put_read_batch(&mut out, &batch, records)?,
            BodyFormat::Protobuf => proto::put_read_batch(&mut out, &batch)?,
        }
        Ok(answer::whole(format, out.freeze(), &self.parts.headers))
    }
}
