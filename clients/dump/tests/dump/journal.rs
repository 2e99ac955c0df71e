//! `dump journal`: every block, and the verdict that recovery would come to.

use std::path::{Path, PathBuf};

use riverrun_core::journal::{BlockMeta, OpenBlock};
use riverrun_dump::args::{JournalArgs, Output};
use riverrun_dump::error::Error;
use riverrun_dump::journal;
use tempfile::TempDir;

use crate::samples::{crc32c, stamped_batch};

const FILE_BYTES: usize = 64 << 10;
const BLOCK_BYTES: usize = 4096;
const SALT: u64 = 0x5a17;

/// A writer that knows each block durable when it closes the next one but one.
struct Writer {
    open: OpenBlock,
    bytes: Vec<u8>,
    number: u64,
    offset: u64,
    prev_header_crc: u32,
}

impl Writer {
    fn new() -> Writer {
        let open = OpenBlock::new(1 << 20);
        Writer { open, bytes: vec![0; FILE_BYTES], number: 0, offset: 0, prev_header_crc: 0 }
    }

    /// One block per count, with so many batches of three records each.
    fn blocks(mut self, counts: &[u64]) -> Writer {
        counts.iter().for_each(|count| self.block(*count));
        self
    }

    fn block(&mut self, batches: u64) {
        self.number += 1;
        for batch in 0..batches {
            let first_seq_num = self.number * 100 + batch * 3;
            self.open.append_inline(stamped_batch(first_seq_num).bytes());
        }
        let closed = self.open.close(self.meta());
        for buffer in &closed.buffers {
            let at = self.offset as usize;
            self.bytes[at..at + buffer.len()].copy_from_slice(buffer);
            self.offset += buffer.len() as u64;
        }
        self.prev_header_crc = closed.header_crc;
    }

    fn meta(&self) -> BlockMeta {
        BlockMeta {
            store_id: [0x51; 16],
            journal_id: [0x54; 16],
            salt: SALT,
            epoch: 3,
            shard: 1,
            q: 4,
            number: self.number,
            file: 1,
            offset: self.offset,
            durable_watermark: self.number.saturating_sub(2),
            needed_from: 1,
            prev_header_crc: self.prev_header_crc,
            wall_ms: 1_700_000_000_000,
        }
    }
}

struct Dumped {
    result: Result<(), Error>,
    text: String,
    _directory: TempDir,
}

fn dump_as(bytes: &[u8], batches: bool, output: Output) -> Dumped {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("00000001.journal"), bytes).unwrap();
    let (result, text) = dump_paths(vec![directory.path().to_owned()], batches, output);
    let text = text.replace(&directory.path().display().to_string(), "DIR");
    Dumped { result, text, _directory: directory }
}

fn dump(bytes: &[u8]) -> Dumped {
    dump_as(bytes, false, Output::Line)
}

fn dump_paths(files: Vec<PathBuf>, batches: bool, output: Output) -> (Result<(), Error>, String) {
    let mut out = Vec::new();
    let result = journal::run(&JournalArgs { files, batches, output }, &mut out);
    (result, String::from_utf8(out).unwrap())
}

#[test]
fn blocks_and_verdict() {
    let dumped = dump(&Writer::new().blocks(&[1, 2, 0, 1]).bytes);
    dumped.result.unwrap();
    insta::assert_snapshot!(dumped.text, @"
        file name=DIR/00000001.journal file=1 bytes=65536 store_id=51515151515151515151515151515151 blocks=4
        block offset=0 number=1 epoch=3 shard=1 journal_id=54545454545454545454545454545454 bytes=4096 batches=1 durable_watermark=0 needed_from=1 wall_ms=1700000000000 use=needed records=3
        block offset=4096 number=2 epoch=3 shard=1 journal_id=54545454545454545454545454545454 bytes=4096 batches=2 durable_watermark=0 needed_from=1 wall_ms=1700000000000 use=needed records=6
        block offset=8192 number=3 epoch=3 shard=1 journal_id=54545454545454545454545454545454 bytes=4096 batches=0 durable_watermark=1 needed_from=1 wall_ms=1700000000000 use=needed records=0
        block offset=12288 number=4 epoch=3 shard=1 journal_id=54545454545454545454545454545454 bytes=4096 batches=1 durable_watermark=2 needed_from=1 wall_ms=1700000000000 use=needed records=3
        journal epoch=3 journal_id=54545454545454545454545454545454 needed_from=1 last_number=4 durable_watermark=2 blocks_to_replay=4 verdict=whole
        ");
}

#[test]
fn the_batches_of_a_block() {
    let dumped = dump_as(&Writer::new().blocks(&[2]).bytes, true, Output::Line);
    dumped.result.unwrap();
    let batches: Vec<&str> = dumped.text.lines().filter(|line| line.starts_with("  batch")).collect();
    insta::assert_snapshot!(batches.join("\n"), @"
        batch stream_id=101112131415161718191a1b1c1d1e1f seq=100..103 records=3 payload_bytes=30 metered_bytes=54 arrival_ms=1700000000005 expires_at_ms=1700000000006
        batch stream_id=101112131415161718191a1b1c1d1e1f seq=103..106 records=3 payload_bytes=30 metered_bytes=54 arrival_ms=1700000000005 expires_at_ms=1700000000006
        ");
}

#[test]
fn json_lines_say_the_same() {
    let dumped = dump_as(&Writer::new().blocks(&[1, 1]).bytes, true, Output::Jsonl);
    let parts: Vec<serde_json::Value> = dumped.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = parts.iter().map(|part| part["part"].as_str().unwrap()).collect();
    assert_eq!(names, ["file", "block", "batch", "block", "batch", "journal"]);
}

/// D6: below a watermark it is damage, whatever else is intact; the verdict names file and offset.
#[test]
fn a_flipped_byte_below_the_watermark_is_damage() {
    let mut bytes = Writer::new().blocks(&[1, 1, 1, 1]).bytes;
    bytes[BLOCK_BYTES + 300] ^= 1;
    let dumped = dump(&bytes);
    assert!(matches!(dumped.result, Err(Error::Damaged { .. })), "{:?}", dumped.result);
    let damaged: Vec<&str> = dumped.text.lines().filter(|line| line.contains("DAMAGED")).collect();
    insta::assert_snapshot!(damaged.join("\n"), @"block offset=4096 number=2 epoch=3 shard=1 journal_id=54545454545454545454545454545454 bytes=4096 batches=1 durable_watermark=0 needed_from=1 wall_ms=1700000000000 use=needed DAMAGED: the payload's checksum does not match");
}

#[test]
fn a_lost_header_below_the_watermark_is_damage() {
    let mut bytes = Writer::new().blocks(&[1, 1, 1, 1]).bytes;
    bytes[BLOCK_BYTES + 60] ^= 1;
    let dumped = dump(&bytes);
    let odd_or_damaged: Vec<&str> =
        dumped.text.lines().filter(|line| line.contains("DAMAGED") || line.starts_with("odd")).collect();
    insta::assert_snapshot!(odd_or_damaged.join("\n"), @r#"
        odd offset=4096 why="a block header whose checksum does not match"
        journal epoch=3 journal_id=54545454545454545454545454545454 DAMAGED: journal file 00000001.journal, offset 4096: block 2 of epoch 3 is missing: a block header whose checksum does not match; block 4 proves that it was durable once
        "#);
    assert!(matches!(dumped.result, Err(Error::Damaged { .. })));
}

/// Above the watermark nobody was promised anything: a torn tail is told, and is no failure.
#[test]
fn a_torn_tail_is_no_damage() {
    let mut bytes = Writer::new().blocks(&[1, 1, 1, 1]).bytes;
    bytes[3 * BLOCK_BYTES + 300] ^= 1;
    let dumped = dump(&bytes);
    dumped.result.unwrap();
    let verdict = dumped.text.lines().last().unwrap();
    insta::assert_snapshot!(verdict, @r#"journal epoch=3 journal_id=54545454545454545454545454545454 needed_from=1 last_number=3 durable_watermark=2 blocks_to_replay=3 verdict="torn tail, dropped" torn_from=4 torn_why="is damaged: the payload's checksum does not match""#);
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let mut bytes = Writer::new().blocks(&[1]).bytes;
    bytes[8] = 2;
    // Sums begin with the salt (`core::journal::checksum`).
    let crc = crc32c(&[&SALT.to_le_bytes(), &bytes[..252]].concat());
    bytes[252..256].copy_from_slice(&crc.to_le_bytes());
    let error = dump(&bytes).result.unwrap_err();
    assert!(matches!(&error, Error::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("format version 2"), "{error}");
}

#[test]
fn files_that_hold_no_journal_are_refused() {
    let error = dump(&vec![0; FILE_BYTES]).result.unwrap_err().to_string();
    assert!(error.contains("no journal block is in it"), "{error}");
    let error = dump_paths(vec![Path::new("/nonexistent/1.journal").to_owned()], false, Output::Line).0.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/1.journal"), "{error}");
}
