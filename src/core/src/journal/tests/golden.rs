//! The bytes of one block, for ever: a later version must read them, and this one must write them.

use super::model::*;
use crate::journal::*;

const BLOCK: &[u8] = include_bytes!("block_v1.bin");

/// Two small batches and a large one between them.
fn golden() -> Model {
    let mut model = Model::new(1 << 20);
    model.small(b"watermark block before it").write().sync();
    model.small(b"first batch").large(&[0x5a; 3000]).small(b"third batch").write();
    model
}

#[test]
fn the_writer_still_writes_version_1() {
    let model = golden();
    let written = &model.block(2).bytes;
    assert_eq!(written.len(), BLOCK.len());
    let differs = written.iter().zip(BLOCK).position(|(a, b)| a != b);
    assert_eq!(differs, None, "the format changed at this byte: raise header::VERSION, keep reading the old one");
}

#[test]
fn version_1_is_read() {
    let header = BlockHeader::decode(BLOCK).expect("version 1");
    verify_payload(&header, BLOCK).expect("version 1");
    let batches = directory(&header, &bytes::Bytes::from_static(BLOCK)).expect("version 1");
    assert_eq!(batches, [b"first batch".to_vec(), vec![0x5a; 3000], b"third batch".to_vec()]);
    assert_eq!((header.store_id, header.journal_id, header.salt), (STORE, JOURNAL, SALT));
    let BlockHeader { epoch, number, durable_watermark, needed_from, wall_ms, offset, file, shard, q, .. } = header;
    assert_eq!((epoch, number, durable_watermark, needed_from, wall_ms), (3, 2, 1, 1, 1_700_000_000_002));
    assert_eq!((offset, file, shard, q), (4096, 1, 0, 3));
    assert_eq!((header.block_bytes, header.directory_offset, header.directory_count), (8192, 288, 3));
    assert_eq!(
        (header.prev_header_crc, header.payload_crc, header.header_crc),
        (1_536_302_977, 3_805_715_824, 208_789_927)
    );
}
