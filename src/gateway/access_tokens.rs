//! `/v1/access-tokens` (`s2-semantics.md` F1).

use axum::body::Body;
use http::StatusCode;
use riverrun_gateway_wire::headers::require_json;
use riverrun_gateway_wire::query::ListQuery;
use riverrun_gateway_wire::{BodyFormat, json};
use riverrun_protocol::request::Request;
use riverrun_protocol::response::Response;
use riverrun_protocol::types::TokenId;

use super::answer::{self, Answer};
use super::call::{Call, unexpected};
use super::limits::CONTROL_BODY_BYTES_MAX;

impl Call<'_> {
    pub async fn list_access_tokens(&self) -> Answer {
        let list = ListQuery::parse(self.query())?.access_tokens()?;
        match self.ask(&Request::ListAccessTokens(list)).await? {
            Response::AccessTokenList(list) => Ok(answer::json(json::access_token_list(&list), &self.parts.headers)),
            other => Err(unexpected(&other)),
        }
    }

    /// The only time that the secret is shown.
    pub async fn issue_access_token(&self, body: Body) -> Answer {
        require_json(&self.parts.headers)?;
        let body = self.body(body, BodyFormat::Json, CONTROL_BODY_BYTES_MAX).await?;
        match self.ask(&Request::IssueAccessToken(json::issue_access_token(&body.bytes)?)).await? {
            Response::AccessTokenIssued(issued) => {
                Ok(answer::created(json::access_token_issued(&issued), &self.parts.headers))
            }
            other => Err(unexpected(&other)),
        }
    }

    pub async fn revoke_access_token(&self, id: TokenId) -> Answer {
        self.done(&Request::RevokeAccessToken(id), StatusCode::NO_CONTENT).await
    }
}
