//! Against real servers on a free port.

mod bodies;
mod curl;
mod events;
mod faults;
mod requests;
mod server;
mod tls;
mod wandering;

use crate::client::{Context, Registry, Scope, Session};
use crate::event::{Failure, Json, Permissions, Reply};
use serde_json::json;
use server::Server;
use std::path::Path;
use std::sync::Arc;

/// A session of the `http` client, as the engine holds it.
struct Client {
    session: Arc<dyn Session>,
    scope: Scope,
}

impl Client {
    async fn new(config: Json) -> Self {
        Self::open(config, Permissions::everything(), Path::new("/"))
            .await
            .unwrap()
    }

    async fn open(config: Json, permissions: Permissions, folder: &Path) -> Result<Self, Failure> {
        let context = Context {
            permissions: Arc::new(permissions),
            folder: folder.to_owned(),
            trace: Arc::new(crate::event::Trace::of("", 0)),
        };
        let client = Registry::builtin().get("http").unwrap();
        Ok(Self {
            session: client.open(config, &context).await?,
            scope: Scope::new(),
        })
    }

    async fn call(&self, request: Json) -> Result<Reply, Failure> {
        self.session.call(&request, &self.scope).await
    }

    /// The value of an answer that must come.
    async fn res(&self, request: Json) -> Json {
        Json::clone(&self.call(request).await.unwrap().value)
    }

    async fn failure(&self, request: Json) -> Failure {
        self.call(request).await.unwrap_err()
    }
}

/// One request with a client of its own.
async fn res(request: Json) -> Json {
    Client::new(json!({})).await.res(request).await
}

async fn failure(request: Json) -> Failure {
    Client::new(json!({})).await.failure(request).await
}
