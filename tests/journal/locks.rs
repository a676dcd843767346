//! Other processes at the same journal: they wait for each other, and lose nothing.

use super::suite::{PASSES, Suite};
use super::{kept, long_form, pause};
use funcy::event::{Event, Fact};
use funcy::journal::{History, Query};
use rusqlite::Connection;
use std::time::{Duration, Instant};

/// Twenty waits of 20 ms.
const TIMERS: &str = "version: 1
vars: { n: 0 }
start_state: step
final_state: done
states:
  step:
    transitions:
      - { to: done, when: n >= 20 }
      - { to: step, wait: 20ms, set: { n: n + 1 } }
  done:
";

/// How long another process holds the journal.
fn hold() -> Duration {
    Duration::from_secs(if long_form().is_some() { 10 } else { 2 })
}

/// How long the task took by its own clock.
fn took(events: &[Event]) -> Duration {
    let micros = events.iter().find_map(|event| match &event.fact {
        Fact::ExecutionFinished { metrics, .. } => Some(metrics.micros),
        _ => None,
    });
    Duration::from_micros(micros.unwrap())
}

fn other(suite: &Suite) -> Connection {
    Connection::open(suite.path(".funcy/journal.db")).unwrap()
}

#[test]
fn a_run_waits_for_a_writer_and_its_timers_do_not() {
    let suite = Suite::new().file("tasks/t.yaml", TIMERS);
    suite.run(["run"]).exits(0);
    let other = other(&suite);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let started = Instant::now();
    let running = suite.start(["run", "--format", "json"]);
    pause(hold());
    other.execute_batch("COMMIT").unwrap();
    let ran = running.ends().exits(0);
    assert!(started.elapsed() >= hold());
    let events = kept::printed(&ran.stdout);
    let took = took(&events);
    assert!(took >= Duration::from_millis(400), "{took:?}");
    assert!(took < hold() * 3 / 4, "its timers waited too: {took:?}");
    let history = kept::sound(&suite.path(".funcy/journal.db"));
    assert_eq!(kept::whole(&history, &kept::runs(&history)[0]), events);
}

#[test]
fn a_reader_disturbs_nobody() {
    let suite = Suite::new().file("tasks/t.yaml", TIMERS);
    suite.run(["run"]).exits(0);
    let other = other(&suite);
    other.execute_batch("BEGIN").unwrap();
    let count = || -> i64 {
        other
            .query_row("SELECT count(*) FROM run", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(count(), 1);
    let started = Instant::now();
    while started.elapsed() < hold() {
        let ran = suite.run(["run", "--format", "json"]).exits(0);
        let events = kept::printed(&ran.stdout);
        // As quick as without a reader, whom it does not wait for.
        assert!(took(&events) < Duration::from_secs(2));
        let history = History::open(&suite.path(".funcy/journal.db")).unwrap();
        assert_eq!(
            kept::events(&history, "latest").len(),
            0,
            "no run has this name"
        );
        assert_eq!(kept::whole(&history, &kept::runs(&history)[0]), events);
        assert_eq!(count(), 1, "the reader sees what was there when it began");
    }
    other.execute_batch("COMMIT").unwrap();
    assert!(count() > 1);
}

#[test]
fn several_processes_share_a_journal() {
    let suite = Suite::new()
        .file("tasks/t.yaml", TIMERS)
        .file("quick/t.yaml", PASSES);
    // Each may be the one that makes it.
    let running: Vec<_> = (0..4)
        .map(|_| suite.start(["run", "--format", "json"]))
        .collect();
    let mut asked = 0;
    let path = suite.path(".funcy/journal.db");
    let is_there = || {
        path.exists() && History::open(&path).is_ok_and(|history| !kept::runs(&history).is_empty())
    };
    while !is_there() {
        pause(Duration::from_millis(5));
    }
    for _ in 0..4 {
        suite.run(["replay"]).exits(0).says_no("panicked");
        suite.run(["audit", "verify"]).exits(0);
        suite.run(["audit", "export", "-o", "archive"]).exits(0);
        suite.run(["audit", "verify", "--file", "archive"]).exits(0);
        suite.run(["run", "quick"]).exits(0);
        asked += 1;
    }
    let printed: Vec<Vec<Event>> = running
        .into_iter()
        .map(|running| kept::printed(&running.ends().exits(0).stdout))
        .collect();
    let history = kept::sound(&path);
    let rows = history.runs(&Query::all(), None, 100).unwrap();
    assert_eq!(rows.len(), 4 + asked);
    for events in &printed {
        let row = rows.iter().find(|row| row.id == events[0].run).unwrap();
        assert_eq!(kept::whole(&history, row), *events);
    }
    for row in &rows {
        kept::whole(&history, row);
        assert!(row.outcome.is_some());
    }
}
