//! Shapes of load. The same for both sides of a comparison: so many records in a batch, so many batches in flight.

use std::fmt;

use serde::Serialize;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Shape {
    pub name: &'static str,
    #[serde(skip)]
    pub about: &'static str,
    /// Each on a connection of its own, to a stream of its own.
    pub producers: usize,
    pub record_bytes: usize,
    pub batch_records: usize,
    /// Batches in flight per producer.
    pub depth: usize,
}

pub const SHAPES: [Shape; 4] = [
    Shape {
        name: "single",
        about: "one record of 1 KiB at a time: latency",
        producers: 1,
        record_bytes: 1024,
        batch_records: 1,
        depth: 1,
    },
    Shape {
        name: "pipelined",
        about: "one record of 1 KiB per request, many of them in flight",
        producers: 16,
        record_bytes: 1024,
        batch_records: 1,
        depth: 16,
    },
    Shape {
        name: "small",
        about: "100 B records in batches of 100",
        producers: 16,
        record_bytes: 100,
        batch_records: 100,
        depth: 4,
    },
    Shape {
        name: "kib",
        about: "1 KiB records in batches of 64",
        producers: 4,
        record_bytes: 1024,
        batch_records: 64,
        depth: 4,
    },
];

impl Shape {
    pub fn batch_bytes(&self) -> usize {
        self.batch_records * self.record_bytes
    }

    pub fn batches_inflight_max(&self) -> usize {
        self.producers * self.depth
    }

    pub fn bytes_inflight_max(&self) -> usize {
        self.batches_inflight_max() * self.batch_bytes()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, about, producers, record_bytes, batch_records, depth } = self;
        let kib = self.bytes_inflight_max().div_ceil(1024);
        write!(f, "{name}: {about} ({producers} x {depth} x {batch_records} x {record_bytes} B in flight, {kib} KiB)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_fits_what_the_peers_allow() {
        for shape in SHAPES {
            assert!(shape.batch_records <= 1000, "{}: S2 takes 1000 records in a batch", shape.name);
            assert!(shape.batch_bytes() + 8 * shape.batch_records <= 1 << 20, "{}: and 1 MiB", shape.name);
            assert!(shape.depth <= 50, "{}: NATS takes 50 batches in flight to a stream", shape.name);
            assert!(shape.bytes_inflight_max() <= 64 << 20, "{}", shape.name);
        }
    }

    #[test]
    fn a_shape_says_what_is_in_flight() {
        let text = SHAPES.map(|shape| shape.to_string());
        assert!(text[3].ends_with("(4 x 4 x 64 x 1024 B in flight, 1024 KiB)"), "{}", text[3]);
    }
}
