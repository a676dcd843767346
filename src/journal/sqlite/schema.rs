use super::JournalError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// `fncy`: says that a database is funcy's journal (`PRAGMA application_id`).
const APPLICATION: i64 = 0x666e_6379;

/// Each step from one layout to the next; `PRAGMA user_version` counts those that were taken.
const STEPS: &[&str] = &[
    // `events`, `bytes` and `head` say where a run's chain ends; what else stands beside the commits is
    // what lists are made of, and could be made anew from them.
    "CREATE TABLE run (
        number   INTEGER PRIMARY KEY AUTOINCREMENT,
        id       TEXT NOT NULL UNIQUE,
        started  INTEGER NOT NULL,
        outcome  TEXT,
        micros   INTEGER NOT NULL DEFAULT 0,
        tasks    INTEGER NOT NULL,
        tally    TEXT NOT NULL DEFAULT '[0,0,0,0,0,0,0,0]',
        command  TEXT NOT NULL,
        env      TEXT,
        labels   TEXT NOT NULL DEFAULT '{}',
        events   INTEGER NOT NULL DEFAULT 0,
        bytes    INTEGER NOT NULL DEFAULT 0,
        head     BLOB NOT NULL
    ) STRICT;
    CREATE INDEX run_unended ON run (number) WHERE outcome IS NULL;
    CREATE INDEX run_outcome ON run (outcome, number);
    CREATE TABLE run_commit (
        number   INTEGER PRIMARY KEY,
        run      INTEGER NOT NULL REFERENCES run (number),
        first    INTEGER NOT NULL,
        last     INTEGER NOT NULL,
        head     BLOB NOT NULL,
        marks    BLOB NOT NULL,
        lines    BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX run_commit_place ON run_commit (run, first);
    CREATE TABLE execution (
        run      INTEGER NOT NULL REFERENCES run (number),
        number   INTEGER NOT NULL,
        task_index INTEGER NOT NULL,
        attempt  INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        task     TEXT NOT NULL,
        file     TEXT NOT NULL,
        case_name TEXT,
        hash     TEXT NOT NULL,
        started  INTEGER NOT NULL,
        outcome  TEXT,
        micros   INTEGER NOT NULL DEFAULT 0,
        state    TEXT,
        kind     TEXT,
        message  TEXT,
        path     TEXT,
        superseded INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (run, number)
    ) STRICT, WITHOUT ROWID;
    -- All that a query asks of executions stands in the index: their rows need not be read.
    CREATE INDEX execution_task ON execution (task, run, superseded, outcome);
    CREATE INDEX execution_file ON execution (file, run, superseded, outcome);
    CREATE INDEX execution_bad ON execution (run, number)
        WHERE superseded = 0 AND (outcome IS NULL OR outcome NOT IN ('passed', 'flaky', 'skipped'));
    CREATE TABLE attachment (
        hash     BLOB PRIMARY KEY,
        body     BLOB NOT NULL
    ) STRICT;
    CREATE TABLE attached (
        run      INTEGER NOT NULL REFERENCES run (number),
        hash     BLOB NOT NULL,
        PRIMARY KEY (run, hash)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX attached_hash ON attached (hash);",
    // Which runs each run names, so that none is named twice; and which runs were removed. Those that were removed
    // before have left gaps between the numbers.
    "ALTER TABLE run ADD COLUMN cleans_up TEXT;
    ALTER TABLE run ADD COLUMN is_named INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX run_unnamed ON run (number) WHERE is_named = 0;
    CREATE TABLE run_after (
        run      INTEGER NOT NULL REFERENCES run (number),
        named    TEXT NOT NULL,
        PRIMARY KEY (run, named)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX run_after_named ON run_after (named);
    CREATE TABLE removed (
        number   INTEGER PRIMARY KEY,
        id       TEXT,
        head     BLOB
    ) STRICT;
    WITH RECURSIVE given (number) AS (
        SELECT 1 WHERE EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'run' AND seq > 0)
        UNION ALL SELECT number + 1 FROM given
            WHERE number < (SELECT seq FROM sqlite_sequence WHERE name = 'run'))
    INSERT INTO removed (number) SELECT number FROM given
        WHERE number NOT IN (SELECT number FROM run);",
    // Which of those that were removed were so by the rule of a suite; and which run cleaned up after which.
    "ALTER TABLE removed ADD COLUMN by_rule INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX run_cleans_up ON run (cleans_up) WHERE cleans_up IS NOT NULL;
    CREATE INDEX removed_id ON removed (id);",
    // Lines and bodies may be compressed, which says only that a program which does not know it cannot read them.
    "",
];

/// The latest layout that this program knows.
const KNOWN: i64 = STEPS.len() as i64;

/// Looks at what the file is before anything in it is changed.
pub(super) fn examine(connection: &Connection, path: &Path) -> Result<i64, JournalError> {
    let read = |pragma: &str| -> rusqlite::Result<i64> {
        connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
    };
    let corrupt = |why: String| JournalError::Corrupt {
        path: path.to_owned(),
        why,
    };
    let from = |error: rusqlite::Error| match super::mistake(error).of(path) {
        JournalError::Store(why) => JournalError::Inaccessible {
            path: path.to_owned(),
            why,
        },
        other => other,
    };
    // The tables first: another process may make them, and say whose they are, between two of these.
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(from)?;
    let version = read("user_version").map_err(from)?;
    let application = read("application_id").map_err(from)?;
    if application != APPLICATION && (tables > 0 || application != 0) {
        return Err(corrupt("it is another program's database".to_owned()));
    }
    if version > KNOWN {
        return Err(JournalError::Newer {
            path: path.to_owned(),
            found: version,
            known: KNOWN,
        });
    }
    Ok(version)
}

/// Brings the layout up to date. Another process may do the same at the same time.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    if examine(connection, path)? == KNOWN {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(super::mistake)?;
    let version = examine(&transaction, path)?;
    for step in STEPS.iter().skip(version as usize) {
        transaction.execute_batch(step).map_err(super::mistake)?;
    }
    transaction
        .execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {KNOWN};"
        ))
        .map_err(super::mistake)?;
    transaction.commit().map_err(super::mistake)
}
