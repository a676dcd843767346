//! Times, dates and intervals in ISO 8601, from the numbers that PostgreSQL sends.

use super::column::fixed;
use jiff::Timestamp;
use jiff::tz::Offset;
use std::fmt::Write as _;

/// Seconds from 1970 to 2000, where PostgreSQL's times begin.
const EPOCH: i64 = 946_684_800;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

pub(super) fn timestamp(micros: i64, zoned: bool) -> String {
    match micros {
        i64::MAX => return "infinity".to_owned(),
        i64::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    let moment = micros
        .checked_add(EPOCH * 1_000_000)
        .and_then(|micros| Timestamp::from_microsecond(micros).ok());
    match moment {
        Some(moment) if zoned => moment.to_string(),
        Some(moment) => Offset::UTC.to_datetime(moment).to_string(),
        None => {
            let (day, time) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
            let zone = if zoned { "Z" } else { "" };
            format!("{}T{}{zone}", far_date(day), clock(time))
        }
    }
}

pub(super) fn date(days: i32) -> String {
    match days {
        i32::MAX => return "infinity".to_owned(),
        i32::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    let days = i64::from(days);
    match Timestamp::from_second(days * 86_400 + EPOCH) {
        Ok(moment) => Offset::UTC.to_datetime(moment).date().to_string(),
        Err(_) => far_date(days),
    }
}

/// A day, counted from 2000, after the year 9999: as PostgreSQL writes it. (There is none before the year -4713.)
fn far_date(days: i64) -> String {
    // The years of the Gregorian calendar repeat after 400 of them; seen from the 1st of March, their leap days come last.
    const CYCLE: i64 = 146_097;
    let days = days + 730_425; // From 0000-03-01.
    let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = 400 * cycle + year + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{date:02}")
}

/// A time of day; 24:00:00 is one.
pub(super) fn clock(micros: i64) -> String {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if micros != 0 {
        let _ = write!(text, ".{micros:06}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

pub(super) fn clock_with_offset(bytes: &[u8]) -> Result<String, String> {
    let bytes = fixed::<12>(bytes)?;
    let (time, west) = bytes.split_at(8);
    let time = i64::from_be_bytes(fixed(time)?);
    let west = i32::from_be_bytes(fixed(west)?);
    let sign = if west > 0 { '-' } else { '+' };
    let seconds = west.unsigned_abs();
    Ok(format!(
        "{}{sign}{:02}:{:02}",
        clock(time),
        seconds / 3600,
        seconds / 60 % 60
    ))
}

/// ISO 8601: `P1Y2M3DT4H5M6.5S`. Each part has a sign of its own.
pub(super) fn interval(bytes: &[u8]) -> Result<String, String> {
    let bytes = fixed::<16>(bytes)?;
    let micros = i64::from_be_bytes(fixed(&bytes[..8])?);
    let days = i32::from_be_bytes(fixed(&bytes[8..12])?);
    let months = i32::from_be_bytes(fixed(&bytes[12..])?);
    match (months, days, micros) {
        (i32::MAX, i32::MAX, i64::MAX) => return Ok("infinity".to_owned()),
        (i32::MIN, i32::MIN, i64::MIN) => return Ok("-infinity".to_owned()),
        _ => {}
    }
    let mut text = String::from("P");
    let add = |text: &mut String, count: i64, unit: char| {
        if count != 0 {
            let _ = write!(text, "{count}{unit}");
        }
    };
    add(&mut text, i64::from(months / 12), 'Y');
    add(&mut text, i64::from(months % 12), 'M');
    add(&mut text, i64::from(days), 'D');
    if micros != 0 {
        text.push('T');
        add(&mut text, micros / 3_600_000_000, 'H');
        add(&mut text, micros / 60_000_000 % 60, 'M');
        let rest = micros % 60_000_000;
        if rest != 0 {
            let sign = if rest < 0 { "-" } else { "" };
            let rest = rest.unsigned_abs();
            let _ = write!(text, "{sign}{}", rest / 1_000_000);
            if rest % 1_000_000 != 0 {
                let _ = write!(text, ".{:06}", rest % 1_000_000);
                text.truncate(text.trim_end_matches('0').len());
            }
            text.push('S');
        }
    }
    if text == "P" {
        text.push_str("T0S");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(timestamp(0, true), "2000-01-01T00:00:00Z");
        assert_eq!(timestamp(1_500_000, false), "2000-01-01T00:00:01.5");
        assert_eq!(timestamp(i64::MAX, true), "infinity");
        assert_eq!(date(-1), "1999-12-31");
        assert_eq!(clock(86_400_000_000), "24:00:00");
        assert_eq!(clock(3_661_000_010), "01:01:01.00001");
    }

    /// The last that PostgreSQL holds, and the first that jiff does not.
    #[test]
    fn far_dates_have_all_their_digits() {
        assert_eq!(date(2_145_031_948), "5874897-12-31");
        assert_eq!(date(2_921_939), "9999-12-31");
        assert_eq!(date(2_921_940), "10000-01-01");
        assert_eq!(date(2_921_999), "10000-02-29");
        assert_eq!(date(2_922_000), "10000-03-01");
        assert_eq!(
            timestamp(9_223_371_331_199_999_999, true),
            "294276-12-31T23:59:59.999999Z"
        );
    }

    #[test]
    fn intervals_are_iso_8601() {
        let of = |months: i32, days: i32, micros: i64| {
            let mut bytes = micros.to_be_bytes().to_vec();
            bytes.extend(days.to_be_bytes());
            bytes.extend(months.to_be_bytes());
            interval(&bytes).unwrap()
        };
        assert_eq!(of(0, 0, 0), "PT0S");
        assert_eq!(of(14, 3, 14_706_500_000), "P1Y2M3DT4H5M6.5S");
        assert_eq!(of(-1, 0, -500_000), "P-1MT-0.5S");
    }
}
