//! S11: every kind of trouble at every kind of call to the store and the catalog, again and again, beside kills and power cuts
//! (reliability.md F33 to F41).

use std::collections::BTreeMap;

use crate::coverage::Fault;
use crate::outside::points::{Point, Trouble};
use crate::world::World;
use crate::{in_parallel, run_on_this_thread, setting};

/// Of the calls of a cell's kind.
const SHARE: f64 = 0.2;
const OPS: usize = 300;
const SEEDS: u64 = 1;

const UNANSWERED: [Trouble; 4] = [Trouble::Error, Trouble::Hang, Trouble::LateAnswer, Trouble::AnswerLost];
/// A store that lies may end the process; what it tells clients is an error, and never something else than what was written.
const LIES: [Trouble; 3] = [Trouble::WrongBytes, Trouble::Short, Trouble::Missing];

/// Which can happen to which.
fn troubles(point: Point) -> Vec<Trouble> {
    let mut troubles = UNANSWERED.to_vec();
    match point {
        Point::Put => troubles.extend([Trouble::RequestLate, Trouble::NotDone, Trouble::NoSpace, Trouble::Conflict]),
        Point::Get | Point::GetRange | Point::Size => troubles.extend(LIES),
        _ => {}
    }
    troubles
}

/// Deletion and listings decide nothing in what is simulated.
const POINTS: [Point; 8] = [
    Point::Put,
    Point::Get,
    Point::GetRange,
    Point::Size,
    Point::SyncFound,
    Point::CatalogGet,
    Point::CatalogWrite,
    Point::CatalogScan,
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Cell {
    point: Point,
    trouble: Trouble,
}

/// How often it struck.
async fn play(cell: Cell, seed: u64) -> usize {
    let mut world = World::new(seed).await;
    world.armed = vec![Fault::Kill, Fault::PowerCut, Fault::PausedRival];
    world.fault_share = 0.001;
    // Small, so that there is much to ask of the store.
    world.chunk_bytes_max = 8 << 10;
    world.store_may_lie = LIES.contains(&cell.trouble);
    world.clients.iter_mut().for_each(|client| client.damage_is_allowed = world.store_may_lie);
    world.lasting.points.share(cell.point, SHARE, cell.trouble);
    // Whole objects are read, and made durable, where a put has no answer.
    if matches!(cell.point, Point::Get | Point::SyncFound) {
        world.lasting.points.share(Point::Put, SHARE, Trouble::AnswerLost);
    }
    world.go_on_to(OPS).await;
    world.end().await.struck_of(cell.point, cell.trouble)
}

#[test]
fn s11_every_trouble_at_every_call_to_the_store_is_survived() {
    let seeds = setting("RIVERRUN_SIM_STORE_SEEDS").unwrap_or(SEEDS);
    let cells: Vec<Cell> = POINTS
        .into_iter()
        .flat_map(|point| troubles(point).into_iter().map(move |trouble| Cell { point, trouble }))
        .collect();
    let runs: Vec<(Cell, u64)> = cells.iter().flat_map(|cell| (0..seeds).map(|seed| (*cell, seed))).collect();
    let outcomes = in_parallel(&runs, |(cell, seed)| run_on_this_thread(play(*cell, *seed)));
    let mut struck: BTreeMap<Cell, usize> = BTreeMap::new();
    for (cell, _) in &runs {
        struck.insert(*cell, 0);
    }
    let mut failed = Vec::new();
    for ((cell, seed), outcome) in runs.iter().zip(outcomes) {
        match outcome {
            Ok(times) => *struck.entry(*cell).or_default() += times,
            Err(why) => {
                println!("{cell:?}, seed {seed}: {why}");
                failed.push((cell, seed));
            }
        }
    }
    let never: Vec<_> = struck.iter().filter(|(_, times)| **times == 0).map(|(cell, _)| cell).collect();
    let times: usize = struck.values().sum();
    println!("S11 {} cells x {seeds} seeds, struck {times} times, {} failed", cells.len(), failed.len());
    assert!(failed.is_empty(), "{failed:?}");
    assert!(never.is_empty(), "never struck: {never:?}");
}
