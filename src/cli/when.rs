//! Points in time as people read them, in their own time zone.

use crate::report::length;
use jiff::Timestamp;
use jiff::tz::TimeZone;

const MINUTE: u64 = 60_000_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `12s ago`, `3m ago`, `5h ago`; what is older than a day has its date.
pub(super) fn short(at: i64, now: i64) -> String {
    let ago = now.saturating_sub(at).max(0).unsigned_abs();
    match ago {
        0..MINUTE => format!("{}s ago", ago / 1_000_000),
        MINUTE..HOUR => format!("{}m ago", ago / MINUTE),
        HOUR..DAY => format!("{}h ago", ago / HOUR),
        _ => written(at, "%Y-%m-%d %H:%M"),
    }
}

/// `2026-01-03 14:02:11 +01:00, 3m05s ago`.
pub(super) fn exact(at: i64, now: i64) -> String {
    let ago = now.saturating_sub(at).max(0).unsigned_abs();
    let text = written(at, "%Y-%m-%d %H:%M:%S %:z");
    if ago < DAY {
        format!("{text}, {} ago", length(ago))
    } else {
        text
    }
}

fn written(at: i64, format: &str) -> String {
    let Ok(time) = Timestamp::from_microsecond(at) else {
        return at.to_string();
    };
    let time = time.to_zoned_datetime(TimeZone::system());
    time.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_relative_and_what_is_far_has_a_date() {
        let now: i64 = 1_800_000_000_000_000;
        let ago = |micros: u64| short(now.saturating_sub_unsigned(micros), now);
        assert_eq!(ago(0), "0s ago");
        assert_eq!(ago(59_999_999), "59s ago");
        assert_eq!(ago(MINUTE), "1m ago");
        assert_eq!(ago(23 * HOUR), "23h ago");
        assert!(ago(30 * DAY).starts_with("2026-12-1"), "{}", ago(30 * DAY));
        // A clock that was set back makes nobody come from the future.
        assert_eq!(short(now + 5, now), "0s ago");
    }
}
