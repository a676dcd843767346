use super::lazy;
use super::limits::MAX_ITEMS;
use super::ops;
use super::typed::{self, Bytes};
use crate::event::{Failure, Json, ValueTypes};
use jiff::{SignedDuration, Timestamp};
use rhai::{Array, Dynamic, Map};
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// A value of an expression: plain data, a time, a duration or bytes. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Value(pub(super) Dynamic);

impl Value {
    /// The missing value, `null`.
    pub fn null() -> Self {
        Self(Dynamic::UNIT)
    }

    /// Plain data that is looked into, never converted as a whole: this costs the same for one byte
    /// and for a megabyte.
    pub fn from_json(json: Arc<Json>) -> Self {
        Self(lazy::value(json))
    }

    /// What a client has brought, as `res` is it: plain data, and `bytes` beside a `text`. These are those of `base64`,
    /// where that is there, else those of the text.
    pub fn result(json: Arc<Json>) -> Self {
        Self(lazy::result(json))
    }

    /// The value of which [`Value::to_json`] and [`Value::types`] have told. What is not as its type says (it was
    /// masked) stays plain data.
    pub fn from_typed(json: Json, types: &ValueTypes) -> Self {
        Self(typed::restored(Arc::new(json), types))
    }

    /// A point in time.
    pub fn time(time: Timestamp) -> Self {
        Self(Dynamic::from(time))
    }

    /// A stretch of time.
    pub fn duration(duration: SignedDuration) -> Self {
        Self(Dynamic::from(duration))
    }

    /// Bytes.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(Dynamic::from(Bytes(bytes.into())))
    }

    /// A map of values, for what stands behind a name like `regions` or `error`.
    pub fn map<'n>(members: impl IntoIterator<Item = (&'n str, Self)>) -> Self {
        let map: Map = members
            .into_iter()
            .map(|(name, value)| (name.into(), value.0))
            .collect();
        Self(Dynamic::from_map(map))
    }

    /// A list of values.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        let items: Array = items.into_iter().map(|value| value.0).collect();
        Self(Dynamic::from_array(items))
    }

    /// The value as plain data. A time is a text in RFC 3339, a duration one as `1h30m`, bytes are one in base64:
    /// [`Value::types`] tells them from texts.
    pub fn to_json(&self) -> Json {
        lazy::to_json(&self.0).unwrap_or(Json::Null)
    }

    /// What [`Value::to_json`] does not tell of it.
    pub fn types(&self) -> ValueTypes {
        typed::types(&self.0)
    }

    /// The value as plain data, shared where it came from JSON as a whole.
    pub fn to_shared_json(&self) -> Arc<Json> {
        match lazy::lazy(&self.0) {
            Some(lazy) => lazy.shared(),
            None => Arc::new(self.to_json()),
        }
    }

    /// The value as a longer text shows it: a text as it is, a number as JSON writes it, a list or map as JSON.
    pub fn to_text(&self) -> String {
        ops::text(&self.0)
    }

    /// Whether the value is missing.
    pub fn is_null(&self) -> bool {
        self.0.is_unit()
    }

    /// The bool that it is.
    pub fn as_bool(&self) -> Option<bool> {
        self.0.as_bool().ok()
    }

    /// The integer that it is.
    pub fn as_int(&self) -> Option<i64> {
        self.0.as_int().ok()
    }

    /// The number that it is, an integer as well.
    pub fn as_number(&self) -> Option<f64> {
        self.0
            .as_float()
            .ok()
            .or_else(|| self.as_int().map(|int| int as f64))
    }

    /// The text that it is.
    pub fn as_str(&self) -> Option<rhai::ImmutableString> {
        ops::as_text(&self.0)
    }

    /// The point in time that it is, or that it means as a text in RFC 3339.
    pub fn as_time(&self) -> Option<Timestamp> {
        ops::as_time(&self.0)
    }

    /// The duration that it is.
    pub fn as_duration(&self) -> Option<SignedDuration> {
        self.0
            .read_lock::<SignedDuration>()
            .map(|duration| *duration)
    }

    /// The bytes that it is.
    pub fn as_bytes(&self) -> Option<Arc<[u8]>> {
        Bytes::of(&self.0).map(|bytes| bytes.0)
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<Vec<Self>> {
        ops::items(&self.0)
            .ok()
            .map(|items| items.into_iter().map(Self).collect())
    }

    /// What a loop goes through: the items of a list, the numbers of a range, or as many as a number says, from 0 on.
    /// `None`: it is nothing of these.
    ///
    /// # Errors
    /// When there are too many; the message names the bound.
    pub fn loop_items(&self) -> Result<Option<Vec<Self>>, Failure> {
        if let Some(items) = self.as_list() {
            return Ok(Some(items));
        }
        let (from, count) = if let Some(range) = self.0.read_lock::<Range<i64>>() {
            (range.start, i128::from(range.end) - i128::from(range.start))
        } else if let Some(range) = self.0.read_lock::<RangeInclusive<i64>>() {
            let (from, to) = (*range.start(), *range.end());
            (from, i128::from(to) - i128::from(from) + 1)
        } else if let Some(number) = self.as_int().filter(|number| *number >= 0) {
            (0, i128::from(number))
        } else {
            return Ok(None);
        };
        if count > MAX_ITEMS as i128 {
            let message =
                format!("a loop goes through at most {MAX_ITEMS} items, this has {count}");
            return Err(Failure::resource(message).hint(
                "go through them in parts: a state may lead back to itself, with `max_visits`",
            ));
        }
        let numbers = (from..).take(count.max(0) as usize);
        Ok(Some(numbers.map(Self::from).collect()))
    }

    /// A member of a map; `null` if there is none.
    #[must_use]
    pub fn member(&self, name: &str) -> Self {
        Self(ops::member(&self.0, name))
    }

    /// What kind of value it is, in the words of the language: `text`, `integer`, `list`, …
    pub fn type_name(&self) -> &'static str {
        ops::Type::of(&self.0).name()
    }

    /// The same value without the larger JSON that it may be a part of.
    #[must_use]
    pub(super) fn detached(mut self) -> Self {
        lazy::detach(&mut self.0);
        self
    }
}

/// Two values are equal as `==` says, and `null` equals `null`.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        ops::equal(&self.0, &other.0)
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        Self::from_json(Arc::new(json))
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        Self::from(json.clone())
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

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}
