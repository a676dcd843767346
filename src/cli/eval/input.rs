use super::recorded::Recorded;
use crate::cli::bounds;
use crate::client::{JsonError, JsonRoom, parse_exactly, text_and_base64};
use crate::engine::AdhocRequest;
use crate::event::{Failure, Json};
use serde_json::json;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// The most bytes of a file or of stdin.
const MAX_BYTES: u64 = 16 << 20;

/// Where the `res` of an expression comes from.
pub(super) enum Input {
    /// Nowhere: there are variables and functions only.
    Variables,
    /// It is at hand.
    Data(Arc<Json>),
    /// From a client.
    Client(AdhocRequest),
    /// From a point of a recorded run.
    Recorded(Recorded),
}

impl Input {
    /// Whether an expression has a `res` to read.
    pub(super) fn has_res(&self) -> bool {
        match self {
            Self::Variables => false,
            Self::Data(_) | Self::Client(_) => true,
            Self::Recorded(recorded) => recorded.res.is_some(),
        }
    }

    /// A file, or with `-` stdin. Whoever names it may read it, unless another funcy has started this one.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let is_stdin = path == Path::new("-");
        let name = if is_stdin {
            "stdin".to_owned()
        } else {
            path.display().to_string()
        };
        let bytes = if is_stdin {
            limited(io::stdin().lock())
        } else {
            bounds::open(path).and_then(limited)
        };
        let broken = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Failure::protocol(format!("there is no file `{name}`")),
            _ => Failure::protocol(format!("`{name}` cannot be read: {error}")),
        };
        let bytes = bytes.map_err(broken)?;
        if bytes.len() as u64 > MAX_BYTES {
            let message = format!("`{name}` is larger than {} MiB", MAX_BYTES >> 20);
            return Err(Failure::resource(message)
                .hint("cut out what is looked at first: `head`, `grep` or `jq`, and `--input -`"));
        }
        let size = bytes.len();
        let (text, base64) = text_and_base64(bytes);
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let body = body(&extension.to_lowercase(), &text)
            .map_err(|reason| Failure::protocol(format!("`{name}` is no {reason}")))?;
        let mut data = json!({ "body": body, "text": text, "size": size });
        if let Some(base64) = base64 {
            data["base64"] = base64.into();
        }
        Ok(Self::Data(Arc::new(data)))
    }
}

fn limited(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file whose name says what it is must be that; of any other the content decides.
fn body(extension: &str, text: &str) -> Result<Json, String> {
    match extension {
        "json" => parse_exactly(text.as_bytes(), &JsonRoom::default())
            .map_err(|error| format!("JSON: {error}")),
        "yaml" | "yml" => serde_yaml::from_str(text).map_err(|error| format!("YAML: {error}")),
        _ => match parse_exactly(text.as_bytes(), &JsonRoom::default()) {
            Ok(value) => Ok(value),
            Err(JsonError::Malformed(_)) => Ok(Json::String(text.to_owned())),
            Err(error) => Err(error.to_string()),
        },
    }
}
