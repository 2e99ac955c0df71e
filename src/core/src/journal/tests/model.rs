//! A writer that keeps the rules of design.md 6, and a disk whose every byte can be tampered with.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::buffer::{ALIGN_BYTES, align_up, aligned};
use crate::journal::*;

pub const STORE: [u8; 16] = *b"store of a test.";
pub const JOURNAL: [u8; 16] = *b"journal of test.";
pub const EPOCH: u64 = 3;
pub const KEY: JournalKey = JournalKey { epoch: EPOCH, journal_id: JOURNAL };
pub const SALT: u64 = 0x5a17_5a17_dead_beef;
pub const Q: u32 = 3;

/// Journal files as bytes. Pages listed in `unreadable` give EIO.
#[derive(Clone, Default)]
pub struct Disk {
    pub files: BTreeMap<u32, Vec<u8>>,
    pub unreadable: Vec<(u32, u64)>,
}

impl Disk {
    pub fn read(&self, file: u32, offset: u64, bytes: usize) -> Result<Bytes, ReadError> {
        let range = offset..offset + bytes as u64;
        if self.unreadable.iter().any(|(f, page)| *f == file && range.contains(page)) {
            return Err(ReadError("Input/output error (os error 5)".to_owned()));
        }
        Ok(Bytes::copy_from_slice(&self.files[&file][offset as usize..][..bytes]))
    }

    pub fn read_block(&self, header: &BlockHeader) -> Result<Bytes, ReadError> {
        self.read(header.file, header.offset, header.block_bytes as usize)
    }

    pub fn scan(&self) -> Journals {
        let mut journals = Journals::default();
        for (&file, bytes) in &self.files {
            journals.add(scan_file(&STORE, file, bytes.len() as u64, &mut |offset, n| self.read(file, offset, n)));
        }
        journals
    }

    pub fn decide(&self) -> Result<Replay, Damage> {
        self.decide_expecting(Expectation::default())
    }

    pub fn decide_expecting(&self, expected: Expectation) -> Result<Replay, Damage> {
        self.scan().decide(KEY, expected, &mut |header| self.read_block(header))
    }

    /// Decides, then reads everything for use, as recovery does: the batches by block number.
    pub fn recover(&self) -> Result<(Replay, BTreeMap<u64, Vec<Bytes>>), Damage> {
        let replay = self.decide()?;
        let mut batches = BTreeMap::new();
        for header in &replay.blocks {
            let block = self.read_block(header).map_err(|e| replay.damage_in(header, e))?;
            verify_payload(header, &block).map_err(|e| replay.damage_in(header, e))?;
            batches.insert(header.number, directory(header, &block).map_err(|e| replay.damage_in(header, e))?);
        }
        Ok((replay, batches))
    }

    /// What lies at this place now.
    pub fn at(&mut self, file: u32, offset: u64, bytes: usize) -> &mut [u8] {
        &mut self.files.get_mut(&file).expect("a file of the model")[offset as usize..][..bytes]
    }
}

/// One block as it was written.
#[derive(Clone)]
pub struct Written {
    pub header: BlockHeader,
    pub batches: Vec<Bytes>,
    /// The whole block, and what its write overwrote.
    pub bytes: Vec<u8>,
    pub before: Vec<u8>,
}

impl Written {
    pub fn place(&self) -> (u32, u64) {
        (self.header.file, self.header.offset)
    }

    pub fn contains(&self, file: u32, offset: u64) -> bool {
        let start = self.header.offset;
        self.header.file == file && (start..start + u64::from(self.header.block_bytes)).contains(&offset)
    }
}

/// The writer: blocks into files, files recycled by the rule.
pub struct Model {
    pub disk: Disk,
    pub written: Vec<Written>,
    /// All blocks up to here are durable, and the writer knows it.
    pub watermark: u64,
    pub needed_from: u64,
    pub file_bytes: usize,
    open: OpenBlock,
    file: u32,
    offset: u64,
}

impl Model {
    pub fn new(file_bytes: usize) -> Self {
        let mut disk = Disk::default();
        disk.files.insert(1, vec![0; file_bytes]);
        let open = OpenBlock::new(file_bytes);
        Self { disk, written: Vec::new(), watermark: 0, needed_from: 1, file_bytes, open, file: 1, offset: 0 }
    }

    pub fn last_number(&self) -> u64 {
        self.written.len() as u64
    }

    pub fn block(&self, number: u64) -> &Written {
        &self.written[number as usize - 1]
    }

    pub fn small(&mut self, batch: &[u8]) -> &mut Self {
        self.open.append_inline(batch);
        self
    }

    pub fn large(&mut self, batch: &[u8]) -> &mut Self {
        let (frame, range) = frame_around(batch);
        let payload_bytes = batch.len() / 2;
        let payload_crc = crc32c::crc32c(&batch[batch.len() - payload_bytes..]);
        self.open.push_extent(frame, range, payload_crc, payload_bytes as u32);
        self
    }

    /// Everything written so far is durable.
    pub fn sync(&mut self) -> &mut Self {
        self.watermark = self.last_number();
        self
    }

    /// Closes the open block and writes it. The window of q blocks is the caller's duty, as it is the shard's.
    pub fn write(&mut self) -> &mut Self {
        let block_bytes = self.open.block_bytes_if_closed();
        if self.offset as usize + block_bytes > self.file_bytes {
            self.file = self.next_file();
            self.offset = 0;
        }
        let number = self.last_number() + 1;
        let prev_header_crc = self.written.last().map_or(0, |block| block.header.header_crc);
        let closed = self.open.close(BlockMeta {
            store_id: STORE,
            journal_id: JOURNAL,
            salt: SALT,
            epoch: EPOCH,
            shard: 0,
            q: Q,
            number,
            file: self.file,
            offset: self.offset,
            durable_watermark: self.watermark,
            needed_from: self.needed_from,
            prev_header_crc,
            wall_ms: 1_700_000_000_000 + number,
        });
        assert_eq!(closed.block_bytes as usize, block_bytes, "the size was promised before the block was placed");
        let bytes = closed.buffers.concat();
        assert_eq!(bytes.len(), block_bytes);
        let header = BlockHeader::decode(&bytes).expect("a block that was just written");
        assert_eq!(header.header_crc, closed.header_crc);
        let place = self.disk.at(self.file, self.offset, block_bytes);
        let before = place.to_vec();
        place.copy_from_slice(&bytes);
        self.written.push(Written { header, batches: closed.batches, bytes, before });
        self.offset += block_bytes as u64;
        self
    }

    /// A file is filled again once a durable block in another file says that nothing in it is needed; otherwise a new one.
    fn next_file(&mut self) -> u32 {
        let free = self.disk.files.keys().copied().find(|&file| self.may_recycle(file));
        free.unwrap_or_else(|| {
            let file = self.disk.files.len() as u32 + 1;
            self.disk.files.insert(file, vec![0; self.file_bytes]);
            file
        })
    }

    fn may_recycle(&self, file: u32) -> bool {
        let last_in_it =
            self.written.iter().filter(|b| b.header.file == file).map(|b| b.header.number).max().unwrap_or(0);
        let durable_elsewhere =
            self.written.iter().filter(|b| b.header.file != file && b.header.number <= self.watermark);
        file != self.file && durable_elsewhere.map(|b| b.header.needed_from).max().unwrap_or(0) > last_in_it
    }
}

/// A random journal that ran through its files several times: `blocks` of them, some with large batches, some empty, the
/// watermark anywhere in the window of q, chunks published now and then.
pub fn random_journal(seed: u64, blocks: usize, file_bytes: usize) -> Model {
    let mut random = StdRng::seed_from_u64(seed);
    let mut model = Model::new(file_bytes);
    for _ in 0..blocks {
        let oldest_possible = (model.last_number() + 1).saturating_sub(u64::from(Q));
        model.watermark = random.random_range(model.watermark.max(oldest_possible)..=model.last_number());
        if random.random_bool(0.4) {
            model.needed_from = random.random_range(model.needed_from..=model.watermark + 1);
        }
        for _ in 0..random.random_range(0..4) {
            let length = random.random_range(1..700);
            model.small(&random_batch(&mut random, length));
        }
        if random.random_bool(0.3) {
            let length = random.random_range(1..9000);
            model.large(&random_batch(&mut random, length));
        }
        model.write();
    }
    model
}

pub fn random_batch(random: &mut StdRng, length: usize) -> Vec<u8> {
    (0..length).map(|_| random.random()).collect()
}

/// A received frame: 16 bytes before the batch, 5 behind it.
pub fn frame_around(batch: &[u8]) -> (BytesMut, std::ops::Range<usize>) {
    let mut frame = aligned(align_up(16 + batch.len() + 5));
    frame.extend_from_slice(&[0xf0; 16]);
    frame.extend_from_slice(batch);
    frame.extend_from_slice(&[0xf1; 5]);
    (frame, 16..16 + batch.len())
}

/// The pages of a disk, as (file, offset).
pub fn pages(disk: &Disk) -> impl Iterator<Item = (u32, u64)> {
    disk.files.iter().flat_map(|(&file, bytes)| (0..bytes.len() as u64).step_by(ALIGN_BYTES).map(move |o| (file, o)))
}
