use super::scope::Scope;
use crate::definition::Doubt;
use crate::event::{Failure, Feed, Json, Permissions, Trace, ValueTypes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::borrow::Cow;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

/// What an author writes to add a protocol. All types are plain: the checks, the JSON Schema and the docs
/// come from them.
pub trait Protocol: Send + Sync + 'static {
    /// The key in `clients: {NAME: {KIND: …}}`, and the name of the ready client. Any but `record`.
    const NAME: &'static str;
    /// One line.
    const SUMMARY: &'static str;
    /// A few lines of YAML: an instruction as it stands in a task.
    const EXAMPLE: &'static str;
    /// The members of requests, sources, replies and messages that hold payload, not what is said of it. A
    /// task may forbid to record them (`record: headers`); what stands here is then left out. `kv.json` is the
    /// member `json` of `kv`, or of each of its items if it is a list.
    ///
    /// The default has the names that the clients of funcy give to payload. A client with other ones lists
    /// all of its own.
    const BODIES: &'static [&'static str] = &["body", "text", "json", "base64", "file", "data"];

    /// What `clients: {NAME: {KIND: config}}` holds. Every field is optional, so that the ready client
    /// works without one.
    type Config: DeserializeOwned + JsonSchema + Send;
    /// A request, as a map.
    type Request: DeserializeOwned + JsonSchema + Send;
    /// A source for `subscribe` and `listen`, as a map; [`Nothing`] if there is none.
    type Source: DeserializeOwned + JsonSchema + Send;
    /// What `res` holds after a request.
    type Reply: Serialize + JsonSchema + Send;
    /// What is open: connections, sessions. One for each execution and client name.
    type Session: Send + Sync + 'static;

    /// Turns a request's short string into its map form; templates (`${…}`) stay as they are. The map is not
    /// checked against the schema of [`Self::Request`]: it must fit.
    ///
    /// # Errors
    /// What is wrong, and what a right one looks like.
    fn short_request(text: &str) -> Result<Json, String>;

    /// Turns a source's short string into its map form.
    ///
    /// # Errors
    /// What is wrong, and what a right one looks like.
    fn short_source(text: &str) -> Result<Json, String> {
        Err(format!("`{}` has no source {text:?}", Self::NAME))
    }

    /// A request in short, templates unfilled: `POST /orders`.
    fn label(request: &Json) -> String;

    /// The JSON Schema of a message, as `res` shows it: `schema::<MyMessage>()`. With it, `check` finds members that
    /// no message has. `None`: nothing is known of them. Where sources end by themselves it is
    /// `ending_schema::<MyMessage>()`.
    fn message_schema() -> Option<Json> {
        None
    }

    /// Whether sending the request twice does no more than sending it once (GET, SELECT).
    fn is_safe(_request: &Json) -> bool {
        false
    }

    /// What in a request, templates unfilled, can be done and is probably not meant: `check` warns of it.
    fn doubt(_request: &Json) -> Option<Doubt> {
        None
    }

    /// Opens a session. May do IO; a client that connects on first use does none here.
    fn open(
        &self,
        config: Self::Config,
        context: &Context,
    ) -> impl Future<Output = Result<Self::Session, Failure>> + Send;

    /// Sends a request and waits for its answer. Dropping the future cancels it.
    fn call(
        &self,
        session: &Self::Session,
        request: Self::Request,
        scope: &Scope,
    ) -> impl Future<Output = Result<Answer<Self::Reply>, Failure>> + Send;

    /// Opens a subscription; returns when its server has confirmed it. Its pump runs in the scope and
    /// feeds the inbox until the scope is closed. What happens to the connection is told as well: [`Feed::lost`] and
    /// [`Feed::reopened`] where it is opened again, [`Feed::end`] where the source has ended by itself,
    /// [`Feed::close`] where it broke. A watch takes no silence for an absence that it could not have seen.
    fn subscribe(
        &self,
        _session: &Self::Session,
        _source: Self::Source,
        _feed: Feed,
        _scope: &Scope,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async {
            Err(Failure::protocol(format!(
                "`{}` has no subscriptions",
                Self::NAME
            )))
        }
    }

    /// A reply as plain data. Serializing copies it; a client whose replies hold large plain data moves
    /// it instead.
    ///
    /// # Errors
    /// When the reply cannot be written as JSON.
    fn value(reply: Self::Reply) -> serde_json::Result<Json> {
        serde_json::to_value(reply)
    }

    /// Ends a session at the end of its execution.
    fn close(&self, _session: Self::Session) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// An answer, and what reports show of it.
#[derive(Debug)]
pub struct Answer<R> {
    /// What `res` holds.
    pub reply: R,
    /// One line that tells what was done and what came back: `GET http://… → 200 in 4ms`.
    pub summary: String,
    /// A command that repeats the request (a `curl`).
    pub again: Option<String>,
    /// Payload bytes sent.
    pub sent: u64,
    /// Payload bytes received.
    pub received: u64,
}

impl<R> Answer<R> {
    /// An answer with its line for reports.
    pub fn new(reply: R, summary: impl Into<String>) -> Self {
        Self {
            reply,
            summary: summary.into(),
            again: None,
            sent: 0,
            received: 0,
        }
    }
}

/// What a session may use of its surroundings.
#[derive(Clone, Debug)]
pub struct Context {
    /// What the task may do.
    pub permissions: Arc<Permissions>,
    /// The folder of the task's file; relative paths start here. A request of a called task starts at the folder of its
    /// own file: see [`Self::in_scope`].
    pub folder: PathBuf,
    /// The trace that its requests and messages are part of: `context.trace.parent()` is the value of the header
    /// `traceparent`, unless the task gives one itself.
    pub trace: Arc<Trace>,
}

impl Context {
    /// The same for what is done in this scope: relative paths start at the folder of the file that wrote it.
    #[must_use]
    pub fn in_scope(&self, scope: &Scope) -> Cow<'_, Self> {
        match scope.folder() {
            Some(folder) if folder != self.folder => Cow::Owned(Self {
                folder: folder.to_owned(),
                ..self.clone()
            }),
            _ => Cow::Borrowed(self),
        }
    }
}

/// The source of a client that has no subscriptions.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum Nothing {}

/// A text whose `${…}` are not pasted in, but handed over beside it: a statement with parameters. The
/// texts between the values are as written; there is one more of them than values.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Template {
    /// The literal parts.
    pub texts: Vec<String>,
    /// The values between them.
    pub values: Vec<Json>,
    /// What JSON does not tell of the values: which texts are bytes, times and durations.
    #[serde(default)]
    pub types: ValueTypes,
}

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn inline_schema() -> bool {
        true
    }

    // `x-template: bind` tells the machine to hand over parts and values instead of one text.
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "x-template": "bind" })
    }
}

/// The schema of a text that is a URL: `#[schemars(with = "Option<UrlText>")]` at a member of the type `String`. Each
/// `${…}` in it arrives percent-encoded for the part of the URL in which it stands.
#[derive(Clone, Copy, Debug)]
pub enum UrlText {}

impl JsonSchema for UrlText {
    fn schema_name() -> Cow<'static, str> {
        "UrlText".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "x-template": "url" })
    }
}
