use super::packed::unpack;
use super::{ExecutionRow, Hash, JournalError, Query, RunRow, Sealed, mistake};
use crate::event::{ErrorKind, Json, Name, Outcome, RunId, Tally};
use crate::journal::query::Wanted;
use crate::journal::store::FailureCause;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use std::fmt::Write as _;
use std::ops::ControlFlow;

pub(super) const RUN: &str =
    "SELECT r.id, r.started, r.outcome, r.micros, r.tasks, r.tally, r.command, r.env, r.labels,
        r.events, r.bytes, r.head, r.number, r.cleans_up FROM run r";

const EXECUTION: &str =
    "SELECT r.id, e.number, e.task_index, e.attempt, e.attempts, e.task, e.file,
        e.case_name, e.hash, e.started, e.outcome, e.micros, e.state, e.kind, e.message, e.path
        FROM execution e JOIN run r ON r.number = e.run";

pub(super) fn runs(
    connection: &Connection,
    query: &Query,
    before: Option<&RunId>,
    limit: usize,
) -> Result<Vec<RunRow>, JournalError> {
    runs_where(connection, query, before, limit, MANY)
}

/// `many`: from how many executions on a name is common.
pub(super) fn runs_where(
    connection: &Connection,
    query: &Query,
    before: Option<&RunId>,
    limit: usize,
    many: usize,
) -> Result<Vec<RunRow>, JournalError> {
    let mut filter = Filter {
        many,
        ..Filter::default()
    };
    filter.of(connection, query)?;
    if let Some(before) = before {
        filter.all(
            "r.number < (SELECT number FROM run WHERE id = ?)",
            [text(before)],
        );
    }
    let mut sql = format!("{RUN} WHERE 1 = 1");
    sql.push_str(&filter.sql);
    let _ = write!(sql, " ORDER BY r.number DESC LIMIT {limit}");
    several(connection, &sql, filter.values)
}

pub(super) fn run(connection: &Connection, id: &str) -> Result<Option<RunRow>, JournalError> {
    let sql = format!("{RUN} WHERE r.id = ?");
    Ok(several(connection, &sql, vec![text(id)])?.pop())
}

pub(super) fn unended(connection: &Connection) -> Result<Vec<RunRow>, JournalError> {
    let sql = format!("{RUN} WHERE r.outcome IS NULL ORDER BY r.number DESC");
    several(connection, &sql, Vec::new())
}

pub(super) fn several(
    connection: &Connection,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<RunRow>, JournalError> {
    let found = |row: &Row<'_>| Ok((row.get(12)?, run_row(row)?));
    let mut rows: Vec<(i64, RunRow)> = rows(connection, sql, values, found)?;
    for (number, row) in &mut rows {
        if row.outcome.is_none() {
            row.tally = tally_so_far(connection, *number).map_err(mistake)?;
        }
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// What has ended of a run that has not.
fn tally_so_far(connection: &Connection, run: i64) -> rusqlite::Result<Tally> {
    let mut tally = Tally::default();
    let mut found = connection.prepare_cached(
        "SELECT outcome FROM execution WHERE run = ?1 AND superseded = 0 AND outcome IS NOT NULL",
    )?;
    let outcomes = found.query_map([run], |row| row.get::<_, String>(0))?;
    for word in outcomes {
        if let Some(outcome) = outcome(&word?) {
            tally.add(outcome);
        }
    }
    Ok(tally)
}

pub(super) fn named_like(
    connection: &Connection,
    part: &str,
    limit: usize,
) -> Result<Vec<RunId>, JournalError> {
    let sql = format!(
        "SELECT id FROM run WHERE id GLOB ? || '*' OR id GLOB '*' || ? ORDER BY number DESC LIMIT {limit}"
    );
    let part = Value::Text(escape(part));
    rows(connection, &sql, vec![part.clone(), part], |row| {
        name(row, 0)
    })
}

pub(super) fn executions(
    connection: &Connection,
    run: &str,
) -> Result<Vec<ExecutionRow>, JournalError> {
    let sql = format!("{EXECUTION} WHERE r.id = ? ORDER BY e.number");
    rows(connection, &sql, vec![text(run)], execution_row)
}

/// Two questions, each answered by an index: a run may have many thousands.
pub(super) fn notable(
    connection: &Connection,
    run: &str,
    limit: usize,
) -> Result<Vec<ExecutionRow>, JournalError> {
    let mut found = Vec::new();
    for which in [BAD, "e.outcome IN ('passed', 'known', 'flaky', 'skipped')"] {
        let left = limit - found.len();
        let sql = format!(
            "{EXECUTION} WHERE r.id = ? AND e.superseded = 0 AND {which} ORDER BY e.number LIMIT {left}"
        );
        found.extend(rows(connection, &sql, vec![text(run)], execution_row)?);
    }
    Ok(found)
}

/// As the index `execution_bad` has it, which is older than what is known to fail.
const BAD: &str = "(e.outcome IS NULL OR e.outcome NOT IN ('passed', 'flaky', 'skipped')) \
                   AND e.outcome IS NOT 'known'";

pub(super) fn history(
    connection: &Connection,
    task: &str,
    case: Option<&str>,
    before: Option<&RunId>,
    limit: usize,
) -> Result<Vec<ExecutionRow>, JournalError> {
    // What cleans up after another run is no result of the task.
    let mut sql = format!("{EXECUTION} WHERE e.task = ? AND r.cleans_up IS NULL");
    let mut values = vec![text(task)];
    if let Some(case) = case {
        sql.push_str(" AND e.case_name = ?");
        values.push(text(case));
    }
    if let Some(before) = before {
        sql.push_str(" AND e.run < (SELECT number FROM run WHERE id = ?)");
        values.push(text(before));
    }
    let _ = write!(sql, " ORDER BY e.run DESC, e.number DESC LIMIT {limit}");
    rows(connection, &sql, values, execution_row)
}

pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    values: Vec<Value>,
    of: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, JournalError> {
    let mut statement = connection.prepare_cached(sql).map_err(mistake)?;
    let found = statement.query_map(params_from_iter(values), of);
    found.and_then(Iterator::collect).map_err(mistake)
}

pub(super) fn commits(
    connection: &Connection,
    run: &str,
    from: u64,
    each: &mut dyn FnMut(Sealed) -> ControlFlow<()>,
) -> Result<(), JournalError> {
    let id: RunId = run.into();
    (|| {
        let mut statement = connection.prepare_cached(
            "SELECT c.first, c.last, c.head, c.marks, c.lines FROM run_commit c
                JOIN run r ON r.number = c.run WHERE r.id = ?1 AND c.last >= ?2 ORDER BY c.first",
        )?;
        let mut rows = statement.query(params![run, from as i64])?;
        while let Some(row) = rows.next()? {
            let sealed = Sealed {
                run: RunId::clone(&id),
                first: row.get::<_, i64>(0)? as u64,
                last: row.get::<_, i64>(1)? as u64,
                head: row.get(2)?,
                marks: row.get(3)?,
                lines: unpack(row.get(4)?),
            };
            if each(sealed).is_break() {
                break;
            }
        }
        Ok(())
    })()
    .map_err(mistake)
}

pub(super) fn attachment(
    connection: &Connection,
    hash: &Hash,
) -> Result<Option<Vec<u8>>, JournalError> {
    connection
        .prepare_cached("SELECT body FROM attachment WHERE hash = ?1")
        .and_then(|mut found| found.query_row([hash], |row| row.get(0)).optional())
        .map(|stored| stored.map(unpack))
        .map_err(mistake)
}

/// The `WHERE` of a query, piece by piece.
#[derive(Default)]
struct Filter {
    sql: String,
    values: Vec<Value>,
    many: usize,
}

impl Filter {
    fn all(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        let _ = write!(self.sql, " AND ({sql})");
        self.values.extend(values);
    }

    fn of(&mut self, connection: &Connection, query: &Query) -> Result<(), JournalError> {
        if query.tasks.is_empty() && query.files.is_empty() {
            self.status(query);
        } else {
            self.executions(connection, query)?;
        }
        if !query.env.is_empty() {
            let places = vec!["?"; query.env.len()].join(", ");
            let values: Vec<Value> = query.env.iter().map(|env| text(env)).collect();
            self.all(&format!("r.env IN ({places})"), values);
        }
        for (name, value) in &query.labels {
            let path = format!("$.\"{}\"", name.replace('"', ""));
            let values = [Value::Text(path), text(value)];
            self.all("json_extract(r.labels, ?) = ?", values);
        }
        let ago = |length: u64| Value::Integer(query.now.saturating_sub_unsigned(length));
        if let Some(since) = query.since {
            self.all("r.started >= ?", [ago(since)]);
        }
        if let Some(before) = query.before {
            self.all("r.started < ?", [ago(before)]);
        }
        Ok(())
    }

    /// How the run ended.
    fn status(&mut self, query: &Query) {
        let Some((sql, values)) = ended(query, "r") else {
            return;
        };
        self.all(&sql, values);
    }

    /// The run has a task like this, which ended so.
    fn executions(&mut self, connection: &Connection, query: &Query) -> Result<(), JournalError> {
        let mut sql = String::new();
        let mut values = Vec::new();
        let mut few = usize::MAX;
        for (column, patterns) in [("task", &query.tasks), ("file", &query.files)] {
            if patterns.is_empty() {
                continue;
            }
            let names = Value::Text(matching(connection, column, patterns)?);
            few = few.min(occurrences(connection, column, &names, self.many)?);
            let _ = write!(sql, " AND e.{column} IN (SELECT value FROM json_each(?))");
            values.push(names);
        }
        if let Some((status, more)) = ended(query, "e") {
            // What cleans up after another run is no result of its tasks.
            self.all("r.cleans_up IS NULL", []);
            let _ = write!(sql, " AND e.superseded = 0 AND ({status})");
            values.extend(more);
        }
        let rare = |wanted: &Wanted| !matches!(wanted, Wanted::Ended(end) if end.is_good());
        if few < self.many || (!query.status.is_empty() && query.status.iter().all(rare)) {
            // Few runs: they are found first, and put in their order.
            let found = format!("r.number IN (SELECT e.run FROM execution e WHERE 1 = 1{sql})");
            self.all(&found, values);
        } else {
            // Many: the latest are soon found by looking at one run after the other. The plus keeps SQLite from
            // gathering all that have the name first.
            let sql = sql.replace(" AND e.", " AND +e.");
            let found = format!("EXISTS (SELECT 1 FROM execution e WHERE e.run = r.number{sql})");
            self.all(&found, values);
        }
        Ok(())
    }
}

/// With so many executions a page is full before many runs were looked at.
const MANY: usize = 20_000;

/// The names that match one of these patterns, as a list in JSON. It steps from name to name in the index: there
/// are few, each of them many times.
fn matching(
    connection: &Connection,
    column: &str,
    patterns: &[Name],
) -> Result<String, JournalError> {
    let one = vec!["name GLOB ?"; patterns.len()].join(" OR ");
    let sql = format!(
        "WITH RECURSIVE known (name) AS (SELECT min({column}) FROM execution UNION ALL
            SELECT (SELECT min({column}) FROM execution WHERE {column} > name) FROM known
            WHERE name IS NOT NULL)
            SELECT json_group_array(name) FROM known WHERE name IS NOT NULL AND ({one})"
    );
    let patterns = patterns.iter();
    let values = patterns
        .map(|pattern| Value::Text(escape(pattern)))
        .collect();
    let found = rows(connection, &sql, values, |row| row.get(0))?.pop();
    Ok(found.unwrap_or_default())
}

/// How many executions have one of these names, counted as far as it matters.
fn occurrences(
    connection: &Connection,
    column: &str,
    names: &Value,
    many: usize,
) -> Result<usize, JournalError> {
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM execution
            WHERE {column} IN (SELECT value FROM json_each(?)) LIMIT {many})"
    );
    let found: Option<i64> = rows(connection, &sql, vec![names.clone()], |row| row.get(0))?.pop();
    Ok(found.unwrap_or(0) as usize)
}

/// The outcome is one of those wanted. What has no end is running if its run is alive, and interrupted if not.
fn ended(query: &Query, of: &str) -> Option<(String, Vec<Value>)> {
    if query.status.is_empty() {
        return None;
    }
    let mut parts = Vec::new();
    let mut ends = Vec::new();
    let mut values = Vec::new();
    let run = if of == "r" { "r.number" } else { "e.run" };
    let alive = vec!["?"; query.alive.len()].join(", ");
    for wanted in &query.status {
        let not = match wanted {
            Wanted::Running => "",
            Wanted::Ended(Outcome::Interrupted) => "NOT ",
            Wanted::Ended(outcome) => {
                ends.push(text(outcome.word()));
                continue;
            }
        };
        // By its number, since an execution is looked for before its run is known.
        parts.push(format!(
            "{of}.outcome IS NULL AND {run} {not}IN (SELECT number FROM run WHERE id IN ({alive}))"
        ));
        values.extend(query.alive.iter().map(|id| text(id)));
    }
    if !ends.is_empty() {
        let places = vec!["?"; ends.len()].join(", ");
        parts.push(format!("{of}.outcome IN ({places})"));
        values.extend(ends);
    }
    Some((parts.join(" OR "), values))
}

/// `*` and `?` mean what they mean to people; `[` is no class.
fn escape(pattern: &str) -> String {
    pattern.replace('[', "[[]")
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let head: Hash = row.get(11)?;
    let labels: String = row.get(8)?;
    Ok(RunRow {
        id: name(row, 0)?,
        started: row.get(1)?,
        outcome: row
            .get::<_, Option<String>>(2)?
            .and_then(|word| outcome(&word)),
        micros: row.get::<_, i64>(3)? as u64,
        tasks: row.get(4)?,
        tally: tally(&row.get::<_, String>(5)?),
        command: serde_json::from_str(&row.get::<_, String>(6)?).unwrap_or_default(),
        env: row.get::<_, Option<String>>(7)?.map(Into::into),
        labels: labels_of(&labels),
        cleans_up: row.get::<_, Option<String>>(13)?.map(Into::into),
        events: row.get::<_, i64>(9)? as u64,
        bytes: row.get::<_, i64>(10)? as u64,
        head: crate::journal::attachment::hex(&head),
    })
}

fn execution_row(row: &Row<'_>) -> rusqlite::Result<ExecutionRow> {
    let kind: Option<String> = row.get(13)?;
    let cause = match kind.as_deref().and_then(error_kind) {
        Some(kind) => Some(FailureCause {
            kind,
            message: name(row, 14)?,
            path: row.get::<_, Option<String>>(15)?.map(Into::into),
        }),
        None => None,
    };
    Ok(ExecutionRow {
        run: name(row, 0)?,
        number: row.get(1)?,
        index: row.get(2)?,
        attempt: row.get(3)?,
        attempts: row.get(4)?,
        task: name(row, 5)?,
        file: name(row, 6)?,
        case: row.get::<_, Option<String>>(7)?.map(Into::into),
        hash: name(row, 8)?,
        started: row.get(9)?,
        outcome: row
            .get::<_, Option<String>>(10)?
            .and_then(|word| outcome(&word)),
        micros: row.get::<_, i64>(11)? as u64,
        state: row.get::<_, Option<String>>(12)?.map(Into::into),
        cause,
    })
}

pub(super) fn name(row: &Row<'_>, index: usize) -> rusqlite::Result<Name> {
    Ok(row.get::<_, String>(index)?.into())
}

fn outcome(word: &str) -> Option<Outcome> {
    Outcome::ALL
        .into_iter()
        .find(|outcome| outcome.word() == word)
}

fn error_kind(word: &str) -> Option<ErrorKind> {
    ErrorKind::ALL.into_iter().find(|kind| kind.word() == word)
}

fn labels_of(text: &str) -> Vec<(Name, Name)> {
    let Ok(Json::Object(members)) = serde_json::from_str(text) else {
        return Vec::new();
    };
    members
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().into(),
                value.as_str().unwrap_or_default().into(),
            )
        })
        .collect()
}

pub(super) fn tally_text(tally: &Tally) -> String {
    serde_json::to_string(tally).unwrap_or_default()
}

fn tally(text: &str) -> Tally {
    serde_json::from_str(text).unwrap_or_default()
}
