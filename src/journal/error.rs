use crate::event::RunId;
use std::io;
use std::path::{Path, PathBuf};

/// Why the journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file is there, but is no journal of funcy's, or a broken one. It was not touched.
    #[error("{} is no journal of funcy's, or is damaged: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What `SQLite`, or a look into it, says.
        why: String,
    },
    /// A later funcy has written it. It was not touched.
    #[error("{} was written by a newer funcy (its layout is {found}, this one knows {known})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its layout.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
    },
    /// The `SQLite` in this program loses data when one process writes while another checkpoints
    /// (its versions before 3.51.3, <https://sqlite.org/wal.html#walresetbug>).
    #[error("the SQLite in this program is {found}; the journal needs 3.51.3 or later")]
    OldLibrary {
        /// Its version.
        found: &'static str,
    },
    /// The file, or one beside it, cannot be opened or written.
    #[error("the journal {} cannot be opened: {why}", path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// What the operating system, or `SQLite`, says.
        why: String,
    },
    /// The file, or its write-ahead log, is not the one any more that was opened.
    #[error("the journal {} was removed or replaced while it was written", path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The run has ended, or was interrupted and another has begun since: nothing is written behind its end.
    #[error("run {run} has ended, and takes no more events")]
    Ended {
        /// The run.
        run: RunId,
    },
    /// There is no journal yet.
    #[error("there is no journal at {}", path.display())]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No run, or more than one, has this name.
    #[error("{message}")]
    Unknown {
        /// In words.
        message: String,
        /// How to find it.
        hint: String,
    },
    /// There is no room left on the disk.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Another process holds the journal for longer than funcy waits.
    #[error("another process holds the journal: {0}")]
    Busy(String),
    /// What is stored is not what was written.
    #[error("{0}")]
    Broken(super::Broken),
    /// Anything else that the store says.
    #[error("{0}")]
    Store(String),
    /// Files beside the store.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl JournalError {
    /// How to mend it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Corrupt { .. } => {
                "move it away, or name another with `--journal FILE`".to_owned()
            }
            Self::Inaccessible { .. } => {
                "name another with `--journal FILE`, or run without one: `--journal none`"
                    .to_owned()
            }
            Self::Newer { .. } => {
                "use that funcy, or name another with `--journal FILE`".to_owned()
            }
            Self::Absent { .. } => {
                "`funcy run` writes one; name another with `--journal FILE`".to_owned()
            }
            Self::Unknown { hint, .. } => hint.clone(),
            Self::Full(_) => "make room, or name another disk with `--journal FILE`; \
                              `funcy runs prune` removes old runs"
                .to_owned(),
            Self::Busy(_) => {
                "see which process holds it, or name another with `--journal FILE`".to_owned()
            }
            Self::Replaced { .. } => "what the run did from then on is not recorded; leave the \
                                     journal's folder alone while runs are under way"
                .to_owned(),
            Self::OldLibrary { .. }
            | Self::Ended { .. }
            | Self::Broken(_)
            | Self::Store(_)
            | Self::Io(_) => {
                return None;
            }
        })
    }

    /// The same, said of this file.
    pub(super) fn of(self, file: &Path) -> Self {
        let path = file.to_owned();
        match self {
            Self::Corrupt { why, .. } => Self::Corrupt { path, why },
            Self::Inaccessible { why, .. } => Self::Inaccessible { path, why },
            other => other,
        }
    }

    /// A file of the journal cannot be opened.
    pub(super) fn inaccessible(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| match error.kind() {
            io::ErrorKind::StorageFull => Self::Full(format!("{}: {error}", path.display())),
            _ => Self::Inaccessible {
                path: path.to_owned(),
                why: error.to_string(),
            },
        }
    }

    /// Whether there is no room left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
            || matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::StorageFull)
    }
}
