//! Records that say what they are: any byte of one can be told from its number.

use std::time::Duration;

use futures::StreamExt;
use riverrun_client::{
    BasinOptions, Client, ClientConfig, Error, ErrorCode, ReadOptions, Record, RetryPolicy, StreamHandle,
};

use crate::support::Random;

pub const STREAMS: usize = 4;
const BASIN: &str = "power-cut";

/// One record of a stream: the numbers of a batch follow each other, those of batches only grow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Numbered {
    pub number: u64,
    /// Of its batch.
    pub first: u64,
    pub count: u64,
}

impl Numbered {
    /// A new batch of one to four.
    pub fn batch(first: u64, random: &mut Random) -> Vec<Self> {
        let count = 1 + random.below(4);
        (first..first + count).map(|number| Self { number, first, count }).collect()
    }

    pub fn record(&self) -> Record {
        Record::new(self.body())
    }

    fn body(&self) -> Vec<u8> {
        let mut body = format!("{} {} {} ", self.number, self.first, self.count).into_bytes();
        let mut random = Random::new(self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // Mostly small ones, now and then one that its journal block holds in an extent of its own.
        let bytes = match random.below(40) {
            0 => 70_000,
            1..4 => 5_000,
            _ => 20 + random.below(400) as usize,
        };
        while body.len() < bytes {
            // Half of it compresses.
            body.extend_from_slice(&random.below(u64::MAX).to_le_bytes());
            body.extend_from_slice(b"========");
        }
        body
    }

    /// # Panics
    /// If it is not, byte for byte, a record that was appended.
    fn parse(body: &[u8]) -> Self {
        let mut words = body.split(|byte| *byte == b' ').map(|word| std::str::from_utf8(word).unwrap_or("").parse());
        let mut word = || words.next().and_then(Result::ok).expect("a record begins with its numbers");
        let record = Self { number: word(), first: word(), count: word() };
        assert!(record.body() == body, "{record:?} has other bytes than were appended");
        record
    }
}

pub async fn connect(address: &str) -> Client {
    let config = ClientConfig { request_timeout: Duration::from_secs(30), ..ClientConfig::default() };
    Client::connect(address, ClientConfig { retry: RetryPolicy::forever(), ..config }).await.expect("a broker listens")
}

/// Basin and streams, as far as they do not exist yet.
pub async fn create(client: &Client) {
    let exists = |outcome: Result<(), Error>| match outcome {
        Err(error) if error.code() != Some(ErrorCode::AlreadyExists) => panic!("it cannot be created: {error}"),
        _ => {}
    };
    exists(client.create_basin(BASIN, BasinOptions::default()).await.map(drop));
    for stream in 0..STREAMS {
        exists(client.create_stream(BASIN, &name(stream)).await.map(drop));
    }
}

fn name(stream: usize) -> String {
    format!("stream-{stream}")
}

pub fn stream(client: &Client, stream: usize) -> StreamHandle {
    client.stream(BASIN, &name(stream)).expect("a name")
}

/// The tail, and every record below it. `Err`: there is no such stream.
pub async fn read_all(client: &Client, number: usize) -> Result<Vec<Numbered>, Error> {
    let stream = stream(client, number);
    let tail = stream.check_tail().await?.seq_num;
    let mut records = Vec::new();
    if tail == 0 {
        return Ok(records);
    }
    let mut session = stream.read_session(ReadOptions::from_seq_num(0).count(tail)).await?;
    while let Some(record) = session.next().await {
        let record = record.expect("readable");
        assert_eq!(record.seq_num, records.len() as u64, "stream {number}: numbers without gaps");
        records.push(Numbered::parse(&record.body));
    }
    assert_eq!(records.len() as u64, tail, "stream {number}: everything below the tail is there");
    Ok(records)
}

/// Follows a stream over restarts, for ever.
pub async fn follow(stream: StreamHandle, mut on_record: impl FnMut(u64, Numbered)) {
    let config = riverrun_client::ReadSessionConfig { retry: Some(RetryPolicy::forever()), ..Default::default() };
    let mut session = stream.read_session_with(ReadOptions::from_seq_num(0), config).await.expect("it opens");
    let mut next = 0;
    while let Some(record) = session.next().await {
        let record = record.expect("a follower resumes by itself");
        assert_eq!(record.seq_num, next, "no gap, no repeat");
        next += 1;
        on_record(record.seq_num, Numbered::parse(&record.body));
    }
}
