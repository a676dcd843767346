//! What a message brings: the shape that every message client shares.

#[cfg(any(feature = "nats", feature = "sql"))]
use super::kit::json_bigint;
#[cfg(any(feature = "nats", feature = "sql"))]
use crate::event::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
    /// Reads a payload.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let (text, base64) = text_and_base64(bytes.to_vec());
        let body = match base64 {
            None => json_bigint::parse_or_text(&text),
            Some(_) => Json::String(text.clone()),
        };
        Self { body, text, base64 }
    }
}

#[cfg(all(test, any(feature = "nats", feature = "sql")))]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_is_parsed_where_it_is_json() {
        assert_eq!(Received::new(b"{\"a\":[1]}").body, json!({"a": [1]}));
        assert_eq!(Received::new(b"7").body, json!(7));
        assert_eq!(Received::new(b"hello").body, json!("hello"));
        assert_eq!(Received::new(b"").body, json!(""));
        let binary = Received::new(&[0xff, b'a']);
        assert_eq!(binary.base64.as_deref(), Some("/2E="));
        assert_eq!(binary.text, "\u{fffd}a");
    }
}
