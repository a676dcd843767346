//! Bodies of answers: read up to a bound, decoded, parsed where they are JSON.

use super::failure;
use crate::client::kit::json_bigint;
use crate::client::kit::json_tree::{JsonError, Room, too_large};
use crate::client::kit::offload::{Abandoned, Pace, offload};
use crate::client::received::{text_and_base64, to_base64};
use crate::event::{Failure, Json};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Response, Url};
use std::time::Duration;

/// The values of a body take at most so many times its limit: a JSON of records takes some ten times its text.
const TREE: u64 = 16;

/// A body as `res` shows it.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) body: Json,
    pub(super) text: String,
    /// The bytes in base64, if they are not those of the text.
    pub(super) base64: Option<String>,
    /// Bytes after decompression.
    pub(super) size: u64,
    /// Something odd that the summary should tell.
    pub(super) note: Option<String>,
}

/// Reads a body to its end. Counted after decompression, so that a small answer cannot grow without bound.
pub(super) async fn read(
    response: &mut Response,
    url: &Url,
    limit: u64,
    connect_timeout: Duration,
) -> Result<Bytes, Failure> {
    let too_long = || {
        Failure::resource(format!(
            "the body from {} is longer than {limit} bytes",
            failure::authority(url)
        ))
        .hint("`body_limit` of the client sets the limit, in bytes")
    };
    if response
        .content_length()
        .is_some_and(|length| length > limit)
    {
        return Err(too_long());
    }
    // What the server says of it, up to the limit: nothing is moved as it grows.
    let announced = response.content_length().unwrap_or_default() as usize;
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    let mut pace = Pace::default();
    loop {
        let chunk = response
            .chunk()
            .await
            .map_err(|error| failure::failure(&error, url, connect_timeout))?;
        let Some(chunk) = chunk else { break };
        let length = first.len().max(whole.len()) + chunk.len();
        if length as u64 > limit {
            return Err(too_long());
        }
        pace.step(chunk.len()).await;
        // Most bodies are one chunk, which need not be copied.
        if first.is_empty() {
            first = chunk;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(announced.max(length));
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&chunk);
    }
    if whole.is_empty() {
        return Ok(first);
    }
    Ok(whole.freeze())
}

/// Decodes a body and parses it, if its content type is JSON; beside the engine if it is large.
///
/// # Errors
/// When its values would take more than [`TREE`] times `limit` bytes of memory.
pub(super) async fn parse(
    bytes: Bytes,
    headers: &HeaderMap,
    url: &Url,
    limit: u64,
) -> Result<Content, Failure> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let from = failure::authority(url);
    offload(bytes.len(), move |abandoned| {
        parse_now(bytes, &kind, abandoned, limit.saturating_mul(TREE)).map_err(|limit| {
            too_large(&format!("the body from {from}"), limit).hint(format!(
                "ask for less of it at once, such as a page; it is {TREE} times the `body_limit` of the client"
            ))
        })
    })
    .await
}

/// `room`: bytes of memory that its values may take. That is the error, if they would take more.
fn parse_now(bytes: Bytes, kind: &str, abandoned: &Abandoned, room: u64) -> Result<Content, u64> {
    let size = bytes.len() as u64;
    let (text, base64) = decode(bytes, kind);
    let mut note = None;
    let body = if !is_json(kind) {
        Json::String(text.clone())
    } else if text.trim_ascii().is_empty() {
        Json::Null
    } else {
        match json_bigint::parse(text.as_bytes(), &Room::new(room, abandoned)) {
            Ok(value) => value,
            Err(JsonError::TooLarge(limit)) => return Err(limit),
            Err(JsonError::Malformed(error)) => {
                note = Some(format!(
                    "the body is not JSON, as its content type says: {error}"
                ));
                Json::String(text.clone())
            }
        }
    };
    Ok(Content {
        body,
        text,
        base64,
        size,
        note,
    })
}

/// Text in the charset that the content type names; what cannot be decoded is replaced. With it the bytes in base64,
/// if they are not those of the text.
fn decode(bytes: Bytes, kind: &str) -> (String, Option<String>) {
    let charset = parameter(kind, "charset");
    if !matches!(
        charset.as_deref(),
        None | Some("utf-8" | "utf8" | "us-ascii")
    ) {
        let mut response = axum::http::Response::new(bytes.clone());
        if let Ok(value) = kind.parse() {
            response.headers_mut().insert(CONTENT_TYPE, value);
        }
        // All of it is there, so that nothing is waited for.
        if let Some(Ok(text)) = Response::from(response).text().now_or_never() {
            let base64 = (text.as_bytes() != &bytes[..]).then(|| to_base64(&bytes));
            return (text, base64);
        }
    }
    text_and_base64(Vec::from(bytes))
}

/// Whether a content type is JSON: `application/json`, `text/json`, `application/problem+json`.
fn is_json(kind: &str) -> bool {
    let media = kind.split(';').next().unwrap_or_default().trim();
    let Some((_, subtype)) = media.split_once('/') else {
        return false;
    };
    subtype.eq_ignore_ascii_case("json")
        || subtype
            .len()
            .checked_sub(5)
            .and_then(|start| subtype.get(start..))
            .is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
}

fn parameter(kind: &str, name: &str) -> Option<String> {
    kind.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn content(kind: &str, bytes: &'static [u8]) -> Content {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        let url = Url::parse("http://h/").unwrap();
        let parsed = parse(Bytes::from_static(bytes), &headers, &url, 1 << 20);
        parsed.await.unwrap()
    }

    #[tokio::test]
    async fn json_is_known_by_its_type() {
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
            "text/json",
        ] {
            assert_eq!(
                content(kind, b"{\"a\":1}").await.body,
                json!({"a": 1}),
                "{kind}"
            );
        }
        for kind in [
            "text/plain",
            "application/x-ndjson",
            "json",
            "application/jsonx",
        ] {
            assert_eq!(content(kind, b"{}").await.body, json!("{}"), "{kind}");
        }
        assert_eq!(content("application/json", b" ").await.body, Json::Null);
    }

    #[tokio::test]
    async fn what_only_claims_to_be_json_is_text() {
        let content = content("application/json", b"<html>").await;
        assert_eq!(content.body, json!("<html>"));
        assert!(content.note.unwrap().contains("not JSON"));
    }

    #[tokio::test]
    async fn charsets_are_decoded() {
        let latin = content("text/plain; charset=ISO-8859-1", b"caf\xe9").await;
        assert_eq!(latin.text, "café");
        assert_eq!(latin.size, 4);
        assert_eq!(latin.base64.as_deref(), Some("Y2Fm6Q=="));
        let lossy = content("text/plain", b"a\xff").await;
        assert_eq!(lossy.text, "a\u{fffd}");
        assert_eq!(lossy.base64.as_deref(), Some("Yf8="));
        for kind in ["text/plain", "text/plain; charset=iso-8859-1"] {
            let plain = content(kind, b"plain").await;
            assert_eq!((&*plain.text, plain.base64), ("plain", None), "{kind}");
        }
    }
}
