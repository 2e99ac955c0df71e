//! F10, F14, F18, F22: no byte of a chunk can change unnoticed, and what happened is told apart.

use super::*;
use crate::stored::StoredError;

fn samples() -> [Bytes; 2] {
    [small_chunk().to_bytes(), raw_chunk().to_bytes()]
}

/// Every byte of a compressed and of a raw chunk: each bit flipped, zeroed, all ones.
#[test]
fn every_changed_byte_is_detected() {
    for object in samples() {
        for (at, original) in object.iter().copied().enumerate() {
            let flips = (0..8).map(|bit| original ^ (1 << bit));
            for changed in flips.chain([0, 0xff]).filter(|changed| *changed != original) {
                let mut damaged = object.to_vec();
                damaged[at] = changed;
                assert!(identify(&damaged.into()).is_err(), "byte {at}, {original:#x} to {changed:#x}, unnoticed");
            }
        }
    }
}

/// F18: whatever is missing at the end is "cut short", with both lengths, and not taken for bit rot.
#[test]
fn every_truncation_is_told_from_damage() {
    for object in samples() {
        for length in 0..object.len() {
            let error = identify(&object.slice(..length)).unwrap_err();
            let expected = if length < HEADER_BYTES { HEADER_BYTES } else { object.len() };
            let (bytes, expected) = (length as u64, expected as u64);
            assert_eq!(error, StoredError::Truncated { what: "chunk", bytes, expected });
        }
    }
}

#[test]
fn bytes_behind_the_end_are_damage() {
    let mut longer = small_chunk().to_bytes().to_vec();
    longer.push(0);
    assert!(matches!(identify(&longer.into()), Err(StoredError::Damaged { .. })));
}

/// F14.
#[test]
fn zeros_and_garbage_are_no_chunk() {
    for length in [0, 1, HEADER_BYTES - 1, HEADER_BYTES, 4096] {
        assert!(identify(&vec![0; length].into()).is_err());
        assert!(identify(&noise(length as u64, length).into()).is_err());
        assert!(decode_tail(&vec![0; length], length as u64).is_err());
    }
}

/// Zeroed and garbage-filled ranges, as a lost write leaves them.
#[test]
fn a_lost_range_is_detected() {
    let object = raw_chunk().to_bytes();
    for start in (0..object.len() - 512).step_by(128) {
        for fill in [vec![0; 512], noise(start as u64, 512)] {
            let mut damaged = object.to_vec();
            damaged[start..start + 512].copy_from_slice(&fill);
            assert!(identify(&damaged.into()).is_err(), "range at {start}");
        }
    }
}

fn resealed(mut object: Vec<u8>, crc_at: usize, summed: std::ops::Range<usize>) -> Vec<u8> {
    let crc = crc32c::crc32c(&object[summed]);
    object[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
    object
}

/// F22: a sound header or trailer of a newer version is refused by that version's name, not as damage.
#[test]
fn a_newer_version_is_refused_by_name() {
    let newer = StoredError::Newer { what: "chunk", found: 2, supported: 1 };
    let object = small_chunk().to_bytes();
    let (end, trailer_at) = (object.len(), object.len() - TRAILER_BYTES);

    let mut header = object.to_vec();
    header[8] = 2;
    let header = resealed(header, HEADER_BYTES - 4, 0..HEADER_BYTES - 4);
    assert_eq!(identify(&header.into()), Err(newer.clone()));

    let mut trailer = object.to_vec();
    trailer[trailer_at + 24] = 2;
    let trailer = resealed(trailer, trailer_at + 28, trailer_at..trailer_at + 28);
    assert_eq!(Trailer::decode(&trailer[trailer_at..], end as u64), Err(newer.clone()));
    assert_eq!(
        newer.to_string(),
        "chunk has format version 2, and this build reads versions up to 1; use a newer riverrun"
    );
}

/// What a later version puts there must not be passed over by this one.
#[test]
fn reserved_fields_of_the_header_are_zero() {
    for at in [12, 15, 43, 47, 104, 107] {
        let mut header = small_chunk().footer.header.encode().to_vec();
        header[at] = 1;
        let header = resealed(header, HEADER_BYTES - 4, 0..HEADER_BYTES - 4);
        let error = ObjectHeader::decode(&header).unwrap_err().to_string();
        assert!(error.contains("reserved bytes are not zero"), "byte {at}: {error}");
    }
}

/// F12: two sound halves of different objects are no object.
#[test]
fn the_pages_of_one_chunk_and_the_end_of_another_are_no_chunk() {
    let streams = vec![stream(stream_id(1), 0, &[vec![noise(1, 5000)]])];
    let mine = encoded(&input(streams)).to_bytes();
    let other_streams = vec![stream(stream_id(1), 0, &[vec![noise(2, 5000)]])];
    let other_id = Identity { put_id: [9; 16], ..IDENTITY };
    let other = encode(&input(other_streams), other_id, &mut Compressor::new().unwrap()).unwrap().to_bytes();
    assert_eq!(mine.len(), other.len());
    for cut in [HEADER_BYTES, 3000, mine.len() - TRAILER_BYTES] {
        let mixed = [&mine[..cut], &other[cut..]].concat();
        assert!(identify(&mixed.into()).is_err(), "cut at {cut}");
    }
}

/// F12.
#[test]
fn an_object_of_another_place_is_refused() {
    let header = small_chunk().footer.header;
    assert_eq!(header.check_place(&STORE, ID), Ok(()));
    let elsewhere = header.check_place(&STORE, ID.sequence().chunk(8)).unwrap_err();
    assert_eq!(
        elsewhere.to_string(),
        "chunk is not where it belongs: expected chunks/0000000000000002/0001-e/0000000000000008, \
         found chunks/0000000000000002/0001-e/0000000000000007"
    );
    assert!(matches!(header.check_place(&[0; 16], ID), Err(StoredError::Misplaced { .. })));
}

/// F37: a range read that came back short or wrong.
#[test]
fn a_wrong_page_or_footer_is_not_believed() {
    let chunk = small_chunk();
    let object = chunk.to_bytes();
    let mut zstd = Decompressor::new().unwrap();
    let page = chunk.footer.pages[0];
    let stored = object.slice(page.range().start as usize..page.range().end as usize);
    assert!(decode_page(&page, &stored, &mut zstd).is_ok());
    assert!(decode_page(&page, &stored.slice(1..), &mut zstd).is_err());
    let shifted = object.slice(page.range().start as usize + 1..page.range().end as usize + 1);
    assert!(decode_page(&page, &shifted, &mut zstd).is_err());
    let at = chunk.trailer.footer.offset as usize;
    let footer = &object[at..at + chunk.trailer.footer.bytes as usize];
    assert!(Footer::decode(footer, &chunk.trailer.footer).is_ok());
    assert!(Footer::decode(&footer[..footer.len() - 1], &chunk.trailer.footer).is_err());
    assert!(
        Footer::decode(footer, &FooterRange { crc: chunk.trailer.footer.crc ^ 1, ..chunk.trailer.footer }).is_err()
    );
}

#[test]
fn garbage_behind_right_checksums_never_panics() {
    let object = small_chunk();
    let range = object.trailer.footer;
    let bytes = object.to_bytes();
    let footer = &bytes[range.offset as usize..range.offset as usize + range.bytes as usize];
    for at in HEADER_BYTES..footer.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = footer.to_vec();
            changed[at] = value;
            let range = FooterRange { crc: crc32c::crc32c(&changed), ..range };
            let _ = Footer::decode(&changed, &range);
        }
    }
}
