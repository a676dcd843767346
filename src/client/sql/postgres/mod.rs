//! PostgreSQL: a small pool whose connections are ended on the server when a call is given up.

mod column;
mod listen;
mod parameter;
mod run;

pub(super) use listen::NotificationMessage;

use super::rows::StatementError;
use super::schema::StatementResult;
use super::statement::Statement;
use crate::client::Scope;
use crate::client::contract::Context;
use crate::client::{kit::connect_error, paths};
use crate::event::Failure;
use reqwest::Url;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A connection that was idle for this long is asked whether it is still there.
const FRESH: Duration = Duration::from_secs(1);
/// How long ending a statement on the server, or closing a connection, may take.
const CLOSING: Duration = Duration::from_secs(2);

/// A database and its connections.
#[derive(Debug)]
pub(super) struct Postgres {
    shared: Arc<Shared>,
    permits: Semaphore,
}

#[derive(Debug)]
struct Shared {
    options: PgConnectOptions,
    shown: String,
    timeout: Duration,
    idle: Mutex<Vec<Held>>,
}

/// An open connection, and the server's number for it.
#[derive(Debug)]
struct Held {
    connection: PgConnection,
    pid: i32,
    since: Instant,
}

impl Postgres {
    /// Reads the URL; no connection is made yet.
    pub(super) async fn new(
        url: &str,
        connections: usize,
        timeout: Duration,
        context: &Context,
    ) -> Result<Self, Failure> {
        // Neither the text nor the error is shown: they may hold a password.
        let wrong = || {
            Failure::protocol("the URL of the PostgreSQL database is not valid")
                .hint("write postgres://USER:PASSWORD@HOST:PORT/DATABASE")
        };
        let parsed = Url::parse(url).map_err(|_| wrong())?;
        let mut options = PgConnectOptions::from_str(url).map_err(|_| wrong())?;
        let query = |names: &[&str]| {
            parsed
                .query_pairs()
                .find(|(name, _)| names.contains(&name.as_ref()))
                .map(|(_, value)| value.into_owned())
        };
        if parsed.password().is_none() && query(&["password"]).is_none() {
            // Else the password of the environment would be sent to a server that the task chose.
            options = options.password("");
        }
        for (names, set) in [
            (
                ["sslrootcert", "ssl-root-cert", "ssl-ca"],
                PgConnectOptions::ssl_root_cert as fn(_, _) -> _,
            ),
            (
                ["sslcert", "ssl-cert", "ssl-cert"],
                PgConnectOptions::ssl_client_cert,
            ),
            (
                ["sslkey", "ssl-key", "ssl-key"],
                PgConnectOptions::ssl_client_key,
            ),
        ] {
            if let Some(path) = query(&names) {
                options = set(options, paths::readable(context, &path).await?);
            }
        }
        if options.get_application_name().is_none() {
            options = options.application_name("funcy");
        }
        let host = match options.get_socket() {
            Some(_) => "localhost",
            None => options.get_host(),
        };
        context.permissions.net(host)?;
        let shown = format!(
            "postgres://{host}:{}/{}",
            options.get_port(),
            options.get_database().unwrap_or_default()
        );
        Ok(Self {
            shared: Arc::new(Shared {
                options: options.disable_statement_logging(),
                shown,
                timeout,
                idle: Mutex::new(Vec::new()),
            }),
            permits: Semaphore::new(connections),
        })
    }

    fn options(&self) -> &PgConnectOptions {
        &self.shared.options
    }

    fn timeout(&self) -> Duration {
        self.shared.timeout
    }

    fn unreachable(&self, error: &sqlx::Error) -> Failure {
        self.shared.unreachable(error)
    }

    async fn connect(&self) -> Result<PgConnection, Failure> {
        self.shared.connect().await
    }

    /// A connection that nobody else uses.
    pub(super) async fn lease<'p>(&'p self, scope: &'p Scope) -> Result<Lease<'p>, Failure> {
        let permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| Failure::transport("the client is closed"))?;
        let held = loop {
            let Some(mut held) = self.shared.pop() else {
                let mut connection = self.connect().await?;
                let pid = sqlx::query("SELECT pg_backend_pid()")
                    .persistent(false)
                    .fetch_one(&mut connection)
                    .await
                    .and_then(|row| row.try_get(0))
                    .map_err(|error| self.unreachable(&error))?;
                break Held {
                    connection,
                    pid,
                    since: Instant::now(),
                };
            };
            if held.since.elapsed() < FRESH {
                break held;
            }
            let asked = tokio::time::timeout(FRESH, held.connection.ping()).await;
            if matches!(asked, Ok(Ok(()))) {
                break held;
            }
        };
        Ok(Lease {
            shared: &self.shared,
            scope,
            held: Some(held),
            _permit: permit,
        })
    }

    /// Closes what is open.
    pub(super) async fn close(self) {
        while let Some(held) = self.shared.pop() {
            let _ = tokio::time::timeout(CLOSING, held.connection.close()).await;
        }
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Held>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last, so that requests in a row share one.
    fn pop(&self) -> Option<Held> {
        self.idle().pop()
    }

    async fn connect(&self) -> Result<PgConnection, Failure> {
        match tokio::time::timeout(self.timeout, self.options.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Err(_) => Err(Failure::transport(format!(
                "cannot reach {}: no answer within {:?}",
                self.shown, self.timeout
            ))),
        }
    }

    fn unreachable(&self, error: &sqlx::Error) -> Failure {
        let shown = &self.shown;
        match error {
            sqlx::Error::Database(cause) => {
                let code = cause.code().unwrap_or_default();
                Failure::transport(format!(
                    "{shown} refused the connection: {} (SQLSTATE {code})",
                    cause.message()
                ))
            }
            sqlx::Error::Tls(cause) => no_tls(shown, cause.to_string()),
            // A certificate that is not accepted arrives as data that is not valid.
            sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => {
                no_tls(shown, connect_error::reason(cause))
            }
            other => Failure::transport(format!(
                "cannot reach {shown}: {}",
                connect_error::reason(other)
            )),
        }
    }

    /// Ends the connection's statement on the server, which would else run on and hold its locks, and waits
    /// until it has ended.
    async fn terminate(&self, pid: i32) -> Result<(), sqlx::Error> {
        let mut connection = self.options.connect().await?;
        sqlx::query("SELECT pg_terminate_backend($1)")
            .bind(pid)
            .persistent(false)
            .execute(&mut connection)
            .await?;
        // The server could be asked to wait itself, but looks only ten times a second.
        let mut pause = Duration::from_millis(1);
        while sqlx::query("SELECT FROM pg_stat_activity WHERE pid = $1")
            .bind(pid)
            .persistent(false)
            .fetch_optional(&mut connection)
            .await?
            .is_some()
        {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        connection.close().await
    }
}

fn no_tls(shown: &str, reason: impl std::fmt::Display) -> Failure {
    Failure::transport(format!("no TLS with {shown}: {reason}"))
        .hint("`?sslmode=disable` goes without, `?sslrootcert=FILE` names an authority to trust")
}

/// A connection on loan. Dropped before [`give_back`](Self::give_back), it is ended on the server.
pub(super) struct Lease<'p> {
    shared: &'p Arc<Shared>,
    scope: &'p Scope,
    held: Option<Held>,
    _permit: SemaphorePermit<'p>,
}

impl Lease<'_> {
    fn connection(&mut self) -> &mut PgConnection {
        let held = self.held.as_mut();
        &mut held
            .expect("it is taken only by what consumes the lease")
            .connection
    }

    /// Runs one statement.
    pub(super) async fn statement(
        &mut self,
        statement: &Statement,
        always_rows: bool,
    ) -> Result<(StatementResult, u64), StatementError> {
        run::statement(self.connection(), statement, always_rows).await
    }

    /// Runs a text of statements without parameters.
    pub(super) async fn script(&mut self, sql: &str) -> Result<u64, StatementError> {
        run::script(self.connection(), sql).await
    }

    /// Gives a connection back that can be used again.
    pub(super) fn give_back(mut self) {
        if let Some(mut held) = self.held.take() {
            held.since = Instant::now();
            self.shared.idle().push(held);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else {
            return;
        };
        // Without a runtime the socket is all that can be closed.
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let shared = Arc::clone(self.shared);
        self.scope.spawn(async move {
            let _ = tokio::time::timeout(CLOSING, shared.terminate(held.pid)).await;
            drop(held);
        });
    }
}
