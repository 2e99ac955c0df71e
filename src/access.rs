//! Access control at work: who is let in, the root token's file, access tokens in the catalog, shared rates, the audit
//! stream. What is allowed is decided in [`riverrun_core::access`]; here is what it takes to ask.

pub mod audit;
mod door;
mod rates;
mod root_token;
mod tokens;

pub use door::{Auth, Door};
pub use rates::{Buckets, Rated, Refusal, append_bytes};
pub use root_token::{ROOT_TOKEN_FILE, RootFile, RootTokenError, RootTokenPolicy, prepare};
pub use tokens::{Admitted, Tokens, TokensParts};

use riverrun_core::access::TokenSecret;

/// Of the operating system's randomness.
fn new_secret() -> Result<TokenSecret, String> {
    let mut bytes = [0; 48];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    let (public_id, secret) = bytes.split_at(16);
    let whole = "both parts have their lengths";
    Ok(TokenSecret::new(public_id.try_into().expect(whole), secret.try_into().expect(whole)))
}
