//! What was measured, as a result file keeps it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{LimitError, Machine};

/// A result has a few KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The parameters of the model (performance.md 4.1), measured on one machine.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub machine: Machine,
    pub disk: Disk,
    pub loopback: Loopback,
    pub compute: Compute,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Disk {
    pub method: WriteMethod,
    /// A file system in memory: what is written there is as fast as memory, and not durable.
    pub in_memory: bool,
    pub file_bytes: u64,
    /// B_d: sequential writes of 1 MiB that are not made durable.
    pub unsynced_bytes_per_s: f64,
    pub durable_writes: Vec<DurableWrite>,
}

/// How a write was made durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteMethod {
    /// `O_DIRECT`, each write with `RWF_DSYNC`.
    DirectDsync,
    /// Through the page cache, each write followed by `fdatasync`: where the file system refuses `O_DIRECT`.
    BufferedFdatasync,
}

/// L(S,q) and w(S): durable writes of one size, so many in flight.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DurableWrite {
    pub size_bytes: u64,
    pub depth: u32,
    pub writes: u64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub bytes_per_s: f64,
    /// CPU time of the writing threads alone; what kernel workers do is not in it.
    pub cpu_us_per_write: f64,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Loopback {
    /// One connection, one way, writes of 256 KiB.
    pub bytes_per_s: f64,
    pub sender_cpu_s_per_gib: f64,
    /// r: what the server's receiving costs.
    pub receiver_cpu_s_per_gib: f64,
    /// RTT: 64 bytes there and back.
    pub round_trip_p50_us: f64,
    pub round_trip_p99_us: f64,
}

/// Speeds of one core, in bytes per second of its CPU time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Compute {
    pub crc32c_bytes_per_s: f64,
    /// 256 KiB over and over.
    pub memcpy_cached_bytes_per_s: f64,
    /// m: buffers that no cache holds.
    pub memcpy_memory_bytes_per_s: f64,
    pub zstd: Vec<Zstd>,
}

/// The JSON class of records, in pieces of 64 KiB as a chunk's pages are.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Zstd {
    pub level: i32,
    /// Plain bytes per second.
    pub compress_bytes_per_s: f64,
    /// Plain bytes per second.
    pub decompress_bytes_per_s: f64,
    pub ratio: f64,
}

impl Measured {
    /// Reads what `bench limit -o json` printed: the last line of the file, so that the table before it may be there too.
    ///
    /// # Errors
    /// The file cannot be read, is no such result, or has a figure with which nothing can be computed.
    pub fn read(file: &Path) -> Result<Self, LimitError> {
        let failed = |why: String| LimitError::File { file: file.to_owned(), why };
        let text = read_bounded(file).map_err(|error| failed(error.to_string()))?;
        Self::parse(&text).map_err(failed)
    }

    fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Holder {
            measured: Measured,
        }
        let line = text.lines().rev().find(|line| !line.trim().is_empty()).ok_or("it is empty")?;
        let holder: Holder = serde_json::from_str(line).map_err(|error| error.to_string())?;
        holder.measured.check()?;
        Ok(holder.measured)
    }

    /// The model divides by these.
    fn check(&self) -> Result<(), String> {
        let bad = self.figures().into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0));
        if let Some((name, value)) = bad {
            return Err(format!("{name} is {value}, which no measurement can be"));
        }
        if !self.disk.durable_writes.iter().any(|write| write.depth == 1) {
            return Err("no durable write with one in flight is in it".into());
        }
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let (network, compute) = (&self.loopback, &self.compute);
        let mut figures = vec![
            ("disk.unsynced_bytes_per_s", self.disk.unsynced_bytes_per_s),
            ("loopback.bytes_per_s", network.bytes_per_s),
            ("loopback.sender_cpu_s_per_gib", network.sender_cpu_s_per_gib),
            ("loopback.receiver_cpu_s_per_gib", network.receiver_cpu_s_per_gib),
            ("loopback.round_trip_p50_us", network.round_trip_p50_us),
            ("compute.crc32c_bytes_per_s", compute.crc32c_bytes_per_s),
            ("compute.memcpy_memory_bytes_per_s", compute.memcpy_memory_bytes_per_s),
        ];
        for write in &self.disk.durable_writes {
            figures.push(("disk.durable_writes.size_bytes", write.size_bytes as f64));
            figures.push(("disk.durable_writes.depth", f64::from(write.depth)));
            figures.push(("disk.durable_writes.p50_us", write.p50_us));
            figures.push(("disk.durable_writes.bytes_per_s", write.bytes_per_s));
            figures.push(("disk.durable_writes.cpu_us_per_write", write.cpu_us_per_write));
        }
        for zstd in &compute.zstd {
            figures.push(("compute.zstd.compress_bytes_per_s", zstd.compress_bytes_per_s));
            figures.push(("compute.zstd.ratio", zstd.ratio));
        }
        figures
    }
}

impl std::fmt::Display for WriteMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::DirectDsync => "O_DIRECT, RWF_DSYNC",
            Self::BufferedFdatasync => "page cache, fdatasync: O_DIRECT is refused here",
        })
    }
}

fn read_bounded(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}
