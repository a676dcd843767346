//! Files that the command line names, opened within what this program may: see `engine::bounds`.

pub(super) use crate::engine::{may_read, may_write};
use std::fs::File;
use std::io;
use std::path::Path;

/// Makes a file, or empties it.
///
/// # Errors
/// When it may not be written, or cannot be.
pub(super) fn create(path: &Path) -> io::Result<File> {
    may_write(path)?;
    File::create(path)
}

/// Opens a file to read it.
///
/// # Errors
/// When it may not be read, or cannot be.
pub(super) fn open(path: &Path) -> io::Result<File> {
    may_read(path)?;
    File::open(path)
}
