//! What those who run a broker see of it: `/metrics`, `/health`, `/ready` (docs/METRICS.md).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::client::{Answer, Http};
use super::{BASIN, http_addr, serve, with_basin};
use crate::support::{Data, until};

const PAGE: &str = include_str!("../../../docs/METRICS.md");

/// Samples by name and labels, as written.
struct Scrape {
    text: String,
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    fn of(http: &Http) -> Self {
        let answer = http.bare().get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let content_type = answer.header("content-type");
        assert_eq!(content_type, Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
        let text = answer.text().to_owned();
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        };
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(sample).collect();
        Self { text, samples }
    }

    /// Over all shards and statuses.
    fn sum(&self, prefix: &str) -> f64 {
        self.samples.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, value)| value).sum()
    }

    /// Names as the page has them, with the last part of a counter's.
    fn series(&self) -> BTreeSet<String> {
        let types = self.text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types
            .map(|line| match line.split_once(' ').expect("a type") {
                (name, "counter") => format!("{name}_total"),
                (name, "info") => format!("{name}_info"),
                (name, _) => name.to_owned(),
            })
            .collect()
    }
}

fn named_on_the_page() -> BTreeSet<String> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().expect("a name").to_owned()).collect()
}

#[test]
fn every_series_of_the_page_exists_and_no_other_does() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let scrape = Scrape::of(&http);
    let (told, named) = (scrape.series(), named_on_the_page());
    assert!(named.len() > 60, "{}", named.len());
    assert_eq!(named.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "only on the page");
    assert_eq!(told.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "not on the page");
    let helps = scrape.text.lines().filter(|line| line.starts_with("# HELP ") && line.ends_with('.')).count();
    assert_eq!(helps, told.len(), "each says what it is");
    assert!(scrape.text.ends_with("# EOF\n"));
}

#[test]
fn what_happens_is_counted() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let before = Scrape::of(&http);
    for _ in 0..3 {
        let records = r#"{"records":[{"body":"a"},{"body":"b"}]}"#;
        assert_eq!(http.json("POST", "/v1/streams/s/records", records).status, 200);
    }
    assert_eq!(
        http.json("POST", "/v1/streams/s/records", r#"{"records":[{"body":"a"}],"match_seq_num":77}"#).status,
        412
    );
    assert_eq!(http.get("/v1/streams/s/records?seq_num=0&count=2").status, 200);
    let after = Scrape::of(&http);
    let grown = |prefix: &str| after.sum(prefix) - before.sum(prefix);
    for (prefix, by) in [
        ("riverrun_appends_total", 3.0),
        ("riverrun_appended_records_total", 6.0),
        ("riverrun_appends_refused_total", 1.0),
        ("riverrun_acks_total", 3.0),
        ("riverrun_reads_total", 1.0),
        ("riverrun_read_records_total", 2.0),
        ("riverrun_http_requests_total{operation=\"append\",status=\"200\"}", 3.0),
        ("riverrun_http_requests_total{operation=\"append\",status=\"412\"}", 1.0),
        ("riverrun_http_request_duration_seconds_count{operation=\"append\"}", 4.0),
        ("riverrun_request_duration_seconds_count{request=\"append\"}", 4.0),
        ("riverrun_requests_refused_total{request=\"append\"}", 1.0),
        ("riverrun_stage_duration_seconds_count{stage=\"wait_for_block\"}", 3.0),
    ] {
        // The broker's own audit of calls appends too, but for its own reasons at its own time: never less than what was asked.
        assert!(grown(prefix) >= by, "{prefix} grew by {}", grown(prefix));
    }
    assert_eq!(after.samples["riverrun_http_sockets"], 1.0, "the one that asks");
    assert_eq!(after.samples["riverrun_epoch"], 1.0);
    assert_eq!(after.samples[&format!("riverrun_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))], 1.0);
}

/// A histogram is one: its buckets add up, its last is its count.
#[test]
fn buckets_add_up() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    (0..20).for_each(|_| {
        assert_eq!(http.json("POST", "/v1/streams/s/records", r#"{"records":[{"body":"a"}]}"#).status, 200);
    });
    let scrape = Scrape::of(&http);
    let of = |name: &str| {
        let line = |line: &&str| line.starts_with(name) && line.contains("\"append\"");
        let value = |line: &str| line.rsplit_once(' ').expect("a value").1.parse::<f64>().expect("a number");
        scrape.text.lines().filter(line).map(value).collect::<Vec<f64>>()
    };
    for name in ["riverrun_request_duration_seconds", "riverrun_http_request_duration_seconds"] {
        let (buckets, counts) = (of(&format!("{name}_bucket")), of(&format!("{name}_count")));
        assert_eq!(buckets.len(), 18, "{name}");
        assert!(buckets.is_sorted(), "{name}: {buckets:?}");
        assert!(buckets.last() == counts.first() && counts[0] >= 20.0, "{name}: {buckets:?} {counts:?}");
        assert!(of(&format!("{name}_sum"))[0] > 0.0, "{name}");
    }
}

#[test]
fn a_reader_that_is_behind_shows_and_one_that_has_gone_does_not() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    let body = "x".repeat(100_000);
    let append = |n: usize| {
        let records: Vec<_> = (0..n).map(|_| json!({"body": body})).collect();
        assert_eq!(http.json("POST", "/v1/streams/s/records", &json!({"records": records}).to_string()).status, 200);
    };
    (0..20).for_each(|_| append(8));
    // It takes nothing: what is on its way is a few megabytes of sixteen.
    let reader = http.with("accept", "text/event-stream").open("GET", "/v1/streams/s/records?seq_num=0");
    let lag = || Scrape::of(&http).sum("riverrun_reader_lag_records_max");
    until("the reader is seen to be behind", || lag() > 20.0);
    assert_eq!(Scrape::of(&http).sum("riverrun_http_calls"), 1.0);
    drop(reader);
    until("nobody is behind", || lag() == 0.0 && Scrape::of(&http).sum("riverrun_http_calls") == 0.0);
}

/// F62: what others do is not everybody's to know, and nobody makes series.
#[test]
fn f62_where_tokens_are_required_a_guest_sees_no_metrics() {
    let data = Data::new();
    let server = serve(&data, &["--auth", "required"]);
    let http = Http::new(&http_addr(&server));
    let root = data.root_token();
    let bearing = |token: &str| http.with("authorization", format!("Bearer {token}"));
    let scope = json!({"id": "guest", "scope": {"basins": {"prefix": ""}, "streams": {"prefix": ""}, "op_groups": {"account": {"read": true, "write": true}}}});
    let issued = bearing(&root).json("POST", "/v1/access-tokens", &scope.to_string());
    assert_eq!(issued.status, 201, "{}", issued.text());
    let guest = issued.value()["access_token"].as_str().expect("the secret").to_owned();
    let refused = |answer: Answer| (answer.status, answer.code());
    assert_eq!(refused(http.get("/metrics")), (401, "authn".to_owned()));
    assert_eq!(refused(bearing(&guest).get("/metrics")), (403, "permission_denied".to_owned()));
    assert_eq!(bearing(&root).get("/metrics").status, 200);
    for path in ["/v1/streams/made-up-by-a-guest", "/no/such/path", "/v1/metrics/some-basin?set=x"] {
        http.get(path);
    }
    let text = bearing(&root).get("/metrics").text().to_owned();
    assert!(
        !text.contains("made-up") && !text.contains("such") && !text.contains("some-basin") && !text.contains(BASIN)
    );
    assert!(text.contains("operation=\"none\",status=\"404\""));
}

#[test]
fn probes_need_no_token() {
    let data = Data::new();
    let server = serve(&data, &["--auth", "required"]);
    let http = Http::new(&http_addr(&server)).bare();
    for path in ["/health", "/ping", "/ready"] {
        let answer = http.get(path);
        assert_eq!((answer.status, answer.text()), (200, "OK"), "{path}");
    }
    assert_eq!(http.send("POST", "/ready", b"").status, 405);
}
