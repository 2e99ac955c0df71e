//! Who may do what (`s2-semantics.md` F, reliability.md 5.1): secrets of access tokens, principals, and the one place
//! that decides ([`decide`]). Nothing is allowed that no rule here allows.

mod audit;
mod decide;
mod demand;
mod groups;
mod issue;
mod namespace;
mod principal;
mod rate;
mod secret;
mod sets;

pub use audit::{AuditChain, AuditRecord, Decision};
pub use decide::{Denied, admit, decide, decide_rotation};
pub use demand::{Demand, Resource, demand_of, is_control_call};
pub use groups::{effective, operations_of};
pub use issue::{RATED_ANCESTORS_MAX, Refused, issue};
pub use namespace::Namespace;
pub use principal::{Grant, Principal};
pub use rate::{BURST_NS, DEBT_MAX_NS, admit_cost, charge, cost_ns, debt_ns};
pub use secret::{NotAToken, PublicId, SecretHash, TokenSecret};
pub use sets::{contains, is_subset};

/// Where the broker itself writes what was asked of it. Nobody else may write there.
pub const SYSTEM_BASIN: &str = "riverrun-system";
pub const AUDIT_STREAM: &str = "audit";
