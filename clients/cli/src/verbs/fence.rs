//! `fence BASIN/STREAM TOKEN`.

use riverrun_client::FencingToken;

use crate::Globals;
use crate::conditions::{self, Conditions};
use crate::console::remark;
use crate::errors::{Failure, nearest};
use crate::server;
use crate::uri::StreamUri;

/// Set a stream's fencing token, so that writers with another one are refused
///
/// Writers that give no token are not: fencing is for those that take part in it.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(
    after_help = "Appends a record that says so. -f and -m are checked against the token before it: with `-f ''` it is \
set only where there is none.

Examples:
  riverrun fence my-basin-1/logs leader-7
  riverrun fence my-basin-1/logs leader-8 -f leader-7
  riverrun fence my-basin-1/logs ''"
)]
pub struct Fence {
    /// The stream
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
    /// The new token, at most 36 bytes; '' for none
    #[arg(value_name = "TOKEN")]
    pub token: FencingToken,
    #[command(flatten)]
    pub conditions: Conditions,
}

pub async fn run(globals: &Globals, args: Fence) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let fence = async { server::stream(&client, &args.uri)?.fence(&args.token, args.conditions.sent()).await };
    match server::patiently("fencing", fence).await {
        Ok(ack) => {
            remark(&format!("[FENCED] by '{}' // tail: {}", args.token, ack.tail));
            Ok(())
        }
        Err(error) => {
            let failure = Failure::of_command(globals, &args.uri, "fenced", &error);
            let failure = conditions::explain(globals, &args.uri, &error, failure);
            Err(nearest::improve(globals, &client, &args.uri, &error, failure).await)
        }
    }
}
