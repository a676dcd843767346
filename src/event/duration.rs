//! The one grammar of lengths of time, for definitions, clients, scripts and queries: `250ms`, `1.5s`, `2m`, `1h30m`, `1d`.
//! A unit is a row of [`UNITS`]; the JSON Schema takes its pattern from [`duration_pattern`].

use jiff::SignedDuration;
use std::fmt::Write;
use std::time::Duration;

/// The units of a length of time, largest first, in nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The longest length of time that a definition may hold.
pub const MAX_DURATION: Duration = Duration::from_hours(365 * 24);

/// Reads a length of time as the task language writes it: `250ms`, `1.5s`, `2m`, `1h30m`.
///
/// # Errors
/// What is wrong and what to write instead, one sentence without a full stop.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    if trimmed.starts_with('-') {
        return Err(format!(
            "`{}` is negative: a length of time is more than nothing",
            short(trimmed)
        ));
    }
    let nanos = parse_nanos(trimmed)?;
    match u64::try_from(nanos).map(Duration::from_nanos) {
        Ok(duration) if duration <= MAX_DURATION => Ok(duration),
        _ => Err(format!(
            "`{}` is longer than a year: write at most `365d`",
            short(trimmed)
        )),
    }
}

/// The same for a value of an expression, which may be negative (`-5s`) and longer than a year.
///
/// # Errors
/// What is wrong and what to write instead, one sentence without a full stop.
pub fn parse_signed_duration(text: &str) -> Result<SignedDuration, String> {
    let trimmed = text.trim();
    let (negative, rest) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed),
    };
    let nanos = parse_nanos(rest)?;
    let nanos = if negative { -nanos } else { nanos };
    // Within 292 billion years, as `scaled` keeps each part.
    i64::try_from(nanos / 1_000_000_000)
        .map(|seconds| SignedDuration::new(seconds, (nanos % 1_000_000_000) as i32))
        .map_err(|_| format!("`{}` is too long", short(trimmed)))
}

/// A length of time as it is written, nothing rounded: [`parse_signed_duration`] reads it back.
#[must_use]
pub fn duration_text(duration: SignedDuration) -> String {
    let mut nanos = duration.as_nanos().unsigned_abs();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    if duration.is_negative() {
        out.push('-');
    }
    // Days are written as hours, as every report does.
    for (unit, size) in UNITS.iter().skip_while(|(unit, _)| *unit != "h") {
        let amount = nanos / u128::from(*size);
        nanos %= u128::from(*size);
        if amount > 0 {
            let _ = write!(out, "{amount}{unit}");
        }
    }
    out
}

/// What a length of time looks like, as a regular expression without anchors.
#[must_use]
pub fn duration_pattern() -> String {
    let mut units: Vec<&str> = UNITS.iter().map(|(unit, _)| *unit).collect();
    // `ms` before `m`.
    units.sort_by_key(|unit| std::cmp::Reverse(unit.len()));
    format!(r"([0-9]+(\.[0-9]+)?({}))+", units.join("|"))
}

fn parse_nanos(trimmed: &str) -> Result<i128, String> {
    if trimmed.is_empty() {
        return Err("a length of time is missing: write `5s` or `250ms`".to_owned());
    }
    if trimmed.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(format!(
            "`{0}` has no unit: write `{0}s` or `{0}ms`",
            short(trimmed)
        ));
    }
    let mut rest = trimmed;
    let mut nanos = 0u128;
    // A unit may only follow a larger one, so that `5s1h` and `1s1s` are refused.
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let Some(index) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(unreadable(trimmed));
        };
        if number.is_empty() || index < next_unit {
            return Err(unreadable(trimmed));
        }
        next_unit = index + 1;
        nanos += scaled(number, UNITS[index].1).ok_or_else(|| unreadable(trimmed))?;
        rest = tail;
    }
    i128::try_from(nanos).map_err(|_| unreadable(trimmed))
}

/// A decimal number of units in nanoseconds, exact; `None` if it is no number.
fn scaled(number: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // Longer ones are out of every range; this keeps the sum within 128 bits.
    if whole.is_empty() || whole.len() > 18 || fraction.is_empty() || fraction.len() > 9 {
        return (whole.len() > 18 && !fraction.is_empty() && !fraction.contains('.'))
            .then_some(u128::from(u64::MAX) + 1);
    }
    let parts: u128 = fraction.parse().ok()?;
    let whole: u128 = whole.parse().ok()?;
    let scale = 10u128.pow(fraction.len() as u32);
    Some(whole * u128::from(unit) + parts * u128::from(unit) / scale)
}

fn unreadable(text: &str) -> String {
    format!(
        "`{}` is no length of time: write `250ms`, `5s`, `2m` or `1h30m`",
        short(text)
    )
}

/// At most 40 characters of a text, for messages.
fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let millis = |text| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("250ms"), Ok(250));
        assert_eq!(millis("5s"), Ok(5_000));
        assert_eq!(millis("2m"), Ok(120_000));
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis("1.5s"), Ok(1_500));
        assert_eq!(millis("1m0.25s"), Ok(60_250));
        assert_eq!(millis("1d"), Ok(86_400_000));
        assert_eq!(millis("2w"), Ok(14 * 86_400_000));
        assert_eq!(millis("0s"), Ok(0));
        assert_eq!(parse_duration("3us5ns"), Ok(Duration::from_nanos(3_005)));
        assert_eq!(parse_duration("0.1s"), Ok(Duration::from_millis(100)));
        assert_eq!(millis("365d"), Ok(31_536_000_000));
    }

    #[test]
    fn says_what_to_write() {
        let error = |text| parse_duration(text).unwrap_err();
        assert_eq!(error("30"), "`30` has no unit: write `30s` or `30ms`");
        assert!(error("0.5").contains("`0.5s`"));
        assert!(error("-5s").contains("negative"));
        assert!(error("300y").contains("no length of time"));
        assert!(error("109575d").contains("longer than a year"));
        assert!(error(&format!("{}h", "9".repeat(400))).contains("longer than a year"));
        for bad in [
            "", "s", "5", "5 s", "5s1h", "1s1s", "1..5s", ".5s", "5.s", "five", "5S", "1h-5m", "∞",
            "inf", "nan", "1e3s",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in -400_000_000_000_i64..400_000_000_000, nanos in 0..1_000_000_000_i32) {
            let duration = SignedDuration::new(seconds, if seconds < 0 { -nanos } else { nanos });
            proptest::prop_assert_eq!(parse_signed_duration(&duration_text(duration)), Ok(duration));
        }
    }
}
