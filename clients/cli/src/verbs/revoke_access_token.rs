//! `revoke-access-token ID`.

use riverrun_client::{ErrorCode, TokenId};

use crate::Globals;
use crate::console::remark;
use crate::errors::Failure;
use crate::resume::CommandLine;
use crate::server;

/// Revoke an access token: it is dead at once
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  riverrun revoke-access-token log-readers
  riverrun --token-file root.token revoke-access-token log-readers
  riverrun revoke-access-token \"tenant 1\"")]
pub struct RevokeAccessToken {
    /// Its id, as list-access-tokens shows it; not the secret
    #[arg(value_name = "ID")]
    pub id: TokenId,
}

pub async fn run(globals: &Globals, args: RevokeAccessToken) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let revoking = client.revoke_access_token(args.id.as_str());
    let Err(error) = server::patiently("revoking the access token", revoking).await else {
        remark("Access token revoked");
        return Ok(());
    };
    let failure = Failure::of_removal(globals, &format!("the access token {}", args.id), "revoked", &error);
    if error.code() != Some(ErrorCode::AccessTokenNotFound) {
        return Err(failure);
    }
    let list = CommandLine::new(globals, "list-access-tokens");
    Err(Failure { advice: format!("see what there is with `{list}`"), ..failure })
}
