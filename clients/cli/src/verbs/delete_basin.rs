//! `delete-basin BASIN`.

use crate::Globals;
use crate::console::remark;
use crate::errors::{Failure, nearest};
use crate::server;
use crate::uri::BasinUri;

/// Delete a basin with all its streams and their records
///
/// It begins at once and ends by itself. Until then `ls` marks the basin, and its name cannot be used anew.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Nothing asks whether you are sure, and nothing brings it back.

Examples:
  riverrun delete-basin my-basin-1
  riverrun delete-basin s2://my-basin-1
  riverrun delete-basin my-basin-1 && riverrun ls -p my-basin-1")]
pub struct DeleteBasin {
    /// The basin
    #[arg(value_name = "BASIN")]
    pub basin: BasinUri,
}

pub async fn run(globals: &Globals, args: DeleteBasin) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let basin = args.basin.name();
    match server::patiently("deleting the basin", client.delete_basin(basin)).await {
        Ok(()) => {
            remark("Basin is being deleted");
            Ok(())
        }
        Err(error) => {
            let failure = Failure::of_removal(globals, &format!("the basin {basin}"), "deleted", &error);
            Err(nearest::improve_basin_removal(globals, &client, basin, &error, failure).await)
        }
    }
}
