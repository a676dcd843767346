//! Files that requests name: found relative to the task's folder, and opened only if permitted.

use super::contract::Context;
use crate::event::Failure;
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::AsyncReadExt as _;

/// A file's content, and where it really is.
#[derive(Debug)]
pub(super) struct Content {
    /// Its path, absolute and free of `..` and links.
    pub(super) path: PathBuf,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
}

/// Reads a whole file.
///
/// # Errors
/// It does not exist, may not be read, is no regular file or is longer than `limit` bytes.
pub(super) async fn read(context: &Context, path: &str, limit: u64) -> Result<Content, Failure> {
    let real = readable(context, path).await?;
    let failed = |error: io::Error| broken(context, "read", path, &error);
    let file = tokio::fs::File::open(&real).await.map_err(failed)?;
    let length = file.metadata().await.map_err(failed)?.len();
    if length > limit {
        return Err(too_long(path, limit));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // One byte more than allowed tells a file that grows meanwhile.
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(too_long(path, limit));
    }
    Ok(Content { path: real, bytes })
}

/// The path of an existing regular file that may be read, free of `..` and links.
///
/// # Errors
/// It does not exist, is no regular file, or reading it is not permitted.
pub(super) async fn readable(context: &Context, path: &str) -> Result<PathBuf, Failure> {
    let real = tokio::fs::canonicalize(context.folder.join(path))
        .await
        .map_err(|error| broken(context, "read", path, &error))?;
    context.permissions.read(&real)?;
    // Opening a pipe or a device would block or never end.
    regular(context, "read", path, &real).await?;
    Ok(real)
}

/// The path of a file that may be written, free of `..` and links. It need not exist, its folder must.
///
/// # Errors
/// Its folder does not exist, it is there but no regular file, or writing it is not permitted.
pub(super) async fn writable(context: &Context, path: &str) -> Result<PathBuf, Failure> {
    let real = resolve(context, path)
        .await
        .map_err(|error| broken(context, "write", path, &error))?;
    context.permissions.write(&real)?;
    // In this order, since another may make the file in between.
    if !tokio::fs::try_exists(&real).await.unwrap_or(true) {
        return Ok(real);
    }
    regular(context, "write", path, &real).await.map(|()| real)
}

/// Where a path leads, free of `..` and links. The file itself need not exist, its folder must.
///
/// # Errors
/// Its folder does not exist, or it is a link to nothing.
pub(super) async fn resolve(context: &Context, path: &str) -> io::Result<PathBuf> {
    let full = context.folder.join(path);
    match tokio::fs::canonicalize(&full).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    // A link that leads nowhere would be followed by the one who creates the file; a file that somebody has
    // made in between is none.
    if let Ok(found) = tokio::fs::symlink_metadata(&full).await {
        if !found.is_symlink() {
            return tokio::fs::canonicalize(&full).await;
        }
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "it is a link to a file that does not exist",
        ));
    }
    let (Some(folder), Some(name)) = (full.parent(), full.file_name()) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path names no file",
        ));
    };
    Ok(tokio::fs::canonicalize(folder).await?.join(name))
}

async fn regular(context: &Context, verb: &str, path: &str, real: &Path) -> Result<(), Failure> {
    let metadata = tokio::fs::metadata(real)
        .await
        .map_err(|error| broken(context, verb, path, &error))?;
    if metadata.is_file() {
        return Ok(());
    }
    let what = if metadata.is_dir() {
        "it is a folder"
    } else {
        "it is no regular file"
    };
    Err(Failure::protocol(format!("cannot {verb} {path:?}: {what}")))
}

fn too_long(path: &str, limit: u64) -> Failure {
    Failure::resource(format!(
        "the file {path:?} is longer than {limit} bytes, the most that is read"
    ))
    .hint("let a process of `exec` cut out what is looked at (`head`, `grep`, `jq`)")
}

/// Says that something with this file did not work, and where relative paths start.
pub(super) fn broken(context: &Context, verb: &str, path: &str, error: &io::Error) -> Failure {
    let reason = match error.kind() {
        io::ErrorKind::NotFound if error.raw_os_error().is_some() => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "the system denies it".to_owned(),
        _ => error.to_string(),
    };
    let failure = Failure::protocol(format!("cannot {verb} {path:?}: {reason}"));
    if Path::new(path).is_absolute() {
        failure
    } else {
        failure.hint(format!(
            "paths are relative to {}",
            context.folder.display()
        ))
    }
}
