//! 300 live runs are cancelled at random moments. Afterwards no task, process or socket of theirs is left,
//! and every cleanup has run once.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by a panic, and prints the seed that repeats it"
)]

use funcy::client::Registry;
use funcy::demo::{Settings, serve};
use funcy::engine::{Allow, Loaded, Loader, Run};
use funcy::event::{Event, Fact, Outcome, Sink};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Cases of the short form; `FUNCY_CANCELS` widens it.
const CANCELS: u32 = 300;

/// Everything at once: a process with a child of its own, polls, an event stream, a wait, parallel requests.
const TASK: &str = r#"
version: 1
name: busy
start_state: start
final_state: done
clients:
  shop: { http: { base_url: "BASE" } }
states:
  start:
    instructions:
      - shop:
          post: /orders
          json: { sku: A-1, qty: 1, pace: 20 }
        save: { id: res.body.id }
        defer:
          shop: DELETE /orders/${res.body.id ?? 0}
      - parallel:
          - shop: GET /slow?ms=15
          - exec: { command: [sh, -c, "setsid sleep 600 & exec sleep 0.02"] }
    transitions:
      - to: middle
        poll: { shop: "GET /orders/${id}" }
        every: 5ms
        when: res.body.status == "paid"
      - to: middle
        subscribe: { shop: { sse: /events } }
        when: res.body.order_id == id && res.body.status == "paid"
      - to: middle
        wait: 5s
  middle:
    instructions:
      - exec: { command: [sleep, "600"] }
        timeout: 60s
    next: done
  done:
cleanup:
  - log: cleaned
"#;

#[derive(Clone, Default)]
struct Facts(Arc<Mutex<Vec<Fact>>>);

impl Sink for Facts {
    fn accept(&mut self, events: &[Event]) -> std::io::Result<()> {
        self.0
            .lock()
            .unwrap()
            .extend(events.iter().map(|event| event.fact.clone()));
        Ok(())
    }
}

#[test]
fn cancelled_runs_leave_nothing() {
    let cancels = std::env::var("FUNCY_CANCELS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(CANCELS);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    funcy::engine::block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let mut serving = tokio::task::JoinSet::new();
        let stopped = stop.clone();
        serving.spawn(async move {
            serve(listener, Settings::default(), stopped.cancelled_owned()).await
        });

        let loader = Loader::new(Registry::builtin()).allow([Allow::All]);
        let text = TASK.replace("BASE", &format!("http://{address}"));
        let task = loader.compile(Path::new("busy.yaml"), &text).unwrap();
        // The first run makes what is made once: pools, handlers.
        cancel_after(&task, loader.registry(), Duration::from_millis(100)).await;
        settle().await;
        let before = descriptors();
        for _ in 0..cancels {
            let after = Duration::from_micros(chance.u64(0..120_000));
            cancel_after(&task, loader.registry(), after).await;
            assert_eq!(
                children(),
                Vec::<String>::new(),
                "processes are left, seed {seed}"
            );
        }
        settle().await;
        let left = descriptors();
        assert!(
            left <= before + 4,
            "{before} descriptors before, {left} after, seed {seed}"
        );
        stop.cancel();
        serving.join_next().await.unwrap().unwrap().unwrap();
        settle().await;
        let alive = tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks();
        // The pool of idle connections of the HTTP client keeps a task for each.
        assert!(alive <= 4, "{alive} tasks are left, seed {seed}");
    })
    .unwrap();
}

async fn cancel_after(task: &Loaded, registry: &Registry, after: Duration) {
    let facts = Facts::default();
    let run = Run::new(vec![task.clone()], registry.clone()).sink(facts.clone());
    let handle = run.handle();
    let mut timer = tokio::task::JoinSet::new();
    timer.spawn(async move {
        tokio::time::sleep(after).await;
        handle.cancel("cancelled by the test");
    });
    let report = tokio::time::timeout(Duration::from_secs(20), run.start())
        .await
        .expect("a cancelled run ends")
        .unwrap();
    let outcome = report.verdicts[0].outcome;
    assert_eq!(
        outcome,
        Outcome::Cancelled,
        "{:?}",
        report.verdicts[0].headline
    );
    let facts = facts.0.lock().unwrap();
    let cleanups = facts
        .iter()
        .filter(|fact| matches!(fact, Fact::Log { text, .. } if text == "cleaned"))
        .count();
    let started = facts
        .iter()
        .any(|fact| matches!(fact, Fact::ExecutionStarted(_)));
    assert_eq!(cleanups, usize::from(started), "cleanup runs exactly once");
}

/// Gives connections that were closed a moment to be gone.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The command lines of our children, and of what they left behind: a subreaper adopts those.
fn children() -> Vec<String> {
    let me = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let parent = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1).map(str::to_owned));
        if parent.as_deref() == Some(&me) {
            found.push(stat.split(" S ").next().unwrap_or_default().to_owned());
        }
    }
    found
}
