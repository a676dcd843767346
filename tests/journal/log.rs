//! A write-ahead log that was cut, as a power cut leaves it: what is there is whole.

use super::kept;
use funcy::event::{Event, Fact, Outcome, Tally, ValueTypes};
use funcy::journal::{Commit, Durability, HashChain, Sqlite, Store};
use std::path::Path;

/// What a disk writes at once.
const SECTOR: usize = 512;

fn event(seq: u64, fact: Fact) -> Event {
    Event {
        run: "R1".into(),
        seq,
        at: 1_700_000_000_000_000,
        execution: None,
        frame: funcy::event::ROOT,
        fact,
    }
}

fn saved(seq: u64, length: usize) -> Event {
    let value = "x".repeat(length).into();
    event(
        seq,
        Fact::VariableSaved {
            name: "body".into(),
            value,
            types: ValueTypes::default(),
            undone: false,
        },
    )
}

/// A run of five commits, one of them with a body that stands beside it; the last numbers of the commits.
fn write(store: &mut Sqlite) -> Vec<u64> {
    let tally = Tally::default();
    let commits = [
        vec![event(1, Fact::RunStarted(Box::default()))],
        (2..40).map(|seq| saved(seq, 300)).collect(),
        vec![saved(40, 70_000)],
        (41..60).map(|seq| saved(seq, 30)).collect(),
        vec![event(
            60,
            Fact::RunFinished {
                outcome: Outcome::Passed,
                tally,
                micros: 1,
            },
        )],
    ];
    let mut chain = HashChain::new("R1".into());
    for events in &commits {
        let mut attachments = Vec::new();
        let sealed = chain.seal(events, &mut attachments).unwrap();
        let commit = Commit {
            sealed: &sealed,
            attachments: &attachments,
            events,
        };
        store.append(&[commit]).unwrap();
    }
    let ends = commits.iter().map(|events| events.last().unwrap().seq);
    std::iter::once(0).chain(ends).collect()
}

/// How many events a journal with this log holds.
fn opened(folder: &Path, database: &[u8], log: &[u8]) -> u64 {
    let path = folder.join("journal.db");
    for left in ["journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(folder.join(left));
    }
    std::fs::write(&path, database).unwrap();
    std::fs::write(folder.join("journal.db-wal"), log).unwrap();
    let history = kept::sound(&path);
    let rows = kept::runs(&history);
    assert!(rows.len() <= 1);
    rows.first()
        .map_or(0, |row| kept::whole(&history, row).len() as u64)
}

#[test]
fn cut_at_every_sector_the_log_holds_whole_commits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    let mut store = Sqlite::create(&path, Durability::Normal).unwrap();
    let ends = write(&mut store);
    // As long as the store is open nothing moves the log into the database.
    let database = std::fs::read(&path).unwrap();
    let log = std::fs::read(folder.path().join("whole.db-wal")).unwrap();
    drop(store);
    let mut last = 0;
    let mut seen = vec![0];
    for cut in (0..log.len()).step_by(SECTOR).chain([log.len()]) {
        let held = opened(folder.path(), &database, &log[..cut]);
        assert!(
            ends.contains(&held),
            "cut at {cut}: half a commit, up to event {held}"
        );
        assert!(
            held >= last,
            "cut at {cut}: {held} events, though fewer bytes had {last}"
        );
        last = held;
        if seen.last() != Some(&held) {
            seen.push(held);
        }
    }
    assert_eq!(seen, ends, "each commit was the last at some cut");
}

#[test]
fn a_sector_that_was_not_written_ends_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.db");
    let mut store = Sqlite::create(&path, Durability::Normal).unwrap();
    let ends = write(&mut store);
    let database = std::fs::read(&path).unwrap();
    let log = std::fs::read(folder.path().join("whole.db-wal")).unwrap();
    drop(store);
    // Its neighbours are there: disks do not keep to the order.
    let sectors = log.len() / SECTOR;
    let mut held = Vec::new();
    for sector in (0..sectors).step_by(7) {
        let mut torn = log.clone();
        torn[sector * SECTOR..(sector + 1) * SECTOR].fill(0xa5);
        let events = opened(folder.path(), &database, &torn);
        assert!(
            ends.contains(&events),
            "without sector {sector}: event {events}"
        );
        held.push(events);
    }
    assert!(held.iter().all(|events| *events < 60), "{held:?}");
}
