//! What the kernel offers beyond the baseline.

/// Features newer than the baseline, Linux 6.1 (`SINGLE_ISSUER`, `DEFER_TASKRUN`, buffer rings). Each is probed when the ring is
/// built, and each can be masked, so that one test runs the broker as the oldest supported kernel would.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Features {
    /// `IORING_SETUP_NO_SQARRAY` (6.6): one indirection less per submission.
    pub no_sqarray: bool,
    /// `IORING_REGISTER_RING_FDS` (5.18, but refused in some containers): saves a descriptor look-up per enter.
    pub registered_ring_fd: bool,
}

impl Features {
    /// Everything this build knows how to use.
    pub const ALL: Features = Features { no_sqarray: true, registered_ring_fd: true };
    /// Linux 6.1.
    pub const BASELINE: Features = Features { no_sqarray: false, registered_ring_fd: false };
}
