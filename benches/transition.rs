//! What a transition costs: a machine that goes round between two states, through the library, with the facts
//! of every step handed to a sink that counts them.
//!
//!     cargo bench --bench transition

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use funcy::client::Registry;
use funcy::engine::{Loaded, Loader, Run};
use funcy::event::{Event, Outcome, Sink};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const ROUNDS: u64 = 50_000;

/// The cheapest sink: it counts.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicU64>);

impl Sink for Counting {
    fn accept(&mut self, events: &[Event]) -> std::io::Result<()> {
        self.0
            .fetch_add(black_box(events).len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

fn ping_pong() -> Loaded {
    let task = format!(
        "version: 1
name: ping-pong
vars: {{ status: ready, attempts: 1, rounds: 0 }}
start_state: ping
final_state: done
states:
  ping:
    max_visits: 1000000000
    transitions:
      - to: pong
        when: status == \"ready\" && attempts < 5
  pong:
    max_visits: 1000000000
    transitions:
      - to: done
        when: rounds >= {}
      - to: ping
        when: status == \"ready\" && attempts < 5
        set: {{ rounds: rounds + 1 }}
  done:
",
        ROUNDS / 2
    );
    Loader::new(Registry::builtin())
        .compile(Path::new("ping-pong.yaml"), &task)
        .expect("the task is valid")
}

fn once(task: Loaded) -> u64 {
    let sink = Counting::default();
    let seen = Arc::clone(&sink.0);
    let run = Run::new(vec![task], Registry::builtin()).sink(sink);
    let report = funcy::engine::block_on(run.start())
        .expect("a runtime")
        .expect("no services");
    assert_eq!(
        report.outcome,
        Outcome::Passed,
        "{:?}",
        report.verdicts[0].headline
    );
    assert!(seen.load(Ordering::Relaxed) >= 2 * ROUNDS);
    report.verdicts[0].metrics.transitions
}

fn transition(criterion: &mut Criterion) {
    let task = ping_pong();
    let mut group = criterion.benchmark_group("transition");
    group
        .throughput(Throughput::Elements(ROUNDS))
        .sample_size(10);
    group.bench_function("ping-pong", |bencher| {
        bencher.iter_batched(|| task.clone(), once, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, transition);
criterion_main!(benches);
