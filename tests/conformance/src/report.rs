//! Plays rows and says how each of them went.

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
    let rows: Vec<&Row> = crate::rows::all().filter(|row| row.needs.are_met_by(has) && wanted(row)).collect();
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
    Report { played: rows.len(), failures: failures.into_iter().map(|(_, line)| line).collect() }
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
