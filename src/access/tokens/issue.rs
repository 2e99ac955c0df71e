//! A new token.

use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::access::{Principal, TokenSecret, issue};
use riverrun_core::control::{TokenKeyRow, keys};
use riverrun_protocol::request::IssueAccessToken;
use riverrun_protocol::response::{AccessTokenIssued, Response};
use tokio::time::Instant;

use super::super::new_secret;
use super::{Answer, DEADLINE, TokenError, Tokens, change};
use crate::catalog::Row;

impl Tokens {
    /// Nothing is written behind an answer that says that nothing was done: a token whose secret nobody has would be in
    /// the way of the next attempt.
    pub async fn issue(&self, issuer: &Principal, request: IssueAccessToken) -> Answer {
        let deadline = Instant::now() + DEADLINE;
        let (turn, (secret, rows)) = self.take_turn(deadline, self.decide(issuer, &request)).await?;
        let catalog = Arc::clone(&self.parts.catalog);
        let write = |caller: change::Caller| async move {
            let written = catalog.put_batch(rows).await;
            drop(turn);
            // Whoever was told meanwhile that it may have been done knows all there is to know.
            let _ = caller.send(written.map_err(TokenError::from));
        };
        change::begin(deadline, write).await?;
        Ok(Response::AccessTokenIssued(AccessTokenIssued { secret: secret.reveal() }))
    }

    async fn decide(
        &self,
        issuer: &Principal,
        request: &IssueAccessToken,
    ) -> Result<(TokenSecret, Vec<Row>), TokenError> {
        // Its connection may not have heard yet.
        if !self.is_alive(issuer).await? {
            return Err(TokenError::Authn);
        }
        let secret = new_secret().map_err(TokenError::Random)?;
        let row = issue(issuer, request, &secret, self.now_ms())?;
        if self.by_id(&row.id).await?.is_some() {
            return Err(TokenError::Exists(row.id));
        }
        let key: Bytes = TokenKeyRow { id: row.id.clone() }.encode();
        let rows = vec![(keys::token(&row.id), row.encode()), (keys::token_key(row.public_id), key)];
        Ok((secret, rows))
    }

    async fn is_alive(&self, principal: &Principal) -> Result<bool, TokenError> {
        if principal.public_id().is_some_and(|public_id| self.is_doomed(public_id)) {
            return Ok(false);
        }
        Ok(match principal {
            Principal::Everyone { .. } | Principal::System => true,
            Principal::Root(public_id) => self.root().await?.is_some_and(|root| root.public_id == *public_id),
            Principal::Token(grant) => {
                self.by_key(grant.public_id).await?.is_some() && !principal.is_expired(self.now_ms())
            }
        })
    }
}
