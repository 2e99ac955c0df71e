//! `rotate-root-token`.

use riverrun_client::Outcome;

use crate::Globals;
use crate::console::remark;
use crate::errors::{Exit, Failure};
use crate::server;

/// Replace the root token: the old one is dead at once
#[derive(clap::Args, Clone, Copy, PartialEq, Eq, Debug)]
#[command(
    after_help = "The broker writes the new one into its root-token file, for those who may read that; it is not sent \
over the network. Other access tokens stay as they are.

Examples:
  riverrun --token-file root.token rotate-root-token
  RIVERRUN_TOKEN=\"$(cat root.token)\" riverrun rotate-root-token"
)]
pub struct RotateRootToken {}

pub async fn run(globals: &Globals, _: RotateRootToken) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    match server::patiently("replacing the root token", client.rotate_root_token()).await {
        Ok(()) => {
            remark("Root token replaced; the broker wrote the new one into its root-token file");
            Ok(())
        }
        Err(error) if error.outcome() == Outcome::MaybeDone => {
            let failure = Failure::of_call(globals, "the root token may or may not have been replaced", &error);
            let advice = "look into the broker's root-token file".to_owned();
            Err(Failure { advice, ..failure }.with_exit(Exit::Ambiguous))
        }
        Err(error) => Err(Failure::of_call(globals, "the root token was not replaced", &error)),
    }
}
