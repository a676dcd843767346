//! A request made ready to be sent: the URL resolved, headers and body as bytes.

use super::credentials::Credentials;
use super::fields::{Cookies, Fields, Follow, Tls, add_headers};
use super::multipart::{self, FormPart};
use super::request::{MAX_BODY, Payload, Request};
use super::session::HttpSession;
use crate::client::kit::tls::Trust;
use crate::client::paths;
use crate::client::{Context, Scope};
use crate::event::Failure;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use std::path::PathBuf;
use std::sync::Arc;

/// W3C Trace Context: which trace a request is part of.
pub(super) const TRACE: HeaderName = HeaderName::from_static("traceparent");

/// A request, ready to be sent.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) method: Method,
    /// Without user and password.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// Whether `traceparent` among them is ours: a request that repeats this one is no part of its trace.
    pub(super) traced: bool,
    pub(super) body: Bytes,
    /// How a command gives the same body.
    pub(super) origin: Origin,
    pub(super) auth: Option<Credentials>,
    pub(super) jar: bool,
    pub(super) redirects: u32,
    pub(super) trust: Arc<Trust>,
    pub(super) http2: Option<bool>,
}

/// Where a body comes from.
#[derive(Debug)]
pub(super) enum Origin {
    None,
    Text,
    File(PathBuf),
    Multipart(Vec<FormPart>),
}

impl Prepared {
    /// Resolves a request against its session.
    pub(super) async fn new(
        session: &HttpSession,
        mut request: Box<Request>,
        scope: &Scope,
    ) -> Result<Self, Failure> {
        let context = session.context.in_scope(scope);
        let payload = request.take_payload()?;
        let (method, written) = request.target()?;
        let (mut url, in_url) = session.resolve(written)?;
        if let Some(query) = &request.query {
            append_query(&mut url, &query.pairs("query")?);
        }
        let mut headers = session.headers.clone();
        if let Some(fields) = &request.headers {
            add_headers(&mut headers, fields)?;
        }
        let traced = !headers.contains_key(TRACE);
        if traced && let Ok(parent) = HeaderValue::try_from(session.context.trace.parent()) {
            headers.insert(TRACE, parent);
        }
        let typed = has_header(&request, "content-type");
        let (body, origin, content_type) = encode(&context, payload).await?;
        if let Some(content_type) = content_type
            && (!typed || matches!(origin, Origin::Multipart(_)))
        {
            headers.insert(CONTENT_TYPE, content_type);
        }
        let auth = match request.auth.take() {
            Some(auth) => Some(Credentials::of(auth)?),
            None if in_url.is_some() => in_url,
            None => session.auth_for(&url).cloned(),
        };
        let auth = auth.filter(|_| !has_header(&request, "authorization"));
        if let Some(auth) = &auth {
            headers.insert(AUTHORIZATION, auth.header()?);
        }
        let jar = match request.cookies.take() {
            None => true,
            Some(Cookies::Jar(used)) => used,
            Some(Cookies::These(fields)) => {
                add_cookies(&mut headers, &fields)?;
                true
            }
        };
        Ok(Self {
            method,
            url,
            headers,
            traced,
            body,
            origin,
            auth,
            jar,
            redirects: request
                .follow_redirects
                .map_or(session.redirects, |Follow(most)| most),
            trust: match &request.tls {
                Some(tls) => Arc::new(trust(&context, tls).await?),
                None => Arc::clone(&session.trust),
            },
            http2: request.http2.or(session.http2),
        })
    }
}

fn has_header(request: &Request, name: &str) -> bool {
    request
        .headers
        .as_ref()
        .is_some_and(|fields| fields.0.keys().any(|key| key.eq_ignore_ascii_case(name)))
}

async fn trust(context: &Context, tls: &Tls) -> Result<Trust, Failure> {
    HttpSession::trust(tls, context).await
}

/// A payload's bytes, where they come from, and their content type.
async fn encode(
    context: &Context,
    payload: Payload,
) -> Result<(Bytes, Origin, Option<HeaderValue>), Failure> {
    let fixed = |text| Some(HeaderValue::from_static(text));
    Ok(match payload {
        Payload::None => (Bytes::new(), Origin::None, None),
        Payload::Json(value) => (
            Bytes::from(value.to_string()),
            Origin::Text,
            fixed("application/json"),
        ),
        Payload::Text(text) => (
            Bytes::from(text),
            Origin::Text,
            fixed("text/plain; charset=utf-8"),
        ),
        Payload::Form(fields) => (
            Bytes::from(urlencoded(&fields.pairs("form")?)),
            Origin::Text,
            fixed("application/x-www-form-urlencoded"),
        ),
        Payload::File(path) => {
            let read = paths::read(context, &path, MAX_BODY).await?;
            let kind = multipart::content_type_of(&read.path);
            (
                Bytes::from(read.bytes),
                Origin::File(read.path),
                fixed(kind),
            )
        }
        Payload::Multipart(parts) => {
            let parts = multipart::read(context, parts).await?;
            let (body, boundary) = multipart::encode(&parts);
            let kind =
                HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}")).ok();
            (body, Origin::Multipart(parts), kind)
        }
    })
}

fn add_cookies(headers: &mut HeaderMap, fields: &Fields) -> Result<(), Failure> {
    let mut text = headers
        .get(COOKIE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    for (name, value) in fields.pairs("cookies")? {
        if name.contains(['=', ';']) || value.contains(';') {
            return Err(Failure::protocol(format!(
                "cookies.{name} holds a `;` or `=` that a cookie cannot carry"
            )));
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(name);
        text.push('=');
        text.push_str(&value);
    }
    if text.is_empty() {
        return Ok(());
    }
    let value = HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| Failure::protocol("`cookies` holds a line break or control character"))?;
    headers.insert(COOKIE, value);
    Ok(())
}

fn append_query(url: &mut Url, pairs: &[(&str, std::borrow::Cow<'_, str>)]) {
    let added = urlencoded(pairs);
    if added.is_empty() {
        return;
    }
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&{added}"),
        _ => added,
    };
    url.set_query(Some(&query));
}

/// What a form and a query leave as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');

fn urlencoded(pairs: &[(&str, std::borrow::Cow<'_, str>)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        push_encoded(&mut text, name);
        text.push('=');
        push_encoded(&mut text, value);
    }
    text
}

fn push_encoded(text: &mut String, value: &str) {
    for (index, word) in value.split(' ').enumerate() {
        if index > 0 {
            text.push('+');
        }
        text.extend(utf8_percent_encode(word, FORM));
    }
}
