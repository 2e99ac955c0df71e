//! Scales, grid and labels.

use super::Point;
use super::svg::{Anchor, Svg};

/// The median: `-log10(1 - 0.5)`.
pub(super) const NINES_MIN: f64 = std::f64::consts::LOG10_2;
pub(super) const NINES_MAX: f64 = 4.0;
const PERCENTILES: [(&str, f64); 5] =
    [("50 %", NINES_MIN), ("90 %", 1.0), ("99 %", 2.0), ("99.9 %", 3.0), ("99.99 %", 4.0)];
/// Between the powers of ten, lines without a label.
const MINOR: [f64; 2] = [2.0, 5.0];

/// Where the curves are.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// From one power of ten to a later one.
pub(super) struct LatencyAxis {
    first_decade: i32,
    last_decade: i32,
}

impl LatencyAxis {
    /// At least one decade high, whatever the values.
    pub(super) fn over(latencies_us: impl Iterator<Item = f64>) -> Self {
        let (least, most) = latencies_us.fold((f64::INFINITY, 0f64), |(least, most), us| (least.min(us), most.max(us)));
        if !least.is_finite() {
            return Self { first_decade: 0, last_decade: 1 };
        }
        let first_decade = least.log10().floor() as i32;
        Self { first_decade, last_decade: (most.log10().ceil() as i32).max(first_decade + 1) }
    }

    fn y(&self, frame: &Frame, latency_us: f64) -> f64 {
        let share =
            (latency_us.log10() - f64::from(self.first_decade)) / f64::from(self.last_decade - self.first_decade);
        frame.top + frame.height * (1.0 - share)
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
    for decade in axis.first_decade..=axis.last_decade {
        let power_us = 10f64.powi(decade);
        let y = axis.y(frame, power_us);
        svg.grid_line((frame.left, y), (frame.left + frame.width, y), "major");
        svg.text(frame.left - 8.0, y + 4.0, Anchor::End, "label", &latency_text(power_us));
        if decade < axis.last_decade {
            minor_lines(svg, frame, axis, power_us);
        }
    }
    svg.text(frame.left + frame.width / 2.0, bottom + 40.0, Anchor::Middle, "label", "percentile of samples");
    svg.text(frame.left - 8.0, frame.top - 10.0, Anchor::End, "label", "latency");
}

fn minor_lines(svg: &mut Svg, frame: &Frame, axis: &LatencyAxis, power_us: f64) {
    for factor in MINOR {
        let y = axis.y(frame, power_us * factor);
        svg.grid_line((frame.left, y), (frame.left + frame.width, y), "minor");
    }
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
