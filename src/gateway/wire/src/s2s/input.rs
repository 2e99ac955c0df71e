//! A frame of an append session as what it asks for.

use super::decode::undecodable;
use super::frame::Frame;
use crate::batch::AppendInput;
use crate::error::HttpError;
use crate::proto;

/// One input of an append session (`s2-semantics.md` B10). An error is the session's last answer ([`super::put_terminal`]), behind the
/// acks of the inputs before.
///
/// # Errors
/// `bad_frame` for what is no frame from a client or no message; `invalid` as [`proto::append_input`].
pub fn append_input(frame: Frame) -> Result<AppendInput, HttpError> {
    proto::decode_append(frame.into_input()?, undecodable)
}
