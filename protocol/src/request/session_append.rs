//! One input of an append session; the frame's id is the session's. Answered by `AppendAck`, in order.

use bytes::{BufMut, BytesMut};

use crate::wire::Parsed;

/// The bare batch: no options, nothing in front, so that a session's frames are cheap to make and to place.
///
/// ```text
/// 0 batch, up to the body's end
/// ```
pub(super) fn parse(input: &[u8]) -> Parsed<'_, &[u8]> {
    Ok((&[], input))
}

pub(super) fn write_body(batch: &[u8], out: &mut BytesMut) {
    out.put_slice(batch);
}

#[cfg(test)]
mod tests {
    use crate::Request;
    use crate::request::tests::{body_of, round_trip};

    #[test]
    fn written_and_parsed_with_nothing_around_the_batch() {
        let request = Request::SessionAppend(b"not looked at yet");
        round_trip(&request);
        assert_eq!(body_of(&request), b"not looked at yet");
    }
}
