//! `LISTEN`: a connection of its own for each subscription.

use super::Postgres;
use crate::client::Scope;
use crate::client::kit::connect_error::reason;
use crate::client::received::Received;
use crate::client::value::now;
use crate::event::{Failure, Feed, Json, Message};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Map;
use sqlx::postgres::{PgListener, PgNotification, PgPool, PgPoolOptions};
use std::sync::Arc;
use std::time::Duration;

/// How long closing may take.
const CLOSING: Duration = Duration::from_secs(2);

impl Postgres {
    /// Listens to a channel; returns when the server has confirmed it.
    pub(in crate::client::sql) async fn listen(
        &self,
        channel: &str,
        feed: Feed,
        scope: &Scope,
    ) -> Result<(), Failure> {
        if channel.is_empty() || channel.len() > 63 || channel.contains('\0') {
            return Err(Failure::protocol(format!(
                "{channel:?} is no channel: its name has 1 to 63 bytes"
            )));
        }
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(self.timeout())
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(self.options().clone());
        let opening = async {
            // Asked for first, since the pool would say no more than that it timed out.
            let connection = self.connect().await?;
            drop(connection);
            let mut listener = PgListener::connect_with(&pool)
                .await
                .map_err(|error| self.unreachable(&error))?;
            // A connection that is lost has lost messages: it is given up, not mended.
            listener.eager_reconnect(false);
            listener
                .listen(channel)
                .await
                .map_err(|error| super::run::trouble(&error, None, "").failure())?;
            Ok(listener)
        };
        let listener = match opening.await {
            Ok(listener) => listener,
            Err(failure) => {
                pool.close().await;
                return Err(failure);
            }
        };
        let token = scope.token();
        scope.spawn(async move {
            let mut listener = listener;
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                () = pump(&mut listener, &feed) => {}
            }
            close(listener, &pool).await;
        });
        Ok(())
    }
}

async fn close(listener: PgListener, pool: &PgPool) {
    // Dropped, it goes back to the pool, which waits for it.
    drop(listener);
    let _ = tokio::time::timeout(CLOSING, pool.close()).await;
}

async fn pump(listener: &mut PgListener, feed: &Feed) {
    loop {
        match listener.try_recv().await {
            Ok(Some(notification)) => {
                if feed.push(message_of(&notification)).is_err() {
                    return;
                }
            }
            Ok(None) => {
                return feed.close(Failure::transport("the connection to the database is lost"));
            }
            Err(error) => {
                return feed.close(Failure::transport(format!(
                    "the connection to the database is lost: {}",
                    reason(&error)
                )));
            }
        }
    }
}

/// A notification as `res` shows it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SqlNotification")]
pub(in crate::client::sql) struct NotificationMessage {
    /// The payload: parsed where it is JSON, else the text.
    body: Json,
    /// The payload as text.
    text: String,
    /// None: a notification has no headers.
    headers: Map<String, Json>,
    /// The channel.
    channel: String,
    /// The process of the server's session that has notified.
    pid: u32,
    /// When it came, in RFC 3339.
    at: String,
}

fn message_of(notification: &PgNotification) -> Message {
    let payload = notification.payload();
    let Received { body, text, .. } = Received::new(payload.as_bytes());
    let message = NotificationMessage {
        body,
        text,
        headers: Map::new(),
        channel: notification.channel().to_owned(),
        pid: notification.process_id(),
        at: now(),
    };
    Message {
        value: Arc::new(serde_json::to_value(message).unwrap_or_default()),
        received: payload.len() as u64,
    }
}
