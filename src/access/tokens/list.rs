//! Which tokens there are.

use riverrun_core::access::Principal;
use riverrun_core::control::{Listing, Page, TokenRow};
use riverrun_protocol::request::ListAccessTokens;
use riverrun_protocol::response::{AccessTokenList, Response};
use tokio::time::timeout;

use super::{Answer, DEADLINE, TokenError, Tokens};

impl Tokens {
    pub async fn list(&self, principal: &Principal, request: &ListAccessTokens) -> Answer {
        let listing = Listing::access_tokens(request, principal.access_tokens());
        let page = timeout(DEADLINE, self.page(&listing)).await.unwrap_or(Err(TokenError::Slow))?;
        let tokens = page.entries.iter().map(TokenRow::info).collect();
        Ok(Response::AccessTokenList(AccessTokenList { tokens, has_more: page.has_more }))
    }

    async fn page(&self, listing: &Listing) -> Result<Page<TokenRow>, TokenError> {
        if listing.is_empty() {
            return Ok(listing.page(Vec::new()));
        }
        let rows = self.parts.catalog.scan(listing.keys.clone(), listing.scan_max()).await?;
        let rows = rows.iter().map(|(_, value)| TokenRow::decode(value)).collect::<Result<Vec<_>, _>>()?;
        Ok(listing.page(rows))
    }
}
