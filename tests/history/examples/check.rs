//! Checks a history in S2's form: `cargo run -p riverrun-history --example check --release -- FILE`.
//! Ends with 0 if it is linearizable, 1 if it is not, 2 if nobody knows.

use std::process::ExitCode;
use std::{env, fs};

use riverrun_history::{History, Verdict, check};

fn main() -> ExitCode {
    match env::args_os().nth(1).ok_or_else(|| "name a file with a history".into()).and_then(verdict) {
        Ok(verdict) => {
            println!("{verdict}");
            exit_code(&verdict)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn verdict(path: std::ffi::OsString) -> Result<Verdict, Box<dyn std::error::Error>> {
    Ok(check(&History::from_json_lines(&fs::read_to_string(path)?)?))
}

fn exit_code(verdict: &Verdict) -> ExitCode {
    match verdict {
        Verdict::Linearizable { .. } => ExitCode::SUCCESS,
        Verdict::Violation { .. } => ExitCode::FAILURE,
        Verdict::Unknown => ExitCode::from(2),
    }
}
