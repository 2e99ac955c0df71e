//! Streams, from their creation to their end.

use std::time::Duration;

use futures::TryStreamExt;
use s2_sdk::S2Basin;
use s2_sdk::error::ReadError;
use s2_sdk::types::{
    AppendInput, CreateStreamInput, DeleteOnEmptyConfig, DeleteStreamInput, EnsureOutput, EnsureStreamInput,
    ListAllStreamsInput, ListStreamsInput, ReconfigureStreamInput, RetentionPolicy, StreamConfig,
    StreamReconfiguration, TimestampingConfig, TimestampingMode, TimestampingReconfiguration,
};

use crate::support::{Rig, append_refusal, batch, from_seq_num, record, refusal, single, soon, stream_name};

fn create(name: &str) -> CreateStreamInput {
    CreateStreamInput::new(stream_name(name))
}

async fn names(basin: &S2Basin, input: ListStreamsInput) -> (Vec<String>, bool) {
    let page = basin.list_streams(input).await.expect("a page");
    (page.values.iter().map(|info| info.name.to_string()).collect(), page.has_more)
}

#[tokio::test]
async fn a_new_stream_has_the_configuration_that_it_was_given() {
    let rig = Rig::new().await;
    let given = StreamConfig::new()
        .with_storage_class("express")
        .with_retention_policy(RetentionPolicy::Age(86_400))
        .with_timestamping(TimestampingConfig::new().with_mode(TimestampingMode::Arrival).with_uncapped(false))
        .with_delete_on_empty(DeleteOnEmptyConfig::new().with_min_age(Duration::from_secs(7)));
    let info = rig.basin.create_stream(create("new").with_config(given.clone())).await.expect("created");
    assert_eq!((info.name.as_ref(), info.deleted_at, info.cipher), ("new", None, None));
    assert_eq!(rig.basin.get_stream_config(stream_name("new")).await.expect("a configuration"), given);
    let again = rig.basin.create_stream(create("new")).await.expect_err("refused");
    assert_eq!(refusal(&again), (409, "resource_already_exists"));
    let nowhere = rig.basin.get_stream_config(stream_name("nowhere")).await.expect_err("refused");
    assert_eq!(refusal(&nowhere), (404, "stream_not_found"));
    // What nobody said is as it is by default, and said.
    rig.basin.create_stream(create("bare")).await.expect("created");
    let bare = rig.basin.get_stream_config(stream_name("bare")).await.expect("a configuration");
    assert_eq!(bare.retention_policy, Some(RetentionPolicy::Age(604_800)));
    assert_eq!(bare.timestamping.expect("timestamping").mode, Some(TimestampingMode::ClientPrefer));
}

#[tokio::test]
async fn ensuring_a_stream_says_what_it_did() {
    let rig = Rig::new().await;
    let ensure = |age| {
        let config = StreamConfig::new().with_retention_policy(RetentionPolicy::Age(age));
        rig.basin.ensure_stream(EnsureStreamInput::new(stream_name("s")).with_config(config))
    };
    assert!(matches!(ensure(60).await, Ok(EnsureOutput::Created(info)) if info.name.as_ref() == "s"));
    assert!(matches!(ensure(60).await, Ok(EnsureOutput::ConfigUnchanged(_))));
    assert!(matches!(ensure(61).await, Ok(EnsureOutput::ConfigUpdated(_))));
    let bare = rig.basin.ensure_stream(EnsureStreamInput::new(stream_name("s"))).await;
    assert!(matches!(bare, Ok(EnsureOutput::ConfigUpdated(_))));
    let config = rig.basin.get_stream_config(stream_name("s")).await.expect("a configuration");
    assert_eq!(config.retention_policy, Some(RetentionPolicy::Age(604_800)));
}

#[tokio::test]
async fn reconfiguring_a_stream_counts_from_the_next_batch_on() {
    let rig = Rig::new().await;
    rig.basin.create_stream(create("s")).await.expect("created");
    let stream = rig.stream("s");
    stream.append(single("untimed")).await.expect("acked");
    let timestamping = TimestampingReconfiguration::new().with_mode(TimestampingMode::ClientRequire);
    let change = StreamReconfiguration::new().with_timestamping(timestamping);
    let after = rig.basin.reconfigure_stream(ReconfigureStreamInput::new(stream_name("s"), change)).await;
    let after = after.expect("changed");
    assert_eq!(after.timestamping.expect("timestamping").mode, Some(TimestampingMode::ClientRequire));
    assert_eq!(after.retention_policy, Some(RetentionPolicy::Age(604_800)));
    assert_eq!(rig.basin.get_stream_config(stream_name("s")).await.expect("a configuration"), after);
    let refused = stream.append(single("untimed")).await.expect_err("refused");
    assert_eq!(append_refusal(&refused), (422, "invalid"));
    let timed = batch([record("timed").with_timestamp(1)]);
    stream.append(AppendInput::new(timed)).await.expect("acked");
}

#[tokio::test]
async fn streams_are_listed_page_by_page() {
    let rig = Rig::new().await;
    for number in 0..25 {
        rig.basin.create_stream(create(&format!("logs/{number:02}"))).await.expect("created");
    }
    rig.basin.create_stream(create("other")).await.expect("created");
    let logs = || ListStreamsInput::new().with_prefix("logs/".parse().expect("a prefix"));
    let (all, has_more) = names(&rig.basin, logs()).await;
    assert!(all.len() == 25 && all.is_sorted() && !has_more);
    assert_eq!(names(&rig.basin, logs().with_limit(10)).await, (all[..10].to_vec(), true));
    let rest = logs().with_limit(15).with_start_after(all[9].parse().expect("a name"));
    assert_eq!(names(&rig.basin, rest).await, (all[10..].to_vec(), false));
    let beyond = logs().with_start_after("z".parse().expect("a name"));
    assert_eq!(names(&rig.basin, beyond).await, (vec![], false));
    let everything = rig.basin.list_all_streams(ListAllStreamsInput::new()).try_collect::<Vec<_>>().await;
    assert_eq!(everything.expect("listed").len(), 26);
}

#[tokio::test]
async fn listing_all_goes_on_behind_a_full_page() {
    let rig = Rig::new().await;
    let expected: Vec<String> = (0..1_003).map(|number| format!("{number:04}")).collect();
    for hundred in expected.chunks(100) {
        let created = hundred.iter().map(|name| rig.basin.create_stream(create(name)));
        futures::future::try_join_all(created).await.expect("created");
    }
    let listed: Vec<_> = rig.basin.list_all_streams(ListAllStreamsInput::new()).try_collect().await.expect("listed");
    assert!(listed.iter().map(|info| info.name.as_ref()).eq(expected.iter().map(String::as_str)));
}

#[tokio::test]
async fn a_deleted_stream_is_gone_and_its_name_begins_anew() {
    let rig = Rig::new().await;
    rig.basin.create_stream(create("s")).await.expect("created");
    let stream = rig.stream("s");
    stream.append(single("old")).await.expect("acked");
    rig.basin.delete_stream(DeleteStreamInput::new(stream_name("s"))).await.expect("deleted");
    let gone = async {
        loop {
            let refused = rig.basin.get_stream_config(stream_name("s")).await.expect_err("it is on its way out");
            match refusal(&refused) {
                (409, "stream_deletion_pending") => tokio::task::yield_now().await,
                other => break assert_eq!(other, (404, "stream_not_found")),
            }
        }
    };
    soon("it is gone", gone).await;
    let again = rig.basin.delete_stream(DeleteStreamInput::new(stream_name("s"))).await.expect_err("refused");
    assert_eq!(refusal(&again), (404, "stream_not_found"));
    let ignoring = DeleteStreamInput::new(stream_name("s")).with_ignore_not_found(true);
    rig.basin.delete_stream(ignoring).await.expect("nothing to do");
    let unwritten = stream.read(from_seq_num(0)).await;
    assert!(matches!(unwritten, Err(ReadError::ReadUnwritten(tail)) if tail.seq_num == 0), "{unwritten:?}");
    assert_eq!(stream.append(single("new")).await.expect("acked").start.seq_num, 0);
}
