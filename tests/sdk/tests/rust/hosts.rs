//! Basins that are named by the host, as in S2's cloud.

use std::net::ToSocketAddrs;

use riverrun_sdk_tests::Data;
use s2_sdk::types::{AccountEndpoint, BasinEndpoint, S2Endpoints};

use crate::support::{BASIN, bodies, client, config, from_seq_num, single, stream_name, with_basin};

#[tokio::test]
async fn a_basin_may_be_the_first_label_of_the_host() {
    if (format!("{BASIN}.localhost"), 0).to_socket_addrs().is_err() {
        println!("SKIPPED: names under localhost do not resolve on this machine");
        return;
    }
    let data = Data::default();
    let server = data.serve(&["--http-zone", "localhost"]);
    let port = server.endpoint.rsplit(':').next().expect("a port");
    let account = AccountEndpoint::new(&format!("http://localhost:{port}")).expect("an endpoint");
    let basins = BasinEndpoint::new(&format!("http://{{basin}}.localhost:{port}")).expect("an endpoint");
    let endpoints = S2Endpoints::new(account, basins).expect("endpoints");
    let s2 = client(config(&server.endpoint).with_endpoints(endpoints));
    let stream = with_basin(&s2).await.stream(stream_name("s"));
    stream.append(single("x")).await.expect("acked");
    assert_eq!(bodies(&stream.read(from_seq_num(0)).await.expect("read").records), ["x"]);
}
