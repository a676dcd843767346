//! From PostgreSQL's values to JSON.
//!
//! A type that JSON has a good form for comes in binary, which no setting of the server changes; any other comes as the
//! server's own text.

use super::connection::Format;
use super::time;
use super::types::{Form, PgType};
use crate::client::kit::json_bigint;
use crate::client::kit::json_tree::Room;
use crate::client::received::to_base64;
use crate::client::sql::rows::float;
use crate::event::Json;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::Chars;

/// Elements and depth that an array may have.
const MAX_ELEMENTS: i32 = 1_000_000;
const MAX_DIMENSIONS: i32 = 6;

/// The types that are read in binary.
const BINARY: [&str; 28] = [
    "bool",
    "int2",
    "int4",
    "int8",
    "oid",
    "xid",
    "cid",
    "float4",
    "float8",
    "numeric",
    "text",
    "varchar",
    "bpchar",
    "name",
    "char",
    "unknown",
    "json",
    "jsonb",
    "uuid",
    "bytea",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "inet",
    "cidr",
];

/// The format in which values of a type are asked for.
pub(super) fn format(kind: &PgType) -> Format {
    let binary = match &kind.form {
        Form::Builtin => BINARY.contains(&kind.name.as_str()),
        Form::Array { element, .. } => return format(element),
        Form::Other => false,
    };
    if binary { Format::Binary } else { Format::Text }
}

/// A value in the format of its type as JSON.
///
/// # Errors
/// When the bytes are not as the type has them: what is wrong, in words.
pub(super) fn decode(bytes: &[u8], kind: &PgType, room: &Room) -> Result<Json, String> {
    match (format(kind), &kind.form) {
        (Format::Binary, Form::Array { element, .. }) => array(bytes, element, room),
        (Format::Binary, _) => binary(bytes, &kind.name, room),
        (Format::Text, Form::Array { delimiter, .. }) => array_text(utf8(bytes)?, *delimiter, room),
        // The function that yields nothing (`pg_notify`) yields an empty text.
        (Format::Text, Form::Builtin | Form::Other) if kind.name == "void" => Ok(Json::Null),
        (Format::Text, Form::Builtin | Form::Other) => text(bytes),
    }
}

fn binary(bytes: &[u8], name: &str, room: &Room) -> Result<Json, String> {
    match name {
        "bool" => Ok(Json::Bool(fixed::<1>(bytes)?[0] != 0)),
        "int2" => Ok(i16::from_be_bytes(fixed(bytes)?).into()),
        "int4" => Ok(i32::from_be_bytes(fixed(bytes)?).into()),
        "int8" => Ok(i64::from_be_bytes(fixed(bytes)?).into()),
        "oid" | "xid" | "cid" => Ok(u32::from_be_bytes(fixed(bytes)?).into()),
        "float4" => Ok(short_float(f32::from_be_bytes(fixed(bytes)?))),
        "float8" => Ok(float(f64::from_be_bytes(fixed(bytes)?))),
        "numeric" => numeric(bytes),
        "json" => json(bytes, room),
        "jsonb" => match bytes {
            [1, rest @ ..] => json(rest, room),
            _ => Err("its jsonb version is not known".to_owned()),
        },
        "uuid" => Ok(uuid::Uuid::from_bytes(fixed(bytes)?).to_string().into()),
        "bytea" => Ok(to_base64(bytes).into()),
        "date" => Ok(time::date(i32::from_be_bytes(fixed(bytes)?)).into()),
        "time" => Ok(time::clock(i64::from_be_bytes(fixed(bytes)?)).into()),
        "timetz" => time::clock_with_offset(bytes).map(Json::from),
        "timestamp" => Ok(time::timestamp(i64::from_be_bytes(fixed(bytes)?), false).into()),
        "timestamptz" => Ok(time::timestamp(i64::from_be_bytes(fixed(bytes)?), true).into()),
        "interval" => time::interval(bytes).map(Json::from),
        "inet" | "cidr" => network(bytes),
        _ => text(bytes),
    }
}

pub(super) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes
        .try_into()
        .map_err(|_| format!("it has {} bytes, not {N}", bytes.len()))
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "its text is not UTF-8".to_owned())
}

fn text(bytes: &[u8]) -> Result<Json, String> {
    utf8(bytes).map(Json::from)
}

fn json(bytes: &[u8], room: &Room) -> Result<Json, String> {
    let text = String::from_utf8_lossy(bytes);
    json_bigint::parse_or_text(&text, room, || "a cell".to_owned())
        .map_err(|failure| failure.message)
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

fn array(bytes: &[u8], element: &PgType, room: &Room) -> Result<Json, String> {
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
    level(&mut reader, &lengths, element, room)
}

fn level(
    reader: &mut Reader<'_>,
    lengths: &[i32],
    element: &PgType,
    room: &Room,
) -> Result<Json, String> {
    room.value()?;
    let Some((length, inner)) = lengths.split_first() else {
        let length = reader.int()?;
        return if length == -1 {
            Ok(Json::Null)
        } else {
            decode(reader.bytes(length)?, element, room)
        };
    };
    (0..*length)
        .map(|_| level(reader, inner, element, room))
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
            .ok_or_else(cut_short)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// A list as PostgreSQL writes it: `{1,NULL,"a b"}`, with lists in it for further dimensions, and its bounds before it
/// where they do not begin at 1.
fn array_text(text: &str, delimiter: char, room: &Room) -> Result<Json, String> {
    let list = match text.split_once('=') {
        Some((bounds, list)) if bounds.starts_with('[') => list,
        _ => text,
    };
    let mut rest = list.chars().peekable();
    let value = items(&mut rest, delimiter, 0, room)?;
    match rest.next() {
        None => Ok(value),
        Some(_) => Err(cut_short()),
    }
}

fn items(
    rest: &mut Peekable<Chars<'_>>,
    delimiter: char,
    depth: i32,
    room: &Room,
) -> Result<Json, String> {
    if rest.next() != Some('{') || depth == MAX_DIMENSIONS {
        return Err(cut_short());
    }
    let mut items = Vec::new();
    if rest.next_if_eq(&'}').is_some() {
        return Ok(Json::Array(items));
    }
    loop {
        room.value()?;
        items.push(match rest.peek() {
            Some('{') => self::items(rest, delimiter, depth + 1, room)?,
            Some('"') => quoted(rest)?.into(),
            _ => {
                let mut bare = String::new();
                while let Some(next) = rest.next_if(|next| *next != delimiter && *next != '}') {
                    bare.push(next);
                }
                // A text of these letters is written in quotes.
                if bare == "NULL" {
                    Json::Null
                } else {
                    bare.into()
                }
            }
        });
        match rest.next() {
            Some('}') => return Ok(Json::Array(items)),
            Some(next) if next == delimiter => {}
            _ => return Err(cut_short()),
        }
    }
}

fn quoted(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut text = String::new();
    rest.next();
    loop {
        match rest.next().ok_or_else(cut_short)? {
            '"' => return Ok(text),
            '\\' => text.push(rest.next().ok_or_else(cut_short)?),
            other => text.push(other),
        }
    }
}

fn cut_short() -> String {
    "its array is cut short".to_owned()
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
    fn a_list_is_read_from_its_text() {
        for (text, expected) in [
            ("{}", json!([])),
            ("{a,NULL,\"NULL\",\"\"}", json!(["a", null, "NULL", ""])),
            (r#"{"a\"b\\c","{,}"}"#, json!(["a\"b\\c", "{,}"])),
            ("[0:1]={a,b}", json!(["a", "b"])),
            ("{{a,b},{c,d}}", json!([["a", "b"], ["c", "d"]])),
        ] {
            assert_eq!(
                array_text(text, ',', &Room::default()),
                Ok(expected),
                "{text}"
            );
        }
        assert_eq!(
            array_text("{(2,2),(1,1);(3,3),(0,0)}", ';', &Room::default()),
            Ok(json!(["(2,2),(1,1)", "(3,3),(0,0)"]))
        );
        for wrong in [
            "",
            "{",
            "{a",
            "{\"a}",
            "{a}}",
            "{\"a\\",
            "{{{{{{{{a}}}}}}}}",
        ] {
            assert!(array_text(wrong, ',', &Room::default()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn broken_bytes_are_an_error() {
        let element = PgType {
            name: "int4".to_owned(),
            form: Form::Builtin,
        };
        let info = PgType {
            name: "int4[]".to_owned(),
            form: Form::Array {
                element: element.into(),
                delimiter: ',',
            },
        };
        for bytes in [
            &[0, 0, 0, 1][..],
            &[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 23],
            &[
                0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 127, 255, 255, 255, 0, 0, 0, 1,
            ],
        ] {
            assert!(decode(bytes, &info, &Room::default()).is_err(), "{bytes:?}");
        }
    }
}
