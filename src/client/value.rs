//! Small types that configs and requests of several clients share.

use crate::event::{Json, parse_duration};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::borrow::Cow;
use std::time::Duration;

/// A duration as a task writes it: `250ms`, `5s`, `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub(super) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?;
        let Json::String(text) = &value else {
            return Err(de::Error::custom(format!(
                "{value} is no duration: write it with its unit, as 5s or 250ms"
            )));
        };
        parse_duration(text).map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-type": "duration" })
    }
}

/// A text. A template may well have yielded a number or a bool: it is written as JSON writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::String(text) => Ok(Self(text)),
            value @ (Json::Number(_) | Json::Bool(_)) => Ok(Self(value.to_string())),
            other => Err(de::Error::custom(format!(
                "expected a text, found {}",
                kind(&other)
            ))),
        }
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// What kind of value this is, with its article.
pub(super) fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

/// For `#[serde(default, deserialize_with = "present")]`: tells a null that is written from a member that
/// is absent.
pub(super) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// The text in one line of at most `limit` characters.
pub(super) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for (index, character) in text
        .split_whitespace()
        .flat_map(|word| [" ", word])
        .skip(1)
        .flat_map(str::chars)
        .enumerate()
    {
        if index == limit {
            line.pop();
            line.push('…');
            break;
        }
        line.push(character);
    }
    line
}

/// The time now as RFC 3339, to the microsecond: when a message arrived.
pub(super) fn now() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_microsecond(now.as_microsecond())
        .unwrap_or(now)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn span(value: Json) -> Result<Duration, String> {
        serde_json::from_value::<Span>(value)
            .map(|span| span.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(span(json!("250ms")), Ok(Duration::from_millis(250)));
        assert_eq!(span(json!("1h30m")), Ok(Duration::from_secs(5400)));
        assert_eq!(
            span(json!(5)).unwrap_err(),
            "5 is no duration: write it with its unit, as 5s or 250ms"
        );
        for wrong in ["", "5", "-5s", "soon"] {
            assert!(span(json!(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn one_line_folds_and_cuts() {
        assert_eq!(one_line("  SELECT\n  1 ", 60), "SELECT 1");
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abcde…");
    }
}
