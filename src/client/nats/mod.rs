//! NATS: publish, request, JetStream and key-value buckets.

mod connection;
mod request;
mod schema;
mod source;

use super::contract::{Answer, Context, Protocol};
use super::received::with_members;
use super::scope::Scope;
use crate::event::{Failure, Feed, Json};
use connection::{Connection, Target};
use serde_json::json;
use std::mem::take;
use tokio::sync::Mutex;

pub use schema::{Config, Entry, Reply, Request, Source, Tls};

/// The client of NATS servers.
///
/// A session has one connection, opened when it is first needed. A connection that is lost ends its
/// subscriptions, since messages may be missing; the next request opens a new one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nats;

/// An execution's connection.
#[derive(Debug)]
pub struct NatsSession {
    target: Target,
    context: Context,
    connection: Mutex<Option<Connection>>,
}

impl NatsSession {
    /// The open connection; a lost one is replaced.
    async fn connection(&self) -> Result<Connection, Failure> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| connection.is_open()) {
            return Ok(connection.clone());
        }
        *slot = None;
        let connection = self.target.connect().await?;
        *slot = Some(connection.clone());
        Ok(connection)
    }
}

impl Protocol for Nats {
    const NAME: &'static str = "nats";
    const SUMMARY: &'static str = "Messages over NATS, with JetStream and key-value buckets";
    const EXAMPLE: &'static str = "\
nats:
  request: shop.orders.get
  json: { id: \"${order_id}\" }
expect: res.body.status == 'paid'
";
    const BODIES: &'static [&'static str] = &[
        "body",
        "text",
        "json",
        "base64",
        "file",
        "kv.text",
        "kv.json",
        "kv.base64",
        "kv.file",
    ];

    type Config = Config;
    type Request = Request;
    type Source = Source;
    type Reply = Reply;
    type Session = NatsSession;

    fn short_request(text: &str) -> Result<Json, String> {
        Err(format!(
            "`nats` takes a map, not {text:?}: {{publish: SUBJECT, json: …}} or {{request: SUBJECT, json: …}} \
             (a bare subject is a source, for `subscribe` and `listen`)"
        ))
    }

    fn short_source(text: &str) -> Result<Json, String> {
        if text.is_empty() || (!text.contains("${") && text.contains(char::is_whitespace)) {
            return Err(format!(
                "{text:?} is no subject: write words with dots between them, as orders.*.shipped"
            ));
        }
        Ok(json!({ "subject": text }))
    }

    fn label(request: &Json) -> String {
        for verb in ["publish", "request"] {
            if let Some(subject) = request.get(verb).and_then(Json::as_str) {
                return format!("{verb} {subject}");
            }
        }
        if let Some(kv) = request.get("kv") {
            let bucket = kv.get("bucket").and_then(Json::as_str).unwrap_or_default();
            for verb in ["get", "put", "delete"] {
                if let Some(key) = kv.get(verb).and_then(Json::as_str) {
                    return format!("{verb} {bucket} {key}");
                }
            }
        }
        Self::NAME.to_owned()
    }

    fn message_schema() -> Option<Json> {
        Some(super::schema::<source::SubjectMessage>())
    }

    fn is_safe(request: &Json) -> bool {
        request.get("kv").is_some_and(|kv| kv.get("get").is_some())
    }

    async fn open(&self, config: Config, context: &Context) -> Result<NatsSession, Failure> {
        Ok(NatsSession {
            target: Target::new(config, context).await?,
            context: context.clone(),
            connection: Mutex::new(None),
        })
    }

    async fn call(
        &self,
        session: &NatsSession,
        request: Request,
        scope: &Scope,
    ) -> Result<Answer<Reply>, Failure> {
        // The future of all verbs together is large; it lives on the heap.
        Box::pin(session.answer(request.verb()?, scope)).await
    }

    fn value(mut reply: Reply) -> serde_json::Result<Json> {
        let text = reply.text.as_mut().map(|text| take(text).into());
        let body = reply.body.as_mut().map(Json::take);
        with_members(&reply, [("text", text), ("body", body)])
    }

    async fn subscribe(
        &self,
        session: &NatsSession,
        source: Source,
        feed: Feed,
        scope: &Scope,
    ) -> Result<(), Failure> {
        let origin = source.origin()?;
        let connection = session.connection().await?;
        Box::pin(source::open(connection, origin, feed, scope)).await
    }

    async fn close(&self, session: NatsSession) {
        if let Some(connection) = session.connection.into_inner() {
            connection.close().await;
        }
    }
}
