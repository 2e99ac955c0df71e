//! Names that are something else in a URL.

use s2_sdk::types::{CreateStreamInput, DeleteStreamInput, ListStreamsInput, ReadSessionConfig};

use crate::support::{Rig, bodies, from_seq_num, single, stream_name, take};

const UNUSUAL: [&str; 10] =
    ["a/b c%", "a%2Fb", "a/b", "/", "?x=1#y", "..a", "\u{e9}\u{1f30a}", " ", "a+b&c=d;e", "\"quoted\\\"\n"];

#[tokio::test]
async fn unusual_names_are_names_everywhere() {
    let rig = Rig::new().await;
    for name in UNUSUAL {
        let info = rig.basin.create_stream(CreateStreamInput::new(stream_name(name))).await.expect("created");
        assert_eq!(info.name.as_ref(), name);
        let stream = rig.stream(name);
        stream.append(single(name)).await.expect("acked");
        assert_eq!(bodies(&stream.read(from_seq_num(0)).await.expect("read").records), [name]);
        assert_eq!(stream.check_tail().await.expect("a tail").seq_num, 1);
        let mut session = stream.read_session(from_seq_num(0), ReadSessionConfig::new()).await.expect("a session");
        assert_eq!(bodies(&take(&mut session, 1).await), [name]);
        rig.basin.get_stream_config(stream_name(name)).await.expect("a configuration");
    }
    let mut expected = UNUSUAL;
    expected.sort_unstable();
    let listed = rig.basin.list_streams(ListStreamsInput::new()).await.expect("a page").values;
    assert!(listed.iter().map(|info| info.name.as_ref()).eq(expected));
    let prefix = ListStreamsInput::new().with_prefix("a/b ".parse().expect("a prefix"));
    assert_eq!(rig.basin.list_streams(prefix).await.expect("a page").values.len(), 1);
    rig.basin.delete_stream(DeleteStreamInput::new(stream_name("a/b c%"))).await.expect("deleted");
    // The one that is spelled much the same stays.
    assert_eq!(bodies(&rig.stream("a/b").read(from_seq_num(0)).await.expect("read").records), ["a/b"]);
}

#[tokio::test]
async fn the_longest_name_fits() {
    let rig = Rig::new().await;
    let name = "%".repeat(512);
    let stream = rig.stream(&name);
    stream.append(single("x")).await.expect("acked");
    assert_eq!(stream.check_tail().await.expect("a tail").seq_num, 1);
}
