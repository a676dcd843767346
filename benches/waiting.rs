//! What an execution costs while it waits: 100,000 of them at once, then all are cancelled.
//!
//!     cargo bench --bench waiting
//!
//! It prints the resident memory that each adds, and how long cancelling all takes. Memory is a property of
//! the process, so this is no statistical benchmark.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use funcy::client::Registry;
use funcy::engine::{Loader, Run};
use funcy::event::{Event, Fact, Outcome, Sink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const EXECUTIONS: usize = 100_000;

const TASK: &str = "version: 1
name: waiting
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

/// Counts the executions that wait.
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

/// Counts what is allocated, beside what is resident.
#[global_allocator]
static ALLOCATOR: funcy::alloc::CountingAll = funcy::alloc::CountingAll;

/// Resident memory in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: usize = pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("a number");
    pages * 4096
}

fn main() {
    let task = Loader::new(Registry::builtin())
        .compile(Path::new("waiting.yaml"), TASK)
        .expect("the task is valid");
    let report = funcy::engine::block_on(async move {
        let waiting = Waiting::default();
        let tasks = vec![task; EXECUTIONS];
        let before = resident();
        let held = funcy::alloc::held_by_all();
        let run = Run::new(tasks, Registry::builtin())
            .jobs(EXECUTIONS)
            .sink(waiting.clone());
        let handle = run.handle();
        let mut beside = tokio::task::JoinSet::new();
        beside.spawn(async move {
            while waiting.0.load(Ordering::Relaxed) < EXECUTIONS {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let each = (resident() - before) / EXECUTIONS;
            let allocated = (funcy::alloc::held_by_all() - held) as usize / EXECUTIONS;
            println!(
                "{EXECUTIONS} executions wait: {each} bytes each resident, {allocated} allocated"
            );
            handle.cancel("measured");
            Instant::now()
        });
        let report = run.start().await.expect("no services");
        let cancelled = beside
            .join_next()
            .await
            .expect("it was spawned")
            .expect("it does not panic");
        println!("all cancelled in {} ms", cancelled.elapsed().as_millis());
        report
    })
    .expect("a runtime");
    assert_eq!(report.tally.of(Outcome::Cancelled) as usize, EXECUTIONS);
}
