//! PostgreSQL: a small pool whose connections are ended on the server when a call is given up.

mod column;
mod connection;
mod listen;
mod options;
mod parameter;
mod run;
mod stream;
mod time;
mod types;

pub(super) use listen::NotificationMessage;

use super::rows::StatementError;
use super::schema::StatementResult;
use super::statement::Statement;
use crate::client::Scope;
use crate::client::contract::Context;
use crate::client::kit::connect_error;
use crate::client::kit::tls_error;
use crate::event::Failure;
use connection::{Connection, ConnectionError};
use options::Options;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};
use types::Types;

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
    options: Options,
    shown: String,
    timeout: Duration,
    types: Types,
    idle: Mutex<Vec<Held>>,
    /// Connections that have listened. Apart from the others, whose sessions a task may have changed.
    listeners: Mutex<Vec<Held>>,
}

/// An open connection, and the server's number for it.
#[derive(Debug)]
struct Held {
    connection: Connection,
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
        let options = Options::read(url, context).await?;
        context.permissions.net(options.host())?;
        Ok(Self {
            shared: Arc::new(Shared {
                shown: options.shown(),
                options,
                timeout,
                types: Types::default(),
                idle: Mutex::default(),
                listeners: Mutex::default(),
            }),
            permits: Semaphore::new(connections),
        })
    }

    /// A connection that nobody else uses.
    pub(super) async fn lease<'p>(&'p self, scope: &'p Scope) -> Result<Lease<'p>, Failure> {
        let permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| Failure::transport("the client is closed"))?;
        let held = self.shared.held(&self.shared.idle).await?;
        Ok(Lease {
            shared: &self.shared,
            scope,
            held: Some(held),
            _permit: permit,
        })
    }

    /// Closes what is open.
    pub(super) async fn close(self) {
        for held in self.shared.all_idle() {
            let _ = tokio::time::timeout(CLOSING, held.connection.close()).await;
        }
    }
}

impl Shared {
    fn all_idle(&self) -> Vec<Held> {
        let mut all = std::mem::take(&mut *locked(&self.idle));
        all.append(&mut locked(&self.listeners));
        all
    }

    /// The connection of these that was used last, so that requests in a row share one; else a new one.
    async fn held(&self, idle: &Mutex<Vec<Held>>) -> Result<Held, Failure> {
        loop {
            let last = locked(idle).pop();
            let Some(mut held) = last else {
                return self.connect().await;
            };
            if held.since.elapsed() < FRESH {
                return Ok(held);
            }
            let asked = tokio::time::timeout(FRESH, held.connection.run("")).await;
            if matches!(asked, Ok(Ok(()))) {
                return Ok(held);
            }
        }
    }

    async fn connect(&self) -> Result<Held, Failure> {
        match tokio::time::timeout(self.timeout, self.opened()).await {
            Ok(Ok(held)) => Ok(held),
            Ok(Err(error)) => Err(self.unreachable(error)),
            Err(_) => Err(Failure::transport(format!(
                "cannot reach {}: no answer within {:?}",
                self.shown, self.timeout
            ))),
        }
    }

    async fn opened(&self) -> Result<Held, ConnectionError> {
        let mut connection = Connection::open(&self.options).await?;
        // Asked for, since what a pooler says as one connects is not the number of the server's process.
        let rows = connection
            .rows("SELECT pg_catalog.pg_backend_pid()")
            .await?;
        let pid = (rows.first())
            .and_then(|row| row.first()?.as_ref()?.parse().ok())
            .ok_or_else(|| {
                let failure = Failure::protocol("the server does not tell its process");
                ConnectionError::Unusable(failure)
            })?;
        Ok(Held {
            connection,
            pid,
            since: Instant::now(),
        })
    }

    fn unreachable(&self, error: ConnectionError) -> Failure {
        let shown = &self.shown;
        match error {
            ConnectionError::Server(cause) => {
                let failure = Failure::transport(format!(
                    "{shown} refused the connection: {} (SQLSTATE {})",
                    cause.message, cause.code
                ));
                // `no pg_hba.conf entry for host …, no encryption`: only connections with TLS are let in.
                if cause.message.ends_with("no encryption") {
                    failure.hint("`?sslmode=require` in the URL encrypts it")
                } else {
                    failure
                }
            }
            ConnectionError::NotOpened(failure) => failure,
            ConnectionError::Unusable(failure) => Failure {
                message: format!("cannot use {shown}: {}", failure.message),
                ..failure
            },
            ConnectionError::Lost(error) => match tls_error::find(&error) {
                Some(tls) => tls_error::failure(tls, shown, &stream::WAYS_OUT),
                None => Failure::transport(format!(
                    "cannot reach {shown}: {}",
                    connect_error::reason(&error)
                )),
            },
        }
    }

    /// Ends the connection's statement on the server, which would else run on and hold its locks, and waits
    /// until it has ended.
    async fn terminate(&self, pid: i32) -> Result<(), ConnectionError> {
        let mut connection = Connection::open(&self.options).await?;
        connection
            .run(&format!("SELECT pg_catalog.pg_terminate_backend({pid})"))
            .await?;
        // The server could be asked to wait itself, but looks only ten times a second.
        let there = format!("SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = {pid}");
        let mut pause = Duration::from_millis(1);
        while !connection.rows(&there).await?.is_empty() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        connection.close().await
    }
}

fn locked(idle: &Mutex<Vec<Held>>) -> MutexGuard<'_, Vec<Held>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection on loan. Dropped before [`give_back`](Self::give_back), it is ended on the server.
pub(super) struct Lease<'p> {
    shared: &'p Arc<Shared>,
    scope: &'p Scope,
    held: Option<Held>,
    _permit: SemaphorePermit<'p>,
}

impl Lease<'_> {
    fn connection(&mut self) -> &mut Connection {
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
        let shared = Arc::clone(self.shared);
        run::statement(self.connection(), &shared.types, statement, always_rows).await
    }

    /// Runs a text of statements without parameters.
    pub(super) async fn script(&mut self, sql: &str) -> Result<u64, StatementError> {
        run::script(self.connection(), sql).await
    }

    /// Gives a connection back that can be used again.
    pub(super) fn give_back(mut self) {
        if let Some(mut held) = self.held.take() {
            held.since = Instant::now();
            locked(&self.shared.idle).push(held);
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
