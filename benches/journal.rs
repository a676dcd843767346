//! What it costs to look back: the pages of `funcy runs` in a journal of 100,000 runs, and a replay of 5,000
//! events.
//!
//!     cargo bench --bench journal
//!
//! It builds the journal in a temporary folder, which takes most of the time. `FUNCY_RUNS` asks for another number
//! of runs.

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use funcy::event::{
    Attempted, ConditionVerdict, ErrorKind, Event, ExecutionStarted, Fact, Failure, Headline,
    Location, Metrics, Outcome, Reply, RunStarted, Span, Tally,
};
use funcy::journal::{
    Commit, Durability, HashChain, History, Query, RunStatus, Sealed, Sqlite, Store, marks,
};
use funcy::report::Live;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const RUNS: usize = 100_000;
/// The tasks of a run.
const TASKS: u32 = 5;
/// The runs that share a transaction.
const TOGETHER: usize = 2_000;
/// The events of the run that is replayed.
const EVENTS: u64 = 5_000;
/// 2026-01-01, in microseconds.
const EPOCH: i64 = 1_767_225_600_000_000;
/// Between the beginnings of two runs.
const APART: i64 = 60_000_000;

fn event(run: &str, seq: u64, at: i64, execution: Option<u32>, fact: Fact) -> Event {
    Event {
        run: run.into(),
        seq,
        at,
        execution,
        frame: funcy::event::ROOT,
        fact,
    }
}

fn begin(tasks: u32) -> Fact {
    Fact::RunStarted(Box::new(RunStarted {
        version: "0.1.0".to_owned(),
        command: ["funcy", "run", "tasks"].map(str::to_owned).to_vec(),
        tasks,
        env: Some("stage".into()),
        labels: vec![("team".into(), "pay".into())],
        ..RunStarted::default()
    }))
}

fn started(task: u32) -> Fact {
    Fact::ExecutionStarted(Box::new(ExecutionStarted {
        task: format!("order-{task}").into(),
        file: format!("tasks/order-{task}.yaml").into(),
        index: task,
        attempt: 1,
        attempts: 1,
        hash: "0".repeat(64).into(),
        states: vec!["place".into(), "shipped".into()],
        ..ExecutionStarted::default()
    }))
}

fn ended(outcome: Outcome) -> Fact {
    let failure = Failure::new(ErrorKind::Expect, "expected res.status == 201");
    Fact::ExecutionFinished {
        outcome,
        headline: (!outcome.is_good()).then(|| Box::new(Headline::of(failure))),
        state: Some("shipped".into()),
        outputs: serde_json::Value::Null,
        metrics: Box::new(Metrics {
            micros: 1_200_000,
            ..Metrics::default()
        }),
    }
}

/// One run of [`TASKS`] tasks; of each 50 runs one fails, and one in all times out.
fn run(number: usize) -> Vec<Event> {
    let id = format!("R{number:07}");
    let at = EPOCH + number as i64 * APART;
    let mut events = vec![event(&id, 1, at, None, begin(TASKS))];
    let mut tally = Tally::default();
    let mut worst = Outcome::Passed;
    for task in 1..=TASKS {
        let outcome = match (number, task) {
            (7_000, 1) => Outcome::TimedOut,
            (number, 1) if number % 50 == 0 => Outcome::Failed,
            _ => Outcome::Passed,
        };
        tally.add(outcome);
        worst = worst.max(outcome);
        for fact in [started(task), ended(outcome)] {
            let seq = events.len() as u64 + 1;
            events.push(event(&id, seq, at + seq as i64, Some(task), fact));
        }
    }
    let finished = Fact::RunFinished {
        outcome: worst,
        tally,
        micros: 1_300_000,
    };
    let seq = events.len() as u64 + 1;
    events.push(event(&id, seq, at + seq as i64, None, finished));
    events
}

/// A run that polls until it has [`EVENTS`] events.
fn long() -> Vec<Event> {
    let id = "LONG";
    let place = Arc::new(Location {
        file: "tasks/order-1.yaml".into(),
        path: "states.placed.transitions[0]".into(),
        span: Span::default(),
    });
    let at = EPOCH + 1_000_000 * APART;
    let entered = Fact::StateEntered {
        state: "placed".into(),
        visit: 1,
    };
    let mut events = vec![
        event(id, 1, at, None, begin(1)),
        event(id, 2, at, Some(1), started(1)),
        event(id, 3, at, Some(1), entered),
    ];
    while events.len() < EVENTS as usize - 2 {
        let seq = events.len() as u64 + 1;
        let attempt = (seq / 2) as u32;
        let body = serde_json::json!({ "status": 200, "body": { "id": seq, "status": "packed", "items": [1, 2, 3] } });
        let answered = Fact::PollAnswered {
            place: Arc::clone(&place),
            attempt,
            micros: 900,
            result: Attempted::Reply(Reply {
                value: Arc::new(body),
                summary: "GET http://127.0.0.1:7801/orders/7 → 200 in 1ms".into(),
                ..Reply::default()
            }),
        };
        let checked = Fact::ConditionChecked {
            place: Arc::clone(&place),
            attempt,
            verdict: ConditionVerdict::NotYet,
            explanation: None,
            seen: Some(Box::new(("res.body.status".into(), "packed".into()))),
        };
        let fact = if seq.is_multiple_of(2) {
            answered
        } else {
            checked
        };
        events.push(event(id, seq, at + seq as i64, Some(1), fact));
    }
    let mut tally = Tally::default();
    tally.add(Outcome::Passed);
    let finished = Fact::RunFinished {
        outcome: Outcome::Passed,
        tally,
        micros: 5_000_000,
    };
    for (execution, fact) in [(Some(1), ended(Outcome::Passed)), (None, finished)] {
        let seq = events.len() as u64 + 1;
        events.push(event(id, seq, at + seq as i64, execution, fact));
    }
    events
}

fn append(store: &mut dyn Store, runs: &[Vec<Event>]) {
    let sealed: Vec<Sealed> = (runs.iter())
        .map(|events| {
            let mut chain = HashChain::new(events[0].run.clone());
            chain.seal(events, &mut Vec::new()).expect("JSON")
        })
        .collect();
    let commits: Vec<Commit<'_>> = (runs.iter().zip(&sealed))
        .map(|(events, sealed)| Commit {
            sealed,
            attachments: &[],
            events,
        })
        .collect();
    store.append(&commits).expect("the disk has room");
}

fn build(path: &Path, runs: usize) {
    let mut store = Sqlite::create(path, Durability::Normal).expect("a new journal");
    let numbers: Vec<usize> = (1..=runs).collect();
    for numbers in numbers.chunks(TOGETHER) {
        let runs: Vec<_> = numbers.iter().map(|number| run(*number)).collect();
        append(&mut store, &runs);
    }
    append(&mut store, &[long()]);
}

/// What the first page of `funcy runs` asks: the rows, how each stands, and for those that did not pass which
/// tasks, with their marks.
fn page(history: &History, query: &Query) -> usize {
    let rows = history.runs(query, None, 21).expect("readable");
    for row in rows.iter().take(20) {
        let status = history.status(row);
        history.tally(row).expect("readable");
        if matches!(status, RunStatus::Ended(outcome) if !outcome.is_good()) {
            for one in history.store().notable(&row.id, 3).expect("readable") {
                let past = history.past(&one).expect("readable");
                black_box(marks(&past));
            }
        }
    }
    history.store().size().expect("readable");
    rows.len()
}

/// The median of five, each with a connection of its own, as a command has it; in milliseconds.
fn millis(mut measured: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let begun = Instant::now();
            measured();
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[2]
}

fn main() {
    let runs = std::env::var("FUNCY_RUNS").ok();
    let runs = runs.and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("journal.db");
    let begun = Instant::now();
    build(&path, runs);
    println!("{runs} runs written in {:.1?}", begun.elapsed());
    for text in [
        "",
        "status:failed",
        "status:timed-out",
        "status:bad since:30d",
        "status:interrupted",
        "task:order-3",
        "task:order*",
        "task:*nothing*",
        "task:order-1 status:timed-out",
        "task:order-1 status:bad",
        "file:tasks/order-2* status:passed",
        "env:stage label:team=pay",
        "env:live",
        "label:team=ops",
        "before:9000d",
    ] {
        let mut query: Query = text.parse().expect("a query");
        query.now = EPOCH + runs as i64 * APART;
        let mut found = 0;
        let took = millis(|| {
            let history = History::open(&path).expect("a journal");
            found = page(&history, &query);
        });
        println!("{took:8.2} ms  page of `{text}`, {found} rows");
    }
    let took = millis(|| {
        let history = History::open(&path).expect("a journal");
        let row = history.find("LONG").expect("it is there");
        let mut live = Live::default();
        let mut count = 0;
        history
            .events(&row.id, 1, |event| {
                live.apply(&event);
                count += 1;
                ControlFlow::Continue(())
            })
            .expect("readable");
        assert_eq!(count, EVENTS);
    });
    println!("{took:8.2} ms  replay of {EVENTS} events");
}
