//! What the journal takes: events a second, in groups of 1000, as the engine gives them to it.
//!
//!     cargo bench --bench journal_write

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use funcy::event::{Attempted, Event, Fact, Location, Pos, Reply, Span};
use funcy::journal::{Durability, Journal};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

const EVENTS: u64 = 300_000;
const GROUP: u64 = 1000;

/// The end of a request, with an answer of the usual size.
fn event(seq: u64) -> Event {
    let place = Location {
        file: "tasks/02-place-and-wait.yaml".into(),
        path: "states.place.instructions[0]".into(),
        span: Span {
            start: Pos {
                line: 23,
                column: 9,
            },
            end: Pos {
                line: 27,
                column: 27,
            },
        },
    };
    let reply = Reply {
        value: Arc::new(json!({
            "status": 201,
            "headers": { "content-type": "application/json", "content-length": "76" },
            "body": { "id": seq, "sku": "A-1", "qty": 2, "status": "accepted" },
            "ms": 3,
        })),
        summary: "POST http://127.0.0.1:8080/orders → 201 in 3ms".into(),
        ..Reply::default()
    };
    Event {
        run: "6AQV88A4RX".into(),
        seq,
        at: 1_700_000_000_000_000 + seq as i64,
        execution: Some(1),
        frame: funcy::event::ROOT,
        fact: match seq {
            1 => Fact::RunStarted(Box::default()),
            _ => Fact::InstructionFinished {
                place: Arc::new(place),
                attempt: 1,
                micros: 3_210,
                result: Attempted::Reply(reply),
                armed: None,
            },
        },
    }
}

fn main() {
    for (durability, name) in [(Durability::Normal, "normal"), (Durability::Full, "full")] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        let opening = Instant::now();
        let journal = Journal::open(&path, durability).expect("a new journal");
        let mut recorder = journal.recorder(&"6AQV88A4RX".into()).expect("a recorder");
        let opened = opening.elapsed();
        // Made before they are written: making them is no part of it.
        let groups: Vec<Vec<Event>> = (0..EVENTS / GROUP)
            .map(|group| {
                (group * GROUP + 1..=(group + 1) * GROUP)
                    .map(event)
                    .collect()
            })
            .collect();
        let started = Instant::now();
        funcy::engine::block_on(async {
            for group in groups {
                let (_, result) = recorder.write(group).await;
                result.expect("room on the disk");
            }
        })
        .expect("a runtime");
        let took = started.elapsed();
        let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
        println!(
            "{name}: a new journal in {opened:.1?}; {:.0} events a second, {} bytes each on the disk",
            EVENTS as f64 / took.as_secs_f64(),
            bytes / EVENTS,
        );
    }
}
