//! What journal files hold: one line per block, and per journal the verdict that recovery would come to.

mod files;

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Write};

use bytes::Bytes;
use riverrun_core::journal::{
    BlockHeader, Damage, Expectation, Finding, JournalKey, Journals, Oddity, ReadError, Replay, directory,
    verify_payload,
};
use riverrun_protocol::Batch;

use crate::args::JournalArgs;
use crate::error::Error;
use crate::hextext::digits;
use crate::row::{self, Row};
use files::JournalFile;

/// Prints what the files hold, and the verdict over each journal in them.
///
/// # Errors
/// They cannot be read, hold no journal, are of a newer version, or are damaged in what is still needed.
pub fn run(args: &JournalArgs, out: &mut impl Write) -> Result<(), Error> {
    let files = files::open(&args.files)?;
    let name = files.iter().map(|file| file.name.clone()).collect::<Vec<_>>().join(", ");
    let mut journals = Journals::default();
    let scans: Vec<_> = files.iter().map(JournalFile::scan).collect();
    scans.iter().for_each(|scan| journals.add(scan.clone()));
    let known: Vec<[u8; 16]> = journals.keys().map(|key| key.journal_id).collect();
    // A payload may look like such a block; it does not know the journal's id.
    if let Some((file, offset, version)) = journals.newer_version(|id| known.is_empty() || known.contains(id)) {
        let why = format!("file {file:08}, offset {offset}: a block of format version {version}");
        let help = "use the riverrun that wrote it, or a newer one; nothing is wrong with the file".to_owned();
        return Err(Error::Foreign { name, why, help });
    }
    let verdicts: Vec<_> = journals.keys().map(|key| (key, decide(&journals, key, &files))).collect();
    let mut view = View { out, args, uses: Uses::of(&verdicts), damaged: 0, blocks: 0 };
    for (file, scan) in files.iter().zip(&scans) {
        view.file(file, &scan.blocks, &scan.findings)?;
    }
    verdicts.iter().try_for_each(|(key, verdict)| view.verdict(key, verdict))?;
    view.out.flush()?;
    match (view.damaged, view.blocks) {
        (0, 0) => Err(Error::Foreign {
            name,
            why: "no journal block is in it".to_owned(),
            help: "a journal file that was made and not yet written holds zeros only; if this one should hold blocks, \
                   it is damaged or is no journal file"
                .to_owned(),
        }),
        (0, _) => Ok(()),
        (damaged, _) => Err(Error::Damaged { name, what: format!("{damaged} of its parts are") }),
    }
}

fn decide(journals: &Journals, key: JournalKey, files: &[JournalFile]) -> Result<Replay, Damage> {
    journals.decide(key, Expectation::default(), &mut |header| read_block(files, header))
}

fn read_block(files: &[JournalFile], header: &BlockHeader) -> Result<Bytes, ReadError> {
    let file = files.iter().find(|file| file.number == header.file);
    let file = file.ok_or_else(|| ReadError(format!("file {:08} was not given", header.file)))?;
    file.read(header.offset, header.block_bytes as usize)
}

/// Which blocks recovery would use.
struct Uses {
    needed: HashSet<(JournalKey, u64)>,
    /// Journals that recovery would refuse: of their blocks nothing is decided.
    refused: HashSet<JournalKey>,
}

impl Uses {
    fn of(verdicts: &[(JournalKey, Result<Replay, Damage>)]) -> Uses {
        let mut uses = Uses { needed: HashSet::new(), refused: HashSet::new() };
        for (key, verdict) in verdicts {
            match verdict {
                Ok(replay) => uses.needed.extend(replay.blocks.iter().map(|block| (*key, block.number))),
                Err(_) => _ = uses.refused.insert(*key),
            }
        }
        uses
    }

    fn of_block(&self, header: &BlockHeader) -> &'static str {
        let key = key_of(header);
        match (self.refused.contains(&key), self.needed.contains(&(key, header.number))) {
            (true, _) => UNDECIDED,
            (_, true) => NEEDED,
            (_, false) => "not needed",
        }
    }
}

const NEEDED: &str = "needed";
const UNDECIDED: &str = "undecided";

fn key_of(header: &BlockHeader) -> JournalKey {
    JournalKey { epoch: header.epoch, journal_id: header.journal_id }
}

struct View<'a, W> {
    out: &'a mut W,
    args: &'a JournalArgs,
    uses: Uses,
    /// Parts that are needed and have a fault.
    damaged: usize,
    blocks: usize,
}

impl<W: Write> View<'_, W> {
    fn put(&mut self, row: &Row) -> io::Result<()> {
        row.print(self.out, self.args.output)
    }

    /// Everything found in one file, by rising offset.
    fn file(&mut self, file: &JournalFile, blocks: &[BlockHeader], findings: &[Finding]) -> io::Result<()> {
        let row = Row::new("file").with("name", file.name.clone()).with("file", file.number);
        let store = file.store_id.map(|id| digits(&id));
        self.put(&row.with("bytes", file.bytes).with_some("store_id", store).with("blocks", blocks.len()))?;
        let offsets: BTreeSet<u64> =
            blocks.iter().map(|block| block.offset).chain(findings.iter().map(|finding| finding.offset)).collect();
        for offset in offsets {
            for block in blocks.iter().filter(|block| block.offset == offset) {
                self.block(file, block)?;
            }
            for finding in findings.iter().filter(|finding| finding.offset == offset) {
                self.put(&finding_row(finding))?;
            }
        }
        Ok(())
    }

    fn block(&mut self, file: &JournalFile, header: &BlockHeader) -> io::Result<()> {
        self.blocks += 1;
        let block = file.read(header.offset, header.block_bytes as usize);
        let batches = block.as_ref().map_err(ToString::to_string).and_then(|block| batches(header, block));
        let use_ = self.uses.of_block(header);
        let is_needed = use_ == NEEDED;
        let row =
            block_row(header).with("use", use_).with_some("records", batches.as_ref().ok().map(|all| records(all)));
        match &batches {
            Ok(_) => self.put(&row)?,
            Err(why) if is_needed => {
                self.damaged += 1;
                self.put(&row.fault(Some(why)))?;
            }
            // Overwritten in part by a later lap, or torn: nobody will read it. Where it matters, the verdict says so.
            Err(why) => self.put(&row.with("content", why.clone()))?,
        }
        self.batches(&batches.unwrap_or_default(), is_needed)
    }

    fn batches(&mut self, batches: &[Batch], is_needed: bool) -> io::Result<()> {
        for batch in batches {
            let is_bad = batch.verify_payload().is_err();
            self.damaged += usize::from(is_bad && is_needed);
            if self.args.batches || is_bad {
                self.put(&row::batch(batch, 1))?;
            }
        }
        Ok(())
    }

    fn verdict(&mut self, key: &JournalKey, verdict: &Result<Replay, Damage>) -> io::Result<()> {
        let row = Row::new("journal").with("epoch", key.epoch).with("journal_id", digits(&key.journal_id));
        match verdict {
            Ok(replay) => self.put(&replay_row(row, replay)),
            Err(damage) => {
                self.damaged += 1;
                self.put(&row.fault(Some(damage)))
            }
        }
    }
}

/// A block's batches, its checksums verified. Payloads' own sums are left to the caller.
fn batches(header: &BlockHeader, block: &Bytes) -> Result<Vec<Batch>, String> {
    verify_payload(header, block).map_err(|why| why.to_string())?;
    let batches = directory(header, block).map_err(|why| why.to_string())?;
    let parse = |(index, bytes): (usize, &Bytes)| {
        Batch::parse(bytes.clone()).map_err(|why| format!("batch {index} of its directory: {why}"))
    };
    batches.iter().enumerate().map(parse).collect()
}

fn records(batches: &[Batch]) -> u64 {
    batches.iter().map(|batch| u64::from(batch.record_count())).sum()
}

fn block_row(header: &BlockHeader) -> Row {
    Row::new("block")
        .with("offset", header.offset)
        .with("number", header.number)
        .with("epoch", header.epoch)
        .with("shard", header.shard)
        .with("journal_id", digits(&header.journal_id))
        .with("bytes", header.block_bytes)
        .with("batches", header.directory_count)
        .with("durable_watermark", header.durable_watermark)
        .with("needed_from", header.needed_from)
        .with("wall_ms", header.wall_ms)
}

/// Odd by itself, and no damage unless a needed block is missing for it, which the verdict then says.
fn finding_row(finding: &Finding) -> Row {
    let row = Row::new("odd").with("offset", finding.offset).with("why", finding.oddity.to_string());
    match &finding.oddity {
        Oddity::OtherStore { store_id } => row.with("store_id", digits(store_id)),
        _ => row,
    }
}

fn replay_row(row: Row, replay: &Replay) -> Row {
    let row = row
        .with("needed_from", replay.needed_from)
        .with("last_number", replay.last_number)
        .with("durable_watermark", replay.durable_watermark)
        .with("blocks_to_replay", replay.blocks.len());
    let torn = replay.torn.as_ref();
    row.with("verdict", if torn.is_some() { "torn tail, dropped" } else { "whole" })
        .with_some("torn_from", torn.map(|torn| torn.first))
        .with_some("torn_why", torn.map(|torn| torn.reason.to_string()))
}
