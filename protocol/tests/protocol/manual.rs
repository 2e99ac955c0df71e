//! docs/PROTOCOL.md is what other clients are written from: its tables and its example are held to the code.

use riverrun_protocol::access::Operation;
use riverrun_protocol::batch::{Record, encode};
use riverrun_protocol::config::{BasinConfig, StorageClass, TimestampingMode};
use riverrun_protocol::frame::{Cut, cut};
use riverrun_protocol::request::{
    Append, AppendConditions, CreateBasin, Hello, Read, ReadParams, ReadStart, StreamRef,
};
use riverrun_protocol::response::ProvisionResult;
use riverrun_protocol::{BasinName, ErrorCode, FrameClass, FrameKind, Request, StreamName, limits};

use crate::golden::from_hex;

const MANUAL: &str = include_str!("../../../docs/PROTOCOL.md");

/// Whether some table row begins with these cells.
fn has_row(cells: &[&str]) -> bool {
    let begins = |line: &str| {
        let mut found = line.trim_matches('|').split('|').map(str::trim);
        cells.iter().all(|cell| found.next() == Some(cell))
    };
    MANUAL.lines().any(begins)
}

#[test]
fn every_kind_is_listed_with_its_number_and_its_body() {
    for kind in FrameKind::ALL {
        let number = format!("{:02x}", *kind as u8);
        let listed = match kind.class() {
            FrameClass::Request | FrameClass::Push | FrameClass::Error => has_row(&[&number, kind.name()]),
            FrameClass::Response => MANUAL.contains(&format!("| {number} {}", kind.name())),
        };
        assert!(listed, "{number} {kind}");
        let has_body = has_row(&[kind.name()]) || MANUAL.contains(&format!("{kind}, ")) || *kind == FrameKind::Error;
        assert!(has_body || MANUAL.contains(&format!(", {kind} |")), "the body of {kind}");
    }
}

#[test]
fn every_error_code_is_listed_with_its_number_and_outcome() {
    for code in ErrorCode::ALL {
        let number = (code as u16).to_string();
        assert!(has_row(&[&number, code.name(), code.outcome().name()]), "{number} {code}");
    }
    let retryable = ErrorCode::ALL.into_iter().filter(|code| code.is_retryable());
    let mut numbers: Vec<String> = retryable.map(|code| (code as u16).to_string()).collect();
    let last = numbers.pop().unwrap();
    assert!(MANUAL.contains(&format!("Codes {} and {last} are worth another attempt.", numbers.join(", "))));
}

#[test]
fn f2_every_operation_is_listed_with_its_number() {
    for operation in Operation::ALL {
        let number = (*operation as u8).to_string();
        assert!(has_row(&[&number, operation.name()]), "{number} {operation}");
    }
}

#[test]
fn the_words_of_configuration_and_provisioning_are_listed_with_their_numbers() {
    use ProvisionResult::{Created, Noop, Updated};
    use StorageClass::{Express, Standard};
    use TimestampingMode::{Arrival, ClientPrefer, ClientRequire};
    let classes = [Express, Standard].map(|class| (class as u8, class.name()));
    let modes = [ClientPrefer, ClientRequire, Arrival].map(|mode| (mode as u8, mode.name()));
    for (number, word) in classes.into_iter().chain(modes) {
        assert!(MANUAL.contains(&format!("{number} `{word}`")), "{number} {word}");
    }
    for result in [Created, Updated, Noop] {
        assert!(has_row(&[&format!("{} {}", result as u8, result.name())]), "{}", result.name());
    }
}

#[test]
fn the_limits_are_the_code_s() {
    let mib = |bytes: usize| format!("{} MiB", bytes >> 20);
    for (value, constant) in [
        (mib(limits::FRAME_BODY_BYTES_MAX), "`FRAME_BODY_BYTES_MAX`"),
        (format!("{} bytes", limits::HELLO_BODY_BYTES_MAX), "`HELLO_BODY_BYTES_MAX`"),
        (format!("{} KiB", limits::CONTROL_BODY_BYTES_MAX >> 10), "`CONTROL_BODY_BYTES_MAX`"),
        (format!("{} bytes", limits::TOKEN_ID_BYTES_MAX), "`TOKEN_ID_BYTES_MAX`"),
        (format!("{} bytes", limits::FENCING_TOKEN_BYTES_MAX), "`FENCING_TOKEN_BYTES_MAX`"),
        (format!("{} bytes", limits::REQUEST_TOKEN_BYTES_MAX), "`REQUEST_TOKEN_BYTES_MAX`"),
        (format!("{} bytes", limits::SCOPE_NAME_BYTES_MAX), "`SCOPE_NAME_BYTES_MAX`"),
        (limits::BATCH_RECORDS_MAX.to_string(), "`BATCH_RECORDS_MAX`"),
        (limits::LIST_ENTRIES_MAX.to_string(), "`LIST_ENTRIES_MAX`"),
        (mib(limits::CREDIT_BYTES_MAX as usize), "`CREDIT_BYTES_MAX`"),
        (mib(limits::PAGE_RAW_BYTES_MAX), "`PAGE_RAW_BYTES_MAX`"),
        (limits::CONNECTION_REQUESTS_MAX.to_string(), "`CONNECTION_REQUESTS_MAX`"),
        (format!("{} s", limits::UNARY_WAIT_SECS_MAX), "`UNARY_WAIT_SECS_MAX`"),
    ] {
        assert!(MANUAL.contains(&format!("| {value} | {constant} |")), "{constant} is {value}");
    }
}

/// The frames of the first client, byte for byte what this crate writes for the same requests.
#[test]
fn the_first_client_s_frames_are_ours() {
    let target = StreamRef { basin: BasinName::new("my-basin").unwrap(), stream: StreamName::new("s").unwrap() };
    let batch = encode(&[Record::new("hi")]).unwrap();
    let config = BasinConfig { create_stream_on_append: true, create_stream_on_read: true, ..BasinConfig::default() };
    let create = CreateBasin { basin: target.basin.clone(), config, request_token: None };
    let read = Read { target: target.clone(), params: ReadParams::new(ReadStart::SeqNum(0)) };
    let expected = [
        Request::Hello(Hello::new("", "doc")),
        Request::CreateBasin(create),
        Request::Append(Append { target, conditions: AppendConditions::default(), batch: &batch }),
        Request::Read(read),
    ];
    let blocks: Vec<Vec<u8>> =
        MANUAL.split("```hex\n").skip(1).map(|rest| from_hex(rest.split("```").next().unwrap())).collect();
    assert_eq!(blocks.len(), expected.len());
    for ((bytes, request), id) in blocks.iter().zip(&expected).zip(1..) {
        let Ok(Cut::Complete { header, body, .. }) = cut(bytes) else { panic!("frame {id} is not whole") };
        assert_eq!(Request::parse(header.kind, &bytes[body]).as_ref(), Ok(request));
        assert_eq!(crate::support::request_bytes(request, id), bytes);
    }
}
