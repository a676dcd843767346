//! From PostgreSQL's binary values to JSON.

use crate::client::kit::json_bigint;
use crate::client::received::to_base64;
use crate::client::sql::rows::float;
use crate::event::Json;
use jiff::Timestamp;
use jiff::tz::Offset;
use sqlx::TypeInfo as _;
use sqlx::postgres::{PgTypeInfo, PgTypeKind};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Seconds from 1970 to 2000, where PostgreSQL's times begin.
const EPOCH: i64 = 946_684_800;
/// Elements and depth that an array may have.
const MAX_ELEMENTS: i32 = 1_000_000;
const MAX_DIMENSIONS: i32 = 6;

/// The value as JSON.
///
/// # Errors
/// When the type is not known here, or the bytes are not as it has them: what is wrong, in words.
pub(super) fn decode(bytes: &[u8], info: &PgTypeInfo) -> Result<Json, String> {
    match info.kind() {
        PgTypeKind::Array(element) => return array(bytes, element),
        PgTypeKind::Enum(_) => return text(bytes),
        PgTypeKind::Domain(base) => return decode(bytes, base),
        PgTypeKind::Composite(_) | PgTypeKind::Range(_) => return Err(unknown(info)),
        PgTypeKind::Simple | PgTypeKind::Pseudo => {}
    }
    match info.name() {
        "BOOL" => Ok(Json::Bool(fixed::<1>(bytes)?[0] != 0)),
        "INT2" => Ok(i16::from_be_bytes(fixed(bytes)?).into()),
        "INT4" => Ok(i32::from_be_bytes(fixed(bytes)?).into()),
        "INT8" => Ok(i64::from_be_bytes(fixed(bytes)?).into()),
        "OID" | "xid" | "cid" => Ok(u32::from_be_bytes(fixed(bytes)?).into()),
        "FLOAT4" => Ok(short_float(f32::from_be_bytes(fixed(bytes)?))),
        "FLOAT8" => Ok(float(f64::from_be_bytes(fixed(bytes)?))),
        "NUMERIC" => numeric(bytes),
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" | "\"CHAR\"" | "citext" | "xml" => {
            text(bytes)
        }
        "JSON" => Ok(json(bytes)),
        "JSONB" => match bytes {
            [1, rest @ ..] => Ok(json(rest)),
            _ => Err("its JSONB version is not known".to_owned()),
        },
        "JSONPATH" => match bytes {
            [1, rest @ ..] => text(rest),
            _ => Err("its version is not known".to_owned()),
        },
        "UUID" => Ok(uuid::Uuid::from_bytes(fixed(bytes)?).to_string().into()),
        "BYTEA" => Ok(to_base64(bytes).into()),
        "DATE" => date(i32::from_be_bytes(fixed(bytes)?)),
        "TIME" => Ok(clock(i64::from_be_bytes(fixed(bytes)?)).into()),
        "TIMETZ" => clock_with_offset(bytes),
        "TIMESTAMP" => timestamp(i64::from_be_bytes(fixed(bytes)?), false),
        "TIMESTAMPTZ" => timestamp(i64::from_be_bytes(fixed(bytes)?), true),
        "INTERVAL" => interval(bytes),
        "INET" | "CIDR" => network(bytes),
        "MACADDR" => {
            let parts: Vec<String> = fixed::<6>(bytes)?
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            Ok(parts.join(":").into())
        }
        "VOID" => Ok(Json::Null),
        _ => Err(unknown(info)),
    }
}

fn unknown(info: &PgTypeInfo) -> String {
    format!(
        "values of the type {} are not read",
        info.name().to_lowercase()
    )
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes
        .try_into()
        .map_err(|_| format!("it has {} bytes, not {N}", bytes.len()))
}

fn text(bytes: &[u8]) -> Result<Json, String> {
    std::str::from_utf8(bytes)
        .map(Json::from)
        .map_err(|_| "its text is not UTF-8".to_owned())
}

fn json(bytes: &[u8]) -> Json {
    json_bigint::parse_or_text(&String::from_utf8_lossy(bytes))
}

/// The decimal that is shown, not its nearest `f32` in 64 bits: 0.1, not 0.10000000149.
fn short_float(value: f32) -> Json {
    if value.is_finite() {
        float(value.to_string().parse().unwrap_or(f64::from(value)))
    } else {
        float(value.into())
    }
}

/// A number, if it stays what it is: whole ones of 64 bits, others of up to 15 digits, which a float
/// gives back as they are. Else its text.
fn numeric(bytes: &[u8]) -> Result<Json, String> {
    let text = decimal(bytes)?;
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(whole.into());
    }
    let digits = text
        .trim_start_matches(['-', '0', '.'])
        .bytes()
        .filter(u8::is_ascii_digit)
        .count();
    if text.contains('.') && digits <= 15 {
        return Ok(text.parse::<f64>().map_or(Json::String(text), float));
    }
    Ok(text.into())
}

/// The text of a `numeric`: digits to the base of 10,000 behind a head of four 16-bit numbers.
fn decimal(bytes: &[u8]) -> Result<String, String> {
    let short = || "its NUMERIC is cut short".to_owned();
    let (head, rest) = bytes.split_at_checked(8).ok_or_else(short)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign, scale) = (
        usize::from(word(0)),
        word(2).cast_signed(),
        word(4),
        usize::from(word(6)),
    );
    let mut text = match sign {
        0x0000 => String::new(),
        0x4000 => "-".to_owned(),
        0xC000 => return Ok("NaN".to_owned()),
        0xD000 => return Ok("Infinity".to_owned()),
        0xF000 => return Ok("-Infinity".to_owned()),
        _ => return Err("its NUMERIC has an unknown sign".to_owned()),
    };
    if rest.len() != count * 2 {
        return Err(short());
    }
    let digit = |index: i32| -> u16 {
        usize::try_from(index)
            .ok()
            .filter(|index| *index < count)
            .map_or(0, |index| {
                u16::from_be_bytes([rest[index * 2], rest[index * 2 + 1]])
            })
    };
    let weight = i32::from(weight);
    if weight < 0 {
        text.push('0');
    }
    for index in 0..=weight {
        let _ = if index == 0 {
            write!(text, "{}", digit(0))
        } else {
            write!(text, "{:04}", digit(index))
        };
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut index = weight + 1;
        while fraction.len() < scale {
            let _ = write!(fraction, "{:04}", digit(index));
            index += 1;
        }
        text.push('.');
        text.push_str(&fraction[..scale]);
    }
    Ok(text)
}

fn moment(micros: i64) -> Result<Timestamp, String> {
    micros
        .checked_add(EPOCH * 1_000_000)
        .and_then(|micros| Timestamp::from_microsecond(micros).ok())
        .ok_or_else(|| "its time lies outside of the years -9999 to 9999".to_owned())
}

fn timestamp(micros: i64, zoned: bool) -> Result<Json, String> {
    match micros {
        i64::MAX => return Ok("infinity".into()),
        i64::MIN => return Ok("-infinity".into()),
        _ => {}
    }
    let moment = moment(micros)?;
    Ok(if zoned {
        moment.to_string().into()
    } else {
        Offset::UTC.to_datetime(moment).to_string().into()
    })
}

fn date(days: i32) -> Result<Json, String> {
    match days {
        i32::MAX => return Ok("infinity".into()),
        i32::MIN => return Ok("-infinity".into()),
        _ => {}
    }
    let moment = moment(i64::from(days) * 86_400_000_000)?;
    Ok(Offset::UTC.to_datetime(moment).date().to_string().into())
}

/// A time of day; 24:00:00 is one.
fn clock(micros: i64) -> String {
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

fn clock_with_offset(bytes: &[u8]) -> Result<Json, String> {
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
    )
    .into())
}

/// ISO 8601: `P1Y2M3DT4H5M6.5S`. Each part has a sign of its own.
fn interval(bytes: &[u8]) -> Result<Json, String> {
    let bytes = fixed::<16>(bytes)?;
    let micros = i64::from_be_bytes(fixed(&bytes[..8])?);
    let days = i32::from_be_bytes(fixed(&bytes[8..12])?);
    let months = i32::from_be_bytes(fixed(&bytes[12..])?);
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
    Ok(text.into())
}

fn network(bytes: &[u8]) -> Result<Json, String> {
    let (address, bits, full, cidr) = match bytes {
        [_, bits, cidr, 4, address @ ..] => {
            let address = Ipv4Addr::from(fixed::<4>(address)?).to_string();
            (address, *bits, 32, *cidr)
        }
        [_, bits, cidr, 16, address @ ..] => {
            let address = Ipv6Addr::from(fixed::<16>(address)?).to_string();
            (address, *bits, 128, *cidr)
        }
        _ => return Err("its address is neither of 4 nor of 16 bytes".to_owned()),
    };
    Ok(if bits == full && cidr == 0 {
        address.into()
    } else {
        format!("{address}/{bits}").into()
    })
}

fn array(bytes: &[u8], element: &PgTypeInfo) -> Result<Json, String> {
    let mut reader = Reader(bytes);
    let dimensions = reader.int()?;
    let _has_null = reader.int()?;
    let _element = reader.int()?;
    if !(0..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(format!("its array has {dimensions} dimensions"));
    }
    let mut lengths = Vec::new();
    let mut total: i32 = 1;
    for _ in 0..dimensions {
        let length = reader.int()?;
        let _first_index = reader.int()?;
        total = total.saturating_mul(length);
        if length < 0 || total > MAX_ELEMENTS {
            return Err(format!("its array has more than {MAX_ELEMENTS} elements"));
        }
        lengths.push(length);
    }
    if lengths.is_empty() {
        return Ok(Json::Array(Vec::new()));
    }
    level(&mut reader, &lengths, element)
}

fn level(reader: &mut Reader<'_>, lengths: &[i32], element: &PgTypeInfo) -> Result<Json, String> {
    let Some((length, inner)) = lengths.split_first() else {
        let length = reader.int()?;
        return if length == -1 {
            Ok(Json::Null)
        } else {
            decode(reader.bytes(length)?, element)
        };
    };
    (0..*length)
        .map(|_| level(reader, inner, element))
        .collect::<Result<Vec<_>, _>>()
        .map(Json::Array)
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn int(&mut self) -> Result<i32, String> {
        fixed(self.bytes(4)?).map(i32::from_be_bytes)
    }

    fn bytes(&mut self, length: i32) -> Result<&'b [u8], String> {
        let (taken, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| self.0.split_at_checked(length))
            .ok_or_else(|| "its array is cut short".to_owned())?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn head(count: u16, weight: i16, sign: u16, scale: u16, digits: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [count, weight.cast_unsigned(), sign, scale]
            .iter()
            .chain(digits)
        {
            bytes.extend(word.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn numerics_are_exact() {
        let number = |bytes: &[u8]| numeric(bytes).unwrap();
        assert_eq!(number(&head(0, 0, 0, 0, &[])), json!(0));
        assert_eq!(number(&head(2, 1, 0, 0, &[1, 2])), json!(10_002));
        assert_eq!(number(&head(2, 0, 0x4000, 2, &[99, 5000])), json!(-99.5));
        assert_eq!(number(&head(1, -1, 0, 3, &[10])), json!(0.001));
        assert_eq!(number(&head(1, 1, 0, 0, &[5])), json!(50_000));
        let long = head(5, 4, 0, 0, &[9999, 9999, 9999, 9999, 9999]);
        assert_eq!(number(&long), json!("99999999999999999999"));
        let fine = head(4, -1, 0, 16, &[1234, 5678, 9012, 3456]);
        assert_eq!(number(&fine), json!("0.1234567890123456"));
        assert_eq!(number(&head(0, 0, 0xC000, 0, &[])), json!("NaN"));
        assert!(numeric(&head(3, 0, 0, 0, &[1])).is_err());
        assert!(numeric(&[0, 1]).is_err());
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(timestamp(0, true), Ok(json!("2000-01-01T00:00:00Z")));
        assert_eq!(
            timestamp(1_500_000, false),
            Ok(json!("2000-01-01T00:00:01.5"))
        );
        assert_eq!(timestamp(i64::MAX, true), Ok(json!("infinity")));
        assert!(timestamp(i64::MAX - 1, true).is_err());
        assert_eq!(date(-1), Ok(json!("1999-12-31")));
        assert_eq!(clock(86_400_000_000), "24:00:00");
        assert_eq!(clock(3_661_000_010), "01:01:01.00001");
    }

    #[test]
    fn intervals_are_iso_8601() {
        let of = |months: i32, days: i32, micros: i64| {
            let mut bytes = micros.to_be_bytes().to_vec();
            bytes.extend(days.to_be_bytes());
            bytes.extend(months.to_be_bytes());
            interval(&bytes).unwrap()
        };
        assert_eq!(of(0, 0, 0), json!("PT0S"));
        assert_eq!(of(14, 3, 14_706_500_000), json!("P1Y2M3DT4H5M6.5S"));
        assert_eq!(of(-1, 0, -500_000), json!("P-1MT-0.5S"));
    }

    #[test]
    fn broken_bytes_are_an_error() {
        let info = <Vec<i32> as sqlx::Type<sqlx::Postgres>>::type_info();
        for bytes in [
            &[0, 0, 0, 1][..],
            &[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 23],
            &[
                0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 127, 255, 255, 255, 0, 0, 0, 1,
            ],
        ] {
            assert!(decode(bytes, &info).is_err(), "{bytes:?}");
        }
    }
}
