//! Metrics answers (`s2-semantics.md` G). The protocol has none to show yet; these are the shapes.

use bytes::Bytes;
use serde::Serialize;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricUnit {
    Bytes,
    Operations,
}

/// What one point of an accumulation covers, from its time on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricInterval {
    Minute,
    Hour,
    Day,
}

/// One metric: an object with exactly one key, which is its kind. Points are pairs of epoch seconds and a number.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    Scalar { name: String, unit: MetricUnit, value: f64 },
    Accumulation { name: String, unit: MetricUnit, interval: MetricInterval, values: Vec<(u32, f64)> },
    Gauge { name: String, unit: MetricUnit, values: Vec<(u32, f64)> },
    Label { name: String, values: Vec<String> },
}

#[derive(Serialize)]
struct MetricSetJson<'a> {
    values: &'a [Metric],
}

/// The answer to GET `/metrics` and below.
pub fn metric_set(values: &[Metric]) -> Bytes {
    super::write(&MetricSetJson { values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g_every_kind() {
        let metrics = [
            Metric::Scalar { name: "s".into(), unit: MetricUnit::Bytes, value: 1.5 },
            Metric::Accumulation {
                name: "a".into(),
                unit: MetricUnit::Operations,
                interval: MetricInterval::Hour,
                values: vec![(3600, 2.0)],
            },
            Metric::Gauge { name: "g".into(), unit: MetricUnit::Bytes, values: vec![] },
            Metric::Label { name: "l".into(), values: vec!["my-basin".into()] },
        ];
        let expected = r#"{"values":[{"scalar":{"name":"s","unit":"bytes","value":1.5}},{"accumulation":{"name":"a","unit":"operations","interval":"hour","values":[[3600,2.0]]}},{"gauge":{"name":"g","unit":"bytes","values":[]}},{"label":{"name":"l","values":["my-basin"]}}]}"#;
        assert_eq!(metric_set(&metrics), expected);
        assert_eq!(metric_set(&[]), r#"{"values":[]}"#);
    }
}
