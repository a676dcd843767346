//! Recorded events that somebody edits, removes, swaps or cuts off: the audit finds each, and names the first.

use super::kept;
use super::suite::{PASSES, Ran, Suite};
use funcy::event::Event;
use funcy::journal::{History, JournalError, archive};
use rusqlite::{Connection, params};
use std::path::Path;

/// A run of several commits: with this durability each request that is not safe waits for one.
const TASK: &str = "version: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - exec: { command: [echo, one] }
      - exec: { command: [echo, two] }
      - exec: { command: [echo, three] }
      - log: all is well
";

fn recorded() -> (Suite, Vec<Event>) {
    let suite = Suite::new().file("tasks/t.yaml", TASK);
    let ran = suite
        .run([
            "run",
            "--format",
            "json",
            "--allow-exec=echo",
            "--durability=full",
        ])
        .exits(0);
    let events = kept::printed(&ran.stdout);
    suite
        .run(["audit", "verify"])
        .exits(0)
        .prints("each is what was written");
    (suite, events)
}

fn journal(suite: &Suite) -> Connection {
    Connection::open(suite.path(".funcy/journal.db")).unwrap()
}

/// The commits: number, first and last event, lines.
fn commits(journal: &Connection) -> Vec<(i64, u64, u64, Vec<u8>)> {
    let mut found = journal
        .prepare("SELECT number, first, last, lines FROM run_commit ORDER BY first")
        .unwrap();
    let rows = found.query_map([], |row| {
        Ok((
            row.get(0)?,
            row.get::<_, i64>(1)? as u64,
            row.get::<_, i64>(2)? as u64,
            unpacked(row.get(3)?),
        ))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Lines as they were before they were compressed. They may be stored as they are as well.
pub(crate) fn unpacked(stored: Vec<u8>) -> Vec<u8> {
    if stored.starts_with(b"{") {
        return stored;
    }
    zstd::decode_all(&stored[..]).unwrap()
}

fn set_lines(journal: &Connection, number: i64, lines: &[u8]) {
    journal
        .execute(
            "UPDATE run_commit SET lines = ?2 WHERE number = ?1",
            params![number, lines],
        )
        .unwrap();
}

fn split(lines: &[u8]) -> Vec<Vec<u8>> {
    lines
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// The audit says this of this event, in the journal and in an archive of it.
#[track_caller]
fn found(suite: &Suite, seq: u64, what: &str) {
    let says = |ran: Ran| {
        ran.exits(1)
            .says(&format!("event {seq} of run "))
            .says(what)
    };
    says(suite.run(["audit", "verify"]));
    suite.run(["audit", "export", "-o", "archive"]).exits(0);
    says(suite.run(["audit", "verify", "--file", "archive"]));
}

#[test]
fn an_edited_event_is_named() {
    let (suite, events) = recorded();
    let journal = journal(&suite);
    let (number, first, _, lines) = commits(&journal).pop().unwrap();
    let mut lines = split(&lines);
    let index = lines.len() / 2;
    let text = String::from_utf8(lines[index].clone()).unwrap();
    // The run is as long as before, and the line still an event.
    let edited = text.replacen("\"at\":1", "\"at\":2", 1);
    assert_ne!(text, edited);
    lines[index] = edited.into_bytes();
    set_lines(&journal, number, &lines.concat());
    let seq = first + index as u64;
    assert!(seq <= events.len() as u64);
    found(&suite, seq, "was altered");
}

#[test]
fn a_removed_event_is_named() {
    let (suite, _) = recorded();
    let journal = journal(&suite);
    let longest = |all: Vec<_>| {
        all.into_iter()
            .max_by_key(|(.., lines): &(_, _, _, Vec<u8>)| lines.len())
    };
    let (number, first, last, lines) = longest(commits(&journal)).unwrap();
    assert!(last > first + 1);
    let mut lines = split(&lines);
    lines.remove(1);
    set_lines(&journal, number, &lines.concat());
    found(
        &suite,
        first + 1,
        &format!("is missing: event {} stands in its place", first + 2),
    );
}

#[test]
fn swapped_events_and_commits_are_named() {
    let (suite, _) = recorded();
    let journal = journal(&suite);
    let all = commits(&journal);
    assert!(all.len() >= 4, "{} commits", all.len());
    let several = all.iter().rev().find(|(.., lines)| split(lines).len() > 1);
    let (number, first, _, lines) = several.unwrap();
    let mut swapped = split(lines);
    swapped.swap(0, 1);
    set_lines(&journal, *number, &swapped.concat());
    found(
        &suite,
        *first,
        &format!("is missing: event {} stands in its place", first + 1),
    );
    set_lines(&journal, *number, lines);
    suite.run(["audit", "verify"]).exits(0);

    let [one, other] = [&all[1], &all[2]];
    set_lines(&journal, one.0, &other.3);
    set_lines(&journal, other.0, &one.3);
    found(&suite, one.1, "is missing");
}

#[test]
fn a_cut_end_is_found_and_against_the_head_even_with_the_count_edited() {
    let (suite, _) = recorded();
    let journal = journal(&suite);
    let head: Vec<u8> = journal
        .query_row("SELECT head FROM run", [], |row| row.get(0))
        .unwrap();
    let head: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
    suite
        .run(["audit", "verify", "latest", "--head", &head])
        .exits(0);
    let (number, first, ..) = commits(&journal).pop().unwrap();
    journal
        .execute("DELETE FROM run_commit WHERE number = ?1", [number])
        .unwrap();
    found(&suite, first, "is missing");

    journal
        .execute(
            "UPDATE run SET events = ?1, head = (SELECT head FROM run_commit ORDER BY first DESC LIMIT 1)",
            [first as i64 - 1],
        )
        .unwrap();
    // What lists show tells of the end that is gone.
    suite
        .run(["audit", "verify"])
        .exits(1)
        .says("does not follow from its events");
    let bytes: usize = commits(&journal).iter().map(|commit| commit.3.len()).sum();
    journal
        .execute_batch(&format!(
            "UPDATE run SET outcome = NULL, micros = 0, tally = '[0,0,0,0,0,0,0,0]', bytes = {bytes};
            UPDATE execution SET outcome = NULL, micros = 0, state = NULL;"
        ))
        .unwrap();
    // The journal by itself cannot know any more.
    suite
        .run(["audit", "verify"])
        .exits(0)
        .prints("as far as the journal by itself can tell");
    suite
        .run(["audit", "verify", "latest", "--head", &head])
        .exits(1)
        .says(&format!("event {} of run ", first - 1))
        .says("not ")
        .says(&head);
    suite
        .run(["audit", "verify", "--head", &head])
        .exits(1)
        .says(&format!("no run has the head {head}"));
}

#[test]
fn an_archive_is_proved_by_itself() {
    let (suite, events) = recorded();
    suite.run(["audit", "export", "-o", "archive"]).exits(0);
    suite
        .run(["audit", "verify", "--file", "archive"])
        .exits(0)
        .prints(&format!("1 run with {} events", events.len()));
    let text = suite.text("archive");
    std::fs::write(
        suite.path("archive"),
        text.replacen("all is well", "all is ill!", 1),
    )
    .unwrap();
    suite
        .run(["audit", "verify", "--file", "archive"])
        .exits(1)
        .says("was altered");
    suite
        .run(["audit", "verify", "--file", "tasks/t.yaml"])
        .exits(3)
        .says("no archive");
}

/// Edits of a single bit.
const BITS: u32 = 300;

#[test]
fn every_edit_of_a_single_bit_is_found() {
    let (suite, _) = recorded();
    let path = suite.path(".funcy/journal.db");
    let journal = journal(&suite);
    let all = commits(&journal);
    let seed = std::env::var("FUNCY_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("FUNCY_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    for _ in 0..BITS {
        let (number, first, last, lines) = &all[chance.usize(..all.len())];
        let (byte, bit) = (chance.usize(..lines.len()), chance.u8(..8));
        let mut edited = lines.clone();
        edited[byte] ^= 1 << bit;
        set_lines(&journal, *number, &edited);
        let seq =
            broken(&path).unwrap_or_else(|| panic!("bit {bit} of byte {byte} of commit {number}"));
        assert!(
            (*first..=last + 1).contains(&seq),
            "{seq} is not in {first} to {last}"
        );
        set_lines(&journal, *number, lines);
    }
    assert_eq!(broken(&path), None);
    let history = History::open(&path).unwrap();
    let mut whole = Vec::new();
    archive::write(&history, &history.find("latest").unwrap(), &mut whole).unwrap();
    for _ in 0..BITS {
        let (byte, bit) = (chance.usize(..whole.len()), chance.u8(..8));
        whole[byte] ^= 1 << bit;
        let checked = archive::verify(&whole[..], None);
        assert!(
            checked.is_err() || checked.is_ok_and(|checked| !checked.broken.is_empty()),
            "bit {bit} of byte {byte} of the archive: {:?}",
            String::from_utf8_lossy(&whole[byte.saturating_sub(40)..whole.len().min(byte + 40)])
        );
        whole[byte] ^= 1 << bit;
    }
}

/// Bytes of the file that are replaced: the short form; `FUNCY_KILLS` widens it.
const BYTES: u32 = 60;

/// Whatever byte of the database is another one: the audit says so, or nothing that is shown has changed.
#[test]
fn a_byte_of_the_file_that_is_replaced_is_found_or_is_no_part_of_a_run() {
    let (suite, _) = recorded();
    suite.run(["run", "--allow-exec=echo"]).exits(0);
    suite.run(["runs", "prune", "--keep-last", "1"]).exits(0);
    suite.run(["run", "--allow-exec=echo"]).exits(0);
    journal(&suite)
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let shown = |suite: &Suite| -> String {
        let shown = [
            &["runs", "--format", "json"][..],
            &["show", "latest", "--format", "json"],
            &["audit", "export"],
        ];
        let all = shown.map(|args| suite.run(args).exits(0).stdout);
        all.concat()
    };
    let whole = shown(&suite);
    let path = suite.path(".funcy/journal.db");
    let bytes = std::fs::read(&path).unwrap();
    let seed = std::env::var("FUNCY_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("FUNCY_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut found = 0;
    for _ in 0..super::long_form().map_or(BYTES, |kills| kills * 10) {
        let (at, by) = (chance.usize(..bytes.len()), chance.u8(1..));
        let mut edited = bytes.clone();
        edited[at] ^= by;
        std::fs::write(&path, edited).unwrap();
        let ran = suite.run(["audit", "verify"]);
        match ran.status.code() {
            Some(0) => assert_eq!(shown(&suite), whole, "byte {at} ^ {by}\n{ran}"),
            Some(1..=3) => found += 1,
            _ => panic!("byte {at} ^ {by}\n{ran}"),
        }
    }
    std::fs::write(&path, bytes).unwrap();
    suite.run(["audit", "verify"]).exits(0);
    println!("{found} were found");
    assert!(found > 0, "none was found");
}

/// The first event that does not fit.
fn broken(path: &Path) -> Option<u64> {
    let history = History::open(path).unwrap();
    match history.verify(&history.find("latest").unwrap(), None) {
        Ok(_) => None,
        Err(JournalError::Broken(broken)) => Some(broken.seq),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_run_that_is_not_edited_stays_proved() {
    let (suite, _) = recorded();
    let journal = journal(&suite);
    let (number, ..) = commits(&journal)[0];
    set_lines(&journal, number, b"{}\n");
    let suite = suite.file("tasks/t.yaml", PASSES);
    suite.run(["run"]).exits(0);
    suite.run(["audit", "verify", "latest"]).exits(0);
    suite
        .run(["audit", "verify"])
        .exits(1)
        .says("event 1 of run ")
        .says("1 of 2 runs");
}
