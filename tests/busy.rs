//! An engine that is held up: by a task that computes, a sink that does not return, a journal that is slow. Others go
//! on, memory has a bound, nothing is lost, and what cannot be helped is told.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may panic like the test itself"
)]

use funcy::client::{Answer, Context, Nothing, Protocol, Registry, Scope};
use funcy::engine::{self, Loader, Report, Run};
use funcy::event::{BusyCause, ErrorKind, Event, Fact, Failure, Json, Outcome, RunId, Sink};
use funcy::journal::{
    Census, Commit, ExecutionRow, Hash, Journal, JournalError, Query, Removal, RunRow, Sealed,
    Size, Store,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A client that holds the engine's thread, as no client should, or says that a task has come to a point.
struct Probe {
    reached: Mutex<SyncSender<()>>,
    count: Arc<AtomicUsize>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Request {
    /// Milliseconds for which the thread is held.
    hold: Option<u64>,
    /// Says so to whoever listens.
    tell: Option<bool>,
}

#[derive(Default, Deserialize, JsonSchema)]
struct Config {}

#[derive(Serialize, JsonSchema)]
struct Reply {
    /// Whether it is over; never.
    over: bool,
}

impl Protocol for Probe {
    const NAME: &'static str = "probe";
    const SUMMARY: &'static str = "Holds the engine";
    const EXAMPLE: &'static str = "- probe: { hold: 5 }\n";

    type Config = Config;
    type Request = Request;
    type Source = Nothing;
    type Reply = Reply;
    type Session = ();

    fn short_request(_: &str) -> Result<Json, String> {
        Err("write a map".to_owned())
    }

    fn label(request: &Json) -> String {
        request.to_string()
    }

    fn is_safe(_: &Json) -> bool {
        true
    }

    async fn open(&self, _: Config, _: &Context) -> Result<(), Failure> {
        Ok(())
    }

    async fn call(&self, (): &(), request: Request, _: &Scope) -> Result<Answer<Reply>, Failure> {
        let until = Instant::now() + Duration::from_millis(request.hold.unwrap_or_default());
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        if request.tell == Some(true) {
            self.count.fetch_add(1, Ordering::SeqCst);
            // Not every test listens.
            let _ = self.reached.lock().unwrap().send(());
        }
        Ok(Answer::new(Reply { over: false }, "held"))
    }
}

/// Loads tasks that may use the probe.
fn load(tasks: &[&str]) -> (Run, Receiver<()>, Arc<AtomicUsize>) {
    let (reached, told) = sync_channel(10_000);
    let count = Arc::new(AtomicUsize::new(0));
    let registry = Registry::builtin().with(Probe {
        reached: Mutex::new(reached),
        count: Arc::clone(&count),
    });
    let loader = Loader::new(registry.clone());
    let compiled = tasks.iter().enumerate().map(|(index, task)| {
        let path = PathBuf::from(format!("t{index}.yaml"));
        loader.compile(&path, task).unwrap()
    });
    let run = Run::new(compiled.collect(), registry).jobs(tasks.len());
    (run, told, count)
}

fn ended(run: Run) -> Report {
    engine::block_on(run.start()).unwrap().unwrap()
}

#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

impl Sink for Events {
    fn accept(&mut self, events: &[Event]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(events);
        Ok(())
    }
}

impl Events {
    fn busy(&self) -> Vec<(BusyCause, u64)> {
        let events = self.0.lock().unwrap();
        let busy = events.iter().filter_map(|event| match event.fact {
            Fact::EngineBusy { cause, micros } => Some((cause, micros)),
            _ => None,
        });
        busy.collect()
    }
}

const HOLDS: &str = "
version: 1
start_state: before
final_state: busy
states:
  before:
    wait: 100ms
    next: busy
  busy:
    instructions:
      - probe: { hold: 1200 }
";

#[test]
fn a_verdict_on_time_says_that_the_engine_was_busy() {
    let events = Events::default();
    let waits = "
version: 1
start_state: waiting
final_state: done
states:
  waiting:
    timeout: 300ms
    transitions:
      - to: done
        poll: { probe: {} }
        every: 50ms
        when: res.over
  done:
";
    let (run, ..) = load(&[HOLDS, waits]);
    let report = ended(run.sink(events.clone()));
    let verdict = &report.verdicts[1];
    assert_eq!(verdict.outcome, Outcome::TimedOut, "{verdict:#?}");
    let told = |failure: &Failure| {
        assert_eq!(failure.kind, ErrorKind::Timeout);
        let hint = failure.hint.as_deref().unwrap_or_default();
        assert!(hint.contains("the engine was busy for 1."), "{failure:?}");
    };
    told(&verdict.headline.as_ref().unwrap().failure);
    let headlines = events.0.lock().unwrap();
    let headline = headlines.iter().find_map(|event| match &event.fact {
        Fact::ExecutionFinished {
            headline: Some(headline),
            ..
        } => Some(headline.failure.clone()),
        _ => None,
    });
    told(&headline.unwrap());
    drop(headlines);
    let busy = events.busy();
    assert!(
        busy.iter()
            .any(|(cause, micros)| *cause == BusyCause::Computing && *micros > 900_000),
        "{busy:?}"
    );
}

/// A sink that takes nothing until it is let go.
struct Stuck {
    let_go: Receiver<()>,
    seen: Events,
}

impl Sink for Stuck {
    fn accept(&mut self, events: &[Event]) -> io::Result<()> {
        // Once a second would pass here for every batch, were it the thread of the tasks.
        self.let_go
            .recv_timeout(Duration::from_secs(60))
            .map_err(io::Error::other)?;
        self.seen.accept(events)
    }
}

/// The task ends while the sink has not yet taken its first event.
#[test]
fn a_sink_that_takes_nothing_holds_nobody_up() {
    let task = "
version: 1
start_state: first
final_state: done
states:
  first:
    transitions: [last]
  last:
    transition_condition: { wait: 50ms }
    instructions:
      - log: a line
      - probe: { tell: true }
    transitions: [done]
  done:
";
    let (release, let_go) = sync_channel(10_000);
    let seen = Events::default();
    let (run, told, _) = load(&[task]);
    let run = run.sink(Stuck {
        let_go,
        seen: seen.clone(),
    });
    let report = std::thread::scope(|scope| {
        scope.spawn(move || {
            // An error would leave the sink stuck, which fails the run.
            if told.recv_timeout(Duration::from_secs(30)).is_ok() {
                let _ = (0..10_000).try_for_each(|_| release.send(()));
            }
        });
        ended(run)
    });
    assert_eq!(report.outcome, Outcome::Passed);
    assert!(
        report.sink_failures.is_empty(),
        "{:?}",
        report.sink_failures
    );
    let events = seen.0.lock().unwrap();
    assert!(
        events
            .iter()
            .enumerate()
            .all(|(index, event)| event.seq == index as u64 + 1)
    );
    assert!(matches!(
        events.last().unwrap().fact,
        Fact::RunFinished { .. }
    ));
}

/// A store that takes its time, and counts what has come.
struct Slow {
    pause: Duration,
    made: Arc<AtomicUsize>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    last: u64,
    logs: usize,
    /// The most that was logged and not yet stored.
    behind: usize,
}

impl Store for Slow {
    fn append(&mut self, commits: &[Commit<'_>]) -> Result<(), JournalError> {
        std::thread::park_timeout(self.pause);
        let mut kept = self.kept.lock().unwrap();
        let behind = self.made.load(Ordering::SeqCst) - kept.logs;
        kept.behind = kept.behind.max(behind);
        for event in commits.iter().flat_map(|commit| commit.events) {
            assert_eq!(event.seq, kept.last + 1);
            kept.last = event.seq;
            kept.logs += usize::from(matches!(event.fact, Fact::Log { .. }));
        }
        Ok(())
    }

    fn runs(&self, _: &Query, _: Option<&RunId>, _: usize) -> Result<Vec<RunRow>, JournalError> {
        Ok(Vec::new())
    }

    fn run(&self, _: &str) -> Result<Option<RunRow>, JournalError> {
        Ok(None)
    }

    fn named_like(&self, _: &str, _: usize) -> Result<Vec<RunId>, JournalError> {
        Ok(Vec::new())
    }

    fn unended(&self) -> Result<Vec<RunRow>, JournalError> {
        Ok(Vec::new())
    }

    fn executions(&self, _: &str) -> Result<Vec<ExecutionRow>, JournalError> {
        Ok(Vec::new())
    }

    fn notable(&self, _: &str, _: usize) -> Result<Vec<ExecutionRow>, JournalError> {
        Ok(Vec::new())
    }

    fn history(
        &self,
        _: &str,
        _: Option<&str>,
        _: Option<&RunId>,
        _: usize,
    ) -> Result<Vec<ExecutionRow>, JournalError> {
        Ok(Vec::new())
    }

    fn commits(
        &self,
        _: &str,
        _: u64,
        _: &mut dyn FnMut(Sealed) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        Ok(())
    }

    fn attachment(&self, _: &Hash) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(None)
    }

    fn unnamed(&self, _: usize) -> Result<Vec<RunRow>, JournalError> {
        Ok(Vec::new())
    }

    fn hold(&self, _: bool) -> Result<(), JournalError> {
        Ok(())
    }

    fn census(&self) -> Result<Census, JournalError> {
        Ok(Census::default())
    }

    fn oldest(&self, _: Option<&RunId>, _: usize) -> Result<Vec<RunRow>, JournalError> {
        Ok(Vec::new())
    }

    fn cleaned_up_by(&self, _: &str) -> Result<Option<RunId>, JournalError> {
        Ok(None)
    }

    fn remove(&mut self, _: &[RunId], _: Removal) -> Result<(), JournalError> {
        Ok(())
    }

    fn size(&self) -> Result<Size, JournalError> {
        Ok(Size::default())
    }

    fn compact(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

/// 100 MB of lines, while a store takes its time: those who make them wait for it, and all arrive in order.
#[test]
fn a_slow_journal_is_waited_for_and_memory_has_a_bound() {
    const LINES: usize = 50;
    const TASKS: usize = 4;
    let text = "x".repeat(500_000);
    let line = "      - log: ${text}\n      - probe: { tell: true }\n".repeat(LINES);
    let task = format!(
        "version: 1\nvars: {{ text: {text} }}\nstart_state: a\nfinal_state: b\nstates:\n  a:\n    instructions:\n{line}    transitions: [b]\n  b:\n"
    );
    let (run, _told, made) = load(&[task.as_str(); TASKS]);
    let kept = Arc::new(Mutex::new(Kept::default()));
    let store = Slow {
        pause: Duration::from_millis(150),
        made,
        kept: Arc::clone(&kept),
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = Journal::with_store(Box::new(store), &path).unwrap();
    let recorder = journal.recorder(run.id()).unwrap();
    let events = Events::default();
    let report = ended(run.recorded(recorder).sink(events.clone()));
    assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.verdicts);
    let kept = kept.lock().unwrap();
    assert_eq!(kept.logs, LINES * TASKS);
    assert_eq!(
        kept.last,
        events.0.lock().unwrap().len() as u64 - 1,
        "but for the seal"
    );
    let most = (64 << 20) / text.len() + TASKS;
    assert!(
        kept.behind <= most,
        "{} of {most} lines waited",
        kept.behind
    );
    let waited = |(cause, _): &(BusyCause, u64)| *cause == BusyCause::Recording;
    assert!(events.busy().iter().any(waited), "{:?}", events.busy());
}
