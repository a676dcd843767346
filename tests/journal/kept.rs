//! What a journal holds, and whether it is whole.

use funcy::event::{Event, Outcome};
use funcy::journal::{History, Query, RunRow, RunStatus};
use rusqlite::Connection;
use std::ops::ControlFlow;
use std::path::Path;

/// Opens a journal after checking that the database is sound and that nothing seems to run.
pub(crate) fn sound(path: &Path) -> History {
    let database = Connection::open(path).unwrap();
    let sound: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    let history = History::open(path).unwrap();
    assert!(history.alive().unwrap().is_empty(), "a run is left running");
    history
}

/// All runs, the latest first.
pub(crate) fn runs(history: &History) -> Vec<RunRow> {
    history.runs(&Query::all(), None, 10_000).unwrap()
}

/// A run's events, after checking that they have no gap and are what was written. Without an end it is interrupted.
pub(crate) fn whole(history: &History, row: &RunRow) -> Vec<Event> {
    let events = events(history, &row.id);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.seq, index as u64 + 1, "a gap in {}", row.id);
    }
    assert_eq!(events.len() as u64, row.events);
    history.verify(row, None).unwrap();
    if row.outcome.is_none() {
        assert_eq!(history.status(row), RunStatus::Ended(Outcome::Interrupted));
    }
    events
}

/// A run's events.
pub(crate) fn events(history: &History, run: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let keep = |event| {
        events.push(event);
        ControlFlow::Continue(())
    };
    history.events(run, 1, keep).unwrap();
    events
}

/// The events of `funcy run --format json`, as far as its lines are whole; without the seal, which no journal holds.
pub(crate) fn printed(stdout: &str) -> Vec<Event> {
    let whole = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &Event| !matches!(event.fact, funcy::event::Fact::RunSealed { .. }))
        .collect()
}
