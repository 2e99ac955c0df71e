//! Single calls, as clients see them.

use riverrun_core::access::SYSTEM_BASIN;
use riverrun_core::control::keys;
use riverrun_core::event::LoadFailure;
use riverrun_protocol::access::ResourceSet;
use riverrun_protocol::config::{BasinConfig, BasinConfigPatch, Retention};
use riverrun_protocol::error::{ErrorCode, Outcome};
use riverrun_protocol::request::{CreateBasin, EnsureBasin, ListBasins, ListStreams, ReconfigureBasin};
use riverrun_protocol::response::{ProvisionResult, Response};
use riverrun_protocol::types::{BasinName, RequestToken};

use super::process::{Process, code, create, provisioned};
use crate::catalog::model::WriteFault;
use crate::names::model::Told;
use crate::names::{CALLS_MAX, EVERYTHING};
use crate::publish::fixtures::{basin, target};

#[tokio::test]
async fn e4_a_creation_with_a_token_may_be_repeated() {
    let process = Process::with_basin().await;
    let request_token = Some(RequestToken::new("t").expect("short"));
    let request = riverrun_protocol::request::CreateStream { request_token, ..create("s") };
    let first = provisioned(process.names.create_stream(request.clone()).await);
    let again = provisioned(process.names.create_stream(request).await);
    assert_eq!((first.result, again.result), (ProvisionResult::Created, ProvisionResult::Noop));
    assert_eq!(first.info, again.info);
    assert_eq!(code(process.create("s").await), ErrorCode::AlreadyExists);
    process.assert_consistent();
}

/// A creation whose answer was lost may have been done, and says so (reliability.md D4).
#[tokio::test]
async fn e4_a_creation_without_an_answer_is_not_called_undone() {
    for fault in [WriteFault::AnswerLost, WriteFault::RequestLost] {
        let process = Process::start();
        process.rows.fail_next_write(fault);
        let error = process.create_basin(basin()).await.expect_err("unknown");
        assert_eq!((error.code, error.outcome), (ErrorCode::Unavailable, Outcome::MaybeDone));
        // Waits for the outcome, which is that it was done.
        assert_eq!(code(process.create_basin(basin()).await), ErrorCode::AlreadyExists);
    }
}

#[tokio::test]
async fn e3_names_that_are_not_there_are_refused_in_s2s_words() {
    let process = Process::start();
    let missing = "basin `first-basin` not found";
    assert_eq!(process.create("s").await.expect_err("refused").message, missing);
    assert_eq!(process.list().await.expect_err("refused").message, missing);
    assert_eq!(process.names.basin_config(&basin()).await.expect_err("refused").message, missing);
    assert_eq!(process.names.delete_basin(basin()).await.expect_err("refused").message, missing);
    let missing = "stream `s` in basin `first-basin` not found";
    assert_eq!(process.delete("s").await.expect_err("refused").message, missing);
    assert_eq!(process.names.stream_config(&target("s")).await.expect_err("refused").message, missing);
}

#[tokio::test]
async fn e5_a_basins_configuration_is_read_changed_and_replaced() {
    let process = Process::with_basin().await;
    let (on, off) = (BasinConfig { create_stream_on_append: true, ..BasinConfig::default() }, BasinConfig::default());
    assert_eq!(process.names.basin_config(&basin()).await, Ok(Response::BasinConfig(on)));
    let patch = BasinConfigPatch { create_stream_on_read: Some(true), ..BasinConfigPatch::default() };
    let both = BasinConfig { create_stream_on_read: true, ..on };
    let patched = process.names.reconfigure_basin(ReconfigureBasin { basin: basin(), patch }).await;
    assert_eq!(patched, Ok(Response::BasinConfig(both)));
    for result in [ProvisionResult::Updated, ProvisionResult::Noop] {
        let ensured = process.names.ensure_basin(EnsureBasin { basin: basin(), config: off }).await;
        let Ok(Response::BasinProvisioned(ensured)) = ensured else { panic!("{ensured:?}") };
        assert_eq!(ensured.result, result);
    }
    assert_eq!(process.names.basin_config(&basin()).await, Ok(Response::BasinConfig(off)));
}

/// Durable first, then told to the shard, each version once and in order.
#[tokio::test]
async fn e5_a_streams_new_configuration_reaches_its_shard() {
    let process = Process::with_basin().await;
    process.create("s").await.expect("created");
    process.reconfigure("s", Retention::Infinite).await.expect("changed");
    process.reconfigure("s", Retention::Infinite).await.expect("nothing to change");
    let ensured = provisioned(process.ensure("s", Retention::Age(9)).await);
    assert_eq!(ensured.result, ProvisionResult::Updated);
    assert_eq!(process.shards.told(), [1, 2].map(|version| Told::Reconfigure(target("s"), version)));
    let stored = process.stream("s").expect("there");
    assert_eq!((stored.config_version, stored.config.retention), (2, Retention::Age(9)));
    assert_eq!(process.names.stream_config(&target("s")).await, Ok(Response::StreamConfig(stored.config)));
}

#[tokio::test]
async fn e3_ensure_creates_what_is_missing() {
    let process = Process::with_basin().await;
    let ensured = provisioned(process.ensure("s", Retention::Age(9)).await);
    assert_eq!(ensured.result, ProvisionResult::Created);
    let again = provisioned(process.ensure("s", Retention::Age(9)).await);
    assert_eq!((again.result, again.info), (ProvisionResult::Noop, ensured.info));
    assert!(process.shards.told().is_empty());
    process.assert_consistent();
}

/// Byte order, strictly after, exact has_more.
#[tokio::test]
async fn e3_listings_page_through_everything_in_byte_order() {
    let process = Process::start();
    let mut names: Vec<String> = (0..25).map(|i| format!("basin-{:02}", i * 7 % 25)).collect();
    for name in names.iter().map(String::as_str).chain([SYSTEM_BASIN]) {
        process.create_basin(BasinName::new(name).expect("a name")).await.expect("created");
    }
    names.sort();
    let mut request = ListBasins { limit: 10, ..ListBasins::default() };
    let mut listed: Vec<String> = Vec::new();
    loop {
        let Ok(Response::BasinList(page)) = process.names.list_basins(&request, &EVERYTHING).await else {
            panic!("listed")
        };
        listed.extend(page.basins.iter().map(|basin| basin.name.as_str().to_owned()));
        assert_eq!(page.has_more, listed.len() < names.len());
        if !page.has_more {
            break;
        }
        request.start_after = listed.last().expect("not empty").clone();
    }
    assert_eq!(listed, names);
}

#[tokio::test]
async fn e3_streams_of_one_basin_are_listed_and_no_others_also_while_being_deleted() {
    let process = Process::with_basin().await;
    let other = BasinName::new("first-basin-b").expect("a name");
    let config = BasinConfig::default();
    let request = CreateBasin { basin: other.clone(), config, request_token: None };
    process.names.create_basin(request).await.expect("created");
    for name in ["b", "a", "ä/b"] {
        process.create(name).await.expect("created");
    }
    let mut foreign = create("c");
    foreign.target.basin = other;
    process.names.create_stream(foreign).await.expect("created");
    process.shards.let_leave(false);
    process.delete("b").await.expect("deleted");
    let listed = process.list().await.expect("listed");
    let shown: Vec<_> = listed.iter().map(|info| (info.name.as_str(), info.deleted_at_ms.is_some())).collect();
    assert_eq!(shown, [("a", false), ("b", true), ("ä/b", false)]);
}

#[tokio::test]
async fn f3_a_listing_shows_what_its_principal_may_see() {
    let process = Process::with_basin().await;
    for name in ["a/1", "a/2", "b"] {
        process.create(name).await.expect("created");
    }
    let request = ListStreams { basin: basin(), prefix: String::new(), start_after: String::new(), limit: 1 };
    let seen = async |set: ResourceSet| match process.names.list_streams(&request, &set, None).await {
        Ok(Response::StreamList(page)) => {
            (page.streams.first().map(|info| info.name.as_str().to_owned()), page.has_more)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(seen(ResourceSet::Prefix("a/".into())).await, (Some("a/1".into()), true));
    assert_eq!(seen(ResourceSet::Exact("b".into())).await, (Some("b".into()), false));
    assert_eq!(seen(ResourceSet::Nothing).await, (None, false));
}

#[tokio::test]
async fn e4_a_stream_is_known_by_its_id_from_the_same_write_on() {
    let process = Process::with_basin().await;
    let info = provisioned(process.create("s").await).info;
    assert!(process.rows.rows().contains_key(&keys::id(info.id)));
}

/// During an outage of the catalog calls gather up to a bound; what is refused at it was not done and may be repeated.
#[tokio::test(start_paused = true)]
async fn calls_beyond_the_bound_are_refused_at_once_and_nothing_of_them_is_done() {
    let process = Process::with_basin().await;
    process.create("there").await.expect("created");
    let before = process.rows.rows();
    let waiting: Vec<_> = (0..CALLS_MAX).map(|_| process.names.place().expect("a place")).collect();
    let other = BasinName::new("other-basin").expect("a name");
    let patch = BasinConfigPatch { create_stream_on_read: Some(true), ..BasinConfigPatch::default() };
    let refused = [
        process.create_basin(other).await,
        process.names.reconfigure_basin(ReconfigureBasin { basin: basin(), patch }).await,
        process.names.ensure_basin(EnsureBasin { basin: basin(), config: BasinConfig::default() }).await,
        process.names.delete_basin(basin()).await,
        process.create("s").await,
        process.ensure("s", Retention::Age(9)).await,
        process.reconfigure("there", Retention::Age(9)).await,
        process.delete("there").await,
    ];
    for answer in refused {
        let error = answer.expect_err("no place");
        assert_eq!((error.code, error.outcome), (ErrorCode::Overloaded, Outcome::NotDone), "{error}");
    }
    let load = process.shards.append(&process.names, &target("new")).await;
    assert!(matches!(load, Err(LoadFailure::Unavailable(_))), "{load:?}");
    assert_eq!(process.rows.rows(), before);
    drop(waiting);
    process.create("s").await.expect("there is room again");
    process.shards.append(&process.names, &target("new")).await.expect("created");
    process.assert_consistent();
}

/// The place of a call whose outcome is unknown is taken until it is known, not until its caller is told.
#[tokio::test(start_paused = true)]
async fn a_call_keeps_its_place_until_it_has_ended() {
    let process = Process::with_basin().await;
    process.rows.fail_next_write(WriteFault::RequestLost);
    process.create("s").await.expect_err("unknown");
    assert_eq!(process.names.calls.available_permits(), CALLS_MAX - 1);
    assert_eq!(code(process.create("s").await), ErrorCode::AlreadyExists, "behind the first, which was done");
    tokio::task::yield_now().await;
    assert_eq!(process.names.calls.available_permits(), CALLS_MAX);
}
