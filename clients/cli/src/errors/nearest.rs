//! For names that do not exist: the nearest one that does, and how to create what was named.

use std::time::Duration;

use riverrun_client::{Client, Error, ListOptions};
use riverrun_protocol::ErrorCode;

use super::Failure;
use crate::Globals;
use crate::resume::CommandLine;
use crate::uri::StreamUri;

/// Names looked at; a basin with more streams gets a suggestion from the first of them only.
const PAGES_MAX: usize = 10;
/// A suggestion is worth no longer wait.
const PATIENCE: Duration = Duration::from_secs(2);
/// 1 is equality, 0 nothing in common (normalized Damerau-Levenshtein). Below this, names are just different names.
const LIKENESS_MIN: f64 = 0.6;

/// Adds advice to `failure` where `error` says that the basin or the stream does not exist.
pub async fn improve(globals: &Globals, client: &Client, uri: &StreamUri, error: &Error, failure: Failure) -> Failure {
    let basin = uri.0.basin.as_str();
    if error.code() != Some(ErrorCode::StreamNotFound) {
        return improve_basin(globals, client, basin, error, failure).await;
    }
    let stream = uri.0.stream.as_str();
    let near = within_patience(stream_near(client, basin, stream)).await;
    let create = format!("create it with `{}`", CommandLine::new(globals, "create-stream").word(uri));
    Failure {
        why: super::Why(format!("the basin {basin} has no stream `{stream}`")),
        advice: match near {
            Some(near) => format!("did you mean {basin}/{near}? Or {create}"),
            None => format!("{create}, or see what there is with `{}`", CommandLine::new(globals, "ls").word(basin)),
        },
        ..failure
    }
}

/// [`improve`] where no stream is involved.
pub async fn improve_basin(
    globals: &Globals,
    client: &Client,
    basin: &str,
    error: &Error,
    failure: Failure,
) -> Failure {
    if error.code() != Some(ErrorCode::BasinNotFound) {
        return failure;
    }
    let near = within_patience(basin_near(client, basin)).await;
    let create = CommandLine::new(globals, "create-basin").word(basin).flag("--create-stream-on-append", true);
    let create = format!("create it with `{create}`");
    Failure {
        why: super::Why(format!("there is no basin `{basin}`")),
        advice: match near {
            Some(near) => format!("did you mean {near}? Or {create}"),
            None => format!("{create}, or see what there is with `{}`", CommandLine::new(globals, "ls")),
        },
        ..failure
    }
}

/// [`improve`] for a stream that was to be taken away: nobody creates one for that.
pub async fn improve_removal(
    globals: &Globals,
    client: &Client,
    uri: &StreamUri,
    error: &Error,
    failure: Failure,
) -> Failure {
    let (basin, stream) = uri.names();
    if error.code() != Some(ErrorCode::StreamNotFound) {
        return improve_basin_removal(globals, client, basin, error, failure).await;
    }
    let near = within_patience(stream_near(client, basin, stream)).await.map(|near| format!("{basin}/{near}"));
    let why = super::Why(format!("the basin {basin} has no stream `{stream}`"));
    Failure { why, advice: instead(near, &CommandLine::new(globals, "ls").word(basin)), ..failure }
}

/// As [`improve_removal`], of a basin.
pub async fn improve_basin_removal(
    globals: &Globals,
    client: &Client,
    basin: &str,
    error: &Error,
    failure: Failure,
) -> Failure {
    if error.code() != Some(ErrorCode::BasinNotFound) {
        return failure;
    }
    let near = within_patience(basin_near(client, basin)).await;
    let why = super::Why(format!("there is no basin `{basin}`"));
    Failure { why, advice: instead(near, &CommandLine::new(globals, "ls")), ..failure }
}

fn instead(near: Option<String>, list: &CommandLine) -> String {
    near.map_or_else(|| format!("see what there is with `{list}`"), |near| format!("did you mean {near}?"))
}

async fn within_patience(search: impl Future<Output = Result<Option<String>, Error>>) -> Option<String> {
    tokio::time::timeout(PATIENCE, search).await.ok()?.ok()?
}

async fn basin_near(client: &Client, wanted: &str) -> Result<Option<String>, Error> {
    let mut nearest = Nearest::new(wanted);
    let mut options = ListOptions::default();
    for _ in 0..PAGES_MAX {
        let page = client.list_basins(options.clone()).await?;
        page.basins.iter().for_each(|basin| nearest.consider(basin.name.as_str()));
        let Some(last) = page.basins.last().filter(|_| page.has_more) else { break };
        options.start_after = last.name.to_string();
    }
    Ok(nearest.found())
}

async fn stream_near(client: &Client, basin: &str, wanted: &str) -> Result<Option<String>, Error> {
    let mut nearest = Nearest::new(wanted);
    let mut options = ListOptions::default();
    for _ in 0..PAGES_MAX {
        let page = client.list_streams(basin, options.clone()).await?;
        page.streams.iter().for_each(|stream| nearest.consider(stream.name.as_str()));
        let Some(last) = page.streams.last().filter(|_| page.has_more) else { break };
        options.start_after = last.name.to_string();
    }
    Ok(nearest.found())
}

/// The most alike of the names considered so far; the first of equals.
struct Nearest<'a> {
    wanted: &'a str,
    likeness: f64,
    name: Option<String>,
}

impl<'a> Nearest<'a> {
    fn new(wanted: &'a str) -> Self {
        Self { wanted, likeness: 0.0, name: None }
    }

    fn consider(&mut self, name: &str) {
        let likeness = strsim::normalized_damerau_levenshtein(&self.wanted.to_lowercase(), &name.to_lowercase());
        if likeness >= LIKENESS_MIN && likeness > self.likeness {
            (self.likeness, self.name) = (likeness, Some(name.to_owned()));
        }
    }

    fn found(self) -> Option<String> {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let near = |wanted, names: &[&str]| {
            let mut nearest = Nearest::new(wanted);
            names.iter().for_each(|name| nearest.consider(name));
            nearest.found()
        };
        let names = ["orders", "logs", "logs/app", "Metrics"];
        assert_eq!(near("lgos", &names).as_deref(), Some("logs"));
        assert_eq!(near("logs/apps", &names).as_deref(), Some("logs/app"));
        assert_eq!(near("metrics", &names).as_deref(), Some("Metrics"));
        assert_eq!(near("payments", &names), None);
        assert_eq!(near("anything", &[]), None);
    }
}
