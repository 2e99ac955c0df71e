//! Access tokens in the catalog: looked up at every hello, issued, listed, revoked.

use std::sync::Arc;
use std::time::Duration;

use riverrun_core::access::{Grant, NotAToken, Principal, PublicId, SecretHash, TokenSecret, issue};
use riverrun_core::control::{Listing, RootTokenRow, TokenKeyRow, TokenRow, keys};
use riverrun_core::stored::StoredError;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{IssueAccessToken, ListAccessTokens};
use riverrun_protocol::response::{AccessTokenIssued, AccessTokenList, Response};
use riverrun_protocol::types::TokenId;
use tokio::sync::{Mutex, RwLock, Semaphore};
use tokio::time::timeout;

use super::root_token::{self, RootFile, RootTokenError};
use super::{Buckets, Rated, new_secret};
use crate::catalog::{Catalog, CatalogError, Change};
use crate::names::WallClock;

/// Hellos whose tokens are looked up at the same time; the next ones wait, as long as one may take.
const HELLOS_MAX: usize = 256;
/// How long a hello, or the issuing of a token, may take, and a look at whether a token is alive.
const DEADLINE: Duration = Duration::from_secs(5);
/// Looks that fail, a pause after each, until a token is taken to be dead.
const LOOKS_MAX: usize = 3;
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// What becomes of a call.
pub type Answer = Result<Response, ErrorFrame>;

/// Whom a hello has let in, and what it draws from.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub principal: Principal,
    pub rated: Rated,
}

pub struct TokensParts {
    pub catalog: Arc<dyn Catalog>,
    pub root: RootFile,
    /// Milliseconds since the Unix epoch.
    pub clock: WallClock,
    /// Tells every shard to end the connections of a token.
    pub cut: Box<dyn Fn(PublicId) + Send + Sync>,
}

/// The one owner of token rows.
pub struct Tokens {
    parts: TokensParts,
    /// Hellos share it from their look-up until the shard is told, and so does issuing; whoever takes a token away has it
    /// alone until the shards are told. So every shard hears of a hello that was still let in before it hears that its
    /// token is dead.
    lock: RwLock<()>,
    /// Between the look whether an id is free and the row that takes it. Not for hellos, which must not wait for writes.
    issuing: Mutex<()>,
    hellos: Semaphore,
    buckets: Buckets,
}

/// Why a token call failed.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("the catalog: {0}")]
    Stored(#[from] StoredError),
    #[error(transparent)]
    Root(#[from] RootTokenError),
    #[error("{0}")]
    Random(String),
    #[error("the catalog did not answer within {DEADLINE:?}: try again later")]
    Slow,
    #[error("the access token is unknown, expired or revoked: get another one from its issuer")]
    Authn,
    #[error("an access token is needed here: the client gave none, or something that is no access token of Riverrun's")]
    Missing,
    #[error("what was given as an access token is damaged: {0}. Copy the whole token")]
    Garbled(NotAToken),
    #[error("access token `{0}` already exists")]
    Exists(TokenId),
    #[error("access token `{0}` not found")]
    NotFound(TokenId),
    #[error("{0}")]
    Refused(#[from] riverrun_core::access::Refused),
}

impl From<TokenError> for ErrorFrame {
    fn from(error: TokenError) -> Self {
        let code = match error {
            TokenError::Refused(refused) => return refused.into(),
            TokenError::Authn | TokenError::Missing | TokenError::Garbled(_) => ErrorCode::Authn,
            TokenError::Exists(_) => ErrorCode::AlreadyExists,
            TokenError::NotFound(_) => ErrorCode::AccessTokenNotFound,
            TokenError::Stored(_) | TokenError::Catalog(CatalogError::Corrupt(_)) => ErrorCode::Corrupt,
            TokenError::Catalog(_) | TokenError::Root(_) | TokenError::Random(_) | TokenError::Slow => {
                ErrorCode::Unavailable
            }
        };
        Self::new(code, error.to_string())
    }
}

impl Tokens {
    pub fn new(parts: TokensParts) -> Self {
        let hellos = Semaphore::new(HELLOS_MAX);
        Self { parts, lock: RwLock::new(()), issuing: Mutex::new(()), hellos, buckets: Buckets::default() }
    }

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
        let (root, row) = (self.root().await?, self.by_key(secret.public_id()).await?);
        let root = root.filter(|root| root.public_id == secret.public_id());
        let hash = root.as_ref().map(|root| root.secret_hash).or(row.as_ref().map(|row| row.secret_hash));
        if !SecretHash::verify(hash, &secret) {
            return Err(TokenError::Authn);
        }
        let principal = match (root, row) {
            (Some(root), _) => Principal::Root(root.public_id),
            (None, Some(row)) => Principal::Token(Arc::new(Grant::new(&row))),
            (None, None) => return Err(TokenError::Authn),
        };
        match principal.is_expired((self.parts.clock)()) {
            true => Err(TokenError::Authn),
            false => Ok(principal),
        }
    }

    async fn root(&self) -> Result<Option<RootTokenRow>, TokenError> {
        let value = self.parts.catalog.get(keys::ROOT_TOKEN.into()).await?;
        Ok(value.map(|value| RootTokenRow::decode(&value)).transpose()?)
    }

    async fn by_key(&self, public_id: PublicId) -> Result<Option<TokenRow>, TokenError> {
        let Some(value) = self.parts.catalog.get(keys::token_key(public_id)).await? else { return Ok(None) };
        let row = self.by_id(&TokenKeyRow::decode(&value)?.id).await?;
        Ok(row.filter(|row| row.public_id == public_id))
    }

    async fn by_id(&self, id: &TokenId) -> Result<Option<TokenRow>, TokenError> {
        let value = self.parts.catalog.get(keys::token(id)).await?;
        Ok(value.map(|value| TokenRow::decode(&value)).transpose()?)
    }

    /// A connection came to another shard while its token may have been taken away: that shard may have been told
    /// before.
    pub async fn check_again(&self, principal: &Principal) {
        let Some(public_id) = principal.public_id() else { return };
        for _ in 0..LOOKS_MAX {
            match timeout(DEADLINE, self.cut_if_dead(public_id, principal)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::warn!(%principal, %error, "it is not known whether this token is alive"),
                Err(_) => tracing::warn!(%principal, "it is not known whether this token is alive: no answer"),
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        // Whoever has a token that is alive comes back in.
        (self.parts.cut)(public_id);
    }

    async fn cut_if_dead(&self, public_id: PublicId, principal: &Principal) -> Result<(), TokenError> {
        let _shared = self.lock.read().await;
        if !self.is_alive(principal).await? {
            (self.parts.cut)(public_id);
        }
        Ok(())
    }

    async fn is_alive(&self, principal: &Principal) -> Result<bool, TokenError> {
        Ok(match principal {
            Principal::Everyone { .. } | Principal::System => true,
            Principal::Root(public_id) => self.root().await?.is_some_and(|root| root.public_id == *public_id),
            Principal::Token(grant) => {
                self.by_key(grant.public_id).await?.is_some() && !principal.is_expired((self.parts.clock)())
            }
        })
    }

    /// In a task of its own, as every change is: a caller who stops waiting must not stop it half way.
    pub async fn issue(
        self: &Arc<Self>,
        issuer: &Principal,
        request: IssueAccessToken,
    ) -> Result<Response, ErrorFrame> {
        let (tokens, issuer) = (Arc::clone(self), issuer.clone());
        let made = to_the_end(async move { tokens.make(&issuer, &request).await });
        timeout(DEADLINE, made).await.unwrap_or(Err(TokenError::Slow)).map_err(ErrorFrame::from)
    }

    async fn make(&self, issuer: &Principal, request: &IssueAccessToken) -> Result<Response, TokenError> {
        // First the one that makes wait: whoever waits with the lock in hand makes those wait who take tokens away.
        let _issuing = self.issuing.lock().await;
        let _shared = self.lock.read().await;
        // Its connection may not have heard yet.
        if !self.is_alive(issuer).await? {
            return Err(TokenError::Authn);
        }
        let secret = new_secret().map_err(TokenError::Random)?;
        let row = issue(issuer, request, &secret, (self.parts.clock)())?;
        if self.by_id(&row.id).await?.is_some() {
            return Err(TokenError::Exists(row.id));
        }
        let key = TokenKeyRow { id: row.id.clone() };
        let rows = vec![(keys::token(&row.id), row.encode()), (keys::token_key(row.public_id), key.encode())];
        self.parts.catalog.put_batch(rows).await?;
        Ok(Response::AccessTokenIssued(AccessTokenIssued { secret: secret.reveal() }))
    }

    pub async fn list(&self, principal: &Principal, request: &ListAccessTokens) -> Result<Response, ErrorFrame> {
        let page = self.page(&Listing::access_tokens(request, principal.access_tokens())).await?;
        let tokens = page.entries.iter().map(TokenRow::info).collect();
        Ok(Response::AccessTokenList(AccessTokenList { tokens, has_more: page.has_more }))
    }

    async fn page(&self, listing: &Listing) -> Result<riverrun_core::control::Page<TokenRow>, TokenError> {
        if listing.is_empty() {
            return Ok(listing.page(Vec::new()));
        }
        let rows = self.parts.catalog.scan(listing.keys.clone(), listing.scan_max()).await?;
        let rows = rows.iter().map(|(_, value)| TokenRow::decode(value)).collect::<Result<Vec<_>, _>>()?;
        Ok(listing.page(rows))
    }

    /// Tells whoever asked once the token opens nothing, and then cuts its connections: the asker's may be among them.
    pub async fn revoke(self: &Arc<Self>, id: TokenId, tell: impl FnOnce(Answer) + Send + 'static) {
        let tokens = Arc::clone(self);
        to_the_end(async move {
            let _alone = tokens.lock.write().await;
            let mut gone = None;
            let deleted = tokens.delete(&id, &mut gone).await;
            tokens.end(deleted, gone, tell);
        })
        .await;
    }

    /// `gone` is set once it may have been done: if nobody knows, nobody could find the token again to revoke it.
    async fn delete(&self, id: &TokenId, gone: &mut Option<PublicId>) -> Result<(), TokenError> {
        let Some(row) = self.by_id(id).await? else { return Err(TokenError::NotFound(id.clone())) };
        let rows = vec![Change::Delete(keys::token(id)), Change::Delete(keys::token_key(row.public_id))];
        *gone = Some(row.public_id);
        Ok(self.parts.catalog.write(rows).await?)
    }

    /// As [`Tokens::revoke`], with the old root token.
    pub async fn rotate_root(self: &Arc<Self>, tell: impl FnOnce(Answer) + Send + 'static) {
        let tokens = Arc::clone(self);
        to_the_end(async move {
            let _alone = tokens.lock.write().await;
            let (parts, mut gone) = (&tokens.parts, None);
            let replaced = root_token::replace(&*parts.catalog, &parts.root, (parts.clock)(), &mut gone).await;
            tokens.end(replaced.map_err(TokenError::from), gone, tell);
        })
        .await;
    }

    /// Whatever may be dead by now is cut, also if the call as a whole failed.
    fn end(&self, done: Result<(), TokenError>, gone: Option<PublicId>, tell: impl FnOnce(Answer)) {
        tell(done.map(|()| Response::Done).map_err(ErrorFrame::from));
        gone.into_iter().for_each(|public_id| (self.parts.cut)(public_id));
    }
}

async fn to_the_end<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(call).await {
        Ok(answer) => answer,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

impl std::fmt::Debug for TokensParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokensParts").field("root", &self.root).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("root", &self.parts.root).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
