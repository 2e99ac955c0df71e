//! Access tokens: issued, listed, revoked, and given to connect with (`s2-semantics.md` F).

use std::process::Command;

use crate::support::{Model, Ran, command, run};

fn issued(addr: &str, args: &str) -> Ran {
    run(addr, &format!("issue-access-token {args}"))
}

#[test]
fn f1_the_secret_is_the_only_line_on_stdout() {
    let model = Model::start();
    let ran = issued(&model.addr, "--id public-ro-logs --op-groups=stream=r --basins=my-basin --streams=prod/logs");
    assert_eq!((ran.code, ran.stdout.as_slice()), (Some(0), &b"secret-of-public-ro-logs\n"[..]), "{}", ran.stderr);
    assert_eq!(ran.stderr, "Access token public-ro-logs issued; its secret is shown now and never again\n");
}

#[test]
fn f1_tokens_are_listed_without_their_secrets_and_revoked_by_their_ids() {
    let model = Model::start();
    let addr = &model.addr;
    let all =
        "--op-group-perms account=rw,basin=r,stream=w --basins-prefix= --streams-prefix= --access-tokens-exact=one";
    for args in [
        &format!("all {all} --append-bytes-per-sec 1000 --requests-per-sec 5"),
        "tenant --ops append,read --basins-exact my-basin --streams-prefix tenant/ --auto-prefix-streams \
         --expires-at 2026-02-18T04:56:46Z",
    ] {
        assert_eq!(issued(addr, args).code, Some(0));
    }
    insta::assert_snapshot!(String::from_utf8(run(addr, "list-access-tokens").quietly()).unwrap(), @r"
    all expires=never op-group-perms=account=rw,basin=r,stream=w basins=* streams=* access-tokens=one append-bytes-per-sec=1000 requests-per-sec=5
    tenant expires=2026-02-18T04:56:46.000Z ops=append,read basins=my-basin streams=tenant/* auto-prefix-streams
    ");
    assert_eq!(run(addr, "list-access-tokens -p ten").quietly().iter().filter(|byte| **byte == b'\n').count(), 1);
    assert_eq!(run(addr, "list-access-tokens -n 1").quietly().iter().filter(|byte| **byte == b'\n').count(), 1);
    let ran = run(addr, "revoke-access-token all");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "Access token revoked\n"));
    assert_eq!(run(addr, "list-access-tokens -p all").quietly(), b"");
    insta::assert_snapshot!(run(addr, "revoke-access-token all").complaint(addr), @r"
    exit 1
    Error:   × the access token all was not revoked
      ╰─▶ there is no access token of this id
      help: see what there is with `riverrun --addr 127.0.0.1:5252 list-access-tokens`
    ");
    insta::assert_snapshot!(issued(addr, "tenant --ops read").complaint(addr), @r"
    exit 1
    Error:   × the access token tenant was not created
      ╰─▶ there is one of this name
      help: use it as it is, or choose another name
    ");
}

#[test]
fn rotating_the_root_token_tells_where_the_new_one_is() {
    let model = Model::start();
    let ran = run(&model.addr, "rotate-root-token");
    assert_eq!((ran.code, ran.stdout.as_slice()), (Some(0), &b""[..]));
    assert_eq!(ran.stderr, "Root token replaced; the broker wrote the new one into its root-token file\n");
}

fn finish(command: &mut Command) -> Ran {
    command.output().unwrap().into()
}

#[test]
fn a_token_comes_from_a_file_or_from_the_environment() {
    let model = Model::start();
    model.state().token = Some(b"s3cret".to_vec());
    let addr = &model.addr;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root.token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let listing = format!("ls --token-file {}", file.display());
    finish(&mut command(addr, &listing)).quietly();
    finish(command(addr, &listing).env("RIVERRUN_TOKEN", "wrong")).quietly();
    finish(command(addr, "ls").env("RIVERRUN_TOKEN", "s3cret").env("S2_ACCESS_TOKEN", "rrt_wrong")).quietly();
    model.state().token = Some(b"rrt_s3cret".to_vec());
    finish(command(addr, "ls").env("S2_ACCESS_TOKEN", "rrt_s3cret")).quietly();
    model.state().token = Some(b"s3cret".to_vec());
    let kept = finish(command(addr, "ls").env("S2_ACCESS_TOKEN", "s3cret")).complaint(addr);
    assert!(kept.contains("give an access token"), "it is not sent: {kept}");
}

#[test]
fn f3_what_is_wrong_with_a_token_is_told_with_its_source_and_without_it() {
    let model = Model::start();
    model.state().token = Some(b"s3cret".to_vec());
    let addr = &model.addr;
    insta::assert_snapshot!(run(addr, "ls").complaint(addr), @r"
    exit 1
    Error:   × there is no connection to a server
      ╰─▶ the access token is not valid
      help: give an access token with --token-file FILE, or in the environment as RIVERRUN_TOKEN
    ");
    let wrong = finish(command(addr, "ls").env("S2_ACCESS_TOKEN", "rrt_wr0ng")).complaint(addr);
    assert!(!wrong.contains("wr0ng"), "{wrong}");
    insta::assert_snapshot!(wrong, @r"
    exit 1
    Error:   × there is no connection to a server
      ╰─▶ the access token is not valid
      help: the access token comes from the environment variable S2_ACCESS_TOKEN; check that it is whole, not expired and not revoked
    ");
    model.state().powerless = true;
    let powerless = finish(command(addr, "ls").env("RIVERRUN_TOKEN", "s3cret")).complaint(addr);
    assert!(!powerless.contains("s3cret"), "{powerless}");
    insta::assert_snapshot!(powerless, @r"
    exit 1
    Error:   × the basins could not be listed
      ╰─▶ the access token does not allow ListBasins
      help: the access token comes from the environment variable RIVERRUN_TOKEN; use one that allows it, or ask its issuer for one
    ");
    insta::assert_snapshot!(run(addr, "ls --token-file /nowhere/root.token").complaint(addr), @r"
    exit 1
    Error:   × the access token cannot be read from the file /nowhere/root.token
      ╰─▶ No such file or directory (os error 2)
      help: check the path
    ");
    insta::assert_snapshot!(run(addr, "ls --token-file /dev/null").complaint(addr), @r"
    exit 1
    Error:   × the file /dev/null holds no access token
      ╰─▶ it is empty
      help: put the token there, and nothing else
    ");
}
