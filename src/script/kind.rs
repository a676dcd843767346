//! The types of the language, and values in the words of its messages.

use super::lazy::{self, Lazy};
use super::typed::Bytes;
use crate::event::duration_text;
use jiff::{SignedDuration, Timestamp};
use rhai::{Dynamic, ImmutableString};
use std::sync::Arc;

/// Longest value in a message, in characters.
const MAX_SHOWN: usize = 120;

/// Why an operation is not possible. It has no place yet.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) limit: bool,
    /// The error of a closure that a function called.
    pub(super) cause: Option<Arc<rhai::EvalAltResult>>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            limit: false,
            cause: None,
        }
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self {
            limit: true,
            ..Self::new(message)
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The types of the language, in the words of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Bool,
    Int,
    /// An integer above 2⁶³-1, from JSON: exact, can be compared and shown.
    Big,
    Float,
    Text,
    List,
    Map,
    Time,
    Duration,
    Bytes,
    Range,
    Function,
    Other,
}

impl Type {
    pub(super) fn of(value: &Dynamic) -> Self {
        if value.is_shared() {
            return Self::of(&value.flatten_clone());
        }
        if value.is_unit() {
            Self::Null
        } else if value.is_bool() {
            Self::Bool
        } else if value.is_int() {
            Self::Int
        } else if value.is_float() {
            Self::Float
        } else if value.is_string() || value.is_char() {
            Self::Text
        } else if value.is_array() {
            Self::List
        } else if value.is_map() {
            Self::Map
        } else if value.is_fnptr() {
            Self::Function
        } else {
            Self::of_variant(value)
        }
    }

    fn of_variant(value: &Dynamic) -> Self {
        if let Some(lazy) = value.read_lock::<Lazy>() {
            return if lazy.json().is_array() {
                Self::List
            } else {
                Self::Map
            };
        }
        if value.is::<Timestamp>() {
            Self::Time
        } else if value.is::<SignedDuration>() {
            Self::Duration
        } else if value.is::<Bytes>() {
            Self::Bytes
        } else if value.is::<u64>() {
            Self::Big
        } else if value.is::<std::ops::Range<i64>>() || value.is::<std::ops::RangeInclusive<i64>>()
        {
            Self::Range
        } else {
            Self::Other
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int | Self::Big => "integer",
            Self::Float => "number",
            Self::Text => "text",
            Self::List => "list",
            Self::Map => "map",
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Bytes => "bytes",
            Self::Range => "range",
            Self::Function => "function",
            Self::Other => "value",
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Big | Self::Float)
    }
}

/// A value in a message: `the text "3"`, `the integer 3`, `null`.
pub(super) fn shown(value: &Dynamic) -> String {
    match Type::of(value) {
        Type::Null => "null (missing)".to_owned(),
        Type::Bool => text(value),
        Type::Function => "a function".to_owned(),
        Type::Bytes => format!("the bytes {}", brief_bytes(value)),
        kind => format!("the {} {}", kind.name(), cut(&literal(value), MAX_SHOWN)),
    }
}

/// How many bytes there are, and how they begin in base64.
pub(super) fn brief_bytes(value: &Dynamic) -> String {
    Bytes::of(&value.flatten_clone()).map_or_else(String::new, |bytes| bytes.shown())
}

/// A value as the language or JSON writes it.
pub(super) fn literal(value: &Dynamic) -> String {
    match Type::of(value) {
        Type::Text => serde_json::Value::String(text(value)).to_string(),
        _ => text(value),
    }
}

/// The beginning of a text, on one line.
pub(super) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The text of a value inside a longer one.
pub(super) fn piece(value: &Dynamic) -> Result<String, Fault> {
    match Type::of(value) {
        Type::Function => Err(Fault::new("a function has no text").hint("call it")),
        Type::Bytes => Err(
            Fault::new(format!("bytes have no text; these are {}", shown(value)))
                .hint("write `base64(x)` or `hex(x)`; the text of a result is `res.text`"),
        ),
        _ => Ok(text(value)),
    }
}

/// The text of a value: a text as it is, a number as JSON writes it, a list or map as JSON, bytes in base64.
pub(super) fn text(value: &Dynamic) -> String {
    if value.is_shared() {
        return text(&value.flatten_clone());
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return text.to_string();
    }
    if let Some(time) = value.read_lock::<Timestamp>() {
        return time.to_string();
    }
    if let Some(duration) = value.read_lock::<SignedDuration>() {
        return duration_text(*duration);
    }
    if let Some(bytes) = value.read_lock::<Bytes>() {
        return bytes.to_base64();
    }
    if let Ok(c) = value.as_char() {
        return c.to_string();
    }
    if value.is_unit() {
        return "null".to_owned();
    }
    match Type::of(value) {
        Type::Function => "function".to_owned(),
        Type::Range | Type::Other => value.to_string(),
        kind => match (lazy::to_json(value), kind) {
            (Ok(json), _) => json.to_string(),
            // It holds a function, or is nested too deeply.
            (Err(_), Type::List) => "[…]".to_owned(),
            (Err(_), Type::Map) => "{…}".to_owned(),
            (Err(_), _) => value.to_string(),
        },
    }
}

/// A text value; `None` for any other.
pub(super) fn as_text(value: &Dynamic) -> Option<ImmutableString> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Some(text.clone());
    }
    value.as_char().ok().map(|c| c.to_string().into())
}

/// A point in time: a time, or a text in RFC 3339.
pub(super) fn as_time(value: &Dynamic) -> Option<Timestamp> {
    if let Some(time) = value.read_lock::<Timestamp>() {
        return Some(*time);
    }
    as_text(value)?.parse().ok()
}
