//! F2: what each operation's word permits. For each: with it alone the call is done; with all but it the call is refused, without
//! effect.

use riverrun_protocol::access::{Operation, OperationGroups, Operations, ReadWrite, ResourceSet, TokenScope};
use riverrun_protocol::config::{BasinConfig, BasinConfigPatch, StreamConfigPatch};
use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::request::StreamRef;

use crate::door::Link;
use crate::row::Row;
use crate::stage::data::{body_of, fence, from_seq, trim};
use crate::stage::tokens::{asking, everything, may, may_in};
use crate::stage::{Stage, done, refused, stream_name};

type Call = fn(&mut Stage<'_>, &StreamRef) -> Result<(), ErrorFrame>;

macro_rules! words {
    ($($operation:ident, $word:literal, $call:expr;)+) => {
        &[$(
            Row::new("F2", concat!($word, " alone permits it"), |stage| {
                alone(stage, Operation::$operation, $call);
            })
            .needs_tokens(),
            Row::new("F2", concat!("all but ", $word, " refuse it"), |stage| {
                all_but(stage, Operation::$operation, $call);
            })
            .needs_tokens(),
        )+]
    };
}

/// Each call is about a stream that is there, with a record, in a basin that is there.
pub(super) const WORDS: &[Row] = words! {
    ListBasins, "list-basins", |stage, _| stage.list_basins("", "", 1).map(drop);
    CreateBasin, "create-basin", |stage, _| {
        let basin = stage.basin_name();
        stage.create_basin(&basin, BasinConfig::default(), None).map(drop)
    };
    DeleteBasin, "delete-basin", |stage, target| stage.delete_basin(&target.basin);
    ReconfigureBasin, "reconfigure-basin", |stage, target| {
        stage.patch_basin(&target.basin, BasinConfigPatch::default()).map(drop)
    };
    GetBasinConfig, "get-basin-config", |stage, target| stage.basin_config(&target.basin).map(drop);
    IssueAccessToken, "issue-access-token", |stage, _| {
        // What it passes on must be its own.
        let id = stage.token_id();
        stage.issue(asking(id, may(&[Operation::IssueAccessToken]))).map(drop)
    };
    RevokeAccessToken, "revoke-access-token", |stage, _| {
        let id = stage.token_id();
        match stage.revoke(&id) {
            Err(error) if error.code == ErrorCode::AccessTokenNotFound => Ok(()),
            other => other,
        }
    };
    ListAccessTokens, "list-access-tokens", |stage, _| stage.list_tokens("", "", 1).map(drop);
    ListStreams, "list-streams", |stage, target| stage.list_streams(&target.basin, "", "", 0).map(drop);
    CreateStream, "create-stream", |stage, target| {
        let new = StreamRef { basin: target.basin.clone(), stream: stream_name("new") };
        stage.create_stream(&new, Default::default(), None).map(drop)
    };
    DeleteStream, "delete-stream", delete_stream;
    GetStreamConfig, "get-stream-config", |stage, target| stage.stream_config(target).map(drop);
    ReconfigureStream, "reconfigure-stream", |stage, target| {
        stage.patch_stream(target, StreamConfigPatch::default()).map(drop)
    };
    CheckTail, "check-tail", |stage, target| stage.try_tail(target).map(drop);
    Append, "append", |stage, target| stage.try_append(target, &[body_of("x")]).map(drop);
    Read, "read", |stage, target| {
        stage.try_open_read(target, from_seq(0)).1?;
        stage.try_read(target, from_seq(0)).map(drop)
    };
    Trim, "trim", |stage, target| stage.try_append(target, &[trim(0)]).map(drop);
    Fence, "fence", |stage, target| stage.try_append(target, &[fence("")]).map(drop);
};

pub(super) const ROWS: &[Row] = &[
    Row::new("F2", "a batch needs the operation of each of its records", |stage| {
        let target = stage.stream();
        let records = [body_of("x"), trim(0), fence("")];
        for without in [Operation::Append, Operation::Trim, Operation::Fence] {
            let some = [Operation::Append, Operation::Trim, Operation::Fence];
            let some: Vec<Operation> = some.into_iter().filter(|operation| *operation != without).collect();
            let link = stage.enter_with(may(&some));
            let outcome = stage.behind(link, |stage| stage.try_append(&target, &records));
            refused(outcome, ErrorCode::PermissionDenied);
        }
        assert_eq!(stage.tail(&target).seq_num, 0, "no part of them is there");
        let link = stage.enter_with(may(&[Operation::Append, Operation::Trim, Operation::Fence]));
        stage.behind(link, |stage| stage.append(&target, &records));
    })
    .needs_tokens(),
    Row::new("F2", "an append session holds each input's records against the operations", |stage| {
        let target = stage.stream();
        let link = stage.enter_with(may(&[Operation::Append]));
        stage.behind(link, |stage| {
            let session = stage.open_append(&target);
            stage.input(session, &[body_of("x")]);
            stage.input(session, &[fence("stolen")]);
            assert_eq!(stage.next_ack(session).end.seq_num, 1);
            refused(Err::<(), _>(stage.next_error(session)), ErrorCode::PermissionDenied);
        });
        done(stage.try_append_if(&target, crate::stage::data::if_token(""), &[body_of("y")]));
    })
    .needs_tokens(),
    Row::new("F2", "an append session needs one of append, trim and fence", |stage| {
        let target = stage.stream();
        let link = stage.enter_with(may(&[Operation::Read, Operation::CheckTail]));
        let opened = stage.behind(link, |stage| stage.try_open_append(&target).1);
        refused(opened, ErrorCode::PermissionDenied);
    })
    .needs_tokens(),
    Row::new("F2", "group account, reading", |stage| {
        let read = ReadWrite { read: true, write: false };
        group(
            stage,
            OperationGroups { account: read, ..Default::default() },
            &[Operation::ListBasins, Operation::GetBasinConfig, Operation::ListAccessTokens],
        );
    })
    .needs_tokens(),
    Row::new("F2", "group account, writing", |stage| {
        let write = ReadWrite { read: false, write: true };
        group(
            stage,
            OperationGroups { account: write, ..Default::default() },
            &[Operation::CreateBasin, Operation::ReconfigureBasin, Operation::RevokeAccessToken],
        );
    })
    .needs_tokens(),
    Row::new("F2", "group basin, reading", |stage| {
        let read = ReadWrite { read: true, write: false };
        group(
            stage,
            OperationGroups { basin: read, ..Default::default() },
            &[Operation::ListStreams, Operation::GetStreamConfig],
        );
    })
    .needs_tokens(),
    Row::new("F2", "group basin, writing", |stage| {
        let write = ReadWrite { read: false, write: true };
        group(
            stage,
            OperationGroups { basin: write, ..Default::default() },
            &[Operation::CreateStream, Operation::ReconfigureStream],
        );
    })
    .needs_tokens(),
    Row::new("F2", "group stream, reading", |stage| {
        let read = ReadWrite { read: true, write: false };
        group(stage, OperationGroups { stream: read, ..Default::default() }, &[Operation::CheckTail, Operation::Read]);
    })
    .needs_tokens(),
    Row::new("F2", "group stream, writing", |stage| {
        let write = ReadWrite { read: false, write: true };
        group(
            stage,
            OperationGroups { stream: write, ..Default::default() },
            &[Operation::Append, Operation::Trim, Operation::Fence],
        );
    })
    .needs_tokens(),
    Row::new("F2", "operations and groups are united", |stage| {
        let target = stage.stream();
        let read = ReadWrite { read: true, write: false };
        let groups = OperationGroups { stream: read, ..Default::default() };
        let link = stage.enter_with(TokenScope { groups, ..may(&[Operation::Append]) });
        stage.behind(link, |stage| {
            stage.say(&target, &["x"]);
            assert_eq!(stage.tail(&target).seq_num, 1);
        });
    })
    .needs_tokens(),
    Row::new("F2", "an exact basin: that one, and no other", |stage| {
        let (mine, other) = (stage.stream(), stage.stream());
        let link = stage.enter_with(may_in(&mine.basin, &[Operation::CheckTail]));
        stage.behind(link, |stage| {
            stage.tail(&mine);
            refused(stage.try_tail(&other), ErrorCode::PermissionDenied);
        });
    })
    .needs_tokens(),
    Row::new("F2", "an exact stream: that one, and none that begins like it", |stage| {
        let basin = stage.streams(&["a", "ab"]);
        let exact = ResourceSet::Exact("a".to_owned());
        let link = stage.enter_with(TokenScope { streams: exact, ..may(&[Operation::CheckTail]) });
        only(stage, link, &basin, &["a"], &["ab"]);
    })
    .needs_tokens(),
    Row::new("F2", "a stream prefix: all that begin like it", |stage| {
        let basin = stage.streams(&["a", "a/", "a/b", "b"]);
        let prefix = ResourceSet::Prefix("a/".to_owned());
        let link = stage.enter_with(TokenScope { streams: prefix, ..may(&[Operation::CheckTail]) });
        only(stage, link, &basin, &["a/", "a/b"], &["a", "b"]);
    })
    .needs_tokens(),
    Row::new("F2", "an absent set is access to none", |stage| {
        let basin = stage.streams(&["a"]);
        let link = stage.enter_with(TokenScope { streams: ResourceSet::Nothing, ..may(&[Operation::CheckTail]) });
        only(stage, link, &basin, &[], &["a"]);
        let link = stage.enter_with(TokenScope { basins: ResourceSet::Nothing, ..may(&[Operation::CheckTail]) });
        only(stage, link, &basin, &[], &["a"]);
    })
    .needs_tokens(),
    Row::new("F2", "an exact empty name matches nothing", |stage| {
        let basin = stage.streams(&["a"]);
        let empty = ResourceSet::Exact(String::new());
        let link = stage.enter_with(TokenScope { streams: empty, ..may(&[Operation::CheckTail]) });
        only(stage, link, &basin, &[], &["a"]);
    })
    .needs_tokens(),
    Row::new("F2", "an empty prefix matches everything", |stage| {
        let basin = stage.streams(&["a", "b"]);
        let link = stage.enter_with(TokenScope { streams: everything(), ..may(&[Operation::CheckTail]) });
        only(stage, link, &basin, &["a", "b"], &[]);
    })
    .needs_tokens(),
    Row::new("F3", "lack of permission is told before what exists", |stage| {
        let target = stage.no_stream();
        let link = stage.enter_with(may(&[Operation::Read]));
        refused(stage.behind(link, |stage| stage.try_tail(&target)), ErrorCode::PermissionDenied);
        refused(stage.behind(link, |stage| stage.stream_config(&target)), ErrorCode::PermissionDenied);
    })
    .needs_tokens(),
    Row::new("E7", "append and read suffice for creating on first use", |stage| {
        let config = BasinConfig { create_stream_on_append: true, create_stream_on_read: true, ..Default::default() };
        let basin = stage.basin_with(config);
        let link = stage.enter_with(may(&[Operation::Append, Operation::CheckTail]));
        stage.behind(link, |stage| {
            stage.say(&StreamRef { basin: basin.clone(), stream: stream_name("a") }, &["x"]);
            assert_eq!(stage.tail(&StreamRef { basin: basin.clone(), stream: stream_name("b") }).seq_num, 0);
        });
    })
    .needs_tokens(),
];

fn target(stage: &mut Stage<'_>) -> StreamRef {
    let target = stage.stream();
    stage.say(&target, &["x"]);
    target
}

fn delete_stream(stage: &mut Stage<'_>, target: &StreamRef) -> Result<(), ErrorFrame> {
    stage.delete_stream(target)
}

fn alone(stage: &mut Stage<'_>, operation: Operation, call: Call) {
    let target = target(stage);
    let link = stage.enter_with(may(&[operation]));
    done(stage.behind(link, |stage| call(stage, &target)));
}

fn all_but(stage: &mut Stage<'_>, operation: Operation, call: Call) {
    let target = target(stage);
    let others: Vec<Operation> = Operation::ALL.iter().copied().filter(|other| *other != operation).collect();
    let link = stage.enter_with(may(&others));
    let before = (stage.tail(&target), done(stage.stream_config(&target)), done(stage.basin_config(&target.basin)));
    refused(stage.behind(link, |stage| call(stage, &target)), ErrorCode::PermissionDenied);
    let after = (stage.tail(&target), done(stage.stream_config(&target)), done(stage.basin_config(&target.basin)));
    assert_eq!(before, after, "a refused call had an effect");
}

/// These operations' calls are permitted to the groups, and all others that were not named are refused.
fn group(stage: &mut Stage<'_>, groups: OperationGroups, operations: &[Operation]) {
    let scope = TokenScope { groups, operations: Operations::NONE, ..may(&[]) };
    let link = stage.enter_with(scope);
    for probe in PROBES {
        let target = target(stage);
        let outcome = stage.behind(link, |stage| (probe.1)(stage, &target));
        match operations.contains(&probe.0) {
            true => done(outcome),
            false => drop(refused(outcome, ErrorCode::PermissionDenied)),
        }
    }
}

/// Calls that leave the target as it is, one of each kind that the groups are told apart by.
const PROBES: &[(Operation, Call)] = &[
    (Operation::ListBasins, |stage, _| stage.list_basins("", "", 1).map(drop)),
    (Operation::GetBasinConfig, |stage, target| stage.basin_config(&target.basin).map(drop)),
    (Operation::ListAccessTokens, |stage, _| stage.list_tokens("", "", 1).map(drop)),
    (Operation::CreateBasin, |stage, _| {
        let basin = stage.basin_name();
        stage.create_basin(&basin, BasinConfig::default(), None).map(drop)
    }),
    (Operation::ReconfigureBasin, |stage, target| {
        stage.patch_basin(&target.basin, BasinConfigPatch::default()).map(drop)
    }),
    (Operation::RevokeAccessToken, |stage, _| {
        let id = stage.token_id();
        match stage.revoke(&id) {
            Err(error) if error.code == ErrorCode::AccessTokenNotFound => Ok(()),
            other => other,
        }
    }),
    (Operation::ListStreams, |stage, target| stage.list_streams(&target.basin, "", "", 0).map(drop)),
    (Operation::GetStreamConfig, |stage, target| stage.stream_config(target).map(drop)),
    (Operation::CreateStream, |stage, target| {
        let new = StreamRef { basin: target.basin.clone(), stream: stream_name("new") };
        stage.create_stream(&new, Default::default(), None).map(drop)
    }),
    (Operation::ReconfigureStream, |stage, target| stage.patch_stream(target, StreamConfigPatch::default()).map(drop)),
    (Operation::CheckTail, |stage, target| stage.try_tail(target).map(drop)),
    (Operation::Read, |stage, target| stage.try_read(target, from_seq(0)).map(drop)),
    (Operation::Append, |stage, target| stage.try_append(target, &[body_of("x")]).map(drop)),
    (Operation::Trim, |stage, target| stage.try_append(target, &[trim(0)]).map(drop)),
    (Operation::Fence, |stage, target| stage.try_append(target, &[fence("")]).map(drop)),
];

/// Who is behind the link may touch these streams, and not those.
fn only(stage: &mut Stage<'_>, link: Link, basin: &riverrun_protocol::BasinName, inside: &[&str], outside: &[&str]) {
    let target = |name: &&str| StreamRef { basin: basin.clone(), stream: stream_name(name) };
    stage.behind(link, |stage| {
        for name in inside {
            done(stage.try_tail(&target(name)));
        }
        for name in outside {
            refused(stage.try_tail(&target(name)), ErrorCode::PermissionDenied);
        }
    });
}
