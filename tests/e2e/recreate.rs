//! A stream that is deleted and created anew under load never shows an old record, also over kill -9 (A6, E6; P5).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use riverrun_client::{BasinConfig, Client, ClientConfig, ErrorCode, ReadOptions, Record, StreamHandle};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::support::{Data, PATIENCE, Random, Server, free_address, until};

const BASIN: &str = "recreate-basin";
const STREAM: &str = "again";
const PRODUCERS: usize = 3;

fn generations() -> u64 {
    std::env::var("RIVERRUN_KILL_CYCLES").map_or(12, |n| n.parse().expect("RIVERRUN_KILL_CYCLES is a number"))
}

async fn client(address: &str) -> Client {
    Client::connect(address, ClientConfig::default()).await.expect("a broker listens")
}

/// Creates the stream as soon as its predecessor is gone.
async fn create(client: &Client) {
    loop {
        match client.create_stream(BASIN, STREAM).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.code(), Some(ErrorCode::StreamDeletionPending), "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// Appends its generation until it is refused or the broker goes. Every record that it reads back is of this generation.
async fn produce(stream: StreamHandle, generation: u64, acks: Arc<AtomicU64>) {
    let body = generation.to_string();
    while stream.append(&[Record::new(body.clone())]).await.is_ok() {
        acks.fetch_add(1, Ordering::SeqCst);
        if let Ok(read) = stream.read(ReadOptions::from_tail(20)).await {
            check(&read.records().map(|record| record.expect("intact").body).collect::<Vec<_>>(), &body);
        }
    }
}

fn check(bodies: &[impl AsRef<[u8]>], generation: &str) {
    for body in bodies.iter().filter(|body| !body.as_ref().is_empty()) {
        let body = String::from_utf8_lossy(body.as_ref()).into_owned();
        // The terminal trim of the deletion that ends this generation: eight bytes, all ones.
        assert!(body == generation || body.len() == "\u{fffd}".len() * 8, "{body:?} in generation {generation}");
    }
}

#[test]
fn e6_a_re_created_stream_shares_nothing_with_its_predecessor() {
    let seed = std::env::var("RIVERRUN_SEED").map_or(1, |n| n.parse().expect("RIVERRUN_SEED is a number"));
    let generations = generations();
    println!("repeat with: RIVERRUN_SEED={seed} RIVERRUN_KILL_CYCLES={generations} cargo test --test e2e recreate");
    let runtime = Runtime::new().expect("a runtime");
    let (data, address, mut random) = (Data::new(), free_address(), Random::new(seed));
    let mut server = Some(Server::start(&data.data(), &["--listen", &address]));
    runtime.block_on(async {
        client(&address).await.create_basin(BASIN, BasinConfig::default()).await.expect("created");
    });
    let mut killed = 0;
    for generation in 0..generations {
        let acks = Arc::new(AtomicU64::new(0));
        let enough = 10 + random.below(150);
        let kill = random.below(3);
        runtime.block_on(async {
            let control = client(&address).await;
            create(&control).await;
            let stream = control.stream(BASIN, STREAM).expect("a name");
            assert_eq!(stream.check_tail().await.expect("a tail").seq_num, 0, "generation {generation} begins at 0");
            let mut producers: Vec<JoinHandle<()>> = Vec::new();
            for _ in 0..PRODUCERS {
                let stream = client(&address).await.stream(BASIN, STREAM).expect("a name");
                producers.push(tokio::spawn(produce(stream, generation, acks.clone())));
            }
            tokio::task::block_in_place(|| {
                until("producers are acked", || acks.load(Ordering::SeqCst) >= enough);
            });
            control.delete_stream(BASIN, STREAM).await.expect("deleted");
            let refused = stream.append(&[Record::new("late")]).await.expect_err("it is deleted");
            let code = refused.code();
            assert!(
                matches!(code, Some(ErrorCode::StreamDeletionPending | ErrorCode::StreamNotFound)),
                "an append behind the deletion: {refused}"
            );
            if kill == 0 {
                killed += 1;
                tokio::task::block_in_place(|| {
                    server.take().expect("runs").kill();
                    server = Some(Server::start(&data.data(), &["--listen", &address]));
                });
            }
            for producer in producers {
                tokio::time::timeout(PATIENCE, producer).await.expect("it ends").expect("no panic");
            }
        });
    }
    println!("{generations} generations, {killed} kills right behind a deletion, no old record seen");
    drop(server);
}
