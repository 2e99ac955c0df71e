//! The verb `bench limit`.

use serde::Serialize;

use super::{Bound, LimitArgs, LimitError, Measured, Model, Shape, measure, shapes, table};

/// What `-o json` prints; [`Measured::read`] takes it again.
#[derive(Serialize)]
pub(super) struct Limits {
    pub(super) measured: Measured,
    pub(super) bounds: Vec<Named>,
}

#[derive(Serialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) bound: Bound,
}

pub(crate) fn run(args: &LimitArgs) -> miette::Result<()> {
    let measured = take(args)?;
    let limits = evaluate(measured, args);
    print!("{}", table::render(&limits));
    if args.output.is_some() {
        println!("{}", serde_json::json!(limits));
    }
    Ok(())
}

fn take(args: &LimitArgs) -> Result<Measured, LimitError> {
    match &args.from {
        Some(file) => Measured::read(file),
        None => measure(args, &mut |line| eprintln!("{line}")),
    }
}

pub(super) fn evaluate(measured: Measured, args: &LimitArgs) -> Limits {
    let (model, cores) = (Model::default(), measured.machine.cores.max(1));
    let named = shapes::named(cores).into_iter().map(|(name, shape)| (name.to_owned(), shape));
    let given = args.shape.shape(cores).map(|shape| ("as given".to_owned(), shape));
    let bounds = named.chain(given).map(|(name, shape)| {
        let bound = model.append_bytes_per_s(&measured, &shape);
        Named { name, shape, bound }
    });
    Limits { bounds: bounds.collect(), measured }
}
