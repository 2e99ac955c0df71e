//! Damage is named, by file, offset and reason; and what belongs to others is left alone.

use super::model::*;
use crate::buffer::ALIGN_BYTES;
use crate::journal::*;

/// Five blocks, each of two pages, one after the other; the last carries the watermark 4.
fn five_blocks() -> Model {
    let mut model = Model::new(1 << 20);
    for number in 1..=5 {
        model.small(&[number; 5000]).write().sync();
    }
    model
}

fn message(model: &Model) -> String {
    model.disk.recover().expect_err("damage").to_string()
}

#[test]
fn a_missing_header_is_named() {
    let mut model = five_blocks();
    model.disk.at(1, 16384, ALIGN_BYTES).fill(0);
    insta::assert_snapshot!(message(&model), @"journal file 00000001.journal, offset 16384: block 3 of epoch 3 is missing; block 5 proves that it was durable once");
}

#[test]
fn a_damaged_header_is_named() {
    let mut model = five_blocks();
    model.disk.at(1, 16384 + 70, 1)[0] ^= 4;
    insta::assert_snapshot!(message(&model), @"journal file 00000001.journal, offset 16384: block 3 of epoch 3 is missing: a block header whose checksum does not match; block 5 proves that it was durable once");
}

#[test]
fn a_damaged_payload_is_named() {
    let mut model = five_blocks();
    model.disk.at(1, 16384 + 1000, 1)[0] ^= 4;
    insta::assert_snapshot!(message(&model), @"journal file 00000001.journal, offset 16384: block 3 of epoch 3 is damaged: the payload's checksum does not match; block 5 proves that it was durable once");
}

/// F11.
#[test]
fn an_unreadable_sector_is_named_whether_it_holds_header_or_payload() {
    let mut model = five_blocks();
    model.disk.unreadable.push((1, 16384));
    insta::assert_snapshot!(message(&model), @"journal file 00000001.journal, offset 16384: block 3 of epoch 3 is missing: cannot be read: Input/output error (os error 5); block 5 proves that it was durable once");
    model.disk.unreadable = vec![(1, 16384 + 4096)];
    insta::assert_snapshot!(message(&model), @"journal file 00000001.journal, offset 16384: block 3 of epoch 3 cannot be read: Input/output error (os error 5); block 5 proves that it was durable once");
}

/// F12.
#[test]
fn a_misdirected_write_is_named_and_the_block_it_hit() {
    let mut model = five_blocks();
    let stray = model.block(1).bytes.clone();
    model.disk.at(1, 16384, stray.len()).copy_from_slice(&stray);
    insta::assert_snapshot!(message(&model), @"journal file 00000001.journal, offset 16384: block 3 of epoch 3 is missing: block 1 of file 1, offset 0 stands here: a misdirected write, or a file that was copied or renamed; block 5 proves that it was durable once");
}

#[test]
fn a_block_of_another_history_breaks_the_chain() {
    let mut model = five_blocks();
    let mut header = model.block(3).header;
    header.wall_ms += 1;
    let page = model.disk.at(1, 16384, HEADER_BYTES).try_into().expect("a header's length");
    header.encode(page);
    insta::assert_snapshot!(message(&model), @"journal file 00000001.journal, offset 24576: block 4 of epoch 3 does not continue the block before it");
    // Its own predecessor is still the one it names.
    header.number = 2;
    header.durable_watermark = 1;
    header.encode(model.disk.at(1, 16384, HEADER_BYTES).try_into().expect("a header's length"));
    assert!(message(&model).contains("exists twice"));
}

#[test]
fn blocks_below_the_oldest_needed_may_be_anything() {
    let mut model = five_blocks();
    model.needed_from = 4;
    model.small(b"the sixth says so").write();
    model.disk.at(1, 0, 3 * 8192).fill(0xff);
    let (replay, _) = model.disk.recover().expect("1 to 3 are published");
    assert_eq!(replay.blocks.iter().map(|b| b.number).collect::<Vec<_>>(), [4, 5, 6]);
}

/// Republishing runs after serving began; the start after a crash within it holds to what the first one decided.
#[test]
fn what_an_earlier_start_replayed_must_still_be_there_and_no_more() {
    let mut model = five_blocks();
    let expected = |last| Expectation { needed_from: 2, last_number: Some(last) };
    let numbers = |replay: Replay| replay.blocks.iter().map(|b| b.number).collect::<Vec<_>>();
    assert_eq!(model.disk.decide_expecting(expected(4)).map(numbers), Ok(vec![2, 3, 4]));
    assert_eq!(model.disk.decide_expecting(expected(1)).map(numbers), Ok(vec![]));
    let beyond = model.disk.decide_expecting(expected(6)).expect_err("there is no block 6");
    insta::assert_snapshot!(beyond, @"journal file 00000001.journal, offset 40960: block 6 of epoch 3 is missing; an earlier start found it durable");
    model.disk.at(1, 4 * 8192, 1)[0] ^= 1;
    assert!(model.disk.decide_expecting(expected(4)).is_ok(), "5 was dropped then and does not matter now");
    assert!(model.disk.decide_expecting(expected(5)).is_err(), "5 was replayed then");
}

#[test]
fn a_lost_journal_is_no_empty_journal_if_the_catalog_knows_better() {
    let empty = Model::new(8192).disk;
    let known = Expectation { needed_from: 1, last_number: Some(7) };
    assert_eq!(empty.decide_expecting(known).map_err(|damage| damage.number), Err(1));
}

/// F22, F12: what is not ours is told apart from what is broken.
#[test]
fn others_and_newer_blocks_are_reported_and_never_replayed() {
    let mut model = five_blocks();
    let mut foreign = model.block(5).header;
    foreign.store_id = [9; 16];
    foreign.encode(model.disk.at(1, 65536, HEADER_BYTES).try_into().expect("a header's length"));
    model_newer_version(model.disk.at(1, 69632, HEADER_BYTES), STORE, JOURNAL);
    model_newer_version(model.disk.at(1, 73728, HEADER_BYTES), [9; 16], JOURNAL);
    let journals = model.disk.scan();
    assert_eq!(journals.keys().collect::<Vec<_>>(), [KEY]);
    assert_eq!(journals.newer_version(|id| *id == JOURNAL), Some((1, 69632, 2)));
    let findings: Vec<String> =
        journals.findings().map(|((_, offset), oddity)| format!("{offset}: {oddity}")).collect();
    insta::assert_snapshot!(findings.join("\n"), @"
    65536: a block of another store stands here
    69632: a block of format version 2, written by a newer Riverrun; this one reads up to version 1
    73728: a block of another store stands here
    ");
}

/// A client's large batch lies in its block page for page. Whatever it makes look like a block of another version, with a salt
/// and thus a sum of its own choosing, it does not know the journal's id.
#[test]
fn f22_a_forged_version_does_not_speak_for_a_journal() {
    let mut model = Model::new(1 << 20);
    for version in [0u16, 2, u16::MAX] {
        let mut batch = vec![0; 3 * ALIGN_BYTES];
        // Where the batch lies in its frame, and so in the file.
        let page = &mut batch[ALIGN_BYTES - 16..][..HEADER_BYTES];
        model_newer_version(page, STORE, [7; 16]);
        page[8..10].copy_from_slice(&version.to_le_bytes());
        let sum = crc32c::crc32c_append(checksum::seed(SALT), &page[..124]);
        page[124..128].copy_from_slice(&sum.to_le_bytes());
        model.large(&batch).write().sync();
    }
    model.small(b"the last").write();
    let journals = model.disk.scan();
    assert_eq!(journals.findings().count(), 3, "each is seen, and said");
    assert_eq!(journals.newer_version(|id| *id == JOURNAL), None);
    assert_eq!(model.disk.recover().expect("not damaged").0.last_number, 4);
}

/// F11: nobody can tell what stood there, and above the watermark a loss would pass for a torn tail.
#[test]
fn an_unreadable_page_is_never_a_torn_tail() {
    let mut model = five_blocks();
    let first_of_last = 4 * 8192;
    for page in [first_of_last, first_of_last + 4096, 200 * 4096] {
        model.disk.unreadable = vec![(1, page)];
        let journals = model.disk.scan();
        assert_eq!(journals.unreadable().map(|(file, offset, _)| (file, offset)), Some((1, page)));
    }
    for page in [first_of_last, first_of_last + 4096] {
        model.disk.unreadable = vec![(1, page)];
        assert!(message(&model).contains("offset 32768: block 5 of epoch 3"), "{}", message(&model));
    }
}

/// A page that the disk gives back when it is asked once more was never lost.
#[test]
fn a_page_is_asked_for_more_than_once() {
    let model = five_blocks();
    let mut failures = 2;
    let mut read = |offset: u64, bytes: usize| {
        if offset <= 8192 && offset + bytes as u64 > 8192 && failures > 0 {
            failures -= 1;
            return Err(ReadError("Input/output error (os error 5)".to_owned()));
        }
        model.disk.read(1, offset, bytes)
    };
    let scan = scan_file(&STORE, 1, 1 << 20, &mut read);
    assert_eq!((scan.blocks.len(), scan.findings), (5, vec![]));
}

/// A version-2 header keeps magic, version, length, salt, the ids and the place of the sum; the rest may differ.
fn model_newer_version(out: &mut [u8], store_id: [u8; 16], journal_id: [u8; 16]) {
    out.fill(0xab);
    out[..8].copy_from_slice(b"RvrnJrnl");
    out[8..10].copy_from_slice(&2u16.to_le_bytes());
    out[10..12].copy_from_slice(&128u16.to_le_bytes());
    out[16..24].copy_from_slice(&SALT.to_le_bytes());
    out[24..40].copy_from_slice(&store_id);
    out[40..56].copy_from_slice(&journal_id);
    let sum = crc32c::crc32c_append(checksum::seed(SALT), &out[..124]);
    out[124..128].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn a_block_cut_off_by_the_end_of_the_file_is_reported() {
    let mut model = five_blocks();
    let file = model.disk.files.get_mut(&1).expect("the file");
    file.truncate(4 * 8192 + 4096);
    let oddities: Vec<Oddity> = model.disk.scan().findings().map(|(_, oddity)| oddity.clone()).collect();
    assert_eq!(oddities, [Oddity::BeyondEnd { number: 5 }]);
}

/// F14.
#[test]
fn zeros_and_ones_are_no_headers() {
    for filling in [0x00, 0xff] {
        assert_eq!(BlockHeader::decode(&[filling; ALIGN_BYTES]), Err(HeaderError::NoMagic));
    }
}

/// F14: a sum over nothing is not zero, or a zeroed page with a magic would pass.
#[test]
fn an_all_zero_header_with_the_magic_does_not_pass() {
    let mut page = [0; ALIGN_BYTES];
    page[..8].copy_from_slice(b"RvrnJrnl");
    assert_eq!(BlockHeader::decode(&page), Err(HeaderError::BadChecksum));
    page[8] = 1;
    page[11] = 1;
    assert_eq!(BlockHeader::decode(&page), Err(HeaderError::BadChecksum));
}

#[test]
fn a_right_sum_over_nonsense_is_refused() {
    let model = five_blocks();
    let base = model.block(3).header;
    let refused = |change: &dyn Fn(&mut BlockHeader)| {
        let mut header = base;
        change(&mut header);
        let mut page = [0; HEADER_BYTES];
        header.encode(&mut page);
        matches!(BlockHeader::decode(&page), Err(HeaderError::Impossible(_)))
    };
    assert!(!refused(&|_| {}));
    assert!(refused(&|h| h.durable_watermark = h.number));
    assert!(refused(&|h| h.needed_from = h.number + 1));
    assert!(refused(&|h| h.needed_from = 0));
    assert!(refused(&|h| h.q = 0));
    assert!(refused(&|h| h.number = 0));
    assert!(refused(&|h| (h.number, h.durable_watermark) = (u64::MAX, u64::MAX - 1)));
    assert!(refused(&|h| h.block_bytes = 100));
    assert!(refused(&|h| h.offset = 1));
    assert!(refused(&|h| h.directory_count = u32::MAX));
    assert!(refused(&|h| h.directory_offset = 8));
}

#[test]
fn directory_entries_are_bounded() {
    let model = five_blocks();
    let (header, good) = (model.block(3).header, model.block(3).bytes.clone());
    let entry = header.directory_offset as usize;
    let with = |at: usize, value: u8| {
        let mut block = good.clone();
        block[entry + at] = value;
        directory(&header, &block.into())
    };
    assert!(directory(&header, &good.clone().into()).is_ok());
    for (at, value) in [(3, 0xff), (7, 0xff), (8, 2), (12, 1), (20, 1), (31, 1), (1, 0)] {
        assert!(matches!(with(at, value), Err(BlockError::Entry { entry: 0, .. })), "byte {at} = {value}");
    }
    assert!(matches!(directory(&header, &good[4096..].to_vec().into()), Err(BlockError::Length { .. })));
}
