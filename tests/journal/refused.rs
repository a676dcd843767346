//! What is no journal, or none that this funcy may touch: it is named, with what to do, and stays as it is.

use super::suite::{PASSES, Suite};
use rusqlite::Connection;
use std::path::Path;

fn suite() -> Suite {
    Suite::new().file("tasks/t.yaml", PASSES)
}

/// Every command that opens a journal says this of it.
#[track_caller]
fn refused(suite: &Suite, journal: &str, says: &str, help: &str) {
    for command in [
        &["run"][..],
        &["replay"],
        &["report"],
        &["audit", "verify"],
        &["audit", "export"],
    ] {
        suite
            .run([command, &["--journal", journal]].concat())
            .exits(3)
            .prints_nothing()
            .says(journal)
            .says(says)
            .says(help)
            .says_no("panicked");
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                std::fs::read(entry.path()).unwrap(),
            )
        })
        // The index of the log: made anew by whoever opens it first, and no part of what is kept.
        .filter(|(name, _)| !name.ends_with("-shm"))
        .collect();
    files.sort();
    files
}

#[test]
fn a_newer_journal_is_named_and_not_touched() {
    let suite = suite();
    suite.run(["run", "--journal", "made/journal.db"]).exits(0);
    let newer = Connection::open(suite.path("made/journal.db")).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    // With its log, as a newer funcy leaves it that was killed.
    let suite = suite.folder("kept");
    for name in ["journal.db", "journal.db-wal"] {
        std::fs::copy(suite.path("made").join(name), suite.path("kept").join(name)).unwrap();
    }
    drop(newer);
    let before = files(&suite.path("kept"));
    assert!(before[1].1.len() > 32, "the log holds the change");
    refused(
        &suite,
        "kept/journal.db",
        "was written by a newer funcy",
        "--journal FILE",
    );
    assert!(files(&suite.path("kept")) == before);
}

#[test]
fn what_is_no_journal_is_named_and_not_touched() {
    let suite = suite()
        .file("kept/journal.db", "this is no database at all ".repeat(500))
        .folder("theirs");
    let before = files(&suite.path("kept"));
    refused(
        &suite,
        "kept/journal.db",
        "is no journal of funcy's",
        "move it away",
    );
    assert!(files(&suite.path("kept")) == before);

    let theirs = Connection::open(suite.path("theirs/data.db")).unwrap();
    theirs.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(theirs);
    let before = files(&suite.path("theirs"));
    refused(
        &suite,
        "theirs/data.db",
        "another program's database",
        "move it away",
    );
    assert!(files(&suite.path("theirs")) == before);
}

#[test]
fn a_damaged_journal_is_named() {
    let suite = suite();
    suite.run(["run", "--journal", "kept/journal.db"]).exits(0);
    // The last connection to it moves the log into it.
    let database = Connection::open(suite.path("kept/journal.db")).unwrap();
    database
        .pragma_query(None, "user_version", |_| Ok(()))
        .unwrap();
    drop(database);
    let mut bytes = std::fs::read(suite.path("kept/journal.db")).unwrap();
    // Its head is as it was, so that only a look into it shows.
    bytes[4096..].fill(0xa5);
    std::fs::write(suite.path("kept/journal.db"), bytes).unwrap();
    for command in [&["replay"][..], &["report"], &["audit", "verify"], &["run"]] {
        suite
            .run([command, &["--journal", "kept/journal.db"]].concat())
            .exits(3)
            .says("kept/journal.db")
            .says("is damaged")
            .says("move it away")
            .says_no("panicked");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let suite = suite();
    suite
        .run(["run", "--journal", "tasks/t.yaml/journal.db"])
        .exits(3)
        .prints_nothing()
        .says("tasks/t.yaml/journal.db cannot be opened")
        .says("--journal none");
    suite
        .run(["run", "--journal", "tasks"])
        .exits(3)
        .prints_nothing()
        .says("tasks cannot be opened")
        .says("--journal none");
    assert_eq!(suite.text("tasks/t.yaml"), PASSES);
}

#[test]
fn without_a_journal_the_summary_says_so() {
    let suite = suite();
    suite
        .run(["run", "--journal", "none"])
        .exits(0)
        .prints("no journal was kept");
    assert!(!suite.path(".funcy").exists() && !suite.path("none").exists());
    suite
        .run(["audit", "verify"])
        .exits(2)
        .says("there is no journal at .funcy/journal.db");
}
