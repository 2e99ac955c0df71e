//! `issue-access-token ID`, in S2's spelling and in the older one that some of its pages show (`s2-semantics.md` J3).

use std::time::{SystemTime, UNIX_EPOCH};

use riverrun_client::{AccessTokenOptions, Operation, OperationGroups, Outcome, ReadWrite, ResourceSet, TokenId};

use crate::Globals;
use crate::console::{print, remark};
use crate::errors::{Exit, Failure};
use crate::resume::CommandLine;
use crate::server;
use crate::time::{parse_duration, parse_timestamp_ms};

/// Issue an access token and print its secret, the only time that it is shown
///
/// The secret is the one line on stdout. The token can do no more than the one it is issued with.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "\
Groups are account, basin and stream, each with r, w or rw. Operations are called as the commands: append, read, trim, \
fence, check-tail, list-streams, create-stream, get-stream-config, ... What is not named is not allowed.

In --basins, --streams and --access-tokens, a last `*` makes a prefix of it.

Examples:
  riverrun issue-access-token log-readers --op-group-perms stream=r --basins-exact my-basin-1 --streams-prefix logs/
  riverrun issue-access-token tenant-1 --ops append,read,check-tail --basins-exact my-basin-1 --streams-prefix tenant-1/ \
--auto-prefix-streams --expires-in 30d
  riverrun issue-access-token --id public-ro-logs --op-groups=\"stream=r\" --basins=\"my-basin-1\" --streams=\"prod/logs\"")]
pub struct IssueAccessToken {
    /// What it is called, to be listed and revoked by: 1 to 96 bytes
    #[arg(value_name = "ID", required_unless_present = "id_option")]
    pub id: Option<TokenId>,
    /// The same as ID
    #[arg(long = "id", value_name = "ID", conflicts_with = "id")]
    pub id_option: Option<TokenId>,
    #[command(flatten)]
    pub permissions: Permissions,
    #[command(flatten)]
    pub names: Names,
    /// How long it lives, like 1h or 30d [default: as long as the token it is issued with]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "expires_at")]
    pub expires_in: Option<humantime::Duration>,
    /// When it dies
    #[arg(long, value_name = "TIME", value_parser = parse_timestamp_ms)]
    pub expires_at: Option<u64>,
    /// Put the prefix of --streams-prefix in front of every stream's name, and take it off again
    #[arg(long)]
    pub auto_prefix_streams: bool,
    /// Metered bytes that may be appended with it
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub append_bytes_per_sec: Option<u64>,
    /// Requests and appended batches
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub requests_per_sec: Option<u64>,
}

/// What it may do.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug, Default)]
#[group(required = true, multiple = true)]
pub struct Permissions {
    /// Whole groups of operations, like account=rw,basin=r,stream=w
    #[arg(long, alias = "op-groups", value_name = "GROUP=RW,...", value_parser = parse_groups)]
    pub op_group_perms: Option<OperationGroups>,
    /// Single operations, like append,read
    #[arg(long, value_name = "OPERATION,...", value_delimiter = ',')]
    pub ops: Vec<Operation>,
}

/// What it may touch.
#[derive(clap::Args, Clone, PartialEq, Eq, Debug, Default)]
#[command(next_help_heading = "Names it may touch (none, if nothing is said)")]
pub struct Names {
    /// Basins that begin with this; '' = all
    #[arg(long, value_name = "PREFIX", group = "basin names")]
    pub basins_prefix: Option<String>,
    /// One basin
    #[arg(long, value_name = "BASIN", group = "basin names")]
    pub basins_exact: Option<String>,
    /// One basin, or with a last `*` a prefix
    #[arg(long, value_name = "BASIN", group = "basin names")]
    pub basins: Option<String>,
    /// Streams that begin with this; '' = all
    #[arg(long, value_name = "PREFIX", group = "stream names")]
    pub streams_prefix: Option<String>,
    /// One stream
    #[arg(long, value_name = "STREAM", group = "stream names")]
    pub streams_exact: Option<String>,
    /// One stream, or with a last `*` a prefix
    #[arg(long, value_name = "STREAM", group = "stream names")]
    pub streams: Option<String>,
    /// Access tokens whose ids begin with this; '' = all
    #[arg(long, value_name = "PREFIX", group = "token ids")]
    pub access_tokens_prefix: Option<String>,
    /// One access token
    #[arg(long, value_name = "ID", group = "token ids")]
    pub access_tokens_exact: Option<String>,
    /// One access token, or with a last `*` a prefix
    #[arg(long, value_name = "ID", group = "token ids")]
    pub access_tokens: Option<String>,
}

fn parse_groups(text: &str) -> Result<OperationGroups, String> {
    let mut groups = OperationGroups::default();
    for part in text.split(',') {
        let (name, letters) = part.split_once('=').ok_or_else(|| format!("`{part}` has no `=`; {GROUP_FORM}"))?;
        let group = match name.trim() {
            "account" => &mut groups.account,
            "basin" => &mut groups.basin,
            "stream" => &mut groups.stream,
            other => return Err(format!("there is no group `{other}`; {GROUP_FORM}")),
        };
        *group = parse_letters(letters.trim())?;
    }
    Ok(groups)
}

const GROUP_FORM: &str = "write it like account=rw,basin=r,stream=w";

fn parse_letters(letters: &str) -> Result<ReadWrite, String> {
    match letters {
        "r" => Ok(ReadWrite { read: true, write: false }),
        "w" => Ok(ReadWrite { read: false, write: true }),
        "rw" | "wr" => Ok(ReadWrite { read: true, write: true }),
        other => Err(format!("`{other}` is not r, w or rw; {GROUP_FORM}")),
    }
}

fn names(prefix: Option<String>, exact: Option<String>, older: Option<String>) -> ResourceSet {
    match (prefix, exact, older) {
        (Some(prefix), ..) => ResourceSet::Prefix(prefix),
        (_, Some(name), _) => ResourceSet::Exact(name),
        (.., Some(older)) => match older.strip_suffix('*') {
            Some(prefix) => ResourceSet::Prefix(prefix.to_owned()),
            None => ResourceSet::Exact(older),
        },
        (None, None, None) => ResourceSet::Nothing,
    }
}

impl IssueAccessToken {
    fn into_options(self, now_ms: u64) -> AccessTokenOptions {
        let Names { basins_prefix, basins_exact, basins, .. } = self.names;
        let Names { streams_prefix, streams_exact, streams, .. } = self.names;
        let Names { access_tokens_prefix, access_tokens_exact, access_tokens, .. } = self.names;
        let after =
            |wait: humantime::Duration| now_ms.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let options = AccessTokenOptions::default()
            .basins(names(basins_prefix, basins_exact, basins))
            .streams(names(streams_prefix, streams_exact, streams))
            .access_tokens(names(access_tokens_prefix, access_tokens_exact, access_tokens))
            .groups(self.permissions.op_group_perms.unwrap_or_default())
            .operations(self.permissions.ops)
            .auto_prefix_streams(self.auto_prefix_streams);
        let options =
            self.expires_at.or(self.expires_in.map(after)).into_iter().fold(options, AccessTokenOptions::expires_at_ms);
        let options = self.append_bytes_per_sec.into_iter().fold(options, AccessTokenOptions::append_bytes_per_sec);
        self.requests_per_sec.into_iter().fold(options, AccessTokenOptions::requests_per_sec)
    }
}

pub async fn run(globals: &Globals, args: IssueAccessToken) -> Result<(), Failure> {
    // clap has seen to it that there is one.
    let Some(id) = args.id.clone().or(args.id_option.clone()) else { return Ok(()) };
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let options = args.into_options(now_ms);
    let client = server::connect(globals).await?;
    match server::patiently("issuing the access token", client.issue_access_token(id.as_str(), options)).await {
        Ok(token) => {
            remark(&format!("Access token {id} issued; its secret is shown now and never again"));
            print(&format!("{}\n", token.secret())).map(|_| ())
        }
        Err(error) if error.outcome() == Outcome::MaybeDone => {
            let what = format!("the access token {id} may or may not have been issued; its secret is lost");
            let revoke = CommandLine::new(globals, "revoke-access-token").word(&id);
            let advice = format!("revoke it with `{revoke}`, then issue it again");
            Err(Failure { advice, ..Failure::of_call(globals, what, &error) }.with_exit(Exit::Ambiguous))
        }
        Err(error) => Err(Failure::of_creation(globals, &format!("the access token {id}"), &error)),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use riverrun_client::{TokenRates, TokenScope};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        issue: IssueAccessToken,
    }

    fn parsed(args: &[&str]) -> Result<IssueAccessToken, String> {
        let line = Line::try_parse_from(["x"].iter().chain(args));
        line.map(|line| line.issue).map_err(|error| error.to_string())
    }

    fn options(args: &[&str]) -> AccessTokenOptions {
        parsed(args).unwrap().into_options(1_000_000)
    }

    #[test]
    fn j3_both_spellings_say_the_same() {
        let scope = TokenScope {
            basins: ResourceSet::Exact("my-basin".into()),
            streams: ResourceSet::Exact("prod/logs".into()),
            groups: OperationGroups { stream: ReadWrite { read: true, write: false }, ..OperationGroups::default() },
            ..TokenScope::default()
        };
        let older = ["--id", "ro", "--op-groups=stream=r", "--basins=my-basin", "--streams=prod/logs"];
        let newer =
            ["ro", "--op-group-perms", "stream=r", "--basins-exact", "my-basin", "--streams-exact", "prod/logs"];
        assert_eq!(options(&older), scope.clone().into());
        assert_eq!(options(&newer), scope.into());
        assert_eq!(parsed(&older).unwrap().id_option, parsed(&newer).unwrap().id);
    }

    #[test]
    fn f2_names_are_exact_prefixes_or_none() {
        let of = |set: &str, value: &str| options(&["id", "--ops", "read", set, value]).scope.streams;
        assert_eq!(of("--streams-prefix", ""), ResourceSet::Prefix(String::new()));
        assert_eq!(of("--streams-prefix", "a*"), ResourceSet::Prefix("a*".into()));
        assert_eq!(of("--streams-exact", "a*"), ResourceSet::Exact("a*".into()));
        assert_eq!(of("--streams", "a*"), ResourceSet::Prefix("a".into()));
        assert_eq!(of("--streams", "*"), ResourceSet::Prefix(String::new()));
        assert_eq!(of("--streams", "a"), ResourceSet::Exact("a".into()));
        assert_eq!(of("--basins", "a"), ResourceSet::Nothing);
    }

    #[test]
    fn f2_groups_operations_expiry_and_rates() {
        let read_write = ReadWrite { read: true, write: true };
        let all = options(&[
            "id",
            "--op-group-perms",
            "account=rw,basin=r,stream=w",
            "--ops=append,list-streams",
            "--expires-in=10s",
            "--append-bytes-per-sec=1000",
            "--requests-per-sec=5",
            "--auto-prefix-streams",
        ]);
        assert_eq!(all.scope.groups.account, read_write);
        assert_eq!(all.scope.groups.bits(), 0b10_01_11);
        let operations: Vec<_> = all.scope.operations.iter().map(Operation::name).collect();
        assert_eq!(operations, ["list-streams", "append"]);
        assert_eq!((all.expires_at_ms, all.auto_prefix_streams), (Some(1_010_000), true));
        assert_eq!(all.rates, TokenRates { append_bytes_per_sec: Some(1000), requests_per_sec: Some(5) });
        let at = options(&["id", "--ops", "read", "--expires-at", "2026-02-18T04:56:46.217Z"]);
        assert_eq!((at.expires_at_ms, at.rates), (Some(1_771_390_606_217), TokenRates::default()));
    }

    #[test]
    fn what_is_no_permission_is_refused_with_the_way_out() {
        for (args, way_out) in [
            (&["id"][..], "--op-group-perms"),
            (&["--ops", "read"], "<ID>"),
            (&["id", "--id", "id", "--ops", "read"], "cannot be used with"),
            (&["id", "--op-group-perms", "stream"], "write it like account=rw"),
            (&["id", "--op-group-perms", "streams=r"], "there is no group `streams`"),
            (&["id", "--op-group-perms", "stream=x"], "`x` is not r, w or rw"),
            (&["id", "--ops", "fly"], "there is no operation `fly`"),
            (&["id", "--ops", "read", "--basins", "a", "--basins-exact", "b"], "cannot be used with"),
            (&["id", "--ops", "read", "--expires-in", "1d", "--expires-at", "5"], "cannot be used with"),
            (&["id", "--ops", "read", "--requests-per-sec", "0"], "0 is not in 1.."),
        ] {
            let error = parsed(args).unwrap_err();
            assert!(error.contains(way_out), "{args:?}: {error}");
        }
    }
}
