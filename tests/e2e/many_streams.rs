//! Streams are cheap (design.md 9): a cold one is a catalog entry, and what is open at once is bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use riverrun_client::{BasinConfig, Client, ClientConfig, ReadOptions, Record};
use tokio::runtime::Runtime;

use crate::support::{Data, Server};

const BASIN: &str = "many-streams";
const CALLERS: u64 = 256;

fn streams() -> u64 {
    std::env::var("RIVERRUN_STREAMS").map_or(100_000, |n| n.parse().expect("RIVERRUN_STREAMS is a number"))
}

async fn client(server: &Server) -> Client {
    Client::connect(server.addr.clone(), ClientConfig::default()).await.expect("a broker listens")
}

/// Runs `call` for every number below `count`, `CALLERS` at a time.
async fn for_all<F>(client: &Client, count: u64, call: impl Fn(Client, u64) -> F + Send + Sync + 'static)
where
    F: Future<Output = ()> + Send,
{
    let (next, call) = (Arc::new(AtomicU64::new(0)), Arc::new(call));
    let callers = (0..CALLERS).map(|_| {
        let (next, call, client) = (next.clone(), call.clone(), client.clone());
        tokio::spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return;
                }
                call(client.clone(), n).await;
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no panic");
    }
}

fn name(n: u64) -> String {
    format!("device/{n:06}")
}

#[test]
fn e7_a_hundred_thousand_streams_on_first_append() {
    let count = streams();
    let runtime = Runtime::new().expect("a runtime");
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    let begun = Instant::now();
    runtime.block_on(async {
        let client = client(&server).await;
        let config = BasinConfig { create_stream_on_append: true, ..BasinConfig::default() };
        client.create_basin(BASIN, config).await.expect("created");
        for_all(&client, count, |client, n| async move {
            let stream = client.stream(BASIN, &name(n)).expect("a name");
            let ack = stream.append(&[Record::new(format!("first of {n}"))]).await.expect("appended");
            assert_eq!(ack.start.seq_num, 0);
        })
        .await;
    });
    let took = begun.elapsed();
    let rate = count as f64 / took.as_secs_f64();
    println!("{count} streams created and first appended to in {took:?}: {rate:.0}/s");
    let open = runtime.block_on(async { client(&server).await.status().await.expect("a status").streams_open });
    println!("{open} open, {} MiB resident", server.resident_bytes() >> 20);
    assert!(open <= 2 * 65_536, "what is open is bounded, and {open} are");
    drop(server.terminate());

    let server = data.serve(&["--shards", "2"]);
    println!("started again in {:?}, {} MiB resident", server.startup, server.resident_bytes() >> 20);
    runtime.block_on(async {
        let client = client(&server).await;
        assert_eq!(client.status().await.expect("a status").streams_open, 0, "a cold stream is a catalog entry");
        // Activation: every hundredth, spread over all of them.
        for_all(&client, count.div_ceil(100), move |client, n| async move {
            let n = (n * 100).min(count - 1);
            let stream = client.stream(BASIN, &name(n)).expect("a name");
            let read = stream.read(ReadOptions::from_seq_num(0)).await.expect("readable");
            let bodies: Vec<_> = read.records().map(|record| record.expect("intact").body).collect();
            assert_eq!(bodies, [format!("first of {n}")]);
        })
        .await;
        let mut listed = 0;
        let mut options = riverrun_client::ListOptions::default();
        loop {
            let page = client.list_streams(BASIN, options.clone()).await.expect("listed");
            listed += page.streams.len() as u64;
            let Some(last) = page.streams.last().filter(|_| page.has_more) else { break };
            options.start_after = last.name.to_string();
        }
        assert_eq!(listed, count);
    });
}
