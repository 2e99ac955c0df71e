//! Access tokens (`s2-semantics.md` F).

use riverrun_protocol::error::ErrorCode;
use riverrun_protocol::request::{IssueAccessToken, ListAccessTokens, Request};
use riverrun_protocol::response::{AccessTokenList, Response};
use riverrun_protocol::types::{TokenId, check_token_filter};

use super::Client;
use crate::access_token::AccessTokenOptions;
use crate::config::Token;
use crate::error::Error;
use crate::options::ListOptions;
use crate::pool::unexpected;
use crate::retry::Effect;

impl Client {
    /// Issues an access token; the only time that its secret is told. It can grant no more than this client's own token
    /// may do.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::{AccessTokenOptions, Operation, ResourceSet};
    ///
    /// let options = AccessTokenOptions::default()
    ///     .basins(ResourceSet::Exact("demo-basin".into()))
    ///     .streams(ResourceSet::Prefix("logs/".into()))
    ///     .operations([Operation::Read, Operation::CheckTail]);
    /// let token = client.issue_access_token("log-readers", options).await?;
    /// std::fs::write("log-readers.token", token.secret()).expect("a writable folder");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Code `AlreadyExists` if there is a token of this id, `PermissionDenied` beyond the issuer's own scope or expiry.
    /// `MaybeDone` where the answer, and with it the secret, was lost: revoke it, and issue another.
    pub async fn issue_access_token(&self, id: &str, options: AccessTokenOptions) -> Result<Token, Error> {
        let AccessTokenOptions { scope, rates, expires_at_ms, auto_prefix_streams } = options;
        let issue = IssueAccessToken { id: TokenId::new(id)?, expires_at_ms, auto_prefix_streams, scope, rates };
        match self.ask(&Request::IssueAccessToken(issue), Effect::Some).await? {
            Response::AccessTokenIssued(issued) => Ok(Token::new(issued.secret)),
            other => Err(unexpected(&other, Effect::Some)),
        }
    }

    /// One page of access tokens, in byte order of their ids, without their secrets.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// use riverrun_client::ListOptions;
    ///
    /// for token in client.list_access_tokens(ListOptions::default()).await?.tokens {
    ///     println!("{} expires at {:?}", token.id, token.expires_at_ms);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn list_access_tokens(&self, options: ListOptions) -> Result<AccessTokenList, Error> {
        let ListOptions { prefix, start_after, limit } = options;
        check_token_filter(&prefix)?;
        check_token_filter(&start_after)?;
        let list = ListAccessTokens { prefix, start_after, limit };
        match self.ask(&Request::ListAccessTokens(list), Effect::None).await? {
            Response::AccessTokenList(list) => Ok(list),
            other => Err(unexpected(&other, Effect::None)),
        }
    }

    /// Revokes an access token: it is dead at once, and so are the sessions that were opened with it.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// client.revoke_access_token("log-readers").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Code `AccessTokenNotFound` if there is none of this id.
    pub async fn revoke_access_token(&self, id: &str) -> Result<(), Error> {
        self.remove(&Request::RevokeAccessToken(TokenId::new(id)?), ErrorCode::AccessTokenNotFound).await
    }

    /// Replaces the root token: the server writes the new one into its root-token file, and the old one is dead at
    /// once, this client's own connections included if they were opened with it. No secret travels.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// client.rotate_root_token().await?;
    /// # Ok(()) }
    /// ```
    pub async fn rotate_root_token(&self) -> Result<(), Error> {
        match self.ask(&Request::RotateRootToken, Effect::Some).await? {
            Response::Done => Ok(()),
            other => Err(unexpected(&other, Effect::Some)),
        }
    }
}
