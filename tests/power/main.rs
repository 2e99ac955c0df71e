//! Power cuts (reliability.md P2, F1, F3, F15, S7): the real broker on a real ext4, on a disk whose every write and flush is
//! logged. The power is then cut, again and again, at places of that log: all up to the last flush is on the disk, and any part
//! of what came after it. Everything acknowledged or read before the cut is there, and the broker comes up by itself.
//!
//! Needs root, FUSE, loop devices and `qemu-storage-daemon`, so it runs only where it is asked for:
//!
//! ```text
//! RIVERRUN_POWER_CUT=1      run it
//! RIVERRUN_POWER_CUTS=240   how many cuts
//! RIVERRUN_SEED=1           another workload and other cuts
//! RIVERRUN_POWER_KEEP=1     leave images and logs of a failure behind
//! ```

#[allow(dead_code, reason = "the end-to-end tests use more of it")]
#[path = "../e2e/support.rs"]
mod support;

mod check;
mod cuts;
mod facts;
mod log;
mod outages;
mod records;
mod rig;
mod troubles;
mod workload;

use std::io::Write;
use std::path::Path;

use tokio::runtime::Runtime;

use crate::facts::Facts;
use crate::outages::{Outages, Totals};
use crate::records::STREAMS;
use crate::support::Random;
use crate::workload::{Life, SYNC_METHODS, Script};

#[derive(Clone, Copy, Debug)]
struct Settings {
    seed: u64,
    cuts: usize,
    keep: bool,
}

impl Settings {
    fn from_environment() -> Self {
        let number = |name: &str, default: u64| {
            std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
        };
        Self {
            seed: number("RIVERRUN_SEED", 1),
            cuts: number("RIVERRUN_POWER_CUTS", 240) as usize,
            keep: std::env::var_os("RIVERRUN_POWER_KEEP").is_some(),
        }
    }
}

/// Past the test harness, which keeps what passing tests print to itself: that a test was skipped must not be hidden.
fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").expect("stderr");
}

/// Whether to run at all.
///
/// # Panics
/// If that was asked for and cannot be done here.
fn is_asked_for(what: &str) -> bool {
    if std::env::var_os("RIVERRUN_POWER_CUT").is_none() {
        say(&format!("{what} skipped: set RIVERRUN_POWER_CUT=1 (needs root, FUSE, loop devices, qemu-storage-daemon)"));
        return false;
    }
    let missing = rig::missing();
    assert!(
        missing.is_empty(),
        "RIVERRUN_POWER_CUT is set, and the power cannot be cut on this machine; missing:\n- {}",
        missing.join("\n- ")
    );
    true
}

#[test]
fn f7_a_disk_that_hangs_holds_up_acks_and_loses_none() {
    if is_asked_for("hanging disks") {
        troubles::hang(&Runtime::new().expect("a runtime"), rig::folder().path());
    }
}

#[test]
fn f6_a_disk_that_is_pulled_ends_the_broker_and_loses_no_ack() {
    if is_asked_for("pulled disks") {
        troubles::pull(&Runtime::new().expect("a runtime"), rig::folder().path());
    }
}

#[test]
fn nothing_acked_or_read_is_lost_by_power_cuts() {
    if !is_asked_for("power cuts") {
        return;
    }
    let settings = Settings::from_environment();
    let Settings { seed, cuts, keep } = settings;
    say(&format!(
        "repeat with: RIVERRUN_POWER_CUT=1 RIVERRUN_SEED={seed} RIVERRUN_POWER_CUTS={cuts} cargo test --test power\n\
         (the seed repeats workload and choices; what the kernel writes when is its own)"
    ));
    let mut folder = rig::folder();
    if keep {
        say(&format!("after a failure look in {}", folder.path().display()));
        folder.disable_cleanup(true);
    }
    run(folder.path(), settings);
    folder.disable_cleanup(false);
}

/// Lives one after the other, each on what a power cut left of the one before: recoveries are cut short as well.
fn run(folder: &Path, settings: Settings) {
    let runtime = Runtime::new().expect("a runtime");
    let mut random = Random::new(settings.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (base, mut known, mut next) = (folder.join("base"), Facts::default(), [0; STREAMS]);
    rig::make_image(&base);
    let mut totals = Totals::default();
    for (n, sync_method) in SYNC_METHODS.into_iter().enumerate() {
        let script = Script { runtime: &runtime, before: known, sync_method, next: &mut next };
        let life = record(folder, &base, script, &mut random);
        let share = (settings.cuts / SYNC_METHODS.len()).max(1);
        let places = cuts::choose(&life.log, life.from, &life.shown, share, &mut random);
        let outages = Outages { runtime: &runtime, life: &life, next, keep: settings.keep };
        known = outages.happen(&base, places, &mut random, &mut totals);
        let method = sync_method.unwrap_or("as measured");
        totals.say(&format!("life {n} ({method}): {} log entries", life.log.entries.len()));
    }
    totals.say("S7 power cuts: 0 lost");
}

fn record(folder: &Path, base: &Path, script: Script<'_>, random: &mut Random) -> Life {
    let image = folder.join("disk");
    cuts::copy_sparse(base, &image);
    workload::live(script, &image, &folder.join("log"), random)
}
