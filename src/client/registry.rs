use super::contract::{Answer, Context, Protocol};
use super::kit::reclaim::reclaim;
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
        let source = input_schema::<P::Source>();
        ClientKind {
            name: P::NAME,
            summary: P::SUMMARY,
            config: input_schema::<P::Config>(),
            request: input_schema::<P::Request>(),
            // `Nothing` has no value, so its schema allows none.
            source: (std::any::TypeId::of::<P::Source>()
                != std::any::TypeId::of::<super::Nothing>())
            .then_some(source),
            reply: with_bytes(schema::<P::Reply>()),
            message: P::message_schema().map(with_bytes),
            short_request: P::short_request,
            short_source: P::short_source,
            label: P::label,
            example: P::EXAMPLE,
            bodies: P::BODIES,
            is_safe: P::is_safe,
            doubt: P::doubt,
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
            let value = Arc::new(value);
            reclaim(&value, received);
            Ok(Reply {
                value,
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

/// The JSON Schema of a type, as the checks and the docs use it.
#[must_use]
pub fn schema<T: JsonSchema>() -> Json {
    schemars::SchemaGenerator::default()
        .into_root_schema_for::<T>()
        .to_value()
}

/// The schema of a message of a source that ends by itself: beside what `T` has, expressions see `res.ended`, which
/// the machine tells.
#[must_use]
pub fn ending_schema<T: JsonSchema>() -> Json {
    let mut schema = schema::<T>();
    if let Some(Json::Object(members)) = schema.get_mut("properties") {
        let ended = serde_json::json!({
            "description": "True once the source has ended: the end is no message, and only a condition that asks for it sees it.",
            "type": "boolean",
        });
        members.insert("ended".into(), ended);
    }
    schema
}

/// The schema of a result. One with a `text` has `bytes` as well, which expressions make of it and of `base64`.
fn with_bytes(mut schema: Json) -> Json {
    if let Some(Json::Object(members)) = schema.get_mut("properties")
        && members.contains_key("text")
    {
        let bytes = serde_json::json!({
            "description": "What was received, byte by byte, for checksums and equality.",
            "type": "string",
            "contentEncoding": "base64",
        });
        members.insert("bytes".into(), bytes);
    }
    schema
}

/// The schema of something that is written: a member may be left out, but is never null.
fn input_schema<T: JsonSchema>() -> Json {
    let mut schema = schema::<T>();
    forbid_null(&mut schema);
    schema
}

/// An `Option` is a member that may be left out; its schema also allows null, which in a task is a value
/// that is missing by mistake.
fn forbid_null(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(forbid_null),
        Json::Object(members) => {
            if members.get("default").is_some_and(Json::is_null) {
                members.shift_remove("default");
            }
            if let Some(Json::Array(types)) = members.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".into(), only);
                }
            }
            if let Some(Json::Array(choices)) = members.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
                if let [Json::Object(only)] = choices.as_mut_slice() {
                    let only = std::mem::take(only);
                    members.shift_remove("anyOf");
                    for (key, value) in only {
                        members.entry(key).or_insert(value);
                    }
                }
            }
            members.values_mut().for_each(forbid_null);
        }
        _ => {}
    }
}

/// The first member that is null although its schema wants a value. Without this look a template that
/// yields null would count as a member that was left out.
fn null_member<T: JsonSchema>(value: &Json) -> Option<&str> {
    let members = value.as_object()?;
    if !members.values().any(Json::is_null) {
        return None;
    }
    let schema = input_schema::<T>();
    members.iter().find_map(|(name, member)| {
        let wanted = schema.get("properties")?.get(name)?;
        let wants_value = ["type", "$ref", "anyOf"]
            .iter()
            .any(|key| wanted.get(key).is_some());
        (member.is_null() && wants_value).then_some(name.as_str())
    })
}

fn decode<T: serde::de::DeserializeOwned + JsonSchema>(
    kind: &str,
    what: &str,
    value: &Json,
) -> Result<T, Failure> {
    if let Some(name) = null_member::<T>(value) {
        return Err(Failure::protocol(format!(
            "`{name}` of the {what} of `{kind}` is null, where a value is due"
        ))
        .hint("leave it out, or give it a value with `??`"));
    }
    T::deserialize(value).map_err(|error| {
        Failure::protocol(format!("this is no {what} of `{kind}`: {error}"))
            .hint(format!("`funcy clients {kind}` shows what it takes"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Scope;
    use crate::event::Permissions;
    use serde_json::json;

    /// Every object schema's members, with its path.
    fn members(schema: &Json, path: &str, found: &mut Vec<(String, Json)>) {
        match schema {
            Json::Object(map) => {
                if let Some(Json::Object(properties)) = map.get("properties") {
                    for (name, property) in properties {
                        found.push((format!("{path}.{name}"), property.clone()));
                    }
                }
                for (key, value) in map {
                    members(value, &format!("{path}.{key}"), found);
                }
            }
            Json::Array(items) => items.iter().for_each(|item| members(item, path, found)),
            _ => {}
        }
    }

    #[test]
    fn every_member_is_described_and_never_null() {
        for kind in Registry::builtin().catalog().kinds {
            let mut found = Vec::new();
            for schema in [
                Some(&kind.config),
                Some(&kind.request),
                kind.source.as_ref(),
            ] {
                members(schema.unwrap_or(&Json::Null), kind.name, &mut found);
            }
            for (path, property) in &found {
                assert!(
                    property.get("description").is_some(),
                    "{path} is not described"
                );
                let text = property.to_string();
                assert!(!text.contains("\"null\""), "{path} may be null: {text}");
                assert_ne!(property.get("default"), Some(&Json::Null), "{path}");
            }
            let mut reply = Vec::new();
            members(&kind.reply, kind.name, &mut reply);
            for (path, property) in reply {
                assert!(
                    property.get("description").is_some(),
                    "{path} is not described"
                );
            }
            let has = |name: &str| kind.reply["properties"].get(name).is_some();
            assert_eq!(has("bytes"), has("text"), "{}", kind.name);
            // An example is an instruction of this kind, in YAML.
            let example: Json = serde_yaml::from_str(kind.example).unwrap();
            assert!(example.get(kind.name).is_some(), "{}", kind.example);
        }
    }

    /// Whoever adds a member says here that it is no payload, or adds it to `BODIES`.
    #[test]
    fn headers_are_these_members() {
        let names = |schema: &Json| -> Vec<String> {
            let members = schema.get("properties").and_then(Json::as_object);
            members
                .into_iter()
                .flat_map(|members| members.keys().cloned())
                .collect()
        };
        for kind in Registry::builtin().catalog().kinds {
            let mut kept = names(&kind.request);
            kept.extend(names(&kind.reply));
            kept.extend(kind.source.as_ref().map(names).unwrap_or_default());
            // `bytes` are made of what is a body.
            kept.retain(|name| name != "bytes" && !kind.bodies.contains(&name.as_str()));
            kept.sort();
            kept.dedup();
            let expected = match kind.name {
                "http" => {
                    "auth cookies delete follow_redirects get head headers http2 ms options patch post put query \
                     reconnect size sse status tls url"
                }
                "nats" => {
                    "duplicate found from headers jetstream key kv publish queue request revision sequence size \
                     stream subject timeout"
                }
                "sql" => "affected count exec fixture listen query results statements transaction",
                "exec" => "code command cwd env signal",
                "file" => "append exists path read size write",
                other => panic!("`{other}` is new here"),
            };
            assert_eq!(kept.join(" "), expected, "{}", kind.name);
        }
    }

    /// What a member is for, its name and its description tell; how a template in it is used, its schema must.
    #[test]
    fn urls_and_the_keys_of_payloads_are_marked() {
        let payloads = [
            "json",
            "form",
            "multipart",
            "query",
            "headers",
            "variables",
            "metadata",
            "fields",
        ];
        let (mut urls, mut keys) = (0, 0);
        for kind in Registry::builtin().catalog().kinds {
            let mut found = Vec::new();
            for schema in [
                Some(&kind.config),
                Some(&kind.request),
                kind.source.as_ref(),
            ] {
                members(schema.unwrap_or(&Json::Null), kind.name, &mut found);
            }
            for (path, property) in &found {
                let name = path.rsplit('.').next().unwrap_or_default();
                let is_template = property.get("x-template").is_some();
                if payloads.contains(&name) && !is_template && property["type"] != "string" {
                    assert_eq!(property["x-keys"], json!("template"), "{path}");
                    keys += 1;
                    continue;
                }
                let text = property["description"].as_str().unwrap_or_default();
                if text.contains("URL") || text.contains("://") || name == "servers" {
                    let of = property.get("items").unwrap_or(property);
                    assert_eq!(of["x-template"], json!("url"), "{path}");
                    urls += 1;
                }
            }
        }
        assert!(urls >= 9 && keys >= 9, "{urls} URLs, {keys} payloads");
    }

    #[tokio::test]
    async fn a_null_is_no_value() {
        let context = Context {
            permissions: Arc::new(Permissions::everything()),
            folder: "/".into(),
            trace: Arc::new(crate::event::Trace::of("", 0)),
        };
        let client = Registry::builtin().get("http").unwrap();
        let session = Arc::clone(&client)
            .open(Json::Null, &context)
            .await
            .unwrap();
        let call = async |request: Json| session.call(&request, &Scope::new()).await.unwrap_err();
        let failure = call(json!({ "post": "http://127.0.0.1:9/", "text": null })).await;
        assert_eq!(
            failure.message,
            "`text` of the request of `http` is null, where a value is due"
        );
        let failure = call(json!({ "post": "/", "auth": null })).await;
        assert!(failure.message.starts_with("`auth`"), "{failure:?}");
        // A null is a value for JSON; this request fails for another reason.
        let failure = call(json!({ "post": "/", "json": null })).await;
        assert!(failure.message.contains("no base_url"), "{failure:?}");
        let failure = client
            .open(json!({ "base_url": null }), &context)
            .await
            .err()
            .unwrap();
        assert!(
            failure.message.contains("`base_url` of the config"),
            "{failure:?}"
        );
    }
    #[test]
    fn the_schemas_tell_what_excludes_what() {
        let valid = |kind: &str, request: Json| {
            let schema = Registry::builtin().get(kind).unwrap().kind().request;
            jsonschema::is_valid(&schema, &request)
        };
        assert!(valid("http", json!({ "post": "/", "json": null })));
        assert!(valid(
            "http",
            json!({ "get": "/", "auth": { "bearer": "x" } })
        ));
        assert!(!valid("http", json!({})));
        assert!(!valid("http", json!({ "get": "/", "post": "/" })));
        assert!(!valid(
            "http",
            json!({ "post": "/", "json": 1, "text": "a" })
        ));
        assert!(!valid("http", json!({ "post": "/", "text": null })));
        assert!(!valid("http", json!({ "get": "/", "auth": {} })));
        assert!(valid("file", json!({ "read": "a" })));
        assert!(!valid("file", json!({ "read": "a", "write": "b" })));
        assert!(valid("exec", json!({ "command": ["a", 1], "stdin": null })));
        assert!(!valid("exec", json!({ "env": {} })));
    }
}
