use miette::{GraphicalReportHandler, GraphicalTheme};
use riverrun_client::{MaybeDone, Refusal};
use riverrun_protocol::Position;
use riverrun_protocol::request::{ReadParams, ReadStart};

use super::*;
use crate::copy::Plan;
use crate::format::Format;
use crate::output::Target;

fn globals(addr: &str) -> Globals {
    Globals::at(addr)
}

/// As a person sees it, without colours.
fn shown(failure: &Failure) -> String {
    let mut text = format!("exit {}\n", failure.exit as u8);
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_wrap_lines(false);
    handler.render_report(&mut text, failure).unwrap();
    text
}

fn unreachable(addr: &str, why: &str) -> String {
    let error = Error::NotDone(NotDone::Connect { address: addr.into(), why: why.into() });
    shown(&Failure::of_connect(&globals(addr), &error))
}

fn refused(code: ErrorCode, message: &str) -> Error {
    Error::NotDone(NotDone::Refused(Refusal { code, message: message.into(), retry_after: None }))
}

#[test]
fn no_server_says_how_to_start_one() {
    let refused = "Connection refused (os error 111)";
    insta::assert_snapshot!(unreachable("127.0.0.1:5252", refused), @r"
    exit 1
      × there is no connection to a server
      ╰─▶ 127.0.0.1:5252: Connection refused (os error 111)
      help: start one in another terminal with `riverrun serve`, or name another with --addr or RIVERRUN_ADDR
    ");
    insta::assert_snapshot!(unreachable("localhost:7000", refused), @r"
    exit 1
      × there is no connection to a server
      ╰─▶ localhost:7000: Connection refused (os error 111)
      help: start one in another terminal with `riverrun serve --listen 127.0.0.1:7000`, or name another with --addr or RIVERRUN_ADDR
    ");
    insta::assert_snapshot!(unreachable("192.0.2.1:5252", refused), @r"
    exit 1
      × there is no connection to a server
      ╰─▶ 192.0.2.1:5252: Connection refused (os error 111)
      help: check the address, given by --addr or RIVERRUN_ADDR as HOST:PORT, and that the server there is running
    ");
    insta::assert_snapshot!(unreachable("nowhere:5252", "failed to lookup address information"), @r"
    exit 1
      × there is no connection to a server
      ╰─▶ nowhere:5252: failed to lookup address information
      help: check the address, given by --addr or RIVERRUN_ADDR as HOST:PORT, and that the server there is running
    ");
}

#[test]
fn a_server_on_this_machine_is_started_where_it_is_looked_for() {
    assert_eq!(serve_at("localhost:5252").as_deref(), Some("riverrun serve"));
    assert_eq!(serve_at("[::1]:7000").as_deref(), Some("riverrun serve --listen [::1]:7000"));
    for elsewhere in ["192.0.2.1:5252", "example.org:5252", "localhost", ""] {
        assert_eq!(serve_at(elsewhere), None, "{elsewhere}");
    }
}

#[test]
fn another_protocol_is_named_at_connecting_and_blamed_on_the_server_later() {
    let violation = |why: &str| Error::Terminal(Terminal::Violation { why: why.into() });
    let globals = globals("127.0.0.1:80");
    let failure = Failure::of_connect(&globals, &violation("this is no Riverrun server, it answers in HTTP"));
    insta::assert_snapshot!(shown(&failure), @r"
    exit 1
      × there is no connection to a server
      ╰─▶ this is no Riverrun server, it answers in HTTP
      help: check the address, given by --addr or RIVERRUN_ADDR as HOST:PORT, and that a Riverrun server of a version that fits listens there
    ");
    let failure = Failure::of_call(&globals, "my-basin-1/logs could not be read to the end", &violation("a gap at 7"));
    insta::assert_snapshot!(shown(&failure), @r"
    exit 1
      × my-basin-1/logs could not be read to the end
      ╰─▶ the server broke the protocol: a gap at 7
      help: check the address, given by --addr or RIVERRUN_ADDR as HOST:PORT, and that a Riverrun server of a version that fits listens there
    ");
}

#[test]
fn a_refusal_is_told_in_the_server_s_words() {
    let globals = globals("127.0.0.1:5252");
    let error = refused(ErrorCode::Overloaded, "4096 requests are in progress on this connection");
    insta::assert_snapshot!(shown(&Failure::of_creation(&globals, "the basin demo-basin", &error)), @r"
    exit 1
      × the basin demo-basin was not created
      ╰─▶ 4096 requests are in progress on this connection
      help: try again later
    ");
    let error = refused(ErrorCode::AlreadyExists, "no");
    insta::assert_snapshot!(shown(&Failure::of_creation(&globals, "the basin demo-basin", &error)), @r"
    exit 1
      × the basin demo-basin was not created
      ╰─▶ there is one of this name
      help: use it as it is, or choose another name
    ");
    let error = refused(ErrorCode::Invalid, "the prefix has 600 bytes; the most is 512");
    insta::assert_snapshot!(shown(&Failure::of_call(&globals, "nothing was listed", &error)), @r"
    exit 1
      × nothing was listed
      ╰─▶ the prefix has 600 bytes; the most is 512
    ");
    let error = Error::NotDone(NotDone::InvalidInput { why: "the prefix has 600 bytes; the most is 512".into() });
    assert_eq!(Failure::of_call(&globals, "nothing was listed", &error).advice, "");
}

#[test]
fn d4_only_what_may_have_had_an_effect_is_ambiguous() {
    let error = Error::MaybeDone(MaybeDone::TimedOut { after: std::time::Duration::from_secs(10) });
    let globals = globals("127.0.0.1:5252");
    insta::assert_snapshot!(shown(&Failure::of_creation(&globals, "the stream my-basin-1/logs", &error)), @r"
    exit 3
      × the stream my-basin-1/logs may or may not have been created
      ╰─▶ no answer came within 10s
      help: create it again: where it exists by now, that is refused and changes nothing
    ");
    insta::assert_snapshot!(shown(&Failure::of_call(&globals, "the tail of my-basin-1/logs is not known", &error)), @r"
    exit 1
      × the tail of my-basin-1/logs is not known
      ╰─▶ no answer came within 10s
      help: it is safe to try again
    ");
}

#[test]
fn d4_removals_and_commands_in_doubt_say_so_and_end_with_a_code_of_their_own() {
    let error = Error::MaybeDone(MaybeDone::TimedOut { after: std::time::Duration::from_secs(10) });
    let globals = globals("127.0.0.1:5252");
    insta::assert_snapshot!(shown(&Failure::of_removal(&globals, "the basin demo-basin", "deleted", &error)), @r"
    exit 3
      × the basin demo-basin may or may not have been deleted
      ╰─▶ no answer came within 10s
      help: it is safe to try again
    ");
    let uri = "my-basin-1/logs".parse().unwrap();
    insta::assert_snapshot!(shown(&Failure::of_command(&globals, &uri, "trimmed", &error)), @r"
    exit 3
      × my-basin-1/logs may or may not have been trimmed
      ╰─▶ no answer came within 10s
      help: see whether its record is there with `riverrun tail my-basin-1/logs`; doing it twice does no harm unless others write
    ");
}

#[test]
fn a_token_that_is_not_accepted_is_told_with_its_source() {
    let globals = Globals { token_file: Some("my.token".into()), ..globals("127.0.0.1:5252") };
    let complaint = |code| shown(&Failure::of_call(&globals, "nothing was listed", &refused(code, "no")));
    insta::assert_snapshot!(complaint(ErrorCode::Authn), @r"
    exit 1
      × nothing was listed
      ╰─▶ no
      help: the access token comes from the file my.token; check that it is whole, not expired and not revoked
    ");
    insta::assert_snapshot!(complaint(ErrorCode::PermissionDenied), @r"
    exit 1
      × nothing was listed
      ╰─▶ no
      help: the access token comes from the file my.token; use one that allows it, or ask its issuer for one
    ");
    let refusal = Refusal { code: ErrorCode::Authn, message: "revoked".into(), retry_after: None };
    let ended = Error::NotDone(NotDone::Disconnected(riverrun_client::Disconnect::Refused(refusal)));
    let ended = Failure::of_call(&globals, "my-basin-1/logs could not be read to the end", &ended);
    insta::assert_snapshot!(shown(&ended), @r"
    exit 1
      × my-basin-1/logs could not be read to the end
      ╰─▶ the connection was ended: the server answered authn: revoked before the request was sent
      help: the access token comes from the file my.token; check that it is whole, not expired and not revoked
    ");
}

#[test]
fn advice_comes_line_by_line() {
    assert_eq!(Failure::new("a", "b", "").advise("one").advise("two").advice, "one\ntwo");
}

#[test]
fn exit_codes_survive_the_report() {
    let failure = Failure::new("a", "b", "c").with_exit(Exit::Ambiguous);
    assert_eq!(exit_code(&miette::Report::new(failure)), 3);
    assert_eq!(exit_code(&miette::miette!("anything else")), 1);
}

fn unwritten_at(start: ReadStart, count: Option<u64>, tail: (u64, u64)) -> String {
    let plan = Plan {
        uri: "my-basin-1/logs".parse().unwrap(),
        params: ReadParams { start, clamp: false, count, bytes: None, until: None, wait_secs: None },
        format: Format::Text,
        output: Target::Stdout,
    };
    let failure = Failure::new("my-basin-1/logs cannot be read", "", "");
    shown(&unwritten::explain(
        &globals("127.0.0.1:7000"),
        &plan,
        Position { seq_num: tail.0, timestamp: tail.1 },
        failure,
    ))
}

#[test]
fn c4_where_nothing_is_written_yet_the_tail_and_the_way_out_are_told() {
    let tail = (42, 1_771_390_606_217);
    insta::assert_snapshot!(unwritten_at(ReadStart::SeqNum(50), None, tail), @r"
    exit 1
      × my-basin-1/logs cannot be read
      ╰─▶ nothing is written there yet; the tail is 42 @ 1771390606217: the next record will be 42, the last one is of 2026-02-18T04:56:46.217Z
      help: add --clamp to start at the tail and wait for what comes
    ");
    insta::assert_snapshot!(unwritten_at(ReadStart::SeqNum(50), Some(1), tail), @r"
    exit 1
      × my-basin-1/logs cannot be read
      ╰─▶ nothing is written there yet; the tail is 42 @ 1771390606217: the next record will be 42, the last one is of 2026-02-18T04:56:46.217Z
      help: start earlier, or add --clamp and leave out the bounds (--count, --bytes, --until) to wait for what comes
    ");
    insta::assert_snapshot!(unwritten_at(ReadStart::TailOffset(0), Some(1), tail), @r"
    exit 1
      × my-basin-1/logs cannot be read
      ╰─▶ nothing is written there yet; the tail is 42 @ 1771390606217: the next record will be 42, the last one is of 2026-02-18T04:56:46.217Z
      help: leave out the bounds (--count, --bytes, --until) to wait for what comes, or start earlier, with --tail-offset or --seq-num
    ");
    insta::assert_snapshot!(unwritten_at(ReadStart::TailOffset(10), Some(10), (0, 0)), @r"
    exit 1
      × my-basin-1/logs cannot be read
      ╰─▶ nothing was ever written to it
      help: append something first, or wait for it with `riverrun --addr 127.0.0.1:7000 read my-basin-1/logs`
    ");
    // Nowhere is early enough in an empty stream.
    let beyond = unwritten_at(ReadStart::SeqNum(5), Some(10), (0, 0));
    assert_eq!(beyond, unwritten_at(ReadStart::TailOffset(10), Some(10), (0, 0)));
}
