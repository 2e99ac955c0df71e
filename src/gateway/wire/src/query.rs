//! Query strings (`s2-semantics.md` C1, E3, G): names are exact, what is unknown is ignored, what is known comes once.

use std::borrow::Cow;

pub use list::ListQuery;
pub use metrics::{AccountMetricSet, BasinMetricSet, MetricSet, MetricsQuery, StreamMetricSet};
pub use read::ReadQuery;

use crate::error::HttpError;
use crate::percent;

mod list;
mod metrics;
mod read;

/// The parameter that lets in who can send no header.
const TICKET: &str = "ticket";

/// The ticket that a read comes with, if any.
///
/// # Errors
/// `bad_query`.
pub fn ticket(query: &str) -> Result<Option<Cow<'_, str>>, HttpError> {
    values(query, [TICKET]).map(|[ticket]| ticket)
}

/// The values of the parameters `names`, in their order; `query` is what stands behind the `?`, still percent-encoded.
///
/// # Errors
/// `bad_query` for a parameter that comes twice or cannot be decoded. Parameters of other names are not looked at.
fn values<'a, const N: usize>(query: &'a str, names: [&str; N]) -> Result<[Option<Cow<'a, str>>; N], HttpError> {
    let mut found = [const { None }; N];
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(index) = decode(name).ok().and_then(|name| names.iter().position(|known| *known == name)) else {
            continue;
        };
        let value = decode(value).map_err(|why| HttpError::bad_query(format!("`{}`: {why}", names[index])))?;
        if found[index].replace(value).is_some() {
            return Err(HttpError::bad_query(format!("`{}` is given more than once", names[index])));
        }
    }
    Ok(found)
}

/// As forms are encoded: a plus is a blank.
fn decode(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if !text.contains('+') {
        return percent::decode(text);
    }
    let blanks = text.replace('+', " ");
    percent::decode(&blanks).map(|decoded| Cow::Owned(decoded.into_owned()))
}

/// # Errors
/// `bad_query` unless `value` is digits and fits.
fn number<T: std::str::FromStr>(name: &str, value: Option<Cow<'_, str>>) -> Result<Option<T>, HttpError> {
    let Some(value) = value else {
        return Ok(None);
    };
    let digits = Some(&value).filter(|value| value.bytes().all(|b| b.is_ascii_digit()));
    let parsed = digits.and_then(|digits| digits.parse().ok());
    parsed.map(Some).ok_or_else(|| HttpError::bad_query(format!("`{name}` is not a number in its range: `{value}`")))
}

/// # Errors
/// `bad_query` unless `value` is `true` or `false`.
fn boolean(name: &str, value: Option<Cow<'_, str>>) -> Result<Option<bool>, HttpError> {
    match value.as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(HttpError::bad_query(format!("`{name}` is `true` or `false`, not `{other}`"))),
    }
}

#[cfg(test)]
mod tests;
