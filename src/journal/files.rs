//! The files of a journal, and the only way to them: `journal.db`, what `SQLite` puts beside it, the reserve, and the
//! folder with the locks of runs under way. A checkout can hold any of them, so that none is followed.

use super::JournalError;
use crate::os::{Folder, Identity};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// What `SQLite` opens: the database itself, its write-ahead log, its index, and a journal of an older kind.
const DATABASE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// The folder that a journal lies in, and its name there.
#[derive(Debug)]
pub(super) struct Files {
    folder: Folder,
    name: OsString,
    path: PathBuf,
}

impl Files {
    /// Those of a journal whose folder is there.
    pub(super) fn open(journal: &Path) -> io::Result<Self> {
        Self::enter(journal, Folder::open)
    }

    /// Makes the folders on the way.
    pub(super) fn create(journal: &Path) -> io::Result<Self> {
        Self::enter(journal, Folder::create)
    }

    fn enter(journal: &Path, enter: impl Fn(&Path) -> io::Result<Folder>) -> io::Result<Self> {
        let name = journal.file_name().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a file")
        })?;
        Ok(Self {
            folder: enter(journal.parent().unwrap_or(Path::new("")))?,
            name: name.to_owned(),
            path: journal.to_owned(),
        })
    }

    /// Where the database lies, for `SQLite`, which opens it by its path: free of links, and each of its files is a
    /// regular one or not there.
    pub(super) fn database(&self) -> Result<PathBuf, JournalError> {
        for ending in DATABASE {
            self.folder
                .has(self.named(ending))
                .map_err(JournalError::inaccessible(&self.path))?;
        }
        let folder = std::fs::canonicalize(self.folder.path());
        let folder = folder.map_err(JournalError::inaccessible(&self.path))?;
        Ok(folder.join(&self.name))
    }

    /// Whether the database is there.
    pub(super) fn has_database(&self) -> bool {
        matches!(self.folder.identity(&self.name), Ok(Some(_)))
    }

    /// Which files the database and its write-ahead log are now.
    pub(super) fn identities(&self) -> io::Result<[Option<Identity>; 2]> {
        Ok([
            self.folder.identity(&self.name)?,
            self.folder.identity(self.named("-wal"))?,
        ])
    }

    /// The folder with the locks of runs under way.
    pub(super) fn live(&self, make: bool) -> io::Result<Folder> {
        self.folder.folder(self.named("-live"), make)
    }

    /// The folder of the journal, and the name of the file in it that keeps room.
    pub(super) fn reserve(self) -> (Folder, OsString) {
        let name = self.named("-reserve");
        (self.folder, name)
    }

    /// The name of a file beside the database.
    fn named(&self, ending: &str) -> OsString {
        let mut name = OsStr::to_owned(&self.name);
        name.push(ending);
        name
    }
}
