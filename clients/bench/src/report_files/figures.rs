//! The numbers of a result's JSON, by their place in it: `append.mib_per_s`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::ReportError;

pub(super) type Figures = BTreeMap<String, f64>;

/// A result has a few dozen.
const FIGURES_MAX: usize = 4096;

/// A number that is not the same in both runs.
pub(super) struct Changed {
    pub(super) name: String,
    pub(super) old: f64,
    pub(super) new: f64,
}

/// Those of a file's last line, which is where `-o json` prints the result. `prefix` keeps several files of a folder apart.
pub(super) fn add(figures: &mut Figures, prefix: &str, file: &Path, text: &str) -> Result<(), ReportError> {
    let failed = |why: String| ReportError::Figures { path: file.to_owned(), why };
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).ok_or_else(|| failed("it is empty".into()))?;
    // A result that was printed over several lines is as good.
    let parsed = serde_json::from_str(line).or_else(|_| serde_json::from_str(text));
    let value: Value = parsed.map_err(|error| failed(error.to_string()))?;
    flatten(figures, prefix, &value);
    if figures.len() > FIGURES_MAX {
        return Err(ReportError::TooMuch { path: file.to_owned(), what: "numbers", most: FIGURES_MAX as u64 });
    }
    Ok(())
}

/// As deep as serde_json lets a value be nested, which is 128.
fn flatten(figures: &mut Figures, place: &str, value: &Value) {
    let within = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| flatten(figures, &within(key), value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| flatten(figures, &within(&index.to_string()), item));
        }
        Value::Number(number) => figures.extend(number.as_f64().map(|number| (place.to_owned(), number))),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Those that both runs have and that differ: what was asked for is the same on both sides and says nothing.
pub(super) fn compare(old: &Figures, new: &Figures) -> Vec<Changed> {
    let changed = |(name, old): (&String, &f64)| {
        let new = *new.get(name)?;
        (new != *old).then(|| Changed { name: name.clone(), old: *old, new })
    };
    old.iter().filter_map(changed).collect()
}
