//! `check-tail BASIN/STREAM`.

use crate::Globals;
use crate::console::print;
use crate::errors::{Failure, nearest};
use crate::server;
use crate::uri::StreamUri;

/// Print the number the next record will get, and the timestamp of the last one
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Prints `SEQ_NUM @ TIMESTAMP`; `0 @ 0` for a stream that nothing was ever written to.

Examples:
  riverrun check-tail my-basin-1/logs
  riverrun check-tail s2://my-basin-1/logs
  riverrun read my-basin-1/logs --seq-num \"$(riverrun check-tail my-basin-1/logs | cut -d' ' -f1)\"")]
pub struct CheckTail {
    /// The stream
    #[arg(value_name = "BASIN/STREAM")]
    pub uri: StreamUri,
}

pub async fn run(globals: &Globals, args: CheckTail) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let what = format!("the tail of {} is not known", args.uri);
    let tail = async { server::stream(&client, &args.uri)?.check_tail().await };
    match server::patiently("asking for the tail", tail).await {
        Ok(tail) => print(&format!("{tail}\n")).map(|_| ()),
        Err(error) => {
            let failure = Failure::of_call(globals, what, &error);
            Err(nearest::improve(globals, &client, &args.uri, &error, failure).await)
        }
    }
}
