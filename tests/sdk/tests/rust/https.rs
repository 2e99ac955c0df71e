//! The same over TLS, where the SDK negotiates HTTP/2.

use futures::future::try_join_all;
use riverrun_sdk_tests::Data;
use s2_sdk::append_session::AppendSessionConfig;
use s2_sdk::types::ReadSessionConfig;

use crate::support::{bodies, client, config, from_seq_num, single, soon, stream_name, take, with_basin};

#[tokio::test]
async fn appends_and_followers_over_https() {
    let data = Data::default();
    let server = data.serve(&["--http-tls-self-signed"]);
    assert!(server.endpoint.starts_with("https://"));
    let s2 = client(config(&server.endpoint).with_insecure_skip_cert_verification(true));
    let stream = with_basin(&s2).await.stream(stream_name("s"));
    let mut follower = stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await.expect("a session");
    stream.append(single("0")).await.expect("acked");
    let session = stream.append_session(AppendSessionConfig::new());
    let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let mut tickets = Vec::new();
    for body in &expected[1..] {
        tickets.push(session.submit(single(body)).await.expect("taken"));
    }
    soon("all acks", try_join_all(tickets)).await.expect("acked");
    session.close().await.expect("closed");
    assert_eq!(bodies(&take(&mut follower, 100).await), expected);
}
