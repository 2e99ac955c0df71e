//! `trim BASIN/STREAM SEQ_NUM`.

use crate::Globals;
use crate::conditions::{self, Conditions};
use crate::console::remark;
use crate::errors::{Failure, nearest};
use crate::server;
use crate::uri::StreamUri;

/// Let a stream forget the records below a sequence number
///
/// They go soon, not at once. Sequence numbers go on as before.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(
    after_help = "Appends a record that says so. A number beyond that record removes everything up to and including it.

Examples:
  riverrun trim my-basin-1/logs 1000
  riverrun trim my-basin-1/logs 1000 -f leader-7
  riverrun trim s2://my-basin-1/logs \"$(riverrun check-tail my-basin-1/logs | cut -d' ' -f1)\""
)]
pub struct Trim {
    /// The stream
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
    /// The lowest sequence number to keep
    #[arg(value_name = "SEQ_NUM")]
    pub earliest: u64,
    #[command(flatten)]
    pub conditions: Conditions,
}

pub async fn run(globals: &Globals, args: Trim) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let trim = async { server::stream(&client, &args.uri)?.trim(args.earliest, args.conditions.sent()).await };
    match server::patiently("trimming", trim).await {
        Ok(ack) => {
            remark(&format!("[TRIMMED] below {} // tail: {}", args.earliest, ack.tail));
            Ok(())
        }
        Err(error) => {
            let failure = Failure::of_command(globals, &args.uri, "trimmed", &error);
            let failure = conditions::explain(globals, &args.uri, &error, failure);
            Err(nearest::improve(globals, &client, &args.uri, &error, failure).await)
        }
    }
}
