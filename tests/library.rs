//! funcy as a library: a program of its own loads a task, adds a client, watches what happens, and cancels.
//!
//! What stands between the two marks is the client of `.github/CONTRIBUTING.md`, word for word; a test
//! compares them.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may panic like the test itself"
)]

use funcy::client::Registry;
use funcy::engine::{self, Handle, Loader, Report, Run};
use funcy::event::{Event, Fact, Json, Outcome, Sink};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

#[allow(
    unreachable_pub,
    reason = "in a crate of its own these types are public"
)]
mod counter {
    // guide: begin
    use funcy::client::{Answer, Context, Protocol, Scope};
    use funcy::event::{Failure, Feed, Json, Message};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;
    use std::sync::{Arc, Mutex, PoisonError};
    use tokio::sync::broadcast;

    /// A counter that tells when it has changed.
    pub struct Counter;

    /// `clients: { NAME: { counter: … } }`; every member is optional.
    #[derive(Default, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    pub struct Config {
        /// Where counting begins.
        start: i64,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub struct Request {
        /// How much to add.
        add: i64,
    }

    #[derive(Default, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    pub struct Source {
        /// Only totals from here on.
        at_least: i64,
    }

    /// What `res` holds, after a request and in a message.
    #[derive(Clone, Serialize, JsonSchema)]
    pub struct Reply {
        /// The total.
        total: i64,
    }

    /// What one execution has open.
    pub struct Session {
        total: Mutex<i64>,
        changes: broadcast::Sender<Reply>,
    }

    impl Protocol for Counter {
        const NAME: &'static str = "counter";
        const SUMMARY: &'static str = "A counter in memory";
        const EXAMPLE: &'static str = "\
- counter: add 2
  expect: res.total == 2
";

        type Config = Config;
        type Request = Request;
        type Source = Source;
        type Reply = Reply;
        type Session = Session;

        // Pure, and the templates in it are not filled in yet.
        fn short_request(text: &str) -> Result<Json, String> {
            let number = text.strip_prefix("add ").ok_or("write `add NUMBER`")?;
            Ok(
                json!({ "add": number.parse().map_or_else(|_| json!(number), |number: i64| json!(number)) }),
            )
        }

        fn label(request: &Json) -> String {
            format!("add {}", request["add"])
        }

        async fn open(&self, config: Config, _: &Context) -> Result<Session, Failure> {
            let total = Mutex::new(config.start);
            let (changes, _) = broadcast::channel(64);
            Ok(Session { total, changes })
        }

        async fn call(
            &self,
            session: &Session,
            request: Request,
            _: &Scope,
        ) -> Result<Answer<Reply>, Failure> {
            let mut total = session.total.lock().unwrap_or_else(PoisonError::into_inner);
            *total = total
                .checked_add(request.add)
                .ok_or_else(|| Failure::resource("the total is too large"))?;
            let reply = Reply { total: *total };
            // An error says that nobody listens.
            let _ = session.changes.send(reply.clone());
            Ok(Answer::new(reply, format!("add {} → {total}", request.add)))
        }

        // Returns once it is certain that no later change is missed; what goes on runs in the scope.
        async fn subscribe(
            &self,
            session: &Session,
            source: Source,
            feed: Feed,
            scope: &Scope,
        ) -> Result<(), Failure> {
            let mut changes = session.changes.subscribe();
            let token = scope.token();
            scope.spawn(async move {
                while let Some(change) = token.run_until_cancelled(changes.recv()).await {
                    let Ok(reply) = change else {
                        // Never drop silently: the readers learn that they have missed something.
                        return feed.close(Failure::resource(
                            "the counter changed faster than it was read",
                        ));
                    };
                    if reply.total >= source.at_least {
                        let value = Arc::new(json!(reply));
                        if feed.push(Message { value, received: 0 }).is_err() {
                            return;
                        }
                    }
                }
            });
            Ok(())
        }
    }
    // guide: end
}

/// A sink: it is told everything that happens, in order.
#[derive(Default)]
struct Seen {
    states: Vec<String>,
    logs: Vec<String>,
    variables: Vec<(String, Json)>,
    finished: bool,
    /// Cancels the run when this state is entered.
    cancel_at: Option<(&'static str, Handle)>,
}

impl Sink for Seen {
    fn accept(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            match &event.fact {
                Fact::StateEntered { state, .. } => {
                    self.states.push(state.to_string());
                    if let Some((at, handle)) = &self.cancel_at
                        && **at == **state
                    {
                        handle.cancel("enough was seen");
                    }
                }
                Fact::Log { text, .. } => self.logs.push(text.clone()),
                Fact::VariableSaved { name, value, .. } => {
                    self.variables.push((name.to_string(), value.clone()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.finished = true;
        Ok(())
    }
}

/// Loads one task from a folder of its own.
fn load(task: &str, registry: Registry) -> engine::Tasks {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("task.yaml"), task).unwrap();
    Loader::new(registry).load(&[PathBuf::from(folder.path())])
}

/// Runs it, watched.
fn run(task: &str, cancel_at: Option<&'static str>) -> (Report, Seen) {
    let registry = Registry::builtin().with(counter::Counter);
    let found = load(task, registry.clone());
    assert!(!found.has_errors(), "{:#?}", found.diagnostics);

    let run = Run::new(found.tasks, registry);
    let cancel_at = cancel_at.map(|state| (state, run.handle()));
    let seen = Arc::new(Mutex::new(Seen {
        cancel_at,
        ..Seen::default()
    }));
    let run = run.sink(Arc::clone(&seen));
    let report = engine::block_on(run.start()).unwrap().unwrap();
    let seen = Arc::into_inner(seen)
        .expect("the run has let go of its sinks")
        .into_inner()
        .unwrap();
    (report, seen)
}

const COUNT: &str = "
version: 1
clients:
  beads: { counter: { start: 1 } }
vars: { step: 2 }
start_state: count
final_state: full
states:
  count:
    instructions:
      - beads: add ${step}
        expect: res.total == 3
      - beads: { add: 4 }
    transitions: [full]
  full:
    transition_condition:
      subscribe: { beads: { at_least: 5 } }
      set: { total: res.total }
    instructions:
      - log: ${total} beads
";

#[test]
fn a_program_adds_a_client_and_watches_its_task() {
    let (report, seen) = run(COUNT, None);
    assert_eq!(report.outcome, Outcome::Passed, "{:#?}", report.verdicts);
    assert_eq!(report.tally.of(Outcome::Passed), 1);
    assert_eq!(seen.states, ["count", "full"]);
    assert_eq!(seen.logs, ["7 beads"], "3 is below what was asked for");
    assert_eq!(seen.variables.last(), Some(&("total".to_owned(), 7.into())));
    assert!(seen.finished && report.sink_failures.is_empty() && !report.cancelled);
}

#[test]
fn the_types_of_a_client_are_its_checks() {
    for (request, code) in [
        ("{ add: many }", "add"),
        ("{ add: 1, sub: 1 }", "sub"),
        ("less 2", "add NUMBER"),
    ] {
        let task = COUNT.replace("{ add: 4 }", request);
        let found = load(&task, Registry::builtin().with(counter::Counter));
        let [only] = &found.diagnostics[..] else {
            panic!("{request}: {:#?}", found.diagnostics);
        };
        let text = format!("{} {} {:?}", only.message, only.label, only.hint);
        assert!(text.contains(code), "{request}: {text}");
        assert_eq!(only.span.start.line, 13, "{request}: {only:?}");
    }
}

#[test]
fn a_program_cancels_and_the_task_cleans_up() {
    let waits = "
version: 1
start_state: waiting
final_state: done
states:
  waiting:
    instructions:
      - counter: add 1
        defer: { log: undone }
    transitions: [done]
  done:
    transition_condition: { wait: 20s }
cleanup:
  - log: cleaned up
";
    let start = std::time::Instant::now();
    let (report, seen) = run(waits, Some("waiting"));
    assert_eq!(report.outcome, Outcome::Cancelled, "{:#?}", report.verdicts);
    assert!(report.cancelled);
    assert_eq!(seen.states, ["waiting"]);
    assert_eq!(seen.logs.last().map(String::as_str), Some("cleaned up"));
    assert!(start.elapsed().as_secs() < 10, "it did not wait to the end");
}

#[test]
fn the_guide_shows_this_client() {
    let read = |path: &str| {
        std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let code = read("tests/library.rs");
    let (_, code) = code.split_once("    // guide: begin\n").unwrap();
    let (code, _) = code.split_once("    // guide: end\n").unwrap();
    let guide = read(".github/CONTRIBUTING.md");
    let (_, block) = guide.split_once("```rust\n").unwrap();
    let (block, _) = block.split_once("```\n").unwrap();
    let lines = code
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or(line));
    let plain = lines.collect::<Vec<_>>().join("\n") + "\n";
    assert!(
        block == plain,
        "copy what stands between the marks in tests/library.rs, less four spaces, into the guide"
    );
}
