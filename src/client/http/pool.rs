//! The connections, shared by all sessions: one `reqwest` client for each way to connect.

use crate::client::kit::tls::{self, Trust};
use crate::event::Failure;
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Ways to connect that are kept; the oldest is dropped for one more.
const MAX_CLIENTS: usize = 32;
/// How long an idle connection is kept. Many servers close theirs after 5 s; a request that crosses the
/// closing would fail, so ours are gone before.
const IDLE: Duration = Duration::from_secs(4);

/// What tells one way to connect from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnectOptions {
    /// For `https`.
    pub(super) trust: Option<Arc<Trust>>,
    pub(super) http2: Option<bool>,
    pub(super) compression: bool,
    pub(super) connect_timeout: Duration,
    /// Never through a proxy of the environment.
    pub(super) direct: bool,
}

#[derive(Debug, Default)]
pub(super) struct Pool {
    clients: Mutex<Vec<(ConnectOptions, reqwest::Client)>>,
}

impl Pool {
    /// The client for this way to connect. Built on first use: a program that only speaks plain HTTP never
    /// loads the system's certificates.
    pub(super) async fn client(&self, way: &ConnectOptions) -> Result<reqwest::Client, Failure> {
        let mut clients = self.clients.lock().await;
        if let Some((_, client)) = clients.iter().find(|(known, _)| known == way) {
            return Ok(client.clone());
        }
        // The lock is held meanwhile, so that sessions that start together build one client, not many.
        let client = if way.trust.is_some() {
            let way = way.clone();
            // Reads hundreds of files where the system's certificates are needed.
            tokio::task::spawn_blocking(move || build(&way))
                .await
                .map_err(|error| Failure::transport(format!("cannot set up TLS: {error}")))??
        } else {
            build(way)?
        };
        if clients.len() >= MAX_CLIENTS {
            clients.remove(0);
        }
        clients.push((way.clone(), client.clone()));
        Ok(client)
    }

    #[cfg(test)]
    pub(super) async fn len(&self) -> usize {
        self.clients.lock().await.len()
    }
}

fn build(way: &ConnectOptions) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder()
        // Redirects and cookies are ours: each hop is checked against the permissions.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("funcy/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(way.connect_timeout)
        .pool_idle_timeout(IDLE)
        .gzip(way.compression)
        .brotli(way.compression)
        .deflate(way.compression)
        .zstd(way.compression)
        .tls_backend_preconfigured(tls(way)?);
    if way.direct {
        builder = builder.no_proxy();
    }
    builder = match (way.http2, &way.trust) {
        (Some(true), _) => builder.http2_prior_knowledge(),
        (None, Some(_)) => builder,
        _ => builder.http1_only(),
    };
    builder
        .build()
        .map_err(|error| Failure::transport(format!("cannot set up HTTP: {error}")))
}

fn tls(way: &ConnectOptions) -> Result<ClientConfig, Failure> {
    let mut config = match &way.trust {
        Some(trust) => tls::config(trust)?,
        None => tls::without_trust()?,
    };
    if way.trust.is_some() {
        config.alpn_protocols = match way.http2 {
            Some(true) => vec![b"h2".to_vec()],
            Some(false) => vec![b"http/1.1".to_vec()],
            None => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
    }
    Ok(config)
}
