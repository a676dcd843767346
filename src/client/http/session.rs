use super::config::Config;
use super::credentials::{Credentials, take_credentials};
use super::fields::{Follow, MAX_REDIRECTS, Tls, add_headers};
use super::jar::Jar;
use crate::client::contract::Context;
use crate::client::kit::tls::{Trust, Verify, pem};
use crate::client::value::Span;
use crate::event::Failure;
use reqwest::Url;
use reqwest::header::HeaderMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest that connecting may take, unless the config says something else.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a body, unless the config says something else.
const BODY_LIMIT: u64 = 16 << 20;

/// One execution's view of a server: its cookies, and what every request has in common.
#[derive(Debug)]
pub struct HttpSession {
    base: Option<Url>,
    pub(super) headers: HeaderMap,
    auth: Option<Credentials>,
    pub(super) jar: Option<Jar>,
    pub(super) redirects: u32,
    pub(super) trust: Arc<Trust>,
    pub(super) http2: Option<bool>,
    pub(super) connect_timeout: Duration,
    pub(super) body_limit: u64,
    pub(super) compression: bool,
    pub(super) context: Context,
    /// The last URL that was resolved: a poll asks for the same again and again.
    resolved: Mutex<Option<Resolved>>,
}

#[derive(Clone, Debug)]
struct Resolved {
    written: String,
    url: Url,
    credentials: Option<Credentials>,
}

impl HttpSession {
    pub(super) async fn open(config: Config, context: &Context) -> Result<Self, Failure> {
        let (base, in_url) = match &config.base_url {
            None => (None, None),
            Some(written) => {
                let mut url = parse(written)?;
                if url.query().is_some() || url.fragment().is_some() {
                    return Err(Failure::protocol(format!(
                        "base_url {:?} holds a `?` or `#`, but paths are appended to it",
                        without_user(written)
                    )));
                }
                let credentials = take_credentials(&mut url);
                (Some(url), credentials)
            }
        };
        let mut headers = HeaderMap::new();
        add_headers(&mut headers, &config.headers.unwrap_or_default())?;
        Ok(Self {
            base,
            headers,
            auth: config.auth.map(Credentials::of).transpose()?.or(in_url),
            jar: config.cookies.unwrap_or(true).then(Jar::default),
            redirects: config
                .follow_redirects
                .map_or(MAX_REDIRECTS, |Follow(most)| most),
            trust: Arc::new(match &config.tls {
                Some(tls) => Self::trust(tls, context).await?,
                None => Trust::default(),
            }),
            http2: config.http2,
            connect_timeout: config
                .connect_timeout
                .map_or(CONNECT_TIMEOUT, |Span(limit)| limit),
            body_limit: config.body_limit.unwrap_or(BODY_LIMIT),
            compression: config.compression.unwrap_or(true),
            context: context.clone(),
            resolved: Mutex::default(),
        })
    }

    /// Reads the files that `tls` names.
    pub(super) async fn trust(tls: &Tls, context: &Context) -> Result<Trust, Failure> {
        let identity = match (&tls.cert, &tls.key) {
            (Some(cert), Some(key)) => Some((pem(context, cert).await?, pem(context, key).await?)),
            (None, None) => None,
            _ => {
                return Err(Failure::protocol(
                    "`tls.cert` and `tls.key` go together, but only one is written",
                ));
            }
        };
        Ok(Trust {
            ca: match &tls.ca {
                Some(ca) => Some(pem(context, ca).await?),
                None => None,
            },
            identity,
            verify: match tls.insecure {
                Some(true) => Verify::Nothing,
                Some(false) | None => Verify::Full,
            },
        })
    }

    /// The URL that a request means, and the user and password that it names.
    pub(super) fn resolve(&self, written: &str) -> Result<(Url, Option<Credentials>), Failure> {
        let written = written.trim();
        let mut last = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.written == written) {
            return Ok((last.url.clone(), last.credentials.clone()));
        }
        let (url, credentials) = self.parsed(written)?;
        *last = Some(Resolved {
            written: written.to_owned(),
            url: url.clone(),
            credentials: credentials.clone(),
        });
        Ok((url, credentials))
    }

    fn parsed(&self, written: &str) -> Result<(Url, Option<Credentials>), Failure> {
        if has_scheme(written) {
            let mut url = parse(written)?;
            let credentials = take_credentials(&mut url);
            return Ok((url, credentials));
        }
        let Some(base) = &self.base else {
            return Err(Failure::protocol(format!(
                "the URL {written:?} has no host, and the client has no base_url"
            ))
            .hint("write `http://HOST/…`, or give the client `base_url: http://HOST`"));
        };
        let separator = if written.starts_with(['/', '?', '#']) || written.is_empty() {
            ""
        } else {
            "/"
        };
        let base = base.as_str().trim_end_matches('/');
        parse(&format!("{base}{separator}{written}")).map(|url| (url, None))
    }

    /// The client's own credentials; they are for the host of its `base_url` alone.
    pub(super) fn auth_for(&self, url: &Url) -> Option<&Credentials> {
        match &self.base {
            Some(base) if base.origin() != url.origin() => None,
            _ => self.auth.as_ref(),
        }
    }
}

fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// Parses a whole `http` or `https` URL.
pub(super) fn parse(text: &str) -> Result<Url, Failure> {
    let shown = without_user(text);
    let url = Url::parse(text)
        .map_err(|error| Failure::protocol(format!("{shown:?} is no URL: {error}")))
        .map_err(|failure| {
            if has_scheme(text) {
                failure
            } else {
                failure.hint(format!("write it whole: `http://{shown}`"))
            }
        })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Failure::protocol(format!(
            "the URL {shown:?} is neither http nor https"
        )));
    }
    Ok(url)
}

/// The text of a URL without user and password, even if it does not parse.
fn without_user(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => text.to_owned(),
    }
}
