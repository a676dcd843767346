//! Values with more than one shape: name-value lists, and switches that also take a number or a map.

use crate::client::value::{Text, kind};
use crate::event::{Failure, Json};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::borrow::Cow;

/// Names with their values: a text, number or bool, or a list of these, which repeats the name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Fields(pub(super) serde_json::Map<String, Json>);

impl Fields {
    /// Each name with each of its values. `what` names the map in errors.
    pub(super) fn pairs(&self, what: &str) -> Result<Vec<(&str, Cow<'_, str>)>, Failure> {
        let mut pairs = Vec::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            if let Json::Array(items) = value {
                for item in items {
                    pairs.push((name.as_str(), scalar(what, name, item)?));
                }
            } else {
                pairs.push((name.as_str(), scalar(what, name, value)?));
            }
        }
        Ok(pairs)
    }
}

/// A text, number or bool as text.
pub(super) fn scalar<'v>(what: &str, name: &str, value: &'v Json) -> Result<Cow<'v, str>, Failure> {
    match value {
        Json::String(text) => Ok(Cow::Borrowed(text)),
        Json::Number(_) | Json::Bool(_) => Ok(Cow::Owned(value.to_string())),
        other => Err(Failure::protocol(format!(
            "{what}.{name} is {}, where a text, a number or a bool is due",
            kind(other)
        ))
        .hint(match other {
            Json::Null => "leave the name out, or give a value with `??`",
            _ => "write `${to_json(…)}` to send it as JSON",
        })),
    }
}

impl JsonSchema for Fields {
    fn schema_name() -> Cow<'static, str> {
        "Fields".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "x-keys": "template",
            "additionalProperties": {
                "type": ["string", "number", "boolean", "array"],
                "items": { "type": ["string", "number", "boolean"] }
            }
        })
    }
}

/// Whether redirects are followed: `true` (10 at most), `false`, or the most that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follow(pub(super) u32);

/// Redirects that one request follows unless something else is written.
pub(super) const MAX_REDIRECTS: u32 = 10;

impl<'de> Deserialize<'de> for Follow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::Bool(true) => Ok(Self(MAX_REDIRECTS)),
            Json::Bool(false) => Ok(Self(0)),
            Json::Number(number) if number.as_u64().is_some_and(|most| most <= 100) => {
                Ok(Self(number.as_u64().unwrap_or_default() as u32))
            }
            other => Err(de::Error::custom(format!(
                "follow_redirects is {other}, where true, false or the most redirects (up to 100) is due"
            ))),
        }
    }
}

impl JsonSchema for Follow {
    fn schema_name() -> Cow<'static, str> {
        "Follow".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "integer"], "minimum": 0, "maximum": 100 })
    }
}

/// A request's cookies: `false` leaves the jar alone, a map is sent beside what the jar holds.
#[derive(Clone, Debug)]
pub enum Cookies {
    /// Whether the jar is used.
    Jar(bool),
    /// Sent with this request.
    These(Fields),
}

impl<'de> Deserialize<'de> for Cookies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::Bool(used) => Ok(Self::Jar(used)),
            Json::Object(map) => Ok(Self::These(Fields(map))),
            other => Err(de::Error::custom(format!(
                "cookies is {}, where true, false or a map of names and values is due",
                kind(&other)
            ))),
        }
    }
}

impl JsonSchema for Cookies {
    fn schema_name() -> Cow<'static, str> {
        "Cookies".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["boolean", "object"],
            "additionalProperties": { "type": ["string", "number", "boolean"] }
        })
    }
}

/// Who asks. One of the two.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [{ "required": ["basic"] }, { "required": ["bearer"] }]))]
pub struct Auth {
    /// User and password.
    pub basic: Option<[Text; 2]>,
    /// A token, sent as `Authorization: Bearer …`.
    pub bearer: Option<Text>,
}

/// How TLS connections are made. Paths are relative to the file that names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// A PEM file with the certificates to trust instead of the system's.
    pub ca: Option<String>,
    /// A PEM file with the client's own certificate (and its chain); goes with `key`.
    pub cert: Option<String>,
    /// A PEM file with the private key of `cert`.
    pub key: Option<String>,
    /// Accept any certificate. For test systems only.
    pub insecure: Option<bool>,
}

/// Replaces the headers of these names.
pub(super) fn add_headers(headers: &mut HeaderMap, fields: &Fields) -> Result<(), Failure> {
    for name in fields.0.keys() {
        headers.remove(name.as_str());
    }
    for (name, value) in fields.pairs("headers")? {
        if ["content-length", "transfer-encoding"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
        {
            return Err(Failure::protocol(format!(
                "headers.{name} cannot be written: it follows from the body"
            )));
        }
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Failure::protocol(format!(
                "headers.{name} holds a line break or control character"
            ))
        })?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Failure::protocol(format!("{name:?} is no name of a header")))?;
        headers.append(name, value);
    }
    Ok(())
}
