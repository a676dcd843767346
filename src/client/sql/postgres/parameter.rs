//! From JSON to the text that PostgreSQL reads as a parameter's type.

use super::types::{Form, PgType};
use crate::client::sql::statement::Bound;
use crate::client::value::kind;
use crate::event::Json;
use std::fmt::Write as _;

/// The value as a text that the server reads as this type, or `None` for NULL.
///
/// # Errors
/// When no value of this kind can be of this type: `cannot be …`.
pub(super) fn encode(value: &Bound<'_>, to: &PgType) -> Result<Option<String>, String> {
    if value.json.is_null() {
        return Ok(None);
    }
    match &to.form {
        Form::Array { element, delimiter } => array(value, element, *delimiter, &to.name).map(Some),
        Form::Builtin | Form::Other => single(value, &to.name).map(Some),
    }
}

fn single(value: &Bound<'_>, name: &str) -> Result<String, String> {
    match (name, value.json) {
        // A text is JSON text; a time, a duration and bytes are texts in JSON.
        ("json" | "jsonb", Json::String(text)) if value.kind().is_none() => Ok(text.clone()),
        ("json" | "jsonb", json)
        | (
            "text" | "varchar" | "bpchar" | "name" | "unknown" | "char" | "citext",
            json @ (Json::Array(_) | Json::Object(_)),
        ) => Ok(json.to_string()),
        ("bytea", Json::String(text)) => Ok(hex(&value
            .bytes()
            .unwrap_or_else(|| text.clone().into_bytes()))),
        ("int2", Json::Number(number)) => integer(number, name, i16::MIN.into(), i16::MAX.into()),
        ("int4", Json::Number(number)) => integer(number, name, i32::MIN.into(), i32::MAX.into()),
        ("int8", Json::Number(number)) => integer(number, name, i64::MIN, i64::MAX),
        ("oid", Json::Number(number)) => integer(number, name, 0, u32::MAX.into()),
        (_, Json::String(text)) if text.contains('\0') => {
            Err("PostgreSQL stores no text with a zero byte".to_owned())
        }
        // The server reads the text as a value of the type, or says why it cannot.
        (_, Json::String(text)) => Ok(text.clone()),
        (_, Json::Number(number)) if takes_number(name) => Ok(number.to_string()),
        (_, Json::Bool(bool)) if takes_bool(name) => Ok(bool.to_string()),
        (_, json) => Err(format!("{} cannot be {name}", value_or_kind(json))),
    }
}

/// Whether a number can be of this type; of one that is not known here, its text is tried.
fn takes_number(name: &str) -> bool {
    !matches!(
        name,
        "bool" | "bytea" | "uuid" | "date" | "time" | "timetz" | "timestamp" | "timestamptz"
    )
}

/// The same for a bool.
fn takes_bool(name: &str) -> bool {
    let number = matches!(
        name,
        "int2" | "int4" | "int8" | "oid" | "float4" | "float8" | "numeric" | "interval"
    );
    name == "bool" || (takes_number(name) && !number)
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
fn array(
    value: &Bound<'_>,
    element: &PgType,
    delimiter: char,
    name: &str,
) -> Result<String, String> {
    let items = match value.json {
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
    let json = matches!(element.name.as_str(), "json" | "jsonb");
    let mut text = String::from("{");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(delimiter);
        }
        let bound = value.item(index, item);
        match item {
            Json::Null => text.push_str("NULL"),
            Json::Array(_) if !json => text.push_str(&array(&bound, element, delimiter, name)?),
            _ => {
                let item = encode(&bound, element)?.unwrap_or_default();
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
    use crate::client::contract::Template;
    use crate::client::sql::scan::Dialect;
    use crate::client::sql::statement::Statement;
    use crate::event::{ValueType, ValueTypes};
    use serde_json::json;

    fn of(name: &str, value: &Json) -> Result<Option<String>, String> {
        typed(name, value, &[])
    }

    /// The same with a value of which JSON does not tell everything.
    fn typed(
        name: &str,
        value: &Json,
        types: &[(&str, ValueType)],
    ) -> Result<Option<String>, String> {
        let builtin = |name: &str| PgType {
            name: name.to_owned(),
            form: Form::Builtin,
        };
        let to = match name.strip_suffix("[]") {
            None => builtin(name),
            Some(element) => PgType {
                name: name.to_owned(),
                form: Form::Array {
                    element: builtin(element).into(),
                    delimiter: ',',
                },
            },
        };
        let types = types.iter().map(|(at, kind)| (format!("/0{at}"), *kind));
        let template = Template {
            texts: vec!["SELECT ".into(), String::new()],
            values: vec![value.clone()],
            types: types.collect::<ValueTypes>(),
        };
        let statement = Statement::read(template, Dialect::Postgres).unwrap();
        encode(&statement.parameters().next().unwrap(), &to)
    }

    #[test]
    fn integers_are_checked() {
        assert_eq!(of("int2", &json!(32767)), Ok(Some("32767".into())));
        assert_eq!(
            of("int2", &json!(32768)),
            Err("32768 is out of range for int2".into())
        );
        assert_eq!(
            of("int4", &json!(-2_147_483_649_i64)),
            Err("-2147483649 is out of range for int4".into())
        );
        assert_eq!(
            of("int8", &json!(u64::MAX)),
            Err("18446744073709551615 is out of range for int8".into())
        );
        assert_eq!(of("int4", &json!(5.0)), Ok(Some("5".into())));
        assert_eq!(of("int4", &json!(5.5)), Err("5.5 cannot be int4".into()));
        assert_eq!(
            of("int8", &json!(1e300)),
            Err("1e+300 cannot be int8".into())
        );
        assert_eq!(of("int4", &json!(true)), Err("true cannot be int4".into()));
        assert_eq!(of("int4", &json!("7")), Ok(Some("7".into())));
        assert_eq!(of("int4", &json!([1])), Err("[1] cannot be int4".into()));
    }

    #[test]
    fn null_is_null_of_every_type() {
        assert_eq!(of("int4", &Json::Null), Ok(None));
        assert_eq!(of("text[]", &Json::Null), Ok(None));
        assert_eq!(of("jsonb", &Json::Null), Ok(None));
    }

    #[test]
    fn texts_json_and_bytes() {
        assert_eq!(of("text", &json!(7)), Ok(Some("7".into())));
        assert_eq!(of("text", &json!({"a": 1})), Ok(Some("{\"a\":1}".into())));
        assert_eq!(of("jsonb", &json!({"a": 1})), Ok(Some("{\"a\":1}".into())));
        assert_eq!(of("jsonb", &json!("{}")), Ok(Some("{}".into())));
        assert_eq!(of("json", &json!(7)), Ok(Some("7".into())));
        assert_eq!(of("bytea", &json!("/é")), Ok(Some("\\x2fc3a9".into())));
        assert!(of("text", &json!("a\0b")).unwrap_err().contains("zero"));
        assert!(of("bool", &json!(1)).is_err());
    }

    #[test]
    fn lists_are_arrays() {
        assert_eq!(
            of("int4[]", &json!([1, null, 3])),
            Ok(Some("{\"1\",NULL,\"3\"}".into()))
        );
        assert_eq!(
            of("text[]", &json!(["a\"b\\c", "NULL", ""])),
            Ok(Some("{\"a\\\"b\\\\c\",\"NULL\",\"\"}".into()))
        );
        assert_eq!(
            of("int4[]", &json!([[1], [2]])),
            Ok(Some("{{\"1\"},{\"2\"}}".into()))
        );
        assert!(of("int2[]", &json!([40000])).is_err());
        assert!(of("int4[]", &json!(1)).is_err());
    }

    /// What an expression has as bytes or as a time is no JSON text, though it arrives as a text.
    #[test]
    fn bytes_are_bytes_and_times_are_texts() {
        let bytes = [("", ValueType::Bytes)];
        assert_eq!(
            typed("bytea", &json!("/wA="), &bytes),
            Ok(Some("\\xff00".into()))
        );
        assert_eq!(
            typed("jsonb", &json!("/wA="), &bytes),
            Ok(Some("\"/wA=\"".into()))
        );
        assert_eq!(
            typed(
                "bytea[]",
                &json!(["/wA=", "/w"]),
                &[("/0", ValueType::Bytes)]
            ),
            Ok(Some("{\"\\\\xff00\",\"\\\\x2f77\"}".into()))
        );
        let time = json!("2026-11-24T13:14:15Z");
        assert_eq!(
            typed("json", &time, &[("", ValueType::Time)]),
            Ok(Some(time.to_string()))
        );
    }
}
