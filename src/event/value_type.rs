use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a value of an expression can be besides what JSON knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// A point in time; in JSON a text in RFC 3339.
    Time,
    /// A stretch of time; in JSON a text such as `1h30m`.
    Duration,
    /// Bytes; in JSON a text in base64.
    Bytes,
}

/// The places inside a value of which JSON alone does not tell what they are, each as a JSON Pointer (RFC 6901),
/// with their type. The pointer of the value itself is empty. Mostly there are none: these take 8 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[expect(
    clippy::box_collection,
    reason = "a fact has room for 8 bytes, and a map takes 24"
)]
pub struct ValueTypes(Option<Box<BTreeMap<String, ValueType>>>);

impl ValueTypes {
    /// Whether JSON tells all of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds a place.
    pub fn insert(&mut self, pointer: String, kind: ValueType) {
        self.0.get_or_insert_default().insert(pointer, kind);
    }

    /// What the place is, if JSON alone does not tell.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<ValueType> {
        self.0.as_ref()?.get(pointer).copied()
    }

    /// The places with their types.
    pub fn places(&self) -> impl Iterator<Item = (&str, ValueType)> {
        (self.0.iter().flat_map(|places| places.iter()))
            .map(|(pointer, kind)| (pointer.as_str(), *kind))
    }
}

impl FromIterator<(String, ValueType)> for ValueTypes {
    fn from_iter<T: IntoIterator<Item = (String, ValueType)>>(places: T) -> Self {
        let mut types = Self::default();
        for (pointer, kind) in places {
            types.insert(pointer, kind);
        }
        types
    }
}
