//! What a request carries: the shape that every message client shares.

use super::contract::Context;
use super::paths;
use super::received::from_base64;
use super::value::Text;
use crate::event::{Failure, Json};
use bytes::Bytes;
use serde_json::json;

/// Payload bytes that a request may carry.
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
            return Err(Failure::resource(format!(
                "the payload is {} bytes long, more than the {MAX_PAYLOAD} that are sent",
                bytes.len()
            ))
            .hint("send it in parts, or a reference to it"));
        }
        Ok(Some(bytes))
    }
}

/// For the schema of a request: that one payload at most is written.
pub(super) fn one_at_most() -> Json {
    let written = json!([
        { "required": ["json"] },
        { "required": ["text"] },
        { "required": ["base64"] },
        { "required": ["file"] },
    ]);
    let mut choices = written.as_array().cloned().unwrap_or_default();
    choices.push(json!({ "not": { "anyOf": written } }));
    json!([{ "oneOf": choices }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ErrorKind, Permissions};
    use std::path::Path;
    use std::sync::Arc;

    fn context(folder: &Path) -> Context {
        Context {
            permissions: Arc::new(Permissions::standard(folder)),
            folder: folder.to_owned(),
            trace: Arc::new(crate::event::Trace::of("", 0)),
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
}
