//! **funcy** tests asynchronous systems: a test is a state machine in a YAML file.
//!
//! This is the library behind the program `funcy`. A program of your own can do the same: load tasks, run
//! them, watch what happens, cancel, and add clients.
//!
//! ```
//! use funcy::client::Registry;
//! use funcy::engine::{self, Loader, Run};
//! use funcy::event::{Event, Fact, Outcome, Sink};
//! use std::path::Path;
//! use std::sync::{Arc, Mutex};
//!
//! const TASK: &str = "
//! version: 1
//! vars: { words: [state, machines] }
//! start_state: join
//! final_state: joined
//! states:
//!   join:
//!     instructions:
//!       - eval: words[0] + ' ' + words[1]
//!         save: { text: res }
//!     next: joined
//!   joined:
//!     instructions:
//!       - expect: text == 'state machines'
//! ";
//!
//! /// A sink is told everything that happens, in order.
//! #[derive(Default)]
//! struct Visited(Vec<String>);
//!
//! impl Sink for Visited {
//!     fn accept(&mut self, events: &[Event]) -> std::io::Result<()> {
//!         for event in events {
//!             if let Fact::StateEntered { state, .. } = &event.fact {
//!                 self.0.push(state.to_string());
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::builtin(); // and `.with(MyClient)` for each of your own
//! let task = Loader::new(registry.clone())
//!     .compile(Path::new("join.yaml"), TASK)
//!     .map_err(|mistakes| format!("{mistakes:#?}"))?;
//!
//! let visited = Arc::new(Mutex::new(Visited::default()));
//! let run = Run::new(vec![task], registry).sink(Arc::clone(&visited));
//! let handle = run.handle(); // `handle.cancel("reason")` stops it, from any thread
//! let report = engine::block_on(run.start())??;
//!
//! assert_eq!(report.outcome, Outcome::Passed);
//! assert_eq!(visited.lock().unwrap().0, ["join", "joined"]);
//! # drop(handle);
//! # Ok(())
//! # }
//! ```
//!
//! `tests/library.rs` has the same with a client of its own, and a run that is cancelled.
//!
//! # The map
//!
//! A folder imports lower floors, never a neighbour or something above; `tests/architecture.rs` holds it
//! to that. The folders marked *pure* name no clock, no runtime and no IO.
//!
//! | floor | folder | what it is |
//! | --- | --- | --- |
//! | 0 | [`event`] | what happened: facts, outcomes, failures, places, masking of secrets; *pure* |
//! | 0 | [`alloc`] | an allocator that counts, so that scripts can be bounded; the one file with `unsafe` |
//! | 0 | [`docs`] | pages for people: what `funcy help TOPIC` prints |
//! | 0 | [`os`] | what depends on the operating system: files that a checkout may have replaced, processes that end with all that they started |
//! | 1 | [`syntax`] | expressions as they are written: tokens, one tree, one table of operators; *pure* |
//! | 2 | [`definition`] | what was written: YAML with its places, diagnostics, the JSON Schema; *pure* |
//! | 2 | [`script`] | the value of expressions and templates: our evaluator, Rhai in a sandbox, explanations; *pure* |
//! | 2 | [`graph`] | drawings of machines: outline, Mermaid, DOT, JSON; *pure* |
//! | 2 | [`journal`] | the audit log: the store, the hash chain, what is asked of past runs |
//! | 2 | [`report`] | what people and programs read of a run: folds over events |
//! | 3 | [`machine`] | a task checked and compiled, and its execution in a [`machine::World`]; *pure* |
//! | 3 | [`client`] | the protocols, one file or folder each, and the registry that lists them |
//! | 4 | [`sim`] | a machine in a world of stubs or recorded answers, on a virtual clock; every path of it; *pure* |
//! | 5 | [`engine`] | loads tasks, runs many at once in the live world, tells sinks what happens |
//! | 6 | [`demo`] | a small asynchronous shop to test against |
//! | 6 | [`watch`] | files to runs: what a change affects is run again, on a screen or line by line |
//! | 7 | [`cli`] | the command line, one file a command |
//!
//! A task goes through three stages: [`definition::Task`], as it is written, every node with its place;
//! [`machine::Machine`], checked and compiled; and a run, one future a task. What a run does is a sequence
//! of [`event::Fact`]s, and everything that is shown or written is a fold over them.
//!
//! # How to add …
//!
//! - **a client** for a protocol: one type and one line, see [`client`];
//! - **a function** for expressions: one entry in a table of `src/script/functions`, with its line of
//!   documentation and an example that is tested;
//! - **a report format**: a [`report::Format`] and one line in `src/report/formats.rs`;
//! - **a check** of definitions: an arm in `src/machine/compile` (what the machine means) or
//!   `src/definition/decode` (what is written), and a test with the mistake;
//! - **a command**: one file in `src/cli` and one line in `src/cli/mod.rs`;
//! - **a page** of the documentation: one Markdown file and one line in `src/docs`;
//! - **the words of a failure**: its sentence where it happens (`Failure::new` in `machine`, `client`), its
//!   layout in `src/report/failure.rs`;
//! - **a key of `watch`**: a row of `src/watch/keys.rs`, and what it does in `src/watch/view_state.rs`;
//! - **a flag of `run`**: one row of the table in `src/cli/flags.rs`.
//!
//! `.github/CONTRIBUTING.md` goes through each of them, step by step.

pub mod alloc;
pub mod cli;
pub mod client;
pub mod definition;
pub mod demo;
pub mod docs;
pub mod engine;
pub mod event;
pub mod graph;
pub mod journal;
pub mod machine;
pub mod os;
pub mod report;
pub mod script;
pub mod sim;
pub mod syntax;
pub mod watch;
