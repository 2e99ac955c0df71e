use miette::{GraphicalReportHandler, GraphicalTheme};
use riverrun_client::{Disconnect, Error, MaybeDone, NotDone};
use riverrun_protocol::response::AppendAck;
use riverrun_protocol::{Level, Position};

use super::*;
use crate::conditions::Conditions;
use crate::format::LineError;

fn globals() -> Globals {
    Globals::at(crate::ADDR_DEFAULT)
}

fn args(input: &str) -> Append {
    Append {
        uri: "my-basin-1/logs".parse().unwrap(),
        input: input.parse().unwrap(),
        conditions: Conditions::default(),
        format: Format::Text,
        linger: std::time::Duration::from_millis(5).into(),
    }
}

fn outcomes(stored: u64) -> Outcomes {
    let at = |seq_num| Position { seq_num, timestamp: 7 };
    let ack =
        AppendAck { start: at(100), end: at(100 + stored), tail: at(100 + stored), level: Level::Journal, shard: 0 };
    Outcomes { stored, last: (stored > 0).then_some(ack), ..Outcomes::default() }
}

fn shown(failure: &Failure) -> String {
    let mut text = format!("exit {}\n", failure.exit as u8);
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_wrap_lines(false);
    handler.render_report(&mut text, failure).unwrap();
    text
}

#[test]
fn d4_lines_that_may_be_stored_are_told_with_how_to_find_out() {
    let error = Error::MaybeDone(MaybeDone::Disconnected(Disconnect::Closed));
    let outcomes = Outcomes { maybe: 1000, ..outcomes(2000) };
    insta::assert_snapshot!(shown(&failed(&globals(), &args("app.log"), &error, &outcomes)), @r"
    exit 3
      × lines 2001 to 3000 may or may not have been appended to my-basin-1/logs
      ╰─▶ the server closed the connection before the answer came
      help: lines 1 to 2000 are stored; see whether more of the input is:
            riverrun read my-basin-1/logs --seq-num 2100 --count 1000
            If not, go on with
            tail -n +2001 app.log | riverrun append my-basin-1/logs
    ");
    let outcomes = Outcomes { maybe: 1, ..Outcomes::default() };
    insta::assert_snapshot!(shown(&failed(&globals(), &args("-"), &error, &outcomes)), @r"
    exit 3
      × line 1 may or may not have been appended to my-basin-1/logs
      ╰─▶ the server closed the connection before the answer came
      help: see whether any of the input is stored:
            riverrun tail my-basin-1/logs -n 1
            If not, go on with
            riverrun append my-basin-1/logs
    ");
}

#[test]
fn a_refusal_tells_what_is_stored_and_how_to_go_on() {
    let error = Error::NotDone(NotDone::TimedOut { after: std::time::Duration::from_secs(10) });
    insta::assert_snapshot!(shown(&failed(&globals(), &args("app.log"), &error, &outcomes(2000))), @r"
    exit 1
      × appending to my-basin-1/logs ended in front of line 2001
      ╰─▶ the request could not be sent within 10s
      help: it is safe to try again
            lines 1 to 2000 are stored; to go on with line 2001:
            tail -n +2001 app.log | riverrun append my-basin-1/logs
    ");
    insta::assert_snapshot!(shown(&failed(&globals(), &args("app.log"), &error, &outcomes(0))), @r"
    exit 1
      × nothing was appended to my-basin-1/logs
      ╰─▶ the request could not be sent within 10s
      help: it is safe to try again
    ");
}

#[test]
fn a_bad_line_is_named_with_what_is_stored() {
    let why = LineError::RecordTooLarge { metered_bytes: 2_000_000 };
    let error = InputError::Line { line: 3, why };
    insta::assert_snapshot!(shown(&bad_input(&globals(), &args("my app.log"), &error, &outcomes(2))), @r"
    exit 1
      × line 3 of my app.log is no record
      ╰─▶ the record has 2000000 metered bytes; the most is 1048576 (1 MiB), 8 of which each record takes
      help: lines 1 to 2 are stored, nothing behind was sent; mend the line, then go on with
            tail -n +3 'my app.log' | riverrun append my-basin-1/logs
    ");
    let error = InputError::Line { line: 1, why: LineError::Json("EOF".into()) };
    insta::assert_snapshot!(shown(&bad_input(&globals(), &args("-"), &error, &outcomes(0))), @r"
    exit 1
      × line 1 of stdin is no record
      ╰─▶ it is not a JSON record: EOF
      help: no line is stored, nothing behind was sent; mend the line, then go on with
            riverrun append my-basin-1/logs
    ");
    let error = InputError::Read { lines_read: 1, source: std::io::Error::other("bad sector") };
    insta::assert_snapshot!(shown(&bad_input(&globals(), &args("app.log"), &error, &outcomes(1))), @r"
    exit 1
      × app.log could not be read to its end
      ╰─▶ bad sector
      help: line 1 is stored; to go on with line 2:
            tail -n +2 app.log | riverrun append my-basin-1/logs
    ");
}

#[test]
fn an_interrupt_tells_where_it_stopped() {
    insta::assert_snapshot!(interrupted(&globals(), &args("app.log"), &outcomes(2000)), @"stopped: lines 1 to 2000 are stored, the last one as 2099; resume: tail -n +2001 app.log | riverrun append my-basin-1/logs");
    insta::assert_snapshot!(interrupted(&globals(), &args("-"), &outcomes(1)), @"stopped: line 1 is stored, the last one as 100; resume: ... | tail -n +2 | riverrun append my-basin-1/logs");
    insta::assert_snapshot!(interrupted(&globals(), &args("app.log"), &outcomes(0)), @"stopped: no line is stored; resume: riverrun append my-basin-1/logs -i app.log");
}

#[test]
fn a_second_interrupt_leaves_the_outcome_open() {
    insta::assert_snapshot!(shown(&given_up(&globals(), &args("app.log"), &outcomes(10))), @r"
    exit 3
      × what was sent behind line 10 may or may not have been appended to my-basin-1/logs
      ╰─▶ its acknowledgements were not waited for
      help: lines 1 to 10 are stored; see whether more of the input is:
            riverrun read my-basin-1/logs --seq-num 110 --count 10
            If not, go on with
            tail -n +11 app.log | riverrun append my-basin-1/logs
    ");
    insta::assert_snapshot!(shown(&given_up(&globals(), &args("app.log"), &outcomes(0))), @r"
    exit 3
      × what was sent may or may not have been appended to my-basin-1/logs
      ╰─▶ its acknowledgements were not waited for
      help: see whether any of the input is stored:
            riverrun tail my-basin-1/logs -n 10
            If not, go on with
            riverrun append my-basin-1/logs -i app.log
    ");
}

#[test]
fn b11_a_condition_that_does_not_hold_tells_what_the_stream_has_and_what_is_stored() {
    let fenced =
        Error::Terminal(riverrun_client::Terminal::FencingTokenMismatch { current: "leader-8".parse().unwrap() });
    insta::assert_snapshot!(shown(&failed(&globals(), &args("app.log"), &fenced, &outcomes(2))), @r"
    exit 1
      × appending to my-basin-1/logs ended in front of line 3
      ╰─▶ the stream's fencing token is `leader-8`
      help: another writer has taken over; leave the stream to it, or take it back with `riverrun fence my-basin-1/logs TOKEN -f leader-8`
            lines 1 to 2 are stored
    ");
    let unfenced = Error::Terminal(riverrun_client::Terminal::FencingTokenMismatch { current: "".parse().unwrap() });
    insta::assert_snapshot!(shown(&failed(&globals(), &args("app.log"), &unfenced, &outcomes(0))), @r"
    exit 1
      × appending to my-basin-1/logs ended in front of line 1
      ╰─▶ the stream has no fencing token
      help: leave out -f, or set one with `riverrun fence my-basin-1/logs TOKEN`
            no line is stored
    ");
    let behind = Error::NotDone(NotDone::SeqNumMismatch { next: 7 });
    insta::assert_snapshot!(shown(&failed(&globals(), &args("app.log"), &behind, &outcomes(2))), @r"
    exit 1
      × appending to my-basin-1/logs ended in front of line 3
      ╰─▶ the next record of the stream gets the number 7
      help: see what there is with `riverrun tail my-basin-1/logs`; if it may follow that, go on with -m 7
            lines 1 to 2 are stored
    ");
}

#[test]
fn i4_what_goes_on_behind_stored_lines_goes_on_with_their_conditions() {
    let conditions = Conditions { fencing_token: Some("leader-7".parse().unwrap()), match_seq_num: Some(100) };
    let args = Append { conditions, ..args("app.log") };
    insta::assert_snapshot!(resume(&globals(), &args, 20), @"tail -n +21 app.log | riverrun append my-basin-1/logs -f leader-7 -m 120");
}
