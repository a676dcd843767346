//! What requests carry and messages bring: the shape that every message client shares.

use super::contract::Context;
use super::value::Text;
use super::{exact, paths};
use crate::event::{Failure, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// Payload bytes that a request may carry or a reply may bring.
pub(super) const MAX_PAYLOAD: u64 = 16 << 20;

/// The members of a request of which one at most is written.
#[derive(Debug, Default)]
pub(super) struct Payload {
    pub(super) json: Option<Json>,
    pub(super) text: Option<Text>,
    pub(super) base64: Option<String>,
    pub(super) file: Option<String>,
}

impl Payload {
    /// Whether any member is written.
    pub(super) fn is_written(&self) -> bool {
        self.json.is_some() || self.text.is_some() || self.base64.is_some() || self.file.is_some()
    }

    /// The bytes, or `None` if no member is written.
    ///
    /// # Errors
    /// More than one is written, it is not base64, the file cannot or may not be read, or it is too large.
    pub(super) async fn read(self, context: &Context) -> Result<Option<Bytes>, Failure> {
        let bytes = match self {
            Self {
                json: None,
                text: None,
                base64: None,
                file: None,
            } => return Ok(None),
            Self {
                json: Some(value),
                text: None,
                base64: None,
                file: None,
            } => Bytes::from(value.to_string()),
            Self {
                json: None,
                text: Some(Text(text)),
                base64: None,
                file: None,
            } => Bytes::from(text),
            Self {
                json: None,
                text: None,
                base64: Some(text),
                file: None,
            } => from_base64(&text)
                .map(Bytes::from)
                .map_err(|error| Failure::protocol(format!("`base64` is not valid: {error}")))?,
            Self {
                json: None,
                text: None,
                base64: None,
                file: Some(path),
            } => Bytes::from(paths::read(context, &path, MAX_PAYLOAD).await?.bytes),
            _ => {
                return Err(Failure::protocol(
                    "a request carries one payload, but several are written",
                )
                .hint("keep one of `json`, `text`, `base64` and `file`"));
            }
        };
        if bytes.len() as u64 > MAX_PAYLOAD {
            return Err(Failure::limit(format!(
                "the payload is {} bytes long, more than {MAX_PAYLOAD}",
                bytes.len()
            )));
        }
        Ok(Some(bytes))
    }
}

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
                body: exact::parse_or_text(text),
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

    /// Its members, for a message.
    pub(super) fn members(self) -> serde_json::Map<String, Json> {
        let mut members = serde_json::Map::new();
        members.insert("body".into(), self.body);
        members.insert("text".into(), self.text.into());
        if let Some(base64) = self.base64 {
            members.insert("base64".into(), base64.into());
        }
        members
    }
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
    use crate::event::{ErrorKind, Permissions};
    use serde_json::json;
    use std::path::Path;
    use std::sync::Arc;

    fn context(folder: &Path) -> Context {
        Context {
            permissions: Arc::new(Permissions::standard(folder)),
            folder: folder.to_owned(),
        }
    }

    #[tokio::test]
    async fn a_payload_is_one_of_four() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("body.json"), b"{\"a\":1}").unwrap();
        let context = context(&root);
        let read = async |payload: Payload| payload.read(&context).await;

        assert_eq!(read(Payload::default()).await.unwrap(), None);
        let json = Payload {
            json: Some(Json::Null),
            ..Payload::default()
        };
        assert_eq!(read(json).await.unwrap().unwrap(), "null");
        let base64 = Payload {
            base64: Some("AP8=\n".into()),
            ..Payload::default()
        };
        assert_eq!(&read(base64).await.unwrap().unwrap()[..], [0, 255]);
        let file = Payload {
            file: Some("body.json".into()),
            ..Payload::default()
        };
        assert_eq!(read(file).await.unwrap().unwrap(), "{\"a\":1}");
        let two = Payload {
            text: Some(Text("a".into())),
            base64: Some("AA==".into()),
            ..Payload::default()
        };
        assert_eq!(read(two).await.unwrap_err().kind, ErrorKind::Protocol);
        let wrong = Payload {
            base64: Some("%".into()),
            ..Payload::default()
        };
        assert!(read(wrong).await.unwrap_err().message.contains("base64"));
    }

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
