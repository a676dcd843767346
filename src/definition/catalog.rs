use crate::event::Json;

/// The client kinds as data: what `check`, the JSON Schema and the docs need to know of them, without
/// the clients themselves.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The kinds, in the order in which they were registered.
    pub kinds: Vec<ClientKind>,
}

/// One client kind.
#[derive(Clone, Debug)]
pub struct ClientKind {
    /// Its name: the key in `clients: {NAME: {KIND: …}}`.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// JSON Schema of its config.
    pub config: Json,
    /// JSON Schema of a request, as a map.
    pub request: Json,
    /// JSON Schema of a source, as a map; `None` if it has no subscriptions.
    pub source: Option<Json>,
    /// JSON Schema of `res`.
    pub reply: Json,
    /// JSON Schema of a message, as `res` shows it; `None` where nothing is known of it.
    pub message: Option<Json>,
    /// Turns a request's short string into the map form (`GET /x` into `{get: /x}`); templates in it stay
    /// as they are. The error says what is wrong and what a right one looks like.
    pub short_request: fn(&str) -> Result<Json, String>,
    /// The same for a source.
    pub short_source: fn(&str) -> Result<Json, String>,
    /// The label of a request, in its map form with templates unfilled: `POST /orders`.
    pub label: fn(&Json) -> String,
    /// An example of a request and what it shows, for the docs.
    pub example: &'static str,
    /// The members of requests, sources, replies and messages that hold payload: `json`, or `kv.json` for a
    /// member of a member. What lies in a list counts as lying in the list's place.
    pub bodies: &'static [&'static str],
    /// Whether a request can be sent twice without doing twice what it does (GET, SELECT).
    pub is_safe: fn(&Json) -> bool,
    /// What in a request, in its map form with templates unfilled, is probably not meant.
    pub doubt: fn(&Json) -> Option<Doubt>,
}

/// Something that can be done and is probably not meant: what happens, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What happens, one sentence without a full stop.
    pub message: String,
    /// What to write.
    pub hint: String,
}

impl Catalog {
    /// The kind with this name.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&ClientKind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }
}
