//! Files that requests name: found relative to the task's folder, and read or written if permitted.

use super::contract::Context;
use crate::event::Failure;
use std::path::{Path, PathBuf};
use tokio::io::AsyncReadExt as _;

/// The file's whole content.
///
/// # Errors
/// It does not exist, may not be read, is no regular file or is longer than `limit` bytes.
pub(super) async fn read(context: &Context, path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let file = readable(context, path)?;
    let failed = |error: &std::io::Error| Failure::protocol(format!("cannot read {path}: {error}"));
    let metadata = tokio::fs::metadata(&file)
        .await
        .map_err(|error| failed(&error))?;
    if !metadata.is_file() {
        return Err(Failure::protocol(format!("{path} is no regular file")));
    }
    let mut bytes = Vec::new();
    tokio::fs::File::open(&file)
        .await
        .map_err(|error| failed(&error))?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| failed(&error))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::limit(format!(
            "{path} is longer than {limit} bytes"
        )));
    }
    Ok(bytes)
}

/// The path of an existing file that may be read, free of `..` and links.
///
/// # Errors
/// It does not exist, or reading it is not permitted.
pub(super) fn readable(context: &Context, path: &str) -> Result<PathBuf, Failure> {
    let real = real(context, path)?;
    context.permissions.read(&real)?;
    Ok(real)
}

/// The path of an existing file, free of `..` and links, whatever is permitted.
///
/// # Errors
/// It does not exist.
pub(super) fn real(context: &Context, path: &str) -> Result<PathBuf, Failure> {
    context
        .folder
        .join(path)
        .canonicalize()
        .map_err(|error| missing(context, path, &error))
}

/// The path of a file that may not exist yet, in a folder that does, free of `..` and links.
///
/// # Errors
/// Its folder does not exist.
pub(super) fn future(context: &Context, path: &str) -> Result<PathBuf, Failure> {
    let full = context.folder.join(path);
    if let Ok(real) = full.canonicalize() {
        return Ok(real);
    }
    let (Some(folder), Some(name)) = (full.parent(), full.file_name()) else {
        return Err(Failure::protocol(format!("{path:?} names no file")));
    };
    let folder = folder
        .canonicalize()
        .map_err(|error| missing(context, path, &error))?;
    Ok(folder.join(name))
}

fn missing(context: &Context, path: &str, error: &std::io::Error) -> Failure {
    let failure = Failure::protocol(format!("cannot open {path}: {error}"));
    if Path::new(path).is_absolute() {
        failure
    } else {
        failure.hint(format!(
            "paths are relative to {}",
            context.folder.display()
        ))
    }
}
