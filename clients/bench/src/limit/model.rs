//! The model (performance.md 4.2, 4.3, 4.7): what is measured on a machine and what a workload asks of it, to the most that can be
//! appended durably. Where an estimate could go either way it goes up: a limit that is too low would make every fraction of it
//! look good. So costs that are not measured are left out (what kernel workers do to flush, the generator's own bookkeeping).

use serde::{Deserialize, Serialize};

use super::measured::{DurableWrite, Loopback, Measured};
use super::shapes::Shape;

const GIB: f64 = (1u64 << 30) as f64;
/// The smallest write that a disk takes directly.
const BLOCK_BYTES: f64 = 4096.0;

/// The costs that cannot be measured without a broker: targets, from performance.md 4.2.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Model {
    /// C_rec: header check and index of one record.
    pub record_cpu_ns: f64,
    /// C_req: parsing, ring operations and ack of one batch.
    pub request_cpu_us: f64,
}

impl Default for Model {
    fn default() -> Self {
        Self { record_cpu_ns: 50.0, request_cpu_us: 1.5 }
    }
}

/// The most that a workload can append, and why not more.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Bound {
    /// The least of the terms.
    pub append_bytes_per_s: f64,
    pub records_per_s: f64,
    pub binding: Term,
    pub terms: Terms,
    /// The durable writes with which this is reached.
    pub commit: Commit,
    pub server_cpu_s_per_gib: f64,
    /// Zero if the generator has other cores.
    pub generator_cpu_s_per_gib: f64,
    /// The least time from an append to its ack, with nothing else going on.
    pub ack_us: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    Disk,
    Cpu,
    Net,
    RoundTrip,
}

/// What each part of the machine would allow alone, in payload bytes per second.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Terms {
    pub disk: f64,
    pub cpu: f64,
    pub net: f64,
    pub round_trip: f64,
}

/// S and q of performance.md 4.2.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Commit {
    pub payload_bytes: f64,
    pub depth: u32,
}

impl Commit {
    /// With the padding to a whole number of disk blocks.
    pub fn written_bytes(&self) -> f64 {
        (self.payload_bytes / BLOCK_BYTES).ceil().max(1.0) * BLOCK_BYTES
    }
}

impl Terms {
    /// `T_append = min(T_disk, T_cpu, T_net)` (4.2), and the closed loop's term.
    fn binding(&self) -> (Term, f64) {
        let terms =
            [(Term::Disk, self.disk), (Term::Cpu, self.cpu), (Term::Net, self.net), (Term::RoundTrip, self.round_trip)];
        terms.into_iter().reduce(|least, next| if next.1 < least.1 { next } else { least }).expect("there are terms")
    }
}

impl Model {
    /// The group commits that are best for the workload are assumed: of all sizes and depths that its bytes in flight allow.
    pub fn append_bytes_per_s(&self, measured: &Measured, shape: &Shape) -> Bound {
        let bounds = commits(measured, shape).into_iter().map(|commit| self.bound(measured, shape, commit));
        let best =
            bounds.reduce(|best, next| if next.append_bytes_per_s > best.append_bytes_per_s { next } else { best });
        best.expect("one write in flight is always possible")
    }

    fn bound(&self, measured: &Measured, shape: &Shape, commit: Commit) -> Bound {
        let server = self.server_cpu_s_per_byte(measured, shape, &commit);
        let generator = generator_cpu_s_per_byte(measured, shape);
        let ack_us = self.ack_us(measured, shape);
        let terms = Terms {
            disk: disk_bytes_per_s(measured, shape, &commit),
            // 4.2: T_cpu = k / (C_byte + C_rec/b + C_req/(n b)); 4.7: the generator's share of the same cores.
            cpu: f64::from(shape.server_cores) / (server + generator),
            net: net_bytes_per_s(&measured.loopback),
            // Little's law: what is in flight cannot turn over faster than one ack (4.3).
            round_trip: shape.in_flight_bytes() as f64 / (ack_us / 1e6),
        };
        let (binding, append_bytes_per_s) = terms.binding();
        Bound {
            append_bytes_per_s,
            records_per_s: append_bytes_per_s / shape.record_bytes as f64,
            binding,
            terms,
            commit,
            server_cpu_s_per_gib: server * GIB,
            generator_cpu_s_per_gib: generator * GIB,
            ack_us,
        }
    }

    /// 4.2: `C_byte + C_rec/b + C_req/(n b)` with `C_byte = r + c + copies/m + w(S)/S [+ 1/z]`.
    fn server_cpu_s_per_byte(&self, measured: &Measured, shape: &Shape, commit: &Commit) -> f64 {
        let compute = &measured.compute;
        let receive = measured.loopback.receiver_cpu_s_per_gib / GIB;
        let checksum = 1.0 / compute.crc32c_bytes_per_s;
        let copies = f64::from(shape.copies) / compute.memcpy_memory_bytes_per_s;
        let write = write_cpu_s(measured, commit) / commit.payload_bytes;
        let records = self.record_cpu_ns / 1e9 / shape.record_bytes as f64;
        let requests = self.request_cpu_us / 1e6 / shape.batch_bytes() as f64;
        receive + checksum + copies + write + compression(measured, shape).cpu_s_per_byte + records + requests
    }

    /// 4.3: `A0 = RTT + C_req + L(S,1)`.
    fn ack_us(&self, measured: &Measured, shape: &Shape) -> f64 {
        let alone = Commit { payload_bytes: shape.batch_bytes() as f64, depth: 1 };
        let write_us = latency_us(measured, &alone);
        measured.loopback.round_trip_p50_us + self.request_cpu_us + write_us
    }
}

/// 4.7: the generator sends each byte, and checksums it as every producer must.
fn generator_cpu_s_per_byte(measured: &Measured, shape: &Shape) -> f64 {
    if !shape.generator_shares_cores {
        return 0.0;
    }
    measured.loopback.sender_cpu_s_per_gib / GIB + 1.0 / measured.compute.crc32c_bytes_per_s
}

/// T_net of 4.2. With a core for each side, which it did not have if other things ran, the connection moves what its slower side can.
fn net_bytes_per_s(loopback: &Loopback) -> f64 {
    let slower_side = loopback.sender_cpu_s_per_gib.max(loopback.receiver_cpu_s_per_gib);
    loopback.bytes_per_s.max(GIB / slower_side)
}

/// 4.2: `T_disk = min(B_d / A, q S / L(S,q))`; the padding to blocks is no payload.
fn disk_bytes_per_s(measured: &Measured, shape: &Shape, commit: &Commit) -> f64 {
    let durable = f64::from(commit.depth) * commit.written_bytes() / (latency_us(measured, commit) / 1e6);
    let best = measured.disk.durable_writes.iter().map(|write| write.bytes_per_s).fold(0.0, f64::max);
    let bandwidth = measured.disk.unsynced_bytes_per_s.max(best) / compression(measured, shape).write_amplification;
    durable.min(bandwidth) * commit.payload_bytes / commit.written_bytes()
}

/// L(S,q). A larger write, or one beside more others, takes no less time: where it was measured to, something disturbed the smaller,
/// and the larger one's figure is a better bound.
fn latency_us(measured: &Measured, commit: &Commit) -> f64 {
    at_size(measured, commit, |write| {
        let as_hard = |other: &&DurableWrite| other.size_bytes >= write.size_bytes && other.depth >= write.depth;
        least(measured.disk.durable_writes.iter().filter(as_hard).map(|other| other.p50_us))
    })
}

/// w(S), at the depth where it was least: a ring spares the switches between threads with which it was measured. As with latencies,
/// a larger write costs no less.
fn write_cpu_s(measured: &Measured, commit: &Commit) -> f64 {
    let any_depth = Commit { depth: 1, ..*commit };
    let cpu_us = at_size(measured, &any_depth, |write| {
        let as_large = |other: &&DurableWrite| other.size_bytes >= write.size_bytes;
        least(measured.disk.durable_writes.iter().filter(as_large).map(|other| other.cpu_us_per_write))
    });
    cpu_us / 1e6
}

fn least(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(f64::INFINITY, f64::min)
}

struct CompressionCost {
    cpu_s_per_byte: f64,
    /// A of 4.2: the journal, and the chunk that follows.
    write_amplification: f64,
}

/// A level that was not measured costs nothing: the limit is then too high, not too low.
fn compression(measured: &Measured, shape: &Shape) -> CompressionCost {
    let level = shape.compression.level();
    match measured.compute.zstd.iter().find(|zstd| Some(zstd.level) == level) {
        Some(zstd) => CompressionCost {
            cpu_s_per_byte: 1.0 / zstd.compress_bytes_per_s,
            write_amplification: 1.0 + 1.0 / zstd.ratio,
        },
        None => CompressionCost { cpu_s_per_byte: 0.0, write_amplification: 1.0 },
    }
}

/// Every commit worth considering: for each measured depth, the measured sizes that the bytes in flight fill, and what they fill
/// at most.
fn commits(measured: &Measured, shape: &Shape) -> Vec<Commit> {
    let largest_bytes = measured.disk.durable_writes.iter().map(|write| write.size_bytes).max().unwrap_or(0) as f64;
    let mut commits = Vec::new();
    for depth in depths(measured, shape.commits_in_flight) {
        let most_bytes = (shape.in_flight_bytes() as f64 / f64::from(depth)).min(largest_bytes);
        if depth > 1 && most_bytes < BLOCK_BYTES {
            continue;
        }
        let sizes = at_depth(measured, depth).into_iter().map(|write| write.size_bytes as f64);
        let filled = sizes.filter(|size| *size < most_bytes).chain([most_bytes]);
        commits.extend(filled.map(|payload_bytes| Commit { payload_bytes, depth }));
    }
    commits
}

fn depths(measured: &Measured, most: u32) -> Vec<u32> {
    let mut depths: Vec<u32> = measured.disk.durable_writes.iter().map(|write| write.depth).collect();
    depths.retain(|depth| *depth <= most.max(1));
    depths.sort_unstable();
    depths.dedup();
    depths
}

/// By size.
fn at_depth(measured: &Measured, depth: u32) -> Vec<&DurableWrite> {
    let mut writes: Vec<_> = measured.disk.durable_writes.iter().filter(|write| write.depth == depth).collect();
    writes.sort_by_key(|write| write.size_bytes);
    writes
}

/// A figure of durable writes at a size between measured ones: on a straight line between the neighbours, both axes logarithmic.
/// Below the smallest and above the largest, theirs.
fn at_size(measured: &Measured, commit: &Commit, figure: impl Fn(&DurableWrite) -> f64) -> f64 {
    let writes = at_depth(measured, commit.depth);
    let size_bytes = commit.written_bytes();
    let above = writes.partition_point(|write| (write.size_bytes as f64) < size_bytes);
    match (above.checked_sub(1).and_then(|below| writes.get(below)), writes.get(above)) {
        (Some(below), Some(above)) => {
            let ln = |bytes: u64| (bytes as f64).ln();
            let share = (size_bytes.ln() - ln(below.size_bytes)) / (ln(above.size_bytes) - ln(below.size_bytes));
            (figure(below).ln() * (1.0 - share) + figure(above).ln() * share).exp()
        }
        (Some(only), None) | (None, Some(only)) => figure(only),
        (None, None) => f64::INFINITY,
    }
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Disk => "disk",
            Self::Cpu => "cpu",
            Self::Net => "net",
            Self::RoundTrip => "round trip",
        })
    }
}
