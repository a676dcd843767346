//! `funcy watch`: runs again what a change affects, while a test is written.
//!
//! One session has one mailbox: changes of files, keys, news of runs and signals arrive in it, in order. The
//! session is a thread of its own; the engine runs beside it and never waits for it, so that keys work while
//! a script computes, and runs go on while an editor has the terminal.
//!
//! - `changes`: what the file system tells, folded to the paths that are looked at;
//! - `depends`: which tasks a path affects;
//! - `catalog`: of each file the last good definition;
//! - `progress`: how a run stands, and what is kept of it for a replay;
//! - `state`: how the session stands, without files or a terminal; `watched_task`: one task of it;
//! - `rows`: the lines of the list, with failures of one cause as one;
//! - `replay`: a new definition judged on the results of the last run;
//! - `screen` and `plain`: what people see.

mod canonical_path;
mod catalog;
mod changes;
mod depends;
mod editor;
mod keys;
mod mailbox;
mod plain;
mod progress;
mod replay;
mod rows;
mod runner;
mod screen;
mod session;
mod show;
mod state;
mod terminal;
mod text;
mod view_state;
mod watched_task;
mod watcher;

pub use mailbox::Mailbox;
pub use state::OnBusy;
pub use terminal::give_terminal_back;

use crate::engine::{self, Loader, Run};
use crate::event::{Json, Name};
use crate::journal::Journal;
use crate::report;
use std::collections::HashSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// What a session is started with.
pub struct Options {
    /// Loads the tasks.
    pub loader: Loader,
    /// Files, and folders of them.
    pub paths: Vec<PathBuf>,
    /// Variables for every task, over what it declares.
    pub vars: Vec<(Name, Json)>,
    /// How many tasks run at once; `None`: as the suite says, or 8.
    pub jobs: Option<usize>,
    /// How each run goes, beside its variables: how often a task is tried, the seed.
    pub asked: Box<dyn Fn(Run) -> Run + Send>,
    /// Where runs are kept, if they are.
    pub journal: Option<Journal>,
    /// What happens to tasks that run when a change affects them.
    pub on_busy: OnBusy,
    /// Looks at the files this often, where the file system tells nothing.
    pub poll: Option<Duration>,
    /// A file for the places of failures and mistakes, `FILE:LINE:COLUMN: error: …`.
    pub locations: Option<PathBuf>,
    /// Rings when a run ends badly.
    pub bell: bool,
    /// Tells the desktop, through the terminal, when a run has ended.
    pub notify: bool,
    /// How failures are written.
    pub report: report::Options,
    /// What a command that runs a task again needs beside its file, where these are the names of secrets.
    pub flags: Flags,
    /// A screen, or lines.
    pub display: Display,
}

/// Words for a shell, made of the names of the variables that are secret.
pub type Flags = Box<dyn Fn(&HashSet<&str>) -> String + Send>;

/// What people see.
pub enum Display {
    /// The terminal that the program was started in, as a whole.
    Screen,
    /// Lines.
    Lines(Box<dyn Write + Send>),
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Somebody quit it.
    Quit,
    /// A signal, or Ctrl-C.
    Interrupted,
}

/// Watches until it is told to end. `signals` is polled beside the runs; it tells the mailbox of signals.
///
/// # Errors
/// When the system refuses a thread or a watcher, or the output cannot be written.
pub fn run<F>(options: Options, signals: impl FnOnce(Mailbox) -> F) -> io::Result<End>
where
    F: Future<Output = ()> + Send,
{
    let (mailbox, inbox) = mailbox::mailbox();
    let (runner, orders) = runner::Runner::new();
    let kept = runner.kept();
    let signals = signals(mailbox.clone());
    std::thread::scope(|scope| {
        // Definitions and replays need a deep stack, as runs do.
        let session = std::thread::Builder::new()
            .name(session::THREAD.into())
            .stack_size(engine::STACK)
            .spawn_scoped(scope, move || {
                session::WatchSession::open(options, mailbox, inbox, runner)?.run()
            })?;
        engine::block_on(async move {
            tokio::select! {
                () = runner::serve(orders, kept) => {}
                () = async { signals.await; std::future::pending().await } => {}
            }
        })?;
        match session.join() {
            Ok(end) => end,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
