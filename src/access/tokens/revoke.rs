//! The end of a token: revoked, or for the root token replaced.
//!
//! A token is dead from the moment in which it becomes doomed, before the catalog is asked to forget it: a catalog that
//! does not answer must not keep alive what somebody wants dead. Nothing brings it back. A write of which nobody knows
//! what became is repeated until that is known, so nobody has to wonder whether the token will be alive again once the
//! catalog answers.

use std::collections::HashSet;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use riverrun_core::access::{Principal, PublicId};
use riverrun_core::control::keys;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::response::Response;
use riverrun_protocol::types::TokenId;
use tokio::time::Instant;

use super::super::root_token::Replacement;
use super::change::{self, Caller, Turn};
use super::{Answer, DEADLINE, TokenError, Tokens};
use crate::catalog::{CatalogError, Change};

/// Before a write without an answer is repeated.
const REPEAT_AFTER: Duration = Duration::from_secs(1);

/// A doomed token, and what makes the catalog forget it. No token where there was no root token before.
struct Ending {
    gone: Option<PublicId>,
    changes: Vec<Change>,
    /// What is left to do behind the write.
    root: Option<Replacement>,
}

impl Tokens {
    /// Tells whoever asked once the token is deleted. Its connections are cut before that; only who takes away its own
    /// token hears of it first, and is cut then.
    pub async fn revoke(self: &Arc<Self>, asker: &Principal, id: TokenId, tell: impl FnOnce(Answer)) {
        let look = async {
            let Some(row) = self.by_id(&id).await? else { return Err(TokenError::NotFound(id.clone())) };
            let changes = vec![Change::Delete(keys::token(&id)), Change::Delete(keys::token_key(row.public_id))];
            Ok(Ending { gone: Some(row.public_id), changes, root: None })
        };
        self.end(asker, look, tell).await;
    }

    /// As [`Tokens::revoke`], with the old root token.
    pub async fn rotate_root(self: &Arc<Self>, asker: &Principal, tell: impl FnOnce(Answer)) {
        let look = async {
            let replacement = Replacement::begin(&*self.parts.catalog, &self.parts.root, self.now_ms()).await?;
            Ok(Ending { gone: replacement.old(), changes: replacement.changes(), root: Some(replacement) })
        };
        self.end(asker, look, tell).await;
    }

    async fn end(
        self: &Arc<Self>,
        asker: &Principal,
        look: impl Future<Output = Result<Ending, TokenError>>,
        tell: impl FnOnce(Answer),
    ) {
        let deadline = Instant::now() + DEADLINE;
        let look_and_doom = async {
            let ending = look.await?;
            self.doom(ending.gone).await;
            Ok(ending)
        };
        match self.take_turn(deadline, look_and_doom).await {
            Ok((turn, ending)) => self.end_doomed(asker, deadline, turn, ending, tell).await,
            Err(error) => tell(Err(error.into())),
        }
    }

    /// One cut is enough: nobody is let in any more with what is doomed, and shards remember.
    async fn end_doomed(
        self: &Arc<Self>,
        asker: &Principal,
        deadline: Instant,
        turn: Turn,
        ending: Ending,
        tell: impl FnOnce(Answer),
    ) {
        let gone = ending.gone;
        let cut = || gone.into_iter().for_each(|public_id| (self.parts.cut)(public_id));
        let is_own = gone.is_some() && asker.public_id() == gone;
        if !is_own {
            cut();
        }
        let tokens = Arc::clone(self);
        let written = change::begin(deadline, |caller| tokens.write_end(turn, ending, caller)).await;
        tell(written.map(|()| Response::Done).map_err(ErrorFrame::from));
        if is_own {
            cut();
        }
    }

    async fn write_end(self: Arc<Self>, turn: Turn, ending: Ending, caller: Caller) {
        let mut caller = Some(caller);
        // Whoever does not wait any more need not be told.
        let mut tell = |outcome| drop(caller.take().map(|caller| caller.send(outcome)));
        let written = loop {
            match self.parts.catalog.write(ending.changes.clone()).await {
                Err(error @ CatalogError::Unavailable(_)) => {
                    tracing::warn!(%error, "the end of an access token is written again until its outcome is known");
                    tell(Err(error.into()));
                }
                written => break written,
            }
            tokio::time::sleep(REPEAT_AFTER).await;
        };
        let ended = written.map_err(TokenError::from).and_then(|()| {
            self.forget_doomed(ending.gone);
            Ok(ending.root.map_or(Ok(()), Replacement::finish)?)
        });
        if let Err(error) = &ended {
            tracing::error!(%error, "an access token is dead, and this is not done behind it");
        }
        tell(ended);
        drop(turn);
    }

    /// Waits for the hellos that are being looked at, each of which has a deadline.
    async fn doom(&self, gone: Option<PublicId>) {
        let _alone = self.lock.write().await;
        self.doomed_ids().extend(gone);
    }

    /// The catalog knows it no more.
    fn forget_doomed(&self, gone: Option<PublicId>) {
        self.doomed_ids().retain(|public_id| Some(*public_id) != gone);
    }

    pub(super) fn is_doomed(&self, public_id: PublicId) -> bool {
        self.doomed_ids().contains(&public_id)
    }

    fn doomed_ids(&self) -> MutexGuard<'_, HashSet<PublicId>> {
        self.doomed.lock().expect("no panic while held")
    }
}
