use riverrun_core::access::{BURST_NS, DEBT_MAX_NS, admit_cost, charge, cost_ns, debt_ns};

#[test]
fn a_second_s_worth_at_once_then_one_at_a_time() {
    let cost = cost_ns(1, 4);
    let mut bucket = 0;
    for taken in 0..4 {
        bucket = admit_cost(bucket, 0, cost).unwrap_or_else(|wait| panic!("number {taken} waits {wait}"));
    }
    assert_eq!(admit_cost(bucket, 0, cost), Err(cost));
    assert_eq!(admit_cost(bucket, cost - 1, cost), Err(1));
    assert!(admit_cost(bucket, cost, cost).is_ok());
}

#[test]
fn over_any_length_of_time_no_more_goes_through_than_the_rate_and_a_burst() {
    let (per_sec, cost) = (7, cost_ns(1, 7));
    let (mut bucket, mut taken) = (0, 0);
    for now in (0..100 * BURST_NS).step_by(10_000_000) {
        while let Ok(after) = admit_cost(bucket, now, cost) {
            (bucket, taken) = (after, taken + 1);
        }
    }
    assert!((per_sec * 100..=per_sec * 101).contains(&taken), "{taken} in 100 s");
}

#[test]
fn more_than_a_burst_goes_through_a_bucket_without_debt_and_is_paid_for() {
    let cost = cost_ns(30_000, 1000);
    let bucket = admit_cost(0, 5, cost).expect("it never would be otherwise");
    assert_eq!(debt_ns(bucket, 5), cost - BURST_NS);
    assert_eq!(admit_cost(bucket, 5, cost), Err(cost - BURST_NS), "the next waits until this one is paid for");
    assert!(admit_cost(bucket, 5, 1).is_err());
}

#[test]
fn more_than_a_burst_is_not_kept_waiting_by_a_trickle() {
    let (small, large) = (cost_ns(1, 10), cost_ns(20, 10));
    let mut bucket = 0;
    for now in (0..10 * BURST_NS).step_by(BURST_NS as usize / 20) {
        bucket = admit_cost(bucket, now, small).unwrap_or(bucket);
    }
    let now = 10 * BURST_NS;
    assert!(bucket > now, "the trickle leaves it no moment full");
    assert_eq!(admit_cost(bucket, now, large), Ok(bucket + large));
}

#[test]
fn no_debt_is_deeper_than_a_minute() {
    let cost = cost_ns(1 << 20, 1);
    let bucket = admit_cost(0, 7, cost).expect("without debt");
    assert_eq!(debt_ns(bucket, 7), DEBT_MAX_NS);
    assert_eq!(debt_ns(charge(bucket, 7, cost), 7), DEBT_MAX_NS);
    assert_eq!(charge(bucket, 0, cost), bucket, "nothing is let off by a clock that is behind");
}

#[test]
fn what_is_charged_in_any_case_is_a_debt_until_paid() {
    let bucket = charge(0, 0, 3 * BURST_NS);
    assert_eq!(debt_ns(bucket, 0), 2 * BURST_NS);
    assert_eq!(debt_ns(bucket, 2 * BURST_NS), 0);
    assert_eq!(charge(bucket, 10 * BURST_NS, 1), 10 * BURST_NS + 1, "nothing is saved up beyond the burst");
}

#[test]
fn nothing_overflows() {
    assert_eq!(cost_ns(u64::MAX, 1), u64::MAX);
    assert_eq!(cost_ns(1, 0), BURST_NS);
    assert_eq!(charge(u64::MAX, 0, u64::MAX), u64::MAX);
    assert_eq!(charge(0, u64::MAX, 1), u64::MAX);
    assert!(admit_cost(u64::MAX, 0, u64::MAX).is_err());
}
