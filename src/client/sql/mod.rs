//! SQL databases: PostgreSQL and SQLite.

mod postgres;
mod rows;
mod scan;
mod schema;
mod sqlite;
mod statement;

use super::contract::{Answer, Context, Protocol, Template};
use super::paths;
use super::received::with_members;
use super::scope::Scope;
use super::value::one_line;
use crate::definition::Doubt;
use crate::event::{ErrorKind, Failure, Feed, Json};
use rows::StatementError;
use scan::Dialect;
use schema::Verb;
use serde_json::{Map, json};
use statement::Statement;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use schema::{Config, Reply, Request, Source, StatementResult};

/// Bytes that a fixture may have.
const MAX_FIXTURE: u64 = 16 << 20;
/// Characters of a statement that a label shows.
const SHOWN: usize = 60;

/// The client of SQL databases.
///
/// A session has a few connections, opened when they are needed; requests in a row share one. A request
/// that is given up is ended: on PostgreSQL its connection is terminated, so that it holds no locks; in
/// SQLite the statement is interrupted and rolled back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sql;

/// An execution's connections.
#[derive(Debug)]
pub struct SqlSession {
    database: Database,
    context: Context,
    statement_timeout: Option<Duration>,
}

#[derive(Debug)]
enum Database {
    Postgres(postgres::Postgres),
    Sqlite(sqlite::Sqlite),
}

/// A connection on loan, of either kind.
enum Lease<'s> {
    Postgres(postgres::Lease<'s>),
    Sqlite(sqlite::Lease<'s>),
}

impl Protocol for Sql {
    const NAME: &'static str = "sql";
    const SUMMARY: &'static str = "Queries and statements on PostgreSQL and SQLite";
    const EXAMPLE: &'static str = "\
sql:
  query: SELECT status, total FROM orders WHERE id = ${order_id}
expect: res.rows[0].status == 'paid'
";
    // The values of a template are the parameters of its statement; messages have the rest.
    const BODIES: &'static [&'static str] = &[
        "query.values",
        "exec.values",
        "transaction.values",
        "rows",
        "results.rows",
        "body",
        "text",
        "base64",
    ];

    type Config = Config;
    type Request = Request;
    type Source = Source;
    type Reply = Reply;
    type Session = SqlSession;

    fn short_request(text: &str) -> Result<Json, String> {
        let (verb, _) = statement::reads(text);
        if statement::is_query(&verb) {
            return Ok(json!({ "query": text }));
        }
        Err(format!(
            "in short, `sql` takes a query (SELECT …), not {:?}: write {{exec: …}} for what changes rows",
            one_line(text, SHOWN)
        ))
    }

    fn short_source(text: &str) -> Result<Json, String> {
        Err(format!(
            "write {{listen: {}}} to receive the notifications of a PostgreSQL channel",
            one_line(text, SHOWN)
        ))
    }

    fn label(request: &Json) -> String {
        for verb in ["query", "exec"] {
            if let Some(text) = request.get(verb).and_then(Json::as_str) {
                return one_line(text, SHOWN);
            }
        }
        if let Some(statements) = request.get("transaction").and_then(Json::as_array) {
            return format!("transaction of {} statements", statements.len());
        }
        if let Some(path) = request.get("fixture").and_then(Json::as_str) {
            return format!("fixture {path}");
        }
        Self::NAME.to_owned()
    }

    fn message_schema() -> Option<Json> {
        Some(super::schema::<postgres::NotificationMessage>())
    }

    fn is_safe(request: &Json) -> bool {
        let text = request.get("query").map(|query| match query {
            Json::String(text) => text.clone(),
            bound => serde_json::from_value::<Template>(bound.clone())
                .map(|template| template.texts.join(" "))
                .unwrap_or_default(),
        });
        text.is_some_and(|text| statement::reads(&text).1)
    }

    fn doubt(request: &Json) -> Option<Doubt> {
        let statements = request.get("transaction").and_then(Json::as_array);
        let single = ["exec", "query"]
            .into_iter()
            .filter_map(|verb| request.get(verb));
        let mut texts = statements
            .into_iter()
            .flatten()
            .chain(single)
            .filter_map(Json::as_str);
        let channel = texts.find_map(statement::folded_channel)?;
        let folded = channel.to_lowercase();
        Some(Doubt {
            message: format!(
                "PostgreSQL sends this to the channel `{folded}`: it folds a name without quotes to lower case"
            ),
            hint: format!(
                "write NOTIFY \"{channel}\" for those who listen to `{channel}`, else NOTIFY {folded}"
            ),
        })
    }

    async fn open(&self, config: Config, context: &Context) -> Result<SqlSession, Failure> {
        let connections = usize::from(config.max_connections.unwrap_or(4).max(1));
        let timeout = config
            .connect_timeout
            .map_or(Duration::from_secs(5), |span| span.0);
        let url = config.url.ok_or_else(|| {
            Failure::protocol("no database is configured for the client `sql`").hint(
                "write clients: { db: { sql: { url: \"postgres://USER@HOST/DATABASE\" } } }, or url: sqlite:FILE",
            )
        })?;
        let database = match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => Database::Postgres(
                postgres::Postgres::new(&url, connections, timeout, context).await?,
            ),
            Some(("sqlite", path)) => {
                Database::Sqlite(sqlite::Sqlite::new(path, connections, context).await?)
            }
            scheme => {
                let scheme = scheme.map_or("", |(scheme, _)| scheme);
                return Err(Failure::protocol(format!(
                    "databases of the kind {scheme:?} are not supported"
                ))
                .hint("write postgres://USER@HOST/DATABASE, sqlite:FILE or sqlite::memory:"));
            }
        };
        Ok(SqlSession {
            database,
            context: context.clone(),
            statement_timeout: config.statement_timeout.map(|span| span.0),
        })
    }

    async fn call(
        &self,
        session: &SqlSession,
        request: Request,
        scope: &Scope,
    ) -> Result<Answer<Reply>, Failure> {
        // The future of all verbs together is large; it lives on the heap.
        Box::pin(session.answer(request.verb()?, scope)).await
    }

    fn value(mut reply: Reply) -> serde_json::Result<Json> {
        let rows = reply.rows.as_mut().map(rows_value);
        let results = reply.results.as_mut().map(|results| {
            let result = |result: &mut StatementResult| {
                let rows = result.rows.as_mut().map(rows_value);
                with_members(result, [("rows", rows)])
            };
            results.iter_mut().map(result).collect()
        });
        with_members(&reply, [("rows", rows), ("results", results.transpose()?)])
    }

    async fn subscribe(
        &self,
        session: &SqlSession,
        source: Source,
        feed: Feed,
        scope: &Scope,
    ) -> Result<(), Failure> {
        match &session.database {
            Database::Postgres(database) => {
                Box::pin(database.listen(&source.listen, feed, scope)).await
            }
            Database::Sqlite(_) => Err(Failure::protocol(
                "SQLite has no channels to listen to; PostgreSQL has",
            )
            .hint("`poll` a query instead")),
        }
    }

    async fn close(&self, session: SqlSession) {
        match session.database {
            Database::Postgres(database) => database.close().await,
            Database::Sqlite(database) => database.close().await,
        }
    }
}

/// Rows as plain data, moved.
fn rows_value(rows: &mut Vec<Map<String, Json>>) -> Json {
    rows.drain(..).map(Json::Object).collect()
}

impl SqlSession {
    fn dialect(&self) -> Dialect {
        match self.database {
            Database::Postgres(_) => Dialect::Postgres,
            Database::Sqlite(_) => Dialect::Sqlite,
        }
    }

    fn read(&self, template: Template) -> Result<Arc<Statement>, Failure> {
        Statement::read(template, self.dialect()).map(Arc::new)
    }

    async fn answer(&self, verb: Verb, scope: &Scope) -> Result<Answer<Reply>, Failure> {
        let started = Instant::now();
        let mut answer = match verb {
            Verb::Query(template) => self.query(self.read(template)?, scope).await?,
            Verb::Exec(template) => self.exec(self.read(template)?, scope).await?,
            Verb::Transaction(templates) => {
                let statements = templates
                    .into_iter()
                    .enumerate()
                    .map(|(index, template)| {
                        self.read(template).map_err(|mut failure| {
                            failure.message =
                                format!("statement {}: {}", index + 1, failure.message);
                            failure
                        })
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                self.transaction(statements, scope).await?
            }
            Verb::Fixture(path) => self.fixture(&path, scope).await?,
        };
        let took = started.elapsed().as_millis();
        answer.summary = format!("{} in {took}ms", answer.summary);
        Ok(answer)
    }

    async fn query(
        &self,
        statement: Arc<Statement>,
        scope: &Scope,
    ) -> Result<Answer<Reply>, Failure> {
        let mut lease = self.lease(scope).await?;
        let result = self.within(lease.statement(&statement, true)).await;
        let (outcome, bytes) = lease.settle(result)?;
        let rows = outcome.rows.unwrap_or_default();
        let count = rows.len() as u64;
        let summary = format!("{} → {}", short_text(&statement), rows_of(count));
        let mut answer = Answer::new(
            Reply {
                rows: Some(rows),
                count: Some(count),
                ..Reply::default()
            },
            summary,
        );
        answer.received = bytes;
        Ok(answer)
    }

    async fn exec(
        &self,
        statement: Arc<Statement>,
        scope: &Scope,
    ) -> Result<Answer<Reply>, Failure> {
        let mut lease = self.lease(scope).await?;
        let result = self.within(lease.statement(&statement, false)).await;
        let (outcome, bytes) = lease.settle(result)?;
        let summary = format!(
            "{} → {} affected",
            short_text(&statement),
            rows_of(outcome.affected)
        );
        let mut answer = Answer::new(
            Reply {
                count: outcome.rows.as_ref().map(|rows| rows.len() as u64),
                rows: outcome.rows,
                affected: Some(outcome.affected),
                ..Reply::default()
            },
            summary,
        );
        answer.received = bytes;
        Ok(answer)
    }

    async fn transaction(
        &self,
        statements: Vec<Arc<Statement>>,
        scope: &Scope,
    ) -> Result<Answer<Reply>, Failure> {
        if statements.is_empty() {
            return Err(Failure::protocol("the transaction holds no statement"));
        }
        let total = statements.len();
        let mut lease = self.lease(scope).await?;
        let work = async {
            let mut results = Vec::new();
            let mut received = 0;
            lease.begin().await?;
            for (index, statement) in statements.iter().enumerate() {
                let done = self
                    .within(lease.statement(statement, false))
                    .await
                    .map_err(|trouble| trouble.of(index + 1, total));
                let (outcome, bytes) = lease.rolled_back(done).await?;
                received += bytes;
                results.push(outcome);
            }
            let committed = lease.script("COMMIT").await;
            lease.rolled_back(committed).await?;
            Ok((results, received))
        };
        let result = work.await;
        let (results, received) = lease.settle(result)?;
        let mut answer = Answer::new(
            Reply {
                results: Some(results),
                ..Reply::default()
            },
            format!("transaction of {total} statements"),
        );
        answer.received = received;
        Ok(answer)
    }

    async fn fixture(&self, path: &str, scope: &Scope) -> Result<Answer<Reply>, Failure> {
        let bytes = paths::read(&self.context.in_scope(scope), path, MAX_FIXTURE)
            .await?
            .bytes;
        let sent = bytes.len() as u64;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::protocol(format!("the fixture {path:?} is not UTF-8")))?;
        statement::check_bytes(&text)?;
        let mut lease = self.lease(scope).await?;
        let work = async {
            lease.begin().await?;
            let done = self.within(lease.fixture(text)).await;
            let done = lease.rolled_back(done).await?;
            let committed = lease.script("COMMIT").await;
            lease.rolled_back(committed).await?;
            Ok(done)
        };
        let result = work.await;
        let (affected, count) = lease.settle(result).map_err(|mut failure| {
            failure.message = format!("the fixture {path:?} failed: {}", failure.message);
            failure
        })?;
        let mut answer = Answer::new(
            Reply {
                affected: Some(affected),
                statements: Some(count),
                ..Reply::default()
            },
            format!("fixture {path} → {count} statements"),
        );
        answer.sent = sent;
        Ok(answer)
    }

    async fn lease<'s>(&'s self, scope: &'s Scope) -> Result<Lease<'s>, Failure> {
        Ok(match &self.database {
            Database::Postgres(database) => Lease::Postgres(database.lease(scope).await?),
            Database::Sqlite(database) => Lease::Sqlite(database.lease(scope).await?),
        })
    }

    /// Bounds a statement by the client's own timeout.
    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, StatementError>>,
    ) -> Result<T, StatementError> {
        let Some(limit) = self.statement_timeout else {
            return work.await;
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(StatementError::Broken(Failure::new(
                ErrorKind::Timeout,
                format!("the statement took longer than its `statement_timeout` of {limit:?}"),
            )))
        })
    }
}

impl Lease<'_> {
    async fn begin(&mut self) -> Result<(), StatementError> {
        // An SQLite transaction that starts with reading could fail to become one that writes.
        let begin = match self {
            Self::Postgres(_) => "BEGIN",
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
        };
        self.script(begin).await
    }

    async fn statement(
        &mut self,
        statement: &Arc<Statement>,
        always_rows: bool,
    ) -> Result<(StatementResult, u64), StatementError> {
        match self {
            Self::Postgres(lease) => lease.statement(statement, always_rows).await,
            Self::Sqlite(lease) => lease.statement(Arc::clone(statement), always_rows).await,
        }
    }

    async fn script(&mut self, sql: &str) -> Result<(), StatementError> {
        match self {
            Self::Postgres(lease) => lease.script(sql).await.map(drop),
            Self::Sqlite(lease) => lease.script(sql).await,
        }
    }

    /// Runs the statements of a file inside a transaction: how many rows were changed, and how many statements there are.
    async fn fixture(&mut self, text: String) -> Result<(u64, u64), StatementError> {
        match self {
            Self::Postgres(lease) => {
                let (sql, count) = statement::fixture(&text).map_err(StatementError::Usable)?;
                Ok((lease.script(&sql).await?, count))
            }
            Self::Sqlite(lease) => lease.fixture(text).await,
        }
    }

    /// After a failure, rolls the transaction back, so that the connection can be used again.
    async fn rolled_back<T>(
        &mut self,
        result: Result<T, StatementError>,
    ) -> Result<T, StatementError> {
        let Err(StatementError::Usable(failure)) = result else {
            return result;
        };
        // A failed COMMIT may have ended it already; SQLite then says so, PostgreSQL only warns.
        match self.script("ROLLBACK").await {
            Ok(()) => Err(StatementError::Usable(failure)),
            Err(_) => Err(StatementError::Broken(failure)),
        }
    }

    /// Gives the connection back, if it can be used again; else it is ended.
    fn settle<T>(self, result: Result<T, StatementError>) -> Result<T, Failure> {
        if !matches!(result, Err(StatementError::Broken(_))) {
            match self {
                Self::Postgres(lease) => lease.give_back(),
                Self::Sqlite(lease) => lease.give_back(),
            }
        }
        result.map_err(StatementError::failure)
    }
}

fn short_text(statement: &Statement) -> String {
    one_line(&statement.numbered(), SHOWN)
}

fn rows_of(count: u64) -> String {
    if count == 1 {
        "1 row".to_owned()
    } else {
        format!("{count} rows")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_requests_are_queries() {
        assert_eq!(
            Sql::short_request("SELECT 1"),
            Ok(json!({ "query": "SELECT 1" }))
        );
        assert!(Sql::short_request("with a as (select 1) select * from a").is_ok());
        assert_eq!(
            Sql::short_request("DELETE FROM orders").unwrap_err(),
            "in short, `sql` takes a query (SELECT …), not \"DELETE FROM orders\": write {exec: …} for what changes rows"
        );
    }

    #[test]
    fn labels_are_one_line() {
        let long = json!({ "exec": format!("UPDATE a\n  SET b = {}", "x".repeat(80)) });
        let label = Sql::label(&long);
        assert_eq!(label.chars().count(), 60);
        assert!(label.starts_with("UPDATE a SET b = xxx") && label.ends_with('…'));
        assert_eq!(Sql::label(&json!({ "fixture": "a.sql" })), "fixture a.sql");
        assert_eq!(
            Sql::label(&json!({ "transaction": ["A", "B"] })),
            "transaction of 2 statements"
        );
    }

    #[test]
    fn only_reading_is_safe() {
        for (request, safe) in [
            (json!({ "query": "SELECT ${a}" }), true),
            (
                json!({ "query": { "texts": ["SELECT ", ""], "values": [1] } }),
                true,
            ),
            (json!({ "query": "DELETE FROM a RETURNING b" }), false),
            (json!({ "exec": "SELECT 1" }), false),
            (json!({ "transaction": ["SELECT 1"] }), false),
        ] {
            assert_eq!(Sql::is_safe(&request), safe, "{request}");
        }
    }

    #[test]
    fn the_schema_says_where_values_are_bound() {
        let catalog = crate::client::Registry::builtin().catalog();
        let kind = catalog.kind("sql").unwrap();
        let properties = &kind.request["properties"];
        for statement in [
            &properties["query"],
            &properties["exec"],
            &properties["transaction"]["items"],
        ] {
            assert_eq!(statement["x-template"], json!("bind"), "{statement}");
            assert_eq!(statement["type"], json!("string"), "{statement}");
        }
        assert_eq!(properties["fixture"].get("x-template"), None);
        assert_eq!(kind.request["additionalProperties"], json!(false));
        assert_eq!(kind.request.get("required"), None);
    }
}
