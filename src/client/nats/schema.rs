use crate::client::contract::UrlText;
use crate::client::payload::{Payload, one_at_most};
use crate::client::value::{Span, Text, present};
use crate::event::{Failure, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

/// How to reach the servers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The server, `nats://HOST:PORT` or `tls://HOST:PORT`, with a login as `nats://USER:PASSWORD@HOST` or
    /// `nats://TOKEN@HOST`. Default: `nats://127.0.0.1:4222`.
    #[schemars(with = "Option<UrlText>")]
    pub(super) url: Option<String>,
    /// Servers of one cluster in place of `url`; the first that answers is used.
    #[schemars(with = "Vec<UrlText>")]
    pub(super) servers: Vec<String>,
    /// Login name.
    pub(super) user: Option<String>,
    /// Password of the `user`.
    pub(super) password: Option<Text>,
    /// Login token.
    pub(super) token: Option<Text>,
    /// A `.creds` file (JWT and seed).
    pub(super) creds: Option<String>,
    /// The name that the server shows for the connection. Default: `funcy`.
    pub(super) name: Option<String>,
    /// Certificates.
    pub(super) tls: Option<Tls>,
    /// How long a connection may take to open. Default: `5s`.
    pub(super) connect_timeout: Option<Span>,
}

/// Certificates for TLS.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// A PEM file with the authorities to trust instead of the system's.
    pub(super) ca: Option<String>,
    /// A PEM file with the client's certificate; needs `key`.
    pub(super) cert: Option<String>,
    /// A PEM file with the certificate's key.
    pub(super) key: Option<String>,
}

/// One of `publish`, `request` and `kv`, with its payload.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "the members are the words of the task language"
)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["publish"] },
    { "required": ["request"] },
    { "required": ["kv"] },
], "allOf" = one_at_most()))]
pub struct Request {
    /// The subject to publish to.
    publish: Option<String>,
    /// The subject to send a request to; its first answer is `res`.
    request: Option<String>,
    /// A value of a key-value bucket.
    kv: Option<Entry>,
    /// The payload: any value, sent as JSON.
    #[serde(default, deserialize_with = "present")]
    #[schemars(extend("x-keys" = "template"))]
    json: Option<Json>,
    /// The payload: a text.
    text: Option<Text>,
    /// The payload: bytes in base64.
    base64: Option<String>,
    /// The payload: a file, relative to the task's folder.
    file: Option<String>,
    /// Headers: a text, or a list of texts, for each name.
    #[schemars(extend("x-keys" = "template"))]
    headers: Option<Map<String, Json>>,
    /// With `publish`: wait until a stream has stored the message.
    jetstream: Option<bool>,
    /// With `request`: how long to wait for the answer, if less than the instruction's `timeout`.
    timeout: Option<Span>,
}

/// A value of a key-value bucket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["get"] },
    { "required": ["put"] },
    { "required": ["delete"] },
], "allOf" = one_at_most()))]
pub struct Entry {
    /// The bucket.
    bucket: String,
    /// The key to read. `res.found` tells whether it has a value.
    get: Option<String>,
    /// The key to write; the payload stands beside it.
    put: Option<String>,
    /// The key to delete.
    delete: Option<String>,
    /// The value: anything, stored as JSON.
    #[serde(default, deserialize_with = "present")]
    #[schemars(extend("x-keys" = "template"))]
    json: Option<Json>,
    /// The value: a text.
    text: Option<Text>,
    /// The value: bytes in base64.
    base64: Option<String>,
    /// The value: a file, relative to the task's folder.
    file: Option<String>,
    /// With `put`: create the bucket if it does not exist.
    create: Option<bool>,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Verb {
    Publish {
        subject: String,
        payload: Payload,
        headers: Map<String, Json>,
        jetstream: bool,
    },
    Request {
        subject: String,
        payload: Payload,
        headers: Map<String, Json>,
        timeout: Option<std::time::Duration>,
    },
    Get {
        bucket: String,
        key: String,
    },
    Put {
        bucket: String,
        key: String,
        value: Payload,
        create: bool,
    },
    Delete {
        bucket: String,
        key: String,
    },
}

impl Request {
    /// Which of the verbs is written, and that no other verb's members stand beside it.
    pub(super) fn verb(self) -> Result<Verb, Failure> {
        let Self {
            publish,
            request,
            kv,
            json,
            text,
            base64,
            file,
            headers,
            jetstream,
            timeout,
        } = self;
        let payload = Payload {
            json,
            text,
            base64,
            file,
        };
        match (publish, request, kv) {
            (Some(subject), None, None) => {
                refuse("timeout", timeout.is_some(), "request")?;
                Ok(Verb::Publish {
                    subject,
                    payload,
                    headers: headers.unwrap_or_default(),
                    jetstream: jetstream.unwrap_or(false),
                })
            }
            (None, Some(subject), None) => {
                refuse("jetstream", jetstream.is_some(), "publish")?;
                Ok(Verb::Request {
                    subject,
                    payload,
                    headers: headers.unwrap_or_default(),
                    timeout: timeout.map(|span| span.0),
                })
            }
            (None, None, Some(entry)) => {
                refuse("jetstream", jetstream.is_some(), "publish")?;
                refuse("timeout", timeout.is_some(), "request")?;
                refuse("headers", headers.is_some(), "publish` or `request")?;
                if payload.is_written() {
                    return Err(Failure::protocol("the payload stands outside of `kv`")
                        .hint("write kv: {bucket: B, put: KEY, json: …}"));
                }
                entry.verb()
            }
            _ => Err(Failure::protocol(
                "a request holds exactly one of `publish`, `request` and `kv`",
            )),
        }
    }
}

impl Entry {
    fn verb(self) -> Result<Verb, Failure> {
        let Self {
            bucket,
            get,
            put,
            delete,
            json,
            text,
            base64,
            file,
            create,
        } = self;
        let value = Payload {
            json,
            text,
            base64,
            file,
        };
        if put.is_none() {
            refuse("create", create.is_some(), "put")?;
            refuse("a payload", value.is_written(), "put")?;
        }
        match (get, put, delete) {
            (Some(key), None, None) => Ok(Verb::Get { bucket, key }),
            (None, Some(key), None) => Ok(Verb::Put {
                bucket,
                key,
                value,
                create: create.unwrap_or(false),
            }),
            (None, None, Some(key)) => Ok(Verb::Delete { bucket, key }),
            _ => Err(Failure::protocol(
                "`kv` holds exactly one of `get`, `put` and `delete`",
            )),
        }
    }
}

fn refuse(member: &str, written: bool, belongs: &str) -> Result<(), Failure> {
    if written {
        let member = member.trim_start_matches("a ");
        return Err(Failure::protocol(format!(
            "`{member}` belongs to `{belongs}`"
        )));
    }
    Ok(())
}

/// What to receive: a subject, a stream, or the changes of a key-value bucket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    { "required": ["subject"] },
    { "required": ["stream"] },
    { "required": ["kv"] },
]))]
pub struct Source {
    /// The subject; `*` stands for one part, `>` for the rest. With `stream`: which of its messages.
    subject: Option<String>,
    /// A queue group: each message goes to one of its members.
    queue: Option<String>,
    /// A JetStream stream, read by a consumer of its own.
    stream: Option<String>,
    /// A key-value bucket: its changes.
    kv: Option<String>,
    /// With `kv`: which keys; `*` and `>` as in subjects. Default: all.
    key: Option<String>,
    /// With `stream` or `kv`: `new` (default), `all`, `last`, a sequence number, or a time (RFC 3339).
    #[schemars(with = "Option<Position>")]
    from: Option<Json>,
}

/// Where in a stream to begin.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum Position {
    Word(String),
    Sequence(u64),
}

/// A source whose members fit together.
#[derive(Debug, PartialEq)]
pub(super) enum Origin {
    Subject {
        subject: String,
        queue: Option<String>,
    },
    Stream {
        stream: String,
        filter: String,
        from: From,
        bucket: Option<String>,
    },
}

/// Where in a stream to begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum From {
    New,
    All,
    Last,
    Sequence(u64),
    Time(jiff::Timestamp),
}

impl Source {
    /// What is meant.
    pub(super) fn origin(self) -> Result<Origin, Failure> {
        let Self {
            subject,
            queue,
            stream,
            kv,
            key,
            from,
        } = self;
        match (stream, kv) {
            (None, None) => {
                refuse("from", from.is_some(), "stream` or `kv")?;
                refuse("key", key.is_some(), "kv")?;
                let subject = subject
                    .ok_or_else(|| Failure::protocol("a source needs a subject, stream or kv"))?;
                Ok(Origin::Subject { subject, queue })
            }
            (Some(stream), None) => {
                refuse("queue", queue.is_some(), "subject")?;
                refuse("key", key.is_some(), "kv")?;
                Ok(Origin::Stream {
                    stream,
                    filter: subject.unwrap_or_default(),
                    from: From::read(from)?,
                    bucket: None,
                })
            }
            (None, Some(bucket)) => {
                refuse("queue", queue.is_some(), "subject")?;
                refuse("subject", subject.is_some(), "stream")?;
                Ok(Origin::Stream {
                    stream: format!("KV_{bucket}"),
                    filter: format!("$KV.{bucket}.{}", key.as_deref().unwrap_or(">")),
                    from: From::read(from)?,
                    bucket: Some(bucket),
                })
            }
            (Some(_), Some(_)) => Err(Failure::protocol(
                "a source is a `stream` or a `kv` bucket, not both",
            )),
        }
    }
}

impl From {
    fn read(value: Option<Json>) -> Result<Self, Failure> {
        let Some(value) = value else {
            return Ok(Self::New);
        };
        match &value {
            Json::String(word) if word == "new" => return Ok(Self::New),
            Json::String(word) if word == "all" => return Ok(Self::All),
            Json::String(word) if word == "last" => return Ok(Self::Last),
            Json::String(text) => {
                if let Ok(time) = text.parse() {
                    return Ok(Self::Time(time));
                }
            }
            Json::Number(number) => {
                if let Some(sequence) = number.as_u64().filter(|sequence| *sequence > 0) {
                    return Ok(Self::Sequence(sequence));
                }
            }
            _ => {}
        }
        Err(Failure::protocol(format!("`from` cannot be {value}")).hint(
            "write new, all, last, a sequence number from 1, or a time as 2026-01-31T08:00:00Z",
        ))
    }
}

/// What `res` holds.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(default)]
pub struct Reply {
    /// The subject: where the message went, or came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    /// Payload bytes: sent by `publish`, received by `request`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    /// The stream that stored the message (`jetstream: true`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream: Option<String>,
    /// Its place in the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sequence: Option<u64>,
    /// Whether the stream held a message with this `Nats-Msg-Id` already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duplicate: Option<bool>,
    /// The key of a `kv` request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// Whether the key has a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<bool>,
    /// The value's revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<u64>,
    /// The payload received, parsed where it is JSON, else as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Json>,
    /// The payload received, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// The payload received in base64, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
    /// The headers of the answer: a text, or a list where a name occurs more than once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) headers: Option<Map<String, Json>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn origin(source: Json) -> Result<Origin, String> {
        serde_json::from_value::<Source>(source)
            .map_err(|error| error.to_string())?
            .origin()
            .map_err(|failure| failure.message)
    }

    #[test]
    fn sources_are_subjects_streams_or_buckets() {
        assert_eq!(
            origin(json!({ "subject": "a.*", "queue": "q" })),
            Ok(Origin::Subject {
                subject: "a.*".into(),
                queue: Some("q".into())
            })
        );
        let stream = |from| Origin::Stream {
            stream: "S".into(),
            filter: "a".into(),
            from,
            bucket: None,
        };
        for (from, expected) in [
            (json!("new"), From::New),
            (json!("all"), From::All),
            (json!("last"), From::Last),
            (json!(7), From::Sequence(7)),
            (
                json!("2026-01-31T08:00:00Z"),
                From::Time("2026-01-31T08:00:00Z".parse().unwrap()),
            ),
        ] {
            assert_eq!(
                origin(json!({ "stream": "S", "subject": "a", "from": from })),
                Ok(stream(expected))
            );
        }
        assert_eq!(
            origin(json!({ "kv": "B" })),
            Ok(Origin::Stream {
                stream: "KV_B".into(),
                filter: "$KV.B.>".into(),
                from: From::New,
                bucket: Some("B".into())
            })
        );
        for (wrong, message) in [
            (json!({}), "a source needs a subject, stream or kv"),
            (
                json!({ "subject": "a", "from": "all" }),
                "`from` belongs to `stream` or `kv`",
            ),
            (
                json!({ "stream": "S", "queue": "q" }),
                "`queue` belongs to `subject`",
            ),
            (
                json!({ "stream": "S", "kv": "B" }),
                "a source is a `stream` or a `kv` bucket, not both",
            ),
            (json!({ "stream": "S", "from": 0 }), "`from` cannot be 0"),
            (
                json!({ "stream": "S", "from": "soon" }),
                "`from` cannot be \"soon\"",
            ),
        ] {
            assert_eq!(origin(wrong).unwrap_err(), message);
        }
    }

    #[test]
    fn the_schema_tells_what_excludes_what() {
        let catalog = crate::client::Registry::builtin().catalog();
        let schema = &catalog.kind("nats").unwrap().request;
        let valid = |request: Json| jsonschema::is_valid(schema, &request);
        assert!(valid(json!({ "publish": "a", "json": null })));
        assert!(valid(
            json!({ "publish": "a", "headers": { "X": 1, "Y": ["a", "b"] } })
        ));
        assert!(valid(
            json!({ "kv": { "bucket": "b", "put": "k", "text": 7 } })
        ));
        assert!(!valid(json!({})));
        assert!(!valid(json!({ "publish": "a", "request": "b" })));
        assert!(!valid(json!({ "publish": "a", "json": 1, "text": "b" })));
        assert!(!valid(json!({ "kv": { "bucket": "b" } })));
        assert!(!valid(json!({ "publish": "a", "subject": "b" })));
    }
}
