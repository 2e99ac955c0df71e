//! Who gets in, what a token allows, and how it ends (`s2-semantics.md` F, reliability.md 5.1, 5.3).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use riverrun_client::{AckTicket, AppendSession, Client, ClientConfig, Record};
use riverrun_core::access::TokenSecret;
use riverrun_protocol::access::{Operation, OperationGroups, Operations, ResourceSet, TokenRates, TokenScope};
use riverrun_protocol::error::{ErrorCode, ErrorFrame, Outcome};
use riverrun_protocol::limits::CONNECTION_REQUESTS_MAX;
use riverrun_protocol::request::{IssueAccessToken, ListAccessTokens, ListStreams, Request};
use riverrun_protocol::response::Response;
use riverrun_protocol::types::TokenId;

use crate::raw::{Raw, Said, follow, target, token};
use crate::support::{Data, Server, until};

/// A second is promised; the rest is for a busy machine to say so.
const CUT_WITHIN: Duration = Duration::from_secs(1);

/// A broker that asks for tokens, and root's connection to it.
fn guarded(data: &Data) -> (Server, Raw) {
    let server = data.serve(&["--auth", "required"]);
    let root = Raw::connect(&server.addr, &data.root_token()).expect("root gets in");
    (server, root)
}

fn refused(server: &Server, token: &str) -> ErrorCode {
    Raw::connect(&server.addr, token).expect_err("it must not get in").code
}

/// Looks like a token of this store and is none.
fn forged() -> String {
    TokenSecret::new([1; 16], [2; 32]).reveal()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

#[test]
fn on_loopback_everybody_gets_in_but_a_token_that_is_shown_counts() {
    let data = Data::new();
    let server = data.serve(&[]);
    assert!(server.says("access").contains("open to every process on this machine"), "{:?}", server.banner);
    for token in ["", "s2-token"] {
        Raw::connect(&server.addr, token).expect("no token of Riverrun's, so nobody is held to it");
    }
    assert_eq!(refused(&server, "rrt_typo"), ErrorCode::Authn);
    assert_eq!(refused(&server, &forged()), ErrorCode::Authn);
    Raw::connect(&server.addr, &data.root_token()).expect("root's token is good here too");
}

#[test]
fn where_tokens_are_required_nothing_else_gets_in() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    let banner = server.says("access").to_owned();
    assert!(banner.contains("with an access token only") && banner.contains("root-token"), "{banner}");
    let valid = data.root_token();
    for token in ["", "s2-token", &valid[..valid.len() - 1], &forged()] {
        assert_eq!(refused(&server, token), ErrorCode::Authn, "{} characters", token.len());
    }
    root.create_basin("demo-basin");
    let open = Data::new().serve(&["--auth", "off"]);
    Raw::connect(&open.addr, &forged()).expect("tokens are not looked at");
}

#[test]
fn a_public_address_needs_a_word_and_then_a_token() {
    let data = Data::new();
    let said = Server::try_start(&data.data(), &["--listen", "0.0.0.0:0"]).expect_err("in the clear");
    assert!(said.contains("--insecure"), "{said}");
    let server = data.serve(&["--listen", "0.0.0.0:0", "--insecure"]);
    assert_eq!(refused(&server, ""), ErrorCode::Authn);
    Raw::connect(&server.addr, &data.root_token()).expect("root gets in");
}

#[test]
fn f1_tokens_are_issued_listed_and_revoked() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    root.create_basin("demo-basin");
    let secret = root.issue(&token("team/a", "a/"));
    let mut holder = Raw::connect(&server.addr, &secret).expect("issued");
    assert!(holder.append(&target("demo-basin", "a/1"), "x").is_ok());
    let denied = holder.append(&target("demo-basin", "b/1"), "x").expect_err("outside");
    assert_eq!((denied.code, denied.outcome), (ErrorCode::PermissionDenied, Outcome::NotDone));
    let exists = root.call(&Request::IssueAccessToken(token("team/a", ""))).expect_err("twice");
    assert_eq!(exists.code, ErrorCode::AlreadyExists);
    let all = ListAccessTokens { prefix: String::new(), start_after: String::new(), limit: 0 };
    let Response::AccessTokenList(list) = root.ok(&Request::ListAccessTokens(all)) else { panic!("no list") };
    assert_eq!(list.tokens.iter().map(|t| t.id.as_str()).collect::<Vec<_>>(), ["team/a"]);
    let id = || TokenId::new("team/a").expect("an id");
    assert_eq!(root.ok(&Request::RevokeAccessToken(id())), Response::Done);
    let gone = root.call(&Request::RevokeAccessToken(id())).expect_err("gone");
    assert_eq!(gone.code, ErrorCode::AccessTokenNotFound);
    assert_eq!(refused(&server, &secret), ErrorCode::Authn);
}

#[test]
fn f3_a_holder_passes_on_only_what_it_has_and_sees_only_its_own() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    let scope = TokenScope { access_tokens: ResourceSet::Prefix("team/".into()), ..token("x", "a/").scope };
    let secret = root.issue(&IssueAccessToken { scope, ..token("team-lead", "a/") });
    root.issue(&token("other", ""));
    let mut lead = Raw::connect(&server.addr, &secret).expect("issued");
    let narrower = TokenScope {
        access_tokens: ResourceSet::Nothing,
        groups: OperationGroups::default(),
        operations: Operations::NONE.with(Operation::Read),
        ..token("x", "a/").scope
    };
    lead.issue(&IssueAccessToken { scope: narrower.clone(), ..token("team/reader", "a/") });
    for beyond in [
        IssueAccessToken { scope: narrower.clone(), ..token("elsewhere", "a/") },
        IssueAccessToken {
            scope: TokenScope { streams: ResourceSet::Prefix(String::new()), ..narrower },
            ..token("team/all", "")
        },
    ] {
        let error = lead.call(&Request::IssueAccessToken(beyond)).expect_err("beyond");
        assert_eq!(error.code, ErrorCode::PermissionDenied, "{error}");
    }
    let all = ListAccessTokens { prefix: String::new(), start_after: String::new(), limit: 0 };
    let Response::AccessTokenList(list) = lead.ok(&Request::ListAccessTokens(all)) else { panic!("no list") };
    assert_eq!(list.tokens.iter().map(|t| t.id.as_str()).collect::<Vec<_>>(), ["team/reader"]);
    let outside = lead.call(&Request::RevokeAccessToken(TokenId::new("other").expect("an id"))).expect_err("outside");
    assert_eq!(outside.code, ErrorCode::PermissionDenied);
}

#[test]
fn f3_auto_prefix_is_a_private_namespace() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    root.create_basin("demo-basin");
    let secret = root.issue(&IssueAccessToken { auto_prefix_streams: true, ..token("tenant", "tenant/") });
    root.append(&target("demo-basin", "outside"), "x").expect("appended");
    let mut tenant = Raw::connect(&server.addr, &secret).expect("issued");
    tenant.append(&target("demo-basin", "inside"), "x").expect("appended");
    let list = |raw: &mut Raw| {
        let basin = target("demo-basin", "x").basin;
        let list = ListStreams { basin, prefix: String::new(), start_after: String::new(), limit: 0 };
        match raw.ok(&Request::ListStreams(list)) {
            Response::StreamList(list) => list.streams.iter().map(|s| s.name.to_string()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(list(&mut root), ["outside", "tenant/inside"]);
    assert_eq!(list(&mut tenant), ["inside"]);
    let long = "s".repeat(506);
    let error = tenant.append(&target("demo-basin", &long), "x").expect_err("too long behind the prefix");
    assert_eq!(error.code, ErrorCode::Invalid);
    assert!(!error.message.contains(|c: char| c.is_ascii_digit()), "how long the prefix is stays unsaid: {error}");
}

#[test]
fn a_refused_append_session_is_refused_once_and_its_id_is_free_again_when_closed() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    root.create_basin("demo-basin");
    let secret = root.issue(&token("team", "a/"));
    let mut holder = Raw::connect(&server.addr, &secret).expect("issued");
    holder.send(7, &Request::OpenAppendSession(target("demo-basin", "b")));
    (0..3).for_each(|_| holder.append_in_session(7, "x"));
    holder.send(7, &Request::CloseAppendSession);
    holder.send(7, &Request::OpenAppendSession(target("demo-basin", "a/b")));
    assert!(matches!(holder.next(), Said::Error(7, error) if error.code == ErrorCode::PermissionDenied));
    assert!(matches!(holder.next(), Said::Answer(7, answer) if matches!(*answer, Response::AppendSessionOpened(_))));
}

/// PROTOCOL.md: a client need not close what was refused, and takes a new id for the next.
#[test]
fn sessions_refused_without_end_leave_the_connection_usable() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    root.create_basin("demo-basin");
    let secret = root.issue(&token("team", "a/"));
    let mut holder = Raw::connect(&server.addr, &secret).expect("issued");
    for id in 1..=3 * CONNECTION_REQUESTS_MAX as u64 {
        holder.send(id, &Request::OpenAppendSession(target("demo-basin", "b")));
        assert!(
            matches!(holder.next(), Said::Error(of, error) if of == id && error.code == ErrorCode::PermissionDenied)
        );
    }
    let id = 3 * CONNECTION_REQUESTS_MAX as u64 + 1;
    holder.send(id, &Request::OpenAppendSession(target("demo-basin", "a/b")));
    assert!(matches!(holder.next(), Said::Answer(of, _) if of == id), "what is allowed is still taken");
}

/// What ends a connection, and when it came.
fn last_words(mut raw: Raw) -> (ErrorFrame, Instant) {
    loop {
        match raw.next() {
            Said::Error(0, error) => {
                let at = Instant::now();
                until("the connection's end", || raw.next() == Said::End);
                return (error, at);
            }
            Said::End => panic!("it ended without a word"),
            Said::Answer(..) | Said::Push(_) | Said::Throttled(_) | Said::Error(..) => {}
        }
    }
}

fn with_sessions(server: &Server, secret: &str, count: usize) -> Vec<Raw> {
    let stream = |n: usize| target("demo-basin", &format!("a/{}", n % 8));
    let mut sessions: Vec<Raw> = (0..count).map(|_| Raw::connect(&server.addr, secret).expect("it gets in")).collect();
    for (n, raw) in sessions.iter_mut().enumerate() {
        match n % 2 {
            0 => raw.send(1, &follow(&stream(n), 0)),
            _ => {
                raw.send(1, &Request::OpenAppendSession(stream(n)));
                raw.append_in_session(1, "x");
            }
        }
    }
    sessions.iter_mut().for_each(|raw| assert!(matches!(raw.next(), Said::Answer(1, _)), "a session opened"));
    sessions
}

#[test]
fn f3_a_hundred_live_sessions_end_within_a_second_of_the_revocation() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    root.create_basin("demo-basin");
    let secret = root.issue(&token("team", "a/"));
    let sessions = with_sessions(&server, &secret, 100);
    let threads: Vec<_> = sessions.into_iter().map(|raw| std::thread::spawn(|| last_words(raw))).collect();
    root.ok(&Request::RevokeAccessToken(TokenId::new("team").expect("an id")));
    let revoked = Instant::now();
    for thread in threads {
        let (error, at) = thread.join().expect("its last words");
        assert_eq!((error.code, error.outcome), (ErrorCode::Authn, Outcome::MaybeDone), "{error}");
        assert!(at.saturating_duration_since(revoked) < CUT_WITHIN, "{:?}", at - revoked);
    }
    root.append(&target("demo-basin", "a/0"), "x").expect("others go on");
}

#[test]
fn f3_a_token_is_dead_when_it_expires_and_so_are_its_sessions() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    root.create_basin("demo-basin");
    let expires_at_ms = now_ms() + 2000;
    let secret = root.issue(&IssueAccessToken { expires_at_ms: Some(expires_at_ms), ..token("brief", "a/") });
    let sessions = with_sessions(&server, &secret, 4);
    for raw in sessions {
        let (error, _) = last_words(raw);
        assert_eq!(error.code, ErrorCode::Authn, "{error}");
        let late = now_ms().checked_sub(expires_at_ms).expect("not before its time");
        assert!(Duration::from_millis(late) < CUT_WITHIN, "{late} ms late");
    }
    assert_eq!(refused(&server, &secret), ErrorCode::Authn);
}

#[test]
fn a_rate_refuses_calls_and_slows_sessions() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    root.create_basin("demo-basin");
    let rates = TokenRates { requests_per_sec: Some(10), append_bytes_per_sec: None };
    let secret = root.issue(&IssueAccessToken { rates, ..token("slow", "a/") });
    let mut holder = Raw::connect(&server.addr, &secret).expect("issued");
    let stream = target("demo-basin", "a/1");
    let begun = Instant::now();
    let mut taken = 0;
    let refusal = loop {
        match holder.append(&stream, "x") {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    let most = 10 + begun.elapsed().as_millis() / 100 + 1;
    assert!((10..=most).contains(&taken), "{taken} of at most {most}");
    assert_eq!((refusal.code, refusal.outcome), (ErrorCode::Overloaded, Outcome::NotDone));
    assert!((1..=101).contains(&refusal.retry_after_ms), "{refusal:?}");

    let mut session = Raw::connect(&server.addr, &secret).expect("issued");
    until("there is room to open a session", || {
        session.send(1, &Request::OpenAppendSession(stream.clone()));
        matches!(session.next(), Said::Answer(1, _)) || {
            session.send(1, &Request::CloseAppendSession);
            false
        }
    });
    let begun = Instant::now();
    (0..25).for_each(|_| session.append_in_session(1, "x"));
    let mut pauses = 0;
    for n in 0..25 {
        let (said, told) = session.next_behind_pauses();
        assert!(matches!(said, Said::Answer(1, _)), "ack {n}: every input was taken");
        assert!(told.iter().all(|ms| (1..=101).contains(ms)), "{told:?}");
        pauses += told.len();
    }
    assert!(pauses > 0, "it was told why it waits");
    // The last of 25 is handled once the 24 before it are paid for, down to one second's worth.
    assert!(begun.elapsed() >= Duration::from_millis(1300), "{:?}", begun.elapsed());
}

#[test]
fn the_holder_of_an_issued_token_is_told_nothing_of_the_broker_and_of_others() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    let secret = root.issue(&token("team", "a/"));
    let mut holder = Raw::connect(&server.addr, &secret).expect("issued");
    let status = |raw: &mut Raw| match raw.ok(&Request::Status) {
        Response::Status(status) => status,
        other => panic!("{other:?}"),
    };
    let (whole, narrow) = (status(&mut root), status(&mut holder));
    assert!(!whole.store.is_empty() && whole.connections > 0 && !whole.counters.is_empty(), "{whole:?}");
    assert!(narrow.store.is_empty() && narrow.connections == 0 && narrow.counters.is_empty(), "{narrow:?}");
    assert_eq!((narrow.version, narrow.shards), (whole.version, whole.shards));
}

/// Two seconds' worth of append bytes are owed behind it.
const OWING: usize = 3000;

fn a_debt(server: &Server, root: &mut Raw) -> (String, Raw) {
    let rates = TokenRates { requests_per_sec: None, append_bytes_per_sec: Some(1000) };
    let secret = root.issue(&IssueAccessToken { rates, ..token("slow", "a/") });
    let mut session = Raw::connect(&server.addr, &secret).expect("issued");
    session.send(1, &Request::OpenAppendSession(target("demo-basin", "a/1")));
    assert!(matches!(session.next(), Said::Answer(1, _)), "a session opened");
    (secret, session)
}

#[test]
fn a_debt_is_not_left_behind_by_another_connection() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    root.create_basin("demo-basin");
    let (secret, mut owing) = a_debt(&server, &mut root);
    let mut other = Raw::connect(&server.addr, &secret).expect("issued");
    other.send(1, &Request::OpenAppendSession(target("demo-basin", "a/1")));
    assert!(matches!(other.next(), Said::Answer(1, _)), "nothing is owed yet");
    let begun = Instant::now();
    owing.append_in_session(1, &"x".repeat(OWING));
    assert!(matches!(owing.next(), Said::Answer(1, _)), "taken, on credit");
    drop(owing);
    let mut back = Raw::connect(&server.addr, &secret).expect("issued");
    back.send(1, &Request::OpenAppendSession(target("demo-basin", "a/1")));
    let Said::Error(1, error) = back.next() else { panic!("it owes") };
    assert_eq!((error.code, error.outcome), (ErrorCode::Overloaded, Outcome::NotDone), "{error}");
    assert!((1..=2009).contains(&error.retry_after_ms), "{error:?}");
    other.append_in_session(1, "x");
    let (said, told) = other.next_behind_pauses();
    assert!(matches!(said, Said::Answer(1, _)), "taken once the debt is paid");
    assert!(matches!(told[..], [1000..=2009]), "{told:?}");
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// A client that gives up soon. What it is held up for below takes longer than any of its patience.
async fn impatient(server: &Server, secret: &str) -> Client {
    let config = ClientConfig {
        request_timeout: Duration::from_secs(3),
        keep_alive_interval: Duration::from_secs(1),
        silence_max: Duration::from_secs(2),
        token: Some(secret.into()),
        ..ClientConfig::default()
    };
    Client::connect(&server.addr, config).await.expect("it gets in")
}

async fn submit(session: &AppendSession, body_bytes: usize) -> AckTicket {
    session.submit(&[Record::new(vec![b'x'; body_bytes])]).await.expect("room in the window")
}

/// A window that takes 5 s at the token's rate, then one input that takes 7 s: the client is told that nothing is read meanwhile.
#[test]
fn f_a_client_outwaits_its_tokens_rate() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    root.create_basin("demo-basin");
    let rates = TokenRates { requests_per_sec: None, append_bytes_per_sec: Some(1000) };
    let secret = root.issue(&IssueAccessToken { rates, ..token("slow", "a/") });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let stream = impatient(&server, &secret).await.stream("demo-basin", "a/1").expect("valid");
        let session = stream.append_session().await.expect("opened");
        let begun = Instant::now();
        let mut tickets = Vec::new();
        for body_bytes in [&[492; 12][..], &[6992, 1, 1]].concat() {
            tickets.push(submit(&session, body_bytes).await);
        }
        for (n, ticket) in tickets.into_iter().enumerate() {
            ticket.await.unwrap_or_else(|error| panic!("input {n} after {:?}: {error}", begun.elapsed()));
        }
        assert!(begun.elapsed() >= Duration::from_secs(12), "{:?}", begun.elapsed());
        session.close().await.expect("every input was acked");
    });
}

/// Both always have an input waiting: neither may have to wait until the other has none.
#[test]
fn whoever_shares_a_rate_gets_a_share() {
    let data = Data::new();
    let server = data.serve(&["--auth", "required", "--shards", "1"]);
    let mut root = Raw::connect(&server.addr, &data.root_token()).expect("root gets in");
    root.create_basin("demo-basin");
    let (secret, one) = a_debt(&server, &mut root);
    let mut other = Raw::connect(&server.addr, &secret).expect("issued");
    other.send(1, &Request::OpenAppendSession(target("demo-basin", "a/1")));
    assert!(matches!(other.next(), Said::Answer(1, _)), "a session opened");
    let (sender, taken) = std::sync::mpsc::channel();
    for (who, mut raw) in [one, other].into_iter().enumerate() {
        (0..20).for_each(|_| raw.append_in_session(1, &"x".repeat(250)));
        let sender = sender.clone();
        std::thread::spawn(move || {
            // Until enough are counted.
            let mut goes_on = true;
            while goes_on {
                match raw.next() {
                    Said::Answer(1, _) => goes_on = sender.send(who).is_ok(),
                    Said::Throttled(_) => {}
                    said => panic!("{said:?}"),
                }
            }
        });
    }
    let first: Vec<usize> = taken.iter().take(16).collect();
    let shares = [0, 1].map(|who| first.iter().filter(|one| **one == who).count());
    assert!(shares.iter().all(|share| *share >= 4), "{first:?}");
}

#[test]
fn what_no_session_takes_costs_nothing() {
    let data = Data::new();
    let (server, mut root) = guarded(&data);
    root.create_basin("demo-basin");
    let (_secret, mut raw) = a_debt(&server, &mut root);
    raw.send(7, &Request::OpenAppendSession(target("demo-basin", "b")));
    assert!(matches!(raw.next(), Said::Error(7, error) if error.code == ErrorCode::PermissionDenied));
    for id in [7, 9] {
        raw.append_in_session(id, &"x".repeat(100 * OWING));
    }
    assert!(matches!(raw.next(), Said::Error(9, error) if error.code == ErrorCode::BadSession));
    raw.send(11, &Request::OpenAppendSession(target("demo-basin", "a/2")));
    assert!(matches!(raw.next(), Said::Answer(11, _)), "nothing is owed");
}

#[test]
fn no_secret_is_in_any_log() {
    let data = Data::new();
    let log = data.path().join("log");
    std::fs::create_dir_all(&log).expect("a folder");
    let file = |name: &str| std::fs::File::create(log.join(name)).expect("a file");
    let mut child = crate::support::riverrun()
        .env("RUST_LOG", "trace")
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
            "--auth",
            "required",
            "--journal-file-bytes",
            "4194304",
            "--data",
        ])
        .arg(data.data())
        .stdout(file("out"))
        .stderr(file("err"))
        .spawn()
        .expect("the binary runs");
    let read = |name: &str| String::from_utf8_lossy(&std::fs::read(log.join(name)).expect("readable")).into_owned();
    until("it listens", || read("out").contains("try it"));
    let addr = read("out").lines().next().and_then(|l| l.split("listening on ").nth(1)).expect("an address").to_owned();
    let mut secrets = vec![data.root_token()];
    let mut root = Raw::connect(&addr, &secrets[0]).expect("root gets in");
    for n in 0..3 {
        let secret = root.issue(&token(&format!("t{n}"), ""));
        let mut holder = Raw::connect(&addr, &secret).expect("issued");
        holder.create_basin(&format!("basin-number-{n}"));
        secrets.push(secret);
    }
    let said = read("out");
    let http = said.lines().find_map(|line| line.split("http://").nth(1)?.split('/').next()).expect("an address");
    secrets.push(crate::http::pages::visited(http, &secrets[0]));
    root.ok(&Request::RotateRootToken);
    secrets.push(data.root_token());
    crate::support::signal(child.id(), rustix::process::Signal::TERM);
    assert!(child.wait().expect("it ends").success());
    let said = read("out") + &read("err");
    assert!(said.contains("hello"), "the log is as talkative as it gets");
    for secret in &secrets {
        // The whole of a ticket, the middle of a token.
        let shown = said.contains(secret.get(4..40).unwrap_or(secret));
        assert!(!shown, "a secret is in the log");
    }
}
