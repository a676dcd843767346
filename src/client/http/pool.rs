//! The connections, shared by all sessions: one `reqwest` client for each way to connect.

use super::failure;
use crate::client::kit::tls::{self, Trust};
use crate::event::Failure;
use hyper_util::client::legacy::connect::HttpInfo;
use rustls::ClientConfig;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;

/// Ways to connect that are kept; the oldest is dropped for one more.
const MAX_CLIENTS: usize = 32;
/// How long an idle connection is kept. Many servers close theirs after 5 s; a request that crosses the
/// closing would fail, so ours are gone before.
const IDLE: Duration = Duration::from_secs(4);
/// Connections of which is known that they have answered; more are rarely open.
const MAX_ANSWERED: usize = 256;

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
    clients: Mutex<Vec<Kept>>,
    answered: std::sync::Mutex<VecDeque<SocketAddr>>,
}

/// A client for one way to connect, with the connections that it keeps.
#[derive(Debug)]
struct Kept {
    way: ConnectOptions,
    tls: ClientConfig,
    client: reqwest::Client,
}

impl Pool {
    /// The client for this way to connect. Built on first use: a program that only speaks plain HTTP never
    /// loads the system's certificates.
    pub(super) async fn client(&self, way: &ConnectOptions) -> Result<reqwest::Client, Failure> {
        let mut clients = self.clients.lock().await;
        if let Some(kept) = clients.iter().find(|kept| kept.way == *way) {
            return Ok(kept.client.clone());
        }
        // The lock is held meanwhile, so that sessions that start together build one client, not many.
        let tls = if way.trust.is_some() {
            let way = way.clone();
            // Reads hundreds of files where the system's certificates are needed.
            tokio::task::spawn_blocking(move || tls(&way))
                .await
                .map_err(|error| Failure::transport(format!("cannot set up TLS: {error}")))??
        } else {
            tls(way)?
        };
        let client = build(way, tls.clone())?;
        if clients.len() >= MAX_CLIENTS {
            clients.remove(0);
        }
        clients.push(Kept {
            way: way.clone(),
            tls,
            client: client.clone(),
        });
        Ok(client)
    }

    /// The same, of which no connection is kept from before: what is sent next opens a new one. Requests that are on their
    /// way are not disturbed.
    pub(super) async fn renewed(&self, way: &ConnectOptions) -> Result<reqwest::Client, Failure> {
        {
            let mut clients = self.clients.lock().await;
            if let Some(kept) = clients.iter_mut().find(|kept| kept.way == *way) {
                kept.client = build(way, kept.tls.clone())?;
            }
        }
        self.client(way).await
    }

    /// Notes that a connection has answered: from now on it is a kept one.
    pub(super) fn has_answered(&self, response: &reqwest::Response) {
        let Some(local) = response.extensions().get().map(HttpInfo::local_addr) else {
            return;
        };
        let mut answered = self.answered();
        if answered.back() == Some(&local) {
            return;
        }
        answered.retain(|known| *known != local);
        if answered.len() == MAX_ANSWERED {
            answered.pop_front();
        }
        answered.push_back(local);
    }

    /// Whether this is the end of a connection that was kept, before it answered.
    pub(super) fn was_kept(&self, error: &reqwest::Error) -> bool {
        let Some(local) = failure::broken_connection(error) else {
            return false;
        };
        let mut answered = self.answered();
        let before = answered.len();
        answered.retain(|known| *known != local);
        answered.len() < before
    }

    fn answered(&self) -> MutexGuard<'_, VecDeque<SocketAddr>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) async fn len(&self) -> usize {
        self.clients.lock().await.len()
    }
}

fn build(way: &ConnectOptions, tls: ClientConfig) -> Result<reqwest::Client, Failure> {
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
        .tls_backend_preconfigured(tls);
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
