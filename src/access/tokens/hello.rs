//! Who shows a token.

use std::sync::Arc;
use std::time::Duration;

use riverrun_core::access::{Grant, Principal, SecretHash, TokenSecret};
use riverrun_protocol::error::ErrorFrame;
use tokio::time::timeout;

use super::{Admitted, DEADLINE, TokenError, Tokens};

impl Tokens {
    /// Finds out who shows this token, and tells whoever asked before a revocation can come in between.
    pub async fn authenticate(
        &self,
        token: &[u8],
        monotonic: Duration,
        tell: impl FnOnce(Result<Admitted, ErrorFrame>),
    ) {
        let look_up = async {
            let _turn = self.hellos.acquire().await;
            let shared = self.lock.read().await;
            (self.holder(token).await, Some(shared))
        };
        let (known, _shared) = timeout(DEADLINE, look_up).await.unwrap_or((Err(TokenError::Slow), None));
        let admitted = known.map_err(ErrorFrame::from).map(|principal| {
            let rated = self.buckets.of(&principal, monotonic);
            Admitted { principal, rated }
        });
        tell(admitted);
    }

    async fn holder(&self, token: &[u8]) -> Result<Principal, TokenError> {
        let secret = TokenSecret::parse(token).map_err(|error| match TokenSecret::looks_like(token) {
            true => TokenError::Garbled(error),
            false => TokenError::Missing,
        })?;
        // Before the rows: between a look at them and this, a deletion could end and the token be doomed no more.
        let is_doomed = self.is_doomed(secret.public_id());
        let (root, row) = (self.root().await?, self.by_key(secret.public_id()).await?);
        let root = root.filter(|root| root.public_id == secret.public_id());
        let hash = root.as_ref().map(|root| root.secret_hash).or(row.as_ref().map(|row| row.secret_hash));
        if !SecretHash::verify(hash, &secret) || is_doomed {
            return Err(TokenError::Authn);
        }
        let principal = match (root, row) {
            (Some(root), _) => Principal::Root(root.public_id),
            (None, Some(row)) => Principal::Token(Arc::new(Grant::new(&row))),
            (None, None) => return Err(TokenError::Authn),
        };
        match principal.is_expired(self.now_ms()) {
            true => Err(TokenError::Authn),
            false => Ok(principal),
        }
    }
}
