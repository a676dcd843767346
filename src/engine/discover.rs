use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// The name of the suite file.
pub const SUITE: &str = "funcy.yaml";

/// Folders that are nested deeper than this are not looked into.
const DEPTH: usize = 64;

/// The task files that a path names: the file itself, or every `.yaml` and `.yml` below a folder, except
/// paths with a part that begins with `_` or `.`. The suite file is none, also where a shell's `*.yaml` names it.
/// Sorted by name. Links are followed; a folder that several ways lead to is looked into once.
///
/// # Errors
/// When the path does not exist, is neither file nor folder, or cannot be read.
pub fn discover(path: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(survey(path)?.files)
}

/// What lies below a path.
#[derive(Debug, Default)]
pub struct Survey {
    /// The task files, sorted by name.
    pub files: Vec<PathBuf>,
    /// The folders that were looked into, links as they are written.
    pub folders: Vec<PathBuf>,
}

/// As [`discover`], with the folders that were looked into: a new task file can only appear in one of them.
///
/// # Errors
/// As [`discover`].
pub fn survey(path: &Path) -> io::Result<Survey> {
    let kind = std::fs::metadata(path)?;
    if kind.is_file() {
        let mut found = Survey::default();
        if !is_suite(path) {
            found.files.push(path.to_owned());
        }
        return Ok(found);
    }
    if !kind.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "neither a file nor a folder",
        ));
    }
    let mut found = Survey::default();
    walk(path, 0, &mut HashSet::new(), &mut found)?;
    found.files.sort();
    Ok(found)
}

fn walk(
    folder: &Path,
    depth: usize,
    visited: &mut HashSet<PathBuf>,
    found: &mut Survey,
) -> io::Result<()> {
    // A link to a folder above would lead round and round, and two of them in 2^depth ways.
    if depth > DEPTH || !visited.insert(std::fs::canonicalize(folder)?) {
        return Ok(());
    }
    found.folders.push(folder.to_owned());
    let mut entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    // Which of several ways is taken must not depend on the file system.
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(['_', '.']) || name == SUITE {
            continue;
        }
        let path = entry.path();
        // Follows links. What is called a task and is none, such as a link that leads nowhere, is named too,
        // so that reading it fails: it must not be passed over.
        if std::fs::metadata(&path).is_ok_and(|kind| kind.is_dir()) {
            walk(&path, depth + 1, visited, found)?;
        } else if matches!(
            path.extension().and_then(|end| end.to_str()),
            Some("yaml" | "yml")
        ) {
            found.files.push(path);
        }
    }
    Ok(())
}

/// Whether this is the name of a suite file.
pub(super) fn is_suite(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == SUITE)
}

/// The nearest suite file in the folder or above it, by where the folder really lies: `../tasks` belongs to what is
/// beside the working folder.
#[must_use]
pub fn suite_above(folder: &Path) -> Option<PathBuf> {
    real(folder)
        .ancestors()
        .map(|folder| folder.join(SUITE))
        // Also what cannot be read: it must not be passed over for one above.
        .find(|file| std::fs::symlink_metadata(file).is_ok_and(|found| !found.is_dir()))
}

/// The folder whose suite a task file belongs to: the one in which it really lies, also where a link led to it.
#[must_use]
pub fn home(file: &Path) -> PathBuf {
    let file = real(file);
    file.parent().unwrap_or(&file).to_owned()
}

/// The path without links and `..`, as far as it exists.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = std::fs::canonicalize(Path::new(".").join(path)) {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}
