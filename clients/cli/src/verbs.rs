//! One file per verb: its arguments, what it asks the server, what it prints (`s2-semantics.md` J2, J3).

pub mod append;
pub mod check_tail;
pub mod create_basin;
pub mod create_stream;
pub mod delete_basin;
pub mod delete_stream;
pub mod fence;
pub mod get_basin_config;
pub mod get_stream_config;
pub mod issue_access_token;
pub mod list;
pub mod locations;
pub mod ping;
pub mod read;
pub mod reconfigure_basin;
pub mod reconfigure_stream;
pub mod revoke_access_token;
pub mod rotate_root_token;
pub mod status;
pub mod tail;
pub mod trim;

use crate::Globals;
use crate::errors::Failure;

/// What a client can be asked to do.
#[derive(clap::Subcommand, Debug)]
pub enum Verb {
    CreateBasin(create_basin::CreateBasin),
    GetBasinConfig(get_basin_config::GetBasinConfig),
    ReconfigureBasin(reconfigure_basin::ReconfigureBasin),
    DeleteBasin(delete_basin::DeleteBasin),
    CreateStream(create_stream::CreateStream),
    GetStreamConfig(get_stream_config::GetStreamConfig),
    ReconfigureStream(reconfigure_stream::ReconfigureStream),
    DeleteStream(delete_stream::DeleteStream),
    Ls(list::Ls),
    ListBasins(list::ListBasins),
    ListStreams(list::ListStreams),
    Append(append::Append),
    Read(read::Read),
    Tail(tail::Tail),
    CheckTail(check_tail::CheckTail),
    Trim(trim::Trim),
    Fence(fence::Fence),
    IssueAccessToken(Box<issue_access_token::IssueAccessToken>),
    ListAccessTokens(list::ListAccessTokens),
    RevokeAccessToken(revoke_access_token::RevokeAccessToken),
    RotateRootToken(rotate_root_token::RotateRootToken),
    ListLocations(locations::ListLocations),
    GetDefaultLocation(locations::GetDefaultLocation),
    SetDefaultLocation(locations::SetDefaultLocation),
    Ping(ping::Ping),
    Status(status::Status),
}

/// Does what the verb says, on a runtime of its own: several threads, so that sending and receiving run beside parsing and
/// printing.
///
/// # Errors
/// A report that [`conclude`](crate::errors::conclude) turns into a message and an exit code.
pub fn run(globals: Globals, verb: Verb) -> miette::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::io("nothing was done: no threads to do it with", &e))?;
    runtime.block_on(run_async(globals, verb))
}

/// [`run`] on the caller's tokio runtime, which has time and I/O enabled.
pub async fn run_async(globals: Globals, verb: Verb) -> miette::Result<()> {
    dispatch(&globals, verb).await.map_err(miette::Report::new)
}

async fn dispatch(globals: &Globals, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::CreateBasin(args) => create_basin::run(globals, args).await,
        Verb::GetBasinConfig(args) => get_basin_config::run(globals, args).await,
        Verb::ReconfigureBasin(args) => reconfigure_basin::run(globals, args).await,
        Verb::DeleteBasin(args) => delete_basin::run(globals, args).await,
        Verb::CreateStream(args) => create_stream::run(globals, args).await,
        Verb::GetStreamConfig(args) => get_stream_config::run(globals, args).await,
        Verb::ReconfigureStream(args) => reconfigure_stream::run(globals, args).await,
        Verb::DeleteStream(args) => delete_stream::run(globals, args).await,
        Verb::Ls(args) => list::ls(globals, args).await,
        Verb::ListBasins(args) => list::basins(globals, args.page).await,
        Verb::ListStreams(args) => list::streams(globals, args.target, args.page).await,
        Verb::Append(args) => Box::pin(append::run(globals, args)).await,
        Verb::Read(args) => Box::pin(read::run(globals, args)).await,
        Verb::Tail(args) => Box::pin(tail::run(globals, args)).await,
        Verb::CheckTail(args) => check_tail::run(globals, args).await,
        Verb::Trim(args) => trim::run(globals, args).await,
        Verb::Fence(args) => fence::run(globals, args).await,
        Verb::IssueAccessToken(args) => issue_access_token::run(globals, *args).await,
        Verb::ListAccessTokens(args) => list::access_tokens(globals, args.page).await,
        Verb::RevokeAccessToken(args) => revoke_access_token::run(globals, args).await,
        Verb::RotateRootToken(args) => rotate_root_token::run(globals, args).await,
        Verb::ListLocations(args) => locations::list(globals, args).await,
        Verb::GetDefaultLocation(args) => locations::get_default(globals, args).await,
        Verb::SetDefaultLocation(args) => locations::set_default(globals, args).await,
        Verb::Ping(args) => ping::run(globals, args).await,
        Verb::Status(args) => status::run(globals, args).await,
    }
}
