//! `bench limit`: what this machine can do at most, measured without the broker, and what follows from it for a workload
//! (performance.md 4). Every result of the load generator stands beside it as a fraction.
//!
//! ```no_run
//! # fn example(args: &riverrun_bench::limit::LimitArgs) -> Result<(), riverrun_bench::limit::LimitError> {
//! use riverrun_bench::limit::{Model, Shape, measure};
//!
//! let measured = measure(args, &mut |line| eprintln!("{line}"))?;
//! let shape = Shape::new(1000, 250, 16, measured.machine.cores);
//! let bound = Model::default().append_bytes_per_s(&measured, &shape);
//! println!("{:.0} bytes/s, bound by {}", bound.append_bytes_per_s, bound.binding);
//! # Ok(())
//! # }
//! ```

mod args;
mod command;
mod compute;
mod cpu_clock;
mod disk;
mod error;
mod loopback;
mod machine;
mod measured;
mod model;
mod probe_file;
mod shapes;
mod table;
#[cfg(test)]
mod tests;

pub use args::LimitArgs;
pub(crate) use command::run;
pub use error::LimitError;
pub use machine::Machine;
pub use measured::{Compute, Disk, DurableWrite, Loopback, Measured, WriteMethod, Zstd};
pub use model::{Bound, Commit, Model, Term, Terms};
pub use shapes::{Compression, Shape};

/// Measures everything on this machine; `say` gets a line per step.
///
/// # Errors
/// The folder cannot be written, the loopback interface does not work, or zstd fails.
pub fn measure(args: &LimitArgs, say: &mut dyn FnMut(&str)) -> Result<Measured, LimitError> {
    let machine = Machine::read();
    let step = args.step();
    let disk = disk::measure(&args.data, step, say)?;
    let loopback = loopback::measure(step, say)?;
    let compute = compute::measure(step, say)?;
    Ok(Measured { machine, disk, loopback, compute })
}
