//! What a suite's `journal: {keep, max}` removes when a run has ended, and what it never does.

use super::suite::{PASSES, Suite, WAITS};
use rustix::process::Signal;

const KEEPS_NONE: &str = "version: 1\njournal: { keep: 1us }\n";

/// A task that leaves about 300 kB of events, which no compression makes much smaller.
fn large() -> String {
    let mut text = PASSES.to_owned();
    for _ in 0..60 {
        let words: String = (0..5000).map(|_| fastrand::alphanumeric()).collect();
        text.push_str(&format!("      - log: {words}\n"));
    }
    text
}

/// The runs that are there, the latest first.
fn runs(suite: &Suite) -> Vec<String> {
    let rows = suite.run(["runs", "--format", "json"]).json_lines();
    rows.iter()
        .map(|row| row["run"].as_str().unwrap().to_owned())
        .collect()
}

fn size(suite: &Suite) -> u64 {
    std::fs::metadata(suite.path(".funcy/journal.db"))
        .unwrap()
        .len()
}

#[test]
fn old_runs_go_and_the_audit_tells_how_many() {
    let suite = Suite::new().file("tasks/t.yaml", PASSES);
    for _ in 0..3 {
        suite.run(["run"]).exits(0).says_no("journal:");
    }
    // Without a rule, or within it, all of them stay.
    let suite = suite.file(
        "tasks/funcy.yaml",
        "version: 1\njournal: { keep: 30d, max: 1GB }\n",
    );
    suite.run(["run"]).exits(0).says_no("journal:");
    assert_eq!(runs(&suite).len(), 4);
    let suite = suite.file("tasks/funcy.yaml", KEEPS_NONE);
    suite
        .run(["run"])
        .exits(0)
        .says("journal: 4 runs older than 1µs removed, ")
        .says(" before, ");
    let left = runs(&suite);
    assert_eq!(left.len(), 1, "the run that has just ended stays");
    suite.run(["runs", "prune", "--keep-last", "1"]).exits(4);
    let head = suite.run(["runs", "--format", "json"]).json_lines()[0]["head"].clone();
    for args in [
        &["audit", "verify"][..],
        &["audit", "verify", "--head", head.as_str().unwrap()],
    ] {
        suite
            .run(args)
            .exits(0)
            .prints("1 run with ")
            .says("4 runs were removed by a suite's `journal: {keep, max}`")
            .says_no("prune");
    }
    suite.run(["run"]).exits(0).says("journal: 1 run older");
    assert_ne!(runs(&suite), left);
}

#[test]
fn the_oldest_go_until_there_is_room() {
    let suite = Suite::new()
        .file("tasks/t.yaml", large())
        .file("tasks/funcy.yaml", "version: 1\njournal: { max: 2MB }\n");
    let mut told = 0;
    for _ in 0..12 {
        let ran = suite.run(["run"]).exits(0);
        told += usize::from(ran.stderr.contains("removed to stay below 2.0 MB"));
        assert!(size(&suite) <= 2_000_000, "{} bytes: {ran}", size(&suite));
    }
    let left = runs(&suite);
    assert!((2..9).contains(&left.len()), "{left:?}");
    assert!((1..9).contains(&told), "not every run makes room: {told}");
    suite.run(["audit", "verify"]).exits(0);
    // What is left is whole.
    suite.run(["show", "latest"]).exits(0);
    suite.run(["replay", left.last().unwrap()]).exits(0);

    let suite = suite.file("tasks/funcy.yaml", "version: 1\njournal: { max: 10kB }\n");
    suite
        .run(["run"])
        .exits(0)
        .says("removed to stay below 10.0 kB")
        .says("more than `max: 10.0 kB` of the suite")
        .says("raise `max`");
    assert_eq!(runs(&suite).len(), 1);
}

#[test]
fn a_run_under_way_stays() {
    let suite = Suite::new()
        .file("tasks/t.yaml", PASSES)
        .file("tasks/w.yaml", WAITS)
        .file("tasks/funcy.yaml", KEEPS_NONE);
    let waiting = suite
        .start(["run", "tasks/w.yaml", "--format", "json"])
        .until_says("wait_started");
    suite.run(["run", "tasks/t.yaml"]).exits(0);
    suite
        .run(["run", "tasks/t.yaml"])
        .exits(0)
        .says("1 run older");
    assert_eq!(runs(&suite).len(), 2);
    suite.run(["runs", "--live"]).exits(0).prints("running");
    waiting.signal(Signal::INT).ends().exits(130);
    suite.run(["audit", "verify"]).exits(0);
    // It has ended now: it is the oldest.
    suite.run(["run", "tasks/t.yaml"]).exits(0);
    assert_eq!(runs(&suite).len(), 1);
}

/// What cleaned up after it names it, and would tell of a run that nobody can look at.
#[test]
fn an_interrupted_run_stays_as_long_as_the_one_that_cleaned_up_after_it() {
    let suite = Suite::new()
        .file("tasks/t.yaml", PASSES)
        .file("tasks/w.yaml", WAITS);
    suite
        .start(["run", "tasks/w.yaml", "--format", "json"])
        .until_says("wait_started")
        .signal(Signal::KILL)
        .ends();
    let suite = suite.file("tasks/funcy.yaml", KEEPS_NONE);
    suite
        .run(["run", "--resume", "latest"])
        .exits(0)
        .says_no("journal:");
    assert_eq!(runs(&suite).len(), 2, "both stay");
    suite.run(["run", "tasks/t.yaml"]).exits(0);
    suite.run(["run", "tasks/t.yaml"]).exits(0);
    assert_eq!(runs(&suite).len(), 1, "and both go");
    suite.run(["audit", "verify"]).exits(0);
}

#[test]
fn nothing_goes_that_one_of_the_suites_keeps() {
    let suite = Suite::new()
        .file("a/t.yaml", PASSES)
        .file("a/funcy.yaml", KEEPS_NONE)
        .file("b/t.yaml", PASSES)
        .file("b/funcy.yaml", "version: 1\n");
    for _ in 0..3 {
        suite.run(["run", "a", "b"]).exits(0).says_no("journal:");
    }
    assert_eq!(runs(&suite).len(), 3);
    suite.run(["run", "a"]).exits(0).says("3 runs older");
}

#[test]
fn a_journal_that_is_locked_fails_no_run() {
    let suite = Suite::new()
        .file("tasks/t.yaml", PASSES)
        .file("tasks/funcy.yaml", KEEPS_NONE);
    suite.run(["run"]).exits(0);
    // Whoever reads an old state keeps the file from being made smaller, but nothing from being removed.
    let journal = rusqlite::Connection::open(suite.path(".funcy/journal.db")).unwrap();
    journal
        .execute_batch("BEGIN; SELECT count(*) FROM run;")
        .unwrap();
    suite.run(["run"]).exits(0).says("1 run older");
    journal.execute_batch("COMMIT").unwrap();
    suite.run(["audit", "verify"]).exits(0);
}

/// Without a rule, one line tells of a journal that has grown large.
#[test]
fn a_large_journal_is_told_of() {
    let suite = Suite::new().file("tasks/t.yaml", PASSES);
    suite.run(["run"]).exits(0).says_no("journal:");
    // A hole that takes no room on the disk.
    let file = std::fs::File::options()
        .write(true)
        .open(suite.path(".funcy/journal.db"))
        .unwrap();
    file.set_len(1_200_000_000).unwrap();
    let ran = suite
        .run(["run"])
        .exits(0)
        .says("journal: .funcy/journal.db takes 1.2 GB: ");
    assert_eq!(
        ran.stderr.matches("journal:").count(),
        2,
        "the line and its example: {ran}"
    );
}
