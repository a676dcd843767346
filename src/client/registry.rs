use super::contract::{Answer, Context, Protocol};
use super::scope::Scope;
use crate::definition::{Catalog, ClientKind};
use crate::event::{Failure, Feed, Json, Reply};
use schemars::JsonSchema;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A [`Protocol`] with its types erased: what the engine holds.
pub trait Client: Send + Sync {
    /// What the checks and the docs know of it.
    fn kind(&self) -> ClientKind;

    /// Opens a session with this config.
    fn open(
        self: Arc<Self>,
        config: Json,
        context: &Context,
    ) -> Pending<'_, Result<Arc<dyn Session>, Failure>>;
}

/// An open session with its types erased.
pub trait Session: Send + Sync {
    /// Sends a request in its map form.
    fn call<'a>(
        &'a self,
        request: &'a Json,
        scope: &'a Scope,
    ) -> Pending<'a, Result<Reply, Failure>>;

    /// Opens a subscription to a source in its map form.
    fn subscribe<'a>(
        &'a self,
        source: &'a Json,
        feed: Feed,
        scope: &'a Scope,
    ) -> Pending<'a, Result<(), Failure>>;

    /// Ends the session, if this is its last owner.
    fn close(self: Arc<Self>) -> Pending<'static, ()>;
}

/// The client kinds that a program knows.
#[derive(Clone, Default)]
pub struct Registry {
    clients: Vec<(&'static str, Arc<dyn Client>)>,
}

impl Registry {
    /// None.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every client that funcy brings. Adding one is one line here.
    #[must_use]
    pub fn builtin() -> Self {
        let registry = Self::empty()
            .with(super::http::Http::default())
            .with(super::exec::Exec)
            .with(super::file::File);
        #[cfg(feature = "nats")]
        let registry = registry.with(super::nats::Nats);
        #[cfg(feature = "sql")]
        let registry = registry.with(super::sql::Sql);
        registry
    }

    /// Adds a protocol; one of the same name is replaced.
    #[must_use]
    pub fn with<P: Protocol>(mut self, protocol: P) -> Self {
        self.clients.retain(|(name, _)| *name != P::NAME);
        self.clients.push((P::NAME, Arc::new(Erased(protocol))));
        self
    }

    /// The client of this kind.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<Arc<dyn Client>> {
        self.clients
            .iter()
            .find(|(name, _)| *name == kind)
            .map(|(_, client)| Arc::clone(client))
    }

    /// The kinds as data.
    #[must_use]
    pub fn catalog(&self) -> Catalog {
        Catalog {
            kinds: self
                .clients
                .iter()
                .map(|(_, client)| client.kind())
                .collect(),
        }
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.clients.iter().map(|(name, _)| name))
            .finish()
    }
}

struct Erased<P>(P);

struct ErasedSession<P: Protocol> {
    client: Arc<Erased<P>>,
    session: P::Session,
}

impl<P: Protocol> Client for Erased<P> {
    fn kind(&self) -> ClientKind {
        let source = schema::<P::Source>();
        ClientKind {
            name: P::NAME,
            summary: P::SUMMARY,
            config: schema::<P::Config>(),
            request: schema::<P::Request>(),
            // `Nothing` has no value, so its schema allows none.
            source: (std::any::TypeId::of::<P::Source>()
                != std::any::TypeId::of::<super::Nothing>())
            .then_some(source),
            reply: schema::<P::Reply>(),
            short_request: P::short_request,
            short_source: P::short_source,
            label: P::label,
            example: P::EXAMPLE,
            is_safe: P::is_safe,
        }
    }

    fn open(
        self: Arc<Self>,
        config: Json,
        context: &Context,
    ) -> Pending<'_, Result<Arc<dyn Session>, Failure>> {
        Box::pin(async move {
            let config = if config.is_null() {
                Json::Object(serde_json::Map::new())
            } else {
                config
            };
            let config = decode::<P::Config>(P::NAME, "config", &config)?;
            let session = self.0.open(config, context).await?;
            Ok(Arc::new(ErasedSession {
                client: self,
                session,
            }) as Arc<dyn Session>)
        })
    }
}

impl<P: Protocol> Session for ErasedSession<P> {
    fn call<'a>(
        &'a self,
        request: &'a Json,
        scope: &'a Scope,
    ) -> Pending<'a, Result<Reply, Failure>> {
        Box::pin(async move {
            let request = decode::<P::Request>(P::NAME, "request", request)?;
            let Answer {
                reply,
                summary,
                again,
                sent,
                received,
            } = self.client.0.call(&self.session, request, scope).await?;
            let value = P::value(reply)
                .map_err(|error| Failure::protocol(format!("the reply is no JSON: {error}")))?;
            Ok(Reply {
                value: Arc::new(value),
                summary: summary.into(),
                again: again.map(Into::into),
                sent,
                received,
            })
        })
    }

    fn subscribe<'a>(
        &'a self,
        source: &'a Json,
        feed: Feed,
        scope: &'a Scope,
    ) -> Pending<'a, Result<(), Failure>> {
        Box::pin(async move {
            let source = decode::<P::Source>(P::NAME, "source", source)?;
            self.client
                .0
                .subscribe(&self.session, source, feed, scope)
                .await
        })
    }

    fn close(self: Arc<Self>) -> Pending<'static, ()> {
        Box::pin(async move {
            if let Ok(ErasedSession { client, session }) = Arc::try_unwrap(self) {
                client.0.close(session).await;
            }
        })
    }
}

fn schema<T: JsonSchema>() -> Json {
    schemars::SchemaGenerator::default()
        .into_root_schema_for::<T>()
        .to_value()
}

fn decode<T: serde::de::DeserializeOwned>(
    kind: &str,
    what: &str,
    value: &Json,
) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| {
        Failure::protocol(format!("this is no {what} of `{kind}`: {error}"))
            .hint(format!("`funcy clients {kind}` shows what it takes"))
    })
}
