//! Statements on one connection.

use super::{column, parameter};
use crate::client::kit::connect_error::reason;
use crate::client::sql::rows::{Rows, StatementError, add};
use crate::client::sql::schema::StatementResult;
use crate::client::sql::statement::Statement;
use crate::client::value::one_line;
use crate::event::Failure;
use futures_util::TryStreamExt as _;
use serde_json::Map;
use sqlx::postgres::{
    PgArguments, PgConnection, PgDatabaseError, PgErrorPosition, PgRow, PgTypeInfo,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, Connection as _, Either, Executor as _, Row as _,
    SqlSafeStr as _, Statement as _, TypeInfo as _, ValueRef as _,
};
use std::fmt::Write as _;

/// Runs one statement.
pub(super) async fn statement(
    connection: &mut PgConnection,
    statement: &Statement,
    always_rows: bool,
) -> Result<(StatementResult, u64), StatementError> {
    // A plan that is kept would not survive a change of the tables. (An unnamed statement is no way out: the
    // library may have to ask for a type before it is run, and loses it by that.)
    if connection.cached_statements_size() > 0 {
        connection
            .clear_cached_statements()
            .await
            .map_err(|error| trouble(&error, None, ""))?;
    }
    let numbered = statement.numbered();
    let bound = bind(connection, statement, &numbered).await?;
    let mut rows = Rows::default();
    let query = sqlx::query_with(AssertSqlSafe(bound.sql), bound.arguments);
    let mut results = connection.fetch_many(query);
    while let Some(result) = results
        .try_next()
        .await
        .map_err(|error| trouble(&error, bound.positions.then_some(&numbered), &bound.shown))?
    {
        match result {
            Either::Left(done) => rows.affected(done.rows_affected()),
            Either::Right(row) => {
                let (row, bytes) = read(&row)?;
                rows.push(row, bytes)?;
            }
        }
    }
    drop(results);
    let bytes = rows.bytes();
    Ok((rows.outcome(statement, always_rows), bytes))
}

/// Runs a text of statements without parameters.
pub(super) async fn script(
    connection: &mut PgConnection,
    sql: &str,
) -> Result<u64, StatementError> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .map_err(|error| trouble(&error, Some(sql), ""))?;
    Ok(done.rows_affected())
}

/// A statement with its values, ready to be sent.
struct Bound {
    sql: String,
    arguments: PgArguments,
    /// The parameters in short, for an error.
    shown: String,
    /// Whether the server's positions count in the numbered text.
    positions: bool,
}

/// Asks the server for the types of the parameters, and hands every value over as a text that the server
/// itself turns into that type.
async fn bind(
    connection: &mut PgConnection,
    statement: &Statement,
    numbered: &str,
) -> Result<Bound, StatementError> {
    let mut bound = Bound {
        sql: numbered.to_owned(),
        arguments: PgArguments::default(),
        shown: String::new(),
        positions: statement.values.is_empty(),
    };
    if statement.values.is_empty() {
        return Ok(bound);
    }
    let types: Vec<PgTypeInfo> = {
        let described = connection
            .prepare(AssertSqlSafe(numbered.to_owned()).into_sql_str())
            .await
            .map_err(|error| trouble(&error, Some(numbered), ""))?;
        match described.parameters() {
            Some(Either::Left(types)) => types.to_vec(),
            _ => Vec::new(),
        }
    };
    if types.len() != statement.values.len() {
        return Err(StatementError::Usable(Failure::protocol(format!(
            "the server sees {} parameters, but {} values are written",
            types.len(),
            statement.values.len()
        ))));
    }
    for (index, (value, info)) in statement.values.iter().zip(&types).enumerate() {
        let number = index + 1;
        let text = parameter::encode(value, info).map_err(|reason| {
            StatementError::Usable(Failure::protocol(format!(
                "the parameter ${number} does not fit: {reason}"
            )))
        })?;
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(
            bound.shown,
            "{separator}${number} = {} ({})",
            one_line(&value.to_string(), 40),
            info.name().to_lowercase()
        );
        bound.arguments.add(text).map_err(|error| {
            StatementError::Usable(Failure::protocol(format!(
                "the parameter ${number} cannot be sent: {error}"
            )))
        })?;
    }
    let names: Vec<String> = types.iter().map(parameter::cast_name).collect();
    bound.sql = statement.cast(&names);
    Ok(bound)
}

fn read(row: &PgRow) -> Result<(Map<String, crate::event::Json>, u64), StatementError> {
    let mut members = Map::new();
    let mut bytes = 0;
    for (index, column) in row.columns().iter().enumerate() {
        let name = column.name();
        let unreadable = |reason: String| {
            StatementError::Broken(
                Failure::protocol(format!("the column {name:?} cannot be read: {reason}"))
                    .hint(format!("cast it to text: {name}::text AS {name}")),
            )
        };
        let raw = row
            .try_get_raw(index)
            .map_err(|error| unreadable(error.to_string()))?;
        let value = if raw.is_null() {
            crate::event::Json::Null
        } else {
            let raw = raw
                .as_bytes()
                .map_err(|error| unreadable(error.to_string()))?;
            bytes += raw.len() as u64;
            column::decode(raw, column.type_info()).map_err(unreadable)?
        };
        add(&mut members, name, value)?;
    }
    Ok((members, bytes))
}

/// What an error says, and whether the connection survived it.
pub(super) fn trouble(error: &sqlx::Error, sql: Option<&str>, parameters: &str) -> StatementError {
    let sqlx::Error::Database(cause) = error else {
        return StatementError::Broken(match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Failure::transport(format!(
                "the connection to the database is lost: {}",
                reason(error)
            )),
            other => Failure::protocol(other.to_string()),
        });
    };
    let Some(cause) = cause.try_downcast_ref::<PgDatabaseError>() else {
        return StatementError::Broken(Failure::protocol(error.to_string()));
    };
    let code = cause.code();
    if ["57P01", "57P02", "57P03"].contains(&code) || code.starts_with("08") {
        return StatementError::Broken(Failure::transport(format!(
            "the database closed the connection: {} (SQLSTATE {code})",
            cause.message()
        )));
    }
    let mut message = format!("{} (SQLSTATE {code})", cause.message());
    if let Some(detail) = cause.detail() {
        let _ = write!(message, ": {}", one_line(detail, 300));
    }
    if let (Some(sql), Some(PgErrorPosition::Original(position))) = (sql, cause.position()) {
        message.push_str(&place(sql, position));
    }
    let mut failure = Failure::protocol(message);
    if let Some(hint) = hint(cause, code, parameters) {
        failure = failure.hint(hint);
    }
    StatementError::Usable(failure)
}

fn hint(cause: &PgDatabaseError, code: &str, parameters: &str) -> Option<String> {
    match code {
        // Undetermined or ambiguous types, of parameters for the most part.
        "42P18" | "42725" | "42P08" => {
            Some("say the type of the parameter: ${value}::text".to_owned())
        }
        "42P02" => Some("this kind of statement takes no parameters".to_owned()),
        // Data exceptions: one of the values is not what its type takes.
        _ if code.starts_with("22") && !parameters.is_empty() => {
            Some(format!("the parameters were {parameters}"))
        }
        _ => cause.hint().map(str::to_owned),
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
