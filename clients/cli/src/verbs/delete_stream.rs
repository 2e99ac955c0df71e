//! `delete-stream BASIN/STREAM`.

use crate::Globals;
use crate::console::remark;
use crate::errors::{Failure, nearest};
use crate::server;
use crate::uri::StreamUri;

/// Delete a stream and its records
///
/// It begins at once and ends by itself. Until then `ls` marks the stream, and every other command on it is refused.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Nothing asks whether you are sure, and nothing brings it back.

Examples:
  riverrun delete-stream my-basin-1/logs
  riverrun delete-stream my-basin-1/logs/2026/app
  riverrun delete-stream s2://my-basin-1/logs")]
pub struct DeleteStream {
    /// The stream
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
}

pub async fn run(globals: &Globals, args: DeleteStream) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let (basin, stream) = args.uri.names();
    match server::patiently("deleting the stream", client.delete_stream(basin, stream)).await {
        Ok(()) => {
            remark("Stream is being deleted");
            Ok(())
        }
        Err(error) => {
            let failure = Failure::of_removal(globals, &format!("the stream {}", args.uri), "deleted", &error);
            Err(nearest::improve_removal(globals, &client, &args.uri, &error, failure).await)
        }
    }
}
