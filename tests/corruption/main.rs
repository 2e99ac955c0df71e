//! The corruption sweep (reliability.md S9, F10 to F14, F18): every place of a known journal and of a known chunk, damaged in every
//! way that a disk or a store is known for, and read through recovery and the loader as they are in production; and journals
//! whose last writes were torn, which is no damage.
//!
//! Each damage ends in one of three ways: everything is there, or an error names the place, or, above the last durable watermark,
//! blocks are dropped as a torn tail's. A wrong byte, an acknowledged record that is silently gone, or a torn tail that keeps a
//! broker from starting are failures, told with kind, place and outcome.
//!
//! ```text
//! RIVERRUN_CORRUPTION=all   every byte, instead of headers and every so many bytes
//! ```

mod chunk;
mod damage;
mod journal;
mod made;
mod tally;
mod torn;

use std::time::Instant;

use tally::Tally;

/// Odd, so that all places within words and sectors have their turn.
const STRIDE: usize = 23;

/// Power cuts, each with its own sectors lost.
const CUTS: u64 = 10_000;

fn stride() -> usize {
    match std::env::var("RIVERRUN_CORRUPTION").as_deref() {
        Ok("all") => 1,
        Ok(other) => panic!("RIVERRUN_CORRUPTION is \"all\" or nothing, not {other:?}"),
        Err(_) => STRIDE,
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(work)
}

fn run(what: &str, sweep: impl Future<Output = Tally>) -> Tally {
    let begun = Instant::now();
    let tally = block_on(sweep);
    tally.print(&format!("{what}, {:.1} s", begun.elapsed().as_secs_f64()));
    tally
}

#[test]
fn s9_damage_is_never_served_and_a_torn_tail_is_no_damage() {
    let stride = stride();
    let mut sum = Tally::default();
    std::thread::scope(|scope| {
        let journal = scope.spawn(|| run("journal", journal::sweep(stride)));
        sum.add(run("chunk", chunk::sweep(stride)));
        sum.add(run("torn tails", torn::sweep(CUTS)));
        sum.add(journal.join().expect("the sweep over the journal ends"));
    });
    sum.judge();
}

#[test]
fn f13_a_sum_says_of_which_journal_it_is() {
    assert_eq!(block_on(journal::sums_right_under_another_salt()), 0, "blocks that are right under another salt");
}
