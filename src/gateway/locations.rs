//! `/v1/locations` (`s2-semantics.md` E10).

use axum::body::Body;
use riverrun_gateway_wire::headers::require_json;
use riverrun_gateway_wire::{BodyFormat, json};
use riverrun_protocol::request::Request;
use riverrun_protocol::response::Response;

use super::answer::{self, Answer};
use super::call::{Call, unexpected};
use super::limits::CONTROL_BODY_BYTES_MAX;

impl Call<'_> {
    pub async fn list_locations(&self) -> Answer {
        match self.ask(&Request::ListLocations).await? {
            Response::LocationList(list) => Ok(answer::json(json::location_list(&list), &self.parts.headers)),
            other => Err(unexpected(&other)),
        }
    }

    pub async fn default_location(&self) -> Answer {
        self.one_location(&Request::GetDefaultLocation).await
    }

    pub async fn set_default_location(&self, body: Body) -> Answer {
        require_json(&self.parts.headers)?;
        let body = self.body(body, BodyFormat::Json, CONTROL_BODY_BYTES_MAX).await?;
        self.one_location(&Request::SetDefaultLocation(json::default_location(&body.bytes)?)).await
    }

    async fn one_location(&self, request: &Request<'_>) -> Answer {
        match self.ask(request).await? {
            Response::Location(info) => Ok(answer::json(json::location_info(&info), &self.parts.headers)),
            other => Err(unexpected(&other)),
        }
    }
}
