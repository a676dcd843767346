use super::schema::StatementResult;
use super::statement::Statement;
use crate::client::kit::json_tree::{MAX_TREE, members_size};
use crate::event::{Failure, Json};
use serde_json::Map;

/// Rows that one statement may yield.
const MAX_ROWS: usize = 10_000;
/// Bytes that the rows of one statement may have.
pub(super) const MAX_BYTES: u64 = 16 << 20;

/// Why a statement did not work, and what that means for its connection.
#[derive(Debug)]
pub(super) enum StatementError {
    /// The connection can be used again, after a rollback inside a transaction.
    Usable(Failure),
    /// It cannot.
    Broken(Failure),
}

impl StatementError {
    /// What to tell.
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::Usable(failure) | Self::Broken(failure) => failure,
        }
    }

    /// Says which of a transaction's statements it was.
    pub(super) fn of(self, number: usize, total: usize) -> Self {
        let place = |mut failure: Failure| {
            failure.message = format!("statement {number} of {total}: {}", failure.message);
            failure
        };
        match self {
            Self::Usable(failure) => Self::Usable(place(failure)),
            Self::Broken(failure) => Self::Broken(place(failure)),
        }
    }
}

/// Collects a statement's rows within their limits.
#[derive(Debug, Default)]
pub(super) struct Rows {
    found: Vec<Map<String, Json>>,
    bytes: u64,
    /// Memory that their values take.
    tree: u64,
    affected: u64,
}

impl Rows {
    /// Counts rows that were changed.
    pub(super) fn affected(&mut self, count: u64) {
        self.affected += count;
    }

    /// Adds a row of this many bytes.
    pub(super) fn push(
        &mut self,
        row: Map<String, Json>,
        bytes: u64,
    ) -> Result<(), StatementError> {
        self.bytes += bytes;
        if self.found.len() == MAX_ROWS {
            return Err(too_much(&format!("more than {MAX_ROWS} rows")));
        }
        if self.bytes > MAX_BYTES {
            return Err(too_much(&format!("rows of more than {MAX_BYTES} bytes")));
        }
        self.tree += members_size(&row);
        if self.tree > MAX_TREE {
            return Err(too_much_memory());
        }
        self.found.push(row);
        Ok(())
    }

    /// Bytes of memory that values may still take.
    pub(super) fn room(&self) -> u64 {
        MAX_TREE - self.tree
    }

    /// Bytes of all rows so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the statement did. Its rows are told if there are any, or could have been.
    pub(super) fn outcome(self, statement: &Statement, always: bool) -> StatementResult {
        let yields = always || statement.returning || super::statement::is_query(&statement.verb);
        StatementResult {
            rows: (yields || !self.found.is_empty()).then_some(self.found),
            affected: self.affected,
        }
    }
}

/// What the values of all rows together may not.
pub(super) fn too_much_memory() -> StatementError {
    too_much(&format!(
        "rows whose values take more than {MAX_TREE} bytes of memory"
    ))
}

fn too_much(what: &str) -> StatementError {
    // Rows are still on their way, so the connection is of no use.
    StatementError::Broken(
        Failure::resource(format!("the statement yields {what}"))
            .hint("narrow it with WHERE or LIMIT, or let the database count"),
    )
}

/// Adds a column to a row.
///
/// # Errors
/// When the row has one of that name.
pub(super) fn add(
    row: &mut Map<String, Json>,
    name: &str,
    value: Json,
) -> Result<(), StatementError> {
    if row.contains_key(name) {
        return Err(StatementError::Broken(
            Failure::protocol(format!("the rows have two columns named {name:?}"))
                .hint("give one of them another name with AS"),
        ));
    }
    row.insert(name.to_owned(), value);
    Ok(())
}

/// A float as JSON has it: what is no number there is a text.
pub(super) fn float(value: f64) -> Json {
    serde_json::Number::from_f64(value).map_or_else(
        || {
            let text = if value.is_nan() {
                "NaN"
            } else if value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            text.into()
        },
        Json::Number,
    )
}
