//! JSON as values, within a bound on the memory that they take: `[0,0,0]` takes two bytes an item as a text, and some
//! seventy as values.

use super::offload::Abandoned;
use crate::event::{Failure, Json};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number};
use std::cell::Cell;
use std::fmt;

/// Bytes of memory that the values of one payload may take.
pub(crate) const MAX_TREE: u64 = 256 << 20;

/// What a text takes beside its bytes, and a member beside its name and value, about.
const BLOCK: u64 = 16;
const MEMBER: u64 = (size_of::<(u64, String)>() as u64) + 2 * BLOCK;

/// Values that are made between two looks at whether anybody still wants them.
const LOOK: u64 = 4096;

/// How much memory values may still take.
#[derive(Debug)]
pub(crate) struct Room {
    limit: u64,
    left: Cell<u64>,
    is_full: Cell<bool>,
    made: Cell<u64>,
    abandoned: Abandoned,
}

/// Why a text did not become values.
#[derive(Debug)]
pub(crate) enum JsonError {
    /// It is no JSON.
    Malformed(serde_json::Error),
    /// Its values would take more than this many bytes.
    TooLarge(u64),
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(f),
            Self::TooLarge(limit) => write!(
                f,
                "its values take more than {limit} bytes of memory, which is the most"
            ),
        }
    }
}

/// Why a payload of JSON was refused: `what` is that of which its values are.
pub(in crate::client) fn too_large(what: &str, limit: u64) -> Failure {
    Failure::resource(format!(
        "the JSON of {what} takes more than {limit} bytes of memory as values, which is the most"
    ))
    .hint("ask for less of it at once, such as a page, or filter it where it comes from")
}

impl Room {
    /// Room for values of so many bytes, as long as somebody wants them.
    pub(in crate::client) fn new(limit: u64, abandoned: &Abandoned) -> Self {
        Self {
            limit,
            left: Cell::new(limit),
            is_full: Cell::new(false),
            made: Cell::new(0),
            abandoned: abandoned.clone(),
        }
    }

    /// Reads one value from whatever brings it.
    ///
    /// # Errors
    /// What is wrong with it, unless [`exceeded`](Self::exceeded) says that it is too large.
    pub(in crate::client) fn read<'de, D: Deserializer<'de>>(
        &self,
        deserializer: D,
    ) -> Result<Json, D::Error> {
        Tree(self).deserialize(deserializer)
    }

    /// The limit, if that is why nothing was read.
    pub(in crate::client) fn exceeded(&self) -> Option<u64> {
        self.is_full.get().then_some(self.limit)
    }

    /// One more value is to be made by whoever reads another format than a deserializer brings.
    ///
    /// # Errors
    /// When it does not fit any more.
    #[cfg(feature = "sql")]
    pub(in crate::client) fn value(&self) -> Result<(), String> {
        self.take::<serde_json::Error>(size_of::<Json>() as u64)
            .map_err(|error| error.to_string())
    }

    fn take<E: de::Error>(&self, bytes: u64) -> Result<(), E> {
        let made = self.made.get() + 1;
        self.made.set(made);
        if made.is_multiple_of(LOOK) && self.abandoned.is_set() {
            return Err(E::custom("nobody wants it any more"));
        }
        let Some(left) = self.left.get().checked_sub(bytes) else {
            self.is_full.set(true);
            return Err(E::custom("its values take too much memory"));
        };
        self.left.set(left);
        Ok(())
    }
}

/// The memory that a value takes, about, as a [`Room`] counts it.
#[cfg(feature = "sql")]
pub(in crate::client) fn size(value: &Json) -> u64 {
    let below = match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        Json::String(text) => text.len() as u64 + BLOCK,
        Json::Array(items) => items.iter().map(size).sum(),
        Json::Object(members) => members_size(members),
    };
    size_of::<Json>() as u64 + below
}

/// The memory that the members of a map take, about.
#[cfg(feature = "sql")]
pub(in crate::client) fn members_size(members: &Map<String, Json>) -> u64 {
    let member = |(name, value): (&String, &Json)| name.len() as u64 + MEMBER + size(value);
    members.iter().map(member).sum()
}

impl Default for Room {
    fn default() -> Self {
        Self::new(MAX_TREE, &Abandoned::default())
    }
}

/// Parses JSON within a room.
///
/// # Errors
/// When it is none, or too large.
pub(super) fn parse(bytes: &[u8], room: &Room) -> Result<Json, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed =
        (room.read(&mut deserializer)).and_then(|value| deserializer.end().map(|()| value));
    parsed.map_err(|error| match room.exceeded() {
        Some(limit) => JsonError::TooLarge(limit),
        None => JsonError::Malformed(error),
    })
}

struct Tree<'r>(&'r Room);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        self.0.take(size_of::<Json>() as u64)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
        self.0.take(value.len() as u64 + BLOCK)?;
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Json, E> {
        self.0.take(value.len() as u64 + BLOCK)?;
        Ok(Json::String(value))
    }

    fn visit_none<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Tree(self.0))? {
            list.push(item);
        }
        // A list grows by doubling, so that half of it may be empty.
        list.shrink_to_fit();
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key_seed(Key(self.0))? {
            map.insert(name, members.next_value_seed(Tree(self.0))?);
        }
        Ok(Json::Object(map))
    }
}

/// The name of a member.
struct Key<'r>(&'r Room);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let name = String::deserialize(deserializer)?;
        self.0.take(name.len() as u64 + MEMBER)?;
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn many_small_values_have_a_bound() {
        for (item, count) in [
            ("0", 100_000),
            ("[]", 100_000),
            ("{\"a\":{}}", 20_000),
            ("\"\"", 100_000),
        ] {
            let text = format!("[{}]", vec![item; count].join(","));
            let error = parse(text.as_bytes(), &Room::new(1 << 20, &Abandoned::default()));
            assert!(
                matches!(error, Err(JsonError::TooLarge(limit)) if limit == 1 << 20),
                "{item}"
            );
            assert!(parse(text.as_bytes(), &Room::default()).is_ok(), "{item}");
        }
    }

    #[test]
    fn what_nobody_wants_is_not_parsed_to_its_end() {
        let abandoned = Abandoned::default();
        drop(abandoned.guard());
        let text = format!("[{}0]", "0,".repeat(100_000));
        let error = parse(text.as_bytes(), &Room::new(MAX_TREE, &abandoned)).unwrap_err();
        assert!(error.to_string().contains("nobody"), "{error}");
    }

    proptest! {
        #[test]
        fn it_gives_what_serde_json_gives(text in "[\\[\\]{}:,\"a0-9.eE+ \\-tfn]{0,40}") {
            let ours = parse(text.as_bytes(), &Room::default());
            let theirs = serde_json::from_str::<Json>(&text);
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (Err(ours), Err(theirs)) => prop_assert_eq!(ours.to_string(), theirs.to_string()),
                (ours, theirs) => prop_assert!(false, "{:?} and {:?}", ours, theirs),
            }
        }
    }
}
