//! Idle followers cost almost nothing (W12).

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt;
use riverrun_client::{BasinOptions, Client, ClientConfig, ReadEvent, ReadOptions};

use crate::support::Data;

const FOLLOWERS: usize = 200;
const RESIDENT_BYTES_MAX: u64 = 150 << 20;

#[test]
fn two_hundred_idle_followers_fit_in_150_mib() {
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = Client::connect(server.addr.clone(), ClientConfig::default()).await.expect("connects");
        client.create_basin("idle-basin", BasinOptions::default()).await.expect("created");
        let mut sessions = Vec::new();
        for n in 0..FOLLOWERS {
            // A connection each, as separate consumers would have.
            let client = Client::connect(server.addr.clone(), ClientConfig::default()).await.expect("connects");
            client.create_stream("idle-basin", &format!("stream-{n}")).await.expect("created");
            let stream = client.stream("idle-basin", &format!("stream-{n}")).expect("a name");
            let mut session = stream.read_session(ReadOptions::from_seq_num(0)).await.expect("it opens");
            assert!(matches!(session.next_event().await, Some(Ok(ReadEvent::Heartbeat(_)))), "caught up at once");
            sessions.push((client, session));
        }
        let (cpu, begun) = (server.cpu(), Instant::now());
        // A span to measure over; nothing waits for anything.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let share = (server.cpu() - cpu).as_secs_f64() / begun.elapsed().as_secs_f64();
        let resident = server.resident_bytes();
        println!(
            "{FOLLOWERS} idle followers: {:.2} % of a core (floor 1 %), {} MiB resident (floor 150)",
            share * 100.0,
            resident >> 20
        );
        assert!(resident < RESIDENT_BYTES_MAX, "{resident} bytes resident");
        // All of them still follow.
        let (_, session) = &mut sessions[FOLLOWERS - 1];
        let stream = client.stream("idle-basin", &format!("stream-{}", FOLLOWERS - 1)).expect("a name");
        stream.append(&[riverrun_client::Record::new("wake")]).await.expect("appended");
        let record = session.next().await.expect("it goes on").expect("a record");
        assert_eq!(&record.body[..], b"wake");
    });
}

/// Only here so that a follower of the command line is measured as people run it.
#[test]
fn a_follower_shows_a_record_as_soon_as_it_is_durable() {
    let data = Data::new();
    let server = data.serve(&[]);
    server.ok(&["create-basin", "at-once-basin", "--create-stream-on-append", "--create-stream-on-read"]);
    let mut follower: Child = server
        .command(&["read", "at-once-basin/s", "--tail-offset", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let mut stdout = follower.stdout.take().expect("piped");
    for n in 0..20 {
        let line = format!("line {n}\n");
        if n == 0 {
            // The follower may not have attached yet: its start is the tail of that moment.
            crate::support::until("the follower is attached", || crate::support::counter(&server, "followers") == 1);
        }
        server.feed(&["append", "at-once-basin/s"], line.as_bytes());
        let mut got = vec![0; line.len()];
        stdout.read_exact(&mut got).expect("it follows");
        assert_eq!(got, line.as_bytes());
    }
    follower.kill().expect("killed");
    follower.wait().expect("it ended");
}
