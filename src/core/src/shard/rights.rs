//! What the principal behind a connection may append, record kind by record kind (`s2-semantics.md` F2).

use riverrun_protocol::batch::Ingested;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};

use crate::event::AppendRights;

/// # Errors
/// `PermissionDenied`, with the first operation that is missing.
pub(super) fn check(rights: AppendRights, facts: &Ingested) -> Result<(), ErrorFrame> {
    let kinds = [
        ("append", "data records", facts.has_data && !rights.append),
        ("fence", "fence records", facts.has_fences && !rights.fence),
        ("trim", "trim records", facts.has_trims && !rights.trim),
    ];
    let Some((operation, records, _)) = kinds.into_iter().find(|(.., is_denied)| *is_denied) else { return Ok(()) };
    let why = format!("the access token does not allow `{operation}` on this stream, which {records} need");
    Err(ErrorFrame::new(ErrorCode::PermissionDenied, why))
}
