use proptest::prelude::*;
use riverrun_protocol::request::{ReadParams, ReadStart};
use riverrun_protocol::types::BasinName;

use super::*;
use crate::json::MetricInterval;

fn params(query: &str) -> Result<ReadParams, HttpError> {
    ReadQuery::parse(query)?.params()
}

#[test]
fn c1_every_parameter() {
    let expected = ReadParams {
        start: ReadStart::SeqNum(u64::MAX),
        clamp: true,
        count: Some(0),
        bytes: Some(1),
        until: Some(2),
        wait_secs: Some(u32::MAX),
    };
    let query = "seq_num=18446744073709551615&clamp=true&count=0&bytes=1&until=2&wait=4294967295&new=%zz&new";
    assert_eq!(params(query), Ok(expected));
    for nothing in ["", "&&", "Seq_num=1", "seqnum=1"] {
        assert_eq!(params(nothing), Ok(ReadParams::new(ReadStart::TailOffset(0))), "{nothing}");
    }
    assert_eq!(params("timestamp=7").unwrap().start, ReadStart::Timestamp(7));
    assert_eq!(params("tail%5Foffset=%37&clamp=false"), Ok(ReadParams::new(ReadStart::TailOffset(7))));
}

#[test]
fn c1_unparsable_and_twice_is_bad_query() {
    for bad in [
        "seq_num=",
        "seq_num",
        "seq_num=-1",
        "seq_num=+1",
        "seq_num=%2B1",
        "seq_num=1.0",
        "seq_num=18446744073709551616",
        "seq_num=1&seq_num=1",
        "seq_num=%zz",
        "clamp=1",
        "clamp=True",
        "clamp=",
        "clamp",
        "wait=4294967296",
        "count=ten",
        "until=%ff",
    ] {
        assert_eq!(params(bad).unwrap_err().code(), Some("bad_query"), "{bad}");
    }
}

#[test]
fn c1_what_contradicts_itself_is_invalid() {
    let one = HttpError::invalid("only one of seq_num, timestamp, or tail_offset can be provided");
    for query in ["seq_num=1&timestamp=1", "seq_num=0&tail_offset=0", "timestamp=1&tail_offset=1"] {
        assert_eq!(params(query), Err(one.clone()), "{query}");
    }
    let late = HttpError::invalid("start `timestamp` exceeds or equal to `until`");
    assert_eq!(params("timestamp=5&until=5"), Err(late));
    assert!(params("timestamp=4&until=5").is_ok() && params("seq_num=5&until=5").is_ok());
}

#[test]
fn e3_limits_and_filters() {
    for (query, limit) in [
        ("", 1000),
        ("limit=0", 1000),
        ("limit=1", 1),
        ("limit=1000", 1000),
        ("limit=1001", 1000),
        ("limit=99999999999", 1000),
    ] {
        assert_eq!(ListQuery::parse(query).unwrap().limit, limit, "{query}");
    }
    let streams = ListQuery::parse("prefix=a%2F+b&start_after=%C3%A4").unwrap();
    let request = streams.streams(BasinName::new("my-basin").unwrap()).unwrap();
    assert_eq!((request.prefix.as_str(), request.start_after.as_str()), ("a/ b", "\u{e4}"));
    for bad in ["limit=-1", "limit=x", "limit=", "prefix=a&prefix=b", "prefix=%ff"] {
        assert_eq!(ListQuery::parse(bad).unwrap_err().code(), Some("bad_query"), "{bad}");
    }
}

#[test]
fn a2_filters_against_their_rules_are_bad_query() {
    let list = |query: &str| ListQuery::parse(query).unwrap();
    assert!(list("prefix=my-&start_after=a").basins().is_ok());
    assert!(list("prefix=..").access_tokens().is_ok());
    let refused = [
        list("prefix=MY").basins().err(),
        list("start_after=-a").basins().err(),
        list("prefix=a%00").streams(BasinName::new("my-basin").unwrap()).err(),
        list(&format!("start_after={}", "i".repeat(97))).access_tokens().err(),
    ];
    assert!(refused.iter().all(|error| error.as_ref().and_then(HttpError::code) == Some("bad_query")), "{refused:?}");
}

#[test]
fn g_metrics() {
    let query = MetricsQuery::<BasinMetricSet>::parse("set=append-throughput&start=1&end=2&interval=hour");
    let expected = MetricsQuery {
        set: BasinMetricSet::AppendThroughput,
        start_secs: Some(1),
        end_secs: Some(2),
        interval: Some(MetricInterval::Hour),
    };
    assert_eq!(query, Ok(expected));
    assert_eq!(MetricsQuery::<StreamMetricSet>::parse("set=storage").unwrap().interval, None);
    assert_eq!(MetricsQuery::parse("set=account-ops").map(|query| query.set), Ok(AccountMetricSet::AccountOps));
    for bad in
        ["", "set=", "set=append-ops", "set=storage&start=x", "set=storage&interval=week", "set=storage&set=storage"]
    {
        let error = MetricsQuery::<StreamMetricSet>::parse(bad).unwrap_err();
        assert_eq!(error.code(), Some("bad_query"), "{bad}");
    }
}

#[test]
fn g_ranges() {
    const DAY: u32 = 86_400;
    let range = |start: u32, end: u32| {
        let query = MetricsQuery::<StreamMetricSet>::parse(&format!("set=storage&start={start}&end={end}")).unwrap();
        query.check_range(u64::from(100 * DAY)).map_err(|error| error.status.as_u16())
    };
    assert_eq!((range(5, 5), range(70 * DAY, 100 * DAY), range(100 * DAY, 100 * DAY + 60)), (Ok(()), Ok(()), Ok(())));
    assert_eq!((range(6, 5), range(60 * DAY, 100 * DAY), range(5, 100 * DAY + 600)), (Err(422), Err(422), Err(422)));
    let open = MetricsQuery::<StreamMetricSet>::parse("set=storage&start=5").unwrap();
    assert_eq!(open.check_range(0), Ok(()));
}

proptest! {
    #[test]
    fn no_query_panics(query in "(seq_num|clamp|=|&|%|\\+|[0-9a-f\u{e4}]){0,20}") {
        let _ = params(&query);
        let _ = ListQuery::parse(&query);
    }
}
