//! Every row of the tables about streams (s2-semantics.md E2-E7).

use riverrun_protocol::config::{
    AGE_ZERO, BasinConfig, PartialStreamConfig, Patch, Retention, StorageClass, StreamConfig, StreamConfigPatch,
    TimestampingMode,
};
use riverrun_protocol::request::{CreateStream, EnsureStream, ReconfigureStream};
use riverrun_protocol::response::ProvisionResult;

use super::fixtures::*;
use crate::action::LoadCause;
use crate::control::*;
use crate::event::CloseWhen;

type Decided = Result<Verdict<StreamEntry>, Refusal>;

fn create(basin: Option<&BasinEntry>, stream: Option<&StreamEntry>, request: &CreateStream) -> Decided {
    create_stream(basin, stream, request, &SYSTEM_DEFAULTS, FRESH)
}

fn ensure(basin: Option<&BasinEntry>, stream: Option<&StreamEntry>, config: PartialStreamConfig) -> Decided {
    ensure_stream(basin, stream, &EnsureStream { target: target(), config }, &SYSTEM_DEFAULTS, FRESH)
}

fn reconfigure(basin: Option<&BasinEntry>, stream: Option<&StreamEntry>, patch: StreamConfigPatch) -> Decided {
    reconfigure_stream(basin, stream, &ReconfigureStream { target: target(), patch }, &SYSTEM_DEFAULTS)
}

fn use_it(basin: Option<&BasinEntry>, stream: Option<&StreamEntry>, cause: LoadCause) -> Decided {
    find_or_create(basin, stream, &target(), cause, &SYSTEM_DEFAULTS, FRESH)
}

fn delete(stream: Option<&StreamEntry>, when: CloseWhen) -> Result<Deletion<StreamEntry>, Refusal> {
    delete_stream(stream, &target(), when, NOW_MS)
}

fn nothing() -> PartialStreamConfig {
    PartialStreamConfig::default()
}

fn other_patch() -> StreamConfigPatch {
    StreamConfigPatch { retention: Patch::Set(Retention::Infinite), ..StreamConfigPatch::default() }
}

/// What a stream gets of which nothing was said: the basin's class, else the system's.
fn inherited() -> StreamConfig {
    StreamConfig { storage_class: StorageClass::Standard, ..SYSTEM_DEFAULTS }
}

#[test]
fn e4_none_and_any_token_is_created() {
    for request_token in [None, token(""), token("first")] {
        let has_token = request_token.is_some();
        let verdict = create(Some(&basin()), None, &create_stream_request(request_token)).expect("created");
        assert_eq!((verdict.result, verdict.is_to_be_written()), (ProvisionResult::Created, true));
        let entry = verdict.entry;
        assert_eq!((entry.id, entry.created_at_ms, entry.config), (FRESH.id, NOW_MS, inherited()));
        assert_eq!((entry.config_version, entry.deleted_at_ms), (0, None));
        assert_eq!(entry.creation.is_some(), has_token);
    }
}

#[test]
fn e4_present_and_same_token_and_configuration_is_noop_with_the_original() {
    let verdict = create(Some(&basin()), Some(&stream()), &create_stream_request(token("first")));
    let verdict = verdict.expect("known again");
    assert_eq!((verdict.result, verdict.is_to_be_written()), (ProvisionResult::Noop, false));
    assert_eq!(verdict.entry, stream());
}

/// The basin's defaults have changed meanwhile: what was sent is still the same.
#[test]
fn e4_what_was_sent_is_compared_and_not_what_it_resolves_to() {
    let basin = BasinEntry { config: BasinConfig::default(), ..basin() };
    let verdict = create(Some(&basin), Some(&stream()), &create_stream_request(token("first")));
    assert_eq!(verdict.expect("known again").result, ProvisionResult::Noop);
    let config = PartialStreamConfig { storage_class: Some(StorageClass::Standard), ..nothing() };
    let said = CreateStream { config, ..create_stream_request(token("first")) };
    assert_eq!(create(Some(&basin), Some(&stream()), &said), Err(Refusal::StreamExists(target())));
}

#[test]
fn e4_present_otherwise_is_refused() {
    for request_token in [None, token("second"), token("")] {
        let verdict = create(Some(&basin()), Some(&stream()), &create_stream_request(request_token));
        assert_eq!(verdict, Err(Refusal::StreamExists(target())));
    }
}

#[test]
fn e4_present_and_made_by_ensure_or_auto_create_is_refused_with_any_token() {
    let ensured = ensure(Some(&basin()), None, nothing()).expect("created").entry;
    let used = use_it(Some(&basin()), None, LoadCause::Append).expect("created").entry;
    for there in [ensured, used] {
        assert_eq!(there.creation, None);
        let verdict = create(Some(&basin()), Some(&there), &create_stream_request(token("first")));
        assert_eq!(verdict, Err(Refusal::StreamExists(target())));
    }
}

#[test]
fn e4_deletion_pending_is_refused_with_any_token() {
    for request_token in [None, token("first")] {
        let verdict = create(Some(&basin()), Some(&deleting_stream()), &create_stream_request(request_token));
        assert_eq!(verdict, Err(Refusal::StreamDeletionPending));
    }
}

#[test]
fn e4_tokens_are_remembered_through_reconfiguration_and_ensure() {
    let patched = reconfigure(Some(&basin()), Some(&stream()), other_patch()).expect("patched").entry;
    let ensured = ensure(Some(&basin()), Some(&patched), nothing()).expect("replaced").entry;
    assert_eq!((patched.config_version, ensured.config_version), (1, 2));
    let verdict = create(Some(&basin()), Some(&ensured), &create_stream_request(token("first")));
    assert_eq!(verdict.expect("known again"), Verdict { entry: ensured, result: ProvisionResult::Noop });
}

#[test]
fn e3_ensure_creates_replaces_or_does_nothing() {
    let created = ensure(Some(&basin()), None, nothing()).expect("created");
    assert_eq!((created.result, created.entry.config), (ProvisionResult::Created, inherited()));
    let noop = ensure(Some(&basin()), Some(&stream()), nothing()).expect("there");
    assert_eq!((noop.result, noop.entry), (ProvisionResult::Noop, stream()));
    let config = PartialStreamConfig { timestamping_uncapped: Some(true), ..nothing() };
    let updated = ensure(Some(&basin()), Some(&stream()), config).expect("replaced");
    assert_eq!(updated.result, ProvisionResult::Updated);
    let config = StreamConfig { timestamping_uncapped: true, ..inherited() };
    assert_eq!(updated.entry, StreamEntry { config, config_version: 1, ..stream() }, "all else is kept");
}

/// It replaces: what an earlier call had set goes back to the basin's default as it is now.
#[test]
fn e3_what_ensure_is_not_given_goes_back_to_defaults() {
    let patched = reconfigure(Some(&basin()), Some(&stream()), other_patch()).expect("patched").entry;
    let basin = BasinEntry { config: BasinConfig::default(), ..basin() };
    let ensured = ensure(Some(&basin), Some(&patched), nothing()).expect("replaced").entry;
    assert_eq!(ensured.config, SYSTEM_DEFAULTS);
}

#[test]
fn e5_a_stream_keeps_clears_and_sets() {
    let keep = reconfigure(Some(&basin()), Some(&stream()), StreamConfigPatch::default()).expect("kept");
    assert_eq!((keep.result, keep.entry), (ProvisionResult::Noop, stream()));
    let patch = StreamConfigPatch {
        timestamping_mode: Patch::Set(TimestampingMode::Arrival),
        delete_on_empty_min_age_secs: Patch::Set(60),
        ..other_patch()
    };
    let set = reconfigure(Some(&basin()), Some(&stream()), patch).expect("set").entry;
    let expected = StreamConfig {
        retention: Retention::Infinite,
        timestamping_mode: TimestampingMode::Arrival,
        delete_on_empty_min_age_secs: 60,
        ..inherited()
    };
    assert_eq!((set.config, set.config_version), (expected, 1));
    let patch =
        StreamConfigPatch { retention: Patch::Clear, storage_class: Patch::Clear, ..StreamConfigPatch::default() };
    let age = PartialStreamConfig { retention: Some(Retention::Age(60)), ..nothing() };
    let now = BasinEntry { config: BasinConfig { default_stream_config: age, ..basin_config() }, ..basin() };
    let cleared = reconfigure(Some(&now), Some(&set), patch).expect("cleared").entry;
    let expected =
        StreamConfig { retention: Retention::Age(60), storage_class: SYSTEM_DEFAULTS.storage_class, ..expected };
    assert_eq!((cleared.config, cleared.config_version), (expected, 2), "basin's default as it is now, else system's");
}

#[test]
fn e1_age_zero_is_invalid_everywhere() {
    let request = CreateStream { config: zero_age(), ..create_stream_request(None) };
    let patch = StreamConfigPatch { retention: Patch::Set(Retention::Age(0)), ..StreamConfigPatch::default() };
    for basin in [None, Some(&basin()), Some(&deleting_basin())] {
        let refused = [
            create(basin, None, &request),
            ensure(basin, Some(&stream()), zero_age()),
            reconfigure(basin, Some(&stream()), patch),
        ];
        assert_eq!(refused, [const { Err(Refusal::Invalid(AGE_ZERO)) }; 3]);
    }
}

#[test]
fn e6_a_stream_whose_deletion_is_pending() {
    let (basin, deleting) = (basin(), deleting_stream());
    let refused = [
        create(Some(&basin), Some(&deleting), &create_stream_request(None)),
        ensure(Some(&basin), Some(&deleting), nothing()),
        reconfigure(Some(&basin), Some(&deleting), other_patch()),
        use_it(Some(&basin), Some(&deleting), LoadCause::Append),
        use_it(Some(&basin), Some(&deleting), LoadCause::Read),
        use_it(Some(&basin), Some(&deleting), LoadCause::Close),
    ];
    assert_eq!(refused, [const { Err(Refusal::StreamDeletionPending) }; 6]);
    assert_eq!(get_stream_config(Some(&deleting), &target()), Err(Refusal::StreamDeletionPending));
    assert_eq!(delete(Some(&deleting), CloseWhen::Always), Ok(Deletion::UnderWay));
}

#[test]
fn e6_a_stream_that_is_purged_is_not_found() {
    let missing = Refusal::StreamNotFound(target());
    assert_eq!(reconfigure(Some(&basin()), None, other_patch()), Err(missing.clone()));
    assert_eq!(get_stream_config(None, &target()), Err(missing.clone()));
    assert_eq!(delete(None, CloseWhen::Always), Err(missing.clone()));
    assert_eq!(use_it(Some(&basin()), None, LoadCause::Read), Err(missing));
}

#[test]
fn e6_inside_a_basin_whose_deletion_is_pending() {
    let (basin, pending) = (deleting_basin(), Refusal::BasinDeletionPending(name()));
    for there in [None, Some(&stream()), Some(&deleting_stream())] {
        let refused = [
            create(Some(&basin), there, &create_stream_request(token("first"))),
            ensure(Some(&basin), there, nothing()),
            reconfigure(Some(&basin), there, other_patch()),
        ];
        assert!(refused.iter().all(|refused| refused.as_ref() == Err(&pending)), "{refused:?}");
    }
    let auto_created = use_it(Some(&basin), None, LoadCause::Append);
    assert_eq!(auto_created, Err(pending));
    let switched_off = use_it(Some(&basin), None, LoadCause::Read);
    assert_eq!(switched_off, Err(Refusal::StreamNotFound(target())));
}

#[test]
fn e6_a_stream_that_still_exists_works_on_while_its_basin_is_deleted() {
    for cause in [LoadCause::Append, LoadCause::Read, LoadCause::Close] {
        for basin in [Some(&deleting_basin()), None] {
            let found = use_it(basin, Some(&stream()), cause).expect("works");
            assert_eq!((found.result, found.entry), (ProvisionResult::Noop, stream()));
        }
    }
}

#[test]
fn e6_inside_a_basin_that_is_not_there() {
    let missing = Refusal::BasinNotFound(name());
    let refused = [
        create(None, None, &create_stream_request(None)),
        ensure(None, None, nothing()),
        reconfigure(None, None, other_patch()),
        use_it(None, None, LoadCause::Append),
        use_it(None, None, LoadCause::Read),
    ];
    assert!(refused.iter().all(|refused| refused.as_ref() == Err(&missing)), "{refused:?}");
}

#[test]
fn e6_deleting_an_active_stream_marks_it() {
    let expected = StreamEntry { deleted_at_ms: Some(NOW_MS), ..stream() };
    assert_eq!(delete(Some(&stream()), CloseWhen::Always), Ok(Deletion::Begin(expected)));
}

#[test]
fn e7_each_switch_creates_for_its_own_cause() {
    for (on_append, on_read) in [(false, false), (true, false), (false, true), (true, true)] {
        let config =
            BasinConfig { create_stream_on_append: on_append, create_stream_on_read: on_read, ..basin_config() };
        let basin = BasinEntry { config, ..basin() };
        for (cause, on) in [(LoadCause::Append, on_append), (LoadCause::Read, on_read), (LoadCause::Close, false)] {
            let created = use_it(Some(&basin), None, cause);
            let result = created.as_ref().map(|verdict| verdict.result);
            let missing = Refusal::StreamNotFound(target());
            assert_eq!(result, if on { Ok(ProvisionResult::Created) } else { Err(&missing) }, "{cause:?}");
            if let Ok(Verdict { entry, .. }) = created {
                assert_eq!((entry.config, entry.creation), (inherited(), None));
            }
        }
    }
}

#[test]
fn e8_delete_on_empty_is_decided_by_the_configuration_as_it_is() {
    let wanting = |secs| {
        let config = StreamConfig { delete_on_empty_min_age_secs: secs, ..inherited() };
        delete(Some(&StreamEntry { config, ..stream() }), CloseWhen::Empty { min_age_ms: 60_000 })
    };
    assert_eq!(wanting(0), Ok(Deletion::NotDue), "switched off since");
    assert_eq!(wanting(61), Ok(Deletion::NotDue), "a longer age since");
    assert_eq!(wanting(u64::MAX), Ok(Deletion::NotDue));
    assert!(matches!(wanting(60), Ok(Deletion::Begin(_))));
    assert!(matches!(wanting(1), Ok(Deletion::Begin(_))));
}
