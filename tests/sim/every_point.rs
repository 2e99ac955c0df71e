//! S6: one short run in which every call to the disk, the store and the catalog meets with each fault in turn, recovery's own
//! included (SQLite's method: fail the k-th operation, for every k).

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::client::{Client, Role};
use crate::outside::disk::Crash;
use crate::outside::points::Trouble;
use crate::world::{Lasting, STREAMS, World};
use crate::{in_parallel, run_on_this_thread, setting};

/// One script for all: up to the point at which something happens, the runs are the same.
const SEED: u64 = 6;
/// Operations between two starts.
const OPS: usize = 24;
const STARTS: usize = 3;
/// Runs with two faults each, at any two points.
const PAIRS: u64 = 300;

const TROUBLES: [Trouble; 5] = [Trouble::Kill, Trouble::Error, Trouble::NoSpace, Trouble::Short, Trouble::Hang];

type Plan = Vec<(u64, Trouble)>;

/// One client of each kind on every stream; chunks are small, so that all kinds of calls are made.
fn script(world: &mut World) {
    world.armed.clear();
    world.fault_share = 0.0;
    world.lasting = Lasting::new(SEED);
    world.chunk_bytes_max = 4 << 10;
    let roles = Role::ALL.into_iter().enumerate();
    world.clients = roles.map(|(index, role)| Client::new(index, index % STREAMS, role)).collect();
}

/// How many points there are, and how many faults struck at one.
async fn play(plan: &Plan) -> (u64, usize) {
    let mut world = World::new(SEED).await;
    script(&mut world);
    plan.iter().for_each(|(point, trouble)| world.lasting.points.at(*point, *trouble));
    world.serve().await;
    for start in 1..=STARTS {
        world.go_on_to(start * OPS).await;
        let crash = if start % 2 == 0 { Crash::Kill } else { Crash::PowerCut };
        world.restart(crash).await;
    }
    // Behind them nothing goes wrong any more.
    let points = world.lasting.points.passed();
    (points, world.end().await.struck.values().sum())
}

/// How many faults struck, over all.
fn try_all(plans: &[Plan]) -> usize {
    let outcomes = in_parallel(plans, |plan| run_on_this_thread(play(plan)));
    let failed = plans.iter().zip(&outcomes).filter_map(|(plan, outcome)| Some((plan, outcome.as_ref().err()?)));
    let failed: Vec<&Plan> = failed
        .map(|(plan, why)| {
            println!("{plan:?}: {why}");
            plan
        })
        .collect();
    assert!(failed.is_empty(), "{} of {} runs failed: {failed:?}", failed.len(), plans.len());
    outcomes.iter().flatten().map(|(_, struck)| struck).sum()
}

#[test]
fn s6_every_point_survives_every_fault() {
    let (points, _) = run_on_this_thread(play(&Vec::new())).expect("a run without faults");
    let singles: Vec<Plan> = (0..points).flat_map(|point| TROUBLES.map(|trouble| vec![(point, trouble)])).collect();
    let struck = try_all(&singles);
    assert_eq!(struck, singles.len(), "each of them strikes");
    println!("S6 {points} points x {} faults, each survived", TROUBLES.len());
}

#[test]
fn s6_pairs_of_faults_are_survived() {
    let (points, _) = run_on_this_thread(play(&Vec::new())).expect("a run without faults");
    let pairs = setting("RIVERRUN_SIM_PAIRS").unwrap_or(PAIRS);
    let mut random = StdRng::seed_from_u64(SEED);
    let mut any = || (random.random_range(0..points), TROUBLES[random.random_range(0..TROUBLES.len())]);
    let plans: Vec<Plan> = (0..pairs).map(|_| vec![any(), any()]).collect();
    let struck = try_all(&plans);
    println!("S6-pairs {pairs} pairs of faults, {struck} struck, each survived");
}
