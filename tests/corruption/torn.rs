//! Writes in flight when the power went: any of their sectors landed. That is no damage, and what was acknowledged is there.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::damage::SECTOR_BYTES;
use crate::journal::disk::Disk;
use crate::journal::made::{LAST, Made, NEEDED_FROM};
use crate::journal::{Endings, is_same, record_count, recovered};
use crate::tally::{Outcome, Tally};

/// One power cut.
#[derive(Debug)]
struct Cut {
    /// The last block whose write had begun, and the last that was durable, whether or not a block says so yet.
    begun: u64,
    durable: u64,
    /// The last block up to which everything landed, by chance.
    complete: u64,
    files: Vec<Vec<u8>>,
}

impl Cut {
    /// Of each write in flight each sector landed, by a chance of its own.
    fn new(made: &Made, random: &mut StdRng) -> Self {
        let begun = random.random_range(NEEDED_FROM..=LAST);
        let known = made.block(begun).header.durable_watermark;
        let durable = random.random_range(known.max(NEEDED_FROM - 1)..begun);
        let mut files = made.block(durable + 1).before.clone();
        (durable + 1..=begun).for_each(|number| land(made, number, &mut files, random));
        let is_whole = |number: &u64| {
            let (file, offset) = made.block(*number).start();
            files[file][offset..].starts_with(&made.block(*number).bytes)
        };
        let complete = (durable + 1..=begun).take_while(is_whole).last().unwrap_or(durable);
        Self { begun, durable, complete, files }
    }
}

fn land(made: &Made, number: u64, files: &mut [Vec<u8>], random: &mut StdRng) {
    let (file, offset) = made.block(number).start();
    let landed = [0.0, 0.1, 0.5, 0.9, 1.0][random.random_range(0..5)];
    for (sector, bytes) in made.block(number).bytes.chunks(SECTOR_BYTES).enumerate() {
        if random.random_bool(landed) {
            files[file][offset + sector * SECTOR_BYTES..][..bytes.len()].copy_from_slice(bytes);
        }
    }
}

pub async fn sweep(cuts: u64) -> Tally {
    let made = Made::new().await;
    let endings = Endings::of(&made);
    let mut tally = Tally::default();
    for seed in 0..cuts {
        let cut = Cut::new(&made, &mut StdRng::seed_from_u64(seed));
        let outcome = outcome(&made, &endings, &cut).await;
        let Cut { begun, durable, complete, .. } = cut;
        tally.count(outcome, || {
            format!("cut {seed}, blocks {} to {begun} in flight, whole up to {complete}", durable + 1)
        });
    }
    tally
}

async fn outcome(made: &Made, endings: &Endings, cut: &Cut) -> Outcome {
    let disk = Disk::new(cut.files.iter().map(|file| Bytes::copy_from_slice(file)).collect());
    match recovered(made, disk).await {
        Ok(found) if is_same(&found, endings.at(cut.complete)) => Outcome::TornTail,
        Ok(found) => {
            let durable = record_count(endings.at(cut.durable));
            match durable.saturating_sub(record_count(&found)) {
                0 => Outcome::WrongBytes("other records than those of the blocks that are whole".to_owned()),
                lost => Outcome::AcknowledgedDropped(lost),
            }
        }
        Err(error) => Outcome::TornCalledDamage(error.to_string()),
    }
}
