//! The tail.

use s2_sdk::error::ReadError;

use crate::support::{Rig, basin_name, input, refusal, single, stream_name};

#[tokio::test]
async fn the_tail_is_what_the_last_ack_said() {
    let rig = Rig::new().await;
    let stream = rig.stream("s");
    let empty = stream.check_tail().await.expect("a tail");
    assert_eq!((empty.seq_num, empty.timestamp), (0, 0));
    for appended in [single("a"), input(["b", "c", "d"])] {
        let ack = stream.append(appended).await.expect("acked");
        assert_eq!(stream.check_tail().await.expect("a tail"), ack.tail);
    }
}

#[tokio::test]
async fn a_basin_that_is_not_there_has_no_tails() {
    let rig = Rig::new().await;
    let nowhere = rig.s2.basin(basin_name("sdk-nowhere")).stream(stream_name("s"));
    let ReadError::Request(refused) = nowhere.check_tail().await.expect_err("refused") else { panic!("unwritten") };
    assert_eq!(refusal(&refused), (404, "basin_not_found"));
}
