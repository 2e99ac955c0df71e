//! Where io_uring is forbidden, the broker says what forbids it and what would lift it.

use std::process::{Command, Output};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use crate::support::{Data, riverrun};

const IO_URING_SETUP: i64 = 425;

/// A filter as container runtimes set it: this call fails with this errno, all others pass.
fn filter(errno: i32) -> BpfProgram {
    let arch = TargetArch::try_from(std::env::consts::ARCH).expect("an architecture with seccomp");
    let rules = [(IO_URING_SETUP, Vec::new())].into_iter().collect();
    let refuse = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)
        .and_then(BpfProgram::try_from)
        .expect("a filter of one rule")
}

/// Runs it under the filter. A filter holds for the thread that set it and for what it starts, so this thread is left to end.
fn run_filtered(errno: i32, mut command: Command) -> Output {
    std::thread::spawn(move || {
        seccompiler::apply_filter(&filter(errno)).expect("no privilege is needed for a filter on oneself");
        command.output().expect("the binary runs")
    })
    .join()
    .expect("no panic")
}

fn serve_where(errno: i32) -> String {
    let data = Data::new();
    let mut command = riverrun();
    command.args(["serve", "--listen", "127.0.0.1:0", "--http", "off", "--data"]).arg(data.data());
    let output = run_filtered(errno, command);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "no banner: {}", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[test]
fn a_security_filter_that_forbids_io_uring_is_named_with_what_lifts_it() {
    let forbidden = serve_where(libc::EPERM);
    assert!(forbidden.contains("io_uring cannot be used here"), "{forbidden}");
    assert!(forbidden.contains("seccomp") && forbidden.contains("seccomp=unconfined"), "{forbidden}");
    let hidden = serve_where(libc::ENOSYS);
    assert!(hidden.contains("Linux 6.1 or later") && hidden.contains("seccomp profile"), "{hidden}");
}
