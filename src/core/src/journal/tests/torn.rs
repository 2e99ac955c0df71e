//! Writes that were in flight when the power went may have landed in any part (F1, F2): never called damage, and everything
//! durable is there.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::model::*;
use crate::journal::*;

const SECTOR_BYTES: usize = 512;

/// Cuts the power: of the blocks above `durable` a random part of the sectors did not land. `landed` is its chance.
fn cut_power(model: &mut Model, durable: u64, landed: f64, random: &mut StdRng) {
    for block in &model.written[durable as usize..] {
        let (file, offset) = block.place();
        for sector in (0..block.bytes.len()).step_by(SECTOR_BYTES) {
            if !random.random_bool(landed) {
                let place = model.disk.at(file, offset + sector as u64, SECTOR_BYTES);
                place.copy_from_slice(&block.before[sector..sector + SECTOR_BYTES]);
            }
        }
    }
}

/// What recovery must find, by looking at the bytes that it cannot look at: `(needed_from, last_number)`.
fn expected(model: &Model, durable: u64) -> (u64, u64) {
    let on_disk = |block: &&Written, bytes: usize| {
        let (file, offset) = block.place();
        model.disk.files[&file][offset as usize..][..bytes] == block.bytes[..bytes]
    };
    let in_flight = &model.written[durable as usize..];
    let complete = in_flight.iter().take_while(|block| on_disk(block, block.bytes.len())).count() as u64;
    let durable_blocks = &model.written[..durable as usize];
    let headers = durable_blocks.iter().chain(in_flight.iter().filter(|block| on_disk(block, SECTOR_BYTES)));
    let needed_from = headers.map(|block| block.header.needed_from).max().unwrap_or(1);
    (needed_from, durable + complete)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_part_of_the_writes_in_flight_may_be_lost(seed: u64, blocks in 1usize..60, back in 0u64..=Q as u64, landed in prop_oneof![Just(0.0), Just(0.5), Just(0.97), Just(1.0)]) {
        let mut random = StdRng::seed_from_u64(seed ^ 1);
        let mut model = random_journal(seed, blocks, 48 << 10);
        // The writer may know of less than is durable, never of more; and at most q are in flight.
        let durable = model.last_number().saturating_sub(back).max(model.watermark);
        cut_power(&mut model, durable, landed, &mut random);
        let (needed_from, last_number) = expected(&model, durable);

        let (replay, batches) = model.disk.recover().expect("a crash is not damage");

        prop_assert_eq!((replay.needed_from, replay.last_number), (needed_from, last_number.max(needed_from - 1)));
        let numbers: Vec<u64> = replay.blocks.iter().map(|header| header.number).collect();
        prop_assert_eq!(numbers, (needed_from..=last_number).collect::<Vec<_>>());
        for (number, batches) in batches {
            prop_assert_eq!(&batches, &model.block(number).batches);
        }
        // F3: recovery that was interrupted says the same when it is repeated.
        prop_assert_eq!(model.disk.decide(), Ok(replay));
    }
}

/// Three blocks durable, then as many in flight as the window allows.
fn three_durable_and_three_in_flight() -> Model {
    let mut model = Model::new(1 << 20);
    for number in 1..=6 {
        model.watermark = model.last_number().min(3);
        model.small(&[number; 100]).large(&[number; 10_000]).write();
    }
    model
}

fn lose(model: &mut Model, number: u64) {
    let block = model.block(number).clone();
    model.disk.at(block.header.file, block.header.offset, block.bytes.len()).copy_from_slice(&block.before);
}

#[test]
fn a_hole_before_a_block_that_landed_is_a_torn_tail() {
    let mut model = three_durable_and_three_in_flight();
    lose(&mut model, 4);
    let replay = model.disk.decide().expect("nothing above 3 was promised");
    assert_eq!(replay.last_number, 3);
    assert_eq!(replay.torn, Some(Torn { first: 4, reason: DamageReason::Missing, found: vec![5, 6] }));
}

#[test]
fn a_tail_without_a_trace_is_a_clean_end() {
    let mut model = three_durable_and_three_in_flight();
    for number in 4..=6 {
        lose(&mut model, number);
    }
    let replay = model.disk.decide().expect("nothing above 3 was promised");
    assert_eq!((replay.last_number, replay.torn), (3, None));
}

#[test]
fn a_torn_payload_under_a_landed_header_ends_the_replay() {
    let mut model = three_durable_and_three_in_flight();
    let (file, offset) = model.block(5).place();
    model.disk.at(file, offset + 4096 + 8000, 1)[0] ^= 1;
    let replay = model.disk.decide().expect("nothing above 3 was promised");
    assert_eq!(replay.last_number, 4);
    let torn = replay.torn.expect("5 was torn");
    assert_eq!((torn.first, torn.found), (5, vec![5, 6]));
    assert_eq!(torn.reason, DamageReason::Block(BlockError::BadChecksum));
}

#[test]
fn an_empty_journal_is_empty() {
    let replay = Model::new(8192).disk.decide().expect("nothing was written");
    assert_eq!((replay.blocks, replay.last_number, replay.torn), (vec![], 0, None));
}

/// F4: block 11 was acknowledged by a disk that lied. What shows in its place is a longer block of the file's previous life;
/// a walk by lengths would step over 12, which proves that 11 was durable.
#[test]
fn an_older_block_in_the_place_of_a_lost_one_does_not_hide_the_proof() {
    let mut model = Model::new(64 << 10);
    model.small(b"1").write().large(&[2; 40_000]).sync().write().sync();
    model.small(b"3").large(&[3; 20_000]).write().sync();
    assert_eq!(model.block(3).place().0, 2, "the second file");
    model.needed_from = 4;
    model.small(b"4").write().sync().large(&[5; 40_000]).write().sync();
    assert_eq!(model.block(5).place(), (1, 0), "back in the first file");
    model.needed_from = 5;
    model.small(b"6").write().sync();
    lose(&mut model, 5);
    let damage = model.disk.decide().expect_err("6 says that 5 was durable");
    assert_eq!((damage.number, damage.file, damage.offset), (5, 1, 0));
}
