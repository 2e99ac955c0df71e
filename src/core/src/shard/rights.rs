//! What the principal behind a connection may append, record kind by record kind (`s2-semantics.md` F2).

use riverrun_protocol::access::Operation;
use riverrun_protocol::batch::Ingested;
use riverrun_protocol::error::{ErrorCode, ErrorFrame};

use crate::event::AppendRights;

/// The first operation that is missing, and what needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    pub(super) operation: Operation,
    records: &'static str,
}

impl From<Missing> for ErrorFrame {
    fn from(missing: Missing) -> Self {
        let Missing { operation, records } = missing;
        let name = operation.name();
        let why = format!("the access token does not allow `{name}` on this stream, which {records} need");
        Self::new(ErrorCode::PermissionDenied, why)
    }
}

/// # Errors
/// Something is missing; nothing may be appended.
pub(super) fn check(rights: AppendRights, facts: &Ingested) -> Result<(), Missing> {
    let kinds = [
        (Operation::Append, "data records", facts.has_data && !rights.append),
        (Operation::Fence, "fence records", facts.has_fences && !rights.fence),
        (Operation::Trim, "trim records", facts.has_trims && !rights.trim),
    ];
    let Some((operation, records, _)) = kinds.into_iter().find(|(.., is_denied)| *is_denied) else { return Ok(()) };
    Err(Missing { operation, records })
}
