//! Basins, from their creation to their end.

use futures::TryStreamExt;
use s2_sdk::S2;
use s2_sdk::types::{
    BasinConfig, BasinReconfiguration, CreateBasinInput, DeleteBasinInput, EnsureBasinInput, EnsureOutput,
    ListAllBasinsInput, ListBasinsInput, ReconfigureBasinInput, RetentionPolicy, StreamConfig, StreamReconfiguration,
    TimestampingConfig, TimestampingMode,
};

use crate::support::{BASIN, Rig, basin_name, refusal, single, soon, stream_name, with_basin};

async fn names(s2: &S2, input: ListBasinsInput) -> (Vec<String>, bool) {
    let page = s2.list_basins(input).await.expect("a page");
    (page.values.iter().map(|info| info.name.to_string()).collect(), page.has_more)
}

fn create(name: &str) -> CreateBasinInput {
    CreateBasinInput::new(basin_name(name))
}

#[tokio::test]
async fn a_new_basin_has_the_configuration_that_it_was_given() {
    let rig = Rig::new().await;
    let defaults = StreamConfig::new()
        .with_storage_class("standard")
        .with_retention_policy(RetentionPolicy::Age(3_600))
        .with_timestamping(TimestampingConfig::new().with_mode(TimestampingMode::ClientRequire).with_uncapped(true));
    let config = BasinConfig::new().with_default_stream_config(defaults.clone()).with_create_stream_on_append(true);
    let info = rig.s2.create_basin(create("basin-new").with_config(config)).await.expect("created");
    assert_eq!((info.name.as_ref(), info.deleted_at), ("basin-new", None));
    let config = rig.s2.get_basin_config(basin_name("basin-new")).await.expect("a configuration");
    let kept = config.default_stream_config.expect("the defaults");
    assert_eq!(kept.storage_class, defaults.storage_class);
    assert_eq!((kept.retention_policy, kept.timestamping), (defaults.retention_policy, defaults.timestamping));
    assert!(config.create_stream_on_append && !config.create_stream_on_read);

    let again = rig.s2.create_basin(create("basin-new")).await.expect_err("refused");
    assert_eq!(refusal(&again), (409, "resource_already_exists"));
    let nowhere = rig.s2.get_basin_config(basin_name("basin-nowhere")).await.expect_err("refused");
    assert_eq!(refusal(&nowhere), (404, "basin_not_found"));
}

#[tokio::test]
async fn ensuring_a_basin_says_what_it_did() {
    let rig = Rig::new().await;
    let ensure = |on_append| {
        let config = BasinConfig::new().with_create_stream_on_append(on_append);
        rig.s2.ensure_basin(EnsureBasinInput::new(basin_name("basin-ensured")).with_config(config))
    };
    assert!(matches!(ensure(true).await, Ok(EnsureOutput::Created(_))));
    assert!(matches!(ensure(true).await, Ok(EnsureOutput::ConfigUnchanged(_))));
    assert!(matches!(ensure(false).await, Ok(EnsureOutput::ConfigUpdated(_))));
    // It replaces, and does not merge: without a configuration all is as by default.
    ensure(true).await.expect("updated");
    let bare = rig.s2.ensure_basin(EnsureBasinInput::new(basin_name("basin-ensured"))).await;
    assert!(matches!(bare, Ok(EnsureOutput::ConfigUpdated(_))));
    let config = rig.s2.get_basin_config(basin_name("basin-ensured")).await.expect("a configuration");
    assert!(!config.create_stream_on_append);
}

#[tokio::test]
async fn reconfiguring_a_basin_changes_what_is_named_and_nothing_else() {
    let rig = Rig::new().await;
    let reconfigure = |change| rig.s2.reconfigure_basin(ReconfigureBasinInput::new(basin_name(BASIN), change));
    let before = rig.s2.get_basin_config(basin_name(BASIN)).await.expect("a configuration");
    let same = reconfigure(BasinReconfiguration::new()).await.expect("unchanged");
    assert_eq!(same, before);
    let defaults = StreamReconfiguration::new().with_retention_policy(RetentionPolicy::Infinite);
    let change = BasinReconfiguration::new().with_default_stream_config(defaults).with_create_stream_on_append(false);
    let after = reconfigure(change).await.expect("changed");
    assert!(!after.create_stream_on_append && after.create_stream_on_read);
    let kept = after.default_stream_config.clone().expect("defaults");
    assert_eq!((kept.retention_policy, kept.storage_class), (Some(RetentionPolicy::Infinite), None));
    assert_eq!(rig.s2.get_basin_config(basin_name(BASIN)).await.expect("a configuration"), after);
}

#[tokio::test]
async fn basins_are_listed_page_by_page() {
    let rig = Rig::new().await;
    for number in 0..7 {
        rig.s2.create_basin(create(&format!("paged-{number}-basin"))).await.expect("created");
    }
    let paged = || ListBasinsInput::new().with_prefix("paged-".parse().expect("a prefix"));
    let (all, has_more) = names(&rig.s2, paged()).await;
    assert!(all.len() == 7 && all.is_sorted() && !has_more);
    assert_eq!(names(&rig.s2, paged().with_limit(3)).await, (all[..3].to_vec(), true));
    let rest = paged().with_limit(4).with_start_after(all[2].parse().expect("a name"));
    assert_eq!(names(&rig.s2, rest).await, (all[3..].to_vec(), false));
    assert_eq!(names(&rig.s2, ListBasinsInput::new()).await.0.len(), 8);
    let everything: Vec<_> = rig.s2.list_all_basins(ListAllBasinsInput::new()).try_collect().await.expect("listed");
    assert_eq!(everything.len(), 8);
}

#[tokio::test]
async fn a_deleted_basin_is_gone_with_its_streams_and_its_name_is_free() {
    let rig = Rig::new().await;
    rig.stream("s").append(single("x")).await.expect("acked");
    rig.s2.delete_basin(DeleteBasinInput::new(basin_name(BASIN))).await.expect("deleted");
    let gone = async {
        while rig.s2.get_basin_config(basin_name(BASIN)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    soon("it is gone", gone).await;
    assert!(names(&rig.s2, ListBasinsInput::new()).await.0.is_empty());
    let again = rig.s2.delete_basin(DeleteBasinInput::new(basin_name(BASIN))).await.expect_err("refused");
    assert_eq!(refusal(&again), (404, "basin_not_found"));
    let ignoring = DeleteBasinInput::new(basin_name(BASIN)).with_ignore_not_found(true);
    rig.s2.delete_basin(ignoring).await.expect("nothing to do");
    let anew = with_basin(&rig.s2).await;
    let ack = anew.stream(stream_name("s")).append(single("y")).await.expect("acked");
    assert_eq!(ack.start.seq_num, 0);
}
