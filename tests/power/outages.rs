//! The power cuts of one life, made and checked.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use tokio::runtime::Runtime;

use crate::facts::{Facts, Told};
use crate::records::Numbered;
use crate::support::Random;
use crate::workload::{Life, Next};
use crate::{check, cuts, say};

/// Where one waits for the disk, the other has the processor.
const CHECKS_AT_ONCE: usize = 2;

#[derive(Debug)]
pub struct Outages<'a> {
    pub runtime: &'a Runtime,
    pub life: &'a Life,
    pub next: Next,
    /// Keep what a cut left, for people: the broker under test changes it.
    pub keep: bool,
}

/// The one after which the next life begins.
#[derive(Debug)]
struct Fatal {
    entries: usize,
    image: PathBuf,
}

/// What the checking threads share.
struct Coming<'a> {
    disk: cuts::Disk<'a>,
    /// Numbers of log entries, ascending. Emptied when a check fails.
    places: VecDeque<usize>,
    random: Random,
    totals: &'a mut Totals,
}

impl Outages<'_> {
    /// All of them. `base` becomes what one of them left, and what was known by then is returned: the next life begins there.
    pub fn happen(&self, base: &Path, places: Vec<usize>, random: &mut Random, totals: &mut Totals) -> Facts {
        let entries = places[random.below(places.len() as u64) as usize];
        let fatal = Fatal { entries, image: base.with_file_name("next") };
        let disk = cuts::Disk::new(base, &self.life.log);
        let random = Random::new(random.below(u64::MAX));
        let coming = Mutex::new(Coming { disk, places: places.into(), random, totals });
        std::thread::scope(|scope| {
            for n in 0..CHECKS_AT_ONCE {
                let (coming, fatal, image) = (&coming, &fatal, base.with_file_name(format!("cut-{n}")));
                scope.spawn(move || while self.one(coming, fatal, &image) {});
            }
        });
        std::fs::rename(fatal.image, base).expect("renamed");
        self.life.facts.known_at(self.life.log.length(entries))
    }

    /// `false`: there are no more.
    fn one(&self, coming: &Mutex<Coming<'_>>, fatal: &Fatal, image: &Path) -> bool {
        let Some((known, place, mut random)) = self.cut(coming, image) else { return false };
        if place.entries == fatal.entries {
            cuts::copy_sparse(image, &fatal.image);
        }
        if self.keep {
            cuts::copy_sparse(image, &image.with_extension("before"));
        }
        check::check(self.runtime, image, &known, self.new_record(), &mut random);
        place.passed();
        true
    }

    fn cut<'p, 'c>(&self, coming: &'p Mutex<Coming<'c>>, image: &Path) -> Option<(Facts, Place<'p, 'c>, Random)> {
        let mut now = coming.lock().expect("no holder panics");
        let Coming { disk, places, random, totals } = &mut *now;
        let entries = places.pop_front()?;
        let at_stake = disk.cut(entries, image, random);
        let known = self.life.facts.known_at(self.life.log.length(entries));
        totals.add(at_stake, &known);
        Some((known, Place { entries, at_stake, coming }, Random::new(random.below(u64::MAX))))
    }

    /// That nobody appended before.
    fn new_record(&self) -> Numbered {
        let number = *self.next.iter().max().expect("streams");
        Numbered { number, first: number, count: 1 }
    }
}

/// Dropped before it has passed, by a panic, it says which cut it was, and no more are made.
struct Place<'p, 'c> {
    entries: usize,
    at_stake: usize,
    coming: &'p Mutex<Coming<'c>>,
}

impl Place<'_, '_> {
    fn passed(self) {
        std::mem::forget(self);
    }
}

impl Drop for Place<'_, '_> {
    fn drop(&mut self) {
        say(&format!("at the cut after {} log entries, with {} writes at stake", self.entries, self.at_stake));
        if let Ok(mut coming) = self.coming.lock() {
            coming.places.clear();
        }
    }
}

#[derive(Debug)]
pub struct Totals {
    begun: Instant,
    cuts: usize,
    at_stake: usize,
    acked: usize,
    read: usize,
}

impl Default for Totals {
    fn default() -> Self {
        Self { begun: Instant::now(), cuts: 0, at_stake: 0, acked: 0, read: 0 }
    }
}

impl Totals {
    fn add(&mut self, at_stake: usize, known: &Facts) {
        self.cuts += 1;
        self.at_stake += at_stake;
        self.acked += known.told_by(Told::Ack);
        self.read += known.told_by(Told::Read);
    }

    /// So far.
    pub fn say(&self, what: &str) {
        let Self { begun, cuts, at_stake, acked, read } = self;
        say(&format!(
            "{what}; {cuts} cuts in {:.1} s, {at_stake} writes at stake, {acked} acked and {read} read records checked",
            begun.elapsed().as_secs_f64()
        ));
    }
}
