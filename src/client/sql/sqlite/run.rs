//! Statements on one connection, on a thread that may block.

use super::authorizer::{Authorizer, Control, Seen};
use crate::client::received::to_base64;
use crate::client::sql::rows::{Rows, StatementError, add, float};
use crate::client::sql::schema::StatementResult;
use crate::client::sql::statement::{self, Bound, Statement};
use crate::event::{Failure, Json};
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Batch, Connection, Error, Row, ffi};
use serde_json::Map;

/// A connection, and what decides about its statements.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) authorizer: Authorizer,
    /// What would allow writing, if it is not.
    pub(super) read_only: Option<Failure>,
}

impl Session {
    /// Runs one statement.
    pub(super) fn statement(
        &self,
        written: &Statement,
        always_rows: bool,
    ) -> Result<(StatementResult, u64), StatementError> {
        let values = values(written)?;
        let sql = written.numbered();
        self.authorizer.take();
        let mut parts = Batch::new(&self.connection, &sql);
        let prepared = parts.next().map_err(|error| self.trouble(&error))?;
        let Some(mut prepared) = prepared else {
            return Err(usable(statement::empty()));
        };
        if let Some(control) = self.authorizer.take().control {
            return Err(usable(statement::controls(control.word())));
        }
        // What follows may not be valid before this one has run, so an error is one more statement as well.
        if !matches!(parts.next(), Ok(None)) {
            return Err(usable(statement::several("several")));
        }
        let changes = self.connection.total_changes();
        let names: Vec<String> = prepared
            .column_names()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let mut rows = Rows::default();
        let mut found = prepared
            .query(rusqlite::params_from_iter(values))
            .map_err(|error| self.trouble(&error))?;
        while let Some(row) = found.next().map_err(|error| self.trouble(&error))? {
            let (row, bytes) = read(row, &names)?;
            rows.push(row, bytes)?;
        }
        drop(found);
        rows.affected(self.changed_since(changes));
        let bytes = rows.bytes();
        Ok((rows.outcome(written, always_rows), bytes))
    }

    /// Runs a text of statements without parameters.
    pub(super) fn script(&self, sql: &str) -> Result<(), StatementError> {
        (self.connection.execute_batch(sql)).map_err(|error| self.trouble(&error))
    }

    /// Runs the statements of a file inside a transaction. A `BEGIN` and a `COMMIT` around them, as dumps have, are left
    /// out. Tells how many rows were changed, and how many statements there are.
    pub(super) fn fixture(&self, sql: &str) -> Result<(u64, u64), StatementError> {
        let (mut affected, mut count) = (0, 0);
        let mut controls = Vec::new();
        self.authorizer.take();
        let mut parts = Batch::new(&self.connection, sql);
        while let Some(mut prepared) = parts.next().map_err(|error| self.trouble(&error))? {
            if let Some(control) = self.authorizer.take().control {
                controls.push(control);
                if !matches!(
                    controls[..],
                    [Control::Begin] | [Control::Begin, Control::Commit]
                ) {
                    return Err(usable(statement::fixture_controls(control.word())));
                }
                continue;
            }
            let changes = self.connection.total_changes();
            // A placeholder without a value is NULL.
            let mut found = prepared.raw_query();
            while found
                .next()
                .map_err(|error| self.trouble(&error))?
                .is_some()
            {}
            drop(found);
            affected += self.changed_since(changes);
            count += 1;
        }
        match controls[..] {
            [begin] => Err(usable(statement::fixture_controls(begin.word()))),
            _ if count == 0 => Err(usable(statement::empty_fixture())),
            _ => Ok((affected, count)),
        }
    }

    /// SQLite keeps the count of the last change, whatever runs in between.
    fn changed_since(&self, total: u64) -> u64 {
        if self.connection.total_changes() == total {
            0
        } else {
            self.connection.changes()
        }
    }

    fn trouble(&self, error: &Error) -> StatementError {
        let (code, message) = match error {
            Error::SqliteFailure(code, message) => (code, message.clone()),
            Error::SqlInputError { error, msg, .. } => (error, Some(msg.clone())),
            other => return StatementError::Broken(Failure::protocol(other.to_string())),
        };
        let Seen { refused, .. } = self.authorizer.take();
        if let Some(failure) = refused {
            return usable(failure);
        }
        let message = message.unwrap_or_else(|| code.to_string());
        let extended = code.extended_code;
        let failure = Failure::protocol(format!("{message} (SQLite {extended})"));
        // The extended code holds the plain one in its last byte.
        let hint = match extended & 0xff {
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => {
                Some("another connection holds a lock on the database".to_owned())
            }
            ffi::SQLITE_READONLY => self.read_only.as_ref().and_then(|why| why.hint.clone()),
            _ => None,
        };
        usable(match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        })
    }
}

fn usable(failure: Failure) -> StatementError {
    StatementError::Usable(failure)
}

fn values(statement: &Statement) -> Result<Vec<Value>, StatementError> {
    statement
        .parameters()
        .enumerate()
        .map(|(index, bound)| {
            value(&bound).map_err(|reason| {
                usable(Failure::protocol(format!(
                    "the parameter {} does not fit: {reason}",
                    index + 1
                )))
            })
        })
        .collect()
}

fn value(bound: &Bound<'_>) -> Result<Value, String> {
    if let Some(bytes) = bound.bytes() {
        return Ok(Value::Blob(bytes));
    }
    Ok(match bound.json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Integer((*value).into()),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Integer(whole),
            (None, Some(float)) if !number.is_u64() => Value::Real(float),
            _ => return Err(format!("{number} is out of range for an SQLite integer")),
        },
        Json::String(text) => Value::Text(text.clone()),
        list @ (Json::Array(_) | Json::Object(_)) => Value::Text(list.to_string()),
    })
}

fn read(row: &Row<'_>, names: &[String]) -> Result<(Map<String, Json>, u64), StatementError> {
    let mut members = Map::new();
    let mut bytes = 0;
    for (index, name) in names.iter().enumerate() {
        let stored = row.get_ref(index).map_err(|error| {
            StatementError::Broken(Failure::protocol(format!(
                "the column {name:?} cannot be read: {error}"
            )))
        })?;
        let value = cell(stored);
        bytes += match &value {
            Json::String(text) => text.len() as u64,
            _ => 8,
        };
        add(&mut members, name, value)?;
    }
    Ok((members, bytes))
}

/// The value as it is stored, whatever the column was declared to hold.
fn cell(stored: ValueRef<'_>) -> Json {
    match stored {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(whole) => whole.into(),
        ValueRef::Real(value) => float(value),
        // SQLite stores any bytes as a text; what is not UTF-8 is replaced.
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => to_base64(bytes).into(),
    }
}
