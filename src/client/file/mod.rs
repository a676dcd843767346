//! Files: read, written, appended to, looked for. Neither `..` nor a link leads out of what is permitted.

#[cfg(test)]
mod tests;

use super::contract::{Answer, Context, Nothing, Protocol};
use super::kit::json_bigint;
use super::kit::json_tree::{JsonError, MAX_TREE, Room, too_large};
use super::kit::offload::offload;
use super::received::{text_and_base64, with_members};
use super::value::{Text, present};
use super::{paths, scope::Scope};
use crate::event::{Failure, Json};
use base64::Engine as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io;
use std::mem::take;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt as _;

/// The most bytes that are read or written at once.
const MAX_FILE: u64 = 16 << 20;

/// The file client.
#[derive(Debug)]
pub struct File;

/// Nothing to configure.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// Exactly one of `read`, `write`, `append` and `exists`, with a path relative to the file that names it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [
    { "required": ["read"] },
    { "required": ["write"] },
    { "required": ["append"] },
    { "required": ["exists"] }
]))]
pub struct Request {
    /// Read this file: `res` has its `text`, and its `body` where it is JSON or YAML.
    pub read: Option<String>,
    /// Write this file, in the place of what it held. Its folder must exist.
    pub write: Option<String>,
    /// Append to this file, which is made if it does not exist.
    pub append: Option<String>,
    /// Look whether this path exists: `res.exists` tells.
    pub exists: Option<String>,
    /// What to write: this text.
    pub text: Option<Text>,
    /// What to write: any value, as one line of JSON.
    #[serde(deserialize_with = "present")]
    #[schemars(extend("x-keys" = "template"))]
    pub json: Option<Json>,
    /// What to write: the bytes that this base64 stands for.
    pub base64: Option<String>,
}

/// What `res` holds afterwards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Reply {
    /// The file, absolute, without `..` and links.
    pub path: String,
    /// After `exists`: whether it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// Its bytes: those that were read, or that it holds after writing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// After `read`: its text; what is not UTF-8 is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// After `read`: its bytes in base64, if they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// After `read`: parsed, if its name ends with `.json`, `.yaml` or `.yml`; else the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Json>,
}

/// What a request does.
enum Deed {
    Read,
    Write,
    Append,
    Exists,
}

impl Protocol for File {
    const NAME: &'static str = "file";
    const SUMMARY: &'static str = "Files: read, write, append, look whether one exists";
    const EXAMPLE: &'static str = "\
file: { read: expected.json }
save: { expected: res.body }
";
    const BODIES: &'static [&'static str] = &["text", "json", "base64", "body"];

    type Config = Config;
    type Request = Request;
    type Source = Nothing;
    type Reply = Reply;
    type Session = Context;

    fn short_request(text: &str) -> Result<Json, String> {
        let text = text.trim();
        Err(format!(
            "a file needs to know what to do: `{{read: {}}}`, or `write`, `append`, `exists`",
            if text.is_empty() { "PATH" } else { text }
        ))
    }

    fn label(request: &Json) -> String {
        ["read", "write", "append", "exists"]
            .iter()
            .find_map(|verb| Some(format!("{verb} {}", request.get(verb)?.as_str()?)))
            .unwrap_or_else(|| "a file".to_owned())
    }

    fn is_safe(request: &Json) -> bool {
        request.get("read").is_some() || request.get("exists").is_some()
    }

    async fn open(&self, _: Config, context: &Context) -> Result<Context, Failure> {
        Ok(context.clone())
    }

    async fn call(
        &self,
        context: &Context,
        request: Request,
        scope: &Scope,
    ) -> Result<Answer<Reply>, Failure> {
        let context = &*context.in_scope(scope);
        let (deed, path) = request.deed()?;
        let bytes = request.content()?;
        match (deed, bytes) {
            (Deed::Read, None) => read(context, &path).await,
            (Deed::Exists, None) => exists(context, &path).await,
            (Deed::Write, Some(bytes)) => write(context, &path, &bytes).await,
            (Deed::Append, Some(bytes)) => append(context, &path, &bytes).await,
            (Deed::Read | Deed::Exists, Some(_)) => Err(Failure::protocol(
                "a file that is read or looked for takes no `text`, `json` or `base64`",
            )),
            (Deed::Write | Deed::Append, None) => Err(Failure::protocol(format!(
                "there is nothing to write to {path:?}"
            ))
            .hint("write one of `text`, `json` and `base64` beside it; `text: \"\"` for nothing")),
        }
    }

    fn value(mut reply: Reply) -> serde_json::Result<Json> {
        let text = reply.text.as_mut().map(|text| take(text).into());
        let body = reply.body.as_mut().map(Json::take);
        with_members(&reply, [("text", text), ("body", body)])
    }
}

impl Request {
    fn deed(&self) -> Result<(Deed, String), Failure> {
        let written = [
            ("read", Deed::Read, &self.read),
            ("write", Deed::Write, &self.write),
            ("append", Deed::Append, &self.append),
            ("exists", Deed::Exists, &self.exists),
        ];
        let mut found = written
            .into_iter()
            .filter_map(|(name, deed, path)| path.clone().map(|path| (name, deed, path)));
        match (found.next(), found.next()) {
            (Some((name, _, path)), None) if path.is_empty() => Err(Failure::protocol(format!(
                "`{name}` is empty, where a path is due"
            ))),
            (Some((_, deed, path)), None) => Ok((deed, path)),
            (Some((first, ..)), Some((second, ..))) => Err(Failure::protocol(format!(
                "a request does one thing, but both `{first}` and `{second}` are written"
            ))),
            (None, _) => Err(Failure::protocol("the request does not say what to do")
                .hint("write one of read, write, append, exists with a path: `read: data.json`")),
        }
    }

    fn content(self) -> Result<Option<Vec<u8>>, Failure> {
        let bytes = match (self.text, self.json, self.base64) {
            (None, None, None) => return Ok(None),
            (Some(Text(text)), None, None) => text.into_bytes(),
            (None, Some(value), None) => format!("{value}\n").into_bytes(),
            (None, None, Some(text)) => {
                let text: String = text.split_whitespace().collect();
                base64::engine::general_purpose::STANDARD
                    .decode(text)
                    .map_err(|error| Failure::protocol(format!("`base64` is not valid: {error}")))?
            }
            _ => {
                return Err(Failure::protocol(
                    "a file gets one content, but several of `text`, `json` and `base64` are written",
                ));
            }
        };
        if bytes.len() as u64 > MAX_FILE {
            return Err(Failure::resource(format!(
                "the content is {} bytes long, more than the {MAX_FILE} that are written",
                bytes.len()
            ))
            .hint("write it in parts with `append`, or let a process of `exec` make it"));
        }
        Ok(Some(bytes))
    }
}

async fn read(context: &Context, path: &str) -> Result<Answer<Reply>, Failure> {
    let read = paths::read(context, path, MAX_FILE).await?;
    let size = read.bytes.len() as u64;
    let (found, written) = (read.path.clone(), path.to_owned());
    let parsed = offload(read.bytes.len(), move |abandoned| {
        let (text, base64) = text_and_base64(read.bytes);
        let room = Room::new(MAX_TREE, abandoned);
        parse(&found, &written, &text, &room).map(|body| (text, base64, body))
    });
    let (text, base64, body) = parsed.await?;
    let mut answer = Answer::new(
        Reply {
            path: path_text(&read.path),
            size: Some(size),
            text: Some(text),
            base64,
            body: Some(body),
            exists: None,
        },
        format!("read {path} → {size} bytes"),
    );
    answer.received = size;
    Ok(answer)
}

/// A file of data that does not parse is a failure: a test that reads it means its data.
fn parse(real: &Path, path: &str, text: &str, room: &Room) -> Result<Json, Failure> {
    let extension = real
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    match extension.as_str() {
        "json" => json_bigint::parse(text.as_bytes(), room).map_err(|error| match error {
            JsonError::Malformed(error) => {
                Failure::protocol(format!("{path:?} is no JSON: {error}"))
            }
            JsonError::TooLarge(limit) => too_large(path, limit),
        }),
        "yaml" | "yml" => (room.read(serde_yaml::Deserializer::from_str(text))).map_err(|error| {
            match room.exceeded() {
                Some(limit) => too_large(path, limit),
                None => Failure::protocol(format!("{path:?} is no YAML: {error}")),
            }
        }),
        _ => Ok(Json::String(text.to_owned())),
    }
}

async fn exists(context: &Context, path: &str) -> Result<Answer<Reply>, Failure> {
    let (real, exists) = find(context, path)
        .await
        .map_err(|error| paths::broken(context, "look for", path, &error))?;
    // Whether a forbidden file exists is not for the task to know either.
    context.permissions.read(&real)?;
    Ok(Answer::new(
        Reply {
            path: path_text(&real),
            exists: Some(exists),
            ..Reply::default()
        },
        format!(
            "{path} {}",
            if exists { "exists" } else { "does not exist" }
        ),
    ))
}

/// Where a path leads, and whether something is there: of one that does not exist, the deepest folder that
/// does, with the rest behind it.
async fn find(context: &Context, path: &str) -> io::Result<(PathBuf, bool)> {
    let full = context.folder.join(path);
    let mut rest: Vec<&std::ffi::OsStr> = Vec::new();
    for ancestor in full.ancestors() {
        match tokio::fs::canonicalize(ancestor).await {
            Ok(mut real) => {
                let exists = rest.is_empty();
                real.extend(rest.iter().rev());
                return Ok((real, exists));
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                // Nothing is known of what stands above a folder that is not there.
                let Some(name) = ancestor.file_name() else {
                    return Err(error);
                };
                rest.push(name);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Writes beside the file, then takes its place: nobody ever reads a half-written one.
async fn write(context: &Context, path: &str, bytes: &[u8]) -> Result<Answer<Reply>, Failure> {
    let real = paths::writable(context, path).await?;
    let failed = |error: io::Error| paths::broken(context, "write", path, &error);
    let beside = real.with_file_name(format!(".funcy-{:016x}.tmp", fastrand::u64(..)));
    let unfinished = Unfinished(Some(beside.clone()));
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside)
        .await
        .map_err(failed)?;
    file.write_all(bytes).await.map_err(failed)?;
    file.flush().await.map_err(failed)?;
    if let Ok(metadata) = tokio::fs::metadata(&real).await {
        file.set_permissions(metadata.permissions())
            .await
            .map_err(failed)?;
    }
    drop(file);
    tokio::fs::rename(&beside, &real).await.map_err(failed)?;
    unfinished.done();
    Ok(written("wrote", path, &real, bytes, bytes.len() as u64))
}

/// A file that is removed unless it was finished, also when the call is cancelled.
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn append(context: &Context, path: &str, bytes: &[u8]) -> Result<Answer<Reply>, Failure> {
    let real = paths::writable(context, path).await?;
    let failed = |error: io::Error| paths::broken(context, "write", path, &error);
    let mut file = tokio::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&real)
        .await
        .map_err(failed)?;
    file.write_all(bytes).await.map_err(failed)?;
    file.flush().await.map_err(failed)?;
    let size = file.metadata().await.map_err(failed)?.len();
    Ok(written("appended to", path, &real, bytes, size))
}

fn written(verb: &str, path: &str, real: &Path, bytes: &[u8], size: u64) -> Answer<Reply> {
    let mut answer = Answer::new(
        Reply {
            path: path_text(real),
            size: Some(size),
            ..Reply::default()
        },
        format!("{verb} {path}, {} bytes", bytes.len()),
    );
    answer.sent = bytes.len() as u64;
    answer
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}
