//! Sends a number of records through a producer, which batches them, and says how fast they became durable.
//!
//! `cargo run --release -p riverrun-client --example producer -- 127.0.0.1:5252 demo-basin hello 100000`

use std::time::Instant;

use futures::stream::{FuturesOrdered, StreamExt};
use riverrun_client::{Client, ClientConfig, ProducerConfig, Record};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(address), Some(basin), Some(stream), Some(count)) = (args.next(), args.next(), args.next(), args.next())
    else {
        return Err("usage: producer ADDRESS BASIN STREAM COUNT".into());
    };
    let count: u64 = count.parse()?;
    let client = Client::connect(address, ClientConfig::default()).await?;
    let producer = client.stream(&basin, &stream)?.producer(ProducerConfig::default());

    let started = Instant::now();
    let mut tickets = FuturesOrdered::new();
    for n in 0..count {
        tickets.push_back(producer.append(Record::new(format!("record {n}"))).await?);
        // Tickets are checked as they go, so that a failure stops the loop and memory stays small.
        while tickets.len() > 10_000 {
            let Some(ack) = tickets.next().await else { break };
            ack?;
        }
    }
    producer.close().await?;
    let mut last = None;
    while let Some(ack) = tickets.next().await {
        last = Some(ack?.seq_num());
    }
    println!("{count} records in {:?}; the last one is number {last:?}", started.elapsed());
    Ok(())
}
