//! Access tokens in the catalog: looked up at every hello, issued, listed, revoked.
//!
//! Every call answers within [`DEADLINE`], whatever the catalog does. Whatever it has not begun to write by then is
//! given up.

mod change;
mod error;
mod hello;
mod issue;
mod list;
mod revoke;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_core::access::{Principal, PublicId};
use riverrun_core::control::{RootTokenRow, TokenKeyRow, TokenRow, keys};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::response::Response;
use riverrun_protocol::types::TokenId;
use tokio::sync::{RwLock, Semaphore};

use super::root_token::RootFile;
use super::{Buckets, Rated};
use crate::catalog::Catalog;
use crate::names::WallClock;
use error::TokenError;

/// Hellos whose tokens are looked up at the same time; the next ones wait, as long as one may take.
const HELLOS_MAX: usize = 256;
/// Calls that change tokens and are not answered, or not at their end. They take turns; further ones are refused.
const CHANGES_MAX: usize = 256;
/// How long a hello, or a call about tokens, may take.
const DEADLINE: Duration = Duration::from_secs(5);

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
    /// Hellos share it from their look-up until the shard is told. Whoever takes a token away has it alone for the
    /// moment in which the token becomes doomed: every shard hears of each hello that was let in before it hears that
    /// the token is dead.
    lock: RwLock<()>,
    /// Tokens that are being taken away: they open nothing any more, whatever their rows say. At most one of them is on
    /// its way; one stays for good if the catalog broke over it.
    doomed: Mutex<HashSet<PublicId>>,
    /// Whose turn it is to change rows, from the look at them until the write has ended. Not for hellos, which must not
    /// wait for writes.
    writing: Arc<tokio::sync::Mutex<()>>,
    changes: Arc<Semaphore>,
    hellos: Semaphore,
    buckets: Buckets,
}

impl Tokens {
    pub fn new(parts: TokensParts) -> Self {
        Self {
            parts,
            lock: RwLock::new(()),
            doomed: Mutex::default(),
            writing: Arc::default(),
            changes: Arc::new(Semaphore::new(CHANGES_MAX)),
            hellos: Semaphore::new(HELLOS_MAX),
            buckets: Buckets::default(),
        }
    }

    fn now_ms(&self) -> u64 {
        (self.parts.clock)()
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
