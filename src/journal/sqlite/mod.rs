//! The journal in a file: `SQLite` with a write-ahead log, so that readers and a writer do not wait for each
//! other, and several processes share it.

mod census;
mod packed;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use super::files::Files;
use super::{
    Census, Commit, ExecutionRow, Hash, JournalError, Query, Removal, RunRow, Sealed, Size, Store,
};
use crate::event::RunId;
use crate::os::Identity;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, in whatever way. After a loss of power the last commits may be missing; what
    /// is there is whole.
    #[default]
    Normal,
    /// A loss of power as well: each commit waits for the disk.
    Full,
}

/// How long funcy waits for another process that holds the journal.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first version of `SQLite` whose write-ahead log loses nothing when one process writes while another
/// checkpoints.
const SOUND: i32 = 3_051_003;

/// Tries again while another process holds the journal. SQLite waits by itself for every lock but that of changing a
/// database to a write-ahead log, which several processes that make a journal at once all want.
#[allow(
    clippy::disallowed_methods,
    reason = "SQLite waits on its thread as well, and no task runs before the journal is open"
)]
fn patiently(mut work: impl FnMut() -> Result<(), JournalError>) -> Result<(), JournalError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match work() {
            Err(JournalError::Busy(_)) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

/// A journal in a file.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    path: PathBuf,
    /// Which files the database and its write-ahead log are. `None`: not known yet, or not in a file.
    opened: [Option<Identity>; 2],
}

impl Sqlite {
    /// Opens the journal to write; makes it, and the folders on the way to it, where there is none.
    ///
    /// # Errors
    /// When the file is no journal, a newer funcy has written it, or it cannot be opened.
    pub fn create(path: &Path, durability: Durability) -> Result<Self, JournalError> {
        let files = Files::create(path).map_err(JournalError::inaccessible(path))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut store = Self::open_with(&files, path, flags)?;
        schema::examine(&store.connection, path)?;
        if store.connection.is_readonly("main").map_err(mistake)? {
            return Err(JournalError::Inaccessible {
                path: path.to_owned(),
                why: "it may only be read".to_owned(),
            });
        }
        let synchronous = match durability {
            Durability::Normal => "NORMAL",
            Durability::Full => "FULL",
        };
        let settings = format!("PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};");
        patiently(|| {
            let set = store.connection.execute_batch(&settings);
            set.map_err(mistake)
        })?;
        schema::migrate(&mut store.connection, path)?;
        Ok(store)
    }

    /// Opens a journal that is there.
    ///
    /// # Errors
    /// When there is none, it is no journal, or a newer funcy has written it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let absent = || JournalError::Absent {
            path: path.to_owned(),
        };
        let files = Files::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => absent(),
            _ => JournalError::inaccessible(path)(error),
        })?;
        if !files.has_database() {
            return Err(absent());
        }
        let mut store = Self::open_with(&files, path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        schema::migrate(&mut store.connection, path)?;
        Ok(store)
    }

    fn open_with(files: &Files, path: &Path, flags: OpenFlags) -> Result<Self, JournalError> {
        if rusqlite::version_number() < SOUND {
            return Err(JournalError::OldLibrary {
                found: rusqlite::version(),
            });
        }
        // Each connection stays on one thread at a time: SQLite needs no lock of its own.
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Connection::open_with_flags(files.database()?, flags)
            .map_err(|error| mistake(error).of(path))?;
        connection.busy_timeout(PATIENCE).map_err(mistake)?;
        connection.set_prepared_statement_cache_capacity(32);
        // The last connection to a database would move its log into it. A file that may not be ours is not
        // touched, and a short run would spend half of its time waiting for the disk: the log stays beside
        // the database, and is moved once it has a thousand pages.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(mistake)?;
        // A checkout may bring a database of its own making: nothing in it runs by itself.
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        ] {
            connection.set_db_config(setting, on).map_err(mistake)?;
        }
        // The log is made by the first who writes.
        let [database, _] = files.identities()?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            opened: [database, None],
        })
    }

    /// A journal that nobody else sees, and that ends with this value.
    pub(super) fn in_memory() -> Result<Self, JournalError> {
        let mut connection = Connection::open_in_memory().map_err(mistake)?;
        let path = PathBuf::from(":memory:");
        schema::migrate(&mut connection, &path)?;
        Ok(Self {
            connection,
            path,
            opened: [None, None],
        })
    }

    /// Whether what was opened still lies where it did: what is written to a file without a name is lost.
    fn still_there(&mut self) -> Result<(), JournalError> {
        if self.opened[0].is_none() {
            return Ok(());
        }
        let found = Files::open(&self.path).and_then(|files| files.identities());
        let found = found.unwrap_or_default();
        let same = self
            .opened
            .iter()
            .zip(found)
            .all(|(opened, found)| opened.is_none_or(|opened| found == Some(opened)));
        if !same {
            return Err(JournalError::Replaced {
                path: self.path.clone(),
            });
        }
        self.opened = found;
        Ok(())
    }

    fn named<T>(&self, result: Result<T, JournalError>) -> Result<T, JournalError> {
        result.map_err(|error| error.of(&self.path))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Store for Sqlite {
    fn append(&mut self, commits: &[Commit<'_>]) -> Result<(), JournalError> {
        self.still_there()?;
        let written = write::append(&mut self.connection, commits);
        if matches!(written, Err(JournalError::Full(_))) {
            // Room that is made from here on is for the log: moving it into the database would take it all.
            let _ = self
                .connection
                .execute_batch("PRAGMA wal_autocheckpoint = 0");
        }
        self.named(written)?;
        // Also of what was written just now.
        self.still_there()
    }

    fn runs(
        &self,
        query: &Query,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>, JournalError> {
        self.named(read::runs(&self.connection, query, before, limit))
    }

    fn run(&self, id: &str) -> Result<Option<RunRow>, JournalError> {
        self.named(read::run(&self.connection, id))
    }

    fn named_like(&self, part: &str, limit: usize) -> Result<Vec<RunId>, JournalError> {
        self.named(read::named_like(&self.connection, part, limit))
    }

    fn unended(&self) -> Result<Vec<RunRow>, JournalError> {
        self.named(read::unended(&self.connection))
    }

    fn executions(&self, run: &str) -> Result<Vec<ExecutionRow>, JournalError> {
        self.named(read::executions(&self.connection, run))
    }

    fn notable(&self, run: &str, limit: usize) -> Result<Vec<ExecutionRow>, JournalError> {
        read::notable(&self.connection, run, limit)
    }

    fn history(
        &self,
        task: &str,
        case: Option<&str>,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, JournalError> {
        self.named(read::history(&self.connection, task, case, before, limit))
    }

    fn commits(
        &self,
        run: &str,
        from: u64,
        each: &mut dyn FnMut(Sealed) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        self.named(read::commits(&self.connection, run, from, each))
    }

    fn attachment(&self, hash: &Hash) -> Result<Option<Vec<u8>>, JournalError> {
        self.named(read::attachment(&self.connection, hash))
    }

    fn unnamed(&self, limit: usize) -> Result<Vec<RunRow>, JournalError> {
        self.named(census::unnamed(&self.connection, limit))
    }

    fn hold(&self, on: bool) -> Result<(), JournalError> {
        let statement = if on { "BEGIN" } else { "COMMIT" };
        self.named(self.connection.execute_batch(statement).map_err(mistake))
    }

    fn census(&self) -> Result<Census, JournalError> {
        self.named(census::census(&self.connection))
    }

    fn oldest(&self, after: Option<&RunId>, limit: usize) -> Result<Vec<RunRow>, JournalError> {
        self.named(census::oldest(&self.connection, after, limit))
    }

    fn cleaned_up_by(&self, run: &str) -> Result<Option<RunId>, JournalError> {
        self.named(census::cleaned_up_by(&self.connection, run))
    }

    fn remove(&mut self, runs: &[RunId], by: Removal) -> Result<(), JournalError> {
        let removed = write::remove(&mut self.connection, runs, by);
        self.named(removed)
    }

    fn size(&self) -> Result<Size, JournalError> {
        self.named(census::size(&self.connection))
    }

    fn compact(&mut self) -> Result<(), JournalError> {
        // What was written anew stands in the log until then, and the file is as large as before.
        let statements = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)";
        self.named(self.connection.execute_batch(statements).map_err(mistake))
    }
}

/// What a mistake of `SQLite` means to us. Which file it is about is filled in by [`JournalError::of`].
#[allow(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` is given"
)]
pub(super) fn mistake(error: rusqlite::Error) -> JournalError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => JournalError::Full(error.to_string()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            JournalError::Busy(error.to_string())
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => JournalError::Corrupt {
            path: PathBuf::new(),
            why: error.to_string(),
        },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            JournalError::Inaccessible {
                path: PathBuf::new(),
                why: error.to_string(),
            }
        }
        _ => JournalError::Store(error.to_string()),
    }
}
