use super::*;

/// H10, row by row: code, status, retryable, no side effects.
const H10: &str = "
access_token_not_found 404 no yes
authn 401 no yes
bad_frame 400 no yes
bad_header 400 no yes
bad_json 400 no yes
bad_path 400 no yes
bad_proto 400 no yes
bad_query 400 no yes
basin_deletion_pending 409 no yes
basin_not_found 404 no yes
client_hangup 499 no no
decryption_failed 400 no yes
hot_server 502 yes yes
invalid 422 no yes
not_implemented 501 no yes
other 500 yes no
permission_denied 403 no yes
quota_exhausted 403 no yes
rate_limited 429 yes yes
request_timeout 408 yes no
resource_already_exists 409 no yes
server_draining 503 yes yes
storage 500 yes no
stream_deletion_pending 409 no yes
stream_not_found 404 no yes
transaction_conflict 409 yes yes
unavailable 503 yes no
upstream_timeout 504 yes no
";

#[test]
fn h10_every_row() {
    let word = |yes: bool| if yes { "yes" } else { "no" };
    let rows = S2Code::ALL.iter().map(|code| {
        let (status, retry, effects) = (code.status(), code.is_retryable(), code.has_no_side_effects());
        format!("{} {} {} {}\n", code.name(), status.as_u16(), word(retry), word(effects))
    });
    assert_eq!(rows.collect::<String>(), H10.trim_start());
}

fn text(error: &HttpError) -> String {
    String::from_utf8(error.json().to_vec()).unwrap()
}

fn with(code: ErrorCode, outcome: Outcome) -> HttpError {
    let everything = ErrorFrame {
        tail: Some(Position { seq_num: 3, timestamp: 4 }),
        fencing_token: Some(FencingToken::new("me").unwrap()),
        seq_num: Some(7),
        ..ErrorFrame::new(code, "why")
    };
    HttpError::from(&ErrorFrame { outcome, ..everything })
}

#[test]
fn h5_a_code_and_a_message() {
    assert_eq!(
        text(&HttpError::bad_json("a \"quoted\" line\n")),
        r#"{"code":"bad_json","message":"a \"quoted\" line\n"}"#
    );
    assert_eq!(HttpError::bad_json("").status, 400);
    assert_eq!(HttpError::invalid("").status, 422);
    let encoding = HttpError::unsupported_content_encoding("br");
    assert_eq!((encoding.status.as_u16(), encoding.code()), (415, Some("unsupported_media_type")));
}

#[test]
fn b11_and_c4_have_bodies_of_their_own() {
    let fenced = with(ErrorCode::FencingTokenMismatch, Outcome::Terminal);
    assert_eq!((fenced.status.as_u16(), text(&fenced).as_str()), (412, r#"{"fencing_token_mismatch":"me"}"#));
    let numbered = with(ErrorCode::SeqNumMismatch, Outcome::NotDone);
    assert_eq!((numbered.status.as_u16(), text(&numbered).as_str()), (412, r#"{"seq_num_mismatch":7}"#));
    let unwritten = with(ErrorCode::Unwritten, Outcome::NotDone);
    let tail = r#"{"tail":{"seq_num":3,"timestamp":4}}"#;
    assert_eq!((unwritten.status.as_u16(), text(&unwritten).as_str()), (416, tail));
    assert_eq!([fenced.code(), numbered.code(), unwritten.code()], [None; 3]);
}

#[test]
fn b11_without_its_fact_it_is_no_412() {
    for code in [ErrorCode::FencingTokenMismatch, ErrorCode::SeqNumMismatch, ErrorCode::Unwritten] {
        let error = HttpError::from(ErrorFrame::new(code, "why"));
        assert_eq!((error.status.as_u16(), error.code()), (500, Some("other")), "{code}");
    }
}

/// Every code of the broker under every outcome: never a promise that the broker did not make.
#[test]
fn h10_may_have_been_done_promises_nothing() {
    for code in ErrorCode::ALL {
        let error = with(code, Outcome::MaybeDone);
        let known = S2Code::ALL.iter().find(|known| Some(known.name()) == error.code());
        let known = known.unwrap_or_else(|| panic!("{code} became {error:?}"));
        assert!(!known.has_no_side_effects(), "{code} became {known:?}");
        assert_eq!(known.status(), error.status);
    }
}

#[test]
fn h10_what_was_not_done_keeps_its_name() {
    for (code, word, status) in [
        (ErrorCode::Overloaded, "rate_limited", 429),
        (ErrorCode::Draining, "server_draining", 503),
        (ErrorCode::Unsupported, "not_implemented", 501),
        (ErrorCode::AlreadyExists, "resource_already_exists", 409),
        (ErrorCode::Corrupt, "storage", 500),
        (ErrorCode::Timeout, "request_timeout", 408),
        (ErrorCode::BadSession, "other", 500),
        (ErrorCode::HelloRequired, "other", 500),
        (ErrorCode::WrongProtocol, "other", 500),
        (ErrorCode::Authn, "authn", 401),
        (ErrorCode::PermissionDenied, "permission_denied", 403),
    ] {
        let error = with(code, code.outcome());
        assert_eq!((error.code(), error.status.as_u16()), (Some(word), status), "{code}");
    }
    let hinted =
        HttpError::from(ErrorFrame { retry_after_ms: 250, ..ErrorFrame::new(ErrorCode::Overloaded, "slower") });
    assert_eq!(hinted.retry_after_ms, 250);
}

/// Every code that S2 has too goes by S2's name.
#[test]
fn h10_names_agree_with_the_protocols() {
    for code in ErrorCode::ALL.into_iter().filter(|code| S2Code::ALL.iter().any(|s2| s2.name() == code.name())) {
        assert_eq!(S2Code::from(code).name(), code.name());
    }
}

#[test]
fn h2_unknown_paths_and_wrong_methods_have_no_body() {
    assert_eq!((HttpError::unknown_path().status.as_u16(), HttpError::unknown_path().json().len()), (404, 0));
    assert_eq!((HttpError::wrong_method().status.as_u16(), HttpError::wrong_method().json().len()), (405, 0));
}

#[test]
fn messages_are_bounded() {
    let long = HttpError::invalid("ä".repeat(600));
    assert_eq!(text(&long).len(), r#"{"code":"invalid","message":""}"#.len() + 1024);
}
