//! Scales, grid and labels.

use super::Point;
use super::svg::{Anchor, Svg};

/// The median: `-log10(1 - 0.5)`.
pub(super) const NINES_MIN: f64 = std::f64::consts::LOG10_2;
pub(super) const NINES_MAX: f64 = 4.0;
const PERCENTILES: [(&str, f64); 5] =
    [("50 %", NINES_MIN), ("90 %", 1.0), ("99 %", 2.0), ("99.9 %", 3.0), ("99.99 %", 4.0)];
/// Lines in each power of ten.
const PER_DECADE: [f64; 3] = [1.0, 2.0, 5.0];
/// At more microseconds than a histogram can count.
const LINE_MAX: i32 = 60;
/// With more lines than this only those at powers of ten get a label.
const LABELS_MAX: i32 = 13;

/// Where the curves are.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// From one line of the grid to a later one; line 0 is at 1 us, line 3 at 10 us.
pub(super) struct LatencyAxis {
    first: i32,
    last: i32,
}

impl LatencyAxis {
    /// At least a decade high, whatever the values.
    pub(super) fn over(latencies_us: impl Iterator<Item = f64>) -> Self {
        let (least, most) = latencies_us.fold((f64::INFINITY, 0f64), |(least, most), us| (least.min(us), most.max(us)));
        let first = (0..LINE_MAX).rfind(|line| least.is_finite() && line_us(*line) <= least).unwrap_or(0);
        let last = (0..LINE_MAX).find(|line| line_us(*line) >= most).unwrap_or(LINE_MAX);
        Self { first, last: last.max(first + PER_DECADE.len() as i32) }
    }

    fn y(&self, frame: &Frame, latency_us: f64) -> f64 {
        let (bottom, top) = (line_us(self.first).log10(), line_us(self.last).log10());
        frame.top + frame.height * (1.0 - (latency_us.log10() - bottom) / (top - bottom))
    }

    pub(super) fn place(&self, frame: &Frame, point: &Point) -> (f64, f64) {
        (x(frame, point.nines), self.y(frame, point.latency_us))
    }
}

fn x(frame: &Frame, nines: f64) -> f64 {
    frame.left + frame.width * (nines - NINES_MIN) / (NINES_MAX - NINES_MIN)
}

pub(super) fn draw(svg: &mut Svg, frame: &Frame, axis: &LatencyAxis) {
    let bottom = frame.top + frame.height;
    for (label, nines) in PERCENTILES {
        let x = x(frame, nines);
        svg.grid_line((x, frame.top), (x, bottom), "major");
        svg.text(x, bottom + 20.0, Anchor::Middle, "label", label);
    }
    for line in axis.first..=axis.last {
        latency_line(svg, frame, axis, line);
    }
    svg.text(frame.left + frame.width / 2.0, bottom + 40.0, Anchor::Middle, "label", "percentile of samples");
    svg.text(frame.left - 8.0, frame.top - 14.0, Anchor::End, "label", "latency");
}

fn latency_line(svg: &mut Svg, frame: &Frame, axis: &LatencyAxis, line: i32) {
    let is_power_of_ten = line % PER_DECADE.len() as i32 == 0;
    let y = axis.y(frame, line_us(line));
    svg.grid_line((frame.left, y), (frame.left + frame.width, y), if is_power_of_ten { "major" } else { "minor" });
    if is_power_of_ten || axis.last - axis.first < LABELS_MAX {
        svg.text(frame.left - 8.0, y + 4.0, Anchor::End, "label", &latency_text(line_us(line)));
    }
}

fn line_us(line: i32) -> f64 {
    let per_decade = PER_DECADE.len() as i32;
    10f64.powi(line.div_euclid(per_decade)) * PER_DECADE[line.rem_euclid(per_decade) as usize]
}

/// Three digits in the unit that fits.
pub(super) fn latency_text(us: f64) -> String {
    let (value, unit) = match us {
        us if us < 1e3 => (us, "us"),
        us if us < 1e6 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    let decimals = match value {
        value if value >= 100.0 || value.fract() == 0.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}
