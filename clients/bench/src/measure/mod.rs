//! What a run is judged by: latencies, what the broker and the generator used, and what the machine itself did meanwhile.

pub mod generator;
pub mod hiccup;
pub mod latencies;
pub mod meters;
pub mod pressure;
pub mod progress;
pub mod report;
pub mod server;
pub mod stages;
