//! Many executions are alive at once, most of them waiting: what each holds must stay small.
//! `cargo bench --bench waiting` has the same with 100,000, and the resident memory.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use funcy::alloc::{CountingAll, held_by_all};
use funcy::client::Registry;
use funcy::engine::{Loader, Run};
use funcy::event::{Event, Fact, Outcome, Sink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: CountingAll = CountingAll;

/// A wait within the limits of the transition and of the task: it waits for three moments at once.
const TASK: &str = "version: 1
start_state: wait
final_state: done
timeout: 2h
states:
  wait:
    timeout: 1h
    transitions:
      - to: done
        wait: 50m
  done:
";

#[derive(Clone, Default)]
struct Waiting(Arc<AtomicUsize>);

impl Sink for Waiting {
    fn accept(&mut self, events: &[Event]) -> std::io::Result<()> {
        let waiting = events
            .iter()
            .filter(|event| matches!(event.fact, Fact::WaitStarted { .. }))
            .count();
        self.0.fetch_add(waiting, Ordering::Relaxed);
        Ok(())
    }
}

/// Bytes that this many waiting executions hold together, with all that is there once for the run.
fn held_by(executions: usize) -> u64 {
    let task = Loader::new(Registry::builtin())
        .compile(Path::new("waiting.yaml"), TASK)
        .unwrap();
    funcy::engine::block_on(async move {
        let waiting = Waiting::default();
        let tasks = vec![task; executions];
        let before = held_by_all();
        let run = Run::new(tasks, Registry::builtin())
            .jobs(executions)
            .sink(waiting.clone());
        let handle = run.handle();
        let measure = async {
            while waiting.0.load(Ordering::Relaxed) < executions {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // What the sink was told last is let go of by now.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let waiting = held_by_all() - before;
            handle.cancel("measured");
            waiting
        };
        let (report, waiting) = tokio::join!(run.start(), measure);
        let report = report.unwrap();
        assert_eq!(report.tally.of(Outcome::Cancelled) as usize, executions);
        waiting
    })
    .unwrap()
}

#[test]
fn a_waiting_execution_is_small() {
    // What is there once, and buffers that grow in steps, do not count.
    let (few, many) = (held_by(2_000), held_by(4_000));
    let each = (many - few) / 2_000;
    println!("{each} bytes each");
    // It was 2,296 before there were frames: those may cost 5 % of that.
    assert!(each <= 2_408, "{each} bytes each");
}
