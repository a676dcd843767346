//! What every store promises, as tests that each store is given to.

use super::{Attachment, Commit, ExecutionRow, HashChain, Query, Removal, Sealed, Store, Wanted};
use crate::event::{
    ErrorKind, Event, ExecutionStarted, Fact, Failure, Headline, Json, Metrics, Outcome,
    RunStarted, Tally, ValueTypes,
};
use std::ops::ControlFlow;

/// A run to store: its events, and how it is sealed.
pub(crate) struct Sample {
    chain: HashChain,
    id: &'static str,
    next: u64,
}

impl Sample {
    pub(crate) fn new(id: &'static str) -> Self {
        Self {
            chain: HashChain::new(id.into()),
            id,
            next: 1,
        }
    }

    pub(crate) fn event(&mut self, execution: Option<u32>, fact: Fact) -> Event {
        let seq = self.next;
        self.next += 1;
        Event {
            run: self.id.into(),
            seq,
            at: 1_000_000 * seq as i64,
            execution,
            frame: crate::event::ROOT,
            fact,
        }
    }

    /// One commit.
    pub(crate) fn store(&mut self, store: &mut dyn Store, events: &[Event]) -> Sealed {
        let mut attachments: Vec<Attachment> = Vec::new();
        let sealed = self.chain.seal(events, &mut attachments).unwrap();
        let commit = Commit {
            sealed: &sealed,
            attachments: &attachments,
            events,
        };
        store.append(&[commit]).unwrap();
        sealed
    }

    /// A whole run of one task.
    pub(crate) fn whole(&mut self, store: &mut dyn Store, task: &str, outcome: Outcome) {
        let events = [
            self.event(None, run_started()),
            self.event(Some(1), started(task, 1)),
            self.event(Some(1), ended(outcome)),
            self.event(None, finished(outcome)),
        ];
        self.store(store, &events);
    }
}

pub(crate) fn run_started() -> Fact {
    Fact::RunStarted(Box::new(RunStarted {
        command: vec!["funcy".to_owned(), "run".to_owned()],
        tasks: 1,
        labels: vec![("team".into(), "pay".into())],
        ..RunStarted::default()
    }))
}

pub(crate) fn started(task: &str, attempt: u32) -> Fact {
    Fact::ExecutionStarted(Box::new(ExecutionStarted {
        task: task.into(),
        file: format!("tasks/{task}.yaml").into(),
        attempt,
        attempts: 2,
        ..ExecutionStarted::default()
    }))
}

pub(crate) fn ended(outcome: Outcome) -> Fact {
    let failure = Failure::new(ErrorKind::Expect, "it was not so");
    Fact::ExecutionFinished {
        outcome,
        headline: (!outcome.is_good()).then(|| Box::new(Headline::of(failure))),
        state: Some("placed".into()),
        outputs: Json::Null,
        metrics: Box::new(Metrics {
            micros: 1234,
            ..Metrics::default()
        }),
    }
}

pub(crate) fn finished(outcome: Outcome) -> Fact {
    let mut tally = Tally::default();
    tally.add(outcome);
    Fact::RunFinished {
        outcome,
        tally,
        micros: 5678,
    }
}

/// Keeps a store to its promises.
pub(crate) fn holds(mut make: impl FnMut() -> Box<dyn Store>) {
    what_is_stored_is_read_again(&mut *make());
    all_or_none(&mut *make());
    runs_are_found(&mut *make());
    a_retried_task_counts_once(&mut *make());
    what_did_not_pass_comes_first(&mut *make());
    large_bodies_are_kept_once(&mut *make());
    removed_runs_leave_nothing(&mut *make());
}

fn commits(store: &dyn Store, run: &str, from: u64) -> Vec<Sealed> {
    let mut found = Vec::new();
    let mut keep = |sealed| {
        found.push(sealed);
        ControlFlow::Continue(())
    };
    store.commits(run, from, &mut keep).unwrap();
    found
}

fn what_is_stored_is_read_again(store: &mut dyn Store) {
    let mut run = Sample::new("R1");
    let first = [run.event(None, run_started())];
    let first = run.store(store, &first);
    let second = [
        run.event(Some(1), started("pay", 1)),
        run.event(Some(1), ended(Outcome::Failed)),
    ];
    let second = run.store(store, &second);
    assert_eq!(commits(store, "R1", 0), [first, second.clone()]);
    assert_eq!(commits(store, "R1", 3), [second]);
    let row = store.run("R1").unwrap().unwrap();
    assert_eq!((row.outcome, row.events), (None, 3));
    assert_eq!(row.tally.of(Outcome::Failed), 1);
    assert_eq!(row.head, run.chain.head());
    assert_eq!(row.labels, [("team".into(), "pay".into())]);
    let execution = &store.executions("R1").unwrap()[0];
    assert_eq!(&*execution.task, "pay");
    assert_eq!(execution.outcome, Some(Outcome::Failed));
    assert_eq!(execution.state.as_deref(), Some("placed"));
    assert_eq!(&*execution.cause.as_ref().unwrap().message, "it was not so");
    assert_eq!(store.unended().unwrap().len(), 1);
    let end = [run.event(None, finished(Outcome::Failed))];
    run.store(store, &end);
    assert!(store.unended().unwrap().is_empty());
    assert_eq!(store.run("R1").unwrap().unwrap().micros, 5678);
    assert_eq!(store.run("R2").unwrap(), None);
}

fn all_or_none(store: &mut dyn Store) {
    let mut one = Sample::new("R1");
    let mut stray = Sample::new("R2");
    let begin = [one.event(None, run_started())];
    let unknown = [stray.event(Some(1), started("pay", 1))];
    let sealed = [
        one.chain.seal(&begin, &mut Vec::new()).unwrap(),
        stray.chain.seal(&unknown, &mut Vec::new()).unwrap(),
    ];
    let both = [
        Commit {
            sealed: &sealed[0],
            attachments: &[],
            events: &begin,
        },
        Commit {
            sealed: &sealed[1],
            attachments: &[],
            events: &unknown,
        },
    ];
    // The second belongs to a run that nobody began.
    assert!(store.append(&both).is_err());
    assert_eq!(store.run("R1").unwrap(), None);
}

fn runs_are_found(store: &mut dyn Store) {
    Sample::new("A1").whole(store, "order-ships", Outcome::Passed);
    Sample::new("A2").whole(store, "order-ships", Outcome::Failed);
    Sample::new("B3").whole(store, "pay[x]", Outcome::TimedOut);
    let begun = {
        let mut run = Sample::new("B4");
        let begin = [
            run.event(None, run_started()),
            run.event(Some(1), started("pay", 1)),
        ];
        run.store(store, &begin);
        run
    };
    let find = |text: &str| -> Vec<String> {
        let mut query: Query = text.parse().unwrap();
        query.now = 10_000_000;
        query.alive = vec![begun.id.into()];
        let rows = store.runs(&query, None, 10).unwrap();
        rows.into_iter().map(|row| row.id.to_string()).collect()
    };
    assert_eq!(find(""), ["B4", "B3", "A2", "A1"]);
    assert_eq!(find("status:failed,timed-out"), ["B3", "A2"]);
    assert_eq!(find("status:running"), ["B4"]);
    assert_eq!(find("task:order*"), ["A2", "A1"]);
    assert_eq!(find("task:order* status:failed"), ["A2"]);
    assert_eq!(find("task:pay[x]"), ["B3"]);
    assert_eq!(find("file:tasks/pay* status:running"), ["B4"]);
    assert_eq!(find("label:team=pay status:passed"), ["A1"]);
    assert_eq!(find("label:team=ops"), [""; 0]);
    assert_eq!(find("env:stage"), [""; 0]);
    assert_eq!(find("since:9s"), ["B4", "B3", "A2", "A1"]);
    assert_eq!(find("since:8s"), [""; 0]);
    assert_eq!(find("before:8s").len(), 4);
    let mut interrupted: Query = "status:interrupted".parse().unwrap();
    interrupted.status = vec![Wanted::Ended(Outcome::Interrupted)];
    let rows = store.runs(&interrupted, None, 10).unwrap();
    assert_eq!(rows.len(), 1, "a run without an end that nobody runs");
    let page = store.runs(&Query::all(), Some(&"B3".into()), 1).unwrap();
    assert_eq!(&*page[0].id, "A2");
    assert_eq!(
        store.named_like("B", 9).unwrap(),
        ["B4".into(), "B3".into()]
    );
    assert_eq!(store.named_like("2", 9).unwrap(), ["A2".into()]);
    let history = store
        .history("order-ships", None, Some(&"A2".into()), 9)
        .unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(&*history[0].run, "A1");
}

fn a_retried_task_counts_once(store: &mut dyn Store) {
    let mut run = Sample::new("R1");
    let events = [
        run.event(None, run_started()),
        run.event(Some(1), started("pay", 1)),
        run.event(Some(1), ended(Outcome::Failed)),
        run.event(Some(2), started("pay", 2)),
        run.event(Some(2), ended(Outcome::Passed)),
    ];
    run.store(store, &events);
    let tally = store.run("R1").unwrap().unwrap().tally;
    assert_eq!(tally.total(), 1);
    assert_eq!(tally.of(Outcome::Flaky), 1);
    let failed: Query = "task:pay status:failed".parse().unwrap();
    assert_eq!(store.runs(&failed, None, 9).unwrap(), []);
    assert_eq!(numbers(&store.notable("R1", 9).unwrap()), [2]);
}

fn numbers(rows: &[ExecutionRow]) -> Vec<u32> {
    rows.iter().map(|row| row.number).collect()
}

fn what_did_not_pass_comes_first(store: &mut dyn Store) {
    let mut run = Sample::new("R1");
    let mut events = vec![run.event(None, run_started())];
    let outcomes = [Outcome::Passed, Outcome::Failed, Outcome::Skipped];
    for (number, outcome) in (1..).zip(outcomes) {
        let Fact::ExecutionStarted(mut begun) = started("pay", 1) else {
            continue;
        };
        begun.index = number;
        events.push(run.event(Some(number), Fact::ExecutionStarted(begun)));
        events.push(run.event(Some(number), ended(outcome)));
    }
    events.push(run.event(Some(4), started("pay", 1)));
    run.store(store, &events);
    assert_eq!(numbers(&store.notable("R1", 9).unwrap()), [2, 4, 1, 3]);
    assert_eq!(numbers(&store.notable("R1", 3).unwrap()), [2, 4, 1]);
    assert_eq!(numbers(&store.notable("R1", 1).unwrap()), [2]);
}

fn saved(text: &str) -> Fact {
    Fact::VariableSaved {
        name: "body".into(),
        value: Json::from(text),
        types: ValueTypes::default(),
        undone: false,
    }
}

fn large_bodies_are_kept_once(store: &mut dyn Store) {
    let text = "x".repeat(100_000);
    for id in ["R1", "R2"] {
        let mut run = Sample::new(id);
        let events = [
            run.event(None, run_started()),
            run.event(Some(1), saved(&text)),
            run.event(Some(1), saved(&text)),
        ];
        let sealed = run.store(store, &events);
        assert!(sealed.lines.len() < 2_000);
        for hash in super::hash_chain::split(&sealed.lines).flat_map(super::attachment::named) {
            let body = store.attachment(&hash).unwrap().unwrap();
            assert_eq!(*blake3::hash(&body).as_bytes(), hash);
        }
    }
    assert!(store.size().unwrap().total < 400_000);
}

fn removed_runs_leave_nothing(store: &mut dyn Store) {
    let (shared, own) = ("x".repeat(100_000), "y".repeat(100_000));
    let mut bodies = Vec::new();
    for (id, texts) in [("R1", [&shared, &own]), ("R2", [&shared, &shared])] {
        let mut run = Sample::new(id);
        let events = [
            run.event(None, run_started()),
            run.event(Some(1), started("pay", 1)),
            run.event(Some(1), saved(texts[0])),
            run.event(Some(1), saved(texts[1])),
        ];
        let sealed = run.store(store, &events);
        bodies.push(
            super::hash_chain::split(&sealed.lines)
                .flat_map(super::attachment::named)
                .collect::<Vec<_>>(),
        );
    }
    store
        .remove(&["R1".into(), "unknown".into()], Removal::Prune)
        .unwrap();
    assert_eq!(store.run("R1").unwrap(), None);
    assert!(commits(store, "R1", 0).is_empty());
    assert!(store.executions("R1").unwrap().is_empty());
    assert!(
        store.attachment(&bodies[0][0]).unwrap().is_some(),
        "R2 has it too"
    );
    assert!(store.attachment(&bodies[0][1]).unwrap().is_none());
    assert_eq!(store.executions("R2").unwrap().len(), 1);
    let before = store.size().unwrap();
    store.compact().unwrap();
    let after = store.size().unwrap();
    assert!(after.total <= before.total && after.free == 0);
}
