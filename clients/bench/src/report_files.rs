//! `bench report OLD NEW`: two runs' histograms side by side, from the files that they left.

mod curves;
mod error;
mod figures;
mod load;
mod table;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::plot::{PlotSpec, Series, percentile_curve};
use curves::Pair;
pub use error::ReportError;

#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// The run to compare with: a folder of results, or one .hlog file (HdrHistogram's interval log, in microseconds).
    old: PathBuf,
    /// The other run: again a folder or a file.
    new: PathBuf,
    /// Draws the curves of both runs, a file for each tag: FILE's name gets the tag before its extension.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(crate) fn run(args: &ReportArgs) -> miette::Result<()> {
    let (text, plots) = report(args)?;
    print!("{text}");
    for plot in plots {
        let path = plot.path.display();
        fs::write(&plot.path, plot.svg).map_err(|why| ReportError::Write { path: plot.path.clone(), why })?;
        println!("wrote {path}");
    }
    Ok(())
}

struct Plot {
    path: PathBuf,
    svg: String,
}

/// Everything is read and drawn before anything is written.
fn report(args: &ReportArgs) -> Result<(String, Vec<Plot>), ReportError> {
    let (old, new) = (load::run(&args.old)?, load::run(&args.new)?);
    let by_tag_alone = args.old.is_file() && args.new.is_file();
    let compared = curves::compare(&old, &new, by_tag_alone);
    if compared.pairs.is_empty() {
        let names = |run: &load::Run| run.curves.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(ReportError::NothingInCommon { old: names(&old), new: names(&new) });
    }
    let text = table::render(args, &compared, &figures::compare(&old.figures, &new.figures));
    let plots = args.svg.iter().flat_map(|base| compared.pairs.iter().map(|pair| plot(base, args, pair)));
    Ok((text, plots.collect()))
}

fn plot(base: &Path, args: &ReportArgs, pair: &Pair<'_>) -> Plot {
    let (old, new) = (format!("{}, old", args.old.display()), format!("{}, new", args.new.display()));
    let title = if pair.name.is_empty() { "latency".to_owned() } else { format!("latency: {}", pair.name) };
    let spec = PlotSpec {
        title: &title,
        subtitle: "old is dashed; further to the right is rarer, higher is slower",
        series: vec![
            Series { label: &old, latency_us: pair.old, dashed: true },
            Series { label: &new, latency_us: pair.new, dashed: false },
        ],
    };
    Plot { path: beside(base, &pair.name), svg: percentile_curve(&spec) }
}

/// `out.svg` becomes `out-ack.svg`; a histogram without a tag goes to `out.svg` itself.
fn beside(base: &Path, name: &str) -> PathBuf {
    if name.is_empty() {
        return base.to_owned();
    }
    let stem = base.file_stem().unwrap_or_default().to_string_lossy();
    let extension = base.extension().map_or_else(|| "svg".into(), |extension| extension.to_string_lossy());
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    base.with_file_name(format!("{stem}-{name}.{extension}"))
}
