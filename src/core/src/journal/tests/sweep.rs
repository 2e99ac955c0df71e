//! Every byte of a small journal, broken in every way (F10-F14): no wrong byte is ever replayed, and what was durable is
//! never silently dropped.

use super::model::*;
use crate::buffer::ALIGN_BYTES;
use crate::journal::*;

const SECTOR_BYTES: usize = 512;

/// Small enough to try everything, and worth it.
fn journals() -> impl Iterator<Item = Model> {
    (0..).map(|seed| random_journal(seed, 14, 32 << 10)).filter(is_worth_breaking).take(3)
}

/// Smaller still.
fn journal() -> Model {
    (0..).map(|seed| random_journal(seed, 10, 16 << 10)).find(is_worth_breaking).expect("an endless supply")
}

/// Durable blocks that are needed, a tail above the watermark, and more than one lap.
fn is_worth_breaking(model: &Model) -> bool {
    let last = model.written.last().expect("blocks").header;
    let laps = model.written.iter().any(|b| b.before.iter().any(|&byte| byte != 0));
    last.needed_from < last.durable_watermark && last.durable_watermark + 1 < last.number && laps
}

/// The block, as written last, that one place belongs to.
fn owner(model: &Model, file: u32, offset: u64) -> Option<&Written> {
    model.written.iter().rev().find(|block| block.contains(file, offset))
}

/// The outcome of one fault that hit `hit` (or no block at all).
fn check(model: &Model, tampered: &Disk, hit: Option<&Written>, what: &str) {
    let numbers_hit = |b: &&Written| hit.is_some_and(|hit| hit.header.number == b.header.number);
    let others = || model.written.iter().filter(|b| !numbers_hit(b));
    let proven = others().map(|b| b.header.durable_watermark).max().unwrap_or(0);
    let needed_from = others().map(|b| b.header.needed_from).max().unwrap_or(1);
    let number = hit.map_or(0, |b| b.header.number);
    match tampered.recover() {
        Err(damage) => {
            assert!(number >= needed_from, "{what}: nothing that matters was hit, yet {damage}");
            if number <= proven {
                let place = hit.map(Written::place);
                assert_eq!((damage.number, Some((damage.file, damage.offset))), (number, place), "{what}: {damage}");
            }
        }
        Ok((replay, batches)) => {
            assert!(
                !(needed_from..=proven).contains(&number),
                "{what}: block {number} was durable, and is silently gone"
            );
            for (number, batches) in batches {
                assert_eq!(batches, model.block(number).batches, "{what}: wrong bytes in block {number}");
            }
            let dropped_from = if number >= needed_from { number } else { model.last_number() + 1 };
            assert!(replay.last_number + 1 >= dropped_from, "{what}: {} is the last", replay.last_number);
        }
    }
}

/// Whether a fault changed anything of the block that is there.
fn differs(tampered: &Disk, block: &Written) -> bool {
    let (file, offset) = block.place();
    tampered.files[&file][offset as usize..][..block.bytes.len()] != block.bytes
}

#[test]
fn one_flipped_bit_in_every_byte() {
    let model = journal();
    let mut disk = model.disk.clone();
    for (file, page) in pages(&model.disk) {
        for at in page..page + ALIGN_BYTES as u64 {
            let bit = (at + at / 8) % 8;
            disk.at(file, at, 1)[0] ^= 1 << bit;
            check(&model, &disk, owner(&model, file, at), &format!("file {file}, byte {at}, bit {bit}"));
            disk.at(file, at, 1)[0] ^= 1 << bit;
        }
    }
}

#[test]
fn every_bit_of_every_header() {
    let model = journal();
    let mut disk = model.disk.clone();
    for block in &model.written {
        let (file, offset) = block.place();
        for (at, bit) in (offset..offset + HEADER_BYTES as u64).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            disk.at(file, at, 1)[0] ^= 1 << bit;
            check(&model, &disk, owner(&model, file, at), &format!("file {file}, byte {at}, bit {bit}"));
            disk.at(file, at, 1)[0] ^= 1 << bit;
        }
    }
}

#[test]
fn every_sector_zeroed_or_all_ones() {
    for model in journals() {
        for (file, page) in pages(&model.disk) {
            for (sector, filling) in (0..ALIGN_BYTES / SECTOR_BYTES).flat_map(|s| [(s, 0x00), (s, 0xff)]) {
                let at = page + (sector * SECTOR_BYTES) as u64;
                let mut disk = model.disk.clone();
                disk.at(file, at, SECTOR_BYTES).fill(filling);
                let hit = owner(&model, file, at).filter(|block| differs(&disk, block));
                check(&model, &disk, hit, &format!("file {file}, sector at {at} = {filling:#x}"));
            }
        }
    }
}

/// F13: the write of a block that was acknowledged never happened; the previous lap shows through.
#[test]
fn every_block_replaced_by_what_it_overwrote() {
    for model in journals() {
        for block in &model.written {
            let (file, offset) = block.place();
            if owner(&model, file, offset).map(|b| b.header.number) != Some(block.header.number) {
                continue;
            }
            let mut disk = model.disk.clone();
            disk.at(file, offset, block.before.len()).copy_from_slice(&block.before);
            // Its neighbours of a later lap may reach into it; then part of it was gone already.
            if model.written.iter().any(|b| b.header.number > block.header.number && overlap(b, block)) {
                continue;
            }
            check(&model, &disk, Some(block), &format!("block {} undone", block.header.number));
        }
    }
}

fn overlap(a: &Written, b: &Written) -> bool {
    a.contains(b.header.file, b.header.offset) || b.contains(a.header.file, a.header.offset)
}

/// F12: a page of one block, written where another belongs.
#[test]
fn every_page_overwritten_by_the_first_page_of_every_block() {
    for model in journals() {
        for (file, page) in pages(&model.disk) {
            for stray in &model.written {
                let mut disk = model.disk.clone();
                disk.at(file, page, ALIGN_BYTES).copy_from_slice(&stray.bytes[..ALIGN_BYTES]);
                let hit = owner(&model, file, page).filter(|block| differs(&disk, block));
                check(&model, &disk, hit, &format!("file {file}, page {page} = block {}", stray.header.number));
            }
        }
    }
}

/// F11.
#[test]
fn every_page_unreadable() {
    for model in journals() {
        for (file, page) in pages(&model.disk) {
            let mut disk = model.disk.clone();
            disk.unreadable.push((file, page));
            assert_eq!(disk.scan().unreadable().map(|(file, page, _)| (file, page)), Some((file, page)));
            // Nobody can tell what stood there, so to refuse is right wherever it is; to drop what was durable never is.
            if disk.recover().is_ok() {
                check(&model, &disk, owner(&model, file, page), &format!("file {file}, page {page} unreadable"));
            }
        }
    }
}
