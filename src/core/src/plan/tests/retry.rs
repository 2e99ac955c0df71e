use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::plan::retry::{RetrySchedule, STORE_RETRY};

#[test]
fn the_bound_doubles_up_to_its_maximum() {
    let bounds = [1, 2, 3, 8, 9, 100, u32::MAX].map(|attempt| STORE_RETRY.bound(attempt).as_millis());
    assert_eq!(bounds, [50, 100, 200, 6_400, 10_000, 10_000, 10_000]);
}

#[test]
fn pauses_fill_the_whole_range_below_the_bound() {
    let mut random = StdRng::seed_from_u64(1);
    let schedule = RetrySchedule { first: Duration::from_millis(1000), max: Duration::from_secs(60) };
    let pauses: Vec<Duration> = (0..1000).map(|_| schedule.pause(2, &mut random)).collect();
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(2000)));
    assert!(pauses.iter().min().unwrap() < &Duration::from_millis(100));
    assert!(pauses.iter().max().unwrap() > &Duration::from_millis(1900));
}

#[test]
fn the_same_seed_gives_the_same_pauses() {
    let pauses = |seed| -> Vec<Duration> {
        let mut random = StdRng::seed_from_u64(seed);
        (1..10).map(|attempt| STORE_RETRY.pause(attempt, &mut random)).collect()
    };
    assert_eq!(pauses(1), pauses(1));
    assert_ne!(pauses(1), pauses(2));
}
