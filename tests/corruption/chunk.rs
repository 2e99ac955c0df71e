//! Every byte of a chunk, damaged in every way, and every length that it may be cut short to, through the readers' path and
//! through recovery's.
//!
//! ```text
//! place               a reader                                                 whoever reads the object whole
//! header, trailer     gets everything: the catalog says where the footer is    is refused
//! footer              is refused, with the object's name                       is refused
//! page                is refused that page, with name and place; goes on       is refused
//!                     reading the others, and other streams
//! ```

pub mod made;
mod store;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use riverrun::catalog::Catalog;
use riverrun::loader::{ChunkIndex, Loader, LoaderParts, PAGE_CACHE_BYTES};
use riverrun::names::Names;
use riverrun::publish::Offload;
use riverrun_core::action::{PagesFrom, PagesOrder};
use riverrun_core::chunk::{Object, TAIL_BYTES, Tail, decode_tail, identify};
use riverrun_core::control::{ChunkRow, keys};
use riverrun_core::event::{LoadFailure, Loaded};

use crate::damage::{Damage, KINDS, Kind, places};
use crate::made::{WRITER, catalog, names};
use crate::tally::{Outcome, Tally};
use made::{ID, Made, Run, describe};
use store::OneObject;

/// Pages are opened in one of so many cases; in the others those of one stream are taken as they are stored, which costs less.
const OPENED_EVERY: usize = 8;

/// A process that has read nothing yet.
struct Reader<'a> {
    made: &'a Made,
    catalog: Arc<dyn Catalog>,
    names: Arc<Names>,
}

/// What a run of a stream may come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Demand {
    Right,
    RightOrRefused,
    /// As damage.
    Refused,
    /// By a store that does not answer.
    Unanswered,
}

impl<'a> Reader<'a> {
    async fn new(made: &'a Made) -> Self {
        let row = ChunkRow::new(&made.footer, &made.trailer);
        let rows = BTreeMap::from([(keys::chunk(ID), row.encode())]);
        let catalog: Arc<dyn Catalog> = catalog(&rows, 1).await;
        Self { made, names: names(Arc::clone(&catalog)), catalog }
    }

    fn loader(&self, object: OneObject, index: ChunkIndex) -> Loader {
        Loader::new(LoaderParts {
            objects: Arc::new(object),
            catalog: Arc::clone(&self.catalog),
            index: Arc::new(index),
            store_id: WRITER.store_id,
            names: Arc::clone(&self.names),
            offload: Offload::inline(),
            page_cache_bytes_max: PAGE_CACHE_BYTES,
        })
    }

    /// Reads every run of every stream, one page at a time.
    async fn read_all(&self, loader: &Loader, as_stored: bool, demand: impl Fn(&Run) -> (Demand, String)) -> Outcome {
        let (mut refused, mut failed) = (0, None);
        for run in &self.made.runs {
            let from = PagesFrom::SeqNum(run.run.first_seq_num);
            let order = PagesOrder { stream_id: run.stream_id, chunk: ID, from, bytes_max: 1, as_stored };
            let (demand, named) = demand(run);
            match (loader.load_pages(order).await, demand) {
                (Ok(loaded), _) if !self.is_right(run, &loaded) => return Outcome::WrongBytes(describe(run)),
                (Ok(_), Demand::Refused | Demand::Unanswered) => failed = Some(format!("{} was served", describe(run))),
                (Ok(_), _) => {}
                (Err(error), Demand::Right) => failed = Some(format!("{} was refused: {error:?}", describe(run))),
                (Err(error), _) if !names_place(&error, &named) => failed = Some(format!("no {named:?} in {error:?}")),
                // Asked again, damage would be there for ever.
                (Err(LoadFailure::Unavailable(why)), Demand::Refused) => failed = Some(format!("no damage, but {why}")),
                (Err(_), _) => refused += 1,
            }
        }
        match (failed, refused) {
            (Some(why), _) => Outcome::Unexpected(why),
            (None, 0) => Outcome::Whole,
            (None, refused) if refused == self.made.runs.len() => Outcome::Refused,
            (None, _) => Outcome::RefusedInPart,
        }
    }

    fn is_right(&self, run: &Run, loaded: &[Loaded]) -> bool {
        match loaded {
            [Loaded::Page(page)] => {
                let numbers = (page.first_seq_num, page.end_seq_num, page.raw_bytes);
                page.stored == self.made.object.slice(run.page.clone())
                    && numbers == (run.run.first_seq_num, run.run.end_seq_num, run.run.raw_bytes)
            }
            batches => batches
                .iter()
                .map(|piece| piece.batch().map(riverrun_protocol::Batch::bytes))
                .eq(run.batches.iter().map(Some)),
        }
    }
}

fn names_place(error: &LoadFailure, place: &str) -> bool {
    let (LoadFailure::Corrupt(why) | LoadFailure::Unavailable(why)) = error else { return false };
    why.contains(&ID.object_name()) && why.contains(place)
}

pub async fn sweep(stride: usize) -> Tally {
    let made = Made::new();
    assert_worth_sweeping(&made);
    let reader = Reader::new(&made).await;
    let mut tally = Tally::default();
    for at in places(made.object.len(), stride, &made.heads()) {
        for kind in KINDS {
            let damage = Damage { kind, at };
            let outcome = reader.damaged(damage).await;
            tally.count(outcome, || format!("chunk, byte {at}, {kind:?}"));
        }
    }
    for bytes in places(made.object.len(), stride, &made.heads()) {
        let outcome = reader.cut_short(bytes).await;
        tally.count(outcome, || format!("chunk cut short to {bytes} bytes"));
    }
    tally
}

/// Several pages, compressed and not, one of them shared.
fn assert_worth_sweeping(made: &Made) {
    let bytes = made.object.len();
    assert!((48 << 10..128 << 10).contains(&bytes), "{bytes} bytes");
    assert!(made.footer.pages.len() >= 3 && made.runs.len() > made.footer.pages.len(), "{:?}", made.footer.pages);
    let codecs: std::collections::BTreeSet<u8> = made.footer.pages.iter().map(|page| page.codec as u8).collect();
    assert_eq!(codecs.len(), 2, "{:?}", made.footer.pages);
    assert_eq!(made.older.len(), bytes);
}

impl Reader<'_> {
    async fn damaged(&self, damage: Damage) -> Outcome {
        let mut object = self.made.object.to_vec();
        damage.strike(&mut object, &self.made.older);
        let object = Bytes::from(object);
        if let Err(why) = self.read_whole(&object) {
            return Outcome::Unexpected(why);
        }
        let failures_left = AtomicUsize::new(damage.failing_reads());
        let store = OneObject { object: object.clone(), bad: damage.at, failures_left };
        let loader = self.loader(store, ChunkIndex::default());
        let is_opened = damage.at.is_multiple_of(OPENED_EVERY);
        self.read_all(&loader, !is_opened, |run| self.demand(run, damage, &object)).await
    }

    /// What a run must come to, and what its refusal must name.
    fn demand(&self, run: &Run, damage: Damage, object: &Bytes) -> (Demand, String) {
        let footer = self.made.footer_range();
        let is_unreadable = [&run.page, &footer].iter().any(|range| range.contains(&damage.at));
        match damage.kind {
            Kind::Unreadable if is_unreadable && damage.failing_reads() < usize::MAX => {
                (Demand::RightOrRefused, String::new())
            }
            Kind::Unreadable if is_unreadable => (Demand::Unanswered, String::new()),
            Kind::Unreadable => (Demand::Right, String::new()),
            _ if self.differs(object, &footer) => (Demand::Refused, "chunk footer".to_owned()),
            _ if self.differs(object, &run.page) => (Demand::Refused, in_error(&run.page)),
            _ => (Demand::Right, String::new()),
        }
    }

    fn differs(&self, object: &Bytes, range: &Range<usize>) -> bool {
        object[range.clone()] != self.made.object[range.clone()]
    }

    /// As recovery and the scrub do.
    fn read_whole(&self, object: &Bytes) -> Result<(), String> {
        match (identify(object), *object != self.made.object) {
            (Ok(_), true) => return Err("read whole, it passed for sound".to_owned()),
            (Ok(Object::Chunk(chunk)), false) if chunk.footer == self.made.footer => {}
            (Err(_), true) => {}
            (other, false) => return Err(format!("sound, and not taken: {other:?}")),
        }
        let tail = object.slice(object.len().saturating_sub(TAIL_BYTES as usize)..);
        let differs = self.differs(object, &(self.made.footer_range().start..object.len()));
        match (decode_tail(&tail, object.len() as u64), differs) {
            (Err(_), true) => Ok(()),
            (Ok(Tail::Chunk(footer, trailer)), false)
                if *footer == self.made.footer && trailer == self.made.trailer =>
            {
                Ok(())
            }
            (other, _) => Err(format!("its end reads as {other:?}")),
        }
    }

    /// By a process that knows nothing of the chunk yet, and by one that has its footer.
    async fn cut_short(&self, bytes: usize) -> Outcome {
        let object = self.made.object.slice(..bytes);
        if identify(&object).is_ok() || decode_tail(&object, bytes as u64).is_ok() {
            return Outcome::Unexpected("it passed for a whole one".to_owned());
        }
        let knows_footer = ChunkIndex::default();
        knows_footer.add(Arc::new(self.made.footer.clone()), self.made.trailer.footer.bytes);
        let loader = self.loader(sound(&object), knows_footer);
        let after = self.read_all(&loader, true, |run| is_there(run.page.end <= bytes)).await;
        let loader = self.loader(sound(&object), ChunkIndex::default());
        let anew = self.read_all(&loader, true, |_| is_there(self.made.footer_range().end <= bytes)).await;
        after.max(anew)
    }
}

fn is_there(is_there: bool) -> (Demand, String) {
    match is_there {
        true => (Demand::Right, String::new()),
        false => (Demand::Refused, "cut short".to_owned()),
    }
}

fn sound(object: &Bytes) -> OneObject {
    OneObject { object: object.clone(), bad: usize::MAX, failures_left: AtomicUsize::new(0) }
}

/// How an error says where a page is.
fn in_error(page: &Range<usize>) -> String {
    format!("bytes {}..{}", page.start, page.end)
}
