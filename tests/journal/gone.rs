//! Whole runs that are taken away, lists that are edited, ends that are made up: what the audit finds by itself, what
//! it finds against a head that was kept, and what nobody is shown.

use super::suite::{FAILS, PASSES, Suite};
use funcy::event::{Event, Fact, Outcome, RunId, Tally};
use funcy::journal::{Commit, Durability, HashChain, Removal, Sqlite, Store as _};
use rusqlite::Connection;

/// Three runs, the second of which has failed.
fn recorded() -> (Suite, Vec<String>) {
    let suite = Suite::new()
        .file("tasks/good.yaml", PASSES)
        .file("tasks/bad.yaml", FAILS);
    suite.run(["run", "tasks/good.yaml"]).exits(0);
    suite.run(["run", "tasks/bad.yaml"]).exits(1);
    suite.run(["run", "tasks/good.yaml"]).exits(0);
    suite.run(["audit", "verify"]).exits(0).says_no("removed");
    let ids = listed(&suite, "run");
    (suite, ids)
}

/// A member of each run, the oldest first.
fn listed(suite: &Suite, member: &str) -> Vec<String> {
    let rows = suite
        .run(["runs", "--format", "json"])
        .exits(0)
        .json_lines();
    let members = rows
        .iter()
        .map(|row| row[member].as_str().unwrap().to_owned());
    members.rev().collect()
}

fn edit(suite: &Suite, sql: &str) {
    let journal = Connection::open(suite.path(".funcy/journal.db")).unwrap();
    journal.execute_batch(sql).unwrap();
}

/// Deletes a run with all that belongs to it.
fn delete(suite: &Suite, id: &str) {
    edit(
        suite,
        &format!(
            "DELETE FROM run_commit WHERE run = (SELECT number FROM run WHERE id = '{id}');
            DELETE FROM execution WHERE run = (SELECT number FROM run WHERE id = '{id}');
            DELETE FROM run_after WHERE run = (SELECT number FROM run WHERE id = '{id}');
            DELETE FROM run WHERE id = '{id}';"
        ),
    );
}

#[test]
fn a_deleted_run_is_named_by_the_one_after_it() {
    for deleted in 0..2 {
        let (suite, ids) = recorded();
        delete(&suite, &ids[deleted]);
        suite.run(["audit", "verify"]).exits(1).says(&format!(
            "event 1 of run {} follows run {}, which is missing",
            ids[deleted + 1],
            ids[deleted]
        ));
        // Also where the gap between the numbers is hidden.
        edit(
            &suite,
            "INSERT INTO removed (number) SELECT seq FROM sqlite_sequence",
        );
        suite
            .run(["audit", "verify"])
            .exits(1)
            .says("which is missing");
    }
}

#[test]
fn a_deleted_last_run_leaves_a_gap_and_is_missed_by_its_head() {
    let (suite, ids) = recorded();
    let heads = listed(&suite, "head");
    suite
        .run(["audit", "verify", "--head", &heads[2][..16]])
        .exits(0)
        .prints(&format!(
            "none that had ended before run {} is missing",
            ids[2]
        ));
    delete(&suite, &ids[2]);
    suite
        .run(["audit", "verify"])
        .exits(1)
        .says("1 run is missing that `funcy runs prune` has not removed");
    edit(
        &suite,
        "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'run'",
    );
    suite
        .run(["audit", "verify"])
        .exits(1)
        .says("1 run is not named by those");
    edit(&suite, "UPDATE run SET is_named = 0 WHERE number = 2");
    // The journal by itself cannot know any more.
    suite
        .run(["audit", "verify"])
        .exits(0)
        .prints("as far as the journal by itself can tell");
    suite
        .run(["audit", "verify", "--head", &heads[2]])
        .exits(1)
        .says("no run has the head");
}

#[test]
fn an_emptied_log_is_found_against_a_head() {
    let (suite, _) = recorded();
    edit(&suite, "PRAGMA wal_checkpoint(TRUNCATE)");
    suite.run(["run", "tasks/bad.yaml"]).exits(1);
    let heads = listed(&suite, "head");
    suite.shell(": > .funcy/journal.db-wal").exits(0);
    assert_eq!(listed(&suite, "head"), heads[..3], "the run is gone");
    suite
        .run(["audit", "verify", "--head", &heads[3]])
        .exits(1)
        .says("no run has the head");
}

#[test]
fn a_run_that_was_written_anew_is_not_the_one_that_was_named() {
    let (suite, ids) = recorded();
    let path = suite.path(".funcy/journal.db");
    let mut store = Sqlite::create(&path, Durability::Normal).unwrap();
    let id = RunId::from(&*ids[0]);
    store.remove(&[RunId::clone(&id)], Removal::Prune).unwrap();
    let event = |seq, fact| Event {
        run: RunId::clone(&id),
        seq,
        at: 1,
        execution: None,
        frame: funcy::event::ROOT,
        fact,
    };
    let events = [
        event(1, Fact::RunStarted(Box::default())),
        event(2, finished()),
    ];
    let mut attachments = Vec::new();
    let sealed = HashChain::new(RunId::clone(&id)).seal(&events, &mut attachments);
    let commit = Commit {
        sealed: &sealed.unwrap(),
        attachments: &attachments,
        events: &events,
    };
    store.append(&[commit]).unwrap();
    drop(store);
    // In the place of the first, with all traces of that hidden.
    edit(
        &suite,
        "PRAGMA foreign_keys = OFF;
        UPDATE run_commit SET run = 1 WHERE run = 4;
        UPDATE run SET number = 1, is_named = 1 WHERE number = 4;
        DELETE FROM removed;
        UPDATE sqlite_sequence SET seq = 3 WHERE name = 'run';",
    );
    let says = format!(
        "event 1 of run {} follows run {}, which had another head then",
        ids[1], ids[0]
    );
    suite.run(["audit", "verify"]).exits(1).says(&says);
    suite.run(["audit", "export", "-o", "archive"]).exits(0);
    suite
        .run(["audit", "verify", "--file", "archive"])
        .exits(1)
        .says(&says);
}

/// The runs of an archive, each with all of its lines; the last is the line that closes it.
fn parts(suite: &Suite) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in suite.text("archive").split_inclusive('\n') {
        let begins = ["{\"archive\":", "{\"journal\":"];
        if begins.iter().any(|begin| line.starts_with(begin)) {
            parts.push(String::new());
        }
        parts.last_mut().unwrap().push_str(line);
    }
    parts
}

/// An archive by itself proves what the journal would.
#[test]
fn the_runs_of_an_archive_are_checked_against_each_other() {
    let (suite, ids) = recorded();
    suite.run(["audit", "export", "-o", "archive"]).exits(0);
    let heads = listed(&suite, "head");
    let verify = ["audit", "verify", "--file", "archive"];
    let (all, head) = (parts(&suite), &heads[2]);
    assert_eq!(all.len(), 4, "three runs, and a line that closes it");
    suite
        .run(verify.iter().chain(&["--head", head]))
        .exits(0)
        .prints("3 runs with ")
        .prints(&format!(
            "none that had ended before run {} is missing",
            ids[2]
        ));
    suite.run(verify).exits(0).prints("by itself can tell");

    // The latest stand first. Without the line at the end it is not of the whole journal, and a run may not be there.
    for gone in 0..3 {
        let mut left = all.clone();
        left.remove(gone);
        std::fs::write(suite.path("archive"), left.concat()).unwrap();
        suite
            .run(verify)
            .exits(3)
            .says("it had 3 runs, and 2 are here");
        left.pop();
        std::fs::write(suite.path("archive"), left.concat()).unwrap();
        suite
            .run(verify)
            .exits(0)
            .prints("it is not of the whole journal");
    }
    let mut swapped = all.clone();
    swapped.swap(0, 1);
    std::fs::write(suite.path("archive"), swapped.concat()).unwrap();
    suite.run(verify).exits(3).says("its runs are not those");
    std::fs::write(suite.path("archive"), all[1..].concat()).unwrap();
    suite.run(verify.iter().chain(&["--head", head])).exits(3);
    std::fs::write(suite.path("archive"), all[1..3].concat()).unwrap();
    suite
        .run(verify.iter().chain(&["--head", head]))
        .exits(1)
        .says("no run has the head");
    std::fs::write(suite.path("archive"), [&all.concat(), "{}\n"].concat()).unwrap();
    suite.run(verify).exits(3).says("behind its end");

    // One run by itself.
    let one = ["audit", "export", &ids[2], "-o", "archive"];
    suite.run(one).exits(0);
    suite
        .run(verify)
        .exits(0)
        .prints("it is not of the whole journal");

    // What was removed with a record of it is missed by nobody.
    suite.run(["runs", "prune", "--keep-last", "1"]).exits(0);
    suite.run(["audit", "export", "-o", "archive"]).exits(0);
    suite
        .run(verify)
        .exits(0)
        .prints("1 run with ")
        .says("2 runs were removed from the journal before");
    // A run that is gone without one is.
    let (suite, ids) = recorded();
    delete(&suite, &ids[1]);
    suite.run(["audit", "export", "-o", "archive"]).exits(0);
    suite
        .run(verify)
        .exits(1)
        .says(&format!("follows run {}, which is missing", ids[1]));
}

#[test]
fn pruned_runs_are_told_and_missed_by_nobody() {
    let (suite, _) = recorded();
    suite.run(["runs", "prune", "--keep-last", "1"]).exits(0);
    let head = &listed(&suite, "head")[0];
    for args in [
        &["audit", "verify"][..],
        &["audit", "verify", "--head", head],
    ] {
        suite
            .run(args)
            .exits(0)
            .prints("1 run with")
            .says("2 runs were removed by `funcy runs prune`");
    }
    // Another run was in its place: that is not the one that was removed.
    edit(&suite, "UPDATE removed SET head = zeroblob(32)");
    suite
        .run(["audit", "verify"])
        .exits(1)
        .says("had another head then");
}

/// Columns that lists are made of, each with what it says then.
const COLUMNS: [(&str, &str); 12] = [
    ("run SET outcome = 'passed' WHERE number = 2", "its outcome"),
    ("run SET outcome = NULL WHERE number = 2", "its outcome"),
    (
        "run SET tally = '[1,0,0,0,0,0,0,0]' WHERE number = 2",
        "its tasks",
    ),
    ("run SET tasks = 9 WHERE number = 2", "its tasks"),
    ("run SET started = 1 WHERE number = 2", "its start"),
    ("run SET micros = 1 WHERE number = 2", "its length"),
    ("run SET command = '[]' WHERE number = 2", "its command"),
    ("run SET env = 'prod' WHERE number = 2", "its environment"),
    (
        "run SET labels = '{\"a\":\"b\"}' WHERE number = 2",
        "its labels",
    ),
    (
        "execution SET outcome = 'passed' WHERE run = 2",
        "how its tasks ended",
    ),
    (
        "execution SET superseded = 1 WHERE run = 2",
        "how its tasks ended",
    ),
    ("run SET bytes = 1 WHERE number = 2", "its size"),
];

#[test]
fn what_lists_show_follows_from_the_events() {
    let (suite, ids) = recorded();
    let path = suite.path(".funcy/journal.db");
    edit(&suite, "PRAGMA wal_checkpoint(TRUNCATE)");
    let whole = std::fs::read(&path).unwrap();
    for (edited, what) in COLUMNS {
        edit(&suite, &format!("UPDATE {edited}"));
        edit(&suite, "PRAGMA wal_checkpoint(TRUNCATE)");
        suite
            .run(["audit", "verify"])
            .exits(1)
            .says(&format!("of run {}", ids[1]))
            .says(what);
        // How a run has ended is shown as its last event tells it.
        let rows = suite
            .run(["runs", "--format", "json"])
            .exits(0)
            .json_lines();
        assert_eq!(rows[1]["status"], "failed", "{edited}");
        assert_eq!(rows[1]["counts"]["failed"], 1, "{edited}");
        std::fs::write(&path, &whole).unwrap();
    }
    suite.run(["audit", "verify"]).exits(0);
}

#[test]
fn nothing_is_taken_from_a_text_behind_the_end_of_a_run() {
    let (suite, ids) = recorded();
    let rows = suite
        .run(["runs", "--format", "json"])
        .exits(0)
        .json_lines();
    let (id, events) = (&ids[1], rows[1]["events"].as_u64().unwrap());
    let made_up = end(id, events + 1);
    let suite = suite.file(format!(".funcy/journal.db-live/{id}"), &made_up);
    for command in [
        &["runs"][..],
        &["audit", "verify"],
        &["run", "tasks/good.yaml"],
    ] {
        suite.run(command).exits(0);
    }
    let rows = suite
        .run(["runs", "--format", "json"])
        .exits(0)
        .json_lines();
    assert_eq!(rows[2]["status"], "failed");
    assert_eq!(rows[2]["events"], events);
    assert_eq!(suite.text(&format!(".funcy/journal.db-live/{id}")), made_up);
}

#[test]
fn an_interrupted_run_gets_no_end_once_another_has_begun() {
    let suite = Suite::new()
        .file("tasks/good.yaml", PASSES)
        .file("t.yaml", GOES_ON);
    let run = suite.start(["run", "t.yaml", "--format", "json", "--allow-exec=true"]);
    let run = run.until_prints("poll_answered", 3);
    run.signal(rustix::process::Signal::KILL).ends();
    suite.run(["run"]).exits(0);
    let rows = suite
        .run(["runs", "--format", "json"])
        .exits(0)
        .json_lines();
    let (id, events) = (
        rows[1]["run"].as_str().unwrap(),
        rows[1]["events"].as_u64().unwrap(),
    );
    let path = format!(".funcy/journal.db-live/{id}");
    let suite = suite.file(&path, end(id, events + 1));
    suite.run(["run"]).exits(0);
    let rows = suite
        .run(["runs", "--format", "json"])
        .exits(0)
        .json_lines();
    assert_eq!(rows[2]["status"], "interrupted");
    suite.run(["audit", "verify"]).exits(0);
}

/// The end of a run that has passed, as somebody makes it up.
fn end(id: &str, seq: u64) -> String {
    let event = Event {
        run: id.into(),
        seq,
        at: 1,
        execution: None,
        frame: funcy::event::ROOT,
        fact: finished(),
    };
    serde_json::to_string(&event).unwrap() + "\n"
}

fn finished() -> Fact {
    Fact::RunFinished {
        outcome: Outcome::Passed,
        tally: Tally::default(),
        micros: 1,
    }
}

/// A task that goes on for as long as the journal is written.
const GOES_ON: &str = "version: 1
start_state: here
final_state: there
max_global_transition_timeout: 60s
timeout: 60s
states:
  here:
    poll:
      exec: { command: [\"true\"] }
    every: 20ms
    transitions:
      - { to: there, when: res.code == 9 }
  there:
";

#[test]
fn a_journal_that_is_removed_or_replaced_ends_the_run() {
    for script in [
        "rm -r .funcy",
        "rm .funcy/journal.db",
        "mv .funcy away && mkdir .funcy",
        "cp .funcy/journal.db copy && mv copy .funcy/journal.db",
        "rm .funcy/journal.db-wal",
    ] {
        let suite = Suite::new().file("t.yaml", GOES_ON);
        let run = suite.start(["run", "t.yaml", "--format", "json", "--allow-exec=true"]);
        let run = run.until_prints("poll_answered", 1);
        suite.shell(script).exits(0);
        run.ends()
            .exits(3)
            .says("was removed or replaced while it was written");
    }
}

/// As a funcy has written it that knew no runs before a run.
const LAYOUT_1: &str = include_str!("layout_1.sql");

#[test]
fn a_journal_of_the_first_layout_is_read_proved_and_gone_on_with() {
    let suite = Suite::new()
        .folder(".funcy")
        .file("tasks/good.yaml", PASSES);
    edit(&suite, LAYOUT_1);
    suite
        .run(["audit", "verify"])
        .exits(0)
        .prints("2 runs with 13 events: each is what was written");
    let ids = listed(&suite, "run");
    assert_eq!(listed(&suite, "status"), ["failed", "passed"]);
    suite.run(["replay", &ids[0]]).exits(0).prints("1 failed");
    suite
        .run(["report", &ids[1], "--format", "junit"])
        .exits(0)
        .prints("<testcase");
    suite.run(["run"]).exits(0);
    // The new run vouches for the old ones.
    suite.run(["audit", "verify"]).exits(0).prints("3 runs");
    delete(&suite, &ids[0]);
    suite
        .run(["audit", "verify"])
        .exits(1)
        .says(&format!("follows run {}, which is missing", ids[0]));
}

#[test]
fn runs_that_overlap_are_named_by_the_one_that_comes_after_them() {
    let suite = Suite::new()
        .file("tasks/good.yaml", PASSES)
        .file("t.yaml", GOES_ON);
    let run = suite.start(["run", "t.yaml", "--format", "json", "--allow-exec=true"]);
    let run = run.until_prints("poll_answered", 1);
    suite.run(["run"]).exits(0);
    run.signal(rustix::process::Signal::INT).ends().exits(130);
    suite.run(["run"]).exits(0);
    suite.run(["audit", "verify"]).exits(0).prints("3 runs");
    let ids = listed(&suite, "run");
    for deleted in 0..2 {
        delete(&suite, &ids[deleted]);
        suite.run(["audit", "verify"]).exits(1).says(&format!(
            "event 1 of run {} follows run {}, which is missing",
            ids[2], ids[deleted]
        ));
    }
}
