//! The model on a machine whose figures are easy to compute with, and what a file may hold.

use clap::Parser;

use super::command::evaluate;
use super::*;

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1u64 << 30) as f64;

/// 100 us for each write, whatever its size and how many are in flight.
fn machine() -> Measured {
    let write = |size_bytes: u64, depth: u32| DurableWrite {
        size_bytes,
        depth,
        writes: 1000,
        p50_us: 100.0,
        p99_us: 200.0,
        bytes_per_s: f64::from(depth) * size_bytes as f64 / 100e-6,
        cpu_us_per_write: 10.0,
    };
    let sizes = [4 << 10, 64 << 10, 256 << 10, 1 << 20];
    let durable_writes = sizes.into_iter().flat_map(|size| [1, 2, 4, 8].map(|depth| write(size, depth))).collect();
    Measured {
        machine: Machine { cores: 2, ..Machine::default() },
        disk: Disk {
            method: WriteMethod::DirectDsync,
            in_memory: false,
            file_bytes: 256 << 20,
            unsynced_bytes_per_s: 100.0 * GIB,
            durable_writes,
        },
        loopback: Loopback {
            bytes_per_s: 3.0 * GIB,
            sender_cpu_s_per_gib: 0.3,
            receiver_cpu_s_per_gib: 0.1,
            round_trip_p50_us: 48.5,
            round_trip_p99_us: 100.0,
        },
        compute: Compute {
            crc32c_bytes_per_s: 10.0 * GIB,
            memcpy_cached_bytes_per_s: 50.0 * GIB,
            memcpy_memory_bytes_per_s: 10.0 * GIB,
            zstd: vec![Zstd { level: 1, compress_bytes_per_s: GIB / 3.0, decompress_bytes_per_s: GIB, ratio: 2.0 }],
        },
    }
}

fn bound(measured: &Measured, shape: &Shape) -> Bound {
    Model::default().append_bytes_per_s(measured, shape)
}

fn assert_near(value: f64, expected: f64) {
    assert!((value / expected - 1.0).abs() < 1e-5, "{value} is not {expected}");
}

#[test]
fn one_small_record_at_a_time_is_bound_by_the_round_trip() {
    let bound = bound(&machine(), &Shape::new(1024, 1, 1, 2));
    assert_eq!(bound.binding, Term::RoundTrip);
    assert_near(bound.ack_us, 48.5 + 1.5 + 100.0);
    assert_near(bound.records_per_s, 1e6 / 150.0);
    assert_near(bound.terms.disk, 1024.0 / 100e-6);
}

#[test]
fn the_servers_cpu_is_the_sum_of_its_steps() {
    let mut shape = Shape::new(1 << 20, 1, 64, 1);
    shape.copies = 2;
    let bound = bound(&machine(), &shape);
    let writes_per_gib = 1024.0;
    let expected = 0.1 + 0.1 + 2.0 * 0.1 + writes_per_gib * 10e-6 + 1024.0 * (50e-9 + 1.5e-6);
    assert_near(bound.server_cpu_s_per_gib, expected);
    assert_near(bound.generator_cpu_s_per_gib, 0.3 + 0.1);
    assert_eq!(bound.binding, Term::Cpu);
    assert_near(bound.append_bytes_per_s, GIB / (expected + 0.4));
}

#[test]
fn a_generator_with_cores_of_its_own_costs_the_server_nothing() {
    let shared = Shape::w3(1);
    let apart = Shape { generator_shares_cores: false, ..shared.clone() };
    let (shared, apart) = (bound(&machine(), &shared), bound(&machine(), &apart));
    assert_eq!(apart.generator_cpu_s_per_gib, 0.0);
    assert_near(apart.server_cpu_s_per_gib, shared.server_cpu_s_per_gib);
    assert!(apart.append_bytes_per_s > shared.append_bytes_per_s);
}

#[test]
fn compression_costs_cpu_and_disk() {
    let mut measured = machine();
    measured.disk.unsynced_bytes_per_s = 3.0 * GIB;
    measured.disk.durable_writes.iter_mut().for_each(|write| write.cpu_us_per_write = 1e-6);
    measured.disk.durable_writes.iter_mut().for_each(|write| write.bytes_per_s = GIB);
    let aside = bound(&measured, &Shape::w3(2));
    let included = bound(&measured, &Shape { compression: Compression::Zstd1, ..Shape::w3(2) });
    assert_near(included.server_cpu_s_per_gib - aside.server_cpu_s_per_gib, 3.0);
    assert_near(aside.terms.disk * aside.commit.written_bytes() / aside.commit.payload_bytes, 3.0 * GIB);
    assert_near(included.terms.disk * included.commit.written_bytes() / included.commit.payload_bytes, 2.0 * GIB);
}

#[test]
fn a_slow_network_or_a_slow_disk_binds() {
    let mut measured = machine();
    (measured.loopback.bytes_per_s, measured.loopback.sender_cpu_s_per_gib) = (100.0 * MIB, 1.0);
    let apart = bound(&measured, &Shape { generator_shares_cores: false, ..Shape::w3(2) });
    assert_eq!(apart.binding, Term::Net);
    assert_near(apart.append_bytes_per_s, GIB);
    let mut measured = machine();
    measured.disk.unsynced_bytes_per_s = 50.0 * MIB;
    measured.disk.durable_writes.iter_mut().for_each(|write| write.bytes_per_s = 40.0 * MIB);
    let bound = bound(&measured, &Shape::w3(2));
    assert_eq!(bound.binding, Term::Disk);
    assert!((40.0 * MIB..=50.0 * MIB).contains(&bound.append_bytes_per_s));
}

#[test]
fn a_disturbed_small_write_counts_as_fast_as_a_larger_one() {
    let (calm, mut disturbed) = (machine(), machine());
    let small = disturbed.disk.durable_writes.iter_mut().filter(|write| write.size_bytes < 1 << 20);
    small.for_each(|write| (write.p50_us, write.cpu_us_per_write) = (4000.0, 99.0));
    for shape in [Shape::new(1024, 1, 1, 2), Shape::w3(2), Shape::new(1000, 1000, 8, 2)] {
        assert_eq!(bound(&disturbed, &shape), bound(&calm, &shape));
    }
}

#[test]
fn between_measured_sizes_latency_lies_between_theirs() {
    let mut measured = machine();
    measured.disk.durable_writes.iter_mut().for_each(|write| write.p50_us = (write.size_bytes as f64).sqrt());
    let ack_us = |bytes| bound(&measured, &Shape::new(bytes, 1, 1, 2)).ack_us - 50.0;
    for (bytes, expected) in [(1, 64.0), (4096, 64.0), (16 << 10, 128.0), (4 << 20, 1024.0)] {
        assert_near(ack_us(bytes), expected);
    }
}

#[test]
fn more_commits_in_flight_are_used_as_far_as_they_are_allowed() {
    let measured = machine();
    let shape = |commits_in_flight| Shape { commits_in_flight, ..Shape::new(1024, 1, 64, 64) };
    for allowed in [1, 3, 8] {
        assert!(bound(&measured, &shape(allowed)).commit.depth <= allowed);
    }
    assert!(bound(&measured, &shape(1)).terms.disk <= 64.0 * 1024.0 / 100e-6 * 1.000_001);
}

#[test]
fn more_bytes_in_flight_never_lower_the_limit() {
    let measured = machine();
    let limits: Vec<f64> =
        (0..20).map(|i| bound(&measured, &Shape::new(1024, 1, 1 << i, 2)).append_bytes_per_s).collect();
    assert!(limits.windows(2).all(|pair| pair[1] >= pair[0] * 0.999_999), "{limits:?}");
}

#[test]
fn what_is_printed_as_json_is_read_again() {
    let args = Arguments::parse_from(["limit", "--record-bytes", "100", "--records-per-batch", "100"]);
    let limits = evaluate(machine(), &args.limit);
    assert_eq!(
        limits.bounds.last().map(|named| (named.name.as_str(), named.shape.record_bytes)),
        Some(("as given", 100))
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    let table = table::render(&limits);
    std::fs::write(file.path(), format!("{table}{}\n", serde_json::json!(limits))).expect("written");
    assert_eq!(Measured::read(file.path()).expect("a result"), machine());
}

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    limit: LimitArgs,
}

#[test]
fn a_file_that_is_no_result_is_refused() {
    let refused = |text: &str| {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        Measured::read(file.path()).expect_err("no result").to_string()
    };
    assert!(refused("").ends_with("it is empty"));
    assert!(refused("{\"measured\":1}").contains("cannot be used as a measured limit"));
    let mut measured = machine();
    measured.compute.crc32c_bytes_per_s = 0.0;
    let text = serde_json::json!({ "measured": measured }).to_string();
    assert!(refused(&text).ends_with("compute.crc32c_bytes_per_s is 0, which no measurement can be"));
    measured = machine();
    measured.disk.durable_writes.retain(|write| write.depth > 1);
    assert!(refused(&serde_json::json!({ "measured": measured }).to_string()).contains("one in flight"));
}

#[test]
fn the_table_names_every_measurement_and_bound() {
    let args = Arguments::parse_from(["limit"]);
    let text = table::render(&evaluate(machine(), &args.limit));
    assert!(!text.contains("busy"));
    for word in ["O_DIRECT, RWF_DSYNC", "1024 KiB", "round trip  p50 48 us", "crc32c", "zstd -1", "W3: 16 producers"] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
    assert_eq!(text.lines().filter(|line| line.contains(" KiB      ")).count(), 16);
}

#[test]
fn steps_of_no_length_are_refused() {
    for seconds in ["0", "-1", "nan", "inf", "61", "x"] {
        assert!(Arguments::try_parse_from(["limit", "--seconds-per-step", seconds]).is_err(), "{seconds}");
    }
}
