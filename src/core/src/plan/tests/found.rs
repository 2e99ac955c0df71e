use super::*;
use crate::plan::found::Found;
use crate::stored::StoredError;

fn judge(object: &Bytes) -> Found {
    Found::judge(&STORE, ID, Some(object))
}

#[test]
fn what_lies_under_a_name_is_one_of_four_things() {
    let object = chunk(ID, MINE).to_bytes();
    assert_eq!(Found::judge(&STORE, ID, None), Found::Absent);
    assert!(matches!(judge(&object), Found::Chunk(found) if found.footer.header.id == ID));
    assert!(matches!(judge(&fence(6)), Found::Fence(header) if header.writer_epoch == 6));
    // F18, F14, F12 (another name's object, another store's).
    assert!(matches!(judge(&object.slice(..90)), Found::Damaged(StoredError::Truncated { .. })));
    assert!(matches!(judge(&object.slice(..object.len() - 1)), Found::Damaged(StoredError::Truncated { .. })));
    assert!(matches!(judge(&vec![0; 500].into()), Found::Damaged(StoredError::Damaged { .. })));
    let elsewhere = chunk(ID.sequence().chunk(8), MINE).to_bytes();
    assert!(matches!(judge(&elsewhere), Found::Damaged(StoredError::Misplaced { .. })));
    let foreign = chunk(ID, Identity { store_id: [9; 16], ..MINE }).to_bytes();
    assert!(matches!(judge(&foreign), Found::Damaged(StoredError::Misplaced { .. })));
}
