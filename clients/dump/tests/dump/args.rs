//! The command line.

use clap::{CommandFactory, Parser};
use riverrun_dump::DumpCommand;
use riverrun_dump::view::{Format, Payload, Time};

/// Mounted as the `riverrun` binary mounts it.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    dump: DumpCommand,
}

fn parse(line: &str) -> Result<DumpCommand, clap::Error> {
    Cli::try_parse_from(std::iter::once("dump").chain(line.split_whitespace())).map(|cli| cli.dump)
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn views_follow_the_flags() {
    let DumpCommand::Proxy(args) = parse("proxy :1 :2 -x --payload text --no-time").unwrap() else { panic!() };
    let options = args.view.options(Some(&args.time));
    assert_eq!((options.format, options.payload, options.time), (Format::Hex, Some(Payload::Text), Time::None));
    assert!(!options.show_secrets);
    let DumpCommand::File(args) = parse("file - -o jsonl --show-secrets").unwrap() else { panic!() };
    let options = args.view.options(None);
    assert_eq!((options.format, options.payload, options.show_secrets), (Format::Jsonl, None, true));
}

#[test]
fn every_subcommand_has_its_arguments() {
    for good in [
        "connect :1",
        "connect :1 lines.jsonl --no-hello --wait 5s --show-sent --token-file t",
        "file capture --hex --direction server",
        "encode",
        "encode lines.jsonl --direction client --hex",
        "chunk object --batches -o jsonl",
        "journal a.journal b.journal",
    ] {
        assert!(parse(good).is_ok(), "{good}");
    }
    for bad in ["", "proxy :1", "file", "file x --hex --raw", "file x -x -o jsonl", "journal", "connect :1 --wait soon"]
    {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

/// Secrets among the arguments can be read by every user of the machine.
#[test]
fn no_argument_takes_a_secret() {
    let connect = Cli::command().find_subcommand("connect").unwrap().clone();
    assert!(connect.get_arguments().all(|argument| argument.get_long() != Some("token")));
}
