//! What a statement may do, as SQLite itself understands it: asked by SQLite for every action of a statement, it does
//! not depend on how the statement is written.

use crate::client::contract::Context;
use crate::event::Failure;
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization, TransactionOperation};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The code of `ATTACH`, where its file is not a text that is written.
const ATTACH: i32 = rusqlite::ffi::SQLITE_ATTACH;
/// Settings of the whole process: where temporary files are put.
const FOLDERS: [&str; 2] = ["temp_store_directory", "data_store_directory"];

/// Decides for one connection, and remembers what a statement was refused, or what it is.
#[derive(Clone, Debug)]
pub(super) struct Authorizer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    /// Whether the connection writes, and with it all files that it opens.
    writes: bool,
    seen: Mutex<Seen>,
}

/// What was seen while a statement was prepared and run.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Why it was refused.
    pub(super) refused: Option<Failure>,
    /// How it controls the transaction.
    pub(super) control: Option<Control>,
}

/// A statement that begins or ends a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Begin,
    Commit,
    Rollback,
    Savepoint,
}

impl Control {
    /// Its word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Rollback => "ROLLBACK",
            Self::Savepoint => "SAVEPOINT",
        }
    }
}

impl Authorizer {
    /// Asks for every statement of the connection from now on.
    pub(super) fn install(
        connection: &Connection,
        context: &Context,
        writes: bool,
    ) -> rusqlite::Result<Self> {
        let authorizer = Self(Arc::new(Inner {
            context: context.clone(),
            writes,
            seen: Mutex::default(),
        }));
        let inner = Arc::clone(&authorizer.0);
        connection.authorizer(Some(move |asked: AuthContext<'_>| inner.answer(&asked)))?;
        Ok(authorizer)
    }

    /// What was seen since this was asked last.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *self.0.seen())
    }
}

impl Inner {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, asked: &AuthContext<'_>) -> Authorization {
        match self.decide(asked.action) {
            Ok(()) => Authorization::Allow,
            Err(failure) => {
                self.seen().refused = Some(failure);
                Authorization::Deny
            }
        }
    }

    fn decide(&self, action: AuthAction<'_>) -> Result<(), Failure> {
        match action {
            AuthAction::Attach { filename } => self.attach(filename),
            AuthAction::Unknown { code: ATTACH, .. } if !self.context.permissions.all => Err(
                Failure::protocol("the file of ATTACH is not written as a text")
                    .hint("write ATTACH '/the/whole/path' AS name: permissions are asked for it before it is opened"),
            ),
            AuthAction::Pragma {
                pragma_name,
                pragma_value: Some(_),
            } if FOLDERS
                .iter()
                .any(|name| name.eq_ignore_ascii_case(pragma_name)) =>
            {
                Err(Failure::protocol(format!(
                    "PRAGMA {pragma_name} would move the temporary files of every client"
                ))
                .hint("set the environment variable SQLITE_TMPDIR for funcy itself"))
            }
            AuthAction::Function { function_name }
                if function_name.eq_ignore_ascii_case("load_extension") =>
            {
                Err(Failure::protocol(
                    "extensions of SQLite are not loaded: they are programs that nothing bounds",
                )
                .hint("start the program that needs it with `exec`, such as sqlite3"))
            }
            AuthAction::Transaction { operation } => {
                self.seen().control = Some(match operation {
                    TransactionOperation::Begin => Control::Begin,
                    TransactionOperation::Rollback => Control::Rollback,
                    _ => Control::Commit,
                });
                Ok(())
            }
            AuthAction::Savepoint { .. } => {
                self.seen().control = Some(Control::Savepoint);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// `ATTACH`, and what `VACUUM` does inside.
    fn attach(&self, file: &str) -> Result<(), Failure> {
        // A database that is dropped when the connection closes.
        if file.is_empty() || file == ":memory:" || self.context.permissions.all {
            return Ok(());
        }
        let path = Path::new(file);
        if file.starts_with("file:") || !path.is_absolute() {
            return Err(Failure::protocol(format!(
                "the task may not open the database {file:?}"
            ))
            .hint("write its whole path, /FOLDER/FILE, for which permissions can be asked; a URI or a relative path needs --allow-all"));
        }
        let real = real(path).map_err(|error| {
            Failure::protocol(format!("cannot open the database {file:?}: {error}"))
        })?;
        let permissions = &self.context.permissions;
        permissions.read(&real)?;
        if self.writes {
            permissions.write(&real)?;
        }
        Ok(())
    }
}

/// Where a path leads, free of `..` and links. The file itself need not exist.
fn real(path: &Path) -> std::io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => {
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(error);
            };
            Ok(folder.canonicalize()?.join(name))
        }
        found => found,
    }
}
