use miette::{GraphicalReportHandler, GraphicalTheme};
use riverrun_client::{MaybeDone, Refusal};
use riverrun_protocol::Position;
use riverrun_protocol::request::{ReadParams, ReadStart};

use super::*;
use crate::copy::Plan;
use crate::format::Format;
use crate::output::Target;

fn globals(addr: &str) -> Globals {
    Globals { addr: addr.to_owned() }
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
    shown(&Failure::of_read(&globals(addr), "there is no connection to a server", &error))
}

fn refused(code: ErrorCode, message: &str) -> Error {
    Error::NotDone(NotDone::Refused(Refusal { code, message: message.into(), retry_after: None }))
}

#[test]
fn no_server_says_how_to_start_one() {
    let refused = "Connection refused (os error 111)";
    insta::assert_snapshot!(unreachable("127.0.0.1:5252", refused), @"");
    insta::assert_snapshot!(unreachable("localhost:7000", refused), @"");
    insta::assert_snapshot!(unreachable("192.0.2.1:5252", refused), @"");
    insta::assert_snapshot!(unreachable("nowhere:5252", "failed to lookup address information"), @"");
}

#[test]
fn another_protocol_on_the_port_is_named() {
    let why = "this is no Riverrun server, it answers in HTTP".into();
    let error = Error::Terminal(Terminal::Violation { why });
    let failure = Failure::of_read(&globals("127.0.0.1:80"), "there is no connection to a server", &error);
    insta::assert_snapshot!(shown(&failure), @"");
}

#[test]
fn a_refusal_is_told_in_the_server_s_words() {
    let error = refused(ErrorCode::Overloaded, "4096 requests are in progress on this connection");
    let failure = Failure::of_write(&globals("127.0.0.1:5252"), "the basin demo-basin was not created", &error);
    insta::assert_snapshot!(shown(&failure), @"");
}

#[test]
fn d4_only_what_may_have_had_an_effect_is_ambiguous() {
    let error = Error::MaybeDone(MaybeDone::TimedOut { after: std::time::Duration::from_secs(10) });
    let globals = globals("127.0.0.1:5252");
    assert_eq!(Failure::of_write(&globals, "x", &error).exit, Exit::Ambiguous);
    assert_eq!(Failure::of_read(&globals, "x", &error).exit, Exit::Failed);
    assert_eq!(Failure::of_write(&globals, "x", &refused(ErrorCode::Invalid, "no")).exit, Exit::Failed);
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
    shown(&unwritten::explain(&plan, Position { seq_num: tail.0, timestamp: tail.1 }, failure))
}

#[test]
fn c4_where_nothing_is_written_yet_the_tail_and_the_way_out_are_told() {
    let tail = (42, 1_771_390_606_217);
    insta::assert_snapshot!(unwritten_at(ReadStart::SeqNum(50), None, tail), @"");
    insta::assert_snapshot!(unwritten_at(ReadStart::SeqNum(50), Some(1), tail), @"");
    insta::assert_snapshot!(unwritten_at(ReadStart::TailOffset(0), Some(1), tail), @"");
    insta::assert_snapshot!(unwritten_at(ReadStart::TailOffset(10), Some(10), (0, 0)), @"");
}
