//! Which operations a group holds (`s2-semantics.md` F2: the table is our inference).

use riverrun_protocol::access::{Operation, OperationGroups, Operations, TokenScope};

/// The groups that hold an operation: exactly one. A new operation does not compile without it.
fn group_of(operation: Operation) -> OperationGroups {
    use Operation as Op;
    let mut groups = OperationGroups::default();
    let held = match operation {
        Op::ListBasins
        | Op::GetBasinConfig
        | Op::ListAccessTokens
        | Op::AccountMetrics
        | Op::ListLocations
        | Op::GetDefaultLocation => &mut groups.account.read,
        Op::CreateBasin
        | Op::DeleteBasin
        | Op::ReconfigureBasin
        | Op::IssueAccessToken
        | Op::RevokeAccessToken
        | Op::SetDefaultLocation => &mut groups.account.write,
        Op::ListStreams | Op::GetStreamConfig | Op::BasinMetrics => &mut groups.basin.read,
        Op::CreateStream | Op::DeleteStream | Op::ReconfigureStream => &mut groups.basin.write,
        Op::CheckTail | Op::Read | Op::StreamMetrics => &mut groups.stream.read,
        Op::Append | Op::Trim | Op::Fence => &mut groups.stream.write,
    };
    *held = true;
    groups
}

/// Every operation of these groups.
pub fn operations_of(groups: OperationGroups) -> Operations {
    Operation::ALL.iter().copied().filter(|operation| group_of(*operation).is_subset_of(groups)).collect()
}

/// What a scope permits: its operations and those of its groups.
pub fn effective(scope: &TokenScope) -> Operations {
    scope.operations.union(operations_of(scope.groups))
}
