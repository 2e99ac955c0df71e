//! `ls`, `list-basins`, `list-streams`, `list-access-tokens`: page after page, printed as they come (`s2-semantics.md`
//! E3, J3).

use riverrun_client::{
    AccessTokenInfo, BasinInfo, Client, Error, ListOptions, Operation, OperationGroups, ReadWrite, ResourceSet,
    StreamInfo, TokenScope,
};
use riverrun_protocol::limits::LIST_ENTRIES_MAX;

use crate::Globals;
use crate::console::{Reader, print};
use crate::errors::{Exit, Failure, nearest};
use crate::server;
use crate::time::show_timestamp;
use crate::uri::BasinAndPrefix;

/// List basins, or the streams of a basin
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(
    after_help = "Prints one basin's name per line, or one stream's URI and time of creation. What is being deleted \
is marked so at the line's end.

Examples:
  riverrun ls
  riverrun ls my-basin-1
  riverrun ls my-basin-1/logs/ -n 10"
)]
pub struct Ls {
    /// The basin whose streams to list, perhaps with a prefix of their names; without it, basins are listed
    #[arg(value_name = "BASIN[/PREFIX]")]
    pub target: Option<BasinAndPrefix>,
    #[command(flatten)]
    pub page: Page,
}

/// List basins
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  riverrun list-basins
  riverrun list-basins -p my-
  riverrun list-basins -s my-basin-1 -n 10 --no-auto-paginate")]
pub struct ListBasins {
    #[command(flatten)]
    pub page: Page,
}

/// List the streams of a basin
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  riverrun list-streams my-basin-1
  riverrun list-streams my-basin-1/logs/
  riverrun list-streams s2://my-basin-1 -p logs/ -s logs/a")]
pub struct ListStreams {
    /// The basin, perhaps with a prefix of stream names
    #[arg(value_name = "BASIN[/PREFIX]")]
    pub target: BasinAndPrefix,
    #[command(flatten)]
    pub page: Page,
}

/// List access tokens, without their secrets
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Prints a token per line: its id, when it dies, what it may do and touch.

Examples:
  riverrun list-access-tokens
  riverrun list-access-tokens -p tenant-
  riverrun list-access-tokens -s tenant-1 -n 10 --no-auto-paginate")]
pub struct ListAccessTokens {
    #[command(flatten)]
    pub page: Page,
}

/// Which part of a listing.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Page {
    /// Only names that begin with this
    #[arg(short, long, default_value = "", hide_default_value = true)]
    pub prefix: String,
    /// Only names that sort behind this, in byte order
    #[arg(short, long, default_value = "", hide_default_value = true)]
    pub start_after: String,
    /// At most this many; with --no-auto-paginate at most 1000
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub limit: Option<usize>,
    /// One page only, of at most 1000 names
    #[arg(long)]
    pub no_auto_paginate: bool,
}

pub async fn ls(globals: &Globals, args: Ls) -> Result<(), Failure> {
    match args.target {
        None => basins(globals, args.page).await,
        Some(target) => streams(globals, target, args.page).await,
    }
}

pub async fn basins(globals: &Globals, page: Page) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let lines = async |options| {
        let list = client.list_basins(options).await?;
        let last = list.basins.last().map(|basin| basin.name.to_string());
        let line = |basin: &BasinInfo| format!("{}{}\n", basin.name, mark(basin.deleted_at_ms));
        let lines = list.basins.iter().map(line).collect();
        Ok(Lines { lines, next: last.filter(|_| list.has_more) })
    };
    walk(page, lines).await.map_err(|error| {
        let what = "the basins could not be listed".to_owned();
        error.explained(|error| Failure::of_call(globals, what, error))
    })
}

pub async fn streams(globals: &Globals, target: BasinAndPrefix, mut page: Page) -> Result<(), Failure> {
    page.prefix = one_prefix(target.prefix, page.prefix)?;
    let client = server::connect(globals).await?;
    let basin = target.basin.as_str();
    let lines = async |options| {
        let list = client.list_streams(basin, options).await?;
        let last = list.streams.last().map(|stream| stream.name.to_string());
        let line = |stream: &StreamInfo| {
            let (created, mark) = (show_timestamp(stream.created_at_ms), mark(stream.deleted_at_ms));
            format!("s2://{basin}/{} {created}{mark}\n", stream.name)
        };
        let lines = list.streams.iter().map(line).collect();
        Ok(Lines { lines, next: last.filter(|_| list.has_more) })
    };
    let Err(error) = walk(page, lines).await else { return Ok(()) };
    match error {
        WalkError::Output(failure) => Err(failure),
        WalkError::Server(error) => Err(not_listed(globals, &client, basin, &error).await),
    }
}

pub async fn access_tokens(globals: &Globals, page: Page) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let lines = async |options| {
        let list = client.list_access_tokens(options).await?;
        let last = list.tokens.last().map(|token| token.id.to_string());
        let lines = list.tokens.iter().map(token_line).collect();
        Ok(Lines { lines, next: last.filter(|_| list.has_more) })
    };
    walk(page, lines).await.map_err(|error| {
        let what = "the access tokens could not be listed".to_owned();
        error.explained(|error| Failure::of_call(globals, what, error))
    })
}

/// Behind what is being deleted (`s2-semantics.md` E6).
fn mark(deleted_at_ms: Option<u64>) -> &'static str {
    if deleted_at_ms.is_some() { " (being deleted)" } else { "" }
}

/// The scope in the words of `issue-access-token`.
fn token_line(token: &AccessTokenInfo) -> String {
    let expires = token.expires_at_ms.map_or("never".to_owned(), show_timestamp);
    let TokenScope { basins, streams, access_tokens, groups, operations } = &token.scope;
    let operations: Vec<_> = operations.iter().map(Operation::name).collect();
    let mut words = vec![token.id.to_string(), format!("expires={expires}")];
    let rate = |limit: Option<u64>| limit.map(|limit| limit.to_string());
    let options = [
        ("op-group-perms", shown_groups(groups)),
        ("ops", Some(operations.join(",")).filter(|operations| !operations.is_empty())),
        ("basins", shown_names(basins)),
        ("streams", shown_names(streams)),
        ("access-tokens", shown_names(access_tokens)),
        ("append-bytes-per-sec", rate(token.rates.append_bytes_per_sec)),
        ("requests-per-sec", rate(token.rates.requests_per_sec)),
    ];
    words.extend(options.into_iter().filter_map(|(name, value)| value.map(|value| format!("{name}={value}"))));
    words.extend(token.auto_prefix_streams.then(|| "auto-prefix-streams".to_owned()));
    words.join(" ") + "\n"
}

fn shown_groups(groups: &OperationGroups) -> Option<String> {
    let shown = |(name, group): (&str, ReadWrite)| match (group.read, group.write) {
        (true, true) => Some(format!("{name}=rw")),
        (true, false) => Some(format!("{name}=r")),
        (false, true) => Some(format!("{name}=w")),
        (false, false) => None,
    };
    let groups = [("account", groups.account), ("basin", groups.basin), ("stream", groups.stream)];
    let shown: Vec<_> = groups.into_iter().filter_map(shown).collect();
    (!shown.is_empty()).then(|| shown.join(","))
}

fn shown_names(names: &ResourceSet) -> Option<String> {
    match names {
        ResourceSet::Nothing => None,
        ResourceSet::Exact(name) => Some(name.clone()),
        ResourceSet::Prefix(prefix) => Some(format!("{prefix}*")),
    }
}

async fn not_listed(globals: &Globals, client: &Client, basin: &str, error: &Error) -> Failure {
    let failure = Failure::of_call(globals, format!("the streams of {basin} could not be listed"), error);
    nearest::improve_basin(globals, client, basin, error, failure).await
}

/// A prefix may stand behind the basin or in `--prefix`, not in both.
fn one_prefix(in_target: String, in_option: String) -> Result<String, Failure> {
    if !in_target.is_empty() && !in_option.is_empty() {
        let why = format!("there are two prefixes, `{in_target}` behind the basin and `{in_option}` in --prefix");
        return Err(Failure::new("nothing was listed", why, "leave one of them away").with_exit(Exit::Usage));
    }
    Ok(if in_target.is_empty() { in_option } else { in_target })
}

/// A page as printed.
struct Lines {
    lines: Vec<String>,
    /// Where the next page begins behind; none after the last.
    next: Option<String>,
}

enum WalkError {
    Server(Error),
    Output(Failure),
}

impl WalkError {
    fn explained(self, explain: impl FnOnce(&Error) -> Failure) -> Failure {
        match self {
            Self::Server(error) => explain(&error),
            Self::Output(failure) => failure,
        }
    }
}

/// Fetches and prints pages until the listing, the limit or stdout's reader ends.
async fn walk(page: Page, mut fetch: impl AsyncFnMut(ListOptions) -> Result<Lines, Error>) -> Result<(), WalkError> {
    let mut left = page.limit.unwrap_or(usize::MAX);
    let mut start_after = page.start_after;
    while left > 0 {
        let limit = left.min(LIST_ENTRIES_MAX) as u32;
        let options = ListOptions { prefix: page.prefix.clone(), start_after, limit };
        let Lines { lines, next } = server::patiently("listing", fetch(options)).await.map_err(WalkError::Server)?;
        left = left.saturating_sub(lines.len());
        if print(&lines.concat()).map_err(WalkError::Output)? == Reader::Gone || page.no_auto_paginate {
            break;
        }
        let Some(next) = next else { break };
        start_after = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of a listing of `n` names, asked as `page` says: (the limits asked for, the start_after of each).
    async fn asked(n: usize, page: Page) -> Vec<(u32, String)> {
        let mut asked = Vec::new();
        let fetch = async |options: ListOptions| {
            asked.push((options.limit, options.start_after.clone()));
            let start = options.start_after.parse::<usize>().map_or(0, |n| n + 1);
            let end = n.min(start + options.limit as usize);
            let next = (end < n).then(|| (end - 1).to_string());
            Ok(Lines { lines: vec![String::new(); end - start], next })
        };
        assert!(walk(page, fetch).await.is_ok());
        asked
    }

    #[tokio::test]
    async fn e3_pages_follow_each_other_until_the_end_or_the_limit() {
        let all = asked(2_500, Page::default()).await;
        assert_eq!(all, [(1000, "".into()), (1000, "999".into()), (1000, "1999".into())]);
        let some = asked(2_500, Page { limit: Some(1_200), ..Page::default() }).await;
        assert_eq!(some, [(1000, "".into()), (200, "999".into())]);
        let one = asked(2_500, Page { no_auto_paginate: true, ..Page::default() }).await;
        assert_eq!(one, [(1000, "".into())]);
        assert_eq!(asked(2_500, Page { limit: Some(0), ..Page::default() }).await, []);
        assert_eq!(asked(0, Page::default()).await.len(), 1);
    }

    #[test]
    fn a_prefix_is_given_once() {
        assert_eq!(one_prefix("a".into(), String::new()).unwrap(), "a");
        assert_eq!(one_prefix(String::new(), "b".into()).unwrap(), "b");
        assert_eq!(one_prefix("a".into(), "b".into()).unwrap_err().exit, Exit::Usage);
    }
}
