//! SQLite: a file or memory. A call that is given up is interrupted and rolled back.

use super::rows::{Rows, StatementError, add, float};
use super::schema::StatementResult;
use super::statement::Statement;
use crate::client::Scope;
use crate::client::contract::Context;
use crate::client::paths;
use crate::client::received::to_base64;
use crate::event::{Failure, Json};
use futures_util::TryStreamExt as _;
use percent_encoding::percent_decode_str;
use serde_json::Map;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Either,
    Executor as _, Row as _, TypeInfo as _, ValueRef as _,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    options: SqliteConnectOptions,
    shown: String,
    /// What would allow writing, if it is not.
    read_only: Option<Failure>,
    idle: Mutex<Vec<Held>>,
}

#[derive(Debug)]
struct Held {
    connection: SqliteConnection,
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
        let base = SqliteConnectOptions::new()
            .busy_timeout(BUSY)
            // A kept statement may not survive a change of its tables.
            .statement_cache_capacity(0)
            .disable_statement_logging();
        if path == ":memory:" || mode == Some("memory") {
            return Ok(Self::with(base.in_memory(true), "sqlite::memory:", None, 1));
        }
        if path.is_empty() {
            return Err(Failure::protocol("the SQLite database has no path")
                .hint("write sqlite:FILE or sqlite::memory:"));
        }
        let shown = format!("sqlite:{path}");
        let real = paths::resolve(context, &path)
            .await
            .map_err(|error| paths::broken(context, "open", &path, &error))?;
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
        let read_only = match mode {
            Some("ro") => Some(Failure::protocol("").hint("the URL has ?mode=ro")),
            None => writable.err(),
            _ => {
                writable?;
                None
            }
        };
        let options = base
            .filename(&real)
            .read_only(read_only.is_some())
            .create_if_missing(mode == Some("rwc"));
        Ok(Self::with(options, &shown, read_only, connections))
    }

    fn with(
        options: SqliteConnectOptions,
        shown: &str,
        read_only: Option<Failure>,
        connections: usize,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                options,
                shown: shown.to_owned(),
                read_only,
                idle: Mutex::new(Vec::new()),
            }),
            permits: Arc::new(Semaphore::new(connections)),
        }
    }

    /// A connection that nobody else uses.
    pub(super) async fn lease<'p>(&'p self, scope: &'p Scope) -> Result<Lease<'p>, Failure> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| Failure::transport("the client is closed"))?;
        let idle = self.shared.idle().pop();
        let held = match idle {
            Some(held) => held,
            None => self.shared.connect().await?,
        };
        Ok(Lease {
            shared: &self.shared,
            scope,
            held: Some((held, permit)),
        })
    }

    /// Closes what is open.
    pub(super) async fn close(self) {
        loop {
            let idle = self.shared.idle().pop();
            let Some(held) = idle else {
                return;
            };
            let _ = held.connection.close().await;
        }
    }
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
    fn idle(&self) -> MutexGuard<'_, Vec<Held>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Held, Failure> {
        let failed = |error: &sqlx::Error| {
            Failure::transport(format!("cannot open {}: {}", self.shown, words(error)))
        };
        let mut connection = self
            .options
            .connect()
            .await
            .map_err(|error| failed(&error))?;
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        connection
            .lock_handle()
            .await
            .map_err(|error| failed(&error))?
            .set_progress_handler(STEPS, move || !flag.load(Ordering::Relaxed));
        Ok(Held {
            connection,
            interrupted,
        })
    }

    fn trouble(&self, error: &sqlx::Error) -> StatementError {
        let sqlx::Error::Database(cause) = error else {
            return StatementError::Broken(Failure::protocol(error.to_string()));
        };
        // The extended code holds the plain one in its last byte.
        let code: u32 = cause
            .code()
            .and_then(|code| code.parse().ok())
            .unwrap_or_default();
        let failure = Failure::protocol(format!("{} (SQLite {code})", cause.message()));
        let hint = match code & 0xff {
            5 | 6 => Some("another connection holds a lock on the database".to_owned()),
            8 => self.read_only.as_ref().and_then(|why| why.hint.clone()),
            _ => None,
        };
        StatementError::Usable(match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        })
    }
}

/// An error without the library's words around it.
fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(cause) => cause.message().to_owned(),
        other => other.to_string(),
    }
}

/// A connection on loan. Dropped before [`give_back`](Self::give_back), it is interrupted and rolled back.
pub(super) struct Lease<'p> {
    shared: &'p Arc<Shared>,
    scope: &'p Scope,
    held: Option<(Held, OwnedSemaphorePermit)>,
}

impl Lease<'_> {
    fn connection(&mut self) -> &mut SqliteConnection {
        let held = self.held.as_mut();
        &mut held
            .expect("it is taken only by what consumes the lease")
            .0
            .connection
    }

    /// Runs one statement.
    pub(super) async fn statement(
        &mut self,
        statement: &Statement,
        always_rows: bool,
    ) -> Result<(StatementResult, u64), StatementError> {
        let shared = Arc::clone(self.shared);
        let arguments = bind(&statement.values)?;
        let mut rows = Rows::default();
        let query =
            sqlx::query_with(AssertSqlSafe(statement.numbered()), arguments).persistent(false);
        let mut results = self.connection().fetch_many(query);
        // SQLite keeps the count of the last change, whatever runs in between.
        let changes = matches!(
            statement.verb.as_str(),
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "WITH"
        );
        while let Some(result) = results
            .try_next()
            .await
            .map_err(|error| shared.trouble(&error))?
        {
            match result {
                Either::Left(done) if changes => rows.affected(done.rows_affected()),
                Either::Left(_) => {}
                Either::Right(row) => {
                    let (row, bytes) = read(&row)?;
                    rows.push(row, bytes)?;
                }
            }
        }
        drop(results);
        let bytes = rows.bytes();
        Ok((rows.outcome(statement, always_rows), bytes))
    }

    /// Runs a text of statements without parameters.
    pub(super) async fn script(&mut self, sql: &str) -> Result<u64, StatementError> {
        let shared = Arc::clone(self.shared);
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(self.connection())
            .await
            .map_err(|error| shared.trouble(&error))?;
        Ok(done.rows_affected())
    }

    /// Gives a connection back that can be used again.
    pub(super) fn give_back(mut self) {
        if let Some((held, permit)) = self.held.take() {
            self.shared.idle().push(held);
            drop(permit);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some((mut held, permit)) = self.held.take() else {
            return;
        };
        held.interrupted.store(true, Ordering::Relaxed);
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let shared = Arc::clone(self.shared);
        self.scope.spawn(async move {
            // It answers when the interrupted statement has ended. A database in memory lives as long as
            // its connection, so that is kept.
            let ended = held.connection.ping().await;
            held.interrupted.store(false, Ordering::Relaxed);
            if ended.is_ok() {
                // There may be no transaction.
                let _ = held.connection.execute("ROLLBACK").await;
                shared.idle().push(held);
            }
            drop(permit);
        });
    }
}

fn bind(values: &[Json]) -> Result<SqliteArguments, StatementError> {
    let mut arguments = SqliteArguments::default();
    for (index, value) in values.iter().enumerate() {
        let added = match value {
            Json::Null => arguments.add(None::<i64>),
            Json::Bool(value) => arguments.add(*value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => arguments.add(whole),
                (None, Some(float)) if !number.is_u64() => arguments.add(float),
                _ => {
                    return Err(StatementError::Usable(Failure::protocol(format!(
                        "the parameter {} does not fit: {number} is out of range for an SQLite integer",
                        index + 1
                    ))));
                }
            },
            Json::String(text) => arguments.add(text.clone()),
            Json::Array(_) | Json::Object(_) => arguments.add(value.to_string()),
        };
        added.map_err(|error| {
            StatementError::Usable(Failure::protocol(format!(
                "the parameter {} cannot be sent: {error}",
                index + 1
            )))
        })?;
    }
    Ok(arguments)
}

fn read(row: &SqliteRow) -> Result<(Map<String, Json>, u64), StatementError> {
    let mut members = Map::new();
    let mut bytes = 0;
    for (index, column) in row.columns().iter().enumerate() {
        let name = column.name();
        let value = cell(row, index).map_err(|error| {
            StatementError::Broken(
                Failure::protocol(format!("the column {name:?} cannot be read: {error}"))
                    .hint(format!("cast it to a blob: CAST({name} AS BLOB) AS {name}")),
            )
        })?;
        bytes += match &value {
            Json::String(text) => text.len() as u64,
            _ => 8,
        };
        add(&mut members, name, value)?;
    }
    Ok((members, bytes))
}

/// The value as it is stored, whatever the column was declared to hold.
fn cell(row: &SqliteRow, index: usize) -> Result<Json, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Json::Null);
    }
    let stored = raw.type_info().name().to_owned();
    Ok(match stored.as_str() {
        "INTEGER" => row.try_get_unchecked::<i64, _>(index)?.into(),
        "REAL" => float(row.try_get_unchecked::<f64, _>(index)?),
        "BLOB" => to_base64(row.try_get_unchecked::<&[u8], _>(index)?).into(),
        _ => row.try_get_unchecked::<String, _>(index)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions before 3.51.3 can corrupt a database in WAL mode.
    #[tokio::test]
    async fn the_library_is_new_enough() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let version: String = sqlx::query("SELECT sqlite_version()")
            .fetch_one(&mut connection)
            .await
            .unwrap()
            .get(0);
        let parts: Vec<u32> = version
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect();
        assert!(parts >= vec![3, 51, 3], "{version}");
        connection.close().await.unwrap();
    }
}
