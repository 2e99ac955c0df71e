//! `status --stages`: how long the stages of the server's work took.

use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use riverrun_client::{Client, StageHistograms};
use serde_json::{Map, Value, json};

use super::Output;
use crate::Globals;
use crate::console::print;
use crate::errors::Failure;
use crate::server;

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

type Stage = (String, Histogram<u64>);

pub async fn run(globals: &Globals, client: &Client, output: Output) -> Result<(), Failure> {
    let told = server::patiently("asking for the stages", client.stage_histograms()).await;
    let told =
        told.map_err(|error| Failure::of_call(globals, "the server did not tell how long its stages take", &error))?;
    let stages = decode(told)?;
    let text = match output {
        Output::Table => table(&stages),
        Output::Json => json(&stages),
    };
    print(&text).map(|_| ())
}

fn decode(told: StageHistograms) -> Result<Vec<Stage>, Failure> {
    let mut deserializer = Deserializer::new();
    let stages = told.stages.into_iter().map(|stage| {
        let histogram = deserializer.deserialize(&mut &stage.histogram[..]);
        histogram.map(|histogram| (stage.name.clone(), histogram)).map_err(|error| {
            let what = format!("the histogram of the stage `{}` cannot be read", stage.name);
            Failure::new(what, error, "use a client of the server's release")
        })
    });
    stages.collect()
}

fn table(stages: &[Stage]) -> String {
    let names = QUANTILES.map(|(name, _)| format!("{name:>11}")).concat();
    let width = stages.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let head = format!("{:width$}{:>12}{names}{:>11}\n", "", "count", "max");
    stages.iter().fold(head, |text, stage| text + &row(stage, width))
}

fn row((name, histogram): &Stage, width: usize) -> String {
    let count = histogram.len();
    if count == 0 {
        return format!("{name:width$}{count:>12}\n");
    }
    let quantiles = QUANTILES.map(|(_, q)| format!("{:>11}", short(histogram.value_at_quantile(q)))).concat();
    format!("{name:width$}{count:>12}{quantiles}{:>11}\n", short(histogram.max()))
}

/// Three digits, in the unit that suits them.
fn short(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{:.2} ms", us as f64 / 1e3),
        _ => format!("{:.2} s", Duration::from_micros(us).as_secs_f64()),
    }
}

/// The names are stable: scripts read them.
fn json(stages: &[Stage]) -> String {
    let all: Map<String, Value> = stages.iter().map(|(name, histogram)| (name.clone(), numbers(histogram))).collect();
    json!({ "stages": all }).to_string() + "\n"
}

fn numbers(histogram: &Histogram<u64>) -> Value {
    let quantile = |q| histogram.value_at_quantile(q);
    json!({
        "count": histogram.len(),
        "p50_us": quantile(0.5),
        "p90_us": quantile(0.9),
        "p99_us": quantile(0.99),
        "p999_us": quantile(0.999),
        "max_us": histogram.max(),
    })
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::{Serializer, V2Serializer};
    use riverrun_client::StageHistogram;

    use super::*;

    fn stages() -> Vec<Stage> {
        let mut writes = Histogram::new_with_bounds(1, 60_000_000, 2).unwrap();
        writes.record_n(120, 990).unwrap();
        writes.record_n(4_700, 9).unwrap();
        writes.record(2_500_000).unwrap();
        let none = Histogram::new_with_bounds(1, 60_000_000, 2).unwrap();
        vec![("journal_write".to_owned(), writes), ("ack_send".to_owned(), none)]
    }

    #[test]
    fn a_table_for_people() {
        insta::assert_snapshot!(table(&stages()), @r"
                            count        p50        p90        p99      p99.9        max
        journal_write        1000     120 us     120 us     120 us    4.70 ms     2.51 s
        ack_send                0
        ");
    }

    #[test]
    fn json_for_scripts() {
        insta::assert_snapshot!(json(&stages()), @r#"{"stages":{"journal_write":{"count":1000,"p50_us":120,"p90_us":120,"p99_us":120,"p999_us":4703,"max_us":2506751},"ack_send":{"count":0,"p50_us":0,"p90_us":0,"p99_us":0,"p999_us":0,"max_us":0}}}"#);
    }

    #[test]
    fn histograms_are_read_as_the_server_writes_them_and_rubbish_is_refused() {
        let (name, histogram) = stages().swap_remove(0);
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&histogram, &mut bytes).unwrap();
        let told = |bytes: &[u8]| StageHistograms {
            stages: vec![StageHistogram { name: name.clone(), histogram: bytes.to_vec().into() }],
        };
        assert_eq!(decode(told(&bytes)).unwrap(), [(name.clone(), histogram)]);
        let failure = decode(told(b"rubbish")).unwrap_err();
        assert!(format!("{failure:?}").contains("journal_write"), "{failure:?}");
    }
}
