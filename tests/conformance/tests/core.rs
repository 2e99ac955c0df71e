//! The pure core behaves as `s2-semantics.md` says.

use riverrun_conformance::{CoreDoor, play};

#[test]
fn a_to_f_every_row_that_needs_no_server() {
    play("core", CoreDoor::has(), 1, |_| true, |_| CoreDoor::default()).check();
}
