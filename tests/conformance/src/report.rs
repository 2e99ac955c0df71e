//! Plays rows and says how each of them went.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::door::Door;
use crate::row::{Needs, Row};
use crate::stage::Stage;

/// What became of the rows that a door could play.
#[derive(Debug)]
pub struct Report {
    pub played: usize,
    /// A line for each row that failed.
    pub failures: Vec<String>,
}

impl Report {
    /// # Panics
    /// If a row failed, or none was played: a table that is never looked at proves nothing.
    pub fn check(&self) {
        assert!(self.played > 0, "no row was played");
        let (failed, list) = (self.failures.len(), self.failures.join("\n  "));
        assert!(self.failures.is_empty(), "{failed} of {} rows failed:\n  {list}", self.played);
    }
}

/// Plays every row that `wanted` takes and `has` allows, on a door of its own, `threads` at a time. `run` keeps the names of this
/// table's basins apart from those of others on the same server.
pub fn play<D: Door>(
    run: &str,
    has: Needs,
    threads: usize,
    wanted: impl Fn(&Row) -> bool,
    door: impl Fn(&Row) -> D + Sync,
) -> Report {
    let (rows, left_out): (Vec<&Row>, Vec<&Row>) =
        crate::rows::all().filter(|row| wanted(row)).partition(|row| row.lacks(has).is_none());
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, row)) = take(&rows, &next) {
                    if let Err(why) = play_row(&format!("{run}-{number}"), row, &door) {
                        failures.lock().expect("rows fail outside of it").push((number, line(row, &why)));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("rows fail outside of it");
    failures.sort();
    say_left_out(&rows, &left_out, has);
    Report { played: rows.len(), failures: failures.into_iter().map(|(_, line)| line).collect() }
}

/// A row that is never played must not be taken for one that holds.
fn say_left_out(rows: &[&Row], left_out: &[&Row], has: Needs) {
    let mut by_lack = BTreeMap::<&str, usize>::new();
    left_out.iter().filter_map(|row| row.lacks(has)).for_each(|lack| *by_lack.entry(lack).or_default() += 1);
    println!("{} rows played, {} left out", rows.len(), left_out.len());
    by_lack.iter().for_each(|(lack, rows)| println!("  {rows:3} for want of {lack}"));
}

fn take<'a>(rows: &[&'a Row], next: &AtomicUsize) -> Option<(usize, &'a Row)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    rows.get(number).map(|row| (number, *row))
}

fn play_row<D: Door>(tag: &str, row: &Row, door: impl Fn(&Row) -> D) -> Result<(), String> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut door = door(row);
        (row.act)(&mut Stage::new(&mut door, tag));
    }));
    let outcome = played.map_err(|panic| text(panic.as_ref()));
    match &outcome {
        Ok(()) => println!("ok      {:4} {}", row.rule, row.name),
        Err(why) => println!("FAILED  {}", line(row, why)),
    }
    outcome
}

fn line(row: &Row, why: &str) -> String {
    format!("{:4} {}: {why}", row.rule, row.name)
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}
