use super::*;
use crate::AppendSessionConfig;
use crate::error::Disconnect;

fn config() -> ProducerConfig {
    ProducerConfig { linger: Duration::from_millis(5), ..ProducerConfig::default() }
}

/// A record of so many metered bytes.
fn record(metered_bytes: usize) -> Record {
    Record::new(vec![0; metered_bytes - 8])
}

fn push(batcher: &mut Batcher, metered_bytes: usize, now: Instant) -> Pushed {
    batcher.push(record(metered_bytes), metered_bytes as u32, now).expect("open")
}

fn send(batcher: &mut Batcher, now: Instant) -> Sealed {
    match batcher.next_work(now) {
        Work::Send(batch) => batch,
        other => panic!("{other:?}"),
    }
}

fn waits_until(batcher: &mut Batcher, now: Instant) -> Instant {
    match batcher.next_work(now) {
        Work::WaitUntil(due) => due,
        other => panic!("{other:?}"),
    }
}

#[test]
fn i6_a_batch_lingers_from_its_first_record_on() {
    let (mut batcher, start) = (Batcher::new(&config()), Instant::now());
    assert!(matches!(batcher.next_work(start), Work::Wait));
    assert!(push(&mut batcher, 10, start).ring, "somebody has to set the alarm");
    assert!(!push(&mut batcher, 10, start + Duration::from_millis(4)).ring);
    let due = waits_until(&mut batcher, start + Duration::from_millis(4));
    assert_eq!(due, start + Duration::from_millis(5));
    assert_eq!(send(&mut batcher, due).records.len(), 2);
    assert!(matches!(batcher.next_work(due), Work::Wait));
}

#[test]
fn a_linger_of_zero_sends_at_once() {
    let (mut batcher, now) = (Batcher::new(&ProducerConfig { linger: Duration::ZERO, ..config() }), Instant::now());
    push(&mut batcher, 10, now);
    assert_eq!(send(&mut batcher, now).records.len(), 1);
}

#[test]
fn a_linger_without_limit_is_a_late_moment() {
    let (mut batcher, now) = (Batcher::new(&ProducerConfig { linger: Duration::MAX, ..config() }), Instant::now());
    push(&mut batcher, 10, now);
    assert!(waits_until(&mut batcher, now) > now + Duration::from_secs(365 * 24 * 3600));
    assert!(batcher.seal().is_some());
}

#[test]
fn i6_a_full_batch_does_not_linger() {
    let (mut batcher, now) = (Batcher::new(&config()), Instant::now());
    for n in 0..999 {
        assert_eq!(push(&mut batcher, 8, now).index, n);
    }
    waits_until(&mut batcher, now);
    assert!(push(&mut batcher, 8, now).ring);
    assert_eq!(send(&mut batcher, now).records.len(), 1000);
}

#[test]
fn a5_exactly_1_mib_is_one_batch_and_a_byte_more_is_two() {
    let (mut batcher, now) = (Batcher::new(&config()), Instant::now());
    push(&mut batcher, 1 << 19, now);
    assert!(push(&mut batcher, 1 << 19, now).ring);
    assert_eq!(send(&mut batcher, now).encoded().expect("within the limits").metered_bytes(), 1 << 20);
    push(&mut batcher, 1 << 19, now);
    let second = push(&mut batcher, (1 << 19) + 1, now);
    assert!(second.ring);
    assert_eq!(second.index, 0, "it is the first of the next batch");
    assert_eq!(send(&mut batcher, now).records.len(), 1);
    waits_until(&mut batcher, now);
}

#[test]
fn a_record_above_the_batch_limit_goes_alone() {
    let (mut batcher, now) = (Batcher::new(&ProducerConfig { batch_bytes_max: 100, ..config() }), Instant::now());
    push(&mut batcher, 50, now);
    push(&mut batcher, 500, now);
    push(&mut batcher, 50, now);
    let sizes: Vec<usize> = (0..2).map(|_| send(&mut batcher, now).records.len()).collect();
    assert_eq!(sizes, [1, 1]);
    waits_until(&mut batcher, now);
}

#[test]
fn limits_beyond_the_protocol_s_are_the_protocol_s() {
    let wild = ProducerConfig { batch_records_max: usize::MAX, batch_bytes_max: u64::MAX, ..config() };
    let batcher = Batcher::new(&wild);
    assert_eq!((batcher.records_max, batcher.bytes_max), (BATCH_RECORDS_MAX, BATCH_METERED_BYTES_MAX));
    let none = ProducerConfig { batch_records_max: 0, batch_bytes_max: 0, buffer_bytes_max: 0, ..config() };
    let batcher = Batcher::new(&none);
    assert_eq!((batcher.records_max, batcher.bytes_max, batcher.room_max), (1, 1, 1));
}

#[test]
fn batches_put_back_come_first_and_in_order() {
    let (mut batcher, now) = (Batcher::new(&ProducerConfig { batch_records_max: 1, ..config() }), Instant::now());
    for metered_bytes in [10, 11, 12, 13] {
        push(&mut batcher, metered_bytes, now);
    }
    let tried = vec![send(&mut batcher, now), send(&mut batcher, now)];
    batcher.put_back(tried);
    let sizes: Vec<usize> = (0..4).map(|_| send(&mut batcher, now).room).collect();
    assert_eq!(sizes, [10, 11, 12, 13]);
}

#[tokio::test]
async fn every_record_of_a_batch_hears_of_its_outcome() {
    let (mut batcher, now) = (Batcher::new(&config()), Instant::now());
    let (first, second) = (push(&mut batcher, 10, now), push(&mut batcher, 20, now));
    let latest = batcher.seal().expect("one");
    let outcome = Err(Error::disconnected(true, Disconnect::Closed));
    assert_eq!(send(&mut batcher, now).settle(outcome.clone()), 30, "the room of both");
    for ack in [first.ack, second.ack, latest] {
        assert_eq!(ack.await.expect("settled"), outcome);
    }
}

#[test]
fn a_closed_batcher_sends_what_it_has_and_takes_no_more() {
    let (mut batcher, now) = (Batcher::new(&config()), Instant::now());
    push(&mut batcher, 10, now);
    batcher.close();
    assert_eq!(batcher.push(record(10), 10, now).expect_err("closed"), Error::NotDone(NotDone::Closed));
    assert_eq!(send(&mut batcher, now).records.len(), 1);
    assert!(matches!(batcher.next_work(now), Work::End));
}

#[test]
fn a_failed_batcher_gives_back_what_will_never_be_sent() {
    let (mut batcher, now) = (Batcher::new(&config()), Instant::now());
    push(&mut batcher, 10, now);
    let fatal = Error::disconnected(true, Disconnect::Closed);
    assert_eq!(batcher.fail(&fatal).len(), 1);
    assert_eq!(batcher.push(record(10), 10, now).expect_err("failed"), Error::poisoned(&fatal));
    batcher.close();
    assert_eq!(batcher.refusal(), Error::poisoned(&fatal), "closing does not hide it");
    assert_eq!(batcher.take_failure(), Some(fatal));
    assert_eq!(batcher.take_failure(), None, "reported once");
}

#[test]
fn a_record_larger_than_the_buffer_takes_all_of_it() {
    let batcher =
        Batcher::new(&ProducerConfig { buffer_bytes_max: 100, inflight: AppendSessionConfig::default(), ..config() });
    assert_eq!(batcher.room_for(&record(5000)), 100);
    assert_eq!(batcher.room_for(&record(50)), 50);
}
