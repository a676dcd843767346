//! The command line: one file a command.

mod audit;
mod bounds;
mod check;
mod clients;
mod completions;
mod coverage;
mod demo;
mod eval;
mod exit;
mod failed;
mod flags;
mod functions;
mod given;
mod graph;
mod help;
mod history;
mod init;
mod journal;
mod options;
mod output;
mod replay;
mod report;
mod resume;
mod retention;
mod run;
mod runs;
mod schema;
mod show;
mod signals;
mod simulate;
mod variable;
mod watch;
mod when;

use crate::os::process;
use clap::{Parser, Subcommand};
use exit::Exit;
use options::Global;
use std::process::ExitCode;

/// Functional tests of asynchronous systems, written as state machines.
#[derive(Debug, Parser)]
#[command(
    name = "funcy",
    version,
    about,
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(
    after_help = "`funcy help` lists the pages of the documentation; `funcy help tutorial` is where to begin.

Exit codes: 0 all passed, 1 a task failed or timed out, 2 usage or an invalid definition, \
3 an error of a client, the engine or the environment, 4 nothing selected, 130 interrupted."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run tasks
    Run(run::Args),
    /// Run again what a change affects, while you write
    Watch(watch::Args),
    /// Check definitions without running anything
    Check(check::Args),
    /// Past runs: list, clear up, measure
    Runs(runs::Args),
    /// One past run: its tasks, its failures by cause, a state, a moment
    Show(show::Args),
    /// The terminal output of a past run
    Replay(replay::Args),
    /// A report of a past run, equal to what the run itself would have written
    Report(report::Args),
    /// The audit log: prove it, archive it
    Audit(audit::Args),
    /// Evaluate one expression: over a file, an answer, or variables
    Eval(eval::Args),
    /// Run a task on a virtual clock, against stubs or a recorded run
    Simulate(simulate::Args),
    /// Draw the machine of a task
    Graph(graph::Args),
    /// The client kinds: their config, requests and results
    Clients(clients::Args),
    /// What expressions may call
    Functions(functions::Args),
    /// The pages of the documentation
    Help(help::Args),
    /// The JSON Schema of a task file, for editors
    Schema(schema::Args),
    /// Write a suite to start from
    Init(init::Args),
    /// Serve a small asynchronous shop to test against
    Demo(demo::Args),
    /// The completions of a shell
    Completions(completions::Args),
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    hide_panics();
    let Cli { global, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Prints help and version to stdout, mistakes to stderr; a closed pipe is nobody's mistake.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Passed.into()
            };
        }
    };
    global.trace();
    if matches!(
        command,
        Command::Run(_) | Command::Watch(_) | Command::Eval(_)
    ) && let Err(too_deep) = process::check_depth()
    {
        output::error(&too_deep, None);
        return Exit::Error.into();
    }
    let exit = match command {
        Command::Run(args) => run::run(&global, &args),
        Command::Watch(args) => watch::run(&global, args),
        Command::Check(args) => check::run(&global, &args),
        Command::Runs(args) => runs::run(&global, &args),
        Command::Show(args) => show::run(&global, &args),
        Command::Replay(args) => replay::run(&global, &args),
        Command::Report(args) => report::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Eval(args) => eval::run(&global, &args),
        Command::Simulate(args) => simulate::run(&global, &args),
        Command::Graph(args) => graph::run(&global, &args),
        Command::Clients(args) => clients::run(&global, &args),
        Command::Functions(args) => functions::run(&global, &args),
        Command::Help(args) => help::run(&global, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    exit.into()
}

/// The grammar of the command line, for completions and the docs.
fn grammar() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// The text of a panic may hold a secret: a task's is told, masked, as its error; here only the place is.
fn hide_panics() {
    if std::env::var_os("RUST_BACKTRACE").is_some() {
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |place| format!(" at {place}"));
        output::note(&format!(
            "funcy panicked{place}; with RUST_BACKTRACE=1 it says why"
        ));
    }));
}
