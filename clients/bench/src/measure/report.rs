//! The result: what is printed, and the JSON object on the last line (docs/BENCHMARKS.md has its schema).

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use super::generator::Generator;
use super::latencies::{Kinds, Latencies, Percentiles};
use super::meters::Readings;
use super::pressure::Pressure;
use super::server::{Drain, Server, Tally};
use super::stages::{Stages, by_name, write_stages};
use crate::workload::{Payload, Storage, Workload};

const MIB: f64 = (1 << 20) as f64;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub workload: String,
    pub seconds: f64,
    /// Of the payload.
    pub class: Payload,
    pub storage: Storage,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub append: Option<Append>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e2e_us: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Read>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_tail_us: Option<Percentiles>,
    pub server: Server,
    /// Of the broker's work, in microseconds; empty where it does not tell.
    #[serde(serialize_with = "by_name", skip_serializing_if = "Vec::is_empty")]
    pub stages_us: Stages,
    pub generator: Generator,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hiccup_us: Option<Percentiles>,
    pub cpu_pressure: Pressure,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_bytes_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_records: Option<u64>,
    pub limit: Limit,
    /// All that is needed to run it again.
    pub spec: Workload,
    /// What only some cells have.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// How near the result is to what this machine can do at all; null until that is known.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Limit {
    pub fraction: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Append {
    pub mib_per_s: f64,
    pub records_per_s: f64,
    #[serde(flatten)]
    pub tally: Tally,
    pub unsent_records: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_us: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack_service_us: Option<Percentiles>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Read {
    pub mib_per_s: f64,
    pub records_per_s: f64,
    pub records: u64,
    pub bytes: u64,
    /// From asking to the first records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_us: Option<Percentiles>,
}

/// A result as it is passed around: the histograms are merged and written, the report is printed.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub report: Report,
    pub kinds: Kinds,
    pub elapsed: Duration,
}

impl Append {
    pub fn new(tally: Tally, elapsed: Duration, unsent_records: u64, kinds: &Kinds) -> Self {
        let seconds = elapsed.as_secs_f64();
        Self {
            mib_per_s: tally.bytes as f64 / MIB / seconds,
            records_per_s: tally.records as f64 / seconds,
            tally,
            unsent_records,
            ack_us: kinds.ack.percentiles(),
            ack_service_us: kinds.ack_service.percentiles(),
        }
    }
}

impl Read {
    pub fn new(tally: Tally, elapsed: Duration, first: &Latencies) -> Self {
        let seconds = elapsed.as_secs_f64();
        Self {
            mib_per_s: tally.bytes as f64 / MIB / seconds,
            records_per_s: tally.records as f64 / seconds,
            records: tally.records,
            bytes: tally.bytes,
            first_us: first.percentiles(),
        }
    }
}

impl Report {
    /// With what every run has; the caller adds what it did.
    pub fn new(workload: &Workload, elapsed: Duration, readings: &Readings, moved: Tally) -> Self {
        Self {
            workload: workload.name.clone(),
            seconds: elapsed.as_secs_f64(),
            class: workload.payload,
            storage: workload.storage,
            append: None,
            e2e_us: None,
            read: None,
            check_tail_us: None,
            server: readings.server_after.since(&readings.server_before, moved),
            stages_us: readings.stages.clone(),
            generator: readings.generator.clone(),
            hiccup_us: readings.hiccup.percentiles(),
            cpu_pressure: readings.pressure,
            backlog_bytes: readings.server_after.backlog_bytes(),
            drain_bytes_per_s: None,
            verified_records: None,
            limit: Limit::default(),
            spec: workload.clone(),
            extra: serde_json::Map::new(),
        }
    }

    pub fn add_kinds(&mut self, kinds: &Kinds) {
        self.e2e_us = kinds.e2e.percentiles();
        self.check_tail_us = kinds.check_tail.percentiles();
    }

    /// The CPU of the work behind the last ack belongs to what was appended, if all of it was waited for.
    pub fn add_drain(&mut self, readings: &Readings, drain: &Drain, moved: Tally) {
        self.drain_bytes_per_s = drain.bytes_per_s;
        if drain.is_complete {
            self.server.cpu_s_per_gib_drained = drain.end.since(&readings.server_before, moved).cpu_s_per_gib;
        }
    }

    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("memory");
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let class = format!("{:?}, {:?}", self.class, self.storage).to_lowercase();
        writeln!(out, "{}: {class}, {:.1} s", self.workload, self.seconds)?;
        if let Some(append) = &self.append {
            append.write(out)?;
        }
        write_percentiles(out, "e2e us", self.e2e_us)?;
        if let Some(read) = &self.read {
            writeln!(out, "  read         {:.1} MiB/s, {:.0} records/s", read.mib_per_s, read.records_per_s)?;
            write_percentiles(out, "first us", read.first_us)?;
        }
        write_percentiles(out, "tail us", self.check_tail_us)?;
        self.write_server(out)?;
        write_stages(out, &self.stages_us)?;
        self.write_generator(out)?;
        write_percentiles(out, "hiccup us", self.hiccup_us)?;
        if let Some(records) = self.verified_records {
            writeln!(out, "  verified     {records} records read back: continuous, and as they were sent")?;
        }
        for (name, value) in &self.extra {
            writeln!(out, "  {name:<12} {value}")?;
        }
        if let Some(fraction) = self.limit.fraction {
            writeln!(out, "  limit        {:.0} % of what this machine can do", 100.0 * fraction)?;
        }
        Ok(())
    }

    fn write_server(&self, out: &mut String) -> std::fmt::Result {
        let server = &self.server;
        let parts = [
            server.cpu_s.map(|cpu_s| format!("{cpu_s:.2} CPU-s")),
            server.cpu_s_per_gib.map(|cpu_s| format!("{cpu_s:.2} CPU-s/GiB")),
            server.cpu_s_per_gib_drained.map(|cpu_s| format!("{cpu_s:.2} with the work behind it")),
            server.journal_writes_per_batch.map(|writes| format!("{writes:.3} journal writes per batch")),
            server.enters_per_batch.map(|enters| format!("{enters:.3} ring enters per batch")),
            server.enters_per_record.map(|enters| format!("{enters:.4} per record")),
            server.copied_share.map(|share| format!("{:.1} % of bytes copied", 100.0 * share)),
            server.journal_punts.map(|punts| format!("{punts} punts of journal writes")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        writeln!(
            out,
            "  server       {}",
            if parts.is_empty() { "tells nothing".to_owned() } else { parts.join(", ") }
        )?;
        if let Some(backlog_bytes) = self.backlog_bytes.filter(|_| self.append.is_some()) {
            write!(out, "  backlog      {:.1} MiB at the end", backlog_bytes as f64 / MIB)?;
            let drain = self.drain_bytes_per_s.map(|rate| format!(", draining at {:.1} MiB/s", rate / MIB));
            writeln!(out, "{}", drain.unwrap_or_default())?;
        }
        Ok(())
    }

    fn write_generator(&self, out: &mut String) -> std::fmt::Result {
        let generator = &self.generator;
        write!(out, "  generator    {:.2} CPU-s, busy {:.0} %", generator.cpu_s, 100.0 * generator.busy_share)?;
        if let Some(share) = generator.starved_share {
            write!(out, ", without a core {:.0} %", 100.0 * share)?;
        }
        if let Some(percent) = self.cpu_pressure.before {
            write!(out, ", pressure before {percent:.0} %")?;
        }
        writeln!(out, ", queue at most {} records", generator.queue_max)?;
        match generator.rule {
            Some(rule) => writeln!(out, "  WARNING      the generator is the bottleneck: {rule}"),
            None => Ok(()),
        }
    }
}

impl Append {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Tally { batches, records, .. } = self.tally;
        writeln!(
            out,
            "  append       {:.1} MiB/s, {:.0} records/s: {records} records in {batches} batches",
            self.mib_per_s, self.records_per_s
        )?;
        write_percentiles(out, "ack us", self.ack_us)?;
        write_percentiles(out, "service us", self.ack_service_us)?;
        if self.unsent_records > 0 {
            let unsent = self.unsent_records;
            writeln!(out, "  WARNING      {unsent} records were never sent: the rate is beyond what the broker takes")?;
        }
        Ok(())
    }
}

fn write_percentiles(out: &mut String, label: &str, percentiles: Option<Percentiles>) -> std::fmt::Result {
    let Some(Percentiles { count, p50, p90, p99, p999, p9999, max }) = percentiles else { return Ok(()) };
    writeln!(
        out,
        "  {label:<12} p50 {p50}  p90 {p90}  p99 {p99}  p99.9 {p999}  p99.99 {p9999}  max {max}  ({count} samples)"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn report() -> Report {
        let mut kinds = Kinds::default();
        kinds.ack.record_ns(1_000_000);
        kinds.ack_service.record_ns(500_000);
        let tally = Tally { batches: 2, records: 20, bytes: 2 << 20 };
        Report {
            workload: "W0".to_owned(),
            seconds: 2.0,
            class: Payload::Json,
            storage: Storage::Express,
            append: Some(Append::new(tally, Duration::from_secs(2), 0, &kinds)),
            e2e_us: None,
            read: Some(Read::new(tally, Duration::from_secs(2), &kinds.read)),
            check_tail_us: None,
            server: Server { cpu_s_per_gib: Some(0.5), ..Server::default() },
            stages_us: vec![("journal_write".to_owned(), kinds.ack.percentiles().expect("one"))],
            generator: Generator {
                threads: 1,
                cpu_s: 1.0,
                busy_share: 0.5,
                starved_share: None,
                is_bottleneck: false,
                rule: None,
                queue_max: 7,
            },
            hiccup_us: kinds.ack.percentiles(),
            cpu_pressure: Pressure::default(),
            backlog_bytes: Some(1),
            drain_bytes_per_s: None,
            verified_records: None,
            limit: Limit::default(),
            spec: Workload::default(),
            extra: serde_json::Map::new(),
        }
    }

    #[test]
    fn the_json_has_the_documented_fields() {
        let json: Value = serde_json::from_str(&report().json()).expect("JSON");
        assert_eq!(json["append"]["mib_per_s"], 1.0);
        assert_eq!(json["append"]["records_per_s"], 10.0);
        assert_eq!(json["append"]["ack_us"]["p50"], 1000);
        for quantile in ["p50", "p90", "p99", "p999", "p9999", "max", "count"] {
            assert!(json["append"]["ack_service_us"][quantile].is_u64(), "{quantile}");
            assert!(json["hiccup_us"][quantile].is_u64(), "{quantile}");
        }
        assert_eq!(json["read"]["mib_per_s"], 1.0);
        assert_eq!(json["server"]["cpu_s_per_gib"], 0.5);
        assert_eq!((&json["generator"]["is_bottleneck"], &json["generator"]["queue_max"]), (&false.into(), &7.into()));
        assert_eq!(json["stages_us"]["journal_write"]["p50"], 1000);
        assert_eq!(json["backlog_bytes"], 1);
        assert_eq!(json["class"], "json");
        assert!(json["limit"].get("fraction").is_some_and(Value::is_null));
    }

    #[test]
    fn what_was_not_measured_is_absent() {
        let json: Value = serde_json::from_str(&report().json()).expect("JSON");
        for name in ["e2e_us", "drain_bytes_per_s", "verified_records", "extra"] {
            assert!(json.get(name).is_none(), "{name}");
        }
        assert!(json["server"].get("journal_punts").is_none());
        assert!(!json.to_string().contains('\n'));
    }

    #[test]
    fn the_text_says_when_the_generator_is_in_the_way() {
        let mut report = report();
        assert!(!report.text().contains("WARNING"));
        report.generator.rule = Some("too busy");
        assert!(report.text().contains("the generator is the bottleneck: too busy"));
    }
}
