//! Times as people write them: milliseconds since the Unix epoch, or RFC 3339.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Why a text is no time.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TimeError {
    #[error("{0}; write milliseconds since 1970 (1771390606217) or RFC 3339 (2026-02-18T04:56:46Z)")]
    Unreadable(String),
    #[error("times before 1970 have no timestamp")]
    TooEarly,
}

/// Reads a timestamp: an integer is milliseconds since the epoch, anything else RFC 3339. The `T` may be a space; the
/// zone may be `Z`, an offset like `+02:00`, or missing, which means UTC.
pub fn parse_timestamp_ms(text: &str) -> Result<u64, TimeError> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_err(|_| TimeError::Unreadable("the number is beyond 2^64".into()));
    }
    let (local, offset_secs) = split_offset(text)?;
    let time = humantime::parse_rfc3339_weak(local).map_err(|e| TimeError::Unreadable(e.to_string()))?;
    let ms = i128::from(ms_since_epoch(time)?) - i128::from(offset_secs) * 1000;
    u64::try_from(ms).map_err(|_| TimeError::TooEarly)
}

/// Reads a duration. humantime's own message names the place of the error and no way out.
pub fn parse_duration(text: &str) -> Result<humantime::Duration, String> {
    text.parse().map_err(|e: humantime::DurationError| format!("{e}; write it like 5ms, 90s, 15m, 1h 30m or 2d"))
}

/// The timestamp `ago` before `now`; never below 0.
pub fn ago_ms(now: SystemTime, ago: Duration) -> u64 {
    now.checked_sub(ago).and_then(|then| ms_since_epoch(then).ok()).unwrap_or(0)
}

/// RFC 3339 with milliseconds, in UTC; timestamps that are no plausible time (other units are allowed, `s2-semantics.md`
/// A6) come back as the number they are.
pub fn show_timestamp(ms: u64) -> String {
    match UNIX_EPOCH.checked_add(Duration::from_millis(ms)) {
        Some(time) if ms < YEAR_10000_MS => humantime::format_rfc3339_millis(time).to_string(),
        _ => ms.to_string(),
    }
}

/// humantime formats no year beyond 9999.
const YEAR_10000_MS: u64 = 253_402_300_800_000;

fn ms_since_epoch(time: SystemTime) -> Result<u64, TimeError> {
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| TimeError::TooEarly)?;
    u64::try_from(since.as_millis()).map_err(|_| TimeError::Unreadable("the time is too far away".into()))
}

/// Cuts `+02:00` off the end, which humantime does not read: (the rest, offset in seconds east of UTC).
fn split_offset(text: &str) -> Result<(&str, i64), TimeError> {
    let Some((local, zone)) = text.split_at_checked(text.len().saturating_sub(6)) else { return Ok((text, 0)) };
    let sign = match zone.as_bytes().first() {
        Some(b'+') => 1,
        // The day of a bare date looks like an offset (`2026-02-18`); a real one has a colon.
        Some(b'-') if zone.contains(':') => -1,
        _ => return Ok((text, 0)),
    };
    let (hours, minutes) = zone[1..].split_once(':').ok_or_else(|| bad_offset(zone))?;
    let hours: i64 = two_digits(hours, 23).ok_or_else(|| bad_offset(zone))?;
    let minutes: i64 = two_digits(minutes, 59).ok_or_else(|| bad_offset(zone))?;
    Ok((local, sign * (hours * 3600 + minutes * 60)))
}

fn two_digits(text: &str, max: i64) -> Option<i64> {
    let plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| plain && *n <= max)
}

fn bad_offset(zone: &str) -> TimeError {
    TimeError::Unreadable(format!("`{zone}` is no offset from UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c1_times_are_milliseconds_or_rfc_3339() {
        for (text, ms) in [
            ("0", 0),
            ("1771390606217", 1_771_390_606_217),
            ("18446744073709551615", u64::MAX),
            ("2026-02-18T04:56:46.217Z", 1_771_390_606_217),
            ("2026-02-18 04:56:46", 1_771_390_606_000),
            ("2026-02-18T06:56:46+02:00", 1_771_390_606_000),
            ("2026-02-18T01:26:46-03:30", 1_771_390_606_000),
            ("1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(parse_timestamp_ms(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "-5", "1.5", "18446744073709551616", "2026-02-18T06:56:46+99:00", "2026-02-18é"]
        {
            assert!(matches!(parse_timestamp_ms(text), Err(TimeError::Unreadable(_))), "{text}");
        }
        assert_eq!(parse_timestamp_ms("1970-01-01T00:00:00+01:00"), Err(TimeError::TooEarly));
    }

    #[test]
    fn ago_counts_back_and_stops_at_the_epoch() {
        let now = UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(ago_ms(now, Duration::from_secs(3)), 7_000);
        assert_eq!(ago_ms(now, Duration::from_secs(11)), 0);
    }

    #[test]
    fn timestamps_in_other_units_are_shown_as_numbers() {
        assert_eq!(show_timestamp(1_771_390_606_217), "2026-02-18T04:56:46.217Z");
        assert_eq!(show_timestamp(u64::MAX), u64::MAX.to_string());
    }
}
