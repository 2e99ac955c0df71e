//! Appends each line of the standard input as one record, and says what became of it.
//!
//! `seq 10 | cargo run -p riverrun-client --example append -- 127.0.0.1:5252 demo-basin hello`

use std::io::{self, BufRead};

use riverrun_client::{Client, ClientConfig, Error, Outcome, Record};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(address), Some(basin), Some(stream)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: append ADDRESS BASIN STREAM".into());
    };
    let client = Client::connect(address, ClientConfig::default()).await?;
    let stream = client.stream(&basin, &stream)?;
    for line in io::stdin().lock().lines() {
        match stream.append(&[Record::new(line?)]).await {
            Ok(ack) => println!("{} is durable ({})", ack.start.seq_num, ack.level),
            Err(error) => return Err(explain(&error).into()),
        }
    }
    Ok(())
}

/// The one thing every writer has to decide: what to do when it cannot know.
fn explain(error: &Error) -> String {
    match error.outcome() {
        Outcome::NotDone => format!("surely not there, safe to send again: {}", error.why()),
        Outcome::MaybeDone => format!("perhaps there, look before sending again: {}", error.why()),
        Outcome::Terminal => format!("this server will never take it: {}", error.why()),
    }
}
