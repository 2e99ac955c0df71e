//! Fences (design.md 6), and knowing one's own object again (F34).

use super::*;
use crate::stored::StoredError;

fn fence() -> Bytes {
    encode_fence(ID, 3, IDENTITY)
}

#[test]
fn a_fence_says_who_put_it_and_where() {
    let Object::Fence(header) = identify(&fence()).unwrap() else { panic!("not a fence") };
    assert_eq!((header.id, header.writer_epoch, header.identity), (ID, 3, IDENTITY));
    assert_eq!(header.check_place(&STORE, ID), Ok(()));
}

#[test]
fn no_changed_or_cut_fence_passes() {
    let fence = fence();
    for at in 0..fence.len() {
        let cut = identify(&fence.slice(..at)).unwrap_err();
        assert!(matches!(cut, StoredError::Truncated { .. }));
        for bit in 0..8 {
            let mut changed = fence.to_vec();
            changed[at] ^= 1 << bit;
            assert!(identify(&changed.into()).is_err(), "bit {bit} of byte {at}");
        }
    }
    assert!(identify(&[&fence[..], &[0]].concat().into()).is_err());
}

#[test]
fn the_end_of_an_object_tells_what_it_is() {
    let chunk = small_chunk();
    let object = chunk.to_bytes();
    let length = object.len() as u64;
    let whole = Tail::Chunk(Box::new(chunk.footer.clone()), chunk.trailer);
    assert_eq!(decode_tail(&object, length), Ok(whole.clone()));
    let footer_at = chunk.trailer.footer.offset as usize;
    assert_eq!(decode_tail(&object[footer_at..], length), Ok(whole));
    assert_eq!(decode_tail(&object[footer_at + 1..], length), Ok(Tail::NeedsFooter(chunk.trailer)));
    assert_eq!(decode_tail(&object[object.len() - TRAILER_BYTES..], length), Ok(Tail::NeedsFooter(chunk.trailer)));

    let fence = fence();
    let Ok(Tail::Fence(header)) = decode_tail(&fence, fence.len() as u64) else { panic!("not a fence") };
    assert_eq!(header.writer_epoch, 3);
}

/// A trailer must be this object's own: the length that the store tells is compared.
#[test]
fn the_end_of_an_object_of_another_length_is_refused() {
    let object = small_chunk().to_bytes();
    assert!(decode_tail(&object, object.len() as u64 + 1).is_err());
    assert!(decode_tail(&object[..object.len() - 1], object.len() as u64 - 1).is_err());
}

#[test]
fn ones_own_object_is_known_again_and_no_other_is() {
    let streams = || vec![stream(stream_id(1), 0, &[log_lines(1, 50)])];
    let mut compressor = Compressor::new().unwrap();
    let mine = encode(&input(streams()), IDENTITY, &mut compressor).unwrap();
    assert!(same_object(&mine, &identify(&mine.to_bytes()).unwrap()));

    let mut differs = |input: &ChunkInput, identity| {
        let theirs = encode(input, identity, &mut compressor).unwrap();
        assert!(!same_object(&mine, &identify(&theirs.to_bytes()).unwrap()));
    };
    differs(&input(streams()), Identity { writer_id: [9; 16], ..IDENTITY });
    differs(&input(streams()), Identity { put_id: [9; 16], ..IDENTITY });
    differs(&input(streams()), Identity { store_id: [9; 16], ..IDENTITY });
    differs(&input(vec![stream(stream_id(1), 0, &[log_lines(2, 50)])]), IDENTITY);
    assert!(!same_object(&mine, &identify(&fence()).unwrap()));
}
