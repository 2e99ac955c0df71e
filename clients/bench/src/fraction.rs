//! How near a result is to what the machine can do at all.

use crate::limit::{Measured, Model, Shape};
use crate::measure::report::Report;
use crate::workload::Workload;

/// Appended bytes by the bytes that the model allows the same workload. `None`: nothing was appended, or at a rate that the workload
/// fixed, so that the fraction would say nothing.
pub fn of(report: &Report, measured: &Measured) -> Option<f64> {
    let appended = report.append.as_ref().filter(|_| !report.spec.is_open_loop())?;
    let shape = shape(&report.spec, measured.machine.cores.max(1));
    let bound = Model::default().append_bytes_per_s(measured, &shape);
    Some(appended.mib_per_s * (1 << 20) as f64 / bound.append_bytes_per_s)
}

/// Compression counts as done later: what it leaves to be done is in the result's backlog.
fn shape(spec: &Workload, cores: u32) -> Shape {
    let in_flight = u64::from(spec.producers) * u64::from(spec.depth);
    Shape::new(u64::from(spec.record_bytes), u64::from(spec.batch_records), in_flight, cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w3_is_the_limits_own_w3() {
        let w3 = crate::cells::cell("W3").expect("a cell").workload();
        assert_eq!(shape(&w3, 2), Shape::w3(2));
    }
}
