//! `/v1/basins` (`s2-semantics.md` E3, H2).

use axum::body::Body;
use http::StatusCode;
use riverrun_gateway_wire::headers::{Provisioning, optional_json, request_token, require_json};
use riverrun_gateway_wire::query::ListQuery;
use riverrun_gateway_wire::{BodyFormat, json};
use riverrun_protocol::request::Request;
use riverrun_protocol::response::Response;
use riverrun_protocol::types::{BasinName, LocationName};

use super::answer::{self, Answer};
use super::call::{Call, unexpected};
use super::limits::CONTROL_BODY_BYTES_MAX;

impl Call<'_> {
    pub async fn list_basins(&self) -> Answer {
        let list = ListQuery::parse(self.query())?.basins()?;
        match self.ask(&Request::ListBasins(list)).await? {
            Response::BasinList(list) => Ok(answer::json(json::basin_list(&list, self.here()), &self.parts.headers)),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn create_basin(&self, body: Body) -> Answer {
        let token = request_token(&self.parts.headers)?;
        require_json(&self.parts.headers)?;
        let body = self.body(body, BodyFormat::Json, CONTROL_BODY_BYTES_MAX).await?;
        let create = json::create_basin(&body.bytes, token, self.here())?;
        self.provision_basin(Provisioning::Create, &Request::CreateBasin(create)).await
    }

    pub async fn ensure_basin(&self, basin: BasinName, body: Body) -> Answer {
        let body = self.body(body, BodyFormat::Json, CONTROL_BODY_BYTES_MAX).await?;
        let ensure = json::ensure_basin(basin, optional_json(&self.parts.headers, &body.bytes)?, self.here())?;
        self.provision_basin(Provisioning::Ensure, &Request::EnsureBasin(ensure)).await
    }

    async fn provision_basin(&self, call: Provisioning, request: &Request<'_>) -> Answer {
        match self.ask(request).await? {
            Response::BasinProvisioned(done) => Ok(answer::provisioned(
                call,
                done.result,
                json::basin_info(&done.info, self.here()),
                &self.parts.headers,
            )),
            other => Err(unexpected(&other)),
        }
    }

    /// Where all basins are.
    fn here(&self) -> &LocationName {
        &self.app.settings.location
    }

    pub async fn basin_config(&self, basin: BasinName) -> Answer {
        self.configured_basin(&Request::GetBasinConfig(basin)).await
    }

    pub async fn reconfigure_basin(&self, basin: BasinName, body: Body) -> Answer {
        require_json(&self.parts.headers)?;
        let body = self.body(body, BodyFormat::Json, CONTROL_BODY_BYTES_MAX).await?;
        self.configured_basin(&Request::ReconfigureBasin(json::reconfigure_basin(basin, &body.bytes)?)).await
    }

    async fn configured_basin(&self, request: &Request<'_>) -> Answer {
        match self.ask(request).await? {
            Response::BasinConfig(config) => Ok(answer::json(json::basin_config(&config), &self.parts.headers)),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn delete_basin(&self, basin: BasinName) -> Answer {
        self.done(&Request::DeleteBasin(basin), StatusCode::ACCEPTED).await
    }

    /// What is answered by nothing but that it was done.
    pub async fn done(&self, request: &Request<'_>, status: StatusCode) -> Answer {
        match self.ask(request).await? {
            Response::Done => Ok(answer::empty(status)),
            other => Err(unexpected(&other)),
        }
    }
}
