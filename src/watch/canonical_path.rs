//! Where files really lie: events name paths without links, and people write them as they like.

use std::path::{Component, Path, PathBuf};

/// The folder as it really lies, also where it is gone.
pub(super) fn absolute(path: &Path) -> PathBuf {
    // The path of a folder that is gone is known by its parent.
    let plain = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    canonical(&normal(&plain))
}

/// The path without links, as far as it exists.
pub(super) fn canonical(path: &Path) -> PathBuf {
    if let Ok(canonical) = std::fs::canonicalize(path) {
        return canonical;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => {
            canonical(parent).join(name)
        }
        _ => path.to_owned(),
    }
}

/// The file in the folder that it really lies in; a link keeps its name.
pub(super) fn canonical_file(path: &Path) -> PathBuf {
    let plain = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (plain.parent(), plain.file_name()) {
        (Some(parent), Some(name)) => canonical(parent).join(name),
        _ => plain,
    }
}

/// The folder, or the nearest above it that exists.
pub(super) fn existing(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .find(|folder| folder.is_dir())
        .map(Path::to_owned)
}

/// The path without `.` and `..`, as far as that is known without looking.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
