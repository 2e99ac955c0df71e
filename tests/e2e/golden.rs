//! Every store that an older version left can be opened and read whole; a newer format is refused by its number (F22).

use std::fs::File;
use std::path::{Path, PathBuf};

use riverrun::catalog::{Catalog, SlateCatalog};
use riverrun::store::{Store, StoreUrl};
use riverrun_core::control::{STORE_FORMAT_VERSION, StoreRow, keys};

use crate::support::{Data, Server, files_below, log_lines, riverrun};

const STREAMS: [&str; 4] = ["published", "both", "journal-only", "json"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn archives() -> Vec<PathBuf> {
    let mut archives = files_below(&folder());
    archives.retain(|p| p.extension().is_some_and(|e| e == "zst"));
    archives
}

fn unpack(archive: &Path, into: &Path) {
    let file = File::open(archive).expect("readable");
    let decoder = zstd::Decoder::new(file).expect("zstd");
    tar::Archive::new(decoder).unpack(into).expect("a tar archive");
}

fn unpacked() -> Data {
    let data = Data::new();
    unpack(&folder().join(format!("{STORE_FORMAT_VERSION}.tar.zst")), data.path());
    data
}

/// All records of a stream, whatever bytes they hold.
fn records(server: &Server, stream: &str) -> Vec<u8> {
    server.ok(&[
        "read",
        &format!("golden-basin/{stream}"),
        "--seq-num",
        "0",
        "--until",
        "9999999999999",
        "--format",
        "json-base64",
    ])
}

fn tail(server: &Server, stream: &str) -> Vec<u8> {
    server.ok(&["check-tail", &format!("golden-basin/{stream}")])
}

#[test]
fn every_older_store_is_read_whole() {
    let archives = archives();
    assert!(!archives.is_empty(), "no store in {}", folder().display());
    for archive in archives {
        let data = Data::new();
        unpack(&archive, data.path());
        let expected = |name: &str| std::fs::read(data.path().join("expected").join(name)).expect("readable");
        // Once as it was left, once after this version has taken it over, once with what this version published.
        for shards in ["2", "1", "3"] {
            let server = data.serve(&["--shards", shards]);
            assert_eq!(server.ok(&["ls", "golden-basin"]), expected("golden.ls"), "{}", archive.display());
            for stream in STREAMS {
                let name = format!("{} {stream}", archive.display());
                assert!(records(&server, stream) == expected(stream), "{name}: other records");
                assert_eq!(tail(&server, stream), expected(&format!("{stream}.tail")), "{name}");
            }
            if shards == "2" { server.kill() } else { drop(server.terminate()) }
        }
    }
}

#[test]
fn a_store_of_a_newer_format_is_refused_by_its_number() {
    let data = unpacked();
    let objects = StoreUrl::fs(data.data().join("objects"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(&objects, crate::support::PATIENCE).await.expect("it opens");
        let catalog = SlateCatalog::open(&store).await.expect("it opens");
        let key = bytes::Bytes::from_static(keys::STORE);
        let row = catalog.get(key.clone()).await.expect("readable").expect("a store has a row");
        let mut row = StoreRow::decode(&row).expect("of this version");
        row.format_version += 1;
        catalog.put_batch(vec![(key, row.encode())]).await.expect("written");
        catalog.close().await.expect("closed");
    });
    refused(&data, &format!("store has format version {}", STORE_FORMAT_VERSION + 1));
}

#[test]
fn a_journal_of_a_newer_format_is_refused_by_its_number() {
    let data = unpacked();
    let version = riverrun_core::journal::header::VERSION + 1;
    let path = data.journal_files().into_iter().find(|p| first_block(p).is_some()).expect("a journal with blocks");
    let mut bytes = std::fs::read(&path).expect("readable");
    let header = first_block(&path).expect("found above");
    // docs/STORAGE.md, Block: the version is at 8, the salt at 16, the checksum is the header's last four bytes.
    let end = header + usize::from(u16::from_le_bytes(bytes[header + 10..][..2].try_into().expect("two bytes"))) - 4;
    bytes[header + 8..][..2].copy_from_slice(&version.to_le_bytes());
    let seed = crc32c::crc32c(&bytes[header + 16..][..8]);
    let sum = crc32c::crc32c_append(seed, &bytes[header..end]);
    bytes[end..][..4].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(&path, bytes).expect("written");
    refused(&data, &format!("format {version}"));
}

#[test]
fn a_chunk_of_a_newer_format_is_refused_by_its_number() {
    let data = unpacked();
    let chunk = data.chunks().into_iter().next().expect("the first run published");
    let mut bytes = std::fs::read(&chunk).expect("readable");
    // docs/STORAGE.md, The object: the header's version is at 8 and its checksum at 108, the trailer's at 24 and 28.
    let trailer = bytes.len() - 40;
    for (start, version_at, sum_at) in [(0, 8, 108), (trailer, 24, 28)] {
        bytes[start + version_at] += 1;
        let sum = crc32c::crc32c(&bytes[start..start + sum_at]);
        bytes[start + sum_at..][..4].copy_from_slice(&sum.to_le_bytes());
    }
    std::fs::write(&chunk, bytes).expect("written");
    let shown = riverrun().args(["dump", "chunk"]).arg(&chunk).output().expect("the binary runs");
    let said = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(!shown.status.success() && said.contains("format version 2"), "{said}");
}

fn first_block(path: &Path) -> Option<usize> {
    let bytes = std::fs::read(path).expect("readable");
    (0..bytes.len()).step_by(4096).find(|&at| bytes[at..].starts_with(b"RvrnJrnl"))
}

fn refused(data: &Data, needed: &str) {
    let said = Server::try_start(&data.data(), &[]).expect_err("a newer format");
    let said = said.split_whitespace().filter(|w| *w != "│").collect::<Vec<_>>().join(" ");
    assert!(said.contains(needed), "{needed:?} is missing in: {said}");
    assert!(said.contains("start the version that wrote it, or a newer one"), "{said}");
}

/// Leaves the store of this format version, if there is none: see tests/golden/README.md.
#[test]
#[ignore = "writes into the repository; once per format version"]
fn leaves_a_store() {
    let archive = folder().join(format!("{STORE_FORMAT_VERSION}.tar.zst"));
    assert!(!archive.exists(), "{} exists, and no store is ever replaced", archive.display());
    let data = Data::new();
    let server = data.serve(&["--shards", "2"]);
    server.ok(&["create-basin", "golden-basin", "--create-stream-on-append"]);
    server.feed(&["append", "golden-basin/published"], &log_lines(1, 500));
    server.feed(&["append", "golden-basin/both"], &log_lines(2, 300));
    server.terminate();
    let server = data.serve(&["--shards", "2"]);
    server.feed(&["append", "golden-basin/both"], &log_lines(3, 200));
    server.feed(&["append", "golden-basin/journal-only"], &log_lines(4, 100));
    let with_headers = br#"{"headers":[["kind","first"],["empty",""]],"body":"","timestamp":1000}
{"body":"\u0000\n","timestamp":1000}
{"headers":[["kind","last"]],"body":"x","timestamp":2000}
"#;
    server.feed(&["append", "golden-basin/json", "--format", "json"], with_headers);
    let expected = data.path().join("expected");
    std::fs::create_dir(&expected).expect("created");
    std::fs::write(expected.join("golden.ls"), server.ok(&["ls", "golden-basin"])).expect("written");
    for stream in STREAMS {
        std::fs::write(expected.join(stream), records(&server, stream)).expect("written");
        std::fs::write(expected.join(format!("{stream}.tail")), tail(&server, stream)).expect("written");
    }
    server.kill();
    let encoder = zstd::Encoder::new(File::create(&archive).expect("created"), 19).expect("zstd").auto_finish();
    let mut builder = tar::Builder::new(encoder);
    for part in ["data", "expected"] {
        builder.append_dir_all(part, data.path().join(part)).expect("archived");
    }
    builder.finish().expect("archived");
}
