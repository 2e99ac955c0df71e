//! Basins and streams: what is sent, and which calls are repeated where it is not known whether they were done
//! (`s2-semantics.md` E3 to E6, reliability.md D4).

mod support;

use riverrun_client::{
    BasinConfig, BasinConfigPatch, BasinInfo, BasinOptions, Client, Error, ErrorCode, Idempotency, Outcome,
    PartialStreamConfig, Patch, ProvisionResult, Provisioned, Retention, StorageClass, StreamConfig, StreamConfigPatch,
    StreamId, StreamInfo, StreamOptions, TimestampingMode,
};
use riverrun_protocol::FrameKind;
use riverrun_protocol::request::Request;
use riverrun_protocol::response::Response;
use support::{BASIN, FakeServer, Peer, eager, error};

fn basin(result: ProvisionResult) -> Response {
    let info = BasinInfo { name: BASIN.parse().expect("valid"), created_at_ms: 5, deleted_at_ms: None };
    Response::BasinProvisioned(Provisioned { info, result })
}

fn stream(result: ProvisionResult) -> Response {
    let name = "s".parse().expect("valid");
    let info = StreamInfo { name, id: StreamId([1; 16]), created_at_ms: 5, deleted_at_ms: None };
    Response::StreamProvisioned(Provisioned { info, result })
}

fn whole() -> StreamConfig {
    StreamConfig {
        storage_class: StorageClass::Express,
        retention: Retention::Age(604_800),
        timestamping_mode: TimestampingMode::ClientPrefer,
        timestamping_uncapped: false,
        delete_on_empty_min_age_secs: 0,
    }
}

fn a_day() -> PartialStreamConfig {
    PartialStreamConfig { retention: Some(Retention::Age(86_400)), ..PartialStreamConfig::default() }
}

/// The next request's id, after `look` has seen it.
async fn receive(peer: &mut Peer, kind: FrameKind, look: impl FnOnce(Request<'_>)) -> u64 {
    let frame = peer.expect(kind).await;
    look(Request::parse(frame.header.kind, &frame.body).expect("sound"));
    frame.header.id
}

/// The request token of the next creation of a stream, and its id.
async fn creation(peer: &mut Peer) -> (u64, Option<String>) {
    let mut token = None;
    let id = receive(peer, FrameKind::CreateStream, |request| {
        let Request::CreateStream(create) = request else { panic!("{request:?}") };
        token = create.request_token.map(|token| token.to_string());
    });
    (id.await, token)
}

#[tokio::test]
async fn e3_creations_carry_their_configuration_and_a_request_token() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let config =
        BasinConfig { create_stream_on_append: true, default_stream_config: a_day(), ..BasinConfig::default() };
    let serving = async {
        let id = receive(&mut peer, FrameKind::CreateBasin, |request| {
            let Request::CreateBasin(create) = request else { panic!("{request:?}") };
            assert_eq!((create.basin.as_str(), create.config), (BASIN, config));
            assert!(create.request_token.is_some());
        });
        let id = id.await;
        peer.answer(id, &basin(ProvisionResult::Created)).await;
        let id = receive(&mut peer, FrameKind::CreateStream, |request| {
            let Request::CreateStream(create) = request else { panic!("{request:?}") };
            assert_eq!((create.target.to_string(), create.config), (format!("{BASIN}/s"), a_day()));
            assert_eq!(create.request_token.as_ref().map(AsRef::as_ref), Some("mine"));
        });
        let id = id.await;
        peer.answer(id, &stream(ProvisionResult::Noop)).await;
    };
    let calls = async {
        let created = client.create_basin(BASIN, config).await.expect("created");
        let mine = Idempotency::Token("mine".parse().expect("short"));
        let options = StreamOptions { config: a_day(), idempotency: mine };
        (created, client.create_stream_with(BASIN, "s", options).await.expect("there"))
    };
    let ((created, there), ()) = tokio::join!(calls, serving);
    assert_eq!((created.result, created.info.created_at_ms), (ProvisionResult::Created, 5));
    assert_eq!((there.result, there.info.name.as_str()), (ProvisionResult::Noop, "s"));
}

#[tokio::test]
async fn e4_a_creation_in_doubt_is_repeated_under_the_same_request_token() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let serving = async {
        let (_, first) = creation(&mut peer).await;
        let mut peer = server.accept_after_dropping(peer).await;
        let (id, second) = creation(&mut peer).await;
        peer.refuse(id, &error(ErrorCode::Storage, Outcome::MaybeDone)).await;
        let (id, third) = creation(&mut peer).await;
        peer.answer(id, &stream(ProvisionResult::Noop)).await;
        assert!(first.is_some() && first == second && second == third, "{first:?} {second:?} {third:?}");
        let (id, another) = creation(&mut peer).await;
        peer.answer(id, &stream(ProvisionResult::Created)).await;
        assert_ne!(another, third, "another call is another creation");
    };
    let calls = async {
        let created = client.create_stream(BASIN, "s").await.expect("the third attempt");
        client.create_stream(BASIN, "s").await.expect("created");
        created
    };
    let (created, ()) = tokio::join!(calls, serving);
    assert_eq!(created.result, ProvisionResult::Noop, "an earlier attempt of this very call did it");
}

#[tokio::test]
async fn e4_without_a_request_token_a_creation_in_doubt_is_not_repeated() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let options = BasinOptions { idempotency: Idempotency::None, ..BasinOptions::default() };
    let serving = async {
        let id = receive(&mut peer, FrameKind::CreateBasin, |request| {
            assert!(matches!(request, Request::CreateBasin(create) if create.request_token.is_none()));
        });
        let id = id.await;
        peer.refuse(id, &error(ErrorCode::Storage, Outcome::MaybeDone)).await;
        peer
    };
    let (created, peer) = tokio::join!(client.create_basin(BASIN, options), serving);
    assert_eq!(created.expect_err("unknown").outcome(), Outcome::MaybeDone);
    drop(client);
    assert!(peer.drained().await.is_empty());
}

/// The first attempt may have been done; that the later ones were not says nothing about it.
#[tokio::test]
async fn d4_a_creation_in_doubt_stays_so_when_the_repeats_are_refused() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let serving = async {
        peer.expect(FrameKind::CreateStream).await;
        let mut peer = server.accept_after_dropping(peer).await;
        for _ in 0..3 {
            let id = peer.expect_id(FrameKind::CreateStream).await;
            peer.refuse(id, &error(ErrorCode::Overloaded, Outcome::NotDone)).await;
        }
        peer
    };
    let (created, _peer) = tokio::join!(client.create_stream(BASIN, "s"), serving);
    assert_eq!(created.expect_err("four attempts").outcome(), Outcome::MaybeDone);
}

#[tokio::test]
async fn e6_what_exists_or_is_being_deleted_is_told_by_its_code_and_not_asked_again() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let codes = [ErrorCode::AlreadyExists, ErrorCode::BasinDeletionPending, ErrorCode::StreamDeletionPending];
    for code in codes {
        let serving = async {
            let id = peer.expect_id(FrameKind::CreateStream).await;
            peer.refuse(id, &error(code, Outcome::NotDone)).await;
        };
        let (created, ()) = tokio::join!(client.create_stream(BASIN, "s"), serving);
        let refused = created.expect_err("refused");
        assert_eq!((refused.code(), refused.outcome()), (Some(code), Outcome::NotDone));
    }
    drop(client);
    assert!(peer.drained().await.is_empty());
}

#[tokio::test]
async fn e3_ensuring_replaces_and_repeats_safely() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let config = BasinConfig { create_stream_on_read: true, ..BasinConfig::default() };
    let serving = async {
        peer.expect(FrameKind::EnsureBasin).await;
        let mut peer = server.accept_after_dropping(peer).await;
        let id = receive(&mut peer, FrameKind::EnsureBasin, |request| {
            assert!(matches!(request, Request::EnsureBasin(ensure) if ensure.config == config));
        });
        let id = id.await;
        peer.answer(id, &basin(ProvisionResult::Updated)).await;
        let id = receive(&mut peer, FrameKind::EnsureStream, |request| {
            assert!(matches!(request, Request::EnsureStream(ensure) if ensure.config == a_day()));
        });
        let id = id.await;
        peer.answer(id, &stream(ProvisionResult::Created)).await;
        peer
    };
    let calls = async {
        let basin = client.ensure_basin(BASIN, config).await.expect("the second attempt");
        (basin.result, client.ensure_stream(BASIN, "s", a_day()).await.expect("ensured").result)
    };
    let (results, _peer) = tokio::join!(calls, serving);
    assert_eq!(results, (ProvisionResult::Updated, ProvisionResult::Created));
}

#[tokio::test]
async fn e5_configurations_are_read_and_changed_in_part() {
    let server = FakeServer::start().await;
    let (client, mut peer) = server.connected(eager()).await;
    let basin_patch = BasinConfigPatch { create_stream_on_append: Some(false), ..BasinConfigPatch::default() };
    let patch = StreamConfigPatch {
        retention: Patch::Set(Retention::Infinite),
        storage_class: Patch::Clear,
        ..StreamConfigPatch::default()
    };
    let serving = async {
        let id = peer.expect_id(FrameKind::GetBasinConfig).await;
        peer.answer(id, &Response::BasinConfig(BasinConfig::default())).await;
        let id = receive(&mut peer, FrameKind::ReconfigureBasin, |request| {
            assert!(matches!(request, Request::ReconfigureBasin(change) if change.patch == basin_patch));
        });
        let id = id.await;
        peer.answer(id, &Response::BasinConfig(BasinConfig::default())).await;
        let id = peer.expect_id(FrameKind::GetStreamConfig).await;
        peer.answer(id, &Response::StreamConfig(whole())).await;
        let id = receive(&mut peer, FrameKind::ReconfigureStream, |request| {
            assert!(matches!(request, Request::ReconfigureStream(change) if change.patch == patch));
        });
        let id = id.await;
        peer.answer(id, &Response::StreamConfig(StreamConfig { retention: Retention::Infinite, ..whole() })).await;
    };
    let calls = async {
        assert_eq!(client.get_basin_config(BASIN).await, Ok(BasinConfig::default()));
        assert_eq!(client.reconfigure_basin(BASIN, basin_patch).await, Ok(BasinConfig::default()));
        assert_eq!(client.get_stream_config(BASIN, "s").await, Ok(whole()));
        client.reconfigure_stream(BASIN, "s", patch).await.expect("changed").retention
    };
    let (retention, ()) = tokio::join!(calls, serving);
    assert_eq!(retention, Retention::Infinite);
}

/// One deletion of each kind: the call, its request, and how the server says that there is nothing to delete.
async fn deleted(client: &Client, kind: FrameKind) -> Result<(), Error> {
    match kind {
        FrameKind::DeleteBasin => client.delete_basin(BASIN).await,
        FrameKind::DeleteStream => client.delete_stream(BASIN, "s").await,
        _ => client.revoke_access_token("readers").await,
    }
}

const DELETIONS: [(FrameKind, ErrorCode); 3] = [
    (FrameKind::DeleteBasin, ErrorCode::BasinNotFound),
    (FrameKind::DeleteStream, ErrorCode::StreamNotFound),
    (FrameKind::RevokeAccessToken, ErrorCode::AccessTokenNotFound),
];

#[tokio::test]
async fn e4_a_deletion_in_doubt_is_repeated_and_done_when_nothing_is_left_of_it() {
    for (kind, gone) in DELETIONS {
        let server = FakeServer::start().await;
        let (client, mut peer) = server.connected(eager()).await;
        let serving = async {
            peer.expect(kind).await;
            let mut peer = server.accept_after_dropping(peer).await;
            let id = peer.expect_id(kind).await;
            peer.refuse(id, &error(gone, Outcome::NotDone)).await;
            peer
        };
        let (outcome, _peer) = tokio::join!(deleted(&client, kind), serving);
        assert_eq!(outcome, Ok(()), "{kind}");
    }
}

#[tokio::test]
async fn e6_deleting_what_is_not_there_says_so() {
    for (kind, gone) in DELETIONS {
        let server = FakeServer::start().await;
        let (client, mut peer) = server.connected(eager()).await;
        let serving = async {
            let id = peer.expect_id(kind).await;
            peer.answer(id, &Response::Done).await;
            let id = peer.expect_id(kind).await;
            peer.refuse(id, &error(gone, Outcome::NotDone)).await;
        };
        let calls = async { (deleted(&client, kind).await, deleted(&client, kind).await) };
        let ((first, second), ()) = tokio::join!(calls, serving);
        assert_eq!(first, Ok(()), "{kind}");
        assert_eq!(second.expect_err("gone").code(), Some(gone), "{kind}");
    }
}
