//! What a message brings: the shape that every message client shares.

use super::kit::json_bigint;
use crate::event::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Decodes base64; line breaks and spaces are allowed.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    let text: String = text.split_whitespace().collect();
    STANDARD.decode(text)
}

/// Encodes base64.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A payload as `res` shows it.
#[derive(Debug, PartialEq)]
pub(super) struct Received {
    /// Parsed where it is JSON, else the text.
    pub(super) body: Json,
    /// The text; what is not UTF-8 is replaced.
    pub(super) text: String,
    /// The bytes, if they are not UTF-8.
    pub(super) base64: Option<String>,
}

impl Received {
    /// Reads a payload.
    pub(super) fn new(bytes: &[u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self {
                body: json_bigint::parse_or_text(text),
                text: text.to_owned(),
                base64: None,
            };
        }
        let text = String::from_utf8_lossy(bytes).into_owned();
        Self {
            body: Json::String(text.clone()),
            text,
            base64: Some(to_base64(bytes)),
        }
    }
}

#[cfg(test)]
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
