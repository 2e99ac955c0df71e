//! A look over an append's bytes before they become records: an empty record or header takes two bytes as sent and dozens as a value,
//! so a body of the permitted size could become one of a hundred times that.

use crate::error::HttpError;
use crate::limits::{BATCH_METERED_BYTES_MAX, BATCH_RECORDS_MAX};

const RECORDS_FIELD: u64 = 1;
const HEADERS_FIELD: u64 = 2;

/// # Errors
/// `invalid` in S2's words for more records than a batch can have, or more headers than its metered size allows (2 bytes each,
/// `s2-semantics.md` A4); `undecodable` where the fields cannot be told apart.
pub(super) fn check(message: &[u8], undecodable: fn(String) -> HttpError) -> Result<(), HttpError> {
    let (mut records, mut metered_bytes_min) = (0, 0);
    let walked = walk(message, |field, content| {
        if field == RECORDS_FIELD {
            records += 1;
            metered_bytes_min += 8 + 2 * count(content, HEADERS_FIELD);
        }
    });
    if walked.is_none() {
        return Err(undecodable("no protobuf message".to_owned()));
    }
    if records > BATCH_RECORDS_MAX {
        return Err(HttpError::invalid(format!("record batch must not exceed {BATCH_RECORDS_MAX} records")));
    }
    if metered_bytes_min > BATCH_METERED_BYTES_MAX {
        return Err(HttpError::invalid("record batch must not exceed a metered size of 1 MiB"));
    }
    Ok(())
}

/// What follows a broken field is not counted: the decoder does not get that far either.
fn count(message: &[u8], wanted: u64) -> u64 {
    let mut count = 0;
    walk(message, |field, _| count += u64::from(field == wanted));
    count
}

/// Calls `each` with the number and content of every field that has a length. `None` where the bytes end inside a field or have a
/// type of field that proto3 does not use.
fn walk<'a>(mut message: &'a [u8], mut each: impl FnMut(u64, &'a [u8])) -> Option<()> {
    while !message.is_empty() {
        let key = varint(&mut message)?;
        match key & 7 {
            0 => drop(varint(&mut message)?),
            1 => drop(take(&mut message, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                each(key >> 3, take(&mut message, length)?);
            }
            5 => drop(take(&mut message, 4)?),
            _ => return None,
        }
    }
    Some(())
}

fn take<'a>(input: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(taken)
}

fn varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
