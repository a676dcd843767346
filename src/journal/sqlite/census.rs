//! What the journal tells of itself as a whole: which runs are there, which are gone, and how large it is.

use super::read::{RUN, name, rows, several};
use super::{Census, JournalError, RunRow, Size, mistake};
use crate::event::RunId;
use rusqlite::Connection;
use rusqlite::types::Value;

pub(super) fn unnamed(connection: &Connection, limit: usize) -> Result<Vec<RunRow>, JournalError> {
    let sql = format!("{RUN} WHERE r.is_named = 0 ORDER BY r.number LIMIT {limit}");
    several(connection, &sql, Vec::new())
}

pub(super) fn oldest(
    connection: &Connection,
    after: Option<&RunId>,
    limit: usize,
) -> Result<Vec<RunRow>, JournalError> {
    // One that was removed meanwhile has its number there.
    let sql = format!(
        "{RUN} WHERE r.number > coalesce((SELECT number FROM run WHERE id = ?1),
            (SELECT number FROM removed WHERE id = ?1), 0) ORDER BY r.number LIMIT {limit}"
    );
    let after = after.map_or(Value::Null, |run| Value::Text(run.to_string()));
    several(connection, &sql, vec![after])
}

pub(super) fn cleaned_up_by(
    connection: &Connection,
    run: &str,
) -> Result<Option<RunId>, JournalError> {
    let sql = "SELECT id FROM run WHERE cleans_up = ?1 ORDER BY number DESC LIMIT 1";
    let found = rows(connection, sql, vec![Value::Text(run.to_owned())], |row| {
        name(row, 0)
    })?;
    Ok(found.into_iter().next())
}

pub(super) fn census(connection: &Connection) -> Result<Census, JournalError> {
    let damage: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(mistake)?;
    if damage != "ok" {
        return Err(JournalError::Corrupt {
            path: std::path::PathBuf::new(),
            why: damage,
        });
    }
    let marked: i64 = connection
        .query_row(
            "SELECT count(*) FROM run WHERE is_named <> (id IN (SELECT named FROM run_after))",
            [],
            |row| row.get(0),
        )
        .map_err(mistake)?;
    let removed = "SELECT id, head FROM removed WHERE id IS NOT NULL AND head IS NOT NULL";
    let removed = rows(connection, removed, Vec::new(), |row| {
        Ok((name(row, 0)?, crate::journal::attachment::hex(&row.get(1)?)))
    })?;
    let retired: i64 = connection
        .query_row("SELECT count(*) FROM removed WHERE by_rule", [], |row| {
            row.get(0)
        })
        .map_err(mistake)?;
    // Each number is given once, so that what is neither here nor removed was taken away.
    let lost: i64 = connection
        .query_row(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'run'), 0)
                - (SELECT count(*) FROM run) - (SELECT count(*) FROM removed)",
            [],
            |row| row.get(0),
        )
        .map_err(mistake)?;
    let lost = lost.unsigned_abs();
    Ok(Census {
        removed,
        retired: retired.unsigned_abs() as usize,
        lost,
        mismarked: marked.unsigned_abs(),
    })
}

pub(super) fn size(connection: &Connection) -> Result<Size, JournalError> {
    let read = |pragma: &str| -> Result<u64, JournalError> {
        connection
            .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
            .map(|count| count as u64)
            .map_err(mistake)
    };
    let page = read("page_size")?;
    Ok(Size {
        total: read("page_count")? * page,
        free: read("freelist_count")? * page,
    })
}
