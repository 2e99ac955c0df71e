//! Every row of the tables about basins (s2-semantics.md E3-E6).

use riverrun_protocol::config::{
    AGE_ZERO, BasinConfig, BasinConfigPatch, PartialStreamConfig, Patch, Retention, StorageClass, StreamConfigPatch,
};
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::request::{CreateBasin, EnsureBasin, ReconfigureBasin};
use riverrun_protocol::response::ProvisionResult;

use super::fixtures::*;
use crate::control::*;

fn pending() -> Refusal {
    Refusal::BasinDeletionPending(name())
}

fn ensure(config: BasinConfig) -> EnsureBasin {
    EnsureBasin { basin: name(), config }
}

fn reconfigure(patch: BasinConfigPatch) -> ReconfigureBasin {
    ReconfigureBasin { basin: name(), patch }
}

fn of_default(patch: StreamConfigPatch) -> BasinConfigPatch {
    BasinConfigPatch { default_stream_config: patch, ..BasinConfigPatch::default() }
}

#[test]
fn e4_none_and_any_token_is_created() {
    for request_token in [None, token(""), token("first")] {
        let has_token = request_token.is_some();
        let verdict = create_basin(None, &create_basin_request(request_token), NOW_MS).expect("created");
        assert_eq!((verdict.result, verdict.is_to_be_written()), (ProvisionResult::Created, true));
        let entry = verdict.entry;
        assert_eq!((entry.created_at_ms, entry.deleted_at_ms, entry.config), (NOW_MS, None, basin_config()));
        assert_eq!(entry.creation.is_some(), has_token);
    }
}

#[test]
fn e4_present_and_same_token_and_configuration_is_noop_with_the_original() {
    let verdict = create_basin(Some(&basin()), &create_basin_request(token("first")), NOW_MS).expect("known again");
    assert_eq!((verdict.result, verdict.is_to_be_written()), (ProvisionResult::Noop, false));
    assert_eq!(verdict.entry, basin());
}

#[test]
fn e4_present_otherwise_is_refused() {
    let other = CreateBasin { config: BasinConfig::default(), ..create_basin_request(token("first")) };
    for request in [create_basin_request(token("second")), other, create_basin_request(None)] {
        assert_eq!(create_basin(Some(&basin()), &request, NOW_MS), Err(Refusal::BasinExists(name())));
    }
}

#[test]
fn e4_present_and_made_by_ensure_is_refused_with_any_token() {
    let ensured = ensure_basin(None, &ensure(basin_config()), CREATED_MS).expect("created").entry;
    for request_token in [None, token("first")] {
        let verdict = create_basin(Some(&ensured), &create_basin_request(request_token), NOW_MS);
        assert_eq!(verdict, Err(Refusal::BasinExists(name())));
    }
}

#[test]
fn e4_deletion_pending_is_refused_with_any_token() {
    for request_token in [None, token("first")] {
        let request = create_basin_request(request_token);
        assert_eq!(create_basin(Some(&deleting_basin()), &request, NOW_MS), Err(pending()));
    }
}

#[test]
fn e4_tokens_are_remembered_through_reconfiguration_and_ensure() {
    let patch = BasinConfigPatch { create_stream_on_read: Some(true), ..BasinConfigPatch::default() };
    let patched = reconfigure_basin(Some(&basin()), &reconfigure(patch)).expect("patched").entry;
    let ensured = ensure_basin(Some(&patched), &ensure(BasinConfig::default()), NOW_MS).expect("replaced").entry;
    assert_ne!(ensured.config, basin().config);
    let verdict = create_basin(Some(&ensured), &create_basin_request(token("first")), NOW_MS).expect("known again");
    assert_eq!((verdict.result, verdict.entry), (ProvisionResult::Noop, ensured));
}

#[test]
fn e3_ensure_creates_replaces_or_does_nothing() {
    let created = ensure_basin(None, &ensure(basin_config()), NOW_MS).expect("created");
    assert_eq!((created.result, created.entry.creation), (ProvisionResult::Created, None));
    let noop = ensure_basin(Some(&basin()), &ensure(basin_config()), NOW_MS).expect("there");
    assert_eq!((noop.result, noop.entry), (ProvisionResult::Noop, basin()));
    let updated = ensure_basin(Some(&basin()), &ensure(BasinConfig::default()), NOW_MS).expect("replaced");
    assert_eq!(updated.result, ProvisionResult::Updated);
    assert_eq!(updated.entry, BasinEntry { config: BasinConfig::default(), ..basin() }, "all else is kept");
}

#[test]
fn e5_a_basin_keeps_sets_and_unsets() {
    let keep = reconfigure_basin(Some(&basin()), &reconfigure(BasinConfigPatch::default())).expect("kept");
    assert_eq!((keep.result, keep.entry), (ProvisionResult::Noop, basin()));
    let patch = StreamConfigPatch {
        storage_class: Patch::Clear,
        retention: Patch::Set(Retention::Infinite),
        ..StreamConfigPatch::default()
    };
    let set = reconfigure_basin(Some(&basin()), &reconfigure(of_default(patch))).expect("set");
    assert_eq!(set.result, ProvisionResult::Updated);
    let expected = PartialStreamConfig { retention: Some(Retention::Infinite), ..PartialStreamConfig::default() };
    assert_eq!(set.entry.config, BasinConfig { default_stream_config: expected, ..basin_config() });
}

#[test]
fn e1_age_zero_is_invalid_everywhere() {
    let config = BasinConfig { default_stream_config: zero_age(), ..basin_config() };
    let patch = StreamConfigPatch { retention: Patch::Set(Retention::Age(0)), ..StreamConfigPatch::default() };
    let create = CreateBasin { config, ..create_basin_request(None) };
    for there in [None, Some(&basin()), Some(&deleting_basin())] {
        let refused = [
            create_basin(there, &create, NOW_MS),
            ensure_basin(there, &ensure(config), NOW_MS),
            reconfigure_basin(there, &reconfigure(of_default(patch))),
        ];
        assert_eq!(refused, [const { Err(Refusal::Invalid(AGE_ZERO)) }; 3]);
    }
}

#[test]
fn e6_a_basin_whose_deletion_is_pending() {
    let deleting = deleting_basin();
    let patch = BasinConfigPatch { create_stream_on_read: Some(true), ..BasinConfigPatch::default() };
    assert_eq!(ensure_basin(Some(&deleting), &ensure(basin_config()), NOW_MS), Err(pending()));
    assert_eq!(reconfigure_basin(Some(&deleting), &reconfigure(patch)), Err(pending()));
    assert_eq!(get_basin_config(Some(&deleting), &name()), Ok(basin_config()));
    assert_eq!(delete_basin(Some(&deleting), &name(), NOW_MS), Ok(Deletion::UnderWay));
}

#[test]
fn e6_a_basin_that_is_not_there() {
    let missing = Refusal::BasinNotFound(name());
    let patch = BasinConfigPatch { create_stream_on_read: Some(true), ..BasinConfigPatch::default() };
    assert_eq!(reconfigure_basin(None, &reconfigure(patch)), Err(missing.clone()));
    assert_eq!(get_basin_config(None, &name()), Err(missing.clone()));
    assert_eq!(delete_basin(None, &name(), NOW_MS), Err(missing));
}

#[test]
fn e6_deleting_an_active_basin_marks_it() {
    let expected = BasinEntry { deleted_at_ms: Some(NOW_MS), ..basin() };
    assert_eq!(delete_basin(Some(&basin()), &name(), NOW_MS), Ok(Deletion::Begin(expected)));
}

#[test]
fn e11_refusals_have_s2s_codes_and_words() {
    let target = target();
    let refusals = [
        (Refusal::BasinExists(name()), ErrorCode::AlreadyExists, "basin `logs-basin` already exists"),
        (
            Refusal::StreamExists(target.clone()),
            ErrorCode::AlreadyExists,
            "stream `a/b` in basin `logs-basin` already exists",
        ),
        (Refusal::BasinNotFound(name()), ErrorCode::BasinNotFound, "basin `logs-basin` not found"),
        (Refusal::StreamNotFound(target), ErrorCode::StreamNotFound, "stream `a/b` in basin `logs-basin` not found"),
        (pending(), ErrorCode::BasinDeletionPending, "basin `logs-basin` is being deleted"),
        (Refusal::StreamDeletionPending, ErrorCode::StreamDeletionPending, "stream deletion pending"),
        (Refusal::Invalid(AGE_ZERO), ErrorCode::Invalid, "age must be greater than 0 seconds"),
    ];
    for (refusal, code, message) in refusals {
        let frame = ErrorFrame::from(refusal);
        assert_eq!((frame.code, frame.outcome, &*frame.message), (code, Outcome::NotDone, message));
    }
}

/// The class that nothing says anything about comes from the system.
#[test]
fn e2_a_basin_without_defaults_leaves_the_systems() {
    let nothing = PartialStreamConfig::default();
    assert_eq!(resolved(&nothing, &nothing, &SYSTEM_DEFAULTS), SYSTEM_DEFAULTS);
    let basin = basin_config().default_stream_config;
    assert_eq!(resolved(&nothing, &basin, &SYSTEM_DEFAULTS).storage_class, StorageClass::Standard);
}
