//! Latency by percentile as a standalone SVG, in the manner of HdrHistogram's own plotter: percentiles on a scale that gives each
//! further nine the same width, latency on a logarithmic one.
//!
//! No background is painted, and every colour is one that can be read on white and on black, so the file suits any page.

mod axes;
mod svg;
#[cfg(test)]
mod tests;

use hdrhistogram::Histogram;

use axes::{Frame, LatencyAxis};
use svg::{Anchor, Svg};

/// More lines than this cannot be told apart; further ones are counted below the legend.
pub const SERIES_MAX: usize = 12;
/// What fits beside the figures in the legend.
const LABEL_CHARACTERS_MAX: usize = 56;
/// Latencies below a microsecond are drawn as one: a logarithmic scale has no zero.
const LATENCY_US_MIN: f64 = 1.0;
const POINTS_PER_NINE: u32 = 20;

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 520.0;
const LEGEND_LINE_HEIGHT: f64 = 18.0;
const FRAME_TOP: f64 = 70.0;
const FRAME: Frame =
    Frame { left: 84.0, top: FRAME_TOP, width: WIDTH - 84.0 - 30.0, height: HEIGHT - FRAME_TOP - 60.0 };

/// Of middle lightness, from the palette of Okabe and Ito, which the colour-blind can tell apart.
const COLOURS: [&str; 6] = ["#0b7dc4", "#d55e00", "#009e73", "#c0699b", "#b8860b", "#7b68c8"];

#[derive(Debug)]
pub struct PlotSpec<'a> {
    pub title: &'a str,
    /// The facts of the machine, usually.
    pub subtitle: &'a str,
    pub series: Vec<Series<'a>>,
}

#[derive(Debug)]
pub struct Series<'a> {
    pub label: &'a str,
    pub latency_us: &'a Histogram<u64>,
    /// For the one of two runs that the other is compared with.
    pub dashed: bool,
}

/// The document, which is well-formed whatever the texts contain.
pub fn percentile_curve(spec: &PlotSpec<'_>) -> String {
    let shown = &spec.series[..spec.series.len().min(SERIES_MAX)];
    let curves: Vec<Vec<Point>> = shown.iter().map(|series| points(series.latency_us)).collect();
    let axis = LatencyAxis::over(curves.iter().flatten().map(|point| point.latency_us));
    let height = HEIGHT + LEGEND_LINE_HEIGHT * (shown.len() as f64 + 1.0);
    let mut svg = Svg::new(WIDTH, height, spec.title);
    svg.text(FRAME.left, 28.0, Anchor::Start, "title", spec.title);
    svg.text(FRAME.left, 50.0, Anchor::Start, "subtitle", spec.subtitle);
    axes::draw(&mut svg, &FRAME, &axis);
    for (index, curve) in curves.iter().enumerate() {
        let line: Vec<(f64, f64)> = curve.iter().map(|point| axis.place(&FRAME, point)).collect();
        svg.polyline(&line, COLOURS[index % COLOURS.len()], shown[index].dashed);
    }
    legend(&mut svg, shown, spec.series.len() - shown.len());
    svg.finish()
}

fn legend(svg: &mut Svg, shown: &[Series<'_>], omitted: usize) {
    let line_at = |index: usize| HEIGHT + LEGEND_LINE_HEIGHT * index as f64;
    for (index, series) in shown.iter().enumerate() {
        let y = line_at(index);
        svg.polyline(
            &[(FRAME.left, y - 4.0), (FRAME.left + 32.0, y - 4.0)],
            COLOURS[index % COLOURS.len()],
            series.dashed,
        );
        svg.text(FRAME.left + 42.0, y, Anchor::Start, "label", &legend_text(series));
    }
    if omitted > 0 {
        svg.text(FRAME.left, line_at(shown.len()), Anchor::Start, "label", &format!("and {omitted} more"));
    }
}

fn legend_text(series: &Series<'_>) -> String {
    let quantile = |quantile| axes::latency_text(series.latency_us.value_at_quantile(quantile) as f64);
    let (label, samples) = (end_of(series.label), series.latency_us.len());
    if samples == 0 {
        return format!("{label} (no samples)");
    }
    format!("{label} ({samples} samples, p50 {}, p99 {}, max {})", quantile(0.5), quantile(0.99), quantile(1.0))
}

/// Of a long label, such as a path, the end says more than the beginning.
fn end_of(label: &str) -> String {
    let characters = label.chars().count();
    if characters <= LABEL_CHARACTERS_MAX {
        return label.to_owned();
    }
    let end: String = label.chars().skip(characters + 1 - LABEL_CHARACTERS_MAX).collect();
    format!("\u{2026}{end}")
}

/// A place on a curve.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Point {
    /// 1 at 90 %, 2 at 99 %: `-log10(1 - quantile)`.
    nines: f64,
    latency_us: f64,
}

/// From the median to the last percentile that the samples say anything about.
fn points(latency_us: &Histogram<u64>) -> Vec<Point> {
    let samples = latency_us.len();
    if samples == 0 {
        return Vec::new();
    }
    let last = (samples as f64).log10().clamp(axes::NINES_MIN, axes::NINES_MAX);
    let steps = ((last - axes::NINES_MIN) * f64::from(POINTS_PER_NINE)).ceil() as u32;
    (0..=steps)
        .map(|step| {
            let nines = (axes::NINES_MIN + f64::from(step) / f64::from(POINTS_PER_NINE)).min(last);
            let value = latency_us.value_at_quantile(1.0 - 10f64.powf(-nines));
            Point { nines, latency_us: (value as f64).max(LATENCY_US_MIN) }
        })
        .collect()
}
