//! Why a ring could not be built, in words that help.

use std::io;

/// The kernel refused to set up io_uring.
#[derive(Debug, thiserror::Error)]
#[error("io_uring cannot be used here: {why}")]
pub struct RingRefused {
    pub why: String,
    /// What would lift the refusal.
    pub what_to_do: String,
    pub source: io::Error,
}

impl RingRefused {
    pub(super) fn new(source: io::Error) -> Self {
        let sysctl = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok();
        let (why, what_to_do) = explain(source.raw_os_error().unwrap_or(0), sysctl.as_deref().map(str::trim));
        Self { why: why.to_owned(), what_to_do: what_to_do.to_owned(), source }
    }
}

/// `sysctl` is the text of `/proc/sys/kernel/io_uring_disabled` (Linux 6.6 and later), if it can be read.
fn explain(errno: i32, sysctl: Option<&str>) -> (&'static str, &'static str) {
    match (errno, sysctl) {
        (libc::EPERM, Some("2")) => (
            "the sysctl kernel.io_uring_disabled is 2, which forbids it to everyone",
            "as root: sysctl -w kernel.io_uring_disabled=0",
        ),
        (libc::EPERM, Some("1")) => (
            "the sysctl kernel.io_uring_disabled is 1, which forbids it to users outside kernel.io_uring_group",
            "as root: sysctl -w kernel.io_uring_disabled=0, or add this user to the group that kernel.io_uring_group names",
        ),
        (libc::EPERM | libc::EACCES, _) => (
            "a security filter (seccomp, as container runtimes set by default, or SELinux) forbids io_uring_setup",
            "run the container with a seccomp profile that allows io_uring_setup, io_uring_enter and io_uring_register \
             (docker: --security-opt seccomp=unconfined), or run outside of it",
        ),
        (libc::ENOSYS, _) => (
            "this kernel has no io_uring, or a security filter hides it",
            "use Linux 6.1 or later; in a container, a seccomp profile that allows io_uring_setup, io_uring_enter and \
             io_uring_register",
        ),
        (libc::EINVAL, _) => {
            ("this kernel's io_uring is too old: SINGLE_ISSUER and DEFER_TASKRUN are missing", "use Linux 6.1 or later")
        }
        (libc::ENOMEM, _) => (
            "there is not enough locked memory for its rings",
            "raise the limit: ulimit -l unlimited, LimitMEMLOCK=infinity in a systemd unit",
        ),
        (libc::EMFILE | libc::ENFILE, _) => (
            "the limit of open files is reached",
            "raise the limit: ulimit -n 65536, LimitNOFILE=65536 in a systemd unit",
        ),
        _ => ("the kernel gave an unexpected error", "please report it with the kernel's version (uname -r)"),
    }
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn each_cause_names_what_would_lift_it() {
        let cases = [
            (libc::EPERM, Some("2"), "kernel.io_uring_disabled=0"),
            (libc::EPERM, Some("1"), "kernel.io_uring_group"),
            (libc::EPERM, Some("0"), "seccomp"),
            (libc::EPERM, None, "seccomp"),
            (libc::ENOSYS, None, "6.1"),
            (libc::EINVAL, Some("0"), "6.1"),
            (libc::ENOMEM, Some("0"), "ulimit -l"),
            (libc::EMFILE, Some("0"), "ulimit -n"),
        ];
        for (errno, sysctl, needle) in cases {
            let (_, what_to_do) = explain(errno, sysctl);
            assert!(what_to_do.contains(needle), "errno {errno}, sysctl {sysctl:?}: {what_to_do}");
        }
    }
}
