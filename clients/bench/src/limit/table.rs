//! The result for people.

use super::Machine;
use super::command::{Limits, Named};
use super::measured::{Compute, Disk, Loopback};

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1u64 << 30) as f64;

pub(super) fn render(limits: &Limits) -> String {
    let measured = &limits.measured;
    let parts =
        [disk(&measured.disk), loopback(&measured.loopback), compute(&measured.compute), bounds(&limits.bounds)];
    format!("{}\n{}\n{}", measured.machine.facts(), busy(&measured.machine), parts.join("\n"))
}

fn busy(machine: &Machine) -> &'static str {
    match machine.is_busy() {
        true => "the machine is busy with other things: the limit is too low; measure again when it is quiet\n",
        false => "",
    }
}

fn disk(disk: &Disk) -> String {
    let mut text = format!(
        "durable writes ({}; {} MiB written before; unsynced {:.0} MiB/s)\n",
        disk.method,
        disk.file_bytes >> 20,
        disk.unsynced_bytes_per_s / MIB
    );
    if disk.in_memory {
        text.push_str(
            "  this is a file system in memory: nothing there is durable; name a folder on a disk: --data DIR\n",
        );
    }
    text.push_str("      size  depth    p50 us    p99 us     MiB/s   writes/s  CPU us/write\n");
    for write in &disk.durable_writes {
        text.push_str(&format!(
            "{:>6} KiB {:>6} {:>9.0} {:>9.0} {:>9.0} {:>10.0} {:>13.1}\n",
            write.size_bytes >> 10,
            write.depth,
            write.p50_us,
            write.p99_us,
            write.bytes_per_s / MIB,
            write.bytes_per_s / write.size_bytes as f64,
            write.cpu_us_per_write,
        ));
    }
    text
}

fn loopback(loopback: &Loopback) -> String {
    format!(
        "loopback TCP\n  one way     {:.0} MiB/s; sender {:.3}, receiver {:.3} CPU-s/GiB\n  round trip  p50 {:.0} us, p99 {:.0} us\n",
        loopback.bytes_per_s / MIB,
        loopback.sender_cpu_s_per_gib,
        loopback.receiver_cpu_s_per_gib,
        loopback.round_trip_p50_us,
        loopback.round_trip_p99_us,
    )
}

fn compute(compute: &Compute) -> String {
    let mut text = format!(
        "one core\n  crc32c      {:.1} GiB/s\n  memcpy      {:.1} GiB/s from a cache, {:.1} GiB/s from memory\n",
        compute.crc32c_bytes_per_s / GIB,
        compute.memcpy_cached_bytes_per_s / GIB,
        compute.memcpy_memory_bytes_per_s / GIB,
    );
    for zstd in &compute.zstd {
        text.push_str(&format!(
            "  zstd -{}     {:.0} MiB/s to compress, {:.0} to decompress JSON in 64 KiB pieces, {:.2}:1\n",
            zstd.level,
            zstd.compress_bytes_per_s / MIB,
            zstd.decompress_bytes_per_s / MIB,
            zstd.ratio,
        ));
    }
    text
}

fn bounds(bounds: &[Named]) -> String {
    let mut text = String::from("the most that can be appended durably, the generator on the same cores (MiB/s)\n");
    text.push_str(&format!(
        "{:<53}{:>7} {:>10} {:<10} {:>7} {:>7} {:>7} {:>10} {:>7}\n",
        "", "MiB/s", "records/s", "bound by", "disk", "cpu", "net", "round trip", "ack us"
    ));
    bounds.iter().for_each(|named| text.push_str(&bound(named)));
    text
}

fn bound(named: &Named) -> String {
    let (bound, terms) = (&named.bound, &named.bound.terms);
    format!(
        "{:<53}{:>7.0} {:>10.0} {:<10} {:>7.0} {:>7.0} {:>7.0} {:>10.0} {:>7.0}\n",
        named.name,
        bound.append_bytes_per_s / MIB,
        bound.records_per_s,
        bound.binding.to_string(),
        terms.disk / MIB,
        terms.cpu / MIB,
        terms.net / MIB,
        terms.round_trip / MIB,
        bound.ack_us,
    )
}
