//! Every field in every state, and what is refused with the place of it.

use std::fmt::Debug;

use super::*;
use crate::error::ErrorCode;

fn written(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    write(&mut out);
    out
}

fn parsed<'a, T>(parse: impl FnOnce(&'a [u8]) -> Parsed<'a, T>, bytes: &'a [u8]) -> T {
    wire::whole("config", bytes, parse).unwrap()
}

fn refused<'a, T: Debug>(parse: impl FnOnce(&'a [u8]) -> Parsed<'a, T>, bytes: &'a [u8]) -> (ErrorCode, usize) {
    let error = wire::whole("config", bytes, parse).expect_err("refused");
    (error.code, error.offset)
}

/// Every third value is kept, the next is cleared, the next set.
fn patch_of<T>(choice: u32, value: T) -> Patch<T> {
    match choice % 3 {
        0 => Patch::Keep,
        1 => Patch::Clear,
        _ => Patch::Set(value),
    }
}

fn patch(choices: u32) -> StreamConfigPatch {
    StreamConfigPatch {
        storage_class: patch_of(choices, StorageClass::Standard),
        retention: patch_of(choices / 3, Retention::Age(u64::MAX)),
        timestamping_mode: patch_of(choices / 9, TimestampingMode::Arrival),
        timestamping_uncapped: patch_of(choices / 27, choices.is_multiple_of(2)),
        delete_on_empty_min_age_secs: patch_of(choices / 81, 0),
    }
}

fn whole() -> StreamConfig {
    StreamConfig {
        storage_class: StorageClass::Express,
        retention: Retention::Infinite,
        timestamping_mode: TimestampingMode::ClientRequire,
        timestamping_uncapped: true,
        delete_on_empty_min_age_secs: 7,
    }
}

#[test]
fn e5_every_field_kept_cleared_or_set() {
    for choices in 0..3u32.pow(5) {
        let patch = patch(choices);
        assert_eq!(parsed(parse_patch, &written(|out| patch.write(out))), patch);
    }
}

#[test]
fn e1_a_configuration_with_any_fields_missing() {
    for missing in 0..32 {
        let field = |bit: u32| missing >> bit & 1 == 0;
        let all = PartialStreamConfig::from(whole());
        let partial = PartialStreamConfig {
            storage_class: all.storage_class.filter(|_| field(0)),
            retention: all.retention.filter(|_| field(1)),
            timestamping_mode: all.timestamping_mode.filter(|_| field(2)),
            timestamping_uncapped: all.timestamping_uncapped.filter(|_| field(3)),
            delete_on_empty_min_age_secs: all.delete_on_empty_min_age_secs.filter(|_| field(4)),
        };
        let bytes = written(|out| partial.write(out));
        assert_eq!(parsed(parse_partial, &bytes), partial);
        match missing {
            0 => assert_eq!(parsed(parse_whole, &bytes), whole()),
            _ => assert_eq!(refused(parse_whole, &bytes), (ErrorCode::BadFrame, 0), "{partial:?}"),
        }
    }
}

#[test]
fn e1_every_word_has_a_number() {
    for (number, word) in [(1, "express"), (2, "standard")] {
        assert_eq!(storage_class(&[number]).unwrap().1.name(), word);
    }
    for (number, word) in [(1, "client-prefer"), (2, "client-require"), (3, "arrival")] {
        assert_eq!(timestamping_mode(&[number]).unwrap().1.name(), word);
    }
}

#[test]
fn e1_an_age_of_zero_is_refused_in_s2s_words() {
    let age_zero = b"\x02\0\x01\0\0\0\0\0\0\0\0";
    let error = wire::whole("config", age_zero, parse_patch).unwrap_err();
    assert_eq!((error.code, error.offset), (ErrorCode::Invalid, 3));
    assert_eq!(error.to_string(), "age must be greater than 0 seconds");
}

#[test]
fn words_that_are_not_known_are_unsupported() {
    for (bytes, offset) in [
        (&b"\x20\0"[..], 0),
        (b"\0\x20", 0),
        (b"\x01\0\x03", 2),
        (b"\x02\0\x03\x01\0\0\0\0\0\0\0", 2),
        (b"\x04\0\x04", 2),
    ] {
        assert_eq!(refused(parse_patch, bytes), (ErrorCode::Unsupported, offset), "{bytes:x?}");
    }
}

/// One value has one encoding.
#[test]
fn contradictions_are_bad_frames() {
    for (bytes, offset) in [
        (&b"\x01\x01\x01"[..], 1),
        (b"\x02\0\x02\x01\0\0\0\0\0\0\0", 3),
        (b"\x08\0\x02", 2),
        (b"\x10\0\x01\0\0\0\0\0\0", 2),
    ] {
        assert_eq!(refused(parse_patch, bytes), (ErrorCode::BadFrame, offset), "{bytes:x?}");
    }
    assert_eq!(refused(parse_partial, b"\0\x01"), (ErrorCode::BadFrame, 0));
}

#[test]
fn e1_basins_with_each_switch() {
    for (append, read) in [(false, false), (false, true), (true, false), (true, true)] {
        let config = BasinConfig {
            default_stream_config: whole().into(),
            create_stream_on_append: append,
            create_stream_on_read: read,
        };
        assert_eq!(parsed(parse_basin, &written(|out| config.write(out))), config);
    }
    assert_eq!(refused(parse_basin, b"\x04\0\0"), (ErrorCode::Unsupported, 0));
}

#[test]
fn e5_switches_are_kept_or_set() {
    for create_stream_on_append in [None, Some(false), Some(true)] {
        for create_stream_on_read in [None, Some(false), Some(true)] {
            let change =
                BasinConfigPatch { default_stream_config: patch(5), create_stream_on_append, create_stream_on_read };
            assert_eq!(parsed(parse_basin_patch, &written(|out| change.write(out))), change);
        }
    }
    assert_eq!(refused(parse_basin_patch, b"\x01\x02\0\0"), (ErrorCode::BadFrame, 1));
    assert_eq!(refused(parse_basin_patch, b"\x04\x04\0\0"), (ErrorCode::Unsupported, 0));
}

#[test]
fn e5_what_a_field_is_afterwards() {
    assert_eq!(Patch::Keep.apply(1, 2), 1);
    assert_eq!(Patch::Clear.apply(1, 2), 2);
    assert_eq!(Patch::Set(3).apply(1, 2), 3);
    assert_eq!((Patch::from(Some(4)), Patch::from(None::<u8>)), (Patch::Set(4), Patch::Keep));
}
