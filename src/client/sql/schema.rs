use crate::client::contract::{Template, UrlText};
use crate::client::value::Span;
use crate::event::{Failure, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

/// Which database, and how to use it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, `sqlite:FILE` (relative to the task's folder;
    /// `?mode=ro`, `rw` or `rwc`, which creates it) or `sqlite::memory:`.
    #[schemars(with = "Option<UrlText>")]
    pub(super) url: Option<String>,
    /// Connections at once. Default: 4; a database in memory has one.
    pub(super) max_connections: Option<u8>,
    /// How long one statement may take.
    pub(super) statement_timeout: Option<Span>,
    /// How long a connection may take to open. Default: `5s`.
    pub(super) connect_timeout: Option<Span>,
}

/// One of `query`, `exec`, `transaction` and `fixture`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["query"] },
    { "required": ["exec"] },
    { "required": ["transaction"] },
    { "required": ["fixture"] },
]))]
pub struct Request {
    /// A statement whose rows are `res.rows`. Each `${…}` is bound as a parameter.
    #[serde(default)]
    #[schemars(with = "Template")]
    query: Option<Template>,
    /// A statement of which `res.affected` counts the rows. Each `${…}` is bound as a parameter.
    #[serde(default)]
    #[schemars(with = "Template")]
    exec: Option<Template>,
    /// Statements that run all or nothing; `res.results` has an entry for each.
    #[serde(default)]
    #[schemars(with = "Vec<Template>")]
    transaction: Option<Vec<Template>>,
    /// A file of statements, relative to the task's folder; they run all or nothing.
    fixture: Option<String>,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Verb {
    Query(Template),
    Exec(Template),
    Transaction(Vec<Template>),
    Fixture(String),
}

impl Request {
    /// Which of the verbs is written.
    pub(super) fn verb(self) -> Result<Verb, Failure> {
        match self {
            Self {
                query: Some(statement),
                exec: None,
                transaction: None,
                fixture: None,
            } => Ok(Verb::Query(statement)),
            Self {
                query: None,
                exec: Some(statement),
                transaction: None,
                fixture: None,
            } => Ok(Verb::Exec(statement)),
            Self {
                query: None,
                exec: None,
                transaction: Some(statements),
                fixture: None,
            } => Ok(Verb::Transaction(statements)),
            Self {
                query: None,
                exec: None,
                transaction: None,
                fixture: Some(path),
            } => Ok(Verb::Fixture(path)),
            _ => Err(Failure::protocol(
                "a request holds exactly one of `query`, `exec`, `transaction` and `fixture`",
            )),
        }
    }
}

/// A PostgreSQL channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The channel of `NOTIFY`.
    pub(super) listen: String,
}

/// What `res` holds.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(default)]
pub struct Reply {
    /// The rows, each a map of its columns in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rows: Option<Vec<Map<String, Json>>>,
    /// How many rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u64>,
    /// How many rows `exec` or a fixture inserted, changed and deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) affected: Option<u64>,
    /// The results of a transaction's statements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) results: Option<Vec<StatementResult>>,
    /// How many statements a fixture had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) statements: Option<u64>,
}

/// The result of one statement.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Outcome")]
pub struct StatementResult {
    /// The rows, if it yields any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rows: Option<Vec<Map<String, Json>>>,
    /// How many rows it inserted, changed, deleted or yielded.
    pub(super) affected: u64,
}
