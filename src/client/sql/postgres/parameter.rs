//! From JSON to the text that PostgreSQL reads as a parameter's type.

use crate::client::received::from_base64;
use crate::client::value::kind;
use crate::event::Json;
use sqlx::TypeInfo as _;
use sqlx::postgres::{PgTypeInfo, PgTypeKind};
use std::fmt::Write as _;

/// How the type is written in `CAST(… AS …)`.
pub(super) fn cast_name(info: &PgTypeInfo) -> String {
    let name = info.name();
    let (element, brackets) = match name.strip_suffix("[]") {
        Some(element) => (element, "[]"),
        None => (name, ""),
    };
    let element = match element {
        // Written so, these would mean a length of 1, and cut what is longer.
        "CHAR" => "bpchar",
        "BIT" => "pg_catalog.\"bit\"",
        "UNKNOWN" => "text",
        other => other,
    };
    format!("{element}{brackets}")
}

/// The value as a text for this type, or `None` for NULL.
///
/// # Errors
/// When no value of this kind can be of this type: `cannot be …`.
pub(super) fn encode(value: &Json, info: &PgTypeInfo) -> Result<Option<String>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let text = match info.kind() {
        PgTypeKind::Array(element) => array(value, element, info.name())?,
        PgTypeKind::Domain(base) => return encode(value, base),
        _ => single(value, info.name())?,
    };
    Ok(Some(text))
}

fn single(value: &Json, name: &str) -> Result<String, String> {
    match (name, value) {
        ("JSON" | "JSONB", _)
        | (
            "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" | "\"CHAR\"" | "citext",
            Json::Array(_) | Json::Object(_),
        ) => Ok(value.to_string()),
        ("BYTEA", Json::String(text)) => match from_base64(text) {
            Ok(bytes) => Ok(hex(&bytes)),
            Err(error) => Err(format!("a BYTEA is written in base64: {error}")),
        },
        ("INT2", Json::Number(number)) => integer(number, name, i16::MIN.into(), i16::MAX.into()),
        ("INT4", Json::Number(number)) => integer(number, name, i32::MIN.into(), i32::MAX.into()),
        ("INT8", Json::Number(number)) => integer(number, name, i64::MIN, i64::MAX),
        ("OID", Json::Number(number)) => integer(number, name, 0, u32::MAX.into()),
        (_, Json::String(text)) if text.contains('\0') => {
            Err("PostgreSQL stores no text with a zero byte".to_owned())
        }
        // The server reads the text as a value of the type, or says why it cannot.
        (_, Json::String(text)) => Ok(text.clone()),
        (_, Json::Number(_)) if takes_number(name) => Ok(value.to_string()),
        (_, Json::Bool(_)) if takes_bool(name) => Ok(value.to_string()),
        _ => Err(format!("{} cannot be {name}", value_or_kind(value))),
    }
}

/// Whether a number can be of this type; of one that is not known here, its text is tried.
fn takes_number(name: &str) -> bool {
    !matches!(
        name,
        "BOOL" | "BYTEA" | "UUID" | "DATE" | "TIME" | "TIMETZ" | "TIMESTAMP" | "TIMESTAMPTZ"
    )
}

/// The same for a bool.
fn takes_bool(name: &str) -> bool {
    let number = matches!(
        name,
        "INT2" | "INT4" | "INT8" | "OID" | "FLOAT4" | "FLOAT8" | "NUMERIC" | "INTERVAL"
    );
    name == "BOOL" || (takes_number(name) && !number)
}

fn integer(
    number: &serde_json::Number,
    name: &str,
    least: i64,
    most: i64,
) -> Result<String, String> {
    let whole = number.as_i64().or_else(|| {
        // 5.0 is 5; beyond 2^53 a float may have been rounded.
        let float = number.as_f64()?;
        let exact = float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0;
        exact.then_some(float as i64)
    });
    match whole {
        Some(whole) if (least..=most).contains(&whole) => Ok(whole.to_string()),
        Some(_) => Err(format!("{number} is out of range for {name}")),
        None if number.is_u64() => Err(format!("{number} is out of range for {name}")),
        None => Err(format!("{number} cannot be {name}")),
    }
}

/// The text of an array: `{1,2,NULL,"a b"}`. Lists inside it are further dimensions.
fn array(value: &Json, element: &PgTypeInfo, name: &str) -> Result<String, String> {
    let items = match value {
        Json::Array(items) => items,
        // `{1,2}` as PostgreSQL writes it.
        Json::String(text) if text.starts_with('{') => return Ok(text.clone()),
        other => {
            return Err(format!(
                "{} cannot be {name}: it takes a list",
                value_or_kind(other)
            ));
        }
    };
    let json = matches!(element.name(), "JSON" | "JSONB");
    let mut text = String::from("{");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match item {
            Json::Null => text.push_str("NULL"),
            Json::Array(_) if !json => text.push_str(&array(item, element, name)?),
            item => {
                let item = encode(item, element)?.unwrap_or_default();
                text.push('"');
                for character in item.chars() {
                    if matches!(character, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(character);
                }
                text.push('"');
            }
        }
    }
    text.push('}');
    Ok(text)
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("\\x");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The value, or what kind it is if it is long.
fn value_or_kind(value: &Json) -> String {
    let text = value.to_string();
    if text.len() <= 40 {
        text
    } else {
        kind(value).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sqlx::{Postgres, Type};

    fn of<T: Type<Postgres>>(value: &Json) -> Result<Option<String>, String> {
        encode(value, &T::type_info())
    }

    #[test]
    fn integers_are_checked() {
        assert_eq!(of::<i16>(&json!(32767)), Ok(Some("32767".into())));
        assert_eq!(
            of::<i16>(&json!(32768)),
            Err("32768 is out of range for INT2".into())
        );
        assert_eq!(
            of::<i32>(&json!(-2_147_483_649_i64)),
            Err("-2147483649 is out of range for INT4".into())
        );
        assert_eq!(
            of::<i64>(&json!(u64::MAX)),
            Err("18446744073709551615 is out of range for INT8".into())
        );
        assert_eq!(of::<i32>(&json!(5.0)), Ok(Some("5".into())));
        assert_eq!(of::<i32>(&json!(5.5)), Err("5.5 cannot be INT4".into()));
        assert_eq!(
            of::<i64>(&json!(1e300)),
            Err("1e+300 cannot be INT8".into())
        );
        assert_eq!(of::<i32>(&json!(true)), Err("true cannot be INT4".into()));
        assert_eq!(of::<i32>(&json!("7")), Ok(Some("7".into())));
        assert_eq!(of::<i32>(&json!([1])), Err("[1] cannot be INT4".into()));
    }

    #[test]
    fn null_is_null_of_every_type() {
        assert_eq!(of::<i32>(&Json::Null), Ok(None));
        assert_eq!(of::<Vec<String>>(&Json::Null), Ok(None));
        assert_eq!(of::<serde_json::Value>(&Json::Null), Ok(None));
    }

    #[test]
    fn texts_json_and_bytes() {
        assert_eq!(of::<String>(&json!(7)), Ok(Some("7".into())));
        assert_eq!(of::<String>(&json!({"a": 1})), Ok(Some("{\"a\":1}".into())));
        assert_eq!(
            of::<serde_json::Value>(&json!("a")),
            Ok(Some("\"a\"".into()))
        );
        assert_eq!(of::<Vec<u8>>(&json!("/wA=")), Ok(Some("\\xff00".into())));
        assert!(of::<Vec<u8>>(&json!("%")).unwrap_err().contains("base64"));
        assert!(of::<String>(&json!("a\0b")).unwrap_err().contains("zero"));
        assert!(of::<bool>(&json!(1)).is_err());
    }

    #[test]
    fn lists_are_arrays() {
        assert_eq!(
            of::<Vec<i32>>(&json!([1, null, 3])),
            Ok(Some("{\"1\",NULL,\"3\"}".into()))
        );
        assert_eq!(
            of::<Vec<String>>(&json!(["a\"b\\c", "NULL", ""])),
            Ok(Some("{\"a\\\"b\\\\c\",\"NULL\",\"\"}".into()))
        );
        assert_eq!(
            of::<Vec<i32>>(&json!([[1], [2]])),
            Ok(Some("{{\"1\"},{\"2\"}}".into()))
        );
        assert!(of::<Vec<i16>>(&json!([40000])).is_err());
        assert!(of::<Vec<i32>>(&json!(1)).is_err());
    }

    #[test]
    fn casts_never_shorten() {
        assert_eq!(cast_name(&PgTypeInfo::with_name("CHAR")), "bpchar");
        assert_eq!(
            cast_name(&<Vec<i32> as Type<Postgres>>::type_info()),
            "INT4[]"
        );
        assert_eq!(cast_name(&<String as Type<Postgres>>::type_info()), "TEXT");
    }
}
