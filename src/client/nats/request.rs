use super::NatsSession;
use super::connection::Connection;
use super::schema::{Reply, Verb};
use crate::client::Scope;
use crate::client::contract::Answer;
use crate::client::payload::Payload;
use crate::client::received::Received;
use crate::client::value::kind;
use crate::event::{ErrorKind, Failure, Json};
use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use async_nats::jetstream::context::PublishErrorKind as StreamErrorKind;
use async_nats::jetstream::{self, kv};
use async_nats::{PublishErrorKind, RequestErrorKind};
use bytes::Bytes;
use serde_json::Map;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

impl NatsSession {
    /// Does what the verb asks.
    pub(super) async fn answer(&self, verb: Verb, scope: &Scope) -> Result<Answer<Reply>, Failure> {
        let connection = self.connection().await?;
        let started = Instant::now();
        let work = async {
            match verb {
                Verb::Publish {
                    subject,
                    payload,
                    headers,
                    jetstream,
                } => {
                    let message = self.message(&subject, payload, &headers, scope).await?;
                    if jetstream {
                        store(&connection, subject, message).await
                    } else {
                        publish(&connection, subject, message).await
                    }
                }
                Verb::Request {
                    subject,
                    payload,
                    headers,
                    timeout,
                } => {
                    let message = self.message(&subject, payload, &headers, scope).await?;
                    request(&connection, subject, message, timeout).await
                }
                Verb::Get { bucket, key } => get(&connection, bucket, key).await,
                Verb::Put {
                    bucket,
                    key,
                    value,
                    create,
                } => {
                    let value = value
                        .read(&self.context.in_scope(scope))
                        .await?
                        .unwrap_or_default();
                    put(&connection, bucket, key, value, create).await
                }
                Verb::Delete { bucket, key } => delete(&connection, bucket, key).await,
            }
        };
        let mut answer = tokio::select! {
            biased;
            answer = work => answer?,
            // The library waits for a new connection without end.
            failure = connection.lost() => return Err(failure),
        };
        let took = started.elapsed().as_millis();
        answer.summary = format!("{} in {took}ms", answer.summary);
        Ok(answer)
    }

    async fn message(
        &self,
        subject: &str,
        payload: Payload,
        headers: &Map<String, Json>,
        scope: &Scope,
    ) -> Result<(Bytes, Option<HeaderMap>), Failure> {
        check_target(subject)?;
        let bytes = payload
            .read(&self.context.in_scope(scope))
            .await?
            .unwrap_or_default();
        let mut headers = header_map(headers)?;
        if headers.get(TRACE).is_none() {
            headers.insert(TRACE, self.context.trace.parent());
        }
        Ok((bytes, Some(headers)))
    }
}

/// W3C Trace Context: which trace a message is part of.
const TRACE: &str = "traceparent";

type Outgoing = (Bytes, Option<HeaderMap>);

async fn publish(
    connection: &Connection,
    subject: String,
    (payload, headers): Outgoing,
) -> Result<Answer<Reply>, Failure> {
    let size = payload.len() as u64;
    let client = connection.client();
    let asked = connection.publishing(&subject);
    match headers {
        Some(headers) => {
            client
                .publish_with_headers(subject.clone(), headers, payload)
                .await
        }
        None => client.publish(subject.clone(), payload).await,
    }
    .map_err(|error| match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => too_large(connection, size),
        PublishErrorKind::InvalidSubject => bad_subject(&subject),
        PublishErrorKind::Send => Failure::transport("the connection is closed"),
    })?;
    connection.settle(&asked).await?;
    let summary = format!("publish {subject} ({size} bytes)");
    let mut answer = Answer::new(
        Reply {
            subject: Some(subject),
            size: Some(size),
            ..Reply::default()
        },
        summary,
    );
    answer.sent = size;
    Ok(answer)
}

async fn store(
    connection: &Connection,
    subject: String,
    (payload, headers): Outgoing,
) -> Result<Answer<Reply>, Failure> {
    let size = payload.len() as u64;
    let context = jetstream::new(connection.client().clone());
    let stored = async {
        context
            .publish_with_headers(subject.clone(), headers.unwrap_or_default(), payload)
            .await?
            .await
    };
    let ack = stored.await.map_err(|error| match error.kind() {
        StreamErrorKind::StreamNotFound => {
            Failure::protocol(format!("no stream stores messages of {subject}"))
                .hint("leave `jetstream` out, or create a stream with this subject")
        }
        StreamErrorKind::MaxPayloadExceeded => too_large(connection, size),
        StreamErrorKind::TimedOut => Failure::new(
            ErrorKind::Timeout,
            format!("no stream confirmed the message to {subject} in time"),
        ),
        _ => Failure::protocol(format!("the message to {subject} was not stored: {error}")),
    })?;
    let summary = format!("publish {subject} → {} {}", ack.stream, ack.sequence);
    let mut answer = Answer::new(
        Reply {
            subject: Some(subject),
            size: Some(size),
            stream: Some(ack.stream),
            sequence: Some(ack.sequence),
            duplicate: Some(ack.duplicate),
            ..Reply::default()
        },
        summary,
    );
    answer.sent = size;
    Ok(answer)
}

async fn request(
    connection: &Connection,
    subject: String,
    (payload, headers): Outgoing,
    timeout: Option<Duration>,
) -> Result<Answer<Reply>, Failure> {
    let size = payload.len() as u64;
    let mut request = async_nats::Request::new().payload(payload).timeout(timeout);
    request.headers = headers;
    let message = connection
        .client()
        .send_request(subject.clone(), request)
        .await
        .map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => {
                Failure::protocol(format!("nobody answers requests to {subject}"))
                    .hint("the service is not subscribed to this subject (yet)")
            }
            RequestErrorKind::TimedOut => Failure::new(
                ErrorKind::Timeout,
                format!(
                    "no answer to the request to {subject} within {:?}",
                    timeout.unwrap_or_default()
                ),
            ),
            RequestErrorKind::InvalidSubject => bad_subject(&subject),
            RequestErrorKind::MaxPayloadExceeded => too_large(connection, size),
            RequestErrorKind::Other => Failure::transport("the connection is closed"),
        })?;
    let received = message.payload.len() as u64;
    let of = format!("the answer from {subject}");
    let body = Received::read(message.payload, of).await?;
    let mut answer = Answer::new(
        Reply {
            subject: Some(message.subject.to_string()),
            size: Some(received),
            body: Some(body.body),
            text: Some(body.text),
            base64: body.base64,
            headers: Some(headers_of(message.headers.as_ref())),
            ..Reply::default()
        },
        format!("request {subject} → {received} bytes"),
    );
    answer.sent = size;
    answer.received = received;
    Ok(answer)
}

async fn bucket(connection: &Connection, name: &str, create: bool) -> Result<kv::Store, Failure> {
    let context = jetstream::new(connection.client().clone());
    if create {
        create_bucket(&context, name).await?;
    }
    context.get_key_value(name).await.map_err(|error| {
        use async_nats::jetstream::context::KeyValueErrorKind;
        match error.kind() {
            KeyValueErrorKind::InvalidStoreName => Failure::protocol(format!(
                "{name:?} is no name of a bucket: letters, digits, `-` and `_`"
            )),
            _ => Failure::protocol(format!("there is no bucket {name:?}: {error}"))
                .hint("`create: true` beside `put` creates it"),
        }
    })
}

/// Creates the bucket's stream, if it does not exist: servers before 2.10 answer the library's own way to
/// create buckets with something that it does not understand.
async fn create_bucket(context: &jetstream::Context, name: &str) -> Result<(), Failure> {
    context
        .get_or_create_stream(jetstream::stream::Config {
            name: format!("KV_{name}"),
            subjects: vec![format!("$KV.{name}.>")],
            max_messages_per_subject: 1,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            discard: jetstream::stream::DiscardPolicy::New,
            num_replicas: 1,
            ..jetstream::stream::Config::default()
        })
        .await
        .map(drop)
        .map_err(|error| Failure::protocol(format!("cannot create the bucket {name:?}: {error}")))
}

async fn get(connection: &Connection, name: String, key: String) -> Result<Answer<Reply>, Failure> {
    let store = bucket(connection, &name, false).await?;
    let entry = store
        .entry(&key)
        .await
        .map_err(|error| Failure::protocol(format!("cannot read {key} of {name}: {error}")))?;
    let value = entry
        .as_ref()
        .filter(|entry| entry.operation == kv::Operation::Put);
    let mut reply = Reply {
        key: Some(key.clone()),
        found: Some(value.is_some()),
        revision: entry.as_ref().map(|entry| entry.revision),
        ..Reply::default()
    };
    let mut received = 0;
    if let Some(entry) = value {
        received = entry.value.len() as u64;
        let body = Received::read(entry.value.clone(), format!("{key} of {name}")).await?;
        reply.body = Some(body.body);
        reply.text = Some(body.text);
        reply.base64 = body.base64;
    }
    let what = if value.is_some() { "found" } else { "no value" };
    let mut answer = Answer::new(reply, format!("get {name} {key} → {what}"));
    answer.received = received;
    Ok(answer)
}

async fn put(
    connection: &Connection,
    name: String,
    key: String,
    value: Bytes,
    create: bool,
) -> Result<Answer<Reply>, Failure> {
    let size = value.len() as u64;
    let store = bucket(connection, &name, create).await?;
    let revision = store
        .put(&key, value)
        .await
        .map_err(|error| Failure::protocol(format!("cannot write {key} of {name}: {error}")))?;
    let summary = format!("put {name} {key} → revision {revision}");
    let mut answer = Answer::new(
        Reply {
            key: Some(key),
            revision: Some(revision),
            ..Reply::default()
        },
        summary,
    );
    answer.sent = size;
    Ok(answer)
}

async fn delete(
    connection: &Connection,
    name: String,
    key: String,
) -> Result<Answer<Reply>, Failure> {
    let store = bucket(connection, &name, false).await?;
    store
        .delete(&key)
        .await
        .map_err(|error| Failure::protocol(format!("cannot delete {key} of {name}: {error}")))?;
    let summary = format!("delete {name} {key}");
    Ok(Answer::new(
        Reply {
            key: Some(key),
            ..Reply::default()
        },
        summary,
    ))
}

fn too_large(connection: &Connection, size: u64) -> Failure {
    Failure::resource(format!(
        "the payload of {size} bytes and its headers are more than the {} bytes that the server takes",
        connection.client().max_payload()
    ))
    .hint("`max_payload` of the server sets the limit; send it in parts, or a reference to it")
}

fn bad_subject(subject: &str) -> Failure {
    Failure::protocol(format!("{subject:?} is no subject"))
        .hint("a subject is made of words with dots between them, without spaces")
}

/// A subject to send to names one place.
fn check_target(subject: &str) -> Result<(), Failure> {
    if subject.is_empty()
        || subject.contains(char::is_whitespace)
        || subject.split('.').any(str::is_empty)
    {
        return Err(bad_subject(subject));
    }
    if subject.split('.').any(|word| matches!(word, "*" | ">")) {
        return Err(
            Failure::protocol(format!("cannot send to {subject}, which holds a wildcard"))
                .hint("wildcards are for sources"),
        );
    }
    Ok(())
}

fn header_map(headers: &Map<String, Json>) -> Result<HeaderMap, Failure> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let key = HeaderName::from_str(name)
            .map_err(|_| Failure::protocol(format!("{name:?} is no header name")))?;
        let values = match value {
            Json::Array(values) => &values[..],
            single => std::slice::from_ref(single),
        };
        for value in values {
            let text = match value {
                Json::String(text) => text.clone(),
                Json::Number(_) | Json::Bool(_) => value.to_string(),
                other => {
                    return Err(Failure::protocol(format!(
                        "the header {name} must be a text, not {}",
                        kind(other)
                    )));
                }
            };
            let text = HeaderValue::from_str(&text).map_err(|_| {
                Failure::protocol(format!("the header {name} may not hold a line break"))
            })?;
            map.append(key.clone(), text);
        }
    }
    Ok(map)
}

/// The headers as `res` shows them, sorted by name: a list where a name occurs more than once.
pub(super) fn headers_of(headers: Option<&HeaderMap>) -> Map<String, Json> {
    let mut names: Vec<(String, Json)> = headers
        .into_iter()
        .flat_map(HeaderMap::iter)
        .filter_map(|(name, values)| {
            let value = match &values[..] {
                [] => return None,
                [one] => one.as_str().into(),
                many => many.iter().map(HeaderValue::as_str).collect(),
            };
            Some((name.to_string(), value))
        })
        .collect();
    names.sort_by(|(one, _), (other, _)| one.cmp(other));
    names.into_iter().collect()
}
