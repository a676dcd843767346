//! SQLite: a file or memory. A call that is given up is interrupted and rolled back.

mod authorizer;
mod run;

use super::rows::StatementError;
use super::schema::StatementResult;
use super::statement::Statement;
use crate::client::Scope;
use crate::client::contract::Context;
use crate::client::paths;
use crate::event::Failure;
use authorizer::Authorizer;
use percent_encoding::percent_decode_str;
use run::Session;
use rusqlite::{Connection, OpenFlags};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How long a statement waits for another connection's lock. Less than a closing scope waits.
const BUSY: Duration = Duration::from_secs(3);
/// Steps of SQLite's machine between two looks at whether the call was given up.
const STEPS: i32 = 1000;

/// A database and its connections.
#[derive(Debug)]
pub(super) struct Sqlite {
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
}

#[derive(Debug)]
struct Shared {
    /// The file; in memory if there is none.
    path: Option<PathBuf>,
    flags: OpenFlags,
    shown: String,
    /// What would allow writing, if it is not.
    read_only: Option<Failure>,
    context: Context,
    idle: Mutex<Vec<Held>>,
}

#[derive(Debug)]
struct Held {
    session: Session,
    interrupted: Arc<AtomicBool>,
}

impl Sqlite {
    /// Reads what follows `sqlite:`, and checks that the file may be used; it is not opened yet.
    pub(super) async fn new(
        path: &str,
        connections: usize,
        context: &Context,
    ) -> Result<Self, Failure> {
        let path = path.strip_prefix("//").unwrap_or(path);
        let (path, mode) = split_mode(path)?;
        let path = percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| Failure::protocol("the path of the SQLite database is not UTF-8"))?;
        let memory = path == ":memory:" || mode == Some("memory");
        if path.is_empty() && !memory {
            return Err(Failure::protocol("the SQLite database has no path")
                .hint("write sqlite:FILE or sqlite::memory:"));
        }
        let mut shared = Shared {
            path: None,
            // A connection is used by one thread at a time.
            flags: OpenFlags::SQLITE_OPEN_NO_MUTEX,
            shown: format!("sqlite:{path}"),
            read_only: None,
            context: context.clone(),
            idle: Mutex::default(),
        };
        if memory {
            shared.flags |= OpenFlags::SQLITE_OPEN_READ_WRITE;
        } else {
            shared.file(&path, mode).await?;
        }
        Ok(Self {
            shared: Arc::new(shared),
            permits: Arc::new(Semaphore::new(if memory { 1 } else { connections })),
        })
    }

    /// A connection that nobody else uses.
    pub(super) async fn lease<'p>(&'p self, scope: &'p Scope) -> Result<Lease<'p>, Failure> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| Failure::transport("the client is closed"))?;
        let idle = self.shared.idle().pop();
        let held = if let Some(held) = idle {
            held
        } else {
            let shared = Arc::clone(&self.shared);
            blocking(move || shared.connect()).await??
        };
        Ok(Lease {
            shared: &self.shared,
            scope,
            interrupted: Arc::clone(&held.interrupted),
            loan: Loan::Here(Box::new(held)),
            permit: Some(permit),
        })
    }

    /// Closes what is open.
    pub(super) async fn close(self) {
        let idle = std::mem::take(&mut *self.shared.idle());
        // Closing may write what a journal holds.
        let _ = blocking(move || drop(idle)).await;
    }
}

/// Runs this on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::transport(format!("SQLite has stopped: {error}")))
}

/// `FILE?mode=rw` in two.
fn split_mode(path: &str) -> Result<(&str, Option<&str>), Failure> {
    let Some((path, query)) = path.split_once('?') else {
        return Ok((path, None));
    };
    match query.strip_prefix("mode=") {
        Some(mode @ ("ro" | "rw" | "rwc" | "memory")) => Ok((path, Some(mode))),
        _ => Err(
            Failure::protocol(format!("an SQLite URL cannot end with ?{query}"))
                .hint("write ?mode=ro, ?mode=rw, ?mode=rwc (creates the file) or ?mode=memory"),
        ),
    }
}

impl Shared {
    /// Checks that the file may be used, and how.
    async fn file(&mut self, path: &str, mode: Option<&str>) -> Result<(), Failure> {
        let context = &self.context;
        let real = paths::resolve(context, path)
            .await
            .map_err(|error| paths::broken(context, "open", path, &error))?;
        context.permissions.read(&real)?;
        let exists = tokio::fs::try_exists(&real).await.unwrap_or(false);
        if !exists && mode != Some("rwc") {
            return Err(
                Failure::transport(format!("the database {path:?} does not exist")).hint(format!(
                    "paths are relative to {}; `?mode=rwc` creates the file",
                    context.folder.display()
                )),
            );
        }
        let writable = context.permissions.write(&real).map_err(Failure::from);
        self.read_only = match mode {
            Some("ro") => Some(Failure::protocol("").hint("the URL has ?mode=ro")),
            None => writable.err(),
            _ => {
                writable?;
                None
            }
        };
        self.flags |= match (&self.read_only, mode) {
            (Some(_), _) => OpenFlags::SQLITE_OPEN_READ_ONLY,
            (None, Some("rwc")) => {
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
            }
            (None, _) => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        self.path = Some(real);
        Ok(())
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Held>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> Result<Held, Failure> {
        self.opened()
            .map_err(|error| Failure::transport(format!("cannot open {}: {error}", self.shown)))
    }

    fn opened(&self) -> rusqlite::Result<Held> {
        let connection = match &self.path {
            Some(path) => Connection::open_with_flags(path, self.flags)?,
            None => Connection::open_in_memory_with_flags(self.flags)?,
        };
        connection.busy_timeout(BUSY)?;
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        connection.progress_handler(STEPS, Some(move || flag.load(Ordering::Relaxed)))?;
        let writes = self.read_only.is_none();
        Ok(Held {
            session: Session {
                authorizer: Authorizer::install(&connection, &self.context, writes)?,
                connection,
                read_only: self.read_only.clone(),
            },
            interrupted,
        })
    }
}

/// A connection on loan. Dropped before [`give_back`](Self::give_back), it is interrupted and rolled back.
pub(super) struct Lease<'p> {
    shared: &'p Arc<Shared>,
    scope: &'p Scope,
    interrupted: Arc<AtomicBool>,
    loan: Loan,
    permit: Option<OwnedSemaphorePermit>,
}

/// Where the connection is.
enum Loan {
    Here(Box<Held>),
    /// On the thread of a statement, which hands it back when it ends, also if nobody waits for its result.
    Away(oneshot::Receiver<Box<Held>>),
    Returned,
}

impl Loan {
    async fn back(self) -> Option<Box<Held>> {
        match self {
            Self::Here(held) => Some(held),
            Self::Away(back) => back.await.ok(),
            Self::Returned => None,
        }
    }
}

impl Lease<'_> {
    /// Runs one statement.
    pub(super) async fn statement(
        &mut self,
        statement: Arc<Statement>,
        always_rows: bool,
    ) -> Result<(StatementResult, u64), StatementError> {
        self.on_thread(move |session| session.statement(&statement, always_rows))
            .await
    }

    /// Runs a text of statements without parameters.
    pub(super) async fn script(&mut self, sql: &str) -> Result<(), StatementError> {
        let sql = sql.to_owned();
        self.on_thread(move |session| session.script(&sql)).await
    }

    /// Runs the statements of a file inside a transaction: how many rows were changed, and how many statements there are.
    pub(super) async fn fixture(&mut self, sql: String) -> Result<(u64, u64), StatementError> {
        self.on_thread(move |session| session.fixture(&sql)).await
    }

    async fn on_thread<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Session) -> Result<T, StatementError> + Send + 'static,
    ) -> Result<T, StatementError> {
        let stopped = || StatementError::Broken(Failure::transport("SQLite has stopped"));
        let held = std::mem::replace(&mut self.loan, Loan::Returned)
            .back()
            .await;
        let held = held.ok_or_else(stopped)?;
        let (hand_back, back) = oneshot::channel();
        self.loan = Loan::Away(back);
        let result = blocking(move || {
            let result = work(&held.session);
            // Nobody takes it where there is no runtime left.
            let _ = hand_back.send(held);
            result
        });
        result.await.map_err(StatementError::Broken)?
    }

    /// Gives a connection back that can be used again.
    pub(super) fn give_back(mut self) {
        match std::mem::replace(&mut self.loan, Loan::Returned) {
            Loan::Here(held) => self.shared.idle().push(*held),
            // Its statement has ended: it is there.
            Loan::Away(mut back) => {
                if let Ok(held) = back.try_recv() {
                    self.shared.idle().push(*held);
                }
            }
            Loan::Returned => {}
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let loan = std::mem::replace(&mut self.loan, Loan::Returned);
        if matches!(loan, Loan::Returned) {
            return;
        }
        self.interrupted.store(true, Ordering::Relaxed);
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (shared, permit) = (Arc::clone(self.shared), self.permit.take());
        self.scope.spawn(async move {
            // It comes when the interrupted statement has ended. A database in memory lives as long as its
            // connection, so that is kept.
            if let Some(held) = loan.back().await {
                held.interrupted.store(false, Ordering::Relaxed);
                let _ = blocking(move || {
                    if !held.session.connection.is_autocommit() {
                        let _ = held.session.script("ROLLBACK");
                    }
                    shared.idle().push(*held);
                })
                .await;
            }
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests {
    /// Versions before 3.51.3 can corrupt a database in WAL mode.
    #[test]
    fn the_library_is_new_enough() {
        let version = rusqlite::version_number();
        assert!(version >= 3_051_003, "{version}");
    }
}
