//! What a creation did, as status and header say it (`s2-semantics.md` E3, I2).

use http::StatusCode;
use riverrun_protocol::response::ProvisionResult;

/// Its values are [`ProvisionResult::name`]. One SDK raises without it.
pub const PROVISION_RESULT: &str = "s2-provision-result";

/// Which call provisions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Provisioning {
    /// POST: 201, for a repeated call too.
    Create,
    /// PUT: 201 where it created, else 200.
    Ensure,
}

pub fn provision_status(call: Provisioning, result: ProvisionResult) -> StatusCode {
    match (call, result) {
        (Provisioning::Create, _) | (_, ProvisionResult::Created) => StatusCode::CREATED,
        (Provisioning::Ensure, ProvisionResult::Updated | ProvisionResult::Noop) => StatusCode::OK,
    }
}
