//! What a metrics call asks for (`s2-semantics.md` G).

use super::{number, values};
use crate::error::HttpError;
use crate::json::MetricInterval;
use crate::limits::{METRICS_AHEAD_SECS_MAX, METRICS_SPAN_SECS_MAX};

macro_rules! metric_sets {
    ($(#[$doc:meta])* $set:ident { $($name:ident = $word:literal),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $set {
            $($name),+
        }

        impl MetricSet for $set {
            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

metric_sets! {
    /// The sets of the account.
    AccountMetricSet { ActiveBasins = "active-basins", AccountOps = "account-ops" }
}

metric_sets! {
    /// The sets of a basin.
    BasinMetricSet {
        Storage = "storage",
        AppendOps = "append-ops",
        ReadOps = "read-ops",
        ReadThroughput = "read-throughput",
        AppendThroughput = "append-throughput",
        BasinOps = "basin-ops"
    }
}

metric_sets! {
    /// The sets of a stream.
    StreamMetricSet { Storage = "storage" }
}

/// The sets of one level, by their words.
pub trait MetricSet: Sized {
    fn from_word(word: &str) -> Option<Self>;
}

/// Times are seconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetricsQuery<S> {
    pub set: S,
    pub start_secs: Option<u32>,
    pub end_secs: Option<u32>,
    pub interval: Option<MetricInterval>,
}

impl<S: MetricSet> MetricsQuery<S> {
    /// # Errors
    /// `bad_query`.
    pub fn parse(query: &str) -> Result<Self, HttpError> {
        let [set, start, end, interval] = values(query, ["set", "start", "end", "interval"])?;
        let set = set.ok_or_else(|| HttpError::bad_query("`set` is missing"))?;
        let unknown = || HttpError::bad_query(format!("`set`: there is no set `{set}` here"));
        Ok(Self {
            set: S::from_word(&set).ok_or_else(unknown)?,
            start_secs: number("start", start)?,
            end_secs: number("end", end)?,
            interval: interval.as_deref().map(parse_interval).transpose()?,
        })
    }

    /// # Errors
    /// `invalid` for a range that ends before it starts, lies ahead of now, or is too long.
    pub fn check_range(&self, now_secs: u64) -> Result<(), HttpError> {
        let end = self.end_secs.map(u64::from);
        if end.is_some_and(|end| end > now_secs.saturating_add(METRICS_AHEAD_SECS_MAX.into())) {
            return Err(HttpError::invalid("`end` lies in the future"));
        }
        let (Some(start), Some(end)) = (self.start_secs, self.end_secs) else {
            return Ok(());
        };
        match end.checked_sub(start) {
            None => Err(HttpError::invalid("`start` exceeds `end`")),
            Some(span) if span > METRICS_SPAN_SECS_MAX => {
                Err(HttpError::invalid("the range from `start` to `end` is longer than 30 days"))
            }
            Some(_) => Ok(()),
        }
    }
}

fn parse_interval(word: &str) -> Result<MetricInterval, HttpError> {
    match word {
        "minute" => Ok(MetricInterval::Minute),
        "hour" => Ok(MetricInterval::Hour),
        "day" => Ok(MetricInterval::Day),
        other => Err(HttpError::bad_query(format!("`interval` is `minute`, `hour` or `day`, not `{other}`"))),
    }
}
