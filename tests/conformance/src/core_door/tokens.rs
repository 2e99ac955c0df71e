//! Who is behind a link (`s2-semantics.md` F): core decides, and what it decides by is modelled here.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use riverrun_core::access::{self, Grant, Principal, PublicId, SecretHash, TokenSecret};
use riverrun_core::control::{Listing, TokenRow, keys};
use riverrun_core::event::AppendRights;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::{IssueAccessToken, ListAccessTokens, Request};
use riverrun_protocol::response::{AccessTokenIssued, AccessTokenList, Response};
use riverrun_protocol::types::TokenId;

use super::CoreDoor;
use crate::door::Link;

#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// By their keys in the catalog, so that a listing is a scan.
    rows: BTreeMap<Bytes, TokenRow>,
    principals: BTreeMap<Link, Principal>,
    issued: u8,
}

pub(super) fn root() -> TokenSecret {
    TokenSecret::new([0xee; 16], [0xdd; 32])
}

impl Tokens {
    /// Random enough for a model: no two are alike.
    fn next_secret(&mut self) -> TokenSecret {
        self.issued += 1;
        TokenSecret::new([self.issued; 16], [self.issued ^ 0x55; 32])
    }

    fn holder(&self, token: &[u8], now_ms: u64) -> Option<Principal> {
        let secret = TokenSecret::parse(token).ok()?;
        let root = root();
        if secret.public_id() == root.public_id() {
            return SecretHash::verify(Some(root.hash()), &secret).then(|| Principal::Root(root.public_id()));
        }
        let row = self.rows.values().find(|row| row.public_id == secret.public_id());
        let row = row.filter(|row| SecretHash::verify(Some(row.secret_hash), &secret))?;
        Some(Principal::Token(Arc::new(Grant::new(row)))).filter(|principal| !principal.is_expired(now_ms))
    }

    pub(super) fn enter(&mut self, link: Link, token: &[u8], now_ms: u64) -> Result<(), ErrorFrame> {
        let holder = self.holder(token, now_ms).ok_or_else(|| ErrorFrame::new(ErrorCode::Authn, "no such token"))?;
        self.principals.insert(link, holder);
        Ok(())
    }

    pub(super) fn principal(&self, link: Link) -> &Principal {
        &self.principals[&link]
    }

    /// The request in whole names, and what may be appended by it.
    pub(super) fn admit(&self, link: Link, request: &mut Request<'_>) -> Result<AppendRights, ErrorFrame> {
        let principal = self.principal(link);
        if let Some(namespace) = principal.namespace() {
            let entered = namespace.enter(request);
            entered.map_err(|error| ErrorFrame::new(ErrorCode::Invalid, error.to_string()))?;
        }
        Ok(access::admit(principal, request)?)
    }

    pub(super) fn leave(&self, link: Link, response: Response) -> Response {
        match self.principal(link).namespace() {
            Some(namespace) => namespace.leave(response),
            None => response,
        }
    }

    pub(super) fn leave_error(&self, link: Link, error: ErrorFrame) -> ErrorFrame {
        match self.principal(link).namespace() {
            Some(namespace) => namespace.leave_error(error),
            None => error,
        }
    }

    /// What of a kind of thing is shown behind this link.
    pub(super) fn is_dead(&self, link: Link, now_ms: u64) -> bool {
        self.principals.get(&link).is_some_and(|principal| principal.is_expired(now_ms))
    }

    fn links_of(&self, public_id: PublicId) -> Vec<Link> {
        let held = self.principals.iter().filter(|(_, principal)| principal.public_id() == Some(public_id));
        held.map(|(link, _)| *link).collect()
    }
}

impl CoreDoor {
    pub(super) fn issue(&mut self, link: Link, request: &IssueAccessToken) -> Result<Response, ErrorFrame> {
        let secret = self.tokens.next_secret();
        let row = access::issue(self.tokens.principal(link), request, &secret, self.now.wall_ms)?;
        let key = keys::token(&row.id);
        if self.tokens.rows.contains_key(&key) {
            let message = format!("access token `{}` already exists", row.id);
            return Err(ErrorFrame::new(ErrorCode::AlreadyExists, message));
        }
        self.tokens.rows.insert(key, row);
        Ok(Response::AccessTokenIssued(AccessTokenIssued { secret: secret.reveal() }))
    }

    pub(super) fn list_tokens(&self, link: Link, request: &ListAccessTokens) -> Response {
        let listing = Listing::access_tokens(request, self.tokens.principal(link).access_tokens());
        let found = self.tokens.rows.range(listing.keys.clone()).take(listing.scan_max());
        let page = listing.page(found.map(|(_, row)| row.info()).collect());
        Response::AccessTokenList(AccessTokenList { tokens: page.entries, has_more: page.has_more })
    }

    /// Its connections are dead before the answer is there.
    pub(super) fn revoke(&mut self, id: &TokenId) -> Result<Response, ErrorFrame> {
        let Some(row) = self.tokens.rows.remove(&keys::token(id)) else {
            return Err(ErrorFrame::new(ErrorCode::AccessTokenNotFound, format!("access token `{id}` not found")));
        };
        self.tokens.links_of(row.public_id).into_iter().for_each(|link| self.close(link));
        Ok(Response::Done)
    }
}
