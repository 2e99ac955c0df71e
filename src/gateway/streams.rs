//! `/v1/streams` (`s2-semantics.md` E3, H2).

use axum::body::Body;
use http::StatusCode;
use riverrun_gateway_wire::headers::{Provisioning, optional_json, request_token, require_json};
use riverrun_gateway_wire::query::ListQuery;
use riverrun_gateway_wire::{BodyFormat, json};
use riverrun_protocol::request::Request;
use riverrun_protocol::response::Response;
use riverrun_protocol::types::StreamName;

use super::answer::{self, Answer};
use super::call::{Call, unexpected};
use super::limits::CONTROL_BODY_BYTES_MAX;

impl Call<'_> {
    pub async fn list_streams(&self) -> Answer {
        let list = ListQuery::parse(self.query())?.streams(self.basin()?)?;
        match self.ask(&Request::ListStreams(list)).await? {
            Response::StreamList(list) => Ok(answer::json(json::stream_list(&list), &self.parts.headers)),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn create_stream(&self, body: Body) -> Answer {
        let (basin, token) = (self.basin()?, request_token(&self.parts.headers)?);
        require_json(&self.parts.headers)?;
        let body = self.body(body, BodyFormat::Json, CONTROL_BODY_BYTES_MAX).await?;
        let create = json::create_stream(basin, &body.bytes, token)?;
        self.provision_stream(Provisioning::Create, &Request::CreateStream(create)).await
    }

    pub async fn ensure_stream(&self, stream: StreamName, body: Body) -> Answer {
        let target = self.target(stream)?;
        let body = self.body(body, BodyFormat::Json, CONTROL_BODY_BYTES_MAX).await?;
        let ensure = json::ensure_stream(target, optional_json(&self.parts.headers, &body.bytes)?)?;
        self.provision_stream(Provisioning::Ensure, &Request::EnsureStream(ensure)).await
    }

    async fn provision_stream(&self, call: Provisioning, request: &Request<'_>) -> Answer {
        match self.ask(request).await? {
            Response::StreamProvisioned(done) => {
                Ok(answer::provisioned(call, done.result, json::stream_info(&done.info), &self.parts.headers))
            }
            other => Err(unexpected(&other)),
        }
    }

    pub async fn stream_config(&self, stream: StreamName) -> Answer {
        self.configured_stream(&Request::GetStreamConfig(self.target(stream)?)).await
    }

    pub async fn reconfigure_stream(&self, stream: StreamName, body: Body) -> Answer {
        let target = self.target(stream)?;
        require_json(&self.parts.headers)?;
        let body = self.body(body, BodyFormat::Json, CONTROL_BODY_BYTES_MAX).await?;
        self.configured_stream(&Request::ReconfigureStream(json::reconfigure_stream(target, &body.bytes)?)).await
    }

    async fn configured_stream(&self, request: &Request<'_>) -> Answer {
        match self.ask(request).await? {
            Response::StreamConfig(config) => Ok(answer::json(json::stream_config(&config), &self.parts.headers)),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn delete_stream(&self, stream: StreamName) -> Answer {
        self.done(&Request::DeleteStream(self.target(stream)?), StatusCode::ACCEPTED).await
    }
}
