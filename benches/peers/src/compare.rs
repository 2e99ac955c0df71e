//! Riverrun and a peer in turns: Riverrun, peer, peer, Riverrun, block after block. Both servers run for all of a shape's blocks;
//! only one is loaded, and the next turn begins when it is done.

use std::cell::Cell;

use miette::{IntoDiagnostic, WrapErr, miette};
use tempfile::TempDir;

use crate::args::Args;
use crate::durability::{self, Durability, Verdict};
use crate::load::{Load, Measured};
use crate::peer::{Peer, Server};
use crate::peers::{Riverrun, all};
use crate::process::{check_disk, cpu_pressure_percent};
use crate::ratios::Ratios;
use crate::records::Pool;
use crate::report::{Report, Row, Skipped, Summary};
use crate::shape::Shape;

/// Before anything is loaded, nobody should wait for a core.
const CPU_PRESSURE_PERCENT_MAX: f64 = 10.0;

/// # Errors
/// Riverrun is not there, or a load fails.
pub async fn run(args: &Args) -> miette::Result<Report> {
    let riverrun = Riverrun::of(args.riverrun.as_deref())?;
    let mut report = Report::new(args, riverrun.find().map_err(|missing| miette!("{}", missing.why))?);
    for peer in all().into_iter().filter(|peer| args.wants_peer(peer.name())) {
        match peer.find() {
            Err(missing) => report.skipped.push(Skipped::loudly(peer.name(), missing)),
            Ok(version) => {
                for shape in args.shapes() {
                    report.rows.push(pair(args, &riverrun, peer.as_ref(), &version, shape).await?);
                }
            }
        }
    }
    Ok(report)
}

async fn pair(args: &Args, riverrun: &Riverrun, peer: &dyn Peer, version: &str, shape: &Shape) -> miette::Result<Row> {
    eprintln!("{} {}: {} blocks of {} s", peer.name(), shape.name, args.blocks, 4 * args.timing().span.as_secs());
    let cpu_pressure_percent = cpu_pressure_percent().await;
    if let Some(busy) = cpu_pressure_percent.filter(|percent| *percent > CPU_PRESSURE_PERCENT_MAX) {
        eprintln!(
            "BUSY: tasks waited for a core in {busy:.0} % of a second; others run here, the figures are theirs too"
        );
    }
    let pool = Pool::new(shape);
    let load = Load { shape, pool: &pool, timing: args.timing() };
    let mut ours = Side::start(riverrun, args).await?;
    let mut theirs = Side::start(peer, args).await?;
    let durabilities = [ours.check(&load).await?, theirs.check(&load).await?];
    let mut throughput = Ratios::default();
    for _ in 0..args.blocks {
        let first = ours.turn(&load).await?;
        let theirs = theirs.turn(&load).await? + theirs.turn(&load).await?;
        throughput.add(first + ours.turn(&load).await?, theirs);
    }
    let [our_durability, durability] = durabilities;
    let comparable = [our_durability.verdict, durability.verdict].iter().all(|v| *v != Verdict::NotDurable);
    Ok(Row {
        peer: peer.name(),
        version: version.to_owned(),
        about: peer.about(),
        shape: *shape,
        cpu_pressure_percent,
        riverrun: ours.summary(our_durability),
        peer_side: theirs.summary(durability),
        // Who does not sync does something else, and is not compared.
        throughput_ratio: throughput.ratio().filter(|_| comparable),
    })
}

/// One server, and what its turns came to.
struct Side {
    server: Box<dyn Server>,
    turns: u32,
    total: Measured,
    /// Removed when the server has ended: fields are dropped in this order.
    folder: TempDir,
}

impl Side {
    async fn start(peer: &dyn Peer, args: &Args) -> miette::Result<Self> {
        let folder = args.data.as_deref().map_or_else(TempDir::new, TempDir::new_in);
        let folder = folder.into_diagnostic().wrap_err("cannot make a folder for a server; name another --data")?;
        let server = peer.start(folder.path()).await.wrap_err_with(|| format!("{} does not start", peer.name()))?;
        Ok(Self { server, turns: 0, total: Measured::none(), folder })
    }

    async fn check(&mut self, load: &Load<'_>) -> miette::Result<Durability> {
        let durability = durability::check(self.server.as_ref(), self.turns, load, self.folder.path()).await?;
        self.leave(load).await?;
        Ok(durability)
    }

    /// Returns its bytes per second.
    async fn turn(&mut self, load: &Load<'_>) -> miette::Result<f64> {
        let measured = self.server.load(self.turns, load, &Cell::new(0)).await?;
        self.leave(load).await?;
        self.total.merge(&measured);
        Ok(measured.bytes_per_s())
    }

    async fn leave(&mut self, load: &Load<'_>) -> miette::Result<()> {
        self.server.clear(self.turns, load.shape).await?;
        self.turns += 1;
        self.server.process().settle().await;
        check_disk(self.folder.path())
    }

    fn summary(self, durability: Durability) -> Summary {
        Summary::of(&self.total, durability)
    }
}
