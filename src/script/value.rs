use crate::event::Json;
use rhai::Dynamic;
use std::sync::Arc;

/// A value of an expression. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Value(pub(super) Dynamic);

impl Value {
    /// The missing value, `null`.
    pub fn null() -> Self {
        Self(Dynamic::UNIT)
    }

    /// Plain data that is looked into, never converted as a whole.
    pub fn from_json(json: Arc<Json>) -> Self {
        Self::from((*json).clone())
    }

    /// The value as plain data.
    pub fn to_json(&self) -> Json {
        rhai::serde::from_dynamic(&self.0).unwrap_or(Json::Null)
    }

    /// Whether the value is missing.
    pub fn is_null(&self) -> bool {
        self.0.is_unit()
    }

    /// The bool that it is.
    pub fn as_bool(&self) -> Option<bool> {
        self.0.as_bool().ok()
    }

    /// The point in time that it is.
    pub fn as_time(&self) -> Option<jiff::Timestamp> {
        None
    }

    /// The integer that it is.
    pub fn as_int(&self) -> Option<i64> {
        self.0.as_int().ok()
    }

    /// The text that it is.
    pub fn as_str(&self) -> Option<rhai::ImmutableString> {
        self.0.clone().into_immutable_string().ok()
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        Self(rhai::serde::to_dynamic(json).unwrap_or_default())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self(value.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self(value.into())
    }
}
