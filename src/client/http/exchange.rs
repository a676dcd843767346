//! Sends a request, follows redirects hop by hop, keeps cookies.

use super::failure;
use super::jar;
use super::pool::{ConnectOptions, Pool};
use super::prepared::Prepared;
use super::session::HttpSession;
use crate::event::{Failure, Json};
use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue,
    LOCATION, SET_COOKIE,
};
use reqwest::{Method, Response, StatusCode, Url};
use std::sync::LazyLock;

/// The body of a redirect is read up to here, so that its connection can be used again.
const DRAINED: u64 = 64 << 10;

/// The head of the last answer, and what happened on the way to it.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) response: Response,
    /// Where the last answer came from.
    pub(super) url: Url,
    /// Every cookie that was set on the way.
    pub(super) set_cookies: serde_json::Map<String, Json>,
}

/// What is known of an exchange even if it fails.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// How many redirects were followed.
    pub(super) redirects: u32,
    /// The cookies that the jar added to the first request.
    pub(super) jar_cookies: Option<HeaderValue>,
}

/// Sends it, and follows redirects as browsers do.
pub(super) async fn send(
    pool: &Pool,
    session: &HttpSession,
    prepared: &Prepared,
    trace: &mut Trace,
) -> Result<Arrived, Failure> {
    let mut hop = Hop {
        method: prepared.method.clone(),
        url: prepared.url.clone(),
        headers: prepared.headers.clone(),
        body: prepared.body.clone(),
    };
    let jar = session.jar.as_ref().filter(|_| prepared.jar);
    let mut set_cookies = serde_json::Map::new();
    loop {
        session
            .context
            .permissions
            .net(hop.url.host_str().unwrap_or_default())?;
        let way = connect_options(session, prepared, &hop.url);
        let cookies = jar.and_then(|jar| jar.header(&hop.url));
        let sent = hop.sent(pool, &way, cookies.as_ref()).await;
        if trace.redirects == 0 {
            trace.jar_cookies = cookies;
        }
        let mut response = sent?;
        if response.headers().contains_key(SET_COOKIE) {
            if let Some(jar) = jar {
                jar.keep(response.headers(), &hop.url);
            }
            note_cookies(&response, &mut set_cookies);
        }
        let next = match redirect_target(&response, &hop.url) {
            Some(next) if prepared.redirects > 0 => next?,
            _ => {
                return Ok(Arrived {
                    response,
                    url: hop.url,
                    set_cookies,
                });
            }
        };
        if trace.redirects == prepared.redirects {
            return Err(Failure::protocol(format!(
                "more than {} redirects; the last one, from {}, leads to {next}",
                trace.redirects, hop.url
            ))
            .hint(
                "`follow_redirects` sets the limit; with false, the redirect itself is the answer",
            ));
        }
        trace.redirects += 1;
        drain(&mut response).await;
        hop.redirect(response.status(), next);
    }
}

/// One request of a chain of redirects.
struct Hop {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl Hop {
    /// Sends it. A server may close a connection that is kept at any time; what was on its way to it then gets no answer. A
    /// request that only reads is sent once more, on a new connection, as every browser does.
    async fn sent(
        &self,
        pool: &Pool,
        way: &ConnectOptions,
        cookies: Option<&HeaderValue>,
    ) -> Result<Response, Failure> {
        let failed =
            |error: &reqwest::Error| failure::failure(error, &self.url, way.connect_timeout);
        let mut answered = pool.client(way).await?.execute(self.request(cookies)).await;
        if let Err(error) = &answered
            && pool.was_kept(error)
        {
            if !matches!(self.method, Method::GET | Method::HEAD) {
                let mut failure = failed(error);
                failure.message.push_str(", on a kept connection");
                return Err(failure.hint(format!(
                    "the server may have closed it while it was idle, or while it worked: GET and HEAD are sent once more, {} needs `retry`",
                    self.method
                )));
            }
            answered = pool
                .renewed(way)
                .await?
                .execute(self.request(cookies))
                .await;
        }
        let response = answered.map_err(|error| failed(&error))?;
        pool.has_answered(&response);
        Ok(response)
    }

    fn request(&self, cookies: Option<&HeaderValue>) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        *request.headers_mut() = self.headers.clone();
        if let Some(cookies) = cookies {
            let all = match self.headers.get(COOKIE) {
                Some(own) => joined(own, cookies),
                None => cookies.clone(),
            };
            request.headers_mut().insert(COOKIE, all);
        }
        if !self.body.is_empty() {
            *request.body_mut() = Some(self.body.clone().into());
        } else if expects_body(&self.method) {
            request
                .headers_mut()
                .entry(CONTENT_LENGTH)
                .or_insert(HeaderValue::from_static("0"));
        }
        request
    }

    fn redirect(&mut self, status: StatusCode, next: Url) {
        let to_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if to_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING] {
                self.headers.remove(name);
            }
        }
        if next.origin() != self.url.origin() {
            self.headers.remove(AUTHORIZATION);
            self.headers.remove(COOKIE);
        }
        self.url = next;
    }
}

/// Whether servers want to know the length of a body even if there is none.
pub(super) fn expects_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

fn joined(own: &HeaderValue, jar: &HeaderValue) -> HeaderValue {
    let both = [own.as_bytes(), b"; ", jar.as_bytes()].concat();
    HeaderValue::from_bytes(&both).unwrap_or_else(|_| own.clone())
}

fn connect_options(session: &HttpSession, prepared: &Prepared, url: &Url) -> ConnectOptions {
    ConnectOptions {
        trust: (url.scheme() == "https").then(|| prepared.trust.clone()),
        http2: prepared.http2,
        compression: session.compression,
        connect_timeout: session.connect_timeout,
        direct: is_direct(url),
    }
}

/// Whether the environment names a proxy at all; read once.
static PROXY: LazyLock<bool> = LazyLock::new(|| {
    ["http_proxy", "https_proxy", "all_proxy"]
        .iter()
        .any(|name| {
            std::env::var_os(name).is_some() || std::env::var_os(name.to_uppercase()).is_some()
        })
});

/// Whether no proxy stands between: there is none, or the host is this machine.
pub(super) fn is_direct(url: &Url) -> bool {
    !*PROXY || is_loopback(url.host_str().unwrap_or_default())
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether the environment names a proxy that a command for `url` must be kept from.
pub(super) fn bypasses_proxy(url: &Url) -> bool {
    *PROXY && is_direct(url)
}

fn redirect_target(response: &Response, from: &Url) -> Option<Result<Url, Failure>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    let wrong = |reason: &str| {
        Failure::protocol(format!(
            "the redirect from {from} leads to {:?}, {reason}",
            String::from_utf8_lossy(location.as_bytes())
        ))
    };
    let next = std::str::from_utf8(location.as_bytes())
        .map_err(|_| wrong("which is no text"))
        .and_then(|text| {
            from.join(text)
                .map_err(|error| wrong(&format!("which is no URL: {error}")))
        })
        .and_then(|mut url| {
            if !matches!(url.scheme(), "http" | "https") {
                return Err(wrong("which is neither http nor https"));
            }
            if url.fragment().is_none() {
                url.set_fragment(from.fragment());
            }
            super::credentials::take_credentials(&mut url);
            Ok(url)
        });
    Some(next)
}

async fn drain(response: &mut Response) {
    if response
        .content_length()
        .is_none_or(|length| length > DRAINED)
    {
        return;
    }
    while let Ok(Some(_)) = response.chunk().await {}
}

fn note_cookies(response: &Response, set: &mut serde_json::Map<String, Json>) {
    for cookie in jar::set_by(response.headers()) {
        if jar::is_removal(&cookie) {
            set.shift_remove(cookie.name());
        } else {
            set.insert(cookie.name().to_owned(), cookie.value().into());
        }
    }
}
