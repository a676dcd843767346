//! `LISTEN`: a connection for each subscription, which the next one takes over.

use super::connection::{Connection, ConnectionError, Notification};
use super::run::trouble;
use super::{CLOSING, Held, Postgres, Shared, locked};
use crate::client::Scope;
use crate::client::received::{self, Received, with_members};
use crate::client::value::now;
use crate::event::{Failure, Feed, Json, Message};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Map;
use std::sync::Arc;
use std::time::Instant;

/// Connections that are kept for subscriptions to come.
const KEPT: usize = 4;

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
        let shared = Arc::clone(&self.shared);
        let mut held = shared.held(&shared.listeners).await?;
        held.connection.keep_notifications(true);
        let quoted = channel.replace('"', "\"\"");
        held.connection
            .run(&format!("LISTEN \"{quoted}\""))
            .await
            .map_err(|error| trouble(error, "", "").failure())?;
        let token = scope.token();
        scope.spawn(async move {
            let lost = tokio::select! {
                biased;
                () = token.cancelled() => None,
                lost = pump(&mut held.connection, &feed) => lost,
            };
            match lost {
                // A connection that is lost has lost messages: it is given up, not mended.
                Some(failure) => feed.close(failure),
                None => {
                    let _ = tokio::time::timeout(CLOSING, shared.keep_listener(held)).await;
                }
            }
        });
        Ok(())
    }
}

impl Shared {
    /// Keeps a connection for the next subscription, once it hears nothing any more.
    async fn keep_listener(&self, mut held: Held) -> Result<(), ConnectionError> {
        held.connection.run("UNLISTEN *").await?;
        held.connection.keep_notifications(false);
        held.since = Instant::now();
        if let Some(one_too_many) = self.put_back(held) {
            one_too_many.connection.close().await?;
        }
        Ok(())
    }

    fn put_back(&self, held: Held) -> Option<Held> {
        let mut kept = locked(&self.listeners);
        if kept.len() == KEPT {
            return Some(held);
        }
        kept.push(held);
        None
    }
}

/// Hands on what comes, until nobody reads it, or the connection is lost.
async fn pump(connection: &mut Connection, feed: &Feed) -> Option<Failure> {
    loop {
        match connection.notification().await {
            Ok(notification) => match message_of(notification).await {
                Ok(message) => feed.push(message).ok()?,
                Err(failure) => return Some(failure),
            },
            Err(ConnectionError::Server(cause)) => {
                return Some(Failure::transport(format!(
                    "the connection to the database is lost: {} (SQLSTATE {})",
                    cause.message, cause.code
                )));
            }
            Err(error) => return Some(trouble(error, "", "").failure()),
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

async fn message_of(notification: Notification) -> Result<Message, Failure> {
    received::message(notification.payload.len(), move |room| {
        let of = || format!("a notification on {}", notification.channel);
        let payload = notification.payload.as_bytes();
        let Received { body, text, .. } = Received::new(payload, room, of)?;
        let message = NotificationMessage {
            body: Json::Null,
            text: String::new(),
            headers: Map::new(),
            channel: notification.channel.clone(),
            pid: notification.pid.cast_unsigned(),
            at: now(),
        };
        let members = [("body", Some(body)), ("text", Some(text.into()))];
        Ok(with_members(&message, members).unwrap_or_default())
    })
    .await
}
