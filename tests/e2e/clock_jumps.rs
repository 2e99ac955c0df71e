//! The wall clock of the real process jumps (`reliability.md` F; `s2-semantics.md` B7, E8): order holds, and nothing expires early.
//! Needs libfaketime: `RIVERRUN_FAKETIME` is the path of its library, as `.ci/run` sets it.

use std::fs;
use std::path::{Path, PathBuf};

use riverrun_client::{
    BasinConfig, Client, ClientConfig, PartialStreamConfig, ReadOptions, Record, Retention, StreamHandle,
};
use tokio::runtime::Runtime;

use crate::support::{Data, Server, until};

const BASIN: &str = "clock-basin";

/// A clock that can be set: the broker's process reads its offset from this file at every turn.
struct Offset(PathBuf);

impl Offset {
    fn set(&self, offset: &str) {
        // Whole at once: the process may be reading it.
        let staged = self.0.with_extension("new");
        fs::write(&staged, offset).expect("written");
        fs::rename(&staged, &self.0).expect("renamed");
    }
}

fn serve(data: &Data, library: &Path, offset: &Offset) -> Server {
    let environment = [
        ("LD_PRELOAD", library.as_os_str()),
        ("FAKETIME_TIMESTAMP_FILE", offset.0.as_os_str()),
        ("FAKETIME_NO_CACHE", "1".as_ref()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".as_ref()),
    ];
    Server::start_with(&data.data(), &["--collect-interval", "100ms", "--collect-grace", "0s"], &environment)
}

async fn stream(server: &Server) -> StreamHandle {
    let client = Client::connect(server.addr.clone(), ClientConfig::default()).await.expect("a broker listens");
    client.stream(BASIN, "ticks").expect("a name")
}

async fn append(stream: &StreamHandle, body: &str) -> u64 {
    stream.append(&[Record::new(body.to_owned())]).await.expect("appended").end.timestamp
}

async fn bodies(stream: &StreamHandle) -> Vec<(u64, String)> {
    let read = stream.read(ReadOptions::from_seq_num(0)).await.expect("readable");
    let record = |record: riverrun_client::RecordView| {
        (record.timestamp, String::from_utf8(record.body.to_vec()).expect("text"))
    };
    read.records().map(|found| record(found.expect("intact"))).collect()
}

#[test]
fn b7_e8_order_and_retention_hold_when_the_clock_jumps() {
    let Some(library) = std::env::var_os("RIVERRUN_FAKETIME").map(PathBuf::from) else {
        println!("skipped: RIVERRUN_FAKETIME does not name libfaketime.so.1");
        return;
    };
    let runtime = Runtime::new().expect("a runtime");
    let data = Data::new();
    let offset = Offset(data.path().join("clock"));
    offset.set("+0");
    let server = serve(&data, &library, &offset);
    let day_ms = 86_400_000;
    runtime.block_on(async {
        let client = Client::connect(server.addr.clone(), ClientConfig::default()).await.expect("a broker listens");
        let config = PartialStreamConfig { retention: Some(Retention::Age(3600)), ..PartialStreamConfig::default() };
        client.create_basin(BASIN, BasinConfig::default()).await.expect("created");
        client.create_stream_with(BASIN, "ticks", config).await.expect("created");
        let stream = stream(&server).await;
        let first = append(&stream, "before").await;
        offset.set("+10d");
        let ahead = append(&stream, "ahead").await;
        assert!(ahead >= first + 9 * day_ms, "the clock that was set ahead counts: {first}, {ahead}");
        offset.set("-10d");
        assert_eq!(append(&stream, "back").await, ahead, "B7: raised to the record before");
        offset.set("+0");
        assert_eq!(append(&stream, "again").await, ahead);
    });
    drop(server.terminate());

    // All is in chunks now. An hour's retention, and a clock ten days ahead in the middle of the process's life.
    let server = serve(&data, &library, &offset);
    runtime.block_on(async { assert_eq!(bodies(&stream(&server).await).await.len(), 4) });
    offset.set("+10d");
    let sweeps = runtime.block_on(async {
        let client = Client::connect(server.addr.clone(), ClientConfig::default()).await.expect("a broker listens");
        let count = |report: riverrun_client::StatusReport| {
            report.counters.iter().find(|(name, _)| name == "collection_sweeps_total").map_or(0, |(_, n)| *n)
        };
        (count(client.status().await.expect("a status")), client)
    });
    until("several sweeps have looked at a clock that is ten days ahead", || {
        let now = runtime.block_on(async { sweeps.1.status().await.expect("a status") });
        now.counters.iter().any(|(name, n)| name == "collection_sweeps_total" && *n >= sweeps.0 + 5)
    });
    runtime.block_on(async {
        let found = bodies(&stream(&server).await).await;
        let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["before", "ahead", "back", "again"], "a jump expires nothing early");
        assert!(found.is_sorted_by_key(|(timestamp, _)| *timestamp));
    });
    // After a restart the wall clock counts: by a clock that is twenty days ahead, all of it is older than an hour.
    drop(server.terminate());
    offset.set("+20d");
    let server = serve(&data, &library, &offset);
    until("the records have expired by the clock of a new process", || {
        runtime.block_on(async { bodies(&stream(&server).await).await }).is_empty()
    });
}
