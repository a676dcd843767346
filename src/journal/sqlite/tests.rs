use super::*;
use crate::event::Outcome;
use crate::journal::suite::{self, Sample};

#[test]
fn it_keeps_a_stores_promises() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    suite::holds(|| {
        count += 1;
        let path = folder.path().join(format!("new/{count}/journal.db"));
        Box::new(Sqlite::create(&path, Durability::Normal).unwrap())
    });
}

#[test]
fn several_write_and_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let ids: [[&'static str; 3]; 2] = [["A1", "A2", "A3"], ["B1", "B2", "B3"]];
    std::thread::scope(|scope| {
        for ids in ids {
            let path = &path;
            scope.spawn(move || {
                for durability in [Durability::Full, Durability::Normal] {
                    // Each opens a journal that the other may be making.
                    drop(Sqlite::create(path, durability).unwrap());
                }
                let mut store = Sqlite::create(path, Durability::Normal).unwrap();
                let reader = Sqlite::open(path).unwrap();
                for id in ids {
                    Sample::new(id).whole(&mut store, "pay", Outcome::Passed);
                    assert!(reader.run(id).unwrap().is_some());
                }
            });
        }
    });
    let all = Sqlite::open(&path).unwrap();
    assert_eq!(all.runs(&Query::all(), None, 99).unwrap().len(), 6);
}

/// Whether a name is common decides on how its runs are looked for, not on which are found.
#[test]
fn common_and_rare_names_are_found_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut store = Sqlite::create(&path, Durability::Normal).unwrap();
    for (id, task, outcome) in [
        ("A1", "pay", Outcome::Passed),
        ("A2", "ship", Outcome::Failed),
        ("A3", "pay", Outcome::Failed),
        ("A4", "pay", Outcome::Passed),
    ] {
        Sample::new(id).whole(&mut store, task, outcome);
    }
    let find = |text: &str, many| -> Vec<String> {
        let query: Query = text.parse().unwrap();
        let rows = read::runs_where(&store.connection, &query, None, 9, many).unwrap();
        rows.into_iter().map(|row| row.id.to_string()).collect()
    };
    for (text, wanted) in [
        ("task:pay", &["A4", "A3", "A1"][..]),
        ("task:p* status:passed", &["A4", "A1"]),
        ("file:*ship* status:passed", &[]),
        ("file:tasks/* task:ship", &["A2"]),
        ("task:nobody", &[]),
    ] {
        assert_eq!(find(text, usize::MAX >> 1), wanted, "{text}");
        assert_eq!(find(text, 0), wanted, "{text}");
    }
}

fn refused(bytes: &[u8]) -> (JournalError, bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    std::fs::write(&path, bytes).unwrap();
    let error = Sqlite::create(&path, Durability::Normal).unwrap_err();
    assert!(Sqlite::open(&path).is_err());
    (error, std::fs::read(&path).unwrap() == bytes)
}

#[test]
fn what_is_no_journal_is_named_and_not_touched() {
    let (error, untouched) = refused(&b"this is no database at all ".repeat(100));
    assert!(matches!(error, JournalError::Corrupt { .. }), "{error}");
    assert!(untouched);
}

#[test]
fn another_programs_database_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(other);
    let (error, untouched) = refused(&std::fs::read(&path).unwrap());
    assert!(error.to_string().contains("another program"), "{error}");
    assert!(untouched);
}

#[test]
fn a_newer_journal_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    drop(Sqlite::create(&path, Durability::Normal).unwrap());
    let newer = Connection::open(&path).unwrap();
    newer
        .execute_batch("PRAGMA journal_mode = DELETE; PRAGMA user_version = 99;")
        .unwrap();
    drop(newer);
    let (error, untouched) = refused(&std::fs::read(&path).unwrap());
    assert!(
        matches!(error, JournalError::Newer { found: 99, .. }),
        "{error}"
    );
    assert!(untouched);
}

#[test]
fn a_journal_that_is_not_there_is_not_made_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    assert!(matches!(
        Sqlite::open(&path),
        Err(JournalError::Absent { .. })
    ));
    assert!(!path.exists());
}
