use super::connection::{Connection, PendingRefusal};
use super::request::headers_of;
use super::schema::{From, Origin};
use crate::client::Scope;
use crate::client::kit::json_tree::Room;
use crate::client::received::{self, Received, with_members};
use crate::client::value::now;
use crate::event::{Failure, Feed, Json, Message};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{ConsumerErrorKind, Stream};
use async_nats::{HeaderMap, HeaderValue, SubscribeErrorKind, Subscriber, jetstream};
use futures_util::StreamExt as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Map;
use std::time::Duration;

/// Messages that a stream's consumer asks for at a time.
const BATCH: usize = 200;
/// How long the server keeps a consumer that nobody asks, if it could not be deleted.
const INACTIVE: Duration = Duration::from_mins(1);
/// How long deleting a consumer may take.
const CLOSING: Duration = Duration::from_secs(1);

/// Opens a subscription; returns when the server has it.
pub(super) async fn open(
    connection: Connection,
    origin: Origin,
    feed: Feed,
    scope: &Scope,
) -> Result<(), Failure> {
    match origin {
        Origin::Subject { subject, queue } => {
            open_subject(connection, subject, queue, feed, scope).await
        }
        Origin::Stream {
            stream,
            filter,
            from,
            bucket,
        } => {
            let (stream, name) = consumer(&connection, &stream, filter, from).await?;
            let reader = Reader {
                connection,
                stream,
                name,
                bucket,
            };
            reader.open(feed, scope).await
        }
    }
}

async fn open_subject(
    connection: Connection,
    subject: String,
    queue: Option<String>,
    feed: Feed,
    scope: &Scope,
) -> Result<(), Failure> {
    let client = connection.client();
    let asked = connection.subscribing(&subject);
    let opened = match queue {
        Some(queue) => client.queue_subscribe(subject.clone(), queue).await,
        None => client.subscribe(subject.clone()).await,
    };
    let subscriber = opened.map_err(|error| match error.kind() {
        SubscribeErrorKind::InvalidSubject => {
            Failure::protocol(format!("{subject:?} is no subject")).hint(
                "a subject is made of words with dots between them; `*` stands for one word, `>` at the end for the rest",
            )
        }
        SubscribeErrorKind::InvalidQueueName => {
            Failure::protocol("the name of a queue holds no spaces")
        }
        SubscribeErrorKind::Other => Failure::transport("the connection is closed"),
    })?;
    connection.settle(&asked).await?;
    let token = scope.token();
    scope.spawn(async move {
        let mut subscriber = subscriber;
        tokio::select! {
            biased;
            () = token.cancelled() => {}
            () = pump(&connection, &asked, &mut subscriber, &feed) => {}
        }
        let _ = subscriber.unsubscribe().await;
    });
    Ok(())
}

async fn pump(
    connection: &Connection,
    asked: &PendingRefusal,
    subscriber: &mut Subscriber,
    feed: &Feed,
) {
    let incomplete = connection.incomplete(asked);
    tokio::pin!(incomplete);
    loop {
        let message = tokio::select! {
            biased;
            failure = &mut incomplete => return feed.close(failure),
            message = subscriber.next() => message,
        };
        let Some(message) = message else {
            return feed.close(Failure::transport("the subscription has ended"));
        };
        let message = received::message(message.payload.len(), move |room| {
            SubjectMessage::of(&message, room).map(SubjectMessage::into_value)
        });
        if !push(feed, message.await) {
            return;
        }
    }
}

/// Feeds a message; false: the subscription is over.
fn push(feed: &Feed, message: Result<Message, Failure>) -> bool {
    match message {
        Ok(message) => feed.push(message).is_ok(),
        Err(failure) => {
            feed.close(failure);
            false
        }
    }
}

/// A message as `res` shows it.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "NatsMessage")]
pub(super) struct SubjectMessage {
    /// The payload: parsed where it is JSON, else the text.
    body: Json,
    /// The payload as text; what is not UTF-8 is replaced.
    text: String,
    /// The bytes in base64, if they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// The headers; a repeated one is a list.
    headers: Map<String, Json>,
    /// The subject.
    subject: String,
    /// Where an answer is to be sent, if the sender waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    /// When it came, or when its stream has stored it, in RFC 3339.
    at: String,
    /// The stream that stores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    /// Its number in the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    /// The key, of an entry in a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// What was done to the key: `put`, `delete`, `purge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
}

impl SubjectMessage {
    fn of(message: &async_nats::Message, room: &Room) -> Result<Self, Failure> {
        let of = || format!("a message to {}", message.subject);
        let Received { body, text, base64 } = Received::new(&message.payload, room, of)?;
        Ok(Self {
            body,
            text,
            base64,
            headers: headers_of(message.headers.as_ref()),
            subject: message.subject.to_string(),
            reply: message.reply.as_ref().map(ToString::to_string),
            at: now(),
            ..Self::default()
        })
    }

    fn into_value(mut self) -> Json {
        let body = std::mem::take(&mut self.body);
        let text = std::mem::take(&mut self.text);
        let members = [("body", Some(body)), ("text", Some(text.into()))];
        with_members(&self, members).unwrap_or_default()
    }
}

async fn consumer(
    connection: &Connection,
    stream: &str,
    filter: String,
    from: From,
) -> Result<(Stream<()>, String), Failure> {
    let context = jetstream::new(connection.client().clone());
    let handle = context
        .get_stream_no_info(stream)
        .await
        .map_err(|error| Failure::protocol(format!("{stream:?} is no stream: {error}")))?;
    let config = pull::Config {
        deliver_policy: policy(from)?,
        ack_policy: AckPolicy::None,
        filter_subject: filter,
        inactive_threshold: INACTIVE,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    let created = tokio::select! {
        biased;
        failure = connection.lost() => return Err(failure),
        created = handle.create_consumer(config) => created,
    };
    let consumer = created.map_err(|error| match error.kind() {
        ConsumerErrorKind::JetStream(cause) => {
            Failure::protocol(format!("cannot read the stream {stream}: {cause}"))
        }
        ConsumerErrorKind::TimedOut => Failure::protocol(format!(
            "cannot read the stream {stream}: JetStream does not answer"
        )),
        _ => Failure::protocol(format!("cannot read the stream {stream}: {error}")),
    })?;
    let name = consumer.cached_info().name.clone();
    Ok((handle, name))
}

fn policy(from: From) -> Result<DeliverPolicy, Failure> {
    Ok(match from {
        From::New => DeliverPolicy::New,
        From::All => DeliverPolicy::All,
        From::Last => DeliverPolicy::Last,
        From::Sequence(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
        From::Time(time) => DeliverPolicy::ByStartTime {
            start_time: async_nats::datetime::from_nanos(time.as_nanosecond())
                .map_err(|error| Failure::protocol(format!("`from` is out of range: {error}")))?,
        },
    })
}

/// Reads a stream through a consumer that is deleted afterwards.
struct Reader {
    connection: Connection,
    stream: Stream<()>,
    name: String,
    bucket: Option<String>,
}

impl Reader {
    async fn open(self, feed: Feed, scope: &Scope) -> Result<(), Failure> {
        let token = scope.token();
        let consumer = self
            .stream
            .get_consumer::<pull::Config>(&self.name)
            .await
            .map_err(|error| Failure::protocol(format!("the consumer is gone: {error}")))?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH)
            .messages()
            .await
            .map_err(|error| Failure::protocol(format!("cannot read the stream: {error}")))?;
        scope.spawn(async move {
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                () = self.pump(messages, &feed) => {}
            }
            // The connection may be gone: the server then deletes the consumer by itself.
            let _ = tokio::time::timeout(CLOSING, self.stream.delete_consumer(&self.name)).await;
        });
        Ok(())
    }

    async fn pump(&self, mut messages: pull::Stream, feed: &Feed) {
        let lost = self.connection.lost();
        tokio::pin!(lost);
        loop {
            let message = tokio::select! {
                biased;
                failure = &mut lost => return feed.close(failure),
                message = messages.next() => message,
            };
            let message = match message {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    return feed.close(Failure::protocol(format!(
                        "the stream can no longer be read: {error}"
                    )));
                }
                None => return feed.close(Failure::transport("the subscription has ended")),
            };
            let bucket = self.bucket.clone();
            let message = received::message(message.payload.len(), move |room| {
                value_of(&message, bucket.as_deref(), room)
            });
            if !push(feed, message.await) {
                return;
            }
        }
    }
}

/// A message of a stream, or of a bucket, as `res` shows it.
fn value_of(
    message: &jetstream::Message,
    bucket: Option<&str>,
    room: &Room,
) -> Result<Json, Failure> {
    let mut members = SubjectMessage::of(message, room)?;
    if let Ok(info) = message.info() {
        members.stream = Some(info.stream.to_owned());
        members.sequence = Some(info.stream_sequence);
        if let Ok(stored) = jiff::Timestamp::from_nanosecond(info.published.unix_timestamp_nanos())
        {
            members.at = stored.to_string();
        }
    }
    if let Some(bucket) = bucket {
        let key = message
            .subject
            .strip_prefix(&format!("$KV.{bucket}."))
            .unwrap_or(&message.subject);
        members.key = Some(key.to_owned());
        members.operation = Some(operation(message.headers.as_ref()).to_owned());
    }
    Ok(members.into_value())
}

/// What a message of a bucket does to its key. The one who deletes says so in `KV-Operation`; what the server itself leaves
/// where a value has expired, or was removed from its stream, says why in `Nats-Marker-Reason`.
fn operation(headers: Option<&HeaderMap>) -> &'static str {
    let said = |name: &str| headers?.get(name).map(HeaderValue::as_str);
    match (said("KV-Operation"), said("Nats-Marker-Reason")) {
        (Some("PURGE"), _) | (None, Some("MaxAge" | "Purge")) => "purge",
        // `Remove`, and whatever reason is new: a marker holds no value.
        (Some("DEL"), _) | (None, Some(_)) => "delete",
        _ => "put",
    }
}
