//! What a message brings: the shape that every message client shares.

#[cfg(any(feature = "nats", feature = "sql"))]
use super::kit::json_bigint;
use super::kit::json_tree::{MAX_TREE, Room};
use super::kit::offload::offload;
use super::kit::reclaim::reclaim;
use crate::event::{Failure, Json, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::sync::Arc;

/// Decodes base64; line breaks and spaces are allowed.
#[cfg(any(feature = "nats", feature = "sql"))]
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    let text: String = text.split_whitespace().collect();
    STANDARD.decode(text)
}

/// Encodes base64.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The text of a payload; what is not UTF-8 is replaced, and then the second is the payload in base64. So expressions
/// know every byte (`res.bytes`), and nothing is kept twice.
#[must_use]
pub fn text_and_base64(bytes: Vec<u8>) -> (String, Option<String>) {
    match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let bytes = error.as_bytes();
            let text = String::from_utf8_lossy(bytes).into_owned();
            (text, Some(to_base64(bytes)))
        }
    }
}

/// The message of a payload of so many bytes: made beside the engine if it is large, and freed there.
///
/// # Errors
/// What `made` says.
pub(super) async fn message(
    bytes: usize,
    made: impl FnOnce(&Room) -> Result<Json, Failure> + Send + 'static,
) -> Result<Message, Failure> {
    let value = offload(bytes, move |abandoned| {
        made(&Room::new(MAX_TREE, abandoned)).map(Arc::new)
    })
    .await?;
    reclaim(&value, bytes as u64);
    Ok(Message {
        value,
        received: bytes as u64,
    })
}

/// A result as plain data, with these members put where it has others of their names: moved, where serializing would
/// copy what is large.
pub(super) fn with_members<const N: usize>(
    result: &impl Serialize,
    members: [(&str, Option<Json>); N],
) -> serde_json::Result<Json> {
    let mut value = serde_json::to_value(result)?;
    for (name, member) in members {
        if let (Some(place), Some(member)) = (value.get_mut(name), member) {
            *place = member;
        }
    }
    Ok(value)
}

/// A payload as `res` shows it.
#[cfg(any(feature = "nats", feature = "sql"))]
#[derive(Debug, PartialEq)]
pub(super) struct Received {
    /// Parsed where it is JSON, else the text.
    pub(super) body: Json,
    /// The text; what is not UTF-8 is replaced.
    pub(super) text: String,
    /// The bytes, if they are not UTF-8.
    pub(super) base64: Option<String>,
}

#[cfg(any(feature = "nats", feature = "sql"))]
impl Received {
    /// Reads a payload. `of`: what it is the payload of.
    ///
    /// # Errors
    /// When its values would take too much memory.
    pub(super) fn new(
        bytes: &[u8],
        room: &Room,
        of: impl FnOnce() -> String,
    ) -> Result<Self, Failure> {
        let (text, base64) = text_and_base64(bytes.to_vec());
        let body = match base64 {
            None => json_bigint::parse_or_text(&text, room, of)?,
            Some(_) => Json::String(text.clone()),
        };
        Ok(Self { body, text, base64 })
    }

    /// The same, beside the engine if it is large.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[cfg(feature = "nats")]
    pub(super) async fn read(bytes: bytes::Bytes, of: String) -> Result<Self, Failure> {
        offload(bytes.len(), move |abandoned| {
            Self::new(&bytes, &Room::new(MAX_TREE, abandoned), || of)
        })
        .await
    }
}

#[cfg(all(test, any(feature = "nats", feature = "sql")))]
mod tests {
    use super::*;
    use serde_json::json;

    fn received(bytes: &[u8]) -> Result<Received, Failure> {
        Received::new(bytes, &Room::default(), String::new)
    }

    #[test]
    fn a_body_is_parsed_where_it_is_json() {
        assert_eq!(received(b"{\"a\":[1]}").unwrap().body, json!({"a": [1]}));
        assert_eq!(received(b"7").unwrap().body, json!(7));
        assert_eq!(received(b"hello").unwrap().body, json!("hello"));
        assert_eq!(received(b"").unwrap().body, json!(""));
        let binary = received(&[0xff, b'a']).unwrap();
        assert_eq!(binary.base64.as_deref(), Some("/2E="));
        assert_eq!(binary.text, "\u{fffd}a");
    }
}
