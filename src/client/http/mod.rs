//! HTTP: requests, and server-sent events as a source.
//!
//! `request` is what a task writes, `prepared` the same made ready, `exchange` sends it and follows
//! redirects, `content` reads the body, `failure` names what went wrong, `curl` repeats it in a shell.
//! `pool` holds the connections, `session` the cookies. `stream` subscribes to the events that `sse` reads.

mod config;
mod content;
mod credentials;
mod curl;
mod exchange;
mod failure;
mod fields;
mod jar;
mod multipart;
mod pool;
mod prepared;
mod request;
mod session;
mod sse;
mod stream;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use fields::{Auth, Cookies, Fields, Follow, Tls};
pub use request::{Graphql, Request, Source};
pub use session::HttpSession;

use super::contract::{Answer, Context, Protocol};
use super::scope::Scope;
use crate::event::{Failure, Feed, Json};
use exchange::{Arrived, Trace};
use pool::Pool;
use prepared::Prepared;
use reqwest::header::{HeaderMap, SET_COOKIE};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// The HTTP client. Clones of its connections are shared by every session that it opens.
#[derive(Debug, Default)]
pub struct Http {
    pool: Arc<Pool>,
}

/// What `res` holds after a request.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header names in lower case with their values; repeated ones are joined with `, `, but
    /// `set-cookie` is always a list.
    pub headers: serde_json::Map<String, Json>,
    /// The body: parsed where the content type is JSON (null if it is empty), else the text. An integer
    /// beyond 64 bits becomes a text of its digits.
    pub body: Json,
    /// The body as text; what cannot be decoded is replaced.
    pub text: String,
    /// The body in base64, if it is not the UTF-8 bytes of `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Bytes of the body, after decompression.
    pub size: u64,
    /// The cookies that this answer, or a redirect on the way to it, has set: name and value.
    pub cookies: serde_json::Map<String, Json>,
    /// Where the answer came from, after redirects.
    pub url: String,
    /// Milliseconds from sending to the end of the body.
    pub ms: u64,
}

impl Protocol for Http {
    const NAME: &'static str = "http";
    const SUMMARY: &'static str = "HTTP/1.1 and HTTP/2 requests, and server-sent events";
    const EXAMPLE: &'static str = "\
http:
  post: http://127.0.0.1:7801/orders
  json: { sku: A-1, qty: 2 }
save: { order_id: res.body.id }
expect: res.status == 201
";
    const BODIES: &'static [&'static str] = &[
        "body",
        "text",
        "base64",
        "json",
        "form",
        "multipart",
        "graphql",
        "file",
    ];

    type Config = Config;
    // A box: the futures of a call hold it several times over.
    type Request = Box<Request>;
    type Source = Source;
    type Reply = Reply;
    type Session = Arc<HttpSession>;

    fn short_request(text: &str) -> Result<Json, String> {
        request::short(text)
    }

    fn short_source(text: &str) -> Result<Json, String> {
        request::short_source(text)
    }

    fn label(request: &Json) -> String {
        request::label(request)
    }

    fn message_schema() -> Option<Json> {
        Some(super::ending_schema::<stream::StreamMessage>())
    }

    fn is_safe(request: &Json) -> bool {
        request::is_safe(request)
    }

    async fn open(&self, config: Config, context: &Context) -> Result<Arc<HttpSession>, Failure> {
        HttpSession::open(config, context).await.map(Arc::new)
    }

    async fn call(
        &self,
        session: &Arc<HttpSession>,
        request: Box<Request>,
        scope: &Scope,
    ) -> Result<Answer<Reply>, Failure> {
        let prepared = Prepared::new(session, request, scope).await?;
        let mut trace = Trace::default();
        let answered = answer(&self.pool, session, &prepared, &mut trace).await;
        let again = curl::command(&prepared, &trace);
        match answered {
            Ok(mut answer) => {
                answer.again = again;
                Ok(answer)
            }
            Err(mut failure) => {
                failure.again = again;
                Err(failure)
            }
        }
    }

    async fn subscribe(
        &self,
        session: &Arc<HttpSession>,
        source: Source,
        feed: Feed,
        scope: &Scope,
    ) -> Result<(), Failure> {
        stream::subscribe(self, session, source, feed, scope).await
    }

    fn value(reply: Reply) -> serde_json::Result<Json> {
        let mut value = serde_json::Map::with_capacity(9);
        value.insert("status".into(), reply.status.into());
        value.insert("headers".into(), Json::Object(reply.headers));
        value.insert("body".into(), reply.body);
        value.insert("text".into(), reply.text.into());
        if let Some(base64) = reply.base64 {
            value.insert("base64".into(), base64.into());
        }
        value.insert("size".into(), reply.size.into());
        value.insert("cookies".into(), Json::Object(reply.cookies));
        value.insert("url".into(), reply.url.into());
        value.insert("ms".into(), reply.ms.into());
        Ok(Json::Object(value))
    }
}

async fn answer(
    pool: &Pool,
    session: &HttpSession,
    prepared: &Prepared,
    trace: &mut Trace,
) -> Result<Answer<Reply>, Failure> {
    let start = Instant::now();
    let Arrived {
        mut response,
        url,
        set_cookies,
    } = exchange::send(pool, session, prepared, trace).await?;
    let limit = session.body_limit;
    let bytes = content::read(&mut response, &url, limit, session.connect_timeout).await?;
    let ms = start.elapsed().as_millis() as u64;
    let content = content::parse(bytes, response.headers(), &url, limit).await?;
    let status = response.status().as_u16();
    let mut summary = format!("{} {} → {status} in {ms}ms", prepared.method, prepared.url);
    match trace.redirects {
        0 => {}
        1 => {
            let _ = write!(summary, ", redirected to {url}");
        }
        more => {
            let _ = write!(summary, ", {more} redirects to {url}");
        }
    }
    if let Some(note) = content.note {
        summary.push_str("; ");
        summary.push_str(&note);
    }
    let reply = Reply {
        status,
        headers: plain_headers(response.headers()),
        body: content.body,
        text: content.text,
        base64: content.base64,
        size: content.size,
        cookies: set_cookies,
        url: url.into(),
        ms,
    };
    let mut answer = Answer::new(reply, summary);
    answer.sent = prepared.body.len() as u64;
    answer.received = content.size;
    Ok(answer)
}

fn plain_headers(headers: &HeaderMap) -> serde_json::Map<String, Json> {
    let mut plain = serde_json::Map::with_capacity(headers.keys_len());
    let text = |value: &reqwest::header::HeaderValue| match value.to_str() {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    for name in headers.keys() {
        let mut values = headers.get_all(name).iter();
        let value = if name == SET_COOKIE {
            Json::Array(values.map(|value| text(value).into()).collect())
        } else {
            let mut joined = values.next().map(text).unwrap_or_default();
            for value in values {
                joined.push_str(", ");
                joined.push_str(&text(value));
            }
            Json::String(joined)
        };
        plain.insert(name.as_str().to_owned(), value);
    }
    plain
}
