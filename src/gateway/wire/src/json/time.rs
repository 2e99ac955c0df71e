//! Times as RFC 3339 texts (`s2-semantics.md` E1, I2); in the protocol they are milliseconds since the Unix epoch.

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error};

use super::text::Text;

/// In UTC, always with three digits behind the second, for parsers that count them: `2026-08-21T09:30:00.120Z`. What lies beyond the
/// year 9999, which RFC 3339 cannot say, is shown as its end.
pub fn rfc3339(ms: u64) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX);
    format!("{at:.3}")
}

/// A time in a body. Before 1970 it is 1970, which is past as well; less than a millisecond is cut off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Time {
    pub ms: u64,
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        let at: Timestamp = text.as_str().parse().map_err(|error| {
            Error::custom(format_args!("a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z: {error}"))
        })?;
        Ok(Self { ms: u64::try_from(at.as_millisecond()).unwrap_or(0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i2_times_have_an_offset_and_three_digits() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_767_225_600_120), "2026-01-01T00:00:00.120Z");
        assert!(rfc3339(u64::MAX).starts_with("9999-12-30T"), "{}", rfc3339(u64::MAX));
    }

    #[test]
    fn f1_times_in_a_body() {
        let ms = |text: &str| super::super::parse::<Time>(format!("{text:?}").as_bytes()).map(|time| time.ms);
        assert_eq!(ms("2026-01-01T00:00:00Z"), Ok(1_767_225_600_000));
        assert_eq!(ms("2026-01-01T01:00:00.5+01:00"), Ok(1_767_225_600_500));
        assert_eq!(ms("1969-12-31T23:59:59Z"), Ok(0));
        for bad in ["", "tomorrow", "2026-01-01", "2026-01-01T00:00:00", "1767225600"] {
            assert_eq!(ms(bad).unwrap_err().code(), Some("bad_json"), "{bad}");
        }
    }
}
