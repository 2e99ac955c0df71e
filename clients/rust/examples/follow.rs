//! Prints a stream's records, history first, then live, until interrupted; outlives restarts of the server.
//!
//! `cargo run -p riverrun-client --example follow -- 127.0.0.1:5252 demo-basin hello`

use futures::TryStreamExt;
use riverrun_client::{Client, ClientConfig, ReadOptions, ReadSessionConfig, RetryPolicy};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(address), Some(basin), Some(stream)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: follow ADDRESS BASIN STREAM".into());
    };
    let client = Client::connect(address, ClientConfig::default()).await?;
    let patient = ReadSessionConfig { retry: Some(RetryPolicy::forever()), ..ReadSessionConfig::default() };
    let mut records = client.stream(&basin, &stream)?.read_session_with(ReadOptions::from_seq_num(0), patient).await?;
    while let Some(record) = records.try_next().await? {
        println!("{} @ {}: {}", record.seq_num, record.timestamp, String::from_utf8_lossy(&record.body));
    }
    Ok(())
}
