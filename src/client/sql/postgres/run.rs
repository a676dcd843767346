//! Statements on one connection.

use super::connection::{
    Column, Connection, ConnectionError, Described, Format, ServerError, Step,
};
use super::types::{PgType, Types};
use super::{column, parameter};
use crate::client::kit::connect_error::reason;
use crate::client::kit::json_tree::Room;
use crate::client::kit::offload::{Pace, offload};
use crate::client::sql::rows::{Rows, StatementError, add, too_much_memory};
use crate::client::sql::schema::StatementResult;
use crate::client::sql::statement::Statement;
use crate::client::value::one_line;
use crate::event::{Failure, Json};
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::DataRowBody;
use serde_json::Map;
use std::fmt::Write as _;
use std::sync::Arc;

/// Runs one statement.
pub(super) async fn statement(
    connection: &mut Connection,
    types: &Types,
    statement: &Statement,
    always_rows: bool,
) -> Result<(StatementResult, u64), StatementError> {
    let sql = statement.numbered();
    let described = connection
        .describe(&sql)
        .await
        .map_err(|error| trouble(error, &sql, ""))?;
    let bound = bind(connection, types, statement, &described).await?;
    let columns = described.columns.iter().map(|column| column.kind);
    let kinds = types
        .of(columns, connection)
        .await
        .map_err(|error| trouble(error, "", ""))?;
    let formats: Vec<Format> = kinds.iter().map(|kind| column::format(kind)).collect();
    connection
        .execute(&bound.values, &formats)
        .await
        .map_err(|error| trouble(error, &sql, &bound.shown))?;
    let columns: Arc<[Column]> = described.columns.into();
    let kinds: Arc<[Arc<PgType>]> = kinds.into();
    let mut rows = Rows::default();
    let mut pace = Pace::default();
    while let Some(step) = connection
        .step()
        .await
        .map_err(|error| trouble(error, &sql, &bound.shown))?
    {
        match step {
            Step::Done(count) => rows.affected(count),
            Step::Row(row) => {
                let length = row.buffer().len();
                let (columns, kinds) = (Arc::clone(&columns), Arc::clone(&kinds));
                let room = rows.room();
                let reading = offload(length, move |abandoned| {
                    read(&row, &columns, &kinds, &Room::new(room, abandoned))
                });
                let (row, bytes) = reading.await?;
                rows.push(row, bytes)?;
                pace.step(length).await;
            }
        }
    }
    let bytes = rows.bytes();
    Ok((rows.outcome(statement, always_rows), bytes))
}

/// Runs a text of statements without parameters.
pub(super) async fn script(connection: &mut Connection, sql: &str) -> Result<u64, StatementError> {
    let run = async {
        connection.script(sql).await?;
        let mut affected = 0;
        while let Some(step) = connection.step().await? {
            if let Step::Done(count) = step {
                affected += count;
            }
        }
        Ok(affected)
    };
    run.await.map_err(|error| trouble(error, sql, ""))
}

/// The values of a statement, ready to be sent.
struct Bound {
    /// A text, or NULL, for each parameter.
    values: Vec<Option<String>>,
    /// The parameters in short, for an error.
    shown: String,
}

/// Writes every value as a text that the server itself turns into the type that it has inferred.
async fn bind(
    connection: &mut Connection,
    types: &Types,
    statement: &Statement,
    described: &Described,
) -> Result<Bound, StatementError> {
    let parameters = statement.parameters();
    if described.parameters.len() != parameters.len() {
        return Err(StatementError::Usable(Failure::protocol(format!(
            "the server sees {} parameters, but {} values are written",
            described.parameters.len(),
            parameters.len()
        ))));
    }
    let kinds = types
        .of(described.parameters.iter().copied(), connection)
        .await
        .map_err(|error| trouble(error, "", ""))?;
    let mut bound = Bound {
        values: Vec::with_capacity(kinds.len()),
        shown: String::new(),
    };
    for (index, (value, kind)) in parameters.zip(&kinds).enumerate() {
        let number = index + 1;
        let text = parameter::encode(&value, kind).map_err(|reason| {
            StatementError::Usable(Failure::protocol(format!(
                "the parameter ${number} does not fit: {reason}"
            )))
        })?;
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(
            bound.shown,
            "{separator}${number} = {} ({})",
            one_line(&value.json.to_string(), 40),
            kind.name
        );
        if matches!(kind.name.as_str(), "json" | "jsonb") && value.json.is_string() {
            bound
                .shown
                .push_str(", which takes JSON text: write ${to_json(value)}");
        }
        bound.values.push(text);
    }
    Ok(bound)
}

fn read(
    row: &DataRowBody,
    columns: &[Column],
    kinds: &[Arc<PgType>],
    room: &Room,
) -> Result<(Map<String, Json>, u64), StatementError> {
    let mut members = Map::new();
    let mut bytes = 0;
    let mut ranges = row.ranges();
    for (column, kind) in columns.iter().zip(kinds) {
        let name = &column.name;
        let unreadable = |reason: &str| {
            StatementError::Broken(
                Failure::protocol(format!("the column {name:?} cannot be read: {reason}"))
                    .hint(format!("cast it to text: {name}::text AS {name}")),
            )
        };
        let range = ranges
            .next()
            .map_err(|error| unreadable(&error.to_string()))?;
        let range = range.ok_or_else(|| unreadable("the row is too short"))?;
        let value = match range.and_then(|range| row.buffer().get(range)) {
            None => Json::Null,
            Some(raw) => {
                let value =
                    column::decode(raw, kind, room).map_err(|reason| match room.exceeded() {
                        Some(_) => too_much_memory(),
                        None => unreadable(&reason),
                    })?;
                // A `numeric` of a few bytes may have thousands of digits.
                bytes += match &value {
                    Json::String(text) => raw.len().max(text.len()),
                    _ => raw.len(),
                } as u64;
                value
            }
        };
        add(&mut members, name, value)?;
    }
    Ok((members, bytes))
}

/// What an error says, and whether the connection survived it. The statement is to show a place in it.
pub(super) fn trouble(error: ConnectionError, sql: &str, parameters: &str) -> StatementError {
    let cause = match error {
        ConnectionError::Server(cause) => cause,
        ConnectionError::Lost(error) => {
            return StatementError::Broken(Failure::transport(format!(
                "the connection to the database is lost: {}",
                reason(&error)
            )));
        }
        ConnectionError::NotOpened(failure) | ConnectionError::Unusable(failure) => {
            return StatementError::Broken(failure);
        }
    };
    let code = &*cause.code;
    if ["57P01", "57P02", "57P03"].contains(&code) || code.starts_with("08") {
        return StatementError::Broken(Failure::transport(format!(
            "the database closed the connection: {} (SQLSTATE {code})",
            cause.message
        )));
    }
    let mut message = format!("{} (SQLSTATE {code})", cause.message);
    if let Some(detail) = &cause.detail {
        let _ = write!(message, ": {}", one_line(detail, 300));
    }
    if let Some(position) = cause.position.filter(|_| !sql.is_empty()) {
        message.push_str(&place(sql, position));
    }
    let mut failure = Failure::protocol(message);
    if let Some(hint) = hint(&cause, parameters) {
        failure = failure.hint(hint);
    }
    StatementError::Usable(failure)
}

fn hint(cause: &ServerError, parameters: &str) -> Option<String> {
    match &*cause.code {
        // Undetermined or ambiguous types, of parameters for the most part.
        "42P18" | "42725" | "42P08" => {
            Some("say the type of the parameter: ${value}::text".to_owned())
        }
        "42P02" => Some("this kind of statement takes no parameters".to_owned()),
        // Data exceptions: one of the values is not what its type takes.
        code if code.starts_with("22") && !parameters.is_empty() => {
            Some(format!("the parameters were {parameters}"))
        }
        _ => cause.hint.clone(),
    }
}

/// ` at line 2, column 8: FORM users`.
fn place(sql: &str, position: usize) -> String {
    let before: String = sql.chars().take(position.saturating_sub(1)).collect();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    let rest = one_line(&sql[before.len()..], 30);
    if rest.is_empty() {
        " at its end".to_owned()
    } else {
        format!(" at line {line}, column {column}: {rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_position_is_a_line_and_a_column() {
        assert_eq!(
            place("SELECT é\nFORM users", 10),
            " at line 2, column 1: FORM users"
        );
        assert_eq!(place("SELECT", 7), " at its end");
        assert_eq!(place("", 99), " at its end");
    }
}
