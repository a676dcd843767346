use super::schema::{Config, Tls};
use crate::client::contract::Context;
use crate::client::kit::tls_error::{self, WaysOut};
use crate::client::value::Text;
use crate::client::{kit::connect_error, paths};
use crate::event::Failure;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use bytes::Bytes;
use futures_util::StreamExt as _;
use percent_encoding::percent_decode_str;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Messages that a subscription's socket side may be ahead of its inbox.
const CAPACITY: usize = 10_000;
/// Refusals of the server that are remembered.
const MAX_REFUSALS: usize = 100;
/// How often, and after which pauses, a refusal is looked for.
const REFUSAL_ROUNDS: u32 = 2;
const REFUSAL_PAUSE: Duration = Duration::from_millis(1);
/// How long a connection may take to close.
const CLOSING: Duration = Duration::from_secs(2);
/// Bytes that a credentials file may have.
const MAX_CREDS: u64 = 64 << 10;

const WAYS_OUT: WaysOut = WaysOut {
    ca: "`tls: {ca: FILE.pem}` of the client",
    any: None,
    identity: "`tls: {cert: FILE.pem, key: FILE.pem}` of the client",
    plain: "write nats:// and no `tls`",
};

/// Where to connect, checked and permitted.
pub(super) struct Target {
    servers: Vec<ServerAddr>,
    shown: String,
    options: Box<dyn Fn() -> ConnectOptions + Send + Sync>,
    timeout: Duration,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Target {
    /// Reads the config; no connection is made yet.
    pub(super) async fn new(mut config: Config, context: &Context) -> Result<Self, Failure> {
        let servers = servers(&config)?;
        take_login(&mut config, &servers)?;
        for server in &servers {
            context.permissions.net(server.host())?;
        }
        let mut shown = String::new();
        for server in &servers {
            let separator = if shown.is_empty() { "" } else { ", " };
            let (scheme, host, port) = (server.scheme(), server.host(), server.port());
            // A colon in a host is an IPv6 address.
            let _ = if host.contains(':') {
                write!(shown, "{separator}{scheme}://[{host}]:{port}")
            } else {
                write!(shown, "{separator}{scheme}://{host}:{port}")
            };
        }
        let timeout = config
            .connect_timeout
            .map_or(Duration::from_secs(5), |span| span.0);
        let options = options(config, context, servers.len(), timeout).await?;
        Ok(Self {
            servers,
            shown,
            options,
            timeout,
        })
    }

    /// Connects.
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        let (sender, news) = watch::channel(News::default());
        let sender = Arc::new(sender);
        let shown = self.shown.clone();
        let options = (self.options)().event_callback(move |event| {
            let sender = Arc::clone(&sender);
            let shown = shown.clone();
            async move {
                sender.send_if_modified(|news| news.learn(&event, &shown));
            }
        });
        let connecting = options.connect(&self.servers[..]);
        let client = match tokio::time::timeout(self.timeout, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(self.unreachable(&error)),
            Err(_) => return Err(self.silent()),
        };
        Ok(Connection { client, news })
    }

    /// It was reached, perhaps, but said nothing.
    fn silent(&self) -> Failure {
        let Self { shown, timeout, .. } = self;
        Failure::transport(format!("cannot reach {shown}: no answer within {timeout:?}")).hint(
            "a NATS server speaks first, and without TLS: is it the port of another service? `connect_timeout` sets the limit",
        )
    }

    fn unreachable(&self, error: &async_nats::ConnectError) -> Failure {
        let shown = &self.shown;
        if let Some(tls) = tls_error::find(error) {
            return tls_error::failure(tls, shown, &WAYS_OUT);
        }
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                Failure::transport(format!("{shown} refused the login: {error}"))
                    .hint("set `user` and `password`, `token` or `creds` of the client")
            }
            ConnectErrorKind::Tls => Failure::transport(format!(
                "no TLS with {shown}: {}",
                connect_error::reason(error)
            ))
            .hint(format!("{} trusts its issuer", WAYS_OUT.ca)),
            ConnectErrorKind::TimedOut => self.silent(),
            _ => Failure::transport(format!(
                "cannot reach {shown}: {}",
                connect_error::reason(error)
            )),
        }
    }
}

fn servers(config: &Config) -> Result<Vec<ServerAddr>, Failure> {
    let urls = match (&config.url, &config.servers[..]) {
        (Some(_), [_, ..]) => {
            return Err(Failure::protocol("write `url` or `servers`, not both"));
        }
        (Some(url), []) => std::slice::from_ref(url),
        (None, []) => &["nats://127.0.0.1:4222".to_owned()],
        (None, servers) => servers,
    };
    urls.iter()
        .map(|url| {
            let server = url.parse::<ServerAddr>().ok();
            server
                .filter(|server| matches!(server.scheme(), "nats" | "tls"))
                .ok_or_else(|| {
                    // The text is not shown: it may hold a password.
                    Failure::protocol("the URL of a NATS server is not valid")
                        .hint("write nats://HOST:PORT or tls://HOST:PORT")
                })
        })
        .collect()
}

/// The login that the URLs name, unless one is written: user and password, or a user alone, which is a token.
fn take_login(config: &mut Config, servers: &[ServerAddr]) -> Result<(), Failure> {
    if config.user.is_some() || config.token.is_some() || config.creds.is_some() {
        return Ok(());
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut logins = servers.iter().filter_map(|server| {
        let user = decode(server.username()?);
        Some((user, server.password().map(decode)))
    });
    let Some(login) = logins.next() else {
        return Ok(());
    };
    if logins.any(|other| other != login) {
        return Err(
            Failure::protocol("the URLs of the servers name more than one login")
                .hint("write `user` and `password` of the client instead"),
        );
    }
    match login {
        (user, Some(password)) => {
            config.user = Some(user);
            config.password = Some(Text(password));
        }
        (token, None) => config.token = Some(Text(token)),
    }
    Ok(())
}

type MakeOptions = Box<dyn Fn() -> ConnectOptions + Send + Sync>;

async fn options(
    config: Config,
    context: &Context,
    servers: usize,
    timeout: Duration,
) -> Result<MakeOptions, Failure> {
    let Config {
        user,
        password,
        token,
        creds,
        name,
        tls,
        ..
    } = config;
    if usize::from(user.is_some()) + usize::from(token.is_some()) + usize::from(creds.is_some()) > 1
    {
        return Err(Failure::protocol(
            "write one of `user`, `token` and `creds`",
        ));
    }
    if user.is_some() != password.is_some() {
        return Err(Failure::protocol("`user` and `password` belong together"));
    }
    let creds = match creds {
        Some(path) => {
            let text = String::from_utf8(paths::read(context, &path, MAX_CREDS).await?.bytes)
                .map_err(|_| Failure::protocol(format!("{path} is no credentials file")))?;
            // Read once here, so that a wrong file is told as such.
            ConnectOptions::new().credentials(&text).map_err(|error| {
                Failure::protocol(format!("{path} is no credentials file: {error}"))
            })?;
            Some(text)
        }
        None => None,
    };
    let tls = match tls {
        Some(tls) => Some(certificates(&tls, context).await?),
        None => None,
    };
    let name = name.unwrap_or_else(|| "funcy".to_owned());
    Ok(Box::new(move || {
        let mut options = ConnectOptions::new()
            .name(&name)
            .connection_timeout(timeout)
            // The instruction's own timeout bounds a request.
            .request_timeout(None)
            .subscription_capacity(CAPACITY)
            // Only hosts that were written and permitted are reached.
            .ignore_discovered_servers()
            .retain_servers_order()
            // A connection that is lost has lost messages: it is given up, not mended.
            .max_reconnects(servers);
        if let (Some(user), Some(password)) = (&user, &password) {
            options = options.user_and_password(user.clone(), password.0.clone());
        }
        if let Some(token) = &token {
            options = options.token(token.0.clone());
        }
        if let Some(creds) = &creds {
            options = options
                .credentials(creds)
                .expect("the file was read when the session was opened");
        }
        if let Some(tls) = &tls {
            options = options.require_tls(true);
            if let Some(ca) = &tls.0 {
                options = options.add_root_certificates(ca.clone());
            }
            if let Some((cert, key)) = &tls.1 {
                options = options.add_client_certificate(cert.clone(), key.clone());
            }
        }
        options
    }))
}

type Certificates = (
    Option<std::path::PathBuf>,
    Option<(std::path::PathBuf, std::path::PathBuf)>,
);

async fn certificates(tls: &Tls, context: &Context) -> Result<Certificates, Failure> {
    let ca = match &tls.ca {
        Some(path) => Some(paths::readable(context, path).await?),
        None => None,
    };
    let pair = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => Some((
            paths::readable(context, cert).await?,
            paths::readable(context, key).await?,
        )),
        (None, None) => None,
        _ => return Err(Failure::protocol("`cert` and `key` belong together")),
    };
    Ok((ca, pair))
}

/// What a connection's events told.
#[derive(Debug, Default)]
struct News {
    /// Why it can no longer be used.
    lost: Option<Failure>,
    /// Why its subscriptions can no longer be trusted.
    slow: Option<Failure>,
    /// The last errors of the server, and how many there were in all.
    refusals: VecDeque<String>,
    count: u64,
}

impl News {
    fn learn(&mut self, event: &Event, shown: &str) -> bool {
        match event {
            Event::Disconnected | Event::Closed => {
                self.lost.get_or_insert_with(|| {
                    Failure::transport(format!("the connection to {shown} is lost"))
                });
                true
            }
            Event::SlowConsumer(_) => {
                self.slow.get_or_insert_with(|| {
                    Failure::resource(format!(
                        "messages arrived faster than they could be stored: more than {CAPACITY} waited, and some are lost"
                    ))
                    .hint("narrow the source, so that only messages that matter arrive")
                });
                true
            }
            Event::ServerError(error) => {
                if self.refusals.len() == MAX_REFUSALS {
                    self.refusals.pop_front();
                }
                let text = match error {
                    ServerError::Other(text) => text.clone(),
                    other => other.to_string(),
                };
                self.refusals.push_back(text);
                self.count += 1;
                true
            }
            _ => false,
        }
    }

    /// The first refusal after the `seen` first ones that holds these words.
    fn refusal(&self, seen: u64, words: &str) -> Option<&str> {
        let new = usize::try_from(self.count - seen).unwrap_or(usize::MAX);
        self.refusals
            .iter()
            .skip(self.refusals.len().saturating_sub(new))
            .find(|text| text.contains(words))
            .map(String::as_str)
    }
}

/// An open connection. It is never mended: once lost, it stays lost.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    client: Client,
    news: watch::Receiver<News>,
}

/// Something asked of the server that it may refuse, and how many refusals there were before.
#[derive(Clone, Debug)]
pub(super) struct PendingRefusal {
    seen: u64,
    subject: String,
    /// How its refusal names it.
    words: String,
}

impl PendingRefusal {
    fn refusal(&self, news: &News) -> Option<Failure> {
        let text = news.refusal(self.seen, &self.words)?;
        let subject = &self.subject;
        Some(Failure::protocol(format!(
            "the server refused {subject}: {text}"
        )))
    }
}

impl Connection {
    /// The library's handle.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether it can still be used.
    pub(super) fn is_open(&self) -> bool {
        self.news.has_changed().is_ok() && self.news.borrow().lost.is_none()
    }

    /// Waits until it is lost.
    pub(super) async fn lost(&self) -> Failure {
        self.ended(|news| news.lost.clone()).await
    }

    /// Waits until this subscription can no longer be trusted to be complete.
    pub(super) async fn incomplete(&self, asked: &PendingRefusal) -> Failure {
        self.ended(|news| {
            let failure = news.lost.clone().or_else(|| news.slow.clone());
            failure.or_else(|| asked.refusal(news))
        })
        .await
    }

    async fn ended(&self, why: impl Fn(&News) -> Option<Failure>) -> Failure {
        let mut news = self.news.clone();
        let reason = news
            .wait_for(|news| why(news).is_some())
            .await
            .ok()
            .and_then(|news| why(&news));
        reason.unwrap_or_else(|| Failure::transport("the connection is closed"))
    }

    /// To be called before publishing to the subject.
    pub(super) fn publishing(&self, subject: &str) -> PendingRefusal {
        self.asking(subject, "Publish")
    }

    /// To be called before subscribing to the subject.
    pub(super) fn subscribing(&self, subject: &str) -> PendingRefusal {
        self.asking(subject, "Subscription")
    }

    fn asking(&self, subject: &str, what: &str) -> PendingRefusal {
        PendingRefusal {
            seen: self.news.borrow().count,
            words: format!("{what} to \"{subject}\""),
            subject: subject.to_owned(),
        }
    }

    /// Waits until the server has handled everything that was sent before, then fails if it refused what was
    /// asked. The library's own `flush` only empties the socket, so a message goes round: the server
    /// handles a connection's commands in order.
    pub(super) async fn settle(&self, asked: &PendingRefusal) -> Result<(), Failure> {
        let probe = self.client.new_inbox();
        let lost = |_| Failure::transport("the connection is closed");
        let mut echo = self.client.subscribe(probe.clone()).await.map_err(lost)?;
        self.client
            .publish(probe.clone(), Bytes::new())
            .await
            .map_err(|_| Failure::transport("the connection is closed"))?;
        // If the server lets nobody publish to an inbox, its refusal is the answer.
        let mut news = self.news.clone();
        let refused = news.wait_for(|news| news.refusal(asked.seen, &probe).is_some());
        tokio::select! {
            biased;
            failure = self.lost() => return Err(failure),
            _ = echo.next() => {}
            _ = refused => {}
        }
        self.refused(asked).await
    }

    /// Fails if the server refused what was asked. Its refusal arrives before the echo, but goes another way
    /// through the library, so it is given a moment, where there can be one: only a server that knows
    /// users restricts them.
    async fn refused(&self, asked: &PendingRefusal) -> Result<(), Failure> {
        let rounds = if self.client.server_info().auth_required {
            REFUSAL_ROUNDS
        } else {
            0
        };
        for round in 0..=rounds {
            if let Some(failure) = asked.refusal(&self.news.borrow()) {
                return Err(failure);
            }
            if round < rounds {
                tokio::time::sleep(REFUSAL_PAUSE).await;
            }
        }
        Ok(())
    }

    /// Sends what is left and closes; waits until the socket is closed.
    pub(super) async fn close(self) {
        let Self { client, mut news } = self;
        let closing = async {
            if client.flush().await.is_ok() && client.drain().await.is_ok() {
                drop(client);
                // The sender is gone when the library's task has ended.
                while news.changed().await.is_ok() {}
            }
        };
        // What does not close in time is dropped, which ends it too.
        let _ = tokio::time::timeout(CLOSING, closing).await;
    }
}
