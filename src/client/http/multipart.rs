//! `multipart/form-data`.

use super::fields::scalar;
use super::request::MAX_BODY;
use crate::client::contract::Context;
use crate::client::paths;
use crate::event::{Failure, Json};
use bytes::Bytes;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// One part.
#[derive(Debug)]
pub(super) struct FormPart {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
    /// The file that the content comes from.
    pub(super) file: Option<PathBuf>,
    pub(super) filename: Option<String>,
    pub(super) content_type: Option<String>,
}

/// The long form of a part.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Long {
    text: Option<Json>,
    #[serde(deserialize_with = "crate::client::value::present")]
    json: Option<Json>,
    file: Option<String>,
    filename: Option<String>,
    r#type: Option<String>,
}

/// Reads the parts as a request writes them, files included.
pub(super) async fn read(
    context: &Context,
    parts: serde_json::Map<String, Json>,
) -> Result<Vec<FormPart>, Failure> {
    let mut read = Vec::with_capacity(parts.len());
    let mut total = 0u64;
    for (name, value) in parts {
        let values = match value {
            Json::Array(items) => items,
            single => vec![single],
        };
        for value in values {
            let part = one(context, &name, value).await?;
            total += part.content.len() as u64;
            if total > MAX_BODY {
                return Err(Failure::resource(format!(
                    "the parts are longer than {MAX_BODY} bytes, the most that one request sends"
                ))
                .hint("send them in several requests"));
            }
            read.push(part);
        }
    }
    Ok(read)
}

async fn one(context: &Context, name: &str, value: Json) -> Result<FormPart, Failure> {
    let mut part = FormPart {
        name: name.to_owned(),
        content: Vec::new(),
        file: None,
        filename: None,
        content_type: None,
    };
    if !value.is_object() {
        part.content = scalar("multipart", name, &value)?.into_owned().into_bytes();
        return Ok(part);
    }
    let long = Long::deserialize(value)
        .map_err(|error| Failure::protocol(format!("multipart.{name}: {error}")))?;
    part.filename = long.filename;
    part.content_type = long.r#type;
    match (long.text, long.json, long.file) {
        (Some(text), None, None) => {
            part.content = scalar("multipart", name, &text)?.into_owned().into_bytes();
        }
        (None, Some(value), None) => {
            part.content = value.to_string().into_bytes();
            part.content_type
                .get_or_insert_with(|| "application/json".to_owned());
        }
        (None, None, Some(path)) => {
            let read = paths::read(context, &path, MAX_BODY).await?;
            part.content_type
                .get_or_insert_with(|| content_type_of(&read.path).to_owned());
            if part.filename.is_none() {
                part.filename = read
                    .path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned());
            }
            part.content = read.bytes;
            part.file = Some(read.path);
        }
        _ => {
            return Err(Failure::protocol(format!(
                "multipart.{name} needs exactly one of `text`, `json` and `file`"
            )));
        }
    }
    if part
        .content_type
        .as_ref()
        .is_some_and(|kind| kind.contains(char::is_control))
    {
        return Err(Failure::protocol(format!(
            "multipart.{name}.type holds a line break or control character"
        )));
    }
    Ok(part)
}

/// The body, and the boundary that no part holds.
pub(super) fn encode(parts: &[FormPart]) -> (Bytes, String) {
    let boundary = loop {
        let boundary = format!("funcy-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        if !parts
            .iter()
            .any(|part| holds(&part.content, boundary.as_bytes()))
        {
            break boundary;
        }
    };
    let mut body = Vec::with_capacity(
        parts
            .iter()
            .map(|part| part.content.len() + part.name.len() + 256)
            .sum(),
    );
    for part in parts {
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        body.extend_from_slice(
            format!(
                "Content-Disposition: form-data; name=\"{}\"",
                quoted(&part.name)
            )
            .as_bytes(),
        );
        if let Some(filename) = &part.filename {
            body.extend_from_slice(format!("; filename=\"{}\"", quoted(filename)).as_bytes());
        }
        if let Some(kind) = &part.content_type {
            body.extend_from_slice(format!("\r\nContent-Type: {kind}").as_bytes());
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&part.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (Bytes::from(body), boundary)
}

/// As browsers write names: the three characters that would end them are percent-encoded.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn holds(content: &[u8], boundary: &[u8]) -> bool {
    content
        .windows(boundary.len())
        .any(|window| window == boundary)
}

/// The content type that a file's name suggests.
pub(super) fn content_type_of(path: &Path) -> &'static str {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    match extension.as_str() {
        "json" => "application/json",
        "xml" => "application/xml",
        "yaml" | "yml" => "application/yaml",
        "txt" | "log" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}
