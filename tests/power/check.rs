//! After the cut: the broker comes up by itself, and nothing that was told before is untrue.

use std::path::Path;

use riverrun_client::Client;
use tokio::runtime::Runtime;

use crate::facts::Facts;
use crate::records::{self, Numbered, STREAMS};
use crate::rig::Mounted;
use crate::support::{Random, Server};

type Stored = Vec<Vec<Numbered>>;

/// Starts a broker on what the cut left, and checks it against what was known. One time in four it is killed and started again:
/// what a recovery did must bear a second one.
pub fn check(runtime: &Runtime, image: &Path, known: &Facts, new: Numbered, random: &mut Random) {
    let mounted = Mounted::new(image, &image.with_extension("mounted"));
    let (shards, again) = ((1 + random.below(3)).to_string(), random.below(4) == 0);
    let start = || Server::start(&mounted.data(), &["--shards", &shards, "--unpublished-bytes-max", "16777216"]);
    let server = start();
    let stored = runtime.block_on(check_and_append(&server.addr, known, new));
    server.kill();
    if let (Some(stored), true) = (stored, again) {
        let server = start();
        let found = runtime.block_on(async { read(&records::connect(&server.addr).await).await });
        assert!(found == stored, "a second recovery found something else than the first");
        server.kill();
    }
}

/// Returns what is stored then; `None` if the cut was before there were streams.
async fn check_and_append(address: &str, known: &Facts, new: Numbered) -> Option<Stored> {
    let client = records::connect(address).await;
    known.created?;
    let mut stored = read(&client).await;
    for (n, records) in stored.iter_mut().enumerate() {
        check_batches(n, records);
        let tail = known.tails()[n];
        assert!(records.len() as u64 >= tail, "stream {n}: the tail is {}, and {tail} was shown before", records.len());
        let ack = records::stream(&client, n).append(&[new.record()]).await.expect("it takes records");
        assert_eq!(ack.start.seq_num, records.len() as u64, "stream {n}: the next number");
        records.push(new);
    }
    for fact in &known.records {
        let found = stored[fact.stream].get(fact.seq_num as usize);
        assert_eq!(found, Some(&fact.record), "not what was told before: {fact:?}");
    }
    Some(stored)
}

async fn read(client: &Client) -> Stored {
    let reads = (0..STREAMS).map(|n| records::read_all(client, n));
    futures::future::try_join_all(reads).await.expect("the streams were there before")
}

/// Each batch is there whole and once, in the order in which they were appended.
fn check_batches(stream: usize, records: &[Numbered]) {
    assert!(records.is_sorted_by(|a, b| a < b), "stream {stream}: a record twice or out of order");
    let mut rest = records;
    while let Some(Numbered { first, count, .. }) = rest.first().copied() {
        let whole = (first..first + count).map(|number| Numbered { number, first, count });
        assert!(
            rest.iter().take(count as usize).copied().eq(whole),
            "stream {stream}: a part of batch {first}+{count}"
        );
        rest = &rest[count as usize..];
    }
}
