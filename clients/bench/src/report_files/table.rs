//! The comparison for people.

use hdrhistogram::Histogram;

use super::ReportArgs;
use super::curves::{Compared, Pair};
use super::figures::Changed;

const PERCENTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];

pub(super) fn render(args: &ReportArgs, compared: &Compared<'_>, figures: &[Changed]) -> String {
    let mut text = format!("old  {}\nnew  {}\n", args.old.display(), args.new.display());
    compared.pairs.iter().for_each(|pair| text.push_str(&percentiles(pair)));
    if !figures.is_empty() {
        text.push_str(&format!("\n{:<40} {:>14} {:>14} {:>8}\n", "figure", "old", "new", "new/old"));
    }
    figures.iter().for_each(|figure| text.push_str(&changed(figure)));
    for (run, names) in [("old", &compared.only_old), ("new", &compared.only_new)] {
        if !names.is_empty() {
            text.push_str(&format!("\nonly in the {run} run: {}\n", names.join(", ")));
        }
    }
    text
}

fn percentiles(pair: &Pair<'_>) -> String {
    let name = if pair.name.is_empty() { "latency" } else { &pair.name };
    let head = format!("{name}, us");
    let mut text = format!("\n{head:<40} {:>14} {:>14} {:>8}\n", "old", "new", "new/old");
    text.push_str(&format!("  {:<38} {:>14} {:>14} {:>8}\n", "samples", pair.old.len(), pair.new.len(), ""));
    for (label, quantile) in PERCENTILES {
        let (old, new) = (value(pair.old, quantile), value(pair.new, quantile));
        text.push_str(&format!("  {label:<38} {:>14} {:>14} {:>8}\n", told(old), told(new), ratio(old, new)));
    }
    text
}

/// Nothing where there are too few samples for the percentile to mean anything but the maximum.
fn value(histogram: &Histogram<u64>, quantile: f64) -> Option<f64> {
    let needed = if quantile < 1.0 { 1.0 / (1.0 - quantile) } else { 1.0 };
    (histogram.len() as f64 >= needed * 0.999).then(|| histogram.value_at_quantile(quantile) as f64)
}

fn told(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"))
}

fn ratio(old: Option<f64>, new: Option<f64>) -> String {
    match (old, new) {
        (Some(old), Some(new)) if old != 0.0 => format!("{:.2}", new / old),
        _ => "-".to_owned(),
    }
}

fn changed(figure: &Changed) -> String {
    let ratio = ratio(Some(figure.old), Some(figure.new));
    format!("  {:<38} {:>14} {:>14} {ratio:>8}\n", figure.name, number(figure.old), number(figure.new))
}

/// Four digits or so, whatever the size.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
