//! What is left of a read that stopped: the place and bounds to go on with, as the client would on a reconnect
//! (`s2-semantics.md` I5), spelled as a command.

use riverrun_protocol::request::{ReadParams, ReadStart};

use super::Plan;
use crate::Globals;
use crate::format::Format;
use crate::output::{Target, Written};
use crate::resume::CommandLine;

/// A read's remainder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rest(Plan);

impl Rest {
    /// None: the bounds are used up. `opened_at` is where the session began, for reads that have not written anything.
    ///
    /// The place is behind what was written, not behind what was received: what got lost in between is to be read again.
    pub fn of(plan: &Plan, written: &Written, opened_at: Option<u64>) -> Option<Self> {
        let mut plan = plan.clone();
        if let Some(place) = written.next_seq_num.or(opened_at) {
            plan.params.start = ReadStart::SeqNum(place);
        }
        let ReadParams { count, bytes, .. } = &mut plan.params;
        *count = count.map(|count| count.saturating_sub(written.records));
        *bytes = bytes.map(|bytes| bytes.saturating_sub(written.metered_bytes));
        let used_up = *count == Some(0) || *bytes == Some(0);
        (!used_up).then_some(Self(plan))
    }

    /// `stopped before 1234; resume: riverrun read ...`
    pub fn stopped(&self, globals: &Globals) -> String {
        let place = match self.0.params.start {
            ReadStart::SeqNum(seq_num) => format!("stopped before {seq_num}"),
            _ => "stopped before the first record".to_owned(),
        };
        format!("{place}; resume: {}", self.command(globals))
    }

    fn command(&self, globals: &Globals) -> CommandLine {
        let Plan { uri, params, format, output } = &self.0;
        let line = CommandLine::new(globals, "read").word(uri);
        let line = match params.start {
            ReadStart::SeqNum(n) => line.option("--seq-num", n),
            ReadStart::Timestamp(ms) => line.option("--timestamp", ms),
            ReadStart::TailOffset(n) => line.option("--tail-offset", n),
        };
        line.maybe("--count", params.count)
            .maybe("--bytes", params.bytes)
            .maybe("--until", params.until)
            .flag("--clamp", params.clamp)
            .maybe("--format", (*format != Format::Text).then(|| format.name()))
            .maybe("--output", (*output != Target::Stdout).then_some(output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(start: ReadStart) -> Plan {
        Plan {
            uri: "my-basin-1/logs".parse().unwrap(),
            params: ReadParams { start, clamp: false, count: None, bytes: None, until: None, wait_secs: None },
            format: Format::Text,
            output: Target::Stdout,
        }
    }

    fn stopped(plan: &Plan, written: Written, opened_at: Option<u64>) -> Option<String> {
        let globals = Globals::at(crate::ADDR_DEFAULT);
        Rest::of(plan, &written, opened_at).map(|rest| rest.stopped(&globals))
    }

    const WRITTEN: Written = Written { next_seq_num: Some(1234), records: 34, metered_bytes: 5000 };

    #[test]
    fn a_follower_resumes_behind_the_last_record_written() {
        let text = stopped(&plan(ReadStart::SeqNum(1200)), WRITTEN, Some(1200)).unwrap();
        insta::assert_snapshot!(text, @"stopped before 1234; resume: riverrun read my-basin-1/logs --seq-num 1234");
    }

    #[test]
    fn a_follower_that_saw_nothing_resumes_where_it_was_opened() {
        let text = stopped(&plan(ReadStart::TailOffset(0)), Written::default(), Some(77)).unwrap();
        insta::assert_snapshot!(text, @"stopped before 77; resume: riverrun read my-basin-1/logs --seq-num 77");
        let text = stopped(&plan(ReadStart::Timestamp(5)), Written::default(), None).unwrap();
        insta::assert_snapshot!(text, @"stopped before the first record; resume: riverrun read my-basin-1/logs --timestamp 5");
    }

    #[test]
    fn i5_bounds_shrink_by_what_was_written_and_the_rest_stays() {
        let mut plan = plan(ReadStart::Timestamp(5));
        plan.params = ReadParams { count: Some(100), bytes: Some(6000), until: Some(9), clamp: true, ..plan.params };
        plan.format = Format::JsonBase64;
        plan.output = Target::File("my file".into());
        let text = stopped(&plan, WRITTEN, None).unwrap();
        insta::assert_snapshot!(text, @"stopped before 1234; resume: riverrun read my-basin-1/logs --seq-num 1234 --count 66 --bytes 1000 --until 9 --clamp --format json-base64 --output 'my file'");
        plan.params.count = Some(34);
        assert_eq!(stopped(&plan, WRITTEN, None), None);
    }
}
