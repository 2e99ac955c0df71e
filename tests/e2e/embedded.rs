//! A broker inside this process, as users' own tests have it.

use futures::StreamExt;
use riverrun::uring::Features;
use riverrun::{Broker, Config};
use riverrun_client::{BasinConfig, Client, ClientConfig, ReadOptions, Record};

use crate::support::Data;

/// The baseline is Linux 6.1: with every newer feature masked, the broker does all that it does with them.
#[test]
fn it_serves_with_every_newer_kernel_feature_masked() {
    let data = Data::new();
    for uring_features in [Features::BASELINE, Features::ALL, Features::BASELINE] {
        let config = Config { data: data.data(), shards: Some(2), uring_features, ..Config::default() };
        let broker = Broker::start(Config { journal_file_bytes: 4 << 20, ..config }).expect("it starts");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(append_and_follow(&broker.addr().to_string()));
        broker.stop().expect("it stops");
    }
}

/// A follower that started at the tail sees exactly what is appended after that, on each of a few streams.
async fn append_and_follow(address: &str) {
    let client = Client::connect(address, ClientConfig::default()).await.expect("connects");
    let options = BasinConfig { create_stream_on_append: true, create_stream_on_read: true, ..BasinConfig::default() };
    // The second start finds the first one's basin.
    let _ = client.create_basin("embedded", options).await;
    for n in 0..4 {
        let stream = client.stream("embedded", &format!("stream-{n}")).expect("a name");
        let tail = stream.append(&[Record::new("first")]).await.expect("appended").tail.seq_num;
        let mut session = stream.read_session(ReadOptions::from_seq_num(tail)).await.expect("it opens");
        for m in 0..50u64 {
            stream.append(&[Record::new(m.to_string())]).await.expect("appended");
            let record = session.next().await.expect("it goes on").expect("a record");
            assert_eq!((record.seq_num, &record.body[..]), (tail + m, m.to_string().as_bytes()));
        }
        let replay = stream.read_session(ReadOptions::from_seq_num(0).count(tail + 50)).await.expect("it opens");
        assert_eq!(replay.count().await as u64, tail + 50);
    }
}
