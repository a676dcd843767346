//! Events that a run has noted before it could store them: how they are written, and how the journal gets them
//! after a crash.

use super::{Commit, HashChain, JournalError, Store};
use crate::event::{Event, Fact, RunId};

/// Events as lines.
pub(super) fn lines(events: &[Event]) -> serde_json::Result<Vec<u8>> {
    let mut lines = Vec::with_capacity(events.len() * 256);
    for event in events {
        serde_json::to_writer(&mut lines, event)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Stores what a dead run has noted, as far as it is not stored. True: the journal holds all of it.
pub(super) fn store(store: &mut dyn Store, run: &str, lines: &[u8]) -> bool {
    match try_store(store, run, lines) {
        Ok(()) => true,
        Err(error) => {
            // It stays where it is; the next who opens the journal tries again.
            tracing::warn!(run, %error, "the end of a run cannot be stored");
            false
        }
    }
}

fn try_store(store: &mut dyn Store, run: &str, lines: &[u8]) -> Result<(), JournalError> {
    let id = RunId::from(run);
    let row = store.run(run)?;
    let has_ended = row.as_ref().is_some_and(|row| row.outcome.is_some());
    let mut chain = match row {
        Some(row) => {
            let head = blake3::Hash::from_hex(&row.head)
                .map_err(|error| JournalError::Store(error.to_string()))?;
            HashChain::behind(RunId::clone(&id), row.events, *head.as_bytes())
        }
        None => HashChain::new(RunId::clone(&id)),
    };
    let mut events = Vec::new();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        // The last line may be half written: nobody was told of that event.
        let Ok(event) = serde_json::from_slice::<Event>(line) else {
            break;
        };
        // The process may have died between storing and clearing.
        if event.seq >= chain.next() {
            events.push(event);
        }
    }
    let follows = events
        .iter()
        .zip(chain.next()..)
        .all(|(event, seq)| event.seq == seq && *event.run == *run);
    if events.is_empty() || !follows {
        return Ok(());
    }
    let end = events
        .iter()
        .position(|event| matches!(event.fact, Fact::RunFinished { .. }));
    if has_ended || end.is_some_and(|end| end + 1 < events.len()) {
        // No run notes anything behind its end.
        return Err(JournalError::Ended { run: id });
    }
    let mut attachments = Vec::new();
    let sealed = (chain.seal(&events, &mut attachments))
        .map_err(|error| JournalError::Store(error.to_string()))?;
    store.append(&[Commit {
        sealed: &sealed,
        attachments: &attachments,
        events: &events,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Json, ValueTypes};
    use crate::journal::{Durability, History, Journal, LIMIT};
    use std::ops::ControlFlow;

    fn events(run: &RunId, numbers: std::ops::RangeInclusive<u64>) -> Vec<Event> {
        let fact = |seq| match seq {
            1 => Fact::RunStarted(Box::default()),
            // Every third has a body that stands beside its event.
            _ => Fact::VariableSaved {
                name: "text".into(),
                value: Json::from("x".repeat(if seq % 3 == 0 { LIMIT + 1 } else { 3 })),
                types: ValueTypes::default(),
                undone: false,
            },
        };
        let event = |seq| Event {
            run: RunId::clone(run),
            seq,
            at: 0,
            execution: None,
            frame: crate::event::ROOT,
            fact: fact(seq),
        };
        numbers.map(event).collect()
    }

    /// Stored and noted in turns, and then the process ends.
    #[tokio::test]
    async fn what_was_noted_last_is_in_the_journal_when_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let run = RunId::from("R1");
        let journal = Journal::open(&path, Durability::Normal).unwrap();
        let mut recorder = journal.recorder(&run).unwrap();
        let note = |recorder: &mut crate::journal::Recorder, events: Vec<Event>| {
            assert!(recorder.note(&events));
            recorder.keep(events);
        };
        assert!(!recorder.note(&events(&run, 1..=2)), "the first is stored");
        let (_, result) = recorder.write(events(&run, 1..=2)).await;
        assert!(result.is_ok());
        note(&mut recorder, events(&run, 3..=4));
        note(&mut recorder, events(&run, 5..=6));
        let (back, result) = recorder.write(events(&run, 7..=9)).await;
        assert!(result.is_ok());
        assert_eq!(back, events(&run, 7..=9), "what was noted was told before");
        assert!(!recorder.has_noted());
        note(&mut recorder, events(&run, 10..=12));
        drop((recorder, journal));

        for _ in 0..2 {
            let history = History::open(&path).unwrap();
            let mut found = Vec::new();
            let keep = |event| {
                found.push(event);
                ControlFlow::Continue(())
            };
            history.events(&run, 1, keep).unwrap();
            assert_eq!(found, events(&run, 1..=12));
            let row = history.find("R1").unwrap();
            assert_eq!(row.events, 12);
            history.verify(&row, None).unwrap();
        }
    }

    #[test]
    fn half_a_line_and_what_is_stored_already_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut sqlite = crate::journal::Sqlite::create(&path, Durability::Normal).unwrap();
        let run = RunId::from("R1");
        let mut written = lines(&events(&run, 1..=5)).unwrap();
        written.truncate(written.len() - 3);
        assert!(store(&mut sqlite, "R1", &written));
        assert_eq!(sqlite.run("R1").unwrap().unwrap().events, 4);
        assert!(store(
            &mut sqlite,
            "R1",
            &lines(&events(&run, 2..=7)).unwrap()
        ));
        assert_eq!(sqlite.run("R1").unwrap().unwrap().events, 7);
        // What does not follow is nothing that this run has noted.
        assert!(store(
            &mut sqlite,
            "R1",
            &lines(&events(&run, 9..=9)).unwrap()
        ));
        assert_eq!(sqlite.run("R1").unwrap().unwrap().events, 7);
    }

    #[tokio::test]
    async fn a_journal_that_survives_a_loss_of_power_notes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let journal = Journal::open(&path, Durability::Full).unwrap();
        let mut recorder = journal.recorder(&"R1".into()).unwrap();
        assert!(!recorder.note(&events(&"R1".into(), 1..=1)));
    }
}
