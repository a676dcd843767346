//! A subscription to server-sent events: opened and confirmed, then pumped until its scope closes.

use super::exchange::Trace;
use super::pool::Pool;
use super::prepared::Prepared;
use super::session::HttpSession;
use super::sse::{Event, Parser};
use super::{Http, Source, curl, exchange, failure, plain_headers};
use crate::client::kit::json_bigint;
use crate::client::received::{self, with_members};
use crate::client::scope::Scope;
use crate::client::value::now;
use crate::event::{Failure, Feed, Json, Message};
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Attempts to connect again that may fail one after the other.
const MAX_ATTEMPTS: u32 = 5;
/// The wait before the first one, unless the server names another; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest wait between two attempts.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// The shortest, whatever the server names: one that ends each stream at once is not asked in a loop.
const MIN_WAIT: Duration = Duration::from_millis(10);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Opens the stream; returns once the server has answered with one.
pub(super) async fn subscribe(
    http: &Http,
    session: &Arc<HttpSession>,
    source: Source,
    feed: Feed,
    scope: &Scope,
) -> Result<(), Failure> {
    let reconnect = source.reconnect.unwrap_or(false);
    let mut prepared = Prepared::new(session, Box::new(source.into()), scope).await?;
    for (name, value) in [(ACCEPT, "text/event-stream"), (CACHE_CONTROL, "no-store")] {
        prepared
            .headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    // `-N`: without it curl holds events back.
    let again = curl::command(&prepared, &Trace::default())
        .map(|command| command.replacen("curl -sS", "curl -sSN", 1));
    let again = move |mut failure: Failure| {
        failure.again.clone_from(&again);
        failure
    };
    let opened = match open(&http.pool, session, &prepared).await {
        Ok(Opened::Stream(stream)) => stream,
        Ok(Opened::Ended) => {
            return Err(again(Failure::protocol(format!(
                "{} answered 204: there is no event stream",
                prepared.url
            ))));
        }
        Err(trouble) => return Err(again(trouble.into_failure())),
    };
    let mut pump = Pump {
        pool: Arc::clone(&http.pool),
        session: Arc::clone(session),
        prepared,
        feed,
        parser: Parser::default(),
        reconnect,
    };
    let token = scope.token();
    scope.spawn(async move {
        match token.run_until_cancelled(pump.run(opened)).await {
            Some(Ok(())) => pump.feed.end(),
            Some(Err(failure)) => pump.feed.close(again(failure)),
            None => {}
        }
    });
    Ok(())
}

/// A stream whose head was right.
struct Stream {
    response: Response,
    url: Url,
    headers: Json,
}

enum Opened {
    Stream(Box<Stream>),
    /// The server wants no more connections.
    Ended,
}

/// Why a stream could not be opened.
enum OpenError {
    /// Worth another attempt.
    Passing(Failure),
    Lasting(Failure),
}

impl OpenError {
    fn into_failure(self) -> Failure {
        match self {
            Self::Passing(failure) | Self::Lasting(failure) => failure,
        }
    }
}

async fn open(
    pool: &Pool,
    session: &HttpSession,
    prepared: &Prepared,
) -> Result<Opened, OpenError> {
    let arrived = exchange::send(pool, session, prepared, &mut Trace::default())
        .await
        .map_err(|failure| match failure.kind {
            crate::event::ErrorKind::Transport => OpenError::Passing(failure),
            _ => OpenError::Lasting(failure),
        })?;
    let (response, url) = (arrived.response, arrived.url);
    let status = response.status();
    if status == StatusCode::NO_CONTENT {
        return Ok(Opened::Ended);
    }
    if status != StatusCode::OK {
        let failure = Failure::protocol(format!(
            "{url} answered {} instead of an event stream",
            status.as_u16()
        ));
        let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        return Err(if passing {
            OpenError::Passing(failure)
        } else {
            OpenError::Lasting(failure)
        });
    }
    let kind = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("text/event-stream") {
        return Err(OpenError::Lasting(
            Failure::protocol(format!(
                "{url} answered with the content type {kind:?}, where text/event-stream is due"
            ))
            .hint("an event stream is `sse: URL`; is this URL one?"),
        ));
    }
    let headers = Json::Object(plain_headers(response.headers()));
    Ok(Opened::Stream(Box::new(Stream {
        response,
        url,
        headers,
    })))
}

struct Pump {
    pool: Arc<Pool>,
    session: Arc<HttpSession>,
    prepared: Prepared,
    feed: Feed,
    parser: Parser,
    reconnect: bool,
}

/// How reading from one connection stopped.
enum Stopped {
    /// The server has sent all of its answer.
    Ended,
    /// The connection broke.
    Broken(Failure),
}

impl Pump {
    /// Feeds the inbox, to the end of the stream.
    async fn run(&mut self, mut stream: Box<Stream>) -> Result<(), Failure> {
        loop {
            let why = match (self.read(&mut stream).await?, self.reconnect) {
                (Stopped::Ended, false) => return Ok(()),
                (Stopped::Broken(failure), false) => {
                    return Err(Failure {
                        message: format!(
                            "the event stream of {} broke: {}",
                            stream.url, failure.message
                        ),
                        ..failure
                    });
                }
                (Stopped::Ended, true) => {
                    Failure::transport(format!("the event stream of {} has ended", stream.url))
                }
                (Stopped::Broken(failure), true) => failure,
            };
            self.feed.lost(why.clone())?;
            self.parser = self.parser.resumed();
            let Some(reopened) = self.reopen(why).await? else {
                return Ok(());
            };
            stream = reopened;
            self.feed.reopened()?;
        }
    }

    /// Reads to the end of a connection. Fails with what must not be retried.
    async fn read(&mut self, stream: &mut Stream) -> Result<Stopped, Failure> {
        loop {
            match stream.response.chunk().await {
                Ok(Some(bytes)) => {
                    let mut events = Vec::new();
                    let fed = self.parser.feed(&bytes, |event| {
                        events.push(event);
                        Ok(())
                    });
                    for event in events {
                        let message = message_of(event, stream).await?;
                        self.feed.push(message)?;
                    }
                    fed?;
                }
                Ok(None) => return Ok(Stopped::Ended),
                Err(error) => {
                    let limit = self.session.connect_timeout;
                    let failure = failure::failure(&error, &stream.url, limit);
                    return Ok(Stopped::Broken(failure));
                }
            }
        }
    }

    /// Opens the stream again, behind its last event. `None`: its server wants no more connections.
    async fn reopen(&mut self, broken: Failure) -> Result<Option<Box<Stream>>, Failure> {
        match HeaderValue::from_str(self.parser.last_id()) {
            Ok(id) if !id.is_empty() => self.prepared.headers.insert(LAST_EVENT_ID, id),
            _ => self.prepared.headers.remove(LAST_EVENT_ID),
        };
        let mut last = broken;
        let first = self.parser.retry().unwrap_or(FIRST_WAIT).max(MIN_WAIT);
        for attempt in 0..MAX_ATTEMPTS {
            tokio::time::sleep(first.saturating_mul(2u32.pow(attempt)).min(MAX_WAIT)).await;
            match open(&self.pool, &self.session, &self.prepared).await {
                Ok(Opened::Stream(stream)) => return Ok(Some(stream)),
                Ok(Opened::Ended) => return Ok(None),
                Err(OpenError::Passing(failure)) => last = failure,
                Err(OpenError::Lasting(failure)) => return Err(failure),
            }
        }
        last.message = format!(
            "the event stream of {} broke, and {MAX_ATTEMPTS} attempts to connect again failed: {}",
            self.prepared.url, last.message
        );
        Err(last)
    }
}

/// A server-sent event as `res` shows it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServerSentEvent")]
pub(super) struct StreamMessage {
    /// The data: parsed where it is JSON, else the text.
    body: Json,
    /// The data as text.
    text: String,
    /// The kind of event: `message` where the server says nothing.
    event: String,
    /// The id of the event, empty if it has none.
    id: String,
    /// The headers of the stream's answer, names in lower case.
    headers: Json,
    /// When it came, in RFC 3339.
    at: String,
}

async fn message_of(event: Event, stream: &Stream) -> Result<Message, Failure> {
    let headers = stream.headers.clone();
    let from = failure::authority(&stream.url);
    received::message(event.data.len(), move |room| {
        let of = || format!("an event from {from}");
        let body = json_bigint::parse_or_text(&event.data, room, of)?;
        let message = StreamMessage {
            body: Json::Null,
            text: String::new(),
            event: event.name,
            id: event.id,
            headers,
            at: now(),
        };
        let members = [("body", Some(body)), ("text", Some(event.data.into()))];
        Ok(with_members(&message, members).unwrap_or_default())
    })
    .await
}
